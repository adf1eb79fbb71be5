//! Routines whose slots begin runs of a runbook. Such a run goes through the queue like those of
//! people. While it is open its routine waits for it: no task does, and it takes no place among the
//! checks that are under way.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use super::Scheduler;
use super::flush::Conditions;
use super::perform::{Done, PANICKED, Task};
use crate::bus::Notice;
use crate::core::base::time::Timestamp;
use crate::core::metric::sample::Trigger;
use crate::core::routine::check::CheckResult;
use crate::core::routine::class::FailureClass;
use crate::core::routine::run_result::{EndedRun, run_result};
use crate::core::run::RunId;
use crate::core::run::lockout;
use crate::core::run::queue::Lane;
use crate::core::run::timing::Timing;
use crate::core::runbook::for_routine::routine_actor;
use crate::engine::World;
use crate::store::{
    Beginning, Membership, NewRun, RoutineBegan, RoutineRun, SlotOfRun, StoreError,
};

/// What runs of a routine name as their trigger.
const TRIGGER: &str = "routine";

/// What became of a slot whose run was to begin.
#[derive(Debug)]
pub(super) struct Begun {
    task: Task,
    at: Timestamp,
    found: Result<RoutineBegan, CheckResult>,
}

impl Scheduler {
    /// Begins the run of a slot.
    pub(super) fn begin_run(&mut self, task: Task) {
        let Some((member, until)) = self.members.membership(&self.world) else {
            return;
        };
        let (term, workspace) = (member.term, self.workspace);
        let world = self.world.clone();
        let now = world.clock.now();
        self.load.begun(now.ms_since(task.planned));
        self.starting.spawn(async move {
            let member = Membership {
                workspace,
                holder: &world.holder,
                term,
            };
            let found = AssertUnwindSafe(begin(&world, (member, until), &task))
                .catch_unwind()
                .await
                .unwrap_or_else(|_| Err(CheckResult::unknown(FailureClass::Ours, PANICKED)));
            let at = now;
            Begun { task, at, found }
        });
    }

    /// Takes what became of it.
    pub(super) fn begun(&mut self, begun: Begun) {
        let Begun { task, at, found } = begun;
        let Some(entry) = self.entries.get_mut(&task.routine) else {
            return self.pending.removed(task.request);
        };
        entry.running = false;
        match found {
            Ok(RoutineBegan::Run(run)) => {
                entry.open = Some(run.id);
                self.world.bus.publish(Notice::Run(run.id, run.status));
                self.world.signals.wake.send_modify(|n| *n += 1);
            }
            Ok(RoutineBegan::Open(run)) => {
                entry.open = Some(run);
                self.pending.not_ended(entry, &task, run);
            }
            // The next write finds out that the routines have another holder.
            Ok(RoutineBegan::Lost) => {}
            Err(mut result) => {
                let redactor = self.world.adapters.redactor();
                result.message = redactor.redact(&result.message);
                let (slot, trigger) = (task.slot, task.trigger);
                let done = ended((task.routine, slot), at, result, (trigger, task.request));
                let now = self.world.clock.now();
                let conditions = Conditions::of(&entry.scheduled.rules, &self.windows, now);
                self.pending.result(entry, &done, conditions);
            }
        }
    }

    /// Whether a routine of this engine waits for that run.
    pub(super) fn waits_for(&self, run: RunId) -> bool {
        self.entries.values().any(|entry| entry.open == Some(run))
    }

    /// Takes the results of runs that have ended; costs nothing while no routine waits for one.
    pub(super) async fn settle_runs(&mut self) -> Result<(), StoreError> {
        if self.entries.values().all(|entry| entry.open.is_none()) {
            return Ok(());
        }
        for run in self.world.store.routine_runs(self.workspace).await? {
            self.settle(&run);
        }
        Ok(())
    }

