//! Acts on an active run: orders, answers to manual steps, votes on steps that need approval.

use crate::bus::Notice;
use crate::control::{Control, ProcessKind, Refusal};
use crate::core::base::time::Timestamp;
use crate::core::run::act::Acted;
use crate::core::run::approval::{Question, Vote};
use crate::core::run::orders::Order;
use crate::core::run::plan::{Plan, plan_hash};
use crate::core::run::{Run, RunId, RunStatus, RunStep};
use crate::store::{Ballot, Orderer, Scope, open_question};

/// An approval a run waits for, as its card shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    pub step: u32,
    /// The hash of the plan shown; goes back with the vote.
    pub plan_hash: String,
    pub requesters: Vec<String>,
    /// The votes on this step.
    pub votes: Vec<Vote>,
    pub until: Timestamp,
}

impl Control {
    /// Gives an order to a run: pause, step through, go on, skip a step, end. A run this version
    /// cannot read can still be cancelled. A queued run that may go on is driven by this process if
    /// it drives only runs it is given (a subcommand).
    pub(in crate::control) async fn order(
        &self,
        run: RunId,
        order: Order,
        reason: Option<&str>,
    ) -> Result<Acted, Refusal> {
        let reason = self.clean_reason(reason);
        let by = Orderer {
            actor: &self.0.settings.actor,
            reason: reason.as_deref(),
        };
        let scope = self.scope().await?;
        let status = scope.order(run, order, by, self.0.clock.now()).await?;
        let goes_on = matches!(order, Order::Continue | Order::LetGo(_));
        if goes_on && status == RunStatus::Queued && self.0.settings.door == ProcessKind::Cli {
            self.start_engine(Some(run));
        }
        self.announce(&scope, run).await;
        self.0.bus.publish(Notice::Run(run, status));
        Ok(Acted::Ordered { run, order, status })
    }

    /// Answers a waiting manual step. One with a confirmation word is done only with it; a typo is
    /// refused and nothing is written, so that it does not fail the run.
    pub(in crate::control) async fn answer(
        &self,
        run: RunId,
        step: u32,
        done: bool,
        note: Option<&str>,
    ) -> Result<Acted, Refusal> {
        let scope = self.scope().await?;
        let plan = scope.run(run).await?.plan;
        let word = plan
            .numbered_step(step)
            .and_then(|(step, _)| step.rules.word.as_deref());
        if let Some(word) = word.filter(|word| done && note.map(str::trim) != Some(word)) {
            return Err(Refusal::Invalid(format!(
                "not confirmed: the note has to be `{word}`"
            )));
        }
        let note = self.clean(note);
        scope
            .answer(
                run,
                step,
                done,
                note.as_deref(),
                &self.0.settings.actor,
                self.0.clock.now(),
            )
            .await?;
        self.0.bus.publish(Notice::Steps(run));
        self.wake();
        Ok(Acted::Answered(run))
    }

    /// Votes on the step that waits for approval. `plan_hash` is that of the plan the voter has
    /// read.
    pub(in crate::control) async fn vote(
        &self,
        run: RunId,
        approved: bool,
        note: Option<&str>,
        plan_hash: &str,
    ) -> Result<Acted, Refusal> {
        let note = self.clean_reason(note);
        let note = note.as_deref();
        let ballot = Ballot {
            actor: &self.0.settings.actor,
            approved,
            note,
            plan_hash,
        };
        let scope = self.scope().await?;
        let tally = scope.vote(run, ballot, self.0.clock.now()).await?;
        self.announce(&scope, run).await;
        Ok(Acted::Voted { run, tally })
    }

    /// A person cannot approve their own request: a list too short without the requesters would
    /// never be enough. `before`: the requesters of the run that is repeated.
    pub(in crate::control) fn can_be_approved(
        &self,
        plan: &Plan,
        before: &[String],
    ) -> Result<(), Refusal> {
        enough_people(plan, &self.0.settings.actor, before).map_err(Refusal::Invalid)
    }

