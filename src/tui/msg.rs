//! What can happen to the console (`Msg`) and what it can ask for (`Effect`). Closed lists; nothing here is a closure.

use std::sync::Arc;

use crossterm::event::KeyEvent;

use crate::bus::Notice;
use crate::core::approval::Tally;
use crate::core::artifact::Artifact;
use crate::core::command::{Catalogue, Parsed};
use crate::core::orders::Order;
use crate::core::plan::Plan;
use crate::core::resume::Decision;
use crate::core::run::{AuditRow, Run, RunId, RunStatus};
use crate::core::run_ref::RunRef;
use crate::core::time::Timestamp;
use crate::logfile::desk::Ask;
use crate::logfile::source::Told;

// The values the door answers with, named here once so that panes need not know the door.
pub use crate::control::orders::Approval;
pub use crate::control::{
    AuditFilter, ChosenRun, EnginePlace, LeftOver, Overview, PlanCard, RunDetail, RunFilter, RunPage, not_listed,
};

/// Something happened. Results carry the refusal's text when it went wrong.
#[derive(Debug, Clone)]
pub enum Msg {
    Key(KeyEvent),
    /// Bracketed paste: text, never keys.
    Paste(String),
    /// Text that came at once without brackets: never keys, but it may open the line it begins with.
    Burst(String),
    Resize(u16, u16),
    Focus(bool),
    /// The present time. The loop sends one before every batch of other messages, and as often as
    /// [`App::wants_tick`](super::app::App::wants_tick) says.
    Tick(Timestamp),
    Notice(Notice),
    /// The listener fell behind the bus: everything on screen is to be read again.
    Lagged,
    /// What came of [`Effect::Copy`]: what to tell the operator.
    Copied(Result<String, String>),
    /// What the reader of a log tells.
    File(Ticket, Told),
    /// Something behind the screen failed (a background task panicked); one line for the operator.
    Trouble(String),

    Overview(Result<Box<Overview>, String>),
    Catalogue(Result<Arc<Catalogue>, String>),
    /// So many runbooks were read again.
    Reloaded(Result<usize, String>),
    Remembered(Result<Vec<String>, String>),
    Detail(RunId, Result<Box<RunDetail>, String>),
    /// An artifact and its contents.
    Artifact(Result<Box<(Artifact, Vec<u8>)>, String>),
    Runs(Ticket, Result<RunPage, String>),
    Audit(Ticket, Result<Vec<AuditRow>, String>),
    /// The run that was meant.
    FoundRun(Ticket, Result<ChosenRun, String>),
    /// A plan card, for the preview beside the bar or for the card itself; the ticket tells.
    Planned(Ticket, Result<Box<PlanCard>, String>),
    /// What stands in the way of a plan.
    InTheWay(Ticket, Result<Vec<String>, String>),
    Submitted(Ticket, Result<Box<Run>, String>),
    Cancelled(RunId, Result<RunStatus, String>),
    /// Queued runs were started, or dropped: how many, or why not all.
    StartedQueued(Result<usize, String>),
    DroppedQueued(Result<usize, String>),
    Answered(RunId, Result<(), String>),
    /// What came of an order.
    Ordered(RunId, Order, Result<RunStatus, String>),
    Resumed(RunId, Result<Box<Run>, String>),
    Voted(RunId, Result<Tally, String>),
    /// These breakers were closed, by name.
    BreakersReset(Result<Vec<String>, String>),
    /// The line was written to (or missing from) the history; only failure is told.
    Noted(Result<(), String>),
}

/// Ties an answer to the question it belongs to; answers with an outdated ticket are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ticket(pub u64);

/// Something the console wants done. Each of those below `Copy` is answered by exactly one [`Msg`].
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Leave the screen. Runs in hand go on; the loop's owner waits for them without a screen.
    Quit,
    /// Give the terminal back and stop until continued (Ctrl-Z).
    Suspend,
    /// Forget what is on screen and paint everything.
    Redraw,
    /// Ask the reader of a log; the answers are its own.
    File(Ticket, Box<Ask>),
    /// Begin to read the log of a run, from the entry after this one.
    OpenLog {
        ticket: Ticket,
        run: RunId,
        after: i64,
    },
    /// Nobody will come back to it.
    CloseLog(Ticket),
    /// Put the text on the clipboard; answered with [`Msg::Copied`] by the loop.
    Copy(String),

    Overview,
    Catalogue,
    /// Read the runbooks again; a notice tells what follows from it.
    Reload,
    Remembered,
    Remember(String),
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
    /// Which run is meant.
    FindRun {
        ticket: Ticket,
        meant: RunRef,
    },
    Plan {
        ticket: Ticket,
        parsed: Box<Parsed>,
        inputs: Vec<(String, String)>,
        raw_text: String,
    },
    /// What stands in the way of a plan as things are now.
    InTheWay {
        ticket: Ticket,
        plan: Box<Plan>,
    },
    Submit {
        ticket: Ticket,
        plan: Box<Plan>,
        typed: Option<String>,
    },
    /// Queue the plan of an ended run again.
    Retry {
        ticket: Ticket,
        run: RunId,
        typed: Option<String>,
        reason: Option<String>,
    },
    Cancel(RunId),
    /// Start runs that wait in the queue, in this order. `typed`: the word of their protected environment.
    StartQueued {
        runs: Vec<RunId>,
        typed: Option<String>,
    },
    /// Cancel them.
    DropQueued(Vec<RunId>),
    Order {
        run: RunId,
        order: Order,
        reason: Option<String>,
    },
    Resume {
        run: RunId,
        decision: Option<Decision>,
        reason: Option<String>,
    },
    ResetBreaker {
        target: String,
        env: Option<String>,
        reason: Option<String>,
    },
    Answer {
        run: RunId,
        step: u32,
        done: bool,
        note: Option<String>,
    },
    /// Yes or no to the step that waits for approval.
    Vote {
        run: RunId,
        approved: bool,
        note: Option<String>,
        plan_hash: String,
    },
}
