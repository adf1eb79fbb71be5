//! The whole record of a run: who requested it and why, from which definition, with what, and when
//! each thing changed. Also keeps the values of secrets out of it.

use serde::Serialize;

use crate::control::{Control, Refusal};
use crate::core::base::message::{MAX_OUTCOME_BYTES, cut_to};
use crate::core::base::redact::Redactor;
use crate::core::run::artifact::Artifact;
use crate::core::run::note::RunNote;
use crate::core::run::plan::{Plan, PlanStep, plan_hash};
use crate::core::run::{Change, Run, RunId, RunStep};
use crate::core::stack::service::Stack;

/// All stored data of a run except its log and the contents of its artifacts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    pub run: Run,
    pub plan_hash: String,
    pub steps: Vec<RunStep>,
    /// Every change of the run and of its steps, oldest first.
    pub changes: Vec<Change>,
    pub artifacts: Vec<Artifact>,
    /// Notes of people, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<RunNote>,
}

impl Control {
    /// The record of a run.
    pub async fn record(&self, run: RunId) -> Result<Record, Refusal> {
        let scope = self.scope().await?;
        let run = scope.run(run).await?;
        let (steps, changes) = (scope.steps(run.id).await?, scope.history(run.id).await?);
        let artifacts = scope.artifacts(run.id).await?;
        let notes = scope.notes(run.id).await?;
        Ok(Record {
            plan_hash: plan_hash(&run.plan),
            run,
            steps,
            changes,
            artifacts,
            notes,
        })
    }

    /// A plan is stored unredacted, because resuming it needs it exactly; so it must not contain a
    /// secret's value.
    pub(in crate::control) fn holds_no_secret(&self, plan: &Plan) -> Result<(), Refusal> {
        let redactor = self.0.settings.context.vault.strict_redactor();
        if redactor.is_empty() {
            return Ok(());
        }
        let found = |value: &serde_json::Value| is_in(&redactor, value);
        // A plan has JSON: it is about to be stored as such.
        let whole = serde_json::to_value(plan).unwrap_or_default();
        if !found(&whole) {
            return Ok(());
        }
        let in_step = |step: &&PlanStep| serde_json::to_value(step).is_ok_and(|step| found(&step));
        for link in plan.links() {
            if let Some((name, _)) = link.inputs.iter().find(|(_, value)| redactor.finds(value)) {
                return Err(Refusal::Invalid(format!(
                    "the input {name} holds the value of a secret, which would be kept with the run; give the secret's name \
                     to an input of type secret instead"
                )));
            }
            if let Some((_, step)) = link.numbered().find(|(_, step)| in_step(step)) {
                return Err(Refusal::Invalid(format!(
                    "step {} holds the value of a secret, which would be kept with the run; write the secret's name where \
                     its value stands (secrets, auth, headers)",
                    step.name
                )));
            }
        }
        Err(Refusal::Invalid(
            "the request holds the value of a secret, which would be kept with the run; say it without".to_owned(),
        ))
    }

    /// The same for a stack file, which is also stored unredacted.
    pub(in crate::control) fn stack_holds_no_secret(&self, stack: &Stack) -> Result<(), Refusal> {
        let redactor = self.0.settings.context.vault.strict_redactor();
        let found = |json: serde_json::Result<serde_json::Value>| {
            json.is_ok_and(|json| is_in(&redactor, &json))
        };
        if redactor.is_empty() || !found(serde_json::to_value(stack)) {
            return Ok(());
        }
        let service = stack
            .services
            .iter()
            .find(|service| found(serde_json::to_value(service)));
        let place = service.map_or_else(
            || "the stack file".to_owned(),
            |service| format!("service {}", service.name),
        );
        Err(Refusal::Invalid(format!(
            "{place} holds the value of a secret, which would be kept in the store; write the secret's name where its value \
             stands (secret_ref, secrets)"
        )))
    }

    /// A person's text, without the values of secrets.
    pub(in crate::control) fn clean(&self, text: Option<&str>) -> Option<String> {
        text.map(|text| self.0.settings.context.vault.redactor().redact(text))
    }

    /// The same for a reason; one that is too long for a message is cut, and the cut is marked.
    pub(in crate::control) fn clean_reason(&self, reason: Option<&str>) -> Option<String> {
        let reason = self.clean(reason.map(str::trim).filter(|reason| !reason.is_empty()))?;
        Some(if reason.len() > MAX_OUTCOME_BYTES {
            cut_to(&reason, MAX_OUTCOME_BYTES, None)
        } else {
            reason
        })
    }
}

fn is_in(redactor: &Redactor, value: &serde_json::Value) -> bool {
    let mut clean = value.clone();
    redactor.redact_json(&mut clean);
    clean != *value
}
