//! The services at home: one row a service, one column an environment, then the facts that fit.

use std::collections::BTreeSet;

pub mod service;
pub mod target;

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::core::base::text;
use crate::core::base::time::{self, Timestamp, human_ms};
use crate::core::health::change::LastChange;
use crate::core::health::day::Day;
use crate::core::health::matrix::{Cell, Column, Matrix, RowOrder, RowSort, ServiceRow, heads};
use crate::core::health::observation::{TargetState, TargetSummary};
use crate::core::run::plan::Target;
use crate::core::stack::state::State;
use crate::tui::filter::Filter;
use crate::tui::frame::Frame;
use crate::tui::msg::Overview;
use crate::tui::picker::first_visible;
use crate::tui::theme::Theme;
use crate::tui::view::canvas::{Canvas, column, fit, row, safe, wrapped};
use crate::tui::view::layout;

/// Marks of the selection and the worst state: `▸ ✗ `.
const LEAD: usize = 4;
/// The width of a service's name, at least and at most.
const NAME: (usize, usize) = (10, 24);
/// Where whole names of environments leave too little room, heads that are not longer stay whole.
const HEAD: usize = 4;
const SINCE: usize = 8;
const UPTIME: usize = 8;
const P95: usize = 7;
const CHANGE: usize = 19;
const OWNER: usize = 16;
/// One cell an hour, at least and at most.
const STRIP: (usize, usize) = (8, 24);

/// The summary of a target.
#[must_use]
pub fn summary<'a>(overview: &'a Overview, target: &Target) -> Option<&'a TargetSummary> {
    overview.states.get(target)
}

/// `99.98`, or `–` without observations.
#[must_use]
pub fn uptime(percent: Option<f64>) -> String {
    match percent {
        None => "–".to_owned(),
        Some(pct) if pct >= 100.0 => "100".to_owned(),
        // Rounded down: 99.996 must not read as 100.
        Some(pct) => format!("{:.2}", (pct * 100.0).floor() / 100.0),
    }
}

/// One unit: `14 m`, `7 h`, `3 d`.
#[must_use]
pub fn short_age(ms: i64) -> String {
    match ms {
        ..60_000 => "<1 m".to_owned(),
        60_000..3_600_000 => format!("{} m", ms / 60_000),
        3_600_000..172_800_000 => format!("{} h", ms / 3_600_000),
        _ => format!("{} d", ms / 86_400_000),
    }
}

/// How long a state has lasted: `13 min`, `never`.
#[must_use]
pub fn lasted(state: &TargetState, now: Timestamp) -> String {
    let Some(since) = state.since else {
        return "never".to_owned();
    };
    match now.ms_since(since).max(0) {
        ..60_000 => "<1 min".to_owned(),
        ms => time::age(ms),
    }
}

/// An environment's name; in capitals if it is protected.
#[must_use]
pub fn env_name(name: &str, protected: bool) -> String {
    if protected {
        name.to_uppercase()
    } else {
        name.to_owned()
    }
}

/// What home keeps of the services.
#[derive(Debug, Clone, Copy)]
pub struct StackTable<'a> {
    pub matrix: &'a Matrix,
    /// Indices of the rows that pass the filter.
    pub shown: &'a [usize],
    pub sort: RowSort,
    /// Names of the marked services.
    pub marked: &'a BTreeSet<String>,
    pub filter: &'a Filter,
    pub selected: usize,
}

/// A column beside the environments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fact {
    Since,
    Change,
    Uptime,
    P95,
    Owner,
}

impl Fact {
    /// With their widths, the most useful first.
    const ALL: [(Self, usize); 5] = [
        (Self::Since, SINCE),
        (Self::Change, CHANGE),
        (Self::Uptime, UPTIME),
        (Self::P95, P95),
        (Self::Owner, OWNER),
    ];
}

/// The columns that fit.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Widths {
    name: usize,
    /// Environments with a column, with head and width.
    envs: Vec<(Column, String, usize)>,
    /// Number of environments without one.
    hidden: usize,
    facts: Vec<Fact>,
    /// Hours shown.
    strip: usize,
}

impl Widths {
    fn new(matrix: &Matrix, width: usize) -> Self {
        let whole = Self::with_heads(matrix, width, usize::MAX);
        if whole.has(Fact::P95) && whole.hidden == 0 {
            return whole;
        }
        Self::with_heads(matrix, width, HEAD)
    }

