//! Locks of a person on services and on the runbook, set and ended while engines are killed. While one
//! is in force, a run that was queued when it was set must not leave a mark, and a run submitted since
//! must not start.

use std::collections::HashMap;

use opsroom::clock::Clock;
use opsroom::core::base::time::Timestamp;
use opsroom::core::run::lockout::{LockEnd, Lockable};
use opsroom::core::run::plan::Target;
use opsroom::core::run::{Run, RunStatus};
use opsroom::store::NewLock;

use super::runs::Kind;
use super::{Field, SERVICES, Verdict, retry};

const ACTOR: &str = "eve";
/// A claim that began before the lock was written has ended by then, milliseconds.
const CLAIM_MS: i64 = 300;
/// Locks of targets at any time.
const LOCKS: usize = 2;

/// A lock in force.
pub struct InForce {
    of: Lockable,
    set_at: Timestamp,
    until: Timestamp,
    /// It is ended by hand then, if that is before its own end.
    unlock_at: Timestamp,
    /// The number of runs submitted before it.
    before: usize,
    /// The runs before it that wait for its end; absent: not read yet.
    waiting: Option<Vec<usize>>,
}

/// A lock that is over.
pub struct Past {
    of: Lockable,
    set_at: Timestamp,
    /// It was in force until then, at least.
    over: Timestamp,
}

fn stops(of: &Lockable, run: &Run) -> bool {
    match of {
        Lockable::Target(target) => run.plan.services.contains(&target.service),
        Lockable::Runbook(name) => run.plan.runbook == *name,
    }
}

impl Field {
    /// Checks the locks in force, ends those that are due, and sets others. `live`: the runs that
    /// have not ended, read after `read_at`.
    pub(super) async fn lock_and_unlock(&mut self, live: &[Run], read_at: Timestamp) -> Verdict {
        self.note_waiting(live, read_at);
        let marks = self.marks();
        let now = Clock::System.now();
        // A claim that waited for a stopped engine may have begun before the lock.
        if self.was_stalled(now) {
            for lock in &mut self.locks {
                lock.waiting = None;
            }
        } else {
            self.check_waiting(&marks, now)?;
        }
        let (due, kept) = std::mem::take(&mut self.locks)
            .into_iter()
            .partition(|lock| lock.unlock_at <= now);
        self.locks = kept;
        let due: Vec<InForce> = due;
        for lock in due {
            let over = lock.until.min(Clock::System.now());
            self.past_locks.push(Past {
                of: lock.of.clone(),
                set_at: lock.set_at,
                over,
            });
            if lock.until <= now {
                continue;
            }
            let of = [lock.of];
            retry(async || {
                let at = Clock::System.now();
                self.store
                    .unlock(self.workspace, &of, (ACTOR, None), at)
                    .await
            })
            .await
            .unwrap();
            self.figures.unlocked += 1;
        }
        if !self.closing && self.locks.len() < LOCKS && self.dice.below(4) == 0 {
            self.lock_one().await;
        }
        Ok(())
    }

    /// Notes once for each lock which runs wait for its end: those still queued, without a mark. Not
    /// slow ones: a stopped engine that had lost one may still send its request when it is woken.
    fn note_waiting(&mut self, live: &[Run], read_at: Timestamp) {
        let marks = self.marks();
        for lock in &mut self.locks {
            if lock.waiting.is_some() || read_at.ms_since(lock.set_at) < CLAIM_MS {
                continue;
            }
            let waits = |run: &&Run| run.status == RunStatus::Queued && stops(&lock.of, run);
            let numbers = live
                .iter()
                .filter(waits)
                .filter_map(|run| self.by_id.get(&run.id));
            let waiting: Vec<usize> = numbers
                .copied()
                .filter(|n| *n < lock.before && self.submitted[*n].kind != Kind::Slow)
                .filter(|n| first_mark(&marks, *n).is_none())
                .collect();
            self.figures.locked_out += waiting.len();
            lock.waiting = Some(waiting);
        }
    }

    /// No run that waits for the end of a lock has left a mark. `now`: after the marks were read.
    fn check_waiting(&self, marks: &HashMap<String, usize>, now: Timestamp) -> Verdict {
        for lock in self.locks.iter().filter(|lock| lock.until > now) {
            for n in lock.waiting.iter().flatten() {
                if let Some(mark) = first_mark(marks, *n) {
                    let what = format!(
                        "run {} left the mark {mark} while {} was locked from {} until {}",
                        self.submitted[*n].id,
                        lock.of,
                        lock.set_at.rfc3339(),
                        lock.until.rfc3339()
                    );
                    return Err(("lockouts", what));
                }
            }
        }
        Ok(())
    }

    /// An ended run did not start while a lock was in force that had been set before it was submitted.
    pub(super) fn check_lockouts(&self, run: &Run) -> Verdict {
        let Some(started) = run.started_at else {
            return Ok(());
        };
        let in_force = self
            .locks
            .iter()
            .map(|lock| (&lock.of, lock.set_at, lock.until));
        let over = self
            .past_locks
            .iter()
            .map(|lock| (&lock.of, lock.set_at, lock.over));
        let broken = in_force.chain(over).find(|(of, set_at, until)| {
            stops(of, run) && run.requested_at > *set_at && started < *until
        });
        match broken {
            Some((of, set_at, until)) => Err((
                "lockouts",
                format!(
                    "run {}, submitted at {}, started at {} though {of} was locked from {} until {}",
                    run.id,
                    run.requested_at.rfc3339(),
                    started.rfc3339(),
                    set_at.rfc3339(),
                    until.rfc3339()
                ),
            )),
            None => Ok(()),
        }
    }

    async fn lock_one(&mut self) {
        // Seldom and briefly the runbook, which is that of all runs.
        let (of, longest) = if self.dice.below(10) == 0 {
            (Lockable::Runbook("chaos".to_owned()), 600)
        } else {
            let service = format!("svc{}", self.dice.below(SERVICES as u64));
            let env = Some("prod".to_owned());
            (Lockable::Target(Target { service, env }), 2500)
        };
        if self.locks.iter().any(|lock| lock.of == of) {
            return;
        }
        let lasts = 600 + i64::try_from(self.dice.below(longest)).unwrap();
        let by_hand = self.dice.below(2) == 0;
        let at = Clock::System.now();
        let until = at.plus_ms(lasts);
        let all = [of.clone()];
        let lock = NewLock {
            of: &all,
            end: LockEnd::For(lasts),
            until,
            actor: ACTOR,
            reason: "chaos",
        };
        retry(async || self.store.lock(self.workspace, lock, at).await)
            .await
            .unwrap();
        self.figures.locked += 1;
        self.locks.push(InForce {
            of,
            set_at: Clock::System.now(),
            until,
            unlock_at: if by_hand {
                at.plus_ms(lasts / 2)
            } else {
                until
            },
            before: self.submitted.len(),
            waiting: None,
        });
    }
}

/// A mark of run n.
fn first_mark(marks: &HashMap<String, usize>, n: usize) -> Option<&str> {
    let prefix = format!("{n}.");
    marks
        .keys()
        .find(|mark| mark.starts_with(&prefix))
        .map(String::as_str)
}
