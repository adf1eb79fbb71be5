//! The journal: numbering, paging and exact text.

use opsroom::core::run::event::{Entry, EntryBody, Level, NewEntry, Stream};
use opsroom::core::run::{Phase, RunId};
use opsroom::store::{Store, StoreError};

use super::{Place, at, event, line, message_of, plan};

async fn whole(store: &Store, run: RunId) -> Vec<Entry> {
    store.entries_after(run, 0, u32::MAX).await.unwrap()
}

pub async fn numbers_have_no_gaps_under_racing_writers(place: Place) {
    let claim = place.claimed().await;
    // Another engine's token for the same run: its writes must use no number.
    let stale = opsroom::store::Claim {
        token: claim.token - 1,
        ..claim
    };
    let writer = |name: &'static str, claim| {
        let store = place.store.clone();
        tokio::spawn(async move {
            let mut done = Vec::new();
            for i in 0..25_u32 {
                let entries = [event(name), line(i % 2, name), line(i % 3, name)];
                match store.append(claim, &entries[..=(i as usize % 3)]).await {
                    Ok(last) => done.push(last),
                    Err(StoreError::StaleToken(_)) => {}
                    Err(other) => panic!("{other}"),
                }
            }
            done.len()
        })
    };
    let tasks = [
        writer("a", claim),
        writer("b", claim),
        writer("c", claim),
        writer("old", stale),
    ];
    for _ in 0..10 {
        place
            .store
            .request_cancel(claim.run, "bob", None, at(50))
            .await
            .unwrap();
    }
    let mut written = Vec::new();
    for task in tasks {
        written.push(task.await.unwrap());
    }
    assert_eq!(written, [25, 25, 25, 0]);
    let entries = whole(&place.store, claim.run).await;
    assert!(
        entries
            .iter()
            .map(|e| e.seq)
            .eq(1..=i64::try_from(entries.len()).unwrap()),
        "gapless, in order"
    );
    assert_eq!(entries.len(), 1 + 10 + 3 * (9 + 2 * 8 + 3 * 8));
    assert!(entries.iter().all(|e| message_of(&e.body) != "old"));
    assert_eq!(
        place.store.run(claim.run).await.unwrap().last_seq,
        entries.last().unwrap().seq
    );
}

/// A mix of entries: events between outputs, two steps, more than one chunk in a row.
fn mixed() -> Vec<NewEntry> {
    let mut entries = vec![event("one")];
    entries.extend((0..1205).map(|i| line(0, &format!("zero {i}"))));
    entries.extend((0..5).map(|i| line(1, &format!("one {i}"))));
    entries.push(event("two"));
    entries.push(event("three"));
    entries.extend((0..3).map(|i| line(1, &format!("one again {i}"))));
    entries
}

pub async fn pages_cut_chunks_anywhere(place: Place) {
    let claim = place.claimed().await;
    let entries = mixed();
    let last = place.store.append(claim, &entries).await.unwrap();
    assert_eq!(last, 1 + i64::try_from(entries.len()).unwrap());
    let all = whole(&place.store, claim.run).await;
    assert!(
        all[1..]
            .iter()
            .zip(&entries)
            .all(|(kept, new)| kept.body == new.body && kept.step == new.step && kept.at == new.at)
    );
    for limit in [1, 7, 500, 1000, 5000] {
        let mut forwards: Vec<Entry> = Vec::new();
        loop {
            let page = place
                .store
                .entries_after(claim.run, forwards.last().map_or(0, |e| e.seq), limit)
                .await
                .unwrap();
            assert!(page.len() <= limit as usize);
            if page.is_empty() || forwards.len() > 40 && limit == 1 {
                break;
            }
            forwards.extend(page);
        }
        assert_eq!(forwards, all[..forwards.len()], "limit {limit}");
        assert!(forwards.len() == all.len() || limit == 1);
    }
    for (after, limit) in [(last, 10), (last + 5, 10), (0, 0), (i64::MAX, 1)] {
        assert!(
            place
                .store
                .entries_after(claim.run, after, limit)
                .await
                .unwrap()
                .is_empty(),
            "{after} {limit}"
        );
    }
    assert_eq!(
        place.store.entries_after(claim.run, -3, 1).await.unwrap()[0].seq,
        1
    );
}

