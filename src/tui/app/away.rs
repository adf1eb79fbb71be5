//! For a person who is elsewhere: the title of the terminal, and notifications when a run ends or needs them.

use super::App;
use crate::core::base::time::Timestamp;
use crate::core::run::RunStatus;
use crate::core::run::need::{NeedReason, RunNeed};
use crate::core::run::summary::RunSummary;
use crate::tui::msg::{Effect, Overview};
use crate::tui::pane::Screen;
use crate::tui::theme::run_word;

/// Minimum interval between two notifications, milliseconds.
const GAP_MS: i64 = 1000;

/// Whether the person is there, and what they have to be notified of.
#[derive(Debug, Clone, Default)]
pub(super) struct Away {
    /// The terminal has focus; `None`: it has not said so.
    focused: Option<bool>,
    /// What has happened since the last notification.
    news: Vec<String>,
    notified: Option<Timestamp>,
}

impl Away {
    pub(super) fn focus(&mut self, gained: bool) {
        self.focused = Some(gained);
        if gained {
            self.news.clear();
        }
    }

    /// There is something to notify of.
    pub(super) const fn waits(&self) -> bool {
        !self.news.is_empty()
    }

    /// Takes what differs between two overviews.
    pub(super) fn compare(&mut self, before: &Overview, now: &Overview) {
        if self.focused == Some(true) {
            return;
        }
        let ended = now.runs.iter().filter(|run| has_ended(run, before));
        let ended: Vec<&RunSummary> = ended.collect();
        let lines = ended
            .iter()
            .map(|run| format!("run {} {} {}", run.id, run_word(run.status), run.title));
        self.news.extend(lines);
        // The next question of a run is news, too.
        let key = |need: &RunNeed| (need.reason, need.run, need.step);
        let is_new = |new: &RunNeed| before.needs.iter().all(|need| key(need) != key(new));
        let asks = now.needs.iter().filter(|need| {
            let asks = !matches!(need.reason, NeedReason::Failed | NeedReason::LeftOver);
            asks && is_new(need) && ended.iter().all(|run| run.id != need.run)
        });
        self.news
            .extend(asks.map(|need| format!("run {}", need.describe(now.at))));
    }

    /// The notification to send now.
    pub(super) fn notify(&mut self, simulated: bool, now: Timestamp) -> Option<Effect> {
        let soon = self
            .notified
            .is_some_and(|at| (0..GAP_MS).contains(&now.ms_since(at)));
        if soon || self.news.is_empty() {
            return None;
        }
        self.notified = Some(now);
        let news = std::mem::take(&mut self.news);
        let more = match news.len() {
            1 => String::new(),
            n => format!(" (+{} more)", n - 1),
        };
        let lead = if simulated { "SIMULATED " } else { "" };
        Some(Effect::Notify(format!("{lead}{}{more}", news.first()?)))
    }
}

/// It was live in the overview before, or is newer than all of it.
fn has_ended(run: &RunSummary, before: &Overview) -> bool {
    if !run.status.is_terminal() || run.trigger == "pulse" {
        return false;
    }
    match before.runs.iter().find(|earlier| earlier.id == run.id) {
        Some(earlier) => !earlier.status.is_terminal(),
        None => before.runs.iter().all(|earlier| earlier.id < run.id),
    }
}

impl App {
    /// What is on screen counts as seen.
    pub(super) fn look(&mut self) {
        let (view, log) = (self.screens.last().map(Screen::view), self.log_place());
        let log = log.map(|place| place.log);
        self.activity
            .look(|run| log == Some(run.into()) || view.is_some_and(|view| view.reads(run)));
    }

    /// The title of the terminal: `opsroom acme: 1 failing, 2 running`.
    #[must_use]
    pub fn title(&self) -> Option<String> {
        let overview = self.overview.as_ref()?;
        let under_way = |run: &&RunSummary| {
            matches!(
                run.status,
                RunStatus::Claimed | RunStatus::Running | RunStatus::Waiting
            )
        };
        let running = overview.runs.iter().filter(under_way).count();
        let parts: Vec<String> = [
            (self.home.failing(), "failing"),
            (self.home.needs().len(), "for you"),
            (running, "running"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
        let mut name = format!("opsroom {}", overview.workspace);
        if self.facts.simulated {
            name.push_str(" SIMULATED");
        }
        Some(match parts.as_slice() {
            [] => name.trim_end().to_owned(),
            _ => format!("{}: {}", name.trim_end(), parts.join(", ")),
        })
    }
}
