//! Readings of a text: without control codes, or with escapes resolved. Each byte keeps its range
//! in the original.

use std::ops::Range;

use unicode_width::UnicodeWidthChar;

use crate::base::text::is_invisible;

/// A longer string of an operating system command (title, hyperlink) is taken for text.
const LONGEST_STRING: usize = 4096;

/// A text and where its bytes come from: the original itself, or a reading made of another text.
#[derive(Clone, Copy)]
pub(super) struct ViewSource<'t> {
    pub text: &'t [u8],
    made: Option<(&'t TextView, &'t ViewSource<'t>)>,
}

impl<'t> ViewSource<'t> {
    pub const fn new(text: &'t [u8]) -> Self {
        Self { text, made: None }
    }

    /// Whether the text is the original itself.
    pub const fn is_original(&self) -> bool {
        self.made.is_none()
    }

    /// The range of the original that bytes of this text come from.
    pub fn place(&self, range: Range<usize>) -> Range<usize> {
        match self.made {
            Some((view, made_of)) => made_of.place(view.place(range)),
            None => range,
        }
    }
}

/// A reading of a text.
#[derive(Default)]
pub(super) struct TextView {
    text: Vec<u8>,
    parts: Vec<Part>,
}

/// Bytes of a reading, up to the next part, and the range they come from in the text it is made of:
/// the same bytes, or an encoding of them.
struct Part {
    at: usize,
    from: usize,
    to: usize,
}

impl TextView {
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            text: Vec::with_capacity(bytes),
            parts: Vec::new(),
        }
    }

    /// The reading as a text made of another.
    pub const fn of<'t>(&'t self, made_of: &'t ViewSource<'t>) -> ViewSource<'t> {
        ViewSource {
            text: self.text.as_slice(),
            made: Some((self, made_of)),
        }
    }

    pub const fn text(&self) -> &[u8] {
        self.text.as_slice()
    }

    /// Adds the bytes that a range of the text encodes.
    pub fn push(&mut self, bytes: &[u8], range: Range<usize>) {
        if !bytes.is_empty() {
            self.parts.push(Part {
                at: self.text.len(),
                from: range.start,
                to: range.end,
            });
            self.text.extend_from_slice(bytes);
        }
    }

    /// Adds a range of the text unchanged.
    pub fn keep(&mut self, text: &[u8], range: Range<usize>) {
        if !range.is_empty() {
            self.push(&text[range.clone()], range);
        }
    }

    /// Separates the bytes before from the bytes after, so that no value is found across.
    pub fn gap(&mut self) {
        self.push(&[0], 0..0);
    }

    /// Removes the last character.
    fn pop(&mut self) {
        // Continuation bytes without a first byte are removed all at once: the next backspace does
        // not scan them again.
        let last = self
            .text
            .iter()
            .rposition(|b| b & 0b1100_0000 != 0b1000_0000)
            .unwrap_or(0);
        while self.parts.pop_if(|part| part.at >= last).is_some() {}
        if let Some(part) = self
            .parts
            .last_mut()
            .filter(|part| part.to - part.from == self.text.len() - part.at)
        {
            part.to = part.from + last - part.at;
        }
        self.text.truncate(last);
    }

    fn place(&self, range: Range<usize>) -> Range<usize> {
        let part = |at: usize| {
            let next = self.parts.partition_point(|part| part.at <= at);
            let end = self.parts.get(next).map_or(self.text.len(), |part| part.at);
            let part = self.parts.get(next.checked_sub(1)?)?;
            Some((part, part.to - part.from == end - part.at))
        };
        let Some((first, last)) = range
            .end
            .checked_sub(1)
            .and_then(|end| part(range.start).zip(part(end)))
        else {
            return 0..0;
        };
        let from = if first.1 {
            first.0.from + (range.start - first.0.at)
        } else {
            first.0.from
        };
        let to = if last.1 {
            last.0.from + (range.end - last.0.at)
        } else {
            last.0.to
        };
        from..to
    }
}

