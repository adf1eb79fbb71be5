//! Splits a text into tokens (as typed) and words (as compared). Quoted text and `key=value` stay
//! whole.

use std::collections::HashMap;
use std::ops::Range;

use super::lexicon::Lexicon;
use super::normalize::{clean, fold, hazard, is_line_break, plain};

/// Separator between a token and the one before it; the strongest wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Gap {
    #[default]
    Space,
    Comma,
    Sentence,
    /// `;` or the end of a line.
    Hard,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Quoted { closed: bool },
    Pair { key: String, value: String },
}

/// A piece of the text as typed. `start..end` are byte offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Kind,
    /// The typed text, without quotes and invisible characters.
    pub raw: String,
    pub start: usize,
    pub end: usize,
    pub gap: Gap,
}

/// A word to compare. One token may be several words ("don't", "roll-back").
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub key: String,
    pub token: usize,
    /// Tied to the word before by a hyphen or underscore: no phrase and no name ends between them.
    pub glued: bool,
}

/// A tokenized text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Text {
    pub src: String,
    pub tokens: Vec<Token>,
    pub words: Vec<Word>,
    /// Suspicious characters, described for people; a changing command with one is not run.
    pub hazards: Vec<String>,
    /// Byte offsets of question marks.
    pub questions: Vec<usize>,
}

impl Text {
    pub fn new(src: &str, lexicon: &Lexicon) -> Self {
        let mut lexer = Lexer {
            src,
            pos: 0,
            gap: Gap::Space,
            text: Self {
                src: src.to_owned(),
                ..Self::default()
            },
        };
        lexer.run();
        let mut text = lexer.text;
        text.hazards = hazards(src);
        text.words = words_of(&text.tokens, lexicon);
        text
    }

    /// The same text with some tokens replaced.
    pub fn respelt(&self, changes: &[(Range<usize>, String)], lexicon: &Lexicon) -> Self {
        let mut text = self.clone();
        for (range, to) in changes {
            let end = self.tokens[range.end - 1].end;
            text.tokens[range.start].raw.clone_from(to);
            text.tokens[range.start].end = end;
            for token in &mut text.tokens[range.start + 1..range.end] {
                token.raw.clear();
            }
        }
        text.tokens
            .retain(|t| !t.raw.is_empty() || t.kind != Kind::Word);
        text.words = words_of(&text.tokens, lexicon);
        text
    }

    pub fn token(&self, word: usize) -> &Token {
        &self.tokens[self.words[word].token]
    }

    /// The words of the token that holds `word`.
    pub fn token_words(&self, word: usize) -> Range<usize> {
        let token = self.words[word].token;
        let first = self.words[..word]
            .iter()
            .rposition(|w| w.token != token)
            .map_or(0, |i| i + 1);
        let last = self.words[word..]
            .iter()
            .position(|w| w.token != token)
            .map_or(self.words.len(), |i| word + i);
        first..last
    }

    /// Byte range of some words.
    pub fn span(&self, words: &Range<usize>) -> Range<usize> {
        if words.is_empty() {
            0..0
        } else {
            self.token(words.start).start..self.token(words.end - 1).end
        }
    }

    /// Those words as typed, safe to show.
    pub fn raw(&self, words: &Range<usize>) -> String {
        if words.is_empty() {
            return String::new();
        }
        let (first, last) = (
            self.words[words.start].token,
            self.words[words.end - 1].token,
        );
        if first == last {
            return self.tokens[first].raw.clone();
        }
        clean(&self.src[self.span(words)]).trim().to_owned()
    }

    /// The gap before a word; inside a token there is none.
    pub fn gap(&self, word: usize) -> Gap {
        if word > 0 && self.words[word - 1].token == self.words[word].token {
            Gap::Space
        } else {
            self.token(word).gap
        }
    }

    pub fn is_word(&self, word: usize) -> bool {
        self.token(word).kind == Kind::Word
    }
}

fn hazards(src: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut name = |text: String| {
        if !found.contains(&text) && found.len() < 8 {
            found.push(text);
        }
    };
    for c in src.chars() {
        if let Some(what) = hazard(c) {
            name(format!("{what} U+{:04X}", c as u32));
        }
    }
    if src.trim().chars().any(is_line_break) {
        name("several lines".to_owned());
    }
    found
}

fn words_of(tokens: &[Token], lexicon: &Lexicon) -> Vec<Word> {
    let mut words = Vec::with_capacity(tokens.len() + 4);
    for (token, t) in tokens.iter().enumerate() {
        if t.kind == Kind::Word {
            words.extend(lexicon.spell(&t.raw).into_iter().map(|(key, glued)| Word {
                key,
                token,
                glued,
            }));
        } else {
            words.push(Word {
                key: String::new(),
                token,
                glued: false,
            });
        }
    }
    words
}

