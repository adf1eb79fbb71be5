//! Untrusted text made safe to show: the one sanitiser every sink goes through.
//!
//! What comes out holds no control, format, bidi or tag character and no line break: such a character becomes a token a
//! person can read (`^[`, `\x9b`, `<U+202E>`). Tabs are expanded, at most two combining marks stay on a character, and
//! the variation selectors 15 and 16 go, because terminals disagree on the width they make.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

const TAB: usize = 8;
const MARKS: usize = 2;

/// One line of untrusted text, safe to show. A line end at its end (`\n`, `\r\n`, `\r`) is dropped.
#[must_use]
pub fn show(text: &str) -> Cow<'_, str> {
    if is_plain(text) { Cow::Borrowed(text) } else { Cow::Owned(Shower::new(Sgr::Show, usize::MAX).run(text)) }
}

/// Like [`show`], for as many cells as `max_cells`; more is cut and marked `…`. The rest of the line is not looked at,
/// so a line of any length costs the same.
#[must_use]
pub fn show_limited(text: &str, max_cells: usize) -> String {
    Shower::new(Sgr::Show, max_cells).run(text)
}

/// Like [`show`], without the well-formed colour (SGR) sequences programs write; any other sequence is still shown.
#[must_use]
pub fn strip_sgr(text: &str) -> Cow<'_, str> {
    if is_plain(text) { Cow::Borrowed(text) } else { Cow::Owned(Shower::new(Sgr::Strip, usize::MAX).run(text)) }
}

/// [`strip_sgr`] within the bounds of [`show_limited`].
#[must_use]
pub fn strip_sgr_limited(text: &str, max_cells: usize) -> String {
    Shower::new(Sgr::Strip, max_cells).run(text)
}

/// Cells a shown text takes: the sum over its grapheme clusters, which is how the screen is filled.
#[must_use]
pub fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.graphemes(true).map(UnicodeWidthStr::width).sum() }
}

/// A shown text cut to at most `max` cells, between grapheme clusters; a cut text ends in `…`.
#[must_use]
pub fn cut(text: &str, max: usize) -> String {
    let mut used = 0;
    let mut end_with_ellipsis = 0; // where the text ends if it has to be cut
    for (at, cluster) in text.grapheme_indices(true) {
        if used < max {
            end_with_ellipsis = at;
        }
        used += cluster.width();
        if used > max {
            let ellipsis = if max == 0 { "" } else { "…" };
            return format!("{}{ellipsis}", &text[..end_with_ellipsis]);
        }
    }
    text.to_owned()
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| (b' '..=b'~').contains(&b))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sgr {
    Show,
    Strip,
}

/// Builds a shown line character by character.
struct Shower {
    out: String,
    cells: usize,
    /// Combining marks on the present base, if there is one.
    marks: usize,
    has_base: bool,
    sgr: Sgr,
    max: usize,
}

impl Shower {
    const fn new(sgr: Sgr, max: usize) -> Self {
        Self { out: String::new(), cells: 0, marks: 0, has_base: false, sgr, max }
    }

    fn run(mut self, text: &str) -> String {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let mut rest = text.strip_suffix('\r').unwrap_or(text);
        // Stripped sequences and capped marks take no cells: they may not make a short line cost a long one's time.
        let mut budget = byte_budget(self.max);
        while let Some(c) = rest.chars().next() {
            let taken = self.take(c, rest);
            rest = &rest[taken..];
            budget = budget.saturating_sub(taken);
            if self.is_too_wide() || (budget == 0 && !rest.is_empty()) {
                self.end_early();
                break;
            }
        }
        self.out
    }

    /// Clusters may be narrower than their characters, so what seems too wide is measured again.
    fn is_too_wide(&mut self) -> bool {
        if self.cells > self.max {
            self.cells = width(&self.out);
        }
        self.cells > self.max
    }

