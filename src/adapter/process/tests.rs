//! Real commands: output complete, groups ended, escaped processes reported.

use super::*;
use crate::core::base::secret::variable;
use crate::core::run::artifact::ArtifactSpec;

pub(super) fn sh(script: &str) -> ShellCall {
    ShellCall {
        argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
        env: BTreeMap::new(),
        dir: None,
        secrets: vec![],
        artifacts: ArtifactSpec::default(),
        session: None,
    }
}

/// Without secrets.
async fn perform(
    what: &ShellCall,
    timeout_ms: i64,
    output: mpsc::Sender<CallEvent>,
    cancel: CancellationToken,
) -> Reply {
    super::perform(
        what,
        &AdapterContext::default(),
        timeout_ms,
        output,
        cancel.into(),
    )
    .await
}

/// Runs to the end and returns the answer, the lines and the notes.
pub(super) async fn run(
    what: ShellCall,
    timeout_ms: i64,
    cancel: CancellationToken,
) -> (Reply, Vec<OutputLine>, Vec<String>) {
    let (tx, mut rx) = mpsc::channel(4);
    let collect = async {
        let (mut lines, mut notes) = (Vec::new(), Vec::new());
        while let Some(event) = rx.recv().await {
            match event {
                CallEvent::Lines(more) => lines.extend(more),
                CallEvent::Note(note) => notes.push(note),
                CallEvent::Ready(..) | CallEvent::Artifact(..) | CallEvent::Timed(_) => {}
            }
        }
        (lines, notes)
    };
    let (reply, (lines, notes)) = tokio::join!(perform(&what, timeout_ms, tx, cancel), collect);
    (reply, lines, notes)
}

async fn plain(script: &str) -> (Reply, Vec<String>, Vec<String>) {
    let (reply, lines, notes) = run(sh(script), 30_000, CancellationToken::new()).await;
    (reply, lines.into_iter().map(|l| l.text).collect(), notes)
}

#[tokio::test]
async fn code_signal_and_outputs_come_back() {
    let (reply, lines, _) =
        plain("echo out; echo err >&2; printf 'A=1\\n' > $OPSROOM_OUTPUT; exit 0").await;
    let Reply::Exited {
        code: Some(0),
        signal: None,
        outputs,
        ..
    } = reply
    else {
        panic!("{reply:?}")
    };
    assert_eq!(outputs["A"], "1");
    assert_eq!(lines.len(), 2);
    let (reply, ..) = plain("printf 'A=1\\n' > $OPSROOM_OUTPUT; exit 3").await;
    assert!(
        matches!(reply, Reply::Exited { code: Some(3), ref outputs, .. } if outputs.is_empty()),
        "{reply:?}"
    );
    let (reply, ..) = plain("kill -9 $$").await;
    assert!(
        matches!(
            reply,
            Reply::Exited {
                code: None,
                signal: Some(9),
                ..
            }
        ),
        "{reply:?}"
    );
}

#[tokio::test]
async fn the_command_has_no_input_and_a_group_and_session_of_its_own() {
    let (_, lines, _) =
        plain("cat; read -r pid name state ppid pgrp sid rest < /proc/$$/stat; echo $$ $pgrp $sid")
            .await;
    let ids: Vec<_> = lines[0].split(' ').collect();
    assert_eq!(ids[0], ids[1], "own group");
    if program::find("setsid").is_some() {
        assert_eq!(ids[0], ids[2], "own session");
    }
}

#[tokio::test]
async fn the_path_of_the_command_does_not_choose_the_shell_it_waits_in() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("sh");
    std::fs::write(&other, "#!/bin/sh\necho taken\n").unwrap();
    std::fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for path in ["/nonexistent", folder.path().to_str().unwrap()] {
        let argv = ["/bin/sh", "-c", "echo \"$PATH\""]
            .map(str::to_owned)
            .to_vec();
        let what = ShellCall {
            argv,
            env: BTreeMap::from([("PATH".to_owned(), path.to_owned())]),
            ..sh("")
        };
        let (reply, lines, _) = run(what, 30_000, CancellationToken::new()).await;
        assert!(
            matches!(reply, Reply::Exited { code: Some(0), .. }),
            "{reply:?}"
        );
        assert_eq!(
            lines.into_iter().map(|l| l.text).collect::<Vec<_>>(),
            [path]
        );
    }
}

