//! A run's log as the console holds it: a bounded window of its entries, where the reader stands in it, and which page
//! is wanted next. The pane at home, the run view and their fullscreen forms are all this.

mod find;
mod row;

use std::collections::VecDeque;

pub use self::find::{Search, Sought};
pub use self::row::{Kind, Row};
use super::field::Field;
use super::picker::moved;
use crate::core::event::{Entry, Level};
use crate::core::run::RunId;
use crate::tui::keys::Action;
use crate::tui::msg::{Effect, PAGE_LINES, Page, Ticket};

/// Rows kept; the rest is read again when somebody goes there.
const MOST_ROWS: usize = 3000;
/// Bytes of text kept.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// One log on screen.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of one view, each with its own key")]
pub struct Log {
    pub ticket: Ticket,
    pub run: RunId,
    rows: VecDeque<Row>,
    bytes: usize,
    /// Number of the newest entry known to exist, and of the oldest that can be had.
    known: i64,
    start: i64,
    loaded: bool,
    follow: bool,
    /// Entry the reader stands on, first entry on screen, newest one when following stopped.
    cursor: i64,
    top: i64,
    seen: i64,
    floor: Level,
    pub wrap: bool,
    pub times: bool,
    pub left: usize,
    search: Option<Search>,
    /// The search being typed.
    pub prompt: Option<Field>,
    seek: Option<find::Seek>,
    asked: Option<Page>,
    wish: Option<Page>,
    /// The last page could not be read; nothing is asked again before something happens.
    stalled: bool,
    /// One line for the reader: `no more errors below`.
    pub notice: Option<String>,
}

impl Log {
    /// The log of a run, following, nothing read yet.
    #[must_use]
    pub fn new(ticket: Ticket, run: RunId) -> Self {
        Self {
            ticket,
            run,
            rows: VecDeque::new(),
            bytes: 0,
            known: 0,
            start: 1,
            loaded: false,
            follow: true,
            cursor: 0,
            top: 0,
            seen: 0,
            floor: Level::Debug,
            wrap: false,
            times: true,
            left: 0,
            search: None,
            prompt: None,
            seek: None,
            asked: None,
            wish: None,
            stalled: false,
            notice: None,
        }
    }

    /// Entries up to this number exist.
    pub fn told(&mut self, seq: i64) {
        self.known = self.known.max(seq);
        self.stalled = false;
    }

    /// The page to read now, if any; one at a time.
    pub fn ask(&mut self, height: usize) -> Option<Effect> {
        if self.asked.is_some() || self.stalled {
            return None;
        }
        let page = self.wanted(height)?;
        self.asked = Some(page);
        Some(Effect::Entries { ticket: self.ticket, run: self.run, page })
    }

    fn wanted(&mut self, height: usize) -> Option<Page> {
        if !self.loaded {
            return Some(Page::Tail);
        }
        if let Some(page) = self.wish.take().or_else(|| self.seek_page()) {
            return Some(page);
        }
        if self.follow {
            let behind = self.known - self.last();
            let page = if behind > 2 * i64::from(PAGE_LINES) { Page::Tail } else { Page::After(self.last()) };
            return (behind > 0).then_some(page);
        }
        // Distances are counted in rows held, hidden ones too: a full window is never close to both of its ends, so
        // reading one page never calls for the other again.
        let at = self.rows.partition_point(|row| row.seq < self.cursor);
        if at < height && self.first() > self.start {
            return Some(Page::Before(self.first()));
        }
        (at + height >= self.rows.len() && self.last() < self.known).then(|| Page::After(self.last()))
    }