/// The words of a token: contractions written out, hyphens and underscores taken as spaces.
pub(super) fn split_words(
    raw: &str,
    spelled: &HashMap<String, Vec<String>>,
) -> Vec<(String, bool)> {
    let folded = fold(raw);
    if folded.contains(' ') {
        return folded
            .split(' ')
            .filter(|p| !p.is_empty())
            .flat_map(|p| split_words(p, spelled))
            .collect();
    }
    if let Some(words) = spelled
        .get(&folded)
        .cloned()
        .or_else(|| contraction(&folded))
    {
        return words.into_iter().map(|w| (w, false)).collect();
    }
    let stem = folded
        .strip_suffix("'s")
        .or_else(|| folded.strip_suffix('\''))
        .unwrap_or(&folded);
    let hyphenated = stem.starts_with(char::is_alphabetic)
        && !stem.ends_with(['-', '_'])
        && !stem.contains(['/', '.', '@', ':']);
    if hyphenated && stem.contains(['-', '_']) {
        return stem
            .split(['-', '_'])
            .filter(|p| !p.is_empty())
            .enumerate()
            .map(|(i, p)| (p.to_owned(), i > 0))
            .collect();
    }
    vec![(
        if stem.is_empty() {
            folded.clone()
        } else {
            stem.to_owned()
        },
        false,
    )]
}

fn contraction(folded: &str) -> Option<Vec<String>> {
    let (stem, tail) = folded.split_once('\'')?;
    let pair = |a: &str, b: &str| Some(vec![a.to_owned(), b.to_owned()]);
    match (stem, tail) {
        ("can", "t") => pair("can", "not"),
        ("won", "t") => pair("will", "not"),
        ("shan", "t") => pair("shall", "not"),
        ("let", "s") => pair("let", "us"),
        (_, "t") if stem.len() > 2 && stem.ends_with('n') => pair(&stem[..stem.len() - 1], "not"),
        (
            "what" | "who" | "how" | "where" | "when" | "why" | "that" | "it" | "there" | "here"
            | "everything" | "anything" | "something",
            "s",
        ) => pair(stem, "is"),
        (_, "re") => pair(stem, "are"),
        (_, "ve") => pair(stem, "have"),
        (_, "d") => pair(stem, "would"),
        (_, "ll") => pair(stem, "will"),
        (_, "m") => pair(stem, "am"),
        _ => None,
    }
}

struct Lexer<'a> {
    src: &'a str,
    pos: usize,
    gap: Gap,
    text: Text,
}