pub async fn entries_are_read_as_they_were_written(place: Place) {
    let claim = place.claimed().await;
    let data = serde_json::json!({"nul": "a\0b", "number": 1.5, "deep": [null, {"x": "ü"}]});
    let mut entries = Vec::new();
    for (i, level) in Level::ALL.into_iter().enumerate() {
        let body = EntryBody::Event {
            level,
            phase: Phase::ALL.get(i).copied().filter(|_| i != 3),
            source: "http".into(),
            message: format!("{level:?}: \u{1b}[31m ␀ ü \u{202e}"),
            data: (i % 2 == 0).then(|| data.clone()),
        };
        entries.push(NewEntry {
            at: at(i64::try_from(i).unwrap()),
            step: (i != 2).then_some(7),
            body,
        });
    }
    for text in [
        "",
        "\0",
        "a\0b\u{1b}]0;x\u{7}",
        "\r\n\t",
        "🦀 e\u{301}",
        "x".repeat(300_000).as_str(),
        "after the long one",
    ] {
        entries.push(NewEntry {
            at: at(-5),
            step: None,
            ..line(0, text)
        });
        let body = EntryBody::Output {
            stream: Stream::Stderr,
            text: text.into(),
        };
        entries.push(NewEntry {
            at: at(99),
            step: None,
            body,
        });
    }
    place.store.append(claim, &entries).await.unwrap();
    let kept = whole(&place.store, claim.run).await;
    for (kept, new) in kept[1..].iter().zip(&entries) {
        assert_eq!(
            (&kept.body, kept.at, kept.step, kept.run),
            (&new.body, new.at, new.step, claim.run)
        );
    }
    assert_eq!(kept.len(), entries.len() + 1);
    // The only change: U+0000 in the text of an event.
    place.store.append(claim, &[event("a\0b")]).await.unwrap();
    assert_eq!(
        message_of(&whole(&place.store, claim.run).await.last().unwrap().body),
        "a␀b"
    );
}

pub async fn a_line_of_ten_megabytes(place: Place) {
    let claim = place.claimed().await;
    let long: String = "0123456789".repeat(1024 * 1024);
    place
        .store
        .append(
            claim,
            &[line(0, "before"), line(0, &long), line(0, "after")],
        )
        .await
        .unwrap();
    let kept = whole(&place.store, claim.run).await;
    let texts: Vec<&str> = kept[1..].iter().map(|e| message_of(&e.body)).collect();
    assert!(texts == ["before", &long, "after"], "byte for byte");
}

pub async fn pages_of_long_lines_end_early(place: Place) {
    let claim = place.claimed().await;
    let long = "x".repeat(9 * 1024 * 1024);
    for _ in 0..6 {
        place
            .store
            .append(claim, &[event("next"), line(0, &long)])
            .await
            .unwrap();
    }
    let mut seen = Vec::new();
    let mut pages = 0;
    loop {
        let page = place
            .store
            .entries_after(claim.run, seen.last().copied().unwrap_or(0), 100)
            .await
            .unwrap();
        let bytes: usize = page.iter().map(|e| message_of(&e.body).len()).sum();
        assert!(bytes < 33 * 1024 * 1024, "{bytes}");
        if page.is_empty() {
            break;
        }
        pages += 1;
        seen.extend(page.iter().map(|e| e.seq));
    }
    assert!(
        seen.iter().copied().eq(1..=13) && pages > 1,
        "nothing is left out: {seen:?}"
    );
}

pub async fn thousands_of_events_at_once(place: Place) {
    let claim = place.claimed().await;
    let entries: Vec<NewEntry> = (0..5000).map(|i| event(&i.to_string())).collect();
    assert_eq!(place.store.append(claim, &entries).await.unwrap(), 5001);
    let kept = whole(&place.store, claim.run).await;
    assert!(
        kept[1..]
            .iter()
            .map(|e| message_of(&e.body))
            .eq((0..5000).map(|i| i.to_string()))
    );
    // A plan with as many steps.
    let mut long = plan("deploy");
    long.steps = vec![long.steps[0].clone(); 5000];
    let run = place.submit(long).await;
    assert_eq!(place.store.steps(run.id).await.unwrap().len(), 5001);
}

pub async fn damaged_output_is_reported(place: Place) {
    let claim = place.claimed().await;
    place
        .store
        .append(
            claim,
            &[line(0, "fine"), event("between"), line(0, "broken")],
        )
        .await
        .unwrap();
    super::opening::sql(
        &place.url,
        "update output_chunk set body = substr(body, 1, 6) where first_seq = 4",
    )
    .await;
    let all = place.store.entries_after(claim.run, 0, 10).await;
    assert!(
        matches!(&all, Err(StoreError::Corrupt { why, .. }) if why.contains("entry 4")),
        "{all:?}"
    );
    assert_eq!(
        place
            .store
            .entries_after(claim.run, 0, 3)
            .await
            .unwrap()
            .len(),
        3,
        "the rest can be read"
    );
}
