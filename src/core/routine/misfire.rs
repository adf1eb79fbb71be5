//! What to do about the slots of a routine when the scheduler looks at it: which to run, and which
//! to record as skipped, with the reason.

use crate::base::time::Timestamp;
use crate::routine::jitter::begin_of;
use crate::routine::schedule::Schedule;
use crate::stack::routine::{MAX_CATCH_UP, MisfirePolicy, Routine};
use crate::{stored_by_place, words};

words! {
    /// Why a slot passed without a check. Stored as a number: append only.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum SkipReason {
        /// No engine ran, or the machine slept.
        Missed = "missed",
        /// The check of an earlier slot was still under way.
        Overlap = "overlap",
        /// A person paused the routine.
        Paused = "paused",
        /// This machine could not keep up.
        Overload = "overload",
        /// The rate limit of its host had no room.
        RateLimit = "rate_limit",
        /// An engine that is gone may have run it, and recorded nothing.
        Takeover = "takeover",
        /// A maintenance window skips it.
        Maintenance = "maintenance",
        /// The clock was set back: slots were run or skipped that are now to come again.
        ClockSetBack = "clock_set_back",
    }
}

stored_by_place!(SkipReason);

/// A slot is on time when it is looked at no later than this, milliseconds, or half its interval if
/// that is shorter.
pub const SLACK_MS: i64 = 3000;

