//! The end of a run: its status, its final event, and what did not happen.

use super::{Note, Progress, StopReason};
use crate::base::time::human_ms;
use crate::run::event::Level;
use crate::run::{RunStatus, Transition};

/// How a run ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEnd {
    pub what: Transition,
    pub status: RunStatus,
    /// The final event.
    pub note: Note,
    /// Why, when not plainly succeeded.
    pub why: Option<String>,
}

impl RunEnd {
    pub(super) fn new(status: RunStatus, why: String) -> Self {
        let (what, level, word) = match status {
            RunStatus::Interrupted => (Transition::Interrupt, Level::Warn, "interrupted"),
            RunStatus::Cancelled => (Transition::Cancel, Level::Warn, "cancelled"),
            RunStatus::TimedOut => (Transition::TimeOut, Level::Error, "timed out"),
            RunStatus::Skipped => (Transition::Skip, Level::Warn, "skipped"),
            _ => (Transition::Fail, Level::Error, "failed"),
        };
        Self {
            what,
            status,
            note: Note::new(level, format!("{word}: {why}")),
            why: Some(why),
        }
    }
}

impl Progress<'_> {
    /// How the run ends, after this time.
    #[must_use]
    pub fn end(&self, took_ms: i64) -> RunEnd {
        let during = self
            .during
            .as_ref()
            .map(|s| format!(" during step {s}"))
            .unwrap_or_default();
        if let Some(reason) = &self.stop {
            return self.stopped_end(reason, &during);
        }
        match (&self.condition_failed, &self.failure) {
            (Some(why), _) => RunEnd::new(RunStatus::Skipped, why.clone()),
            (None, Some(why)) => {
                let undone = self.undone.iter().map(|u| format!("; {u}"));
                let undone = undone.collect::<String>();
                RunEnd::new(RunStatus::Failed, format!("{why}{undone}"))
            }
            (None, None) => RunEnd {
                what: Transition::Succeed,
                status: RunStatus::Succeeded,
                note: Note::new(
                    Level::Success,
                    format!("succeeded in {}", human_ms(took_ms)),
                ),
                why: None,
            },
        }
    }

    fn stopped_end(&self, reason: &StopReason, during: &str) -> RunEnd {
        let (status, why) = match reason {
            StopReason::Leaving => (
                RunStatus::Interrupted,
                format!("the engine was stopped{during}"),
            ),
            StopReason::Cancelled { by } => (RunStatus::Cancelled, format!("by {by}{during}")),
            StopReason::Stopped { by } => (
                RunStatus::Cancelled,
                format!("stopped after its step, as {by} asked"),
            ),
            StopReason::Unapproved { message } => (RunStatus::Cancelled, message.clone()),
            StopReason::Deadline => {
                let limit = human_ms(self.plan.timeout_ms);
                let why = format!("the run's deadline of {limit} passed{during}");
                (RunStatus::TimedOut, why)
            }
        };
        RunEnd::new(status, why)
    }

    /// Warnings about effects that did not happen, recorded before the final event. `stop`: why
    /// the run was to stop, as far as is known by now.
    #[must_use]
    pub fn loose_ends(&self, end: &RunEnd, stop: Option<&StopReason>) -> Vec<Note> {
        let warnings = [
            self.too_late(stop),
            self.unstarted(end),
            self.not_undone(),
            self.unfinished(end),
        ];
        let warnings = warnings.into_iter().flatten();
        warnings.map(|m| Note::new(Level::Warn, m)).collect()
    }

    fn too_late(&self, stop: Option<&StopReason>) -> Option<String> {
        match (&self.stop, stop) {
            (None, Some(StopReason::Cancelled { by } | StopReason::Stopped { by })) => Some(
                format!("the cancellation by {by} came too late: nothing was left to cancel"),
            ),
            _ => None,
        }
    }

    /// Later links of the chain.
    fn unstarted(&self, end: &RunEnd) -> Option<String> {
        let links = self.plan.links();
        let titles: Vec<_> = links.iter().skip(1).map(|p| p.title.as_str()).collect();
        (end.what != Transition::Succeed && !titles.is_empty()).then(|| {
            let titles = titles.join("; ");
            format!("not started, because this run did not succeed: {titles}")
        })
    }

    fn not_undone(&self) -> Option<String> {
        let undoes = self.plan.undo.iter().filter_map(|s| s.rules.undoes);
        let done: Vec<u32> = undoes.filter(|n| self.done.contains(n)).collect();
        let names = done.iter().filter_map(|n| self.plan.numbered_step(*n));
        let names: Vec<_> = names.map(|(s, _)| s.name.as_str()).collect();
        (self.stop.is_some() && !done.is_empty()).then(|| {
            format!(
                "not undone, because only a failure is: {}",
                names.join(", ")
            )
        })
    }

    fn unfinished(&self, end: &RunEnd) -> Option<String> {
        let finally = &self.plan.finally;
        let names: Vec<_> = finally.iter().map(|s| s.name.as_str()).collect();
        (end.status == RunStatus::Interrupted && !names.is_empty()).then(|| {
            let names = names.join(", ");
            format!("the engine left before all finally steps had run; check: {names}")
        })
    }
}
