//! The blocks of a page with opsroom front matter, converted to `[[step]]` tables: shell, http, sql
//! and step fences. The heading gives the phase, the info string the attributes, the prose the
//! notes.

use std::collections::HashSet;
use std::fmt::Write;

use super::front::{Toml, quoted};
use super::phases::{Part, part_of};
use super::transcript::{self, Fence};
use crate::base::toml_doc::{Section, parse};
use crate::run::Phase;
use crate::runbook::page::{Block, Page};
use crate::runbook::page_name::plain;
use crate::runbook::shell_block;

/// Attributes of an info string that are keys of a step, all texts.
const ATTRIBUTES: [&str; 9] = [
    "name",
    "timeout",
    "on_failure",
    "when",
    "expect",
    "dir",
    "phase",
    "notes",
    "database",
];
/// Attributes without a value.
const FLAGS: [&str; 2] = ["idempotent", "mutates"];

/// Writes the steps; returns the problems with their lines.
pub(super) fn write(page: &Page, toml: &mut Toml) -> Vec<(usize, String)> {
    let mut problems = Vec::new();
    for block in page
        .blocks
        .iter()
        .filter(|b| shell_block::is_shell(&b.language))
    {
        typed(block, &mut problems);
    }
    for block in page
        .blocks
        .iter()
        .filter(|b| b.language == "sql" && !is_step(b))
    {
        let message = "this sql block names no database, so nothing would run it: write `sql database=NAME`, or `text` if it \
                       is there to be read";
        problems.push((block.line, message.to_owned()));
    }
    let mut names = HashSet::new();
    let (undo, steps): (Vec<&Block>, Vec<&Block>) = page
        .blocks
        .iter()
        .filter(|b| is_step(b))
        .partition(|b| part_of(b) == Some(Part::Rollback));
    let first_action = steps.iter().position(|b| phase_of(b) == Phase::Action);
    if let (Some(block), None) = (undo.first(), first_action) {
        problems.push((
            block.line,
            "there is no action step before it that could be rolled back".to_owned(),
        ));
    }
    for (at, block) in steps.iter().enumerate() {
        let undo = undo.as_slice();
        let undo = if Some(at) == first_action { undo } else { &[] };
        step(block, undo, toml, &mut names, &mut problems);
    }
    problems
}

/// Whether a fence is a step: shell text with a command, a request, a statement for a named
/// database, or the keys of a step as in a TOML file.
fn is_step(block: &Block) -> bool {
    let statement = block.language == "sql" && block.info.contains("database=");
    statement
        || ["http", "step"].contains(&block.language.as_str())
        || (shell_block::is_shell(&block.language) && !script(block).trim().is_empty())
}

fn script(block: &Block) -> String {
    shell_block::commands(&typed(block, &mut Vec::new())).script
}

/// The commands of a shell block; none when it only shows something.
fn typed(block: &Block, problems: &mut Vec<(usize, String)>) -> String {
    match transcript::read(block) {
        Fence::Commands(typed) => typed.script,
        Fence::Shown => String::new(),
        Fence::Unclear(doubt) => {
            let message = format!(
                "{}; write it without a prompt, or mark it as `text`",
                doubt.why
            );
            problems.push((block.line + 1 + doubt.line, message));
            String::new()
        }
    }
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
    let Attributes { mut texts, flags } = attributes(block, problems);
    let database = texts
        .iter()
        .position(|(key, _)| key == "database")
        .map(|at| texts.remove(at).1);
    if database.is_some() && block.language != "sql" {
        problems.push((line, "database= is only for sql blocks".to_owned()));
    }
    let mutates = flags.contains(&"mutates");
    if mutates && block.language != "sql" {
        problems.push((line, "mutates is only for sql blocks".to_owned()));
    }
    if block.language == "step" {
        own_keys(block, &mut texts);
    }
    if !texts.iter().any(|(key, _)| key == "name") {
        let heading = block
            .headings
            .last()
            .map_or_else(|| format!("block at line {line}"), |h| plain(h));
        let mut name = heading.clone();
        let mut n = 2;
        while names.contains(&name) {
            name = format!("{heading} ({n})");
            n += 1;
        }
        texts.push(("name".to_owned(), name));
    }
    names.extend(
        texts
            .iter()
            .filter(|(key, _)| key == "name")
            .map(|(_, name)| name.clone()),
    );
    if !texts.iter().any(|(key, _)| key == "phase") {
        texts.push(("phase".to_owned(), phase_of(block).name().to_owned()));
    }
    if !block.prose.is_empty() && !texts.iter().any(|(key, _)| key == "notes") {
        texts.push(("notes".to_owned(), block.prose.clone()));
    }
    toml.line(line, "[[step]]");
    let sets = |key: &str| block.language == "step" && has_key(block, key);
    for (key, value) in texts.iter().filter(|(key, _)| !sets(key)) {
        toml.line(line, &format!("{key} = {}", quoted(value)));
    }
    if flags.contains(&"idempotent") {
        toml.line(line, "idempotent = true");
    }
    // Before the keys of the block itself: they may end in a table.
    if let Some(first) = undo.first() {
        match undo_of(undo, problems) {
            Some(work) => toml.line(first.line, &format!("undo = {{ {work} }}")),
            None => problems.push((
                first.line,
                "a rollback is made of shell blocks, or of one request".to_owned(),
            )),
        }
    }
    match block.language.as_str() {
        "step" => block
            .code
            .lines()
            .zip(line + 1..)
            .for_each(|(text, line)| toml.line(line, text)),
        _ => {
            if let Some(work) = work(block, problems) {
                toml.line(line, &work);
            }
        }
    }
}

