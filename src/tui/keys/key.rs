//! A key press: its notation (`q`, `G`, `Ctrl-L`, `Shift-Tab`, `F1`) and whether terminals can send
//! it.

use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::core::base::suggest::nearest;

/// A normalized key press. `Shift` is part of a character (`G`), never a modifier of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    code: KeyCode,
    mods: KeyModifiers,
}

const NAMED: [(&str, KeyCode); 14] = [
    ("Esc", KeyCode::Esc),
    ("Enter", KeyCode::Enter),
    ("Tab", KeyCode::Tab),
    ("Space", KeyCode::Char(' ')),
    ("Backspace", KeyCode::Backspace),
    ("Delete", KeyCode::Delete),
    ("Up", KeyCode::Up),
    ("Down", KeyCode::Down),
    ("Left", KeyCode::Left),
    ("Right", KeyCode::Right),
    ("Home", KeyCode::Home),
    ("End", KeyCode::End),
    ("PgUp", KeyCode::PageUp),
    ("PgDn", KeyCode::PageDown),
];

impl Key {
    /// The key of a terminal event.
    #[must_use]
    pub fn of(event: &KeyEvent) -> Self {
        let known = KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT;
        let (mut code, mut mods) = (event.code, event.modifiers & known);
        match code {
            KeyCode::BackTab => (code, mods) = (KeyCode::Tab, mods | KeyModifiers::SHIFT),
            KeyCode::Char(c) if mods.contains(KeyModifiers::CONTROL) => {
                code = KeyCode::Char(c.to_ascii_lowercase());
                mods -= KeyModifiers::SHIFT;
            }
            KeyCode::Char(_) => mods -= KeyModifiers::SHIFT,
            _ => {}
        }
        Self { code, mods }
    }

    /// The character it types, if any.
    #[must_use]
    pub fn printable(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if self.mods.is_empty() && !c.is_control() => Some(c),
            _ => None,
        }
    }

    /// Parses `q`, `Ctrl-L`, `Shift-Tab` …
    ///
    /// # Errors
    /// If there is no such key, or terminals do not send it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut mods = KeyModifiers::NONE;
        let mut rest = text;
        while let Some((prefix, tail)) = rest
            .split_once('-')
            .filter(|(p, t)| p.len() > 1 && !t.is_empty())
        {
            let one = match prefix {
                "Ctrl" => KeyModifiers::CONTROL,
                "Alt" => KeyModifiers::ALT,
                "Shift" => KeyModifiers::SHIFT,
                _ => {
                    return Err(format!(
                        "`{prefix}-` is not a modifier: use Ctrl-, Alt- or Shift-"
                    ));
                }
            };
            if mods.contains(one) {
                return Err(format!("`{prefix}-` stands twice"));
            }
            mods |= one;
            rest = tail;
        }
        sendable(
            Self {
                code: code(rest)?,
                mods,
            },
            text,
        )
    }
}

fn code(name: &str) -> Result<KeyCode, String> {
    if let Some((_, code)) = NAMED.iter().find(|(n, _)| *n == name) {
        return Ok(*code);
    }
    let mut chars = name.chars();
    if let (Some(c), None) = (chars.next(), chars.next())
        && !c.is_control()
        && !c.is_whitespace()
    {
        return Ok(KeyCode::Char(c));
    }
    let number = name
        .strip_prefix('F')
        .and_then(|n| n.parse::<u8>().ok())
        .filter(|n| (1..=12).contains(n));
    if let Some(n) = number.filter(|n| name == format!("F{n}")) {
        return Ok(KeyCode::F(n));
    }
    let near = nearest(name, &NAMED.map(|(n, _)| n));
    Err(near.map_or_else(
        || format!("`{name}` is not a key: write one character, or Esc, Enter, Tab, Space, Up, PgDn, F1 …"),
        |n| format!("`{name}` is not a key; did you mean `{n}`?"),
    ))
}

