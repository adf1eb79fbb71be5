//! The engine against a real store (`SQLite` in memory), with scripted adapters or real processes.
//!
//! Time is real but intervals are short: `SQLite` works on threads of its own, which a paused clock
//! would overtake.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the functions of the test harness are test code, which clippy cannot know"
)]

#[path = "engine/bench.rs"]
mod bench;

#[path = "engine/artifacts.rs"]
mod artifacts;
#[path = "engine/breaker.rs"]
mod breaker;
#[path = "engine/control.rs"]
mod control;
#[path = "engine/crash.rs"]
mod crash;
#[path = "engine/left_over.rs"]
mod left_over;
#[path = "engine/limits.rs"]
mod limits;
#[path = "engine/notify.rs"]
mod notify;
#[path = "engine/orphans.rs"]
mod orphans;
#[path = "engine/outbound.rs"]
mod outbound;
#[path = "support/postgres.rs"]
mod postgres;
#[path = "engine/process.rs"]
mod process;
#[path = "engine/product.rs"]
mod product;
#[path = "engine/course.rs"]
mod progress;
#[path = "engine/queue.rs"]
mod queue;
#[path = "engine/resume.rs"]
mod resume;
#[path = "engine/rules.rs"]
mod rules;
#[path = "engine/secrets.rs"]
mod secrets;
#[path = "engine/session.rs"]
mod session;
#[path = "engine/sql.rs"]
mod sql;
#[path = "engine/stop.rs"]
mod stop;
#[path = "engine/trouble.rs"]
mod trouble;
#[path = "engine/wording.rs"]
mod wording;
