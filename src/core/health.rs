//! The state of targets: what probes observed, what changed them, the checks over it and the score.

pub mod change;
pub mod check;
pub mod day;
pub mod matrix;
pub mod observation;
