//! Random interleavings of two engines, a sweeper and an operator on a simulated clock. In any
//! order: no step begins twice unless a person repeats it, no target or group is shared, each claim
//! takes the first run that can start, logs have no gaps, and every run ends. A failure prints its
//! seed; `OPSROOM_SEED` replays it.

use std::collections::{BTreeMap, HashMap};

use opsroom::core::run::concurrency::{Concurrency, Policy};
use opsroom::core::run::orders::{Ending, Order};
use opsroom::core::run::plan::Plan;
use opsroom::core::run::priority::Priority;
use opsroom::core::run::queue::{Lane, Lock, rank, wanted};
use opsroom::core::run::resume::Decision;
use opsroom::core::run::{Run, RunId, RunStatus, RunStep, StepStatus, Transition};
use opsroom::store::{Beginning, Claim, NewRun, Orderer, Resumer, Store, StoreError};

use super::{Place, at, event, plan};

const LEASE: i64 = 100;
const GAMES: u64 = 3;
const ROUNDS: usize = 120;

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// A run that an engine believes it holds, and its steps done; `doing`: the next has begun.
#[derive(Clone, Copy)]
struct Active {
    claim: Claim,
    done: u32,
    doing: bool,
}

struct Game<'a> {
    store: &'a Store,
    now: i64,
    active: [Vec<Active>; 2],
    /// Effects by run and step, counted when a step is recorded as running.
    effects: HashMap<(RunId, u32), u32>,
    /// How often a person decided to repeat.
    consents: HashMap<RunId, u32>,
    seed: u64,
}

pub async fn any_interleaving_keeps_the_invariants(place: Place) {
    let fixed = std::env::var("OPSROOM_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    for game in 0..GAMES {
        let seed = fixed.unwrap_or(u64::from(std::process::id()) * 1000 + game) | 1;
        play(&place, seed).await;
    }
}

async fn play(place: &Place, seed: u64) {
    let mut dice = Dice(seed);
    let mut game = Game {
        store: &place.store,
        now: 100,
        active: [Vec::new(), Vec::new()],
        effects: HashMap::new(),
        consents: HashMap::new(),
        seed,
    };
    let mut runs = Vec::new();
    for round in 0..ROUNDS {
        game.now += i64::try_from(dice.below(30)).unwrap();
        let engine = usize::try_from(dice.below(2)).unwrap();
        match dice.below(14) {
            0 if runs.len() < 12 => {
                runs.extend(game.submit(place, &mut dice).await);
            }
            0 | 1 => game.claim(engine, &runs).await,
            2 | 3 => game.renew(engine).await,
            4 => game.sweep().await,
            5 => game.decide(&runs, dice.below(3)).await,
            // The process dies with all its active runs.
            6 if dice.below(4) == 0 => game.active[engine].clear(),
            7 if dice.below(6) == 0 && !runs.is_empty() => {
                let run = runs[round % runs.len()];
                drop(
                    game.store
                        .request_cancel(run, "ana", None, at(game.now))
                        .await,
                );
            }
            8 if !runs.is_empty() => game.order(runs[round % runs.len()], &mut dice).await,
            _ => game.advance(engine).await,
        }
        game.check(&runs).await;
    }
    game.finish(&runs).await;
}