    /// Handles what `rest` begins with and says how many bytes that was.
    fn take(&mut self, c: char, rest: &str) -> usize {
        match c {
            '\t' => self.push_token(&" ".repeat(TAB - self.cells % TAB)),
            '\x1b' if self.sgr == Sgr::Strip => {
                if let Some(len) = sgr_length(rest) {
                    return len;
                }
                self.push_token("^[");
            }
            '\0'..='\x1f' => self.push_token(&format!("^{}", char::from(c as u8 + b'@'))),
            '\x7f' => self.push_token("^?"),
            '\u{80}'..='\u{9f}' => self.push_token(&format!("\\x{:02x}", u32::from(c))),
            '\u{fe0e}' | '\u{fe0f}' => {}
            c if is_invisible(c) => self.push_code(c),
            c if c.width() == Some(0) => self.push_mark(c),
            c => {
                self.out.push(c);
                self.cells += c.width().unwrap_or(1);
                (self.marks, self.has_base) = (0, true);
            }
        }
        c.len_utf8()
    }

    fn push_token(&mut self, token: &str) {
        self.out.push_str(token);
        self.cells += token.len();
        (self.marks, self.has_base) = (0, true);
    }

    fn push_code(&mut self, c: char) {
        self.push_token(&format!("<U+{:04X}>", u32::from(c)));
    }

    /// A mark at the start of a line would land on whatever the screen has to its left.
    fn push_mark(&mut self, c: char) {
        if !self.has_base {
            self.push_code(c);
        } else if self.marks < MARKS {
            self.out.push(c);
            self.marks += 1;
        }
    }

    fn end_early(&mut self) {
        self.out =
            if self.cells > self.max { cut(&self.out, self.max) } else { cut(&format!("{}…", self.out), self.max) };
    }
}

/// Bytes of a line worth reading to fill `max` cells.
const fn byte_budget(max: usize) -> usize {
    max.saturating_mul(16).saturating_add(1024)
}

