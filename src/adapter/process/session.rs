//! Sessions: commands of a run that share variables, functions and the working folder. Each is a
//! process group of its own and reads the state the one before it saved. The state is kept in a
//! folder that only this user can read, on a file system in memory where there is one, and is
//! removed when the run ends. Values of secrets are kept as references.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::program;
use crate::core::run::step::ShellCall;

/// The scripts that carry the state from block to block.
const BASH: &str = include_str!("../../../assets/session/bash.sh");
const SH: &str = include_str!("../../../assets/session/sh.sh");

const LOST: &str = "the variables and the working folder of the blocks before are not on this machine any more (the run \
                    was resumed elsewhere, the machine was restarted, or its temporary folder was cleaned); nothing was \
                    run: without them this block could work in another folder; run the page again";

/// The command as it runs in its session; `None` when it is in none.
///
/// # Errors
/// Why the session has no folder, or that the state of earlier blocks is gone.
pub(super) fn enter(what: &ShellCall) -> Result<Option<ShellCall>, String> {
    let Some((place, name)) = what
        .session
        .as_ref()
        .and_then(|s| Some((s, s.name.as_ref()?)))
    else {
        return Ok(None);
    };
    let (Some(shell), Some(block)) = (what.argv.first(), what.argv.last()) else {
        return Ok(None);
    };
    // bash where it is installed: pages are written in it, whatever their fences are called.
    let bash = program::find("bash").is_some();
    let (shell, carrier) = match shell.as_str() {
        "bash" => ("bash", BASH),
        "sh" if bash => ("bash", BASH),
        "sh" => ("sh", SH),
        // Other shells have no session.
        _ => return Ok(None),
    };
    let folder = folder(name);
    if place.begun && !is_ours(&folder) {
        return Err(LOST.to_owned());
    }
    open(&folder)?;
    let text = folder.display().to_string();
    let mut argv = vec![
        shell.to_owned(),
        "-c".to_owned(),
        carrier.to_owned(),
        shell.to_owned(),
        text,
        block.clone(),
    ];
    argv.extend(place.of.variables.iter().cloned());
    Ok(Some(ShellCall {
        argv,
        session: None,
        ..what.clone()
    }))
}

/// Removes the state of a session.
pub(in super::super) fn end(name: &str) {
    let folder = folder(name);
    if is_ours(&folder) {
        // On failure the folder goes with the temporary files of the machine.
        let _ = std::fs::remove_dir_all(folder);
    }
}

/// Names of this user's sessions that have state on this machine.
pub(in super::super) fn names() -> Vec<String> {
    let entries = std::fs::read_dir(place()).into_iter().flatten().flatten();
    let name = |entry: std::fs::DirEntry| {
        Some(entry.file_name().to_str()?.strip_prefix(PREFIX)?.to_owned())
    };
    entries
        .filter_map(name)
        .filter(|name| is_ours(&folder(name)))
        .collect()
}

const PREFIX: &str = "opsroom-session-";

fn place() -> PathBuf {
    let private = std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|dir| is_ours(dir));
    private.unwrap_or_else(std::env::temp_dir)
}

fn folder(name: &str) -> PathBuf {
    place().join(format!("{PREFIX}{name}"))
}

/// Creates the folder. An existing one must be ours alone: its content is executed.
fn open(folder: &Path) -> Result<(), String> {
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && is_ours(folder) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Err(format!(
            "{} is in the way: it is no folder that only this user can use; remove it",
            folder.display()
        )),
        Err(e) => Err(format!(
            "cannot make {} for what the blocks of the page share: {e}",
            folder.display()
        )),
    }
}

