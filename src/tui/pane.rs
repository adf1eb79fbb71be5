//! The views opened over home, one file each. A new view needs a file and a line in `views!`.

pub mod health;
pub mod home;
pub mod log;
pub mod reader;
pub mod run;
pub mod runs;
pub mod service;
pub mod stack;
pub mod whole;

use ratatui::layout::Rect;

use self::reader::TextReader;
use self::run::RunScreen;
use self::runs::RunsScreen;
use self::service::ServiceScreen;
use self::whole::WholeLog;
use super::frame::Frame;
use super::keys::{Action, Context};
use super::logs::LogPane;
use super::msg::{Effect, Overview};
use super::popup::Popup;
use super::view::canvas::Canvas;
use crate::core::base::time::Timestamp;
use crate::core::run::RunId;

/// Declares the enum of all views and its access to them as [`View`].
macro_rules! views {
    ($($name:ident($screen:ty)),+ $(,)?) => {
        /// A view opened over home.
        #[derive(Debug, Clone)]
        pub enum Screen {
            $($name(Box<$screen>),)+
        }

        impl Screen {
            /// The view as a trait object.
            #[must_use]
            pub fn view(&self) -> &dyn View {
                match self {
                    $(Self::$name(screen) => &**screen,)+
                }
            }

            /// The same, mutable.
            pub fn view_mut(&mut self) -> &mut dyn View {
                match self {
                    $(Self::$name(screen) => &mut **screen,)+
                }
            }
        }
    };
}

views! {
    Service(ServiceScreen),
    Runs(RunsScreen),
    Run(RunScreen),
    TextReader(TextReader),
    Whole(WholeLog),
}

/// A view over home, with default behaviour.
pub trait View {
    /// The key context.
    fn context(&self) -> Context {
        Context::List
    }

    /// Performs an action of the focused part.
    fn act(&mut self, action: Action, scene: Scene<'_>) -> Reaction;

    /// Esc: closes its innermost layer; false if none is open.
    fn back(&mut self, _scene: Scene<'_>) -> bool {
        false
    }

    /// Types text into its prompt.
    fn insert(&mut self, _text: &str) {}

    /// The log it shows in `body`.
    fn log(&self, _body: Rect) -> Option<LogPane> {
        None
    }

    /// The requests to send now.
    fn ask(&mut self) -> Vec<Effect> {
        Vec::new()
    }

    /// Its data may have changed and has to be read again.
    fn invalidate(&mut self) {}

    /// The name of the view, for the title line.
    fn crumb(&self) -> String;

    /// Paints it.
    fn draw(&self, frame: Frame<'_>, area: Rect, canvas: &mut Canvas<'_>);
}

/// The data a view may read while it acts.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    pub overview: Option<&'a Overview>,
    pub now: Timestamp,
    /// The screen between title and command bar.
    pub body: Rect,
}

/// The result of an action.
#[derive(Debug, Clone)]
pub enum Reaction {
    /// The view does not handle it.
    Ignored,
    Done,
    Say(String),
    Ask(Effect),
    /// Perform this action in the log shown.
    Log(Action),
    /// Go to the first line of this step in the log shown.
    Step(u32),
    Open(Destination),
    /// Close the view.
    Close,
    Popup(Box<Popup>),
}

/// A view to open.
#[derive(Debug, Clone, PartialEq)]
pub enum Destination {
    Service(String),
    Run(RunId),
    /// Its log on the whole screen.
    Log(RunId),
    Read {
        title: String,
        text: String,
    },
}
