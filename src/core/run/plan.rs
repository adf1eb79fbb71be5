//! A plan: a runbook with resolved inputs, risks and steps; shown to a person before a run, and
//! stored with the run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::Digest;

mod changes;
mod confirm;
pub mod deferred;
mod evaluate;
mod links;
pub(crate) mod placeholder;
mod rules;
mod step;

pub use changes::diff;
pub use confirm::is_confirmed;
pub use evaluate::{Evaluation, SENSITIVE};
pub use links::StepLink;
pub use rules::{Each, Rules, Scope, Within};
pub use step::{OnFailure, PlanStep, Retry};

use crate::run::concurrency::{Concurrency, Policy};
use crate::run::priority::Priority;
use crate::run::step::StepSpec;
use crate::run::step::approve::Approve;
use crate::stack::service::Service;
use crate::{serde_by_word, words};

/// Everything a run will do, decided before it starts. Serialised whole into the run record; its
/// hash names it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// Runbook name: `deploy`, `healthcheck` …
    pub runbook: String,
    /// Version of the runbook and hash of its definition (first 16 hex digits of SHA-256).
    pub version: String,
    pub definition_hash: String,
    /// True for its target: `deploy web → staging`.
    pub title: String,
    pub env: Option<String>,
    /// Canonical service names, resolved (never `*`).
    pub services: Vec<String>,
    pub mutates: bool,
    /// A protected environment is involved: starting asks for [`Plan::confirm_word`] typed out.
    pub protected: bool,
    /// The protected environments, unless the plan's own is the only one: those of its targets and
    /// of what called runbooks change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protected_envs: Vec<String>,
    pub inputs: BTreeMap<String, String>,
    pub risks: Vec<Risk>,
    /// Integrations it uses: `http web.acme.test`, `shell`.
    pub integrations: Vec<String>,
    pub steps: Vec<PlanStep>,
    /// Always run, after the five phases, also after cancel.
    #[serde(default)]
    pub finally: Vec<PlanStep>,
    /// Undoes completed steps when action or verify fails, before `finally`; in the order it would
    /// run. Numbered after the `finally` steps; each names the step it undoes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undo: Vec<PlanStep>,
    /// Total deadline of the run, milliseconds.
    pub timeout_ms: i64,
    /// Its priority in the queue, unless set when it is started.
    #[serde(default, skip_serializing_if = "Priority::is_normal")]
    pub priority: Priority,
    /// The group of runs it never runs together with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    /// The text as typed, and its interpretation.
    pub raw_text: String,
    pub restatement: String,
    /// Checked first; the run is skipped, with the reason, unless every one of its steps succeeds.
    #[serde(default)]
    pub only_if: Option<RunCondition>,
    /// Started one after the other, each only after the one before succeeded.
    #[serde(default)]
    pub then: Vec<Plan>,
}

impl Plan {
    /// Every step that a run of it records, in the order of their numbers: phases, `finally`,
    /// `undo`.
    pub fn numbered(&self) -> impl Iterator<Item = (u32, &PlanStep)> {
        (0..).zip(self.steps.iter().chain(&self.finally).chain(&self.undo))
    }

    /// The step of that number, and where it belongs: a phase, `finally` or `undo`.
    #[must_use]
    pub fn numbered_step(&self, number: u32) -> Option<(&PlanStep, &'static str)> {
        let at = usize::try_from(number).ok()?;
        if let Some(step) = self.steps.get(at) {
            return Some((step, step.phase.name()));
        }
        let at = at - self.steps.len();
        let undo = || {
            self.undo
                .get(at - self.finally.len())
                .map(|step| (step, "undo"))
        };
        self.finally
            .get(at)
            .map(|step| (step, "finally"))
            .or_else(undo)
    }

    /// Its steps that need approval.
    pub fn approvals(&self) -> impl Iterator<Item = (&PlanStep, &Approve)> {
        self.steps.iter().filter_map(|step| match &step.spec {
            StepSpec::Approve(ask) => Some((step, ask)),
            _ => None,
        })
    }

    /// Whether a person has to approve one of its steps.
    #[must_use]
    pub fn needs_approval(&self) -> bool {
        self.approvals().next().is_some()
    }

    /// Whether one of these services is one of its own.
    #[must_use]
    pub fn shares_a_service(&self, services: &[String]) -> bool {
        self.services
            .iter()
            .any(|service| services.contains(service))
    }

