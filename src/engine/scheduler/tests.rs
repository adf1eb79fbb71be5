//! What the scheduler decides about single routines, without waiting.

use super::*;
use crate::core::routine::jitter::begin_of;
use crate::core::routine::report::RoutineReport;
use crate::core::routine::scheduled::Scheduled;
use crate::core::stack::routine::{Check, Routine};
use crate::core::stack::state::State;
use crate::core::stack::{Change, Delta};
use crate::engine::testing::{config, world};
use crate::store::{RoutinePause, RoutineRequested, RoutineState};

/// A scheduler that holds one routine, number 7.
async fn scheduler(routine: &Routine) -> (Scheduler, Timestamp) {
    let mut scheduler = Scheduler::new(world(config("serve")).await, 1, 0);
    let now = scheduler.world.clock.now();
    let declared = Scheduled::declared(routine);
    let entry = RoutineEntry::new(7, declared, "UTC", None, now).unwrap();
    scheduler.members.held = [entry.shard].into_iter().collect();
    scheduler.entries.insert(7, entry);
    (scheduler, now)
}

fn ping() -> Routine {
    Routine {
        name: "ping".to_owned(),
        every_ms: Some(10_000),
        ..Routine::default()
    }
}

/// An entry that is taken away is made again only from a stack that is read again.
#[tokio::test]
async fn a_stack_is_read_when_it_changed_and_at_no_other_time() {
    let mut scheduler = Scheduler::new(world(config("serve")).await, 1, 0);
    let store = scheduler.world.store.clone();
    let now = scheduler.world.clock.now();
    let made = store.ensure_workspace("acme", "UTC", now).await;
    let workspace = made.unwrap().id;
    scheduler.workspace = workspace;
    let declare = async |name: &str| {
        let added = Change::Routine(Delta {
            name: name.to_owned(),
            before: None,
            after: Some(Routine {
                name: name.to_owned(),
                ..ping()
            }),
            position: 0,
        });
        store.apply(workspace, &[added], "ana", now).await.unwrap();
    };
    declare("one").await;
    scheduler.sync_or_wait().await;
    assert_eq!(scheduler.entries.len(), 1);
    let one = scheduler.by_name["one"];
    scheduler.entries.remove(&one);
    scheduler.sync_or_wait().await;
    assert!(scheduler.entries.is_empty(), "nothing has changed");
    declare("two").await;
    scheduler.sync_or_wait().await;
    assert_eq!(scheduler.entries.len(), 2);
    let planned = |name: &str| {
        let entry = &scheduler.entries[&scheduler.by_name[name]];
        (entry.next.is_some(), entry.paused_until)
    };
    assert_eq!(planned("two"), (true, None));
    let pause = RoutinePause {
        until: now.plus_ms(60_000),
        by: "ana".to_owned(),
        reason: "moving racks".to_owned(),
    };
    store
        .pause_routine(workspace, one, &pause, now)
        .await
        .unwrap();
    scheduler.sync_or_wait().await;
    let entry = &scheduler.entries[&one];
    assert_eq!(entry.paused_until, Some(pause.until));
}

/// Without this a store that does not answer for a while would end a routine for good.
#[tokio::test]
async fn a_membership_that_is_not_renewed_in_time_puts_slots_off() {
    let (mut scheduler, now) = scheduler(&ping()).await;
    let shard = scheduler.entries[&7].shard;
    let entry = scheduler.entries.get_mut(&7).unwrap();
    entry.handled = Some(now.plus_ms(-60_000));
    let mut decide = |held: bool, renewed: bool| {
        scheduler.members.held = held.then_some(shard).into_iter().collect();
        if renewed {
            scheduler.members.renewed(Instant::now());
        }
        scheduler.decide(7, (now, now));
        (scheduler.entries[&7].next, scheduler.waiting.len())
    };
    assert_eq!(decide(false, false), (None, 0), "another engine has it");
    assert_eq!(decide(true, false), (Some(now.plus_ms(AGAIN_MS)), 0));
    let (next, waiting) = decide(true, true);
    assert!(next.is_some_and(|next| next > now));
    assert_eq!(waiting, 1, "the missed slots are one run");
}

