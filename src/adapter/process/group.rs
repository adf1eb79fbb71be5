//! A process group: ended as a whole, and checked to be gone.

use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

/// The group of a child. Dropping it armed kills the group: nothing else would end it.
#[derive(Debug)]
pub(super) struct Group {
    pid: Option<Pid>,
    armed: bool,
}

impl Group {
    pub(super) fn of(pid: Option<u32>) -> Self {
        let pid = pid
            .and_then(|p| i32::try_from(p).ok())
            .and_then(Pid::from_raw);
        Self { pid, armed: true }
    }

    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// The command has ended by itself: processes it left running are meant to run.
    pub(super) fn disarm(&mut self) {
        self.armed = false;
    }

    /// Whether any process of the group still runs. Zombies do not count.
    pub(super) fn is_alive(&self) -> bool {
        let Some(pid) = self.pid else { return false };
        test_kill_process_group(pid).is_ok() && has_running_member(pid)
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid {
            // ESRCH: already gone.
            let _ = kill_process_group(pid, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.armed {
            self.kill();
        }
    }
}

impl std::fmt::Display for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.pid.map_or(0, |p| p.as_raw_nonzero().get()))
    }
}

/// Searches `/proc` for a member that is not a zombie; without `/proc` the answer is yes.
fn has_running_member(group: Pid) -> bool {
    members(group).is_none_or(|members| !members.is_empty())
}

/// The folders in `/proc` of the group's members that are not zombies; `None` without `/proc`.
pub(super) fn members(group: Pid) -> Option<Vec<PathBuf>> {
    let entries = std::fs::read_dir("/proc").ok()?;
    let group = group.as_raw_nonzero().get().to_string();
    let processes = entries.flatten().filter(|e| {
        let name = e.file_name();
        name.to_str()
            .is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
    });
    let running = processes.map(|e| e.path()).filter(|folder| {
        let stat = std::fs::read_to_string(folder.join("stat"));
        stat.is_ok_and(|stat| runs_in(&stat, &group))
    });
    Some(running.collect())
}

/// Reads `PID (name) STATE PPID PGRP …`; the name may contain anything, also parentheses.
fn runs_in(stat: &str, group: &str) -> bool {
    let Some((_, rest)) = stat.rsplit_once(')') else {
        return false;
    };
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next().unwrap_or("X");
    !matches!(state, "Z" | "X") && fields.nth(1) == Some(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zombies_and_other_groups_are_not_members() {
        assert!(runs_in("12 (a) b) S 1 7 7 0", "7"));
        assert!(!runs_in("12 (sh) Z 1 7 7 0", "7"));
        assert!(!runs_in("12 (sh) S 7 8 7 0", "7"));
    }
}
