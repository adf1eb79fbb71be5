//! Wakes up when an SQLite store's files are written, so that watching them costs nothing while nobody does.

#[cfg(target_os = "linux")]
mod kernel {
    use futures_util::StreamExt;
    use inotify::{EventStream, Inotify, WatchMask};

    /// Room for what the kernel says at once; what does not fit is said again.
    const ROOM: usize = 4096;

    /// The kernel's word on the database file and its write-ahead log.
    #[derive(Debug)]
    pub(in crate::store) struct Nudge(EventStream<Vec<u8>>);

    impl Nudge {
        /// `None`: this file system or machine does not tell.
        pub(in crate::store) fn on(path: &str) -> Option<Self> {
            let inotify = Inotify::init().ok()?;
            for file in [path.to_owned(), format!("{path}-wal")] {
                inotify.watches().add(file, WatchMask::MODIFY).ok()?;
            }
            inotify.into_event_stream(vec![0; ROOM]).ok().map(Self)
        }

        /// Returns when a file was written since the last call; the writing may go on.
        pub(in crate::store) async fn written(&mut self) {
            // What is said does not matter: one look answers all of it, and what else was said already with it.
            if self.0.next().await.is_none() {
                return std::future::pending().await;
            }
            while let Some(Some(_)) = futures_util::FutureExt::now_or_never(self.0.next()) {}
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod kernel {
    /// Elsewhere nobody tells: the store has to be asked.
    #[derive(Debug)]
    pub(in crate::store) enum Nudge {}

    impl Nudge {
        pub(in crate::store) fn on(_path: &str) -> Option<Self> {
            None
        }

        pub(in crate::store) async fn written(&mut self) {
            match *self {}
        }
    }
}

pub(super) use kernel::Nudge;
