//! The logs of runs and files, with one reader each. Panes and the whole screen share a log, so position,
//! search, filters and marks are kept between them; a log off screen is kept for a while.

use std::path::{Path, PathBuf};

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

/// A log: that of a run, or a file opened by the view with this ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogId {
    Run(RunId),
    File(Ticket),
}

impl From<RunId> for LogId {
    fn from(run: RunId) -> Self {
        Self::Run(run)
    }
}

/// The area in which a view shows a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPane {
    pub log: LogId,
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
    all: Vec<KeptLog>,
    on_screen: Option<LogId>,
}

/// A log that is shown, or was shown lately.
#[derive(Debug, Clone)]
pub struct KeptLog {
    log: LogId,
    /// Of a file.
    path: Option<PathBuf>,
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

impl KeptLog {
    /// A log that is not opened yet.
    #[must_use]
    pub(super) const fn new(log: LogId, ticket: Ticket, viewer: Viewer, entries: i64) -> Self {
        Self {
            log,
            path: None,
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

    /// The log of this file.
    #[must_use]
    pub(super) fn of_file(mut self, path: &Path) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// The effect that opens it.
    fn open(&self, ticket: Ticket, after: i64) -> Option<Effect> {
        match (self.log, &self.path) {
            (LogId::Run(run), _) => Some(Effect::OpenLog { ticket, run, after }),
            (LogId::File(_), path) => path.clone().map(|path| Effect::OpenFile { ticket, path }),
        }
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
            effects.extend(self.open(ticket, after));
            if let LogId::Run(run) = self.log {
                effects.extend(self.unnamed.then_some(Effect::Detail(run)));
            }
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
    pub fn get(&self, log: impl Into<LogId>) -> Option<&Viewer> {
        let log = log.into();
        self.all
            .iter()
            .find(|kept| kept.log == log)
            .map(|kept| &kept.viewer)
    }

    pub(super) fn add(&mut self, log: KeptLog) {
        self.all.push(log);
    }

    /// Reads the log on screen, pauses the others, and closes the oldest beyond the limit.
    pub(super) fn show(&mut self, place: Option<LogPane>, ticket: Ticket) -> Vec<Effect> {
        let shown = place.map(|place| place.log);
        let mut effects = Vec::new();
        if self.on_screen != shown {
            let left = std::mem::replace(&mut self.on_screen, shown);
            effects.extend(
                left.and_then(|left| self.find(left))
                    .and_then(KeptLog::pause),
            );
            self.all.sort_by_key(|kept| Some(kept.log) == shown);
        }
        if let Some(place) = place
            && let Some(log) = self.find(place.log)
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
        let log = self.on_screen?;
        self.find(log).and_then(|log| log.viewer.take_notice())
    }

    /// Takes an event from a reader.
    pub(super) fn receive(&mut self, ticket: Ticket, event: LogUpdate) {
        if let Some(log) = self.all.iter_mut().find(|log| log.ticket == ticket) {
            let effects = log.viewer.receive(event);
            // Ignored off screen: a late copy would overwrite a newer clipboard.
            if self.on_screen == Some(log.log) {
                log.wanted.extend(effects);
            }
        }
    }

    /// Opening failed: closes the reader, and opens it again when the log is shown again. A file is
    /// forgotten; true if it is the one on screen.
    pub(super) fn unopened(&mut self, ticket: Ticket) -> bool {
        let Some(at) = self.all.iter().position(|kept| kept.ticket == ticket) else {
            return false;
        };
        if self.all[at].path.is_none() {
            (self.all[at].after, self.all[at].blank) = (None, true);
            return false;
        }
        self.on_screen == Some(self.all.remove(at).log)
    }

    /// Retries the logs that could not be opened.
    pub(super) fn try_again(&mut self) {
        self.all.iter_mut().for_each(|log| log.blank = false);
    }

    /// Sets the step names of a run that was read.
    pub(super) fn set_steps(&mut self, run: &Run) {
        if let Some(log) = self.find(run.id.into()) {
            log.viewer.name_steps(run);
            log.unnamed = false;
        }
    }

    /// The key context of a focused log.
    pub(super) fn context(&self, log: LogId, base: Context) -> Context {
        self.get(log).map_or(base, |viewer| viewer.context(base))
    }

    /// The log has an overlay that takes all keys.
    pub(super) fn is_covered(&self, log: LogId) -> bool {
        self.get(log).is_some_and(Viewer::is_covered)
    }

    pub(super) fn act(&mut self, log: LogId, action: Action, now: Timestamp) {
        self.with(log, |viewer| {
            viewer.clear_notice();
            viewer.tick(now);
            viewer.act(action)
        });
    }

    /// Esc: closes the overlay, or else the search; false if there is neither.
    pub(super) fn back(&mut self, log: LogId) -> bool {
        let mut inner = false;
        self.with(log, |viewer| {
            viewer.clear_notice();
            let effects = viewer.back();
            inner = effects.is_some();
            effects.unwrap_or_default()
        });
        inner
    }

    pub(super) fn insert(&mut self, log: LogId, text: &str) {
        self.with(log, |viewer| {
            viewer.insert(text);
            Vec::new()
        });
    }

    /// Searches for a pattern.
    pub(super) fn search(&mut self, log: LogId, text: &str) {
        self.with(log, |viewer| viewer.search_for(text));
    }

    /// Goes to the first line of a step.
    pub(super) fn go_to_step(&mut self, log: LogId, step: u32) {
        self.with(log, |viewer| {
            viewer.clear_notice();
            vec![viewer.go_to_step(step)]
        });
    }

    fn with(&mut self, log: LogId, act: impl FnOnce(&mut Viewer) -> Vec<Effect>) {
        if let Some(kept) = self.find(log) {
            let effects = act(&mut kept.viewer);
            kept.wanted.extend(effects);
        }
    }

    fn find(&mut self, log: LogId) -> Option<&mut KeptLog> {
        self.all.iter_mut().find(|kept| kept.log == log)
    }
}
