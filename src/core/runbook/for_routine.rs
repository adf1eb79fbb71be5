//! The plan of a routine that runs a runbook, and what stands against it. No person is there when its
//! slot comes, so nothing may be asked for that the stack file can say.

use super::{Request, Runbook, plan_in};
use crate::base::suggest::nearest;
use crate::integration::Integrations;
use crate::run::plan::{Plan, Risk};
use crate::run::step::StepSpec;
use crate::stack::routine::{Check, Routine, RunbookCheck};
use crate::stack::service::Stack;

/// Why the runbook of a routine cannot be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutineProblem {
    pub routine: String,
    /// The key of the stack file that it is about.
    pub key: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

impl std::fmt::Display for RoutineProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "routine \"{}\".{}: {}",
            self.routine, self.key, self.message
        )
    }
}

/// Who asks for the runs of a routine, as runs and the audit log name it: `routine nightly`.
#[must_use]
pub fn routine_actor(routine: &str) -> String {
    format!("routine {routine}")
}

/// The plan of a routine; none: it runs no runbook.
///
/// # Errors
/// Everything that stands against it.
pub fn routine_plan(
    routine: &Routine,
    stack: &Stack,
    library: &[Runbook],
    declared: &Integrations,
) -> Option<Result<Plan, Vec<RoutineProblem>>> {
    let Check::Runbook(check) = &routine.check else {
        return None;
    };
    let problem = |key, message| RoutineProblem {
        routine: routine.name.clone(),
        key,
        message,
    };
    let Some(runbook) = library.iter().find(|r| r.name == check.runbook) else {
        return Some(Err(vec![problem(
            "runbook",
            unknown(&check.runbook, library),
        )]));
    };
    let request = Request {
        env: routine.env.clone(),
        services: routine.service.iter().cloned().collect(),
        inputs: check.inputs.clone(),
        raw_text: routine_actor(&routine.name),
    };
    let plan = plan_in(runbook, &request, stack, library, declared);
    let mut problems: Vec<RoutineProblem> = plan
        .blocks()
        .map(|risk| problem(key_of(risk), message_of(risk)))
        .collect();
    if let Some(why) = unattended(&plan, check) {
        problems.push(problem("unattended", why));
    }
    Some(if problems.is_empty() {
        Ok(plan)
    } else {
        Err(problems)
    })
}

/// What stands against the runbooks of the routines of a stack.
#[must_use]
pub fn routine_problems(
    stack: &Stack,
    library: &[Runbook],
    declared: &Integrations,
) -> Vec<RoutineProblem> {
    let plans = stack
        .routines
        .iter()
        .filter_map(|routine| routine_plan(routine, stack, library, declared));
    plans.filter_map(Result::err).flatten().collect()
}

/// The routines of a stack whose runs wait for people, with what happens then.
#[must_use]
pub fn waiting_routines(
    stack: &Stack,
    library: &[Runbook],
    declared: &Integrations,
) -> Vec<RoutineProblem> {
    let waits = |routine: &Routine| {
        let plan = routine_plan(routine, stack, library, declared)?.ok()?;
        let steps = waits_for_people(&plan);
        let (first, rest) = steps.split_first()?;
        let more = match rest.len() {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        Some(RoutineProblem {
            routine: routine.name.clone(),
            key: "runbook",
            message: format!(
                "its run waits for a person at step {first}{more}; without an answer in time the run \
                 fails, and so does the routine"
            ),
        })
    };
    stack.routines.iter().filter_map(waits).collect()
}

/// The steps of a plan that wait for an answer of people, by their names.
#[must_use]
pub fn waits_for_people(plan: &Plan) -> Vec<&str> {
    let asks = |spec: &StepSpec| matches!(spec, StepSpec::Manual(_) | StepSpec::Approve(_));
    let steps = plan.numbered().map(|(_, step)| step);
    steps
        .filter(|step| asks(&step.spec))
        .map(|step| step.name.as_str())
        .collect()
}

/// Why a plan that asks a person for a typed word may not begin by itself.
fn unattended(plan: &Plan, check: &RunbookCheck) -> Option<String> {
    plan.confirm_word().filter(|_| !check.unattended)?;
    let places = plan.protected_places().join(", ");
    Some(format!(
        "must be true: {} changes {places}, which is protected, with no person watching; set \
         unattended = true if it may",
        check.runbook
    ))
}

fn unknown(name: &str, library: &[Runbook]) -> String {
    let names: Vec<&str> = library.iter().map(|r| r.name.as_str()).collect();
    let hint = match nearest(name, &names) {
        Some(near) => format!("did you mean {near}?"),
        None => "`opsroom runbooks` lists them".to_owned(),
    };
    format!("there is no runbook {name}; {hint}")
}

fn key_of(risk: &Risk) -> &'static str {
    match risk.code.as_str() {
        "INPUT_MISSING" | "INPUT_INVALID" | "INPUT_UNDECLARED" => "inputs",
        "NOT_IN_ENVIRONMENT" => "env",
        _ => "runbook",
    }
}

