//! The viewer of logs, of runs and of files: what the reader has set up (filters, marks, columns) and what the log's own
//! thread last told. `update` asks and never waits; the lines come from [`crate::logfile`].

mod act;
mod card;
mod draw;
mod filters;
mod lanes;
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
use self::prompt::{Prompt, Wanted};
use super::Model;
use super::burst;
use super::keys::{Action, Context, Key, Keymap};
use super::msg::{Effect, Msg, Ticket};
use super::popup::Outcome;
use super::popup::help::Help;
use super::terminal::output::Stats;
use super::theme::Theme;
use super::view::canvas::Canvas;
use crate::core::event::Level;
use crate::core::run::Run;
use crate::core::time::Timestamp;
use crate::logfile::desk::{Answer, Ask, Shown, Sought};
use crate::logfile::source::Told;

/// What is known before the first line.
#[derive(Debug, Clone)]
pub struct Facts {
    /// What is shown, in its order.
    pub files: Vec<Named>,
    /// For the column of local times.
    pub zone: TimeZone,
    /// Bytes a second the screen may take.
    pub budget: Option<u64>,
    /// Everything is invented: the demo world.
    pub simulated: bool,
}

/// A file, or a run with the names of its steps.
#[derive(Debug, Clone)]
pub struct Named {
    pub name: String,
    pub steps: Option<Vec<String>>,
}

/// One log, or several, on the whole screen.
#[expect(clippy::struct_excessive_bools, reason = "independent switches of one view, each with its own key")]
#[derive(Debug, Clone)]
pub struct Viewer {
    ticket: Ticket,
    facts: Facts,
    keys: Keymap,
    theme: Theme,
    size: (u16, u16),
    /// The status has no row of its own: it stands on the frame.
    framed: bool,
    /// The reader has told nothing yet that could be shown.
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
    /// Columns of what the store knows of each line.
    lanes: bool,
    /// Lines are shown in the colours they bring.
    colours: bool,
    left: usize,
    strip: bool,
    /// One line for the reader.
    notice: Option<String>,
    wire: Wire,
}

/// What lies over the log and takes the keyboard.
#[derive(Debug, Clone)]
enum Over {
    Prompt(Box<Prompt>),
    Help(Box<Help>),
    Card(Card),
    Filters,
}

/// The column of times: lines themselves usually have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Times {
    AsWritten,
    Utc,
    Local,
}

/// Bytes sent to the terminal, by second.
#[derive(Debug, Clone, Copy, Default)]
struct Wire {
    total: u64,
    at: Timestamp,
    before: u64,
    per_second: u64,
}

