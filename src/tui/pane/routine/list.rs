//! All routines: state, next slot, uptime and latency of the last 24 hours. `/` filters the list,
//! `o` sorts it.

use std::time::Duration;

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::READS_EVERY;
use crate::bus::Notice;
use crate::core::base::time::Timestamp;
use crate::core::stack::state::State;
use crate::tui::filter::Filter;
use crate::tui::frame::Frame;
use crate::tui::keys::{Action, Context};
use crate::tui::msg::{Effect, Msg, RoutineRow, Ticket};
use crate::tui::pane::stack::hour_symbol;
use crate::tui::pane::{Delivery, Destination, Opening, Reaction, Scene, View};
use crate::tui::picker::{Picker, first_visible};
use crate::tui::verbs;
use crate::tui::view::canvas::{Canvas, column, row, safe};
use crate::tui::view::layout;

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
    rows: Option<Vec<RoutineRow>>,
    filter: Filter,
    picker: Picker<String>,
    stale: bool,
    in_flight: bool,
    error: Option<String>,
}

impl RoutinesScreen {
    /// The list of all routines.
    #[must_use]
    pub fn open(opening: &Opening<'_>) -> Self {
        Self {
            ticket: opening.ticket,
            rows: None,
            filter: Filter::default(),
            picker: Picker::default(),
            stale: true,
            in_flight: false,
            error: None,
        }
    }

    /// The worst first, then those that are late, then by name.
    fn shown(&self) -> Vec<&RoutineRow> {
        let wanted = self.filter.text().to_lowercase();
        let holds = |row: &&RoutineRow| search_text(row).to_lowercase().contains(&wanted);
        let mut rows: Vec<&RoutineRow> = self.rows.iter().flatten().filter(holds).collect();
        rows.sort_by_key(|row| (rank(row), row.overdue_since.is_none(), row.name.clone()));
        rows
    }

    fn keys(&self) -> Vec<String> {
        self.shown().iter().map(|row| row.name.clone()).collect()
    }

    fn sync(&mut self) {
        let keys = self.keys();
        self.picker.sync(&keys);
    }
}

fn rank(row: &RoutineRow) -> u8 {
    match (row.pause.is_some(), row.state) {
        (true, _) => 4,
        (false, State::Failing) => 0,
        (false, State::Degraded) => 1,
        (false, State::Unknown) => 2,
        (false, State::Ok) => 3,
    }
}

fn search_text(row: &RoutineRow) -> String {
    let place = [&row.service, &row.env];
    let place: Vec<&str> = place.into_iter().filter_map(|p| p.as_deref()).collect();
    format!(
        "{} {} {} {}",
        row.name,
        row.kind,
        row.state_word(),
        place.join(" ")
    )
}

impl View for RoutinesScreen {
    fn context(&self) -> Context {
        if self.filter.is_typing() {
            Context::Text
        } else {
            Context::Reader
        }
    }

    fn act(&mut self, action: Action, scene: Scene<'_>) -> Reaction {
        if self.filter.is_typing() && self.filter.act(action) {
            self.sync();
            return Reaction::Done;
        }
        match (action, self.picker.key()) {
            (Action::Find, _) => self.filter.open(),
            (Action::Open, Some(name)) => {
                return Reaction::Open(Destination::Routine { name: name.clone() });
            }
            (Action::Verbs, Some(name)) => {
                return Reaction::Popup(verbs::of_routine(name).into());
            }
            (Action::CopyLine, Some(name)) => {
                return Reaction::Ask(Effect::Copy(safe(name)));
            }
            _ => {
                let keys = self.keys();
                let page = layout::rows(scene.body).saturating_sub(1);
                if !self.picker.act(action, &keys, page) {
                    return Reaction::Ignored;
                }
            }
        }
        Reaction::Done
    }

    fn back(&mut self, _scene: Scene<'_>) -> bool {
        let was = self.filter.clear();
        self.sync();
        was
    }

    fn insert(&mut self, text: &str, _scene: Scene<'_>) {
        if self.filter.is_typing() {
            self.filter.insert(text);
            self.sync();
        }
    }

