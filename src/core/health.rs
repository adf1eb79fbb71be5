//! The state of targets: what probes observed, the checks over it and the score.

pub mod check;
pub mod observation;