#[tokio::test]
async fn a_hundred_thousand_lines_arrive_whole_and_in_order() {
    let (_, lines, _) = plain("seq 1 100000").await;
    assert_eq!(lines.len(), 100_000);
    assert!(
        lines
            .iter()
            .enumerate()
            .all(|(i, l)| *l == (i + 1).to_string())
    );
}

#[tokio::test]
async fn a_ten_megabyte_line_arrives_whole() {
    let (_, lines, _) = plain("head -c 10000000 /dev/zero | tr '\\0' x; echo; echo end").await;
    let sizes: Vec<_> = lines.iter().map(String::len).collect();
    assert_eq!(sizes, [10_000_000, 3]);
}

#[tokio::test]
async fn failures_to_start_are_explained() {
    let missing = ShellCall {
        argv: vec!["no-such-program-here".into()],
        ..sh("")
    };
    let folder = ShellCall {
        dir: Some("/no/such/folder".into()),
        ..sh("true")
    };
    let closed = ShellCall {
        argv: vec!["/etc/passwd".into()],
        ..sh("")
    };
    for (what, part) in [
        (missing, "no such program"),
        (folder, "no such folder"),
        (closed, "permission denied"),
    ] {
        let (reply, ..) = run(what, 1000, CancellationToken::new()).await;
        assert!(
            matches!(&reply, Reply::Unreachable { message, .. } if message.contains(part)),
            "{reply:?}"
        );
    }
}

#[tokio::test]
async fn a_relative_program_is_found_in_its_folder_once() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("bin")).unwrap();
    std::os::unix::fs::symlink("/bin/echo", dir.path().join("bin/say")).unwrap();
    let what = ShellCall {
        argv: vec!["bin/say".into(), "hi".into()],
        env: BTreeMap::new(),
        dir: Some(dir.path().to_str().unwrap().to_owned()),
        secrets: vec![],
        artifacts: ArtifactSpec::default(),
        session: None,
    };
    let (reply, lines, _) = run(what, 5000, CancellationToken::new()).await;
    assert!(
        matches!(reply, Reply::Exited { code: Some(0), .. }),
        "{reply:?}"
    );
    assert_eq!(lines[0].text, "hi");
}

fn is_running(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|s| {
        s.rsplit_once(')')
            .is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
    })
}

#[tokio::test]
async fn the_deadline_ends_the_whole_group_also_those_who_ignore_term() {
    let start = Instant::now();
    let script = "trap '' TERM; sh -c 'trap \"\" TERM; echo $$; while :; do sleep 0.1; done' & echo $$; wait; wait";
    let (reply, lines, notes) = run(sh(script), 300, CancellationToken::new()).await;
    assert!(matches!(reply, Reply::TimedOut { .. }), "{reply:?}");
    assert!(
        start.elapsed() < Duration::from_millis(300 + 2000),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|l| !is_running(&l.text)), "{lines:?}");
    assert!(notes.iter().any(|n| n.contains("was killed")), "{notes:?}");
}

#[tokio::test]
async fn cancelling_lets_the_command_clean_up() {
    let cancel = CancellationToken::new();
    let (tx, mut rx) = mpsc::channel(4);
    let what = sh("trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done");
    let subscribe = async {
        let mut lines = Vec::new();
        while let Some(event) = rx.recv().await {
            let CallEvent::Lines(more) = event else {
                continue;
            };
            // The shell may report on stderr that its `sleep` was ended too.
            lines.extend(
                more.into_iter()
                    .filter(|l| l.stream == Stream::Stdout)
                    .map(|l| l.text),
            );
            cancel.cancel();
        }
        lines
    };
    let (reply, lines) = tokio::join!(perform(&what, 30_000, tx, cancel.clone()), subscribe);
    assert_eq!(lines, ["ready", "bye"]);
    assert!(
        matches!(reply, Reply::Exited { code: Some(7), .. }),
        "{reply:?}"
    );
}

