//! Approvals that the stack demands: every change in an environment or of a service with an `approve`
//! rule begins with an answer of people, whatever its runbook says. The approvals are the first steps
//! of the plan, in phase validate, so that no jump after a failure leads past them.

use std::collections::BTreeSet;

use super::expand::Draft;
use super::targets::Resolved;
use crate::run::Phase;
use crate::run::plan::{Plan, PlanStep, Risk, RiskLevel, Target};
use crate::run::step::StepSpec;
use crate::run::step::approve::Approve;
use crate::stack::service::{ApprovalRule, Stack};

/// How long people have for an answer, milliseconds.
const WITHIN_MS: i64 = 24 * 3_600_000;

/// Adds the approvals that the stack demands for a change of these targets, of those that called
/// runbooks change, and of those of any step, before all other steps.
pub(super) fn demand(
    drafts: &mut Vec<Draft>,
    finally: &[Draft],
    (resolved, reached): (&Resolved<'_>, &BTreeSet<Target>),
    stack: &Stack,
) -> Vec<Risk> {
    let all = drafts.iter().chain(finally);
    let all = all.flat_map(|draft| std::iter::once(&draft.step).chain(&draft.undo));
    let mut changed = Changed::new(
        resolved.env.map(|env| env.name.as_str()),
        &resolved.services(),
        all.filter_map(|step| step.target.as_ref()).chain(reached),
    );
    let places = resolved.targets.iter().filter_map(|(_, t)| t.env.clone());
    changed.environments.extend(places);
    let demands = demands(&changed, stack);
    let asked = first_approvals(drafts.iter().map(|draft| &draft.step));
    let steps: Vec<Draft> = demands
        .iter()
        .filter(|demand| !asked.iter().any(|step| demand.rule.is_met_by(step)))
        .map(|demand| Draft {
            step: demand.step(),
            undo: None,
            origin: (String::new(), demand.name()),
            jump: None,
        })
        .collect();
    drafts.splice(0..0, steps);
    demands.iter().map(Demand::risk).collect()
}

/// The approvals that come before everything else: nothing leads past them, because an approval
/// that is not given always ends the run.
fn first_approvals<'a>(steps: impl Iterator<Item = &'a PlanStep>) -> Vec<&'a PlanStep> {
    let mut in_order: Vec<&PlanStep> = steps.collect();
    in_order.sort_by_key(|step| step.phase);
    let asks = |step: &&PlanStep| matches!(step.spec, StepSpec::Approve(_));
    in_order.into_iter().take_while(asks).collect()
}

/// The environment or service whose rule this plan does not meet, because it was made before;
/// `None`: it meets all of them.
#[must_use]
pub fn lacks_approval(plan: &Plan, stack: &Stack) -> Option<String> {
    if !plan.mutates {
        return None;
    }
    let targets = plan.numbered().filter_map(|(_, step)| step.target.as_ref());
    let mut changed = Changed::new(plan.env.as_deref(), &plan.services, targets);
    let reached = plan.protected_envs.iter().cloned();
    changed.environments.extend(reached);
    let asked = first_approvals(plan.steps.iter());
    // Each rule by itself: how rules are merged depends on what else is changed.
    rules(&changed, stack)
        .into_iter()
        .find(|(_, rule)| !asked.iter().any(|step| rule.is_met_by(step)))
        .map(|(name, _)| name.to_owned())
}

/// The environments and services that a plan changes.
struct Changed {
    environments: BTreeSet<String>,
    services: BTreeSet<String>,
}

impl Changed {
    fn new<'a>(
        env: Option<&str>,
        services: &[String],
        targets: impl Iterator<Item = &'a Target>,
    ) -> Self {
        let mut changed = Self {
            environments: env.map(str::to_owned).into_iter().collect(),
            services: services.iter().cloned().collect(),
        };
        for target in targets {
            changed.environments.extend(target.env.clone());
            changed.services.insert(target.service.clone());
        }
        changed
    }
}

/// The rules that apply, with the name of the environment or service.
fn rules<'s>(changed: &Changed, stack: &'s Stack) -> Vec<(&'s str, &'s ApprovalRule)> {
    let environments = stack
        .environments
        .iter()
        .filter(|env| changed.environments.contains(&env.name))
        .filter_map(|env| Some((env.name.as_str(), env.approve.as_ref()?)));
    let services = stack
        .services
        .iter()
        .filter(|service| changed.services.contains(&service.name))
        .filter_map(|service| Some((service.name.as_str(), service.approve.as_ref()?)));
    environments.chain(services).collect()
}

/// A rule, and the environments and services that have it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Demand {
    rule: ApprovalRule,
    of: Vec<String>,
}

