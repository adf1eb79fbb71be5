//! Two runs side by side: who asked for them, what differs between their plans, and how each step
//! ended and how long it took.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::base::text::width;
use crate::base::time::{Timestamp, human_ms};
use crate::run::plan::diff;
use crate::run::{Run, RunId, RunStatus, RunStep, StepStatus};

/// Widest column of a text, in cells.
const WIDEST: usize = 44;

/// What two runs have in common and what not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    pub first: Side,
    pub second: Side,
    /// What differs between the plans, as lines that begin with `+`, `-` or `~`.
    pub plan: Vec<String>,
    /// The steps of both, in the order of the first; those that only the second has come last.
    pub steps: Vec<StepPair>,
}

/// One of the runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Side {
    pub run: RunId,
    pub title: String,
    pub runbook: String,
    pub version: String,
    pub definition_hash: String,
    pub inputs: BTreeMap<String, String>,
    pub status: RunStatus,
    pub actor: String,
    pub requested_at: Timestamp,
    /// From start to end, or to now, milliseconds; absent: it never began.
    pub took_ms: Option<i64>,
    pub message: Option<String>,
}

/// A step of one or both runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepPair {
    pub name: String,
    /// A phase, `finally` or `undo`.
    pub phase: String,
    pub first: Option<StepSide>,
    pub second: Option<StepSide>,
}

/// How a step went in one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepSide {
    pub status: StepStatus,
    pub attempts: u32,
    /// From start to end, or to now, milliseconds; absent: it never began.
    pub took_ms: Option<i64>,
    pub message: Option<String>,
}

impl StepPair {
    /// Whether it ended differently, or is a step of one run only.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.first.as_ref().map(|side| side.status) != self.second.as_ref().map(|side| side.status)
    }
}

/// Compares two runs with the records of their steps.
#[must_use]
pub fn compare(
    first: (&Run, &[RunStep]),
    second: (&Run, &[RunStep]),
    now: Timestamp,
) -> Comparison {
    let mut steps: Vec<StepPair> = Vec::new();
    for (name, phase, side) in steps_of(first, now) {
        steps.push(StepPair {
            name,
            phase,
            first: Some(side),
            second: None,
        });
    }
    for (name, phase, side) in steps_of(second, now) {
        let same = steps
            .iter_mut()
            .find(|pair| pair.second.is_none() && pair.name == name && pair.phase == phase);
        match same {
            Some(pair) => pair.second = Some(side),
            None => steps.push(StepPair {
                name,
                phase,
                first: None,
                second: Some(side),
            }),
        }
    }
    Comparison {
        first: side(first.0, now),
        second: side(second.0, now),
        plan: diff(&first.0.plan, &second.0.plan),
        steps,
    }
}

fn took(from: Option<Timestamp>, to: Option<Timestamp>, now: Timestamp) -> Option<i64> {
    from.map(|from| to.unwrap_or(now).ms_since(from).max(0))
}

fn side(run: &Run, now: Timestamp) -> Side {
    Side {
        run: run.id,
        title: run.plan.title.clone(),
        runbook: run.plan.runbook.clone(),
        version: run.plan.version.clone(),
        definition_hash: run.plan.definition_hash.clone(),
        inputs: run.plan.inputs.clone(),
        status: run.status,
        actor: run.actor.clone(),
        requested_at: run.requested_at,
        took_ms: took(run.started_at, run.finished_at, now),
        message: run.message.clone(),
    }
}

/// The steps of a run: name, phase, record.
fn steps_of(of: (&Run, &[RunStep]), now: Timestamp) -> Vec<(String, String, StepSide)> {
    let (run, records) = of;
    let steps = run.plan.numbered().map(|(number, step)| {
        let record = records.iter().find(|record| record.index == number);
        let phase = run
            .plan
            .numbered_step(number)
            .map_or(step.phase.name(), |(_, place)| place);
        let side = StepSide {
            status: record.map_or(StepStatus::Pending, |record| record.status),
            attempts: record.map_or(0, |record| record.attempt),
            took_ms: record.and_then(|r| took(r.started_at, r.finished_at, now)),
            message: record.and_then(|record| record.message.clone()),
        };
        (step.name.clone(), phase.to_owned(), side)
    });
    steps.collect()
}

impl Comparison {
    /// As lines for people. Texts of runs are not escaped.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let (first, second) = (&self.first, &self.second);
        let row =
            |what: &str, of: &dyn Fn(&Side) -> String| [what.to_owned(), of(first), of(second)];
        let version = |side: &Side| {
            format!(
                "{} {} ({})",
                side.runbook, side.version, side.definition_hash
            )
        };
        let ended = |side: &Side| side.message.clone().unwrap_or_else(|| "–".to_owned());
        let head = [
            row("run", &|side| side.run.to_string()),
            row("what", &|side| side.title.clone()),
            row("runbook", &version),
            row("status", &|side| side.status.name().replace('_', " ")),
            row("message", &ended),
            row("took", &|side| human(side.took_ms)),
            row("requested", &|side| side.requested_at.rfc3339()),
            row("by", &|side| side.actor.clone()),
        ];
        let mut lines = table(&head);
        lines.extend([String::new(), "Plans".to_owned()]);
        if self.plan.is_empty() {
            lines.push("  no difference".to_owned());
        }
        lines.extend(self.plan.iter().map(|line| format!("  {line}")));
        let title =
            "Steps (= ended alike, ~ differently, + only in the second, - only in the first)";
        lines.extend([String::new(), title.to_owned()]);
        let steps: Vec<[String; 3]> = self.steps.iter().map(step_row).collect();
        lines.extend(table(&steps));
        lines
    }
}

