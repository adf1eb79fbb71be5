//! Checks between runbooks: a name or phrase used twice, a phrase that already has a meaning, calls
//! of unknown runbooks or in a circle. Each problem names both places.

use std::collections::{BTreeMap, HashMap};

use super::definition::Origin;
use super::{Runbook, built_in, call};
use crate::base::problem::Problem;
use crate::command::{Catalogue, ParseOutcome, begins_like, parse};

/// Checks runbooks against each other; those that ship with opsroom are taken as right.
#[must_use]
pub fn check(runbooks: &[Runbook]) -> Vec<Problem> {
    let mut problems = Vec::new();
    phrases(runbooks, &mut problems);
    let by_name: HashMap<&str, &Runbook> = runbooks.iter().map(|r| (r.name.as_str(), r)).collect();
    for runbook in runbooks.iter().filter(|r| !is_built_in(r)) {
        calls(runbook, &by_name, &mut problems);
    }
    problems.sort();
    problems.dedup();
    problems
}

/// Two files with the same name: the problem of the second.
#[must_use]
pub fn same_name(first: &Runbook, second: &Runbook) -> Problem {
    let line = second.definition.source.name_line;
    let message = format!(
        "{:?} is also the name of {}; the first is used",
        second.name,
        place(first, |s| s.name_line)
    );
    problem(second, line, "name", message)
}

fn is_built_in(runbook: &Runbook) -> bool {
    built_in::all()
        .iter()
        .any(|b| b.name == runbook.name && b.hash == runbook.hash)
}

fn place(runbook: &Runbook, line: impl Fn(&super::definition::Source) -> usize) -> String {
    let source = &runbook.definition.source;
    if is_built_in(runbook) {
        return format!("the runbook {} that ships with opsroom", runbook.name);
    }
    format!("{}:{}", source.file, line(source))
}

fn problem(runbook: &Runbook, line: usize, key: &str, message: String) -> Problem {
    Problem {
        file: runbook.definition.source.file.clone(),
        line,
        key: key.to_owned(),
        message,
    }
}

fn phrases(runbooks: &[Runbook], problems: &mut Vec<Problem>) {
    let bare = Catalogue::bare();
    let mut seen: BTreeMap<String, &Runbook> = BTreeMap::new();
    let (ours, theirs): (Vec<&Runbook>, Vec<&Runbook>) =
        runbooks.iter().partition(|r| is_built_in(r));
    for runbook in ours.into_iter().chain(theirs) {
        for phrase in &runbook.phrases {
            let folded = phrase
                .to_lowercase()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ");
            let line = runbook.definition.source.phrases_line;
            match seen.get(&folded) {
                Some(first) if first.name != runbook.name => {
                    let message = format!(
                        "{phrase:?} is also a phrase of {}",
                        place(first, |s| s.phrases_line)
                    );
                    problems.push(problem(runbook, line, "phrases", message));
                }
                Some(_) => {}
                None => {
                    seen.insert(folded, runbook);
                    // The phrase of a page is its title, which was checked when it got it.
                    let own = !is_built_in(runbook) && runbook.definition.origin == Origin::Runbook;
                    if let Some(message) = taken(phrase, bare).filter(|_| own) {
                        problems.push(problem(runbook, line, "phrases", message));
                    }
                }
            }
        }
    }
}

/// Why a phrase is not free: it is a command, or its first words begin one in some stack.
fn taken(phrase: &str, bare: &Catalogue) -> Option<String> {
    if let Some(meaning) = meaning(phrase, bare) {
        return Some(format!(
            "{phrase:?} already means {meaning}; choose other words"
        ));
    }
    let (words, intent) = begins_like(phrase)?;
    Some(format!(
        "{phrase:?} begins with {words:?}, which already means {intent}; choose other words"
    ))
}

/// The meaning of a phrase without the runbook.
pub(super) fn meaning(phrase: &str, bare: &Catalogue) -> Option<String> {
    let parsed = parse(phrase, bare);
    let understood = matches!(
        parsed.outcome,
        ParseOutcome::Plan | ParseOutcome::Action | ParseOutcome::View | ParseOutcome::Question
    );
    let whole =
        parsed.corrections.is_empty() && parsed.unknown.is_empty() && !parsed.intent.is_empty();
    (understood && whole).then_some(parsed.intent)
}

fn calls(runbook: &Runbook, by_name: &HashMap<&str, &Runbook>, problems: &mut Vec<Problem>) {
    for (step, name) in runbook.definition.calls() {
        let line = runbook
            .definition
            .source
            .call_lines
            .get(step)
            .copied()
            .unwrap_or(0);
        let key = format!("step {step:?}.runbook");
        let Some(called) = by_name.get(name) else {
            problems.push(problem(
                runbook,
                line,
                &key,
                format!("there is no runbook {name:?}"),
            ));
            continue;
        };
        let mut path = vec![runbook.name.as_str()];
        if let Some(why) = call_problem(called, by_name, &mut path, &mut 0) {
            problems.push(problem(runbook, line, &key, why));
        } else if called.mutates && !runbook.mutates {
            let message =
                format!("{name} changes things, so this runbook does too: write mutates = true");
            problems.push(problem(runbook, line, &key, message));
        }
    }
}

