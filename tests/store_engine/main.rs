//! Store and engine against real databases: SQLite always, PostgreSQL where there is one.

mod chaos;
mod engine;
#[expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed unwrap fails the test"
)]
#[path = "../support/postgres.rs"]
mod postgres;
mod store;