    fn has(&self, fact: Fact) -> bool {
        self.facts.contains(&fact)
    }

    /// The columns with heads that are cut to a unique start if they are longer than `head`.
    fn with_heads(matrix: &Matrix, width: usize, head: usize) -> Self {
        let names: Vec<&str> = matrix.columns.iter().map(|c| c.env.as_str()).collect();
        let mut envs: Vec<(Column, String, usize)> = matrix
            .columns
            .iter()
            .zip(heads(&names, head))
            .map(|(column, head)| {
                let head = env_name(&safe(&head), column.protected);
                let used = text::width(&head).max(3) + 1;
                (column.clone(), head, used)
            })
            .collect();
        let name = matrix.longest_name().clamp(NAME.0, NAME.1) + 1;
        let room = width.saturating_sub(LEAD + NAME.0 + 1 + SINCE);
        let used = |envs: &[(Column, String, usize)]| envs.iter().map(|e| e.2).sum::<usize>();
        let all = envs.len();
        while used(&envs) + usize::from(envs.len() < all) * 4 > room && !envs.is_empty() {
            // Those that matter most are last.
            envs.remove(0);
        }
        let hidden = all - envs.len();
        let fixed = LEAD + used(&envs) + if hidden > 0 { 4 } else { 0 };
        let name = name.min(width.saturating_sub(fixed + SINCE).max(NAME.0));
        let mut left = width.saturating_sub(fixed + name);
        let mut facts = Vec::new();
        for (fact, wanted) in Fact::ALL {
            if wanted <= left {
                left -= wanted;
                facts.push(fact);
            }
        }
        Self {
            facts,
            strip: if left < STRIP.0 { 0 } else { left.min(STRIP.1) },
            name,
            envs,
            hidden,
        }
    }
}

/// The rows of `shown` services.
#[must_use]
pub fn rows(area: Rect, shown: usize) -> Rect {
    let below = layout::below_rule(area);
    let height = u16::try_from(shown).unwrap_or(u16::MAX).min(below.height);
    Rect { height, ..below }
}

/// Paints the pane.
pub fn draw(
    frame: Frame<'_>,
    table: StackTable<'_>,
    area: Rect,
    focused: bool,
    canvas: &mut Canvas<'_>,
) {
    let theme = canvas.theme;
    let below = layout::below_rule(area);
    let Some(overview) = frame.overview else {
        canvas.line(area, &Line::styled(" services", theme.frame(focused)));
        let what = frame.trouble.unwrap_or("reading …");
        return canvas.line(below, &Line::raw(format!(" {}", safe(what))));
    };
    let widths = Widths::new(table.matrix, usize::from(area.width));
    canvas.line(row(area, area.y), &head(table, &widths, theme, focused));
    let mark = Span::styled(table.filter.mark(), theme.attention());
    canvas.right(row(area, area.y), &mark.into());
    if table.shown.is_empty() {
        return canvas.lines(below, &empty(overview, table.filter.text(), theme));
    }
    let rows = rows(area, table.shown.len());
    let first = first_visible(table.selected, table.shown.len(), usize::from(rows.height));
    let shown = table.shown.iter().enumerate().skip(first);
    for (y, (i, index)) in (below.y..below.bottom()).zip(shown) {
        let service = &table.matrix.rows[*index];
        let selected = i == table.selected;
        let cells = RowCells {
            row: service,
            marked: table.marked.contains(&service.service),
            day: overview.days.get(&service.target()),
            now: frame.now,
            widths: &widths,
            theme,
        };
        let place = row(below, y);
        canvas.line(place, &fit(cells.line(selected), usize::from(below.width)));
        if selected {
            canvas.select(place, focused);
        }
    }
    let rest = Rect {
        y: rows.bottom(),
        height: below.height - rows.height,
        ..below
    };
    if let Some(index) = table.shown.get(table.selected).filter(|_| rest.height > 3) {
        about(frame, &table.matrix.rows[*index], rest, canvas);
    }
}

