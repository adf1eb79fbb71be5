//! Whether a step may be done twice. One rule for the reader of runbooks (may it have a `retry`?),
//! the engine (is it retried, is its outcome unknown after an abort?) and resuming (does the run
//! continue automatically?).
//!
//! A step with an external effect is repeated only when its author declares it safe. A read-only
//! step counts as safe unless its author declares otherwise: some webhooks deploy on GET. A step
//! that only waits, asks people or records results has no effect that could happen twice.

use crate::run::plan::PlanStep;
use crate::run::step::StepSpec;

/// Kind of work of a step, for this rule.
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
    /// A message to people: receiving it twice is better than not at all.
    Message,
    Pause,
    /// A question to people: a manual step or an approval.
    Question,
    Document,
    /// Another runbook, or an action that is not resolved yet.
    Elsewhere,
}

impl<'a> From<&'a StepSpec> for Work<'a> {
    fn from(spec: &'a StepSpec) -> Self {
        match spec {
            StepSpec::Http(http) => Self::Request(&http.request.method),
            StepSpec::Shell(_) => Self::Command,
            StepSpec::Sql(_) => Self::Statement {
                mutates: spec.mutates(),
            },
            StepSpec::Adapter(_) => Self::Operation {
                mutates: spec.mutates(),
            },
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
    UnlessDeclared,
    OnlyIfDeclared,
}

fn repeat(work: Work<'_>) -> Repeat {
    match work {
        Work::Pause | Work::Question | Work::Document => Repeat::Always,
        Work::Request(method) if only_reads(method) => Repeat::UnlessDeclared,
        Work::Statement { mutates: false } | Work::Operation { mutates: false } | Work::Message => {
            Repeat::UnlessDeclared
        }
        Work::Request(_) | Work::Command | Work::Elsewhere => Repeat::OnlyIfDeclared,
        Work::Statement { mutates: true } | Work::Operation { mutates: true } => {
            Repeat::OnlyIfDeclared
        }
    }
}

fn only_reads(method: &str) -> bool {
    ["GET", "HEAD", "OPTIONS"]
        .iter()
        .any(|reads| method.eq_ignore_ascii_case(reads))
}

/// Whether work may be done twice. `declared`: `idempotent` as its author wrote it. This is what a
/// plan's step carries.
#[must_use]
pub fn is_idempotent(work: Work<'_>, declared: Option<bool>) -> bool {
    match repeat(work) {
        Repeat::Always => true,
        Repeat::UnlessDeclared => declared.unwrap_or(true),
        Repeat::OnlyIfDeclared => declared.unwrap_or(false),
    }
}

/// Whether a step of a plan may be done twice without asking a person.
#[must_use]
pub fn is_safe(step: &PlanStep) -> bool {
    step.probe || is_idempotent(Work::from(&step.spec), Some(step.idempotent))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rule, written out.
    #[test]
    fn which_work_may_be_done_twice() {
        use Work as W;
        for (work, silent, declared_yes, declared_no) in [
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
            let answers =
                [None, Some(true), Some(false)].map(|declared| is_idempotent(work, declared));
            assert_eq!(answers, [silent, declared_yes, declared_no], "{work:?}");
        }
    }
}