    /// A page came. One that was not asked for, or no longer fits the window, is dropped.
    pub fn receive(&mut self, page: Page, entries: &[Entry], height: usize) {
        if self.asked.take_if(|asked| *asked == page).is_none() {
            return;
        }
        match page {
            Page::Head | Page::Tail => {
                self.rows.clear();
                self.bytes = 0;
                self.loaded = true;
                self.append(entries);
            }
            Page::After(seq) if seq == self.last() => {
                if entries.is_empty() {
                    self.known = seq;
                }
                self.append(entries);
            }
            Page::Before(seq) if seq == self.first() => {
                if entries.is_empty() {
                    self.start = seq;
                }
                self.prepend(entries);
            }
            Page::After(_) | Page::Before(_) => {}
        }
        if page == Page::Head {
            self.start = self.first();
            if self.seek.is_none() {
                (self.cursor, self.top) = (self.first(), self.first());
            }
        }
        self.known = self.known.max(self.last());
        if self.follow {
            self.cursor = self.last();
            self.seen = self.last();
        }
        self.seek_on();
        self.settle(height);
    }

    /// The page could not be read.
    pub fn failed(&mut self, why: &str) {
        self.asked = None;
        self.seek = None;
        self.stalled = true;
        self.notice = Some(format!("log not read: {why}"));
    }

    /// Performs an action; false when it is not about a log.
    pub fn act(&mut self, action: Action, height: usize) -> bool {
        self.stalled = false;
        self.notice = None;
        match action {
            Action::Follow if self.follow => self.pause(),
            Action::Bottom | Action::Follow => self.resume(),
            Action::Top => self.go_to_top(),
            Action::Up | Action::Down | Action::PageUp | Action::PageDown => self.step(action, height),
            Action::NextError => self.seek(Sought::Error, true),
            Action::PreviousError => self.seek(Sought::Error, false),
            Action::NextWarning => self.seek(Sought::Warning, true),
            Action::PreviousWarning => self.seek(Sought::Warning, false),
            Action::NextHit => self.seek(Sought::Hit, true),
            Action::PreviousHit => self.seek(Sought::Hit, false),
            Action::Wrap => (self.wrap, self.left) = (!self.wrap, 0),
            Action::Times => self.times = !self.times,
            Action::Level => self.floor = next_floor(self.floor),
            Action::Left => self.left = self.left.saturating_sub(8),
            Action::Right if !self.wrap => self.left = (self.left + 8).min(row::LONGEST),
            Action::Find => self.prompt = Some(Field::default()),
            _ => return false,
        }
        self.settle(height);
        true
    }

    fn step(&mut self, action: Action, height: usize) {
        let shown = self.shown();
        let Some(last) = shown.len().checked_sub(1) else { return };
        let at = self.place(&shown);
        let down = matches!(action, Action::Down | Action::PageDown);
        if down && at == last && self.last() >= self.known {
            return self.resume();
        }
        let to = moved(action, at, last, height).unwrap_or(at);
        self.pause();
        self.cursor = self.rows[shown[to]].seq;
        let stuck = to == at && if down { self.last() < self.known } else { self.first() > self.start };
        if stuck {
            // Everything else in the window is hidden: look for the next row to show beyond it.
            self.seek(Sought::Any, down);
        }
    }

    fn go_to_top(&mut self) {
        self.pause();
        if self.first() > self.start {
            self.wish = Some(Page::Head);
        } else {
            self.cursor = self.first();
        }
    }

    /// Stops following; what comes later is counted as new.
    fn pause(&mut self) {
        if self.follow {
            self.follow = false;
            self.seen = self.known;
        }
    }

    fn resume(&mut self) {
        self.follow = true;
        self.seek = None;
        if self.last() < self.known {
            self.wish = Some(Page::Tail);
        }
        self.cursor = self.last();
        self.seen = self.known;
    }

    /// Keeps the reader's entry on screen, moving as little as possible.
    fn settle(&mut self, height: usize) {
        let shown = self.shown();
        let height = height.max(1);
        let at = self.place(&shown);
        let top = shown.partition_point(|i| self.rows[*i].seq < self.top);
        let lowest = if self.follow { shown.len().saturating_sub(height) } else { at.saturating_sub(height - 1) };
        let top = if self.follow { lowest } else { top.clamp(lowest, at) };
        self.top = shown.get(top).map_or(0, |i| self.rows[*i].seq);
    }

