//! The log viewer for runs and files: the user's settings (filters, marks, columns) and the last
//! state received from the log's reader thread, see [`crate::logfile`]. `update` never waits.

mod act;
mod card;
mod columns;
mod draw;
mod filters;
mod prompt;
mod row;

use std::collections::BTreeMap;
use std::time::Duration;

use crossterm::event::KeyEvent;
use jiff::tz::TimeZone;
use ratatui::Frame;
use regex::bytes::Regex;

use self::card::Card;
use self::filters::Filters;
use self::prompt::{Prompt, PromptKind};
use super::Model;
use super::burst;
use super::keys::{Action, Context, Key, Keymap};
use super::link::Links;
use super::msg::{Effect, MouseKind, Msg, Ticket};
use super::popup::Outcome;
use super::popup::help::Help;
use super::terminal::output::Stats;
use super::theme::Theme;
use super::view::canvas::Canvas;
use crate::core::base::time::Timestamp;
use crate::core::run::Run;
use crate::core::run::event::Level;
use crate::logfile::log_view::{Answer, LogRequest, Shown, Sought};
use crate::logfile::source::LogUpdate;

/// Fixed facts about the logs.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The logs shown, in order.
    pub files: Vec<Named>,
    /// For the column of local times.
    pub zone: TimeZone,
    /// Output limit, bytes per second.
    pub budget: Option<u64>,
    /// Demo mode: all data is simulated.
    pub simulated: bool,
}

/// A file, or a run with the names of its steps.
#[derive(Debug, Clone)]
pub struct Named {
    pub name: String,
    pub steps: Option<Vec<String>>,
}

/// The state of the viewer for one log or several.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of one view, each with its own key"
)]
#[derive(Debug, Clone)]
pub struct Viewer {
    ticket: Ticket,
    facts: Facts,
    keys: Keymap,
    theme: Theme,
    size: (u16, u16),
    /// The log is in a frame, which shows the status on its edge.
    framed: bool,
    /// No lines have been received yet.
    waiting: bool,
    now: Timestamp,
    shown: Shown,
    filters: Filters,
    floor: Level,
    search: Option<(String, Regex)>,
    marks: BTreeMap<usize, String>,
    over: Option<Over>,
    wrap: bool,
    times: Times,
    /// Show the columns of the store (level, step, source).
    columns: bool,
    /// Show the colours in the lines.
    colours: bool,
    left: usize,
    strip: bool,
    /// The mouse is reported.
    mouse: bool,
    /// One line for the user.
    notice: Option<String>,
    wire: Wire,
}

/// Lines for each step of the wheel.
const WHEEL_ROWS: usize = 3;

/// An overlay on the log; it has keyboard focus.
#[derive(Debug, Clone)]
enum Over {
    Prompt(Box<Prompt>),
    Help(Box<Help>),
    Card(Card),
    Filters,
}

/// The column of times; most lines already contain a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Times {
    AsWritten,
    Utc,
    Local,
}

/// Bytes sent to the terminal per second.
#[derive(Debug, Clone, Copy, Default)]
struct Wire {
    total: u64,
    at: Timestamp,
    before: u64,
    per_second: u64,
}

impl Viewer {
    /// A viewer without lines.
    #[must_use]
    pub fn new(ticket: Ticket, facts: Facts, keys: Keymap, theme: Theme) -> Self {
        // The lines of a run do not contain their time.
        let times = if facts.files.iter().any(|file| file.steps.is_some()) {
            Times::Utc
        } else {
            Times::AsWritten
        };
        Self {
            ticket,
            facts,
            keys,
            theme,
            size: (80, 24),
            framed: false,
            waiting: true,
            now: Timestamp::default(),
            shown: Shown::default(),
            filters: Filters::default(),
            floor: Level::Debug,
            search: None,
            marks: BTreeMap::new(),
            over: None,
            wrap: false,
            times,
            columns: true,
            colours: false,
            left: 0,
            strip: false,
            mouse: false,
            notice: None,
            wire: Wire::default(),
        }
    }

    /// The key context; `base` is the context without an overlay.
    pub(super) const fn context(&self, base: Context) -> Context {
        match &self.over {
            None => base,
            // In a pane, too, this overlay takes all keys.
            Some(Over::Filters) => match base {
                Context::File => base,
                _ => Context::WholeLog,
            },
            Some(Over::Prompt(_) | Over::Help(_)) => Context::Text,
            Some(Over::Card(_)) => Context::Reader,
        }
    }

    /// The number of the line at the cursor.
    fn line(&self) -> Option<usize> {
        self.shown.rows.get(self.shown.cursor).map(|row| row.number)
    }

