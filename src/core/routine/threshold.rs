//! The state of a routine: what the last check found (soft), what enough checks in a row agree on
//! (hard), and whether it changes too often (flapping).
//!
//! Flapping follows the formula of Nagios: of the last 21 results the changes between neighbours
//! are weighted from 0.8 (oldest) to 1.2 (newest) and divided by 20. The limits are ours: a routine
//! begins to flap at 50 % and stops below 25 %; those of Nagios (20 and 5 %) are for retried checks.

use crate::base::time::Timestamp;
use crate::stack::routine::{FAILURE_THRESHOLD, Routine, SUCCESS_THRESHOLD};
use crate::stack::state::State;

/// Results that flapping is computed from.
const RESULTS: u32 = 21;
const FLAPS_FROM: f64 = 50.0;
const FLAPS_BELOW: f64 = 25.0;

/// Results in a row before a state counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Failures before the routine counts as failing.
    pub failures: u32,
    /// Results that are not failures before a failing routine counts as recovered.
    pub successes: u32,
}

impl From<&Routine> for Thresholds {
    fn from(rules: &Routine) -> Self {
        // A report or a whole run is no measurement that may be wrong: one counts.
        let (failures, successes) = if rules.kind().is_reported() || rules.runs_runbook() {
            (1, 1)
        } else {
            (FAILURE_THRESHOLD, SUCCESS_THRESHOLD)
        };
        Self {
            failures: rules.failure_threshold.unwrap_or(failures),
            successes: rules.success_threshold.unwrap_or(successes),
        }
    }
}

/// The state of a routine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoutineHealth {
    /// What the last check found.
    pub soft: State,
    /// What enough checks in a row agree on.
    pub hard: State,
    /// The first result in a row of results with the state `soft`.
    pub since: Timestamp,
    /// How many there are.
    pub streak: u32,
    pub flapping: bool,
    /// One bit for each of the last results, the newest lowest: whether it was a failure.
    history: u32,
    /// How many of these bits are results.
    seen: u32,
}

/// What a result changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HardChange {
    pub from: State,
    pub to: State,
}

