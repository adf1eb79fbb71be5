//! A plan: a runbook with resolved inputs, risks and steps; what a person sees before a run and what the run pins.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::run::Phase;
use super::step::StepSpec;

/// Everything a run will do, decided before it starts. Serialised whole into the run record; its hash names it.
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
    /// The environment is protected: starting asks for [`Plan::confirm_word`] typed out.
    pub protected: bool,
    pub inputs: BTreeMap<String, String>,
    pub risks: Vec<Risk>,
    /// What it talks to: `http web.acme.test`, `shell`.
    pub integrations: Vec<String>,
    pub steps: Vec<PlanStep>,
    /// Run whatever happened, after the five phases, also after cancel.
    #[serde(default)]
    pub finally: Vec<PlanStep>,
    /// Total deadline of the run, milliseconds.
    pub timeout_ms: i64,
    /// The text as typed, and what was understood.
    pub raw_text: String,
    pub restatement: String,
    /// Checked first; the run is skipped, with the reason, unless every one of its steps succeeds.
    #[serde(default)]
    pub only_if: Option<Gate>,
    /// Started one after the other, each only after the one before succeeded.
    #[serde(default)]
    pub then: Vec<Plan>,
}

impl Plan {
    /// What must be typed before a plan for a protected environment starts: the single service, else the environment.
    /// `None`: Enter is enough.
    #[must_use]
    pub fn confirm_word(&self) -> Option<&str> {
        if let Some(word) = self.then.iter().find_map(|p| if self.needs_typing() { None } else { p.confirm_word() }) {
            return Some(word);
        }
        if !self.needs_typing() {
            return None;
        }
        match self.services.as_slice() {
            [one] => Some(one),
            _ => self.env.as_deref(),
        }
    }

    fn needs_typing(&self) -> bool {
        self.protected && self.mutates
    }

    /// The risks that stop it from starting, in any link of the chain.
    pub fn blocks(&self) -> impl Iterator<Item = &Risk> {
        let own = self.risks.iter().filter(|r| r.level == RiskLevel::Block);
        own.chain(self.then.iter().flat_map(|p| p.risks.iter().filter(|r| r.level == RiskLevel::Block)))
    }
}

/// A condition said in the command: "only if staging is healthy".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// As said: `staging is healthy`.
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

/// How much a risk weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RiskLevel {
    Info,
    Warn,
    Block,
}

impl RiskLevel {
    /// The word on screen and in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Block => "block",
        }
    }
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanStep {
    pub name: String,
    pub phase: Phase,
    pub spec: StepSpec,
    /// Total deadline of one attempt, milliseconds.
    pub timeout_ms: i64,
    #[serde(default)]
    pub retry: Option<Retry>,
    #[serde(default)]
    pub on_failure: OnFailure,
    #[serde(default)]
    pub idempotent: bool,
    /// The service and environment it acts on, when it acts on one.
    #[serde(default)]
    pub target: Option<Target>,
    /// Its outcome is an observation of the target's state.
    #[serde(default)]
    pub probe: bool,
}

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

/// What happens to the run when a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// The run fails after this step; later phases are skipped, and say so.
    #[default]
    Stop,
    /// The rest runs; the run still ends failed.
    Continue,
}

/// How often a failed step is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Attempts in total, at least 1.
    pub attempts: u32,
    /// Wait before attempt n+1 is `min(base · 2^(n−1), cap)`, milliseconds.
    pub base_ms: i64,
    pub cap_ms: i64,
}

impl Retry {
    /// Milliseconds to wait after failed attempt number `attempt` (from 1), without jitter.
    #[must_use]
    pub fn wait_ms(&self, attempt: u32) -> i64 {
        let factor = 1_i64.checked_shl(attempt.saturating_sub(1).min(40)).unwrap_or(i64::MAX);
        self.base_ms.saturating_mul(factor).min(self.cap_ms)
    }
}
