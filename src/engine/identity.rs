//! The holder of a run: `host:pid:start:boot:pidns:n`. Processes on one machine can check whether
//! another one is alive; for a holder on another machine only its lease counts. Reads `/proc`;
//! where that is missing, no process is declared dead.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Pid, test_kill_process};

/// For a part that cannot be determined.
const UNKNOWN: &str = "-";

/// The identity of a new engine in this process.
pub(super) fn identity() -> String {
    static ENGINES: AtomicU64 = AtomicU64::new(1);
    let n = ENGINES.fetch_add(1, Ordering::Relaxed);
    let pid = std::process::id();
    let start = start_time(pid).map_or_else(|| UNKNOWN.to_owned(), |(_, start)| start);
    format!(
        "{}:{pid}:{start}:{}:{}:{n}",
        host(),
        boot(),
        pid_namespace()
    )
}

/// Whether that holder was a process of this machine, boot and pid namespace, and is gone.
pub(super) fn is_gone(holder: &str) -> bool {
    let Some(other) = Parts::read(holder) else {
        return false;
    };
    let here = other.host == host() && other.boot == boot() && other.namespace == pid_namespace();
    if !here || [other.boot, other.namespace, other.start].contains(&UNKNOWN) {
        return false;
    }
    let Some(pid) = i32::try_from(other.pid).ok().and_then(Pid::from_raw) else {
        return false;
    };
    if test_kill_process(pid) == Err(rustix::io::Errno::SRCH) {
        return true;
    }
    // Readable: the process is the same one only if its start time matches. Unreadable (hidden
    // /proc): alive.
    start_time(other.pid)
        .is_some_and(|(state, start)| matches!(state, 'Z' | 'X') || start != other.start)
}

/// Where a holder's processes run, seen from here.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// In this machine, boot and pid namespace: their numbers are valid.
    Here,
    /// On this machine before its last boot: none are left.
    EarlierBoot,
    /// On that host, or in a container of this one.
    Elsewhere(String),
}

pub(super) fn place_of(holder: &str) -> Location {
    let Some(other) = Parts::read(holder) else {
        return Location::Elsewhere(short(holder));
    };
    let known = ![other.boot, other.namespace].contains(&UNKNOWN);
    match other.host == host() && known {
        true if other.boot != boot() => Location::EarlierBoot,
        true if other.namespace == pid_namespace() => Location::Here,
        _ => Location::Elsewhere(other.host.to_owned()),
    }
}

/// The display name: `host:pid`.
pub(super) fn short(holder: &str) -> String {
    Parts::read(holder).map_or_else(|| holder.to_owned(), |p| format!("{}:{}", p.host, p.pid))
}

struct Parts<'a> {
    host: &'a str,
    pid: u32,
    start: &'a str,
    boot: &'a str,
    namespace: &'a str,
}

impl<'a> Parts<'a> {
    fn read(holder: &'a str) -> Option<Self> {
        let mut parts = holder.rsplitn(6, ':');
        let _engine = parts.next()?;
        let (namespace, boot, start) = (parts.next()?, parts.next()?, parts.next()?);
        let pid = parts.next()?.parse().ok()?;
        Some(Self {
            host: parts.next()?,
            pid,
            start,
            boot,
            namespace,
        })
    }
}

fn host() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_or_else(|_| UNKNOWN.to_owned(), |id| id.trim().to_owned())
}

/// The number in `pid:[4026531836]`.
fn pid_namespace() -> String {
    let link = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let digits: String = link
        .to_string_lossy()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    if digits.is_empty() {
        UNKNOWN.to_owned()
    } else {
        digits
    }
}

