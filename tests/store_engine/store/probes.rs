//! Results of probes: written by flushes, moved by compaction, read as one, deleted when old.

use std::collections::{BTreeMap, HashMap};

use opsroom::core::base::time::Timestamp;
use opsroom::core::metric::rollup::{Rollup, Totals, WindowLength};
use opsroom::core::metric::sample::{ProbeOutcome, Probed, Sample};
use opsroom::core::metric::{DAY_MS, HOUR_MS, MINUTE_MS};
use opsroom::core::stack::state::State;
use opsroom::store::{
    AnswerKind, Compacted, Evidence, Expired, Flush, NewRoutine, Retention, RoutineChange,
    RoutinePause, RoutineState, Store, StoreError,
};

use super::opening::{number, sql};
use super::{Place, at};

/// The begin of a day, milliseconds.
const MONDAY: i64 = 20_776 * DAY_MS;

/// Routines `probe 0`, `probe 1` … and their numbers.
async fn routines(place: &Place, n: usize) -> Vec<i64> {
    let new: Vec<NewRoutine> = (0..n)
        .map(|i| NewRoutine {
            name: format!("probe {i}"),
            kind: "http".into(),
        })
        .collect();
    let known = place
        .store
        .ensure_routines(place.workspace, &new, at(0))
        .await
        .unwrap();
    new.iter().map(|routine| known[&routine.name]).collect()
}

/// A sample every ten minutes from `from` until before `to`, different for each slot and routine.
fn results(routines: &[i64], from: i64, to: i64) -> Vec<Probed> {
    let step = usize::try_from(10 * MINUTE_MS).unwrap();
    let mut all = Vec::new();
    for slot in (from..to).step_by(step) {
        for routine in routines {
            let number = u32::try_from(slot / MINUTE_MS % 1000 + routine % 50).unwrap();
            let outcome = ProbeOutcome::ALL[number as usize % 5];
            let sample = Sample {
                slot,
                lag_ms: number,
                latency_us: (outcome != ProbeOutcome::Skipped).then_some(number * 1237),
                outcome,
                code: 200,
                ..Sample::default()
            };
            all.push(Probed {
                routine: *routine,
                sample,
            });
        }
    }
    all
}

/// Writes them in flushes of a few slots each, some of which hold the end of one hour and the begin
/// of the next.
async fn write(place: &Place, probed: &[Probed]) {
    for part in probed.chunks(7) {
        flush(place, part.to_vec()).await;
    }
}

async fn flush(place: &Place, samples: Vec<Probed>) {
    let flush = Flush {
        at: at(0),
        samples,
        ..Flush::default()
    };
    place
        .store
        .flush_probes(place.workspace, &flush)
        .await
        .unwrap();
}

/// The store answers as if it had all of these samples, wherever they are now.
async fn check(place: &Place, probed: &[Probed]) {
    let mut of: BTreeMap<i64, Vec<Sample>> = BTreeMap::new();
    for one in probed {
        of.entry(one.routine)
            .or_default()
            .push(one.sample.as_stored());
    }
    let ids: Vec<i64> = of.keys().copied().collect();
    for (routine, samples) in &of {
        let found = place
            .store
            .samples(*routine, Timestamp(0), Timestamp(i64::MAX))
            .await
            .unwrap();
        assert_eq!(&found, samples, "samples of routine {routine}");
    }
    for length in WindowLength::ALL {
        let mut expected: BTreeMap<(i64, i64), Rollup> = BTreeMap::new();
        for (routine, samples) in &of {
            for sample in samples {
                let window = (*routine, length.begin(sample.slot));
                expected.entry(window).or_default().add(sample);
            }
        }
        let always = Timestamp(0)..Timestamp(i64::MAX);
        let found = place
            .store
            .rollups(place.workspace, &ids, length, &always)
            .await
            .unwrap();
        let found: BTreeMap<(i64, i64), Rollup> = found
            .into_iter()
            .map(|window| ((window.routine, window.from_ms), window.rollup))
            .collect();
        assert!(found == expected, "windows of a {}", length.name());
    }
    whole_windows(place, &of).await;
    // A window that begins within a day, and one that begins with it.
    for from in [MONDAY + 5 * HOUR_MS + 7, MONDAY + DAY_MS] {
        let begin = WindowLength::Hour.begin(from);
        let (from, now) = (Timestamp(from), Timestamp(MONDAY + 9 * DAY_MS));
        let summaries = place
            .store
            .routine_summaries(place.workspace, &ids, from, now)
            .await
            .unwrap();
        for (routine, samples) in &of {
            let mut expected = Rollup::default();
            for sample in samples.iter().filter(|s| s.slot >= begin) {
                expected.add(sample);
            }
            assert!(
                summaries[routine].rollup == expected,
                "routine {routine} since {from:?}"
            );
        }
    }
}

