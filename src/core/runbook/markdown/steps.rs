//! The blocks of a page with front matter of ours, written as `[[step]]` tables: shell and http fences; the heading gives
//! the phase, the info string the attributes, the prose the notes.

use std::collections::HashSet;
use std::fmt::Write;

use super::front::{Toml, quoted};
use super::{Part, part_of, plain};
use crate::core::run::Phase;
use crate::core::runbook::guided;
use crate::core::runbook::page::{Block, Page};

/// Attributes of an info string that are keys of a step, all texts.
const ATTRIBUTES: [&str; 8] = ["name", "timeout", "on_failure", "when", "expect", "dir", "phase", "notes"];

/// Writes the steps; what is wrong, with its line.
pub(super) fn write(page: &Page, toml: &mut Toml) -> Vec<(usize, String)> {
    let mut problems = Vec::new();
    let mut names = HashSet::new();
    let (undo, steps): (Vec<&Block>, Vec<&Block>) =
        page.blocks.iter().filter(|b| is_step(b)).partition(|b| part_of(b) == Some(Part::Rollback));
    let first_action = steps.iter().position(|b| phase_of(b) == Phase::Action);
    if let (Some(block), None) = (undo.first(), first_action) {
        problems.push((block.line, "there is no action step before it that could be rolled back".to_owned()));
    }
    for (at, block) in steps.iter().enumerate() {
        let undo = undo.as_slice();
        let undo = if Some(at) == first_action { undo } else { &[] };
        step(block, undo, toml, &mut names, &mut problems);
    }
    problems
}

/// A fence that is a step: a shell's with a command in it, or a request.
fn is_step(block: &Block) -> bool {
    block.language == "http" || (guided::is_shell(&block.language) && !script(block).trim().is_empty())
}

fn script(block: &Block) -> String {
    guided::commands(&block.language, &block.code).script
}

fn phase_of(block: &Block) -> Phase {
    match part_of(block) {
        Some(Part::In(phase)) => phase,
        Some(Part::Rollback) | None => Phase::Action,
    }
}

fn step(
    block: &Block,
    undo: &[&Block],
    toml: &mut Toml,
    names: &mut HashSet<String>,
    problems: &mut Vec<(usize, String)>,
) {
    let line = block.line;
    let (mut attributes, idempotent) = attributes(block, problems);
    if !attributes.iter().any(|(key, _)| key == "name") {
        let heading = block.headings.last().map_or_else(|| format!("block at line {line}"), |h| plain(h));
        let mut name = heading.clone();
        let mut n = 2;
        while names.contains(&name) {
            name = format!("{heading} ({n})");
            n += 1;
        }
        attributes.push(("name".to_owned(), name));
    }
    names.extend(attributes.iter().filter(|(key, _)| key == "name").map(|(_, name)| name.clone()));
    if !attributes.iter().any(|(key, _)| key == "phase") {
        attributes.push(("phase".to_owned(), phase_of(block).name().to_owned()));
    }
    if !block.prose.is_empty() && !attributes.iter().any(|(key, _)| key == "notes") {
        attributes.push(("notes".to_owned(), block.prose.clone()));
    }
    toml.line(line, "[[step]]");
    for (key, value) in attributes {
        toml.line(line, &format!("{key} = {}", quoted(&value)));
    }
    if idempotent {
        toml.line(line, "idempotent = true");
    }
    if let Some(work) = work(block, problems) {
        toml.line(line, &work);
    }
    if let Some(first) = undo.first() {
        match undo_of(undo, problems) {
            Some(work) => toml.line(first.line, &format!("undo = {{ {work} }}")),
            None => problems.push((first.line, "a rollback is made of shell blocks, or of one request".to_owned())),
        }
    }
}

/// `shell = …` or `http = …`.
fn work(block: &Block, problems: &mut Vec<(usize, String)>) -> Option<String> {
    if block.language == "http" {
        return http(block).map_err(|why| problems.push((block.line, why))).ok();
    }
    let commands = guided::commands(&block.language, &block.code);
    for (at, why) in commands.problems {
        problems.push((block.line + 1 + at, why));
    }
    Some(if block.language == "bash" {
        format!("shell = [\"bash\", \"-c\", {}]", quoted(&commands.script))
    } else {
        format!("shell = {}", quoted(&commands.script))
    })
}

/// All rollback blocks are one undo, in their order: it stops at the first command that fails.
fn undo_of(blocks: &[&Block], problems: &mut Vec<(usize, String)>) -> Option<String> {
    if let [one] = blocks {
        return work(one, problems);
    }
    let all_shell = blocks.iter().all(|b| guided::is_shell(&b.language));
    let script: String = blocks.iter().map(|b| script(b)).collect();
    all_shell.then(|| format!("shell = {}", quoted(&format!("set -e\n{script}"))))
}

/// `METHOD URL`, headers, an empty line, the body.
fn http(block: &Block) -> Result<String, String> {
    let mut lines = block.code.lines();
    let first = lines.next().unwrap_or("");
    let mut words = first.split_whitespace();
    let (Some(method), Some(url)) = (words.next(), words.next()) else {
        return Err("an http block begins with a method and a URL, like `GET https://…`".to_owned());
    };
    let mut headers = Vec::new();
    for line in lines.by_ref().take_while(|line| !line.trim().is_empty()) {
        let (name, value) =
            line.split_once(':').ok_or_else(|| format!("{line:?} is not a header like `Accept: text/plain`"))?;
        headers.push(format!("{} = {}", quoted(name.trim()), quoted(value.trim())));
    }
    let body: Vec<&str> = lines.collect();
    let mut toml = format!("http = {{ method = {}, url = {}", quoted(method), quoted(url));
    if !headers.is_empty() {
        let _ = write!(toml, ", headers = {{ {} }}", headers.join(", ")); // writing to a String cannot fail
    }
    let body = body.join("\n");
    if !body.trim().is_empty() {
        let _ = write!(toml, ", body = {}", quoted(body.trim_end()));
    }
    Ok(toml + " }")
}

/// `name="check disk" timeout=30s idempotent`.
fn attributes(block: &Block, problems: &mut Vec<(usize, String)>) -> (Vec<(String, String)>, bool) {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut idempotent = false;
    let mut rest = block.info.trim().trim_start_matches('{').trim_end_matches('}').trim_start();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(rest.len());
        let (key, tail) = rest.split_at(end);
        let Some(value) = tail.strip_prefix('=') else {
            match key {
                "idempotent" => idempotent = true,
                _ => problems.push((block.line, unknown(key))),
            }
            rest = tail.trim_start();
            continue;
        };
        let (value, tail) = match value.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            Some(quote) => if let Some(parts) = value[1..].split_once(quote) { parts } else {
                problems.push((block.line, format!("the quote after {key}= is never closed")));
                return (found, idempotent);
            },
            None => value.split_at(value.find(char::is_whitespace).unwrap_or(value.len())),
        };
        if !ATTRIBUTES.contains(&key) {
            problems.push((block.line, unknown(key)));
        } else if found.iter().any(|(k, _)| k == key) {
            problems.push((block.line, format!("{key} stands there twice")));
        } else {
            found.push((key.to_owned(), value.to_owned()));
        }
        rest = tail.trim_start();
    }
    (found, idempotent)
}

fn unknown(key: &str) -> String {
    format!("unknown attribute {key:?}; known are {}, idempotent", ATTRIBUTES.join(", "))
}
