//! The pure core: no I/O, no clock, no runtime, no terminal.

pub mod access;
pub mod base;
pub mod command;
pub mod expr;
pub mod health;
pub mod integration;
pub mod logline;
pub mod metric;
pub mod routine;
pub mod run;
pub mod runbook;
pub mod stack;
