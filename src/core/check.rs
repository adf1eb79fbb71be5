//! Checks over what was observed, and the health score derived from them.

pub mod score;
