//! Ordinary pages as guided runbooks: the order of the page is kept, every shell block asks first,
//! one that changes something requires typing the name of the page, values to fill in become
//! required inputs, and blocks that cannot be run here are shown with a question. A page without
//! such blocks is for reading.

use std::collections::{BTreeMap, BTreeSet};

use super::blocks::{Blocks, Handling, Piece, Ready};
use super::phases;
use crate::base::problem::Problem;
use crate::run::Phase;
use crate::run::artifact::ArtifactSpec;
use crate::run::plan::OnFailure;
use crate::run::response;
use crate::runbook::Runbook;
use crate::runbook::condition::Condition;
use crate::runbook::definition::{
    BlockOf, Definition, Does, Missing, Need, Origin, Source, StepTemplate,
};
use crate::runbook::input::{Input, InputKind};
use crate::runbook::page::{Block, Page};
use crate::runbook::page_name::plain;
use crate::runbook::scope::{self, KnownStep};
use crate::runbook::shell_block::{self, VALUE_PATTERN};
use crate::stack::shell::ShellCommand;

/// Longest text of a block in its question, in lines and letters.
const LINES: usize = 12;
const LETTERS: usize = 1_200;

/// The input for how long an endless command is followed.
const WATCH_FOR: &str = "watch_for";

/// Makes a runbook of a page.
pub(super) fn guided(file: &str, page: &Page, name: &str, problems: &mut Vec<Problem>) -> Runbook {
    let blocks = Blocks::read(page);
    for (line, message) in &blocks.mistakes {
        let message = message.clone();
        problems.push(Problem {
            file: file.to_owned(),
            line: *line,
            key: String::new(),
            message,
        });
    }
    let inputs = inputs(&blocks.pieces);
    let title = plain(page.title.as_deref().unwrap_or(name));
    let steps = steps(&blocks.pieces, name, &inputs);
    let runs = !steps.is_empty();
    let source = Source {
        file: file.to_owned(),
        name_line: 1,
        phrases_line: 1,
        call_lines: BTreeMap::new(),
    };
    Runbook {
        name: name.to_owned(),
        title: title.clone(),
        version: "page".to_owned(),
        // Its commands are not declared as read-only.
        mutates: runs,
        inputs: inputs
            .iter()
            .map(|i| (i.name.clone(), i.required))
            .collect(),
        definition: Definition {
            title,
            env: Need::Optional,
            services: Need::None,
            inputs,
            steps,
            source,
            origin: if runs {
                Origin::Guided
            } else {
                Origin::Reference
            },
            ..Definition::default()
        },
        ..Runbook::default()
    }
}

/// The input of a variable that no block sets.
fn input_of(variable: &str) -> String {
    let name = variable.trim_start_matches('_').to_lowercase();
    if name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name
    } else {
        format!("n{name}")
    }
}

