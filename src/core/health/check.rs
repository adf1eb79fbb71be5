//! The health score, derived from observations.

pub mod score;
