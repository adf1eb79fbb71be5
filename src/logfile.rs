//! Reads the lines of large files without loading them: a sparse index in memory, the bytes stay on
//! disk (or in a spool file for standard input). Searching and filtering cost one bit a line.
//!
//! - [`index`], [`bits`], [`scan`], [`levels`] the offsets of lines, the matches, the levels
//! - [`records`], [`whole`] which lines form a record: a stack trace is found, shown, hidden whole
//! - `file` one file as it grows, shrinks or is replaced; [`run_spool`] a run's log as such a file
//! - [`order`] several files merged by time
//! - [`sets`], [`log_view`] the view of one reader; [`source`] the thread that computes it

pub mod bits;
pub mod file;
pub mod head;
pub mod index;
pub mod levels;
pub mod log_view;
pub mod order;
mod progress;
pub mod records;
pub mod run_spool;
pub mod scan;
pub mod sets;
pub mod source;
mod spool;
pub mod unpack;
mod watch;
pub mod whole;

pub use bits::Bits;
