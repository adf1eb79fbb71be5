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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_a_code_or_is_not() {
        for byte in 0..=255_u8 {
            let code = (byte < 32 && byte != b'\n' && byte != b'\t') || byte >= 127;
            let plain = matches!(byte, b'\t' | b' '..=b'~') && !b"\\%&+".contains(&byte);
            for text in [vec![byte], [vec![b'a'; 300], vec![byte]].concat()] {
                assert_eq!(has_codes(&text), code, "{byte}");
                assert_eq!(is_plain(&text), plain, "{byte}");
            }
        }
    }

    #[test]
    fn a_character_or_a_sequence_is_hidden_whole() {
        use Codes::{Controls, Overstruck, Sequences};
        for (text, at, how, expected) in [
            ("\nx", 0, Sequences, (false, 1)),
            ("\tx", 0, Sequences, (false, 1)),
            (" x", 0, Sequences, (false, 1)),
            ("~x", 0, Sequences, (false, 1)),
            ("a\r\n", 1, Sequences, (false, 1)),
            ("a\rb", 1, Sequences, (true, 1)),
            ("\n\rb", 1, Sequences, (true, 1)),
            ("a\r", 1, Controls, (true, 1)),
            ("\x07x", 0, Sequences, (true, 1)),
            ("\x7fx", 0, Controls, (true, 1)),
            ("\x08x", 0, Overstruck, (true, 1)),
            ("ab\x1b[0mx", 2, Sequences, (true, 4)),
            ("ab\x1b[0mx", 2, Overstruck, (true, 4)),
            ("ab\x1b[0mx", 2, Controls, (true, 1)),
            ("ab\u{9b}31mx", 2, Sequences, (true, 5)),
            ("ab\u{9b}31mx", 2, Overstruck, (true, 5)),
            ("ab\u{9b}31mx", 2, Controls, (true, 2)),
            ("ab\u{90}q\x07x", 2, Sequences, (true, 4)),
            ("ab\u{85}x", 2, Sequences, (true, 2)),
            ("\u{ad}x", 0, Sequences, (true, 2)),
            ("a\u{200b}x", 1, Sequences, (true, 3)),
            ("aéx", 1, Sequences, (false, 2)),
            ("漢x", 0, Controls, (false, 3)),
            ("😀", 0, Controls, (false, 4)),
        ] {
            assert_eq!(hidden(text.as_bytes(), at, how), expected, "{text:?}");
        }
        assert_eq!(hidden(b"\xffx", 0, Controls), (false, 1));
        assert_eq!(hidden(b"\xc3", 0, Controls), (false, 1));
    }

    #[test]
    fn a_sequence_ends_where_a_terminal_ends_it() {
        for (text, len) in [
            ("\x1b", 1),
            ("\x1b[31mx", 5),
            ("\x1b[31", 4),
            ("\x1b[", 2),
            ("\x1b]0;t\x07x", 6),
            ("\x1b]0;t\x1b\\x", 7),
            ("\x1b]0;t", 2),
            ("\x1bPq\x07x", 4),
            ("\x1bXq\x07x", 4),
            ("\x1b^q\x07x", 4),
            ("\x1b_q\x07x", 4),
            ("\x1b(Bx", 3),
            ("\x1b #8x", 4),
            ("\x1b(~", 3),
            ("\x1b(", 2),
            ("\x1b(\x01", 2),
            ("\x1b(\x7f", 2),
            ("\x1b7x", 2),
            ("\x1b~x", 2),
            ("\x1b\x01", 1),
            ("\x1b\x7f", 1),
            ("\x1bé", 1),
        ] {
            assert_eq!(sequence(text.as_bytes()), len, "{text:?}");
        }
        for (c, rest, len) in [
            ('\u{9b}', "31mx", 5),
            ('\u{9b}', "x", 3),
            ('\u{90}', "q\x07x", 4),
            ('\u{98}', "q\x07x", 4),
            ('\u{9d}', "q\x07x", 4),
            ('\u{9e}', "q\x07x", 4),
            ('\u{9f}', "q\u{9c}x", 5),
            ('\u{9c}', "q\x07x", 2),
            ('\u{91}', "q\x07x", 2),
            ('\u{99}', "q\x07x", 2),
        ] {
            let text = format!("{c}{rest}");
            assert_eq!(c1_sequence(text.as_bytes(), c), len, "{text:?}");
        }
        for (text, len) in [
            ("31mx", 3),
            ("?25hx", 4),
            (" qx", 2),
            ("31", 2),
            ("m", 1),
            ("@x", 1),
            ("~x", 1),
            ("", 0),
            ("31\n", 2),
            ("31\x7f", 2),
        ] {
            assert_eq!(parameters(text.as_bytes()), len, "{text:?}");
        }
    }

    #[test]
    fn a_string_without_its_end_is_text() {
        let long = |n: usize, end: &str| "a".repeat(n) + end;
        for (text, len) in [
            ("a\x07x".to_owned(), 2),
            ("a\x1b\\x".to_owned(), 3),
            ("a\u{9c}x".to_owned(), 3),
            ("é\u{a0}\x07x".to_owned(), 5),
            ("a\x1bb\x07".to_owned(), 0),
            ("a\nb\x07".to_owned(), 0),
            ("a\u{80}\x07".to_owned(), 0),
            ("a\u{9f}\x07".to_owned(), 0),
            ("a".to_owned(), 0),
            (String::new(), 0),
            (long(LONGEST_STRING - 1, "\x07"), LONGEST_STRING),
            (long(LONGEST_STRING, "\x07"), 0),
        ] {
            assert_eq!(string(text.as_bytes()), len, "{text:?}");
        }
    }

    #[test]
    fn a_character_is_read_only_where_it_is_complete() {
        for (text, expected) in [
            (&b"ab"[..], Some(('a', 1))),
            (b"\xc3\xa9\xff", Some(('\u{e9}', 2))),
            (b"a\xff", Some(('a', 1))),
            (b"\xf0\x9f\x98\x80a", Some(('\u{1f600}', 4))),
            (b"\xf0\x9f\x98", None),
            (b"\xc3", None),
            (b"\xffa", None),
            (b"", None),
        ] {
            assert_eq!(character(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_text_is_shown_in_each_way_a_program_may_show_it() {
        let readings = |text: &[u8]| -> Vec<Vec<u8>> {
            shown(text)
                .iter()
                .map(|view| view.text().to_vec())
                .collect()
        };
        for (text, expected) in [
            (&b"plain\ttext\n"[..], &[][..]),
            ("größe 漢字 α →".as_bytes(), &[]),
            (b"a\r\nb\r\n", &[]),
            (b"\xffab\r\n", &[]),
            (b"a\rb", &[&b"ab"[..]]),
            (b"a\r\nb\r", &[b"a\r\nb"]),
            (b"a\tb\x07\n", &[b"a\tb\n"]),
            (b"ab\x08c", &[b"abc", b"ac"]),
            (b"a\x1b[1mb", &[b"ab"]),
            (b"a\x1b]0;t\x07b", &[b"ab"]),
            (b"a\x1b(Bc", &[b"ac", b"a(Bc"]),
            (b"a\x1b", &[b"a", b"a"]),
            (b"\x1b[1ma\x1b7b", &[b"ab", b"[1ma7b"]),
            (b"a\x08\x1b7b", &[b"ab", b"b", b"a7b"]),
            (b"\xc2\x9b1ma", &[b"a"]),
            (b"a\xc2\xad\x7fb", &[b"ab"]),
            (b"a\xef\xbf\xbdb", &[b"ab"]),
            (b"a\xcc\x81b", &[b"ab"]),
            (b"\xffa\x07b", &[b"\xffab"]),
            (b"a\xff\xc2\xadb", &[b"a\xffb"]),
        ] {
            let text_of = String::from_utf8_lossy(text);
            assert_eq!(readings(text), expected, "{text_of:?}");
        }
    }

    #[test]
    fn letters_and_signs_are_seen_and_marks_without_a_width_are_not() {
        for c in [
            'à', '\u{2ff}', 'Α', 'ҁ', '‐', '\u{2027}', '→', 'ア', '漢', '한', '😀',
        ] {
            assert!(!is_unseen(c), "{c:?}");
        }
        for c in [
            '\u{7f}', '\u{85}', '\u{ad}', '\u{301}', '\u{200b}', '\u{2028}', '\u{feff}', '\u{fffd}',
        ] {
            assert!(is_unseen(c), "{c:?}");
        }
    }

    #[test]
    fn codes_are_looked_for_at_the_end_of_a_line_alone() {
        for (text, has) in [
            (format!("\x07{}", "a".repeat(END - 1)), true),
            (format!("\x07{}", "a".repeat(END)), false),
            ("ab\r".to_owned(), true),
            ("ab\x01".to_owned(), true),
            ("ab\x1f".to_owned(), true),
            ("\u{80}ab".to_owned(), true),
            ("\u{300}ab".to_owned(), true),
            ("\u{36f}ab".to_owned(), true),
            ("\u{feff}ab".to_owned(), true),
            ("\u{e0001}ab".to_owned(), true),
            ("\u{2026}ab".to_owned(), true),
            ("\u{2060}ab".to_owned(), true),
            ("\u{2192}ab".to_owned(), false),
            ("äab".to_owned(), false),
            ("漢ab".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(end_has_codes(text.as_bytes()), has, "{text:?}");
        }
        assert_eq!(end(&[b'a'; 400]).len(), END * 5);
        assert_eq!(end("xé\x1b[0m!".as_bytes()), b"!\xa9\xc3x");
        assert_eq!(end(b"ab\x08c"), b"cba");
    }

    /// A reading of two parts kept and one decoded from eight bytes.
    fn view() -> TextView {
        let mut view = TextView::with_capacity(8);
        view.push(b"/", 0..3);
        view.keep(b"%2fabcd%e9%aa!!", 3..7);
        view.push(b"\xc3\xa9", 7..13);
        view.keep(b"%2fabcd%e9%aa!!", 13..15);
        view
    }

    #[test]
    fn each_byte_of_a_reading_has_its_place() {
        let view = view();
        assert_eq!(view.text(), b"/abcd\xc3\xa9!!");
        for (range, place) in [
            (0..1, 0..3),
            (1..2, 3..4),
            (2..4, 4..6),
            (4..5, 6..7),
            (0..3, 0..5),
            (3..6, 5..13),
            (5..6, 7..13),
            (6..7, 7..13),
            (6..8, 7..14),
            (7..8, 13..14),
            (8..9, 14..15),
            (0..9, 0..15),
            (0..0, 0..0),
        ] {
            assert_eq!(view.place(range.clone()), place, "{range:?}");
        }
        assert_eq!(TextView::default().place(0..1), 0..0);
        // A reading of a reading: its places are those of the original.
        let source = ViewSource::new(b"%2fabcd%e9%aa!!");
        assert!(source.is_original());
        let first = view.of(&source);
        let mut second = TextView::default();
        second.keep(first.text, 0..2);
        second.push(b"x", 4..8);
        let again = second.of(&first);
        assert!(!again.is_original());
        assert_eq!(
            (again.text, again.place(0..2), again.place(2..3)),
            (&b"/ax"[..], 0..4, 6..14)
        );
    }

    #[test]
    fn a_part_without_bytes_is_no_part() {
        let mut view = TextView::default();
        view.keep(b"abc", 1..1);
        view.push(b"", 0..2);
        assert!(view.parts.is_empty() && view.text().is_empty());
        view.keep(b"abc", 1..2);
        view.gap();
        view.keep(b"abc", 2..3);
        assert_eq!(
            (view.text(), view.place(1..2), view.place(2..3)),
            (&b"b\0c"[..], 0..0, 2..3)
        );
    }

    #[test]
    fn a_backspace_takes_away_one_character() {
        let mut view = view();
        view.pop();
        assert_eq!(view.text(), b"/abcd\xc3\xa9!");
        view.push(b"x", 20..21);
        assert_eq!((view.place(7..8), view.place(8..9)), (13..14, 20..21));
        (0..3).for_each(|_| view.pop());
        assert_eq!(view.text(), b"/abcd");
        view.pop();
        assert_eq!(view.text(), b"/abc");
        view.push(b"x", 20..21);
        assert_eq!(
            (view.place(1..2), view.place(3..4), view.place(4..5)),
            (3..4, 5..6, 20..21)
        );
        (0..9).for_each(|_| view.pop());
        assert!(view.text().is_empty() && view.parts.is_empty());
        // A part of what is decoded together keeps the place of the whole.
        view.push(b"ab", 0..8);
        view.pop();
        assert_eq!((view.text(), view.place(0..1)), (&b"a"[..], 0..8));
        // Continuation bytes go all at once.
        let mut view = TextView::default();
        view.keep(b"a\x80\x80\x80", 1..4);
        view.pop();
        assert!(view.text().is_empty());
    }
}
