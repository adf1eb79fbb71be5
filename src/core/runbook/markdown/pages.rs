//! Ordinary pages as guided runbooks: the page's order is kept, every shell block asks first, a risky one wants the
//! page's name typed, what is left to fill in becomes a required input. A page without a shell block is for reading.

use std::collections::{BTreeMap, BTreeSet};

use super::output;
use super::{Part, part_of, plain};
use crate::core::artifact::Wanted;
use crate::core::plan::OnFailure;
use crate::core::run::Phase;
use crate::core::runbook::condition::Condition;
use crate::core::runbook::definition::{Definition, Does, Missing, Need, Origin, Source, StepTemplate};
use crate::core::runbook::guided::{self, Commands, VALUE_PATTERN};
use crate::core::runbook::input::{Input, InputKind};
use crate::core::runbook::page::{Block, Page};
use crate::core::runbook::scope::{self, KnownStep};
use crate::core::runbook::{Problem, Runbook};
use crate::core::service::ShellCommand;

/// Longest quote of a command in a question.
const QUOTE: usize = 200;

/// Makes a runbook of a page.
pub(super) fn guided(file: &str, page: &Page, name: &str, problems: &mut Vec<Problem>) -> Runbook {
    let mut blocks: Vec<(&Block, Commands)> = Vec::new();
    for block in page.blocks.iter().filter(|b| guided::is_shell(&b.language)) {
        let commands = guided::commands(&block.language, output::commands(block));
        for (at, message) in &commands.problems {
            let (line, message) = (block.line + 1 + at, message.clone());
            problems.push(Problem { file: file.to_owned(), line, key: String::new(), message });
        }
        if !commands.script.is_empty() {
            blocks.push((block, commands));
        }
    }
    let names: BTreeSet<&String> = blocks.iter().flat_map(|(_, c)| &c.placeholders).collect();
    let pattern = Some(VALUE_PATTERN.to_owned());
    let input = |name: &&String| Input {
        name: (*name).clone(),
        kind: InputKind::Text { pattern: pattern.clone() },
        required: true,
        default: None,
    };
    let inputs: Vec<Input> = names.iter().map(input).collect();
    let title = plain(page.title.as_deref().unwrap_or(name));
    let steps = steps(&blocks, name, &inputs);
    let runs = !steps.is_empty();
    let source = Source { file: file.to_owned(), name_line: 1, phrases_line: 1, call_lines: BTreeMap::new() };
    Runbook {
        name: name.to_owned(),
        title: title.clone(),
        version: "page".to_owned(),
        // Nobody has said that its commands change nothing.
        mutates: runs,
        inputs: inputs.iter().map(|i| (i.name.clone(), true)).collect(),
        definition: Definition {
            title,
            env: Need::Optional,
            services: Need::None,
            inputs,
            steps,
            source,
            origin: if runs { Origin::Guided } else { Origin::Reference },
            ..Definition::default()
        },
        ..Runbook::default()
    }
}

fn steps(blocks: &[(&Block, Commands)], name: &str, inputs: &[Input]) -> Vec<StepTemplate> {
    let mut phase = if blocks.iter().any(|(b, _)| part_of(b).is_some()) { Phase::Preflight } else { Phase::Action };
    let mut steps = Vec::new();
    for (number, (block, commands)) in (1..).zip(blocks) {
        // The order of the page is the order of the work: a phase never goes back.
        phase = match part_of(block) {
            Some(Part::In(own)) => phase.max(own),
            Some(Part::Rollback) => phase.max(Phase::Verify),
            None => phase,
        };
        let heading = block.headings.last().map_or("block", String::as_str);
        let label = format!("{number} {}", plain(heading));
        let ask = question(number, &label, block, commands, name);
        let work = command(number, label, block, commands, inputs);
        steps.extend([StepTemplate { phase, ..ask }, StepTemplate { phase, ..work }]);
    }
    steps
}

fn question(number: usize, label: &str, block: &Block, commands: &Commands, name: &str) -> StepTemplate {
    let risk = commands.risky.map(|why| format!(" It {why}: to say yes, type `{name}` as the note."));
    let prompt = format!(
        "Run block {label} (line {})? {}{} \"No\" leaves it out.",
        block.line,
        quote(&commands.script),
        risk.unwrap_or_default()
    );
    let word = commands.risky.map(|_| name.to_owned());
    let notes = Some(block.prose.clone()).filter(|prose| !prose.is_empty());
    StepTemplate { notes, ..template(format!("ask before block {number}"), Does::Ask { prompt, word }) }
}

/// It stops at the first command that fails and at the first variable nobody has set: an empty `$DIR` before a slash is
/// how disks are lost.
fn command(number: usize, label: String, block: &Block, commands: &Commands, inputs: &[Input]) -> StepTemplate {
    let script = format!("set -eu\n{}", commands.script);
    let command = match block.language.as_str() {
        shell @ ("bash" | "zsh") => ShellCommand::Argv(vec![shell.to_owned(), "-c".to_owned(), script]),
        _ => ShellCommand::Script(script),
    };
    let key = format!("ask_before_block_{number}");
    let known = KnownStep {
        key: key.clone(),
        saves: Vec::new(),
        order: (0, number),
        repeated: false,
        asks: true,
        response: scope::manual_response(),
    };
    let scope = scope::late_types(inputs, &[known]);
    let when = Condition::parse(&format!("steps.{key}.done"), &[], &scope).ok();
    StepTemplate {
        when,
        ..template(
            label,
            Does::Shell { command, dir: None, env: Vec::new(), secrets: Vec::new(), artifacts: Wanted::default() },
        )
    }
}

fn template(name: String, does: Does) -> StepTemplate {
    StepTemplate {
        key: scope::key_of(&name),
        name,
        phase: Phase::Action,
        does,
        timeout_ms: None,
        retry: None,
        on_failure: OnFailure::Stop,
        idempotent: false,
        sensitive: false,
        for_each: false,
        missing: Missing::default(),
        optional: false,
        when: None,
        expect: None,
        save: BTreeMap::new(),
        undo: None,
        jump: None,
        items: None,
        bounds: None,
        notes: None,
    }
}

/// The commands on one line, cut where they get long.
fn quote(script: &str) -> String {
    let lines: Vec<&str> = script.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).collect();
    let all = lines.join(" ⏎ ");
    let cut: String = all.chars().take(QUOTE).collect();
    if cut.len() < all.len() { format!("`{cut}…`") } else { format!("`{cut}`") }
}