/// `shell = …` or `http = …`.
fn work(block: &Block, problems: &mut Vec<(usize, String)>) -> Option<String> {
    if block.language == "http" {
        return http(block)
            .map_err(|why| problems.push((block.line, why)))
            .ok();
    }
    if block.language == "sql" {
        let Attributes { texts, flags } = attributes(block, &mut Vec::new());
        let database = texts
            .iter()
            .find(|(key, _)| key == "database")
            .map_or("", |(_, name)| name);
        let (database, statement) = (quoted(database), quoted(&block.code));
        return Some(format!(
            "sql = {{ database = {database}, statement = {statement}, mutates = {} }}",
            flags.contains(&"mutates")
        ));
    }
    let commands = shell_block::commands(&typed(block, &mut Vec::new()));
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
    let all_shell = blocks.iter().all(|b| shell_block::is_shell(&b.language));
    let script: String = blocks.iter().map(|b| script(b)).collect();
    all_shell.then(|| format!("shell = {}", quoted(&format!("set -e\n{script}"))))
}

/// `METHOD URL`, headers, an empty line, the body.
fn http(block: &Block) -> Result<String, String> {
    let mut lines = block.code.lines();
    let first = lines.next().unwrap_or("");
    let mut words = first.split_whitespace();
    let (Some(method), Some(url)) = (words.next(), words.next()) else {
        return Err(
            "an http block begins with a method and a URL, like `GET https://…`".to_owned(),
        );
    };
    let mut headers = Vec::new();
    for line in lines.by_ref().take_while(|line| !line.trim().is_empty()) {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| format!("{line:?} is not a header like `Accept: text/plain`"))?;
        headers.push(format!(
            "{} = {}",
            quoted(name.trim()),
            quoted(value.trim())
        ));
    }
    let body: Vec<&str> = lines.collect();
    let mut toml = format!(
        "http = {{ method = {}, url = {}",
        quoted(method),
        quoted(url)
    );
    if !headers.is_empty() {
        // writing to a String cannot fail
        let _ = write!(toml, ", headers = {{ {} }}", headers.join(", "));
    }
    let body = body.join("\n");
    if !body.trim().is_empty() {
        let _ = write!(toml, ", body = {}", quoted(body.trim_end()));
    }
    Ok(toml + " }")
}

/// The attributes of an info string.
#[derive(Default)]
struct Attributes {
    texts: Vec<(String, String)>,
    flags: Vec<&'static str>,
}

/// The name and phase that a `step` block sets itself, so that none is generated.
fn own_keys(block: &Block, texts: &mut Vec<(String, String)>) {
    let (table, _) = parse("", &block.code);
    for key in ["name", "phase", "notes"] {
        if let Some(text) = Section::root(&table).peek(key) {
            texts.retain(|(k, _)| k != key);
            texts.push((key.to_owned(), text.to_owned()));
        }
    }
}

fn has_key(block: &Block, key: &str) -> bool {
    let (table, _) = parse("", &block.code);
    Section::root(&table).has(key)
}

/// `name="check disk" timeout=30s idempotent`.
fn attributes(block: &Block, problems: &mut Vec<(usize, String)>) -> Attributes {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut flags = Vec::new();
    let mut rest = block
        .info
        .trim()
        .trim_start_matches('{')
        .trim_end_matches('}')
        .trim_start();
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| c.is_whitespace() || c == '=')
            .unwrap_or(rest.len());
        let (key, tail) = rest.split_at(end);
        let Some(value) = tail.strip_prefix('=') else {
            match FLAGS.into_iter().find(|flag| *flag == key) {
                Some(flag) => flags.push(flag),
                None => problems.push((block.line, unknown(key))),
            }
            rest = tail.trim_start();
            continue;
        };
        let (value, tail) = match value.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            Some(quote) => {
                let Some(parts) = value[1..].split_once(quote) else {
                    problems.push((
                        block.line,
                        format!("the quote after {key}= is never closed"),
                    ));
                    return Attributes {
                        texts: found,
                        flags,
                    };
                };
                parts
            }
            None => value.split_at(value.find(char::is_whitespace).unwrap_or(value.len())),
        };
        if !ATTRIBUTES.contains(&key) {
            problems.push((block.line, unknown(key)));
        } else if found.iter().any(|(k, _)| k == key) {
            problems.push((block.line, format!("{key} is there twice")));
        } else {
            found.push((key.to_owned(), value.to_owned()));
        }
        rest = tail.trim_start();
    }
    Attributes {
        texts: found,
        flags,
    }
}

fn unknown(key: &str) -> String {
    format!(
        "unknown attribute {key:?}; known are {}, {}",
        ATTRIBUTES.join(", "),
        FLAGS.join(", ")
    )
}
