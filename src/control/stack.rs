//! The workspace and its stack.

pub(super) mod apply;
pub(super) mod workspace;
