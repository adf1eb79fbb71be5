//! Paints a chart: lines of percentiles between their axes, a strip of states, marks of changes, and
//! the values at the cursor.

use jiff::tz::TimeZone;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::plot::Plot;
use super::{ChartScreen, LENGTHS};
use crate::core::base::text;
use crate::core::base::time::human_ms;
use crate::core::metric::axis::{self, ValueAxis};
use crate::core::metric::difference::{self, percent};
use crate::core::metric::series::{Bucket, Series};
use crate::core::stack::state::State;
use crate::tui::msg::{RoutineChart, RoutineSeries};
use crate::tui::pane::stack::hour_symbol;
use crate::tui::theme::Theme;
use crate::tui::view::canvas::{Canvas, row, safe};
use crate::tui::view::layout;

/// Cells left of the lines: the values of the axis.
const LEFT: u16 = 9;
/// Cells right of them: their names.
const RIGHT: u16 = 4;
/// Rows below them: strip, marks, times.
const BELOW: u16 = 3;
/// Rows of values at the cursor.
const VALUES: u16 = 3;
/// Rows of the comparison.
const COMPARED: u16 = 2;
/// Cells that a mark of the time axis takes, with the space behind it.
const LABEL: usize = 9;

/// The lines, with quantile, name and rank of the style; the later ones above.
const LINES: [(f64, &str, u8); 3] = [(0.99, "p99", 2), (0.5, "p50", 2), (0.95, "p95", 3)];
/// Rank of the line of the window before.
const BEFORE: u8 = 1;

/// The parts of the view.
#[derive(Debug, Clone, Copy)]
pub struct Places {
    /// The lines.
    plot: Rect,
    /// Strip, marks and times, as wide as the lines.
    below: Rect,
    /// Values at the cursor, and the comparison.
    values: Rect,
}

impl Places {
    pub fn of(area: Rect, compare: bool) -> Self {
        let inner = layout::inner(area);
        let values = VALUES + if compare { COMPARED } else { 0 };
        let height = inner.height.saturating_sub(BELOW + values);
        let plot = Rect {
            x: inner.x + LEFT.min(inner.width),
            width: inner.width.saturating_sub(LEFT + RIGHT),
            height,
            ..inner
        };
        let below = Rect {
            y: plot.bottom(),
            height: BELOW.min(inner.height - height),
            ..plot
        };
        let values = Rect {
            y: below.bottom(),
            height: inner.bottom().saturating_sub(below.bottom()),
            ..inner
        };
        Self {
            plot,
            below,
            values,
        }
    }

    /// Columns of cells of the lines.
    pub fn columns(self) -> usize {
        usize::from(self.plot.width)
    }

    /// Lines, strip and marks: what belongs to a column.
    pub const fn above_marks(self) -> Rect {
        Rect {
            height: self.plot.height + 2,
            ..self.plot
        }
    }
}

/// The times of a series as columns.
#[derive(Clone, Copy)]
struct Times {
    from: i64,
    length: i64,
    columns: i64,
}

impl Times {
    fn of(series: &Series, columns: usize) -> Self {
        let (from, until) = series.span();
        Self {
            from,
            length: (until - from).max(1),
            columns: i64::try_from(columns).unwrap_or(0),
        }
    }

    /// The column that a time is in; times before the first or after the last are in none.
    fn column(self, at: i64) -> Option<usize> {
        let part = at.checked_sub(self.from)?.checked_mul(self.columns)?;
        let column = usize::try_from(part.div_euclid(self.length)).ok()?;
        (i64::try_from(column).ok()? < self.columns).then_some(column)
    }

    /// The columns of a bucket, at least one.
    fn columns(self, bucket: &Bucket) -> std::ops::Range<usize> {
        let first = self.column(bucket.from_ms).unwrap_or(0);
        let end = self.column(bucket.until_ms);
        let end = end.unwrap_or(usize::try_from(self.columns).unwrap_or(0));
        first..end.max(first + 1)
    }

    /// The column in the middle of a bucket.
    fn middle(self, bucket: &Bucket) -> usize {
        let columns = self.columns(bucket);
        columns.start + (columns.end - columns.start - 1) / 2
    }
}

