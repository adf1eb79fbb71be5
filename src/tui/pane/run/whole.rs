//! A run's log on the whole screen of the console; the same log as in the panes.

use ratatui::layout::Rect;

use crate::core::run::RunId;
use crate::tui::frame::Frame;
use crate::tui::keys::{Action, Context, Table};
use crate::tui::logs::LogPane;
use crate::tui::pane::{Opening, Reaction, Scene, View};
use crate::tui::view::canvas::Canvas;

/// The full-screen log of a run.
#[derive(Debug, Clone, Copy)]
pub struct WholeLog {
    run: RunId,
}

impl WholeLog {
    /// The log of a run.
    #[must_use]
    pub const fn open(run: RunId, _: &Opening<'_>) -> Self {
        Self { run }
    }
}

impl View for WholeLog {
    fn context(&self) -> Context {
        Context::WholeLog
    }

    fn act(&mut self, action: Action, _scene: Scene<'_>) -> Reaction {
        act(action)
    }

    fn log(&self, body: Rect) -> Option<LogPane> {
        Some(LogPane {
            log: self.run.into(),
            area: body,
            framed: false,
            focused: true,
        })
    }

    fn draw(&self, frame: Frame<'_>, body: Rect, canvas: &mut Canvas<'_>) {
        if let Some(log) = frame.logs.get(self.run) {
            log.paint(body, canvas);
        }
    }

    fn env(&self, frame: Frame<'_>) -> Option<String> {
        frame.run_of(self.run)?.env.clone()
    }

    fn crumb(&self) -> String {
        format!("log of run {}", self.run)
    }
}

/// Performs an action in a log on the whole screen.
#[must_use]
pub fn act(action: Action) -> Reaction {
    match action {
        Action::Leave | Action::Fullscreen => Reaction::Close,
        other if other.table() == Table::Global => Reaction::Ignored,
        other => Reaction::Log(other),
    }
}
