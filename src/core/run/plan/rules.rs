//! Rules of a step of a plan: when it runs, what must be true of its answer, which values it saves
//! for later steps, and which steps it belongs with. All of it is decided by the runbook and stored
//! with the plan.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::expr::Value;

/// Names and values an expression is evaluated with.
pub type Scope = BTreeMap<String, Value>;

/// Conditions and relations of a step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// The name later expressions know its result by (`steps.KEY`); empty: none uses it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// The sub-runbook it came from: expressions see only the steps of their own runbook.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// Skipped unless this holds; failed when it cannot be decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Failed unless this holds of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect: Option<String>,
    /// Name → expression over the answer, kept for later steps.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub save: BTreeMap<String, String>,
    /// Title → expression over the answer, whose text is the address of a link to keep.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<String, String>,
    /// The spec holds `{steps.NAME.SAVED}`, filled in when the step runs.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fills: bool,
    /// `inputs`, `env`, `service`, `protected` as its expressions see them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub known: Scope,
    /// Neither its output nor its saved values are stored.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
    /// For a question: "no" is a valid answer, which later conditions may use.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// For a question: "yes" only counts with this word as its note.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub word: Option<String>,
    /// Its notes in the runbook, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// For an undo step: number of the step it undoes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undoes: Option<u32>,
    /// One of several of the same kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub each: Option<Each>,
    /// The item of a `for_each` it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// Part of something with a deadline of its own, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub within: Vec<Within>,
}

impl Rules {
    /// It has none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Their descriptions on a plan card, one line each.
    #[must_use]
    pub fn describe(&self) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(self.when.iter().map(|when| format!("only when {when}")));
        lines.extend(self.expect.iter().map(|expect| format!("expects {expect}")));
        lines.extend(
            self.save
                .iter()
                .map(|(name, from)| format!("keeps {name} = {from}")),
        );
        lines.extend(
            self.links
                .iter()
                .map(|(title, from)| format!("links {title} = {from}")),
        );
        lines.extend(
            self.sensitive
                .then(|| "is sensitive: its output is not kept".to_owned()),
        );
        lines.extend(
            self.word
                .iter()
                .map(|word| format!("wants `{word}` typed as the note")),
        );
        lines.extend(
            self.each
                .filter(|e| e.max_concurrency > 1 || e.max_errors > 0)
                .map(|e| {
                    format!(
                        "up to {} at once, {} may fail",
                        e.max_concurrency, e.max_errors
                    )
                }),
        );
        lines.extend(
            self.notes
                .iter()
                .flat_map(|notes| notes.lines())
                .map(str::to_owned),
        );
        lines
    }

    /// Nothing is asked of its answer: no expectation, value to save or link.
    #[must_use]
    pub fn has_no_answer_rules(&self) -> bool {
        self.expect.is_none() && self.save.is_empty() && self.links.is_empty()
    }

    /// Every expression of the step.
    pub fn expressions(&self) -> impl Iterator<Item = &str> {
        self.when
            .iter()
            .chain(&self.expect)
            .chain(self.save.values())
            .chain(self.links.values())
            .map(String::as_str)
    }
}

/// One item of a `for_each` with bounds. Items of a group follow each other in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Each {
    pub group: u32,
    /// Items that run at once.
    pub max_concurrency: u32,
    /// More failures than this end the group; up to this many are only reported.
    pub max_errors: u32,
}

/// The whole of a sub-runbook, with its total deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Within {
    /// Name of the step that called it; unique in the plan.
    pub name: String,
    pub timeout_ms: i64,
}
