//! opsroom: a keyboard-driven operations console for on-call staff.
//!
//! Modules stand in dependency order: each may use only those above it. `tests/layers.rs` holds the arrows.
//!
//! ```text
//! core ◄── store ◄──┐
//!   ▲        ▲      ├── engine ◄── control ◄── tui, cli ◄── main
//!   └─── adapter ◄──┘     (bus carries what was written)
//! ```

#[macro_use]
pub mod fault;

pub mod core;

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
