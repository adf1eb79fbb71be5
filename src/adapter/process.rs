//! Local commands: no terminal, a process group of their own, output streamed line by line with
//! back-pressure.
//!
//! On cancellation or a passed deadline the whole group gets TERM, then KILL after [`GRACE`]; then
//! it is checked that the group is gone. Where the system has `setsid`, the command also gets its
//! own session, so that nothing in it can open the operator's terminal; elsewhere just its own
//! process group.
//!
//! A command is released in two steps: the process started is a shell that waits for a line and
//! then execs the command. Until its process group is recorded nothing has run, and if opsroom
//! dies before that, the shell ends by itself.

mod files;
mod group;
mod lines;
mod orphan;
mod outputs;
mod program;
mod session;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use self::group::Group;
use self::lines::Lines;
pub use self::orphan::{Birth, Remains, end_orphan};
pub(super) use self::program::check;
pub(super) use self::session::{end as end_session, names as sessions};
use super::{AdapterContext, CallEvent, CancelTokens, OutputLine, cancelled, deadline, elapsed_ms};
use crate::core::base::redact::Redactor;
use crate::core::run::event::Stream;
use crate::core::run::step::{Reply, SecretVariable, ShellCall};
use crate::vault::{Value, Vault};

/// Between TERM and KILL.
const GRACE: Duration = Duration::from_millis(1500);
/// How long the group may take to disappear after KILL.
const AFTER_KILL: Duration = Duration::from_millis(250);
/// How long other processes may hold the output open once the command itself has ended.
const DRAIN: Duration = Duration::from_millis(500);
/// The same after we killed it: everything has to fit into 2 s.
const DRAIN_KILLED: Duration = Duration::from_millis(150);
/// Linux's maximum pipe size for ordinary users: the most an ended command can leave unread.
const PIPE_MAX: usize = 1024 * 1024;

const OUTPUT_HELD: &str = "the command ended, but a background process still holds its output; its further output is not captured (redirect the output of background processes to a file)";

/// Runs the command to its end.
pub(super) async fn perform(
    what: &ShellCall,
    context: &AdapterContext,
    timeout_ms: i64,
    output: mpsc::Sender<CallEvent>,
    limits: CancelTokens,
) -> Reply {
    let vault = &context.vault;
    let cancel = &limits.cancel;
    if cancel.is_cancelled() {
        return cancelled();
    }
    let secrets = tokio::select! {
        biased;
        () = cancel.cancelled() => return cancelled(),
        found = fetch(&what.secrets, vault) => match found {
            Ok(secrets) => secrets,
            Err(message) => return Reply::refused(message),
        },
    };
    let start = Instant::now();
    let in_session = match session::enter(what) {
        Ok(entered) => entered,
        Err(message) => return Reply::unreachable(message),
    };
    let what = in_session.as_ref().unwrap_or(what);
    let (mut running, outputs) = match Running::start(what, vault, &secrets) {
        Ok(started) => started,
        Err(message) => return Reply::unreachable(message),
    };
    if !running
        .release(outputs.path(), &output, &limits.cancel)
        .await
    {
        return cancelled();
    }
    let limit = deadline(timeout_ms);
    let end = running
        .follow(limit, &vault.redactor(), &output, &limits)
        .await;
    let ms = elapsed_ms(start);
    // The files of a failed command often explain the failure. For a cancelled one
    // `files::gather` returns at once.
    let lacks = if matches!(end, End::Lost(_)) {
        Vec::new()
    } else {
        let max_wait = files::max_wait(limit, start.elapsed());
        files::gather(
            what,
            context.artifacts,
            outputs.made(),
            max_wait,
            &output,
            cancel,
        )
        .await
    };
    match end {
        End::Exited(status) => {
            let outputs = if status.success() {
                outputs.read(&output).await
            } else {
                BTreeMap::new()
            };
            Reply::Exited {
                code: status.code(),
                signal: status.signal(),
                outputs,
                lacks,
                ms,
            }
        }
        End::TimedOut => Reply::TimedOut { after_ms: ms },
        End::Lost(why) => Reply::unreachable(format!("lost track of the process: {why}")),
    }
}

enum End {
    Exited(ExitStatus),
    TimedOut,
    Lost(std::io::Error),
}

struct Running {
    child: Child,
    group: Group,
    gate: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
}

