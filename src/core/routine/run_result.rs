//! What the end of a run means for the routine that began it.

use crate::base::time::human_ms;
use crate::routine::check::CheckResult;
use crate::routine::class::FailureClass;
use crate::run::{RunId, RunStatus};
use crate::stack::state::State;

/// A run that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndedRun<'a> {
    pub run: RunId,
    pub status: RunStatus,
    /// Why it ended as it did.
    pub message: Option<&'a str>,
    /// From its start to its end, milliseconds; none: it never started.
    pub took_ms: Option<i64>,
}

/// The result: failing when the run failed, unknown when it was cut short or never began. None: it
/// has not ended.
#[must_use]
pub fn run_result(ended: EndedRun<'_>) -> Option<CheckResult> {
    let (state, class) = match ended.status {
        RunStatus::Queued | RunStatus::Claimed | RunStatus::Running | RunStatus::Waiting => {
            return None;
        }
        RunStatus::Succeeded => (State::Ok, None),
        RunStatus::Failed => (State::Failing, Some(FailureClass::Run)),
        RunStatus::TimedOut => (State::Failing, Some(FailureClass::Timeout)),
        RunStatus::Cancelled | RunStatus::Interrupted | RunStatus::Skipped => {
            (State::Unknown, Some(FailureClass::Ours))
        }
    };
    let word = match ended.status {
        RunStatus::TimedOut => "ran out of time",
        RunStatus::Cancelled => "was cancelled",
        RunStatus::Interrupted => "was interrupted",
        RunStatus::Skipped => "was skipped",
        other => other.name(),
    };
    let took = ended.took_ms.filter(|_| state != State::Unknown);
    let after = match (took, state) {
        (Some(ms), State::Ok) => format!(" in {}", human_ms(ms)),
        (Some(ms), _) => format!(" after {}", human_ms(ms)),
        (None, _) => String::new(),
    };
    let why = ended.message.map(str::trim).filter(|why| !why.is_empty());
    // "interrupted: its engine is gone" says the status again.
    let again = format!("{}: ", ended.status.name());
    let why = why.map(|why| why.strip_prefix(&*again).unwrap_or(why));
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    let message = format!("run {} {word}{after}{why}", ended.run);
    Some(CheckResult {
        latency_ms: took,
        ..CheckResult::reported(state, class, &message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_decides_the_state_and_is_named() {
        use RunStatus as S;
        for (status, message, took_ms, wanted) in [
            (S::Waiting, None, None, None),
            (S::Queued, None, None, None),
            (
                S::Succeeded,
                None,
                Some(4000),
                Some((State::Ok, None, Some(4000), "run #7 succeeded in 4.0 s")),
            ),
            (
                S::Failed,
                Some("step copy: exit code 1"),
                Some(240_000),
                Some((
                    State::Failing,
                    Some(FailureClass::Run),
                    Some(240_000),
                    "run #7 failed after 4 min 0 s: step copy: exit code 1",
                )),
            ),
            (
                S::TimedOut,
                None,
                Some(60_000),
                Some((
                    State::Failing,
                    Some(FailureClass::Timeout),
                    Some(60_000),
                    "run #7 ran out of time after 1 min 0 s",
                )),
            ),
            (
                S::Cancelled,
                Some("cancelled by ana"),
                Some(1),
                Some((
                    State::Unknown,
                    Some(FailureClass::Ours),
                    None,
                    "run #7 was cancelled: cancelled by ana",
                )),
            ),
            (
                S::Skipped,
                None,
                None,
                Some((
                    State::Unknown,
                    Some(FailureClass::Ours),
                    None,
                    "run #7 was skipped",
                )),
            ),
        ] {
            let found = run_result(EndedRun {
                run: RunId(7),
                status,
                message,
                took_ms,
            });
            let found = found.as_ref();
            let found = found.map(|r| (r.state, r.class, r.latency_ms, r.message.as_str()));
            assert_eq!(found, wanted, "{status:?}");
        }
    }
}
