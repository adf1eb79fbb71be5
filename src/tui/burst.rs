//! Text received in one read without paste brackets: an unbracketed paste, or input typed during a
//! network stall. Its characters are never keys; it may only open the line it begins with.

use crossterm::event::{KeyCode, KeyEvent};

use super::keys::{Action, Context, Keymap};
use crate::core::base::text;

/// Shown when the burst contained Enter: its text has to be confirmed with Enter again.
pub const ENTER_NOT_TAKEN: &str =
    "Enter came in one burst with the text and was not taken: press it again";

/// Number of characters quoted.
const QUOTED: usize = 24;

/// The action for the first character of the burst, if it opens a line, and the text of that line.
#[must_use]
pub fn opener<'t>(burst: &'t str, keys: &Keymap, context: Context) -> Option<(Action, &'t str)> {
    let first = burst
        .chars()
        .next()
        .filter(|c| !c.is_alphanumeric() && !c.is_whitespace())?;
    let action = keys.action(context, &KeyEvent::from(KeyCode::Char(first)))?;
    let opens = matches!(action, Action::Command | Action::Find | Action::Search);
    let rest = &burst[first.len_utf8()..];
    opens.then(|| (action, rest.split('\n').next().unwrap_or("")))
}

/// Whether it contains Enter (a line end).
#[must_use]
pub fn holds_enter(burst: &str) -> bool {
    burst.contains('\n')
}

/// The message for an ignored burst.
#[must_use]
pub fn ignored(burst: &str, key: &str, does: &str) -> String {
    let count = burst.chars().count();
    let mut quoted: String = burst
        .chars()
        .take(QUOTED)
        .map(|c| if c == '\n' { ' ' } else { c })
        .collect();
    if count > QUOTED {
        quoted.push('…');
    }
    let quoted = text::show(&quoted);
    format!("ignored {count} characters that came at once: \"{quoted}\"; {key} {does}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_line_is_opened() {
        let keys = Keymap::built_in();
        for (burst, opened) in [
            (":services", Some((Action::Command, "services"))),
            (":services\n", Some((Action::Command, "services"))),
            (
                ":deploy web to prod\ny\n",
                Some((Action::Command, "deploy web to prod")),
            ),
            (
                "/connection reset",
                Some((Action::Find, "connection reset")),
            ),
            ("qqqqqyyyyy", None),
            ("restart web in prod\n", None),
            ("?????/////", None),
            ("\n:services", None),
            ("", None),
        ] {
            assert_eq!(opener(burst, &keys, Context::List), opened, "{burst:?}");
        }
        assert_eq!(
            opener("/timeout.*", &keys, Context::File),
            Some((Action::Search, "timeout.*"))
        );
    }

    #[test]
    fn ignored_text_is_quoted_and_cut() {
        let message = ignored(
            "q\u{1b}[31mrestart web in production now\n",
            ":",
            "opens the command line",
        );
        assert!(
            message.starts_with("ignored 36 characters that came at once: \"q"),
            "{message}"
        );
        assert!(
            !message.contains('\u{1b}')
                && message.contains('…')
                && message.ends_with(": opens the command line"),
            "{message}"
        );
    }
}
