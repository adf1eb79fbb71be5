//! What the scheduler decides about single routines, without waiting.

use super::*;
use crate::core::routine::jitter::begin_of;
use crate::core::routine::scheduled::Scheduled;
use crate::core::stack::routine::Routine;
use crate::engine::testing::{config, world};

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