/// A window that begins before the end of what was asked for is whole.
async fn whole_windows(place: &Place, of: &BTreeMap<i64, Vec<Sample>>) {
    let ids: Vec<i64> = of.keys().copied().collect();
    for within in [MONDAY..MONDAY + HOUR_MS + 1, 0..i64::MAX] {
        let within = Timestamp(within.start)..Timestamp(within.end);
        let found = place
            .store
            .routine_totals(place.workspace, &ids, &within)
            .await
            .unwrap();
        let mut expected: HashMap<i64, Totals> = HashMap::new();
        for (routine, samples) in of {
            let hour = |s: &&Sample| Timestamp(WindowLength::Hour.begin(s.slot));
            for sample in samples.iter().filter(|s| within.contains(&hour(s))) {
                expected.entry(*routine).or_default().add(sample);
            }
        }
        assert_eq!(found, expected);
    }
    for length in WindowLength::ALL {
        let within = Timestamp(MONDAY)..Timestamp(MONDAY + HOUR_MS + 1);
        let found = place
            .store
            .rollups(place.workspace, &ids, length, &within)
            .await
            .unwrap();
        let counted: u64 = found.iter().map(|window| window.rollup.totals.n()).sum();
        let expected = of.values().flatten().filter(|s| {
            let begin = length.begin(s.slot);
            within.contains(&Timestamp(begin))
        });
        assert_eq!(counted, expected.count() as u64, "{}", length.name());
    }
}

async fn compact(place: &Place, now: i64) -> Compacted {
    place.store.compact_probes(Timestamp(now)).await.unwrap()
}

pub async fn routines_keep_their_numbers(place: Place) {
    let ids = routines(&place, 2).await;
    assert_eq!(routines(&place, 2).await, ids);
    let names = ["probe 1".to_owned()];
    let workspace = place.workspace;
    place
        .store
        .remove_routines(workspace, &names, at(5))
        .await
        .unwrap();
    let removed = |known: &[opsroom::store::KnownRoutine]| -> Vec<Option<Timestamp>> {
        known.iter().map(|routine| routine.removed_at).collect()
    };
    let known = place.store.routines(workspace).await.unwrap();
    assert_eq!(removed(&known), [None, Some(at(5))]);
    assert_eq!(known[0].kind, "http");
    assert_eq!(routines(&place, 2).await, ids, "brought back");
    let known = place.store.routines(workspace).await.unwrap();
    assert_eq!(removed(&known), [None, None]);
    let other = place
        .store
        .ensure_workspace("other", "UTC", at(0))
        .await
        .unwrap();
    assert!(place.store.routines(other.id).await.unwrap().is_empty());
}

fn state(routine: i64, state: State) -> RoutineState {
    RoutineState {
        routine,
        state,
        confirmed: state,
        since: Timestamp(MONDAY),
        streak: 3,
        last_ok_at: Some(Timestamp(MONDAY - 1)),
        last_failed_at: None,
        message: "HTTP 503".into(),
        flapping: false,
        pause: None,
    }
}

fn change(routine: i64, when: i64, from: State, to: State) -> RoutineChange {
    RoutineChange {
        routine,
        at: Timestamp(when),
        from,
        to,
        reason: "threshold reached".into(),
        class: 4,
        message: "HTTP 503".into(),
        muted_by: (to == State::Failing).then(|| "patches".to_owned()),
    }
}

