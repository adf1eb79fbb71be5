//! Reads the value of a secret from a variable, a file only its owner may read, or the output of a
//! program.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use crate::core::base::secret::Source;

/// Longer values are refused.
const MAX: usize = 64 * 1024;
/// How long a program may take.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// The value, unless it comes from a program.
pub(super) fn at_once(source: &Source) -> Option<Result<String, String>> {
    match source {
        Source::Env(name) => Some(variable(name)),
        Source::File(path) => Some(file(path)),
        Source::Command(_) => None,
    }
}

/// The value. An error message continues the sentence "the secret NAME …".
pub(super) async fn fetch(source: &Source) -> Result<String, String> {
    match source {
        Source::Env(name) => variable(name),
        Source::File(path) => {
            // On another thread: the file may be on a network drive that does not answer.
            let path = path.clone();
            tokio::task::spawn_blocking(move || file(&path))
                .await
                .map_err(|_| "could not be read".to_owned())?
        }
        Source::Command(argv) => command(argv).await,
    }
}

fn variable(name: &str) -> Result<String, String> {
    let value = std::env::var_os(name).ok_or_else(|| format!("is missing: ${name} is not set"))?;
    trimmed(value.into_encoded_bytes())
}

fn file(path: &str) -> Result<String, String> {
    let failed = |e: std::io::Error| format!("cannot be read from {path}: {e}");
    // Not blocking: opening a pipe without a writer would wait for ever.
    let flags =
        rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
    let opened =
        rustix::fs::open(path, flags, rustix::fs::Mode::empty()).map_err(|e| failed(e.into()))?;
    let file = std::fs::File::from(opened);
    // Of the open file, not of the path, which may be replaced in between.
    let meta = file.metadata().map_err(failed)?;
    if !meta.is_file() {
        return Err(format!(
            "cannot be read from {path}: it is not a plain file"
        ));
    }
    if meta.permissions().mode() & 0o077 != 0 {
        return Err(format!(
            "is not read from {path}: others may read it too; chmod 600 {path} makes it private"
        ));
    }
    let mut bytes = Vec::new();
    file.take(MAX as u64 + 2)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    trimmed(bytes)
}

/// Runs the program in a process group of its own, so that its children end with it.
async fn command(argv: &[String]) -> Result<String, String> {
    let (program, arguments) = argv.split_first().ok_or("names no program")?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| format!("cannot be read: {program} does not start: {e}"))?;
    let mut group = Group(child.id());
    let mut bytes = Vec::new();
    let run = async {
        if let Some(stdout) = child.stdout.take() {
            stdout.take(MAX as u64 + 2).read_to_end(&mut bytes).await?;
        }
        child.wait().await
    };
    let ended = timeout(MAX_WAIT, run).await;
    if ended.is_ok() {
        // Reaped: its id may already belong to another process.
        group.0 = None;
    }
    drop(group);
    match ended {
        Err(_) => Err(format!(
            "cannot be read: {program} did not answer within {} s and was killed",
            MAX_WAIT.as_secs()
        )),
        Ok(Err(e)) => Err(format!("cannot be read: {program} failed: {e}")),
        // Its output is not repeated: it may be the secret, or part of it.
        Ok(Ok(status)) if bytes.len() <= MAX + 1 && !status.success() => {
            Err(format!("cannot be read: {program} ended with {status}"))
        }
        Ok(Ok(_)) => trimmed(bytes),
    }
}

/// Kills the group of a program when dropped before it ended.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self
            .0
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw)
        {
            // An error means that it is gone already.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// The text without one final line break.
fn trimmed(mut bytes: Vec<u8>) -> Result<String, String> {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    if bytes.len() > MAX {
        return Err("is longer than 64 KiB".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())
}
