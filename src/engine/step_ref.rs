//! The position of a step in its run, and the step with what bounds it.

use super::stop_signal::StopSignal;
use crate::core::run::plan::PlanStep;
use crate::core::run::{Phase, StepStatus};

/// The position of a step in its run.
#[derive(Debug, Clone, Copy)]
pub(super) struct StepRef {
    /// Absent for a condition's steps: they have no record of their own.
    pub index: Option<u32>,
    pub phase: Option<Phase>,
}

/// A step to run.
#[derive(Clone, Copy)]
pub(super) struct StepRun<'s> {
    pub place: StepRef,
    pub step: &'s PlanStep,
    /// Of one attempt; 0 and less: none.
    pub timeout_ms: i64,
    pub stop_signal: &'s StopSignal,
}

/// The end of a step to be recorded.
pub(super) struct Closing<'a> {
    pub status: StepStatus,
    pub attempt: u32,
    pub message: &'a str,
}
