//! The phases of steps by their headings. Only known words count, and only when they are the whole
//! heading (except for its number): "3. revert to 13.2" is not a rollback of the steps before it.

use crate::run::Phase;
use crate::runbook::page::Block;

/// Meaning of a heading for the steps under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    In(Phase),
    Rollback,
}

/// Headings.
const HEADINGS: [(&str, Part); 33] = [
    ("rollback", Part::Rollback),
    ("roll back", Part::Rollback),
    ("revert", Part::Rollback),
    ("undo", Part::Rollback),
    ("backing out", Part::Rollback),
    ("validate", Part::In(Phase::Validate)),
    ("validation", Part::In(Phase::Validate)),
    ("prerequisite", Part::In(Phase::Validate)),
    ("prerequisites", Part::In(Phase::Validate)),
    ("pre-requisites", Part::In(Phase::Validate)),
    ("before you start", Part::In(Phase::Validate)),
    ("before you begin", Part::In(Phase::Validate)),
    ("preflight", Part::In(Phase::Preflight)),
    ("pre-flight", Part::In(Phase::Preflight)),
    ("diagnosis", Part::In(Phase::Preflight)),
    ("diagnose", Part::In(Phase::Preflight)),
    ("investigation", Part::In(Phase::Preflight)),
    ("investigate", Part::In(Phase::Preflight)),
    ("triage", Part::In(Phase::Preflight)),
    ("troubleshooting", Part::In(Phase::Preflight)),
    ("verify", Part::In(Phase::Verify)),
    ("verification", Part::In(Phase::Verify)),
    ("post-checks", Part::In(Phase::Verify)),
    ("post checks", Part::In(Phase::Verify)),
    ("summary", Part::In(Phase::Summarize)),
    ("summarize", Part::In(Phase::Summarize)),
    ("follow-up", Part::In(Phase::Summarize)),
    ("follow up", Part::In(Phase::Summarize)),
    ("action", Part::In(Phase::Action)),
    ("actions", Part::In(Phase::Action)),
    ("mitigation", Part::In(Phase::Action)),
    ("remediation", Part::In(Phase::Action)),
    ("resolution", Part::In(Phase::Action)),
];

/// Words that may follow one of them.
const SUFFIXES: [&str; 7] = [
    "step",
    "steps",
    "check",
    "checks",
    "phase",
    "procedure",
    "plan",
];

/// The innermost heading that names a part. The page's own title comes last.
pub(super) fn part_of(block: &Block) -> Option<Part> {
    let named = |heading: &String| {
        let heading = normalized(heading);
        HEADINGS
            .iter()
            .find(|(known, _)| *known == heading)
            .map(|(_, part)| *part)
    };
    block
        .headings
        .iter()
        .skip(1)
        .rev()
        .chain(block.headings.first())
        .find_map(named)
}

/// A heading in lower case, without its number, punctuation and words that may follow a known one.
fn normalized(heading: &str) -> String {
    let heading = heading.to_lowercase();
    let mut words: Vec<&str> = heading
        .split_whitespace()
        .map(|w| w.trim_matches(|c: char| !c.is_alphanumeric()))
        .collect();
    let counted = |word: &str| {
        let number = !word.is_empty() && word.chars().all(|c| c.is_ascii_digit() || c == '.');
        number || word.is_empty()
    };
    if words.first() == Some(&"step") && words.get(1).is_some_and(|w| counted(w)) {
        words.drain(..2);
    }
    while words.first().is_some_and(|w| counted(w)) {
        words.remove(0);
    }
    while words.len() > 1
        && words
            .last()
            .is_some_and(|w| w.is_empty() || SUFFIXES.contains(w))
    {
        words.pop();
    }
    words.join(" ")
}

/// The phases of a page's blocks. The order of the page is the order of the work: leading blocks
/// may be in phases before the action, trailing blocks in phases after it, and everything between
/// is the action.
pub(super) fn of_page(parts: &[Option<Part>]) -> Vec<Phase> {
    let named = |part: &Option<Part>| match part {
        Some(Part::In(phase)) => Some(*phase),
        Some(Part::Rollback) => Some(Phase::Action),
        None => None,
    };
    let named: Vec<Option<Phase>> = parts.iter().map(named).collect();
    let mut phases = vec![Phase::Action; parts.len()];
    let (mut at, mut begun) = (Phase::Validate, 0);
    for (number, phase) in named.iter().enumerate() {
        match phase {
            Some(phase) if *phase < Phase::Action && *phase >= at => {
                // Blocks before it without a phase belong to it.
                phases[begun..=number].fill(*phase);
                (at, begun) = (*phase, number + 1);
            }
            None => {}
            Some(_) => break,
        }
    }
    let mut at = Phase::Summarize;
    for (number, phase) in named.iter().enumerate().skip(begun).rev() {
        match phase {
            Some(phase) if *phase > Phase::Action && *phase <= at => {
                phases[number] = *phase;
                at = *phase;
            }
            _ => break,
        }
    }
    phases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_heading_names_a_phase() {
        for (heading, known) in [
            ("Diagnosis", "diagnosis"),
            ("3. Rollback", "rollback"),
            ("Step 2: Verification steps", "verification"),
            ("1.2 Preflight checks:", "preflight"),
            ("3. revert", "revert"),
            ("Revert to 13.2", "revert to 13.2"),
            ("Prefix", "prefix"),
            ("Confirm the alert", "confirm the alert"),
        ] {
            assert_eq!(normalized(heading), known, "{heading}");
        }
    }

    #[test]
    fn the_order_of_the_page_is_the_order_of_the_work() {
        use Phase::{Action, Preflight, Summarize, Validate, Verify};
        let (pre, act, ver) = (
            Some(Part::In(Preflight)),
            Some(Part::In(Action)),
            Some(Part::In(Verify)),
        );
        let (val, sum, back) = (
            Some(Part::In(Validate)),
            Some(Part::In(Summarize)),
            Some(Part::Rollback),
        );
        for (parts, phases) in [
            (vec![None, pre, act], vec![Preflight, Preflight, Action]),
            (vec![None, None], vec![Action, Action]),
            (
                vec![val, pre, pre, act, ver, sum],
                vec![Validate, Preflight, Preflight, Action, Verify, Summarize],
            ),
            (vec![act, back, act, act], vec![Action; 4]),
            (vec![act, pre, act], vec![Action; 3]),
            (
                vec![pre, act, ver, act],
                vec![Preflight, Action, Action, Action],
            ),
            (
                vec![pre, act, ver, None],
                vec![Preflight, Action, Action, Action],
            ),
            (vec![pre, val, ver], vec![Preflight, Action, Verify]),
            (vec![pre, None], vec![Preflight, Action]),
            (vec![ver, sum], vec![Verify, Summarize]),
        ] {
            let found = of_page(&parts);
            assert_eq!(found, phases, "{parts:?}");
            assert!(found.is_sorted());
        }
    }
}
