//! A run's log on the whole screen of the console: the viewer of logs as one of its views.

use jiff::tz::TimeZone;
use ratatui::layout::Rect;

use super::{Reaction, Scene, View};
use crate::core::run::{Run, RunId};
use crate::logfile::desk::Ask;
use crate::logfile::source::Told;
use crate::tui::app::App;
use crate::tui::keys::{Action, Context, Keymap, Table};
use crate::tui::msg::{Effect, Ticket};
use crate::tui::theme::Theme;
use crate::tui::view::canvas::Canvas;
use crate::tui::viewer::{Facts, Named, Viewer};

/// The log of a run being read. It is kept when it is left, so that whoever comes back finds place, search and filters.
#[derive(Debug, Clone)]
pub struct WholeLog {
    pub ticket: Ticket,
    pub run: RunId,
    /// It could not be opened.
    pub blank: bool,
    viewer: Viewer,
    opened: bool,
    size: Option<(u16, u16)>,
    /// What is wanted of the reader.
    wanted: Vec<Effect>,
}

impl WholeLog {
    /// Nothing is read yet. `known` gives the names of the steps.
    #[must_use]
    pub fn new(ticket: Ticket, run: RunId, known: Option<&Run>, keys: Keymap, theme: Theme, simulated: bool) -> Self {
        let steps = known.map(|run| run.plan.numbered().map(|(_, step)| step.name.clone()).collect());
        let named = Named { name: format!("run {run}"), steps: Some(steps.unwrap_or_default()) };
        let facts = Facts { files: vec![named], zone: TimeZone::system(), budget: None, simulated };
        let viewer = Viewer::new(ticket, facts, keys, theme);
        Self { ticket, run, blank: false, viewer, opened: false, size: None, wanted: Vec::new() }
    }

    /// What the reader told.
    pub fn told(&mut self, told: Told) {
        let effects = self.viewer.told(told);
        self.wanted.extend(effects);
    }

    /// It is left for now: nothing needs to be watched until somebody comes back.
    pub fn rest(&mut self) -> Effect {
        self.size = None;
        Effect::File(self.ticket, Box::new(Ask::Rest))
    }
}

impl View for WholeLog {
    fn context(&self) -> Context {
        self.viewer.context(Context::WholeLog)
    }

    fn act(&mut self, action: Action, scene: Scene<'_>) -> Reaction {
        self.viewer.hush();
        self.viewer.tick(scene.now);
        let free = self.context() == Context::WholeLog;
        match action {
            Action::Leave | Action::Fullscreen if free && self.viewer.closes_on_leave() => Reaction::Close,
            other if other.table() == Table::Global => Reaction::Ignored,
            other => {
                let effects = self.viewer.act(other);
                self.wanted.extend(effects);
                Reaction::Done
            }
        }
    }

    fn back(&mut self, _scene: Scene<'_>) -> bool {
        let effects = self.viewer.back();
        let inner = effects.is_some();
        self.wanted.extend(effects.into_iter().flatten());
        inner
    }

    fn insert(&mut self, text: &str) {
        self.viewer.insert(text);
    }

    fn ask(&mut self, body: Rect) -> Vec<Effect> {
        let mut effects = Vec::new();
        if !std::mem::replace(&mut self.opened, true) {
            effects.push(Effect::OpenLog { ticket: self.ticket, runs: vec![self.run] });
        }
        let size = (body.width, body.height);
        if self.size.replace(size) != Some(size) {
            effects.push(self.viewer.resize(size.0, size.1));
        }
        effects.append(&mut self.wanted);
        effects
    }

    fn draw(&self, _app: &App, body: Rect, canvas: &mut Canvas<'_>) {
        self.viewer.paint(body, canvas);
    }

    fn crumb(&self) -> String {
        format!("log of run {}", self.run)
    }
}
