//! The page of an empty console: what this is, and what to type first.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::tui::msg::Overview;
use crate::tui::view::canvas::{Canvas, safe, wrapped};

/// What can be typed in a shell, and what it does.
const COMMANDS: [(&str, &str); 5] = [
    ("opsroom demo", "try everything on a simulated company"),
    ("opsroom init", "write a stack file of this machine"),
    (
        "opsroom apply FILE",
        "take over a stack file; shown at once",
    ),
    ("opsroom log FILE", "read a log file of any size"),
    ("opsroom help", "the manual"),
];

/// Whether there is nothing else to show: no service was ever declared, and nothing ran.
#[must_use]
pub fn applies(overview: &Overview) -> bool {
    overview.stack.services.is_empty() && overview.runs.is_empty()
}

/// Paints the page. It fits the smallest screen.
pub fn draw(overview: &Overview, area: Rect, canvas: &mut Canvas<'_>) {
    let theme = canvas.theme;
    let title = Span::styled(" Welcome ", theme.strong());
    let inner = canvas.pane(area, title.into(), &Line::default(), true);
    let workspace = match overview.workspace.as_str() {
        "" => "There is no workspace yet.".to_owned(),
        name => format!("Workspace {} has no services yet.", safe(name)),
    };
    let about = "opsroom shows services, their state, and acts on them.";
    let mut lines: Vec<Line<'_>> = [about, &format!("{workspace} In a shell:")]
        .into_iter()
        .flat_map(|sentence| wrapped(sentence, usize::from(inner.width)))
        .map(Line::raw)
        .collect();
    lines.push(Line::default());
    lines.extend(COMMANDS.map(|(command, does)| {
        Line::from(vec![
            Span::styled(format!("{command:<19}"), theme.strong()),
            Span::raw(does),
        ])
    }));
    canvas.lines(inner, &lines);
}
