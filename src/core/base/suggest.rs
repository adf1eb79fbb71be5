//! "Did you mean …?": the known word that a misspelt one was meant to be.
//!
//! Commands and files have one threshold, by the number of characters typed:
//!
//! | characters | accepted |
//! |---|---|
//! | 1–2 | nothing |
//! | 3 | two neighbours exchanged (`wbe`) |
//! | 4–7 | one edit |
//! | 8–48 | two edits |
//! | more | nothing: it is no misspelt word |
//!
//! An edit adds, drops or replaces a character, or exchanges two neighbours. Short words get few edits
//! because many of them differ in one or two letters: a wrong suggestion is worse than the list of
//! known words, which readers of files show instead.

use strsim::damerau_levenshtein;

/// From this length, a word that begins like a known one, or continues it, is near to it.
const MIN_BEGINNING: usize = 3;

/// The nearest known word, whatever its capitals: within the threshold, else one of which the typed
/// word is the beginning, or which is the beginning of the typed word.
pub fn nearest<'k>(typed: &str, known: &[&'k str]) -> Option<&'k str> {
    let typed = typed.to_lowercase();
    let is_long = |word: &str| word.chars().nth(MIN_BEGINNING - 1).is_some();
    let begins = |k: &str| {
        let k = k.to_lowercase();
        is_long(&k) && (k.starts_with(&typed) || typed.starts_with(&k))
    };
    known
        .iter()
        .filter_map(|k| Some((distance(&typed, &k.to_lowercase())?, *k)))
        .min()
        .map(|(_, k)| k)
        .or_else(|| {
            known
                .iter()
                .copied()
                .find(|k| begins(k))
                .filter(|_| is_long(&typed))
        })
}

/// The number of edits to the known word, when it is small enough for a typo.
pub(crate) fn distance(typed: &str, known: &str) -> Option<usize> {
    let (length, reach) = (typed.chars().count(), reach(typed));
    if typed == known {
        return Some(0);
    }
    // Words of very different length cannot be near, so long input is never compared.
    if known.chars().count().abs_diff(length) > reach || (reach == 0 && length != 3) {
        return None;
    }
    let distance = damerau_levenshtein(typed, known);
    let exchanged = || distance == 1 && moved(typed, known) == 0;
    (distance <= reach || (reach == 0 && exchanged())).then_some(distance)
}

/// Edits accepted for a word of this length; spaces do not count.
pub(crate) fn reach(word: &str) -> usize {
    match word.chars().filter(|c| *c != ' ').count() {
        4..=7 => 1,
        8..=48 => 2,
        _ => 0,
    }
}

/// Letters that one word has more of than the other: cheap, and an edit moves at most two.
pub(crate) fn moved(a: &str, b: &str) -> usize {
    let mut counts = [0_i32; 32];
    a.chars().for_each(|c| counts[c as usize % 32] += 1);
    b.chars().for_each(|c| counts[c as usize % 32] -= 1);
    counts.iter().map(|n| n.unsigned_abs() as usize).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_near_by_its_length_or_by_its_beginning() {
        let known = [
            "do",
            "env",
            "name",
            "version",
            "phrases",
            "read_only",
            "Enter",
            "Europe/Berlin",
        ];
        for (typed, near) in [
            // Capitals are no edit, at any length.
            ("DO", Some("do")),
            ("enter", Some("Enter")),
            ("europe/berlin", Some("Europe/Berlin")),
            // 1–2 characters: nothing.
            ("od", None),
            ("d", None),
            ("dot", None),
            // 3: two neighbours exchanged.
            ("evn", Some("env")),
            ("enb", None),
            // 4–7: one edit.
            ("nmae", Some("name")),
            ("nane", Some("name")),
            ("nbne", None),
            ("verison", Some("version")),
            ("vresino", None),
            // 8–48: two edits.
            ("prhasess", Some("phrases")),
            ("raedonly", Some("read_only")),
            ("redonyl", None),
            ("Eurpoe/Berln", Some("Europe/Berlin")),
            // The beginning of the other, from three characters.
            ("ver", Some("version")),
            ("ve", None),
            ("environment", Some("env")),
            ("domain", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, &known), near, "{typed}");
        }
        let long = "a".repeat(49);
        assert_eq!(nearest(&"a".repeat(50), &[&format!("b{long}")]), None);
    }

    #[test]
    fn of_two_the_nearer_is_suggested_and_else_the_first_by_name() {
        assert_eq!(nearest("servce", &["serve", "service"]), Some("serve"));
        assert_eq!(nearest("shop", &["stop", "show", "ship"]), Some("ship"));
        assert_eq!(nearest("phrases1", &["phrase", "phrases"]), Some("phrases"));
    }
}