/// Without this nothing would be checked for an hour.
#[tokio::test]
async fn after_the_clock_was_set_back_routines_go_on_by_the_new_time() {
    let (mut scheduler, now) = scheduler(&ping()).await;
    scheduler.members.renewed(Instant::now());
    let ahead = now.plus_ms(3_600_000);
    scheduler.looked_at = ahead;
    let entry = scheduler.entries.get_mut(&7).unwrap();
    entry.handled = Some(ahead);
    entry.next = Some(ahead.plus_ms(5000));
    scheduler.heap.push(Reverse((ahead.plus_ms(5000), 7)));
    scheduler.note_clock();
    scheduler.start_due();
    let entry = &scheduler.entries[&7];
    assert!(entry.next.is_some_and(|next| next <= now.plus_ms(20_000)));
    assert!(
        entry
            .handled
            .is_some_and(|handled| handled <= now.plus_ms(10_000))
    );
    assert!(
        scheduler.tasks.is_empty() && !scheduler.pending.is_empty(),
        "a skip is recorded"
    );
    // By how much clocks are corrected all the time.
    let next = entry.next;
    scheduler.looked_at = scheduler.world.clock.now().plus_ms(misfire::SLACK_MS - 500);
    scheduler.note_clock();
    assert_eq!(scheduler.entries[&7].next, next);
}

/// An engine whose clock was an hour ahead has recorded slots, and is gone.
#[tokio::test]
async fn a_routine_whose_last_slot_is_far_ahead_is_looked_at_soon() {
    let (mut scheduler, now) = scheduler(&ping()).await;
    scheduler.members.renewed(Instant::now());
    scheduler.entries.get_mut(&7).unwrap().handled = Some(now.plus_ms(3_600_000));
    scheduler.plan(7, now);
    let next = scheduler.entries[&7].next;
    assert!(
        next.is_some_and(|next| next <= now.plus_ms(10_000)),
        "{next:?}"
    );
}

/// The scheduler wakes up a little after a slot, and a new pattern has no slot that was handled.
#[tokio::test]
async fn the_first_slot_of_a_new_pattern_is_run_though_it_is_looked_at_late() {
    let daily = Routine {
        cron: Some("0 3 * * *".to_owned()),
        every_ms: None,
        ..ping()
    };
    let (mut scheduler, now) = scheduler(&daily).await;
    scheduler.members.renewed(Instant::now());
    scheduler.plan(7, now);
    let slot = scheduler.entries[&7].next.unwrap();
    assert!(slot > now && scheduler.waiting.is_empty());
    scheduler.decide(7, (slot.plus_ms(40), slot.plus_ms(40)));
    let slots: Vec<Timestamp> = scheduler.waiting.iter().map(|task| task.slot).collect();
    assert_eq!(slots, [slot]);
}

#[tokio::test]
async fn a_check_waits_for_its_jitter_and_keeps_its_slot() {
    let rules = Routine {
        jitter_ms: Some(5000),
        ..ping()
    };
    let (mut scheduler, now) = scheduler(&rules).await;
    scheduler.members.renewed(Instant::now());
    // The first slot with a delay worth the name.
    let entry = scheduler.entries.get_mut(&7).unwrap();
    let mut slots = entry.schedule.next_slots(now, 100).into_iter();
    let slot = slots.find(|slot| begin_of(&rules, *slot) > slot.plus_ms(1000));
    let slot = slot.unwrap();
    let begin = begin_of(&rules, slot);
    entry.handled = Some(slot.plus_ms(-10_000));
    scheduler.decide(7, (slot.plus_ms(500), slot.plus_ms(500)));
    let entry = &scheduler.entries[&7];
    assert_eq!((entry.next, scheduler.waiting.len()), (Some(begin), 0));
    scheduler.decide(7, (begin, begin));
    let slots: Vec<Timestamp> = scheduler.waiting.iter().map(|task| task.slot).collect();
    assert_eq!(slots, [slot]);
    assert!(scheduler.entries[&7].next > Some(slot.plus_ms(10_000)));
}

