//! The console: loop, terminal guard, app.

pub mod app;
pub mod msg;
