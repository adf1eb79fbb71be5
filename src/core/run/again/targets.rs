//! Retrying only the failed targets of a run: its plan without the steps of the targets, or items, that
//! are done.

use std::collections::{BTreeMap, BTreeSet};

use super::{asks, in_order, refuse_recovered, refuse_session, status_of, stay_skipped};
use crate::run::plan::{OnFailure, Plan, PlanStep};
use crate::run::repeat::is_safe;
use crate::run::step::StepSpec;
use crate::run::{Phase, RunStatus, RunStep, StepStatus};

/// What the steps of a fan-out are about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Target(String),
    /// An item of a `for_each`.
    Item(String),
}

impl Part {
    fn of(step: &PlanStep) -> Option<Self> {
        let item = step.rules.item.clone().map(Self::Item);
        let target = || step.target.as_ref().map(|t| Self::Target(t.to_string()));
        item.or_else(target)
    }

    fn name(&self) -> &str {
        match self {
            Self::Target(name) | Self::Item(name) => name,
        }
    }
}

/// A plan for the parts that are not done.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rest {
    pub plan: Plan,
    /// The parts it is about, and those that are done.
    pub open: Vec<String>,
    pub done: Vec<String>,
}

/// The plan of a run without the parts that are done. Steps of no part are left out where they
/// succeeded, but for questions to people, and checks before the action.
///
/// # Errors
/// Why there is no such plan.
pub(super) fn rest(plan: &Plan, ended: RunStatus, steps: &[RunStep]) -> Result<Rest, String> {
    if !ended.is_terminal() || ended == RunStatus::Interrupted {
        let status = ended.name();
        return Err(format!("it is {status}; wait until it has ended"));
    }
    refuse_recovered(plan, &|number| status_of(steps, number))?;
    let parts = parts(plan, steps);
    let names = |done: bool| -> Vec<String> {
        let found = parts.iter().filter(|(_, is_done)| **is_done == done);
        found.map(|(part, _)| part.name().to_owned()).collect()
    };
    let (open, done) = (names(false), names(true));
    match (open.is_empty(), done.is_empty()) {
        _ if parts.len() < 2 => {
            return Err("it is not about several services or items; retry it whole".to_owned());
        }
        (true, _) => return Err("none of its services or items failed".to_owned()),
        (_, true) => {
            return Err("none of its services or items is done; retry it whole".to_owned());
        }
        _ => {}
    }
    let settled = settled(plan, steps);
    let keep = |(number, step): (u32, &PlanStep)| match Part::of(step) {
        Some(part) => parts.get(&part).is_none_or(|is_done| !is_done),
        None => !settled.contains(&number) || stays(step),
    };
    let kept: BTreeSet<u32> = (0..)
        .zip(&plan.steps)
        .filter(|s| keep(*s))
        .map(|s| s.0)
        .collect();
    let dropped: Vec<u32> = settled.difference(&kept).copied().collect();
    refuse_session(plan, &dropped)?;
    refuse_missing(plan, &kept)?;
    Ok(Rest {
        plan: narrowed(plan, &kept, &parts, &open),
        open,
        done,
    })
}

/// The parts of a plan, and whether all steps of each are settled.
fn parts(plan: &Plan, steps: &[RunStep]) -> BTreeMap<Part, bool> {
    let settled = settled(plan, steps);
    let mut parts = BTreeMap::new();
    for (number, step) in in_order(plan) {
        if let Some(part) = Part::of(step) {
            *parts.entry(part).or_insert(true) &= settled.contains(&number);
        }
    }
    parts
}

/// The steps of the phases that succeeded, or that a person or their own condition skipped.
fn settled(plan: &Plan, steps: &[RunStep]) -> BTreeSet<u32> {
    let succeeded = |s: &(u32, &PlanStep)| status_of(steps, s.0) == StepStatus::Succeeded;
    let found = in_order(plan).into_iter().filter(succeeded).map(|s| s.0);
    found.chain(stay_skipped(plan, steps)).collect()
}

/// Whether a step of no part is done again although it succeeded.
fn stays(step: &PlanStep) -> bool {
    let asks = matches!(step.spec, StepSpec::Approve(_) | StepSpec::Manual(_));
    asks || (step.phase <= Phase::Preflight && is_safe(step))
}

