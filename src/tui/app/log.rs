//! The log on screen: which one the view shows, and the requests for it.

use std::path::Path;

use super::App;
use crate::core::run::RunId;
use crate::tui::logs::{KeptLog, LogId, LogPane};
use crate::tui::msg::{Effect, Ticket};
use crate::tui::pane::Screen;
use crate::tui::viewer::{Facts as LogFacts, Named, Viewer, step_names, zone};

impl App {
    /// The area in which the current view shows a log.
    pub(super) fn log_place(&self) -> Option<LogPane> {
        self.top_view().log(self.body())
    }

    /// The log with keyboard focus, unless a popup or the bar has it.
    #[must_use]
    pub fn log_in_focus(&self) -> Option<LogId> {
        self.log_place()
            .filter(|place| place.focused)
            .map(|place| place.log)
    }

    /// The log that the view on screen shows, with or without focus.
    pub(super) fn log_shown(&self) -> Option<LogId> {
        self.log_place().map(|place| place.log)
    }

    /// Makes sure that a log of this run exists; it is read once it is on screen.
    pub(super) fn keep_log(&mut self, log: LogId) {
        if self.logs.get(log).is_some() {
            return;
        }
        let kept = match log {
            LogId::Run(run) => self.log_of_run(run),
            LogId::File(_) => self.log_of_file(log),
        };
        self.logs.add(kept);
    }

    /// The file that the view on screen shows.
    fn log_of_file(&mut self, log: LogId) -> KeptLog {
        let ticket = self.ticket();
        let path = self.top_view().file().unwrap_or(Path::new("")).to_owned();
        let files = vec![Named {
            name: path.display().to_string(),
            steps: None,
        }];
        let viewer = self.viewer(ticket, files);
        KeptLog::new(log, ticket, viewer, 0).of_file(&path)
    }

    fn log_of_run(&mut self, run: RunId) -> KeptLog {
        let ticket = self.ticket();
        let mut views = self.screens.iter().map(Screen::view);
        let known = views.clone().find_map(|view| view.known(run));
        let is_read = views.any(|view| view.reads(run));
        let files = vec![Named {
            name: format!("run {run}"),
            steps: Some(known.map(step_names).unwrap_or_default()),
        }];
        let entries = known
            .map(|run| run.last_seq)
            .or_else(|| self.run_of(run).map(|run| run.last_seq));
        let viewer = self.viewer(ticket, files);
        let log = KeptLog::new(run.into(), ticket, viewer, entries.unwrap_or(0));
        if is_read { log } else { log.unnamed() }
    }

    fn viewer(&self, ticket: Ticket, files: Vec<Named>) -> Viewer {
        let timezone = self.overview.as_ref().map(|o| o.stack.timezone.as_str());
        let facts = LogFacts {
            files,
            zone: zone(timezone),
            budget: None,
            simulated: self.facts.simulated,
        };
        Viewer::new(ticket, facts, self.keys.clone(), self.theme)
    }

    /// The requests to send for the log on screen.
    pub(super) fn show_log(&mut self) -> Vec<Effect> {
        let place = self.log_place();
        if let Some(place) = place {
            self.keep_log(place.log);
        }
        let ticket = self.ticket();
        let effects = self.logs.show(place, ticket);
        if let Some(notice) = self.logs.notice() {
            self.say(notice);
        }
        effects
    }
}