pub fn draw(of: &ChartScreen, area: Rect, canvas: &mut Canvas<'_>) {
    let (title, mark) = title(of, canvas.theme);
    let inner = canvas.pane(area, title, &mark, true);
    let Some(chart) = &of.shown else {
        let text = of.trouble.as_deref().unwrap_or("reading …");
        return canvas.line(inner, &Line::raw(safe(text)));
    };
    let places = Places::of(area, of.compare);
    let cursor = of.at_cursor();
    let times = Times::of(&chart.shown.series, places.columns());
    if chart.shown.series.is_empty() {
        let zone = zone(&chart.shown);
        let (from, until) = (chart.shown.from.0, chart.shown.until.0);
        let none = format!("no check {}", axis::span(from, until, &zone));
        canvas.line(places.plot, &Line::raw(none));
    } else {
        lines(chart, places, times, cursor, canvas);
    }
    below(&chart.shown, places.below, times, cursor, canvas);
    let mut values = cursor_lines(Some(chart), cursor);
    values.extend(compared(chart));
    let lines: Vec<Line<'_>> = values.iter().map(|text| Line::raw(safe(text))).collect();
    canvas.lines(places.values, &lines);
}

/// `web ping  last 24 h  99.95 % up  down 3 min 20 s  2880 checks`, and how long a column is.
fn title(of: &ChartScreen, theme: Theme) -> (Line<'static>, Line<'static>) {
    let (_, length) = LENGTHS[of.length];
    let name = Span::styled(format!(" {} ", safe(&of.name)), theme.strong());
    let trouble = of.trouble.as_ref();
    let trouble = trouble.map(|why| Line::styled(format!(" {} ", safe(why)), theme.wrong()));
    let current = of.shown.as_ref().filter(|chart| chart.ask == of.ask());
    let Some(chart) = current else {
        let what = if trouble.is_some() {
            "not read"
        } else {
            "reading …"
        };
        let what = Span::styled(format!(" {length}  {what} "), theme.dim());
        return (Line::from(vec![name, what]), trouble.unwrap_or_default());
    };
    let (shown, zone) = (&chart.shown, zone(&chart.shown));
    let window = match of.until {
        None => format!(" last {length} "),
        Some(until) => format!(" {length} until {} ", axis::moment(until.0, &zone)),
    };
    let mut spans = vec![name, Span::raw(window)];
    let numbers = &shown.numbers;
    if let Some(uptime) = numbers.uptime_pct {
        spans.push(Span::raw(format!(" {} % up ", percent(uptime))));
    }
    let down = match numbers.failing_ms {
        0 if numbers.samples == 0 => Span::default(),
        0 => Span::raw(" never down "),
        ms => {
            let text = format!(" down {} ", human_ms(ms));
            Span::styled(text, theme.state(State::Failing))
        }
    };
    spans.push(down);
    spans.push(Span::raw(format!(" {} checks ", numbers.samples)));
    let step = axis::length(shown.series.step.ms());
    let mark = if let Some(trouble) = trouble {
        trouble
    } else if shown.coarser {
        let text = format!(" {step} each, finer results are gone ");
        Line::styled(text, theme.attention())
    } else {
        Line::raw(format!(" {step} each "))
    };
    (Line::from(spans), mark)
}

fn zone(of: &RoutineSeries) -> TimeZone {
    TimeZone::get(&of.timezone).unwrap_or(TimeZone::UTC)
}

/// The value axis, the lines and their names.
fn lines(
    chart: &RoutineChart,
    places: Places,
    times: Times,
    cursor: Option<usize>,
    canvas: &mut Canvas<'_>,
) {
    let theme = canvas.theme;
    let series = &chart.shown.series;
    let before = chart.before.as_ref().map(|before| &before.series);
    let highest = |series: &Series, q| {
        let values = series
            .buckets
            .iter()
            .filter_map(|b| b.rollup.quantile_ms(q));
        values.fold(0.0_f64, f64::max)
    };
    let max = highest(series, 0.99).max(before.map_or(0.0, |before| highest(before, 0.95)));
    let height = places.plot.height;
    let axis = ValueAxis::of(max, (u32::from(height) / 3).max(1));
    let mut plot = Plot::new(places.columns(), usize::from(height));
    if let Some(before) = before {
        // Each bucket is where the one is that came so much later.
        let moved = Times {
            from: before.span().0,
            ..times
        };
        trace(&mut plot, before, 0.95, moved, axis.top, BEFORE);
    }
    let mut names = Vec::new();
    for (q, name, rank) in LINES {
        if let Some(end) = trace(&mut plot, series, q, times, axis.top, rank) {
            names.push((end / 4, name, rank));
        }
    }
    let column = cursor
        .and_then(|at| series.buckets.get(at))
        .map(|bucket| times.middle(bucket));
    for (y, at) in (places.plot.y..places.plot.bottom()).zip(0..) {
        let line = plot.row(at, column, |rank| look(rank, theme), theme.dim());
        canvas.line(row(places.plot, y), &line);
    }
    scale(&axis, places.plot, canvas);
    names.sort_unstable_by_key(|(_, name, _)| std::cmp::Reverse(*name));
    name_lines(&names, places.plot, canvas);
}

