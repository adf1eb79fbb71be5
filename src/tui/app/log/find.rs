//! Finding things in a log: search with `k of n`, next error, first line of a step. Goes on page by page when the window
//! does not hold it.

use regex::{Regex, RegexBuilder};

use super::{Log, Row};
use crate::core::event::Level;
use crate::tui::msg::Page;

/// A search in force.
#[derive(Debug, Clone)]
pub struct Search {
    pub text: String,
    pub regex: Regex,
}

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sought {
    Error,
    Warning,
    Hit,
    /// Any line that is shown.
    Any,
    /// The first line of this step.
    Step(u32),
}

/// A search under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seek {
    what: Sought,
    forward: bool,
    /// Everything up to this entry has been looked at.
    from: i64,
}

impl Log {
    /// Takes the search that was typed. A pattern that cannot be read is told, and the one before stays in force.
    pub fn take_prompt(&mut self, height: usize) {
        let Some(text) = self.prompt.as_ref().map(|line| line.text().to_owned()) else { return };
        if text.is_empty() {
            (self.prompt, self.search, self.notice) = (None, None, None);
            return;
        }
        let any_case = !text.chars().any(char::is_uppercase);
        match RegexBuilder::new(&text).case_insensitive(any_case).size_limit(1 << 20).build() {
            Ok(regex) => self.search_for(Search { text, regex }),
            Err(_) => self.notice = Some(format!("`{text}` is not a pattern: check brackets and backslashes")),
        }
        self.settle(height);
    }

    /// Searches from where the reader stands, this line included.
    pub fn search_for(&mut self, search: Search) {
        (self.search, self.prompt, self.notice) = (Some(search), None, None);
        self.look(Sought::Hit, true, if self.follow { self.start - 1 } else { self.cursor - 1 });
    }

    /// Forgets the search; false when there was none.
    pub fn clear_search(&mut self) -> bool {
        self.seek = None;
        self.search.take().is_some()
    }

    /// The search in force.
    #[must_use]
    pub const fn search(&self) -> Option<&Search> {
        self.search.as_ref()
    }

    /// Which match the reader stands on (0: none) and how many rows of the window match.
    #[must_use]
    pub fn hits(&self) -> (usize, usize) {
        let Some(search) = &self.search else { return (0, 0) };
        let (mut here, mut all) = (0, 0);
        for row in self.rows.iter().filter(|row| row.level() >= self.floor && search.regex.is_match(&row.text)) {
            all += 1;
            if row.seq == self.cursor {
                here = all;
            }
        }
        (here, all)
    }

    /// Goes to the first line of a step.
    pub fn go_to_step(&mut self, step: u32, height: usize) {
        self.notice = None;
        self.look(Sought::Step(step), true, self.start - 1);
        self.settle(height);
    }

    pub(super) fn seek(&mut self, what: Sought, forward: bool) {
        if what == Sought::Hit && self.search.is_none() {
            self.notice = Some("nothing to search for yet".to_owned());
            return;
        }
        self.look(what, forward, self.cursor);
    }

    fn look(&mut self, what: Sought, forward: bool, from: i64) {
        self.seek = Some(Seek { what, forward, from });
        self.seek_on();
    }

    /// Looks through what the window holds beyond the point reached.
    pub(super) fn seek_on(&mut self) {
        let Some(mut seek) = self.seek else { return };
        if seek.forward && seek.from + 1 < self.first() && self.first() > self.start {
            return; // the lines in between have to be read first
        }
        let fits = |row: &&Row| row.level() >= self.floor && self.fits(seek.what, row);
        let found = if seek.forward {
            self.rows.iter().find(|row| row.seq > seek.from && fits(row))
        } else {
            self.rows.iter().rev().find(|row| row.seq < seek.from && fits(row))
        };
        if let Some(seq) = found.map(|row| row.seq) {
            self.pause();
            (self.cursor, self.seek) = (seq, None);
            return;
        }
        seek.from = if seek.forward { self.last().max(seek.from) } else { self.first().min(seek.from) };
        self.seek = Some(seek);
        if self.seek_page().is_none() && self.loaded {
            self.seek = None;
            self.give_up(seek);
        }
    }

    /// The page the search needs next.
    pub(super) fn seek_page(&self) -> Option<Page> {
        let seek = self.seek?;
        if !seek.forward {
            return (self.first() > self.start).then(|| Page::Before(self.first()));
        }
        if seek.from + 1 < self.first() && self.first() > self.start {
            return Some(Page::Head);
        }
        (self.last() < self.known).then(|| Page::After(self.last()))
    }

    /// Nothing there. A search goes round once when the whole log is in the window.
    fn give_up(&mut self, seek: Seek) {
        let (_, hits) = self.hits();
        if seek.what == Sought::Hit && hits > 0 && self.is_whole() {
            let matches = |row: &&Row| row.level() >= self.floor && self.fits(Sought::Hit, row);
            let first =
                if seek.forward { self.rows.iter().find(matches) } else { self.rows.iter().rev().find(matches) };
            if let Some(seq) = first.map(|row| row.seq) {
                self.pause();
                self.cursor = seq;
                self.notice = Some(format!("went round to the {}", if seek.forward { "top" } else { "bottom" }));
                return;
            }
        }
        let way = if seek.forward { "below" } else { "above" };
        self.notice = Some(match seek.what {
            Sought::Error => format!("no more errors {way}"),
            Sought::Warning => format!("no more warnings {way}"),
            Sought::Hit => format!("no match {way}"),
            Sought::Any => format!("no more lines {way}"),
            Sought::Step(_) => "this step has written nothing yet".to_owned(),
        });
    }

    fn fits(&self, what: Sought, row: &Row) -> bool {
        match what {
            Sought::Error => row.level() == Level::Error,
            Sought::Warning => row.level() >= Level::Warn,
            Sought::Any => true,
            Sought::Hit => self.search.as_ref().is_some_and(|s| s.regex.is_match(&row.text)),
            Sought::Step(step) => row.step == Some(step),
        }
    }
}
