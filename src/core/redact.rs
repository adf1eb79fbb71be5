//! Secret values never leave: found in any text (plain, base64, percent-encoded, hexadecimal, JSON-escaped; base64 and
//! hexadecimal also wrapped over lines, see `wrapped.rs`) and replaced by the secret's name before the text reaches store, screen, log or export.

mod wrapped;

use std::borrow::Cow;
use std::collections::HashSet;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use self::wrapped::Wrapped;

/// Values shorter than this are not looked for: they would mark half the log. They are refused as secrets instead.
pub const MIN_LEN: usize = 6;
/// In place of what cannot be searched.
const NOT_SEARCHED: &str = "[not shown: it could not be searched for secrets]";
/// So many of the first letters may stand on a line before, where nobody could know yet what they begin.
const BEFORE: usize = 3;

/// Finds and replaces the values of some secrets. Cheap to use, not to build.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    finder: Option<AhoCorasick>,
    /// For each pattern, what replaces it.
    marks: Vec<String>,
    longest: usize,
    wrapped: Wrapped,
}

impl Redactor {
    /// A redactor for these (name, value) pairs. Values shorter than [`MIN_LEN`] are skipped.
    #[must_use]
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut patterns: Vec<Vec<u8>> = Vec::new();
        let mut marks = Vec::new();
        let mut known = HashSet::new();
        let mut codes = Vec::new();
        for (name, value) in secrets {
            let mark = format!("[secret {name}]");
            let whole = codes_of(value);
            // Also without the first letters, which may stand on a line before.
            let rests =
                (0..=BEFORE).flat_map(|n| whole.iter().filter_map(move |code| code.get(n..)).map(<[u8]>::to_vec));
            let letters: Vec<Vec<u8>> = rests.filter(|rest| rest.len() >= MIN_LEN).collect();
            codes.extend(letters.iter().map(|code| (code.clone(), mark.clone())));
            for form in forms(value).into_iter().chain(letters) {
                if form.len() >= MIN_LEN && known.insert(form.clone()) {
                    patterns.push(form);
                    marks.push(mark.clone());
                }
            }
        }
        if patterns.is_empty() {
            return Self::default();
        }
        let longest = patterns.iter().map(Vec::len).max().unwrap_or(0);
        Self { finder: finder(&patterns), marks, longest, wrapped: Wrapped::new(codes) }
    }

    /// Nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// Longest pattern in bytes: how much of a cut text must be kept back to see a value across the cut.
    #[must_use]
    pub const fn longest(&self) -> usize {
        self.longest
    }

    /// Whether the text holds any of the values (or cannot be searched).
    #[must_use]
    pub fn finds(&self, text: &str) -> bool {
        !self.is_empty()
            && (self.finder.as_ref().is_none_or(|finder| finder.is_match(text)) || self.wrapped.finds(text.as_bytes()))
    }

    /// Whether a line (or several, joined by `\n`) ends within the beginning of an encoded value, as far as can be told:
    /// then only together with the next line can it be searched.
    #[must_use]
    pub fn goes_on(&self, lines: &[u8]) -> bool {
        self.wrapped.goes_on(lines)
    }

    /// Where to cut these bytes, at `at` or before it, so that no value is cut in two. What follows must hold
    /// [`Self::longest`] bytes more than `at`, or be all there is.
    #[must_use]
    pub fn cut_before(&self, bytes: &[u8], at: usize) -> usize {
        let Some(finder) = &self.finder else { return at };
        let from = at.saturating_sub(self.longest);
        let window = &bytes[from..bytes.len().min(at + self.longest)];
        let across =
            finder.find_iter(window).map(|m| from + m.start()..from + m.end()).find(|m| m.start < at && at < m.end);
        // A value as long as the piece has to be cut: then somewhere, rather than nowhere.
        across.map(|m| m.start).filter(|start| *start > 0).unwrap_or(at)
    }

    /// The text without the values.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        match &self.finder {
            None if self.marks.is_empty() => text.to_owned(),
            None => NOT_SEARCHED.to_owned(),
            Some(finder) => match self.wrapped.redact(text.as_bytes()) {
                Cow::Borrowed(_) => finder.replace_all(text, &self.marks),
                // Only letters of one byte each were taken out.
                Cow::Owned(clean) => finder.replace_all(&String::from_utf8_lossy(&clean), &self.marks),
            },
        }
    }

    /// The same for contents of any kind.
    #[must_use]
    pub fn redact_bytes<'b>(&self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        match &self.finder {
            None if self.marks.is_empty() => Cow::Borrowed(bytes),
            None => Cow::Owned(NOT_SEARCHED.as_bytes().to_vec()),
            Some(finder) => match self.wrapped.redact(bytes) {
                clean if finder.is_match(&*clean) => Cow::Owned(finder.replace_all_bytes(&clean, &self.marks)),
                clean => clean,
            },
        }
    }

    /// The same for every string inside a JSON value, keys and numbers too: a value of digits may have been read as one.
    pub fn redact_json(&self, json: &mut serde_json::Value) {
        match json {
            serde_json::Value::String(text) => *text = self.redact(text),
            serde_json::Value::Number(number) => {
                let text = number.to_string();
                if self.finds(&text) {
                    *json = serde_json::Value::String(self.redact(&text));
                }
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(|item| self.redact_json(item)),
            serde_json::Value::Object(fields) => {
                let old = std::mem::take(fields);
                for (key, mut value) in old {
                    self.redact_json(&mut value);
                    fields.insert(self.redact(&key), value);
                }
            }
            _ => {}
        }
    }
}

