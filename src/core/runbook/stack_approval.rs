//! Approvals that the stack demands: every change in an environment or of a service with an `approve`
//! rule waits for people before its action phase, whatever its runbook says.

use super::expand::Draft;
use super::targets::Resolved;
use crate::run::Phase;
use crate::run::plan::{Plan, PlanStep, Risk, RiskLevel};
use crate::run::step::StepSpec;
use crate::run::step::approve::Approve;
use crate::stack::service::{ApprovalRule, Stack};

/// How long people have for an answer, milliseconds.
const WITHIN_MS: i64 = 24 * 3_600_000;

/// Adds the approvals that the stack demands for a change of these targets: before the first step of
/// the action phase, and before every step that changes something.
pub(super) fn demand(drafts: &mut Vec<Draft>, resolved: &Resolved<'_>, stack: &Stack) -> Vec<Risk> {
    let at = drafts
        .iter()
        .position(|draft| is_late(&draft.step))
        .unwrap_or(drafts.len());
    let phase = drafts
        .get(at)
        .map_or(Phase::Preflight, |draft| draft.step.phase)
        .min(Phase::Preflight);
    let mut places: Vec<&str> = resolved.env.iter().map(|env| env.name.as_str()).collect();
    places.extend(
        resolved
            .targets
            .iter()
            .filter_map(|(_, t)| t.env.as_deref()),
    );
    let demands = demands(&places, &resolved.services(), stack);
    let steps: Vec<Draft> = demands
        .iter()
        .filter(|demand| !drafts[..at].iter().any(|d| demand.is_met_by(&d.step)))
        .map(|demand| Draft {
            step: demand.step(phase),
            undo: None,
            origin: (String::new(), demand.name()),
            jump: None,
        })
        .collect();
    drafts.splice(at..at, steps);
    demands.iter().map(Demand::risk).collect()
}

/// Whether a step may only come after the approvals.
fn is_late(step: &PlanStep) -> bool {
    step.phase >= Phase::Action || step.spec.mutates()
}

/// The approval that the stack demands now and this plan does not ask for, because it was made
/// before; `None`: it asks for all of them.
#[must_use]
pub fn lacks_approval(plan: &Plan, stack: &Stack) -> Option<String> {
    if !plan.mutates {
        return None;
    }
    let targets = plan.steps.iter().filter_map(|step| step.target.as_ref());
    let mut places: Vec<&str> = plan.env.iter().map(String::as_str).collect();
    places.extend(targets.filter_map(|target| target.env.as_deref()));
    let before = || plan.steps.iter().take_while(|step| !is_late(step));
    demands(&places, &plan.services, stack)
        .into_iter()
        .find(|demand| !before().any(|step| demand.is_met_by(step)))
        .map(|demand| demand.of.join(", "))
}

/// A rule, and the environments and services that have it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Demand {
    rule: ApprovalRule,
    of: Vec<String>,
}

/// The rules that apply, each as strict as all those it was merged from.
fn demands(places: &[&str], changed: &[String], stack: &Stack) -> Vec<Demand> {
    let environments = stack
        .environments
        .iter()
        .filter(|env| places.contains(&env.name.as_str()))
        .map(|env| (&env.name, &env.approve));
    let services = stack
        .services
        .iter()
        .filter(|service| changed.contains(&service.name))
        .map(|service| (&service.name, &service.approve));
    let mut merged: Vec<Demand> = Vec::new();
    for (name, rule) in environments.chain(services) {
        let Some(rule) = rule else { continue };
        let both = merged
            .iter_mut()
            .find_map(|known| Some((stricter(&known.rule, rule)?, known)));
        match both {
            Some((rule, known)) => {
                known.rule = rule;
                known.of.push(name.clone());
            }
            None => merged.push(Demand {
                rule: rule.clone(),
                of: vec![name.clone()],
            }),
        }
    }
    merged
}

