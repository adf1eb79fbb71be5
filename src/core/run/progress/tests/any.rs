//! Any plan, any records, any ends, any stop.

use proptest::prelude::*;

use super::*;

const STOPS: usize = 4;

fn reason(n: usize) -> StopReason {
    let by = "ana".to_owned();
    match n {
        0 => StopReason::Cancelled { by },
        1 => StopReason::Stopped { by },
        2 => StopReason::Deadline,
        _ => StopReason::Leaving,
    }
}

prop_compose! {
    fn any_step(number: u32, total: u32)(
        phase in 0..5_usize,
        on_failure in 0..4_u32,
        to in 0..=total,
        approves in 0..8_u32,
        each in (0..3_u32, 1..3_u32, 0..3_u32),
        undone in any::<bool>(),
    ) -> (PlanStep, bool) {
        let phase = Phase::ALL[phase];
        let name = format!("s{number}");
        let plain = if approves == 0 { approval(&name, phase) } else { step(&name, phase) };
        let on_failure = match on_failure {
            0 => OnFailure::Continue,
            1 => OnFailure::Jump(to),
            _ => OnFailure::Stop,
        };
        let (group, max_concurrency, max_errors) = each;
        let plain = match group {
            0 => plain,
            _ => item(Each { group, max_concurrency, max_errors }, plain),
        };
        (failing(on_failure, plain), undone)
    }
}

prop_compose! {
    fn any_plan()(steps in 0..7_u32)(
        steps in (0..steps).map(|n| any_step(n, steps)).collect::<Vec<_>>(),
        finally in 0..3_usize,
        condition in proptest::option::of((0..3_usize, any::<bool>())),
        chained in any::<bool>(),
    ) -> Plan {
        let undone = (0..).zip(&steps).filter(|(_, (_, undone))| *undone);
        let mut undo: Vec<_> = undone.map(|(n, _)| undo(n)).collect();
        undo.reverse();
        let only_if = condition.map(|(steps, negated)| RunCondition {
            text: "it is time".to_owned(),
            steps: vec![step("clock", Phase::Validate); steps],
            negated,
        });
        let next = Plan { title: "next".to_owned(), ..Plan::default() };
        Plan {
            steps: steps.into_iter().map(|(step, _)| step).collect(),
            finally: vec![step("tidy", Phase::Summarize); finally],
            undo,
            only_if,
            then: chained.then_some(next).into_iter().collect(),
            timeout_ms: 5000,
            ..Plan::default()
        }
    }
}

const ENDS: [StepStatus; 4] = [
    StepStatus::Succeeded,
    StepStatus::Failed,
    StepStatus::TimedOut,
    StepStatus::Skipped,
];

prop_compose! {
    fn any_script()(
        ends in prop::collection::btree_map(0..16_u32, 0..ENDS.len(), 0..6),
        answers in prop::collection::vec((0..ENDS.len(), 0..6_u32), 0..2),
        stop in proptest::option::of((0..30_usize, 0..STOPS)),
        pace in 0..3_usize,
        let_go in 0..6_u32,
    ) -> Script {
        let answer = |(status, n): (usize, u32)| match n {
            0 => Err("no way to ask".to_owned()),
            _ => Ok(ENDS[status]),
        };
        let pace = crate::run::orders::Pace::ALL[pace];
        Script {
            ends: ends.into_iter().map(|(step, end)| (step, ENDS[end])).collect(),
            answers: answers.into_iter().map(answer).collect(),
            stop: stop.map(|(after, n)| (after, reason(n))),
            orders: Orders { pace, let_go: Some(let_go), ..Orders::default() },
        }
    }
}

/// Records of an earlier engine: of some steps, in any state.
fn any_past() -> impl Strategy<Value = Vec<RunStep>> {
    prop::collection::btree_map(0..12_u32, 0..StepStatus::ALL.len(), 0..8).prop_map(|past| {
        let records = past.into_iter();
        records
            .map(|(index, status)| record(index, StepStatus::ALL[status]))
            .collect()
    })
}