/// Whether some byte is a control character (except tab and line feed) or not ASCII.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "without branches it is done for many bytes at once"
)]
pub(super) fn has_codes(text: &[u8]) -> bool {
    // Without an early exit, so that many bytes are tested at once.
    let odd = |b: u8| ((b < b' ') & (b != b'\n') & (b != b'\t')) | (b >= 0x7f);
    text.chunks(256)
        .any(|chunk| chunk.iter().fold(false, |found, b| found | odd(*b)))
}

/// Whether every byte is literal: no code, no line end, no first byte of an escape.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "without branches it is done for many bytes at once"
)]
pub(super) fn is_plain(text: &[u8]) -> bool {
    let odd = |b: u8| {
        (b < b' ') & (b != b'\t')
            | (b >= 0x7f)
            | (b == b'\\')
            | (b == b'%')
            | (b == b'&')
            | (b == b'+')
    };
    !text
        .chunks(256)
        .any(|chunk| chunk.iter().fold(false, |found, b| found | odd(*b)))
}

/// Programs write no longer codes than this at the end of a line.
const END: usize = 64;

/// Whether there may be codes to remove at the end of a text.
pub(super) fn end_has_codes(text: &[u8]) -> bool {
    let end = &text[text.len().saturating_sub(END)..];
    // First bytes of invisible characters.
    let begins = |at: usize| match end[at] {
        b'\t' | b'\n' => false,
        0..b' ' | 0x7f | 0xc2 | 0xcc | 0xcd | 0xef | 0xf3 => true,
        0xe2 => matches!(end.get(at + 1), Some(0x80 | 0x81)),
        _ => false,
    };
    has_codes(end) && (0..end.len()).any(begins)
}

/// The end of a text without codes, the last byte first.
pub(super) fn end(text: &[u8]) -> Vec<u8> {
    let end = &text[text.len().saturating_sub(END * 5)..];
    let mut bytes = Vec::with_capacity(end.len());
    let mut at = 0;
    while at < end.len() {
        let (hidden, len) = hidden(end, at, Codes::Sequences);
        if !hidden {
            bytes.extend(&end[at..at + len]);
        }
        at += len;
    }
    bytes.reverse();
    bytes
}

/// How codes are removed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Codes {
    /// Sequences are removed whole, a backspace alone.
    Sequences,
    /// Sequences are removed whole, a backspace with the character before it.
    Overstruck,
    /// Control characters are removed; the rest of their sequence stays.
    Controls,
}

/// The text without its invisible parts: escape sequences, control characters, zero-width
/// characters. Several readings where it is ambiguous; none where nothing is removed.
pub(super) fn shown(text: &[u8]) -> Vec<TextView> {
    if !has_codes(text) || !has_hidden(text) {
        return Vec::new();
    }
    let mut views = vec![without(text, Codes::Sequences)];
    if memchr::memchr(0x08, text).is_some() {
        views.push(without(text, Codes::Overstruck));
    }
    let other = |at: usize| !matches!(text.get(at + 1), Some(b'[' | b']'));
    if memchr::memchr_iter(0x1b, text).any(other) {
        views.push(without(text, Codes::Controls));
    }
    views
}

/// Whether something would be removed; letters of other scripts are not.
fn has_hidden(text: &[u8]) -> bool {
    // Most texts are valid UTF-8, and characters of those are fast to decode.
    if let Ok(valid) = std::str::from_utf8(text) {
        let control = |c: char| c < ' ' && !matches!(c, '\n' | '\t' | '\r');
        return valid
            .chars()
            .any(|c| control(c) || (c >= '\u{7f}' && is_unseen(c)))
            || memchr::memchr_iter(b'\r', text).any(|at| text.get(at + 1) != Some(&b'\n'));
    }
    let mut at = 0;
    while at < text.len() {
        let (hidden, len) = hidden(text, at, Codes::Controls);
        if hidden {
            return true;
        }
        at += len;
    }
    false
}

