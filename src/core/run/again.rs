//! Doing an ended run again: whole, from its failed step on, or only its failed targets. A run that
//! goes on from a failed step takes over the steps that succeeded, with what they saved: they do not
//! run again.

mod targets;

use std::collections::{BTreeMap, BTreeSet};

use crate::run::lockout;
use crate::run::orders::SKIPPED_BY;
use crate::run::plan::{OnFailure, Plan, PlanStep};
use crate::run::step::StepSpec;
use crate::run::{Run, RunStatus, RunStep, StepStatus};
use crate::{serde_by_word, words};

words! {
    /// How much of an ended run a new one does again.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
    pub enum Again {
        /// The whole plan.
        #[default]
        All = "all",
        /// Everything that did not succeed; what succeeded is taken over.
        FromFailed = "from_failed",
        /// The steps of the services or items that are not done.
        FailedTargets = "failed_targets",
    }
}

serde_by_word!(Again);

impl Again {
    /// Whether it is the whole plan, which JSON leaves out.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::All
    }

    /// The plan of the new run, and what a person has to know about it besides, one sentence each.
    ///
    /// # Errors
    /// Why the run cannot be done again like this.
    pub fn plan(self, run: &Run, steps: &[RunStep]) -> Result<(Plan, Vec<String>), String> {
        let (mut plan, about) = self.plan_of_then(run, steps)?;
        // A lock of that time says nothing about now.
        lockout::set_risks(&mut plan, &[]);
        Ok((plan, about))
    }

    fn plan_of_then(self, run: &Run, steps: &[RunStep]) -> Result<(Plan, Vec<String>), String> {
        match self {
            Self::All => Ok((run.plan.clone(), Vec::new())),
            Self::FromFailed => {
                let taken = takeable(&run.plan, run.status, steps)?;
                let mut about = vec![describe(run, &taken)];
                let unknown = unknown(&run.plan, steps);
                if !unknown.is_empty() {
                    let names = unknown.join(", ");
                    about.push(format!(
                        "whether it took effect is unknown, and it is done again: {names}"
                    ));
                }
                Ok((run.plan.clone(), about))
            }
            Self::FailedTargets => {
                let rest = targets::rest(&run.plan, run.status, steps)?;
                let (open, done) = (rest.open.join(", "), rest.done.join(", "));
                let about = format!("only {open} of run {}; done there: {done}", run.id);
                Ok((rest.plan, vec![about]))
            }
        }
    }
}

/// The redactor's replacement of a secret's value begins like this.
pub const REDACTED: &str = "[secret ";

/// The fields of `response` that a run keeps; headers, body and rows may be anything, and large.
pub const KEPT_OF_RESPONSE: [&str; 2] = ["status", "duration_ms"];

/// The numbers of the steps that a run which goes on with this one takes over: those that succeeded,
/// and those that were skipped by a person or by their own condition. Approvals are asked for again.
///
/// `kept` holds what the steps left, as the data of their last event.
///
/// # Errors
/// Why this run cannot be gone on with.
pub fn taken_over(
    run: &Run,
    steps: &[RunStep],
    kept: &BTreeMap<u32, serde_json::Value>,
) -> Result<Vec<u32>, String> {
    let (plan, taken) = (&run.plan, takeable(&run.plan, run.status, steps)?);
    for number in &taken {
        let Some((step, _)) = plan.numbered_step(*number) else {
            continue;
        };
        let result = (step, status_of(steps, *number));
        let left = plan.numbered().filter(|(n, _)| !taken.contains(n));
        let why = |user: &PlanStep| lost(user, result, kept.get(number));
        let refused = left
            .into_iter()
            .find_map(|(_, user)| Some((user, why(user)?)));
        if let Some((user, why)) = refused {
            return Err(format!(
                "step {} uses what step {} left, which {why}; retry the whole run instead",
                user.name, step.name
            ));
        }
    }
    Ok(taken)
}

