//! One link of a text that was read: a command of its own, or one of a chain of commands.

use super::Parsed;
use super::intent::Intent;
use super::spelling::Suspect;

/// A link and its outcome.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub parsed: Parsed,
    pub intent: Option<&'static Intent>,
    pub mutates: bool,
    pub refused: bool,
    /// "maybe": it applies to every link of the text.
    pub doubt: bool,
    /// Misspelt words; whether they may be corrected is decided for the whole text.
    pub suspects: Vec<Suspect>,
}
