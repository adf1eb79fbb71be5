//! Stops engines (`SIGSTOP`) right before, within or after a write to the store, and continues them
//! when other engines have their runs. A build with faults stops itself at the requested write; any
//! other is stopped when the store shows that one of its steps has just begun.

use std::time::{Duration, Instant};

use opsroom::clock::Clock;
use opsroom::core::run::{Run, RunId, RunStatus, StepStatus};
use rustix::process::{Pid, Signal, kill_process};

use super::runs::Kind;
use super::{Field, LEASE, retry};

/// Longest stop, milliseconds, however little the others get done.
const LONGEST: u64 = 14_000;
/// Time after waking without a kill: a little more than it takes to notice the lost runs.
const SPARED: Duration = Duration::from_secs(5);

/// A stopped engine.
pub struct Stopped {
    since: Instant,
    /// It is woken then, whatever the others do; soon when it locks the store, which blocks them.
    wakes_at: Instant,
    /// The runs it held.
    had: Vec<RunId>,
}

fn pid(engine: &super::Engine) -> Pid {
    Pid::from_child(&engine.child)
}

/// Whether the process with this id holds the run.
fn is_held_by(run: &Run, process: u32) -> bool {
    run.holder
        .as_deref()
        .is_some_and(|holder| holder.contains(&format!(":{process}:")))
}

impl Field {
    /// Stops one of the engines; false when none of them holds a run.
    pub(super) async fn stop_one(&mut self, victims: &[usize]) -> bool {
        let slow = self.dice.below(2) == 0;
        let Some(victim) = self.busy_one(victims, slow).await else {
            return false;
        };
        let process = self.engines[victim].child.id();
        // Seldom within a write, as that stalls all engines.
        let point = ["before", "before", "before", "after", "after", "during"][self.dice.index(6)];
        let aimed = cfg!(feature = "faults") && self.stops_at(process, point).await;
        if !aimed {
            let _ = kill_process(pid(&self.engines[victim]), Signal::STOP);
        }
        self.hurt.insert(process);
        self.figures.stops += 1;
        let held = retry(async || self.store.held().await).await.unwrap().runs;
        let had: Vec<_> = held
            .iter()
            .filter(|run| is_held_by(run, process))
            .map(|run| run.id)
            .collect();
        self.stopped_with.extend(had.iter().copied());
        let within = (aimed && point == "during") || !self.can_be_written(&had).await;
        let longest = Duration::from_millis(if within {
            500 + self.dice.below(4000)
        } else {
            LONGEST
        });
        let (target, from) = (pid(&self.engines[victim]), Clock::System.now());
        if within {
            self.stalls.push((
                from,
                from.plus_ms(i64::try_from(longest.as_millis()).unwrap()),
            ));
        }
        // In a task of its own: our own calls may have to wait for this engine.
        tokio::spawn(async move {
            tokio::time::sleep(longest).await;
            let _ = kill_process(target, Signal::CONT);
        });
        let wakes_at = Instant::now() + longest;
        self.engines[victim].stopped = Some(Stopped {
            since: Instant::now(),
            wakes_at,
            had,
        });
        true
    }

    /// An engine that holds a run: with a slow request if `slow`, else with a step just begun.
    async fn busy_one(&self, victims: &[usize], slow: bool) -> Option<usize> {
        let deadline = Instant::now() + Duration::from_secs(1);
        loop {
            for run in retry(async || self.store.held().await).await.unwrap().runs {
                let owner = victims
                    .iter()
                    .find(|i| is_held_by(&run, self.engines[**i].child.id()));
                let (Some(owner), Some(n)) = (owner, self.by_id.get(&run.id)) else {
                    continue;
                };
                let steps = retry(async || self.store.steps(run.id).await)
                    .await
                    .unwrap();
                let under_way = steps.iter().any(|s| s.status == StepStatus::Running);
                let is_slow = self.submitted[*n].kind == Kind::Slow;
                if under_way && (is_slow == slow || Instant::now() > deadline) {
                    return Some(*owner);
                }
            }
            if Instant::now() > deadline + Duration::from_secs(1) {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Makes a process stop at that point of its next write; false when it did not.
    async fn stops_at(&self, process: u32, point: &str) -> bool {
        let order = self.home.path().join("stops").join(process.to_string());
        std::fs::write(&order, point).unwrap();
        let deadline = Instant::now() + Duration::from_secs(2);
        while Instant::now() < deadline {
            let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            if stat
                .rsplit(')')
                .next()
                .is_some_and(|rest| rest.trim_start().starts_with('T'))
            {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        std::fs::remove_file(&order).is_err()
    }

    /// Whether each of these runs can be written: a stopped process may hold a lock.
    async fn can_be_written(&self, had: &[RunId]) -> bool {
        for run in had {
            let write = self.store.written(*run, 0, &[]);
            if !matches!(
                tokio::time::timeout(Duration::from_millis(700), write).await,
                Ok(Ok(_))
            ) {
                return false;
            }
        }
        true
    }

    /// Wakes the engines whose runs others have continued.
    pub(super) async fn wake_stopped(&mut self) {
        for at in 0..self.engines.len() {
            let Some(stopped) = &self.engines[at].stopped else {
                continue;
            };
            let process = self.engines[at].child.id();
            let mut lost = Vec::new();
            let mut resumed = false;
            for id in &stopped.had {
                let run = retry(async || self.store.run(*id).await).await.unwrap();
                if !is_held_by(&run, process) {
                    resumed |= run.holder.is_some() && run.status == RunStatus::Running;
                    lost.push(*id);
                }
            }
            let slept = stopped.since.elapsed();
            let all = lost.len() == stopped.had.len();
            let others_went_on = all && slept > LEASE && (resumed || slept > LEASE * 3);
            if others_went_on || stopped.wakes_at < Instant::now() {
                let since = stopped.since;
                let _ = kill_process(pid(&self.engines[at]), Signal::CONT);
                self.woken(at, since, &lost);
            }
        }
    }

    fn woken(&mut self, at: usize, since: Instant, lost: &[RunId]) {
        self.figures.taken += lost.len();
        self.engines[at].stopped = None;
        self.engines[at].spared_until = Some(Instant::now() + SPARED);
        for id in lost {
            let n = self.by_id[id];
            if self.submitted[n].kind == Kind::Slow {
                // It renews every second; then it notices and closes the request.
                self.to_close
                    .push((Instant::now() + LEASE, format!("{n}.0"), since));
            }
        }
    }
}
