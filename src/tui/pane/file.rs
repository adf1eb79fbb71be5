//! A log file on the whole screen of the console.

use std::path::{Path, PathBuf};

use ratatui::layout::Rect;

use crate::tui::frame::Frame;
use crate::tui::keys::{Action, Context};
use crate::tui::logs::{LogId, LogPane};
use crate::tui::msg::Ticket;
use crate::tui::pane::run::whole;
use crate::tui::pane::{Opening, Reaction, Scene, View};
use crate::tui::view::canvas::{Canvas, safe};

/// The view of a log file.
#[derive(Debug, Clone)]
pub struct FileLog {
    path: PathBuf,
    ticket: Ticket,
}

impl FileLog {
    /// The file with this path; `~/` stands for the home folder.
    #[must_use]
    pub fn open(path: String, opening: &Opening<'_>) -> Self {
        Self {
            path: path.into(),
            ticket: opening.ticket,
        }
    }
}

impl View for FileLog {
    fn context(&self) -> Context {
        Context::WholeLog
    }

    fn act(&mut self, action: Action, _scene: Scene<'_>) -> Reaction {
        whole::act(action)
    }

    fn log(&self, body: Rect) -> Option<LogPane> {
        Some(LogPane {
            log: LogId::File(self.ticket),
            area: body,
            framed: false,
            focused: true,
        })
    }

    fn file(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn draw(&self, frame: Frame<'_>, body: Rect, canvas: &mut Canvas<'_>) {
        if let Some(log) = frame.logs.get(LogId::File(self.ticket)) {
            log.paint(body, canvas);
        }
    }

    fn crumb(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        safe(&name.to_string_lossy())
    }
}