/// Finds the longest of the patterns. Left to itself the crate would build a table of all states for few patterns, however
/// long: 50 MB for one token of 1 KB. This kind takes a fortieth of that and finds as fast.
/// `None` only beyond 2^31 states: then nothing may pass at all, which [`Redactor::redact`] sees to.
fn finder(patterns: &[Vec<u8>]) -> Option<AhoCorasick> {
    let kind = Some(AhoCorasickKind::ContiguousNFA);
    AhoCorasick::builder().kind(kind).match_kind(MatchKind::LeftmostLongest).build(patterns).ok()
}

/// The ways a value may be written but for those of [`codes_of`]. A value of several lines is also looked for line by line.
fn forms(value: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![value.as_bytes().to_vec()];
    forms.extend(value.lines().filter(|l| l.len() >= 8).map(|l| l.trim().as_bytes().to_vec()));
    forms.push(percent(value, false));
    forms.push(percent(value, true));
    if let Ok(json) = serde_json::to_string(value) {
        forms.push(json.as_bytes()[1..json.len() - 1].to_vec());
    }
    forms
}

/// The ways programs write a value in letters, which they may wrap over lines.
fn codes_of(value: &str) -> Vec<Vec<u8>> {
    let mut codes: Vec<Vec<u8>> = vec![
        value.bytes().flat_map(|b| format!("{b:02x}").into_bytes()).collect(),
        value.bytes().flat_map(|b| format!("{b:02X}").into_bytes()).collect(),
    ];
    for alphabet in [STANDARD, URL_SAFE] {
        codes.extend((0..3).map(|shift| base64(value.as_bytes(), shift, alphabet)));
    }
    codes
}