fn numbers(acts: &[String], what: &str) -> Vec<u32> {
    let of_kind = acts.iter().filter_map(|act| act.strip_prefix(what));
    let number = |rest: &str| rest.split(':').next().and_then(|n| n.trim().parse().ok());
    of_kind.filter_map(number).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// `drive` itself checks that it ends, that asking twice changes nothing, that nothing begins
    /// after a stop, and that only items of a group overlap.
    #[test]
    fn every_step_is_settled_once(plan in any_plan(), past in any_past(), script in any_script()) {
        let past: Vec<_> = past.into_iter().filter(|s| plan.numbered_step(s.index).is_some()).collect();
        let trace = drive(&plan, &past, &script);
        let recorded = past.iter().filter(|s| s.status != StepStatus::Pending).map(|s| s.index);
        let ran = numbers(&trace.acts, "run ");
        let skipped = numbers(&trace.acts, "skip ");
        let mut settled: Vec<u32> = recorded.chain(ran.iter().copied()).chain(skipped).collect();
        settled.sort_unstable();
        let all: Vec<u32> = plan.numbered().map(|(n, _)| n).collect();
        let left = trace.end.status == RunStatus::Interrupted;
        if left {
            let before = settled.len();
            settled.dedup();
            prop_assert_eq!(settled.len(), before, "settled twice: {:#?}", &trace);
        } else {
            prop_assert_eq!(&settled, &all, "{:#?}", &trace);
        }
        let (phases, finally) = (plan.steps.len(), plan.finally.len());
        let of_finally = |n: &u32| (phases..phases + finally).contains(&(*n as usize));
        let skipped = trace.end.status == RunStatus::Skipped;
        let condition_failed = trace.acts.iter().any(|act| act.contains("condition not met"));
        let unapproved = trace.acts.iter().any(|act| act.contains("the run was not approved"));
        let began = past.iter().filter(|s| !matches!(s.status, StepStatus::Pending | StepStatus::Skipped)).map(|s| s.index);
        let mut began = began.chain(ran.iter().copied()).filter_map(|n| plan.steps.get(n as usize));
        let worked = began.any(|step| !matches!(step.spec, StepSpec::Approve(_)));
        if !left && !condition_failed && (worked || !unapproved) {
            let open = all.iter().filter(|n| of_finally(n) && !past.iter().any(|s| s.index == **n && s.status != StepStatus::Pending));
            prop_assert!(open.copied().eq(ran.iter().copied().filter(of_finally)), "{:#?}", &trace);
        }
        prop_assert!(!skipped || (condition_failed && ran.is_empty()), "{:#?}", &trace);
        let undone = ran.iter().filter(|n| **n as usize >= phases + finally);
        let undone: Vec<_> = undone.filter_map(|n| plan.numbered_step(*n)?.0.rules.undoes).collect();
        prop_assert!(undone.is_sorted_by(|a, b| a > b), "last first: {undone:?}");
        prop_assert!(undone.iter().all(|n| ran.contains(n) || past.iter().any(|s| s.index == *n)), "{:#?}", &trace);
        prop_assert!(undone.is_empty() || trace.end.status != RunStatus::Succeeded);
    }

    /// A run that goes on with a failed one runs nothing that succeeded, everything else once, and
    /// `finally` again; if all goes well it succeeds.
    #[test]
    fn going_on_repeats_nothing_that_succeeded(plan in any_plan(), past in any_past()) {
        let past: Vec<_> = past.into_iter().filter(|s| plan.numbered_step(s.index).is_some()).collect();
        let Ok(taken) = crate::run::again::takeable(&plan, RunStatus::Failed, &past) else { return Ok(()) };
        let kept: Vec<_> = past.iter().filter(|s| taken.contains(&s.index)).cloned().collect();
        prop_assert!(kept.iter().any(|s| s.status == StepStatus::Succeeded));
        let trace = drive(&plan, &kept, &Script::default());
        let cleanup = plan.steps.len() + plan.finally.len();
        let open = plan.numbered().map(|(n, _)| n).filter(|n| (*n as usize) < cleanup && !taken.contains(n));
        let mut ran = numbers(&trace.acts, "run ");
        ran.sort_unstable();
        prop_assert_eq!(ran, open.collect::<Vec<_>>(), "{:#?}", &trace);
        prop_assert_eq!(trace.end.status, RunStatus::Succeeded);
        let approved = kept.iter().filter_map(|s| plan.numbered_step(s.index));
        prop_assert!(approved.into_iter().all(|(s, _)| !matches!(s.spec, StepSpec::Approve(_))));
        prop_assert!(trace.acts.iter().all(|act| !act.starts_with("ask ")), "its condition held before");
    }

    /// Reports that do not fit what was asked for change nothing for the worse: it still ends.
    #[test]
    fn any_reports_in_any_order_come_to_an_end(plan in any_plan(), reports in prop::collection::vec((0..3_u32, 0..12_u32), 0..60)) {
        let mut progress = Progress::new(&plan, &[]);
        let orders = Orders::default();
        let requests = Requests { stop: None, last: None, orders: &orders };
        for (kind, step) in reports {
            progress.next(requests);
            progress.on(match kind {
                0 => Performed::Done,
                1 => Performed::Ended { step, end: StepEnd::new(StepStatus::Failed, "no") },
                _ => Performed::Asked(Ok(StepEnd::new(StepStatus::Failed, "no"))),
            });
        }
        let leaving = StopReason::Leaving;
        for _ in 0..1000 {
            let requests = Requests { stop: Some(&leaving), last: Some(&leaving), orders: &orders };
            let end = || StepEnd { stopped_by: Some(StopReason::Leaving), ..StepEnd::new(StepStatus::Unknown, "") };
            match progress.next(requests) {
                Next::End => return Ok(()),
                Next::Await => {
                    let step = *progress.in_flight.first().expect("a step in flight");
                    progress.on(Performed::Ended { step, end: end() });
                }
                Next::Ask(_) => progress.on(Performed::Asked(Ok(end()))),
                _ => progress.on(Performed::Done),
            }
        }
        prop_assert!(false, "it does not end");
    }
}
