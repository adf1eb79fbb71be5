//! The definition of a runbook, after reading and checking its file.

use std::collections::BTreeMap;

use super::condition::Condition;
use super::input::Input;
use super::statement::Statement;
use crate::expr::Expr;
use crate::integration::notify::Message;
use crate::integration::product;
use crate::run::Phase;
use crate::run::artifact::ArtifactSpec;
use crate::run::concurrency::Policy;
use crate::run::plan::{OnFailure, Retry, RiskLevel};
use crate::run::priority::Priority;
use crate::run::step::approve::Approve;
use crate::stack::service::{HttpRequest, Verb};
use crate::stack::shell::ShellCommand;
use crate::words;

/// A checked runbook file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Definition {
    /// Title of its plans, with placeholders: `deploy {services} → {env}`.
    pub title: String,
    /// Canonical phrase of its plans, with placeholders.
    pub restatement: Option<String>,
    /// Total deadline as declared.
    pub timeout_ms: Option<i64>,
    pub priority: Priority,
    pub concurrency: Option<Group>,
    pub env: Need,
    pub services: Need,
    pub inputs: Vec<Input>,
    pub risks: Vec<RiskRule>,
    pub steps: Vec<StepTemplate>,
    pub finally: Vec<StepTemplate>,
    pub source: Source,
    /// Its origin.
    pub origin: Origin,
}

/// The group of its runs, of which one is active at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// With placeholders.
    pub name: String,
    pub policy: Policy,
}

/// Kind of the file of a runbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Origin {
    /// Written for opsroom.
    #[default]
    Runbook,
    /// An ordinary Markdown page: every shell block asks before it runs.
    Guided,
    /// A Markdown page without a shell block: there is nothing to run.
    Reference,
}

/// Where a runbook was read from, for messages about it beside others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    pub file: String,
    /// Line of its name.
    pub name_line: usize,
    /// Line of its phrases.
    pub phrases_line: usize,
    /// Step names that call other runbooks, with their lines.
    pub call_lines: BTreeMap<String, usize>,
}

impl Definition {
    /// Every step, undo steps included.
    pub fn all_steps(&self) -> impl Iterator<Item = &StepTemplate> {
        self.steps
            .iter()
            .chain(&self.finally)
            .flat_map(|s| std::iter::once(s).chain(s.undo.as_deref()))
    }

    /// The runbooks it calls: name of the step and of the runbook.
    pub fn calls(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all_steps().filter_map(|s| match &s.does {
            Does::Runbook { name, .. } => Some((s.name.as_str(), name.as_str())),
            _ => None,
        })
    }

    /// The verb it exists for: decides which services are meant when none was named.
    #[must_use]
    pub fn main_verb(&self) -> Option<Verb> {
        let verbs = || {
            self.steps
                .iter()
                .filter(|s| s.missing == Missing::Block)
                .filter_map(|s| Some((s.phase, s.verb()?)))
        };
        verbs()
            .find(|(phase, _)| *phase == Phase::Action)
            .or_else(|| verbs().next())
            .map(|(_, verb)| verb)
    }
}

words! {
    /// Whether an environment or services must be given.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub enum Need {
        Required = "required",
        /// Left out, it means all of them.
        Optional = "optional",
        /// It takes none.
        #[default]
        None = "none",
    }
}

/// A risk every plan of the runbook carries, or those that meet a condition.
#[derive(Debug, Clone, PartialEq)]
pub struct RiskRule {
    pub level: RiskLevel,
    pub code: String,
    pub message: String,
    pub when: Option<Condition>,
}

/// A step before it has a target and inputs.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent keys of a step, as files write them"
)]
#[derive(Debug, Clone, PartialEq)]
pub struct StepTemplate {
    pub name: String,
    /// Its name in expressions: `steps.KEY`.
    pub key: String,
    pub phase: Phase,
    pub does: Does,
    /// Deadline of one attempt; absent: that of the kind or the action.
    pub timeout_ms: Option<i64>,
    pub retry: Option<Retry>,
    pub on_failure: OnFailure,
    pub idempotent: bool,
    /// Its output and saved values are not stored.
    pub sensitive: bool,
    /// Once per service and environment.
    pub for_each: bool,
    /// Reaction to a service without the action.
    pub missing: Missing,
    /// For a question: "no" is a valid answer.
    pub optional: bool,
    /// Left out of the plan unless this holds; skipped in the run when it uses values only the run
    /// knows.
    pub when: Option<Condition>,
    /// Condition on its answer.
    pub expect: Option<Expr>,
    /// Values of its answer that later steps may use.
    pub save: BTreeMap<String, Expr>,
    /// Addresses of its answer to keep as links of the run, by their titles.
    pub links: BTreeMap<String, Expr>,
    /// Its undo step.
    pub undo: Option<Box<StepTemplate>>,
    /// The step to go on at when it fails.
    pub jump: Option<String>,
    /// Once per item of a list.
    pub items: Option<Items>,
    pub bounds: Option<Bounds>,
    /// Its notes in the runbook.
    pub notes: Option<String>,
}

