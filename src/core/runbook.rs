//! Runbooks: versioned templates of plans, read from TOML; and how a request, a runbook and a stack become a plan.

use std::collections::BTreeMap;

use super::plan::Plan;
use super::service::Stack;

/// A loaded, checked runbook.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Runbook {
    pub name: String,
    pub title: String,
    pub version: String,
    pub mutates: bool,
    pub phrases: Vec<String>,
    /// (name, required)
    pub inputs: Vec<(String, bool)>,
    /// First 16 hex digits of the SHA-256 of the file.
    pub hash: String,
}

/// A problem in a file: where and what to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    pub file: String,
    /// From 1; 0 when it is about the whole file.
    pub line: usize,
    pub key: String,
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.file)?;
        // Neither "line 0" nor an empty key says anything.
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// What is to be planned: the slots of a parsed command.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Request {
    pub env: Option<String>,
    /// `["*"]`: all. Empty: the runbook's default.
    pub services: Vec<String>,
    pub inputs: BTreeMap<String, String>,
    pub raw_text: String,
}

/// Reads a runbook file; all problems in one pass.
///
/// # Errors
/// Every problem found, with its line.
pub fn parse(_file: &str, _text: &str) -> Result<Runbook, Vec<Problem>> {
    todo!()
}

/// The runbooks that ship with opsroom (`assets/runbooks/`).
#[must_use]
pub fn built_in() -> Vec<Runbook> {
    todo!()
}

/// Makes the plan. Never fails: what stands in the way becomes a block risk that says how to remove it.
#[must_use]
pub fn plan(_runbook: &Runbook, _request: &Request, _stack: &Stack) -> Plan {
    todo!()
}

/// A probe step for every service and environment that has a `probe` action, in the stack's order: what a pulse does.
#[must_use]
pub fn probes(_stack: &Stack) -> Vec<super::plan::PlanStep> {
    todo!()
}
