//! Command groups that a dead engine left running: found by what was recorded when they started,
//! ended, and checked to be gone. Process numbers are reused, so a group counts as the recorded one
//! only when its leader started at the same instant, or when a member still carries the value of
//! the variable that is unique to the command.

use std::path::Path;
use std::time::Duration;

use rustix::process::Pid;
use tokio::time::{sleep, timeout};

use super::GRACE;
use super::group::{Group, members};

/// How long the group may take to disappear after KILL.
const AFTER_KILL: Duration = Duration::from_secs(1);

/// Identifies a command's process group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Birth {
    /// The group's number: its leader's process number; 0 where it is unknown.
    pub pgid: i32,
    /// When the leader started, in clock ticks since boot; empty where `/proc` is missing.
    pub started: String,
    /// The value of `$OPSROOM_OUTPUT` in the environment of its processes.
    pub mark: String,
}

/// Result of ending an orphaned group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remains {
    /// No process of it was running.
    Nothing,
    /// It ended on TERM.
    Terminated,
    /// It had to be killed.
    Killed,
    /// It is still there after KILL.
    Alive,
}

impl Birth {
    pub(super) fn of(leader: Option<u32>, mark: &Path) -> Self {
        let started = leader.and_then(start_of).unwrap_or_default();
        let pgid = leader
            .and_then(|leader| i32::try_from(leader).ok())
            .unwrap_or(0);
        Self {
            pgid,
            started,
            mark: mark.to_string_lossy().into_owned(),
        }
    }

    /// Whether that very group still runs.
    fn is_alive(&self) -> bool {
        let Some(pid) = Pid::from_raw(self.pgid) else {
            return false;
        };
        let Some(members) = members(pid) else {
            return false;
        };
        let leader = u32::try_from(self.pgid).ok().and_then(start_of);
        let is_leader =
            leader.is_some_and(|started| !started.is_empty() && started == self.started);
        !members.is_empty() && (is_leader || members.iter().any(|folder| self.marks(folder)))
    }

    fn marks(&self, process: &Path) -> bool {
        let wanted = format!("OPSROOM_OUTPUT={}", self.mark);
        let environ = std::fs::read(process.join("environ")).unwrap_or_default();
        !self.mark.is_empty()
            && environ
                .split(|byte| *byte == 0)
                .any(|variable| variable == wanted.as_bytes())
    }
}

/// Ends the group if it is still there: TERM, grace, KILL, then a check that it is gone.
pub async fn end_orphan(birth: &Birth) -> Remains {
    if !birth.is_alive() {
        return Remains::Nothing;
    }
    let mut group = Group::of(u32::try_from(birth.pgid).ok());
    group.terminate();
    let terminated = timeout(GRACE, gone(&group)).await.is_ok();
    if !terminated {
        group.kill();
    }
    let killed = terminated || timeout(AFTER_KILL, gone(&group)).await.is_ok();
    group.disarm();
    match (terminated, killed) {
        (true, _) => Remains::Terminated,
        (false, true) => Remains::Killed,
        (false, false) => Remains::Alive,
    }
}

async fn gone(group: &Group) {
    while group.is_alive() {
        sleep(Duration::from_millis(25)).await;
    }
}

/// The start of a process: field 22 of its `stat`, counted from after the name, which may hold
/// anything.
fn start_of(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(19).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};

    use super::*;

    fn group(script: &str, mark: &str) -> (Child, Birth) {
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .env("OPSROOM_OUTPUT", mark)
            .process_group(0);
        let child = command.spawn().unwrap();
        let birth = Birth::of(Some(child.id()), Path::new(mark));
        (child, birth)
    }

    /// Reaps the leader as soon as it has ended, as init does with an orphan.
    fn reaped(mut child: Child) -> std::thread::JoinHandle<()> {
        std::thread::spawn(move || drop(child.wait()))
    }

    #[tokio::test]
    async fn the_recorded_group_is_ended_once() {
        let (child, birth) = group("sleep 100 & sleep 100", "/tmp/a");
        let child = reaped(child);
        assert!(birth.is_alive());
        assert_eq!(end_orphan(&birth).await, Remains::Terminated);
        assert_eq!(end_orphan(&birth).await, Remains::Nothing);
        child.join().unwrap();
    }

    #[tokio::test]
    async fn a_group_that_ignores_term_is_killed() {
        let (child, birth) = group("trap '' TERM; while :; do sleep 0.1; done", "/tmp/b");
        let child = reaped(child);
        // The trap is set when the loop runs.
        while members(Pid::from_raw(birth.pgid).unwrap()).unwrap().len() < 2 {
            sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(end_orphan(&birth).await, Remains::Killed);
        child.join().unwrap();
    }

    #[tokio::test]
    async fn another_group_with_the_same_number_is_left_alone() {
        let (mut child, birth) = group("sleep 100", "/tmp/c");
        let other = Birth {
            started: "1".to_owned(),
            mark: "/tmp/another".to_owned(),
            ..birth.clone()
        };
        assert_eq!(end_orphan(&other).await, Remains::Nothing);
        assert!(birth.is_alive());
        // The leader is gone: the other members are identified by their variable.
        let known = Birth {
            started: "1".to_owned(),
            ..birth
        };
        assert!(known.is_alive());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
