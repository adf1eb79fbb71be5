//! What people ask of a run under way, and what they say to a step that wants approval.

use super::{Control, Door, Refusal};
use crate::bus::Notice;
use crate::core::approval::{Question, Tally, Vote};
pub use crate::core::orders::{Ending, Order};
use crate::core::plan::{Plan, plan_hash};
use crate::core::run::{Run, RunId, RunStep};
use crate::core::time::Timestamp;
use crate::store::{Ballot, Orderer, open_question};

/// An approval a run waits for, as its card shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    pub step: u32,
    /// Of the plan that is looked at; goes back with the vote.
    pub plan_hash: String,
    pub requesters: Vec<String>,
    /// The votes on this step.
    pub votes: Vec<Vote>,
    pub until: Timestamp,
}

impl Control {
    /// Gives an order to a run: pause, step through, go on, skip a step, end. Skipping a step needs a reason.
    pub async fn order(&self, run: RunId, order: Order, reason: Option<&str>) -> Result<Run, Refusal> {
        self.writable()?;
        let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
        if matches!(order, Order::Skip(_)) && reason.is_none() {
            return Err(Refusal::Invalid("skipping a step needs a reason: say why".to_owned()));
        }
        let by = Orderer { actor: &self.0.settings.actor, reason };
        let status = self.0.store.order(run, order, by, self.0.clock.now()).await?;
        let now = self.told(run).await?;
        self.0.bus.tell(Notice::Run(run, status));
        Ok(now)
    }

    /// Drives a queued run in this process, when it is one that drives only what it is told to.
    pub fn take_on(&self, run: RunId) {
        if self.0.settings.door == Door::Cli {
            self.start_engine(Some(run));
            self.wake();
        }
    }

    /// Asks a run to stop: its step in flight gets TERM, then KILL.
    pub async fn cancel(&self, run: RunId, reason: Option<&str>) -> Result<Run, Refusal> {
        self.order(run, Order::End(Ending::Cancel), reason).await
    }

    /// Says yes or no to the step that waits for approval. `plan_hash` is that of the plan which was looked at.
    pub async fn vote(
        &self,
        run: RunId,
        approved: bool,
        note: Option<&str>,
        plan_hash: &str,
    ) -> Result<Tally, Refusal> {
        self.writable()?;
        let ballot = Ballot { actor: &self.0.settings.actor, approved, note, plan_hash };
        let tally = self.0.store.vote(run, ballot, self.0.clock.now()).await?;
        self.told(run).await?;
        Ok(tally)
    }

    /// Nobody approves what they asked for: a list too short without the one who asks would never be enough.
    pub(super) fn can_be_approved(&self, plan: &Plan) -> Result<(), Refusal> {
        let actor = &self.0.settings.actor;
        for (step, ask) in plan.links().into_iter().flat_map(Plan::approvals) {
            let others = ask.from.iter().filter(|person| *person != actor).count();
            if !ask.from.is_empty() && u32::try_from(others).unwrap_or(u32::MAX) < ask.need {
                let (need, from) = (ask.need, ask.from.join(", "));
                return Err(Refusal::Invalid(format!(
                    "step {} wants {need} of {from} to approve, and you ({actor}) cannot approve what you ask for: \
                     somebody else has to start it",
                    step.name
                )));
            }
        }
        Ok(())
    }

    /// The run after something was written to it, told to whoever listens here and to the engine.
    async fn told(&self, run: RunId) -> Result<Run, Refusal> {
        let now = self.0.store.run(run).await?;
        self.0.bus.tell(Notice::Steps(run));
        self.0.bus.tell(Notice::Entries(run, now.last_seq));
        self.wake();
        Ok(now)
    }

    /// The approval a run waits for, if it waits for one.
    pub(super) async fn approval(&self, run: &Run, steps: &[RunStep]) -> Result<Option<Approval>, Refusal> {
        let Some((step, _, until)) = open_question(run, steps) else { return Ok(None) };
        let mut votes = self.0.store.votes(run.id).await?;
        votes.retain(|vote| vote.step == step);
        let requesters = self.0.store.requesters(run.id).await?;
        Ok(Some(Approval { step, plan_hash: plan_hash(&run.plan), requesters, votes, until }))
    }
}

impl Approval {
    /// The question as it stands; `None` when the plan's step is no approval.
    #[must_use]
    pub fn question<'a>(&'a self, run: &'a Run) -> Option<Question<'a>> {
        let (step, _) = run.plan.numbered_step(self.step)?;
        let crate::core::step::StepSpec::Approve(ask) = &step.spec else { return None };
        let (plan_hash, requesters, votes) = (&self.plan_hash, &self.requesters, &self.votes);
        Some(Question { ask, plan_hash, requesters, votes, until: self.until })
    }
}
