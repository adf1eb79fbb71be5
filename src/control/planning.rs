//! From a parsed command to a plan: the first link, its condition, and the links after it.

use super::Refusal;
use super::library::Library;
use crate::core::command::{ParseOutcome, Parsed};
use crate::core::integration::Integrations;
use crate::core::run::Run;
use crate::core::run::plan::{Plan, Risk, RiskLevel};
use crate::core::runbook::{self, Request};
use crate::core::stack::service::Stack;

/// The whole plan of a command: links in order, each with its own risks and condition.
pub(super) fn plan(
    library: &Library,
    stack: &Stack,
    parsed: &Parsed,
    inputs: &[(String, String)],
    raw_text: &str,
    integrations: &Integrations,
) -> Result<Plan, Refusal> {
    if parsed.outcome != ParseOutcome::Plan || parsed.unavailable.is_some() {
        return Err(Refusal::Invalid(parsed.message.clone()));
    }
    let mut first = link(library, stack, parsed, inputs, raw_text, integrations)?;
    for next in &parsed.then {
        if next.outcome != ParseOutcome::Plan {
            return Err(Refusal::Invalid(format!(
                "`{}` cannot follow in a chain: only plans can (its outcome is {:?})",
                next.intent, next.outcome
            )));
        }
        first
            .then
            .push(link(library, stack, next, inputs, raw_text, integrations)?);
    }
    if !first.then.is_empty() {
        let restatements: Vec<_> = std::iter::once(&first)
            .chain(&first.then)
            .map(|p| p.restatement.as_str())
            .collect();
        first.restatement = restatements.join(", then ");
    }
    Ok(first)
}

/// The heading of a plan difference.
pub(super) fn changed(last: &Run, now: &Plan) -> String {
    let version = if last.plan.version == now.version {
        format!("still version {}", now.version)
    } else {
        format!("version {} → {}", last.plan.version, now.version)
    };
    format!(
        "{} was changed since run {} ({version}); against the plan of that run:",
        now.runbook, last.id
    )
}

fn link(
    library: &Library,
    stack: &Stack,
    parsed: &Parsed,
    inputs: &[(String, String)],
    raw_text: &str,
    integrations: &Integrations,
) -> Result<Plan, Refusal> {
    let name = parsed.runbook.as_deref().unwrap_or(&parsed.intent);
    let runbook = library.get(name).ok_or_else(|| {
        Refusal::Invalid(format!(
            "there is no runbook {name}; `opsroom check` lists what did not load"
        ))
    })?;
    let mut request = request(parsed, raw_text);
    request.inputs.extend(inputs.iter().cloned());
    let mut plan = runbook::plan_in(runbook, &request, stack, library.all(), integrations);
    if let Some(condition) = &parsed.only_if {
        let request = Request {
            raw_text: describe_condition(condition),
            ..self::request(condition, raw_text)
        };
        match runbook::gate(&request, stack, condition.negated) {
            Ok(gate) => {
                let word = if gate.negated { "unless" } else { "only if" };
                plan.restatement = format!("{} {word} {}", plan.restatement, gate.text);
                plan.only_if = Some(gate);
            }
            Err(message) => {
                plan.risks.insert(
                    0,
                    Risk {
                        level: RiskLevel::Block,
                        code: "NOT_CONFIGURED".to_owned(),
                        message,
                    },
                );
            }
        }
    }
    Ok(plan)
}

/// The condition in a normal form, however it was written: `api in staging is healthy`.
fn describe_condition(condition: &Parsed) -> String {
    let services = match condition.services.as_slice() {
        [] => None,
        [all] if all == "*" => Some("everything".to_owned()),
        some => Some(some.join(" and ")),
    };
    let subject = match (services, &condition.env) {
        (Some(services), Some(env)) => format!("{services} in {env}"),
        (Some(services), None) => services,
        (None, Some(env)) => env.clone(),
        (None, None) => "everything".to_owned(),
    };
    format!("{subject} is healthy")
}

fn request(parsed: &Parsed, raw_text: &str) -> Request {
    Request {
        env: parsed.env.clone(),
        services: parsed.services.clone(),
        inputs: parsed.inputs.clone(),
        raw_text: raw_text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_names_its_services_and_its_environment() {
        for (services, env, wanted) in [
            (&["web"][..], None, "web is healthy"),
            (&["web", "api"], None, "web and api is healthy"),
            (&["web"], Some("prod"), "web in prod is healthy"),
            (&["*"], None, "everything is healthy"),
            (&["*"], Some("prod"), "everything in prod is healthy"),
            (&[], Some("prod"), "prod is healthy"),
            (&[], None, "everything is healthy"),
        ] {
            let condition = Parsed {
                services: services.iter().map(|s| (*s).to_owned()).collect(),
                env: env.map(str::to_owned),
                ..Parsed::default()
            };
            assert_eq!(describe_condition(&condition), wanted);
        }
    }
}