    /// Rows for lines: all except the status and, if shown, the strip.
    fn rows(&self) -> usize {
        usize::from(self.size.1)
            .saturating_sub(usize::from(!self.framed) + usize::from(self.strip))
            .max(1)
    }

    fn fit(&self) -> Effect {
        let strip = if self.strip {
            usize::from(self.size.0)
        } else {
            0
        };
        self.ask(LogRequest::Resize {
            rows: self.rows(),
            strip,
        })
    }

    fn ask(&self, ask: LogRequest) -> Effect {
        Effect::File(self.ticket, Box::new(ask))
    }

    /// Sets the size of the area.
    pub(super) fn resize(&mut self, width: u16, height: u16, framed: bool) -> Effect {
        (self.size, self.framed) = ((width, height), framed);
        self.fit()
    }

    /// Sets the time.
    pub(super) fn tick(&mut self, now: Timestamp) {
        self.now = now;
        self.wire.tick(now);
    }

    /// Shows a notice.
    pub(super) fn say(&mut self, text: String) {
        self.notice = Some(text);
    }

    /// An overlay is open.
    pub(super) const fn is_covered(&self) -> bool {
        self.over.is_some()
    }

    /// The user has scrolled back or opened an overlay, rather than following the log.
    pub(super) const fn is_read(&self) -> bool {
        self.over.is_some() || !(self.waiting || self.shown.follow)
    }

    /// Switches to another reader. The current lines stay until its first.
    pub(super) const fn begin(&mut self, ticket: Ticket) {
        (self.ticket, self.waiting) = (ticket, true);
    }

    /// Sets the names of a run's steps, if not known yet.
    pub(super) fn name_steps(&mut self, run: &Run) {
        let unknown = |file: &&mut Named| file.steps.as_ref().is_some_and(Vec::is_empty);
        for file in self.facts.files.iter_mut().filter(unknown) {
            file.steps = Some(step_names(run));
        }
    }

    /// Searches as if the pattern had been typed; a bad pattern is reported in the prompt.
    pub(super) fn search_for(&mut self, text: &str) -> Vec<Effect> {
        self.over = Some(Over::Prompt(Box::new(Prompt::with(
            PromptKind::Search,
            text,
        ))));
        self.prompt(Action::Accept)
    }

    /// Goes to the first line of a step.
    pub(super) fn go_to_step(&self, step: u32) -> Effect {
        self.ask(LogRequest::Seek {
            what: Sought::Step(step),
            forward: true,
        })
    }

    /// Takes the notice, which a frame has no room for.
    pub(super) const fn take_notice(&mut self) -> Option<String> {
        if self.framed {
            self.notice.take()
        } else {
            None
        }
    }

    /// Clears the notice; called on every key.
    pub(super) fn clear_notice(&mut self) {
        self.notice = None;
    }

    /// Closes the overlay, or else clears the search; `None` if there is neither.
    pub(super) fn back(&mut self) -> Option<Vec<Effect>> {
        if self.over.take().is_some() {
            return Some(Vec::new());
        }
        self.search
            .take()
            .map(|_| vec![self.ask(LogRequest::Search(None))])
    }

    pub(super) fn receive(&mut self, event: LogUpdate) -> Vec<Effect> {
        match event {
            // A new reader has no lines yet.
            LogUpdate::Shown(shown)
                if self.waiting && shown.rows.is_empty() && shown.busy.is_some() => {}
            LogUpdate::Shown(shown) => {
                self.waiting = false;
                if shown.generation != self.shown.generation {
                    self.marks.clear();
                }
                self.shown = *shown;
            }
            LogUpdate::Answer(Answer::Notice(text)) | LogUpdate::Unopened(text) => {
                self.notice = Some(text);
            }
            LogUpdate::Answer(Answer::Copy { text }) => return vec![Effect::Copy(text)],
            LogUpdate::Answer(Answer::Record {
                line,
                text,
                head,
                data,
            }) => {
                let known = head.map(|head| self.known(line, &head, data));
                self.over = Some(Over::Card(Card::new(
                    line,
                    &text,
                    known,
                    self.now,
                    self.marks.get(&line),
                )));
            }
        }
        Vec::new()
    }

    fn key(&mut self, event: &KeyEvent) -> Vec<Effect> {
        self.clear_notice();
        let context = self.context(Context::File);
        let key = Key::of(event);
        if let Some(c) = key.printable().filter(|_| context.is_text()) {
            self.insert(&c.to_string());
            return Vec::new();
        }
        self.keys
            .action(context, event)
            .map_or_else(Vec::new, |action| self.act(action))
    }

