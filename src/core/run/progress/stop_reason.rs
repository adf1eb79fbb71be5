//! Why a run is to stop before its end.

use crate::run::StepStatus;
use crate::run::plan::PlanStep;
use crate::run::resume::is_timed;

/// The reason; the first one counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    Cancelled {
        by: String,
    },
    /// The step in flight finishes first.
    Stopped {
        by: String,
    },
    /// It was not approved, or a person refused: the step's message.
    Unapproved {
        message: String,
    },
    /// The run's total deadline passed.
    Deadline,
    /// The engine has to stop now.
    Leaving,
}

impl StopReason {
    /// As in "action skipped: …".
    #[must_use]
    pub const fn describe(&self) -> &'static str {
        match self {
            Self::Cancelled { .. } => "the run was cancelled",
            Self::Stopped { .. } => "the run was to stop here",
            Self::Unapproved { .. } => "the run was not approved",
            Self::Deadline => "the run's deadline passed",
            Self::Leaving => "the engine was stopped",
        }
    }

    /// The status of a step that was cut short.
    #[must_use]
    pub const fn cut_status(&self, step: &PlanStep) -> StepStatus {
        match self {
            Self::Cancelled { .. } | Self::Stopped { .. } | Self::Unapproved { .. } => {
                StepStatus::Cancelled
            }
            Self::Deadline => StepStatus::TimedOut,
            // Nothing was in flight: the engine that resumes the run continues the wait.
            Self::Leaving if is_timed(step) => StepStatus::Pending,
            Self::Leaving => StepStatus::Unknown,
        }
    }
}