/// What is known about a routine.
#[derive(Debug, Clone, Copy)]
pub struct Situation {
    /// The last slot that was run or recorded as skipped; none: the routine is new.
    pub handled: Option<Timestamp>,
    /// Why no slot may run now.
    pub hindered: Option<SkipReason>,
    pub now: Timestamp,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Due {
    /// Slots to run, oldest first.
    pub run: Vec<Timestamp>,
    /// Slots that are recorded as skipped: the last of them, how many, and why.
    pub skipped: Vec<(Timestamp, u64, SkipReason)>,
    /// The last slot that is dealt with hereby; unchanged when there was none.
    pub handled: Option<Timestamp>,
    /// When to look again: the next slot, with its jitter. None: there is none any more.
    pub next: Option<Timestamp>,
}

/// Decides about all slots up to now. A slot is dealt with once: none that is at or before
/// [`Situation::handled`] is run again. The exception is a clock that was set back by more than the
/// distance of slots: the next slot by the new time is run, as nothing would be checked otherwise
/// until that time has come again. So does Debian's cron.
#[must_use]
pub fn due(schedule: &Schedule, rules: &Routine, now: Situation) -> Due {
    let Situation {
        handled,
        hindered,
        now,
    } = now;
    if handled.is_some_and(|handled| handled.ms_since(now) > schedule.interval_ms(now)) {
        return set_back(schedule, rules, now);
    }
    let from = handled.unwrap_or_else(|| now.plus_ms(-1));
    // A slot whose delay is not over is not looked at yet. Jitter is shorter than the distance of
    // slots, so that only the last one can be.
    let waiting = schedule
        .last_at(now)
        .filter(|slot| *slot > from && begin_of(rules, *slot) > now);
    let until = waiting.map_or(now, |slot| slot.plus_ms(-1));
    let next = waiting.or_else(|| schedule.next_after(now.max(from)));
    let next = next.map(|slot| begin_of(rules, slot));
    let nothing = Due {
        handled,
        next,
        ..Due::default()
    };
    let most = match rules.misfire_policy() {
        MisfirePolicy::All => rules.max_catch_up.unwrap_or(MAX_CATCH_UP),
        MisfirePolicy::Once | MisfirePolicy::Skip => 1,
    };
    let (slots, before) = schedule.slots(from, until, usize::try_from(most).unwrap_or(1));
    let Some(last) = slots.last().copied() else {
        return nothing;
    };
    let count = u64::try_from(slots.len()).unwrap_or(0) + before;
    if let Some(reason) = hindered {
        // What hinders it now says nothing about the slots before the last one.
        let before = schedule.last_at(last.plus_ms(-1)).filter(|_| count > 1);
        let missed = before.map(|slot| (slot, count - 1, SkipReason::Missed));
        let skipped = missed.into_iter().chain([(last, 1, reason)]).collect();
        return Due {
            skipped,
            handled: Some(last),
            ..nothing
        };
    }
    let slack = SLACK_MS.min(schedule.interval_ms(last) / 2);
    let on_time = now.ms_since(begin_of(rules, last)) <= slack;
    let run = match rules.misfire_policy() {
        MisfirePolicy::Skip if !on_time => Vec::new(),
        _ => slots,
    };
    let skipped = count - u64::try_from(run.len()).unwrap_or(0);
    let before = run.first().map_or(last, |first| first.plus_ms(-1));
    let skipped_at = schedule.last_at(before).unwrap_or(last);
    Due {
        skipped: (skipped > 0)
            .then_some((skipped_at, skipped, SkipReason::Missed))
            .into_iter()
            .collect(),
        run,
        handled: Some(last),
        next,
    }
}

/// The clock was set back: goes on with the next slot, and records why the last one is no run.
fn set_back(schedule: &Schedule, rules: &Routine, now: Timestamp) -> Due {
    let last = schedule.last_at(now).unwrap_or(now);
    Due {
        run: Vec::new(),
        skipped: vec![(last, 1, SkipReason::ClockSetBack)],
        handled: Some(last),
        next: schedule.next_after(now).map(|slot| begin_of(rules, slot)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::routine::schedule::Every;

    const EVERY: i64 = 10_000;

    fn schedule() -> Schedule {
        Schedule::Every(Every::spread(EVERY, 0))
    }

    fn rules(misfire: MisfirePolicy) -> Routine {
        Routine {
            misfire: Some(misfire),
            max_catch_up: Some(3),
            ..Routine::default()
        }
    }

    fn situation(handled: Option<i64>, now: i64) -> Situation {
        Situation {
            handled: handled.map(Timestamp),
            hindered: None,
            now: Timestamp(now),
        }
    }

    #[test]
    fn missed_slots_are_run_or_skipped_as_the_policy_says() {
        use MisfirePolicy as P;
        for (policy, handled, now, run, skipped) in [
            (P::Once, Some(0), 10_001, vec![10_000], None),
            (P::Skip, Some(0), 10_001, vec![10_000], None),
            (P::Once, Some(0), 9_999, vec![], None),
            // Four missed slots and one that is on time.
            (P::Once, Some(0), 50_001, vec![50_000], Some((40_000, 4))),
            (P::Skip, Some(0), 50_001, vec![50_000], Some((40_000, 4))),
            (
                P::All,
                Some(0),
                50_001,
                vec![30_000, 40_000, 50_000],
                Some((20_000, 2)),
            ),
            // Five missed slots; the last is too old to be on time.
            (P::Once, Some(0), 55_001, vec![50_000], Some((40_000, 4))),
            (P::Skip, Some(0), 55_001, vec![], Some((50_000, 5))),
            (P::All, Some(0), 25_000, vec![10_000, 20_000], None),
            // A new routine has missed nothing.
            (P::All, None, 55_001, vec![], None),
            // The clock was set back, by less than the distance of slots.
            (P::All, Some(60_000), 55_001, vec![], None),
        ] {
            let due = due(&schedule(), &rules(policy), situation(handled, now));
            let found: Vec<i64> = due.run.iter().map(|slot| slot.0).collect();
            assert_eq!(found, run, "{policy:?} {handled:?} {now}");
            let skips = due.skipped.first().map(|(slot, count, reason)| {
                assert_eq!(*reason, SkipReason::Missed);
                (slot.0, *count)
            });
            assert_eq!(skips, skipped, "{policy:?} {handled:?} {now}");
        }
    }

    #[test]
    fn a_hindered_routine_records_each_slot_once() {
        let hindered = Situation {
            hindered: Some(SkipReason::Paused),
            ..situation(Some(0), 25_000)
        };
        let first = due(&schedule(), &rules(MisfirePolicy::All), hindered);
        assert_eq!(
            first.skipped,
            [
                (Timestamp(10_000), 1, SkipReason::Missed),
                (Timestamp(20_000), 1, SkipReason::Paused)
            ]
        );
        assert!(first.run.is_empty());
        let again = Situation {
            handled: first.handled,
            ..hindered
        };
        let again = due(&schedule(), &rules(MisfirePolicy::All), again);
        assert_eq!((again.skipped.len(), again.run.len()), (0, 0));
        // Resuming does not fire at once: the missed slots are dealt with.
        let resumed = situation(first.handled.map(|t| t.0), 26_000);
        let resumed = due(&schedule(), &rules(MisfirePolicy::All), resumed);
        assert_eq!(
            (resumed.run.len(), resumed.next),
            (0, Some(Timestamp(30_000)))
        );
    }

    #[test]
    fn numbers_of_reasons_are_stored() {
        assert_eq!(SkipReason::Missed.number(), 1, "append only");
        for reason in SkipReason::ALL {
            assert_eq!(SkipReason::from_number(reason.number()), Some(reason));
        }
        assert_eq!(SkipReason::from_number(0), None);
    }

    #[test]
    fn a_slot_waits_for_its_jitter_and_is_the_same_slot() {
        let rules = Routine {
            jitter_ms: Some(5000),
            ..rules(MisfirePolicy::Skip)
        };
        let begin = begin_of(&rules, Timestamp(10_000));
        assert!(begin.0 > 10_000, "the test needs a delay");
        for (now, run, next) in [
            (10_000, vec![], begin),
            (begin.0 - 1, vec![], begin),
            (begin.0, vec![10_000], begin_of(&rules, Timestamp(20_000))),
            (
                begin.0 + 3000,
                vec![10_000],
                begin_of(&rules, Timestamp(20_000)),
            ),
        ] {
            let due = due(&schedule(), &rules, situation(Some(0), now));
            let found: Vec<i64> = due.run.iter().map(|slot| slot.0).collect();
            assert_eq!((found, due.next), (run, Some(next)), "{now}");
            assert!(due.skipped.is_empty(), "{due:?}");
        }
        let late = due(&schedule(), &rules, situation(Some(0), begin.0 + 3001));
        let missed = (Timestamp(10_000), 1, SkipReason::Missed);
        assert_eq!((late.run.len(), late.skipped), (0, vec![missed]));
    }

    #[test]
    fn a_clock_that_was_set_back_by_more_than_a_slot_stops_nothing() {
        let rules = rules(MisfirePolicy::All);
        let back = due(&schedule(), &rules, situation(Some(3_660_000), 55_001));
        assert_eq!(
            back,
            Due {
                run: vec![],
                skipped: vec![(Timestamp(50_000), 1, SkipReason::ClockSetBack)],
                handled: Some(Timestamp(50_000)),
                next: Some(Timestamp(60_000)),
            }
        );
        let then = due(&schedule(), &rules, situation(Some(50_000), 60_000));
        assert_eq!((then.run, then.skipped), (vec![Timestamp(60_000)], vec![]));
        // A daily one has run today, and does so once.
        let daily = Schedule::Every(Every::spread(86_400_000, 0));
        let once = due(&daily, &rules, situation(Some(86_400_000), 83_000_000));
        assert_eq!((once.run, once.skipped), (vec![], vec![]));
        assert_eq!(once.next, Some(Timestamp(2 * 86_400_000)));
    }

    proptest! {
        /// Whenever the scheduler looks, however the clock jumps: each slot at most once, in order,
        /// unless the clock is set back by more than the distance of slots.
        #[test]
        fn no_slot_runs_twice(looks in prop::collection::vec(0_i64..400_000, 1..40), policy in 0..3_usize, jitter in 0_i64..5000) {
            let rules = Routine { jitter_ms: Some(jitter), ..rules(MisfirePolicy::ALL[policy]) };
            let mut handled = Some(Timestamp(0));
            let mut last = 0;
            for now in looks {
                let due = due(&schedule(), &rules, Situation { handled, hindered: None, now: Timestamp(now) });
                if handled.is_some_and(|handled| handled.0 - now > EVERY) {
                    prop_assert!(due.run.is_empty() && due.handled <= Some(Timestamp(now)));
                    (handled, last) = (due.handled, now);
                    continue;
                }
                for slot in &due.run {
                    prop_assert!(slot.0 > last && begin_of(&rules, *slot).0 <= now);
                    last = slot.0;
                }
                prop_assert!(due.next.is_some_and(|next| next.0 > now && Some(next) > due.handled));
                prop_assert!(due.handled >= handled);
                handled = due.handled;
            }
        }
    }
}
