//! opsroom: a keyboard-driven operations console for on-call staff.
//!
//! Modules are in dependency order: each may use only those above it; `tests/pure/layers.rs` checks it.
//!
//! ```text
//! core ◄── store ◄──┐
//!   ▲        ▲      ├── engine ◄── control ◄── tui, cli ◄── main
//!   └─── adapter ◄──┘     (bus carries notices of writes)
//! ```

#[macro_use]
pub mod fault;

pub use opsroom_core as core;

pub mod clock;

pub mod config;

pub mod vault;

pub mod logging;

pub mod logfile;

pub mod store;

pub mod bus;

pub mod adapter;

pub mod engine;

pub mod control;

pub mod demo;

pub mod tui;

pub mod cli;

pub mod program;
