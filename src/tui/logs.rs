//! The logs of runs, with one reader per run. Panes and the whole screen share a log, so position,
//! search, filters and marks are kept between them; a log off screen is kept for a while.

use ratatui::layout::Rect;

use crate::core::base::time::Timestamp;
use crate::core::run::{Run, RunId};
use crate::logfile::log_view::LogRequest;
use crate::logfile::source::LogUpdate;
use crate::tui::keys::{Action, Context};
use crate::tui::msg::{Effect, Ticket};
use crate::tui::viewer::Viewer;

/// Maximum number of logs kept, including the one on screen.
const MAX_LOGS: usize = 5;
/// Entries read of a log that has never had focus, so that showing a huge log is cheap.
const PREVIEW_ENTRIES: i64 = 2000;

/// The area in which a view shows a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPane {
    pub run: RunId,
    /// The area of the log, without its frame.
    pub area: Rect,
    /// The log has a frame with the status on its edge.
    pub framed: bool,
    /// The log has keyboard focus.
    pub focused: bool,
}

/// All open logs; the one shown last is at the end.
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
    /// Number of entries when it was first shown.
    entries: i64,
    /// Entries after this one are read; `None`: not opened.
    after: Option<i64>,
    /// Opening failed.
    blank: bool,
    /// The area it was last resized to.
    fitted: Option<Rect>,
    /// Effects to send to the reader.
    wanted: Vec<Effect>,
    /// The names of its steps are read when it is opened: no view of the run has them.
    unnamed: bool,
}

impl RunLog {
    /// A log that is not opened yet.
    #[must_use]
    pub(super) const fn new(run: RunId, ticket: Ticket, viewer: Viewer, entries: i64) -> Self {
        Self {
            run,
            ticket,
            viewer,
            entries,
            after: None,
            blank: false,
            fitted: None,
            wanted: Vec::new(),
            unnamed: false,
        }
    }

    /// The same log, which reads the names of its steps by itself.
    #[must_use]
    pub(super) fn unnamed(mut self) -> Self {
        self.unnamed = true;
        self
    }

    /// The effects to open, resize and control it on screen.
    fn ask(&mut self, place: LogPane, ticket: Ticket) -> Vec<Effect> {
        if self.blank {
            self.wanted.clear();
            return Vec::new();
        }
        let mut effects = Vec::new();
        let after = if place.focused {
            0
        } else {
            (self.entries - PREVIEW_ENTRIES).max(0)
        };
        if self.after.is_none_or(|now| place.focused && now > 0) {
            if self.after.replace(after).is_some() {
                effects.push(Effect::CloseLog(self.ticket));
            }
            // Requests for the old reader go to the new one.
            for effect in &mut self.wanted {
                if let Effect::File(of, _) = effect {
                    *of = ticket;
                }
            }
            (self.ticket, self.fitted) = (ticket, None);
            self.viewer.begin(ticket);
            effects.push(Effect::OpenLog {
                ticket,
                run: self.run,
                after,
            });
            effects.extend(self.unnamed.then_some(Effect::Detail(self.run)));
        }
        if self.fitted.replace(place.area) != Some(place.area) {
            effects.push(
                self.viewer
                    .resize(place.area.width, place.area.height, place.framed),
            );
        }
        effects.append(&mut self.wanted);
        effects
    }

    /// Off screen: the reader pauses until the log is shown again.
    fn pause(&mut self) -> Option<Effect> {
        (self.fitted, self.blank) = (None, false);
        self.after
            .map(|_| Effect::File(self.ticket, Box::new(LogRequest::Idle)))
    }
}

impl Logs {
    /// The viewer of a run's log.
    #[must_use]
    pub fn get(&self, run: RunId) -> Option<&Viewer> {
        self.all
            .iter()
            .find(|log| log.run == run)
            .map(|log| &log.viewer)
    }

    pub(super) fn add(&mut self, log: RunLog) {
        self.all.push(log);
    }

    /// Reads the log on screen, pauses the others, and closes the oldest beyond the limit.
    pub(super) fn show(&mut self, place: Option<LogPane>, ticket: Ticket) -> Vec<Effect> {
        let run = place.map(|place| place.run);
        let mut effects = Vec::new();
        if self.on_screen != run {
            let left = std::mem::replace(&mut self.on_screen, run);
            effects.extend(
                left.and_then(|left| self.find(left))
                    .and_then(RunLog::pause),
            );
            self.all.sort_by_key(|log| Some(log.run) == run);
        }
        if let Some(place) = place
            && let Some(log) = self.find(place.run)
        {
            effects.extend(log.ask(place, ticket));
        }
        while self.all.len() > MAX_LOGS {
            let gone = self.all.remove(0);
            effects.extend(gone.after.map(|_| Effect::CloseLog(gone.ticket)));
        }
        effects
    }

    /// Takes the notice of the log on screen, which its frame has no room for.
    pub(super) fn notice(&mut self) -> Option<String> {
        let run = self.on_screen?;
        self.find(run).and_then(|log| log.viewer.take_notice())
    }

    /// Takes an event from a reader.
    pub(super) fn receive(&mut self, ticket: Ticket, event: LogUpdate) {
        if let Some(log) = self.all.iter_mut().find(|log| log.ticket == ticket) {
            let effects = log.viewer.receive(event);
            // Ignored off screen: a late copy would overwrite a newer clipboard.
            if self.on_screen == Some(log.run) {
                log.wanted.extend(effects);
            }
        }
    }

    /// Opening failed: closes the reader, and opens it again when the log is shown again.
    pub(super) fn unopened(&mut self, ticket: Ticket) -> Vec<Effect> {
        if let Some(log) = self.all.iter_mut().find(|log| log.ticket == ticket) {
            (log.after, log.blank) = (None, true);
        }
        vec![Effect::CloseLog(ticket)]
    }

    /// Retries the logs that could not be opened.
    pub(super) fn try_again(&mut self) {
        self.all.iter_mut().for_each(|log| log.blank = false);
    }

    /// Sets the step names of a run that was read.
    pub(super) fn set_steps(&mut self, run: &Run) {
        if let Some(log) = self.find(run.id) {
            log.viewer.name_steps(run);
            log.unnamed = false;
        }
    }

    /// The key context of a focused log.
    pub(super) fn context(&self, run: RunId, base: Context) -> Context {
        self.get(run).map_or(base, |viewer| viewer.context(base))
    }

    /// The log has an overlay that takes all keys.
    pub(super) fn is_covered(&self, run: RunId) -> bool {
        self.get(run).is_some_and(Viewer::is_covered)
    }

    pub(super) fn act(&mut self, run: RunId, action: Action, now: Timestamp) {
        self.with(run, |viewer| {
            viewer.clear_notice();
            viewer.tick(now);
            viewer.act(action)
        });
    }

    /// Esc: closes the overlay, or else the search; false if there is neither.
    pub(super) fn back(&mut self, run: RunId) -> bool {
        let mut inner = false;
        self.with(run, |viewer| {
            viewer.clear_notice();
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
            viewer.clear_notice();
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