impl Game<'_> {
    /// A run for a service, of any priority and lane, half of them in a group with any policy.
    async fn submit(&self, place: &Place, dice: &mut Dice) -> Option<RunId> {
        let mut one_of = |n: usize| usize::try_from(dice.below(u64::try_from(n).unwrap())).unwrap();
        let service = ["web", "api", "db"][one_of(3)].to_owned();
        let policy = Policy::ALL[one_of(3)];
        let group = ["red", "blue", "", ""][one_of(4)].to_owned();
        let concurrency = Some(Concurrency { group, policy }).filter(|c| !c.group.is_empty());
        let (lane, priority) = (Lane::ALL[one_of(2)], Priority::ALL[one_of(4)]);
        let plan = Plan {
            mutates: true,
            services: vec![service],
            concurrency: concurrency.clone(),
            ..plan("deploy")
        };
        let new = NewRun {
            at: at(self.now),
            ..place.new_run(plan)
        };
        let members = match &concurrency {
            Some(c) => self.store.members(place.workspace, &c.group).await.unwrap(),
            None => Vec::new(),
        };
        let beginning = Beginning {
            lane: Some(lane),
            priority: Some(priority),
            ..Beginning::default()
        };
        let refuses = policy == Policy::Refuse && !members.is_empty();
        match self.store.submit_as(new, beginning).await {
            Ok(run) => {
                assert!(!refuses, "{members:?}; {}", self.replay_hint());
                if policy == Policy::CancelRunning {
                    for member in members {
                        let other = self.store.run(member.run).await.unwrap();
                        let cancelled = other.status == RunStatus::Cancelled
                            || other.cancel_requested_by.is_some();
                        assert!(cancelled, "{other:?}; {}", self.replay_hint());
                    }
                }
                Some(run.id)
            }
            Err(StoreError::GroupTaken { .. }) => {
                assert!(refuses, "{}", self.replay_hint());
                None
            }
            Err(e) => panic!("{e}; {}", self.replay_hint()),
        }
    }

    /// The queued run that is to be claimed next: the first of the interactive lane, then of the
    /// other, whose targets and group are free and wanted by no earlier run.
    async fn next(&self, runs: &[RunId]) -> Option<RunId> {
        let mut all = Vec::new();
        for id in runs {
            all.push(self.store.run(*id).await.unwrap());
        }
        let wants = |run: &Run| wanted(&run.plan);
        let place = |run: &Run| (rank(run.requested_at, run.priority, run.lane), run.id);
        let shares = |a: &Run, b: &Run| a.id != b.id && !wants(a).is_disjoint(&wants(b));
        let queued = || all.iter().filter(|run| run.status == RunStatus::Queued);
        let free = queued().filter(|run| {
            let taken = all
                .iter()
                .any(|other| other.status.is_held() && shares(run, other));
            let behind = queued().any(|other| shares(run, other) && place(other) < place(run));
            !taken && !behind
        });
        free.min_by_key(|run| (run.lane, place(run)))
            .map(|run| run.id)
    }

    async fn claim(&mut self, engine: usize, runs: &[RunId]) {
        let until = at(self.now + LEASE);
        let next = self.next(runs).await;
        let claimed = self
            .store
            .claim(None, &format!("far:{engine}"), until)
            .await
            .unwrap();
        assert_eq!(
            claimed.as_ref().map(|(claim, _)| claim.run),
            next,
            "{}",
            self.replay_hint()
        );
        let Some((claim, run)) = claimed else { return };
        self.store
            .transition(
                claim,
                Transition::Start,
                None,
                &[event("begun")],
                at(self.now),
            )
            .await
            .unwrap();
        let steps = self.store.steps(run.id).await.unwrap();
        let over = |s: &&RunStep| matches!(s.status, StepStatus::Succeeded | StepStatus::Skipped);
        let done = steps.iter().take_while(over).count();
        self.active[engine].push(Active {
            claim,
            done: u32::try_from(done).unwrap(),
            doing: false,
        });
    }

    async fn renew(&mut self, engine: usize) {
        let until = at(self.now + LEASE);
        let mut kept = Vec::new();
        for current in std::mem::take(&mut self.active[engine]) {
            match self.store.renew(current.claim, until).await {
                Ok(()) => kept.push(current),
                Err(StoreError::StaleToken(_)) => {}
                Err(e) => panic!("{e}; {}", self.replay_hint()),
            }
        }
        self.active[engine] = kept;
    }

    /// Advances the oldest active run by one write.
    async fn advance(&mut self, engine: usize) {
        if self.active[engine].is_empty() {
            return;
        }
        let mut current = self.active[engine].remove(0);
        let (run, now) = (current.claim.run, at(self.now));
        if !current.doing
            && current.done < 3
            && self.store.is_held_back(run, current.done).await.unwrap()
        {
            // It waits for people, and may be the only active run.
            self.active[engine].push(current);
            return;
        }
        let written = match (current.done, current.doing) {
            (3, _) => {
                let ended = self
                    .store
                    .transition(
                        current.claim,
                        Transition::Succeed,
                        None,
                        &[event("over")],
                        now,
                    )
                    .await;
                assert!(
                    matches!(ended, Ok(_) | Err(StoreError::StaleToken(_))),
                    "{ended:?}; {}",
                    self.replay_hint()
                );
                return;
            }
            (step, false) => {
                let begun = [event("begins")];
                self.store
                    .step(
                        current.claim,
                        step,
                        StepStatus::Running,
                        1,
                        None,
                        &begun,
                        now,
                    )
                    .await
            }
            (step, true) => {
                let ended = [event("ends")];
                self.store
                    .step(
                        current.claim,
                        step,
                        StepStatus::Succeeded,
                        1,
                        None,
                        &ended,
                        now,
                    )
                    .await
            }
        };
        match written {
            Ok(()) if current.doing => (current.done, current.doing) = (current.done + 1, false),
            Ok(()) => {
                current.doing = true;
                *self.effects.entry((run, current.done)).or_default() += 1;
            }
            Err(StoreError::StaleToken(_)) => return,
            Err(StoreError::Skipped { step, .. }) if step == current.done => current.done += 1,
            Err(e) => panic!("{e}; {}", self.replay_hint()),
        }
        self.active[engine].push(current);
    }

    async fn sweep(&mut self) {
        for run in self.store.expired(at(self.now)).await.unwrap() {
            self.store
                .interrupt(&run, "its lease has ended", at(self.now))
                .await
                .unwrap();
        }
    }

    async fn decide(&mut self, runs: &[RunId], which: u64) {
        let decision = Decision::ALL[usize::try_from(which).unwrap()];
        for run in runs {
            if self.store.run(*run).await.unwrap().status == RunStatus::Interrupted {
                let by = Resumer {
                    actor: "ana",
                    reason: Some("looked"),
                };
                self.store
                    .resume(*run, Some(decision), by, at(self.now))
                    .await
                    .unwrap();
                *self.consents.entry(*run).or_default() += u32::from(decision == Decision::Repeat);
                return;
            }
        }
    }

    /// A random order: pause, step through, continue, skip or stop. If refused, nothing changes.
    async fn order(&mut self, run: RunId, dice: &mut Dice) {
        let step = u32::try_from(dice.below(4)).unwrap();
        let orders = [
            Order::Pause,
            Order::StepThrough,
            Order::Continue,
            Order::Continue,
            Order::LetGo(step),
            Order::Skip(step),
            Order::End(Ending::AfterStep),
        ];
        let order = orders[usize::try_from(dice.below(7)).unwrap()];
        let before = self.store.run(run).await.unwrap();
        let by = Orderer {
            actor: "ana",
            reason: Some("at random"),
        };
        match self.store.order(run, order, by, at(self.now)).await {
            Ok(_) => {}
            Err(StoreError::Refused { .. } | StoreError::Step { .. } | StoreError::NotFound(_)) => {
                assert_eq!(
                    self.store.run(run).await.unwrap(),
                    before,
                    "{order:?} was refused; {}",
                    self.replay_hint()
                );
            }
            Err(e) => panic!("{e}; {}", self.replay_hint()),
        }
    }

    async fn check(&self, runs: &[RunId]) {
        let mut held: BTreeMap<Lock, RunId> = BTreeMap::new();
        for id in runs {
            let run = self.store.run(*id).await.unwrap();
            for wanted in wanted(&run.plan)
                .into_iter()
                .filter(|_| run.status.is_held())
            {
                if let Some(other) = held.insert(wanted.clone(), *id) {
                    panic!(
                        "{id} and {other} have {wanted} at once; {}",
                        self.replay_hint()
                    );
                }
            }
            for step in 0..3 {
                let did = self.effects.get(&(*id, step)).copied().unwrap_or(0);
                let may = 1 + self.consents.get(id).copied().unwrap_or(0);
                assert!(
                    did <= may,
                    "step {step} of {id} was done {did} times, allowed {may}; {}",
                    self.replay_hint()
                );
            }
        }
        let locks = usize::try_from(self.store.locks().await.unwrap()).unwrap();
        assert_eq!(
            locks,
            held.len(),
            "as many locks as the runs under way want; {}",
            self.replay_hint()
        );
    }

    /// Both engines die; the sweeper and the operator end every run.
    async fn finish(&mut self, runs: &[RunId]) {
        self.active = [Vec::new(), Vec::new()];
        self.now += 10 * LEASE;
        self.sweep().await;
        for id in runs {
            let run: Run = self.store.run(*id).await.unwrap();
            assert!(
                !run.status.is_held(),
                "{id} is {:?} without an engine; {}",
                run.status,
                self.replay_hint()
            );
            let entries = self.store.entries_after(*id, 0, 10_000).await.unwrap();
            assert!(
                entries.iter().zip(1..).all(|(e, seq)| e.seq == seq),
                "gaps in {id}; {}",
                self.replay_hint()
            );
            assert_eq!(
                entries.last().map(|e| e.seq),
                Some(run.last_seq),
                "{id}; {}",
                self.replay_hint()
            );
            for step in self.store.steps(*id).await.unwrap() {
                let did = self.effects.get(&(*id, step.index)).copied().unwrap_or(0);
                let plausible = match step.status {
                    StepStatus::Succeeded | StepStatus::Unknown => did >= 1,
                    StepStatus::Pending => did <= self.consents.get(id).copied().unwrap_or(0),
                    // Before the skip it can only have been done as often as a person repeated it.
                    StepStatus::Skipped
                        if step
                            .message
                            .as_ref()
                            .is_some_and(|m| m.starts_with("skipped by")) =>
                    {
                        did <= self.consents.get(id).copied().unwrap_or(0)
                    }
                    StepStatus::Skipped => true,
                    _ => false,
                };
                assert!(
                    plausible,
                    "step {step:?} of {id} was done {did} times; {}",
                    self.replay_hint()
                );
            }
            if run.status == RunStatus::Queued {
                self.store
                    .request_cancel(*id, "ana", None, at(self.now))
                    .await
                    .unwrap();
            }
        }
        assert_eq!(
            self.store.locks().await.unwrap(),
            0,
            "{}",
            self.replay_hint()
        );
    }

    fn replay_hint(&self) -> String {
        format!("OPSROOM_SEED={}", self.seed)
    }
}