fn is_unseen(c: char) -> bool {
    // Most letters and signs, without a table lookup.
    !matches!(c, '\u{c0}'..='\u{2ff}' | '\u{391}'..='\u{481}' | '\u{2010}'..='\u{2027}' | '\u{2100}'..='\u{2bff}'
        | '\u{30a0}'..='\u{312f}' | '\u{3400}'..='\u{9fff}')
        && (c.is_control() || c == '\u{fffd}' || is_invisible(c) || c.width() == Some(0))
}

fn without(text: &[u8], how: Codes) -> TextView {
    let mut view = TextView::with_capacity(text.len());
    let (mut at, mut kept) = (0, 0);
    while at < text.len() {
        let (hidden, len) = hidden(text, at, how);
        if hidden {
            view.keep(text, kept..at);
            if how == Codes::Overstruck && text[at] == 0x08 {
                view.pop();
            }
            kept = at + len;
        }
        at += len;
    }
    view.keep(text, kept..at);
    view
}

/// Whether the character or sequence at `at` is invisible, and its length.
fn hidden(text: &[u8], at: usize, how: Codes) -> (bool, usize) {
    match text[at] {
        b'\n' | b'\t' | b' '..=b'~' => (false, 1),
        // A line end stays.
        b'\r' if text.get(at + 1) == Some(&b'\n') => (false, 1),
        0x1b if how != Codes::Controls => (true, sequence(&text[at..])),
        0..b' ' | 0x7f => (true, 1),
        _ => match character(&text[at..]) {
            Some((c @ '\u{90}'..='\u{9f}', _)) if how != Codes::Controls => {
                (true, c1_sequence(&text[at..], c))
            }
            Some((c, len)) => (is_unseen(c), len),
            None => (false, 1),
        },
    }
}

/// The character at the beginning, if it is complete.
fn character(text: &[u8]) -> Option<(char, usize)> {
    let front = &text[..text.len().min(4)];
    let valid = match std::str::from_utf8(front) {
        Ok(valid) => valid,
        Err(e) => std::str::from_utf8(&front[..e.valid_up_to()]).ok()?,
    };
    valid.chars().next().map(|c| (c, c.len_utf8()))
}

/// The length of the escape sequence at the beginning (ECMA-48).
fn sequence(text: &[u8]) -> usize {
    match text.get(1) {
        Some(b'[') => 2 + parameters(&text[2..]),
        Some(b']' | b'P' | b'X' | b'^' | b'_') => 2 + string(&text[2..]),
        Some(b' '..=b'~') => {
            let between = text[1..]
                .iter()
                .take_while(|b| (b' '..=b'/').contains(*b))
                .count();
            1 + between
                + usize::from(
                    text.get(1 + between)
                        .is_some_and(|b| (b'0'..=b'~').contains(b)),
                )
        }
        _ => 1,
    }
}

/// [`sequence`] for one that begins with a single C1 character, which has two bytes in UTF-8.
fn c1_sequence(text: &[u8], c: char) -> usize {
    match c {
        '\u{9b}' => 2 + parameters(&text[2..]),
        '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => 2 + string(&text[2..]),
        _ => 2,
    }
}

/// Parameters and the final letter of a control sequence.
fn parameters(text: &[u8]) -> usize {
    let len = text
        .iter()
        .take_while(|b| (b' '..=b'?').contains(*b))
        .count();
    len + usize::from(text.get(len).is_some_and(|b| (b'@'..=b'~').contains(b)))
}

/// The length of a string with its terminator; 0 if it has none.
fn string(text: &[u8]) -> usize {
    let near = &text[..text.len().min(LONGEST_STRING)];
    for (at, byte) in near.iter().enumerate() {
        match byte {
            0x07 => return at + 1,
            0x1b if near.get(at + 1) == Some(&b'\\') => return at + 2,
            0xc2 if near.get(at + 1) == Some(&0x9c) => return at + 2,
            // Another sequence begins or the line ends: not a string.
            0x1b | b'\n' => return 0,
            0xc2 if matches!(near.get(at + 1), Some(0x80..=0x9f)) => return 0,
            _ => {}
        }
    }
    0
}
