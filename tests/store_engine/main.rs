//! Store and engine against real databases: SQLite always, PostgreSQL where there is one.

mod chaos;
mod engine;
#[path = "../support/postgres.rs"]
mod postgres;
mod store;