/// The rule whose approval satisfies both; `None`: too few people may approve for both, so each is
/// asked for by itself.
fn stricter(one: &ApprovalRule, other: &ApprovalRule) -> Option<ApprovalRule> {
    let need = one.need.max(other.need);
    let from = match (one.from.is_empty(), other.from.is_empty()) {
        (true, _) => other.from.clone(),
        (false, true) => one.from.clone(),
        (false, false) => {
            let shared = one.from.iter().filter(|name| other.from.contains(name));
            let shared: Vec<String> = shared.cloned().collect();
            if shared.is_empty() {
                return None;
            }
            shared
        }
    };
    let enough = from.is_empty() || u32::try_from(from.len()).is_ok_and(|n| n >= need);
    enough.then_some(ApprovalRule { need, from })
}

impl Demand {
    /// Says on the plan card what is waited for.
    fn risk(&self) -> Risk {
        let who = match self.rule.from.as_slice() {
            [] => "anyone but the requester".to_owned(),
            names => names.join(", "),
        };
        Risk {
            level: RiskLevel::Info,
            code: "APPROVAL".to_owned(),
            message: format!(
                "{} demands approval before anything changes: {} of {who}",
                self.of.join(", "),
                self.rule.need
            ),
        }
    }

    fn name(&self) -> String {
        format!("approval for {}", self.of.join(", "))
    }

    fn step(&self, phase: Phase) -> PlanStep {
        let ask = Approve {
            prompt: format!("{} demands approval for every change", self.of.join(", ")),
            need: self.rule.need,
            from: self.rule.from.clone(),
            ..Approve::default()
        };
        PlanStep::new(&self.name(), phase, StepSpec::Approve(ask), WITHIN_MS)
    }