    /// The risks that stop it from starting, in any link of the chain.
    pub fn blocks(&self) -> impl Iterator<Item = &Risk> {
        self.links()
            .into_iter()
            .flat_map(|p| &p.risks)
            .filter(|r| r.level == RiskLevel::Block)
    }

    /// This plan and those after it, in the order they would run. Conditions are not links: their
    /// steps are read-only, and their obstacles are risks of the plan they belong to.
    #[must_use]
    pub fn links(&self) -> Vec<&Self> {
        std::iter::once(self)
            .chain(self.then.iter().flat_map(Self::links))
            .collect()
    }

    /// The plan of the run that follows when a run of this one has succeeded, with the links after
    /// it.
    #[must_use]
    pub fn next_link(&self) -> Option<Self> {
        let (next, rest) = self.then.split_first()?;
        let mut next = next.clone();
        next.then.extend_from_slice(rest);
        Some(next)
    }

    /// Whether starting it changes something, here or in a plan after it: by its steps, or by
    /// cancelling other people's runs.
    #[must_use]
    pub fn changes_something(&self) -> bool {
        let cancels = |plan: &Self| {
            plan.concurrency
                .as_ref()
                .is_some_and(|c| c.policy == Policy::CancelRunning)
        };
        self.links()
            .into_iter()
            .any(|plan| plan.mutates || cancels(plan))
    }
}

/// Names a plan by its content: hex SHA-256 of its JSON with sorted keys and no spaces. Approvals
/// and dry runs refer to it; any change of steps, inputs, risks, condition or chain changes it.
#[must_use]
pub fn plan_hash(plan: &Plan) -> String {
    // A plan is strings, numbers, lists and maps with string keys: writing it as JSON cannot fail.
    let json = serde_json::to_value(plan).map(sorted).unwrap_or_default();
    hex_sha256(json.to_string().as_bytes())
}

/// Hex SHA-256 of some bytes.
#[must_use]
pub fn hex_sha256(bytes: &[u8]) -> String {
    use std::fmt::Write;
    sha2::Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}"); // writing to a String cannot fail
            hex
        })
}

/// Sorted keys at every level, whatever map `serde_json` was built with.
fn sorted(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(map) => {
            let sorted_map: BTreeMap<_, _> = map
                .into_iter()
                .map(|(key, value)| (key, sorted(value)))
                .collect();
            sorted_map.into_iter().collect()
        }
        serde_json::Value::Array(list) => list.into_iter().map(sorted).collect(),
        other => other,
    }
}

/// A condition of the command: "only if staging is healthy".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunCondition {
    /// As typed: `staging is healthy`.
    pub text: String,
    pub steps: Vec<PlanStep>,
    /// "unless", "if … is down": the run goes on only when a step fails.
    #[serde(default)]
    pub negated: bool,
}

/// Something to know before starting. `block` cannot be overridden, only its cause removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    pub level: RiskLevel,
    /// `PROD_CHANGE`, `NOT_CONFIGURED` …
    pub code: String,
    pub message: String,
}

words! {
    /// Level of a risk.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum RiskLevel {
        Info = "info",
        Warn = "warn",
        Block = "block",
    }
}

serde_by_word!(RiskLevel);

/// A service in an environment (`None`: a service that has none).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    pub service: String,
    pub env: Option<String>,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.env {
            Some(env) => write!(f, "{} in {env}", self.service),
            None => f.write_str(&self.service),
        }
    }
}

