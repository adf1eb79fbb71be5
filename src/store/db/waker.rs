//! Wakes up when the files of an SQLite store are written, so that watching them costs nothing when
//! idle.

#[cfg(target_os = "linux")]
mod kernel {
    use futures_util::StreamExt;
    use inotify::{EventStream, Inotify, WatchMask};

    /// Buffer for kernel events; more events follow in the next read.
    const ROOM: usize = 4096;

    /// Kernel notifications for the database file and its write-ahead log.
    #[derive(Debug)]
    pub(in crate::store) struct Waker(EventStream<Vec<u8>>);

    impl Waker {
        /// `None`: this file system or machine has no notifications.
        pub(in crate::store) fn on(path: &str) -> Option<Self> {
            let inotify = Inotify::init().ok()?;
            for file in [path.to_owned(), format!("{path}-wal")] {
                inotify.watches().add(file, WatchMask::MODIFY).ok()?;
            }
            inotify.into_event_stream(vec![0; ROOM]).ok().map(Self)
        }

        /// Returns when a file was written since the last call; the write may not be finished.
        pub(in crate::store) async fn written(&mut self) {
            // The event's content does not matter: one read of the store covers it and all others
            // pending.
            if self.0.next().await.is_none() {
                return std::future::pending().await;
            }
            while let Some(Some(_)) = futures_util::FutureExt::now_or_never(self.0.next()) {}
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod kernel {
    /// Other systems have no notifications: the store is polled.
    #[derive(Debug)]
    pub(in crate::store) enum Waker {}

    impl Waker {
        pub(in crate::store) fn on(_path: &str) -> Option<Self> {
            None
        }

        pub(in crate::store) async fn written(&mut self) {
            match *self {}
        }
    }
}

pub(in crate::store) use kernel::Waker;
