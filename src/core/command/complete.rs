//! Completion of the line: verbs at its start, then the names that fit the verb, by prefix.

use super::intent::{self, Intent, Object};
use super::lexer::Text;
use super::lexicon::{Lexicon, lexicon};
use super::pattern::Words;
use super::reading::{Reading, Spans};
use super::verb;
use super::{Catalogue, MAX_BYTES, clause, slots};

/// A completion of the word at the end of `text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The whole line after accepting it.
    pub line: String,
    /// The completed part, shown in the list: `staging`.
    pub word: String,
    /// Its kind: `environment`, `service`, `verb` …
    pub kind: &'static str,
}

/// A name that can be completed.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Folded, words separated by a space.
    pub key: String,
    pub shown: String,
    pub canonical: String,
    pub kind: CompletionKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CompletionKind {
    Environment,
    Service,
    Routine,
    Runbook,
}

impl CompletionKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Service => "service",
            Self::Routine => "routine",
            Self::Runbook => "runbook",
        }
    }
}

/// Most words of a name that is completed.
const WIDEST: usize = 4;

/// See [`super::complete`].
pub(super) fn complete(text: &str, catalogue: &Catalogue, limit: usize) -> Vec<Completion> {
    if text.len() > MAX_BYTES || limit == 0 {
        return Vec::new();
    }
    let mut out = List {
        text,
        limit,
        found: Vec::new(),
    };
    for start in starts(text) {
        let (head, prefix) = text.split_at(start);
        if let Some(slot) = Slot::after(head, catalogue) {
            slot.offer(&key(prefix), start, catalogue, &mut out);
        }
    }
    out.found
}

/// Where the part to complete may start: the last words, the longest first, so that "nightly ba"
/// continues a name.
fn starts(text: &str) -> Vec<usize> {
    let mut starts: Vec<usize> = Vec::new();
    let mut open = false;
    for (i, c) in text.char_indices() {
        let space = c.is_whitespace() || matches!(c, ',' | ';');
        if !space && !open {
            starts.push(i);
        }
        open = !space;
    }
    if !open {
        starts.push(text.len());
    }
    let first = starts.len().saturating_sub(WIDEST);
    starts.split_off(first)
}

fn key(text: &str) -> String {
    let words: Vec<String> = text
        .split_whitespace()
        .flat_map(|w| lexicon().spell(w))
        .map(|(w, _)| w)
        .collect();
    let open = if text.ends_with(char::is_whitespace) && !words.is_empty() {
        " "
    } else {
        ""
    };
    words.join(" ") + open
}

struct List<'a> {
    text: &'a str,
    limit: usize,
    found: Vec<Completion>,
}

impl List<'_> {
    const fn is_full(&self) -> bool {
        self.found.len() >= self.limit
    }

    fn add(&mut self, start: usize, word: &str, kind: &'static str) {
        let line = format!("{}{word}", &self.text[..start]);
        if self.found.len() < self.limit
            && line != self.text
            && !self.found.iter().any(|c| c.line == line)
        {
            self.found.push(Completion {
                line,
                word: word.to_owned(),
                kind,
            });
        }
    }
}

/// Kind of the next word.
enum Slot {
    Verb,
    /// Kinds of names that fit, best first; names already given; the preposition before an
    /// environment.
    Names {
        kinds: Vec<CompletionKind>,
        given: Vec<String>,
        place: Option<&'static str>,
    },
}

impl Slot {
    /// `None` where nothing known can follow: inside free text or a quotation.
    fn after(head: &str, catalogue: &Catalogue) -> Option<Self> {
        let text = Text::new(head, lexicon());
        let spans = Spans::new(&text, catalogue);
        if text
            .tokens
            .iter()
            .any(|t| t.kind == super::lexer::Kind::Quoted { closed: false })
        {
            return None;
        }
        let (links, dangling) = clause::split(&text, catalogue, lexicon(), &spans);
        let Some(words) = links.last().filter(|_| !dangling).cloned() else {
            return Some(Self::Verb);
        };
        let end = words.end;
        let mut r = Reading::new(&text, catalogue, lexicon(), &spans, words);
        let Some((_, hit)) = verb::opening(&r, r.words.start) else {
            let nothing = slots_only(&r);
            return nothing.then_some(Self::Verb);
        };
        for &at in &hit.found.used {
            r.soften(at);
        }
        let placed = text
            .words
            .last()
            .is_some_and(|w| lexicon().places.contains(&w.key));
        Some(Self::names(r, &hit, placed && end == text.words.len()))
    }

