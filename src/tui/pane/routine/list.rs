//! All routines: state, next slot, uptime and latency of the last 24 hours. `/` filters the list,
//! `o` sorts it.

use std::time::Duration;

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{READS_EVERY, form, last_run};
use crate::bus::Notice;
use crate::core::base::text;
use crate::core::base::time::{Timestamp, age};
use crate::core::stack::state::State;
use crate::tui::frame::Frame;
use crate::tui::keys::{Action, Context};
use crate::tui::msg::{Effect, Msg, RoutineRow, Ticket};
use crate::tui::named_list::{Look, NamedList, NamedRow};
use crate::tui::pane::stack::hour_symbol;
use crate::tui::pane::{Delivery, Destination, Opening, Reaction, Scene, View};
use crate::tui::popup::menu::Menu;
use crate::tui::verbs;
use crate::tui::view::canvas::{Canvas, column, safe};

/// Columns of the heat strip: one an hour.
const STRIP: usize = 24;
/// The strip is shown from this width on.
const WITH_STRIP: u16 = 110;
/// The kind is shown from this width on.
const WITH_KIND: u16 = 100;
const KIND: usize = 9;
/// Columns besides name, kind, strip and message.
const OTHERS: usize = 37;
const LONGEST_NAME: usize = 32;

/// The list of routines.
#[derive(Debug, Clone)]
pub struct RoutinesScreen {
    ticket: Ticket,
    list: NamedList<RoutineRow>,
    read_only: bool,
}

impl RoutinesScreen {
    /// The list of all routines.
    #[must_use]
    pub fn open(opening: &Opening<'_>) -> Self {
        Self {
            ticket: opening.ticket,
            list: NamedList::default(),
            read_only: opening.facts.read_only,
        }
    }
}

/// The worst first, then those that are late, then by name.
fn sorted(rows: &[RoutineRow]) -> Vec<RoutineRow> {
    let mut rows = rows.to_vec();
    rows.sort_by_cached_key(|row| (rank(row), row.overdue_since.is_none(), row.name.clone()));
    rows
}

fn rank(row: &RoutineRow) -> u8 {
    match (row.pause.is_some() || row.is_skipped(), row.state) {
        (true, _) => 4,
        (false, State::Failing) => 0,
        (false, State::Degraded) => 1,
        (false, State::Unknown) => 2,
        (false, State::Ok) => 3,
    }
}

impl NamedRow for RoutineRow {
    fn name(&self) -> &str {
        &self.name
    }

    fn search_text(&self) -> String {
        let place = [&self.service, &self.env];
        let place: Vec<&str> = place.into_iter().filter_map(|p| p.as_deref()).collect();
        format!(
            "{} {} {} {}",
            self.name,
            self.kind,
            self.state_word(),
            place.join(" ")
        )
    }

    fn opens(name: String) -> Destination {
        Destination::Routine { name }
    }

    fn verbs(name: &str) -> Menu {
        verbs::of_routine(name)
    }
}

impl View for RoutinesScreen {
    fn context(&self) -> Context {
        match self.list.context() {
            Context::Reader => Context::Routine,
            other => other,
        }
    }

    fn act(&mut self, action: Action, scene: Scene<'_>) -> Reaction {
        match (action, self.list.selected()) {
            (Action::NewRoutine, _) => form::new(scene, self.read_only),
            (Action::Chart, Some(name)) => Reaction::Open(Destination::Chart {
                name: name.to_owned(),
            }),
            (Action::LastRun, Some(name)) => {
                let row = self.list.all().iter().find(|row| row.name == name);
                let last = row.and_then(|row| row.last_run.as_ref());
                last_run(name, last.map(|last| last.run))
            }
            (Action::EditRoutine, Some(name)) => form::edit(name, scene, self.read_only),
            (Action::DeleteRoutine, Some(name)) => form::delete(name, scene, self.read_only),
            _ => self.list.act(action, scene),
        }
    }

    fn back(&mut self, _scene: Scene<'_>) -> bool {
        self.list.back()
    }

    fn insert(&mut self, text: &str, _scene: Scene<'_>) {
        self.list.insert(text);
    }

    fn reads_every(&self) -> Option<Duration> {
        Some(READS_EVERY)
    }

    fn wants(&mut self) -> Vec<Effect> {
        let wanted = self.list.wants();
        wanted
            .then_some(Effect::Routines(self.ticket))
            .into_iter()
            .collect()
    }

    fn receive(&mut self, msg: &Msg, _delivery: Delivery<'_>) -> Reaction {
        match msg {
            Msg::Notice(Notice::Stack | Notice::Routines | Notice::Results) => {
                self.list.invalidate();
            }
            Msg::Routines(ticket, rows) if *ticket == self.ticket => {
                let rows = rows.as_deref().map(sorted).map_err(Clone::clone);
                self.list.receive(rows);
            }
            _ => return Reaction::Ignored,
        }
        Reaction::Done
    }

    fn invalidate(&mut self) {
        self.list.invalidate();
    }

