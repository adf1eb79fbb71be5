//! A run's log in a pane: the viewer below a rule, with its status on the rule and on its last row.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::core::base::time::Timestamp;
use crate::core::run::{RunId, RunStatus};
use crate::tui::frame::Frame;
use crate::tui::keys::{Action, Table};
use crate::tui::pane::{Reaction, stack};
use crate::tui::theme::Theme;
use crate::tui::view::canvas::Canvas;
use crate::tui::view::layout;
use crate::tui::viewer::Viewer;

/// `◇ silent 2 m `, for the title of a run's log.
#[must_use]
pub fn silence(
    frame: Frame<'_>,
    run: RunId,
    status: RunStatus,
    started: Option<Timestamp>,
) -> Option<Span<'static>> {
    let text = format!(
        "◇ silent {} ",
        stack::short_age(frame.silence(run, status, started)?)
    );
    Some(Span::styled(text, frame.theme.attention()))
}

/// The area of the lines below a rule: the last row of a log with focus is for its status.
#[must_use]
pub fn below_rule(area: Rect, focused: bool) -> Rect {
    let below = layout::below_rule(area);
    let height = below.height.saturating_sub(u16::from(focused));
    Rect { height, ..below }
}

/// Paints the log below a rule. `title` names the run. The status of a log without focus, if it has
/// one, takes the end of the last line.
pub fn draw(
    log: Option<&Viewer>,
    title: Line<'_>,
    area: Rect,
    focused: bool,
    canvas: &mut Canvas<'_>,
) {
    let mark = log.map_or_else(Line::default, Viewer::mark);
    let below = canvas.rule(area, title, &mark, focused);
    let Some(log) = log else {
        return canvas.lines(below, &nothing(canvas.theme));
    };
    log.paint_lines(below_rule(area, focused), focused, canvas);
    if below.height > 1 {
        let edge = Rect {
            y: below.bottom() - 1,
            height: 1,
            ..below
        };
        log.paint_edge(edge, focused, canvas);
    }
}

fn nothing(theme: Theme) -> [Line<'static>; 3] {
    [
        Line::raw("no run yet"),
        Line::styled("type : and a command, for example", theme.dim()),
        Line::styled("  : check staging", theme.dim()),
    ]
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
