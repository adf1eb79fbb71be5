//! Untrusted text made safe to show: the one sanitiser every sink goes through.
//!
//! The output has no control, format, bidi or tag character and no line break: such a character
//! becomes a token a person can read (`^[`, `\x9b`, `<U+202E>`). Tabs are expanded, at most two
//! combining marks stay on a character, and the variation selectors 15 and 16 go, because terminals
//! disagree on the width they make.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::base::sgr::{self, TextStyle};

const TAB: usize = 8;
const MARKS: usize = 2;

/// One line of untrusted text, safe to show. A line end at its end (`\n`, `\r\n`, `\r`) is dropped.
#[must_use]
pub fn show(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(Shower::new(Sgr::Show, usize::MAX).run(text).out)
    }
}

/// [`show`] for each line of a text; line ends stay.
#[must_use]
pub fn show_lines(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line
            .strip_suffix('\n')
            .map_or((line, ""), |line| (line, "\n"));
        shown.push_str(&show(line));
        shown.push_str(end);
    }
    shown
}

/// Whether a character controls a terminal, is invisible, or changes how others are shown.
#[must_use]
pub fn is_unsafe(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

/// Like [`show`], for as many cells as `max_cells`; more is cut and marked `…`. The rest of the
/// line is not read, so a line of any length costs the same.
#[must_use]
pub fn show_limited(text: &str, max_cells: usize) -> String {
    Shower::new(Sgr::Show, max_cells).run(text).out
}

/// Like [`show_limited`], without the well-formed colour (SGR) sequences programs write; any other
/// sequence is still shown.
#[must_use]
pub fn strip_sgr_limited(text: &str, max_cells: usize) -> String {
    Shower::new(Sgr::Strip, max_cells).run(text).out
}

/// A line and its styles.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coloured {
    /// As [`strip_sgr_limited`] makes it.
    pub text: String,
    /// Style from this byte up to the next entry: in order, each between two grapheme clusters.
    /// Before the first entry there is no style.
    pub styles: Vec<(usize, TextStyle)>,
}

/// [`strip_sgr_limited`], with the styles that the stripped sequences set.
#[must_use]
pub fn coloured_limited(text: &str, max_cells: usize) -> Coloured {
    let shower = Shower::new(Sgr::Keep, max_cells).run(text);
    let mut styles: Vec<(usize, TextStyle)> = Vec::new();
    let ends = shower.out.grapheme_indices(true).map(|(at, _)| at);
    let mut ends = ends.chain([shower.out.len()]).peekable();
    for (at, look) in shower.styles {
        // A sequence within a cluster (before a combining mark) holds from the next one on.
        while ends.next_if(|end| *end < at).is_some() {}
        let Some(at) = ends.peek().copied().filter(|at| *at < shower.out.len()) else {
            break;
        };
        styles.pop_if(|(before, _)| *before == at);
        if styles
            .last()
            .map_or_else(TextStyle::default, |(_, before)| *before)
            != look
        {
            styles.push((at, look));
        }
    }
    Coloured {
        text: shower.out,
        styles,
    }
}

/// Cells a shown text takes: the sum over its grapheme clusters, which is how the screen is filled.
#[must_use]
pub fn width(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.graphemes(true).map(UnicodeWidthStr::width).sum()
    }
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
    /// Stripped, and its style is recorded.
    Keep,
}

/// Builds a shown line character by character.
struct Shower {
    out: String,
    cells: usize,
    /// Combining marks on the present base, if there is one.
    marks: usize,
    has_base: bool,
    sgr: Sgr,
    look: TextStyle,
    /// Styles that sequences set, with the byte of `out` they start at.
    styles: Vec<(usize, TextStyle)>,
    max: usize,
}

impl Shower {
    const fn new(sgr: Sgr, max: usize) -> Self {
        let out = String::new();
        Self {
            out,
            cells: 0,
            marks: 0,
            has_base: false,
            sgr,
            look: TextStyle::NONE,
            styles: Vec::new(),
            max,
        }
    }

    fn run(mut self, text: &str) -> Self {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let mut rest = text.strip_suffix('\r').unwrap_or(text);
        // Stripped sequences and capped marks take no cells: the budget bounds the time they cost.
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
        self
    }

    /// Clusters may be narrower than their characters, so a text that seems too wide is measured
    /// again.
    fn is_too_wide(&mut self) -> bool {
        if self.cells > self.max {
            self.cells = width(&self.out);
        }
        self.cells > self.max
    }

    /// Handles the start of `rest` and returns how many bytes it was.
    fn take(&mut self, c: char, rest: &str) -> usize {
        match c {
            '\t' => self.push_token(&" ".repeat(TAB - self.cells % TAB)),
            '\x1b' if self.sgr != Sgr::Show => {
                if let Some((parameters, len)) = sgr::sequence(rest) {
                    self.apply_sgr(parameters);
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

    fn apply_sgr(&mut self, parameters: &str) {
        if self.sgr == Sgr::Keep {
            self.look = self.look.after(parameters);
            self.styles.push((self.out.len(), self.look));
        }
    }

    fn push_token(&mut self, token: &str) {
        self.out.push_str(token);
        self.cells += token.len();
        (self.marks, self.has_base) = (0, true);
    }

    fn push_code(&mut self, c: char) {
        self.push_token(&format!("<U+{:04X}>", u32::from(c)));
    }

    /// A mark at the start of a line would combine with the cell to its left on the screen.
    fn push_mark(&mut self, c: char) {
        if !self.has_base {
            self.push_code(c);
        } else if self.marks < MARKS {
            self.out.push(c);
            self.marks += 1;
        }
    }

    fn end_early(&mut self) {
        self.out = if self.cells > self.max {
            cut(&self.out, self.max)
        } else {
            cut(&format!("{}…", self.out), self.max)
        };
    }
}

/// Most bytes of a line to read for `max` cells.
const fn byte_budget(max: usize) -> usize {
    max.saturating_mul(16).saturating_add(1024)
}

/// Characters that are invisible, or change how others are shown: format characters (Cf), line and
/// paragraph separators, fillers, variation selectors and the rest of Unicode's default-ignorable
/// ones, and noncharacters.
pub(crate) fn is_invisible(c: char) -> bool {
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
mod tests;
