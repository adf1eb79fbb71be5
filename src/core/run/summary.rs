//! A run as lists show it.

use std::collections::BTreeSet;

use crate::base::time::Timestamp;
use crate::run::orders::Orders;
use crate::run::priority::Priority;
use crate::run::queue::Queued;
use crate::run::{Run, RunId, RunStatus, status_reason};

/// A run without its plan: what lists show of it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    pub id: RunId,
    /// The title of its plan.
    pub title: String,
    pub env: Option<String>,
    /// The services of its plan, each once, in alphabetical order.
    pub services: Vec<String>,
    /// A person has to approve one of its steps.
    pub needs_approval: bool,
    pub status: RunStatus,
    /// Who asked for it.
    pub actor: String,
    /// `console`, `cli`, `chain`, `pulse`.
    pub trigger: String,
    pub requested_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// Why it ended as it did, when not plainly succeeded.
    pub message: Option<String>,
    /// Orders of people to it.
    pub orders: Orders,
    pub priority: Priority,
    /// Number of the last entry written.
    pub last_seq: i64,
}

impl From<&Run> for RunSummary {
    fn from(run: &Run) -> Self {
        let services: BTreeSet<&String> = run.plan.services.iter().collect();
        Self {
            id: run.id,
            title: run.plan.title.clone(),
            env: run.plan.env.clone(),
            services: services.into_iter().cloned().collect(),
            needs_approval: run.plan.needs_approval(),
            status: run.status,
            actor: run.actor.clone(),
            trigger: run.trigger.clone(),
            requested_at: run.requested_at,
            started_at: run.started_at,
            finished_at: run.finished_at,
            message: run.message.clone(),
            orders: run.orders.clone(),
            priority: run.priority,
            last_seq: run.last_seq,
        }
    }
}

impl RunSummary {
    /// Its text in a list, for filters: `#41 failed [high] deploy web → prod ana`.
    #[must_use]
    pub fn line(&self) -> String {
        let status = self.status.name().replace('_', " ");
        format!(
            "{} {status} {} {}",
            self.id,
            self.prioritized_title(),
            self.actor
        )
    }

    /// The title, with the priority unless that is normal: `[high] deploy web → prod`.
    #[must_use]
    pub fn prioritized_title(&self) -> String {
        if self.priority.is_normal() {
            return self.title.clone();
        }
        format!("[{}] {}", self.priority.name(), self.title)
    }

    /// The reason for its status: its message, or for a queued run the orders and runs it waits
    /// for.
    #[must_use]
    pub fn status_reason(&self, queued: Option<&Queued>) -> Option<String> {
        status_reason(self.status, self.message.as_deref(), &self.orders, queued)
    }
}
