//! Two engines, a sweeper and an operator take turns at random on a clock of their own. Whatever the order: no step begins
//! twice unless somebody said so, neither a target nor a group is ever shared, what is claimed is the first that can start,
//! logs have no gaps, and everything ends.
//! A failure prints its seed; `OPSROOM_SEED` plays it again.

use std::collections::{BTreeMap, HashMap};

use opsroom::core::orders::{Ending, Order};
use opsroom::core::plan::Plan;
use opsroom::core::queue::{Concurrency, Lane, Policy, Priority, Wanted, rank, wanted};
use opsroom::core::resume::Decision;
use opsroom::core::run::{Run, RunId, RunStatus, RunStep, StepStatus, Transition};
use opsroom::store::{Beginning, Claim, NewRun, Orderer, Resumer, Store, StoreError};

use crate::{Place, at, event, plan};

const LEASE: i64 = 100;
const GAMES: u64 = 3;
const TURNS: usize = 120;

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// What an engine believes it has in hand: the run, and how many of its steps are done; `doing`: the next has begun.
#[derive(Clone, Copy)]
struct Hand {
    claim: Claim,
    done: u32,
    doing: bool,
}

struct Game<'a> {
    store: &'a Store,
    now: i64,
    hands: [Vec<Hand>; 2],
    /// Effects in the world, by run and step: counted when a step has been recorded as running.
    effects: HashMap<(RunId, u32), u32>,
    /// How often a person has said "repeat".
    consents: HashMap<RunId, u32>,
    seed: u64,
}

pub async fn any_interleaving_keeps_the_promises(place: Place) {
    let fixed = std::env::var("OPSROOM_SEED").ok().and_then(|seed| seed.parse().ok());
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
        hands: [Vec::new(), Vec::new()],
        effects: HashMap::new(),
        consents: HashMap::new(),
        seed,
    };
    let mut runs = Vec::new();
    for turn in 0..TURNS {
        game.now += i64::try_from(dice.below(30)).unwrap();
        let who = usize::try_from(dice.below(2)).unwrap();
        match dice.below(14) {
            0 if runs.len() < 12 => {
                runs.extend(game.submit(place, &mut dice).await);
            }
            0 | 1 => game.claim(who, &runs).await,
            2 | 3 => game.renew(who).await,
            4 => game.sweep().await,
            5 => game.decide(&runs, dice.below(3)).await,
            // The process is gone with all it had in hand.
            6 if dice.below(4) == 0 => game.hands[who].clear(),
            7 if dice.below(6) == 0 && !runs.is_empty() => {
                let run = runs[turn % runs.len()];
                drop(game.store.request_cancel(run, "ana", None, at(game.now)).await);
            }
            8 if !runs.is_empty() => game.order(runs[turn % runs.len()], &mut dice).await,
            _ => game.go_on(who).await,
        }
        game.judge(&runs).await;
    }
    game.play_out(&runs).await;
}

