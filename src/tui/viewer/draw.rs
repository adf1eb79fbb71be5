//! Painting of the viewer: lines, the error strip, the status line and overlays. Lines take the
//! full width, so that the terminal itself can scroll them.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::row::{self, Safe};
use super::{Over, Times, Viewer};
use crate::core::base::text;
use crate::core::logline;
use crate::core::run::event::Level;
use crate::logfile::log_view::Row;
use crate::tui::keys::Action;
use crate::tui::view::canvas::{self, Canvas, column, fit};

/// Width of the gutter for cursor and marks.
const GUTTER: usize = 1;
/// Width of the file column.
const SOURCE: usize = 12;
/// Bars of the strip, in eighths of a cell.
const BARS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// Minimum width to show fractions of seconds.
const FOR_FRACTION: u16 = 70;

/// Joins as many of the last parts as fit, at least one.
fn joined(parts: &[String], width: usize) -> String {
    let of = |from: usize| format!("{} ", parts[from..].join(" · "));
    let fits = (0..parts.len()).find(|from| text::width(&of(*from)) <= width);
    fits.or(parts.len().checked_sub(1))
        .map(of)
        .unwrap_or_default()
}

/// The width left beside a notice, which may take two thirds.
fn beside(notice: &str, width: usize) -> usize {
    width.saturating_sub((text::width(notice) + 1).min(width * 2 / 3))
}

impl Viewer {
    /// Paints the log, and its status in the last row.
    pub(in crate::tui) fn paint(&self, area: Rect, canvas: &mut Canvas<'_>) {
        let status = area.height.min(1);
        self.paint_lines(
            Rect {
                height: area.height - status,
                ..area
            },
            true,
            canvas,
        );
        if area.height > 1 {
            self.foot(
                Rect {
                    y: area.bottom() - 1,
                    height: 1,
                    ..area
                },
                canvas,
            );
        }
    }

    /// Paints the overlays larger than a line.
    pub(in crate::tui) fn paint_over(&self, area: Rect, canvas: &mut Canvas<'_>) {
        match &self.over {
            Some(Over::Card(card)) => card.draw(area, canvas),
            Some(Over::Filters) => self.filter_window(canvas),
            Some(Over::Prompt(_) | Over::Help(_)) | None => {}
        }
    }

    /// Paints the log without its status, for a frame that has it on its edges.
    pub(in crate::tui) fn paint_lines(&self, area: Rect, focused: bool, canvas: &mut Canvas<'_>) {
        let strip = u16::from(self.strip && area.height > 1);
        self.lines(
            Rect {
                height: area.height - strip,
                ..area
            },
            focused,
            canvas,
        );
        if strip > 0 {
            self.strip(
                Rect {
                    y: area.bottom() - 1,
                    height: 1,
                    ..area
                },
                canvas,
            );
        }
    }

