//! The inputs of a plan: their checked values, and the risks of a request and of a runbook that follow
//! from values alone.

use super::definition::{Definition, Need, RiskRule};
use super::fill::Filler;
use super::input::Values;
use super::targets::block;
use super::{Request, Runbook};
use crate::base::suggest::nearest;
use crate::integration::Integrations;
use crate::run::plan::Risk;
use crate::stack::service::Stack;

/// Checked values, defaults included, and a risk for every input that is wrong, missing or unknown.
pub(super) fn check_inputs(
    runbook: &Runbook,
    request: &Request,
    stack: &Stack,
) -> (Values, Vec<Risk>) {
    let mut values = Values::new();
    let mut risks = Vec::new();
    let declared = &runbook.definition.inputs;
    for input in declared {
        let given = request.inputs.get(&input.name);
        let Some(value) = given.or(input.default.as_ref()) else {
            if input.required {
                risks.push(block(
                    "INPUT_MISSING",
                    format!(
                        "{} needs {name}: say {name}=…",
                        runbook.name,
                        name = input.name
                    ),
                ));
            }
            continue;
        };
        match input.kind.check(value, stack) {
            // Results of steps are filled in at run time at this marker; a value must not contain
            // it.
            Ok(right) if right.contains("{steps.") => {
                risks.push(block(
                    "INPUT_INVALID",
                    format!("{}: {value:?} must not hold `{{steps.`", input.name),
                ));
            }
            Ok(right) => {
                values.insert(input.name.clone(), right);
            }
            Err(why) => risks.push(block(
                "INPUT_INVALID",
                format!("{}: {value:?} {why}", input.name),
            )),
        }
    }
    let names: Vec<&str> = declared.iter().map(|i| i.name.as_str()).collect();
    for (name, value) in request
        .inputs
        .iter()
        .filter(|(name, _)| !names.contains(&name.as_str()))
    {
        // The command language parses "in 10 minutes" and "tomorrow 09:00" into this input.
        let risk = if name == "at" {
            not_scheduled(value)
        } else {
            undeclared(&runbook.name, name, &names)
        };
        risks.push(risk);
    }
    (values, risks)
}

/// Blocks a mutating command that names services or an environment its runbook does not take.
pub(super) fn unexpected_targets(runbook: &Runbook, request: &Request) -> Vec<Risk> {
    let definition = &runbook.definition;
    let what = [
        (
            definition.services == Need::None && !request.services.is_empty(),
            "services",
        ),
        (
            definition.env == Need::None && request.env.is_some(),
            "an environment",
        ),
    ];
    let unexpected = what
        .into_iter()
        .filter(|(unexpected, _)| *unexpected && runbook.mutates);
    unexpected
        .map(|(_, what)| {
            block(
                "INPUT_UNDECLARED",
                format!("{} does not take {what}; leave it out", runbook.name),
            )
        })
        .collect()
}

fn not_scheduled(time: &str) -> Risk {
    let message = format!(
        "scheduling a run for later ({time}) is not in this version; leave the time out and start it then"
    );
    block("NOT_SCHEDULED", message)
}

fn undeclared(runbook: &str, name: &str, names: &[&str]) -> Risk {
    let hint = match (nearest(name, names), names) {
        (Some(near), _) => format!("did you mean {near}?"),
        (None, []) => "it has no inputs".to_owned(),
        (None, names) => format!("its inputs are {}", names.join(", ")),
    };
    block(
        "INPUT_UNDECLARED",
        format!("{runbook} has no input {name:?}; {hint}"),
    )
}

/// The risks that the runbook declares and that are present.
pub(super) fn declared_risks(
    definition: &Definition,
    protected: bool,
    values: &Values,
    filler: &Filler<'_>,
    declared: &Integrations,
) -> Vec<Risk> {
    let known = super::scope::early_values(&definition.inputs, values, protected, filler, declared);
    let present = |rule: &RiskRule| {
        let message = filler.phrase(&rule.message);
        let message = match rule.when.as_ref().map(|when| when.holds(&known)) {
            None | Some(Ok(true)) => message,
            Some(Ok(false)) => return None,
            // A risk that cannot be ruled out counts as present.
            Some(Err(why)) => format!("{message} (counts as present: {why})"),
        };
        Some(Risk {
            level: rule.level,
            code: rule.code.clone(),
            message,
        })
    };
    definition.risks.iter().filter_map(present).collect()
}