    fn names(r: Reading<'_>, hit: &verb::Hit, placed: bool) -> Self {
        let intents: Vec<&Intent> = hit
            .intents
            .iter()
            .copied()
            .filter(|i| i.available)
            .collect();
        let takes = |o: Object| intents.iter().any(|i| i.takes_object(o));
        let wants = |o: Object| intents.iter().any(|i| i.wants.contains(&o));
        let mut filled = r;
        if let Some(first) = hit.intents.first() {
            slots::fill(&mut filled, first);
        }
        let mut given = filled.out.services.clone();
        given.extend(filled.out.routine.clone());
        let env = takes(Object::Env) && filled.envs.is_empty();
        let mut kinds = Vec::new();
        let routine = takes(Object::Routine) && filled.out.routine.is_none();
        for (fits, kind) in [
            (env && placed, CompletionKind::Environment),
            (routine, CompletionKind::Routine),
            (
                wants(Object::Runbook) && given.is_empty(),
                CompletionKind::Runbook,
            ),
            (
                takes(Object::Service) || intents.contains(&intent::SPEC),
                CompletionKind::Service,
            ),
            (env && !placed, CompletionKind::Environment),
        ] {
            if fits {
                kinds.push(kind);
            }
        }
        // With a service given, the environment is what is missing.
        if env && !given.is_empty() {
            kinds.sort_by_key(|k| *k != CompletionKind::Environment);
        }
        let place =
            (env && !placed && !given.is_empty()).then_some(if intents.contains(&intent::DEPLOY) {
                "to"
            } else {
                "in"
            });
        Self::Names {
            kinds,
            given,
            place,
        }
    }

    fn offer(&self, prefix: &str, start: usize, catalogue: &Catalogue, out: &mut List<'_>) {
        match self {
            Self::Verb => offer_verbs(prefix, start, catalogue, out),
            Self::Names {
                kinds,
                given,
                place,
            } => {
                for kind in kinds {
                    let entries = || {
                        catalogue
                            .entries
                            .iter()
                            .filter(|e| e.kind == *kind && !given.contains(&e.canonical))
                    };
                    if let (CompletionKind::Environment, Some(place)) = (kind, place) {
                        for entry in entries().filter(|e| e.shown == e.canonical) {
                            offer_phrase(
                                &format!("{place} {}", entry.key),
                                &format!("{place} {}", entry.shown),
                                prefix,
                                start,
                                entry.kind,
                                out,
                            );
                        }
                    }
                    // Canonical names first; an alias only once its first letters are typed.
                    let begun = || entries().filter(|e| e.key.starts_with(prefix));
                    for entry in begun().filter(|e| e.shown == e.canonical) {
                        if out.is_full() {
                            return;
                        }
                        offer_phrase(&entry.key, &entry.shown, prefix, start, entry.kind, out);
                    }
                    // A complete name is not extended: "prod" does not become "production".
                    let whole = |e: &Entry| {
                        entries().any(|o| o.key == prefix && o.canonical == e.canonical)
                    };
                    let aliases = begun().filter(|e| e.shown != e.canonical && !prefix.is_empty());
                    for entry in aliases {
                        if out.is_full() {
                            return;
                        }
                        if whole(entry) {
                            continue;
                        }
                        offer_phrase(&entry.key, &entry.shown, prefix, start, entry.kind, out);
                    }
                }
            }
        }
    }
}

fn offer_phrase(
    key: &str,
    shown: &str,
    prefix: &str,
    start: usize,
    kind: CompletionKind,
    out: &mut List<'_>,
) {
    if key.starts_with(prefix) {
        out.add(start, shown, kind.name());
    }
}

/// Whether the link so far has only politeness and names: a verb may still come.
fn slots_only(r: &Reading<'_>) -> bool {
    r.words.clone().all(|i| {
        r.blocked(i)
            || r.spans.at(i).is_some()
            || r.lexicon.fillers.contains(r.word(i))
            || r.lexicon.connectives.contains(r.word(i))
    }) || fillers_only(r)
}

fn fillers_only(r: &Reading<'_>) -> bool {
    let mut at = r.words.start;
    while let Some(n) = r.phrase(&r.lexicon.fillers, at) {
        at += n;
    }
    at >= r.words.end
}

/// The listed form of each intent first, then every other verb with that prefix.
fn offer_verbs(prefix: &str, start: usize, catalogue: &Catalogue, out: &mut List<'_>) {
    for intent in intent::ALL.iter().copied().filter(|i| i.available) {
        let verb = leading_words(intent);
        if verb.starts_with(prefix) {
            out.add(start, &verb, "verb");
        }
    }
    if prefix.is_empty() {
        return;
    }
    let mut begun: Vec<String> = catalogue
        .phrases
        .iter()
        .filter_map(|(p, _)| p.plain())
        .filter(|p| p.starts_with(prefix))
        .collect();
    begun.sort_unstable();
    for phrase in &begun {
        out.add(start, phrase, "runbook");
    }
    // A complete verb is not extended: "deploy" does not become "deploys" or "deploy freeze".
    if other_verbs(lexicon()).any(|verb| verb == prefix) {
        return;
    }
    for verb in other_verbs(lexicon()).filter(|v| v.starts_with(prefix)) {
        out.add(start, &verb, "verb");
    }
}