fn inputs(pieces: &[Piece<'_>]) -> Vec<Input> {
    let mut names = BTreeSet::new();
    let mut endless = false;
    for piece in pieces {
        match &piece.does {
            Handling::Run(ready) => {
                names.extend(ready.inputs.iter().cloned());
                names.extend(ready.open.iter().map(|variable| input_of(variable)));
                endless |= ready.effect.endless.is_some();
            }
            Handling::ByHand { inputs, .. } => names.extend(inputs.iter().cloned()),
        }
    }
    let value = |name: String| {
        let text = InputKind::Text {
            pattern: Some(VALUE_PATTERN.to_owned()),
        };
        let kind = if shell_block::is_secret(&name) {
            InputKind::Secret
        } else {
            text
        };
        Input {
            name,
            kind,
            required: true,
            default: None,
        }
    };
    let mut inputs: Vec<Input> = names
        .into_iter()
        .filter(|name| !endless || name != WATCH_FOR)
        .map(value)
        .collect();
    if endless {
        inputs.push(Input {
            name: WATCH_FOR.to_owned(),
            kind: InputKind::Duration {
                min: Some(1_000),
                max: Some(600_000),
            },
            required: false,
            default: Some("30s".to_owned()),
        });
    }
    inputs
}

fn steps(pieces: &[Piece<'_>], name: &str, inputs: &[Input]) -> Vec<StepTemplate> {
    let parts: Vec<_> = pieces
        .iter()
        .map(|piece| phases::part_of(piece.block))
        .collect();
    let page = Shared::of(pieces, inputs);
    let mut steps = Vec::new();
    for ((number, piece), phase) in (1..).zip(pieces).zip(phases::of_page(&parts)) {
        let heading = piece.block.headings.last().map_or("block", String::as_str);
        let label = format!("{number} {}", plain(heading));
        let notes = Some(piece.notes.clone()).filter(|notes| !notes.is_empty());
        let block = piece.block;
        match &piece.does {
            Handling::Run(ready) => {
                let prompt = question(&label, block, ready, name);
                let word = ready.effect.change.as_ref().map(|_| name.to_owned());
                let ask = template(
                    format!("ask before block {number}"),
                    Does::Ask { prompt, word },
                );
                let runs = command(number, label, block, ready, &page);
                steps.extend([
                    StepTemplate {
                        phase,
                        notes,
                        ..ask
                    },
                    StepTemplate { phase, ..runs },
                ]);
            }
            Handling::ByHand { text, why, .. } => {
                let prompt = format!(
                    "Block {label} (line {}) is not run by opsroom: {why}.\n\n{}\n\nYes: it is done. No: leave it out.",
                    block.line,
                    quote(text, block)
                );
                let ask = template(format!("{label} by hand"), Does::Ask { prompt, word: None });
                steps.push(StepTemplate {
                    phase,
                    notes,
                    ..ask
                });
            }
        }
    }
    steps
}

fn question(label: &str, block: &Block, ready: &Ready, name: &str) -> String {
    let effect = &ready.effect;
    let mut more = Vec::new();
    if let Some(host) = &ready.host {
        more.push(format!(
            "The page shows it typed as {host}; it would run here."
        ));
    }
    // Filled in with the values of the inputs, like the commands.
    let given = |v: &String| format!("Here ${v} is ${{{}}}.", shell_block::variable(&input_of(v)));
    more.extend(
        ready
            .open
            .iter()
            .filter(|v| !shell_block::is_secret(&input_of(v)))
            .map(given),
    );
    if let Some(command) = &effect.endless {
        more.push(format!(
            "`{command}` never ends by itself: it is ended after {WATCH_FOR}."
        ));
    }
    if let Some(why) = &effect.change {
        more.push(format!("It {why}: to say yes, type `{name}` as the note."));
    }
    more.push("\"No\" leaves it out.".to_owned());
    format!(
        "Run block {label} (line {})?\n\n{}\n\n{}",
        block.line,
        quote(&ready.script, block),
        more.join(" ")
    )
}

/// Shared data of the blocks of a page.
struct Shared<'i> {
    inputs: &'i [Input],
    /// Variables that some block sets.
    variables: Vec<String>,
    /// Inputs that name secrets.
    secrets: Vec<String>,
    /// Variables that no block sets.
    open: BTreeSet<String>,
}

impl<'i> Shared<'i> {
    fn of(pieces: &[Piece<'_>], inputs: &'i [Input]) -> Self {
        let ready = || {
            pieces.iter().filter_map(|piece| match &piece.does {
                Handling::Run(ready) => Some(ready),
                Handling::ByHand { .. } => None,
            })
        };
        let variables: BTreeSet<String> = ready().flat_map(|r| r.sets.iter().cloned()).collect();
        let open = ready().flat_map(|r| r.open.iter().cloned()).collect();
        let secret = |input: &&Input| input.kind == InputKind::Secret;
        let secrets = inputs
            .iter()
            .filter(secret)
            .map(|input| format!("{{inputs.{}}}", input.name))
            .collect();
        Self {
            inputs,
            variables: variables.into_iter().collect(),
            secrets,
            open,
        }
    }
}

/// It stops at the first command that fails and at the first unset variable: an empty `$DIR` before
/// a slash could delete a whole disk.
fn command(
    number: usize,
    label: String,
    block: &Block,
    ready: &Ready,
    page: &Shared<'_>,
) -> StepTemplate {
    let is_open_secret = |variable: &&String| shell_block::is_secret(&input_of(variable));
    let secret = |variable: &String| {
        format!(
            "{variable}=\"${{{variable}-${{{}}}}}\"\n",
            shell_block::secret_variable(&input_of(variable))
        )
    };
    let own: String = page
        .open
        .iter()
        .filter(is_open_secret)
        .map(secret)
        .collect();
    let script = format!("set -eu\n{own}{}", ready.script);
    let command = match block.language.as_str() {
        shell @ ("bash" | "zsh") => {
            ShellCommand::Argv(vec![shell.to_owned(), "-c".to_owned(), script])
        }
        _ if ready.bash => ShellCommand::Argv(vec!["bash".to_owned(), "-c".to_owned(), script]),
        _ => ShellCommand::Script(script),
    };
    let plain = |variable: &&String| !shell_block::is_secret(&input_of(variable));
    let env = ready
        .open
        .iter()
        .filter(plain)
        .map(|v| (v.clone(), format!("{{inputs.{}}}", input_of(v))))
        .collect();
    let limit = ready.effect.endless.as_ref().map(|_| WATCH_FOR.to_owned());
    let block_of = BlockOf {
        variables: page.variables.clone(),
        limit,
    };
    let does = Does::Shell {
        command,
        dir: None,
        env,
        secrets: page.secrets.clone(),
        artifacts: ArtifactSpec::default(),
        block: Some(block_of),
    };
    let read_only = ready.effect.change.is_none();
    // A failed read-only block is a result too, and the next block asks before it runs.
    let on_failure = if read_only {
        OnFailure::Continue
    } else {
        OnFailure::Stop
    };
    StepTemplate {
        when: when(number, page.inputs),
        on_failure,
        idempotent: read_only,
        ..template(label, does)
    }
}

/// Condition: its question was answered with yes.
fn when(number: usize, inputs: &[Input]) -> Option<Condition> {
    let key = format!("ask_before_block_{number}");
    let known = KnownStep {
        key: key.clone(),
        saves: Vec::new(),
        order: (0, number),
        repeated: false,
        asks: true,
        response: response::manual(),
    };
    let scope = scope::late_types(inputs, &[known]);
    Condition::parse(&format!("steps.{key}.done"), &[], &scope).ok()
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
        links: BTreeMap::new(),
        undo: None,
        jump: None,
        items: None,
        bounds: None,
        notes: None,
    }
}

/// The commands as they are, indented; cut when they are long, with the line of the whole block.
fn quote(text: &str, block: &Block) -> String {
    let all: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let mut quoted: Vec<String> = Vec::new();
    for (at, line) in all.iter().enumerate() {
        if at == LINES || quoted.iter().map(String::len).sum::<usize>() + line.len() > LETTERS {
            quoted.push(format!(
                "  … {} more lines: see line {} of the page",
                all.len() - at,
                block.line + 1
            ));
            break;
        }
        quoted.push(format!("  {line}"));
    }
    quoted.join("\n")
}
