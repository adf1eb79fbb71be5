//! Readings of a text: what is left of it once codes are taken out or escapes are resolved, each byte with its place in the
//! original.

use std::ops::Range;

use unicode_width::UnicodeWidthChar;

use crate::core::text::is_invisible;

/// A longer string of an operating system command (title, hyperlink) is taken for text.
const LONGEST_STRING: usize = 4096;

/// A text, and where its bytes come from: itself, or a text it was made of.
#[derive(Clone, Copy)]
pub(super) struct Source<'t> {
    pub text: &'t [u8],
    from: Option<&'t [(u32, u32)]>,
}

impl<'t> Source<'t> {
    pub const fn new(text: &'t [u8]) -> Self {
        Self { text, from: None }
    }

    /// The text is the original itself.
    pub const fn is_original(&self) -> bool {
        self.from.is_none()
    }

    /// The place in the original of bytes of this text.
    pub fn place(&self, range: Range<usize>) -> Range<usize> {
        match self.from {
            None => range,
            Some(_) if range.is_empty() => 0..0,
            Some(from) => from[range.start].0 as usize..from[range.end - 1].1 as usize,
        }
    }
}

/// A reading of a text.
#[derive(Default)]
pub(super) struct View {
    text: Vec<u8>,
    from: Vec<(u32, u32)>,
}

impl View {
    pub fn with_capacity(bytes: usize) -> Self {
        Self { text: Vec::with_capacity(bytes), from: Vec::with_capacity(bytes) }
    }

    pub fn source(&self) -> Source<'_> {
        Source { text: &self.text, from: Some(&self.from) }
    }

    pub const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Adds bytes that these bytes of the source stand for.
    #[expect(clippy::cast_possible_truncation, reason = "texts are read in pieces far below 4 GiB")]
    pub fn push(&mut self, bytes: &[u8], source: Source<'_>, range: Range<usize>) {
        let place = source.place(range);
        self.text.extend_from_slice(bytes);
        self.from.extend(bytes.iter().map(|_| (place.start as u32, place.end as u32)));
    }

    /// Adds a byte as it is.
    pub fn keep(&mut self, source: Source<'_>, at: usize) {
        self.push(&source.text[at..=at], source, at..at + 1);
    }

    /// What stands before and behind does not belong together.
    pub fn gap(&mut self) {
        self.text.push(0);
        self.from.push((0, 0));
    }

    fn pop(&mut self) {
        // A whole character.
        while self.text.pop().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {
            self.from.pop();
        }
        self.from.truncate(self.text.len());
    }
}

/// Some byte is not an ordinary letter: a control character (but tab and line feed), or not ASCII.
pub(super) fn has_codes(text: &[u8]) -> bool {
    // Without an early end, so that it is done for many bytes at once.
    let odd = |b: u8| ((b < b' ') & (b != b'\n') & (b != b'\t')) | (b >= 0x7f);
    text.chunks(256).any(|chunk| chunk.iter().fold(false, |found, b| found | odd(*b)))
}

/// How codes are taken out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Codes {
    /// Sequences go whole; a backspace goes alone.
    Sequences,
    /// Sequences go whole; a backspace takes the character before it along.
    Overstruck,
    /// Control characters go, and what follows them stays.
    Controls,
}

/// The text without what is not seen: escape sequences, control characters, characters without a width. Several readings where
/// it can be read in several ways; none where nothing is taken out.
pub(super) fn shown(source: Source<'_>) -> Vec<View> {
    let text = source.text;
    if !has_codes(text) || !has_hidden(text) {
        return Vec::new();
    }
    let mut views = vec![without(source, Codes::Sequences)];
    if memchr::memchr(0x08, text).is_some() {
        views.push(without(source, Codes::Overstruck));
    }
    let other = |at: usize| !matches!(text.get(at + 1), Some(b'[' | b']'));
    if memchr::memchr_iter(0x1b, text).any(other) {
        views.push(without(source, Codes::Controls));
    }
    views
}

/// Whether something would be taken out: letters of other scripts alone are nothing.
fn has_hidden(text: &[u8]) -> bool {
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

fn without(source: Source<'_>, how: Codes) -> View {
    let text = source.text;
    let mut view = View::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let (hidden, len) = hidden(text, at, how);
        if !hidden {
            (at..at + len).for_each(|at| view.keep(source, at));
        } else if how == Codes::Overstruck && text[at] == 0x08 {
            view.pop();
        }
        at += len;
    }
    view
}

/// Whether what stands here is not seen, and its length.
fn hidden(text: &[u8], at: usize, how: Codes) -> (bool, usize) {
    match text[at] {
        b'\n' | b'\t' | b' '..=b'~' => (false, 1),
        // A line end stays one.
        b'\r' if text.get(at + 1) == Some(&b'\n') => (false, 1),
        0x1b if how != Codes::Controls => (true, sequence(&text[at..])),
        0..b' ' | 0x7f => (true, 1),
        _ => match character(&text[at..]) {
            Some((c @ '\u{90}'..='\u{9f}', _)) if how != Codes::Controls => (true, c1_sequence(&text[at..], c)),
            Some((c, len)) => {
                let unseen = c.is_control() || c == '\u{fffd}' || is_invisible(c) || c.width() == Some(0);
                (unseen, len)
            }
            None => (false, 1),
        },
    }
}

/// The character at the beginning, when there is a whole one.
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
            let between = text[1..].iter().take_while(|b| (b' '..=b'/').contains(*b)).count();
            1 + between + usize::from(text.get(1 + between).is_some_and(|b| (b'0'..=b'~').contains(b)))
        }
        _ => 1,
    }
}

/// The same for one that begins with a single character of the C1 set, which has two bytes in UTF-8.
fn c1_sequence(text: &[u8], c: char) -> usize {
    match c {
        '\u{9b}' => 2 + parameters(&text[2..]),
        '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => 2 + string(&text[2..]),
        _ => 2,
    }
}

/// Parameters and the final letter of a control sequence.
fn parameters(text: &[u8]) -> usize {
    let len = text.iter().take_while(|b| (b' '..=b'?').contains(*b)).count();
    len + usize::from(text.get(len).is_some_and(|b| (b'@'..=b'~').contains(b)))
}

/// A string up to its terminator; nothing, when it has none.
fn string(text: &[u8]) -> usize {
    let near = &text[..text.len().min(LONGEST_STRING)];
    for (at, byte) in near.iter().enumerate() {
        match byte {
            0x07 => return at + 1,
            0x1b if near.get(at + 1) == Some(&b'\\') => return at + 2,
            0xc2 if near.get(at + 1) == Some(&0x9c) => return at + 2,
            b'\n' => return 0,
            _ => {}
        }
    }
    0
}
