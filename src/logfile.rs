//! Lines of large files without holding them: a sparse index in memory, the bytes stay on disk (or in a spool file for
//! standard input). Searching and filtering leave one bit a line.
//!
//! - [`index`], [`bits`], [`scan`], [`levels`] where lines are, which of them match, and their levels
//! - [`records`], [`whole`] which lines belong together, so that a stack trace is found, shown and hidden as one
//! - `file` one file as it grows, shrinks or is replaced; [`lanes`] a run's log as such a file; `order` several merged by time
//! - [`sets`], [`desk`] what one reader sees; [`source`] the thread that works it out

pub mod bits;
pub mod desk;
pub mod file;
pub mod index;
pub mod lanes;
pub mod levels;
pub mod order;
pub mod records;
pub mod scan;
pub mod sets;
pub mod source;
mod spool;
pub mod unpack;
pub mod whole;

pub use bits::Bits;
pub use index::{Index, Lines};