pub async fn a_flush_is_written_whole_or_not_at_all(place: Place) {
    let ids = routines(&place, 2).await;
    let workspace = place.workspace;
    let failing = state(ids[0], State::Failing);
    let evidence = |kind, when, answer: &str| Evidence {
        routine: ids[0],
        kind,
        at: Timestamp(when),
        answer: answer.into(),
    };
    let mut flush = Flush {
        at: at(0),
        samples: results(&ids, MONDAY, MONDAY + HOUR_MS),
        states: vec![state(ids[0], State::Degraded), failing.clone()],
        changes: vec![change(ids[0], MONDAY, State::Ok, State::Failing)],
        evidence: vec![
            evidence(AnswerKind::Bad, MONDAY, "503 down"),
            evidence(AnswerKind::Good, MONDAY - 1, "200 fine"),
            evidence(AnswerKind::Last, MONDAY, "503"),
            evidence(AnswerKind::Bad, MONDAY - 5, "an older one"),
        ],
        ..Flush::default()
    };
    let mut wrong = flush.clone();
    wrong.states.push(state(i64::MAX, State::Ok));
    place
        .store
        .flush_probes(workspace, &wrong)
        .await
        .unwrap_err();
    let all = (Timestamp(0), Timestamp(i64::MAX));
    assert!(
        place
            .store
            .samples(ids[0], all.0, all.1)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        place
            .store
            .routine_states(workspace)
            .await
            .unwrap()
            .is_empty()
    );
    place.store.flush_probes(workspace, &flush).await.unwrap();
    check(&place, &flush.samples).await;
    assert_eq!(
        place.store.routine_states(workspace).await.unwrap(),
        [failing]
    );
    let changes = place
        .store
        .routine_changes(workspace, ids[0], 9)
        .await
        .unwrap();
    assert_eq!(changes, flush.changes);
    let answers = place.store.probe_evidence(workspace, ids[0]).await.unwrap();
    assert_eq!(answers, flush.evidence[..3]);
    flush.samples[0].sample.slot = -1;
    let refused = place.store.flush_probes(workspace, &flush).await;
    assert!(refused.unwrap_err().to_string().contains("before 1970"));
}

pub async fn compaction_changes_no_answer(place: Place) {
    // Routines on two bundles.
    let ids = routines(&place, 70).await;
    let ids = [ids[0], ids[1], ids[69]];
    let mut all = results(&ids, MONDAY, MONDAY + DAY_MS + 3 * HOUR_MS);
    write(&place, &all).await;
    check(&place, &all).await;
    let now = MONDAY + DAY_MS + HOUR_MS + 1;
    let done = compact(&place, now).await;
    assert!(done.batches > 50 && done.days == 0, "{done:?}");
    check(&place, &all).await;
    assert_eq!(compact(&place, now).await, Compacted::default());
    let done = compact(&place, now + 2 * HOUR_MS).await;
    assert_eq!(
        (done.days, done.damaged),
        (2, 0),
        "a row for the first 16 routines, and one for the last: {done:?}"
    );
    check(&place, &all).await;
    // Results of a day that was merged already.
    let late = Probed {
        routine: ids[1],
        sample: Sample {
            slot: MONDAY + 3,
            ..Sample::default()
        },
    };
    flush(&place, vec![late]).await;
    all.insert(3, late);
    check(&place, &all).await;
    let done = compact(&place, now + 2 * HOUR_MS).await;
    assert_eq!((done.samples, done.days), (1, 1));
    check(&place, &all).await;
}

pub async fn racing_compactors_move_every_sample_once(place: Place) {
    let ids = routines(&place, 3).await;
    let all = results(&ids, MONDAY, MONDAY + DAY_MS);
    write(&place, &all).await;
    let mut racers = Vec::new();
    for hour in [5, 30, 30, 30] {
        let store = place.store.clone();
        let now = Timestamp(MONDAY + hour * HOUR_MS);
        racers.push(tokio::spawn(async move { store.compact_probes(now).await }));
    }
    let mut samples = 0;
    for racer in racers {
        samples += racer.await.unwrap().unwrap().samples;
    }
    check(&place, &all).await;
    samples += compact(&place, MONDAY + 30 * HOUR_MS).await.samples;
    assert_eq!(samples, all.len());
    check(&place, &all).await;
}