    /// Whether a step of the runbook asks for at least as much, in every case.
    fn is_met_by(&self, step: &PlanStep) -> bool {
        let StepSpec::Approve(ask) = &step.spec else {
            return false;
        };
        let among = self.rule.from.is_empty()
            || (!ask.from.is_empty() && ask.from.iter().all(|name| self.rule.from.contains(name)));
        let always = step.rules.when.is_none() && step.rules.within.is_empty();
        always && ask.need >= self.rule.need && among
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::plan::plan_hash;
    use crate::stack::service::{Action, ActionCall, Environment, Service, ShellCommand, Verb};

    fn rule(need: u32, from: &[&str]) -> ApprovalRule {
        ApprovalRule {
            need,
            from: from.iter().map(ToString::to_string).collect(),
        }
    }

    /// What is asked for a change of web and api in prod: need, people, whose rules.
    fn asked(
        prod: Option<ApprovalRule>,
        web: Option<ApprovalRule>,
        api: Option<ApprovalRule>,
    ) -> Vec<(u32, Vec<String>, Vec<String>)> {
        let service = |name: &str, approve| Service {
            name: name.to_owned(),
            environments: vec!["prod".to_owned()],
            approve,
            ..Service::default()
        };
        let stack = Stack {
            environments: vec![Environment {
                name: "prod".to_owned(),
                approve: prod,
                ..Environment::default()
            }],
            services: vec![service("web", web), service("api", api)],
            ..Stack::default()
        };
        let changed = ["web", "api"].map(str::to_owned);
        demands(&["prod"], &changed, &stack)
            .into_iter()
            .map(|demand| (demand.rule.need, demand.rule.from, demand.of))
            .collect()
    }

    #[test]
    fn rules_merge_to_the_stricter_and_where_that_is_impossible_both_are_asked_for() {
        let text = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(asked(None, None, None), []);
        assert_eq!(
            asked(Some(rule(1, &["bo", "cy"])), None, None),
            [(1, text(&["bo", "cy"]), text(&["prod"]))]
        );
        assert_eq!(
            asked(Some(rule(2, &[])), Some(rule(1, &["bo", "cy", "di"])), None),
            [(2, text(&["bo", "cy", "di"]), text(&["prod", "web"]))]
        );
        assert_eq!(
            asked(
                Some(rule(1, &["ana", "bo", "cy"])),
                Some(rule(2, &["bo", "cy", "di"])),
                Some(rule(1, &["eli"])),
            ),
            [
                (2, text(&["bo", "cy"]), text(&["prod", "web"])),
                (1, text(&["eli"]), text(&["api"])),
            ]
        );
        // One person cannot be two.
        assert_eq!(
            asked(
                Some(rule(2, &["bo", "cy"])),
                Some(rule(1, &["cy", "di"])),
                None
            ),
            [
                (2, text(&["bo", "cy"]), text(&["prod"])),
                (1, text(&["cy", "di"]), text(&["web"])),
            ]
        );
    }

    /// The stack with a rule for prod and a restart that is a command.
    fn ruled(approve: Option<ApprovalRule>) -> Stack {
        let restart = Action {
            verb: Verb::Restart,
            environments: Vec::new(),
            call: ActionCall::Shell(ShellCommand::Script("true".to_owned())),
            timeout_ms: 1000,
            idempotent: true,
            secrets: Vec::new(),
        };
        Stack {
            environments: vec![Environment {
                name: "prod".to_owned(),
                approve,
                ..Environment::default()
            }],
            services: vec![Service {
                name: "web".to_owned(),
                environments: vec!["prod".to_owned()],
                actions: vec![restart],
                ..Service::default()
            }],
            ..Stack::default()
        }
    }

    fn planned(runbook: &str, stack: &Stack) -> Plan {
        let all = crate::runbook::built_in();
        let runbook = all.iter().find(|r| r.name == runbook).unwrap();
        let request = crate::runbook::Request {
            env: Some("prod".to_owned()),
            services: vec!["web".to_owned()],
            ..crate::runbook::Request::default()
        };
        crate::runbook::plan(runbook, &request, stack)
    }

    #[test]
    fn a_built_in_change_asks_before_its_action_phase_and_the_hash_covers_it() {
        let free = ruled(None);
        let bound = ruled(Some(rule(1, &["bo", "cy"])));
        let plan = planned("restart", &bound);
        let (step, ask) = plan.approvals().next().unwrap();
        assert_eq!(
            (step.name.as_str(), ask.need, ask.from.as_slice()),
            (
                "approval for prod",
                1,
                &["bo".to_owned(), "cy".to_owned()][..]
            )
        );
        let at = plan.steps.iter().position(|s| s.name == step.name).unwrap();
        let late = plan.steps.iter().position(|s| s.phase >= Phase::Action);
        assert_eq!(late, Some(at + 1), "{:?}", plan.steps);
        assert!(plan.steps[..at].iter().all(|s| s.phase <= step.phase));
        assert!(plan.risks.iter().any(|risk| risk.code == "APPROVAL"));
        assert_eq!(lacks_approval(&plan, &bound), None);

        let before = planned("restart", &free);
        assert!(!before.needs_approval());
        assert_ne!(plan_hash(&before), plan_hash(&plan));
        assert_eq!(lacks_approval(&before, &bound).as_deref(), Some("prod"));
        assert_eq!(lacks_approval(&before, &free), None);
        let check = planned("healthcheck", &bound);
        assert!(!check.needs_approval() && lacks_approval(&check, &bound).is_none());
    }

    #[test]
    fn a_step_of_the_runbook_that_asks_for_as_much_is_enough() {
        let demand = Demand {
            rule: rule(1, &["bo", "cy"]),
            of: vec!["prod".to_owned()],
        };
        let asks = |need, from: &[&str]| {
            let ask = Approve {
                need,
                from: rule(need, from).from,
                ..Approve::default()
            };
            PlanStep::new("ok?", Phase::Preflight, StepSpec::Approve(ask), 1)
        };
        for (need, from, enough) in [
            (1, &["bo"][..], true),
            (2, &["bo", "cy"], true),
            (1, &["bo", "di"], false),
            (1, &[], false),
        ] {
            assert_eq!(
                demand.is_met_by(&asks(need, from)),
                enough,
                "{need} {from:?}"
            );
        }
    }
}
