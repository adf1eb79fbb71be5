//! The blocks of an ordinary page: their kind, their effect, and their text for people.

use std::collections::BTreeSet;

use super::transcript::{self, Doubt, Fence};
use crate::runbook::effect::{self, Effect, Functions};
use crate::runbook::page::{Block, Page};
use crate::runbook::shell::{self, Variable};
use crate::runbook::shell_block;

/// A block that becomes a step.
#[derive(Debug)]
pub(super) struct Piece<'p> {
    pub block: &'p Block,
    pub does: Handling,
    /// The text of the page before it: prose, and fences that are not steps.
    pub notes: String,
}

/// Kind of a step of a page.
#[derive(Debug)]
pub(super) enum Handling {
    Run(Box<Ready>),
    /// Shown with a question: the text, why it is not run, and the inputs in it.
    ByHand {
        text: String,
        why: String,
        inputs: BTreeSet<String>,
    },
}

/// A block that can be run.
#[derive(Debug, Default)]
pub(super) struct Ready {
    pub script: String,
    pub effect: Effect,
    /// Inputs in the places of values to fill in.
    pub inputs: BTreeSet<String>,
    /// Variables it sets.
    pub sets: BTreeSet<String>,
    /// Variables it uses that no block before it sets.
    pub open: BTreeSet<String>,
    /// Machine and user of its prompts.
    pub host: Option<String>,
    pub bash: bool,
}

/// A shell that a block opened somewhere else.
struct Elsewhere<'p> {
    headings: &'p [String],
    line: usize,
    command: String,
}

/// A mistake at a place of the page.
pub(super) type Mistake = (usize, String);

/// Reads the blocks of a page in their order.
pub(super) struct Blocks<'p> {
    page: &'p Page,
    pub pieces: Vec<Piece<'p>>,
    pub mistakes: Vec<Mistake>,
    notes: String,
    set: BTreeSet<String>,
    functions: Functions,
    /// A file was read that may set any variable.
    unknown: bool,
    elsewhere: Option<Elsewhere<'p>>,
}

/// Longest text beside a step.
const NOTES: usize = 8_000;

impl<'p> Blocks<'p> {
    pub fn read(page: &'p Page) -> Self {
        let mut blocks = Self {
            page,
            pieces: Vec::new(),
            mistakes: Vec::new(),
            notes: String::new(),
            set: BTreeSet::new(),
            functions: Functions::default(),
            unknown: false,
            elsewhere: None,
        };
        page.blocks.iter().for_each(|block| blocks.block(block));
        let rest = std::mem::take(&mut blocks.notes);
        if let Some(last) = blocks.pieces.last_mut().filter(|_| !rest.is_empty()) {
            note(
                &mut last.notes,
                &format!("After it the page shows:\n{rest}"),
            );
        }
        blocks
    }

    fn block(&mut self, block: &'p Block) {
        note(&mut self.notes, &block.prose);
        let unclosed = self.page.unclosed.contains(&block.line);
        let shell = shell_block::is_shell(&block.language);
        let fence = match (shell, block.language.is_empty()) {
            (true, _) => transcript::read(block),
            (false, true) => untagged(block),
            (false, false) => Fence::Shown,
        };
        match fence {
            Fence::Shown if !unclosed || !shell => self.shown(block, 0, block.code.lines()),
            Fence::Shown => self.by_hand(block, "its fence is never closed".to_owned()),
            Fence::Unclear(doubt) if !unclosed => self.doubt(block, &doubt),
            Fence::Unclear(_) | Fence::Commands(_) if unclosed => {
                self.by_hand(
                    block,
                    "its fence is never closed, so what follows may not belong to it".to_owned(),
                );
            }
            Fence::Commands(typed) => self.commands(block, typed),
            Fence::Unclear(_) => {}
        }
    }

