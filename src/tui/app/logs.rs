//! The logs of runs: one reader a run, whichever views show it. The small panes and the whole screen show the same log, so
//! that going from one to the other keeps place, search, filters and marks; a log that was left is kept for a while.

use ratatui::layout::Rect;

use crate::core::run::{Run, RunId};
use crate::core::time::Timestamp;
use crate::logfile::desk::Ask;
use crate::logfile::source::Told;
use crate::tui::keys::{Action, Context};
use crate::tui::msg::{Effect, Ticket};
use crate::tui::viewer::Viewer;

/// Logs kept, with the one on screen.
const KEPT: usize = 5;
/// Entries that are read of a log nobody has turned to yet: a glance at a run of millions costs no more.
const GLANCE: i64 = 2000;

/// Where a view shows a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub run: RunId,
    /// All that is the log's: within the frame, where it has one.
    pub area: Rect,
    /// It stands in a frame, which has the status on its edge.
    pub framed: bool,
    /// It has the keyboard.
    pub focused: bool,
}

/// All logs there are, the one shown last at the end.
#[derive(Debug, Clone, Default)]
pub struct Logs {
    all: Vec<RunLog>,
    on_screen: Option<RunId>,
}

/// The log of a run.
#[derive(Debug, Clone)]
pub struct RunLog {
    run: RunId,
    ticket: Ticket,
    viewer: Viewer,
    /// Entries there were when it was first shown.
    entries: i64,
    /// What is read follows this entry; `None`: nothing is.
    after: Option<i64>,
    /// It could not be opened.
    blank: bool,
    /// The place it was last fitted to.
    fitted: Option<Rect>,
    /// What is wanted of the reader.
    wanted: Vec<Effect>,
}

impl RunLog {
    /// Nothing is read yet.
    #[must_use]
    pub(super) const fn new(run: RunId, ticket: Ticket, viewer: Viewer, entries: i64) -> Self {
        Self { run, ticket, viewer, entries, after: None, blank: false, fitted: None, wanted: Vec::new() }
    }

    /// What has to be asked now that it is on screen.
    fn ask(&mut self, place: Place, ticket: Ticket) -> Vec<Effect> {
        if self.blank {
            self.wanted.clear();
            return Vec::new();
        }
        let mut effects = Vec::new();
        let after = if place.focused { 0 } else { (self.entries - GLANCE).max(0) };
        if self.after.is_none_or(|now| place.focused && now > 0) {
            if self.after.replace(after).is_some() {
                effects.push(Effect::CloseLog(self.ticket));
            }
            // What was wanted of the reader before is wanted of this one.
            for effect in &mut self.wanted {
                if let Effect::File(of, _) = effect {
                    *of = ticket;
                }
            }
            (self.ticket, self.fitted) = (ticket, None);
            self.viewer.begin(ticket);
            effects.push(Effect::OpenLog { ticket, run: self.run, after });
        }
        if self.fitted.replace(place.area) != Some(place.area) {
            effects.push(self.viewer.resize(place.area.width, place.area.height, place.framed));
        }
        effects.append(&mut self.wanted);
        effects
    }

    /// It is left for now: nothing needs to be watched until somebody comes back.
    fn rest(&mut self) -> Option<Effect> {
        (self.fitted, self.blank) = (None, false);
        self.after.map(|_| Effect::File(self.ticket, Box::new(Ask::Rest)))
    }
}

impl Logs {
    /// A run's log as it is shown.
    #[must_use]
    pub fn get(&self, run: RunId) -> Option<&Viewer> {
        self.all.iter().find(|log| log.run == run).map(|log| &log.viewer)
    }

    pub(super) fn add(&mut self, log: RunLog) {
        self.all.push(log);
    }