    fn reads_every(&self) -> Option<Duration> {
        Some(READS_EVERY)
    }

    fn wants(&mut self) -> Vec<Effect> {
        if self.in_flight || !std::mem::take(&mut self.stale) {
            return Vec::new();
        }
        self.in_flight = true;
        vec![Effect::Routines(self.ticket)]
    }

    fn receive(&mut self, msg: &Msg, _delivery: Delivery<'_>) -> Reaction {
        match msg {
            Msg::Notice(Notice::Stack | Notice::Routines | Notice::Results) => {
                self.stale = true;
            }
            Msg::Routines(ticket, rows) if *ticket == self.ticket => {
                self.in_flight = false;
                match rows {
                    Ok(rows) => (self.rows, self.error) = (Some(rows.clone()), None),
                    Err(why) => self.error = Some(why.clone()),
                }
                self.sync();
            }
            _ => return Reaction::Ignored,
        }
        Reaction::Done
    }

    fn invalidate(&mut self) {
        self.stale = true;
    }

    fn draw(&self, frame: Frame<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme;
        let shown = self.shown();
        let late = shown.iter().filter(|r| r.overdue_since.is_some()).count();
        let failing = shown.iter().filter(|r| rank(r) == 0).count();
        let mut title = vec![Span::styled(
            format!(" Routines {} ", shown.len()),
            theme.strong(),
        )];
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
        let mark = Span::styled(self.filter.mark(), theme.attention());
        let inner = canvas.pane(area, Line::from(title), &mark.into(), true);
        if shown.is_empty() {
            let none = match (&self.error, &self.rows) {
                (Some(why), _) => why.clone(),
                (None, None) => "reading …".to_owned(),
                (None, Some(rows)) if rows.is_empty() => {
                    "there are no routines: add [[routine]] to the stack file".to_owned()
                }
                (None, Some(_)) => format!("no routine holds `{}`", self.filter.text()),
            };
            return canvas.line(inner, &Line::raw(safe(&none)));
        }
        let widths = Widths::of(&shown, inner.width);
        canvas.line(inner, &Line::styled(widths.head(), theme.dim()));
        let list = Rect {
            y: inner.y + 1,
            height: inner.height.saturating_sub(1),
            ..inner
        };
        let first = first_visible(self.picker.index(), shown.len(), usize::from(list.height));
        for (y, (i, entry)) in (list.y..list.bottom()).zip(shown.iter().enumerate().skip(first)) {
            canvas.line(row(list, y), &line(entry, frame, &widths));
            if i == self.picker.index() {
                canvas.select(row(list, y), true);
            }
        }
    }

    fn crumb(&self) -> String {
        "routines".to_owned()
    }
}

struct Widths {
    name: usize,
    kind: bool,
    strip: bool,
    message: usize,
}

impl Widths {
    fn of(rows: &[&RoutineRow], width: u16) -> Self {
        let (kind, strip) = (width >= WITH_KIND, width >= WITH_STRIP);
        let longest = rows.iter().map(|row| safe(&row.name).chars().count()).max();
        let others = OTHERS + if kind { KIND } else { 0 } + if strip { STRIP + 1 } else { 0 };
        let room = usize::from(width).saturating_sub(others);
        let name = longest.unwrap_or(0).clamp(7, LONGEST_NAME);
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
    let said = match (&of.problem, &of.pause) {
        (Some(why), _) => why.clone(),
        (None, Some(pause)) => format!("paused by {}: {}", pause.by, pause.reason),
        (None, None) if unconfirmed => format!("unconfirmed: {}", of.message),
        (None, None) => of.message.clone(),
    };
    spans.push(Span::raw(column(&safe(&said), widths.message)));
    Line::from(spans)
}

const fn state_symbol(row: &RoutineRow) -> &'static str {
    if row.pause.is_some() {
        "‖"
    } else {
        row.state.symbol()
    }
}

fn due_span(row: &RoutineRow, now: Timestamp) -> String {
    match &row.pause {
        Some(pause) => format!(
            "paused {}",
            crate::core::base::time::age(pause.until.ms_since(now).max(0))
        ),
        None => row.due_word(now),
    }
}