/// Refuses keys that arrive as another key, or not at all, on a plain terminal, in tmux or over
/// SSH.
fn sendable(key: Key, text: &str) -> Result<Key, String> {
    let refuse = |why: &str| Err(format!("terminals cannot send `{text}`: {why}"));
    let (ctrl, shift) = (
        key.mods.contains(KeyModifiers::CONTROL),
        key.mods.contains(KeyModifiers::SHIFT),
    );
    match key.code {
        KeyCode::Char('[' | 'O') if !ctrl => Err(format!(
            "`{text}` cannot be bound: a slow link may send it as half of an arrow key"
        )),
        KeyCode::Char(c) if shift => {
            let upper = c.to_uppercase();
            if ctrl {
                refuse("Ctrl-Shift arrives as Ctrl alone")
            } else {
                refuse(&format!("write `{upper}`"))
            }
        }
        KeyCode::Char(c) if ctrl => match c.to_ascii_lowercase() {
            'i' => refuse("it arrives as Tab"),
            'm' => refuse("it arrives as Enter"),
            'j' => refuse("it may arrive as Enter"),
            'a'..='z' | ' ' => Ok(Key {
                code: KeyCode::Char(c.to_ascii_lowercase()),
                ..key
            }),
            _ => refuse("Ctrl works with letters and Space"),
        },
        KeyCode::Tab if ctrl || key.mods.contains(KeyModifiers::ALT) => {
            refuse("only Tab and Shift-Tab arrive")
        }
        KeyCode::Esc | KeyCode::Enter | KeyCode::Backspace if !key.mods.is_empty() => {
            refuse("it arrives without its modifier")
        }
        _ => Ok(key),
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ctrl = self.mods.contains(KeyModifiers::CONTROL);
        let marks = [
            (KeyModifiers::CONTROL, "Ctrl-"),
            (KeyModifiers::ALT, "Alt-"),
            (KeyModifiers::SHIFT, "Shift-"),
        ];
        for (_, name) in marks.iter().filter(|(m, _)| self.mods.contains(*m)) {
            f.write_str(name)?;
        }
        if let Some((name, _)) = NAMED.iter().find(|(_, code)| *code == self.code) {
            return f.write_str(name);
        }
        match self.code {
            KeyCode::Char(c) if ctrl => write!(f, "{}", c.to_ascii_uppercase()),
            KeyCode::Char(c) => write!(f, "{c}"),
            KeyCode::F(n) => write!(f, "F{n}"),
            other => write!(f, "{other:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_as_they_are_read() {
        for text in [
            "q",
            "G",
            ":",
            "?",
            "/",
            "-",
            "é",
            "Esc",
            "Enter",
            "Tab",
            "Shift-Tab",
            "Space",
            "F1",
            "F12",
            "Ctrl-L",
            "Alt-b",
            "Ctrl-Left",
            "Shift-Up",
            "Ctrl-Space",
            "PgUp",
            "Alt-F4",
        ] {
            assert_eq!(Key::parse(text).map(|k| k.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn keys_a_terminal_cannot_send_are_refused_with_the_reason() {
        for (text, why) in [
            ("Ctrl-I", "Tab"),
            ("Ctrl-M", "Enter"),
            ("Ctrl-1", "letters"),
            ("Ctrl-[", "letters"),
            ("Ctrl-Enter", "modifier"),
            ("Ctrl-Tab", "Shift-Tab"),
            ("Ctrl-Shift-x", "Ctrl alone"),
            ("Shift-g", "write `G`"),
            ("[", "arrow"),
            ("O", "arrow"),
            ("Alt-[", "arrow"),
            ("F13", "not a key"),
            ("F01", "not a key"),
            ("esc", "did you mean `Esc`"),
            ("gg", "not a key"),
            ("Super-x", "not a modifier"),
            ("Ctrl-Ctrl-x", "twice"),
            ("", "not a key"),
            (" ", "not a key"),
        ] {
            let message = Key::parse(text).expect_err(text);
            assert!(message.contains(why), "{text}: {message}");
        }
    }

    #[test]
    fn events_and_files_mean_the_same_key() {
        let event = |code, mods| Key::of(&KeyEvent::new(code, mods));
        for (text, code, mods) in [
            ("Shift-Tab", KeyCode::BackTab, KeyModifiers::SHIFT),
            ("Shift-Tab", KeyCode::BackTab, KeyModifiers::NONE),
            ("G", KeyCode::Char('G'), KeyModifiers::SHIFT),
            ("Ctrl-L", KeyCode::Char('l'), KeyModifiers::CONTROL),
            (
                "Ctrl-L",
                KeyCode::Char('L'),
                KeyModifiers::CONTROL | KeyModifiers::SHIFT,
            ),
            ("?", KeyCode::Char('?'), KeyModifiers::SHIFT),
        ] {
            assert_eq!(Key::parse(text), Ok(event(code, mods)), "{text}");
        }
        assert_eq!(
            event(KeyCode::Char('x'), KeyModifiers::ALT).printable(),
            None
        );
        assert_eq!(
            event(KeyCode::Char('X'), KeyModifiers::SHIFT).printable(),
            Some('X')
        );
    }
}
