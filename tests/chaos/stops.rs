//! Engines that fall asleep in the middle of their work: right before, within or after a write to the store, and wake up when
//! somebody else has their runs. A build with faults stops itself at the write it is asked to stop at; any other is stopped
//! when the store shows that one of its steps has just begun.

use std::time::{Duration, Instant};

use opsroom::clock::Clock;
use opsroom::core::run::{Run, RunId, RunStatus, StepStatus};
use rustix::process::{Pid, Signal, kill_process};

use super::runs::Kind;
use super::{Field, LEASE, ask};

/// However little the others get done: it is woken after this.
const LONGEST: u64 = 14_000;
/// After waking it is left alone for as long as it may take to notice that it has lost its runs, and a little more.
const SPARED: Duration = Duration::from_secs(5);

/// An engine asleep.
pub struct Sleep {
    since: Instant,
    /// It is woken then, whatever the others do; soon when it holds the store, because then they can do nothing.
    wakes_at: Instant,
    /// What it had in hand.
    had: Vec<RunId>,
}

fn pid(engine: &super::Engine) -> Pid {
    Pid::from_child(&engine.child)
}

/// Whether a run is in the hands of the process of that number.
fn is_held_by(run: &Run, process: u32) -> bool {
    run.holder.as_deref().is_some_and(|holder| holder.contains(&format!(":{process}:")))
}

impl Field {
    /// False: none of them has anything in hand.
    pub(super) async fn put_to_sleep(&mut self, victims: &[usize]) -> bool {
        let slow = self.dice.below(2) == 0;
        let Some(victim) = self.busy_one(victims, slow).await else { return false };
        let process = self.engines[victim].child.id();
        // Within a write only now and then: then nothing goes on anywhere.
        let point = ["before", "before", "before", "after", "after", "during"][self.dice.index(6)];
        let aimed = cfg!(feature = "faults") && self.stops_at(process, point).await;
        if !aimed {
            let _ = kill_process(pid(&self.engines[victim]), Signal::STOP);
        }
        self.hurt.insert(process);
        self.figures.stops += 1;
        let held = ask(async || self.store.held().await).await.unwrap().runs;
        let had: Vec<_> = held.iter().filter(|run| is_held_by(run, process)).map(|run| run.id).collect();
        self.slept_on.extend(had.iter().copied());
        let within = (aimed && point == "during") || !self.can_be_written(&had).await;
        let longest = Duration::from_millis(if within { 500 + self.dice.below(4000) } else { LONGEST });
        let (sleeper, from) = (pid(&self.engines[victim]), Clock::System.now());
        if within {
            self.stalls.push((from, from.plus_ms(i64::try_from(longest.as_millis()).unwrap())));
        }
        // In any case: what we do ourselves may have to wait for it.
        tokio::spawn(async move {
            tokio::time::sleep(longest).await;
            let _ = kill_process(sleeper, Signal::CONT);
        });
        let wakes_at = Instant::now() + longest;
        self.engines[victim].asleep = Some(Sleep { since: Instant::now(), wakes_at, had });
        true
    }

    /// An engine with something in hand: a slow request if wanted, else a step that has just begun.
    async fn busy_one(&self, victims: &[usize], slow: bool) -> Option<usize> {
        let patience = Instant::now() + Duration::from_secs(1);
        loop {
            for run in ask(async || self.store.held().await).await.unwrap().runs {
                let owner = victims.iter().find(|i| is_held_by(&run, self.engines[**i].child.id()));
                let (Some(owner), Some(n)) = (owner, self.by_id.get(&run.id)) else { continue };
                let steps = ask(async || self.store.steps(run.id).await).await.unwrap();
                let under_way = steps.iter().any(|s| s.status == StepStatus::Running);
                let is_slow = self.submitted[*n].kind == Kind::Slow;
                if under_way && (is_slow == slow || Instant::now() > patience) {
                    return Some(*owner);
                }
            }
            if Instant::now() > patience + Duration::from_secs(1) {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Asks a process to stop at that point of its next write; whether it did.
    async fn stops_at(&self, process: u32, point: &str) -> bool {
        let order = self.home.path().join("stops").join(process.to_string());
        std::fs::write(&order, point).unwrap();
        let patience = Instant::now() + Duration::from_secs(2);
        while Instant::now() < patience {
            let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            if stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T')) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        std::fs::remove_file(&order).is_err()
    }

    /// Whether the store takes a write to each of these runs: a process that was stopped anywhere may hold a lock.
    async fn can_be_written(&self, had: &[RunId]) -> bool {
        for run in had {
            let write = self.store.written(*run, 0, &[]);
            if !matches!(tokio::time::timeout(Duration::from_millis(700), write).await, Ok(Ok(_))) {
                return false;
            }
        }
        true
    }

    /// Wakes those whose runs others have gone on with.
    pub(super) async fn look_after_sleepers(&mut self) {
        for at in 0..self.engines.len() {
            let Some(sleep) = &self.engines[at].asleep else { continue };
            let process = self.engines[at].child.id();
            let mut lost = Vec::new();
            let mut resumed = false;
            for id in &sleep.had {
                let run = ask(async || self.store.run(*id).await).await.unwrap();
                if !is_held_by(&run, process) {
                    resumed |= run.holder.is_some() && run.status == RunStatus::Running;
                    lost.push(*id);
                }
            }
            let slept = sleep.since.elapsed();
            let all = lost.len() == sleep.had.len();
            let others_went_on = all && slept > LEASE && (resumed || slept > LEASE * 3);
            if others_went_on || sleep.wakes_at < Instant::now() {
                let since = sleep.since;
                let _ = kill_process(pid(&self.engines[at]), Signal::CONT);
                self.woken(at, since, &lost);
            }
        }
    }

    fn woken(&mut self, at: usize, since: Instant, lost: &[RunId]) {
        self.figures.taken += lost.len();
        self.engines[at].asleep = None;
        self.engines[at].spared_until = Some(Instant::now() + SPARED);
        for id in lost {
            let n = self.by_id[id];
            if self.submitted[n].kind == Kind::Slow {
                // It renews every second: then it knows, and lets the request go.
                self.to_close.push((Instant::now() + LEASE, format!("{n}.0"), since));
            }
        }
    }
}