/// [`taken_over`], without looking at what the steps left.
pub(super) fn takeable(
    plan: &Plan,
    ended: RunStatus,
    steps: &[RunStep],
) -> Result<Vec<u32>, String> {
    use RunStatus::{Cancelled, Failed, TimedOut};
    if !matches!(ended, Failed | TimedOut | Cancelled) {
        let status = ended.name();
        return Err(format!(
            "it is {status}; only a run that failed, timed out or was cancelled goes on from its failed step"
        ));
    }
    let status = |number: u32| status_of(steps, number);
    refuse_recovered(plan, &status)?;
    let order = in_order(plan);
    let succeeded = |(number, step): &(u32, &PlanStep)| has_succeeded(step, status(*number));
    let mut taken: Vec<u32> = order.iter().filter(|s| succeeded(s)).map(|s| s.0).collect();
    if taken.is_empty() {
        return Err(
            "none of its steps succeeded, so there is nothing to go on from; retry the whole run"
                .to_owned(),
        );
    }
    refuse_session(plan, &taken)?;
    taken.extend(stay_skipped(plan, steps));
    taken.sort_unstable();
    Ok(taken)
}

/// The steps of the phases that a person skipped, or whose own condition did so and would again: it
/// asks about no step that runs again, the run had not ended, nor the step's `for_each`.
fn stay_skipped(plan: &Plan, steps: &[RunStep]) -> BTreeSet<u32> {
    let order = in_order(plan);
    let status = |number: u32| status_of(steps, number);
    let begun = |number: u32| !matches!(status(number), StepStatus::Skipped | StepStatus::Pending);
    let failed = |group: u32| {
        let of_group = |step: &PlanStep| step.rules.each.is_some_and(|e| e.group == group);
        let mut begun = order.iter().filter(|s| of_group(s.1) && begun(s.0));
        begun.any(|s| status(s.0) != StepStatus::Succeeded)
    };
    let is_open = |s: &&(u32, &PlanStep)| {
        status(s.0) != StepStatus::Skipped && !has_succeeded(s.1, status(s.0))
    };
    let mut open: Vec<&PlanStep> = order.iter().filter(is_open).map(|s| s.1).collect();
    let mut stay = BTreeSet::new();
    for (at, (number, step)) in order.iter().enumerate() {
        if status(*number) != StepStatus::Skipped {
            continue;
        }
        let record = steps.iter().find(|s| s.index == *number);
        let by_condition = step.rules.when.is_some()
            && !step.rules.each.is_some_and(|each| failed(each.group))
            && order.iter().skip(at + 1).any(|later| begun(later.0))
            && !open.iter().any(|before| asks(step, before));
        if by_condition || record.is_some_and(by_person) {
            stay.insert(*number);
        } else {
            open.push(step);
        }
    }
    stay
}

/// Whether a step is not done again because it succeeded: approvals are asked for again.
fn has_succeeded(step: &PlanStep, status: StepStatus) -> bool {
    status == StepStatus::Succeeded && !matches!(step.spec, StepSpec::Approve(_))
}

/// What a run that goes on will do, in one sentence: `goes on with run #41 at step deploy web; not
/// run again: build, push`.
#[must_use]
fn describe(run: &Run, taken: &[u32]) -> String {
    let names = |filter: &dyn Fn(&u32) -> bool| {
        let order = in_order(&run.plan).into_iter().filter(|s| filter(&s.0));
        order.map(|s| s.1.name.as_str()).collect::<Vec<_>>()
    };
    let (kept, open) = (
        names(&|n| taken.contains(n)),
        names(&|n| !taken.contains(n)),
    );
    let place = open.first().map_or_else(
        || " at its finally steps".to_owned(),
        |first| format!(" at step {first}"),
    );
    format!(
        "goes on with run {}{place}; not run again: {}",
        run.id,
        kept.join(", ")
    )
}