/// "deploy" of "deploy SERVICE to ENV".
fn leading_words(intent: &Intent) -> String {
    let plain = |w: &&str| w.chars().all(|c| c.is_lowercase() || c == '-');
    intent
        .form
        .split(' ')
        .take_while(plain)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Verbs of one or two words that this version can do, shortest first.
fn other_verbs(lexicon: &Lexicon) -> impl Iterator<Item = String> {
    let mut verbs: Vec<String> = lexicon
        .verbs
        .iter()
        .chain(lexicon.nouns.iter())
        .filter(|(p, intent)| p.literals <= 2 && intent.available)
        .filter_map(|(p, _)| p.plain())
        .collect();
    verbs.sort_unstable_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
    verbs.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::RunbookName;
    use crate::stack::routine::Routine;
    use crate::stack::service::{Environment, Service, Stack};

    fn catalogue() -> Catalogue {
        let service = |name: &str, alias: &str| Service {
            name: name.to_owned(),
            aliases: vec![alias.to_owned()],
            ..Service::default()
        };
        let stack = Stack {
            environments: ["dev", "staging", "prod"]
                .map(|n| Environment {
                    name: n.to_owned(),
                    ..Environment::default()
                })
                .to_vec(),
            services: vec![
                service("web", "frontend"),
                service("billing worker", "billing"),
                service("payments-api", "checkout"),
            ],
            routines: vec![Routine {
                name: "nightly backup check".to_owned(),
                ..Routine::default()
            }],
            ..Stack::default()
        };
        let runbook = RunbookName {
            name: "rotate-keys".to_owned(),
            phrases: vec!["rotate keys".to_owned()],
            ..RunbookName::default()
        };
        Catalogue::new(&stack, &[runbook])
    }

    fn first(text: &str) -> String {
        complete(text, &catalogue(), 5)
            .into_iter()
            .next()
            .map_or_else(String::new, |c| c.line)
    }

    #[test]
    fn completes_the_word_at_the_end() {
        for (typed, line) in [
            ("dep", "deploy"),
            ("deploy", ""),
            ("bou", "bounce"),
            ("deploy w", "deploy web"),
            ("deploy bil", "deploy billing worker"),
            ("deploy billing wo", "deploy billing worker"),
            ("deploy web ", "deploy web to dev"),
            ("deploy web t", "deploy web to dev"),
            ("deploy web to s", "deploy web to staging"),
            ("deploy web to ", "deploy web to dev"),
            ("restart web p", "restart web prod"),
            ("restart checko", "restart checkout"),
            ("run rot", "run rotate-keys"),
            ("rotate", "rotate keys"),
            ("please dep", "please deploy"),
            (
                "deploy web to staging then ch",
                "deploy web to staging then check",
            ),
            ("DEPLOY W", "DEPLOY web"),
        ] {
            assert_eq!(first(typed), line, "{typed:?}");
        }
    }

    #[test]
    fn offers_nothing_inside_free_text() {
        for typed in ["note \"deploy w", "xyzzy", "deploy web zz"] {
            assert_eq!(first(typed), "", "{typed:?}");
        }
    }

    #[test]
    fn never_offers_unavailable_commands() {
        for begun in [
            "fr",
            "thaw",
            "freeze ",
            "freeze p",
            "renew",
            "silence w",
            "ale",
            "pause nightly ba",
            "show web p",
        ] {
            for offered in complete(begun, &catalogue(), 50) {
                let parsed = crate::command::parse(&offered.line, &catalogue());
                assert_eq!(parsed.unavailable, None, "{begun:?} → {offered:?}");
            }
        }
    }

    #[test]
    fn keeps_to_the_limit_and_never_repeats_a_line() {
        for typed in ["", "s", "check ", "deploy web "] {
            let found = complete(typed, &catalogue(), 4);
            assert!(found.len() <= 4);
            let lines: std::collections::HashSet<&str> =
                found.iter().map(|c| c.line.as_str()).collect();
            assert_eq!(lines.len(), found.len(), "{typed:?}");
        }
        assert!(complete("", &catalogue(), 0).is_empty());
        assert!(complete(&"a".repeat(MAX_BYTES + 1), &catalogue(), 5).is_empty());
    }
}
