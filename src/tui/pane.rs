//! The views above home, one file each. A new view is a file and a line in `views!`.

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

use self::reader::Reader;
use self::run::RunScreen;
use self::runs::RunsScreen;
use self::service::ServiceScreen;
use self::whole::WholeLog;
use super::app::App;
use super::app::logs::Place;
use super::keys::{Action, Context};
use super::msg::{Effect, Overview};
use super::popup::Popup;
use super::view::canvas::Canvas;
use crate::core::run::RunId;
use crate::core::time::Timestamp;

/// Lists the views: the closed set of them, and how any of them is reached as a [`View`].
macro_rules! views {
    ($($name:ident($screen:ty)),+ $(,)?) => {
        /// A view opened over home.
        #[derive(Debug, Clone)]
        pub enum Screen {
            $($name(Box<$screen>),)+
        }

        impl Screen {
            /// What every view can do.
            #[must_use]
            pub fn view(&self) -> &dyn View {
                match self {
                    $(Self::$name(screen) => &**screen,)+
                }
            }

            /// The same, to be changed.
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
    Reader(Reader),
    Whole(WholeLog),
}

/// A view over home: what it does when it has nothing special to do is said here.
pub trait View {
    /// Which keys are live in it.
    fn context(&self) -> Context {
        Context::List
    }

    /// Performs an action of the focused part.
    fn act(&mut self, action: Action, scene: Scene<'_>) -> Reaction;

    /// Esc: closes its innermost layer; false when it has none left.
    fn back(&mut self, _scene: Scene<'_>) -> bool {
        false
    }

    /// Text typed into its prompt.
    fn insert(&mut self, _text: &str) {}

    /// The log it shows, given the space it has.
    fn log(&self, _body: Rect) -> Option<Place> {
        None
    }

    /// What it wants to know.
    fn ask(&mut self) -> Vec<Effect> {
        Vec::new()
    }

    /// What it shows may have changed: it will ask again.
    fn touch(&mut self) {}

    /// Where one is, for the title line.
    fn crumb(&self) -> String;

    /// Paints it.
    fn draw(&self, app: &App, area: Rect, canvas: &mut Canvas<'_>);
}

/// What a view may look at while it acts.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    pub overview: Option<&'a Overview>,
    pub now: Timestamp,
    /// The screen between title and command bar.
    pub body: Rect,
}

/// What came of an action.
#[derive(Debug, Clone)]
pub enum Reaction {
    /// Not mine.
    Ignored,
    Done,
    Say(String),
    Ask(Effect),
    /// The log shown is to do this.
    Log(Action),
    /// The log shown is to go to the first line of this step.
    Step(u32),
    Open(Destination),
    /// Leave the view.
    Close,
    Popup(Box<Popup>),
}

/// Somewhere to go.
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
