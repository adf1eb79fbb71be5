//! The position of a step in its run, and how it ended.

use crate::core::run::{Phase, StepStatus};

/// The position of a step in its run.
#[derive(Debug, Clone, Copy)]
pub(super) struct StepRef {
    /// Absent for a condition's steps: they have no record of their own.
    pub index: Option<u32>,
    pub phase: Option<Phase>,
}

/// How a step ended.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub status: StepStatus,
    pub message: String,
    /// It was cut short from outside.
    pub halted: bool,
}
