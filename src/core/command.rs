//! The command language: text + catalogue → what is meant, and why. Pure and deterministic.

use std::collections::BTreeMap;

use serde::Serialize;

use super::service::Stack;

/// What `opsroom parse --json` prints; see SPEC section 4 in the README's language chapter.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Parsed {
    pub outcome: ParseOutcome,
    /// Canonical intent name: `deploy`, `healthcheck`, `show_run` …; empty when none was found.
    pub intent: String,
    pub env: Option<String>,
    /// Canonical names in the order said; `["*"]` for all.
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
    /// One line for people: what was understood, or what is asked.
    pub message: String,
}

/// What kind of answer it is.
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

/// A misspelt word of a read-only command and what it was read as.
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
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunbookName {
    pub name: String,
    pub phrases: Vec<String>,
    pub mutates: bool,
    /// Names of its inputs, required ones first.
    pub inputs: Vec<(String, bool)>,
}

/// Everything the language knows by name, indexed once.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {}

impl Catalogue {
    /// Indexes a stack and the loaded runbooks (built-in ones included).
    #[must_use]
    pub fn new(_stack: &Stack, _runbooks: &[RunbookName]) -> Self {
        todo!()
    }
}

/// Reads one command.
#[must_use]
pub fn parse(_text: &str, _catalogue: &Catalogue) -> Parsed {
    todo!()
}

/// A completion of the word at the end of `text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The whole line after accepting it.
    pub line: String,
    /// What is added or replaced, shown in the list: `staging`.
    pub word: String,
    /// What it is: `environment`, `service`, `verb` …
    pub kind: &'static str,
}

/// Completions for the end of the line, best first, at most `limit`.
#[must_use]
pub fn complete(_text: &str, _catalogue: &Catalogue, _limit: usize) -> Vec<Completion> {
    todo!()
}
