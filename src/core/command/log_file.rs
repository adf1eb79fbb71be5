//! A log file named by its path: `log /var/log/app.log`, `tail -f ./app.log`, `open ~/app.log`. A
//! word is a path when it begins with `/`, `./`, `../` or `~/`.

use std::collections::BTreeMap;

use super::intent::views::OPEN_FILE;
use super::{ParseOutcome, Parsed, Why};

/// Words before the path. `open` and the pagers that people know do the same as `log`.
const VERBS: [&str; 8] = [
    "log", "open", "show", "view", "tail", "less", "cat", "follow",
];
/// Words between verb and path, which change nothing: the viewer follows by itself.
const FILLERS: [&str; 5] = ["-f", "-F", "log", "file", "the"];

/// The command that shows a log file; `None`: the text names no path, or more than one.
pub(super) fn parsed(text: &str) -> Option<Parsed> {
    let words = shlex::split(text)?;
    let (verb, rest) = words.split_first()?;
    let (path, fillers) = rest.split_last()?;
    let is_verb = VERBS.contains(&verb.to_lowercase().as_str());
    let is_filler = |word: &String| FILLERS.contains(&word.as_str());
    if !(is_verb && is_path(path) && fillers.iter().all(is_filler)) {
        return None;
    }
    let why = |word: &str, slot: &str| {
        let (start, end) = place(text, word);
        Why {
            text: word.to_owned(),
            slot: slot.to_owned(),
            start,
            end,
        }
    };
    let mut parsed = Parsed {
        outcome: ParseOutcome::View,
        intent: OPEN_FILE.name.to_owned(),
        inputs: BTreeMap::from([("path".to_owned(), path.clone())]),
        why: vec![why(verb, "intent"), why(path, "path")],
        ..Parsed::default()
    };
    parsed.message = (OPEN_FILE.restate)(&parsed);
    Some(parsed)
}

fn is_path(word: &str) -> bool {
    ["/", "./", "../", "~/"]
        .iter()
        .any(|start| word.starts_with(start) && word.len() > start.len())
}

/// The byte range of a word in the text; empty if it stands there in quotes.
fn place(text: &str, word: &str) -> (usize, usize) {
    text.find(word).map_or((0, 0), |at| (at, at + word.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_after_a_word_for_reading_is_a_file() {
        for (text, path) in [
            ("log /var/log/app.log", Some("/var/log/app.log")),
            ("tail -f ./app.log", Some("./app.log")),
            ("open the file ~/a.log", Some("~/a.log")),
            ("Less \"/tmp/with space.log\"", Some("/tmp/with space.log")),
            ("log web", None),
            ("log /", None),
            ("log app.log", None),
            ("log /a /b", None),
            ("deploy /var/log/app.log", None),
            ("rm -rf /var/log", None),
            ("log '/var", None),
        ] {
            let found = parsed(text);
            let inputs = found.as_ref().map(|p| p.inputs["path"].as_str());
            assert_eq!(inputs, path, "{text}");
            assert!(found.is_none_or(|p| !p.mutates && p.outcome == ParseOutcome::View));
        }
    }
}
