//! Bytes into lines: split at `\n`, one `\r` before it dropped, a lone `\r` kept, bad UTF-8
//! replaced, line length limited, no secret cut in two. Secrets are redacted where lines are
//! written; only one that spans several lines is redacted here, where its lines are still together.

use std::sync::Arc;

use super::OutputLine;
use crate::core::base::redact::Redactor;
use crate::core::run::event::Stream;

/// A longer line is cut into pieces of this size.
const MAX_LINE: usize = 10 * 1024 * 1024;

/// Longest first line that is held back.
const MAX_HELD: usize = 64 * 1024;

/// The line splitter of one stream.
pub(super) struct Lines {
    stream: Stream,
    partial: Vec<u8>,
    /// Lines that end within a possible secret, held until the next ones are known.
    held: Vec<u8>,
    max: usize,
    redactor: Arc<Redactor>,
}

impl Lines {
    pub(super) fn new(stream: Stream, redactor: Arc<Redactor>) -> Self {
        Self {
            stream,
            partial: Vec::new(),
            held: Vec::new(),
            max: MAX_LINE,
            redactor,
        }
    }

    /// Adds all complete lines to `out`.
    pub(super) fn feed(&mut self, mut bytes: &[u8], out: &mut Vec<OutputLine>) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let line = &bytes[..end];
            bytes = &bytes[end + 1..];
            if self.partial.is_empty() && line.len() <= self.max {
                self.line(line.strip_suffix(b"\r").unwrap_or(line), out);
                continue;
            }
            self.partial.extend_from_slice(line);
            self.cut(out, self.max);
            if self.partial.last() == Some(&b'\r') {
                self.partial.pop();
            }
            let line = std::mem::take(&mut self.partial);
            self.line(&line, out);
        }
        self.partial.extend_from_slice(bytes);
        // Not the whole line yet: a secret may begin before the cut and continue in the bytes to
        // come.
        self.cut(out, self.max + self.redactor.longest());
    }

    /// The last line, when it has no newline.
    pub(super) fn finish(&mut self, out: &mut Vec<OutputLine>) {
        self.cut(out, self.max);
        if !self.partial.is_empty() {
            let line = std::mem::take(&mut self.partial);
            self.line(&line, out);
        }
        self.release(out);
    }

    /// Cuts pieces off while there is more than `room`.
    fn cut(&mut self, out: &mut Vec<OutputLine>, room: usize) {
        while self.partial.len() > room {
            let at = char_boundary(
                &self.partial,
                self.redactor.cut_before(&self.partial, self.max),
            );
            let rest = self.partial.split_off(at);
            self.release(out);
            self.push_all(out);
            self.partial = rest;
        }
    }

    /// A whole line, or the last piece of one.
    fn line(&mut self, line: &[u8], out: &mut Vec<OutputLine>) {
        if self.held.is_empty() {
            if !self.redactor.goes_on(line) {
                return self.push(line, out);
            }
        } else {
            self.held.push(b'\n');
        }
        self.held.extend_from_slice(line);
        // Longer than any secret with its line ends: it is none.
        if self.held.len() > self.redactor.longest() * 3 + self.max.min(MAX_HELD)
            || !self.redactor.goes_on(&self.held)
        {
            self.release(out);
        }
    }

    fn release(&mut self, out: &mut Vec<OutputLine>) {
        if !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            let clean = self.redactor.redact_bytes(&held);
            clean
                .split(|b| *b == b'\n')
                .for_each(|line| self.push(line, out));
        }
    }

    fn push(&self, line: &[u8], out: &mut Vec<OutputLine>) {
        out.push(OutputLine {
            stream: self.stream,
            text: String::from_utf8_lossy(line).into_owned(),
        });
    }

    fn push_all(&mut self, out: &mut Vec<OutputLine>) {
        self.push(&self.partial, out);
        self.partial.clear();
        self.partial.shrink_to(64 * 1024);
    }
}

