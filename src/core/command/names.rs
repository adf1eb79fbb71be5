//! Index of the names in the catalogue, so that parsing a command does not scan it.

use std::collections::HashMap;

use super::called::{self, WrittenNames};
use super::complete::{CompletionKind, Entry};
use super::fuzzy::{Known, NearIndex};
use super::intent;
use super::lexicon::{Lexicon, lexicon, literal_words};
use super::pattern::{Element, PatternSet, Words, join};
use super::{Catalogue, RunbookName};
use crate::stack::service::Stack;

/// What a name refers to, in its canonical spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Name {
    Env(String),
    Service(String),
    Routine(String),
    Department(String),
}

impl Name {
    /// The service it refers to.
    pub fn service(&self) -> Option<&str> {
        if let Self::Service(name) = self {
            Some(name)
        } else {
            None
        }
    }
}

/// Names by their words.
#[derive(Debug, Clone)]
pub(super) struct NameTable<T> {
    by_key: HashMap<String, Vec<T>>,
    longest: HashMap<String, usize>,
}

impl<T: PartialEq> NameTable<T> {
    fn new() -> Self {
        Self {
            by_key: HashMap::new(),
            longest: HashMap::new(),
        }
    }

    fn insert(&mut self, words: &[String], what: T) {
        let Some(first) = words.first() else { return };
        let longest = self.longest.entry(first.clone()).or_insert(0);
        *longest = (*longest).max(words.len());
        let all = self.by_key.entry(words.join(" ")).or_default();
        if !all.contains(&what) {
            all.push(what);
        }
    }

    /// The longest name that starts at `at`: its length in words and what it refers to.
    pub fn longest_at(&self, words: &impl Words, at: usize, end: usize) -> Option<(usize, &[T])> {
        if at >= end || words.glued(at) {
            return None;
        }
        let most = (*self.longest.get(words.key(at))?).min(end - at);
        (1..=most).rev().find_map(|n| {
            let whole = at + n >= end || !words.glued(at + n);
            let plain = (at..at + n).all(|i| !words.key(i).is_empty());
            let found = if whole && plain {
                self.by_key.get(&join(words, at, n))
            } else {
                None
            };
            found.map(|all| (n, all.as_slice()))
        })
    }

    pub fn get(&self, key: &str) -> &[T] {
        self.by_key.get(key).map_or(&[], Vec::as_slice)
    }
}

/// Builds the index; see [`Catalogue::new`].
pub(super) fn index(stack: &Stack, runbooks: &[RunbookName]) -> Catalogue {
    let lexicon = lexicon();
    let mut catalogue = blank();
    near_words(&mut catalogue.near, lexicon);
    for env in &stack.environments {
        catalogue.add(
            lexicon,
            &env.name,
            &env.aliases,
            &Name::Env(env.name.clone()),
        );
        catalogue.environments.push(env.name.clone());
    }
    for service in &stack.services {
        catalogue.add(
            lexicon,
            &service.name,
            &service.aliases,
            &Name::Service(service.name.clone()),
        );
        catalogue.services.push(service.name.clone());
        catalogue
            .service_environments
            .insert(service.name.clone(), service.environments.clone());
        if let Some(department) = &service.department {
            catalogue.names.insert(
                &words(lexicon, department),
                Name::Department(department.clone()),
            );
        }
    }
    for routine in &stack.routines {
        catalogue.routines.push(routine.name.clone());
        catalogue.add(
            lexicon,
            &routine.name,
            &[],
            &Name::Routine(routine.name.clone()),
        );
    }
    for name in intent::BUILT_IN {
        catalogue
            .runbook_names
            .insert(&words(lexicon, name), (*name).to_owned());
    }
    for runbook in runbooks {
        catalogue.add_runbook(lexicon, runbook);
    }
    catalogue
}

