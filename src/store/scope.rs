//! The store as seen from one workspace. A run of another workspace gets the same error as one that
//! does not exist.
//!
//! Everything that serves people goes through a [`Scope`]; only engines, which work for all
//! workspaces, use [`Store`]'s queries by run number. A run never changes its workspace and is
//! never deleted, so one check before a query or a change is enough.

use std::collections::HashMap;
use std::ops::Range;

use crate::core::base::time::Timestamp;
use crate::core::health::change::LastChange;
use crate::core::health::observation::TargetSummary;
use crate::core::metric::rollup::{Totals, WindowLength};
use crate::core::metric::sample::Sample;
use crate::core::routine::report::RoutineReport;
use crate::core::run::approval::{Tally, Vote};
use crate::core::run::artifact::{Artifact, RunLink};
use crate::core::run::breaker::{Breaker, BreakerKey};
use crate::core::run::concurrency::Member;
use crate::core::run::event::Entry;
use crate::core::run::lockout::{Lockable, Lockout};
use crate::core::run::note::RunNote;
use crate::core::run::orders::Order;
use crate::core::run::plan::{Plan, Target};
use crate::core::run::queue::{Blocked, Queued};
use crate::core::run::resume::Decision;
use crate::core::run::summary::RunSummary;
use crate::core::run::{AuditRow, Change, Run, RunId, RunStatus, RunStep};
use crate::core::stack;
use crate::core::stack::service::Stack;
use crate::core::stack::state::State;

use super::{
    AuditFilter, Ballot, Beginning, Evidence, Found, Glimpse, HomeView, KnownRoutine, LeftOver,
    Listed, NewLock, NewRoutine, NewRun, Orderer, ProbeSize, Resumer, RevisedStack, RoutineChange,
    RoutineMember, RoutinePause, RoutineRun, RoutineState, RoutineSummary, RoutineTurns,
    RoutineWindow, RunFilter, Store, StoreError, Workspace,
};

const OWN: &str = "select id from run where id = $1 and workspace_id = $2";
const OWN_ROUTINE: &str = "select id from probe_routine where id = $1 and workspace_id = $2";

/// One workspace of a store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Scope {
    store: Store,
    workspace: Workspace,
}

impl Store {
    /// The store as seen from this workspace.
    pub fn scope(&self, workspace: Workspace) -> Scope {
        Scope {
            store: self.clone(),
            workspace,
        }
    }
}

impl Scope {
    /// The workspace.
    #[must_use]
    pub const fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// Refuses a run of another workspace, with the error of one that does not exist.
    async fn own(&self, run: RunId) -> Result<(), StoreError> {
        let mut db = self.store.db.read().await?;
        match fetch_optional!(db, (i64,), OWN, run.0, self.workspace.id)? {
            Some(_) => Ok(()),
            None => Err(StoreError::NotFound(format!(
                "run {run} in workspace {}",
                self.workspace.name
            ))),
        }
    }

    /// [`Store::routines`].
    pub async fn routines(&self) -> Result<Vec<KnownRoutine>, StoreError> {
        self.store.routines(self.workspace.id).await
    }

    /// The number of a routine, a new one if it has none.
    pub async fn routine_number(
        &self,
        (name, kind): (&str, &str),
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let new = NewRoutine {
            name: name.to_owned(),
            kind: kind.to_owned(),
        };
        let numbers = self
            .store
            .ensure_routines(self.workspace.id, &[new], now)
            .await?;
        numbers
            .get(name)
            .copied()
            .ok_or_else(|| StoreError::NotFound(format!("routine {name}")))
    }

    /// How many results of these routines are kept.
    pub async fn result_count(&self, routines: &[String]) -> Result<i64, StoreError> {
        self.store.result_count(self.workspace.id, routines).await
    }

    /// [`Store::routine_states`].
    pub async fn routine_states(&self) -> Result<Vec<RoutineState>, StoreError> {
        self.store.routine_states(self.workspace.id).await
    }

    /// [`Store::last_slots`].
    pub async fn last_slots(&self) -> Result<HashMap<i64, i64>, StoreError> {
        self.store.last_slots(self.workspace.id).await
    }

    /// [`Store::routine_runs`].
    pub async fn routine_runs(&self) -> Result<Vec<RoutineRun>, StoreError> {
        self.store.routine_runs(self.workspace.id).await
    }

    /// [`Store::routine_totals`].
    pub async fn routine_totals(
        &self,
        routines: &[i64],
        within: &Range<Timestamp>,
    ) -> Result<HashMap<i64, Totals>, StoreError> {
        let workspace = self.workspace.id;
        self.store.routine_totals(workspace, routines, within).await
    }

