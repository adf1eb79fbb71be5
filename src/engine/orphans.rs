//! Commands that a dead engine left running: ended before the run's targets are free again, and
//! reported.

use super::identity;
use crate::adapter::{Birth, Remains, end_orphan};
use crate::core::base::time::Timestamp;
use crate::core::run::Run;
use crate::store::{Process, Store, StoreError};

/// Longer than ending them takes; if the engine that takes over dies, it is itself taken over at
/// once.
pub(super) const LEASE_MS: i64 = 30_000;

/// Result of ending them.
pub(super) enum Left {
    /// The run is ours now; with a message if the engine had commands recorded.
    Ended(Box<Run>, Option<String>),
    /// The engine is alive after all.
    Alive,
}

/// Ends the commands of a run whose engine is gone, as far as they run here.
pub(super) async fn end(
    store: &Store,
    run: &Run,
    me: &str,
    until: Timestamp,
) -> Result<Left, StoreError> {
    // From here on the old engine can write nothing more, should it wake up; so no command can
    // start after this check.
    let Some(run) = store.take_over(run, me, until).await? else {
        return Ok(Left::Alive);
    };
    let processes = store.processes(run.id).await?;
    if processes.is_empty() {
        return Ok(Left::Ended(Box::new(run), None));
    }
    planted!(OrphanLeft => return Ok(Left::Ended(Box::new(run), None)));
    let mut messages = Vec::new();
    for process in &processes {
        messages.extend(end_one(&run, process).await);
    }
    if messages.is_empty() {
        messages.push("none of its commands was still running".to_owned());
    }
    Ok(Left::Ended(Box::new(run), Some(messages.join("; "))))
}

/// Ends one command; returns a message about it.
async fn end_one(run: &Run, process: &Process) -> Option<String> {
    let step = process.step.and_then(|index| run.plan.numbered_step(index));
    let step = step.map_or_else(
        || "its condition".to_owned(),
        |(step, _)| format!("step {}", step.name),
    );
    let group = format!("process group {} of {step}", process.pgid);
    match identity::place_of(&process.holder) {
        identity::Location::Here => {}
        // The machine was rebooted: no earlier process is left.
        identity::Location::EarlierBoot => return None,
        identity::Location::Elsewhere(host) => {
            return Some(format!("{group} may still be running on {host}"));
        }
    }
    let birth = Birth {
        pgid: process.pgid,
        started: process.started.clone(),
        mark: process.mark.clone(),
    };
    match end_orphan(&birth).await {
        Remains::Nothing => None,
        Remains::Terminated => Some(format!("{group} was still running and was ended")),
        Remains::Killed => Some(format!(
            "{group} was still running, did not end on TERM and was killed"
        )),
        Remains::Alive => Some(format!(
            "{group} is still there after KILL; look at it by hand"
        )),
    }
}