fn message_of(risk: &Risk) -> String {
    match risk.code.as_str() {
        "INPUT_MISSING" => format!(
            "{}; no person is asked when it is due: write it as service, env or inputs here",
            risk.message
        ),
        _ => risk.message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::runbook::parse;
    use crate::stack::service::Environment;

    const TIDY: &str = "name = \"tidy\"\ntitle = \"tidy\"\nversion = \"1\"\nmutates = true\n\
        env = \"required\"\n[[input]]\nname = \"keep\"\ntype = \"int\"\nrequired = true\n\
        [[step]]\nname = \"ask\"\nphase = \"action\"\nmanual = \"sure?\"\n\
        [[step]]\nname = \"remove\"\nphase = \"action\"\nshell = \"true\"\n";

    fn stack() -> Stack {
        let environment = |name: &str, protected| Environment {
            name: name.to_owned(),
            protected,
            ..Environment::default()
        };
        Stack {
            environments: vec![environment("staging", false), environment("prod", true)],
            ..Stack::default()
        }
    }

    fn planned(check: RunbookCheck, env: &str) -> Result<Plan, Vec<String>> {
        let routine = Routine {
            name: "nightly".to_owned(),
            env: Some(env.to_owned()).filter(|env| !env.is_empty()),
            check: Check::Runbook(check),
            ..Routine::default()
        };
        let library = [parse("tidy.toml", TIDY).unwrap()];
        let plan = routine_plan(&routine, &stack(), &library, &Integrations::default()).unwrap();
        plan.map_err(|found| found.iter().map(ToString::to_string).collect())
    }

    fn tidy(keep: Option<&str>, unattended: bool) -> RunbookCheck {
        let keep = keep.map(|keep| ("keep".to_owned(), keep.to_owned()));
        RunbookCheck {
            runbook: "tidy".to_owned(),
            inputs: keep.into_iter().collect::<BTreeMap<_, _>>(),
            unattended,
        }
    }

    #[test]
    fn what_nobody_is_there_to_say_is_refused_with_its_key() {
        let missing = RunbookCheck {
            runbook: "tidi".to_owned(),
            ..tidy(None, false)
        };
        for (check, env, wanted) in [
            (
                missing,
                "staging",
                "routine \"nightly\".runbook: there is no runbook tidi; did you mean tidy?",
            ),
            (
                tidy(None, false),
                "staging",
                "routine \"nightly\".inputs: tidy needs keep: say keep=…; no person is asked",
            ),
            (
                tidy(Some("many"), false),
                "staging",
                "routine \"nightly\".inputs: keep: \"many\"",
            ),
            (tidy(Some("7"), false), "", "routine \"nightly\".inputs: "),
            (
                tidy(Some("7"), false),
                "prod",
                "routine \"nightly\".unattended: must be true: tidy changes prod, which is protected",
            ),
        ] {
            let found = planned(check, env).unwrap_err();
            assert!(
                found.iter().any(|line| line.starts_with(wanted)),
                "{found:#?}"
            );
        }
    }

    #[test]
    fn a_change_of_a_protected_environment_needs_a_key_of_its_own() {
        let plan = planned(tidy(Some("7"), true), "prod").unwrap();
        assert_eq!(plan.inputs["keep"], "7");
        assert_eq!(plan.raw_text, "routine nightly");
        assert_eq!(waits_for_people(&plan), ["ask"]);
        assert!(planned(tidy(Some("7"), false), "staging").is_ok());
    }

    #[test]
    fn other_kinds_have_no_plan() {
        let plan = routine_plan(&Routine::default(), &stack(), &[], &Integrations::default());
        assert!(plan.is_none());
    }
}
