//! The command language: text + catalogue → meaning, and why. Pure and deterministic.
//!
//! A text becomes tokens and words (`lexer`), words become links of a chain (`clause`), each link
//! finds its verb (`verb`), its condition (`condition`) and its slots (`slots`), is classified
//! (`outcome`) and restated (`explain`). The words themselves are in `assets/lexicon.toml`, the
//! intents three tables under `intent/`.

pub mod run_ref;

mod act;
mod ambiguity;
mod answer;
mod called;
mod choice;
mod clause;
mod complete;
mod condition;
mod examples;
mod explain;
mod fuzzy;
mod habit;
mod intent;
mod kinds;
mod lexer;
mod lexicon;
mod link;
mod log_file;
mod names;
mod normalize;
mod outcome;
mod pattern;
mod periods;
mod question;
mod reading;
mod resolve;
mod runs;
mod slots;
mod spelling;
mod suggest;
mod values;
mod verb;
mod verb_link;
mod when;
mod worth;

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use self::fuzzy::NearIndex;
use self::lexer::Text;
use self::lexicon::lexicon;
use self::names::{Name, NameTable};
use self::pattern::PatternSet;
use self::resolve::Understanding;
use crate::stack::service::Stack;

pub use self::act::{CommandAct, ViewCommand};
pub use self::complete::Completion;
pub use self::examples::{Topic, help};

/// Maximum length of a command.
pub const MAX_BYTES: usize = 4096;

/// The output of `opsroom parse --json`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Parsed {
    pub outcome: ParseOutcome,
    /// Canonical intent name: `deploy`, `healthcheck`, `show_run` …; empty when none was found.
    pub intent: String,
    pub env: Option<String>,
    /// Canonical names in the order given; `["*"]` for all.
    pub services: Vec<String>,
    pub runbook: Option<String>,
    pub routine: Option<String>,
    pub inputs: BTreeMap<String, String>,
    pub then: Vec<Parsed>,
    pub only_if: Option<Box<Parsed>>,
    pub missing: Vec<String>,
    pub ambiguous: Vec<String>,
    pub suggestions: Vec<String>,
    pub corrections: Vec<Correction>,
    pub unknown: Vec<String>,
    pub why: Vec<Why>,
    pub mutates: bool,
    /// For a condition: it must *not* hold ("unless staging is healthy").
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub negated: bool,
    /// An understood intent that this version does not support: "freeze". Nothing of the command is
    /// done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<String>,
    /// One line for people: the interpretation or the question.
    pub message: String,
    /// Byte ranges of the words that were not understood: for carets under the text.
    #[serde(skip)]
    pub unknown_at: Vec<(usize, usize)>,
}

/// Kind of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ParseOutcome {
    Plan,
    Action,
    View,
    Question,
    Suggest,
    #[default]
    Nothing,
}

/// A misspelt word of a read-only command and its correction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Correction {
    pub from: String,
    pub to: String,
}

/// Which words gave which slot. `start..end` are byte offsets into the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Why {
    pub text: String,
    pub slot: String,
    #[serde(skip)]
    pub start: usize,
    #[serde(skip)]
    pub end: usize,
}

/// A runbook as the language sees it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RunbookName {
    pub name: String,
    /// Other names it is called by: a page's title, its path.
    pub also: Vec<String>,
    pub phrases: Vec<String>,
    pub mutates: bool,
    /// It needs no environment.
    pub placeless: bool,
    /// Names of its inputs, required ones first.
    pub inputs: Vec<(String, bool)>,
}

/// Everything the language knows by name, indexed once.
#[derive(Debug, Clone)]
pub struct Catalogue {
    environments: Vec<String>,
    services: Vec<String>,
    routines: Vec<String>,
    service_environments: HashMap<String, Vec<String>>,
    names: NameTable<Name>,
    runbook_names: NameTable<String>,
    written_names: called::WrittenNames,
    runbooks: HashMap<String, RunbookName>,
    /// Phrases that runbooks declare.
    phrases: PatternSet<String>,
    near: NearIndex,
    /// Names for completion, in the order of the stack.
    entries: Vec<complete::Entry>,
}

impl Default for Catalogue {
    /// Nothing but the words of the language itself.
    fn default() -> Self {
        Self::new(&Stack::default(), &[])
    }
}

/// Indexed once: it does not change while the program runs.
static BARE: LazyLock<Catalogue> = LazyLock::new(Catalogue::default);

impl Catalogue {
    /// The language without any stack or runbook.
    pub(crate) fn bare() -> &'static Self {
        &BARE
    }

    /// Indexes a stack and the loaded runbooks (built-in ones included).
    #[must_use]
    pub fn new(stack: &Stack, runbooks: &[RunbookName]) -> Self {
        names::index(stack, runbooks)
    }

    /// The runbooks it knows, in no order.
    pub fn runbooks(&self) -> impl Iterator<Item = &RunbookName> {
        self.runbooks.values()
    }
}

