//! Notifies the bus and this process's engine of writes by other processes. The store reports that
//! something was written (`Changes`); then the newest runs are compared with their last known
//! state, and the audit log's newest rows say whether a stack was applied. When idle this costs nothing where the system reports writes, and one wake-up a second
//! elsewhere.

use std::collections::HashMap;
use std::sync::Weak;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Control, Inner};
use crate::bus::{Bus, Notice};
use crate::core::run::{RunId, RunStatus};
use crate::engine::Engine;
use crate::store::{Changes, Glimpse, Store, StoreError};

/// The poll interval while something happens, and how long that counts after the last news.
const BUSY: Duration = Duration::from_millis(100);
const AFTERWARDS: Duration = Duration::from_secs(5);
/// The poll interval when idle, where the system does not report writes.
const QUIET: Duration = Duration::from_secs(1);
/// The maximum time between two polls, whether or not a write was reported.
const MAX_INTERVAL: Duration = Duration::from_mins(1);
/// The pause after a store error.
const AGAIN: Duration = Duration::from_secs(2);

/// What the last poll saw.
#[derive(Debug, Default)]
struct Seen {
    runs: HashMap<RunId, (RunStatus, i64)>,
    /// The console's workspace and the newest row of its audit log.
    audit: Option<(i64, i64)>,
}

/// The receivers of the notifications.
pub(super) struct Watcher {
    pub store: Store,
    pub bus: Bus,
    /// Its own runs reach the bus directly; runs queued by others may have to be claimed. A
    /// read-only process has none.
    pub engine: Option<Engine>,
    /// The console, which is notified of the runs of its own workspace only.
    pub console: Weak<Inner>,
}