    /// [`Store::routine_summaries`].
    pub async fn routine_summaries(
        &self,
        routines: &[i64],
        from: Timestamp,
        now: Timestamp,
    ) -> Result<HashMap<i64, RoutineSummary>, StoreError> {
        self.store
            .routine_summaries(self.workspace.id, routines, from, now)
            .await
    }

    /// [`Store::rollups`].
    pub async fn rollups(
        &self,
        routines: &[i64],
        length: WindowLength,
        within: &Range<Timestamp>,
    ) -> Result<Vec<RoutineWindow>, StoreError> {
        self.store
            .rollups(self.workspace.id, routines, length, within)
            .await
    }

    /// [`Store::samples`] of a routine of this workspace.
    pub async fn samples(
        &self,
        routine: i64,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Sample>, StoreError> {
        let mut db = self.store.db.read().await?;
        let own = fetch_optional!(db, (i64,), OWN_ROUTINE, routine, self.workspace.id)?;
        drop(db);
        if own.is_none() {
            return Err(StoreError::NotFound(format!(
                "routine number {routine} in workspace {}",
                self.workspace.name
            )));
        }
        self.store.samples(routine, from, to).await
    }

    /// [`Store::routine_changes`].
    pub async fn routine_changes(
        &self,
        routine: i64,
        limit: u32,
    ) -> Result<Vec<RoutineChange>, StoreError> {
        self.store
            .routine_changes(self.workspace.id, routine, limit)
            .await
    }

    /// [`Store::routine_turns`].
    pub async fn routine_turns(
        &self,
        routine: i64,
        within: &Range<Timestamp>,
        most: u32,
    ) -> Result<RoutineTurns, StoreError> {
        self.store
            .routine_turns(self.workspace.id, routine, within, most)
            .await
    }

    /// [`Store::service_changes`].
    pub async fn service_changes(
        &self,
        service: &str,
        env: Option<&str>,
        within: &Range<Timestamp>,
        most: u32,
    ) -> Result<Vec<LastChange>, StoreError> {
        self.store
            .service_changes(self.workspace.id, service, env, within, most)
            .await
    }

    /// [`Store::probe_evidence`].
    pub async fn probe_evidence(&self, routine: i64) -> Result<Vec<Evidence>, StoreError> {
        self.store.probe_evidence(self.workspace.id, routine).await
    }

    /// [`Store::routine_members`].
    pub async fn routine_members(&self) -> Result<Vec<RoutineMember>, StoreError> {
        self.store.routine_members(self.workspace.id).await
    }

    /// [`Store::probe_size`].
    pub async fn probe_size(&self, now: Timestamp) -> Result<ProbeSize, StoreError> {
        self.store.probe_size(self.workspace.id, now).await
    }

    /// [`Store::report_routine`].
    pub async fn report_routine(
        &self,
        routine: &str,
        by: (&str, &RoutineReport),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.store
            .report_routine(self.workspace.id, routine, by, now)
            .await
    }

    /// [`Store::request_routine`].
    pub async fn request_routine(
        &self,
        routine: &str,
        by: (&str, Option<&str>),
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        self.store
            .request_routine(self.workspace.id, routine, by, now)
            .await
    }

    /// [`Store::routine_request_result`].
    pub async fn routine_request_result(
        &self,
        id: i64,
    ) -> Result<Option<(State, String)>, StoreError> {
        self.store
            .routine_request_result(self.workspace.id, id)
            .await
    }

    /// [`Store::pause_routine`].
    pub async fn pause_routine(
        &self,
        routine: i64,
        pause: &RoutinePause,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.store
            .pause_routine(self.workspace.id, routine, pause, now)
            .await
    }

    /// [`Store::resume_routine`].
    pub async fn resume_routine(
        &self,
        routine: i64,
        actor: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.store
            .resume_routine(self.workspace.id, routine, actor, now)
            .await
    }

    /// [`Store::run`].
    pub async fn run(&self, run: RunId) -> Result<Run, StoreError> {
        self.own(run).await?;
        self.store.run(run).await
    }

    /// [`Store::runs`].
    pub async fn runs(&self, filter: &RunFilter) -> Result<Listed, StoreError> {
        self.store.runs(self.workspace.id, filter).await
    }

    /// [`Store::last_runs`].
    pub async fn last_runs(
        &self,
        runbooks: &[&str],
    ) -> Result<HashMap<String, RunSummary>, StoreError> {
        self.store.last_runs(self.workspace.id, runbooks).await
    }

    /// [`Store::whole_runs`].
    pub async fn whole_runs(&self, runs: &[RunId]) -> Result<Found, StoreError> {
        self.store.whole_runs(self.workspace.id, runs).await
    }

    /// [`Store::steps`].
    pub async fn steps(&self, run: RunId) -> Result<Vec<RunStep>, StoreError> {
        self.own(run).await?;
        self.store.steps(run).await
    }

    /// [`Store::glimpse_of`].
    pub async fn glimpse_of(&self, run: RunId) -> Result<Glimpse, StoreError> {
        self.own(run).await?;
        self.store.glimpse_of(run).await
    }

    /// [`Store::history`].
    pub async fn history(&self, run: RunId) -> Result<Vec<Change>, StoreError> {
        self.own(run).await?;
        self.store.history(run).await
    }

    /// [`Store::entries_after`].
    pub async fn entries_after(
        &self,
        run: RunId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        self.own(run).await?;
        self.store.entries_after(run, after, limit).await
    }

    /// [`Store::artifacts`].
    pub async fn artifacts(&self, run: RunId) -> Result<Vec<Artifact>, StoreError> {
        self.own(run).await?;
        self.store.artifacts(run).await
    }

    /// [`Store::artifact`].
    pub async fn artifact(
        &self,
        run: RunId,
        number: u32,
    ) -> Result<(Artifact, Vec<u8>), StoreError> {
        self.own(run).await?;
        self.store.artifact(run, number).await
    }

    /// [`Store::lockouts`].
    pub async fn lockouts(&self, now: Timestamp) -> Result<Vec<Lockout>, StoreError> {
        self.store.lockouts(self.workspace.id, now).await
    }

    /// [`Store::stopped`].
    pub async fn stopped(
        &self,
        range: (RunId, RunId),
        now: Timestamp,
    ) -> Result<Vec<(RunId, Lockout)>, StoreError> {
        self.store.stopped(self.workspace.id, range, now).await
    }

    /// [`Store::lock`].
    pub async fn lock(&self, lock: NewLock<'_>, at: Timestamp) -> Result<(), StoreError> {
        self.store.lock(self.workspace.id, lock, at).await
    }

    /// [`Store::unlock`].
    pub async fn unlock(
        &self,
        of: &[Lockable],
        by: (&str, Option<&str>),
        at: Timestamp,
    ) -> Result<Vec<Lockable>, StoreError> {
        self.store.unlock(self.workspace.id, of, by, at).await
    }

    /// [`Store::note`].
    pub async fn note(
        &self,
        run: RunId,
        note: &str,
        actor: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.own(run).await?;
        self.store.note(run, note, actor, at).await
    }

    /// [`Store::link`].
    pub async fn link(
        &self,
        run: RunId,
        link: &RunLink,
        actor: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.own(run).await?;
        self.store.link(run, link, actor, at).await
    }

    /// [`Store::notes`].
    pub async fn notes(&self, run: RunId) -> Result<Vec<RunNote>, StoreError> {
        self.own(run).await?;
        self.store.notes(run).await
    }

    /// [`Store::votes`].
    pub async fn votes(&self, run: RunId) -> Result<Vec<Vote>, StoreError> {
        self.own(run).await?;
        self.store.votes(run).await
    }

    /// [`Store::requesters`].
    pub async fn requesters(&self, run: RunId) -> Result<Vec<String>, StoreError> {
        self.own(run).await?;
        self.store.requesters(run).await
    }

    /// [`Store::submit_as`]: the run belongs to this workspace, regardless of `new`, and repeats
    /// only a run of it.
    pub async fn submit_as(&self, new: NewRun, beginning: Beginning) -> Result<Run, StoreError> {
        for named in [beginning.retry_of, new.parent].into_iter().flatten() {
            self.own(named).await?;
        }
        self.store
            .submit_as(
                NewRun {
                    workspace: self.workspace.id,
                    ..new
                },
                beginning,
            )
            .await
    }

    /// [`Store::answer`].
    pub async fn answer(
        &self,
        run: RunId,
        step: u32,
        done: bool,
        note: Option<&str>,
        actor: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.own(run).await?;
        self.store.answer(run, step, done, note, actor, at).await
    }

    /// [`Store::order`].
    pub async fn order(
        &self,
        run: RunId,
        order: Order,
        by: Orderer<'_>,
        at: Timestamp,
    ) -> Result<RunStatus, StoreError> {
        self.own(run).await?;
        self.store.order(run, order, by, at).await
    }

    /// [`Store::vote`].
    pub async fn vote(
        &self,
        run: RunId,
        ballot: Ballot<'_>,
        at: Timestamp,
    ) -> Result<Tally, StoreError> {
        self.own(run).await?;
        self.store.vote(run, ballot, at).await
    }

    /// [`Store::resume`].
    pub async fn resume(
        &self,
        run: RunId,
        decision: Option<Decision>,
        by: Resumer<'_>,
        at: Timestamp,
    ) -> Result<RunStatus, StoreError> {
        self.own(run).await?;
        self.store.resume(run, decision, by, at).await
    }

    /// [`Store::queue`].
    pub async fn queue(
        &self,
        range: (RunId, RunId),
        now: Timestamp,
    ) -> Result<Vec<Queued>, StoreError> {
        self.store.queue(self.workspace.id, range, now).await
    }

    /// [`Store::blockers`].
    pub async fn blockers(
        &self,
        plan: &Plan,
        rank: i64,
        now: Timestamp,
    ) -> Result<Vec<Blocked>, StoreError> {
        self.store
            .blockers(self.workspace.id, plan, rank, now)
            .await
    }

    /// [`Store::members`].
    pub async fn members(&self, group: &str) -> Result<Vec<Member>, StoreError> {
        self.store.members(self.workspace.id, group).await
    }

    /// [`Store::stack`].
    pub async fn stack(&self) -> Result<Stack, StoreError> {
        self.store.stack(self.workspace.id).await
    }

    /// [`Store::stack_names`].
    pub async fn stack_names(&self) -> Result<Stack, StoreError> {
        self.store.stack_names(self.workspace.id).await
    }

    /// [`Store::changed_stack`].
    pub async fn changed_stack(
        &self,
        known: Option<i64>,
    ) -> Result<Option<RevisedStack>, StoreError> {
        self.store.changed_stack(self.workspace.id, known).await
    }

    /// [`Store::apply`].
    pub async fn apply(
        &self,
        changes: &[stack::Change],
        actor: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.store
            .apply(self.workspace.id, changes, actor, at)
            .await
    }

    /// [`Store::attached`].
    pub async fn attached(&self, owner: &stack::Owner) -> Result<stack::Attached, StoreError> {
        self.store.attached(self.workspace.id, owner).await
    }

    /// [`Store::next_link`].
    pub async fn next_link(&self, run: RunId) -> Result<Option<Run>, StoreError> {
        self.own(run).await?;
        self.store.next_link(run).await
    }

    /// [`Store::audit_rows`].
    pub async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
        self.store.audit_rows(self.workspace.id, filter).await
    }

