//! Artifacts of commands: only files of their own folder, within limits, without secrets.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::Path;

use opsroom::adapter::{Act, AdapterContext, Script};
use opsroom::core::base::message::MAX_BYTES;
use opsroom::core::base::secret::{Secret, Source};
use opsroom::core::run::artifact::{ArtifactSpec, Limits};
use opsroom::core::run::plan::{PlanStep, Rules};
use opsroom::core::run::step::{Reply, StepSpec};
use opsroom::core::run::{Phase, RunId, RunStatus, StepStatus};
use opsroom::vault::Vault;

use super::bench::*;

fn leaving(script: &str, folder: &Path, paths: &[&str], required: bool) -> PlanStep {
    let mut step = shell(Phase::Action, "build", script);
    let StepSpec::Shell(command) = &mut step.spec else {
        unreachable!()
    };
    command.dir = Some(folder.display().to_string());
    command.artifacts = ArtifactSpec {
        paths: paths.iter().map(|p| (*p).to_owned()).collect(),
        required,
    };
    step
}

/// Artifacts of a run except its manifest: title and contents.
async fn left(bench: &Bench, run: RunId) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for artifact in bench.store.artifacts(run).await.unwrap() {
        if artifact.step.is_some() {
            all.push((
                artifact.title,
                bench.store.artifact(run, artifact.number).await.unwrap().1,
            ));
        }
    }
    all
}

#[tokio::test]
async fn artifacts_are_kept_also_of_a_command_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::real().await;
    let script = "mkdir -p out/deep; printf 'a\\000b' > out/bin; echo log > out/deep/x.log; echo no > out/.hidden; exit 3";
    let run = bench
        .run(plan(vec![leaving(
            script,
            folder.path(),
            &["out/**", "out/bin", "none.txt"],
            false,
        )]))
        .await;
    assert_ended(&run, RunStatus::Failed);
    let wanted = [
        ("out/bin".to_owned(), b"a\0b".to_vec()),
        ("out/deep/x.log".to_owned(), b"log\n".to_vec()),
    ];
    assert_eq!(left(&bench, run.id).await, wanted);
    let log = bench.log(run.id).await;
    for expected in [
        "info left out/bin (3 B, sha256 ",
        "warn it left no none.txt",
        "exit code 3",
    ] {
        assert!(
            log.iter().any(|line| line.contains(expected)),
            "{expected}: {log:#?}"
        );
    }
}

#[tokio::test]
async fn nothing_outside_of_the_folder_is_taken() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let target = elsewhere.path().join("private");
    std::fs::write(&target, "private").unwrap();
    symlink(&target, folder.path().join("link")).unwrap();
    symlink(elsewhere.path(), folder.path().join("away")).unwrap();
    std::fs::write(folder.path().join("own"), "own").unwrap();
    symlink("own", folder.path().join("near")).unwrap();
    let bench = Bench::real().await;
    let script = "mkfifo pipe; mkdir folder";
    let paths = [
        "link",
        "away/private",
        "**",
        "../x",
        "near",
        "pipe",
        "folder",
    ];
    let run = bench
        .run(plan(vec![leaving(script, folder.path(), &paths, false)]))
        .await;
    assert_ended(&run, RunStatus::Succeeded);
    let titles: Vec<String> = left(&bench, run.id)
        .await
        .into_iter()
        .map(|(title, _)| title)
        .collect();
    assert_eq!(titles, ["near", "own"]);
    let log = bench.log(run.id).await;
    for expected in [
        "link is not taken: it leads out of the step's folder",
        "away/private is not taken: it leads out",
        "pipe is not taken: it is no ordinary file",
        "folder is a folder; `folder/**` means the files in it",
    ] {
        assert!(
            log.iter().any(|line| line.contains(expected)),
            "{expected}: {log:#?}"
        );
    }
    assert!(!log.join("\n").contains("private\""));
}

