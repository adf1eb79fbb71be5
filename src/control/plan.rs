//! From a parsed command to a plan: the first link, its condition, and the links after it.

use super::Refusal;
use super::runbook::Library;
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
    let called = library.with_called(runbook);
    let mut plan = runbook::plan_in(runbook, &request, stack, &called, integrations);
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
    use crate::core::base::time::Timestamp;
    use crate::core::run::priority::Priority;
    use crate::core::run::queue::Lane;
    use crate::core::run::{RunId, RunStatus};
    use crate::core::stack::service::{
        Action, ActionCall, Environment, HttpRequest, Service, Verb,
    };

    /// `web`, which has a probe, and `api`, which has none, in staging.
    fn stack() -> Stack {
        let probe = Action {
            verb: Verb::Probe,
            environments: Vec::new(),
            call: ActionCall::Http(HttpRequest {
                method: "GET".to_owned(),
                url: "http://web.test/".to_owned(),
                ..HttpRequest::default()
            }),
            timeout_ms: 1000,
            idempotent: true,
            secrets: Vec::new(),
        };
        let service = |name: &str, actions| Service {
            name: name.to_owned(),
            environments: vec!["staging".to_owned()],
            actions,
            ..Service::default()
        };
        let staging = Environment {
            name: "staging".to_owned(),
            ..Environment::default()
        };
        Stack {
            environments: vec![staging],
            services: vec![service("web", vec![probe]), service("api", vec![])],
            ..Stack::default()
        }
    }

    fn command(intent: &str, service: &str) -> Parsed {
        Parsed {
            outcome: ParseOutcome::Plan,
            intent: intent.to_owned(),
            services: vec![service.to_owned()],
            env: Some("staging".to_owned()),
            message: "not this time".to_owned(),
            ..Parsed::default()
        }
    }

    fn planned(parsed: &Parsed) -> Result<Plan, String> {
        planned_with(parsed, &[])
    }

    fn planned_with(parsed: &Parsed, inputs: &[(String, String)]) -> Result<Plan, String> {
        let library = Library::load(None, None);
        plan(
            &library,
            &stack(),
            parsed,
            inputs,
            "as typed",
            &Integrations::default(),
        )
        .map_err(|refused| refused.to_string())
    }

    #[test]
    fn only_plans_are_planned_also_within_a_chain() {
        let check = command("healthcheck", "web");
        let view = Parsed {
            outcome: ParseOutcome::View,
            ..check.clone()
        };
        let unavailable = Parsed {
            unavailable: Some("freeze".to_owned()),
            ..check.clone()
        };
        let unknown = Parsed {
            runbook: Some("tidy".to_owned()),
            ..check.clone()
        };
        let no_runbook = "there is no runbook tidy; `opsroom check` lists what did not load";
        for (parsed, refused) in [
            (view.clone(), "not this time"),
            (unavailable, "not this time"),
            (unknown.clone(), no_runbook),
        ] {
            assert_eq!(planned(&parsed), Err(refused.to_owned()));
        }
        for (next, refused) in [
            (
                view,
                "`healthcheck` cannot follow in a chain: only plans can (its outcome is View)",
            ),
            (unknown, no_runbook),
        ] {
            let chain = Parsed {
                then: vec![next],
                ..check.clone()
            };
            assert_eq!(planned(&chain), Err(refused.to_owned()));
        }
    }

    #[test]
    fn a_chain_is_restated_in_its_order() {
        let check = command("healthcheck", "web");
        let alone = planned(&check).unwrap();
        assert_eq!(alone.restatement, "check web in staging");
        assert_eq!(
            (alone.runbook.as_str(), alone.raw_text.as_str()),
            ("healthcheck", "as typed")
        );
        assert_eq!(
            (alone.env.as_deref(), alone.services.as_slice()),
            (Some("staging"), &["web".to_owned()][..])
        );
        assert!(alone.then.is_empty() && alone.only_if.is_none());
        let commands = Parsed {
            then: vec![command("deploy", "web"), command("healthcheck", "api")],
            ..check
        };
        let chain = planned(&commands).unwrap();
        assert_eq!(
            chain.restatement,
            "check web in staging, then deploy web to staging, then check api in staging"
        );
        let names: Vec<_> = chain.then.iter().map(|p| p.runbook.as_str()).collect();
        assert_eq!(names, ["deploy", "healthcheck"]);
        let inputs = [("version".to_owned(), "1.2".to_owned())];
        let chain = planned_with(&commands, &inputs).unwrap();
        assert_eq!(
            chain.then[0].inputs.get("version").map(String::as_str),
            Some("1.2"),
            "inputs given apart are those of every link"
        );
    }

    #[test]
    fn a_condition_is_part_of_the_restatement_or_blocks_the_plan() {
        let on = |service: &str, negated| Parsed {
            only_if: Some(Box::new(Parsed {
                negated,
                ..command("healthcheck", service)
            })),
            ..command("healthcheck", "web")
        };
        for (negated, wanted) in [
            (
                false,
                "check web in staging only if web in staging is healthy",
            ),
            (
                true,
                "check web in staging unless web in staging is healthy",
            ),
        ] {
            let plan = planned(&on("web", negated)).unwrap();
            assert_eq!(plan.restatement, wanted);
            let gate = plan.only_if.unwrap();
            assert_eq!((gate.negated, gate.steps.len()), (negated, 1));
            assert!(plan.risks.iter().all(|risk| risk.level != RiskLevel::Block));
        }
        let blocked = planned(&on("api", false)).unwrap();
        assert!(blocked.only_if.is_none());
        let risk = &blocked.risks[0];
        assert_eq!(
            (risk.level, risk.code.as_str()),
            (RiskLevel::Block, "NOT_CONFIGURED")
        );
        assert!(
            risk.message
                .starts_with("whether api in staging is healthy cannot be known: "),
            "{risk:?}"
        );
    }

    #[test]
    fn a_changed_runbook_is_named_with_its_version() {
        let plan = |version: &str| Plan {
            runbook: "tidy".to_owned(),
            version: version.to_owned(),
            ..Plan::default()
        };
        let last = Run {
            id: RunId(7),
            parent: None,
            plan: plan("1"),
            status: RunStatus::Succeeded,
            actor: String::new(),
            trigger: String::new(),
            reason: None,
            requested_at: Timestamp(0),
            started_at: None,
            finished_at: None,
            message: None,
            holder: None,
            lease_until: None,
            cancel_requested_by: None,
            orders: crate::core::run::orders::Orders::default(),
            retry_of: None,
            again: crate::core::run::again::Again::default(),
            lane: Lane::default(),
            priority: Priority::default(),
            last_seq: 0,
        };
        for (version, wanted) in [("1", "still version 1"), ("2", "version 1 → 2")] {
            assert_eq!(
                changed(&last, &plan(version)),
                format!("tidy was changed since run #7 ({wanted}); against the plan of that run:")
            );
        }
    }

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
