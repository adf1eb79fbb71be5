//! The console: loop, terminal guard, app.

pub mod app;
pub mod keys;
pub mod msg;
pub mod pane;
pub mod perform;
pub mod popup;
pub mod theme;
pub mod view;