fn human(ms: Option<i64>) -> String {
    ms.map_or_else(|| "–".to_owned(), human_ms)
}

fn step_row(pair: &StepPair) -> [String; 3] {
    let mark = match (&pair.first, &pair.second) {
        (None, _) => '+',
        (_, None) => '-',
        _ if pair.differs() => '~',
        _ => '=',
    };
    let cell = |side: &Option<StepSide>| match side {
        Some(side) if side.attempts > 1 => format!(
            "{} {} ({} tries)",
            side.status.name(),
            human(side.took_ms),
            side.attempts
        ),
        Some(side) => format!("{} {}", side.status.name(), human(side.took_ms)),
        None => "–".to_owned(),
    };
    let name = format!("{mark} {:<9} {}", pair.phase, pair.name);
    [name, cell(&pair.first), cell(&pair.second)]
}

/// Rows with columns of equal width; a cell wider than a column is not cut and pushes the rest.
fn table(rows: &[[String; 3]]) -> Vec<String> {
    let widest = |at: usize| {
        let widths = rows.iter().map(|row| width(&row[at]));
        widths.filter(|w| *w <= WIDEST).max().unwrap_or(0)
    };
    let (name, first) = (widest(0), widest(1));
    let pad = |text: &str, to: usize| " ".repeat(to.saturating_sub(width(text)));
    rows.iter()
        .map(|[a, b, c]| {
            let line = format!("  {a}{}  {b}{}  {c}", pad(a, name), pad(b, first));
            line.trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Phase;
    use crate::run::orders::Orders;
    use crate::run::plan::{Plan, PlanStep};
    use crate::run::priority::Priority;
    use crate::run::queue::Lane;
    use crate::run::step::StepSpec;
    use crate::run::step::wait::Wait;

    fn run(id: i64, status: RunStatus, steps: &[(&str, i64)], input: &str) -> Run {
        let step = |(name, ms): &(&str, i64)| {
            PlanStep::new(name, Phase::Action, StepSpec::Wait(Wait { ms: *ms }), 1000)
        };
        let plan = Plan {
            runbook: "deploy".to_owned(),
            version: "1".to_owned(),
            title: "deploy web → prod".to_owned(),
            inputs: BTreeMap::from([("version".to_owned(), input.to_owned())]),
            steps: steps.iter().map(step).collect(),
            ..Plan::default()
        };
        Run {
            id: RunId(id),
            parent: None,
            plan,
            status,
            actor: "ana".to_owned(),
            trigger: "cli".to_owned(),
            reason: None,
            requested_at: Timestamp(0),
            started_at: Some(Timestamp(0)),
            finished_at: None,
            message: None,
            holder: None,
            lease_until: None,
            cancel_requested_by: None,
            orders: Orders::default(),
            retry_of: None,
            again: crate::run::again::Again::default(),
            lane: Lane::default(),
            priority: Priority::default(),
            last_seq: 0,
        }
    }

    fn record(index: u32, status: StepStatus, attempt: u32, ms: i64) -> RunStep {
        RunStep {
            index,
            status,
            attempt,
            started_at: Some(Timestamp(0)),
            finished_at: Some(Timestamp(ms)),
            message: None,
            taken_from: None,
        }
    }

    #[test]
    fn inputs_steps_outcomes_and_durations_are_compared() {
        let one = run(
            41,
            RunStatus::Failed,
            &[("build", 1), ("copy", 1), ("old", 1)],
            "1.4",
        );
        let other = run(
            44,
            RunStatus::Succeeded,
            &[("build", 1), ("new", 1), ("copy", 2)],
            "1.5",
        );
        let of_one = [
            record(0, StepStatus::Succeeded, 1, 2000),
            record(1, StepStatus::Failed, 3, 9000),
        ];
        let of_other = [
            record(0, StepStatus::Succeeded, 1, 4000),
            record(1, StepStatus::Succeeded, 1, 1000),
            record(2, StepStatus::Succeeded, 1, 500),
        ];
        let now = Timestamp(60_000);
        let both = compare((&one, &of_one), (&other, &of_other), now);
        assert_eq!(
            both.first.took_ms,
            Some(60_000),
            "a run under way counts to now"
        );
        let names: Vec<&str> = both.steps.iter().map(|pair| pair.name.as_str()).collect();
        assert_eq!(names, ["build", "copy", "old", "new"]);
        let differing: Vec<bool> = both.steps.iter().map(StepPair::differs).collect();
        assert_eq!(differing, [false, true, true, true]);
        for line in [
            "~ input version: 1.4 → 1.5",
            "- step old: ",
            "+ step new: ",
            "~ step copy: ",
        ] {
            assert!(
                both.plan.iter().any(|l| l.starts_with(line)),
                "{line}: {:?}",
                both.plan
            );
        }
        let lines = both.lines();
        for line in [
            "  = action    build  succeeded 2.0 s         succeeded 4.0 s",
            "  ~ action    copy   failed 9.0 s (3 tries)  succeeded 500 ms",
            "  - action    old    pending –               –",
            "  + action    new    –                       succeeded 1.0 s",
        ] {
            assert!(
                lines.iter().any(|l| l == line),
                "{line}\n{}",
                lines.join("\n")
            );
        }
    }

    #[test]
    fn a_run_does_not_differ_from_itself() {
        let one = run(41, RunStatus::Failed, &[("build", 1), ("build", 1)], "1.4");
        let records = [record(0, StepStatus::Succeeded, 1, 2000)];
        let both = compare((&one, &records), (&one, &records), Timestamp(1));
        assert!(both.plan.is_empty() && both.steps.len() == 2);
        assert!(both.steps.iter().all(|pair| !pair.differs()));
        assert!(both.lines().iter().any(|line| line == "  no difference"));
    }
}
