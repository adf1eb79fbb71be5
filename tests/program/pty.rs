//! The console in a real terminal: what `TestBackend` never sees. Signals, restored modes, split
//! keys, bytes on the wire.
//!
//! Each test spawns the real binary in its own pseudo-terminal. Tests wait for facts (a text, an
//! exit, a state of the process), with a generous limit that `OPSROOM_TEST_SECONDS` stretches on
//! slow machines; they sleep only for gaps between bytes and to check that nothing happens.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed unwrap fails the test"
)]

mod attacks;
mod bad_logs;
mod bytes;
mod exits;
mod harness;
mod headless;
mod init;
mod keys;
mod line;
mod logs;
mod panics;
mod paste;
mod run_logs;
mod sizes;
mod slow;
mod terminals;
mod world;