/// The last position at or before `at` that does not split a UTF-8 character.
fn char_boundary(bytes: &[u8], at: usize) -> usize {
    (at.saturating_sub(3)..=at)
        .rev()
        .find(|i| bytes[*i] & 0b1100_0000 != 0b1000_0000)
        .unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Plain RFC 4648.
    fn encode(bytes: &[u8]) -> String {
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)
    }

    fn cut(chunks: &[&[u8]], max: usize) -> Vec<String> {
        cut_around("", chunks, max)
    }

    fn cut_around(secret: &str, chunks: &[&[u8]], max: usize) -> Vec<String> {
        let redactor = Arc::new(Redactor::new([("X", secret)]));
        let mut lines = Lines {
            stream: Stream::Stdout,
            partial: Vec::new(),
            held: Vec::new(),
            max,
            redactor,
        };
        let mut out = Vec::new();
        for chunk in chunks {
            lines.feed(chunk, &mut out);
        }
        lines.finish(&mut out);
        out.into_iter().map(|l| l.text).collect()
    }

    #[test]
    fn lines_are_cut_as_promised() {
        let table: [(&[&[u8]], &[&str]); 8] = [
            (&[b"a\nb\n"], &["a", "b"]),
            (&[b"a\r\nb"], &["a", "b"]),
            (&[b"a\r", b"\nb"], &["a", "b"]),
            (&[b"a\r\r\n"], &["a\r"]),
            (&[b"10%\r20%\r30%\n"], &["10%\r20%\r30%"]),
            (&[b"\n\n"], &["", ""]),
            (&[b"bad \xff byte\n"], &["bad \u{fffd} byte"]),
            (&[b"\xc3", b"\xa4\n"], &["ä"]),
        ];
        for (chunks, wanted) in table {
            assert_eq!(cut(chunks, 100), wanted, "{chunks:?}");
        }
    }

    #[test]
    fn long_lines_come_in_pieces_that_split_no_character() {
        assert_eq!(cut(&["ääää\nx".as_bytes()], 3), ["ä", "ä", "ä", "ä", "x"]);
        assert_eq!(cut(&[b"abcdef\n"], 3), ["abc", "def"]);
    }

    /// A wrapped value is redacted here, except for first letters that nothing else identifies.
    fn wrapped_is_found(before: &str, value: &str, after: &str, columns: usize, at: usize) {
        let coded = encode(format!("{before}{value}{after}").as_bytes());
        let text: String = coded
            .as_bytes()
            .chunks(columns)
            .map(|l| format!("{}\n", String::from_utf8_lossy(l)))
            .collect();
        let (left, right) = text.as_bytes().split_at(at.min(text.len()));
        let redactor = Redactor::new([("X", value)]);
        let lines = cut_around(value, &[left, right], 1000);
        assert_eq!(lines.len(), text.lines().count(), "every line stays one");
        let shown: String = lines
            .iter()
            .map(|line| redactor.redact(line).replace("[secret X]", ""))
            .collect();
        let own = value.len() * 8 / 6 - 1;
        assert!(shown.len() <= coded.len() - own + 3, "{shown} of {coded}");
    }

    #[test]
    fn letters_of_a_value_that_begins_just_before_a_line_end_are_not_counted_as_shown() {
        let before = "AA 0000a0Aa0Aa0A00 aAA 0a a0 A aA0aa  Aaa 0A  ";
        wrapped_is_found(
            before,
            "00 aaAAaAAAa00aAa0a  AA00Aa 0a 000 a a A00AAA0A 00",
            "",
            64,
            0,
        );
    }

    proptest! {
        #[test]
        fn no_cut_goes_through_a_secret(before in "[a-c]{0,120}", after in "[a-c]{0,120}", at in 0usize..250) {
            let secret = "s3cr3t-v4lue";
            let text = format!("{before}{secret}{after}\n{before}{secret}");
            let (left, right) = text.as_bytes().split_at(at.min(text.len()));
            let pieces = cut_around(secret, &[left, right], 40);
            prop_assert_eq!(pieces.iter().filter(|piece| piece.contains(secret)).count(), 2, "{:?}", pieces);
            prop_assert_eq!(pieces.concat(), text.replace('\n', ""));
            prop_assert!(pieces.iter().all(|piece| piece.len() <= 40));
        }

        #[test]
        fn no_line_shows_what_goes_over_several(
            before in "[ -~]{0,90}", value in "[ -~]{20,150}", after in "[ -~]{0,90}",
            columns in prop::sample::select(vec![60usize, 64, 76]),
            at in 0usize..500,
        ) {
            wrapped_is_found(&before, &value, &after, columns, at);
        }

        #[test]
        fn cutting_does_not_depend_on_how_the_bytes_arrive(text in "[a-c\\n\\r]{0,60}", at in 0usize..60) {
            let at = at.min(text.len());
            let (left, right) = text.as_bytes().split_at(at);
            prop_assert_eq!(cut(&[left, right], 1000), cut(&[text.as_bytes()], 1000));
        }
    }
}

#[cfg(test)]
mod spellings;