fn head(table: StackTable<'_>, widths: &Widths, theme: Theme, focused: bool) -> Line<'static> {
    let all = table.matrix.rows.len();
    let (long, short) = if !table.marked.is_empty() {
        let marked = table.marked.len();
        (
            format!("{marked} of {all} marked"),
            format!("{marked} marked"),
        )
    } else if table.shown.len() == all {
        let services = if all == 1 { "service" } else { "services" };
        (format!("{all} {services}"), all.to_string())
    } else {
        let shown = format!("{} of {all}", table.shown.len());
        (shown.clone(), shown)
    };
    // With the mark of the order and a gap.
    let fits = long.len() + 2 <= widths.name;
    let count = if fits { long } else { short };
    let sorted = |order, text: &str| match table.sort {
        RowSort { order: by, .. } if by != order => text.to_owned(),
        RowSort {
            reversed: false, ..
        } => format!("{text}▾"),
        RowSort { reversed: true, .. } => format!("{text}▴"),
    };
    let style = theme.frame(focused);
    let mut spans = vec![Span::styled(
        format!(
            "    {}",
            column(&sorted(RowOrder::Name, &count), widths.name)
        ),
        style,
    )];
    if widths.hidden > 0 {
        spans.push(Span::styled(
            format!("{:<4}", format!("+{}", widths.hidden)),
            style,
        ));
    }
    for (env, head, width) in &widths.envs {
        let style = if env.protected {
            theme.protected()
        } else {
            style
        };
        spans.push(Span::styled(column(head, *width), style));
    }
    let change = format!("  {}", sorted(RowOrder::Changed, "last change"));
    for (has, text) in [
        (
            widths.has(Fact::Since),
            format!("{:>1$}", sorted(RowOrder::Since, "since"), SINCE),
        ),
        (
            widths.has(Fact::Uptime),
            format!("{:>1$}", sorted(RowOrder::Uptime, "up 24h"), UPTIME),
        ),
        (widths.has(Fact::P95), format!("{:>1$}", "p95", P95)),
        (widths.has(Fact::Change), column(&change, CHANGE)),
        (
            widths.has(Fact::Owner),
            column(&sorted(RowOrder::Owner, "owner"), OWNER),
        ),
        (widths.strip > 0, format!("{} hours", widths.strip)),
    ] {
        if has {
            spans.push(Span::styled(text, style));
        }
    }
    Line::from(spans)
}

/// A row being painted.
struct RowCells<'a> {
    row: &'a ServiceRow,
    marked: bool,
    day: Option<&'a Day>,
    now: Timestamp,
    widths: &'a Widths,
    theme: Theme,
}

impl RowCells<'_> {
    fn line(&self, selected: bool) -> Line<'static> {
        let (row, widths) = (self.row, self.widths);
        let worst = row.worst();
        let mut spans = vec![
            Span::raw(match (selected, self.marked) {
                (true, true) => "▸+",
                (true, false) => "▸ ",
                (false, true) => " +",
                (false, false) => "  ",
            }),
            self.state(worst.now.state, 2),
            Span::raw(column(&row.service, widths.name - 1)),
            Span::raw(" "),
        ];
        if widths.hidden > 0 {
            spans.push(Span::raw("    "));
        }
        for (env, _, width) in &widths.envs {
            spans.push(match row.cell(&env.env) {
                Some(cell) => self.state(cell.now.state, *width),
                None => Span::styled(column("–", *width), self.theme.dim()),
            });
        }
        let p95 = self.day.and_then(|day| day.p95_ms);
        let p95 = p95.map_or_else(|| "–".to_owned(), human_ms);
        for (has, text) in [
            (
                widths.has(Fact::Since),
                format!("{:>1$}", lasted(&worst.now, self.now), SINCE),
            ),
            (
                widths.has(Fact::Uptime),
                format!("{:>1$}", uptime(worst.uptime_pct), UPTIME),
            ),
            (widths.has(Fact::P95), format!("{p95:>P95$}")),
            (
                widths.has(Fact::Change),
                format!(
                    "  {} ",
                    column(&change(row.change.as_ref(), self.now), CHANGE - 3)
                ),
            ),
            (
                widths.has(Fact::Owner),
                format!(
                    "{} ",
                    column(row.owner.as_deref().unwrap_or("–"), OWNER - 1)
                ),
            ),
        ] {
            if has {
                spans.push(Span::raw(text));
            }
        }
        spans.extend(self.strip());
        Line::from(spans)
    }

    fn state(&self, state: State, width: usize) -> Span<'static> {
        Span::styled(column(state.symbol(), width), self.theme.state(state))
    }

    /// The worst state of each hour, oldest first.
    fn strip(&self) -> Vec<Span<'static>> {
        let blank = Day::default();
        let hours = self.day.unwrap_or(&blank).last(self.widths.strip, self.now);
        hours
            .map(|hour| match hour {
                None => Span::raw(" "),
                Some(state) => Span::styled(hour_symbol(state), self.theme.state(state)),
            })
            .collect()
    }
}