#[tokio::test]
async fn a_required_file_that_is_missing_or_too_large_fails_the_step() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Limits { each: 10, run: 15 };
    let bench = Bench::real_with(AdapterContext {
        artifacts,
        ..AdapterContext::default()
    })
    .await;
    for (script, paths, wanted, expected) in [
        ("true", &["a"][..], false, "exit code 0 in"),
        ("printf 123456789 > a", &["a"], true, ""),
        (
            "printf 12345678901 > b",
            &["b"],
            false,
            "b is not kept: it has 11 B, an artifact at most 10 B",
        ),
        (
            "printf 123456789 > c; printf 987654321 > d",
            &["c", "d"],
            false,
            "this run would have more than 15 B of artifacts",
        ),
    ] {
        let run = bench
            .run(plan(vec![leaving(script, folder.path(), paths, true)]))
            .await;
        let steps = bench.steps(run.id).await;
        assert_eq!(
            steps[0].status == StepStatus::Succeeded,
            wanted,
            "{script}: {steps:?}"
        );
        let message = steps[0].message.clone().unwrap_or_default();
        assert!(message.contains(expected), "{script}: {message}");
        let log = bench.log(run.id).await.join("\n");
        assert!(log.contains(expected), "{script}: {log}");
    }
    let optional = leaving("printf 12345678901 > e", folder.path(), &["e"], false);
    let run = bench.run(plan(vec![optional])).await;
    assert_ended(&run, RunStatus::Succeeded);
    assert!(
        bench.log(run.id).await.join("\n").contains("e is not kept"),
        "refused, and reported"
    );
    assert!(left(&bench, run.id).await.is_empty(), "never cut");
}

#[tokio::test]
async fn a_secret_in_a_file_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let value = folder.path().join("value");
    std::fs::write(&value, "s3cr3t/v4lue-of-token").unwrap();
    std::fs::set_permissions(&value, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let source = Source::File(value.display().to_string());
    let vault = Vault::new(vec![Secret {
        name: "TOKEN".to_owned(),
        source,
        hosts: vec![],
    }]);
    let bench = Bench::real_with(AdapterContext {
        vault,
        ..AdapterContext::default()
    })
    .await;
    let script = "v=$OPSROOM_SECRET_TOKEN; printf '\\377 %s' \"$v\" > plain; printf 'user:%s and more' \"$v\" | base64 -w20 > coded";
    let script = format!("{script}; printf none > without");
    let mut step = leaving(
        &script,
        folder.path(),
        &["plain", "coded", "without"],
        false,
    );
    let StepSpec::Shell(command) = &mut step.spec else {
        unreachable!()
    };
    command.secrets = vec!["TOKEN".to_owned()];
    let run = bench.run(plan(vec![step])).await;
    assert_ended(&run, RunStatus::Succeeded);
    let all = left(&bench, run.id).await;
    assert_eq!(
        all[0],
        ("plain".to_owned(), b"\xff [secret TOKEN]".to_vec())
    );
    let coded = String::from_utf8(all[1].1.clone()).unwrap();
    assert!(coded.contains("[secret TOKEN]"), "{coded}");
    let log = bench.log(run.id).await;
    let line_of = |title: &str| {
        log.iter()
            .find(|line| line.contains(&format!("left {title} (")))
            .unwrap()
    };
    for title in ["plain", "coded"] {
        assert!(
            line_of(title).contains("values of secrets in it were replaced"),
            "{}",
            line_of(title)
        );
    }
    assert!(
        line_of("plain").contains("(16 B, "),
        "as it is kept: {}",
        line_of("plain")
    );
    assert!(
        !line_of("without").contains("secrets"),
        "{}",
        line_of("without")
    );
}

#[tokio::test]
async fn a_long_message_is_cut_and_kept_whole_once() {
    on_both(async |url| {
        let body = "x".repeat(1 << 20);
        let answer = Act::Reply(Reply::Http {
            status: 200,
            headers: BTreeMap::new(),
            body,
            truncated: false,
            ms: 5,
        });
        let bench = Bench::scripted_on(url, Script::default().on("big", answer)).await;
        let expect = Rules {
            expect: Some("response.body == 'ok'".to_owned()),
            ..Rules::default()
        };
        let step = PlanStep {
            rules: expect,
            ..get(Phase::Action, "big")
        };
        let run = bench.run(plan(vec![step])).await;
        assert_ended(&run, RunStatus::Failed);
        let step = bench.steps(run.id).await.remove(0);
        for message in [run.message.clone().unwrap(), step.message.unwrap()] {
            assert!(
                message.len() <= MAX_BYTES
                    && message.contains("not as expected: response.body == 'ok'"),
                "{message}"
            );
            assert!(
                message.contains(" bytes, first ")
                    && message.contains("artifact \"big: whole message\""),
                "{message}"
            );
        }
        let longest = bench.log(run.id).await.iter().map(String::len).max();
        assert!(
            longest.is_some_and(|bytes| bytes <= MAX_BYTES + 20),
            "{longest:?}"
        );
        let kept = bench.store.artifacts(run.id).await.unwrap();
        let whole: Vec<_> = kept
            .iter()
            .filter(|artifact| artifact.title == "big: whole message")
            .collect();
        assert_eq!(whole.len(), 1);
        let (_, content) = bench.store.artifact(run.id, whole[0].number).await.unwrap();
        assert!(
            content.len() > 1 << 20
                && content.starts_with(b"HTTP 200 in 5 ms, but not as expected")
        );
    })
    .await;
}