impl Viewer {
    /// A viewer with nothing told yet.
    #[must_use]
    pub fn new(ticket: Ticket, facts: Facts, keys: Keymap, theme: Theme) -> Self {
        // The lines of a run do not say their time themselves.
        let times = if facts.files.iter().any(|file| file.steps.is_some()) { Times::Utc } else { Times::AsWritten };
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
            lanes: true,
            colours: false,
            left: 0,
            strip: false,
            notice: None,
            wire: Wire::default(),
        }
    }

    /// Where the keyboard is; `base` is where it is when nothing lies over the log.
    pub(super) const fn context(&self, base: Context) -> Context {
        match &self.over {
            None => base,
            // In a pane, too, all keys are the log's while this is open.
            Some(Over::Filters) => match base {
                Context::File => base,
                _ => Context::WholeLog,
            },
            Some(Over::Prompt(_) | Over::Help(_)) => Context::Text,
            Some(Over::Card(_)) => Context::List,
        }
    }

    /// The line the reader stands on.
    fn line(&self) -> Option<usize> {
        self.shown.rows.get(self.shown.cursor).map(|row| row.number)
    }

    /// Rows for lines: all but the status, and the strip when it is shown.
    fn rows(&self) -> usize {
        usize::from(self.size.1).saturating_sub(usize::from(!self.framed) + usize::from(self.strip)).max(1)
    }

    fn fit(&self) -> Effect {
        let strip = if self.strip { usize::from(self.size.0) } else { 0 };
        self.ask(Ask::Fit { rows: self.rows(), strip })
    }

    fn ask(&self, ask: Ask) -> Effect {
        Effect::File(self.ticket, Box::new(ask))
    }

    /// Takes over the size of its place on screen.
    pub(super) fn resize(&mut self, width: u16, height: u16, framed: bool) -> Effect {
        (self.size, self.framed) = ((width, height), framed);
        self.fit()
    }

    /// Takes over the time.
    pub(super) fn tick(&mut self, now: Timestamp) {
        self.now = now;
        self.wire.tick(now);
    }

    /// Says something to the reader.
    pub(super) fn say(&mut self, text: String) {
        self.notice = Some(text);
    }

    /// Something lies over the log.
    pub(super) const fn is_covered(&self) -> bool {
        self.over.is_some()
    }

    /// Somebody reads in it, and does not only watch it grow.
    pub(super) const fn is_read(&self) -> bool {
        self.over.is_some() || !(self.waiting || self.shown.follow)
    }

    /// Another reader tells from now on. What is shown stays until it does.
    pub(super) const fn begin(&mut self, ticket: Ticket) {
        (self.ticket, self.waiting) = (ticket, true);
    }

    /// The names of a run's steps, where they were not known yet.
    pub(super) fn name_steps(&mut self, run: &Run) {
        let unknown = |file: &&mut Named| file.steps.as_ref().is_some_and(Vec::is_empty);
        for file in self.facts.files.iter_mut().filter(unknown) {
            file.steps = Some(step_names(run));
        }
    }

    /// Searches as if it had been typed; what is wrong with the pattern is told where it can be corrected.
    pub(super) fn search_for(&mut self, text: &str) -> Vec<Effect> {
        self.over = Some(Over::Prompt(Box::new(Prompt::with(Wanted::Search, text))));
        self.prompt(Action::Accept)
    }

    /// Goes to the first line of a step.
    pub(super) fn go_to_step(&self, step: u32) -> Effect {
        self.ask(Ask::Seek { what: Sought::Step(step), forward: true })
    }

    /// What there is to say, where a frame has no room for it.
    pub(super) const fn take_notice(&mut self) -> Option<String> {
        if self.framed { self.notice.take() } else { None }
    }

    /// A key was pressed: what was said before is old.
    pub(super) fn hush(&mut self) {
        self.notice = None;
    }

    /// Closes what lies over the log, else forgets the search; `None` when there is neither.
    pub(super) fn back(&mut self) -> Option<Vec<Effect>> {
        if self.over.take().is_some() {
            return Some(Vec::new());
        }
        self.search.take().map(|_| vec![self.ask(Ask::Search(None))])
    }

    pub(super) fn told(&mut self, told: Told) -> Vec<Effect> {
        match told {
            // A reader that has just begun knows nothing yet.
            Told::Shown(shown) if self.waiting && shown.rows.is_empty() && shown.busy.is_some() => {}
            Told::Shown(shown) => {
                self.waiting = false;
                if shown.generation != self.shown.generation {
                    self.marks.clear();
                }
                self.shown = *shown;
            }
            Told::Answer(Answer::Notice(text)) | Told::Unopened(text) => self.notice = Some(text),
            Told::Answer(Answer::Copy { text }) => return vec![Effect::Copy(text)],
            Told::Answer(Answer::Record { line, text, head, data }) => {
                let known = head.map(|head| self.known(line, &head, data));
                self.over = Some(Over::Card(Card::new(line, &text, known, self.now, self.marks.get(&line))));
            }
        }
        Vec::new()
    }

    fn key(&mut self, event: &KeyEvent) -> Vec<Effect> {
        self.hush();
        let context = self.context(Context::File);
        let key = Key::of(event);
        if let Some(c) = key.printable().filter(|_| context.is_text()) {
            self.insert(&c.to_string());
            return Vec::new();
        }
        self.keys.action(context, event).map_or_else(Vec::new, |action| self.act(action))
    }

    pub(super) fn insert(&mut self, text: &str) {
        match &mut self.over {
            Some(Over::Prompt(prompt)) => prompt.field.insert(text),
            Some(Over::Help(help)) => help.insert(text),
            _ => self.notice = Some("a paste does nothing here; / begins a search".to_owned()),
        }
    }

    /// Text that came at once: it may open the search it begins with, and is text there.
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
            let search = self.keys.keys(Action::Search).first().map(ToString::to_string).unwrap_or_default();
            self.notice = Some(burst::ignored(text, &search, "begins a search"));
        }
        effects
    }

    fn help(&mut self, action: Action) -> Vec<Effect> {
        let Some(Over::Help(help)) = &mut self.over else { return Vec::new() };
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
        Vec::new()
    }

    fn update(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::Key(key) => return self.key(&key),
            Msg::Paste(text) => self.insert(&text),
            Msg::Burst(text) => return self.burst(&text),
            Msg::Resize(width, height) => return vec![self.resize(width, height, false)],
            Msg::Tick(now) => self.tick(now),
            Msg::File(_, told) => return self.told(told),
            Msg::Copied(Ok(text) | Err(text)) | Msg::Trouble(text) => self.say(text),
            _ => {}
        }
        Vec::new()
    }

    fn draw(&self, frame: &mut Frame) {
        let area = frame.area();
        let mut canvas = Canvas::new(frame.buffer_mut(), self.theme);
        self.paint(area, &mut canvas);
        self.paint_over(area, &mut canvas);
        if let Some(Over::Help(help)) = &self.over {
            help.draw(&self.keys, &mut canvas);
        }
        if let Some(cursor) = canvas.cursor {
            frame.set_cursor_position(cursor);
        }
    }

    /// Only a budget is shown with its use, and only that changes by itself.
    fn wants_tick(&self) -> Option<Duration> {
        self.facts.budget.map(|_| Duration::from_secs(1))
    }

    fn wrote(&mut self, stats: Stats) {
        self.wire.total = stats.bytes;
    }
}

/// The zone of the column of local times: the workspace's, where it has one of its own, else this machine's.
pub(super) fn zone(workspace: Option<&str>) -> TimeZone {
    let named = workspace.filter(|name| *name != "UTC").and_then(|name| TimeZone::get(name).ok());
    named.unwrap_or_else(TimeZone::system)
}

/// The names of a run's steps, by number.
pub(super) fn step_names(run: &Run) -> Vec<String> {
    run.plan.numbered().map(|(_, step)| step.name.clone()).collect()
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