/// Reports a circle or too deep nesting of calls, with its path. Follows at most ten thousand
/// calls.
fn call_problem<'r>(
    runbook: &'r Runbook,
    by_name: &HashMap<&str, &'r Runbook>,
    path: &mut Vec<&'r str>,
    visited: &mut usize,
) -> Option<String> {
    path.push(&runbook.name);
    *visited += 1;
    let shown = path.join(" → ");
    if path[..path.len() - 1].contains(&runbook.name.as_str()) {
        return Some(format!("runbooks call each other in a circle: {shown}"));
    }
    if path.len() > call::MAX_DEPTH {
        return Some(format!(
            "more than {} runbooks deep: {shown}",
            call::MAX_DEPTH
        ));
    }
    if *visited > 10_000 {
        return Some("leads to more than 10000 calls of runbooks".to_owned());
    }
    for (_, name) in runbook.definition.calls() {
        let found = by_name
            .get(name)
            .and_then(|called| call_problem(called, by_name, path, visited));
        if found.is_some() {
            return found;
        }
    }
    path.pop();
    None
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::integration::Integrations;
    use crate::run::plan::RiskLevel;
    use crate::runbook::{Request, plan_in};
    use crate::stack::service::Stack;

    fn book(name: &str, phrases: &[&str], calls: &[&str]) -> Runbook {
        let mut text = format!(
            "name = \"{name}\"\ntitle = \"{name}\"\nversion = \"1\"\nmutates = false\nenv = \"none\"\nphrases = {phrases:?}\n"
        );
        for call in calls {
            let _ = write!(
                text,
                "[[step]]\nname = \"call {call}\"\nphase = \"action\"\nrunbook = \"{call}\"\n"
            );
        }
        text.push_str("[[step]]\nname = \"wait\"\nphase = \"action\"\nwait = \"1s\"\n");
        crate::runbook::parse(&format!("{name}.toml"), &text).unwrap_or_else(|p| panic!("{p:#?}"))
    }

    fn reported(books: &[Runbook]) -> Vec<String> {
        check(books).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn phrases_belong_to_one() {
        let (a, b) = (
            book("a", &["shake the tree"], &[]),
            book("b", &["Shake  the tree"], &[]),
        );
        assert_eq!(
            reported(&[a.clone(), b]),
            [r#"b.toml:6: phrases: "Shake  the tree" is also a phrase of a.toml:6"#]
        );
        let c = book("c", &["deploy", "list runs"], &[]);
        let problems = reported(&[a, c]);
        assert!(
            problems
                .iter()
                .all(|p| p.starts_with("c.toml:6: phrases:") && p.contains("already means")),
            "{problems:?}"
        );
        assert!(!problems.is_empty());
        assert_eq!(reported(built_in::all()), Vec::<String>::new());
    }

    #[test]
    fn no_phrase_begins_like_a_command() {
        let taken = [
            "check web",
            "is web up",
            "restart web",
            "please restart it",
            "tidy|restart {service}",
            "run nightly",
        ];
        let problems = reported(&[book("c", &taken, &[])]);
        assert_eq!(problems.len(), taken.len(), "{problems:#?}");
        assert!(problems.iter().any(|p| {
            p.contains("\"check web\" begins with \"check\", which already means healthcheck")
        }));
        let free = [
            "shake the tree",
            "rotate [api] keys of {service} in {env}",
            "clean the carts",
            "publish the notes",
        ];
        assert_eq!(reported(&[book("c", &free, &[])]), Vec::<String>::new());
    }

    #[test]
    fn circles_and_unknown_calls_are_reported_with_their_path() {
        let circle = [book("a", &[], &["b"]), book("b", &[], &["a"])];
        assert_eq!(
            reported(&circle),
            [
                r#"a.toml:10: step "call b".runbook: runbooks call each other in a circle: a → b → a"#,
                r#"b.toml:10: step "call a".runbook: runbooks call each other in a circle: b → a → b"#
            ]
        );
        assert!(reported(&[book("a", &[], &["x"])])[0].ends_with("there is no runbook \"x\""));
        let chain: Vec<Runbook> = (0..10)
            .map(|n| {
                book(
                    &format!("r{n}"),
                    &[],
                    &if n < 9 {
                        vec![format!("r{}", n + 1)]
                    } else {
                        vec![]
                    }
                    .iter()
                    .map(String::as_str)
                    .collect::<Vec<_>>(),
                )
            })
            .collect();
        assert!(
            reported(&chain)[0].contains("more than 8 runbooks deep: r0 → r1"),
            "{:?}",
            reported(&chain)
        );
        for (books, code) in [
            (&circle[..], "RUNBOOK_CYCLE"),
            (&chain[..], "RUNBOOK_DEPTH"),
        ] {
            let plan = plan_in(
                &books[0],
                &Request::default(),
                &Stack::default(),
                books,
                &Integrations::default(),
            );
            let blocks: Vec<_> = plan
                .risks
                .iter()
                .filter(|r| r.level == RiskLevel::Block)
                .map(|r| &r.code)
                .collect();
            assert_eq!(blocks, [code]);
        }
    }

    #[test]
    fn calls_that_multiply_are_bounded() {
        let wide = |n: usize| {
            let next = format!("w{}", n + 1);
            let mut text = format!(
                "name = \"w{n}\"\ntitle = \"w\"\nversion = \"1\"\nmutates = false\nenv = \"none\"\n"
            );
            for i in 0..60 {
                let does = if n < 5 {
                    format!("runbook = \"{next}\"")
                } else {
                    "wait = \"1s\"".to_owned()
                };
                let _ = write!(
                    text,
                    "[[step]]\nname = \"s{i}\"\nphase = \"action\"\n{does}\n"
                );
            }
            crate::runbook::parse("w.toml", &text).unwrap()
        };
        let books: Vec<Runbook> = (0..6).map(wide).collect();
        let plan = plan_in(
            &books[0],
            &Request::default(),
            &Stack::default(),
            &books,
            &Integrations::default(),
        );
        assert!(plan.blocks().any(|r| r.code == "PLAN_TOO_LONG"));
        assert!(
            check(&books)
                .iter()
                .any(|p| p.message.contains("10000 calls"))
        );
    }
}