/// State and start time (clock ticks since boot) of a process. Fields count from after the name,
/// which may contain anything.
fn start_time(pid: u32) -> Option<(char, String)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<_> = rest.split_ascii_whitespace().collect();
    Some((
        fields.first()?.chars().next()?,
        (*fields.get(19)?).to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_engines_of_one_process_differ_and_both_live() {
        let (a, b) = (identity(), identity());
        assert_ne!(a, b);
        assert!(!is_gone(&a) && !is_gone(&b));
    }

    #[test]
    fn a_reused_pid_a_zombie_and_a_missing_process_are_gone_an_unknown_holder_is_not() {
        let me = identity();
        let parts: Vec<_> = me.rsplitn(6, ':').collect();
        let with = |pid: &str, start: &str, boot: &str| {
            format!("{}:{pid}:{start}:{boot}:{}:1", parts[5], parts[1])
        };
        let (pid, start, boot) = (parts[4], parts[3], parts[2]);
        assert!(!is_gone(&with(pid, start, boot)));
        assert!(
            is_gone(&with(pid, "1", boot)),
            "another process has the number now"
        );
        assert!(is_gone(&with("999999999", start, boot)), "no such process");
        assert!(
            !is_gone(&with("999999999", start, "another-boot")),
            "only its lease counts"
        );
        assert!(!is_gone("someone else"));
        assert_eq!(short(&me), format!("{}:{pid}", parts[5]));
        assert_eq!(place_of(&me), Location::Here);
        assert_eq!(
            place_of(&with(pid, start, "another-boot")),
            Location::EarlierBoot
        );
        assert_eq!(
            place_of("far:7:1:b:1:1"),
            Location::Elsewhere("far".to_owned())
        );
        assert_eq!(
            place_of("someone else"),
            Location::Elsewhere("someone else".to_owned())
        );

        let mut child = std::process::Command::new("true").spawn().unwrap();
        let zombie = child.id();
        while start_time(zombie).is_some_and(|(state, _)| state != 'Z') {
            std::thread::yield_now();
        }
        let born = start_time(zombie).unwrap().1;
        assert!(is_gone(&with(&zombie.to_string(), &born, boot)));
        child.wait().unwrap();
    }

    #[test]
    fn a_process_is_gone_only_where_its_number_means_something() {
        let me = identity();
        let mine: Vec<_> = me.rsplitn(6, ':').collect();
        let (host, start, boot, namespace) = (mine[5], mine[3], mine[2], mine[1]);
        let missing = "999999999";
        for (place, pid, start, boot, namespace, gone) in [
            (host, missing, start, boot, namespace, true),
            ("far", missing, start, boot, namespace, false),
            (host, missing, start, boot, "1", false),
            (host, missing, UNKNOWN, boot, namespace, false),
            (host, missing, start, UNKNOWN, namespace, false),
            (host, missing, start, boot, UNKNOWN, false),
            (host, "0", start, boot, namespace, false),
            (host, "4000000000", start, boot, namespace, false),
        ] {
            let holder = format!("{place}:{pid}:{start}:{boot}:{namespace}:1");
            assert_eq!(is_gone(&holder), gone, "{holder}");
        }
        let elsewhere = || Location::Elsewhere(host.to_owned());
        for (boot, namespace, location) in [
            (boot, "1", elsewhere()),
            (UNKNOWN, namespace, elsewhere()),
            (boot, UNKNOWN, elsewhere()),
            ("earlier", "1", Location::EarlierBoot),
        ] {
            let holder = format!("{host}:1:1:{boot}:{namespace}:1");
            assert_eq!(place_of(&holder), location, "{holder}");
        }
        for (holder, name) in [
            ("a:b:7:1:b:1:1", "a:b:7"),
            ("ops1:x:1:b:1:1", "ops1:x:1:b:1:1"),
            ("host:1", "host:1"),
        ] {
            assert_eq!(short(holder), name);
        }
        assert_eq!(host, rustix::system::uname().nodename().to_string_lossy());
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        assert_eq!(boot, id.trim());
        assert_eq!(mine[4], std::process::id().to_string());
        assert_eq!(start_time(std::process::id()).unwrap().1, start);
        assert_eq!(start_time(999_999_999), None);
        let number = |id: &str| -> u64 { id.rsplit(':').next().unwrap().parse().unwrap() };
        assert!(number(&identity()) > number(&me));
    }

    /// A number, as the inode of the namespace's file has it: a process of another container has
    /// another one, and its processes are not visible here.
    #[test]
    fn the_namespace_is_that_of_this_process() {
        use std::os::unix::fs::MetadataExt;
        let inode = fs::metadata("/proc/self/ns/pid").unwrap().ino();
        assert_eq!(identity().rsplit(':').nth(1), Some(&*inode.to_string()));
    }
}