    fn draw(&self, frame: Frame<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme;
        let shown = self.list.shown();
        let late = shown.iter().filter(|r| r.overdue_since.is_some()).count();
        let failing = shown.iter().filter(|r| rank(r) == 0).count();
        let title = format!(" Routines {} ", shown.len());
        let mut title = vec![Span::styled(title, theme.strong())];
        if failing > 0 {
            title.push(Span::styled(
                format!("✗ {failing} failing "),
                theme.state(State::Failing),
            ));
        }
        if late > 0 {
            title.push(Span::styled(
                format!("▲ {late} overdue "),
                theme.attention(),
            ));
        }
        let longest = longest_name(self.list.all());
        let inside = shown.iter().filter(|r| r.maintenance.is_some()).count();
        if inside > 0 {
            title.push(Span::raw(format!("‖ {inside} in maintenance ")));
        }
        let none = format!(
            "there are no routines: {} writes one, or add [[routine]] to the stack file",
            frame.key_name(Action::NewRoutine)
        );
        let look = Look {
            title: Line::from(title),
            thing: "routine",
            none: &none,
            head: &|width| Widths::of(longest, width).head(),
            line: &|entry, width| line(entry, frame, &Widths::of(longest, width)),
        };
        self.list.draw(area, canvas, &look);
    }

    fn crumb(&self) -> String {
        "routines".to_owned()
    }
}

/// The width of the longest name of all rows, so that a filter moves nothing.
fn longest_name(rows: &[RoutineRow]) -> usize {
    let widths = rows.iter().map(|row| text::width(&safe(&row.name)));
    widths.max().unwrap_or(0)
}

struct Widths {
    name: usize,
    kind: bool,
    strip: bool,
    message: usize,
}

impl Widths {
    fn of(longest: usize, width: u16) -> Self {
        let (kind, strip) = (width >= WITH_KIND, width >= WITH_STRIP);
        let others = OTHERS + if kind { KIND } else { 0 } + if strip { STRIP + 1 } else { 0 };
        let room = usize::from(width).saturating_sub(others);
        let name = longest.clamp(7, LONGEST_NAME);
        Self {
            name,
            kind,
            strip,
            message: room.saturating_sub(name),
        }
    }

    /// The column of the kind, with the space before it.
    fn kind(&self, kind: &str) -> String {
        if self.kind {
            format!(" {}", column(kind, KIND - 1))
        } else {
            String::new()
        }
    }

    fn head(&self) -> String {
        let strip = if self.strip {
            format!("{:<STRIP$} ", "last 24 h")
        } else {
            String::new()
        };
        format!(
            "  {}{} {:<13} {:>7} {:>8}  {strip}message",
            column("routine", self.name),
            self.kind("kind"),
            "next",
            "ok 24h",
            "p95",
        )
    }
}

fn line(of: &RoutineRow, frame: Frame<'_>, widths: &Widths) -> Line<'static> {
    let theme = frame.theme;
    let numbers = &of.numbers;
    let uptime = numbers
        .uptime_pct
        .map_or_else(|| "–".to_owned(), |pct| format!("{pct:.2}"));
    let p95 = numbers
        .p95_ms
        .map_or_else(|| "–".to_owned(), |ms| format!("{ms:.0} ms"));
    let due = due_span(of, frame.now);
    let due_style = if of.overdue_since.is_some() {
        theme.attention()
    } else {
        theme.plain()
    };
    let mut spans = vec![
        Span::styled(state_symbol(of), theme.state(of.state)),
        Span::raw(format!(
            " {}{} ",
            column(&safe(&of.name), widths.name),
            widths.kind(of.kind)
        )),
        Span::styled(column(&due, 13), due_style),
        Span::raw(format!(" {uptime:>7} {p95:>8}  ")),
    ];
    if widths.strip {
        let blank = STRIP.saturating_sub(of.hours.len());
        spans.push(Span::raw(" ".repeat(blank)));
        spans.extend(of.hours.iter().map(|hour| match hour {
            None => Span::raw(" "),
            Some(state) => Span::styled(hour_symbol(*state), theme.state(*state)),
        }));
        spans.push(Span::raw(" "));
    }
    let unconfirmed = !of.hard && of.state == State::Failing && of.pause.is_none();
    let said = match (&of.problem, &of.pause, &of.maintenance) {
        (Some(why), _, _) => why.clone(),
        (_, Some(pause), _) => format!("paused by {}: {}", pause.by, pause.reason),
        (_, _, Some(window)) if of.is_skipped() => {
            let why = window.reason.as_ref().map(|why| format!(": {why}"));
            format!("maintenance {}{}", window.window, why.unwrap_or_default())
        }
        (_, _, Some(window)) => format!("muted by {}: {}", window.window, of.message),
        _ if unconfirmed => format!("unconfirmed: {}", of.message),
        _ => of.message.clone(),
    };
    spans.push(Span::raw(column(&safe(&said), widths.message)));
    Line::from(spans)
}

fn state_symbol(row: &RoutineRow) -> &'static str {
    if row.pause.is_some() || row.is_skipped() {
        "‖"
    } else {
        row.state.symbol()
    }
}

fn due_span(row: &RoutineRow, now: Timestamp) -> String {
    let left = |until: Timestamp| age(until.ms_since(now).max(0));
    match (&row.pause, &row.maintenance) {
        (Some(pause), _) => format!("paused {}", left(pause.until)),
        (None, Some(window)) if row.is_skipped() => format!("skipped {}", left(window.until)),
        (None, _) => row.due_word(now),
    }
}
