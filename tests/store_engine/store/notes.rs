//! What people add to a run: notes and links, also after it has ended.

use opsroom::core::run::artifact::{ArtifactKind, RunLink};
use opsroom::core::run::{RunId, RunStatus, Transition};

use super::{Place, at, event, message_of, plan};

async fn ended(place: &Place) -> RunId {
    let claim = place.claimed().await;
    place
        .store
        .transition(claim, Transition::Start, None, &[event("hello")], at(40))
        .await
        .unwrap();
    place
        .store
        .transition(
            claim,
            Transition::Fail,
            Some("no"),
            &[event("failed")],
            at(50),
        )
        .await
        .unwrap();
    claim.run
}

pub async fn notes_are_entries_also_after_the_end(place: Place) {
    let store = &place.store;
    let (run, queued) = (ended(&place).await, place.submit(plan("deploy")).await.id);
    let before = store.run(run).await.unwrap();
    let (one, other) = tokio::join!(
        store.note(run, "the disk was full", "ana", at(60)),
        store.note(run, "agreed", "ben", at(60))
    );
    one.unwrap();
    other.unwrap();
    store
        .note(queued, "wait for me", "ana", at(61))
        .await
        .unwrap();
    let after = store.run(run).await.unwrap();
    assert_eq!(
        (after.status, after.finished_at, after.message),
        (RunStatus::Failed, before.finished_at, before.message)
    );
    let entries = store.entries_after(run, 0, 99).await.unwrap();
    let numbers: Vec<i64> = entries.iter().map(|entry| entry.seq).collect();
    assert_eq!(numbers, (1..=before.last_seq + 2).collect::<Vec<_>>());
    assert_eq!(after.last_seq, before.last_seq + 2);
    let notes = store.notes(run).await.unwrap();
    for note in &notes {
        let entry = entries.iter().find(|entry| entry.seq == note.seq).unwrap();
        assert_eq!(message_of(&entry.body), format!("note by {note}"));
        assert_eq!((entry.at, note.at), (at(60), at(60)));
    }
    let mut texts: Vec<String> = notes.iter().map(ToString::to_string).collect();
    texts.sort();
    assert_eq!(texts, ["ana: the disk was full", "ben: agreed"]);
    assert_eq!(store.notes(queued).await.unwrap().len(), 1);
    let audit = store.audit(place.workspace, 3).await.unwrap();
    assert!(audit.iter().all(|row| row.action == "run.note"));
    assert_eq!(audit[0].after.as_deref(), Some("wait for me"));
    assert!(store.note(RunId(4711), "x", "ana", at(62)).await.is_err());
}

pub async fn a_link_is_an_artifact_with_an_entry(place: Place) {
    let store = &place.store;
    let run = ended(&place).await;
    let last = store.run(run).await.unwrap().last_seq;
    let link = RunLink::new("https://acme.test/pull/7", Some("pull request")).unwrap();
    store.link(run, &link, "ana", at(60)).await.unwrap();
    store.link(run, &link, "ana", at(61)).await.unwrap();
    let artifacts = store.artifacts(run).await.unwrap();
    assert_eq!(artifacts.len(), 2);
    assert_eq!(
        (
            artifacts[0].kind,
            artifacts[0].title.as_str(),
            artifacts[0].url.as_deref()
        ),
        (
            ArtifactKind::Link,
            "pull request",
            Some("https://acme.test/pull/7")
        )
    );
    let (_, content) = store.artifact(run, 1).await.unwrap();
    assert_eq!(content, b"https://acme.test/pull/7");
    let entries = store.entries_after(run, last, 99).await.unwrap();
    let said = "link by ana: pull request https://acme.test/pull/7";
    assert!(entries.iter().all(|entry| message_of(&entry.body) == said));
    assert_eq!(entries.len(), 2);
    let audit = store.audit(place.workspace, 1).await.unwrap().remove(0);
    assert_eq!(
        (audit.action.as_str(), audit.object),
        ("run.link", format!("run {run}"))
    );
}
