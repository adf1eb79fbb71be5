//! The views above home, one file each. A new view is a file, a variant here and a line in each `match` below.

pub mod health;
pub mod home;
pub mod log;
pub mod reader;
pub mod run;
pub mod runs;
pub mod service;
pub mod stack;

use ratatui::layout::Rect;

use self::reader::Reader;
use self::run::RunScreen;
use self::runs::RunsScreen;
use self::service::ServiceScreen;
use super::app::App;
use super::keys::{Action, Context};
use super::msg::{Effect, Overview};
use super::popup::Popup;
use super::view::canvas::Canvas;
use crate::core::run::RunId;
use crate::core::time::Timestamp;

/// A view opened over home.
#[derive(Debug, Clone)]
pub enum Screen {
    Service(ServiceScreen),
    Runs(Box<RunsScreen>),
    Run(Box<RunScreen>),
    Reader(Reader),
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
    Open(Destination),
    Popup(Box<Popup>),
}

/// Somewhere to go.
#[derive(Debug, Clone, PartialEq)]
pub enum Destination {
    Service(String),
    Run(RunId),
    Read { title: String, text: String },
}

impl Screen {
    /// Which keys are live in it.
    #[must_use]
    pub fn context(&self) -> Context {
        match self {
            Self::Service(_) | Self::Reader(_) => Context::List,
            Self::Runs(s) => s.context(),
            Self::Run(s) => s.context(),
        }
    }

    /// Performs an action of the focused part.
    pub fn act(&mut self, action: Action, scene: Scene<'_>) -> Reaction {
        match self {
            Self::Service(s) => s.act(action, scene),
            Self::Runs(s) => s.act(action, scene),
            Self::Run(s) => s.act(action, scene),
            Self::Reader(s) => s.act(action, scene),
        }
    }

    /// Esc: closes its innermost layer; false when it has none left.
    pub fn back(&mut self, scene: Scene<'_>) -> bool {
        match self {
            Self::Service(_) | Self::Reader(_) => false,
            Self::Runs(s) => s.back(),
            Self::Run(s) => s.back(scene),
        }
    }

    /// Text typed into its prompt.
    pub fn insert(&mut self, text: &str) {
        match self {
            Self::Service(_) | Self::Reader(_) => {}
            Self::Runs(s) => s.insert(text),
            Self::Run(s) => s.insert(text),
        }
    }

    /// Where one is, for the title line.
    #[must_use]
    pub fn crumb(&self) -> String {
        match self {
            Self::Service(s) => s.name.clone(),
            Self::Runs(_) => "runs".to_owned(),
            Self::Run(s) => format!("run {}", s.run),
            Self::Reader(s) => s.title.clone(),
        }
    }

    /// Paints it.
    pub fn draw(&self, app: &App, area: Rect, canvas: &mut Canvas<'_>) {
        match self {
            Self::Service(s) => s.draw(app, area, canvas),
            Self::Runs(s) => s.draw(app, area, canvas),
            Self::Run(s) => s.draw(app, area, canvas),
            Self::Reader(s) => s.draw(area, canvas),
        }
    }
}
