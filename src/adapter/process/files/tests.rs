//! Files that are taken, files that are skipped, and a disk that hangs.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use super::*;
use crate::adapter::process::tests::sh;
use crate::core::run::artifact::{ArtifactSpec, NotKept};

const LONG: Duration = MAX_WAIT;

/// The kept titles, the missing files, and the notes.
async fn gathered(
    folder: &Path,
    paths: &[&str],
    max_wait: Duration,
    cancel: &CancellationToken,
) -> (Vec<String>, Vec<String>, Vec<String>) {
    let paths = paths.iter().map(|p| (*p).to_owned()).collect();
    let artifacts = ArtifactSpec {
        paths,
        required: true,
    };
    let what = ShellCall {
        dir: Some(folder.display().to_string()),
        artifacts,
        ..sh("true")
    };
    let limits = Limits {
        each: 100,
        ..Limits::default()
    };
    let (output, mut events) = mpsc::channel(4);
    let subscribe = async {
        let (mut kept, mut notes) = (Vec::new(), Vec::new());
        while let Some(event) = events.recv().await {
            match event {
                CallEvent::Artifact(left, reply) => {
                    kept.push(left.title);
                    let full = || NotKept {
                        why: "full is not kept".to_owned(),
                        run_is_full: true,
                    };
                    reply
                        .send(if kept.last().is_some_and(|t| t == "full") {
                            Err(full())
                        } else {
                            Ok(())
                        })
                        .unwrap();
                }
                CallEvent::Note(note) => notes.push(note),
                other => panic!("{other:?}"),
            }
        }
        (kept, notes)
    };
    let gather = async move { gather(&what, limits, None, max_wait, &output, cancel).await };
    let (lacks, (kept, notes)) = tokio::join!(gather, subscribe);
    (kept, lacks, notes)
}

#[tokio::test]
async fn a_pattern_matches_ordinary_files_and_a_path_anything_it_names() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("own"), "own").unwrap();
    std::fs::create_dir(at("sub")).unwrap();
    std::fs::write(elsewhere.path().join("far"), "far").unwrap();
    symlink("own", at("near")).unwrap();
    symlink("sub", at("to-folder")).unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    symlink(elsewhere.path().join("far"), at("out")).unwrap();
    let _socket = UnixListener::bind(at("socket")).unwrap();
    let go = CancellationToken::new();
    let (kept, lacks, notes) = gathered(folder.path(), &["*"], LONG, &go).await;
    assert_eq!(kept, ["near", "own"]);
    assert!(lacks.is_empty(), "{lacks:?}");
    for name in ["dangling", "out", "socket", "to-folder"] {
        assert!(
            notes.iter().any(|note| note.starts_with(name)),
            "{name}: {notes:?}"
        );
    }
    // Skipped under a pattern, required when named.
    for (name, why) in [
        ("to-folder", "is a folder"),
        ("dangling", "it left no dangling"),
        ("socket", "socket cannot be read"),
        ("out", "leads out"),
        ("sub", "is a folder"),
    ] {
        let (_, lacks, _) = gathered(folder.path(), &["*", name], LONG, &go).await;
        assert!(
            lacks.len() == 1 && lacks[0].contains(why),
            "{name}: {lacks:?}"
        );
    }
    // Matching files that are not kept, and patterns without a match, are missing under a pattern
    // too.
    std::fs::write(at("large"), [0; 101]).unwrap();
    let (_, lacks, _) = gathered(folder.path(), &["l*", "dang*", "sub/*"], LONG, &go).await;
    assert_eq!(lacks.len(), 3, "{lacks:?}");
    assert!(
        lacks[0].contains("large is not kept")
            && lacks[1..] == ["it left no dang*", "it left no sub/*"],
        "{lacks:?}"
    );
}

#[tokio::test]
async fn a_hundred_problems_are_not_reported_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..100 {
        symlink("nowhere", folder.path().join(format!("link{n}"))).unwrap();
        std::fs::write(folder.path().join(format!("large{n}")), [0; 101]).unwrap();
    }
    let (kept, lacks, notes) =
        gathered(folder.path(), &["**"], LONG, &CancellationToken::new()).await;
    assert!(kept.is_empty());
    assert_eq!(
        (lacks.len(), notes.len()),
        (MAX_REPORTED + 1, 2 * (MAX_REPORTED + 1))
    );
    assert_eq!(
        lacks[MAX_REPORTED],
        "80 more of what it was to leave are not kept"
    );
    assert_eq!(
        notes[2 * MAX_REPORTED + 1],
        "80 more files or folders were skipped"
    );
}

#[tokio::test]
async fn a_disk_that_hangs_is_not_waited_for() {
    let (output, _events) = mpsc::channel(1);
    let (taken, lacks, skipped, old) = (
        BTreeSet::new(),
        Few::default(),
        Few::default(),
        Few::default(),
    );
    let (folder, limits, max_wait) = (PathBuf::new(), Limits::default(), Duration::from_millis(20));
    let mut slow = Gathering {
        folder,
        limits,
        began: None,
        max_wait,
        output: &output,
        taken,
        lacks,
        skipped,
        old,
    };
    let (release, held) = std::sync::mpsc::channel::<()>();
    assert!(
        slow.read(move || held.recv()).await.is_err(),
        "it never ends by itself"
    );
    drop(release);
    assert!(
        slow.max_wait.is_zero(),
        "and the limit is shared by all files"
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), "a").unwrap();
    let (kept, lacks, notes) = gathered(
        folder.path(),
        &["a", "b"],
        slow.max_wait,
        &CancellationToken::new(),
    )
    .await;
    assert!(kept.is_empty());
    assert_eq!(
        lacks,
        ["its files could not be read in time; what is missing is not kept"]
    );
    assert_eq!(notes, lacks);
}

#[tokio::test]
async fn nothing_more_is_read_when_the_run_is_full() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["early", "full", "late"] {
        std::fs::write(folder.path().join(name), name).unwrap();
    }
    let (handed, lacks, _) = gathered(
        folder.path(),
        &["*", "late"],
        LONG,
        &CancellationToken::new(),
    )
    .await;
    assert_eq!(handed, ["early", "full"]);
    assert_eq!(
        lacks,
        ["full is not kept; nothing the step left after it is kept either"]
    );
}

#[test]
fn max_wait_is_the_remaining_time_within_limits() {
    for (limit, used, wanted) in [(30, 10, 20), (30, 30, 5), (30, 40, 5), (3600, 1, 60)] {
        assert_eq!(
            max_wait(Duration::from_secs(limit), Duration::from_secs(used)),
            Duration::from_secs(wanted)
        );
    }
}

#[tokio::test]
async fn a_stopped_command_lacks_its_required_files() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), "a").unwrap();
    let stopped = CancellationToken::new();
    stopped.cancel();
    let (kept, lacks, _) = gathered(folder.path(), &["a"], LONG, &stopped).await;
    assert!(kept.is_empty());
    assert_eq!(lacks, ["it was stopped before all of its files were read"]);
    let (_, lacks, _) = gathered(folder.path(), &[], LONG, &stopped).await;
    assert!(lacks.is_empty(), "no artifacts were requested");
}
