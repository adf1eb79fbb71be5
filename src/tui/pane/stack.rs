//! The stack: one row per service and environment, with state, age if stale, and one day's uptime.

pub mod service;

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::core::base::time::{self, Timestamp, human_ms};
use crate::core::health::observation::{TargetState, TargetSummary};
use crate::core::run::plan::Target;
use crate::core::stack::state::State;
use crate::tui::filter::Filter;
use crate::tui::frame::Frame;
use crate::tui::msg::Overview;
use crate::tui::picker::first_visible;
use crate::tui::view::canvas::{Canvas, column, row, safe};
use crate::tui::view::layout;

/// Every service in each of its environments, in the stack's order, including those without probes.
#[must_use]
pub fn targets(overview: &Overview, filter: &str) -> Vec<Target> {
    let wanted = filter.to_lowercase();
    let of = |service: &str, env: Option<&String>| Target {
        service: service.to_owned(),
        env: env.cloned(),
    };
    let all = overview.stack.services.iter().flat_map(|s| {
        let in_envs: Vec<Target> = s
            .environments
            .iter()
            .map(|env| of(&s.name, Some(env)))
            .collect();
        if in_envs.is_empty() {
            vec![of(&s.name, None)]
        } else {
            in_envs
        }
    });
    all.filter(|t| wanted.is_empty() || search_text(overview, t).contains(&wanted))
        .collect()
}

fn search_text(overview: &Overview, target: &Target) -> String {
    let state = overview.current_state(target, overview.at).state;
    format!(
        "{} {} {}",
        target.service,
        target.env.as_deref().unwrap_or(""),
        state.name()
    )
    .to_lowercase()
}

/// The summary of a target.
#[must_use]
pub fn summary<'a>(overview: &'a Overview, target: &Target) -> Option<&'a TargetSummary> {
    overview
        .states
        .iter()
        .find(|(t, _)| t == target)
        .map(|(_, summary)| summary)
}

/// `99.98`, or `–` without observations.
#[must_use]
pub fn uptime(summary: Option<&TargetSummary>) -> String {
    match summary.and_then(TargetSummary::uptime_pct) {
        None => "–".to_owned(),
        Some(pct) if pct >= 100.0 => "100".to_owned(),
        // Rounded down: 99.996 must not read as 100.
        Some(pct) => format!("{:.2}", (pct * 100.0).floor() / 100.0),
    }
}

/// The age of the last observation, if it is stale.
#[must_use]
pub fn age(current_state: &TargetState, now: Timestamp, stale_ms: i64) -> Option<String> {
    let age = now.ms_since(current_state.seen_at?);
    (age > stale_ms).then(|| short_age(age))
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

/// What home keeps of the list: the filter typed and the row selected.
#[derive(Debug, Clone, Copy)]
pub struct StackList<'a> {
    pub filter: &'a Filter,
    pub selected: usize,
}

/// Paints the pane.
pub fn draw(
    frame: Frame<'_>,
    list: StackList<'_>,
    area: Rect,
    focused: bool,
    canvas: &mut Canvas<'_>,
) {
    let theme = canvas.theme;
    let Some(overview) = frame.overview else {
        let inner = canvas.frame(
            area,
            Span::styled(" Stack ", theme.strong()).into(),
            &Line::default(),
            focused,
        );
        let what = frame.trouble.unwrap_or("reading …");
        return canvas.line(inner, &Line::raw(safe(what)));
    };
    let targets = targets(overview, list.filter.text());
    let title = Span::styled(format!(" Stack {} ", targets.len()), theme.strong());
    let mark = Span::styled(list.filter.mark(), theme.attention());
    let inner = canvas.frame(area, title.into(), &mark.into(), focused);
    if targets.is_empty() {
        return canvas.lines(inner, &empty(overview, list.filter.text(), theme.dim()));
    }
    let height = layout::rows(area);
    let first = first_visible(list.selected, targets.len(), height);
    for (y, (i, target)) in (inner.y..inner.bottom()).zip(targets.iter().enumerate().skip(first)) {
        let selected = i == list.selected;
        canvas.line(
            row(inner, y),
            &line(frame, overview, target, selected, usize::from(inner.width)),
        );
        if selected {
            let style = if focused {
                theme.selected()
            } else {
                theme.selected_elsewhere()
            };
            canvas.restyle(row(inner, y), style);
        }
    }
}

fn line(
    frame: Frame<'_>,
    overview: &Overview,
    target: &Target,
    selected: bool,
    width: usize,
) -> Line<'static> {
    let summary = summary(overview, target);
    let current_state = overview.current_state(target, frame.now);
    let state = current_state.state;
    let style = frame.theme.state(state);
    let up = age(&current_state, frame.now, overview.stale_ms).map_or_else(
        || uptime(summary),
        |age| format!("{} old", age.replace(' ', "")),
    );
    // mark, symbol, name, environment, state word, uptime or age
    let narrow = width < 44;
    let (env, word, last) = if narrow { (5, 5, 7) } else { (10, 9, 8) };
    let short = if narrow {
        short_word(state)
    } else {
        state.name()
    };
    let name = width
        .saturating_sub(4 + 1 + env + 1 + word + 1 + last)
        .max(6);
    let mark = if selected { "▸ " } else { "  " };
    Line::from(vec![
        Span::raw(mark),
        Span::styled(format!("{} ", state.symbol()), style),
        Span::raw(format!("{} ", column(&target.service, name))),
        Span::raw(format!(
            "{} ",
            column(target.env.as_deref().unwrap_or("–"), env)
        )),
        Span::styled(column(short, word), style),
        Span::raw(format!(" {up:>last$}")),
    ])
}

/// The state as a word of at most five cells.
const fn short_word(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::Degraded => "degr.",
        State::Failing => "fail",
        State::Unknown => "unkn.",
    }
}

fn empty(overview: &Overview, filter: &str, dim: ratatui::style::Style) -> Vec<Line<'static>> {
    if !filter.is_empty() {
        return vec![
            Line::raw(format!("nothing matches `{filter}`")),
            Line::styled("Esc shows everything", dim),
        ];
    }
    let workspace = safe(&overview.workspace);
    vec![
        Line::raw(format!("Workspace {workspace} has no services.")),
        Line::raw("opsroom apply FILE declares some"),
    ]
}

/// Latency, age and uptime of one target for the service view, or why its state is unknown.
#[must_use]
pub fn facts(
    summary: Option<&TargetSummary>,
    current_state: &TargetState,
    now: Timestamp,
) -> String {
    let Some(s) = summary else {
        return "no observation yet".to_owned();
    };
    if current_state.state == State::Unknown {
        return format!(
            "{} · up {} % 24 h n={}",
            safe(&current_state.detail),
            uptime(Some(s)),
            s.samples
        );
    }
    let latency = s.latest.latency_ms.map_or_else(|| "–".to_owned(), human_ms);
    let age = time::age(now.ms_since(s.latest.at));
    let seen = format!("{} · {latency} · {age} ago", safe(&s.latest.message));
    format!("{seen} · up {} % 24 h n={}", uptime(Some(s)), s.samples)
}
