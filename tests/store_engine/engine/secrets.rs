//! Planted secrets: used by real commands in every spelling, and searched for in everything stored.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use opsroom::adapter::{AdapterContext, Adapters};
use opsroom::bus::Bus;
use opsroom::clock::Clock;
use opsroom::core::base::secret::{HostPattern, Secret, Source};
use opsroom::core::run::artifact::ArtifactSpec;
use opsroom::core::run::step::StepSpec;
use opsroom::core::run::step::http::Http;
use opsroom::core::run::{Phase, RunStatus, StepStatus};
use opsroom::core::stack::service::HttpRequest;
use opsroom::store::Store;
use opsroom::vault::Vault;

use super::bench::*;

const SECRETS: usize = 50;

fn value(n: usize) -> String {
    // Characters that every encoding writes differently.
    format!("Pl4nted/{n:02}+s3cr3t&%{}", "qZ".repeat(n))
}

fn context(folder: &Path) -> AdapterContext {
    let secret = |n: usize| {
        let file = folder.join(format!("secret-{n}"));
        std::fs::write(&file, value(n)).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let path = file.display().to_string();
        let source = if n.is_multiple_of(2) {
            Source::File(path)
        } else {
            Source::Command(vec!["cat".to_owned(), path])
        };
        Secret {
            name: format!("S{n}"),
            source,
            hosts: vec![HostPattern::parse("127.0.0.1").unwrap()],
        }
    };
    AdapterContext {
        vault: Vault::new((0..SECRETS).map(secret).collect()),
        ..AdapterContext::default()
    }
}

