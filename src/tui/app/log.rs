//! The log on screen: which one the view shows, and the requests for it.

use super::App;
use crate::core::run::RunId;
use crate::tui::logs::{LogPane, RunLog};
use crate::tui::msg::Effect;
use crate::tui::pane::Screen;
use crate::tui::viewer::{Facts as LogFacts, Named, Viewer, step_names, zone};

impl App {
    /// The area in which the current view shows a log.
    pub(super) fn log_place(&self) -> Option<LogPane> {
        self.top_view().log(self.body())
    }

    /// The log with keyboard focus, unless a popup or the bar has it.
    #[must_use]
    pub fn log_in_focus(&self) -> Option<RunId> {
        self.log_place()
            .filter(|place| place.focused)
            .map(|place| place.run)
    }

    /// Makes sure that a log of this run exists; it is read once it is on screen.
    pub(super) fn keep_log(&mut self, run: RunId) {
        if self.logs.get(run).is_some() {
            return;
        }
        let ticket = self.ticket();
        let mut views = self.screens.iter().map(Screen::view);
        let known = views.clone().find_map(|view| view.known(run));
        let is_read = views.any(|view| view.reads(run));
        let files = vec![Named {
            name: format!("run {run}"),
            steps: Some(known.map(step_names).unwrap_or_default()),
        }];
        let timezone = self.overview.as_ref().map(|o| o.stack.timezone.as_str());
        let facts = LogFacts {
            files,
            zone: zone(timezone),
            budget: None,
            simulated: self.facts.simulated,
        };
        let entries = known
            .map(|run| run.last_seq)
            .or_else(|| self.run_of(run).map(|run| run.last_seq));
        let viewer = Viewer::new(ticket, facts, self.keys.clone(), self.theme);
        let log = RunLog::new(run, ticket, viewer, entries.unwrap_or(0));
        self.logs.add(if is_read { log } else { log.unnamed() });
    }

    /// The requests to send for the log on screen.
    pub(super) fn show_log(&mut self) -> Vec<Effect> {
        let place = self.log_place();
        if let Some(place) = place {
            self.keep_log(place.run);
        }
        let ticket = self.ticket();
        let effects = self.logs.show(place, ticket);
        if let Some(notice) = self.logs.notice() {
            self.say(notice);
        }
        effects
    }
}