impl Lexer<'_> {
    fn run(&mut self) {
        while let Some(c) = self.peek() {
            if self.separator(c) {
                continue;
            }
            match self.quote_end(c) {
                Some((inner, end, closed)) => {
                    let start = self.pos;
                    self.pos = end;
                    self.push(
                        Kind::Quoted { closed },
                        clean(&unescape(&self.src[inner])),
                        start,
                    );
                }
                None => self.word(),
            }
        }
    }

    fn peek(&self) -> Option<char> {
        self.src[self.pos..].chars().next()
    }

    /// Consumes one separator character; returns whether it did.
    fn separator(&mut self, c: char) -> bool {
        let gap = match plain(c) {
            _ if is_line_break(c) => {
                if self.text.tokens.is_empty() {
                    Gap::Space
                } else {
                    Gap::Hard
                }
            }
            ';' => Gap::Hard,
            '.' | '!' | '…' | '¡' | '¿' => Gap::Sentence,
            '?' => {
                self.text.questions.push(self.pos);
                Gap::Sentence
            }
            ',' | ':' | '—' | '–' | '(' | ')' | '[' | ']' | '{' | '}' => Gap::Comma,
            '-' if !self.src[self.pos + c.len_utf8()..]
                .starts_with(|n: char| !n.is_whitespace()) =>
            {
                Gap::Comma
            }
            _ if c.is_whitespace() || hazard(c).is_some() => Gap::Space,
            _ => return false,
        };
        if c == '.' && self.src[self.pos + 1..].starts_with(|n: char| n.is_ascii_digit()) {
            return false;
        }
        self.gap = self.gap.max(gap);
        self.pos += c.len_utf8();
        true
    }

    /// Inner range, end and whether it is closed, when a quotation opens here.
    fn quote_end(&self, c: char) -> Option<(Range<usize>, usize, bool)> {
        let inner = self.pos + c.len_utf8();
        let rest = &self.src[inner..];
        match c {
            '"' | '“' | '”' | '„' | '«' | '»' | '‟' | '＂' => {
                let close = closing(rest, |c| {
                    matches!(c, '"' | '“' | '”' | '»' | '«' | '‟' | '＂')
                });
                Some(close.map_or(
                    (inner..self.src.len(), self.src.len(), false),
                    |(at, len)| (inner..inner + at, inner + at + len, true),
                ))
            }
            '`' => {
                let close = closing(rest, |c| c == '`');
                Some(close.map_or(
                    (inner..self.src.len(), self.src.len(), false),
                    |(at, len)| (inner..inner + at, inner + at + len, true),
                ))
            }
            '\'' | '‘' => {
                single_close(rest).map(|(at, len)| (inner..inner + at, inner + at + len, true))
            }
            _ => None,
        }
    }

    fn word(&mut self) {
        let start = self.pos;
        let mut end = self.src.len();
        for (i, c) in self.src[start..].char_indices() {
            if c == '='
                && i > 0
                && arrow(&self.src[start + i..]).is_none()
                && let Some(key) = pair_key(&self.src[start..start + i])
            {
                self.pair(start, start + i + 1, key);
                return;
            }
            if let Some(length) = arrow(&self.src[start + i..]) {
                end = start + if i == 0 { length } else { i };
                break;
            }
            if c.is_whitespace()
                || is_line_break(c)
                || c.is_control()
                || matches!(
                    plain(c),
                    ',' | ';' | '"' | '“' | '”' | '(' | ')' | '[' | ']' | '{' | '}' | '…' | '—'
                )
            {
                end = start + i;
                break;
            }
        }
        let end = end.max(start + self.peek().map_or(1, char::len_utf8));
        let typed = &self.src[start..end];
        let kept = typed.trim_end_matches(|c| matches!(plain(c), '.' | '!' | '?' | ':'));
        let kept = if kept.is_empty() { typed } else { kept };
        self.pos = start + kept.len();
        self.push(Kind::Word, clean(kept), start);
    }

    fn pair(&mut self, start: usize, value_at: usize, key: String) {
        self.pos = value_at;
        let quoted = self.peek().and_then(|c| self.quote_end(c));
        let value = if let Some((inner, end, _)) = quoted {
            self.pos = end;
            clean(&unescape(&self.src[inner]))
        } else {
            let rest = &self.src[value_at..];
            let end = rest
                .find(|c: char| c.is_whitespace() || c == ';' || c.is_control())
                .unwrap_or(rest.len());
            let value = rest[..end].trim_end_matches(['.', ',', '!', '?']);
            self.pos = value_at + value.len();
            clean(value)
        };
        let raw = clean(&self.src[start..self.pos]);
        self.push(Kind::Pair { key, value }, raw, start);
    }

    fn push(&mut self, kind: Kind, raw: String, start: usize) {
        let gap = std::mem::take(&mut self.gap);
        if raw.is_empty() && kind == Kind::Word {
            // Only invisible characters.
            self.gap = gap;
            return;
        }
        self.text.tokens.push(Token {
            kind,
            raw,
            start,
            end: self.pos,
            gap,
        });
    }
}

/// Length of an arrow, which is a word of its own even without spaces: "web->prod".
fn arrow(rest: &str) -> Option<usize> {
    ["->", "=>", "→", "⇒"]
        .iter()
        .find(|a| rest.starts_with(**a))
        .map(|a| a.len())
}

/// The name of an input before `=`, folded; dashes of a flag are dropped.
fn pair_key(text: &str) -> Option<String> {
    let name = clean(text);
    let name = name.trim_start_matches('-');
    let valid = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    valid.then(|| fold(name).replace('-', "_"))
}

/// Where a quotation closes; a backslash keeps the next character.
fn closing(rest: &str, closes: impl Fn(char) -> bool) -> Option<(usize, usize)> {
    let mut escaped = false;
    for (i, c) in rest.char_indices() {
        if closes(c) && !escaped {
            return Some((i, c.len_utf8()));
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

/// A single quote closes only where a word ends, so that apostrophes stay letters.
fn single_close(rest: &str) -> Option<(usize, usize)> {
    if rest.starts_with(char::is_whitespace) {
        return None;
    }
    rest.char_indices().find_map(|(i, c)| {
        let ends =
            matches!(c, '\'' | '’') && !rest[i + c.len_utf8()..].starts_with(char::is_alphanumeric);
        ends.then(|| (i, c.len_utf8()))
    })
}

fn unescape(text: &str) -> String {
    text.replace("\\\"", "\"")
}