#[tokio::test]
async fn a_child_that_forks_away_does_not_hold_the_run() {
    let start = Instant::now();
    let (reply, lines, notes) = plain("(sleep 20; echo late) & echo done $!").await;
    assert!(
        matches!(reply, Reply::Exited { code: Some(0), .. }),
        "{reply:?}"
    );
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    assert!(lines[0].starts_with("done"));
    assert!(
        notes.iter().any(|n| n.contains("background process")),
        "{notes:?}"
    );
    // It would run on: end it with this test.
    let pid = lines[0]
        .rsplit(' ')
        .next()
        .and_then(|p| p.parse().ok())
        .and_then(rustix::process::Pid::from_raw)
        .unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test]
async fn a_slow_reader_slows_the_child_and_loses_nothing() {
    let (tx, mut rx) = mpsc::channel(1);
    let what = sh("seq 1 50000");
    let subscribe = async {
        let mut lines = 0;
        while let Some(event) = rx.recv().await {
            let more = match event {
                CallEvent::Lines(more) => more,
                CallEvent::Ready(..) | CallEvent::Artifact(..) | CallEvent::Timed(_) => continue,
                CallEvent::Note(note) => panic!("no notes expected: {note}"),
            };
            lines += more.len();
            sleep(Duration::from_millis(150)).await;
        }
        lines
    };
    let (_, lines) = tokio::join!(
        perform(&what, 60_000, tx, CancellationToken::new()),
        subscribe
    );
    assert_eq!(lines, 50_000);
}

#[tokio::test]
async fn dropping_the_call_kills_the_group() {
    let (tx, mut rx) = mpsc::channel(4);
    let what = sh("sh -c 'echo $$; sleep 30' & wait");
    let pid = {
        let call = perform(&what, 30_000, tx, CancellationToken::new());
        let first = async {
            loop {
                match rx.recv().await {
                    Some(CallEvent::Ready(..)) => {}
                    other => return other,
                }
            }
        };
        tokio::select! {
            reply = call => panic!("{reply:?}"),
            event = first => match event {
                Some(CallEvent::Lines(lines)) => lines[0].text.clone(),
                other => panic!("{other:?}"),
            },
        }
    };
    let gone = async {
        while is_running(&pid) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(5), gone)
        .await
        .expect("the group ends with the call");
}

#[tokio::test]
async fn secrets_reach_only_the_commands_that_name_them_and_never_the_command_line() {
    use crate::core::base::secret::{Secret, Source};
    // Any variable of ours will do as a secret.
    let value = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let source = Source::Env("CARGO_MANIFEST_DIR".to_owned());
    let vault = Vault::new(vec![Secret {
        name: "place.x".to_owned(),
        source,
        hosts: vec![],
    }]);
    let context = AdapterContext {
        vault,
        ..AdapterContext::default()
    };
    let script = "tr '\\0' ' ' < /proc/$$/cmdline; echo; echo \"<$CARGO_MANIFEST_DIR><$OPSROOM_SECRET_PLACE_X>\"";
    let run = async |secrets: &[&str]| {
        let (tx, mut rx) = mpsc::channel(4);
        let what = ShellCall {
            secrets: secrets
                .iter()
                .map(|s| SecretVariable {
                    variable: variable(s),
                    secret: (*s).to_owned(),
                })
                .collect(),
            ..sh(script)
        };
        let subscribe = async {
            let mut lines = Vec::new();
            while let Some(event) = rx.recv().await {
                let more = match event {
                    CallEvent::Lines(more) => more,
                    CallEvent::Ready(..) | CallEvent::Artifact(..) | CallEvent::Timed(_) => {
                        continue;
                    }
                    CallEvent::Note(note) => panic!("no notes expected: {note}"),
                };
                lines.extend(more.into_iter().map(|l| l.text));
            }
            lines
        };
        tokio::join!(
            super::perform(&what, &context, 5000, tx, CancellationToken::new().into()),
            subscribe
        )
    };
    let (_, lines) = run(&[]).await;
    assert_eq!(lines[1], "<><>");
    let (_, lines) = run(&["place.x"]).await;
    assert_eq!(
        lines[1],
        format!("<><{value}>"),
        "the lines of an adapter are as they were printed"
    );
    assert!(
        lines[0].contains("sh -c") && !lines[0].contains(&value),
        "{lines:?}"
    );
    let (reply, lines) = run(&["other"]).await;
    assert!(
        matches!(&reply, Reply::Refused { message, .. } if message.contains("other is not declared")),
        "{reply:?}"
    );
    assert!(lines.is_empty(), "nothing was started");
}