    fn shown<'l>(&mut self, block: &Block, from: usize, lines: impl Iterator<Item = &'l str>) {
        let text: Vec<&str> = lines.collect();
        if text.iter().any(|line| !line.trim().is_empty()) {
            let line = block.line + 1 + from;
            note(
                &mut self.notes,
                &format!("Shown on the page (line {line}):\n{}", text.join("\n")),
            );
        }
    }

    fn doubt(&mut self, block: &'p Block, doubt: &Doubt) {
        let line = block.line + 1 + doubt.line;
        if doubt.mistake {
            self.mistakes.push((
                line,
                format!("this block is shown and not run: {}", doubt.why),
            ));
        }
        self.by_hand(block, format!("{} (line {line})", doubt.why));
    }

    fn by_hand(&mut self, block: &'p Block, why: String) {
        let text = block.code.trim_end().to_owned();
        self.push(
            block,
            Handling::ByHand {
                text,
                why,
                inputs: BTreeSet::new(),
            },
        );
    }

    fn push(&mut self, block: &'p Block, does: Handling) {
        let notes = std::mem::take(&mut self.notes);
        self.pieces.push(Piece { block, does, notes });
    }

    fn commands(&mut self, block: &'p Block, typed: transcript::Typed) {
        let commands = shell_block::commands(&typed.script);
        if let Some((line, why)) = commands.problems.first() {
            return self.doubt(
                block,
                &Doubt {
                    line: *line,
                    why: why.clone(),
                    mistake: true,
                },
            );
        }
        // It parsed when the fence was read.
        let Ok(script) = shell::parse(&commands.script) else {
            return;
        };
        if let Some(elsewhere) = self
            .elsewhere
            .as_ref()
            .filter(|e| e.headings == block.headings)
        {
            let why = format!(
                "it may be meant for the shell that `{}` opens (line {}), not for this machine",
                elsewhere.command, elsewhere.line
            );
            return self.by_hand(block, why);
        }
        let effect = effect::of(&script, &self.functions);
        if let Some(command) = &effect.terminal {
            let why = format!("`{command}` wants a terminal: run it in one of yours");
            if effect.opens {
                self.elsewhere = Some(Elsewhere {
                    headings: &block.headings,
                    line: block.line,
                    command: command.clone(),
                });
            }
            let (text, inputs) = (commands.script.trim_end().to_owned(), commands.placeholders);
            return self.push(block, Handling::ByHand { text, why, inputs });
        }
        let mut ready = Ready {
            script: commands.script,
            effect,
            inputs: commands.placeholders,
            host: typed.host,
            bash: script.bash,
            ..Ready::default()
        };
        self.variables(&script.variables, &mut ready);
        self.functions.add(&script);
        self.push(block, Handling::Run(Box::new(ready)));
        let shown = typed.shown.iter().map(|(_, line)| line.as_str());
        let from = typed.shown.first().map_or(0, |(line, _)| *line);
        self.shown(block, from, shown);
    }

    fn variables(&mut self, events: &[Variable], ready: &mut Ready) {
        for event in events {
            match event {
                Variable::Set(name) => {
                    ready.sets.insert(name.clone());
                    self.set.insert(name.clone());
                }
                Variable::Used(name) => {
                    let known = self.set.contains(name) || is_customary(name);
                    if !known && !self.unknown {
                        ready.open.insert(name.clone());
                    }
                }
                Variable::Unknown => self.unknown = true,
            }
        }
    }
}

/// A fence without a tag: with prompts or commands in it, it is shown with a question.
fn untagged(block: &Block) -> Fence {
    let as_console = Block {
        language: "console".to_owned(),
        ..block.clone()
    };
    match transcript::read(&as_console) {
        Fence::Commands(_) => Fence::Unclear(Doubt {
            line: 0,
            why: "its fence has no tag, like `sh`, that says what it is".to_owned(),
            mistake: false,
        }),
        Fence::Unclear(doubt) if doubt.mistake => Fence::Shown,
        other => other,
    }
}

/// Adds to notes, within their length.
fn note(notes: &mut String, text: &str) {
    let text = text.trim_end();
    if text.trim().is_empty() || notes.len() > NOTES {
        return;
    }
    if !notes.is_empty() {
        notes.push_str("\n\n");
    }
    let room = NOTES.saturating_sub(notes.len());
    let end = text.char_indices().map(|(at, _)| at).find(|at| *at >= room);
    match end {
        Some(end) => notes.extend([&text[..end], "…\n(the rest is on the page)"]),
        None => notes.push_str(text),
    }
}

/// Variables that a shell or a login sets.
fn is_customary(name: &str) -> bool {
    const NAMES: [&str; 47] = [
        "HOME",
        "USER",
        "LOGNAME",
        "PATH",
        "PWD",
        "OLDPWD",
        "SHELL",
        "TERM",
        "LANG",
        "HOSTNAME",
        "RANDOM",
        "SECONDS",
        "UID",
        "EUID",
        "PPID",
        "IFS",
        "TMPDIR",
        "EDITOR",
        "VISUAL",
        "PAGER",
        "KUBECONFIG",
        "DISPLAY",
        "LINENO",
        "REPLY",
        "FUNCNAME",
        "PIPESTATUS",
        "OPTARG",
        "OPTIND",
        "COLUMNS",
        "LINES",
        "OSTYPE",
        "MACHTYPE",
        "HOSTTYPE",
        "GROUPS",
        "DIRSTACK",
        "EPOCHSECONDS",
        "SHLVL",
        "GOPATH",
        "JAVA_HOME",
        "VIRTUAL_ENV",
        "SUDO_USER",
        "MAIL",
        "PS1",
        "CI",
        "COMP_WORDS",
        "EPOCHREALTIME",
        "_",
    ];
    const BEGIN: [&str; 9] = [
        "LC_",
        "SSH_",
        "XDG_",
        "AWS_",
        "GOOGLE_",
        "CLOUDSDK_",
        "AZURE_",
        "BASH",
        "OPSROOM_",
    ];
    NAMES.contains(&name) || BEGIN.iter().any(|begin| name.starts_with(begin))
}
