//! Paints a log: as many rows as fit, wrapped or cut, the search marked, what is hidden counted.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::core::event::{Level, Stream};
use crate::core::text;
use crate::tui::app::log::{Kind, Log, Row};
use crate::tui::theme::Theme;
use crate::tui::view::canvas::{Canvas, head_of, row};

/// Paints the log in its frame. `title` says which run it is of.
pub fn draw(log: Option<&Log>, title: Line<'_>, area: Rect, focused: bool, canvas: &mut Canvas<'_>) {
    let theme = canvas.theme;
    let mark = log.map_or_else(Line::default, |log| mark(log, theme));
    let inner = canvas.frame(area, title, &mark, focused);
    let Some(log) = log else {
        let lines = [
            Line::raw("no run yet"),
            Line::styled("type : and a command, for example", theme.dim()),
            Line::styled("  : check staging", theme.dim()),
        ];
        return canvas.lines(inner, &lines);
    };
    let shown = log.shown();
    if shown.is_empty() {
        let what = if !log.is_loaded() {
            "reading …"
        } else if log.held() > 0 {
            "every line is below the level shown (l)"
        } else {
            "nothing written yet"
        };
        canvas.line(inner, &Line::styled(what, theme.dim()));
    }
    let (at, _) = log.stand(&shown);
    let first = first_row(log, &shown, inner);
    let mut y = inner.y;
    for (i, index) in shown.iter().enumerate().skip(first) {
        let Some(one) = log.row(*index) else { break };
        for line in rows(log, one, theme, usize::from(inner.width)) {
            if y >= inner.bottom() {
                break;
            }
            canvas.line(row(inner, y), &line);
            if i == at && focused && !log.follows() {
                canvas.restyle(row(inner, y), theme.selected());
            }
            y += 1;
        }
        if y >= inner.bottom() {
            break;
        }
    }
    foot(log, shown.len(), area, canvas);
}

/// First visible row. Wrapped rows take more than one line, so the last ones may need a later start.
fn first_row(log: &Log, shown: &[usize], inner: Rect) -> usize {
    let (at, top) = log.stand(shown);
    let height = usize::from(inner.height).max(1);
    if !log.wrap {
        return top;
    }
    let (last, width) = (if log.follows() { shown.len().saturating_sub(1) } else { at }, usize::from(inner.width));
    let mut used = 0;
    let mut first = last;
    for i in (0..=last).rev() {
        let Some(one) = shown.get(i).and_then(|index| log.row(*index)) else { break };
        used += rows(log, one, Theme::new(false), width).len();
        if used > height {
            break;
        }
        first = i;
    }
    if log.follows() { first } else { first.max(top).min(at) }
}

/// `follow`, `paused, 12 new`, the level shown, `3 of 12`.
fn mark(log: &Log, theme: Theme) -> Line<'static> {
    let mut spans = Vec::new();
    if let Some(search) = log.search() {
        let (here, all) = log.hits();
        let more = if log.is_whole() { "" } else { "+" };
        spans.push(Span::raw(format!(" /{} {here} of {all}{more}", text::cut(&text::show(&search.text), 16))));
    }
    if log.floor() > Level::Debug {
        spans.push(Span::raw(format!(" ≥{}", log.floor().name())));
    }
    let follow = match (log.follows(), log.unseen()) {
        (true, _) => Span::styled(" follow ", theme.good()),
        (false, 0) => Span::styled(" paused ", theme.attention()),
        (false, new) => Span::styled(format!(" paused, {new} new "), theme.attention()),
    };
    spans.push(follow);
    Line::from(spans)
}

/// On the lower edge: the prompt, or what there is to say.
fn foot(log: &Log, shown: usize, area: Rect, canvas: &mut Canvas<'_>) {
    if area.height < 3 || area.width < 8 {
        return;
    }
    let edge = Rect { x: area.x + 2, y: area.bottom() - 1, width: area.width - 4, height: 1 };
    let theme = canvas.theme;
    if let Some(prompt) = &log.prompt {
        canvas.clear(edge);
        let said = log.notice.as_deref().map_or_else(String::new, |n| format!("  {n}"));
        return canvas.field(edge, Span::styled("/", theme.strong()), prompt, true, &said);
    }
    let hidden = log.held() - shown;
    let mut said = log.notice.clone().unwrap_or_default();
    if hidden > 0 {
        let gap = if said.is_empty() { "" } else { " · " };
        said = format!("{said}{gap}{hidden} hidden");
    }
    if !said.is_empty() {
        canvas.right(
            edge,
            &Line::styled(format!(" {} ", text::cut(&said, usize::from(edge.width) - 2)), theme.attention()),
        );
    }
}

fn rows(log: &Log, one: &Row, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let head = head(log, one, theme, width);
    let indent: usize = head.iter().map(|s| text::width(&s.content)).sum();
    let room = width.saturating_sub(indent).max(1);
    let style = match one.kind {
        Kind::Output(_) | Kind::Event { level: Level::Debug, .. } => theme.dim(),
        Kind::Event { .. } => theme.plain(),
    };
    if !log.wrap {
        let cut = text::cut(skipped(&one.text, log.left), room);
        let mut spans = head;
        spans.extend(marked(log, &cut, style, theme));
        return vec![Line::from(spans)];
    }
    let mut rest = one.text.as_str();
    let mut lines = Vec::new();
    loop {
        let (piece, more) = rest.split_at(head_of(rest, room));
        let mut spans = if lines.is_empty() { head.clone() } else { vec![Span::raw(" ".repeat(indent))] };
        spans.extend(marked(log, piece, style, theme));
        lines.push(Line::from(spans));
        rest = more;
        if rest.is_empty() {
            return lines;
        }
    }
}

/// Time, level word and phase. A narrow pane leaves the phase out.
fn head(log: &Log, one: &Row, theme: Theme, width: usize) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    if log.times {
        spans.push(Span::styled(format!("{} ", one.at.clock_utc()), theme.dim()));
    }
    match one.kind {
        Kind::Event { level, phase } => {
            spans.push(Span::styled(format!("{:<8}", level.name()), theme.level(level)));
            if width >= 60 {
                spans.push(Span::raw(format!("{:<10}", phase.map_or("", |p| p.name()))));
            }
        }
        Kind::Output(Stream::Stdout) => spans.push(Span::styled("  │ ", theme.dim())),
        Kind::Output(Stream::Stderr) => spans.push(Span::styled("err│ ", theme.attention())),
    }
    spans
}

/// The text with the matches of the search set off.
fn marked(log: &Log, shown: &str, style: Style, theme: Theme) -> Vec<Span<'static>> {
    let Some(search) = log.search() else { return vec![Span::styled(shown.to_owned(), style)] };
    let mut spans = Vec::new();
    let mut done = 0;
    for hit in search.regex.find_iter(shown).filter(|hit| !hit.is_empty()) {
        spans.push(Span::styled(shown[done..hit.start()].to_owned(), style));
        spans.push(Span::styled(shown[hit.range()].to_owned(), theme.hit()));
        done = hit.end();
    }
    spans.push(Span::styled(shown[done..].to_owned(), style));
    spans
}

fn skipped(shown: &str, cells: usize) -> &str {
    if cells == 0 { shown } else { &shown[head_of(shown, cells)..] }
}