fn blank() -> Catalogue {
    Catalogue {
        environments: Vec::new(),
        services: Vec::new(),
        routines: Vec::new(),
        service_environments: HashMap::new(),
        names: NameTable::new(),
        runbook_names: NameTable::new(),
        written_names: WrittenNames::default(),
        runbooks: HashMap::new(),
        phrases: PatternSet::default(),
        near: NearIndex::default(),
        entries: Vec::new(),
    }
}

impl Catalogue {
    fn add(&mut self, lexicon: &Lexicon, name: &str, aliases: &[String], what: &Name) {
        for written in std::iter::once(name).chain(aliases.iter().map(String::as_str)) {
            let words = words(lexicon, written);
            self.near
                .insert(words.join(" "), written.to_owned(), Known::Name);
            self.names.insert(&words, what.clone());
            let kind = match what {
                Name::Env(_) => CompletionKind::Environment,
                Name::Service(_) => CompletionKind::Service,
                Name::Routine(_) | Name::Department(_) => CompletionKind::Routine,
            };
            self.entries.push(Entry {
                key: words.join(" "),
                shown: written.to_owned(),
                canonical: name.to_owned(),
                kind,
            });
        }
    }

    fn add_runbook(&mut self, lexicon: &Lexicon, runbook: &RunbookName) {
        let words = words(lexicon, &runbook.name);
        if !intent::BUILT_IN.contains(&runbook.name.as_str()) {
            self.near
                .insert(words.join(" "), runbook.name.clone(), Known::Name);
            for pattern in runbook.phrases.iter().flat_map(|p| lexicon.pattern(p)) {
                // A phrase of captures alone would match every command.
                if pattern
                    .elements
                    .iter()
                    .any(|e| matches!(e, Element::Word(_)))
                {
                    if let Some(plain) = pattern.plain() {
                        self.near
                            .insert(plain.clone(), plain, Known::Verb(runbook.mutates));
                    }
                    self.phrases.insert(pattern, runbook.name.clone());
                }
            }
        }
        let entry = Entry {
            key: words.join(" "),
            shown: runbook.name.clone(),
            canonical: runbook.name.clone(),
            kind: CompletionKind::Runbook,
        };
        self.entries.push(entry);
        self.runbook_names.insert(&words, runbook.name.clone());
        if !intent::BUILT_IN.contains(&runbook.name.as_str()) {
            for name in std::iter::once(&runbook.name).chain(&runbook.also) {
                let verb = called::is_verb(&self::words(lexicon, name).join(" "));
                self.written_names.insert(name, &runbook.name, verb);
            }
        }
        self.runbooks.insert(runbook.name.clone(), runbook.clone());
    }
}

/// The words of a name, as they are compared.
fn words(lexicon: &Lexicon, name: &str) -> Vec<String> {
    name.split_whitespace()
        .flat_map(|part| lexicon.spell(part))
        .map(|(word, _)| word)
        .collect()
}

/// Verbs and small words that a misspelt word may be near to.
fn near_words(near: &mut NearIndex, lexicon: &Lexicon) {
    let patterns = lexicon.verbs.iter().chain(lexicon.nouns.iter());
    for (pattern, intent) in patterns {
        if let Some(plain) = pattern.plain() {
            near.insert(plain.clone(), plain, Known::Verb(intent.mutates));
        } else {
            for word in literal_words(pattern) {
                near.insert(word.clone(), word, Known::Word);
            }
        }
    }
    let sets = [
        &lexicon.good,
        &lexicon.bad,
        &lexicon.past,
        &lexicon.future,
        &lexicon.weekdays,
    ];
    for word in sets.iter().flat_map(|set| set.iter()) {
        near.insert(word.clone(), word.clone(), Known::Word);
    }
    for word in [
        "version",
        "branch",
        "replicas",
        "reason",
        "failed",
        "department",
        "everything",
    ] {
        near.insert(word.to_owned(), word.to_owned(), Known::Word);
    }
}
