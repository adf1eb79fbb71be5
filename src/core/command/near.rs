//! Which known words a misspelt one may mean: Damerau–Levenshtein, 1 for 4–7 letters, 2 from 8, never for shorter ones.

/// What a known word is.
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
    key: String,
    /// What it is replaced by: the name as written in the catalogue.
    show: String,
    letters: u32,
    what: Known,
}

/// Known words by length, with a set of their letters to skip most comparisons.
#[derive(Debug, Clone, Default)]
pub(super) struct NearIndex {
    by_length: Vec<Vec<Entry>>,
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

impl NearIndex {
    pub fn insert(&mut self, key: String, show: String, what: Known) {
        let length = key.chars().count();
        if self.by_length.len() <= length {
            self.by_length.resize(length + 1, Vec::new());
        }
        let letters = letters(&key);
        if !self.by_length[length].iter().any(|e| e.key == key && e.what == what) {
            self.by_length[length].push(Entry { key, show, letters, what });
        }
    }

    /// The nearest ones, all at the same distance; empty when none is near. Exact ones are not near.
    pub fn nearest(&self, word: &str) -> Vec<Near> {
        let reach = reach(word);
        if reach == 0 {
            return Vec::new();
        }
        let (length, mask) = (word.chars().count(), letters(word));
        let mut best: Vec<Near> = Vec::new();
        let mut limit = reach;
        for entries in self.by_length.iter().take(length + reach + 1).skip(length.saturating_sub(reach)) {
            for entry in entries {
                // Each edit changes at most two letters of the set.
                if (entry.letters ^ mask).count_ones() as usize > 2 * limit {
                    continue;
                }
                let distance = strsim::damerau_levenshtein(word, &entry.key);
                if distance == 0 || distance > limit {
                    continue;
                }
                if distance < limit {
                    best.clear();
                    limit = distance;
                }
                best.push(Near { key: entry.key.clone(), show: entry.show.clone(), what: entry.what, distance });
            }
        }
        // A tie of the first round may be farther than what came later.
        best.retain(|n| n.distance == limit);
        best
    }
}

/// How many edits a word of this length forgives.
pub(super) fn reach(word: &str) -> usize {
    match word.chars().filter(|c| *c != ' ').count() {
        0..=3 => 0,
        4..=7 => 1,
        8..=48 => 2,
        _ => 0,
    }
}

/// One bit per kind of letter.
fn letters(word: &str) -> u32 {
    word.chars().filter(|c| *c != ' ').fold(0, |mask, c| mask | 1 << ((c as u32) % 32))
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
    fn forgives_by_length() {
        let index = index(&["deploy", "prod", "staging", "dashboard", "web", "billing worker"]);
        for (typed, near) in [
            ("deplyo", Some("deploy")),
            ("deply", Some("deploy")),
            ("dpeyol", None),
            ("prdo", Some("prod")),
            ("pro", None),
            ("wbe", None),
            ("dashbord", Some("dashboard")),
            ("dshbord", None),
            ("dashbaord", Some("dashboard")),
            ("billlling worker", Some("billing worker")),
            ("product", None),
            ("deploy", None),
        ] {
            assert_eq!(index.nearest(typed).first().map(|n| n.key.as_str()), near, "{typed}");
        }
    }

    #[test]
    fn keeps_every_tie() {
        assert_eq!(index(&["ship", "show", "stop"]).nearest("shop").len(), 3);
    }
}
