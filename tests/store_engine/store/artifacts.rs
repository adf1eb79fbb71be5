//! Artifacts of runs: listed per run, contents stored once, within limits.

use opsroom::core::run::Transition;
use opsroom::core::run::artifact::{ArtifactDraft, ArtifactKind, Limits};
use opsroom::store::{NewArtifact, StoreError};

use super::{Place, at};

fn packed(kind: ArtifactKind, title: &str, content: &[u8]) -> NewArtifact {
    NewArtifact::pack(ArtifactDraft {
        kind,
        title: title.to_owned(),
        content: content.to_owned(),
    })
    .unwrap()
}

pub async fn artifacts_are_kept(place: Place) {
    let claim = place.claimed().await;
    let content = b"a\n\x1b\0\xff b";
    for kind in ArtifactKind::ALL {
        let new = packed(kind, kind.name(), content);
        place
            .store
            .leave(claim, Some(2), &new, Limits::default(), at(60))
            .await
            .unwrap()
            .unwrap();
    }
    let all = place.store.artifacts(claim.run).await.unwrap();
    let kinds: Vec<_> = all
        .iter()
        .map(|a| (a.number, a.kind, a.step, a.bytes, a.at))
        .collect();
    let wanted = (1..)
        .zip(ArtifactKind::ALL)
        .map(|(number, kind)| (number, kind, Some(2), 7, at(60)));
    assert_eq!(kinds, wanted.collect::<Vec<_>>());
    assert!(
        all.iter()
            .all(|a| a.url.is_some() == (a.kind == ArtifactKind::Link))
    );
    for listed in &all {
        let (artifact, found) = place
            .store
            .artifact(claim.run, listed.number)
            .await
            .unwrap();
        assert_eq!(
            (&artifact, found.as_slice()),
            (listed, content.as_slice()),
            "byte for byte"
        );
    }
    for number in [0, 6] {
        let none = place.store.artifact(claim.run, number).await;
        assert!(matches!(none, Err(StoreError::NotFound(_))), "{none:?}");
    }
    place
        .store
        .transition(claim, Transition::Cancel, None, &[], at(61))
        .await
        .unwrap();
    let late = packed(ArtifactKind::File, "late", b"x");
    assert!(
        place
            .store
            .leave(claim, None, &late, Limits::default(), at(62))
            .await
            .is_err()
    );
    assert_eq!(place.store.artifacts(claim.run).await.unwrap().len(), 5);
}

pub async fn the_same_contents_are_kept_once(place: Place) {
    let (one, other) = (place.claimed().await, place.claimed().await);
    let large = vec![0; 3 * 1024 * 1024];
    for (claim, title) in [(one, "a"), (one, "b"), (other, "a")] {
        let new = packed(ArtifactKind::File, title, &large);
        place
            .store
            .leave(claim, None, &new, Limits::default(), at(60))
            .await
            .unwrap()
            .unwrap();
    }
    let count = "select count(*) from artifact_content";
    assert_eq!(super::opening::number(&place.url, count).await, 1);
    let length = "select cast(length(body) as bigint) from artifact_content";
    assert!(
        super::opening::number(&place.url, length).await < 100_000,
        "and packed"
    );
    assert_eq!(place.store.artifact(other.run, 1).await.unwrap().1, large);
    let hashes: Vec<String> = place
        .store
        .artifacts(one.run)
        .await
        .unwrap()
        .into_iter()
        .map(|a| a.hash)
        .collect();
    assert_eq!(hashes[0], hashes[1]);
}

pub async fn an_artifact_over_the_limits_is_refused_whole(place: Place) {
    let claim = place.claimed().await;
    let limits = Limits {
        each: 100,
        run: 150,
    };
    let mut kept = Vec::new();
    for (kind, title, bytes) in [
        (ArtifactKind::File, "fits", 100),
        (ArtifactKind::File, "large", 101),
        (ArtifactKind::Log, "sum", 51),
        (ArtifactKind::Log, "rest", 50),
        (ArtifactKind::File, "more", 1),
        (ArtifactKind::Manifest, "manifest", 1000),
    ] {
        let new = packed(kind, title, &vec![b'x'; bytes]);
        match place
            .store
            .leave(claim, None, &new, limits, at(60))
            .await
            .unwrap()
        {
            Ok(()) => kept.push(title),
            Err(no) => assert!(no.why.contains(title), "{no:?}"),
        }
    }
    assert_eq!(kept, ["fits", "rest", "manifest"]);
    assert_eq!(place.store.artifacts(claim.run).await.unwrap().len(), 3);
}

pub async fn a_later_attempt_takes_the_place_of_an_earlier_one(place: Place) {
    let claim = place.claimed().await;
    let limits = Limits {
        each: 100,
        run: 150,
    };
    let mut answers = Vec::new();
    for (step, title, fill, bytes) in [
        (Some(0), "a", b'1', 100),
        (Some(0), "a", b'2', 100),
        (Some(0), "a", b'3', 100),
        // The same contents under another name and by another step.
        (Some(0), "b", b'3', 100),
        (Some(1), "c", b'3', 100),
        (Some(1), "a", b'4', 51),
        (None, "a", b'4', 51),
        (None, "a", b'4', 50),
        (None, "a", b'5', 50),
        (Some(1), "d", b'6', 1),
    ] {
        let new = packed(ArtifactKind::File, title, &vec![fill; bytes]);
        let answer = place
            .store
            .leave(claim, step, &new, limits, at(60))
            .await
            .unwrap();
        answers.push(answer.map_err(|no| no.run_is_full));
    }
    let (kept, full) = (Ok(()), Err(true));
    assert_eq!(
        answers,
        [kept, kept, kept, kept, kept, full, full, kept, kept, full]
    );
    assert_eq!(
        place.store.artifacts(claim.run).await.unwrap().len(),
        7,
        "artifacts of earlier attempts stay"
    );
}

pub async fn damaged_contents_are_reported(place: Place) {
    let claim = place.claimed().await;
    let new = packed(ArtifactKind::File, "a", b"some contents");
    place
        .store
        .leave(claim, None, &new, Limits::default(), at(60))
        .await
        .unwrap()
        .unwrap();
    super::opening::sql(
        &place.url,
        "update artifact_content set body = substr(body, 1, 6)",
    )
    .await;
    let answer = place.store.artifact(claim.run, 1).await;
    assert!(
        matches!(&answer, Err(StoreError::Corrupt { why, .. }) if why.contains("artifact 1")),
        "{answer:?}"
    );
    assert_eq!(
        place.store.artifacts(claim.run).await.unwrap().len(),
        1,
        "the list can be read"
    );
}

/// Rows of the first schema have their contents in the list.
pub async fn artifacts_of_the_first_schema_can_be_read(place: Place) {
    let claim = place.claimed().await;
    let old = format!(
        "insert into artifact (run_id, kind, title, content, at) values ({}, 'file', 'spec.md', 'old text', 5)",
        claim.run.0
    );
    super::opening::sql(&place.url, &old).await;
    let (artifact, content) = place.store.artifact(claim.run, 1).await.unwrap();
    assert_eq!(
        (artifact.bytes, artifact.hash.len(), content.as_slice()),
        (8, 64, b"old text".as_slice())
    );
}
