//! A run's log in a pane: the viewer in a frame, with the status on its edges.

use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::tui::keys::{Action, Table};
use crate::tui::pane::Reaction;
use crate::tui::view::canvas::Canvas;
use crate::tui::viewer::Viewer;

/// Paints the log in its frame. `title` names the run.
pub fn draw(
    log: Option<&Viewer>,
    title: Line<'_>,
    area: Rect,
    focused: bool,
    canvas: &mut Canvas<'_>,
) {
    let mark = log.map_or_else(Line::default, Viewer::mark);
    let inner = canvas.frame(area, title, &mark, focused);
    let Some(log) = log else {
        let theme = canvas.theme;
        let lines = [
            Line::raw("no run yet"),
            Line::styled("type : and a command, for example", theme.dim()),
            Line::styled("  : check staging", theme.dim()),
        ];
        return canvas.lines(inner, &lines);
    };
    log.paint_lines(inner, focused, canvas);
    if area.height > 2 && area.width > 8 {
        let edge = Rect {
            x: area.x + 2,
            y: area.bottom() - 1,
            width: area.width - 4,
            height: 1,
        };
        log.paint_edge(edge, focused, canvas);
    }
}

/// Actions that a pane passes on to its log.
#[must_use]
pub fn act(action: Action) -> Reaction {
    match action {
        Action::Find => Reaction::Log(Action::Search),
        Action::Leave => Reaction::Close,
        other if other.table() == Table::Global => Reaction::Ignored,
        other => Reaction::Log(other),
    }
}