/// Prints a secret in every spelling, also late and in pieces, and leaves it as a result.
const LEAK: &str = r#"
for name in $(env | sed -n 's/^\(OPSROOM_SECRET_S[0-9]*\)=.*/\1/p'); do
  eval "v=\$$name"
  echo "plain $v end"; echo "err $v" >&2
  printf '%s' "$v" | base64 -w0; echo
  printf 'user:%s' "$v" | base64 -w0; echo; printf '%s' "$v" | base64; printf 'ab%sxyz' "$v" | base64 -w0 | tr '+/' '-_'; echo
  printf '%s' "$v" | od -An -v -tx1 | tr -d ' \n'; echo
  printf '%s' "$v" | sed 's/%/%25/g; s/&/%26/g; s/+/%2B/g; s|/|%2F|g'; echo
  printf '{"token": "%s"}\n' "$v"
  printf 'some text that moves it %s and more behind' "$v" | base64; printf 'user: %s and more' "$v" | base64 -w64
  printf 'in a file: %s;' "$v" >> left-plain; printf 'some text that moves it %s;' "$v" | base64 >> left-coded
  half=$(( ${#v} / 2 ))
  printf 'split %.*s' $half "$v"; sleep 0.01; printf '%s\n' "$(printf '%s' "$v" | cut -c$((half + 1))-)"
  echo "$name=$v" >> "$OPSROOM_OUTPUT"
done
tr '\0' ' ' < /proc/$$/cmdline | head -c 60; echo
exit 0
"#;

fn spellings(value: &str) -> Vec<String> {
    let hex: String = value
        .bytes()
        .flat_map(|b| [b >> 4, b & 15])
        .filter_map(|n| char::from_digit(n.into(), 16))
        .collect();
    let percent = value
        .replace('%', "%25")
        .replace('&', "%26")
        .replace('+', "%2B")
        .replace('/', "%2F");
    // Without the letters at both ends, which depend on the text around the value.
    let inner = |text: String| text[8..text.len() - 6].to_owned();
    let coded = [
        value.to_owned(),
        format!("user:{value}"),
        format!("ab{value}xyz"),
    ]
    .map(|text| inner(base64(&text)));
    // The last letters by themselves: an extra line end used to leave them unredacted.
    let tails = coded.clone().map(|code| code[code.len() - 9..].to_owned());
    let safe = coded[2].replace('+', "-").replace('/', "_");
    [value.to_owned(), value[4..].to_owned(), hex, percent, safe]
        .into_iter()
        .chain(coded)
        .chain(tails)
        .collect()
}

/// The letters of RFC 4648, without padding.
fn base64(text: &str) -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<u8> = text
        .bytes()
        .flat_map(|b| (0..8).rev().map(move |i| b >> i & 1))
        .collect();
    let letter = |six: &[u8]| {
        letters[six
            .iter()
            .fold(0_usize, |n, bit| n << 1 | usize::from(*bit))] as char
    };
    bits.chunks_exact(6).map(letter).collect()
}

#[tokio::test]
async fn fifty_planted_secrets_are_found_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let (secrets, data) = (folder.path().join("secrets"), folder.path().join("data"));
    std::fs::create_dir(&secrets).unwrap();
    std::fs::create_dir(&data).unwrap();
    let context = context(&secrets);
    let store = Store::open(&format!("sqlite:{}", data.join("ops.db").display()))
        .await
        .unwrap();
    let mut bench = Bench::real().await;
    bench.workspace = store
        .ensure_workspace("acme", "UTC", Clock::System.now())
        .await
        .unwrap()
        .id;
    (bench.store, bench.bus, bench.adapters) = (store, Bus::default(), Adapters::real(context));

    let names: Vec<String> = (0..SECRETS).map(|n| format!("S{n}")).collect();
    let mut leak = shell(Phase::Action, "leak", LEAK);
    let StepSpec::Shell(command) = &mut leak.spec else {
        unreachable!()
    };
    command.secrets = names;
    command.dir = Some(folder.path().display().to_string());
    command.artifacts = ArtifactSpec {
        paths: vec!["left-*".to_owned()],
        required: true,
    };
    let run = bench.run(plan(vec![leak])).await;
    assert_ended(&run, RunStatus::Succeeded);

    let output = bench.output(run.id).await;
    let marks = output
        .iter()
        .filter(|line| line.contains("[secret S"))
        .count();
    assert!(
        marks >= SECRETS * 8,
        "{marks} of {} lines: {output:#?}",
        output.len()
    );
    assert!(
        output.iter().any(|line| line == "split [secret S7]"),
        "{output:#?}"
    );
    assert!(
        output.iter().any(|line| line.contains("sh -c")),
        "the command line was printed: {output:#?}"
    );

    let mut left: Vec<(String, String)> = vec![("log".into(), bench.log(run.id).await.join("\n"))];
    left.push((
        "entries".into(),
        format!("{:?}", bench.entries(run.id).await),
    ));
    left.push((
        "run".into(),
        format!("{run:?} {:?}", bench.steps(run.id).await),
    ));
    // Output that was wrapped over lines, joined again.
    left.push(("output".into(), bench.output(run.id).await.concat()));
    let artifacts = bench.store.artifacts(run.id).await.unwrap();
    assert_eq!(artifacts.len(), 3, "two files and the manifest");
    for artifact in artifacts {
        let text = String::from_utf8(
            bench
                .store
                .artifact(run.id, artifact.number)
                .await
                .unwrap()
                .1,
        )
        .unwrap();
        assert!(
            artifact.step.is_none() || text.matches("[secret S").count() >= SECRETS,
            "{text}"
        );
        left.push((artifact.title, text.replace('\n', "")));
    }
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        left.push((
            path.display().to_string(),
            bytes.iter().map(|b| char::from(*b)).collect(),
        ));
    }
    assert!(left.len() >= 4, "the database file was read");
    bench.store.close().await;
    for (place, text) in left {
        for n in 0..SECRETS {
            for spelling in spellings(&value(n)) {
                assert!(!text.contains(&spelling), "{spelling} stands in {place}");
            }
        }
    }
}

