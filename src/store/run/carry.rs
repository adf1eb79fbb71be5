//! A run that goes on with an ended one takes over its finished steps: their records, and the events
//! that hold what they saved. So it has everything it needs of its own, also after a crash.

use std::collections::BTreeMap;

use crate::core::base::time::Timestamp;
use crate::core::run::again::taken_over;
use crate::core::run::event::{EntryBody, Level, NewEntry};
use crate::core::run::plan::plan_hash;
use crate::core::run::{Run, RunId, RunStep};

use crate::store::db::Tx;
use crate::store::rows::small;
use crate::store::run::decisions::{append_event, number};
use crate::store::run::journal::Numbered;
use crate::store::run::{history, journal, orders, resume};
use crate::store::{NewRun, StoreError};

const GOES_ON: &str = "select id from run where retry_of = $1 and again = 'from_failed'";
const TAKE: &str = "update run_step set (status, attempt, started_at, finished_at, message, taken_from) = \
     (select o.status, o.attempt, o.started_at, o.finished_at, o.message, coalesce(o.taken_from, o.run_id) \
     from run_step o where o.run_id = $2 and o.position = $3) where run_id = $1 and position = $3";
const NUMBERS: &str = "update run set last_seq = last_seq + $2 where id = $1 returning last_seq";

/// What a run takes over from the ended one.
pub(super) struct Carried {
    of: Run,
    steps: Vec<RunStep>,
    taken: Vec<u32>,
    /// The data of the last event of each step.
    kept: BTreeMap<u32, serde_json::Value>,
    numbered: Numbered,
}

/// Reads what there is to take over, and locks the ended run: only one run goes on with it.
pub(super) async fn read(tx: &mut Tx, new: &NewRun, of: RunId) -> Result<Carried, StoreError> {
    let refused = |why: String| StoreError::NotAgain { run: of, why };
    let numbered = number(tx, of).await?;
    if let Some((by,)) = fetch_optional!(tx, (i64,), GOES_ON, of.0)? {
        let by = RunId(by);
        return Err(refused(format!(
            "run {by} goes on with it already; if that has failed, go on with run {by}"
        )));
    }
    let (run, steps) = (orders::read(tx, of).await?, resume::steps(tx, of).await?);
    if plan_hash(&run.plan) != plan_hash(&new.plan) {
        return Err(refused("it had another plan".to_owned()));
    }
    let mut kept = BTreeMap::new();
    for (step, data) in fetch_all!(tx, (i64, String), journal::OUTCOMES, of.0)? {
        kept.insert(small(step)?, journal::read_data(&data)?);
    }
    let taken = taken_over(&run, &steps, &kept).map_err(refused)?;
    Ok(Carried {
        of: run,
        steps,
        taken,
        kept,
        numbered,
    })
}

/// Writes it to the new run, with a line in the log of both.
pub(super) async fn take_over(
    tx: &mut Tx,
    new: &NewRun,
    run: RunId,
    mut carried: Carried,
) -> Result<Run, StoreError> {
    let of = carried.of.id;
    let mut entries = Vec::new();
    for step in std::mem::take(&mut carried.steps) {
        if !carried.taken.contains(&step.index) {
            continue;
        }
        execute!(tx, TAKE, run.0, of.0, i64::from(step.index))?;
        let place = (step.index, Some(step.attempt).filter(|n| *n > 0));
        history::of_step(tx, run, place, step.status, Some(&new.actor), new.at).await?;
        entries.push(event(&carried, &step, new.at));
    }
    let count = i64::try_from(entries.len()).unwrap_or(i64::MAX);
    if let Some((last_seq,)) = fetch_optional!(tx, (i64,), NUMBERS, run.0, count)? {
        journal::write(tx, run, last_seq, &entries).await?;
    }
    let message = format!("run {run} goes on with it, as {} asked", new.actor);
    let event = journal::event(Level::Info, "control", None, message, new.at);
    append_event(tx, of, &carried.numbered, event).await?;
    orders::read(tx, run).await
}

/// `build: succeeded in run #41`, with what the step saved.
fn event(carried: &Carried, step: &RunStep, at: Timestamp) -> NewEntry {
    let (plan, from) = (&carried.of.plan, step.taken_from.unwrap_or(carried.of.id));
    let planned = plan.numbered_step(step.index).map(|(step, _)| step);
    let name = planned.map_or("?", |step| step.name.as_str());
    let message = format!("{name}: {} in run {from}", step.status.name());
    NewEntry {
        at,
        step: Some(step.index),
        body: EntryBody::Event {
            level: Level::Info,
            phase: planned.map(|step| step.phase),
            source: "control".into(),
            message,
            data: carried.kept.get(&step.index).cloned(),
        },
    }
}
