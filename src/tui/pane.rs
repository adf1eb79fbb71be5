//! The views opened over home, one file each. A new view needs a file, its destination and a line in
//! `views!`: nothing else names it.

pub mod file;
pub mod health;
pub mod reader;
pub mod routine;
pub mod run;
pub mod runbook;
pub mod stack;
pub mod welcome;

use std::path::Path;
use std::time::Duration;

use ratatui::layout::{Position, Rect};

use self::file::FileLog;
use self::reader::TextReader;
use self::routine::RoutineScreen;
use self::routine::chart::ChartScreen;
use self::routine::form::RoutineForm;
use self::routine::list::RoutinesScreen;
use self::run::RunScreen;
use self::run::runs::RunsScreen;
use self::run::whole::WholeLog;
use self::runbook::RunbookScreen;
use self::runbook::list::RunbooksScreen;
use self::stack::service::ServiceScreen;
pub use super::destination::Destination;
use super::facts::Facts;
use super::frame::Frame;
use super::keys::{Action, Context};
use super::logs::{LogPane, Logs};
use super::msg::{Effect, Msg, Overview, Ticket};
use super::popup::Popup;
use super::view::canvas::Canvas;
use crate::core::base::time::Timestamp;
use crate::core::run::{Run, RunId};

impl Screen {
    /// The menu of kinds for a new routine, or why there is none.
    #[must_use]
    pub fn new_routine(scene: Scene<'_>, read_only: bool) -> Reaction {
        routine::form::new(scene, read_only)
    }

    /// The form for a routine of the stack, or why there is none.
    #[must_use]
    pub fn edit_routine(name: &str, scene: Scene<'_>, read_only: bool) -> Reaction {
        routine::form::edit(name, scene, read_only)
    }
}

/// Declares the views: each has a destination with its data, which opens it (`open` of its type), and
/// is seen as a [`View`].
macro_rules! views {
    ($(
        $name:ident { $($field:ident),* } => $view:ty
    ),+ $(,)?) => {
        /// A view opened over home.
        #[derive(Debug, Clone)]
        pub enum Screen {
            $($name(Box<$view>),)+
        }

        impl Screen {
            /// Opens the view of a destination; nothing is read yet.
            #[must_use]
            pub fn open(destination: Destination, opening: &Opening<'_>) -> Self {
                match destination {
                    $(Destination::$name { $($field),* } => {
                        Self::$name(Box::new(<$view>::open($($field,)* opening)))
                    })+
                }
            }

            /// The view as a trait object.
            #[must_use]
            pub fn view(&self) -> &dyn View {
                match self {
                    $(Self::$name(view) => &**view,)+
                }
            }

            /// The same, mutable.
            pub fn view_mut(&mut self) -> &mut dyn View {
                match self {
                    $(Self::$name(view) => &mut **view,)+
                }
            }
        }
    };
}

views! {
    Service { name, env } => ServiceScreen,
    Runs { filter } => RunsScreen,
    Run { run, act } => RunScreen,
    Read { title, lines } => TextReader,
    Routines {} => RoutinesScreen,
    Routine { name } => RoutineScreen,
    Chart { name } => ChartScreen,
    RoutineForm { name, text, stack } => RoutineForm,
    Runbooks {} => RunbooksScreen,
    Runbook { name } => RunbookScreen,
    Log { run } => WholeLog,
    File { path } => FileLog,
}

/// What a view may keep of the console when it is opened.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// For its requests; no other view has it.
    pub ticket: Ticket,
    pub facts: &'a Facts,
    /// The screen between title and command bar; it may change later.
    pub body: Rect,
}

/// A view, with default behaviour. It sends its own requests and receives its own answers.
pub trait View {
    /// The key context.
    fn context(&self) -> Context {
        Context::Reader
    }

    /// Performs an action of the focused part.
    fn act(&mut self, action: Action, scene: Scene<'_>) -> Reaction;

    /// Esc: closes its innermost layer; false if none is open.
    fn back(&mut self, _scene: Scene<'_>) -> bool {
        false
    }

    /// The question to ask before it is left, if something in it would be lost.
    fn before_leaving(&self) -> Option<Popup> {
        None
    }

    /// Gives focus to the pane under the mouse; a click also selects the row there. True if that is
    /// something to open.
    fn point(&mut self, _at: Position, _pointing: Pointing, _scene: Scene<'_>) -> bool {
        false
    }

    /// Types text into its prompt.
    fn insert(&mut self, _text: &str, _scene: Scene<'_>) {}

    /// The log it shows in `body`.
    fn log(&self, _body: Rect) -> Option<LogPane> {
        None
    }

    /// The log file it shows.
    fn file(&self) -> Option<&Path> {
        None
    }

    /// Whether it reads the run itself.
    fn reads(&self, _run: RunId) -> bool {
        false
    }

    /// The run, if it has read it.
    fn known(&self, _run: RunId) -> Option<&Run> {
        None
    }

    /// The orders its list can have: key, description, and which one it has now.
    fn orders(&self) -> (Vec<(char, &'static str)>, usize) {
        (Vec::new(), 0)
    }

    /// Shows the list in one of these orders; the same again reverses it.
    fn set_order(&mut self, _order: usize, _scene: Scene<'_>) -> Reaction {
        Reaction::Ignored
    }

    /// On screen: goes to the destination itself; false if that needs another view.
    fn go_to(&mut self, _destination: &Destination) -> bool {
        false
    }

    /// On screen: how often it reads again what other processes write without a notice;
    /// none: what it shows is announced.
    fn reads_every(&self) -> Option<Duration> {
        None
    }

    /// The requests to send now.
    fn wants(&mut self) -> Vec<Effect> {
        Vec::new()
    }

    /// Takes what concerns it of a message: an answer to its request, or a notice. All open views
    /// get every message; only the one on screen is asked for its reaction.
    fn receive(&mut self, _msg: &Msg, _delivery: Delivery<'_>) -> Reaction {
        Reaction::Ignored
    }

    /// Its data may have changed and has to be read again.
    fn invalidate(&mut self) {}

    /// The environment it is about, if there is one.
    fn env(&self, _frame: Frame<'_>) -> Option<String> {
        None
    }

    /// The name of the view, for the title line.
    fn crumb(&self) -> String;

    /// Paints it.
    fn draw(&self, frame: Frame<'_>, area: Rect, canvas: &mut Canvas<'_>);
}

/// What the mouse does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pointing {
    Click,
    Wheel,
}

/// The data a view may read while it acts.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    pub overview: Option<&'a Overview>,
    pub now: Timestamp,
    /// The screen between title and command bar.
    pub body: Rect,
}

/// The data a view may read while it receives a message.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// What has keyboard focus instead of the view on screen.
    pub cover: Cover,
    pub logs: &'a Logs,
    pub now: Timestamp,
}

/// What is open over the view on screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cover {
    Nothing,
    Bar,
    Popup,
}

/// The result of an action, or of a message.
#[derive(Debug, Clone)]
pub enum Reaction {
    /// The view does not handle it.
    Ignored,
    Done,
    Say(String),
    /// Show this as an error.
    Fail(String),
    Ask(Effect),
    /// Perform this action in the log shown.
    Log(Action),
    /// Go to the first line of this step in the log shown.
    Step(u32),
    Open(Destination),
    /// Put this text into the command bar, which runs nothing by itself.
    Type(String),
    /// Close the view.
    Close,
    Popup(Popup),
}