/// Saved values are used unredacted and stored redacted.
#[tokio::test]
async fn a_saved_secret_reaches_the_next_step_and_no_record() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("secrets");
    std::fs::create_dir(&secrets).unwrap();
    let bench = Bench::real_with(context(&secrets)).await;
    let keep = r#"echo "token=$OPSROOM_SECRET_S4" >> "$OPSROOM_OUTPUT"; echo "parts=[$OPSROOM_SECRET_S4]" >> "$OPSROOM_OUTPUT""#;
    let mut login = shell(Phase::Preflight, "login", keep);
    let StepSpec::Shell(command) = &mut login.spec else {
        unreachable!()
    };
    command.secrets = vec!["S4".to_owned()];
    login.rules.key = "login".to_owned();
    login.rules.save = [
        ("token", "response.outputs.token"),
        ("parts", "response.outputs.parts"),
    ]
    .map(|(name, from)| (name.to_owned(), from.to_owned()))
    .into();
    let got = folder.path().join("got");
    let mut deploy = shell(
        Phase::Action,
        "deploy",
        &format!(
            "echo \"got $TOKEN\"; printf %s \"$TOKEN\" > {}",
            got.display()
        ),
    );
    let StepSpec::Shell(command) = &mut deploy.spec else {
        unreachable!()
    };
    command
        .env
        .insert("TOKEN".to_owned(), "{steps.login.token}".to_owned());
    deploy.rules.fills = true;
    deploy.rules.when = Some("steps.login.token != 'none'".to_owned());
    let mut check = shell(Phase::Verify, "check", "exit 0");
    check.rules.expect = Some("steps.login.token == 'none'".to_owned());
    let mut plan = plan(vec![login, deploy, check]);
    let mut back = shell(Phase::Action, "put back", "echo \"back $TOKEN\"");
    let StepSpec::Shell(command) = &mut back.spec else {
        unreachable!()
    };
    command
        .env
        .insert("TOKEN".to_owned(), "{steps.login.token}".to_owned());
    (back.rules.fills, back.rules.undoes) = (true, Some(1));
    plan.undo = vec![back];
    let run = bench.run(plan).await;

    assert_ended(&run, RunStatus::Failed);
    assert_eq!(
        std::fs::read_to_string(&got).unwrap(),
        value(4),
        "the value itself was handed on"
    );
    let entries = serde_json::to_string(&bench.entries(run.id).await).unwrap();
    assert!(
        entries.contains(r#""saved":{"parts":"[[secret S4]]","token":"[secret S4]"}"#),
        "{entries}"
    );
    let output = bench.output(run.id).await;
    assert_eq!(output, ["got [secret S4]", "back [secret S4]"]);
    let kept = format!(
        "{entries} {run:?} {:?} {:?}",
        bench.steps(run.id).await,
        bench.store.artifacts(run.id).await
    );
    assert!(
        kept.contains("not as expected") && kept.contains("runs because"),
        "{kept}"
    );
    for spelling in spellings(&value(4)) {
        assert!(!kept.contains(&spelling), "{spelling} stands in {kept}");
    }
}

#[tokio::test]
async fn an_address_with_a_secret_is_not_linked() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::real_with(context(folder.path())).await;
    let script = r#"echo "url=https://acme.test/?t=$OPSROOM_SECRET_S4" >> "$OPSROOM_OUTPUT""#;
    let mut open = shell(Phase::Action, "open", script);
    let StepSpec::Shell(command) = &mut open.spec else {
        unreachable!()
    };
    command.secrets = vec!["S4".to_owned()];
    open.rules.links = [("pull request".to_owned(), "response.outputs.url".to_owned())].into();
    let run = bench.run(plan(vec![open])).await;
    assert_ended(&run, RunStatus::Succeeded);
    let artifacts = bench.store.artifacts(run.id).await.unwrap();
    assert!(artifacts.iter().all(|a| a.url.is_none()), "{artifacts:?}");
    let log = bench.log(run.id).await;
    let why = "the link \"pull request\" is not kept: its address holds the value of a secret";
    assert!(log.iter().any(|line| line.contains(why)), "{log:#?}");
    for spelling in spellings(&value(4)) {
        assert!(!format!("{log:?}").contains(&spelling), "{spelling}");
    }
}

