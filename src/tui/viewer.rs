//! The viewer of log files: what the reader has set up (filters, marks, columns) and what the files' own thread last told.
//! `update` asks and never waits; the lines come from [`crate::logfile`].

mod act;
mod card;
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
use self::prompt::Prompt;
use super::Model;
use super::keys::{Action, Context, Key, Keymap};
use super::msg::{Effect, Msg};
use super::popup::Outcome;
use super::popup::help::Help;
use super::terminal::output::Stats;
use super::theme::Theme;
use crate::core::event::Level;
use crate::core::time::Timestamp;
use crate::logfile::desk::{Answer, Ask, Shown};
use crate::logfile::source::Told;

/// What is known before the first line.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The files' names, in their order.
    pub names: Vec<String>,
    /// For the column of local times.
    pub zone: TimeZone,
    /// Bytes a second the screen may take.
    pub budget: Option<u64>,
}

/// One log file, or several, on the whole screen.
#[derive(Debug, Clone)]
pub struct Viewer {
    facts: Facts,
    keys: Keymap,
    theme: Theme,
    size: (u16, u16),
    now: Timestamp,
    shown: Shown,
    filters: Filters,
    floor: Level,
    search: Option<(String, Regex)>,
    marks: BTreeMap<usize, String>,
    over: Option<Over>,
    wrap: bool,
    times: Times,
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
    pub fn new(facts: Facts, keys: Keymap, theme: Theme) -> Self {
        Self {
            facts,
            keys,
            theme,
            size: (80, 24),
            now: Timestamp::default(),
            shown: Shown::default(),
            filters: Filters::default(),
            floor: Level::Debug,
            search: None,
            marks: BTreeMap::new(),
            over: None,
            wrap: false,
            times: Times::AsWritten,
            left: 0,
            strip: false,
            notice: None,
            wire: Wire::default(),
        }
    }

    fn context(&self) -> Context {
        match &self.over {
            None | Some(Over::Filters) => Context::File,
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
        usize::from(self.size.1).saturating_sub(1 + usize::from(self.strip)).max(1)
    }

    fn fit(&self) -> Effect {
        let strip = if self.strip { usize::from(self.size.0) } else { 0 };
        Effect::File(Box::new(Ask::Fit { rows: self.rows(), strip }))
    }

    fn told(&mut self, told: Told) -> Vec<Effect> {
        match told {
            Told::Shown(shown) => {
                if shown.generation != self.shown.generation {
                    self.marks.clear();
                }
                self.shown = *shown;
            }
            Told::Answer(Answer::Notice(text)) => self.notice = Some(text),
            Told::Answer(Answer::Copy { text }) => return vec![Effect::Copy(text)],
            Told::Answer(Answer::Record { line, text }) => {
                self.over = Some(Over::Card(Card::new(line, &text, self.now, self.marks.get(&line))));
            }
        }
        Vec::new()
    }

    fn key(&mut self, event: &KeyEvent) -> Vec<Effect> {
        self.notice = None;
        let context = self.context();
        let key = Key::of(event);
        if let Some(c) = key.printable().filter(|_| context.is_text()) {
            self.insert(&c.to_string());
            return Vec::new();
        }
        self.keys.action(context, event).map_or_else(Vec::new, |action| self.act(action))
    }

    fn insert(&mut self, text: &str) {
        match &mut self.over {
            Some(Over::Prompt(prompt)) => prompt.field.insert(text),
            Some(Over::Help(help)) => help.insert(text),
            _ => self.notice = Some("a paste does nothing here; / begins a search".to_owned()),
        }
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
            Msg::Resize(width, height) => {
                self.size = (width, height);
                return vec![self.fit()];
            }
            Msg::Tick(now) => {
                self.now = now;
                self.wire.tick(now);
            }
            Msg::File(told) => return self.told(told),
            Msg::Copied(Ok(text) | Err(text)) | Msg::Trouble(text) => self.notice = Some(text),
            _ => {}
        }
        Vec::new()
    }

    fn draw(&self, frame: &mut Frame) {
        self.paint(frame);
    }

    /// Only a budget is shown with its use, and only that changes by itself.
    fn wants_tick(&self) -> Option<Duration> {
        self.facts.budget.map(|_| Duration::from_secs(1))
    }

    fn wrote(&mut self, stats: Stats) {
        self.wire.total = stats.bytes;
    }
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
