//! The pure core: values in, values out. No I/O, no clock, no runtime, no terminal.

pub mod check;
pub mod command;
pub mod event;
pub mod expr;
pub mod observation;
pub mod plan;
pub mod record;
pub mod run;
pub mod runbook;
pub mod service;
pub mod stack;
pub mod step;
pub mod text;
pub mod time;