/// The steps whose outcome is unknown: a run that goes on does them again.
#[must_use]
fn unknown<'a>(plan: &'a Plan, steps: &[RunStep]) -> Vec<&'a str> {
    let unknown = |s: &&RunStep| s.status == StepStatus::Unknown;
    let found = steps.iter().filter(unknown);
    let found = found.filter_map(|s| plan.steps.get(usize::try_from(s.index).ok()?));
    found.map(|step| step.name.as_str()).collect()
}

/// The steps of the phases in the order they run.
fn in_order(plan: &Plan) -> Vec<(u32, &PlanStep)> {
    let mut order: Vec<_> = (0..).zip(&plan.steps).collect();
    order.sort_by_key(|(number, step)| (step.phase, *number));
    order
}

fn status_of(steps: &[RunStep], number: u32) -> StepStatus {
    let record = steps.iter().find(|s| s.index == number);
    record.map_or(StepStatus::Pending, |s| s.status)
}

fn by_person(record: &RunStep) -> bool {
    let message = record.message.as_deref();
    message.is_some_and(|message| message.starts_with(SKIPPED_BY))
}

/// A run that was undone, or that recovered as its runbook says, is no longer where its failed step
/// left it.
fn refuse_recovered(plan: &Plan, status: &dyn Fn(u32) -> StepStatus) -> Result<(), String> {
    use StepStatus::{Failed, Pending, Skipped, TimedOut};
    let before = plan.steps.len() + plan.finally.len();
    let undo = plan.numbered().skip(before);
    let mut undone = undo.filter(|(number, _)| !matches!(status(*number), Skipped | Pending));
    if let Some((_, step)) = undone.next() {
        return Err(format!(
            "what it had done was undone ({}); retry the whole run instead",
            step.name
        ));
    }
    let jumps = |step: &PlanStep| matches!(step.on_failure, OnFailure::Jump(_));
    let mut jumped = in_order(plan)
        .into_iter()
        .filter(|(number, step)| jumps(step) && matches!(status(*number), Failed | TimedOut));
    match jumped.next() {
        Some((_, step)) => Err(format!(
            "after step {} failed it went on elsewhere, as its runbook says; retry the whole run instead",
            step.name
        )),
        None => Ok(()),
    }
}

/// The state that the blocks of a page share is gone.
fn refuse_session(plan: &Plan, taken: &[u32]) -> Result<(), String> {
    let in_session =
        |step: &PlanStep| matches!(&step.spec, StepSpec::Shell(shell) if shell.session.is_some());
    let mut steps = taken.iter().filter_map(|n| plan.numbered_step(*n));
    match steps.find(|(step, _)| in_session(step)) {
        None => Ok(()),
        Some((step, _)) => Err(format!(
            "step {} shares variables and a folder with the other blocks of its page, which are removed when a run \
             ends; retry the whole run instead",
            step.name
        )),
    }
}

/// Whether a step uses the result of that one.
fn asks(step: &PlanStep, result: &PlanStep) -> bool {
    let (key, scope) = (&result.rules.key, &result.rules.scope);
    !key.is_empty() && step.rules.scope == *scope && step.asks_about(key)
}

