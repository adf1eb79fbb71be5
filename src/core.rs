//! The pure core: values in, values out. No I/O, no clock, no runtime, no terminal.

pub mod approval;
pub mod breaker;
pub mod check;
pub mod command;
pub mod event;
pub mod expr;
pub mod header;
pub mod notify;
pub mod observation;
pub mod orders;
pub mod outbound;
pub mod plan;
pub mod product;
pub mod reach;
pub mod record;
pub mod redact;
pub mod resume;
pub mod run;
pub mod runbook;
pub mod secret;
pub mod service;
pub mod stack;
pub mod step;
pub mod text;
pub mod time;
pub mod touch;