/// The list a step is repeated over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Items {
    Listed(Vec<String>),
    /// The list input of this name.
    Input(String),
}

/// How a repeated step runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub max_concurrency: u32,
    pub max_errors: Tolerance,
}

/// How many items may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tolerance {
    Count(u32),
    /// Of all items, rounded down.
    Percent(u32),
}

impl Tolerance {
    /// The most that may fail of a number of items.
    #[must_use]
    pub fn of(self, items: usize) -> u32 {
        match self {
            Self::Count(n) => n,
            Self::Percent(p) => {
                u32::try_from(items.saturating_mul(usize::try_from(p).unwrap_or(0)) / 100)
                    .unwrap_or(0)
            }
        }
    }
}

impl StepTemplate {
    /// The verb of a `use` step.
    #[must_use]
    pub const fn verb(&self) -> Option<Verb> {
        match self.does {
            Does::Use(verb) => Some(verb),
            _ => None,
        }
    }
}

/// The work of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Does {
    /// The target service's own action for the verb.
    Use(Verb),
    Http(HttpRequest),
    Shell {
        command: ShellCommand,
        dir: Option<String>,
        /// Variables of its own, with placeholders.
        env: Vec<(String, String)>,
        /// Secrets it gets, by name or as `{inputs.NAME}` of an input of type secret.
        secrets: Vec<String>,
        /// Its artifact files, with placeholders.
        artifacts: ArtifactSpec,
        /// For a block of a page: how it belongs together with the others.
        block: Option<BlockOf>,
    },
    Wait(i64),
    Manual(String),
    /// The approval of others, within a number of milliseconds.
    Approve {
        ask: Approve,
        within_ms: Option<i64>,
    },
    /// A question before a guided block: "no" leaves the block out; a risky one needs the word
    /// typed.
    Ask {
        prompt: String,
        word: Option<String>,
    },
    /// Another runbook, with the inputs it gets.
    Runbook {
        name: String,
        inputs: Vec<(String, String)>,
    },
    Document {
        title: String,
        body: Body,
    },
    Sql {
        /// Name of a database, with placeholders.
        database: String,
        statement: Statement,
        mutates: bool,
        max_rows: u32,
    },
    Notify {
        /// Name of a notifier, with placeholders.
        to: String,
        /// Its texts with placeholders.
        message: Message,
    },
    /// An operation of a product.
    Adapter {
        operation: String,
        args: BTreeMap<String, Given>,
    },
}

/// A shell block of a page: one session carries variables and folder from block to block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlockOf {
    /// Variables that blocks of the page set.
    pub variables: Vec<String>,
    /// The input for how long a command that never ends by itself is run.
    pub limit: Option<String>,
}

impl Does {
    /// Whether it declares that it changes things; the effect of a command or a request cannot be
    /// known.
    #[must_use]
    pub fn mutates(&self) -> bool {
        match self {
            Self::Sql { mutates, .. } => *mutates,
            Self::Adapter { operation, .. } => {
                product::find(operation).is_ok_and(|(_, o)| o.mutates())
            }
            _ => false,
        }
    }
}

/// The value of an operation's argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// With placeholders.
    Text(String),
    /// The text of the document step of this name.
    Document(String),
}

/// Where the text of a document comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Written in the runbook, with placeholders.
    Text(String),
    /// The specification of the subject `inputs.subject`, from the facts of the stack.
    Spec,
    /// An incident report about the targets, from the facts of the stack.
    Incident,
}

words! {
    /// Reaction to a service that lacks the action of a `use` step.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub enum Missing {
        /// The plan cannot start.
        #[default]
        Block = "block",
        /// The step is left out, and the plan says so.
        Warn = "warn",
        /// The step is left out.
        Skip = "skip",
    }
}