/// Where a service runs: one target per environment, or one without when it has none.
#[must_use]
pub fn targets_of(service: &Service) -> Vec<Target> {
    let target = |env: Option<&String>| Target {
        service: service.name.clone(),
        env: env.cloned(),
    };
    if service.environments.is_empty() {
        return vec![target(None)];
    }
    service
        .environments
        .iter()
        .map(|env| target(Some(env)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Phase;
    use crate::run::step::StepSpec;
    use crate::run::step::wait::Wait;

    fn deploy(env: &str, services: &[&str]) -> Plan {
        Plan {
            runbook: "deploy".to_owned(),
            env: Some(env.to_owned()),
            services: services.iter().map(ToString::to_string).collect(),
            mutates: true,
            protected: env == "prod",
            ..Plan::default()
        }
    }

    fn check(env: &str) -> Plan {
        Plan {
            runbook: "healthcheck".to_owned(),
            mutates: false,
            ..deploy(env, &[])
        }
    }

    fn wait_step() -> PlanStep {
        PlanStep::new(
            "probe web in prod",
            Phase::Verify,
            StepSpec::Wait(Wait { ms: 1 }),
            1000,
        )
    }

    #[test]
    fn each_link_of_a_chain_is_followed_by_the_rest() {
        let (one, two, three) = (check("one"), check("two"), check("three"));
        let mut plan = Plan {
            then: vec![two, three],
            ..one
        };
        let mut envs = Vec::new();
        while let Some(next) = plan.next_link() {
            envs.push(next.env.clone().unwrap());
            assert_eq!(next.then.len(), 2 - envs.len());
            plan = next;
        }
        assert_eq!(envs, ["two", "three"]);
    }

    fn gate() -> RunCondition {
        RunCondition {
            text: "prod is healthy".to_owned(),
            steps: vec![wait_step()],
            negated: false,
        }
    }

    fn chain(first: Plan, then: Vec<Plan>) -> Plan {
        Plan { then, ..first }
    }

    #[test]
    fn the_word_to_type_is_that_of_the_first_link_that_needs_one() {
        for (plan, word) in [
            (deploy("staging", &["web"]), None),
            (check("prod"), None),
            (deploy("prod", &["web"]), Some("prod web")),
            (deploy("prod", &["web", "api"]), Some("prod web api")),
            (
                chain(deploy("staging", &["web"]), vec![deploy("prod", &["api"])]),
                Some("prod api"),
            ),
            (
                chain(deploy("prod", &["web"]), vec![deploy("prod", &["api"])]),
                Some("prod web"),
            ),
            (
                chain(
                    deploy("prod", &["web", "api"]),
                    vec![check("prod"), deploy("prod", &["web"])],
                ),
                Some("prod web api"),
            ),
            (
                chain(
                    check("prod"),
                    vec![chain(check("staging"), vec![deploy("prod", &["db"])])],
                ),
                Some("prod db"),
            ),
            (
                Plan {
                    only_if: Some(gate()),
                    ..deploy("staging", &["web"])
                },
                None,
            ),
            (
                Plan {
                    only_if: Some(gate()),
                    ..deploy("prod", &["web"])
                },
                Some("prod web"),
            ),
            (
                Plan {
                    env: None,
                    ..deploy("prod", &[])
                },
                Some("deploy"),
            ),
        ] {
            assert_eq!(plan.confirm_word().as_deref(), word, "{plan:?}");
            assert_eq!(plan.confirm_link().is_some(), word.is_some());
        }
    }

    #[test]
    fn a_block_in_any_link_blocks_the_whole() {
        let risk = |level| Risk {
            level,
            code: "X".to_owned(),
            message: String::new(),
        };
        let blocked = Plan {
            risks: vec![risk(RiskLevel::Warn), risk(RiskLevel::Block)],
            ..deploy("dev", &["web"])
        };
        assert_eq!(deploy("prod", &["web"]).blocks().count(), 0);
        assert_eq!(blocked.blocks().count(), 1);
        assert_eq!(
            chain(blocked.clone(), vec![blocked.clone()])
                .blocks()
                .count(),
            2
        );
        assert_eq!(
            chain(check("dev"), vec![chain(check("dev"), vec![blocked])])
                .blocks()
                .count(),
            1
        );
    }

    #[test]
    fn the_hash_is_the_content() {
        let plan = deploy("prod", &["web"]);
        assert_eq!(plan_hash(&plan), plan_hash(&plan.clone()));
        assert_eq!(plan_hash(&plan).len(), 64);
        let stored: Plan =
            serde_json::from_str(&serde_json::to_string_pretty(&plan).unwrap()).unwrap();
        assert_eq!(
            plan_hash(&plan),
            plan_hash(&stored),
            "a plan read back is the same plan"
        );
        let gated = Plan {
            only_if: Some(gate()),
            ..plan.clone()
        };
        let chained = Plan {
            then: vec![check("prod")],
            ..plan.clone()
        };
        let stepped = Plan {
            steps: vec![wait_step()],
            ..plan.clone()
        };
        let other_inputs = Plan {
            inputs: [("version".to_owned(), "2".to_owned())].into(),
            ..plan.clone()
        };
        let hashes: std::collections::HashSet<_> =
            [&plan, &gated, &chained, &stepped, &other_inputs]
                .map(plan_hash)
                .into();
        assert_eq!(hashes.len(), 5);
    }
}
