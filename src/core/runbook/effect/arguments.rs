//! The arguments of a command: options with their values, and words.

use super::table::Program;
use crate::runbook::shell::Word;

/// Arguments sorted out.
#[derive(Debug, Clone)]
pub(super) struct Arguments<'a> {
    pub all: &'a [Word],
    /// Which of them are no options and no values of options.
    pub words: Vec<usize>,
    /// Which of them are values of options.
    values: Vec<usize>,
    /// Where `--` stands.
    pub dashes: Option<usize>,
}

impl<'a> Arguments<'a> {
    /// `with_value`: options whose value is the next argument.
    pub fn of(all: &'a [Word], with_value: &[String]) -> Self {
        let dashes = all.iter().position(|w| w.text == "--" && !w.quoted);
        let (mut words, mut values) = (Vec::new(), Vec::new());
        let mut stand_ins = Vec::new();
        let mut at = 0;
        while at < all.len() {
            let text = all[at].text.as_str();
            let behind = dashes.is_some_and(|d| at > d);
            if Some(at) == dashes {
            } else if !behind && stands_for_options(&all[at]) {
                stand_ins.push(at);
            } else if behind || !text.starts_with('-') || text == "-" {
                words.push(at);
            } else if with_value.iter().any(|o| o == text) {
                at += 1;
                values.push(at);
            }
            at += 1;
        }
        // Alone it may be a word as well.
        if words.is_empty() {
            words = stand_ins;
        }
        Self {
            all,
            words,
            values,
            dashes,
        }
    }

    /// The argument of that number is the value of an option.
    pub fn is_value(&self, at: usize) -> bool {
        self.values.contains(&at)
    }

    /// Behind the first word, which named a part of the program.
    pub fn behind_first(&self, valued: &[String]) -> Self {
        let first = self.words.first().map_or(0, |at| at + 1);
        Self::of(&self.all[first..], valued)
    }

    /// The word of that number, or nothing.
    pub fn word(&self, number: usize) -> &str {
        self.words
            .get(number)
            .map_or("", |at| self.all[*at].text.as_str())
    }

    /// What stands behind so many words.
    pub fn behind_words(&self, skip: usize) -> &'a [Word] {
        match self.words.get(skip) {
            Some(at) => &self.all[*at..],
            None => &[],
        }
    }

    /// Options as they are written: where, and what stands behind.
    pub fn options(&self) -> impl Iterator<Item = (usize, &'a str, Option<&'a str>)> {
        let end = self.dashes.unwrap_or(self.all.len());
        let all = self.all;
        (0..end)
            .filter(move |at| all[*at].text.starts_with('-'))
            .map(move |at| {
                (
                    at,
                    all[at].text.as_str(),
                    all.get(at + 1).map(|w| w.text.as_str()),
                )
            })
    }

    /// The values of an option: `-X PUT`, `-XPUT`, `--request=PUT`, `-sX PUT`.
    pub fn values_of(&self, option: &str, entry: &Program) -> Vec<&'a str> {
        let attached = option.strip_suffix("=*");
        let value = |(_, written, next): (usize, &'a str, Option<&'a str>)| {
            if let Some(name) = attached {
                return written.strip_prefix(name)?.strip_prefix('=');
            }
            if written == option {
                return next;
            }
            if option.starts_with("--") {
                return written.strip_prefix(option)?.strip_prefix('=');
            }
            let at = letter(option, written, entry)?;
            let rest = &written[at + 1..];
            if rest.is_empty() { next } else { Some(rest) }
        };
        self.options().filter_map(value).collect()
    }
}

/// `...`, or a variable named after options: `$TLS`, `${CURL_OPTS}`.
fn stands_for_options(word: &Word) -> bool {
    let name = word
        .text
        .strip_prefix('$')
        .map(|n| n.trim_start_matches('{').trim_end_matches('}'));
    let named = |n: &str| {
        ["OPTS", "OPTIONS", "FLAGS", "TLS"]
            .iter()
            .any(|end| n.to_uppercase().ends_with(end))
    };
    ["...", "…"].contains(&&*word.text) || (word.dynamic && !word.quoted && name.is_some_and(named))
}

/// `-x` among letters written together, for programs that take options as single letters.
pub(super) fn has_letter(option: &str, written: &str, entry: &Program) -> bool {
    (entry.letters || !entry.values.is_empty()) && letter(option, written, entry).is_some()
}

/// Where the letter of `-x` stands in `-sSx`.
fn letter(option: &str, written: &str, entry: &Program) -> Option<usize> {
    let wanted = option
        .strip_prefix('-')
        .filter(|o| o.len() == 1)?
        .chars()
        .next()?;
    let letters = written
        .strip_prefix('-')
        .filter(|w| !w.starts_with('-') && w.len() > 1)?;
    for (at, c) in letters.char_indices() {
        if c == wanted {
            return Some(at + 1);
        }
        // The rest is the value of this one.
        let valued = entry
            .options
            .iter()
            .any(|o| o.strip_prefix('-') == Some(&letters[at..at + c.len_utf8()]));
        if valued || !(c.is_ascii_alphanumeric() || c == '#') {
            return None;
        }
    }
    None
}
