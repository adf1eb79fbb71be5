//! Runbooks in Markdown. With opsroom front matter a page is a runbook like a TOML file: it is
//! converted to one, line for line, and read by the same rules. Any other page is guided: each
//! shell block asks before it runs.

mod blocks;
mod front;
mod output;
mod pages;
mod phases;
mod steps;
mod transcript;

use super::page::{self, Page};
use super::page_name::{name_of, plain};
use super::{Runbook, file};
use crate::base::problem::Problem;
use crate::run::plan::hex_sha256;

const UNCLOSED: &str = "this code block is never closed; end it with the same fence";

/// Reads a Markdown file; all problems in one pass.
pub(super) fn parse(file: &str, text: &str) -> Result<Runbook, Vec<Problem>> {
    let page = page::read(text);
    let name = name_of(file);
    let problem = |line: usize, message: &str| Problem {
        file: file.to_owned(),
        line,
        key: String::new(),
        message: message.to_owned(),
    };
    let unclosed = page.unclosed.iter().map(|line| problem(*line, UNCLOSED));
    let mut problems: Vec<Problem> = unclosed.collect();
    if page.front_unclosed {
        // Read as a page it would be a guided one, without the rules its author wrote.
        return Err(vec![problem(
            1,
            "front matter is never closed; end it with a line +++",
        )]);
    }
    let Some(front) = front::read(&page) else {
        // The correct blocks of any other page can be used.
        let mut runbook = pages::guided(file, &page, &name, &mut problems);
        problems.sort();
        problems.dedup();
        runbook.problems = problems;
        hex_sha256(text.as_bytes())[..16].clone_into(&mut runbook.hash);
        return Ok(runbook);
    };
    let read = ours(file, &page, &front, &name, &mut problems);
    problems.sort();
    problems.dedup();
    match read {
        Some(mut runbook) if problems.is_empty() => {
            hex_sha256(text.as_bytes())[..16].clone_into(&mut runbook.hash);
            Ok(runbook)
        }
        _ => Err(problems),
    }
}

/// A page with opsroom front matter, as the equivalent TOML file.
fn ours(
    file: &str,
    page: &Page,
    front: &front::Front,
    name: &str,
    problems: &mut Vec<Problem>,
) -> Option<Runbook> {
    let mut toml = front::Toml::default();
    for (key, value) in [
        ("name", name),
        ("title", page.title.as_deref().unwrap_or(name)),
    ] {
        if !front.has(key) {
            toml.line(1, &format!("{key} = {}", front::quoted(&plain(value))));
        }
    }
    for (line, problem) in &front.problems {
        let message = problem.clone();
        problems.push(Problem {
            file: file.to_owned(),
            line: *line,
            key: "front matter".to_owned(),
            message,
        });
    }
    for (line, text) in &front.lines {
        toml.line(*line, text);
    }
    for (line, message) in steps::write(page, &mut toml) {
        problems.push(Problem {
            file: file.to_owned(),
            line,
            key: String::new(),
            message,
        });
    }
    match file::parse(file, &toml.text) {
        Ok(mut runbook) => {
            let source = &mut runbook.definition.source;
            for line in [&mut source.name_line, &mut source.phrases_line] {
                *line = toml.line_of(*line);
            }
            source
                .call_lines
                .values_mut()
                .for_each(|line| *line = toml.line_of(*line));
            Some(runbook)
        }
        Err(found) => {
            problems.extend(found.into_iter().map(|p| Problem {
                line: toml.line_of(p.line),
                ..p
            }));
            None
        }
    }
}

#[cfg(test)]
mod tests;