impl Game<'_> {
    /// A run for a service, of any priority and lane, half of them in one of two groups with any policy.
    async fn submit(&self, place: &Place, dice: &mut Dice) -> Option<RunId> {
        let mut one_of = |n: usize| usize::try_from(dice.below(u64::try_from(n).unwrap())).unwrap();
        let service = ["web", "api", "db"][one_of(3)].to_owned();
        let policy = Policy::ALL[one_of(3)];
        let group = ["red", "blue", "", ""][one_of(4)].to_owned();
        let concurrency = Some(Concurrency { group, policy }).filter(|c| !c.group.is_empty());
        let (lane, priority) = (Lane::ALL[one_of(2)], Priority::ALL[one_of(4)]);
        let plan = Plan { mutates: true, services: vec![service], concurrency: concurrency.clone(), ..plan("deploy") };
        let new = NewRun { at: at(self.now), ..place.new_run(plan) };
        let members = match &concurrency {
            Some(c) => self.store.members(place.workspace, &c.group).await.unwrap(),
            None => Vec::new(),
        };
        let beginning = Beginning { lane: Some(lane), priority: Some(priority), ..Beginning::default() };
        let refuses = policy == Policy::Refuse && !members.is_empty();
        match self.store.submit_as(new, beginning).await {
            Ok(run) => {
                assert!(!refuses, "{members:?}; {}", self.said());
                if policy == Policy::CancelRunning {
                    for member in members {
                        let other = self.store.run(member.run).await.unwrap();
                        let told = other.status == RunStatus::Cancelled || other.cancel_requested_by.is_some();
                        assert!(told, "{other:?}; {}", self.said());
                    }
                }
                Some(run.id)
            }
            Err(StoreError::GroupTaken { .. }) => {
                assert!(refuses, "{}", self.said());
                None
            }
            Err(e) => panic!("{e}; {}", self.said()),
        }
    }

    /// The queued run that is to be claimed next: the first of people's lane, then of the other, of which nothing is taken
    /// and that nobody is before in line for anything.
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
            let taken = all.iter().any(|other| other.status.is_held() && shares(run, other));
            let behind = queued().any(|other| shares(run, other) && place(other) < place(run));
            !taken && !behind
        });
        free.min_by_key(|run| (run.lane, place(run))).map(|run| run.id)
    }

    async fn claim(&mut self, who: usize, runs: &[RunId]) {
        let until = at(self.now + LEASE);
        let next = self.next(runs).await;
        let claimed = self.store.claim(None, &format!("far:{who}"), until).await.unwrap();
        assert_eq!(claimed.as_ref().map(|(claim, _)| claim.run), next, "{}", self.said());
        let Some((claim, run)) = claimed else { return };
        self.store.transition(claim, Transition::Start, None, &[event("begun")], at(self.now)).await.unwrap();
        let steps = self.store.steps(run.id).await.unwrap();
        let over = |s: &&RunStep| matches!(s.status, StepStatus::Succeeded | StepStatus::Skipped);
        let done = steps.iter().take_while(over).count();
        self.hands[who].push(Hand { claim, done: u32::try_from(done).unwrap(), doing: false });
    }

    async fn renew(&mut self, who: usize) {
        let until = at(self.now + LEASE);
        let mut kept = Vec::new();
        for hand in std::mem::take(&mut self.hands[who]) {
            match self.store.renew(hand.claim, until).await {
                Ok(()) => kept.push(hand),
                Err(StoreError::StaleToken(_)) => {}
                Err(e) => panic!("{e}; {}", self.said()),
            }
        }
        self.hands[who] = kept;
    }

    /// The oldest run in hand gets one write further.
    async fn go_on(&mut self, who: usize) {
        if self.hands[who].is_empty() {
            return;
        }
        let mut hand = self.hands[who].remove(0);
        let (run, now) = (hand.claim.run, at(self.now));
        if !hand.doing && hand.done < 3 && self.store.is_held_back(run, hand.done).await.unwrap() {
            // It waits for people, and may be the only one in hand.
            self.hands[who].push(hand);
            return;
        }
        let written = match (hand.done, hand.doing) {
            (3, _) => {
                let ended = self.store.transition(hand.claim, Transition::Succeed, None, &[event("over")], now).await;
                assert!(matches!(ended, Ok(_) | Err(StoreError::StaleToken(_))), "{ended:?}; {}", self.said());
                return;
            }
            (step, false) => {
                let begun = [event("begins")];
                self.store.step(hand.claim, step, StepStatus::Running, 1, None, &begun, now).await
            }
            (step, true) => {
                let ended = [event("ends")];
                self.store.step(hand.claim, step, StepStatus::Succeeded, 1, None, &ended, now).await
            }
        };
        match written {
            Ok(()) if hand.doing => (hand.done, hand.doing) = (hand.done + 1, false),
            Ok(()) => {
                hand.doing = true;
                *self.effects.entry((run, hand.done)).or_default() += 1;
            }
            Err(StoreError::StaleToken(_)) => return,
            Err(StoreError::Skipped { step, .. }) if step == hand.done => hand.done += 1,
            Err(e) => panic!("{e}; {}", self.said()),
        }
        self.hands[who].push(hand);
    }

    async fn sweep(&mut self) {
        for run in self.store.expired(at(self.now)).await.unwrap() {
            self.store.interrupt(&run, "its lease has ended", at(self.now)).await.unwrap();
        }
    }

    async fn decide(&mut self, runs: &[RunId], which: u64) {
        let decision = Decision::ALL[usize::try_from(which).unwrap()];
        for run in runs {
            if self.store.run(*run).await.unwrap().status == RunStatus::Interrupted {
                let by = Resumer { actor: "ana", reason: Some("looked") };
                self.store.resume(*run, Some(decision), by, at(self.now)).await.unwrap();
                *self.consents.entry(*run).or_default() += u32::from(decision == Decision::Repeat);
                return;
            }
        }
    }

    /// Somebody pauses a run, steps through it, lets it go on, skips a step or stops it. What is refused changes nothing.
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
        let by = Orderer { actor: "ana", reason: Some("at random") };
        match self.store.order(run, order, by, at(self.now)).await {
            Ok(_) => {}
            Err(StoreError::Refused { .. } | StoreError::Step { .. } | StoreError::NotFound(_)) => {
                assert_eq!(self.store.run(run).await.unwrap(), before, "{order:?} was refused; {}", self.said());
            }
            Err(e) => panic!("{e}; {}", self.said()),
        }
    }

    async fn judge(&self, runs: &[RunId]) {
        let mut held: BTreeMap<Wanted, RunId> = BTreeMap::new();
        for id in runs {
            let run = self.store.run(*id).await.unwrap();
            for wanted in wanted(&run.plan).into_iter().filter(|_| run.status.is_held()) {
                if let Some(other) = held.insert(wanted.clone(), *id) {
                    panic!("{id} and {other} have {wanted} at once; {}", self.said());
                }
            }
            for step in 0..3 {
                let did = self.effects.get(&(*id, step)).copied().unwrap_or(0);
                let may = 1 + self.consents.get(id).copied().unwrap_or(0);
                assert!(did <= may, "step {step} of {id} was done {did} times, allowed {may}; {}", self.said());
            }
        }
        let locks = usize::try_from(self.store.locks().await.unwrap()).unwrap();
        assert_eq!(locks, held.len(), "as many locks as the runs under way want; {}", self.said());
    }

    /// Both engines are gone; the sweeper and the operator bring everything to an end.
    async fn play_out(&mut self, runs: &[RunId]) {
        self.hands = [Vec::new(), Vec::new()];
        self.now += 10 * LEASE;
        self.sweep().await;
        for id in runs {
            let run: Run = self.store.run(*id).await.unwrap();
            assert!(!run.status.is_held(), "{id} is {:?} without an engine; {}", run.status, self.said());
            let entries = self.store.entries_after(*id, 0, 10_000).await.unwrap();
            assert!(entries.iter().zip(1..).all(|(e, seq)| e.seq == seq), "gaps in {id}; {}", self.said());
            assert_eq!(entries.last().map(|e| e.seq), Some(run.last_seq), "{id}; {}", self.said());
            for step in self.store.steps(*id).await.unwrap() {
                let did = self.effects.get(&(*id, step.index)).copied().unwrap_or(0);
                let true_told = match step.status {
                    StepStatus::Succeeded | StepStatus::Unknown => did >= 1,
                    StepStatus::Pending => did <= self.consents.get(id).copied().unwrap_or(0),
                    // Before somebody skipped it, it can only have been done as often as somebody said "repeat".
                    StepStatus::Skipped if step.message.as_ref().is_some_and(|m| m.starts_with("skipped by")) => {
                        did <= self.consents.get(id).copied().unwrap_or(0)
                    }
                    StepStatus::Skipped => true,
                    _ => false,
                };
                assert!(true_told, "step {step:?} of {id} was done {did} times; {}", self.said());
            }
            if run.status == RunStatus::Queued {
                self.store.request_cancel(*id, "ana", None, at(self.now)).await.unwrap();
            }
        }
        assert_eq!(self.store.locks().await.unwrap(), 0, "{}", self.said());
    }

    fn said(&self) -> String {
        format!("OPSROOM_SEED={}", self.seed)
    }
}
