//! The subcommands about the stack.

pub(super) mod apply;
pub(super) mod export;
pub(super) mod services;