/// A step that is kept must not use the result of one that is not.
fn refuse_missing(plan: &Plan, kept: &BTreeSet<u32>) -> Result<(), String> {
    let is_kept = |number: u32| {
        usize::try_from(number).is_ok_and(|n| n >= plan.steps.len()) || kept.contains(&number)
    };
    let same = |one: &PlanStep, other: &PlanStep| {
        one.rules.key == other.rules.key && one.rules.scope == other.rules.scope
    };
    for (_, missing) in plan.numbered().filter(|(n, _)| !is_kept(*n)) {
        let stays = |(n, step): (u32, &PlanStep)| is_kept(n) && same(step, missing);
        if plan.numbered().any(stays) {
            continue;
        }
        let users = plan.numbered().filter(|(n, _)| is_kept(*n));
        if let Some((_, user)) = users.into_iter().find(|(_, user)| asks(user, missing)) {
            return Err(format!(
                "step {} uses what step {} left, which is not done again; go on from the failed step instead",
                user.name, missing.name
            ));
        }
    }
    Ok(())
}

/// The plan with these steps of its phases, and the clean-up that belongs to them.
fn narrowed(
    plan: &Plan,
    kept: &BTreeSet<u32>,
    parts: &BTreeMap<Part, bool>,
    open: &[String],
) -> Plan {
    let before = |number: u32| {
        let earlier = kept.range(..number).count();
        u32::try_from(earlier).unwrap_or(u32::MAX)
    };
    let of_open = |step: &PlanStep| {
        let part = Part::of(step).and_then(|part| parts.get(&part).copied());
        part != Some(true)
    };
    let phases = (0..).zip(&plan.steps).filter(|(n, _)| kept.contains(n));
    let phases = phases.map(|(_, step)| match step.on_failure {
        OnFailure::Jump(to) => PlanStep {
            on_failure: OnFailure::Jump(before(to)),
            ..step.clone()
        },
        _ => step.clone(),
    });
    let undo = plan.undo.iter().filter_map(|step| {
        let undoes = step.rules.undoes.filter(|n| kept.contains(n))?;
        let mut step = step.clone();
        step.rules.undoes = Some(before(undoes));
        Some(step)
    });
    let service = |name: &String| {
        let of_service = |part: &Part| match part {
            Part::Target(target) => target == name || target.starts_with(&format!("{name} in ")),
            Part::Item(_) => false,
        };
        let mut of_service = parts.iter().filter(|(part, _)| of_service(part)).peekable();
        of_service.peek().is_none() || of_service.any(|(_, is_done)| !is_done)
    };
    let only = format!(", only {}", open.join(", "));
    Plan {
        steps: phases.collect(),
        finally: plan
            .finally
            .iter()
            .filter(|s| of_open(s))
            .cloned()
            .collect(),
        undo: undo.collect(),
        services: plan
            .services
            .iter()
            .filter(|s| service(s))
            .cloned()
            .collect(),
        title: format!("{}{only}", plan.title),
        restatement: format!("{}{only}", plan.restatement),
        ..plan.clone()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::run::plan::{Each, Rules, Target};
    use crate::run::step::approve::Approve;
    use crate::run::step::shell::Shell;
    use crate::stack::shell::ShellCommand;

    use StepStatus::{Failed, Skipped, Succeeded};

    fn step(name: &str, phase: Phase) -> PlanStep {
        let shell = Shell::new(ShellCommand::Script(name.to_owned()));
        PlanStep::new(name, phase, StepSpec::Shell(shell), 0)
    }

    fn on(service: &str, phase: Phase) -> PlanStep {
        step(service, phase).on(Target {
            service: service.to_owned(),
            env: Some("prod".to_owned()),
        })
    }

    fn ruled(rules: Rules, step: PlanStep) -> PlanStep {
        PlanStep { rules, ..step }
    }

    /// approve, tell; web and api: deploy and look, undo of both deploys; finally.
    fn deploy() -> Plan {
        let undo = |n| {
            let rules = Rules {
                undoes: Some(n),
                ..Rules::default()
            };
            ruled(rules, step(&format!("undo {n}"), Phase::Action))
        };
        let approve = PlanStep {
            spec: StepSpec::Approve(Approve::default()),
            ..step("approve", Phase::Preflight)
        };
        Plan {
            title: "deploy web, api → prod".to_owned(),
            restatement: "deploy web and api to prod".to_owned(),
            services: vec!["web".to_owned(), "api".to_owned()],
            steps: vec![
                approve,
                step("tell", Phase::Preflight),
                on("web", Phase::Action),
                on("api", Phase::Action),
                on("web", Phase::Verify),
                on("api", Phase::Verify),
            ],
            finally: vec![step("tidy", Phase::Summarize)],
            undo: vec![undo(3), undo(2)],
            ..Plan::default()
        }
    }

    fn records(statuses: &[StepStatus]) -> Vec<RunStep> {
        let record = |(index, status): (u32, &StepStatus)| RunStep {
            index,
            status: *status,
            attempt: 1,
            started_at: None,
            finished_at: None,
            message: None,
            taken_from: None,
        };
        (0..).zip(statuses).map(record).collect()
    }

    fn of(plan: &Plan, statuses: &[StepStatus]) -> Result<Rest, String> {
        rest(plan, RunStatus::Failed, &records(statuses))
    }

    fn names(steps: &[PlanStep]) -> Vec<&str> {
        steps.iter().map(|step| step.name.as_str()).collect()
    }

    #[test]
    fn only_the_steps_of_failed_targets_are_left() {
        let done = [
            Succeeded, Succeeded, Succeeded, Succeeded, Succeeded, Failed,
        ];
        let rest = of(&deploy(), &done).unwrap();
        assert_eq!(
            (rest.open.as_slice(), rest.done.as_slice()),
            (
                &["api in prod".to_owned()][..],
                &["web in prod".to_owned()][..]
            )
        );
        let plan = rest.plan;
        assert_eq!(names(&plan.steps), ["approve", "api", "api"]);
        assert_eq!(plan.services, ["api"]);
        assert_eq!(plan.title, "deploy web, api → prod, only api in prod");
        assert_eq!(names(&plan.finally), ["tidy"]);
        let undoes: Vec<_> = plan.undo.iter().map(|s| s.rules.undoes).collect();
        assert_eq!((names(&plan.undo), undoes), (vec!["undo 3"], vec![Some(1)]));
        // A target the run did not reach is one that is not done; a step of no target that did not
        // run is done now.
        let cut = [Succeeded, Succeeded, Failed, Skipped, Skipped, Skipped];
        assert!(
            of(&deploy(), &cut)
                .unwrap_err()
                .contains("none of its services or items is done")
        );
        let mut plan = deploy();
        plan.steps.push(step("report", Phase::Summarize));
        let failed = [
            Succeeded, Succeeded, Succeeded, Succeeded, Failed, Succeeded, Skipped,
        ];
        assert_eq!(
            names(&of(&plan, &failed).unwrap().plan.steps),
            ["approve", "web", "web", "report"]
        );
    }

    #[test]
    fn items_are_parts_too_also_of_a_run_that_succeeded() {
        let host = |name: &str| {
            let each = Each {
                group: 1,
                max_concurrency: 2,
                max_errors: 1,
            };
            let rules = Rules {
                item: Some(name.to_owned()),
                each: Some(each),
                ..Rules::default()
            };
            ruled(rules, step(&format!("patch {name}"), Phase::Action))
        };
        let plan = Plan {
            services: vec!["fleet".to_owned()],
            steps: vec![host("a"), host("b"), host("c")],
            ..Plan::default()
        };
        let steps = records(&[Succeeded, Failed, Succeeded]);
        let rest = rest(&plan, RunStatus::Succeeded, &steps).unwrap();
        assert_eq!(names(&rest.plan.steps), ["patch b"]);
        assert_eq!(rest.plan.services, ["fleet"], "no service is an item");
        let all = of(&plan, &[Succeeded, Succeeded, Succeeded]);
        assert_eq!(all, Err("none of its services or items failed".to_owned()));
    }

    #[test]
    fn an_item_that_its_group_did_not_reach_is_not_done() {
        let host = |name: &str| {
            let rules = Rules {
                item: Some(name.to_owned()),
                when: Some("inputs.sure".to_owned()),
                each: Some(Each {
                    group: 1,
                    max_concurrency: 1,
                    max_errors: 0,
                }),
                ..Rules::default()
            };
            ruled(rules, step(name, Phase::Action))
        };
        let hosts = ["x", "a", "b", "c"].map(host);
        let plan = Plan {
            steps: hosts
                .into_iter()
                .chain([step("report", Phase::Verify)])
                .collect(),
            ..Plan::default()
        };
        for (statuses, open) in [
            (
                [Succeeded, Failed, Skipped, Skipped, Succeeded],
                vec!["a", "b", "c"],
            ),
            // No failure ended the group: the conditions of b and c were false.
            ([Succeeded, Succeeded, Skipped, Skipped, Succeeded], vec![]),
        ] {
            let found = of(&plan, &statuses).map_or(Vec::new(), |rest| rest.open);
            assert_eq!(found, open, "{statuses:?}");
        }
    }

    #[test]
    fn a_target_whose_condition_asks_about_a_step_that_is_done_again_is_not_done() {
        let mut plan = deploy();
        plan.steps[1].rules.key = "build".to_owned();
        plan.steps[2].rules.when = Some("steps.build.status == 'succeeded'".to_owned());
        plan.steps.remove(4);
        plan.undo.clear();
        let open = |build| {
            let statuses = [Succeeded, build, Skipped, Succeeded, Failed];
            let two = [Succeeded, build, Skipped, Succeeded, Succeeded];
            [statuses, two].map(|s| of(&plan, &s).map_or(Vec::new(), |rest| rest.open))
        };
        let names = |names: &[&str]| {
            names
                .iter()
                .map(|n| format!("{n} in prod"))
                .collect::<Vec<_>>()
        };
        assert_eq!(open(Failed), [names(&[]), names(&["web"])]);
        assert_eq!(open(Succeeded), [names(&["api"]), names(&[])]);
    }

    #[test]
    fn what_has_no_such_plan_is_refused_with_the_reason() {
        let done = [
            Succeeded, Succeeded, Succeeded, Succeeded, Succeeded, Failed,
        ];
        let steps = records(&done);
        for status in [
            RunStatus::Running,
            RunStatus::Queued,
            RunStatus::Interrupted,
        ] {
            assert!(
                rest(&deploy(), status, &steps)
                    .unwrap_err()
                    .contains("wait until")
            );
        }
        let mut undone = done.to_vec();
        undone.extend([Succeeded, Succeeded]);
        assert!(of(&deploy(), &undone).unwrap_err().contains("was undone"));
        let one = Plan {
            steps: vec![on("web", Phase::Action)],
            ..Plan::default()
        };
        assert!(
            of(&one, &[Failed])
                .unwrap_err()
                .contains("several services or items")
        );
        let mut uses = deploy();
        uses.steps[1].rules.key = "tell".to_owned();
        uses.steps[5].rules.when = Some("steps.tell.id == 1".to_owned());
        let why = of(&uses, &done).unwrap_err();
        assert!(why.contains("step api uses what step tell left"), "{why}");
        let mut own = deploy();
        own.steps[2].rules.key = "deploy".to_owned();
        own.steps[3].rules.key = "deploy".to_owned();
        own.steps[5].rules.when = Some("steps.deploy.ok".to_owned());
        assert!(of(&own, &done).is_ok(), "each target has its own");
    }

    #[test]
    fn a_jump_leads_to_the_same_step_or_the_next_that_is_left() {
        let mut plan = deploy();
        plan.steps[3].on_failure = OnFailure::Jump(4);
        let done = [
            Succeeded, Succeeded, Succeeded, Succeeded, Succeeded, Failed,
        ];
        let plan = of(&plan, &done).unwrap().plan;
        assert_eq!(plan.steps[1].on_failure, OnFailure::Jump(2));
        assert_eq!(plan.steps[2].name, "api");
    }

    proptest! {
        /// For any ends: no step of a part that is done is left, every step of the others is, and the
        /// numbers that steps refer to exist.
        #[test]
        fn nothing_of_a_part_that_is_done_is_left(
            owners in prop::collection::vec((0..4_usize, 0..5_usize), 1..9),
            ends in prop::collection::vec(0..StepStatus::ALL.len(), 9),
        ) {
            let steps: Vec<_> = owners.iter().map(|(owner, phase)| match owner {
                0 => step("common", Phase::ALL[*phase]),
                n => on(&format!("s{n}"), Phase::ALL[*phase]),
            }).collect();
            let plan = Plan { steps, ..Plan::default() };
            let statuses: Vec<_> = ends.iter().take(owners.len()).map(|n| StepStatus::ALL[*n]).collect();
            let records = records(&statuses);
            let Ok(rest) = rest(&plan, RunStatus::Failed, &records) else { return Ok(()) };
            let target = |step: &PlanStep| step.target.as_ref().map(ToString::to_string);
            for (step, status) in plan.steps.iter().zip(&statuses) {
                let Some(target) = target(step) else { continue };
                let left = rest.plan.steps.contains(step);
                prop_assert_eq!(left, rest.open.contains(&target));
                prop_assert!(*status == Succeeded || left);
            }
            prop_assert!(!rest.open.is_empty() && !rest.done.is_empty());
        }
    }
}