impl RoutineHealth {
    /// Before the first result.
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        Self {
            soft: State::Unknown,
            hard: State::Unknown,
            since: now,
            streak: 0,
            flapping: false,
            history: 0,
            seen: 0,
        }
    }

    /// The state as it was stored; the results before it are not known any more.
    #[must_use]
    pub const fn stored(soft: State, hard: State, since: Timestamp, streak: u32) -> Self {
        Self {
            soft,
            hard,
            since,
            streak,
            ..Self::new(since)
        }
    }

    /// Whether the last result is confirmed.
    #[must_use]
    pub fn is_hard(&self) -> bool {
        self.soft == self.hard
    }

    /// Takes a result into account. A result that says nothing about the other side (unknown) is
    /// shown, but counts neither as failure nor as recovery.
    pub fn add(&mut self, found: State, at: Timestamp, limits: Thresholds) -> Option<HardChange> {
        if found == self.soft {
            self.streak = self.streak.saturating_add(1);
        } else {
            self.soft = found;
            self.since = at;
            self.streak = 1;
        }
        if found == State::Unknown {
            return None;
        }
        self.history = (self.history << 1) | u32::from(found == State::Failing);
        self.seen = (self.seen + 1).min(RESULTS);
        self.flapping = self.is_flapping();
        let needed = match (self.hard, found) {
            // The first result counts at once, and so do shades of good.
            (State::Unknown, _) => 1,
            (_, State::Failing) => limits.failures,
            (State::Failing, _) => limits.successes,
            _ => 1,
        };
        if self.in_a_row() < needed || found == self.hard {
            return None;
        }
        let from = std::mem::replace(&mut self.hard, found);
        Some(HardChange { from, to: found })
    }

    fn bit(&self, n: u32) -> bool {
        self.history >> n & 1 == 1
    }

    /// Results in a row that are failures, or are not; up to the number kept. More than that are
    /// enough for any threshold only together with the streak.
    fn in_a_row(&self) -> u32 {
        let same = (0..self.seen).take_while(|n| self.bit(*n) == self.bit(0));
        let kept = u32::try_from(same.count()).unwrap_or(0);
        kept.max(self.streak)
    }

    fn is_flapping(&self) -> bool {
        if self.seen < RESULTS {
            return self.flapping;
        }
        let pairs = RESULTS - 1;
        let changes = (0..pairs).filter(|n| self.bit(*n) != self.bit(n + 1));
        // The newest pair weighs 1.2, the oldest 0.8.
        let weight = |n: u32| 1.2 - 0.4 * f64::from(n) / f64::from(pairs - 1);
        let share = changes.map(weight).sum::<f64>() / f64::from(pairs) * 100.0;
        if self.flapping {
            share >= FLAPS_BELOW
        } else {
            share >= FLAPS_FROM
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Thresholds = Thresholds {
        failures: 3,
        successes: 2,
    };

    /// `.` ok, `d` degraded, `x` failing, `?` unknown; the hard state after each.
    fn hard_states(results: &str, limits: Thresholds) -> String {
        let letter = |state| match state {
            State::Ok => '.',
            State::Degraded => 'd',
            State::Failing => 'x',
            State::Unknown => '?',
        };
        let mut health = RoutineHealth::new(Timestamp(0));
        let one = |(n, c): (usize, char)| {
            let state = match c {
                '.' => State::Ok,
                'd' => State::Degraded,
                'x' => State::Failing,
                _ => State::Unknown,
            };
            let before = health.hard;
            let change = health.add(state, Timestamp(i64::try_from(n).unwrap()), limits);
            assert_eq!(change.is_some(), before != health.hard);
            letter(health.hard)
        };
        results.chars().enumerate().map(one).collect()
    }

    #[test]
    fn a_state_is_hard_after_enough_results_in_a_row() {
        for (results, hard) in [
            ("....", "...."),
            ("xxxx", "xxxx"),
            (".xx.xxx", "......x"),
            (".xxx.", "...xx"),
            (".xxx..", "...xx."),
            (".xxx.x.x..", "...xxxxxx."),
            (".d.dxxx", ".d.dddx"),
            (".xxxd.", "...xx."),
            // Unknown results are neither failures nor recoveries.
            (".xx?x", "....x"),
            (".xxx?.?.", "...xxxx."),
            ("???", "???"),
            ("?.?", "?.."),
        ] {
            assert_eq!(hard_states(results, LIMITS), hard, "{results}");
        }
        let once = Thresholds {
            failures: 1,
            successes: 1,
        };
        assert_eq!(hard_states(".x.x", once), ".x.x");
        let many = Thresholds {
            failures: 30,
            successes: 1,
        };
        let results = format!(".{}", "x".repeat(31));
        assert_eq!(hard_states(&results, many), format!("{}xx", ".".repeat(30)));
    }

    #[test]
    fn a_routine_that_changes_at_each_result_flaps_until_it_is_calm() {
        let mut health = RoutineHealth::new(Timestamp(0));
        for n in 0..21 {
            assert!(!health.flapping, "{n}");
            let state = if n % 2 == 0 {
                State::Ok
            } else {
                State::Failing
            };
            health.add(state, Timestamp(n), LIMITS);
        }
        assert!(health.flapping);
        let mut calm = 0;
        while health.flapping {
            health.add(State::Ok, Timestamp(100), LIMITS);
            calm += 1;
        }
        // 25 % of the weight is left when about five old changes are.
        assert!((14..=17).contains(&calm), "{calm}");
    }

    #[test]
    fn a_restart_changes_no_threshold() {
        // Two failures, then another process: the third confirms.
        let mut health = RoutineHealth::stored(State::Failing, State::Ok, Timestamp(0), 2);
        let change = health.add(State::Failing, Timestamp(1), LIMITS);
        assert_eq!(
            change.map(|c| (c.from, c.to)),
            Some((State::Ok, State::Failing))
        );
        let mut health = RoutineHealth::stored(State::Failing, State::Ok, Timestamp(0), 1);
        assert_eq!(health.add(State::Failing, Timestamp(1), LIMITS), None);
        // Failing and confirmed, then one success: the next one is the recovery.
        let mut health = RoutineHealth::stored(State::Ok, State::Failing, Timestamp(0), 1);
        let change = health.add(State::Ok, Timestamp(1), LIMITS);
        assert_eq!(
            change.map(|c| (c.from, c.to)),
            Some((State::Failing, State::Ok))
        );
        let mut health = RoutineHealth::stored(State::Ok, State::Ok, Timestamp(0), 9);
        assert_eq!(health.add(State::Failing, Timestamp(1), LIMITS), None);
    }

    proptest! {
        #[test]
        fn a_hard_state_changes_only_to_what_was_found(results in prop::collection::vec(0..4_usize, 0..80)) {
            let mut health = RoutineHealth::new(Timestamp(0));
            for (n, state) in results.into_iter().enumerate() {
                let state = State::ALL[state];
                let at = Timestamp(i64::try_from(n).unwrap());
                let change = health.add(state, at, LIMITS);
                prop_assert_eq!(health.soft, state);
                if let Some(change) = change {
                    prop_assert_eq!(change.to, state);
                    prop_assert!(change.from != change.to && state != State::Unknown);
                }
            }
        }
    }
}
