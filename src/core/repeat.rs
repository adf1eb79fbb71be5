//! Whether a step may be done twice. One rule for all who ask: the reader of runbooks (may it have a `retry`?), the engine
//! (is it tried again, is its outcome unknown once it was cut short?) and resuming (does the run go on by itself?).
//!
//! What has an effect in the world is repeated only when whoever wrote the step says that it may be. What only looks is
//! taken to be harmless unless its author says otherwise: there are hooks that deploy on GET. What only waits, asks people
//! or writes down what the run knows has no effect to have twice.

use super::plan::PlanStep;
use super::step::StepSpec;

/// What a step does, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work<'a> {
    /// An HTTP request with that method.
    Request(&'a str),
    Command,
    Statement {
        mutates: bool,
    },
    /// An operation of a product.
    Operation {
        mutates: bool,
    },
    /// A message to people: hearing it twice is better than not at all.
    Message,
    Pause,
    /// To people: doing it or approving.
    Question,
    Document,
    /// Another runbook, or an action the plan has yet to look up.
    Elsewhere,
}

impl<'a> From<&'a StepSpec> for Work<'a> {
    fn from(spec: &'a StepSpec) -> Self {
        match spec {
            StepSpec::Http(http) => Self::Request(&http.request.method),
            StepSpec::Shell(_) => Self::Command,
            StepSpec::Sql(_) => Self::Statement { mutates: spec.mutates() },
            StepSpec::Adapter(_) => Self::Operation { mutates: spec.mutates() },
            StepSpec::Notify(_) => Self::Message,
            StepSpec::Wait(_) => Self::Pause,
            StepSpec::Manual(_) | StepSpec::Approve(_) => Self::Question,
            StepSpec::Document(_) => Self::Document,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeat {
    Always,
    UnlessSaid,
    OnlyIfSaid,
}

fn repeat(work: Work<'_>) -> Repeat {
    match work {
        Work::Pause | Work::Question | Work::Document => Repeat::Always,
        Work::Request(method) if only_reads(method) => Repeat::UnlessSaid,
        Work::Statement { mutates: false } | Work::Operation { mutates: false } | Work::Message => Repeat::UnlessSaid,
        Work::Request(_) | Work::Command | Work::Elsewhere => Repeat::OnlyIfSaid,
        Work::Statement { mutates: true } | Work::Operation { mutates: true } => Repeat::OnlyIfSaid,
    }
}

fn only_reads(method: &str) -> bool {
    ["GET", "HEAD", "OPTIONS"].iter().any(|reads| method.eq_ignore_ascii_case(reads))
}

/// Whether work may be done twice, `said` being what its author wrote as `idempotent`. This is what a plan's step carries.
#[must_use]
pub fn is_idempotent(work: Work<'_>, said: Option<bool>) -> bool {
    match repeat(work) {
        Repeat::Always => true,
        Repeat::UnlessSaid => said.unwrap_or(true),
        Repeat::OnlyIfSaid => said.unwrap_or(false),
    }
}

/// Whether a step of a plan may be done twice without asking anybody.
#[must_use]
pub fn is_safe(step: &PlanStep) -> bool {
    step.probe || is_idempotent(Work::from(&step.spec), Some(step.idempotent))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rule, written out.
    #[test]
    fn what_may_be_done_twice() {
        use Work as W;
        for (work, silent, said_yes, said_no) in [
            (W::Request("GET"), true, true, false),
            (W::Request("head"), true, true, false),
            (W::Request("OPTIONS"), true, true, false),
            (W::Request("POST"), false, true, false),
            (W::Request("PUT"), false, true, false),
            (W::Request("DELETE"), false, true, false),
            (W::Command, false, true, false),
            (W::Statement { mutates: false }, true, true, false),
            (W::Statement { mutates: true }, false, true, false),
            (W::Operation { mutates: false }, true, true, false),
            (W::Operation { mutates: true }, false, true, false),
            (W::Message, true, true, false),
            (W::Pause, true, true, true),
            (W::Question, true, true, true),
            (W::Document, true, true, true),
            (W::Elsewhere, false, true, false),
        ] {
            let answers = [None, Some(true), Some(false)].map(|said| is_idempotent(work, said));
            assert_eq!(answers, [silent, said_yes, said_no], "{work:?}");
        }
    }
}