pub async fn a_compaction_that_is_stopped_loses_nothing(place: Place) {
    let ids = routines(&place, 3).await;
    let all = results(&ids, MONDAY, MONDAY + 4 * HOUR_MS);
    write(&place, &all).await;
    for polls in 0..30 {
        let now = Timestamp(MONDAY + (2 + polls / 4) * HOUR_MS + DAY_MS * (polls / 15));
        let mut compaction = Box::pin(place.store.compact_probes(now));
        for _ in 0..polls * 3 {
            if futures_util::poll!(compaction.as_mut()).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(compaction);
    }
    check(&place, &all).await;
    compact(&place, MONDAY + 2 * DAY_MS).await;
    check(&place, &all).await;
}

/// Statements that put bytes into a column that are no block.
fn damage(place: &Place, table: &str, condition: &str) -> String {
    let bytes = if place.url.starts_with("sqlite:") {
        "x'0100'"
    } else {
        "'\\x0100'::bytea"
    };
    format!("update {table} set bytes = {bytes} where {condition}")
}

pub async fn a_damaged_row_is_reported_and_stops_no_other(place: Place) {
    let ids = routines(&place, 1).await;
    let all = results(&ids, MONDAY, MONDAY + 6 * HOUR_MS);
    write(&place, &all).await;
    sql(
        &place.url,
        &damage(
            &place,
            "probe_batch",
            "seq = (select min(seq) from probe_batch)",
        ),
    )
    .await;
    let all_time = (Timestamp(0), Timestamp(i64::MAX));
    let read = place.store.samples(ids[0], all_time.0, all_time.1).await;
    assert!(matches!(read, Err(StoreError::Corrupt { .. })), "{read:?}");
    let done = compact(&place, MONDAY + DAY_MS).await;
    assert_eq!((done.damaged, done.samples), (1, all.len() - 7));
    sql(&place.url, "delete from probe_batch").await;
    check(&place, &all[7..]).await;
    sql(&place.url, &damage(&place, "probe_rollup", "level = 'day'")).await;
    let from = Timestamp(MONDAY);
    let summary = place
        .store
        .routine_summaries(place.workspace, &ids, from, from)
        .await;
    assert!(
        matches!(summary, Err(StoreError::Corrupt { .. })),
        "{summary:?}"
    );
}

pub async fn downtime_is_the_time_in_failing(place: Place) {
    let ids = routines(&place, 3).await;
    let minute = |n: i64| MONDAY + n * MINUTE_MS;
    let flush = Flush {
        at: at(0),
        states: vec![
            state(ids[0], State::Ok),
            state(ids[1], State::Failing),
            state(ids[2], State::Ok),
        ],
        changes: vec![
            change(ids[0], minute(10), State::Ok, State::Failing),
            change(ids[0], minute(25), State::Failing, State::Ok),
            change(ids[2], minute(-10), State::Ok, State::Failing),
            change(ids[2], minute(5), State::Failing, State::Ok),
        ],
        ..Flush::default()
    };
    let (store, workspace) = (&place.store, place.workspace);
    store.flush_probes(workspace, &flush).await.unwrap();
    let (from, now) = (Timestamp(minute(0)), Timestamp(minute(60)));
    let found = store
        .routine_summaries(workspace, &ids, from, now)
        .await
        .unwrap();
    let minutes: Vec<i64> = ids
        .iter()
        .map(|id| found[id].failing_ms / MINUTE_MS)
        .collect();
    assert_eq!(minutes, [15, 60, 5]);
}

fn keep(days: i64) -> Retention {
    Retention {
        samples_ms: days * DAY_MS,
        hours_ms: days * DAY_MS,
        days_ms: days * DAY_MS,
        changes_ms: days * DAY_MS,
        all: true,
        dry_run: false,
    }
}

/// The numbers of rows that go, that are uncounted and that wait, of a level.
fn numbers(expired: &[Expired], level: &str) -> [usize; 3] {
    let of = expired.iter().find(|e| e.level == level).unwrap();
    [of.rows, of.uncounted, of.postponed]
}

pub async fn nothing_goes_before_it_is_counted(place: Place) {
    let ids = routines(&place, 2).await;
    let all = results(&ids, MONDAY, MONDAY + 2 * DAY_MS);
    write(&place, &all).await;
    let size = async |day: i64| {
        let now = Timestamp(MONDAY + day * DAY_MS);
        place.store.probe_size(place.workspace, now).await.unwrap()
    };
    let count = i64::try_from(all.len()).unwrap();
    assert_eq!(
        (size(1).await.results, size(1).await.rollup_bytes),
        (count, 0)
    );
    compact(&place, MONDAY + 3 * DAY_MS).await;
    let (first, last) = (size(1).await, size(3).await);
    assert_eq!((first.results, first.day_results), (count, count / 2));
    assert!(0 < first.day_bytes && first.day_bytes < first.bytes);
    assert!(first.rollup_bytes > 0 && last.day_results == 0, "{last:?}");
    let now = Timestamp(MONDAY + 3 * DAY_MS);
    let retain = async |keep: &Retention| place.store.retain_probes(now, keep).await.unwrap();
    let dry = Retention {
        dry_run: true,
        days_ms: 9 * DAY_MS,
        ..keep(0)
    };
    let expired = retain(&dry).await;
    assert_eq!(numbers(&expired, "samples"), [2, 0, 0], "a row a day");
    assert_eq!(numbers(&expired, "hours"), [48, 0, 0]);
    assert_eq!(numbers(&expired, "days"), [0, 0, 0]);
    check(&place, &all).await;
    let part = Retention { all: false, ..dry };
    let expired = retain(&part).await;
    assert_eq!(numbers(&expired, "samples"), [1, 0, 1], "at least one");
    assert_eq!(numbers(&expired, "hours"), [7, 0, 41], "15 % of 48");
    // The rollup of the first day is gone: neither its samples nor its hours go.
    let first_day = format!("delete from probe_rollup where level = 'day' and from_ms = {MONDAY}");
    sql(&place.url, &first_day).await;
    let expired = retain(&Retention {
        dry_run: false,
        ..dry
    })
    .await;
    assert_eq!(numbers(&expired, "samples"), [1, 1, 0]);
    assert_eq!(numbers(&expired, "hours"), [24, 24, 0]);
    let found = place
        .store
        .samples(ids[0], Timestamp(0), Timestamp(i64::MAX))
        .await
        .unwrap();
    assert_eq!(found.len(), 144, "the samples of the first day");
    let expired = retain(&keep(0)).await;
    assert_eq!(numbers(&expired, "days"), [1, 0, 0]);
}

pub async fn old_changes_of_state_go(place: Place) {
    let ids = routines(&place, 1).await;
    let flush = Flush {
        at: at(0),
        changes: vec![
            change(ids[0], MONDAY, State::Ok, State::Failing),
            change(ids[0], MONDAY + DAY_MS, State::Failing, State::Ok),
        ],
        ..Flush::default()
    };
    let (store, workspace) = (&place.store, place.workspace);
    store.flush_probes(workspace, &flush).await.unwrap();
    let now = Timestamp(MONDAY + 2 * DAY_MS);
    let expired = store.retain_probes(now, &keep(1)).await.unwrap();
    assert_eq!(numbers(&expired, "changes"), [1, 0, 0]);
    let left = store.routine_changes(workspace, ids[0], 9).await.unwrap();
    assert_eq!(left, flush.changes[1..]);
}

pub async fn a_pause_is_audited_and_outlives_flushes(place: Place) {
    let ids = routines(&place, 1).await;
    let (store, workspace) = (&place.store, place.workspace);
    let pause = RoutinePause {
        until: at(900),
        by: "ana".into(),
        reason: "moving racks".into(),
    };
    store
        .pause_routine(workspace, ids[0], &pause, at(1))
        .await
        .unwrap();
    let flush = Flush {
        states: vec![state(ids[0], State::Ok)],
        ..Flush::default()
    };
    store.flush_probes(workspace, &flush).await.unwrap();
    let states = store.routine_states(workspace).await.unwrap();
    assert_eq!(states[0].pause, Some(pause.clone()));
    let pauses = async || store.routine_pauses(workspace).await.unwrap();
    assert_eq!(pauses().await.get(&ids[0]), Some(&pause));
    assert_eq!(states[0].state, State::Ok);
    let resume = async || store.resume_routine(workspace, ids[0], "bo", at(2)).await;
    assert!(resume().await.unwrap());
    assert!(!resume().await.unwrap(), "it has no pause");
    let states = store.routine_states(workspace).await.unwrap();
    assert_eq!(states[0].pause, None);
    assert!(pauses().await.is_empty());
    let audit = store.audit(workspace, 9).await.unwrap();
    let actions: Vec<&str> = audit.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(actions, ["routine.resume", "routine.pause"]);
    assert_eq!(audit[1].object, "routine probe 0");
    let other = store.ensure_workspace("other", "UTC", at(0)).await.unwrap();
    let refused = store.resume_routine(other.id, ids[0], "bo", at(3)).await;
    assert!(matches!(refused, Err(StoreError::NotFound(_))));
}

/// The partitions of the days of samples; SQLite has none.
async fn months(place: &Place) -> i64 {
    if place.url.starts_with("sqlite:") {
        return 0;
    }
    let months = "select count(*) from pg_class where relnamespace = current_schema()::regnamespace \
        and relkind = 'r' and relispartition and relname like 'probe\\_chunk\\_day\\_2%'";
    number(&place.url, months).await
}

pub async fn what_is_old_goes_with_its_month(place: Place) {
    let ids = routines(&place, 2).await;
    let mut all = Vec::new();
    for day in [-40, 0, 40] {
        let begin = MONDAY + day * DAY_MS;
        all.extend(results(&ids, begin, begin + HOUR_MS));
    }
    write(&place, &all).await;
    compact(&place, MONDAY + 90 * DAY_MS).await;
    let made = months(&place).await;
    assert!(place.store.kind() == "sqlite" || made == 3, "{made}");
    check(&place, &all).await;
    let now = Timestamp(MONDAY + 90 * DAY_MS);
    let dry = Retention {
        dry_run: true,
        ..keep(60)
    };
    place.store.retain_probes(now, &dry).await.unwrap();
    assert_eq!(months(&place).await, made, "a dry run drops nothing");
    let expired = place.store.retain_probes(now, &keep(60)).await.unwrap();
    assert_eq!(numbers(&expired, "samples"), [2, 0, 0]);
    let left = i64::from(made > 0);
    assert_eq!(months(&place).await, left, "of the last one");
    check(&place, &all[all.len() / 3 * 2..]).await;
    // Results of a month that was dropped.
    let late = results(&ids, MONDAY, MONDAY + HOUR_MS);
    flush(&place, late.clone()).await;
    compact(&place, MONDAY + 90 * DAY_MS).await;
    check(&place, &[late, all.split_off(all.len() / 3 * 2)].concat()).await;
}

/// Brings the tables into the form of the version before, and opens the store again.
pub async fn results_of_earlier_versions_are_moved(place: Place) {
    let ids = routines(&place, 3).await;
    let mut all = results(&ids, MONDAY, MONDAY + HOUR_MS);
    all.extend(results(&ids, MONDAY + 40 * DAY_MS, MONDAY + 41 * DAY_MS));
    write(&place, &all).await;
    compact(&place, MONDAY + 40 * DAY_MS + 9 * HOUR_MS).await;
    place.store.close().await;
    let flat = |table: &str| {
        format!(
            "create table flat as select * from {table}; drop table {table}; alter table flat rename to {table};
             alter table {table} alter column id set not null;"
        )
    };
    let undo = if place.url.starts_with("sqlite:") {
        "drop index probe_shelf;".to_owned()
    } else {
        flat("probe_chunk") + &flat("probe_rollup")
    };
    let undo = undo
        + "alter table workspace drop column stack_revision;
           alter table probe_routine drop column newest_ms;
           drop index routine_paused;
           delete from _sqlx_migrations where version >= 16";
    sql(&place.url, &undo).await;
    let store = Store::open(&place.url).await.unwrap();
    let place = Place { store, ..place };
    check(&place, &all).await;
    let last = place.store.last_slots(place.workspace).await.unwrap();
    assert_eq!(last[&ids[0]], MONDAY + 41 * DAY_MS - 10 * MINUTE_MS);
    // Numbers go on after those that were moved.
    compact(&place, MONDAY + 43 * DAY_MS).await;
    check(&place, &all).await;
}