/// Percent-encoding: everything but unreserved characters; `plus` writes a space as `+` (forms).
fn percent(value: &str, plus: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte),
            b' ' if plus => out.push(b'+'),
            _ => out.extend(format!("%{byte:02X}").into_bytes()),
        }
    }
    out
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The base64 letters that depend on `value` alone when it stands `shift` bytes (mod 3) into a longer text: the value
/// inside `user:value` looks different from the value by itself.
fn base64(value: &[u8], shift: usize, alphabet: &[u8; 64]) -> Vec<u8> {
    let bits: Vec<bool> = value.iter().flat_map(|b| (0..8).rev().map(move |i| b >> i & 1 == 1)).collect();
    // Letters are 6 bits; the first whole one begins at the next multiple of 6 after the `shift * 8` bits before us.
    let skip = (6 - shift * 8 % 6) % 6;
    bits.get(skip..)
        .unwrap_or_default()
        .chunks_exact(6)
        .map(|six| alphabet[six.iter().fold(0_usize, |n, bit| n << 1 | usize::from(*bit))])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TOKEN: &str = "s3cr3t/Value+with spaces & more";

    fn redactor() -> Redactor {
        Redactor::new([("DEPLOY", TOKEN), ("SHORT", "abc"), ("KEY", "-----BEGIN-----\nQUJDREVGRw1234\n-----END-----")])
    }

    #[test]
    fn values_are_found_however_they_are_written() {
        let r = redactor();
        for text in [
            format!("token={TOKEN};"),
            "https://x.test/?t=s3cr3t%2FValue%2Bwith%20spaces%20%26%20more".to_owned(),
            "t=s3cr3t%2FValue%2Bwith+spaces+%26+more".to_owned(),
            "7333637233742f56616c75652b7769746820737061636573202620 6d6f7265".replace(' ', ""),
        ] {
            let shown = r.redact(&text);
            assert!(shown.contains("[secret DEPLOY]") && !shown.contains("Value"), "{shown}");
        }
        assert_eq!(r.redact("line: QUJDREVGRw1234"), "line: [secret KEY]");
        assert_eq!(r.redact("abc is too short to be looked for"), "abc is too short to be looked for");
        let mut json = serde_json::json!({"a": [TOKEN], TOKEN: 1});
        r.redact_json(&mut json);
        assert_eq!(json, serde_json::json!({"a": ["[secret DEPLOY]"], "[secret DEPLOY]": 1}));
        let mut json = serde_json::json!({"pin": 48_151_623, "n": 4_815});
        Redactor::new([("PIN", "48151623")]).redact_json(&mut json);
        assert_eq!(json, serde_json::json!({"pin": "[secret PIN]", "n": 4_815}));
    }

    #[test]
    fn a_long_value_takes_little_memory() {
        let letters = |n: usize| (0..n).map(|i| char::from(STANDARD[i * i % 61])).collect::<String>();
        let pem = (0..25).map(|i| letters(64 + i)[i..].to_owned()).collect::<Vec<_>>().join("\n");
        let pem = format!("-----BEGIN RSA PRIVATE KEY-----\n{pem}\n-----END RSA PRIVATE KEY-----\n");
        for value in [letters(1024), pem] {
            let redactor = Redactor::new([("X", value.as_str())]);
            let finders = [redactor.finder.as_ref(), redactor.wrapped.finder.as_ref()];
            let memory: usize = finders.into_iter().map(|finder| finder.unwrap().memory_usage()).sum();
            assert!(memory < 3_000 * value.len(), "{memory} bytes for a value of {}", value.len());
        }
    }

    #[test]
    fn a_cut_never_splits_a_value() {
        let r = Redactor::new([("X", "abcdefgh")]);
        let text = b"0123abcdefgh4567";
        for at in 1..text.len() {
            let cut = r.cut_before(text, at);
            assert_eq!(cut, if (5..12).contains(&at) { 4 } else { at }, "{at}");
        }
        assert_eq!(Redactor::default().cut_before(text, 7), 7);
        assert_eq!(r.cut_before(b"abcdefgh", 3), 3, "the value fills the piece");
    }

    /// Plain RFC 4648, written the slow way, to check against.
    fn encode(bytes: &[u8]) -> String {
        let mut out = String::new();
        for chunk in bytes.chunks(3) {
            let n = chunk.iter().enumerate().fold(0_u32, |n, (i, b)| n | u32::from(*b) << (16 - 8 * i));
            for i in 0..=chunk.len() {
                out.push(STANDARD[(n >> (18 - 6 * i) & 63) as usize] as char);
            }
            out.extend(std::iter::repeat_n('=', 3 - chunk.len()));
        }
        out
    }

    proptest! {
        #[test]
        fn base64_of_anything_around_the_value_shows_none_of_it(
            before in prop::collection::vec(any::<u8>(), 0..8), value in "[ -~]{12,80}", after in prop::collection::vec(any::<u8>(), 0..8),
        ) {
            let r = Redactor::new([("X", value.as_str())]);
            let whole: Vec<u8> = [before.as_slice(), value.as_bytes(), after.as_slice()].concat();
            let shown = r.redact(&encode(&whole));
            prop_assert!(shown.contains("[secret X]"), "{}", shown);
            // At most the letters shared with a neighbour stay: fewer than three bytes' worth on each side.
            prop_assert!(shown.len() <= "[secret X]".len() + 12 + 12 + 8, "{}", shown);
        }

        /// As `base64 -w N` and PEM files have it, at any place of any text: of the letters that tell something of the value
        /// alone none is left.
        #[test]
        fn base64_wrapped_over_lines_shows_none_of_it(
            before in prop::collection::vec(any::<u8>(), 0..100),
            value in "[ -~]{6,200}",
            after in prop::collection::vec(any::<u8>(), 0..100),
            columns in 8usize..80,
            end in prop::sample::select(vec!["\n", "\r\n", "\n    ", "\\n"]),
        ) {
            let r = Redactor::new([("X", value.as_str())]);
            let whole: Vec<u8> = [before.as_slice(), value.as_bytes(), after.as_slice()].concat();
            let coded = encode(&whole);
            let lines: Vec<&str> = coded.as_bytes().chunks(columns).map(|l| std::str::from_utf8(l).unwrap()).collect();
            let shown = r.redact(&lines.join(end)).replace("[secret X]", "").replace(end, "");
            let own = base64(value.as_bytes(), before.len() % 3, STANDARD).len();
            prop_assert!(shown.len() <= coded.len() - own, "{} of {} in {:?}", shown, coded, own);
        }

        #[test]
        fn redacted_text_holds_no_value(value in "[a-zA-Z0-9/+ &%]{8,40}", around in "\\PC{0,20}") {
            let r = Redactor::new([("X", value.as_str())]);
            let shown = r.redact(&format!("{around}{value}{around}{value}"));
            prop_assert!(!shown.contains(&value));
        }
    }
}
