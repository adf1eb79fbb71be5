//! Local commands, as actions of services and checks of routines declare them.

use serde::{Deserialize, Serialize};

/// A local command. Inputs reach it as environment variables `OPSROOM_ENV`, `OPSROOM_SERVICE`,
/// `OPSROOM_INPUT_<NAME>`, never as shell text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ShellCommand {
    /// Given to `sh -c`.
    Script(String),
    /// Program and arguments, no shell in between.
    Argv(Vec<String>),
}
