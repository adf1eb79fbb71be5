//! What the steps of a run came to, for the expressions of later steps. Only what somebody asks for is kept; the record
//! of it is in the events of the steps.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::core::expr::Value;
use crate::core::plan::{PlanStep, Scope, Weighed};
use crate::core::run::StepStatus;

/// Results by the sub-runbook they belong to, and when each sub-runbook must be through.
#[derive(Debug, Default)]
pub(super) struct Results {
    kept: Mutex<BTreeMap<String, Scope>>,
    deadlines: Mutex<HashMap<String, Instant>>,
}

impl Results {
    /// Keeps what a step came to, when it has a name somebody asks for.
    pub(super) fn keep(&self, step: &PlanStep, status: StepStatus, weighed: &Weighed) {
        self.put(step, status, weighed.result.clone());
    }

    /// Keeps that a step did not run.
    pub(super) fn keep_status(&self, step: &PlanStep, status: StepStatus) {
        self.put(step, status, BTreeMap::new());
    }

    fn put(&self, step: &PlanStep, status: StepStatus, mut result: BTreeMap<String, Value>) {
        if step.rules.key.is_empty() {
            return;
        }
        result.insert("status".to_owned(), Value::Text(status.name().to_owned()));
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.entry(step.rules.scope.clone()).or_default().insert(step.rules.key.clone(), Value::Map(result));
    }

    /// What a step's expressions may see of the steps before it.
    pub(super) fn seen_by(&self, step: &PlanStep) -> Scope {
        if step.rules.expressions().next().is_none() && !step.rules.fills {
            return Scope::new();
        }
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&step.rules.scope).cloned().unwrap_or_default()
    }

    /// When the sub-runbook of that name must be through; its time begins with the first asking.
    pub(super) fn deadline(&self, name: &str, timeout_ms: i64) -> Instant {
        let ms = u64::try_from(timeout_ms).unwrap_or(0).min(1_000_000_000_000);
        let mut deadlines = self.deadlines.lock().unwrap_or_else(PoisonError::into_inner);
        *deadlines.entry(name.to_owned()).or_insert_with(|| Instant::now() + std::time::Duration::from_millis(ms))
    }
}

/// The plain text of something saved.
pub(super) fn saved(seen: &Scope, step: &str, name: &str) -> Result<String, String> {
    match seen.get(step) {
        Some(Value::Map(fields)) => {
            let value = fields.get(name).ok_or_else(|| format!("step {step} did not save `{name}`"))?;
            Ok(value.to_plain())
        }
        _ => Err(format!("step {step} has no result, so `{name}` of it is missing")),
    }
}