    pub(super) fn insert(&mut self, text: &str) {
        match &mut self.over {
            Some(Over::Prompt(prompt)) => prompt.field.insert(text),
            Some(Over::Help(help)) => help.insert(text),
            _ => self.notice = Some("a paste does nothing here; / begins a search".to_owned()),
        }
    }

    /// Unbracketed text that came at once: it may open the search it begins with, and is text
    /// there.
    fn burst(&mut self, text: &str) -> Vec<Effect> {
        if self.context(Context::File).is_text() {
            self.insert(text);
            return Vec::new();
        }
        let opened = burst::opener(text, &self.keys, self.context(Context::File));
        let effects = opened.map_or_else(Vec::new, |(action, _)| self.act(action));
        if let Some((_, line)) = opened.filter(|_| self.context(Context::File).is_text()) {
            self.insert(line);
            self.notice = burst::holds_enter(text).then(|| burst::ENTER_NOT_TAKEN.to_owned());
        } else {
            let search = self
                .keys
                .keys(Action::Search)
                .first()
                .map(ToString::to_string)
                .unwrap_or_default();
            self.notice = Some(burst::ignored(text, &search, "begins a search"));
        }
        effects
    }

    /// Opens with the mouse on.
    #[must_use]
    pub const fn with_mouse(mut self, on: bool) -> Self {
        self.mouse = on;
        self
    }

    fn wheel(&mut self, kind: MouseKind) -> Vec<Effect> {
        let action = match kind {
            MouseKind::WheelUp => Action::Up,
            MouseKind::WheelDown => Action::Down,
            MouseKind::Press => return Vec::new(),
        };
        (0..WHEEL_ROWS).flat_map(|_| self.act(action)).collect()
    }

    fn help(&mut self, action: Action) -> Vec<Effect> {
        let Some(Over::Help(help)) = &mut self.over else {
            return Vec::new();
        };
        match help.act(action, &self.keys) {
            Outcome::Run(action) => {
                self.over = None;
                self.act(action)
            }
            _ => Vec::new(),
        }
    }
}

impl Model for Viewer {
    fn start(&mut self) -> Vec<Effect> {
        self.mouse
            .then_some(Effect::Mouse(true))
            .into_iter()
            .collect()
    }

    fn update(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::Key(key) => return self.key(&key),
            Msg::Mouse(mouse) if self.mouse => return self.wheel(mouse.kind),
            Msg::Paste(text) => self.insert(&text),
            Msg::Burst(text) => return self.burst(&text),
            Msg::Resize(width, height) => return vec![self.resize(width, height, false)],
            Msg::Tick(now) => self.tick(now),
            Msg::File(_, event) => return self.receive(event),
            Msg::Copied(Ok(text) | Err(text)) | Msg::Trouble(text) => self.say(text),
            _ => {}
        }
        Vec::new()
    }

    fn draw(&self, frame: &mut Frame) -> Links {
        let area = frame.area();
        let mut canvas = Canvas::new(frame.buffer_mut(), self.theme);
        self.paint(area, &mut canvas);
        self.paint_over(area, &mut canvas);
        if let Some(Over::Help(help)) = &self.over {
            help.draw(&self.keys, &mut canvas);
        }
        let (cursor, links) = (canvas.cursor, canvas.links);
        if let Some(cursor) = cursor {
            frame.set_cursor_position(cursor);
        }
        links
    }

    /// Only the use of a budget changes on screen without a message.
    fn wants_tick(&self) -> Option<Duration> {
        self.facts.budget.map(|_| Duration::from_secs(1))
    }

    fn wrote(&mut self, stats: Stats) {
        self.wire.total = stats.bytes;
    }
}

/// The zone of local times: the workspace's, or this machine's if that is UTC or unknown.
pub(super) fn zone(workspace: Option<&str>) -> TimeZone {
    let named = workspace
        .filter(|name| *name != "UTC")
        .and_then(|name| TimeZone::get(name).ok());
    named.unwrap_or_else(TimeZone::system)
}

/// The names of a run's steps, by number.
pub(super) fn step_names(run: &Run) -> Vec<String> {
    run.plan
        .numbered()
        .map(|(_, step)| step.name.clone())
        .collect()
}

impl Wire {
    fn tick(&mut self, now: Timestamp) {
        let passed = now.ms_since(self.at);
        if passed >= 1000 {
            let sent = self.total.saturating_sub(self.before);
            self.per_second = sent * 1000 / u64::try_from(passed).unwrap_or(1);
            (self.at, self.before) = (now, self.total);
        }
    }
}

#[cfg(test)]
mod tests;