/// Runs until `stop`.
pub(super) async fn watch(watcher: Watcher, stop: CancellationToken) {
    if !watcher.store.is_shared() {
        return;
    }
    let mut seen = None;
    let watching = async {
        loop {
            if let Err(error) = watcher.subscribe(&mut seen).await {
                tracing::warn!(%error, "watching other engines' runs");
            }
            tokio::time::sleep(AGAIN).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = watching => {}
    }
}

impl Watcher {
    async fn subscribe(&self, seen: &mut Option<Seen>) -> Result<(), StoreError> {
        let mut changes: Changes = self.store.changes().await?;
        let mut news_at: Option<Instant> = None;
        let mut due = true;
        loop {
            if due {
                if self.poll(seen).await? {
                    news_at = Some(Instant::now());
                }
                // The first news is published at once; news close behind is published together.
                tokio::time::sleep(BUSY).await;
            }
            let between = if news_at.is_some_and(|at| at.elapsed() < AFTERWARDS) {
                BUSY
            } else {
                QUIET
            };
            due = changes.changed(MAX_INTERVAL, between).await?;
        }
    }

    /// Publishes the news; returns whether there was any, or a foreign run is live.
    async fn poll(&self, seen: &mut Option<Seen>) -> Result<bool, StoreError> {
        let own = self.workspace().await;
        let holder = self.engine.as_ref().map(Engine::holder);
        let glimpses = self.store.glimpse().await?;
        let foreign = glimpses
            .iter()
            .filter(|g| holder.is_none() || g.holder.as_deref() != holder);
        let runs = foreign
            .clone()
            .map(|g| (g.run, (g.status, g.last_seq)))
            .collect();
        let live = foreign.clone().any(|g| g.status.is_held());
        let (audit, (applied, locked)) = match own {
            None => (None, (false, false)),
            Some(own) => self.audit(own, seen.as_ref()).await?,
        };
        if applied {
            self.bus.publish(Notice::Stack);
        }
        if locked {
            self.bus.publish(Notice::Observations);
        }
        let applied = applied || locked;
        // Runs from before the watch began are no news.
        let Some(before) = seen.replace(Seen { runs, audit }) else {
            return Ok(applied || live);
        };
        let mut any = applied;
        for glimpse in foreign {
            let then = before.runs.get(&glimpse.run).copied();
            let new = then != Some((glimpse.status, glimpse.last_seq));
            if new && own.is_some_and(|own| own.id == glimpse.workspace) {
                publish(&self.bus, glimpse, then);
            }
            if let Some(engine) = self
                .engine
                .as_ref()
                .filter(|_| new && glimpse.status == RunStatus::Queued)
            {
                engine.wake();
            }
            any |= new;
        }
        Ok(any || live)
    }

    /// The workspace of the console. Where it has none yet, another process may have made it since.
    async fn workspace(&self) -> Option<OwnWorkspace> {
        let control = Control(self.console.upgrade()?);
        let known = control.workspace();
        let appeared = known.is_none();
        let found = match known {
            None => control.resolve_workspace().await.ok().flatten(),
            known => known,
        };
        found.map(|workspace| OwnWorkspace {
            id: workspace.id,
            appeared,
        })
    }

    /// The workspace with the newest row of its audit log, and whether a stack was applied, or a lock
    /// set or ended, since the last poll.
    async fn audit(
        &self,
        own: OwnWorkspace,
        seen: Option<&Seen>,
    ) -> Result<(Option<(i64, i64)>, (bool, bool)), StoreError> {
        let before = seen
            .and_then(|seen| seen.audit)
            .filter(|(workspace, _)| *workspace == own.id)
            .map(|(_, id)| id);
        let written = self.store.written_after(own.id, before).await?;
        let appeared = own.appeared && before.is_none();
        let news = (written.stack || appeared, written.locks);
        Ok((Some((own.id, written.newest)), news))
    }
}

#[derive(Debug, Clone, Copy)]
struct OwnWorkspace {
    id: i64,
    /// The console does not know it yet.
    appeared: bool,
}

fn publish(bus: &Bus, now: &Glimpse, before: Option<(RunStatus, i64)>) {
    let (status, last_seq) = before.unzip();
    if last_seq != Some(now.last_seq) {
        bus.publish(Notice::Entries(now.run, now.last_seq));
        bus.publish(Notice::Steps(now.run));
    }
    if status != Some(now.status) {
        bus.publish(Notice::Run(now.run, now.status));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::broadcast::Receiver;

    use super::*;
    use crate::adapter::{Adapters, Script};
    use crate::clock::Clock;
    use crate::control::ProcessKind;
    use crate::control::testing::{empty, opened};
    use crate::core::run::event::{EntryBody, Level, NewEntry};
    use crate::core::run::lockout::{LockEnd, Lockable};
    use crate::core::run::plan::Plan;
    use crate::core::run::queue::Lanes;
    use crate::core::stack::service::Contact;
    use crate::core::stack::{Change, Delta};
    use crate::engine::EngineConfig;
    use crate::store::{NewLock, NewRun};

    async fn queue(store: &Store, workspace: i64) -> RunId {
        let new = NewRun {
            workspace,
            plan: Plan::default(),
            parent: None,
            actor: "ben".to_owned(),
            trigger: "console".to_owned(),
            reason: None,
            at: Clock::System.now(),
        };
        let any = store.clone().of_process("");
        any.submit(new).await.unwrap().id
    }

    fn news(bus: &mut Receiver<Notice>) -> Vec<Notice> {
        std::iter::from_fn(|| bus.try_recv().ok()).collect()
    }

    fn config(only: Option<RunId>) -> EngineConfig {
        EngineConfig {
            planner: None,
            kind: "console".to_owned(),
            lease_ms: 60_000,
            renew_ms: 20_000,
            sweep_ms: 60_000,
            lanes: Lanes::default(),
            canaries: Vec::new(),
            routines: None,
            only,
            adopt_ms: 0,
        }
    }

    fn start(store: &Store, only: Option<RunId>) -> Engine {
        Engine::start(
            store.clone(),
            Bus::default(),
            Adapters::scripted(Script::default().into()),
            Clock::System,
            config(only),
        )
    }

    #[tokio::test]
    async fn what_changed_about_a_run_of_this_workspace_is_published_once() {
        let control = opened(ProcessKind::Cli).await;
        let store = control.0.store.for_engines().clone();
        let now = Clock::System.now();
        let own = control.workspace().unwrap().id;
        let other = store
            .ensure_workspace("other", "UTC", now)
            .await
            .unwrap()
            .id;
        // It claims nothing: there is no such run.
        let engine = start(&store, Some(RunId(4711)));
        let holder = engine.holder().to_owned();
        let watcher = Watcher {
            store: store.clone(),
            bus: Bus::default(),
            engine: Some(engine),
            console: Arc::downgrade(&control.0),
        };
        let (mut seen, mut bus) = (None, watcher.bus.subscribe());
        let old = queue(&store, own).await;
        assert!(!watcher.poll(&mut seen).await.unwrap(), "{seen:?}");
        assert_eq!(news(&mut bus), [], "it was there before");
        assert!(!watcher.poll(&mut seen).await.unwrap());
        assert_eq!(news(&mut bus), [], "nothing has changed");

        let new = queue(&store, own).await;
        assert!(watcher.poll(&mut seen).await.unwrap());
        let first = [
            Notice::Entries(new, 1),
            Notice::Steps(new),
            Notice::Run(new, RunStatus::Queued),
        ];
        assert_eq!(news(&mut bus), first);
        assert!(!watcher.poll(&mut seen).await.unwrap());
        assert_eq!(news(&mut bus), []);

        queue(&store, other).await;
        assert!(
            watcher.poll(&mut seen).await.unwrap(),
            "an engine may claim it"
        );
        assert_eq!(news(&mut bus), [], "it is of another workspace");

        let until = now.plus_ms(60_000);
        let (claim, _) = store
            .claim(Some(new), "far:1", until)
            .await
            .unwrap()
            .unwrap();
        assert!(watcher.poll(&mut seen).await.unwrap());
        assert_eq!(news(&mut bus), [Notice::Run(new, RunStatus::Claimed)]);
        assert!(watcher.poll(&mut seen).await.unwrap(), "it is under way");
        assert_eq!(news(&mut bus), []);
        let entry = NewEntry {
            at: now,
            step: None,
            body: EntryBody::Event {
                level: Level::Info,
                phase: None,
                source: "engine".to_owned(),
                message: "hello".to_owned(),
                data: None,
            },
        };
        let last = store.append(claim, &[entry]).await.unwrap();
        assert!(watcher.poll(&mut seen).await.unwrap());
        assert_eq!(
            news(&mut bus),
            [Notice::Entries(new, last), Notice::Steps(new)]
        );

        // What the own engine does reaches the bus directly.
        store
            .claim(Some(old), &holder, until)
            .await
            .unwrap()
            .unwrap();
        assert!(
            watcher.poll(&mut seen).await.unwrap(),
            "the other one is under way"
        );
        assert_eq!(news(&mut bus), []);
        let foreign: Vec<RunId> = seen.unwrap().runs.into_keys().collect();
        assert!(foreign.contains(&new) && !foreign.contains(&old));
    }

    /// The watcher of a console that has no engine.
    fn watcher(control: &Control) -> Watcher {
        Watcher {
            store: control.0.store.for_engines().clone(),
            bus: Bus::default(),
            engine: None,
            console: Arc::downgrade(&control.0),
        }
    }

    #[tokio::test]
    async fn a_stack_that_another_process_applied_is_published_once() {
        let control = opened(ProcessKind::Cli).await;
        let store = control.0.store.for_engines().clone();
        let now = Clock::System.now();
        let own = control.workspace().unwrap().id;
        let other = store.ensure_workspace("other", "UTC", now).await.unwrap();
        let watcher = watcher(&control);
        let contact = |name: &str| {
            let contact = Contact {
                name: name.to_owned(),
                ..Contact::default()
            };
            [Change::Contact(Delta {
                name: name.to_owned(),
                before: None,
                after: Some(contact),
                position: 0,
            })]
        };
        store.apply(own, &contact("ana"), "ben", now).await.unwrap();
        let (mut seen, mut bus) = (None, watcher.bus.subscribe());
        for applied in [None, Some(other.id)] {
            if let Some(workspace) = applied {
                store
                    .apply(workspace, &contact("cy"), "ben", now)
                    .await
                    .unwrap();
            }
            assert!(!watcher.poll(&mut seen).await.unwrap(), "{applied:?}");
            assert_eq!(news(&mut bus), [], "{applied:?}");
        }
        store.apply(own, &contact("cy"), "ben", now).await.unwrap();
        assert!(watcher.poll(&mut seen).await.unwrap());
        assert_eq!(news(&mut bus), [Notice::Stack]);
        assert!(!watcher.poll(&mut seen).await.unwrap());
        assert_eq!(news(&mut bus), []);
    }

    #[tokio::test]
    async fn a_lock_of_another_process_is_published_when_it_is_set_and_when_it_ends() {
        let control = opened(ProcessKind::Cli).await;
        let store = control.0.store.for_engines().clone();
        let (now, own) = (Clock::System.now(), control.workspace().unwrap().id);
        let watcher = watcher(&control);
        let (mut seen, mut bus) = (None, watcher.bus.subscribe());
        watcher.poll(&mut seen).await.unwrap();
        assert_eq!(news(&mut bus), []);
        let of = [Lockable::Runbook("deploy".to_owned())];
        let lock = NewLock {
            of: &of,
            end: LockEnd::For(60_000),
            until: now.plus_ms(60_000),
            actor: "ben",
            reason: "migration",
        };
        store.lock(own, lock, now).await.unwrap();
        assert!(watcher.poll(&mut seen).await.unwrap());
        assert_eq!(news(&mut bus), [Notice::Observations]);
        store.unlock(own, &of, ("ben", None), now).await.unwrap();
        assert!(watcher.poll(&mut seen).await.unwrap());
        assert_eq!(news(&mut bus), [Notice::Observations]);
        assert!(!watcher.poll(&mut seen).await.unwrap());
        assert_eq!(news(&mut bus), []);
    }

    #[tokio::test]
    async fn the_first_stack_of_a_console_without_a_workspace_is_published_once() {
        let control = empty(ProcessKind::Cli).await;
        let store = control.0.store.for_engines().clone();
        let watcher = watcher(&control);
        let (mut seen, mut bus) = (None, watcher.bus.subscribe());
        for _ in 0..2 {
            assert!(!watcher.poll(&mut seen).await.unwrap());
            assert_eq!(news(&mut bus), []);
        }
        let now = Clock::System.now();
        store.ensure_workspace("acme", "UTC", now).await.unwrap();
        assert!(watcher.poll(&mut seen).await.unwrap());
        assert_eq!(news(&mut bus), [Notice::Stack]);
        // Whether or not the console has read it by now.
        assert!(!watcher.poll(&mut seen).await.unwrap());
        control.overview().await.unwrap();
        assert!(!watcher.poll(&mut seen).await.unwrap());
        assert_eq!(news(&mut bus), []);
    }

    #[tokio::test]
    async fn a_stack_applied_before_the_first_poll_is_published_to_a_console_without_a_workspace() {
        let control = empty(ProcessKind::Cli).await;
        let store = control.0.store.for_engines().clone();
        let watcher = watcher(&control);
        let (mut seen, mut bus) = (None, watcher.bus.subscribe());
        let now = Clock::System.now();
        store.ensure_workspace("acme", "UTC", now).await.unwrap();
        assert!(watcher.poll(&mut seen).await.unwrap());
        assert_eq!(news(&mut bus), [Notice::Stack]);
    }

    #[tokio::test]
    async fn without_an_engine_every_run_is_foreign() {
        let control = opened(ProcessKind::Cli).await;
        let store = control.0.store.for_engines().clone();
        let watcher = watcher(&control);
        let (mut seen, mut bus) = (Some(Seen::default()), watcher.bus.subscribe());
        let run = queue(&store, control.workspace().unwrap().id).await;
        assert!(watcher.poll(&mut seen).await.unwrap());
        assert_eq!(news(&mut bus).len(), 3);
        assert_eq!(seen.unwrap().runs.get(&run), Some(&(RunStatus::Queued, 1)));
    }

    /// A poll would find the run too, but only after five seconds.
    #[tokio::test]
    async fn a_run_that_another_process_queued_wakes_the_engine() {
        let control = opened(ProcessKind::Cli).await;
        let store = control.0.store.for_engines().clone();
        let engine = start(&store, None);
        engine.idle().await;
        let watcher = Watcher {
            store: store.clone(),
            bus: Bus::default(),
            engine: Some(engine),
            console: Arc::downgrade(&control.0),
        };
        let mut seen = Some(Seen::default());
        // Its first sweep has to be over, so that nothing else makes it look.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let run = queue(&store, control.workspace().unwrap().id).await;
        watcher.poll(&mut seen).await.unwrap();
        let wait = async {
            while store.run(run).await.unwrap().status == RunStatus::Queued {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(4), wait)
            .await
            .unwrap();
    }
}
