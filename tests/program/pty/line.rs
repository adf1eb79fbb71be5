//! A slow line between the console and its terminal, like a connection over SSH: limited bytes per
//! second, latency each way, and an unlimited buffer. The terminal at its end answers queries.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use pty_process::blocking::Pty;

use super::harness::Seen;

/// Bytes in the line, and when they come out.
pub type Late = (Instant, Vec<u8>);

/// The figures of a slow line.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    pub bytes_per_second: u64,
    /// Each way.
    pub latency: Duration,
}

/// The two ends of a slow line, as its threads see them.
#[derive(Debug, Default)]
pub struct Wire {
    /// Bytes written but not yet delivered, and their maximum after the first screen.
    in_line: AtomicU64,
    most: AtomicU64,
    /// The first screen was delivered.
    begun: AtomicBool,
}

impl Wire {
    /// The most bytes ever queued, after the first screen.
    pub fn most(&self) -> u64 {
        self.most.load(Ordering::SeqCst)
    }

    pub fn put_in(&self, bytes: u64) {
        let now = self.in_line.fetch_add(bytes, Ordering::SeqCst) + bytes;
        if self.begun.load(Ordering::SeqCst) {
            self.most.fetch_max(now, Ordering::SeqCst);
        }
    }

    fn take_out(&self, bytes: u64) {
        let left = self.in_line.fetch_sub(bytes, Ordering::SeqCst) - bytes;
        self.begun.fetch_or(left == 0, Ordering::SeqCst);
    }
}

/// Types each piece of input when it is due.
pub fn type_late(pty: &Arc<Pty>) -> mpsc::Sender<Late> {
    let (sender, keys) = mpsc::channel::<Late>();
    let pty = Arc::downgrade(pty);
    thread::spawn(move || {
        for (due, bytes) in keys {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let Some(pty) = pty.upgrade() else { return };
            // Fails when the console has ended.
            let _ = std::io::Write::write_all(&mut &*pty, &bytes);
        }
    });
    sender
}

/// Carries bytes over a slow line in small pieces, and answers queries at its end.
pub fn carry(
    line: Line,
    keys: mpsc::Sender<Late>,
    seen: &Arc<Seen>,
    wire: &Arc<Wire>,
) -> mpsc::Sender<Vec<u8>> {
    let (sender, written) = mpsc::channel::<Vec<u8>>();
    let (through, at_end) = mpsc::channel::<Late>();
    let counted = Arc::clone(wire);
    thread::spawn(move || {
        for bytes in written {
            for piece in bytes.chunks(80) {
                thread::sleep(Duration::from_micros(
                    piece.len() as u64 * 1_000_000 / line.bytes_per_second,
                ));
                counted.take_out(piece.len() as u64);
                if through
                    .send((Instant::now() + line.latency, piece.to_vec()))
                    .is_err()
                {
                    return;
                }
            }
        }
    });
    let seen = Arc::clone(seen);
    thread::spawn(move || {
        for (due, piece) in at_end {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let queries = seen.take(&piece, "\x1b[5n");
            for _ in 0..queries {
                let _ = keys.send((Instant::now() + line.latency, b"\x1b[0n".to_vec()));
            }
        }
    });
    sender
}
