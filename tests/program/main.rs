//! The binary itself: its subcommands, its server, and its console in a real terminal.

mod cli;
#[cfg(target_os = "linux")]
mod pty;
mod serve;