/// Why a step cannot use what it reads of the result of that one; `None`: it can.
fn lost(
    user: &PlanStep,
    (step, status): (&PlanStep, StepStatus),
    data: Option<&serde_json::Value>,
) -> Option<&'static str> {
    if !asks(user, step) || status != StepStatus::Succeeded {
        return None;
    }
    let reads = user.reads(&step.rules.key);
    if reads.iter().all(|path| path == &["status"]) {
        return None;
    }
    if step.rules.sensitive {
        return Some("is sensitive and not kept");
    }
    let Some(data) = data.filter(|data| data["status"] == status.name()) else {
        return Some("is not known, because a person marked it done");
    };
    let kept = &data["kept"];
    if kept.to_string().contains(REDACTED) {
        return Some("held a secret, which is not kept");
    }
    let is_dropped =
        |path: &Vec<String>| match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] | ["response"] => true,
            ["response", field, ..] => !KEPT_OF_RESPONSE.contains(&field),
            _ => false,
        };
    (!kept["response"].is_null() && reads.iter().any(is_dropped))
        .then_some("is kept only in part: of its response only status and duration_ms")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::run::Phase;
    use crate::run::plan::{Each, Rules};
    use crate::run::step::approve::Approve;
    use crate::run::step::wait::Wait;

    use RunStatus::Failed as RunFailed;
    use StepStatus::{Cancelled, Failed, Pending, Skipped, Succeeded, TimedOut, Unknown};

    fn step(name: &str, phase: Phase) -> PlanStep {
        PlanStep::new(name, phase, StepSpec::Wait(Wait { ms: 1 }), 0)
    }

    fn with(rules: Rules, step: PlanStep) -> PlanStep {
        PlanStep { rules, ..step }
    }

    fn named(key: &str) -> Rules {
        Rules {
            key: key.to_owned(),
            ..Rules::default()
        }
    }

    fn when(condition: &str) -> Rules {
        Rules {
            when: Some(condition.to_owned()),
            ..Rules::default()
        }
    }

    /// login, build, deploy, verify; finally; undo of build.
    fn plan() -> Plan {
        let undo = Rules {
            undoes: Some(1),
            ..Rules::default()
        };
        Plan {
            steps: vec![
                with(named("login"), step("log in", Phase::Preflight)),
                step("build", Phase::Action),
                step("deploy", Phase::Action),
                step("look", Phase::Verify),
            ],
            finally: vec![step("tidy", Phase::Summarize)],
            undo: vec![with(undo, step("undo build", Phase::Action))],
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

    fn taken(plan: &Plan, statuses: &[StepStatus]) -> Result<Vec<u32>, String> {
        takeable(plan, RunFailed, &records(statuses))
    }

    #[test]
    fn what_succeeded_is_taken_over_and_nothing_else() {
        let plan = plan();
        for (statuses, wanted) in [
            (
                [Succeeded, Succeeded, Failed, Skipped, Succeeded, Skipped],
                Some(vec![0, 1]),
            ),
            (
                [Succeeded, Succeeded, Cancelled, Skipped, Succeeded, Skipped],
                Some(vec![0, 1]),
            ),
            (
                [Succeeded, Succeeded, Unknown, Skipped, Skipped, Skipped],
                Some(vec![0, 1]),
            ),
            (
                [Succeeded, Failed, Succeeded, TimedOut, Succeeded, Skipped],
                Some(vec![0, 2]),
            ),
            (
                [Succeeded, Succeeded, Succeeded, Succeeded, Failed, Skipped],
                Some(vec![0, 1, 2, 3]),
            ),
            (
                [Succeeded, Skipped, Skipped, Skipped, Succeeded, Skipped],
                Some(vec![0]),
            ),
            (
                [Failed, Skipped, Skipped, Skipped, Succeeded, Skipped],
                None,
            ),
            ([Skipped, Skipped, Skipped, Skipped, Skipped, Skipped], None),
            (
                [Succeeded, Succeeded, Failed, Skipped, Succeeded, Succeeded],
                None,
            ),
            (
                [Succeeded, Succeeded, Failed, Skipped, Succeeded, Failed],
                None,
            ),
            (
                [Succeeded, Succeeded, Failed, Pending, Pending, Pending],
                Some(vec![0, 1]),
            ),
        ] {
            assert_eq!(taken(&plan, &statuses).ok(), wanted, "{statuses:?}");
        }
        let undone = taken(
            &plan,
            &[Succeeded, Succeeded, Failed, Skipped, Succeeded, Succeeded],
        );
        assert!(undone.unwrap_err().contains("was undone (undo build)"));
    }

    #[test]
    fn only_runs_that_ended_badly_are_gone_on_with() {
        let steps = records(&[Succeeded, Failed]);
        for status in RunStatus::ALL {
            let may = matches!(
                status,
                RunStatus::Failed | RunStatus::TimedOut | RunStatus::Cancelled
            );
            assert_eq!(takeable(&plan(), status, &steps).is_ok(), may, "{status:?}");
        }
    }

    #[test]
    fn approvals_jumps_and_sessions() {
        let mut approved = plan();
        approved.steps[0].spec = StepSpec::Approve(Approve::default());
        assert_eq!(
            taken(&approved, &[Succeeded, Succeeded, Failed]),
            Ok(vec![1])
        );

        let mut jumped = plan();
        jumped.steps[1].on_failure = OnFailure::Jump(3);
        assert_eq!(
            taken(&jumped, &[Succeeded, Succeeded, Failed]),
            Ok(vec![0, 1])
        );
        let why = taken(&jumped, &[Succeeded, Failed, Skipped, Succeeded]).unwrap_err();
        assert!(
            why.contains("after step build failed it went on elsewhere"),
            "{why}"
        );

        let mut page = plan();
        let mut shell = crate::run::step::shell::Shell::new(
            crate::stack::shell::ShellCommand::Script("make".to_owned()),
        );
        shell.session = Some(crate::run::step::shell::Session::default());
        page.steps[1].spec = StepSpec::Shell(shell);
        assert_eq!(taken(&page, &[Succeeded, Failed]), Ok(vec![0]));
        let why = taken(&page, &[Succeeded, Succeeded, Failed]).unwrap_err();
        assert!(why.contains("step build shares variables"), "{why}");
    }

    #[test]
    fn a_skipped_step_stays_skipped_where_that_was_decided() {
        let mut plan = plan();
        let passed = [Succeeded, Skipped, Failed, Skipped];
        assert_eq!(taken(&plan, &passed), Ok(vec![0]), "no reason of its own");
        plan.steps[1].rules = when("steps.login.status == 'failed'");
        assert_eq!(taken(&plan, &passed), Ok(vec![0, 1]));
        let cut = [Succeeded, Skipped, Skipped, Skipped];
        assert_eq!(taken(&plan, &cut), Ok(vec![0]), "the run was cut there");
        for (other, wanted) in [(2, vec![0, 1]), (1, vec![0])] {
            for (step, group) in [(1, 1), (2, other)] {
                plan.steps[step].rules.each = Some(Each {
                    group,
                    max_concurrency: 1,
                    max_errors: 0,
                });
            }
            let answer = taken(&plan, &passed);
            assert_eq!(answer, Ok(wanted), "its group was over, or another");
        }

        let mut steps = records(&passed);
        steps[3].message = Some("skipped by ana: known".to_owned());
        assert_eq!(takeable(&plan, RunFailed, &steps), Ok(vec![0, 3]));

        let mut depends = self::plan();
        depends.steps[2].rules = when("steps.login.status == 'failed'");
        let open = [Failed, Succeeded, Skipped, Failed];
        assert_eq!(taken(&depends, &open), Ok(vec![1]), "login runs again");
    }

    #[test]
    fn a_step_that_asks_about_one_that_is_decided_anew_is_decided_anew() {
        let asks = |key: &str, about: &str| {
            let condition = format!("steps.{about}.status == 'succeeded'");
            with(
                Rules {
                    when: Some(condition),
                    ..named(key)
                },
                step(key, Phase::Action),
            )
        };
        let plan = Plan {
            steps: vec![
                step("log in", Phase::Preflight),
                with(named("a"), step("a", Phase::Action)),
                asks("b", "a"),
                asks("c", "b"),
                step("d", Phase::Action),
            ],
            ..Plan::default()
        };
        for (statuses, wanted) in [
            ([Succeeded, Failed, Skipped, Skipped, Failed], vec![0]),
            (
                [Succeeded, Succeeded, Skipped, Skipped, Failed],
                vec![0, 1, 2, 3],
            ),
        ] {
            assert_eq!(taken(&plan, &statuses), Ok(wanted), "{statuses:?}");
        }
    }

    #[test]
    fn values_that_were_not_kept_refuse_the_run_that_needs_them() {
        let run = |plan: Plan| Run {
            plan,
            status: RunFailed,
            ..crate::run::tests::run()
        };
        let known = json!({ "status": "succeeded", "kept": { "token": { "text": "x" } } });
        let other = json!({ "status": "failed", "kept": { "token": { "text": "x" } } });
        let hidden =
            json!({ "status": "succeeded", "kept": { "token": { "text": "a [secret KEY] b" } } });
        let answer = json!({ "status": "succeeded", "kept": { "response": { "map": { "status": { "int": 200 } } } } });
        let steps = records(&[Succeeded, Succeeded, Failed]);
        let uses = |condition: &str, sensitive: bool| {
            let mut plan = plan();
            plan.steps[0].rules.sensitive = sensitive;
            plan.steps[3].rules = when(condition);
            run(plan)
        };
        let (value, status) = (
            "steps.login.token == 'x'",
            "steps.login.status == 'succeeded'",
        );
        for (condition, sensitive, data, why) in [
            (value, false, Some(&known), None),
            (value, false, Some(&hidden), Some("held a secret")),
            (value, false, None, Some("a person marked it done")),
            (value, false, Some(&other), Some("a person marked it done")),
            (status, false, Some(&other), None),
            (
                "steps.login.status_url == 'x'",
                false,
                None,
                Some("a person"),
            ),
            (
                "inputs.text == 'login' && steps.login.status == 'failed'",
                true,
                None,
                None,
            ),
            ("steps.login.duration_ms < 9", false, Some(&answer), None),
            (
                "steps.login.response.status == 200",
                false,
                Some(&answer),
                None,
            ),
            (
                "steps.login.response.duration_ms < 9",
                false,
                Some(&answer),
                None,
            ),
            (
                "steps.login.response.body.id == 1",
                false,
                Some(&answer),
                Some("only in part"),
            ),
            (
                "steps.login['response'].rows[0].id == 1",
                false,
                Some(&answer),
                Some("only in part"),
            ),
            (
                "steps.login.response == 1",
                false,
                Some(&answer),
                Some("only in part"),
            ),
            (
                "steps.login[inputs.name] == 1",
                false,
                Some(&answer),
                Some("only in part"),
            ),
            ("steps.login[inputs.name] == 1", false, Some(&known), None),
            (value, true, Some(&known), Some("is sensitive and not kept")),
            (status, true, Some(&known), None),
            (status, false, None, None),
            ("true", true, None, None),
        ] {
            let run = uses(condition, sensitive);
            let kept = data.map(|data| (0, data.clone())).into_iter().collect();
            let answer = taken_over(&run, &steps, &kept);
            match why {
                None => assert_eq!(answer, Ok(vec![0, 1]), "{condition} {sensitive}"),
                Some(why) => {
                    let refused = answer.unwrap_err();
                    let begins = "step look uses what step log in left, which ";
                    assert!(
                        refused.starts_with(begins) && refused.contains(why),
                        "{refused}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_person_reads_where_it_goes_on() {
        let run = Run {
            plan: plan(),
            status: RunFailed,
            ..crate::run::tests::run()
        };
        let about = |statuses: &[StepStatus]| {
            let planned = Again::FromFailed.plan(&run, &records(statuses));
            planned.map(|(_, about)| about)
        };
        assert_eq!(
            about(&[Succeeded, Succeeded, Failed]),
            Ok(vec![
                "goes on with run #41 at step deploy; not run again: log in, build".to_owned()
            ])
        );
        assert_eq!(
            about(&[Succeeded, Unknown]).unwrap()[1],
            "whether it took effect is unknown, and it is done again: build"
        );
        let all = [Succeeded, Succeeded, Succeeded, Succeeded, Failed];
        assert!(about(&all).unwrap()[0].contains("at its finally steps"));
        assert_eq!(Again::All.plan(&run, &[]), Ok((plan(), Vec::new())));
    }
}
