//! The intents: three tables, and one line each in [`ALL`].

mod actions;
mod plans;
pub(super) mod views;

use super::reading::Reading;
use super::{CommandAct, ParseOutcome, Parsed, ViewCommand};
use crate::base::time::Timestamp;

/// Every intent, in display order. Where a phrase belongs to several, the named objects decide.
pub(super) const ALL: &[&Intent] = &[
    // plans
    &plans::DEPLOY,
    &plans::ROLLBACK,
    &plans::HEALTHCHECK,
    &plans::RESTART,
    &plans::SCALE,
    &plans::SPEC,
    &plans::INCIDENT,
    &plans::SCHEMA_SYNC,
    &plans::BACKUP,
    RUNBOOK,
    // actions
    &actions::RUN_ROUTINE,
    &actions::PAUSE_ROUTINE,
    &actions::RESUME_ROUTINE,
    &actions::START_RUN,
    &actions::CANCEL_RUN,
    &actions::STOP_RUN,
    &actions::PAUSE_RUN,
    &actions::RETRY_RUN,
    &actions::GO_ON_RUN,
    &actions::RETRY_FAILED_TARGETS,
    &actions::RESUME_RUN,
    &actions::ACK_ALERT,
    &actions::SILENCE_ALERT,
    &actions::DECLARE_INCIDENT,
    &actions::RESOLVE_INCIDENT,
    &actions::NOTE_INCIDENT,
    &actions::FREEZE,
    &actions::UNFREEZE,
    &actions::APPROVE,
    &actions::REJECT,
    &actions::LOCK,
    &actions::UNLOCK,
    &actions::LOCK_RUNBOOK,
    &actions::UNLOCK_RUNBOOK,
    &actions::NOTE_RUN,
    &actions::LINK_RUN,
    &actions::RESET_BREAKER,
    &actions::SET_FIELD,
    // views
    &views::SHOW_RUN,
    &views::TAIL_RUN,
    &views::OPEN_FILE,
    &views::LIST_RUNS,
    &views::SHOW_SERVICE,
    &views::OWNER,
    &views::DEPENDENCIES,
    &views::NEEDS,
    &views::RENEWALS,
    &views::COSTS,
    &views::SHOW_HEALTH,
    &views::ALERTS,
    &views::INCIDENTS,
    &views::ROUTINES,
    &views::ROUTINE_CHART,
    &views::EDIT_ROUTINE,
    &views::NEW_ROUTINE,
    &views::SERVICES,
    &views::AUDIT,
    &views::LOCKS,
    &views::ONCALL,
    &views::CALENDAR,
    &views::COMPARE,
    &views::RUNBOOKS,
    &views::SHOW_RUNBOOK,
    &views::WHOAMI,
    &views::FILTER,
    &views::HELP,
    &views::QUIT,
];

/// The intent of runbooks that people wrote.
pub(super) const RUNBOOK: &Intent = &plans::RUNBOOK;

/// Intents that other rules of the language are about.
pub(super) const CANCEL_RUN: &Intent = &actions::CANCEL_RUN;
pub(super) const GO_ON_RUN: &Intent = &actions::GO_ON_RUN;
pub(super) const PAUSE_ROUTINE: &Intent = &actions::PAUSE_ROUTINE;
pub(super) const COMPARE: &Intent = &views::COMPARE;
pub(super) const DEPLOY: &Intent = &plans::DEPLOY;
pub(super) const HEALTHCHECK: &Intent = &plans::HEALTHCHECK;
pub(super) const HELP: &Intent = &views::HELP;
pub(super) const OWNER: &Intent = &views::OWNER;
pub(super) const ROUTINES: &Intent = &views::ROUTINES;
pub(super) const SERVICES: &Intent = &views::SERVICES;
pub(super) const SPEC: &Intent = &plans::SPEC;
pub(super) const SHOW_HEALTH: &Intent = &views::SHOW_HEALTH;
pub(super) const SHOW_RUN: &Intent = &views::SHOW_RUN;
pub(super) const SHOW_SERVICE: &Intent = &views::SHOW_SERVICE;

/// Runbook kinds with an intent of their own name.
pub(super) const BUILT_IN: &[&str] = &[
    "deploy",
    "rollback",
    "healthcheck",
    "restart",
    "scale",
    "spec",
    "incident",
    "schema_sync",
    "backup",
];

/// A kind of command: what it takes, what it needs, how it is restated.
#[derive(Debug)]
pub(super) struct Intent {
    pub name: &'static str,
    /// Whether this version can do it. An unavailable intent is understood and refused, never
    /// completed or suggested.
    pub available: bool,
    pub outcome: ParseOutcome,
    pub mutates: bool,
    /// How it is typed, for lists of readings and for help.
    pub form: &'static str,
    /// Required slots, in the order they are asked for.
    pub needs: &'static [Need],
    /// Objects it understands.
    pub takes: &'static [Object],
    /// Inputs it understands; `key=value` of any other is refused.
    pub inputs: &'static [&'static str],
    /// Objects that select it among intents with the same phrase; none: it is the default.
    pub wants: &'static [Object],
    pub free: Free,
    /// The intent to take instead when an environment or a service was named.
    pub with_objects: Option<&'static Intent>,
    /// Reads the slots of this intent alone, before the common ones.
    pub read: fn(&mut Reading<'_>),
    /// The canonical sentence.
    pub restate: fn(&Parsed) -> String,
    /// Makes the act of a command; none: it is no act, or not available.
    pub act: Option<MakeAct>,
    /// What it shows; none: it shows nothing, or is not available.
    pub view: Option<ViewCommand>,
}

/// Makes the act of a parsed command, at this time; the error is what is wrong with the command.
pub(super) type MakeAct = fn(&Parsed, Timestamp) -> Result<CommandAct, String>;

impl Intent {
    /// Default values of an intent.
    const BLANK: Self = Self {
        name: "",
        available: true,
        outcome: ParseOutcome::View,
        mutates: false,
        form: "",
        needs: &[],
        takes: &[],
        inputs: &[],
        wants: &[],
        free: Free::None,
        with_objects: None,
        read: |_| (),
        restate: |_| String::new(),
        act: None,
        view: None,
    };

    /// The intent of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().copied().find(|i| i.name == name)
    }

    /// The name in words: "run routine".
    pub fn label(&self) -> String {
        self.name.replace('_', " ")
    }

    pub fn takes_object(&self, object: Object) -> bool {
        self.takes.contains(&object)
    }
}

impl PartialEq for Intent {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// A required slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Env,
    Services,
    Routine,
    Run,
    Runbook,
    TwoRuns,
    EnvOrServices,
    AlertOrServices,
    RoutineOrServices,
    Input(&'static str),
}

/// Something a command can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Object {
    Env,
    Service,
    Routine,
    Run,
    Runbook,
    Department,
    Alert,
    Incident,
}

/// Where text goes that is neither slot nor filler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Free {
    /// Nowhere: it was not understood.
    None,
    /// Quoted text fills this input, other words were not understood.
    Quoted(&'static str),
    /// The words left over after the slots fill this input.
    Notes(&'static str),
    /// All words after the verb are this input, whatever they mean elsewhere; "then" and a verb end
    /// it.
    Text(&'static str),
    /// Like `Text`, but only a closed quotation ends it: text about a chain is not a chain.
    Everything(&'static str),
}

impl Free {
    /// The input that takes any text.
    pub const fn text(self) -> Option<&'static str> {
        match self {
            Self::Text(input) | Self::Everything(input) => Some(input),
            _ => None,
        }
    }
}
