//! Runs: finding them, acts on them, their queue and records.

pub(super) mod breakers;
mod compare;
pub(super) mod find;
pub mod left_over;
mod lockouts;
mod notes;
pub mod orders;
pub(super) mod queue;
pub mod record;
pub(super) mod resume;