    // --- what a pane shows

    /// Rows at or above the least level shown, as places in the window.
    #[must_use]
    pub fn shown(&self) -> Vec<usize> {
        self.rows.iter().enumerate().filter(|(_, row)| row.level() >= self.floor).map(|(i, _)| i).collect()
    }

    /// A row of the window.
    #[must_use]
    pub fn row(&self, index: usize) -> Option<&Row> {
        self.rows.get(index)
    }

    /// Where the cursor and the first visible row stand in [`Log::shown`].
    #[must_use]
    pub fn stand(&self, shown: &[usize]) -> (usize, usize) {
        (self.place(shown), shown.partition_point(|i| self.rows[*i].seq < self.top))
    }

    fn place(&self, shown: &[usize]) -> usize {
        shown.partition_point(|i| self.rows[*i].seq <= self.cursor).saturating_sub(1)
    }

    /// The text of the row under the cursor.
    #[must_use]
    pub fn line(&self) -> Option<&str> {
        let shown = self.shown();
        shown.get(self.place(&shown)).map(|i| self.rows[*i].text.as_str())
    }

    #[must_use]
    pub const fn follows(&self) -> bool {
        self.follow
    }

    #[must_use]
    pub const fn is_loaded(&self) -> bool {
        self.loaded
    }

    #[must_use]
    pub const fn floor(&self) -> Level {
        self.floor
    }

    /// Entries written since following stopped.
    #[must_use]
    pub fn unseen(&self) -> i64 {
        if self.follow { 0 } else { (self.known - self.seen).max(0) }
    }

    /// Rows in memory.
    #[must_use]
    pub fn held(&self) -> usize {
        self.rows.len()
    }

    /// The window holds the whole log.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.loaded && self.first() <= self.start && self.last() >= self.known
    }

    // --- the window

    fn first(&self) -> i64 {
        self.rows.front().map_or(self.start, |row| row.seq)
    }

    fn last(&self) -> i64 {
        self.rows.back().map_or(self.start - 1, |row| row.seq)
    }

    fn append(&mut self, entries: &[Entry]) {
        for entry in entries {
            if self.rows.is_empty() || entry.seq == self.last() + 1 {
                self.push(entry, false);
            }
        }
        let seeking = self.seek.is_some();
        let keep_front = !self.follow && !seeking && self.rows.iter().take(MOST_ROWS / 2).any(|r| r.seq == self.cursor);
        while self.is_too_big() {
            self.drop_one(keep_front);
        }
    }

    fn prepend(&mut self, entries: &[Entry]) {
        for entry in entries.iter().rev() {
            if entry.seq == self.first() - 1 {
                self.push(entry, true);
            }
        }
        while self.is_too_big() {
            self.drop_one(true);
        }
    }

    fn push(&mut self, entry: &Entry, front: bool) {
        let row = Row::of(entry);
        self.bytes += row.text.len();
        if front { self.rows.push_front(row) } else { self.rows.push_back(row) }
    }

    fn is_too_big(&self) -> bool {
        self.rows.len() > MOST_ROWS || (self.bytes > MOST_BYTES && self.rows.len() > 1)
    }

    fn drop_one(&mut self, back: bool) {
        let gone = if back { self.rows.pop_back() } else { self.rows.pop_front() };
        self.bytes -= gone.map_or(0, |row| row.text.len());
    }
}

/// Debug (everything), info, warn, error, and round again.
const fn next_floor(floor: Level) -> Level {
    match floor {
        Level::Debug => Level::Info,
        Level::Info | Level::Success => Level::Warn,
        Level::Warn => Level::Error,
        Level::Error => Level::Debug,
    }
}
