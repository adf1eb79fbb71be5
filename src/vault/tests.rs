//! Values from real files, variables and programs; no message contains a value.

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use super::*;
use crate::core::base::secret::HostPattern;

const VALUE: &str = "pl4nted-value";

fn vault(source: Source) -> Vault {
    let hosts = ["api.example.com", "*.example.org"]
        .map(|h| HostPattern::parse(h).unwrap())
        .to_vec();
    Vault::new(vec![Secret {
        name: "TOKEN".to_owned(),
        source,
        hosts,
    }])
}

fn command(line: &str) -> Vault {
    vault(Source::parse(&format!("command:{line}")).unwrap())
}

fn file(folder: &tempfile::TempDir, content: &str, mode: u32) -> Source {
    let path = folder.path().join("token");
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    Source::File(path.display().to_string())
}

#[tokio::test]
async fn values_come_from_their_declared_source() {
    let folder = tempfile::tempdir().unwrap();
    for vault in [
        vault(file(&folder, &format!("{VALUE}\n"), 0o600)),
        command(&format!("printf '%s\\n' {VALUE}")),
    ] {
        assert_eq!(vault.value("TOKEN").await.unwrap().expose(), VALUE);
        assert_eq!(
            vault.redactor().redact(&format!("<{VALUE}>")),
            "<[secret TOKEN]>"
        );
        assert!(!format!("{vault:?} {:?}", vault.value("TOKEN").await).contains(VALUE));
    }
    let path = std::env::var("PATH").unwrap();
    assert_eq!(
        vault(Source::Env("PATH".to_owned()))
            .value("TOKEN")
            .await
            .unwrap()
            .expose(),
        path
    );
    // Only one final line break is removed.
    assert_eq!(
        command("printf 'abcdef\\n\\n'")
            .value("TOKEN")
            .await
            .unwrap()
            .expose(),
        "abcdef\n"
    );
}

#[tokio::test]
async fn errors_are_reported_without_the_value() {
    let folder = tempfile::tempdir().unwrap();
    for (vault, wanted) in [
        (
            vault(Source::Env("OPSROOM_NO_SUCH_VARIABLE".to_owned())),
            "$OPSROOM_NO_SUCH_VARIABLE is not set",
        ),
        (vault(file(&folder, VALUE, 0o640)), "chmod 600"),
        (
            vault(Source::File("/nonexistent/token".to_owned())),
            "cannot be read from /nonexistent/token",
        ),
        (vault(Source::File("/".to_owned())), "not a plain file"),
        (command("printf hunt2"), "is 5 bytes long"),
        (command("true"), "is empty"),
        (
            command(&format!("sh -c 'echo {VALUE}; exit 3'")),
            "exit status: 3",
        ),
        (command("no-such-program-at-all"), "does not start"),
        (command("head -c 70000 /dev/zero"), "longer than 64 KiB"),
        (
            command("printf '\\377\\376\\375\\374\\373\\372'"),
            "not UTF-8",
        ),
    ] {
        let why = vault.value("TOKEN").await.unwrap_err();
        assert!(
            why.starts_with("the secret TOKEN ") && why.contains(wanted),
            "{why}"
        );
        assert!(!why.contains(VALUE) && !why.contains("hunt2"), "{why}");
    }
    let why = Vault::default().value("TOKEN").await.unwrap_err();
    assert!(
        why.contains("not declared") && why.contains("[secret.TOKEN]"),
        "{why}"
    );
}

#[tokio::test]
async fn a_program_that_hangs_is_killed_with_all_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("pid");
    let hanging = command(&format!(
        "sh -c 'sleep 600 & echo $! > {}; wait'",
        note.display()
    ));
    let begun = Instant::now();
    let why = hanging.value("TOKEN").await.unwrap_err();
    assert!(why.contains("did not answer within 5 s"), "{why}");
    assert!(begun.elapsed() < Duration::from_secs(8));
    let pid = std::fs::read_to_string(note).unwrap();
    let gone = || {
        std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
            .map_or(true, |stat| stat.contains(") Z "))
    };
    for _ in 0..200 {
        if gone() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the child of the program is still there");
}

#[tokio::test]
async fn hosts_are_enforced_and_presence_runs_nothing_by_default() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("ran");
    let vault = command(&format!("sh -c 'touch {}; echo {VALUE}'", mark.display()));
    assert!(vault.check_host("TOKEN", "api.example.com", 443).is_ok());
    assert!(vault.check_host("TOKEN", "a.example.org", 443).is_ok());
    let why = vault.check_host("TOKEN", "evil.test", 443).unwrap_err();
    assert!(
        why.contains("evil.test") && why.contains("api.example.com, *.example.org"),
        "{why}"
    );

    let seen = vault.presence(false).await;
    assert_eq!(
        (seen[0].name.as_str(), &seen[0].found, mark.exists()),
        ("TOKEN", &None, false)
    );
    assert_eq!(
        (vault.presence(true).await[0].found.clone(), mark.exists()),
        (Some(Ok(())), true)
    );
}

#[tokio::test]
async fn a_value_that_changes_is_kept_out_in_its_old_form_too() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(file(&folder, "first-value", 0o600));
    assert_eq!(
        vault.redactor().redact("first-value"),
        "[secret TOKEN]",
        "known before its first use"
    );
    for n in 0..20 {
        file(&folder, &format!("later-value-{n:02}"), 0o600);
        vault.value("TOKEN").await.unwrap();
    }
    let shown = vault
        .redactor()
        .redact("later-value-18 later-value-19 first-value");
    assert_eq!(
        shown, "[secret TOKEN] [secret TOKEN] first-value",
        "only the latest eight are kept"
    );
}

#[test]
fn an_ordinary_word_is_no_reason_to_refuse() {
    for (value, refuses) in [
        ("postgres", false),
        ("change-me", false),
        ("web.prod_1", false),
        ("hunter2/hunter2", true),
        ("abcdefghijkl", true),
        ("pass word", true),
    ] {
        let vault = Vault::default();
        vault.remember(vec![("X".to_owned(), value.to_owned())]);
        assert_eq!(
            vault
                .strict_redactor()
                .finds(&format!("restart {value} in prod")),
            refuses,
            "{value}"
        );
        assert!(vault.redactor().finds(value), "never shown all the same");
    }
}
