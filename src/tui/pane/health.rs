//! The health score: its derivation, whose rows open their service, and a strip for narrow screens.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::stack::env_name;
use crate::core::base::time::{Timestamp, age};
use crate::core::health::check::score::{Line as ScoreLine, Score};
use crate::core::health::matrix::Matrix;
use crate::core::run::plan::Target;
use crate::tui::frame::Frame;
use crate::tui::msg::{EnginePlace, Overview};
use crate::tui::theme::{Theme, health_label};
use crate::tui::view::canvas::{Canvas, safe, wrapped};
use crate::tui::view::layout;

/// Paints the pane below a rule. `selected`: the index of a line of the score.
pub fn draw(frame: Frame<'_>, selected: usize, area: Rect, focused: bool, canvas: &mut Canvas<'_>) {
    let theme = canvas.theme;
    let score = frame.overview.and_then(|o| o.score.as_ref());
    let mut title = vec![Span::styled(" Health ", theme.strong())];
    title.push(value(score, theme));
    let below = layout::below_rule(area);
    let columns = usize::from(below.width).saturating_sub(2);
    let all = lines(frame, theme, columns);
    let height = usize::from(below.height);
    let is_selected = |line: &HealthLine| focused && line.entry == Some(selected);
    let at = all.iter().position(is_selected).unwrap_or(0);
    let top = if at < height {
        0
    } else {
        at + 1 - height.max(1)
    };
    let mark = layout::position(top, height, all.len());
    canvas.rule(area, Line::from(title), &mark.into(), focused);
    for (y, line) in (below.y..below.bottom()).zip(all.iter().skip(top)) {
        let mark = if is_selected(line) { "▸" } else { " " };
        let place = Rect {
            y,
            height: 1,
            ..below
        };
        canvas.line(place, &Line::raw(mark));
        let inner = Rect {
            x: place.x.saturating_add(1),
            width: place.width.saturating_sub(1),
            ..place
        };
        canvas.line(inner, &line.line);
        if is_selected(line) {
            canvas.select(place, focused);
        }
    }
}

/// Paints the score and its worst reasons as a rule.
pub fn strip(
    frame: Frame<'_>,
    matrix: &Matrix,
    area: Rect,
    focused: bool,
    canvas: &mut Canvas<'_>,
) {
    let theme = canvas.theme;
    let score = frame.overview.and_then(|o| o.score.as_ref());
    let mut spans = vec![Span::raw(" "), value(score, theme)];
    let reasons = score.map_or(&[][..], |s| &s.lines);
    let worth = |line: &&ScoreLine| line.points > 0 && !line.text.starts_with("capped");
    let text = match (frame.overview, score) {
        (None, _) => "reading … ".to_owned(),
        (_, None) => "nothing has been observed yet ".to_owned(),
        (_, Some(s)) if s.components == 0 => "no service has a probe ".to_owned(),
        _ => String::new(),
    };
    spans.push(Span::raw(text));
    let problem = frame.overview.filter(|o| o.engine == EnginePlace::Nowhere);
    if let Some(problem) = problem.and_then(|o| o.problems.first()) {
        spans.push(Span::styled(
            format!("! {} ", safe(problem)),
            theme.attention(),
        ));
    }
    for line in reasons.iter().filter(worth).take(4) {
        spans.push(Span::styled("── ", theme.frame(focused)));
        spans.push(Span::raw(format!(
            "{} −{} ",
            reason(line, matrix),
            line.points
        )));
    }
    let mark = score
        .filter(|s| s.components > 0)
        .map_or_else(String::new, |s| {
            format!(" {} of {} seen ", s.components - s.unknown, s.components)
        });
    canvas.rule(area, Line::from(spans), &mark.into(), focused);
}

/// `mail PROD failing`, or the line itself if it is about no target that is shown.
fn reason(line: &ScoreLine, matrix: &Matrix) -> String {
    let target = line.target.as_ref();
    let row = target.and_then(|t| matrix.rows.iter().find(|row| row.service == t.service));
    let cell = row.and_then(|row| {
        row.cells
            .iter()
            .find(|c| Some(&c.env) == target.map(|t| &t.env))
    });
    let (Some(row), Some(cell)) = (row, cell) else {
        return safe(&line.text);
    };
    let env = cell.env.as_deref().map_or_else(String::new, |env| {
        format!("{} ", env_name(env, cell.protected))
    });
    safe(&format!("{} {env}{}", row.service, cell.now.state.name()))
}

/// `68 ▲ warning `.
fn value(score: Option<&Score>, theme: Theme) -> Span<'static> {
    let Some(score) = score else {
        return Span::styled("– ? unknown ", theme.strong());
    };
    let (symbol, word) = health_label(score.health);
    let value = score
        .value
        .map_or_else(|| "–".to_owned(), |v| v.to_string());
    Span::styled(
        format!("{value} {symbol} {word} "),
        theme.health(score.health),
    )
}

/// The target of a line of the score.
#[must_use]
pub fn target(overview: Option<&Overview>, selected: usize) -> Option<Target> {
    let line = overview?.score.as_ref()?.lines.get(selected)?;
    line.target.clone()
}

/// Number of lines of the score.
#[must_use]
pub fn entries(overview: Option<&Overview>) -> usize {
    overview
        .and_then(|o| o.score.as_ref())
        .map_or(0, |score| score.lines.len())
}

/// A row of the pane.
struct HealthLine {
    /// The line of the score it belongs to.
    entry: Option<usize>,
    line: Line<'static>,
}

impl HealthLine {
    const fn note(line: Line<'static>) -> Self {
        Self { entry: None, line }
    }
}

/// The derivation, worst first, wrapped to `width`.
fn lines(frame: Frame<'_>, theme: Theme, width: usize) -> Vec<HealthLine> {
    let Some(overview) = frame.overview else {
        return vec![HealthLine::note(Line::raw("reading …"))];
    };
    let mut lines = Vec::new();
    if let Some(problem) = overview.problems.first() {
        let problem = hanging("!  ", &safe(problem), width, theme.attention());
        lines.extend(problem.into_iter().map(HealthLine::note));
    }
    match &overview.score {
        None => lines.extend(plain("unknown: nothing has been observed yet", width)),
        Some(score) => lines.extend(derivation(score, frame.now, theme, width)),
    }
    lines
}

fn derivation(score: &Score, now: Timestamp, theme: Theme, width: usize) -> Vec<HealthLine> {
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
                .map(|row| HealthLine::note(Line::styled(row, style))),
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
    for (entry, line) in score.lines.iter().enumerate() {
        let (points, style) = match line.points {
            0 => ("    ".to_owned(), theme.plain()),
            n => (format!("−{n:<3}"), theme.attention()),
        };
        let rows = hanging(&points, &safe(&line.text), width, style);
        lines.extend(rows.into_iter().map(|line| HealthLine {
            entry: Some(entry),
            line,
        }));
    }
    if score.lines.is_empty() && score.value.is_some() {
        lines.extend(plain("nothing takes points away", width));
    }
    lines
}

fn plain(text: &str, width: usize) -> impl Iterator<Item = HealthLine> {
    wrapped(text, width)
        .into_iter()
        .map(|row| HealthLine::note(Line::raw(row)))
}

fn hanging(mark: &str, text: &str, width: usize, style: Style) -> Vec<Line<'static>> {
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
