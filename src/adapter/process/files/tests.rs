//! What is taken, what is passed over, and a disk that hangs.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use super::*;
use crate::adapter::process::tests::sh;
use crate::core::artifact::{NotKept, Wanted};

const PATIENCE: Duration = MOST_PATIENCE;

/// What is kept of a folder, what is lacking, and the notes.
async fn gathered(
    folder: &Path,
    paths: &[&str],
    patience: Duration,
    cancel: &CancellationToken,
) -> (Vec<String>, Vec<String>, Vec<String>) {
    let paths = paths.iter().map(|p| (*p).to_owned()).collect();
    let artifacts = Wanted { paths, required: true };
    let what = Invocation { dir: Some(folder.display().to_string()), artifacts, ..sh("true") };
    let limits = Limits { each: 100, ..Limits::default() };
    let (output, mut said) = mpsc::channel(4);
    let listen = async {
        let (mut kept, mut notes) = (Vec::new(), Vec::new());
        while let Some(said) = said.recv().await {
            match said {
                Said::Left(left, told) => {
                    kept.push(left.title);
                    let full = || NotKept { why: "full is not kept".to_owned(), run_is_full: true };
                    told.send(if kept.last().is_some_and(|t| t == "full") { Err(full()) } else { Ok(()) }).unwrap();
                }
                Said::Note(note) => notes.push(note),
                other => panic!("{other:?}"),
            }
        }
        (kept, notes)
    };
    let gather = async move { gather(&what, limits, None, patience, &output, cancel).await };
    let (lacks, (kept, notes)) = tokio::join!(gather, listen);
    (kept, lacks, notes)
}

#[tokio::test]
async fn a_pattern_means_ordinary_files_and_a_path_what_it_names() {
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
    let (kept, lacks, notes) = gathered(folder.path(), &["*"], PATIENCE, &go).await;
    assert_eq!(kept, ["near", "own"]);
    assert!(lacks.is_empty(), "{lacks:?}");
    for name in ["dangling", "out", "socket", "to-folder"] {
        assert!(notes.iter().any(|note| note.starts_with(name)), "{name}: {notes:?}");
    }
    // Passed over before, meant now.
    for (name, why) in [
        ("to-folder", "is a folder"),
        ("dangling", "it left no dangling"),
        ("socket", "socket cannot be read"),
        ("out", "leads out"),
        ("sub", "is a folder"),
    ] {
        let (_, lacks, _) = gathered(folder.path(), &["*", name], PATIENCE, &go).await;
        assert!(lacks.len() == 1 && lacks[0].contains(why), "{name}: {lacks:?}");
    }
    // What is meant and not kept, or nothing at all, is lacking under a pattern too.
    std::fs::write(at("large"), [0; 101]).unwrap();
    let (_, lacks, _) = gathered(folder.path(), &["l*", "dang*", "sub/*"], PATIENCE, &go).await;
    assert_eq!(lacks.len(), 3, "{lacks:?}");
    assert!(
        lacks[0].contains("large is not kept") && lacks[1..] == ["it left no dang*", "it left no sub/*"],
        "{lacks:?}"
    );
}

#[tokio::test]
async fn a_hundred_troubles_are_not_told_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..100 {
        symlink("nowhere", folder.path().join(format!("link{n}"))).unwrap();
        std::fs::write(folder.path().join(format!("large{n}")), [0; 101]).unwrap();
    }
    let (kept, lacks, notes) = gathered(folder.path(), &["**"], PATIENCE, &CancellationToken::new()).await;
    assert!(kept.is_empty());
    assert_eq!((lacks.len(), notes.len()), (MOST_TOLD + 1, 2 * (MOST_TOLD + 1)));
    assert_eq!(lacks[MOST_TOLD], "80 more of what it was to leave are not kept");
    assert_eq!(notes[2 * MOST_TOLD + 1], "80 more files or folders were passed over");
}

#[tokio::test]
async fn a_disk_that_hangs_is_not_waited_for() {
    let (output, _said) = mpsc::channel(1);
    let (taken, lacks, skipped, old) = (BTreeSet::new(), Few::default(), Few::default(), Few::default());
    let (folder, limits, patience) = (PathBuf::new(), Limits::default(), Duration::from_millis(20));
    let mut slow = Gathering { folder, limits, began: None, patience, output: &output, taken, lacks, skipped, old };
    let (release, held) = std::sync::mpsc::channel::<()>();
    assert!(slow.read(move || held.recv()).await.is_err(), "it never ends by itself");
    drop(release);
    assert!(slow.patience.is_zero(), "and there is one patience for all of them");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), "a").unwrap();
    let (kept, lacks, notes) = gathered(folder.path(), &["a", "b"], slow.patience, &CancellationToken::new()).await;
    assert!(kept.is_empty());
    assert_eq!(lacks, ["its files could not be read in time; what is missing is not kept"]);
    assert_eq!(notes, lacks);
}

#[tokio::test]
async fn when_the_run_has_left_what_it_may_nothing_more_is_read() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["early", "full", "late"] {
        std::fs::write(folder.path().join(name), name).unwrap();
    }
    let (handed, lacks, _) = gathered(folder.path(), &["*", "late"], PATIENCE, &CancellationToken::new()).await;
    assert_eq!(handed, ["early", "full"]);
    assert_eq!(lacks, ["full is not kept; nothing the step left after it is kept either"]);
}

#[test]
fn patience_is_what_is_left_within_reason() {
    for (limit, used, wanted) in [(30, 10, 20), (30, 30, 5), (30, 40, 5), (3600, 1, 60)] {
        assert_eq!(patience(Duration::from_secs(limit), Duration::from_secs(used)), Duration::from_secs(wanted));
    }
}

#[tokio::test]
async fn a_command_that_was_stopped_has_not_left_what_it_had_to() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), "a").unwrap();
    let stopped = CancellationToken::new();
    stopped.cancel();
    let (kept, lacks, _) = gathered(folder.path(), &["a"], PATIENCE, &stopped).await;
    assert!(kept.is_empty());
    assert_eq!(lacks, ["it was stopped before all of its files were read"]);
    let (_, lacks, _) = gathered(folder.path(), &[], PATIENCE, &stopped).await;
    assert!(lacks.is_empty(), "nothing was asked for");
}
