//! The health score: weighted mean of component states, capped by the worst critical one, with its derivation.

use serde::Serialize;

use crate::core::observation::State;

/// One component of the score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Component {
    /// `web in prod`.
    pub name: String,
    pub state: State,
    /// Relative weight, above 0.
    pub weight: u32,
    pub critical: bool,
    /// Why it is in that state, with numbers and age: `HTTP 500 in 12 ms, 14 s ago`.
    pub detail: String,
}

/// The overall state, derived from the score alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    Healthy,
    Warning,
    Critical,
    Unknown,
}

/// The score and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// 0–100; absent when there are no known components.
    pub value: Option<u32>,
    pub health: Health,
    /// Worst first: what each component and cap takes away.
    pub lines: Vec<Line>,
    pub components: usize,
    pub unknown: usize,
}

/// One line of the derivation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Points lost, 0–100.
    pub points: u32,
    pub text: String,
}

/// Derives the score: ok 100, degraded 50, failing 0, weighted mean of the known ones; unknown components cap it at 79,
/// a degraded critical one at 79, a failing critical one at 49. ≥ 80 healthy, 50–79 warning, below critical.
#[must_use]
pub fn score(_components: &[Component]) -> Score {
    todo!()
}
