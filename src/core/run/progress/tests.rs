//! Progress against a scripted engine: tables for each rule, and any plan with any events.

mod any;
mod table;

use std::collections::BTreeMap;

use super::*;
use crate::run::RunStatus;
use crate::run::plan::{Each, OnFailure, Rules, RunCondition};
use crate::run::step::StepSpec;
use crate::run::step::approve::Approve;
use crate::run::step::wait::Wait;

/// How an engine would find things: everything succeeds unless listed.
#[derive(Debug, Clone, Default)]
struct Script {
    ends: BTreeMap<u32, StepStatus>,
    /// Answers of the condition's steps, in order.
    answers: Vec<Result<StepStatus, String>>,
    /// The stop is known once this many acts were performed.
    stop: Option<(usize, StopReason)>,
    orders: Orders,
}

impl Script {
    fn ending(ends: &[(u32, StepStatus)]) -> Self {
        Self {
            ends: ends.iter().copied().collect(),
            ..Self::default()
        }
    }

    fn stopped(after: usize, reason: StopReason) -> Self {
        Self {
            stop: Some((after, reason)),
            ..Self::default()
        }
    }

    fn stop_after(&self, acts: usize) -> Option<&StopReason> {
        let stop = self.stop.as_ref().filter(|(after, _)| acts >= *after);
        stop.map(|(_, reason)| reason)
    }

    /// What stops clean-up steps.
    fn last_after(&self, acts: usize) -> Option<&StopReason> {
        self.stop_after(acts)
            .filter(|reason| **reason == StopReason::Leaving)
    }

    /// How a step ends that was begun.
    fn end(&self, index: u32, of_phase: bool, acts: usize) -> StepEnd {
        let stop = if of_phase {
            let stop = self.stop_after(acts);
            stop.filter(|reason| !matches!(reason, StopReason::Stopped { .. }))
        } else {
            self.last_after(acts)
        };
        let status = self.ends.get(&index).copied();
        match (stop, status) {
            // Done in time, all the same.
            (Some(reason), None | Some(StepStatus::Failed)) => StepEnd {
                stopped_by: Some(reason.clone()),
                ..StepEnd::new(StepStatus::Cancelled, "cut short")
            },
            (_, status) => {
                let status = status.unwrap_or(StepStatus::Succeeded);
                StepEnd::new(status, format!("it {}", status.name()))
            }
        }
    }
}

/// What an engine did, one line an act, and how the run ended.
#[derive(Debug, PartialEq)]
struct Trace {
    acts: Vec<String>,
    end: RunEnd,
    loose_ends: Vec<String>,
}

fn line(note: &Note) -> String {
    let phase = note.phase.map_or("-", Phase::name);
    format!("{} {phase}: {}", note.level.name(), note.message)
}

/// Performs what comes next until the run ends.
fn drive(plan: &Plan, past: &[RunStep], script: &Script) -> Trace {
    let mut progress = Progress::new(plan, past);
    let mut acts = Vec::new();
    let mut active: Vec<(u32, bool)> = Vec::new();
    let mut asked = 0;
    for _ in 0..10_000 {
        let requests = Requests {
            stop: script.stop_after(acts.len()),
            last: script.last_after(acts.len()),
            orders: &script.orders,
        };
        let next = progress.next(requests);
        assert_eq!(progress.next(requests), next, "asked twice");
        let only_starts = matches!(next, Next::Run(_) | Next::Await);
        assert!(only_starts || active.is_empty(), "{next:?}, {active:?}");
        let mut performed = Performed::Done;
        match next {
            Next::Log(notes) => acts.push(notes.iter().map(line).collect::<Vec<_>>().join(" / ")),
            Next::StartPhase(note) => acts.push(line(&note)),
            Next::EndPhase(end) => acts.push(line(&end.note(7))),
            Next::Hold(hold) => acts.push(format!("hold {}", hold.step)),
            Next::Skip { step, message } => acts.push(format!("skip {step}: {message}")),
            Next::Run(task) => {
                let held = task.phase.is_some() && requests.stop.is_some();
                assert!(!held, "{task:?} begins after {requests:?}");
                acts.push(format!("run {}", task.index));
                active.push((task.index, task.phase.is_some()));
            }
            Next::Ask(step) => {
                acts.push(format!("ask {}", step.name));
                let answer = script.answers.get(asked).cloned();
                let answer = answer.unwrap_or(Ok(StepStatus::Succeeded));
                performed = Performed::Asked(answer.map(|status| {
                    let stopped_by = script.stop_after(acts.len()).cloned();
                    StepEnd {
                        stopped_by: stopped_by.filter(|r| !matches!(r, StopReason::Stopped { .. })),
                        ..StepEnd::new(status, "answer")
                    }
                }));
                asked += 1;
            }
            Next::Await => {
                let (step, of_phase) = active.remove(0);
                let end = script.end(step, of_phase, acts.len());
                performed = Performed::Ended { step, end };
            }
            Next::End => {
                let end = progress.end(7);
                assert_eq!(progress.is_left(), end.status == RunStatus::Interrupted);
                let loose_ends = progress.loose_ends(&end, requests.stop);
                let loose_ends = loose_ends.iter().map(line).collect();
                return Trace {
                    acts,
                    end,
                    loose_ends,
                };
            }
        }
        progress.on(performed);
    }
    panic!("it does not end: {acts:#?}");
}

fn step(name: &str, phase: Phase) -> PlanStep {
    PlanStep::new(name, phase, StepSpec::Wait(Wait { ms: 1 }), 1000)
}

fn approval(name: &str, phase: Phase) -> PlanStep {
    PlanStep {
        spec: StepSpec::Approve(Approve {
            prompt: "ok?".to_owned(),
            ..Approve::default()
        }),
        ..step(name, phase)
    }
}

fn failing(on_failure: OnFailure, step: PlanStep) -> PlanStep {
    PlanStep { on_failure, ..step }
}

fn with_rules(rules: Rules, step: PlanStep) -> PlanStep {
    PlanStep { rules, ..step }
}

fn undo(n: u32) -> PlanStep {
    let rules = Rules {
        undoes: Some(n),
        ..Rules::default()
    };
    with_rules(rules, step(&format!("undo {n}"), Phase::Action))
}

fn item(each: Each, step: PlanStep) -> PlanStep {
    let rules = Rules {
        each: Some(each),
        ..Rules::default()
    };
    with_rules(rules, step)
}

fn record(index: u32, status: StepStatus) -> RunStep {
    RunStep {
        index,
        status,
        attempt: 1,
        started_at: None,
        finished_at: None,
        message: None,
        taken_from: None,
    }
}
