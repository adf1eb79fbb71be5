//! Routines: what is run on a schedule, and what its results mean.

pub mod canary;
pub mod check;
pub mod class;
pub mod jitter;
pub mod load;
pub mod misfire;
pub mod report;
pub mod run_result;
pub mod schedule;
pub mod scheduled;
pub mod scope;
pub mod shard;
pub mod threshold;
pub mod window;