    fn settle(&mut self, run: &RoutineRun) {
        let Some(entry) = self.entries.get_mut(&run.of.routine) else {
            return;
        };
        if entry.open != Some(run.run) || !self.members.holds(entry.shard) {
            return;
        }
        let took = run.started_at.zip(run.finished_at);
        let result = run_result(EndedRun {
            run: run.run,
            status: run.status,
            message: run.message.as_deref(),
            took_ms: took.map(|(from, until)| until.ms_since(from).max(0)),
        });
        let Some(result) = result else { return };
        entry.open = None;
        if run.counted {
            return;
        }
        let trigger = match run.of.request {
            Some(_) => Trigger::Manual,
            None => Trigger::Schedule,
        };
        let slot = (run.of.routine, run.of.slot);
        let done = ended(slot, run.requested_at, result, (trigger, run.of.request));
        let now = self.world.clock.now();
        let conditions = Conditions::of(&entry.scheduled.rules, &self.windows, now);
        self.pending.result(entry, &done, conditions);
        self.pending.counted(run.of.routine, run.run);
    }

    /// The last runs of routines, by the routine's number; nothing is read when no routine here has
    /// a runbook.
    pub(super) async fn last_runs(&self) -> Result<HashMap<i64, RoutineRun>, StoreError> {
        if !self.entries.values().any(|e| e.scheduled.runs_runbook()) {
            return Ok(HashMap::new());
        }
        let runs = self.world.store.routine_runs(self.workspace).await?;
        Ok(runs.into_iter().map(|run| (run.of.routine, run)).collect())
    }
}

/// Makes the plan and queues it, unless something stands against it now.
async fn begin(
    world: &World,
    member: (Membership<'_>, Timestamp),
    task: &Task,
) -> Result<RoutineBegan, CheckResult> {
    let ours = |why: String| CheckResult::unknown(FailureClass::Ours, &why);
    let store = |error: StoreError| ours(format!("no run was begun: {error}"));
    let (workspace, now) = (member.0.workspace, world.clock.now());
    let Some(planner) = &world.config.planner else {
        return Err(ours(
            "no run was begun: this engine has no runbooks".to_owned(),
        ));
    };
    let stack = world.store.stack(workspace).await.map_err(store)?;
    let rules = &task.scheduled.rules;
    let plan = planner.plan(rules, &stack);
    let plan = plan.map_err(|why| ours(format!("no run was begun: {why}")))?;
    let locks = world.store.lockouts(workspace, now).await.map_err(store)?;
    let stops = |lock: &&lockout::Lockout| plan.links().into_iter().any(|link| lock.stops(link));
    if let Some(lock) = locks.iter().find(stops) {
        return Err(ours(format!("no run was begun: {lock}")));
    }
    let new = NewRun {
        workspace,
        plan,
        parent: None,
        actor: routine_actor(&rules.name),
        trigger: TRIGGER.to_owned(),
        reason: None,
        at: now,
    };
    let beginning = Beginning {
        lane: Some(Lane::Routine),
        ..Beginning::default()
    };
    let of = SlotOfRun {
        routine: task.routine,
        slot: task.slot,
        request: task.request,
    };
    let began = world.store.begin_routine_run(member, of, &new, beginning);
    began.await.map_err(store)
}

/// A result that comes from a run, or from one that did not begin.
fn ended(
    (routine, slot): (i64, Timestamp),
    begun: Timestamp,
    result: CheckResult,
    (trigger, request): (Trigger, Option<i64>),
) -> Done {
    let latency = result.latency_ms.map(|ms| {
        let us = u64::try_from(ms).unwrap_or(0).saturating_mul(1000);
        u32::try_from(us).unwrap_or(u32::MAX)
    });
    let says_something = !result.class.is_some_and(FailureClass::is_ours);
    Done {
        routine,
        host: String::new(),
        slot,
        begun,
        latency_us: latency,
        answer: if says_something {
            result.message.clone()
        } else {
            String::new()
        },
        timing: Timing::default(),
        in_doubt: false,
        result: Ok(result),
        trigger,
        request,
    }
}
