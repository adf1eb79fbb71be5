//! The vocabulary of the code: words that are not used in identifiers and comments, and type names
//! that would mean too many things. The words to use instead are in ARCHITECTURE.md.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read the sources has failed"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Words with a plainer one: not in identifiers (also as a part: `told_by`), not in comments. Text
/// in quotes is not looked at: it may be a user's word, or data of a test.
const BANNED: &[(&str, &str)] = &[
    ("befell", "on_event, happened"),
    ("brakes", "cancel tokens"),
    ("desk", "log view"),
    ("desks", "log views"),
    ("heed", "apply"),
    ("heeds", "applies"),
    ("told", "published, reported"),
    ("unmet", "condition_failed"),
    ("whoever", "the caller, the reader"),
    ("wish", "request"),
    ("wishes", "requests"),
];

/// Only in comments: as parts of identifiers they have a plain meaning.
const BANNED_IN_COMMENTS: &[(&str, &str)] = &[
    ("nobody", "no person, no process"),
    ("left behind", "artifact"),
];

/// A public type name stands in this many modules at most.
const MODULES: usize = 2;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn files(folders: &[&str]) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in folders {
        sources(&root.join(folder), &mut found);
    }
    found.sort();
    let name = |path: &Path| path.strip_prefix(root).unwrap().display().to_string();
    found
        .iter()
        .map(|path| (name(path), fs::read_to_string(path).unwrap()))
        .collect()
}

/// A line without what is in double quotes, and where its comment begins.
fn without_quotes(line: &str) -> (String, usize) {
    let (mut out, mut quoted, mut escaped) = (String::new(), false, false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '/' if !quoted && chars.peek() == Some(&'/') => {
                let at = out.len();
                return (out + "/" + &chars.collect::<String>().replace('"', " "), at);
            }
            _ if quoted => {}
            c => out.push(c),
        }
    }
    let end = out.len();
    (out, end)
}

fn parts(word: &str) -> impl Iterator<Item = String> {
    let mut spaced = String::new();
    for c in word.chars() {
        if c.is_uppercase() {
            spaced.push('_');
        }
        spaced.extend(c.to_lowercase());
    }
    spaced
        .split(|c: char| !c.is_alphanumeric())
        .map(str::to_owned)
        .collect::<Vec<_>>()
        .into_iter()
}

/// What a line of source has of the banned words.
fn banned(line: &str) -> Vec<String> {
    let (text, comment) = without_quotes(line);
    let mut found: Vec<String> = parts(&text)
        .filter_map(|part| BANNED.iter().find(|(word, _)| *word == part))
        .map(|(word, instead)| format!("{word} ({instead})"))
        .collect();
    let comment = text[comment.min(text.len())..].to_lowercase();
    for (word, instead) in BANNED_IN_COMMENTS {
        if format!(" {comment} ")
            .split(|c: char| !c.is_alphanumeric())
            .collect::<Vec<_>>()
            .join(" ")
            .contains(&format!(" {word} "))
        {
            found.push(format!("{word} ({instead})"));
        }
    }
    found
}

#[test]
fn plain_words_are_used() {
    let mut problems = Vec::new();
    for (file, text) in files(&["src", "tests", "benches"]) {
        if file == "tests/pure/words.rs" || file.starts_with("tests/fixtures") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            problems.extend(
                banned(line)
                    .into_iter()
                    .map(|what| format!("{file}:{}: {what}", number + 1)),
            );
        }
    }
    assert!(
        problems.is_empty(),
        "{} banned words:\n{}",
        problems.len(),
        problems.join("\n")
    );
}

#[test]
fn banned_words_are_found() {
    for (line, found) in [
        ("let told = 1;", 1),
        ("fn is_told() {}", 1),
        ("struct DeskView;", 1),
        ("let x = \"told\"; // the wish", 1),
        ("/// Nobody reads it.", 1),
        ("/// The process left behind a file.", 1),
        ("let folder = untold_things(\"nobody\");", 0),
        ("assert!(nobody.is_empty());", 0),
        ("let url = \"http://told\";", 0),
    ] {
        assert_eq!(banned(line).len(), found, "{line}: {:?}", banned(line));
    }
}

#[test]
fn a_public_type_name_means_at_most_two_things() {
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (file, text) in files(&["src"]) {
        for line in text.lines() {
            let Some(rest) = line.trim_start().strip_prefix("pub") else {
                continue;
            };
            let rest = rest
                .split_once(')')
                .filter(|_| rest.starts_with('('))
                .map_or(rest, |(_, rest)| rest);
            let mut words = rest.split_whitespace();
            if matches!(words.next(), Some("struct" | "enum" | "type" | "trait")) {
                let name: String = words
                    .next()
                    .unwrap_or_default()
                    .chars()
                    .take_while(|c| c.is_alphanumeric())
                    .collect();
                let modules = names.entry(name).or_default();
                if !modules.contains(&file) {
                    modules.push(file.clone());
                }
            }
        }
    }
    let many: Vec<String> = names
        .iter()
        .filter(|(_, modules)| modules.len() > MODULES)
        .map(|(name, modules)| format!("{name}: {}", modules.join(", ")))
        .collect();
    assert!(
        many.is_empty(),
        "names of more than {MODULES} types:\n{}",
        many.join("\n")
    );
    assert!(names.len() > 300, "{} types were found", names.len());
}