/// The rules that apply, each as strict as all those it was merged from.
fn demands(changed: &Changed, stack: &Stack) -> Vec<Demand> {
    let mut merged: Vec<Demand> = Vec::new();
    for (name, rule) in rules(changed, stack) {
        let both = merged
            .iter_mut()
            .find_map(|known| Some((stricter(&known.rule, rule)?, known)));
        match both {
            Some((rule, known)) => {
                known.rule = rule;
                known.of.push(name.to_owned());
            }
            None => merged.push(Demand {
                rule: rule.clone(),
                of: vec![name.to_owned()],
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

    fn step(&self) -> PlanStep {
        let ask = Approve {
            prompt: format!("{} demands approval for every change", self.of.join(", ")),
            need: self.rule.need,
            from: self.rule.from.clone(),
            ..Approve::default()
        };
        PlanStep::new(
            &self.name(),
            Phase::Validate,
            StepSpec::Approve(ask),
            WITHIN_MS,
        )
    }
}

impl ApprovalRule {
    /// Whether a step asks for at least as much, in every case.
    fn is_met_by(&self, step: &PlanStep) -> bool {
        let StepSpec::Approve(ask) = &step.spec else {
            return false;
        };
        let among = self.from.is_empty()
            || (!ask.from.is_empty() && ask.from.iter().all(|name| self.from.contains(name)));
        let always = step.rules.when.is_none() && step.rules.within.is_empty();
        always && ask.need >= self.need && among
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::plan::plan_hash;
    use crate::stack::service::{Action, ActionCall, Environment, Service, Verb};
    use crate::stack::shell::ShellCommand;

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
        let services = ["web", "api"].map(str::to_owned);
        let changed = Changed::new(Some("prod"), &services, std::iter::empty());
        demands(&changed, &stack)
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
    fn a_built_in_change_begins_with_the_approval_and_the_hash_covers_it() {
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
        assert_eq!(plan.steps[0].name, step.name, "{:?}", plan.steps);
        assert_eq!(step.phase, Phase::Validate);
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
        let demanded = rule(1, &["bo", "cy"]);
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
                demanded.is_met_by(&asks(need, from)),
                enough,
                "{need} {from:?}"
            );
        }
    }

    fn of_file(text: &str, stack: &Stack) -> Plan {
        let head = "name = \"swap\"\ntitle = \"swap\"\nversion = \"1\"\nmutates = true\nenv = \"optional\"\nservices = \"none\"\n";
        let runbook = crate::runbook::parse("swap.toml", &format!("{head}{text}"))
            .unwrap_or_else(|problems| panic!("{problems:#?}"));
        let request = crate::runbook::Request {
            env: Some("prod".to_owned()),
            ..crate::runbook::Request::default()
        };
        crate::runbook::plan(&runbook, &request, stack)
    }

    #[test]
    fn no_jump_leads_past_the_approval() {
        let stack = ruled(Some(rule(1, &["bo", "cy"])));
        let look = "[[step]]\nname = \"look\"\nphase = \"preflight\"\non_failure = \"swap\"\nshell = [\"false\"]\n";
        let ask = "[[step]]\nname = \"ask\"\nphase = \"PHASE\"\napprove = { prompt = \"Swap?\", from = [\"bo\"] }\n";
        let swap = "[[step]]\nname = \"swap\"\nphase = \"action\"\nshell = [\"true\"]\n";
        let asked = ask.replace("PHASE", "preflight");
        let early = ask.replace("PHASE", "validate");
        for (text, wanted) in [
            (
                format!("{look}{swap}"),
                &["approval for prod", "look", "swap"][..],
            ),
            (
                format!("{look}{asked}{swap}"),
                &["approval for prod", "look", "ask", "swap"],
            ),
            (format!("{asked}{look}{swap}"), &["ask", "look", "swap"]),
            (format!("{look}{early}{swap}"), &["ask", "look", "swap"]),
        ] {
            let plan = of_file(&text, &stack);
            let names: Vec<_> = plan.steps.iter().map(|s| s.name.as_str()).collect();
            assert_eq!(names, wanted, "{text}{:?}", plan.risks);
            assert_eq!(lacks_approval(&plan, &stack), None, "{text}");
        }
        let plan = of_file(&format!("{look}{asked}{swap}"), &Stack::default());
        assert_eq!(lacks_approval(&plan, &stack), None, "unknown environment");
    }

    /// The targets of steps count, also where the plan itself names none.
    #[test]
    fn the_rules_of_the_targets_of_all_steps_apply() {
        let mut stack = ruled(None);
        stack.services[0].approve = Some(rule(1, &["bo"]));
        let web = |phase| {
            let wait = StepSpec::Wait(crate::run::step::wait::Wait { ms: 1 });
            let mut step = PlanStep::new("restart web", phase, wait, 1);
            step.target = Some(Target {
                service: "web".to_owned(),
                env: Some("prod".to_owned()),
            });
            step
        };
        let draft = |step: PlanStep, undo| Draft {
            step,
            undo,
            origin: (String::new(), String::new()),
            jump: None,
        };
        let untargeted = || {
            let mut step = web(Phase::Action);
            step.target = None;
            step
        };
        for (steps, finally) in [
            (vec![draft(web(Phase::Action), None)], vec![]),
            (vec![draft(untargeted(), Some(web(Phase::Action)))], vec![]),
            (
                vec![draft(untargeted(), None)],
                vec![draft(web(Phase::Summarize), None)],
            ),
        ] {
            let plan = |drafts: &[Draft]| Plan {
                mutates: true,
                steps: drafts.iter().map(|d| d.step.clone()).collect(),
                undo: drafts.iter().filter_map(|d| d.undo.clone()).collect(),
                finally: finally.iter().map(|d| d.step.clone()).collect(),
                ..Plan::default()
            };
            let mut drafts = steps;
            assert_eq!(
                lacks_approval(&plan(&drafts), &stack).as_deref(),
                Some("web")
            );
            demand(
                &mut drafts,
                &finally,
                (&Resolved::default(), &BTreeSet::new()),
                &stack,
            );
            assert_eq!(drafts[0].step.name, "approval for web");
            assert_eq!(lacks_approval(&plan(&drafts), &stack), None);
        }
    }
}
