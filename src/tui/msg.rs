//! Messages to the console (`Msg`) and effects it requests (`Effect`), as plain data.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crossterm::event::KeyEvent;

use crate::bus::Notice;
use crate::core::base::time::Timestamp;
use crate::core::command::run_ref::RunRef;
use crate::core::command::{Catalogue, Parsed};
use crate::core::health::day::Day;
use crate::core::run::act::{Act, Acted};
use crate::core::run::artifact::Artifact;
use crate::core::run::compare::Comparison;
use crate::core::run::lockout::Lockout;
use crate::core::run::plan::{Plan, Target};
use crate::core::run::{AuditRow, Run, RunId};
use crate::core::stack::routine_edit::RoutineEdit;
use crate::logfile::log_view::LogRequest;
use crate::logfile::source::LogUpdate;

pub use super::terminal::sequence::{Mouse, MouseKind};
// Result types of the control API, re-exported so that panes do not depend on it.
pub use crate::control::routine::series::{ChartAsk, RoutineChart, RoutineSeries};
pub use crate::control::routine::{RoutineRow, RoutineSheet};
pub use crate::control::run::orders::Approval;
pub use crate::control::runbook::{RunbookRow, RunbookSheet};
pub use crate::control::{
    AuditFilter, ChosenRun, Difference, EnginePlace, HomeView, LeftOver, Overview, PlanCard,
    RunDetail, RunFilter, RunPage, not_listed,
};

/// A message to the console. Errors are the text of the refusal.
#[derive(Debug, Clone)]
pub enum Msg {
    Key(KeyEvent),
    /// Bracketed paste: text, never keys.
    Paste(String),
    /// Unbracketed text that came at once: never keys, but it may open the line it begins with.
    Burst(String),
    Resize(u16, u16),
    Focus(bool),
    Mouse(Mouse),
    /// The current time. The loop sends it before every batch of other messages, and at the
    /// interval of [`App::wants_tick`](super::app::App::wants_tick).
    Tick(Timestamp),
    Notice(Notice),
    /// Notices were lost: everything on screen has to be read again.
    Lagged,
    /// The result of [`Effect::Copy`]: a message for the operator.
    Copied(Result<String, String>),
    /// An event from a log's reader.
    File(Ticket, LogUpdate),
    /// A background task panicked; one line for the operator.
    Trouble(String),

    Overview(Result<Box<Overview>, String>),
    Catalogue(Result<Arc<Catalogue>, String>),
    /// Log files on this machine, the newest first.
    LogFiles(Vec<LogFile>),
    /// Number of runbooks read again.
    Reloaded(Result<usize, String>),
    Remembered(Result<Vec<String>, String>),
    /// The last day of all targets.
    Days(Result<HashMap<Target, Day>, String>),
    HomeView(Result<HomeView, String>),
    Detail(RunId, Result<Box<RunDetail>, String>),
    /// An artifact and its contents.
    Artifact(Result<Box<(Artifact, Vec<u8>)>, String>),
    Runs(Ticket, Result<RunPage, String>),
    Audit(Ticket, Result<Vec<AuditRow>, String>),
    Locks(Ticket, Result<Vec<Lockout>, String>),
    Compared(Ticket, Result<Box<Comparison>, String>),
    Routines(Ticket, Result<Vec<RoutineRow>, String>),
    Routine(Ticket, Result<Box<RoutineSheet>, String>),
    Chart(Ticket, Result<Box<RoutineChart>, String>),
    /// What an edit of a routine changes; the number is that of its request.
    RoutineDifference(Ticket, u64, Result<Box<Difference>, String>),
    /// The result of [`Effect::SaveRoutine`], with the number of the request.
    RoutineSaved(Ticket, u64, Result<(), String>),
    /// The routine of that name was deleted, or not.
    RoutineDeleted(String, Result<(), String>),
    Runbooks(Ticket, Result<Vec<RunbookRow>, String>),
    Runbook(Ticket, Result<Box<RunbookSheet>, String>),
    /// The result of [`Effect::FindRun`].
    FoundRun(Ticket, Result<ChosenRun, String>),
    /// A plan card, for the preview or for the card itself, depending on the ticket.
    Planned(Ticket, Result<Box<PlanCard>, String>),
    /// The locks that hold, and the runs and rules that block a plan.
    Blockers(Ticket, Result<(Vec<Lockout>, Vec<String>), String>),
    Submitted(Ticket, Result<Box<Run>, String>),
    /// The result of [`Effect::Act`].
    Acted(Option<Ticket>, Result<Vec<Acted>, Box<NotActed>>),
    /// Something was kept for the person: a line of the history, or the settings of home. Only
    /// failures are reported.
    Noted(Result<(), String>),
}

