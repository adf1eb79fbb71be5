//! Whether a text with its spelling corrected is a command, and so worth suggesting.

use super::lexer::Text;
use super::lexicon::lexicon;
use super::resolve;
use super::{Catalogue, ParseOutcome};

/// Whether a correction is worth suggesting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Worth {
    Offered,
    /// A command that this version cannot do.
    Unavailable,
    /// Not a command either, with its own suggestions.
    NoCommand(Vec<String>),
}

/// Rates the text with its corrections applied.
pub(super) fn worth(text: &str, catalogue: &Catalogue) -> Worth {
    let text = Text::new(text, lexicon());
    let links = resolve::understand(&text, &[], catalogue, lexicon()).links;
    let command =
        |outcome: ParseOutcome| !matches!(outcome, ParseOutcome::Suggest | ParseOutcome::Nothing);
    if links.iter().any(|l| l.parsed.unavailable.is_some()) {
        return Worth::Unavailable;
    }
    if !links.is_empty() && links.iter().all(|l| command(l.parsed.outcome)) {
        return Worth::Offered;
    }
    Worth::NoCommand(
        links
            .into_iter()
            .next()
            .map(|l| l.parsed.suggestions)
            .unwrap_or_default(),
    )
}