/// The names of all intents in display order, how each is typed, and whether this version supports
/// it.
pub fn intents() -> impl Iterator<Item = (&'static str, &'static str, bool)> {
    intent::ALL.iter().map(|i| (i.name, i.form, i.available))
}

/// Whether `opsroom run` does what a phrase of this intent says: a plan, or an act.
#[must_use]
pub fn can_be_run(intent: &str) -> bool {
    intent::Intent::named(intent)
        .is_some_and(|known| known.outcome == ParseOutcome::Plan || known.act.is_some())
}

/// The built-in verb that a phrase begins with, and its intent.
#[must_use]
pub fn begins_like(phrase: &str) -> Option<(String, &'static str)> {
    ambiguity::begins_like(phrase)
}

/// A runbook's name as typed in a command: in quotes when it would not be read as one name.
#[must_use]
pub fn typed_name(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    if name.chars().all(plain) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\\\""))
    }
}

/// Whether a name after "run" is a built-in verb, which wins over a page of that name.
#[must_use]
pub fn is_own_word(name: &str) -> bool {
    let words: Vec<String> = name
        .split_whitespace()
        .flat_map(|w| lexicon().spell(w))
        .map(|(word, _)| word)
        .collect();
    called::is_verb(&words.join(" "))
}

/// Reads one command.
#[must_use]
pub fn parse(text: &str, catalogue: &Catalogue) -> Parsed {
    parse_with(text, &[], catalogue)
}

/// Reads one command. Every plan in it gets the inputs `given`, whose values win over those in the
/// text; they are not read as part of it, so any text may be one.
#[must_use]
pub fn parse_with(text: &str, given: &[(String, String)], catalogue: &Catalogue) -> Parsed {
    if text.len() > MAX_BYTES {
        let message = format!(
            "that is {} bytes: a command has at most {MAX_BYTES}",
            text.len()
        );
        return Parsed {
            outcome: ParseOutcome::Suggest,
            message,
            suggestions: vec!["help".to_owned()],
            ..Parsed::default()
        };
    }
    if let Some(file) = log_file::parsed(text) {
        return file;
    }
    let look = |look: &str| phrase(look, &[], catalogue);
    habit::answer(text, catalogue, look).unwrap_or_else(|| {
        let read = phrase(text, given, catalogue);
        question::answer(text, read, catalogue, look)
    })
}

/// Reads one command of the language.
fn phrase(text: &str, given: &[(String, String)], catalogue: &Catalogue) -> Parsed {
    let read = Text::new(text, lexicon());
    let understanding = resolve::understand(&read, given, catalogue, lexicon());
    let corrected = corrected(&read, given, &understanding, catalogue);
    corrected.unwrap_or_else(|| {
        answer::combine(understanding, &read, &|text| worth::worth(text, catalogue))
    })
}

/// The answer with misspelt words corrected, where that is allowed: in read-only links.
fn corrected(
    text: &Text,
    given: &[(String, String)],
    first: &Understanding,
    catalogue: &Catalogue,
) -> Option<Parsed> {
    let all = || first.links.iter().flat_map(|l| &l.suspects);
    let allowed = all().next().is_some()
        && first
            .links
            .iter()
            .filter(|l| !l.suspects.is_empty())
            .all(|l| !l.mutates)
        && !all().any(spelling::Suspect::may_mutate);
    if !allowed || first.links.iter().any(|l| l.refused) {
        return None;
    }
    let mut changes = Vec::new();
    let mut corrections = Vec::new();
    for suspect in all() {
        let near = suspect.single()?;
        let (from, to) = spelling::correction(text, suspect, near);
        corrections.push(Correction { from, to });
        changes.push((suspect.tokens.clone(), near.show.clone()));
    }
    let respelt = text.respelt(&changes, lexicon());
    let second = resolve::understand(&respelt, given, catalogue, lexicon());
    // A correction never makes a command that changes something.
    let changing = |u: &Understanding| u.links.iter().filter(|l| l.mutates).count();
    let better = second.links.iter().all(|l| l.intent.is_some())
        && second.links.len() == first.links.len()
        && changing(&second) == changing(first);
    if !better {
        return None;
    }
    let mut parsed = answer::combine(second, &respelt, &|text| worth::worth(text, catalogue));
    parsed.corrections = corrections;
    Some(parsed)
}

/// Completions for the end of the line, best first, at most `limit`.
#[must_use]
pub fn complete(text: &str, catalogue: &Catalogue, limit: usize) -> Vec<Completion> {
    complete::complete(text, catalogue, limit)
}