impl Running {
    fn start(
        what: &ShellCall,
        vault: &Vault,
        secrets: &[(String, Value)],
    ) -> Result<(Self, outputs::OutputFile), String> {
        let program = program::resolve(what)?;
        let outputs = outputs::OutputFile::create()?;
        let mut command = detached(&program, &what.argv);
        // Variables that hold secrets are passed only to the commands that name them.
        for name in vault.variables() {
            command.env_remove(name);
        }
        command.envs(secrets.iter().map(|(name, value)| (name, value.expose())));
        command
            .envs(&what.env)
            .env("OPSROOM_OUTPUT", outputs.path());
        if let Some(dir) = &what.dir {
            command.current_dir(dir);
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command
            .spawn()
            .map_err(|e| program::describe_spawn_error(&what.argv[0], &e))?;
        let group = Group::of(child.id());
        let (gate, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        Ok((
            Self {
                child,
                group,
                gate,
                stdout,
                stderr,
            },
            outputs,
        ))
    }

    /// Releases the command once its process group is recorded (or the listener is gone). False:
    /// cancelled before.
    async fn release(
        &mut self,
        mark: &Path,
        output: &mpsc::Sender<CallEvent>,
        cancel: &CancellationToken,
    ) -> bool {
        let birth = Birth::of(self.child.id(), mark);
        let (noted, wait) = oneshot::channel();
        let noting = async {
            if output.send(CallEvent::Ready(birth, noted)).await.is_ok() {
                // A listener that drops the sender does not need the record.
                let _ = wait.await;
            }
        };
        tokio::select! {
            biased;
            () = cancel.cancelled() => return false,
            () = noting => {}
        }
        if let Some(mut gate) = self.gate.take() {
            // A shell that has already ended shows in the wait for it.
            let _ = gate.write_all(b"\n").await;
        }
        true
    }

    /// Streams the output and waits for the end: exit, timeout or cancellation.
    async fn follow(
        &mut self,
        limit: Duration,
        redactor: &Arc<Redactor>,
        output: &mpsc::Sender<CallEvent>,
        limits: &CancelTokens,
    ) -> End {
        let mut capture = Capture::new(self.stdout.take(), self.stderr.take(), redactor);
        let (end, note) = {
            let mut life = pin!(life(&mut self.child, &self.group, limit, limits));
            let mut ended = None;
            while ended.is_none() {
                tokio::select! {
                    biased;
                    end = &mut life => ended = Some(end),
                    () = capture.step(output), if !capture.is_done() => {}
                }
            }
            ended.unwrap_or((End::TimedOut, None))
        };
        self.group.disarm();
        let drain = if matches!(end, End::Exited(_)) && !limits.cancel.is_cancelled() {
            DRAIN
        } else {
            DRAIN_KILLED
        };
        let left_open = !capture.drain(drain, output).await;
        let notes = [note, left_open.then(|| OUTPUT_HELD.to_owned())];
        for note in notes.into_iter().flatten() {
            // The listener is gone: the note is dropped.
            let _ = output.send(CallEvent::Note(note)).await;
        }
        end
    }
}

/// The variables of secrets with their values.
async fn fetch(wanted: &[SecretVariable], vault: &Vault) -> Result<Vec<(String, Value)>, String> {
    let names: Vec<String> = wanted.iter().map(|w| w.secret.clone()).collect();
    let found = vault.values(&names).await?;
    if let Some((name, _)) = found
        .iter()
        .find(|(_, value)| value.expose().contains('\0'))
    {
        return Err(format!(
            "the secret {name} holds a NUL character, which no variable can"
        ));
    }
    Ok(wanted
        .iter()
        .map(|w| w.variable.clone())
        .zip(found.into_iter().map(|(_, value)| value))
        .collect())
}

/// Waits for a line, or ends at the end of input; then execs the command with an empty stdin.
const GATE: &str = "read -r _ && exec \"$@\" </dev/null";

/// `setsid sh -c GATE sh PROGRAM …` where there is one (both exec in place: same pid, new session,
/// new group), else a new group. The shell is ours: the command's own `PATH` need not have one, nor
/// decide which it is.
fn detached(program: &Path, argv: &[String]) -> Command {
    let shell = program::find("sh").unwrap_or_else(|| "/bin/sh".into());
    let mut command = if let Some(setsid) = program::find("setsid") {
        let mut command = Command::new(setsid);
        command.arg(shell);
        command
    } else {
        let mut command = Command::new(shell);
        command.process_group(0);
        command
    };
    command
        .args(["-c", GATE, "sh"])
        .arg(program)
        .args(&argv[1..]);
    command
}

/// Waits for the child; ends the whole group on timeout or cancellation. Also returns a note when
/// KILL was needed or did not work.
async fn life(
    child: &mut Child,
    group: &Group,
    limit: Duration,
    limits: &CancelTokens,
) -> (End, Option<String>) {
    let timed_out = tokio::select! {
        biased;
        status = child.wait() => return (status.map_or_else(End::Lost, End::Exited), None),
        () = limits.cancel.cancelled() => false,
        () = sleep(limit) => true,
    };
    let note = terminate(child, group, &limits.kill).await;
    let end = match (timed_out, child.try_wait()) {
        (true, _) => End::TimedOut,
        (false, Ok(Some(status))) => End::Exited(status),
        (false, Ok(None)) => End::Lost(std::io::Error::other("it did not end when killed")),
        (false, Err(e)) => End::Lost(e),
    };
    (end, note)
}

/// TERM, grace, KILL, then a check that the whole group is gone. `kill` cuts the grace short.
async fn terminate(child: &mut Child, group: &Group, kill: &CancellationToken) -> Option<String> {
    if !kill.is_cancelled() {
        group.terminate();
        tokio::select! {
            biased;
            () = gone(child, group) => return None,
            () = kill.cancelled() => {}
            () = sleep(GRACE) => {}
        }
    }
    group.kill();
    let dead = timeout(AFTER_KILL, gone(child, group)).await.is_ok();
    Some(match (dead, kill.is_cancelled()) {
        (false, _) => {
            format!("processes of group {group} are still there after KILL; look at them by hand")
        }
        (true, true) => "it was killed at once, as requested".to_owned(),
        (true, false) => format!(
            "it did not end on TERM within {} s and was killed",
            GRACE.as_secs_f32()
        ),
    })
}

async fn gone(child: &mut Child, group: &Group) {
    // An error means there is nothing left to wait for.
    let _ = child.wait().await;
    while group.is_alive() {
        sleep(Duration::from_millis(25)).await;
    }
}

/// Both pipes, cut into lines. While a batch cannot be handed on nothing is read: the pipe fills
/// and the child waits.
struct Capture {
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    out: Lines,
    err: Lines,
    out_buf: Vec<u8>,
    err_buf: Vec<u8>,
    batch: Vec<OutputLine>,
    bytes: usize,
}

impl Capture {
    fn new(
        stdout: Option<ChildStdout>,
        stderr: Option<ChildStderr>,
        redactor: &Arc<Redactor>,
    ) -> Self {
        Self {
            stdout,
            stderr,
            out: Lines::new(Stream::Stdout, redactor.clone()),
            err: Lines::new(Stream::Stderr, redactor.clone()),
            out_buf: vec![0; 64 * 1024],
            err_buf: vec![0; 64 * 1024],
            batch: Vec::new(),
            bytes: 0,
        }
    }

    fn is_done(&self) -> bool {
        self.stdout.is_none() && self.stderr.is_none() && self.batch.is_empty()
    }

    /// One read or one hand-over. Safe to drop at any await: nothing read is lost.
    async fn step(&mut self, output: &mpsc::Sender<CallEvent>) {
        if !self.batch.is_empty() {
            return self.hand_over(output).await;
        }
        tokio::select! {
            read = read(&mut self.stdout, &mut self.out_buf) => {
                self.bytes += take(&read, &mut self.stdout, &self.out_buf, &mut self.out, &mut self.batch);
            }
            read = read(&mut self.stderr, &mut self.err_buf) => {
                self.bytes += take(&read, &mut self.stderr, &self.err_buf, &mut self.err, &mut self.batch);
            }
        }
    }

    async fn hand_over(&mut self, output: &mpsc::Sender<CallEvent>) {
        match output.reserve().await {
            Ok(place) => place.send(CallEvent::Lines(std::mem::take(&mut self.batch))),
            // No listener: go on reading, so that the child does not hang.
            Err(_) => self.batch.clear(),
        }
    }

    /// Reads the remaining output once the child has ended. False when another process still holds
    /// a pipe open. Time spent waiting for the listener does not count: a slow store must not cost
    /// lines.
    async fn drain(&mut self, max_wait: Duration, output: &mpsc::Sender<CallEvent>) -> bool {
        let until = Instant::now() + max_wait;
        let before = self.bytes;
        while self.stdout.is_some() || self.stderr.is_some() {
            if !self.batch.is_empty() {
                self.hand_over(output).await;
                continue;
            }
            let now = Instant::now();
            if now >= until && self.bytes - before > PIPE_MAX {
                break;
            }
            // After the deadline there is one more short read: data already in the pipe arrives at
            // once.
            let read_until = until.max(now + Duration::from_millis(20));
            let had = self.bytes;
            tokio::select! {
                biased;
                () = self.step(output) => {}
                () = sleep_until(read_until) => if self.bytes == had { break },
            }
        }
        let closed = self.stdout.is_none() && self.stderr.is_none();
        self.out.finish(&mut self.batch);
        self.err.finish(&mut self.batch);
        if !self.batch.is_empty() {
            self.hand_over(output).await;
        }
        closed
    }
}

async fn read<R: tokio::io::AsyncRead + Unpin>(
    pipe: &mut Option<R>,
    buf: &mut [u8],
) -> std::io::Result<usize> {
    match pipe {
        Some(pipe) => pipe.read(buf).await,
        None => std::future::pending().await,
    }
}

/// Cuts the bytes read into lines; closes the pipe at its end (an error is an end too).
fn take<R>(
    read: &std::io::Result<usize>,
    pipe: &mut Option<R>,
    buf: &[u8],
    lines: &mut Lines,
    batch: &mut Vec<OutputLine>,
) -> usize {
    match read {
        Ok(0) | Err(_) => {
            *pipe = None;
            lines.finish(batch);
            0
        }
        Ok(n) => {
            lines.feed(&buf[..*n], batch);
            *n
        }
    }
}

#[cfg(test)]
mod tests;