/// The output of a sensitive step is used but not stored; the step gets the secret that its run
/// chose.
#[tokio::test]
async fn a_sensitive_step_gets_the_chosen_secret_and_stores_no_output() {
    let folder = tempfile::tempdir().unwrap();
    let (secrets, data) = (folder.path().join("secrets"), folder.path().join("data"));
    std::fs::create_dir(&secrets).unwrap();
    std::fs::create_dir(&data).unwrap();
    let store = Store::open(&format!("sqlite:{}", data.join("ops.db").display()))
        .await
        .unwrap();
    let mut bench = Bench::real_with(context(&secrets)).await;
    bench.workspace = store
        .ensure_workspace("acme", "UTC", Clock::System.now())
        .await
        .unwrap()
        .id;
    (bench.store, bench.bus) = (store, Bus::default());

    // The word is not in any command.
    let word = "umbrellas";
    let got = folder.path().join("got");
    let script = format!(
        "w=$(echo hzoeryynf | tr a-z n-za-m); echo \"said $w\"; echo \"err $w\" >&2; echo \"word=$w\" >> \"$OPSROOM_OUTPUT\"
         printf %s \"$OPSROOM_SECRET_TOKEN\" > {}",
        got.display()
    );
    let mut login = shell(Phase::Preflight, "login", &script);
    let StepSpec::Shell(command) = &mut login.spec else {
        unreachable!()
    };
    command
        .chosen_secrets
        .insert("token".to_owned(), "S6".to_owned());
    (login.rules.sensitive, login.rules.key) = (true, "login".to_owned());
    login
        .rules
        .save
        .insert("word".to_owned(), "response.outputs.word".to_owned());
    login.rules.expect = Some("response.outputs.word != ''".to_owned());
    let used = folder.path().join("used");
    let mut hand_on = shell(
        Phase::Action,
        "use",
        &format!("printf %s \"$WORD\" > {}", used.display()),
    );
    let StepSpec::Shell(command) = &mut hand_on.spec else {
        unreachable!()
    };
    command
        .env
        .insert("WORD".to_owned(), "{steps.login.word}".to_owned());
    hand_on.rules.fills = true;
    hand_on.rules.when = Some("steps.login.word != 'none'".to_owned());
    let mut check = shell(Phase::Verify, "check", "exit 0");
    check.rules.expect = Some("steps.login.word == 'none'".to_owned());
    let run = bench.run(plan(vec![login, hand_on, check])).await;

    assert_ended(&run, RunStatus::Failed);
    assert_eq!(
        std::fs::read_to_string(&got).unwrap(),
        value(6),
        "the chosen secret, as a variable of its input"
    );
    assert_eq!(
        std::fs::read_to_string(&used).unwrap(),
        word,
        "what it saved was handed on"
    );
    let log = bench.log(run.id).await.join("\n");
    for expected in [
        "2 lines of output were not kept",
        "runs because `steps.login.word != 'none'`",
        "not as expected: `steps",
    ] {
        assert!(log.contains(expected), "{expected}: {log}");
    }
    bench.store.close().await;
    let files: Vec<_> = std::fs::read_dir(&data)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(!files.is_empty());
    for path in files {
        let text: String = std::fs::read(&path)
            .unwrap()
            .iter()
            .map(|b| char::from(*b))
            .collect();
        assert!(!text.contains(word), "{word} stands in {}", path.display());
        for spelling in spellings(&value(6)) {
            assert!(
                !text.contains(&spelling),
                "{spelling} stands in {}",
                path.display()
            );
        }
    }
}

#[tokio::test]
async fn a_missing_secret_fails_the_step_before_anything_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("ran");
    let bench = Bench::real().await;
    let mut run = shell(
        Phase::Action,
        "deploy",
        &format!("touch {}", mark.display()),
    );
    let StepSpec::Shell(command) = &mut run.spec else {
        unreachable!()
    };
    command.secrets = vec!["TOKEN".to_owned()];
    let request = HttpRequest {
        method: "GET".into(),
        url: "http://127.0.0.1:9/".into(),
        secret_ref: Some("TOKEN".into()),
        ..HttpRequest::default()
    };
    let mut call = step(Phase::Preflight, "call", StepSpec::Http(Http::new(request)));
    call.on_failure = opsroom::core::run::plan::OnFailure::Continue;
    call.retry = Some(opsroom::core::run::plan::Retry {
        attempts: 3,
        base_ms: 10_000,
        cap_ms: 10_000,
    });
    (call.probe, call.target) = (true, Some(target("web")));
    let ended = bench.run(plan(vec![call, run])).await;
    assert_ended(&ended, RunStatus::Failed);
    assert!(!mark.exists());
    for step in bench.steps(ended.id).await {
        assert_eq!(step.status, StepStatus::Failed);
        assert!(
            step.message
                .is_some_and(|m| m.contains("the secret TOKEN is not declared"))
        );
    }
    let log = bench.log(ended.id).await;
    assert!(
        log.iter()
            .any(|line| line.contains("GET http://127.0.0.1:9/ (secret TOKEN)")),
        "{log:#?}"
    );
    let seen = bench.store.summaries(bench.workspace).await.unwrap();
    assert!(
        seen.is_empty(),
        "a call that was not made says nothing about the target: {seen:?}"
    );
}
