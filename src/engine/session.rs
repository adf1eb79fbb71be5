//! The session of a page's run: the state its blocks share is kept under one name, which a resumed
//! run finds again, and is removed when the run has ended.

use std::sync::atomic::Ordering;

use super::World;
use super::drive::Drive;
use crate::core::run::plan::plan_hash;
use crate::core::run::progress::Progress;
use crate::core::run::step::{Call, CallKind, StepSpec};
use crate::core::run::{Run, RunId, RunStatus, StepStatus};

impl Drive {
    /// The call with the name of its session, when it belongs to one.
    pub(super) fn in_session(&self, mut call: Call) -> Call {
        if let CallKind::Shell(shell) = &mut call.kind
            && let Some(session) = &mut shell.session
        {
            session.name = Some(self.session());
            session.begun = self.session_begun();
        }
        call
    }

    fn session(&self) -> String {
        session_of(&self.run)
    }

    /// Whether a block was run before, by this engine or an earlier one.
    fn session_begun(&self) -> bool {
        if self.session_used.swap(true, Ordering::AcqRel) {
            return true;
        }
        let done = self
            .past
            .iter()
            .filter(|record| record.status == StepStatus::Succeeded);
        done.filter_map(|record| self.run.plan.numbered_step(record.index))
            .any(|(step, _)| has_session(&step.spec))
    }

    /// Removes the session, unless the run is to be resumed.
    pub(super) fn end_session(&self, progress: &Progress<'_>) {
        let plan = &self.run.plan;
        if !progress.is_left()
            && plan
                .steps
                .iter()
                .chain(&plan.finally)
                .any(|step| has_session(&step.spec))
        {
            self.rec.world.adapters.end_session(&self.session());
        }
    }
}

/// A name that is unique to the run, also among other stores.
fn session_of(run: &Run) -> String {
    let hash = plan_hash(&run.plan);
    format!(
        "{}-{}-{}",
        run.id.0,
        run.requested_at.0,
        hash.get(..16).unwrap_or(&hash)
    )
}

/// Removes the sessions of this store's runs that ended without an engine (cancelled, given up).
/// Those of other stores stay, and those of runs that may be resumed.
pub(super) async fn sweep(world: &World) {
    for name in world.adapters.sessions() {
        let Some(id) = name.split('-').next().and_then(|id| id.parse().ok()) else {
            continue;
        };
        let Ok(run) = world.store.run(RunId(id)).await else {
            continue;
        };
        let over = run.status.is_terminal() && run.status != RunStatus::Interrupted;
        if over && session_of(&run) == name {
            world.adapters.end_session(&name);
        }
    }
}

const fn has_session(spec: &StepSpec) -> bool {
    matches!(spec, StepSpec::Shell(shell) if shell.session.is_some())
}