/// Bytes of the well-formed SGR sequence `text` begins with: `ESC [`, numbers with `;` or `:` between, `m`.
fn sgr_length(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\x1b[")?;
    let end = parameters.bytes().take(256).position(|b| !matches!(b, b'0'..=b'9' | b';' | b':'))?;
    (parameters.as_bytes()[end] == b'm').then_some(2 + end + 1)
}

/// Characters that are not seen, or change how others are seen: format characters (Cf), line and paragraph separators,
/// fillers, variation selectors and the rest of Unicode's default-ignorable ones, and noncharacters.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
        | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        || u32::from(c) & 0xfffe == 0xfffe
        || ('\u{fdd0}'..='\u{fdef}').contains(&c)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    #[test]
    fn what_is_dangerous_becomes_readable() {
        for (text, shown) in [
            ("plain", "plain"),
            ("a\tb", "a       b"),
            ("12345678\tb", "12345678        b"),
            ("\x1b[31mred\x1b[0m", "^[[31mred^[[0m"),
            ("\x1b]52;c;aGk=\x07", "^[]52;c;aGk=^G"),
            ("nul\0 del\x7f csi\u{9b}31m", "nul^@ del^? csi\\x9b31m"),
            ("50%\r100%", "50%^M100%"),
            ("crlf\r\n", "crlf"),
            ("cr\r", "cr"),
            ("two\nlines", "two^Jlines"),
            ("user\u{202e}txt.exe", "user<U+202E>txt.exe"),
            ("\u{2066}isolate\u{2069}", "<U+2066>isolate<U+2069>"),
            ("zero\u{200b}width\u{feff}", "zero<U+200B>width<U+FEFF>"),
            ("tag\u{e0041}", "tag<U+E0041>"),
            ("sep\u{2028}\u{2029}", "sep<U+2028><U+2029>"),
            ("e\u{301}", "e\u{301}"),
            ("z\u{301}\u{302}\u{303}\u{304}z", "z\u{301}\u{302}z"),
            ("\u{301}no base", "<U+0301>no base"),
            ("heart \u{2764}\u{fe0f}", "heart \u{2764}"),
            ("hidden\u{e0100}\u{e0101}", "hidden<U+E0100><U+E0101>"),
            ("日本 ok", "日本 ok"),
        ] {
            assert_eq!(show(text), shown, "{text:?}");
        }
    }

    #[test]
    fn only_well_formed_colour_is_stripped() {
        for (text, shown) in [
            ("\x1b[1;31mred\x1b[0m\x1b[m", "red"),
            ("\x1b[38:2::1:2:3mrgb", "rgb"),
            ("\x1b[2Jclear", "^[[2Jclear"),
            ("\x1b[?1m", "^[[?1m"),
            ("\x1b[>4;1m", "^[[>4;1m"),
            ("\x1b[31", "^[[31"),
            ("\x1b[31\x1b[0mx", "^[[31x"),
            ("\x1b\x1b[0m", "^["),
            ("\u{9b}31m", "\\x9b31m"),
        ] {
            assert_eq!(strip_sgr(text), shown, "{text:?}");
        }
    }

    #[test]
    fn cutting_keeps_clusters_whole() {
        for (text, max, result) in [
            ("abcdef", 6, "abcdef"),
            ("abcdef", 5, "abcd…"),
            ("abcdef", 1, "…"),
            ("abcdef", 0, ""),
            ("", 0, ""),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("日本語", 2, "…"),
            ("ae\u{301}i", 2, "a…"),
        ] {
            assert_eq!(cut(text, max), result, "{text:?} to {max}");
        }
    }

    #[test]
    fn the_rest_of_a_long_line_is_not_looked_at() {
        for unit in ["x", "\u{301}", "\x1b[0m", "👍🏽", "\t"] {
            let start = unit.repeat(byte_budget(80) + 4);
            let shown = strip_sgr_limited(&start, 80);
            assert!(width(&shown) <= 80 && shown.ends_with('…'), "{shown:?}");
            let long = start + &"\u{202e}".repeat(3_000_000);
            assert_eq!(strip_sgr_limited(&long, 80), shown);
        }
    }

    #[test]
    fn clusters_narrower_than_their_characters_are_not_cut_early() {
        let hands = "👍🏽".repeat(40);
        assert_eq!(width(&hands), 80);
        assert_eq!(show_limited(&hands, 80), hands);
        assert_eq!(width(&show_limited(&hands, 79)), 79);
    }

    static UNSAFE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}]").unwrap()
    });
    static STACKED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\p{Mn}{3}").unwrap());

    #[test]
    fn every_unsafe_character_there_is_becomes_a_token() {
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            let shown = show_limited(&format!("a{c}b"), 80);
            assert!(!UNSAFE.is_match(&shown), "U+{:04X} shows as {shown:?}", u32::from(c));
        }
    }

    fn nasty() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            any::<String>(),
            "[\\x00-\\x1f\\x7f-\u{9f}]{0,5}",
            "[\u{300}-\u{36f}]{0,9}",
            "[\u{200b}-\u{200f}\u{202a}-\u{202e}\u{2066}-\u{2069}\u{feff}]{0,3}",
            "\x1b\\[[0-9;:]{0,6}[mJK?]?",
            "[日本語ก็🏽👍\u{fe0f}\u{200d}\t\r\n]{0,6}",
        ];
        proptest::collection::vec(piece, 0..8).prop_map(|v| v.concat())
    }

    proptest! {
        #[test]
        fn nothing_unsafe_survives(text in nasty(), max in 0_usize..60) {
            for shown in [show(&text).into_owned(), strip_sgr(&text).into_owned(), show_limited(&text, max),
                          strip_sgr_limited(&text, max)] {
                prop_assert!(!UNSAFE.is_match(&shown), "{shown:?}");
                prop_assert!(!STACKED.is_match(&shown), "{shown:?}");
                prop_assert_eq!(show(&shown), shown.as_str());
                prop_assert_eq!(strip_sgr(&shown), shown.as_str());
            }
        }

        #[test]
        fn limits_hold_and_change_nothing_that_fits(text in nasty(), max in 0_usize..60) {
            let shown = show(&text);
            let limited = show_limited(&text, max);
            prop_assert!(width(&limited) <= max);
            if width(&shown) <= max {
                prop_assert_eq!(&limited, &*shown);
            }
            let cut = cut(&shown, max);
            prop_assert!(width(&cut) <= max);
            prop_assert_eq!(cut.ends_with('…') || cut.is_empty() || cut == *shown, true);
        }
    }
}
