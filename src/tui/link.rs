//! Links on screen. A cell carries the number of its link as the colour of its underline, which the
//! console uses for nothing else: so a link moves, and is repainted, with its text. The encoder
//! writes it as OSC 8.

use std::collections::BTreeMap;

use ratatui::style::Color;
use url::Url;

/// Longest address of a link; terminals ignore longer ones.
const LONGEST: usize = 2000;

/// The addresses of the links on screen, by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// `None`: two addresses have this number.
    all: BTreeMap<u32, Option<String>>,
}

impl Links {
    /// Adds a link and returns the colour that marks its cells; `None` if the address is no web
    /// address.
    pub fn add(&mut self, address: &str) -> Option<Color> {
        let url = checked(address)?;
        let number = number(&url);
        let known = self.all.entry(number).or_insert_with(|| Some(url.clone()));
        if known.as_ref() != Some(&url) {
            *known = None;
        }
        let [_, r, g, b] = number.to_be_bytes();
        Some(Color::Rgb(r, g, b))
    }

    /// The address that cells of this colour lead to.
    #[must_use]
    pub fn address(&self, mark: Color) -> Option<&str> {
        let Color::Rgb(r, g, b) = mark else {
            return None;
        };
        let number = u32::from_be_bytes([0, r, g, b]);
        self.all.get(&number)?.as_deref()
    }
}

/// The address as a URL parser writes it, if it is one of the web.
fn checked(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    let web = matches!(url.scheme(), "http" | "https") && url.has_host();
    let text = url.as_str();
    // The parser escapes all others; what is written to the terminal does not depend on it.
    let plain = text.len() <= LONGEST && text.bytes().all(|b| b.is_ascii_graphic());
    (web && plain).then(|| text.to_owned())
}

/// FNV-1a, folded to the 24 bits of a colour.
fn number(url: &str) -> u32 {
    let hash = url.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    (hash >> 24) ^ (hash & 0x00ff_ffff)
}

/// The web addresses among the words of a row of text: their first column, their number of columns,
/// and the address. `width`: of the row; a word that reaches its end may go on below and is none.
#[must_use]
pub fn addresses(row: &[&str], width: usize) -> Vec<(usize, usize, String)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < row.len() {
        let begin = at;
        while at < row.len() && row[at].chars().all(|c| c.is_ascii_graphic()) && !row[at].is_empty()
        {
            at += 1;
        }
        let word: String = row[begin..at].concat();
        // The next cell: a space, the end of the row, or something that is no part of an address.
        let ends = row.get(at).is_none_or(|next| next.trim().is_empty()) && at < width;
        let start = word.find("http").unwrap_or(0);
        let opened = |c| word[..start].contains(c);
        let address = word[start..].trim_end_matches(|c: char| {
            ".,;:!?\"'".contains(c) || (c == ')' && opened('(')) || (c == '>' && opened('<'))
        });
        if ends && checked(address).is_some() {
            found.push((begin + start, address.len(), address.to_owned()));
        }
        at += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str, width: usize) -> Vec<(usize, String)> {
        let cells: Vec<String> = text.chars().map(String::from).collect();
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        let found = addresses(&cells, width);
        found.into_iter().map(|(at, _, text)| (at, text)).collect()
    }

    #[test]
    fn only_addresses_of_the_web_are_links() {
        let mut links = Links::default();
        for (address, wanted) in [
            ("https://acme.test", Some("https://acme.test/")),
            ("http://acme.test/a b", Some("http://acme.test/a%20b")),
            (
                "https://exämple.test/ü",
                Some("https://xn--exmple-cua.test/%C3%BC"),
            ),
            (
                "https://acme.test/\x1b[2J",
                Some("https://acme.test/%1B[2J"),
            ),
            ("file:///etc/passwd", None),
            ("javascript:alert(1)", None),
            ("ssh://acme.test", None),
            ("acme.test", None),
            ("https://", None),
        ] {
            let mark = links.add(address);
            let found = mark.and_then(|mark| links.address(mark));
            assert_eq!(found, wanted, "{address:?}");
        }
        assert_eq!(links.address(Color::Reset), None);
        assert_eq!(
            links.add(&format!("https://a.test/{}", "x".repeat(2000))),
            None
        );
    }

    #[test]
    fn addresses_are_found_among_words_and_only_whole() {
        for (text, width, found) in [
            (
                "see https://a.test/x, then",
                40,
                &[(4, "https://a.test/x")][..],
            ),
            ("(https://a.test/x)", 40, &[(1, "https://a.test/x")]),
            ("<http://a.test>.", 40, &[(1, "http://a.test")]),
            (
                "http://a.test http://b.test/(x)",
                40,
                &[(0, "http://a.test"), (14, "http://b.test/(x)")],
            ),
            ("https://a.test/x", 16, &[]),
            ("https://a.test/…", 40, &[]),
            ("docs  https://a.tést/x", 40, &[]),
            ("no address here: http or https", 40, &[]),
        ] {
            let wanted: Vec<(usize, String)> = found
                .iter()
                .map(|(at, text)| (*at, (*text).to_owned()))
                .collect();
            assert_eq!(words(text, width), wanted, "{text}");
        }
    }

    proptest! {
        /// Whatever an address holds, what is written for it stays within its sequence.
        #[test]
        fn addresses_are_plain_text(text in "https?://\\PC{0,40}|\\PC*|(?s).{0,60}") {
            let mut links = Links::default();
            if let Some(mark) = links.add(&text) {
                let address = links.address(mark).unwrap();
                prop_assert!(address.bytes().all(|b| b.is_ascii_graphic()));
            }
        }
    }
}
