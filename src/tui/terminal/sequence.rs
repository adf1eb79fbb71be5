//! Maps complete control sequences to keys, from the tables of xterm, the Linux console, VT220 and
//! the kitty protocol. Sequences not in the tables are ignored.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A complete `CSI` or `SS3` sequence: numbers, private marker or intermediate (0: none), final
/// byte.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sequence {
    pub params: Vec<u16>,
    /// The second number's sub-parameter (kitty: 1 press, 2 repeat, 3 release); 0 when absent.
    pub kind: u16,
    pub marker: u8,
    pub last: u8,
}

/// A report of the mouse, with the cell it was over, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mouse {
    pub kind: MouseKind,
    pub column: u16,
    pub row: u16,
}

/// What was done with the mouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MouseKind {
    /// The left button was pressed.
    Press,
    WheelUp,
    WheelDown,
}

/// The meaning of a complete sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    Key(KeyEvent),
    Focus(bool),
    Mouse(Mouse),
    /// `CSI 200 ~`: pasted text follows.
    PasteBegins,
    /// `CSI 0 n`: the answer to [`QUESTION`](super::pace::QUESTION).
    Answer,
    /// `CSI M`: three bytes of an old mouse report follow.
    MouseBytes,
    /// `CSI [`: the Linux console's F1–F5, one letter follows.
    ConsoleKey,
    Nothing,
}

impl Sequence {
    /// Reads a `CSI` sequence.
    pub fn csi(&self) -> Meaning {
        let bare = self.params.iter().all(|&param| param == 0) && self.marker == 0;
        match self.last {
            b'I' if bare => Meaning::Focus(true),
            b'O' if bare => Meaning::Focus(false),
            b'M' if bare => Meaning::MouseBytes,
            b'[' if bare => Meaning::ConsoleKey,
            b'n' if self.marker == 0 && matches!(*self.params, [] | [0]) => Meaning::Answer,
            b'~' if self.marker == 0 && self.number(0) == 200 => Meaning::PasteBegins,
            b'M' if self.marker == b'<' => self.mouse(),
            _ if self.marker != 0 || self.kind == RELEASE => Meaning::Nothing,
            b'~' if self.number(0) == 27 => key(coded(u32::from(self.number(2))), self.number(1)),
            b'~' => key(numbered(self.number(0)), self.number(1)),
            b'u' => key(coded(u32::from(self.number(0))), self.number(1)),
            b'Z' => key(Some(KeyCode::BackTab), self.number(1)),
            letter => key(lettered(letter), self.number(1)),
        }
    }

    /// Reads an `SS3` sequence (`ESC O …`): cursor and function keys in application mode, the
    /// keypad.
    pub fn ss3(&self) -> Meaning {
        let modifiers = self
            .params
            .iter()
            .rev()
            .copied()
            .find(|&param| param > 1)
            .unwrap_or(1);
        key(lettered(self.last).or_else(|| keypad(self.last)), modifiers)
    }

    /// Reads `CSI < button ; column ; row M`. Other buttons, movement and releases mean nothing.
    fn mouse(&self) -> Meaning {
        let [button, column, row] = *self.params else {
            return Meaning::Nothing;
        };
        let kind = match button & !HELD {
            0 => MouseKind::Press,
            64 => MouseKind::WheelUp,
            65 => MouseKind::WheelDown,
            _ => return Meaning::Nothing,
        };
        match (column.checked_sub(1), row.checked_sub(1)) {
            (Some(column), Some(row)) => Meaning::Mouse(Mouse { kind, column, row }),
            _ => Meaning::Nothing,
        }
    }

    fn number(&self, index: usize) -> u16 {
        self.params.get(index).copied().unwrap_or(0)
    }
}

/// The key of a single character or control byte.
pub fn plain(c: char) -> KeyEvent {
    let ctrl = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
    match c {
        '\r' => KeyEvent::from(KeyCode::Enter),
        '\t' => KeyEvent::from(KeyCode::Tab),
        '\u{8}' | '\u{7f}' => KeyEvent::from(KeyCode::Backspace),
        '\0' => ctrl(' '),
        // Ctrl takes the letter's low five bits: Ctrl-A is 1, Ctrl-\ is 28.
        '\u{1}'..='\u{1a}' => ctrl(char::from(c as u8 | 0x60)),
        '\u{1c}'..='\u{1f}' => ctrl(char::from(c as u8 | 0x40)),
        c if c.is_uppercase() => KeyEvent::new(KeyCode::Char(c), KeyModifiers::SHIFT),
        c => KeyEvent::from(KeyCode::Char(c)),
    }
}

/// The Linux console's `ESC [ [ A`…`E`.
pub fn console(letter: u8) -> Option<KeyEvent> {
    matches!(letter, b'A'..=b'E').then(|| KeyEvent::from(KeyCode::F(letter - b'A' + 1)))
}

const RELEASE: u16 = 3;
/// Bits of a mouse button for Shift, Alt and Ctrl.
const HELD: u16 = 4 | 8 | 16;

fn key(code: Option<KeyCode>, modifiers: u16) -> Meaning {
    code.map_or(Meaning::Nothing, |code| Meaning::Key(with(code, modifiers)))
}

fn with(code: KeyCode, modifiers: u16) -> KeyEvent {
    let bits = modifiers.saturating_sub(1);
    let mut held = KeyModifiers::empty();
    for (bit, modifier) in [
        (1, KeyModifiers::SHIFT),
        (2, KeyModifiers::ALT),
        (4, KeyModifiers::CONTROL),
        (8, KeyModifiers::SUPER),
        (16, KeyModifiers::HYPER),
        (32, KeyModifiers::META),
    ] {
        if bits & bit != 0 {
            held |= modifier;
        }
    }
    match code {
        KeyCode::BackTab => held |= KeyModifiers::SHIFT,
        KeyCode::Tab if held.contains(KeyModifiers::SHIFT) => {
            return KeyEvent::new(KeyCode::BackTab, held);
        }
        KeyCode::Char(c) if c.is_uppercase() => held |= KeyModifiers::SHIFT,
        _ => {}
    }
    KeyEvent::new(code, held)
}

fn lettered(letter: u8) -> Option<KeyCode> {
    Some(match letter {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'E' => KeyCode::KeypadBegin,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'P'..=b'S' => KeyCode::F(letter - b'P' + 1),
        _ => return None,
    })
}

fn keypad(letter: u8) -> Option<KeyCode> {
    Some(match letter {
        b'M' => KeyCode::Enter,
        b'I' => KeyCode::Tab,
        b'X' => KeyCode::Char('='),
        b'j'..=b'y' => KeyCode::Char(char::from(letter - 0x40)),
        _ => return None,
    })
}

fn numbered(number: u16) -> Option<KeyCode> {
    let function = |first: u16, key: u16| u8::try_from(number - first + key).ok().map(KeyCode::F);
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => return function(11, 1),
        17..=21 => return function(17, 6),
        23..=26 => return function(23, 11),
        28..=29 => return function(28, 15),
        31..=34 => return function(31, 17),
        _ => return None,
    })
}

/// The key of a Unicode number (`CSI … u`). Ignores kitty's private codes for unsupported keys.
fn coded(code: u32) -> Option<KeyCode> {
    Some(match code {
        9 => KeyCode::Tab,
        13 => KeyCode::Enter,
        27 => KeyCode::Esc,
        8 | 127 => KeyCode::Backspace,
        0..=31 | 0xE000..=0xF8FF => return None,
        code => KeyCode::Char(char::from_u32(code)?),
    })
}