/// The worse, the higher.
pub const fn hour_symbol(state: State) -> &'static str {
    match state {
        State::Ok => "▁",
        State::Degraded => "▄",
        State::Failing => "█",
        State::Unknown => "?",
    }
}

/// `#38 deploy 20:51`, `edited 2 d`.
#[must_use]
pub fn change(change: Option<&LastChange>, now: Timestamp) -> String {
    const DAY_MS: i64 = 86_400_000;
    let Some(change) = change else {
        return "–".to_owned();
    };
    let ago = now.ms_since(change.at).max(0);
    let at = if ago < DAY_MS && change.run.is_some() {
        change.at.clock_utc()[..5].to_owned()
    } else {
        time::age(ago).replace("under 1", "<1")
    };
    let run = change.run.map_or_else(String::new, |run| format!("{run} "));
    format!("{run}{} {at}", change.what)
}

/// What is known about the selected service, where there is room below the rows.
fn about(frame: Frame<'_>, service: &ServiceRow, area: Rect, canvas: &mut Canvas<'_>) {
    let theme = canvas.theme;
    let title = Span::styled(format!(" {} ", safe(&service.service)), theme.strong());
    let below = canvas.rule(area, title.into(), &Line::default(), false);
    let width = usize::from(below.width).saturating_sub(2);
    let mut lines = Vec::new();
    for cell in &service.cells {
        lines.extend(cell_lines(cell, frame.now, theme, width));
    }
    let owner = service.owner.as_deref().unwrap_or("–");
    let last = change(service.change.as_ref(), frame.now);
    let by = service
        .change
        .as_ref()
        .map_or_else(String::new, |change| format!(" by {}", change.actor));
    let facts = format!("owner {owner} · last change {last}{by}");
    lines.extend(
        wrapped(&safe(&facts), width)
            .into_iter()
            .map(|part| Line::raw(format!("  {part}"))),
    );
    canvas.lines(below, &lines);
}

/// `PROD ✗ failing 13 min  HTTP 500 in 12 ms, under 1 min ago`, wrapped.
fn cell_lines(cell: &Cell, now: Timestamp, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let env = cell.env.as_deref().unwrap_or("everywhere");
    let state = cell.now.state;
    let lead = format!(
        "{} {} {} {}",
        env_name(&safe(env), cell.protected && cell.env.is_some()),
        state.symbol(),
        state.name(),
        lasted(&cell.now, now)
    );
    let why = wrapped(&safe(&cell.now.detail), width.saturating_sub(4));
    std::iter::once(Line::styled(format!("  {lead}"), theme.state(state)))
        .chain(why.into_iter().map(|part| Line::raw(format!("    {part}"))))
        .collect()
}

fn empty(overview: &Overview, filter: &str, theme: Theme) -> Vec<Line<'static>> {
    if !filter.is_empty() {
        return vec![
            Line::raw(format!(" nothing matches `{filter}`")),
            Line::styled(" Esc shows everything", theme.dim()),
        ];
    }
    let workspace = safe(&overview.workspace);
    vec![
        Line::raw(format!(" Workspace {workspace} has no services.")),
        Line::raw(" opsroom apply FILE declares some"),
    ]
}

/// Latency, age and uptime of one target for the service view, or why its state is unknown.
#[must_use]
pub fn facts(
    summary: Option<&TargetSummary>,
    day: Option<&Day>,
    current_state: &TargetState,
    now: Timestamp,
) -> String {
    let Some(s) = summary else {
        return "no observation yet".to_owned();
    };
    let blank = Day::default();
    let day = day.unwrap_or(&blank);
    let up = format!("up {} % 24 h n={}", uptime(day.uptime_pct), day.samples);
    if current_state.state == State::Unknown {
        return format!("{} · {up}", safe(&current_state.detail));
    }
    let latency = s.latest.latency_ms.map_or_else(|| "–".to_owned(), human_ms);
    let age = time::age(now.ms_since(s.latest.at));
    format!("{} · {latency} · {age} ago · {up}", safe(&s.latest.message))
}
