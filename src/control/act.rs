//! The only entry point of acts: checks rights and reasons, then performs the act. The functions
//! that write it, its event and its audit row are in the modules of their subject.

use super::{Control, Refusal};
use crate::core::run::act::{Act, Acted};
use crate::core::run::orders::Order;

impl Control {
    /// Performs an act of a person, and returns what happened.
    pub async fn act(&self, act: Act) -> Result<Acted, Refusal> {
        self.writable()?;
        if act.needs_reason() && act.reason().is_none() {
            return Err(Refusal::Invalid(reason_missing(&act).to_owned()));
        }
        match act {
            Act::Order { run, order, reason } => self.order(run, order, reason.as_deref()).await,
            Act::Start { run, typed, reason } => {
                self.start(run, typed.as_deref(), reason.as_deref()).await
            }
            Act::Drop { run, reason } => self.drop_queued(run, reason.as_deref()).await,
            Act::Resume {
                run,
                decision,
                reason,
            } => self.resume(run, decision, reason.as_deref()).await,
            Act::Retry {
                run,
                again,
                typed,
                reason,
            } => {
                let retry = self.retry(run, again, typed.as_deref(), reason.as_deref());
                Box::pin(retry).await
            }
            Act::Answer {
                run,
                step,
                done,
                note,
            } => self.answer(run, step, done, note.as_deref()).await,
            Act::Vote {
                run,
                approved,
                plan_hash,
                note,
            } => self.vote(run, approved, note.as_deref(), &plan_hash).await,
            Act::Note { run, note } => self.note(run, note.as_deref()).await,
            Act::Link { run, url, title } => self.link(run, &url, title.as_deref()).await,
            Act::Lock { of, end, reason } => self.lock(&of, end, reason.as_deref()).await,
            Act::Unlock { of, reason } => self.unlock(&of, reason.as_deref()).await,
            Act::RunRoutine { routine, reason } => {
                self.run_routine(&routine, reason.as_deref()).await
            }
            Act::PauseRoutine {
                routine,
                end,
                reason,
            } => self.pause_routine(&routine, end, reason.as_deref()).await,
            Act::ResumeRoutine { routine, .. } => self.resume_routine(&routine).await,
            Act::ReportRoutine {
                routine,
                state,
                note,
            } => self.report_routine(&routine, state, note.as_deref()).await,
            Act::ResetBreaker {
                target,
                env,
                reason,
            } => {
                self.reset_breaker(&target, env.as_deref(), reason.as_deref())
                    .await
            }
        }
    }
}

const fn reason_missing(act: &Act) -> &'static str {
    match act {
        Act::Order {
            order: Order::Skip(_),
            ..
        } => "skipping a step needs a reason: say why",
        Act::Lock { .. } => "a lock needs a reason: say why",
        Act::Note { .. } => "the note is empty: say what to note",
        _ => "a decision about a step needs a reason: say why",
    }
}
