//! The position of a step in its run.

use crate::core::run::Phase;

/// The position of a step in its run.
#[derive(Debug, Clone, Copy)]
pub(super) struct StepRef {
    /// Absent for a condition's steps: they have no record of their own.
    pub index: Option<u32>,
    pub phase: Option<Phase>,
}
