//! Runs: the queue and claims, the journal, requests of people, artifacts, and what is left over.

pub(super) mod artifacts;
pub(super) mod breakers;
pub(super) mod carry;
pub(super) mod chunk;
pub(super) mod claim;
pub(super) mod decisions;
pub(super) mod groups;
pub(super) mod history;
pub(super) mod journal;
pub(super) mod left_over;
pub(super) mod listing;
pub(super) mod lockouts;
pub(super) mod locks;
pub(super) mod notes;
pub(super) mod orders;
pub(super) mod processes;
pub(super) mod queue;
pub(super) mod resume;
pub(super) mod runs;
pub(super) mod submit;
pub(super) mod votes;
