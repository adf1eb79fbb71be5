//! Copies inputs without random access (a pipe, a packed file) into an unlinked file, which the
//! system removes with the process.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::index::BLOCK;
use super::progress::{ENDED, FULL};
use super::unpack::ByteSource;

/// One input being copied into a file.
#[derive(Debug)]
pub(super) struct Pour {
    pub into: File,
    /// Limit in bytes when the input is unpacked; other input is not limited.
    pub most: u64,
    /// How it ended. Dangling once the reader was dropped.
    pub ended: Weak<AtomicU8>,
    /// A message for the reader.
    pub message: Arc<Mutex<Option<String>>>,
}

impl Pour {
    /// Copies the input to its end. `input` also returns whether it is being unpacked.
    pub fn run(mut self, input: impl FnOnce() -> io::Result<(ByteSource, bool)>) {
        let how = match input() {
            Ok((input, packed)) => {
                self.most = if packed { self.most } else { u64::MAX };
                self.all(input)
            }
            Err(error) => self.failed(&error),
        };
        if let Some(ended) = self.ended.upgrade() {
            ended.store(how, Ordering::Release);
        }
        // Wakes a view that watches the file. It is complete, so that an error changes nothing.
        let _ = self
            .into
            .metadata()
            .and_then(|file| self.into.set_len(file.len()));
    }

    fn all(&mut self, mut input: ByteSource) -> u8 {
        let mut buffer = vec![0; BLOCK];
        let mut left = self.most;
        while self.ended.strong_count() > 0 {
            match input.read(&mut buffer) {
                Ok(0) => return ENDED,
                Ok(count) if count as u64 > left => {
                    let fits = usize::try_from(left).unwrap_or(count).min(count);
                    if self.into.write_all(&buffer[..fits]).is_err() {
                        return FULL;
                    }
                    return self.cut_off();
                }
                Ok(count) if self.into.write_all(&buffer[..count]).is_err() => return FULL,
                Ok(count) => left -= count as u64,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.failed(&error),
            }
        }
        ENDED
    }

    fn failed(&self, error: &io::Error) -> u8 {
        self.say(format!("{error}; shown is what could be read"));
        ENDED
    }

    fn cut_off(&self) -> u8 {
        let dir = std::env::temp_dir();
        let size = size_text(self.most);
        self.say(format!(
            "unpacked it is larger than {size}, half of the room in {}; the rest is not shown",
            dir.display()
        ));
        ENDED
    }

    fn say(&self, text: String) {
        *self.message.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }
}

/// Free bytes in the folder for temporary files; no limit when that is not known.
pub(super) fn room() -> u64 {
    rustix::fs::statvfs(std::env::temp_dir())
        .map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn size_text(bytes: u64) -> String {
    match bytes {
        ..1_048_576 => format!("{} KiB", bytes / 1024),
        1_048_576..1_073_741_824 => format!("{} MiB", bytes / 1_048_576),
        _ => format!("{} GiB", bytes / 1_073_741_824),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poured(most: u64, input: ByteSource) -> (u64, u8, Option<String>) {
        let file = tempfile::tempfile().unwrap();
        let ended = Arc::new(AtomicU8::new(0));
        let message: Arc<Mutex<Option<String>>> = Arc::default();
        let pour = Pour {
            into: file.try_clone().unwrap(),
            most,
            ended: Arc::downgrade(&ended),
            message: Arc::clone(&message),
        };
        pour.run(|| Ok((input, true)));
        let message = message.lock().unwrap().take();
        (
            file.metadata().unwrap().len(),
            ended.load(Ordering::Acquire),
            message,
        )
    }

    struct Broken;

    impl io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the cable is out"))
        }
    }

    #[test]
    fn what_was_not_read_is_reported() {
        assert_eq!(
            poured(u64::MAX, Box::new(io::repeat(7).take(3 << 20))),
            (3 << 20, ENDED, None)
        );
        let (len, how, message) = poured(2 << 20, Box::new(io::repeat(7)));
        assert_eq!((len, how), (2 << 20, ENDED), "an endless one stops");
        assert!(message.is_some_and(|message| {
            message.starts_with("unpacked it is larger than 2 MiB, half of the room in /")
        }));
        let (len, how, message) = poured(u64::MAX, Box::new(io::Cursor::new(b"a\n").chain(Broken)));
        assert_eq!(
            (len, how, message.as_deref()),
            (
                2,
                ENDED,
                Some("the cable is out; shown is what could be read")
            )
        );
    }

    #[test]
    fn an_input_without_a_reader_is_dropped() {
        let ended = Weak::new();
        let pour = Pour {
            into: tempfile::tempfile().unwrap(),
            most: u64::MAX,
            ended,
            message: Arc::default(),
        };
        pour.run(|| Ok((Box::new(io::repeat(7)), true)));
    }
}
