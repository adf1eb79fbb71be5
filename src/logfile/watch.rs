//! Wakes a log view when one of its files is written or replaced, so that waiting costs nothing.

use super::file::Tracked;
use super::source::WeakWaker;

/// Watches files until it is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    /// Its end closes with this value and ends the thread.
    #[cfg(target_os = "linux")]
    _open: std::io::PipeWriter,
}

#[cfg(not(target_os = "linux"))]
impl Watch {
    /// Other systems have no notifications: files are polled.
    pub(super) fn on(_files: &[Tracked], _waker: WeakWaker) -> Option<Self> {
        None
    }
}

#[cfg(target_os = "linux")]
impl Watch {
    /// `None`: not all of these files can be watched. Other machines may write to files on a network
    /// without a notification here.
    pub(super) fn on(files: &[Tracked], waker: WeakWaker) -> Option<Self> {
        use std::os::fd::AsRawFd as _;

        use inotify::{Inotify, WatchMask};

        let inotify = Inotify::init().ok()?;
        for file in files.iter().filter(|file| file.needs_polling()) {
            linux::is_local(file.file()).then_some(())?;
            // The open file, whatever its name is by now.
            let open = format!("/proc/self/fd/{}", file.file().as_raw_fd());
            let written = WatchMask::MODIFY | WatchMask::ATTRIB | WatchMask::MOVE_SELF;
            inotify.watches().add(open, written).ok()?;
            for folder in file.path().into_iter().flat_map(linux::folders) {
                let created = WatchMask::CREATE | WatchMask::MOVED_TO;
                inotify.watches().add(folder, created).ok()?;
            }
        }
        let (closed, open) = std::io::pipe().ok()?;
        std::thread::Builder::new()
            .name("log watch".to_owned())
            .spawn(move || linux::run(inotify, &closed, &waker))
            .ok()?;
        Some(Self { _open: open })
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io::PipeReader;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use inotify::Inotify;
    use rustix::event::{PollFd, PollFlags, poll};

    use super::super::source::{WeakWaker, wake};

    /// Buffer for kernel events; more events follow in the next read.
    const ROOM: usize = 4096;
    /// Shortest time between two wakes: a file that is written all the time causes no more.
    const INTERVAL: Duration = Duration::from_millis(40);
    /// File systems that only this machine writes to, by their numbers in statfs(2): ext, xfs, btrfs,
    /// tmpfs, zfs, f2fs, overlay, ramfs, bcachefs, ecryptfs.
    const LOCAL: [i64; 10] = [
        0xef53,
        0x5846_5342,
        0x9123_683e,
        0x0102_1994,
        0x2fc1_2fc1,
        0xf2f5_2010,
        0x794c_7630,
        0x8584_58f6,
        0xca45_1a4e,
        0xf15f,
    ];

    pub(super) fn is_local(file: &File) -> bool {
        rustix::fs::fstatfs(file).is_ok_and(|stat| LOCAL.contains(&stat.f_type))
    }

    /// Where a new file of this name may appear: its folder, and that of the file it links to.
    pub(super) fn folders(path: &Path) -> impl Iterator<Item = PathBuf> {
        let folder = |path: &Path| match path.parent() {
            Some(folder) if folder.as_os_str().is_empty() => PathBuf::from("."),
            Some(folder) => folder.to_owned(),
            None => path.to_owned(),
        };
        let real = path.canonicalize().ok();
        std::iter::once(folder(path)).chain(real.map(|real| folder(&real)))
    }

    /// Wakes the view at events until the other end of the pipe closes.
    pub(super) fn run(mut inotify: Inotify, closed: &PipeReader, waker: &WeakWaker) {
        let mut buffer = vec![0; ROOM];
        loop {
            let mut wanted = [
                PollFd::new(&inotify, PollFlags::IN),
                PollFd::new(closed, PollFlags::IN),
            ];
            match poll(&mut wanted, None) {
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => return,
                Ok(_) if !wanted[1].revents().is_empty() => return,
                Ok(_) => {}
            }
            // The events' contents do not matter: the view looks at all its files.
            let events = inotify.read_events(&mut buffer).is_ok();
            if !events || !waker.upgrade().is_some_and(|asks| wake(&asks)) {
                return;
            }
            std::thread::sleep(INTERVAL);
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Write as _;
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, sync_channel};
    use std::time::Duration;

    use super::*;
    use crate::logfile::log_view::LogRequest;

    fn wakes(requests: &Receiver<LogRequest>) {
        let woken = requests.recv_timeout(Duration::from_secs(20));
        assert_eq!(woken, Ok(LogRequest::Poll));
        // The rest of the events of the same cause.
        while requests.recv_timeout(Duration::from_millis(200)).is_ok() {}
    }

    #[test]
    fn a_file_that_is_written_or_replaced_wakes_the_view() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let mut log = std::fs::File::create(&path).unwrap();
        let (piped, mut pipe) = std::io::pipe().unwrap();
        let files = [
            Tracked::open(&path).unwrap(),
            Tracked::spool("standard input", piped).unwrap(),
        ];
        let (asks, requests) = sync_channel(8);
        let asks = Arc::new(asks);
        let watch = Watch::on(&files, Arc::downgrade(&asks)).expect("temporary files are local");

        log.write_all(b"a line\n").unwrap();
        wakes(&requests);
        pipe.write_all(b"a line\n").unwrap();
        wakes(&requests);
        drop(pipe);
        wakes(&requests);
        std::fs::rename(&path, folder.path().join("a.log.1")).unwrap();
        wakes(&requests);
        std::fs::write(&path, "anew\n").unwrap();
        wakes(&requests);

        drop(watch);
        while Arc::weak_count(&asks) > 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
