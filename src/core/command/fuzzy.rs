//! Known words similar to a misspelt one, found among many; [`crate::base::suggest`] says what is similar.

use std::collections::HashMap;

use crate::base::suggest::{distance, moved, reach};

/// Posting lists longer than this are only walked when a phrase has no rarer word: "service" is too
/// common.
const COMMON: usize = 128;

/// Kind of a known word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// A verb phrase; `true`: it changes something.
    Verb(bool),
    Name,
    /// A small word: a state, the name of an input.
    Word,
}

#[derive(Debug, Clone)]
struct Entry {
    /// Folded, words separated by a space.
    key: String,
    /// The replacement: the name as written in the catalogue.
    show: String,
    /// One bit per kind of letter.
    letters: u32,
    what: Known,
}

/// A known word near a misspelt one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Near {
    /// Folded, words separated by a space.
    pub key: String,
    pub show: String,
    pub what: Known,
    pub distance: usize,
}

impl Near {
    /// Two neighbouring letters are exchanged, nothing else.
    pub fn is_exchange_of(&self, typed: &str) -> bool {
        self.distance == 1
            && self.key.chars().count() == typed.chars().count()
            && moved(&self.key, typed) == 0
    }
}

/// Known words and phrases, so that a misspelt one is compared with few of them.
#[derive(Debug, Clone, Default)]
pub(super) struct NearIndex {
    entries: Vec<Entry>,
    /// Single words by their number of characters.
    by_length: Vec<Vec<usize>>,
    /// Phrases by each of their words.
    by_word: HashMap<String, Vec<usize>>,
    /// All of them without spaces: words written together or apart.
    by_squashed: HashMap<String, Vec<usize>>,
}

impl NearIndex {
    pub fn insert(&mut self, key: String, show: String, what: Known) {
        let squashed = self.by_squashed.entry(key.replace(' ', "")).or_default();
        if squashed
            .iter()
            .any(|&i| self.entries[i].key == key && self.entries[i].what == what)
        {
            return;
        }
        let index = self.entries.len();
        squashed.push(index);
        if key.contains(' ') {
            for word in key.split(' ') {
                self.by_word.entry(word.to_owned()).or_default().push(index);
            }
        } else {
            let length = key.chars().count();
            if self.by_length.len() <= length {
                self.by_length.resize(length + 1, Vec::new());
            }
            self.by_length[length].push(index);
        }
        self.entries.push(Entry {
            letters: letters(&key),
            key,
            show,
            what,
        });
    }

    /// The nearest ones, all at the same distance; empty when none is near. Exact ones are not
    /// near.
    pub fn nearest(&self, typed: &str) -> Vec<Near> {
        let mut found = if typed.contains(' ') {
            self.phrases(typed)
        } else {
            self.words(typed)
        };
        found.extend(self.apart(typed));
        let least = found.iter().map(|n| n.distance).min().unwrap_or(0);
        found.retain(|n| n.distance == least);
        found
    }

    fn words(&self, typed: &str) -> Vec<Near> {
        let (length, own, reach) = (typed.chars().count(), letters(typed), most(typed));
        if reach == 0 {
            return Vec::new();
        }
        let lengths = self
            .by_length
            .iter()
            .take(length + reach + 1)
            .skip(length.saturating_sub(reach));
        // An edit takes one letter away, adds one, or both.
        let close = |e: &&Entry| (e.letters ^ own).count_ones() as usize <= 2 * reach;
        lengths
            .flatten()
            .map(|&i| &self.entries[i])
            .filter(close)
            .filter(|e| moved(typed, &e.key) <= 2 * reach)
            .filter_map(|e| e.near(distance(typed, &e.key)?, reach))
            .collect()
    }

    /// Phrases with as many words, where each word is equal or near and at least one is equal.
    fn phrases(&self, typed: &str) -> Vec<Near> {
        let words: Vec<&str> = typed.split(' ').collect();
        let mut lists: Vec<&Vec<usize>> =
            words.iter().filter_map(|w| self.by_word.get(*w)).collect();
        lists.sort_by_key(|l| l.len());
        let keep = lists
            .iter()
            .take_while(|l| l.len() <= COMMON)
            .count()
            .max(1);
        let mut candidates: Vec<usize> = lists.into_iter().take(keep).flatten().copied().collect();
        candidates.sort_unstable();
        candidates.dedup();
        candidates
            .into_iter()
            .filter_map(|i| {
                self.entries[i].near(
                    word_by_word(&words, &self.entries[i].key)?,
                    reach(typed).max(1),
                )
            })
            .collect()
    }

    /// The same letters with one space more or less.
    fn apart(&self, typed: &str) -> Vec<Near> {
        if reach(typed) == 0 {
            return Vec::new();
        }
        let spaces = |s: &str| s.matches(' ').count();
        let same = self
            .by_squashed
            .get(&typed.replace(' ', ""))
            .map_or(&[][..], Vec::as_slice);
        let one = |e: &&Entry| spaces(&e.key).abs_diff(spaces(typed)) == 1;
        same.iter()
            .map(|&i| &self.entries[i])
            .filter(one)
            .filter_map(|e| e.near(1, 1))
            .collect()
    }
}

impl Entry {
    fn near(&self, distance: usize, reach: usize) -> Option<Near> {
        let near = (1..=reach).contains(&distance);
        near.then(|| Near {
            key: self.key.clone(),
            show: self.show.clone(),
            what: self.what,
            distance,
        })
    }
}

/// The sum of the distances, when every word is within its own reach.
fn word_by_word(typed: &[&str], known: &str) -> Option<usize> {
    let mut sum = 0;
    let mut words = known.split(' ');
    for word in typed {
        let known = words.next()?;
        if *word != known {
            sum += distance(word, known)?;
        }
    }
    words.next().is_none().then_some(sum)
}

/// Most edits to consider: those of [`reach`], and one exchange in three letters.
fn most(word: &str) -> usize {
    if word.chars().count() == 3 {
        1
    } else {
        reach(word)
    }
}

fn letters(word: &str) -> u32 {
    word.chars()
        .fold(0, |mask, c| mask | 1 << ((c as u32) % 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(words: &[&str]) -> NearIndex {
        let mut index = NearIndex::default();
        for word in words {
            index.insert((*word).to_owned(), (*word).to_owned(), Known::Name);
        }
        index
    }

    #[test]
    fn accepts_edits_by_length() {
        let index = index(&[
            "deploy",
            "prod",
            "staging",
            "dashboard",
            "web",
            "billing worker",
        ]);
        for (typed, near) in [
            ("deplyo", Some("deploy")),
            ("deply", Some("deploy")),
            ("dpeyol", None),
            ("prdo", Some("prod")),
            ("pro", None),
            ("wbe", Some("web")),
            ("ewb", Some("web")),
            ("web2", Some("web")),
            ("wet", None),
            ("bew", None),
            ("we", None),
            ("dashbord", Some("dashboard")),
            ("dshbord", None),
            ("dashbaord", Some("dashboard")),
            ("billling worker", Some("billing worker")),
            ("biling worker", Some("billing worker")),
            ("billing wroker", Some("billing worker")),
            ("billingworker", Some("billing worker")),
            ("dash board", Some("dashboard")),
            ("big worker", None),
            ("product", None),
            ("deploy", None),
        ] {
            assert_eq!(
                index.nearest(typed).first().map(|n| n.key.as_str()),
                near,
                "{typed}"
            );
        }
    }

    #[test]
    fn keeps_every_tie() {
        assert_eq!(index(&["ship", "show", "stop"]).nearest("shop").len(), 3);
    }
}
