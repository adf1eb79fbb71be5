//! The intents: one file each and one line in [`ALL`].

mod ack_alert;
mod alerts;
mod approve;
mod audit;
mod backup;
mod calendar;
mod cancel_run;
mod compare;
mod costs;
mod declare_incident;
mod deploy;
mod filter;
mod freeze;
mod healthcheck;
mod help;
mod incident;
mod incidents;
mod list_runs;
mod note_incident;
mod oncall;
mod owner;
mod pause_routine;
mod pause_run;
mod quit;
mod reject;
mod renewals;
mod reset_breaker;
mod resolve_incident;
mod restart;
mod resume_routine;
mod resume_run;
mod retry_run;
mod rollback;
mod routines;
mod run_routine;
mod runbook;
mod scale;
mod schema_sync;
mod services;
mod set_field;
mod show_health;
mod show_run;
mod show_service;
mod silence_alert;
mod spec;
mod start_run;
mod stop_run;
mod tail_run;
mod unfreeze;

use super::reading::Reading;
use super::{ParseOutcome, Parsed};

/// Every intent, in display order. Where a phrase belongs to several, the named objects decide.
pub(super) const ALL: &[&Intent] = &[
    // plans
    &deploy::INTENT,
    &rollback::INTENT,
    &healthcheck::INTENT,
    &restart::INTENT,
    &scale::INTENT,
    &spec::INTENT,
    &incident::INTENT,
    &schema_sync::INTENT,
    &backup::INTENT,
    RUNBOOK,
    // actions
    &run_routine::INTENT,
    &pause_routine::INTENT,
    &resume_routine::INTENT,
    &start_run::INTENT,
    &cancel_run::INTENT,
    &stop_run::INTENT,
    &pause_run::INTENT,
    &retry_run::INTENT,
    &resume_run::INTENT,
    &ack_alert::INTENT,
    &silence_alert::INTENT,
    &declare_incident::INTENT,
    &resolve_incident::INTENT,
    &note_incident::INTENT,
    &freeze::INTENT,
    &unfreeze::INTENT,
    &approve::INTENT,
    &reject::INTENT,
    &reset_breaker::INTENT,
    &set_field::INTENT,
    // views
    &show_run::INTENT,
    &tail_run::INTENT,
    &list_runs::INTENT,
    &show_service::INTENT,
    &owner::INTENT,
    &renewals::INTENT,
    &costs::INTENT,
    &show_health::INTENT,
    &alerts::INTENT,
    &incidents::INTENT,
    &routines::INTENT,
    &services::INTENT,
    &audit::INTENT,
    &oncall::INTENT,
    &calendar::INTENT,
    &compare::INTENT,
    &filter::INTENT,
    &help::INTENT,
    &quit::INTENT,
];

/// The intent of runbooks that people wrote.
pub(super) const RUNBOOK: &Intent = &runbook::INTENT;

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
}

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
    TwoRuns,
    EnvOrServices,
    AlertOrServices,
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
