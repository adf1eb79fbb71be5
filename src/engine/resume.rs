//! A resumed run: its recorded steps and what they saved; waits continue from when they first began.

use std::collections::HashMap;

use super::World;
use super::drive::Drive;
use super::results::Results;
use super::step_ref::StepRef;
use crate::core::run::again::Again;
use crate::core::run::step::{Call, CallKind};
use crate::core::run::{Run, RunStep};
use crate::store::StoreError;

/// The step records and kept results of a run that was active before, or that goes on with another;
/// empty for a new one.
pub(super) async fn past(world: &World, run: &Run) -> Result<(Vec<RunStep>, Results), StoreError> {
    let results = Results::default();
    if run.started_at.is_none() && run.again != Again::FromFailed {
        return Ok((Vec::new(), results));
    }
    let steps = world.store.steps(run.id).await?;
    planted!(SavedValuesLost => return Ok((steps, results)));
    if run
        .plan
        .numbered()
        .any(|(_, step)| !step.rules.key.is_empty())
    {
        let logged: HashMap<_, _> = world.store.outcomes(run.id).await?.into_iter().collect();
        for record in &steps {
            if let Some((step, _)) = run.plan.numbered_step(record.index) {
                results.recall(step, record, logged.get(&record.index));
            }
        }
    }
    Ok((steps, results))
}

impl Drive {
    /// The call with the remaining time of a wait that began before.
    pub(super) fn rest_of(&self, place: StepRef, call: Call) -> Call {
        let Call {
            mut kind,
            mut timeout_ms,
        } = call;
        match &mut kind {
            CallKind::Wait(wait) => wait.ms = (wait.ms - self.waited_ms(place)).max(0),
            CallKind::Manual(_) | CallKind::Approve(_) => {
                timeout_ms = timeout_ms.saturating_sub(self.waited_ms(place)).max(0);
            }
            _ => {}
        }
        Call { kind, timeout_ms }
    }

    /// How long a step has waited under earlier engines and since, milliseconds.
    fn waited_ms(&self, place: StepRef) -> i64 {
        let record = place
            .index
            .and_then(|index| self.past.iter().find(|s| s.index == index));
        let began = record.and_then(|record| record.started_at);
        began.map_or(0, |began| self.rec.world.clock.now().ms_since(began).max(0))
    }
}