    /// [`Store::summaries`].
    pub async fn summaries(&self) -> Result<Vec<(Target, TargetSummary)>, StoreError> {
        self.store.summaries(self.workspace.id).await
    }

    /// [`Store::last_changes`].
    pub async fn last_changes(&self) -> Result<Vec<LastChange>, StoreError> {
        self.store.last_changes(self.workspace.id).await
    }

    /// [`Store::runs_of_concern`].
    pub async fn runs_of_concern(&self) -> Result<Vec<RunSummary>, StoreError> {
        self.store.runs_of_concern(self.workspace.id).await
    }

    /// [`Store::home_view`].
    pub async fn home_view(&self, actor: &str) -> Result<HomeView, StoreError> {
        self.store.home_view(self.workspace.id, actor).await
    }

    /// [`Store::keep_home_view`].
    pub async fn keep_home_view(&self, actor: &str, view: HomeView) -> Result<(), StoreError> {
        self.store
            .keep_home_view(self.workspace.id, actor, view)
            .await
    }

    /// [`Store::breakers`].
    pub async fn breakers(&self) -> Result<Vec<Breaker>, StoreError> {
        self.store.breakers(self.workspace.id).await
    }

    /// [`Store::reset_breakers`].
    pub async fn reset_breakers(
        &self,
        ways: &[BreakerKey],
        actor: &str,
        reason: Option<&str>,
        at: Timestamp,
    ) -> Result<Vec<BreakerKey>, StoreError> {
        self.store
            .reset_breakers(self.workspace.id, ways, actor, reason, at)
            .await
    }

    /// [`Store::left_over`].
    pub async fn left_over(
        &self,
        now: Timestamp,
        any_engine: bool,
        gone: &[String],
    ) -> Result<Vec<LeftOver>, StoreError> {
        self.store
            .left_over(self.workspace.id, now, any_engine, gone)
            .await
    }

    /// [`Store::drop_queued`].
    pub async fn drop_queued(
        &self,
        run: RunId,
        by: Orderer<'_>,
        at: Timestamp,
    ) -> Result<RunStatus, StoreError> {
        self.own(run).await?;
        self.store.drop_queued(run, by, at).await
    }

    /// [`Store::start_queued`].
    pub async fn start_queued(
        &self,
        run: RunId,
        by: Orderer<'_>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.own(run).await?;
        self.store.start_queued(run, by, at).await
    }

    /// [`Store::remember`].
    pub async fn remember(&self, actor: &str, line: &str, at: Timestamp) -> Result<(), StoreError> {
        self.store
            .remember(self.workspace.id, actor, line, at)
            .await
    }

    /// [`Store::remembered`].
    pub async fn remembered(&self, actor: &str, limit: u32) -> Result<Vec<String>, StoreError> {
        self.store.remembered(self.workspace.id, actor, limit).await
    }
}