/// The style of a line. The percentiles are in order from above, so p99 and p50 need no other one.
fn look(rank: u8, theme: Theme) -> Style {
    match rank {
        BEFORE => theme.dim(),
        2 => theme.plain(),
        _ => theme.strong(),
    }
}

/// Draws a line through the middles of the buckets; buckets without a latency interrupt it. Returns
/// the row of dots where it ends.
fn trace(
    plot: &mut Plot,
    series: &Series,
    q: f64,
    times: Times,
    top: f64,
    rank: u8,
) -> Option<usize> {
    let (_, rows) = plot.dots();
    let (mut last, mut end) = (None, None);
    for bucket in &series.buckets {
        let Some(value) = bucket.rollup.quantile_ms(q) else {
            last = None;
            continue;
        };
        let dot = (times.middle(bucket) * 2, height_of(value, top, rows));
        plot.line(last.unwrap_or(dot), dot, rank);
        (last, end) = (Some(dot), Some(dot.1));
    }
    end
}

/// The row of a value, counted from above; 0 is in the last row.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "between 0 and the rows of a screen"
)]
fn height_of(value: f64, top: f64, rows: usize) -> usize {
    let last = rows.saturating_sub(1);
    let part = (value / top).clamp(0.0, 1.0);
    last - (part * last as f64).round() as usize
}

/// The values left of the lines.
fn scale(axis: &ValueAxis, plot: Rect, canvas: &mut Canvas<'_>) {
    let dim = canvas.theme.dim();
    let left = Rect {
        x: plot.x.saturating_sub(LEFT),
        width: LEFT,
        ..plot
    };
    let rows = usize::from(plot.height);
    let mut labels = vec![None; rows];
    for mark in &axis.marks {
        if let Some(label) = labels.get_mut(height_of(*mark, axis.top, rows)) {
            *label = Some(axis::latency(*mark));
        }
    }
    for (y, label) in (left.y..left.bottom()).zip(labels) {
        let line = match label {
            Some(label) => format!("{label:>7} ┤"),
            None => format!("{:>7} │", ""),
        };
        canvas.line(row(left, y), &Line::styled(line, dim));
    }
}

/// The names right of the lines, where these end, each on a row of its own.
fn name_lines(names: &[(usize, &str, u8)], plot: Rect, canvas: &mut Canvas<'_>) {
    let right = Rect {
        x: plot.right(),
        width: RIGHT,
        ..plot
    };
    let mut least = 0;
    for (n, (at, name, rank)) in names.iter().enumerate() {
        // Room for those below.
        let most = usize::from(plot.height).saturating_sub(names.len() - n);
        let at = (*at).min(most).max(least);
        least = at + 1;
        let y = right.y + u16::try_from(at).unwrap_or(u16::MAX).min(plot.height);
        if y < right.bottom() {
            let style = look(*rank, canvas.theme);
            canvas.line(row(right, y), &Line::styled(format!(" {name}"), style));
        }
    }
}

/// The worst state of each column, what changed the service, and the times.
fn below(
    of: &RoutineSeries,
    area: Rect,
    times: Times,
    cursor: Option<usize>,
    canvas: &mut Canvas<'_>,
) {
    let theme = canvas.theme;
    let columns = usize::from(area.width);
    let mut strip = vec![Span::raw(" "); columns];
    for bucket in &of.series.buckets {
        let Some(state) = bucket.rollup.totals.shown_state() else {
            continue;
        };
        let cell = Span::styled(hour_symbol(state), theme.state(state));
        let cells = strip.get_mut(times.columns(bucket));
        cells.into_iter().flatten().for_each(|c| *c = cell.clone());
    }
    let mut marks = vec![Span::raw(" "); columns];
    let bucket = cursor.and_then(|at| of.series.buckets.get(at));
    if let Some(cell) = bucket.and_then(|bucket| marks.get_mut(times.middle(bucket))) {
        *cell = Span::styled("▲", theme.strong());
    }
    for change in &of.changes {
        let column = times.column(change.at.0);
        if let Some(cell) = column.and_then(|column| marks.get_mut(column)) {
            *cell = Span::styled("◆", theme.strong());
        }
    }
    let [strip_row, marks_row, times_row] = [0, 1, 2].map(|n| Rect {
        y: area.y + n,
        height: area.height.saturating_sub(n).min(1),
        ..area
    });
    caption(strip_row, "state", canvas);
    canvas.line(strip_row, &Line::from(strip));
    caption(marks_row, "changed", canvas);
    canvas.line(marks_row, &Line::from(marks));
    if let Some(bucket) = bucket {
        let columns = times.columns(bucket);
        let cell = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        let place = Rect {
            x: strip_row.x.saturating_add(cell(columns.start)),
            width: cell(columns.end - columns.start),
            ..strip_row
        };
        canvas.select(place, true);
    }
    time_axis(of, times_row, times, canvas);
}