/// A folder, not a link, of this user, closed to all others.
fn is_ours(folder: &Path) -> bool {
    let private = |mode: u32| mode.trailing_zeros() >= 6;
    folder.symlink_metadata().is_ok_and(|meta| {
        meta.is_dir()
            && meta.uid() == rustix::process::geteuid().as_raw()
            && private(meta.permissions().mode())
    })
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::super::tests::{run, sh};
    use super::*;
    use crate::core::run::step::Reply;
    use crate::core::run::step::shell::{Session, SessionRef};

    /// Output of each block in order, all of one session.
    async fn blocks(name: &str, shell: &str, blocks: &[&str]) -> Vec<(Option<i32>, Vec<String>)> {
        let mut found = Vec::new();
        for block in blocks {
            let of = Session {
                variables: vec!["A".to_owned(), "B".to_owned()],
            };
            let session = Some(SessionRef {
                of,
                name: Some(name.to_owned()),
                begun: false,
            });
            let argv = [shell, "-c", block].map(str::to_owned).to_vec();
            let (reply, lines, _) = run(
                ShellCall {
                    argv,
                    session,
                    ..sh("")
                },
                10_000,
                CancellationToken::new(),
            )
            .await;
            let Reply::Exited { code, .. } = reply else {
                panic!("{reply:?}")
            };
            found.push((code, lines.into_iter().map(|l| l.text).collect()));
        }
        found
    }

    #[tokio::test]
    async fn variables_functions_and_the_folder_go_from_block_to_block() {
        let name = format!("test-{}", std::process::id());
        let found = blocks(
            &name,
            "sh",
            &[
                "set -eu\nA=\"it's \\$5\"; export B='two\nlines'; list=(x 'y z'); greet() { echo \"hi $1\"; }; cd /usr",
                "set -eu\necho \"$A\"; sh -c 'echo \"${A-none} $B\"'; echo \"${list[1]}\"; greet ana; pwd",
                "set -eu\nA=lost; false",
                "set -eu\necho \"$A\"; exit 0",
            ],
        )
        .await;
        let text: Vec<&str> = found[1].1.iter().map(String::as_str).collect();
        assert_eq!(
            text,
            ["it's $5", "none two", "lines", "y z", "hi ana", "/usr"]
        );
        assert_eq!(
            (found[2].0, &found[3]),
            (Some(1), &(Some(0), vec!["it's $5".to_owned()])),
            "a failure leaves nothing"
        );
        let folder = folder(&name);
        assert_eq!(folder.metadata().unwrap().mode() & 0o777, 0o700);
        assert_eq!(
            folder.join("bash").metadata().unwrap().mode() & 0o777,
            0o600
        );
        let kept = std::fs::read_to_string(folder.join("bash")).unwrap();
        assert!(
            !kept.contains("CARGO") && !kept.contains("PATH="),
            "what it did not set is not kept: {kept}"
        );
        end(&name);
        assert!(!folder.exists());
    }

    #[tokio::test]
    async fn a_secret_is_kept_as_a_reference() {
        let folder = tempfile::tempdir().unwrap();
        let run = |block: &str| {
            let at = folder.path().to_str().unwrap();
            let mut command = std::process::Command::new("bash");
            command
                .args(["-c", BASH, "bash", at, block])
                .env("OPSROOM_SECRET_API", "s3cr$t\"x'");
            String::from_utf8(command.output().unwrap().stdout).unwrap()
        };
        run("AUTH=\"Bearer ${OPSROOM_SECRET_API} end\"");
        let kept = std::fs::read_to_string(folder.path().join("bash")).unwrap();
        assert!(
            !kept.contains("s3cr") && kept.contains("$OPSROOM_SECRET_API"),
            "{kept}"
        );
        assert_eq!(run("set -eu; echo \"$AUTH\""), "Bearer s3cr$t\"x' end\n");
        run("args=(-H \"$AUTH\" 'a b'); declare -A by=([\"k $OPSROOM_SECRET_API\"]='v]')");
        let kept = std::fs::read_to_string(folder.path().join("bash")).unwrap();
        assert!(!kept.contains("s3cr"), "{kept}");
        let shown = run("set -eu; printf '%s|' \"${args[@]}\" \"${!by[@]}\" \"${by[@]}\"");
        assert_eq!(shown, "-H|Bearer s3cr$t\"x' end|a b|k s3cr$t\"x'|v]|");
    }

    #[test]
    fn any_name_is_kept_no_argument_is_visible_and_an_own_trap_runs() {
        for (shell, carrier) in [("bash", BASH), ("sh", SH)] {
            let folder = tempfile::tempdir().unwrap();
            let run = |block: &str| {
                let at = folder.path().to_str().unwrap();
                let mut command = std::process::Command::new(shell);
                command.args(["-c", carrier, shell, at, block, "name", "kind", "was"]);
                String::from_utf8(command.output().unwrap().stdout).unwrap()
            };
            assert_eq!(
                run("name=a kind='b c' was=d IFS=:; echo \"$#\"; trap 'echo bye' EXIT"),
                "0\nbye\n",
                "{shell}"
            );
            assert_eq!(
                run("set -eu; echo \"$name $kind $was\"; exit 0"),
                "a b c d\n",
                "{shell}"
            );
            assert_eq!(
                run("set -eu; trap 'echo \"$name\"' EXIT; name=lost; false"),
                "lost\n",
                "{shell}"
            );
            assert_eq!(run("echo \"$name\""), "a\n", "{shell}");
        }
    }

    #[test]
    fn a_plain_shell_keeps_the_variables_that_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let run = |block: &str| {
            let at = folder.path().to_str().unwrap();
            let mut command = std::process::Command::new("sh");
            command
                .args(["-c", SH, "sh", at, block, "A", "B", "T"])
                .env("OPSROOM_SECRET_API", "s3cr$t\"x'");
            String::from_utf8(command.output().unwrap().stdout).unwrap()
        };
        run("A=\"it's 'so'\"; export B='two\nlines'; C=3; cd /usr");
        assert_eq!(
            run("set -u; echo \"$A\"; sh -c 'echo $B'; echo ${C-none}; pwd"),
            "it's 'so'\ntwo lines\nnone\n/usr\n"
        );
        run("T=\"Bearer $OPSROOM_SECRET_API end\"");
        let kept = std::fs::read_to_string(folder.path().join("sh")).unwrap();
        assert!(!kept.contains("s3cr"), "{kept}");
        assert_eq!(run("set -u; echo \"$T\""), "Bearer s3cr$t\"x' end\n");
    }

    #[test]
    fn a_folder_that_others_can_use_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (open_one, link) = (dir.path().join("open"), dir.path().join("link"));
        std::fs::create_dir(&open_one).unwrap();
        std::fs::set_permissions(&open_one, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink(dir.path(), &link).unwrap();
        for bad in [open_one, link] {
            assert!(
                open(&bad).unwrap_err().contains("is in the way"),
                "{}",
                bad.display()
            );
        }
        assert_eq!(
            (open(&dir.path().join("new")), open(&dir.path().join("new"))),
            (Ok(()), Ok(()))
        );
    }
}