/// A heartbeat each minute, with 10 seconds of grace.
fn heartbeat() -> Routine {
    Routine {
        name: "backup".to_owned(),
        every_ms: Some(60_000),
        check: Check::Heartbeat { grace_ms: 10_000 },
        ..Routine::default()
    }
}

fn state_of(scheduler: &Scheduler) -> State {
    scheduler.entries[&7].health.hard
}

#[tokio::test]
async fn a_report_is_missing_only_when_it_cannot_be_found_any_more() {
    let (mut scheduler, now) = scheduler(&heartbeat()).await;
    scheduler.members.renewed(Instant::now());
    scheduler.plan(7, now);
    let looked_at = scheduler.entries[&7].next.unwrap();
    assert_eq!(looked_at.ms_since(now), 60_000 + 10_000 + 6000);
    let before = looked_at.plus_ms(-1);
    scheduler.decide(7, (before, before));
    assert_eq!(state_of(&scheduler), State::Unknown);
    let report = RoutineRequested {
        id: 1,
        routine: "backup".to_owned(),
        actor: "cron".to_owned(),
        at: now.plus_ms(69_000),
        report: Some(RoutineReport {
            state: State::Ok,
            message: String::new(),
        }),
    };
    scheduler.take_report(7, report);
    scheduler.decide(7, (looked_at, looked_at));
    assert_eq!(state_of(&scheduler), State::Ok, "it was made in time");
    let next = scheduler.entries[&7].next.unwrap();
    assert_eq!(next.ms_since(now), 69_000 + 76_000);
    scheduler.decide(7, (next, next));
    assert_eq!(state_of(&scheduler), State::Failing);
}

#[tokio::test]
async fn what_was_missed_in_a_pause_is_no_failure_also_after_a_restart() {
    let (mut scheduler, now) = scheduler(&heartbeat()).await;
    scheduler.members.renewed(Instant::now());
    scheduler.plan(7, now);
    let end = now.plus_ms(600_000);
    scheduler.entries.get_mut(&7).unwrap().paused_until = Some(end);
    let at = now.plus_ms(76_000);
    scheduler.decide(7, (at, at));
    let entry = &scheduler.entries[&7];
    assert_eq!(entry.health.hard, State::Unknown);
    assert_eq!(
        entry.next,
        Some(end.plus_ms(76_000)),
        "an interval after it"
    );

    // Another engine reads what is stored, after the pause.
    let stored = RoutineState {
        routine: 7,
        state: State::Ok,
        confirmed: State::Ok,
        since: now,
        streak: 1,
        last_ok_at: Some(now),
        last_failed_at: None,
        message: String::new(),
        flapping: false,
        pause: Some(RoutinePause {
            until: end,
            by: "bo".to_owned(),
            reason: String::new(),
        }),
    };
    scheduler.entries.get_mut(&7).unwrap().restore(&stored);
    scheduler.plan(7, end.plus_ms(1000));
    assert_eq!(scheduler.entries[&7].next, Some(end.plus_ms(76_000)));
}

#[tokio::test]
async fn slots_skipped_for_want_of_room_are_counted_and_others_are_not() {
    let (mut scheduler, now) = scheduler(&ping()).await;
    scheduler.members.renewed(Instant::now());
    let slots = |scheduler: &mut Scheduler| {
        let entry = scheduler.entries.get_mut(&7).unwrap();
        entry.handled = Some(now.plus_ms(-30_000));
        entry.queued = 1;
        scheduler.decide(7, (now, now));
        scheduler.load.read(now).overload
    };
    assert_eq!(slots(&mut scheduler), 0, "there is room");
    for _ in 0..AT_ONCE {
        scheduler.tasks.spawn(std::future::pending());
    }
    assert_eq!(
        slots(&mut scheduler),
        1,
        "the one that stands for all of them"
    );
}
