//! Runbooks called by their exact name: `run etcdNoLeader`, `run "Postgres failover (primary)"`,
//! `run docs/git`. An exact name wins over similar ones.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::LazyLock;

use super::intent::RUNBOOK;
use super::lexer::Kind;
use super::lexicon::lexicon;
use super::pattern::{Match, Words};
use super::reading::Reading;
use super::verb::Hit;

/// Words that may come before a name.
const RUN: [&str; 7] = [
    "run", "execute", "start", "launch", "trigger", "use", "follow",
];

/// Longest name without quotes, in tokens.
const LONGEST: usize = 24;

/// Names as they are written.
#[derive(Debug, Clone, Default)]
pub(super) struct WrittenNames {
    /// By the lower-case name without surrounding punctuation: the names spelled like that and
    /// their runbooks.
    by_key: HashMap<String, Vec<Written>>,
}

#[derive(Debug, Clone)]
struct Written {
    name: String,
    runbook: String,
    /// It is also a verb of the language, which wins.
    verb: bool,
}

impl WrittenNames {
    pub fn insert(&mut self, name: &str, runbook: &str, verb: bool) {
        let all = self.by_key.entry(key(name)).or_default();
        if !all.iter().any(|w| w.name == name) {
            all.push(Written {
                name: name.to_owned(),
                runbook: runbook.to_owned(),
                verb,
            });
        }
    }

    /// Whether a text is a name.
    pub fn holds(&self, text: &str) -> bool {
        self.by_key.contains_key(&key(text))
    }

    /// The runbook of that name: an exact match, or one in any case when there is only one.
    fn find(&self, text: &str, quoted: bool) -> Option<&str> {
        let all = self.by_key.get(&key(text))?;
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let exact = all.iter().find(|w| bare(&w.name) == bare(&plain(text)));
        let chosen = exact.or(if let [one] = all.as_slice() {
            Some(one)
        } else {
            None
        })?;
        // `run RELEASE` is the page of that name; `run release` is the built-in command.
        let by_case = exact.is_some() && chosen.name.chars().any(char::is_uppercase);
        (quoted || !chosen.verb || by_case).then_some(chosen.runbook.as_str())
    }
}

fn key(name: &str) -> String {
    bare(&name.split_whitespace().collect::<Vec<_>>().join(" ")).to_lowercase()
}

fn bare(name: &str) -> &str {
    name.trim_matches(|c: char| !c.is_alphanumeric())
}

/// The verbs of the language that are plain words.
static VERBS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    lexicon()
        .verbs
        .iter()
        .filter_map(|(pattern, _)| pattern.plain())
        .collect()
});

/// Whether these words are a verb of the language.
pub(super) fn is_verb(words: &str) -> bool {
    VERBS.contains(words)
}

/// Verbs that only a runbook's name can follow.
const SURE: [&str; 2] = ["run", "execute"];

/// A command that calls a runbook by its name: the verb, and whether no other reading is possible.
pub(super) fn hit(r: &Reading<'_>) -> Option<(Hit, bool)> {
    let mut at = r.words.start;
    while at < r.words.end && r.skippable(at) {
        at += 1;
    }
    let verb = Some(at).filter(|at| r.words.contains(at) && RUN.contains(&r.word(*at)))?;
    let (name, _) = name_after(r, verb + 1)?;
    let quoted = matches!(r.text.token(name.start).kind, Kind::Quoted { .. });
    let sure = quoted || SURE.contains(&r.word(verb));
    let found = Match {
        end: verb + 1,
        used: vec![verb],
        captures: Vec::new(),
        literals: 1,
        gaps: 0,
    };
    Some((
        Hit {
            found,
            intents: vec![RUNBOOK],
            runbook: None,
            rivals: Vec::new(),
            noun: false,
        },
        sure,
    ))
}

/// Whether only a runbook's name can follow this verb.
pub(super) fn is_sure(r: &Reading<'_>, hit: &Hit) -> bool {
    hit.found.used.iter().any(|at| SURE.contains(&r.word(*at)))
}

/// The name that starts at a word, after small words: its words and the runbook.
pub(super) fn name_after(r: &Reading<'_>, from: usize) -> Option<(Range<usize>, String)> {
    let mut at = from;
    loop {
        if at >= r.words.end {
            return None;
        }
        if let Some(found) = name_at(r, at) {
            return Some(found);
        }
        if !(r.skippable(at) || matches!(r.word(at), "runbook" | "playbook" | "page")) {
            return None;
        }
        at += 1;
    }
}

fn name_at(r: &Reading<'_>, at: usize) -> Option<(Range<usize>, String)> {
    let text = r.text;
    let names = &r.catalogue.written_names;
    let words = text.token_words(at);
    if words.start != at {
        return None;
    }
    let token = text.token(at);
    if matches!(token.kind, Kind::Quoted { .. }) {
        return Some((words, names.find(&token.raw, true)?.to_owned()));
    }
    let first = text.words[at].token;
    let last = text.words[r.words.end - 1].token;
    (first..=last.min(first + LONGEST)).rev().find_map(|end| {
        let written = text.src.get(token.start..text.tokens[end].end)?;
        let name = names.find(written, false)?;
        let end = text.words.iter().rposition(|w| w.token == end)? + 1;
        (end <= r.words.end).then(|| (at..end, name.to_owned()))
    })
}
