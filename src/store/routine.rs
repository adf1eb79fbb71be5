//! Routines: who runs them, what people ask of them, and their results.

pub(in crate::store) mod owner;
pub(in crate::store) mod request;
