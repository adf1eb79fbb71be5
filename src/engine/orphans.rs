//! What a dead engine's shell steps left running: ended before anybody else gets the run's targets, and told.

use super::holder;
use crate::adapter::{Birth, Remains, end_orphan};
use crate::core::run::Run;
use crate::core::time::Timestamp;
use crate::store::{Process, Store, StoreError};

/// More than ending them takes; whoever takes over and dies is itself taken over from at once.
pub(super) const LEASE_MS: i64 = 30_000;

/// What became of them.
pub(super) enum Left {
    /// The run is ours now; what there is to tell about it, if it had something under way.
    Ended(Box<Run>, Option<String>),
    /// The engine lives after all.
    Alive,
}

/// Ends the commands of a run whose engine is gone, as far as they run here.
pub(super) async fn end(store: &Store, run: &Run, me: &str, until: Timestamp) -> Result<Left, StoreError> {
    // From here on the old engine can write nothing more, should it wake up; so no command begins behind the look at them.
    let Some(run) = store.take_over(run, me, until).await? else { return Ok(Left::Alive) };
    let processes = store.processes(run.id).await?;
    if processes.is_empty() {
        return Ok(Left::Ended(Box::new(run), None));
    }
    planted!(OrphanLeft => return Ok(Left::Ended(Box::new(run), None)));
    let mut words = Vec::new();
    for process in &processes {
        words.extend(end_one(&run, process).await);
    }
    if words.is_empty() {
        words.push("of what it had started nothing runs any more".to_owned());
    }
    Ok(Left::Ended(Box::new(run), Some(words.join("; "))))
}

/// Ends one; what there is to say about it.
async fn end_one(run: &Run, process: &Process) -> Option<String> {
    let step = process.step.and_then(|index| run.plan.numbered_step(index));
    let step = step.map_or_else(|| "its condition".to_owned(), |(step, _)| format!("step {}", step.name));
    let group = format!("process group {} of {step}", process.pgid);
    match holder::place_of(&process.holder) {
        holder::Place::Here => {}
        // The machine was started anew: nothing of before is left.
        holder::Place::EarlierBoot => return None,
        holder::Place::Elsewhere(host) => return Some(format!("{group} may still be running on {host}")),
    }
    let birth = Birth { pgid: process.pgid, started: process.started.clone(), mark: process.mark.clone() };
    match end_orphan(&birth).await {
        Remains::Nothing => None,
        Remains::Terminated => Some(format!("{group} was still running and was ended")),
        Remains::Killed => Some(format!("{group} was still running, did not end on TERM and was killed")),
        Remains::Alive => Some(format!("{group} is still there after KILL; look at it by hand")),
    }
}
