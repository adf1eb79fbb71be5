//! The health score and its derivation, or why it is unknown.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::core::base::time::{Timestamp, age};
use crate::core::health::check::score::Score;
use crate::tui::frame::Frame;
use crate::tui::msg::Overview;
use crate::tui::theme::{Theme, health_label};
use crate::tui::view::canvas::{Canvas, safe, wrapped};
use crate::tui::view::layout;

/// Paints the pane.
/// `top`: the first line shown.
pub fn draw(frame: Frame<'_>, top: usize, area: Rect, focused: bool, canvas: &mut Canvas<'_>) {
    let theme = canvas.theme;
    let score = frame.overview.and_then(|o| o.score.as_ref());
    let mut title = vec![Span::styled(" Health ", theme.strong())];
    if let Some(score) = score {
        let (symbol, word) = health_label(score.health);
        let value = score
            .value
            .map_or_else(|| "–".to_owned(), |v| v.to_string());
        title.push(Span::styled(
            format!("{value} {symbol} {word} "),
            theme.health(score.health),
        ));
    } else {
        title.push(Span::styled("– ? unknown ", theme.strong()));
    }
    let all = lines(frame.overview, frame.now, theme, layout::columns(area));
    let top = top.min(all.len().saturating_sub(layout::rows(area)));
    let mark = layout::position(top, layout::rows(area), all.len());
    let inner = canvas.frame(area, Line::from(title), &mark.into(), focused);
    canvas.lines(inner, all.iter().skip(top));
}

/// The derivation, worst first, wrapped to `width`.
#[must_use]
pub fn lines(
    overview: Option<&Overview>,
    now: Timestamp,
    theme: Theme,
    width: usize,
) -> Vec<Line<'static>> {
    let Some(overview) = overview else {
        return vec![Line::raw("reading …")];
    };
    let mut lines = Vec::new();
    if let Some(problem) = overview.problems.first() {
        lines.extend(hanging("!  ", &safe(problem), width, theme.attention()));
    }
    match &overview.score {
        None => lines.extend(plain("unknown: nothing has been observed yet", width)),
        Some(score) => lines.extend(derivation(score, now, theme, width)),
    }
    lines
}

fn derivation(score: &Score, now: Timestamp, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if score.value.is_some() {
        let seen = score
            .seen_at
            .map(|at| format!(", seen {} ago", age(now.ms_since(at).max(0))))
            .unwrap_or_default();
        let all = score
            .unseen()
            .unwrap_or_else(|| format!("{} targets", score.components));
        let style = if score.unknown > 0 {
            theme.attention()
        } else {
            theme.dim()
        };
        lines.extend(
            wrapped(&format!("{all}{seen}"), width)
                .into_iter()
                .map(|row| Line::styled(row, style)),
        );
    }
    if score.value.is_none() {
        let why = if score.components == 0 {
            "unknown: no service has a probe; a stack file configures one".to_owned()
        } else {
            format!(
                "unknown: none of the {} probed targets has been observed yet",
                score.components
            )
        };
        lines.extend(plain(&why, width));
    }
    for line in &score.lines {
        let (points, style) = match line.points {
            0 => ("    ".to_owned(), theme.plain()),
            n => (format!("−{n:<3}"), theme.attention()),
        };
        lines.extend(hanging(&points, &safe(&line.text), width, style));
    }
    if score.lines.is_empty() && score.value.is_some() {
        lines.extend(plain("nothing takes points away", width));
    }
    lines
}

fn plain(text: &str, width: usize) -> impl Iterator<Item = Line<'static>> {
    wrapped(text, width).into_iter().map(Line::raw)
}

fn hanging(
    mark: &str,
    text: &str,
    width: usize,
    style: ratatui::style::Style,
) -> Vec<Line<'static>> {
    let indent = mark.chars().count();
    let rows = wrapped(text, width.saturating_sub(indent));
    let lead = |i: usize| {
        if i == 0 {
            mark.to_owned()
        } else {
            " ".repeat(indent)
        }
    };
    rows.into_iter()
        .enumerate()
        .map(|(i, r)| Line::from(vec![Span::styled(lead(i), style), Span::raw(r)]))
        .collect()
}
