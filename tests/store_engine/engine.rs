//! The engine against a real store (`SQLite` in memory), with scripted adapters or real processes.
//!
//! Time is real but intervals are short: `SQLite` works on threads of its own, which a paused clock
//! would overtake.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the functions of the test harness are test code, which clippy cannot know"
)]

mod bench;

mod again;
mod artifacts;
mod breaker;
mod canary;
mod control;
mod crash;
mod left_over;
mod limits;
mod links;
mod notify;
mod orphans;
mod outbound;
mod process;
mod product;
mod progress;
mod queue;
mod resume;
mod routines;
mod rules;
mod runbook_routines;
mod secrets;
mod session;
mod sql;
mod stop;
mod trouble;
mod wording;