    /// Notifies listeners here, and the engine, that something was written to a run. It is written:
    /// errors from here on do not undo it.
    pub(in crate::control) async fn announce(&self, scope: &Scope, run: RunId) {
        self.wake();
        self.0.bus.publish(Notice::Steps(run));
        match scope.glimpse_of(run).await {
            Ok(now) => self.0.bus.publish(Notice::Entries(run, now.last_seq)),
            Err(error) => tracing::warn!(%run, %error, "cannot look how far its log reaches"),
        }
    }
}

/// The approval a run waits for, if it waits for one.
pub(in crate::control) async fn approval(
    scope: &Scope,
    run: &Run,
    steps: &[RunStep],
) -> Result<Option<Approval>, Refusal> {
    let Some((step, _, until)) = open_question(run, steps) else {
        return Ok(None);
    };
    let mut votes = scope.votes(run.id).await?;
    votes.retain(|vote| vote.step == step);
    let requesters = scope.requesters(run.id).await?;
    Ok(Some(Approval {
        step,
        plan_hash: plan_hash(&run.plan),
        requesters,
        votes,
        until,
    }))
}

fn enough_people(plan: &Plan, actor: &str, before: &[String]) -> Result<(), String> {
    let enough = |people: usize, need| u32::try_from(people).unwrap_or(u32::MAX) >= need;
    for (step, ask) in plan
        .links()
        .into_iter()
        .flat_map(Plan::approvals)
        .filter(|(_, ask)| !ask.from.is_empty())
    {
        let free = ask.from.iter().filter(|person| !before.contains(person));
        if enough(
            free.clone().filter(|person| *person != actor).count(),
            ask.need,
        ) {
            continue;
        }
        let wants = format!(
            "step {} wants {} of {} to approve",
            step.name,
            ask.need,
            ask.from.join(", ")
        );
        return Err(if enough(free.count(), ask.need) {
            format!(
                "{wants}, and you ({actor}) cannot approve what you ask for: another person has to start it"
            )
        } else {
            let requesters = before.join(", ");
            format!(
                "{wants}, and {requesters} cannot approve what they asked for before: make a new plan instead"
            )
        });
    }
    Ok(())
}

impl Approval {
    /// The open question; `None` when the plan's step is no approval.
    #[must_use]
    pub fn question<'a>(&'a self, run: &'a Run) -> Option<Question<'a>> {
        let (step, _) = run.plan.numbered_step(self.step)?;
        let crate::core::run::step::StepSpec::Approve(ask) = &step.spec else {
            return None;
        };
        let (plan_hash, requesters, votes) = (&self.plan_hash, &self.requesters, &self.votes);
        Some(Question {
            ask,
            plan_hash,
            requesters,
            votes,
            until: self.until,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::run::Phase;
    use crate::core::run::plan::PlanStep;
    use crate::core::run::step::{StepSpec, approve::Approve};

    #[test]
    fn requesters_of_the_run_or_of_the_one_it_repeats_do_not_count() {
        let from = ["ana", "ben", "cleo"].map(str::to_owned).to_vec();
        let ask = Approve {
            prompt: "ship it?".to_owned(),
            need: 2,
            from,
            ..Approve::default()
        };
        let step = PlanStep::new("sign off", Phase::Preflight, StepSpec::Approve(ask), 1000);
        let plan = Plan {
            steps: vec![step],
            ..Plan::default()
        };
        for (actor, before, refused) in [
            ("dora", vec![], None),
            ("ana", vec![], None),
            ("ana", vec!["ana"], None),
            (
                "ana",
                vec!["ben"],
                Some("you (ana) cannot approve what you ask for"),
            ),
            (
                "dora",
                vec!["ana", "ben"],
                Some("ana, ben cannot approve what they asked for before"),
            ),
        ] {
            let before: Vec<_> = before.into_iter().map(str::to_owned).collect();
            let answer = enough_people(&plan, actor, &before);
            assert_eq!(
                answer.is_err(),
                refused.is_some(),
                "{actor} {before:?} {answer:?}"
            );
            assert!(
                refused.is_none_or(|why| answer.unwrap_err().contains(why)),
                "{actor} {before:?}"
            );
        }
    }
}