/// The act that was refused, and why; the acts after it were not tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotActed {
    pub act: Act,
    pub why: String,
}

/// A log file on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    pub path: String,
    pub bytes: u64,
    /// When it was last written.
    pub changed: Option<Timestamp>,
}

/// Matches an answer to its request; answers with an outdated ticket are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ticket(pub u64);

/// An effect requested by the console. Each one below `Copy` is answered by exactly one [`Msg`].
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Close the screen. Active runs continue; the loop's caller waits for them without a screen.
    Quit,
    /// Restore the terminal and stop until continued (Ctrl-Z).
    Suspend,
    /// Clear the screen and repaint everything.
    Redraw,
    /// Send a request to a log's reader, which answers with [`Msg::File`].
    File(Ticket, Box<LogRequest>),
    /// Open the log of a run, with the entries after `after`.
    OpenLog {
        ticket: Ticket,
        run: RunId,
        after: i64,
    },
    /// Open a log file; `~/` in front stands for the home folder.
    OpenFile {
        ticket: Ticket,
        path: PathBuf,
    },
    /// Close a log.
    CloseLog(Ticket),
    /// Notify the person, whose terminal has no focus: a run has ended or needs them.
    Notify(String),
    /// Turn the reports of the mouse on or off.
    Mouse(bool),
    /// Put the text on the clipboard; answered with [`Msg::Copied`] by the loop.
    Copy(String),

    Overview,
    Catalogue,
    /// List log files on this machine.
    LogFiles,
    /// Read the runbooks again; changes are also published as a notice.
    Reload,
    Remembered,
    Remember(String),
    /// The last day of all targets.
    Days,
    HomeView,
    KeepHomeView(HomeView),
    Detail(RunId),
    /// The contents of an artifact.
    Artifact {
        run: RunId,
        number: u32,
    },
    Runs {
        ticket: Ticket,
        filter: RunFilter,
    },
    /// Rows of the audit log.
    Audit {
        ticket: Ticket,
        filter: AuditFilter,
    },
    /// The locks that people have set.
    Locks(Ticket),
    /// Compare two runs.
    Compare {
        ticket: Ticket,
        runs: [RunId; 2],
    },
    /// All routines with their states.
    Routines(Ticket),
    /// One routine.
    Routine {
        ticket: Ticket,
        name: String,
    },
    /// The chart of a routine.
    Chart {
        ticket: Ticket,
        ask: ChartAsk,
    },
    /// What an edit of a routine changes in the stack.
    RoutineDifference {
        ticket: Ticket,
        number: u64,
        edit: Box<RoutineEdit>,
    },
    /// Make the change that was shown.
    SaveRoutine {
        ticket: Ticket,
        number: u64,
        difference: Box<Difference>,
    },
    DeleteRoutine(String),
    /// All runbooks with the newest run of each.
    Runbooks(Ticket),
    /// One runbook.
    Runbook {
        ticket: Ticket,
        name: String,
    },
    /// Find the run for a reference.
    FindRun {
        ticket: Ticket,
        reference: RunRef,
    },
    Plan {
        ticket: Ticket,
        parsed: Box<Parsed>,
        inputs: Vec<(String, String)>,
        raw_text: String,
    },
    /// The locks that hold now, and the runs and rules that block a plan now.
    Blockers {
        ticket: Ticket,
        plan: Box<Plan>,
    },
    Submit {
        ticket: Ticket,
        plan: Box<Plan>,
        typed: Option<String>,
    },
    /// Perform acts of the operator one after the other, until one is refused. `ticket`: of the card
    /// that waits for the result.
    Act {
        ticket: Option<Ticket>,
        acts: Vec<Act>,
    },
}

impl Effect {
    /// Performs one act.
    #[must_use]
    pub fn act(act: Act) -> Self {
        Self::Act {
            ticket: None,
            acts: vec![act],
        }
    }
}