/// What a row shows, left of it.
fn caption(row: Rect, text: &str, canvas: &mut Canvas<'_>) {
    let place = Rect {
        x: row.x.saturating_sub(LEFT),
        width: LEFT,
        ..row
    };
    let line = Line::styled(format!("{text:>7}"), canvas.theme.dim());
    canvas.line(place, &line);
}

fn time_axis(of: &RoutineSeries, area: Rect, times: Times, canvas: &mut Canvas<'_>) {
    let zone = zone(of);
    let (from, until) = of.series.span();
    caption(area, &axis::zone_name(until, &zone), canvas);
    let dim = canvas.theme.dim();
    for mark in axis::time_marks(from, until, usize::from(area.width) / LABEL, &zone) {
        let Some(column) = times.column(mark.at) else {
            continue;
        };
        let x = u16::try_from(column).unwrap_or(u16::MAX);
        let label = format!("└{}", mark.label);
        let width = u16::try_from(text::width(&label)).unwrap_or(u16::MAX);
        if x.saturating_add(width) <= area.width {
            let place = Rect {
                x: area.x + x,
                width,
                ..area
            };
            canvas.line(place, &Line::styled(label, dim));
        }
    }
}

/// The values of the bucket at the cursor: its time and counts, its latencies, what changed.
pub fn cursor_lines(chart: Option<&RoutineChart>, cursor: Option<usize>) -> Vec<String> {
    let Some(shown) = chart.map(|chart| &chart.shown) else {
        return Vec::new();
    };
    let Some(bucket) = cursor.and_then(|at| shown.series.buckets.get(at)) else {
        return Vec::new();
    };
    let zone = zone(shown);
    let totals = &bucket.rollup.totals;
    let mut counts = vec![match totals.answered() {
        0 => "no check was answered".to_owned(),
        1 => "1 check".to_owned(),
        n => format!("{n} checks"),
    }];
    let named = [
        (totals.failing, "failing"),
        (totals.degraded, "degraded"),
        (totals.unknown, "unknown"),
        (totals.skipped, "skipped"),
    ];
    let named = named.into_iter().filter(|(n, _)| *n > 0);
    counts.extend(named.map(|(n, word)| format!("{n} {word}")));
    let span = axis::span(bucket.from_ms, bucket.until_ms, &zone);
    let ms = |us: u32| axis::latency(f64::from(us) / 1000.0);
    let latency = |q, name| {
        Some(format!(
            "{name} {}",
            axis::latency(bucket.rollup.quantile_ms(q)?)
        ))
    };
    let latencies = [(0.5, "p50"), (0.95, "p95"), (0.99, "p99")];
    let latencies: Vec<String> = latencies
        .into_iter()
        .filter_map(|(q, name)| latency(q, name))
        .collect();
    let latencies = match latencies.as_slice() {
        [] => "no latency".to_owned(),
        all => {
            let (least, most) = (ms(totals.min_us), ms(totals.max_us));
            format!("{}  from {least} to {most}", all.join("  "))
        }
    };
    vec![
        format!("{span}  {}", counts.join(", ")),
        latencies,
        changes_in(shown, bucket, &zone),
    ]
}

/// Runs, edits and changes of state in a bucket, in the order of their times.
fn changes_in(of: &RoutineSeries, bucket: &Bucket, zone: &TimeZone) -> String {
    let within = bucket.from_ms..bucket.until_ms;
    let mut found: Vec<(i64, String)> = Vec::new();
    for change in of.changes.iter().filter(|c| within.contains(&c.at.0)) {
        let run = change.run.map_or(String::new(), |run| format!(" #{run}"));
        let (what, by) = (&change.what, &change.actor);
        found.push((change.at.0, format!("◆ {what}{run} by {by}")));
    }
    for change in of.states.iter().filter(|c| within.contains(&c.at.0)) {
        let (from, to) = (change.from.name(), change.to.name());
        let symbol = change.to.symbol();
        let text = format!("{symbol} {from} → {to} {}", change.message);
        found.push((change.at.0, text));
    }
    found.sort_by_key(|(at, _)| *at);
    if found.is_empty() {
        return "nothing changed".to_owned();
    }
    let texts = found
        .into_iter()
        .map(|(at, text)| format!("{} {text}", axis::moment(at, zone)));
    texts.collect::<Vec<_>>().join("; ")
}

/// What differs from the window before.
fn compared(chart: &RoutineChart) -> Vec<String> {
    let Some(before) = &chart.before else {
        return Vec::new();
    };
    let (now, before) = (chart.shown.series.whole(), before.series.whole());
    vec![
        difference::p95(&now, &before),
        difference::uptime(&now, &before),
    ]
}