    fn lines(&self, area: Rect, focused: bool, canvas: &mut Canvas<'_>) {
        let height = usize::from(area.height);
        let rows: Vec<Vec<Line<'static>>> = if self.wrap {
            self.shown
                .rows
                .iter()
                .enumerate()
                .map(|(i, row)| self.wrapped(self.gutter(i, row, focused), row, area.width, height))
                .collect()
        } else {
            self.shown
                .rows
                .iter()
                .enumerate()
                .map(|(i, row)| vec![self.cut(self.gutter(i, row, focused), row, area.width)])
                .collect()
        };
        // Wrapped lines may need more rows than there are: keep the cursor line on screen.
        let to_cursor: usize = rows.iter().take(self.shown.cursor + 1).map(Vec::len).sum();
        let skip = to_cursor.saturating_sub(height);
        for (y, line) in (area.y..area.bottom()).zip(rows.iter().flatten().skip(skip)) {
            canvas.line(canvas::row(area, y), line);
        }
        if self.shown.rows.is_empty() {
            let hidden = self.shown.lines > 0 && self.shown.busy.is_none();
            let text = match () {
                () if self.waiting => " reading",
                () if hidden => {
                    " every line is hidden: v lists the filters, l sets the least level"
                }
                () if self.shown.busy.is_some() => " reading",
                () => " nothing was written yet",
            };
            canvas.line(area, &Line::styled(text, self.theme.dim()));
        }
    }

    /// The cursor and marks. Without focus no cursor is shown.
    fn gutter(&self, index: usize, row: &Row, focused: bool) -> &'static str {
        match (
            focused && index == self.shown.cursor,
            self.marks.contains_key(&row.number),
        ) {
            (true, true) => "M",
            (true, false) => ">",
            (false, true) => "m",
            (false, false) => " ",
        }
    }

    /// The columns before the text.
    fn head(&self, gutter: &'static str, row: &Row) -> Vec<Span<'static>> {
        let mut spans = vec![Span::styled(gutter, self.theme.strong())];
        if self.times != Times::AsWritten {
            spans.push(Span::styled(self.time(row), self.theme.dim()));
        }
        if self.facts.files.len() > 1 {
            let name = self
                .facts
                .files
                .get(row.file)
                .map(|file| text::show(&file.name))
                .unwrap_or_default();
            spans.push(Span::styled(
                format!("{} ", column(&name, SOURCE)),
                self.theme.dim(),
            ));
        }
        spans.extend(self.columns(row));
        spans
    }

    fn head_width(&self) -> usize {
        GUTTER
            + self.times_width()
            + if self.facts.files.len() > 1 {
                SOURCE + 1
            } else {
                0
            }
            + self.columns_width()
    }

    /// Width of the time column; narrow panes omit fractions of seconds.
    fn times_width(&self) -> usize {
        match self.times {
            Times::AsWritten => 0,
            _ if self.size.0 < FOR_FRACTION => 9,
            _ => 13,
        }
    }

    fn time(&self, row: &Row) -> String {
        let known = row.head.as_ref().map(|head| head.at);
        let width = self.times_width();
        let Some(mut at) = known.or_else(|| logline::time(&row.bytes, self.now)) else {
            return " ".repeat(width);
        };
        if self.times == Times::Local {
            let seconds = jiff::Timestamp::from_millisecond(at.0)
                .map_or(0, |t| self.facts.zone.to_offset(t).seconds());
            at = at.plus_ms(i64::from(seconds) * 1000);
        }
        let clock = at.clock_utc();
        if width < 13 {
            format!("{clock} ")
        } else {
            format!("{clock}.{:03} ", at.0.rem_euclid(1000))
        }
    }

    fn style(&self, row: &Row) -> Style {
        if row.level == Level::Info {
            self.theme.plain()
        } else {
            self.theme.level(row.level)
        }
    }

    fn safe(&self, row: &Row, cells: usize) -> Safe {
        let style = self.style(row);
        let repeated = self.repeated_name(row);
        let shortened = (repeated > 0).then(|| Row {
            bytes: row.bytes[repeated..].to_vec(),
            len: row.len.saturating_sub(repeated as u64),
            ..row.clone()
        });
        let row = shortened.as_ref().unwrap_or(row);
        if self.colours {
            Safe::coloured(row, cells, style, self.theme)
        } else {
            Safe::plain(row, cells, style)
        }
    }

    fn cut(&self, gutter: &'static str, line: &Row, width: u16) -> Line<'static> {
        let width = usize::from(width).saturating_sub(self.head_width());
        let shown = self.safe(line, self.left + width);
        let piece = row::window(&shown.text, self.left, width);
        let hits = self.search.as_ref().map(|(_, regex)| regex);
        let mut spans = self.head(gutter, line);
        spans.extend(row::marked(&shown, piece, hits, self.theme.hit()).spans);
        Line::from(spans)
    }

    fn wrapped(
        &self,
        gutter: &'static str,
        line: &Row,
        width: u16,
        height: usize,
    ) -> Vec<Line<'static>> {
        let head = self.head_width();
        let width = usize::from(width).saturating_sub(head).max(1);
        let shown = self.safe(line, width * height);
        let hits = self.search.as_ref().map(|(_, regex)| regex);
        let pieces = row::wrapped(&shown.text, width)
            .into_iter()
            .enumerate()
            .map(|(at, piece)| {
                let mut spans = if at == 0 {
                    self.head(gutter, line)
                } else {
                    vec![Span::raw(" ".repeat(head))]
                };
                spans.extend(row::marked(&shown, piece, hits, self.theme.hit()).spans);
                Line::from(spans)
            });
        pieces.take(height).collect()
    }

    /// The positions of errors (bars) and warnings (`·`) in the log.
    fn strip(&self, area: Rect, canvas: &mut Canvas<'_>) {
        let most = self
            .shown
            .strip
            .iter()
            .map(|(errors, _)| *errors)
            .max()
            .unwrap_or(0)
            .max(1);
        let here = self.line().unwrap_or(0) * self.shown.strip.len() / self.shown.lines.max(1);
        let cell = |(at, (errors, warnings)): (usize, &(u64, u64))| {
            let (symbol, style) = match (*errors, *warnings) {
                (0, 0) => (" ", self.theme.dim()),
                (0, _) => ("·", self.theme.level(Level::Warn)),
                (errors, _) => (
                    BARS[usize::try_from((errors * 8).div_ceil(most))
                        .unwrap_or(8)
                        .clamp(1, 8)
                        - 1],
                    self.theme.level(Level::Error),
                ),
            };
            Span::styled(
                symbol,
                if at == here {
                    self.theme.selected()
                } else {
                    style
                },
            )
        };
        canvas.line(
            area,
            &Line::from(
                self.shown
                    .strip
                    .iter()
                    .enumerate()
                    .map(cell)
                    .collect::<Vec<_>>(),
            ),
        );
    }

    fn foot(&self, area: Rect, canvas: &mut Canvas<'_>) {
        if self.field(area, canvas) {
            return;
        }
        let help = self
            .keys
            .keys(Action::Help)
            .first()
            .map_or_else(String::new, ToString::to_string);
        let left = self.notice.as_ref().map_or_else(
            || format!(" {} · {help} help", text::show(&self.name())),
            |notice| format!(" {}", text::show(notice)),
        );
        let mut parts = self.state();
        let at = parts.len() - 1;
        parts.splice(at..at, self.following());
        let width = usize::from(area.width);
        let right = if self.notice.is_some() {
            joined(&parts, beside(&left, width))
        } else {
            joined(&parts, width)
        };
        let room = width.saturating_sub(text::width(&right) + 1);
        canvas.line(area, &fit(Line::styled(left, self.theme.strong()), room));
        canvas.right(area, &Line::raw(text::cut(&right, width)));
    }

    /// Paints the lower edge of a frame: the prompt, or else the status. Empty while an unfocused
    /// log is only following.
    pub(in crate::tui) fn paint_edge(&self, area: Rect, focused: bool, canvas: &mut Canvas<'_>) {
        if matches!(self.over, Some(Over::Prompt(_))) {
            canvas.clear(area);
            self.field(area, canvas);
            return;
        }
        let quiet =
            !focused && self.shown.follow && self.search.is_none() && self.shown.visible.is_none();
        if quiet || self.waiting {
            return;
        }
        let state = format!(
            " {}",
            joined(&self.state(), usize::from(area.width).saturating_sub(1))
        );
        let width = u16::try_from(text::width(&state))
            .unwrap_or(u16::MAX)
            .min(area.width);
        let place = Rect {
            x: area.right() - width,
            width,
            ..area
        };
        canvas.clear(place);
        canvas.line(place, &Line::raw(state));
    }

    /// Paints the prompt; false if none is open.
    fn field(&self, area: Rect, canvas: &mut Canvas<'_>) -> bool {
        let Some(Over::Prompt(prompt)) = &self.over else {
            return false;
        };
        let again = |why: &String| format!(" ! {} · again: ", text::show(why));
        let label = prompt
            .problem
            .as_ref()
            .map_or_else(|| prompt.label().to_owned(), again);
        // Leave room for the typed text.
        let label = text::cut(&label, usize::from(area.width) * 3 / 4);
        canvas.field(
            area,
            Span::styled(label, self.theme.strong()),
            &prompt.field,
            true,
            "",
        );
        true
    }

    /// For the upper edge of a frame: following, or paused with the number of new lines.
    pub(in crate::tui) fn mark(&self) -> Line<'static> {
        match self.following() {
            Some(ended) if self.shown.follow && self.shown.ended => {
                Line::styled(format!(" {ended} "), self.theme.dim())
            }
            Some(following) if self.shown.follow => {
                Line::styled(format!(" {following} "), self.theme.running())
            }
            Some(new) => Line::styled(format!(" paused, {new} "), self.theme.attention()),
            None if !self.waiting => Line::styled(" paused ", self.theme.attention()),
            None => Line::default(),
        }
    }

    fn following(&self) -> Option<String> {
        match (self.shown.follow, self.shown.new) {
            (true, _) if self.shown.ended => Some("ended".to_owned()),
            (true, _) => Some("following".to_owned()),
            (false, 0) => None,
            (false, new) => Some(format!("{new} new")),
        }
    }

    fn name(&self) -> String {
        match &*self.facts.files {
            [one] => one.name.clone(),
            many => format!("{} logs by time", many.len()),
        }
    }

    /// The parts of the status. The most important and volatile one is last, with a fixed width, so
    /// that a step changes few bytes.
    fn state(&self) -> Vec<String> {
        let shown = &self.shown;
        let mut parts = Vec::new();
        if let Some(budget) = self.facts.budget {
            parts.push(format!("{}/{} B/s", self.wire.per_second, budget));
        }
        if let Some(percent) = shown.busy {
            parts.push(format!("{percent}% read"));
        }
        if !self.filters.is_empty() {
            let on = self.filters.in_force().len();
            parts.push(format!("{on} of {} filters", self.filters.all.len()));
        }
        if self.floor > Level::Debug {
            parts.push(format!("{} and worse", self.floor.name()));
        }
        if let (Some((text, _)), Some(hits)) = (&self.search, shown.hits) {
            let here = hits.here.map_or_else(|| "-".to_owned(), |n| n.to_string());
            let so_far = if hits.complete { "" } else { " so far" };
            let text = text::cut(
                &text::show(text),
                usize::from(self.size.0 / 10).clamp(4, 20),
            );
            parts.push(format!("/{text}: {here} of {}{so_far}", hits.count));
        }
        if self.left > 0 {
            parts.push(format!("column {}", self.left + 1));
        }
        if let Some((count, complete)) = shown.visible {
            let hidden = (shown.lines as u64).saturating_sub(count);
            parts.push(if complete {
                format!("{hidden} hidden")
            } else {
                format!("{count} found so far")
            });
        }
        let total = shown.lines.to_string();
        let here = self.line().map_or(0, |line| line + 1);
        parts.push(format!("{here:>width$} of {total}", width = total.len()));
        parts
    }

    fn filter_window(&self, canvas: &mut Canvas<'_>) {
        let theme = self.theme;
        let height = u16::try_from(self.filters.all.len() + 3).unwrap_or(u16::MAX);
        let title = Span::styled(" Filters ", theme.strong());
        let screen = canvas.area().width;
        let inner = canvas.window(screen.min(90), height, title.into(), &Line::default());
        for (y, (i, filter)) in (inner.y..inner.bottom()).zip(self.filters.all.iter().enumerate()) {
            let on = if filter.on && !self.filters.suspended {
                "on "
            } else {
                "off"
            };
            let what = if filter.rule.hide { "hide" } else { "only" };
            let line = Line::raw(format!(" {on} {what} {}", text::show(&filter.text)));
            canvas.line(canvas::row(inner, y), &fit(line, usize::from(inner.width)));
            if i == self.filters.index {
                canvas.select(canvas::row(inner, y), true);
            }
        }
        if inner.height > 0 {
            let foot = Line::styled(
                " Enter turns one on or off · x removes it · Esc closes",
                theme.dim(),
            );
            canvas.line(canvas::row(inner, inner.bottom() - 1), &foot);
        }
    }
}
