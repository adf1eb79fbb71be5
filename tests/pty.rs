//! The console in a real terminal: what `TestBackend` never sees. Signals, modes given back, split keys, bytes on the wire.
//!
//! Each test spawns the real binary in its own pseudo-terminal. Waiting is for facts (a text, an exit, a state of the
//! process), with a generous limit that `OPSROOM_TEST_SECONDS` stretches on slow machines; sleeping is only for gaps
//! between bytes and for watching that nothing happens.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a harness that cannot go on fails its test")]

mod pty {
    mod attacks;
    mod bad_logs;
    mod bytes;
    mod exits;
    mod harness;
    mod headless;
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
}