    /// Reads what is on screen, lets the others rest, and forgets the one left longest ago when there are many.
    pub(super) fn show(&mut self, place: Option<Place>, ticket: Ticket) -> Vec<Effect> {
        let run = place.map(|place| place.run);
        let mut effects = Vec::new();
        if self.on_screen != run {
            let left = std::mem::replace(&mut self.on_screen, run);
            effects.extend(left.and_then(|left| self.find(left)).and_then(RunLog::rest));
            self.all.sort_by_key(|log| Some(log.run) == run);
        }
        if let Some(place) = place
            && let Some(log) = self.find(place.run)
        {
            effects.extend(log.ask(place, ticket));
        }
        while self.all.len() > KEPT {
            let gone = self.all.remove(0);
            effects.extend(gone.after.map(|_| Effect::CloseLog(gone.ticket)));
        }
        effects
    }

    /// What the log on screen has to say and its frame has no room for.
    pub(super) fn notice(&mut self) -> Option<String> {
        let run = self.on_screen?;
        self.find(run).and_then(|log| log.viewer.take_notice())
    }

    /// What the reader told.
    pub(super) fn told(&mut self, ticket: Ticket, told: Told) {
        if let Some(log) = self.all.iter_mut().find(|log| log.ticket == ticket) {
            let effects = log.viewer.told(told);
            // What comes after its log was left is too late: the clipboard may hold something else by then.
            if self.on_screen == Some(log.run) {
                log.wanted.extend(effects);
            }
        }
    }

    /// It could not be opened: whoever comes back to it asks for it again. What was begun for it can go.
    pub(super) fn unopened(&mut self, ticket: Ticket) -> Vec<Effect> {
        if let Some(log) = self.all.iter_mut().find(|log| log.ticket == ticket) {
            (log.after, log.blank) = (None, true);
        }
        vec![Effect::CloseLog(ticket)]
    }

    /// Those that could not be opened may be tried again.
    pub(super) fn try_again(&mut self) {
        self.all.iter_mut().for_each(|log| log.blank = false);
    }

    /// A run was read: the names of its steps are known.
    pub(super) fn know(&mut self, run: &Run) {
        if let Some(log) = self.find(run.id) {
            log.viewer.name_steps(run);
        }
    }

    /// Which keys are live where the log has the keyboard.
    pub(super) fn context(&self, run: RunId, base: Context) -> Context {
        self.get(run).map_or(base, |viewer| viewer.context(base))
    }

    /// Something lies over the log and takes all keys.
    pub(super) fn is_covered(&self, run: RunId) -> bool {
        self.get(run).is_some_and(Viewer::is_covered)
    }

    pub(super) fn act(&mut self, run: RunId, action: Action, now: Timestamp) {
        self.with(run, |viewer| {
            viewer.hush();
            viewer.tick(now);
            viewer.act(action)
        });
    }

    /// Esc: what lies over it, then the search; false when there is neither.
    pub(super) fn back(&mut self, run: RunId) -> bool {
        let mut inner = false;
        self.with(run, |viewer| {
            viewer.hush();
            let effects = viewer.back();
            inner = effects.is_some();
            effects.unwrap_or_default()
        });
        inner
    }

    pub(super) fn insert(&mut self, run: RunId, text: &str) {
        self.with(run, |viewer| {
            viewer.insert(text);
            Vec::new()
        });
    }

    /// Searches for a pattern.
    pub(super) fn search(&mut self, run: RunId, text: &str) {
        self.with(run, |viewer| viewer.search_for(text));
    }

    /// Goes to the first line of a step.
    pub(super) fn go_to_step(&mut self, run: RunId, step: u32) {
        self.with(run, |viewer| {
            viewer.hush();
            vec![viewer.go_to_step(step)]
        });
    }

    fn with(&mut self, run: RunId, act: impl FnOnce(&mut Viewer) -> Vec<Effect>) {
        if let Some(log) = self.find(run) {
            let effects = act(&mut log.viewer);
            log.wanted.extend(effects);
        }
    }

    fn find(&mut self, run: RunId) -> Option<&mut RunLog> {
        self.all.iter_mut().find(|log| log.run == run)
    }
}
