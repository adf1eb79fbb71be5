//! Handles answers and notices, and tracks open requests. A notice only says that something
//! changed; the data is always read from the store.

use std::collections::HashMap;
use std::sync::Arc;

use super::bar::{Bar, BarContext};
use super::views::top_view_mut;
use super::{App, MINUTE_MS};
use crate::bus::Notice;
use crate::core::base::time::Timestamp;
use crate::core::health::day::Day;
use crate::core::run::act::Act;
use crate::core::run::lockout::Lockout;
use crate::core::run::plan::Target;
use crate::core::run::{Run, RunId};
use crate::logfile::source::LogUpdate;
use crate::tui::home::Pane;
use crate::tui::keys::Action;
use crate::tui::msg::{Effect, Msg, Overview, PlanCard, Ticket};
use crate::tui::popup::Popup;

/// The interval at which the last day of all targets is read.
const DAYS_MS: i64 = MINUTE_MS;

/// One kind of request: at most one in flight; sent again if something changed in the meantime.
#[derive(Debug, Clone)]
struct Question {
    wanted: bool,
    in_flight: bool,
}

impl Default for Question {
    /// Everything is read once at the start.
    fn default() -> Self {
        Self {
            wanted: true,
            in_flight: false,
        }
    }
}

impl Question {
    fn ask(&mut self, effect: Effect) -> Option<Effect> {
        if self.in_flight || !self.wanted {
            return None;
        }
        (self.in_flight, self.wanted) = (true, false);
        Some(effect)
    }
}

/// The console's open requests. Views track their own.
#[derive(Debug, Clone, Default)]
pub(super) struct Requests {
    overview: Question,
    catalogue: Question,
    history: Question,
    days: Question,
    home_view: Question,
    /// Ticket of the request in flight for the audit log, or for the locks.
    pub(super) auditing: Option<Ticket>,
    /// The services and the environment whose locks were asked for.
    pub(super) locks_of: (Vec<String>, Option<String>),
    /// Ticket of the comparison in flight.
    pub(super) comparing: Option<Ticket>,
    /// The run search in flight, and the act on its result.
    pub(super) finding: Option<(Ticket, Option<Act<()>>)>,
}

impl Requests {
    /// Marks everything to be read again.
    const fn everything(&mut self) {
        self.overview.wanted = true;
        self.catalogue.wanted = true;
        self.history.wanted = true;
        self.days.wanted = true;
    }
}

impl App {
    /// The requests to send now.
    pub(super) fn wanted(&mut self) -> Vec<Effect> {
        let requests = &mut self.requests;
        let mut effects: Vec<Effect> = [
            requests.overview.ask(Effect::Overview),
            requests.catalogue.ask(Effect::Catalogue),
            requests.history.ask(Effect::Remembered),
            requests.home_view.ask(Effect::HomeView),
            requests.days.ask(Effect::Days),
        ]
        .into_iter()
        .flatten()
        .collect();
        effects.extend(self.home.wants());
        for screen in &mut self.screens {
            effects.extend(screen.view_mut().wants());
        }
        effects.extend(self.show_log());
        let tickets = &mut self.tickets;
        let next = || {
            *tickets += 1;
            Ticket(*tickets)
        };
        effects.extend(self.bar.as_mut().and_then(|bar| bar.ask_preview(next)));
        effects
    }

    /// Re-evaluates the overview once per pulse slot, because states become stale without any
    /// event. Reads it again from the store if no update came for a slot, for example because
    /// another engine made the observations or has died.
    pub(super) fn age(&mut self, now: Timestamp) {
        let Some(overview) = self.overview.as_mut() else {
            return;
        };
        let period = (overview.stale_ms / 3).clamp(1000, MINUTE_MS);
        if now.ms_since(self.evaluated_at.unwrap_or(overview.at)) < period {
            return;
        }
        self.evaluated_at = Some(now);
        overview.update_score(now);
        self.home.sync(overview, now);
        if now.ms_since(overview.at) >= period {
            self.requests.overview.wanted = true;
        }
        if now.ms_since(self.days_at) >= DAYS_MS {
            self.days_at = now;
            self.requests.days.wanted = true;
        }
    }

    /// Has the view on top read again what other processes write without a notice.
    pub(super) fn read_again(&mut self, now: Timestamp) {
        let Some(every) = self.top_view().reads_every() else {
            return;
        };
        let every = i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
        if now.ms_since(self.read_at) >= every {
            self.read_at = now;
            top_view_mut(&mut self.home, &mut self.screens).invalidate();
        }
    }

    /// Hands a message to popups and views, and takes what concerns the console itself.
    pub(super) fn handle(&mut self, mut msg: Msg) -> Vec<Effect> {
        if let Msg::Overview(Ok(overview)) = &mut msg {
            overview.days = Arc::clone(&self.days);
        }
        let (taken, mut effects) = self.popups_receive(&msg);
        let reaction = self.views_receive(&msg);
        effects.extend(self.react(reaction));
        match msg {
            Msg::Submitted(_, result) => self.submitted(result, taken),
            Msg::Acted(_, result) => self.acted(result, taken),
            msg => effects.extend(self.take(msg)),
        }
        effects
    }

    fn take(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::Notice(notice) => self.noticed(notice),
            Msg::Lagged => self.read_all_again(),
            Msg::Copied(Ok(text)) => self.say(text),
            Msg::Copied(Err(text)) | Msg::Trouble(text) => self.show_error(text),
            Msg::Overview(result) => self.receive_overview(result),
            Msg::Catalogue(result) => {
                self.requests.catalogue.in_flight = false;
                match result {
                    Ok(catalogue) => self.catalogue = Some(catalogue),
                    Err(why) => {
                        self.show_error(format!("the names of the stack could not be read: {why}"));
                    }
                }
                self.read_bar_again();
                if self.popups.is_empty() && self.bar.as_mut().is_some_and(Bar::take_early) {
                    return self.act_bar(Action::Accept);
                }
            }
            Msg::Reloaded(Ok(count)) => self.say(format!("read again, with {count} runbooks")),
            Msg::Reloaded(Err(why)) => self.show_error(why),
            Msg::Remembered(result) => {
                self.requests.history.in_flight = false;
                self.history = result.unwrap_or_default();
            }
            Msg::Days(result) => self.receive_days(result),
            Msg::HomeView(_) => {
                self.requests.home_view.in_flight = false;
                if let Some(overview) = &self.overview {
                    self.home.sync(overview, self.now);
                }
            }
            Msg::Detail(_, Ok(detail)) => self.logs.set_steps(&detail.run),
            Msg::Artifact(Err(why)) => self.show_error(why),
            Msg::Audit(ticket, rows) => self.receive_audit(ticket, rows),
            Msg::Locks(ticket, locks) => self.receive_locks(ticket, locks),
            Msg::Compared(ticket, both) => self.receive_comparison(ticket, both),
            Msg::FoundRun(ticket, found) => self.run_found(ticket, found),
            Msg::File(ticket, LogUpdate::Unopened(why)) => {
                self.show_error(format!("the log cannot be shown: {why}"));
                if self.logs.unopened(ticket) {
                    self.drop_view();
                }
                return vec![Effect::CloseLog(ticket)];
            }
            Msg::File(ticket, event) => self.logs.receive(ticket, event),
            Msg::Planned(ticket, card) => self.planned(ticket, card),
            Msg::Noted(Err(why)) => {
                self.show_error(format!("what is kept for you was not written: {why}"));
            }
            Msg::Noted(Ok(())) => {}
            Msg::RoutineSaved(_, _, Ok(())) => self.say("saved; the schedule is read again"),
            Msg::RoutineSaved(_, _, Err(why)) => self.show_error(format!("not saved: {why}")),
            Msg::RoutineDeleted(name, Ok(())) => {
                self.say(format!("{name} is deleted; its results are kept"));
            }
            Msg::RoutineDeleted(name, Err(why)) => {
                self.show_error(format!("{name} was not deleted: {why}"));
            }
            // Popups and views have taken these.
            Msg::LogFiles(_)
            | Msg::Detail(_, Err(_))
            | Msg::Artifact(Ok(_))
            | Msg::Runs(..)
            | Msg::Routines(..)
            | Msg::Routine(..)
            | Msg::Chart(..)
            | Msg::RoutineDifference(..)
            | Msg::Runbooks(..)
            | Msg::Runbook(..)
            | Msg::Blockers(..)
            | Msg::Submitted(..)
            | Msg::Acted(..) => {}
            // Input was handled in `update`.
            Msg::Key(_)
            | Msg::Paste(_)
            | Msg::Burst(_)
            | Msg::Resize(..)
            | Msg::Focus(_)
            | Msg::Mouse(_)
            | Msg::Tick(_) => {}
        }
        Vec::new()
    }

    fn receive_days(&mut self, days: Result<HashMap<Target, Day>, String>) {
        self.requests.days.in_flight = false;
        match days {
            Ok(days) => self.days = Arc::new(days),
            Err(why) => self.show_error(format!("the last day could not be read: {why}")),
        }
        if let Some(overview) = &mut self.overview {
            overview.days = Arc::clone(&self.days);
            self.home.sync(overview, self.now);
        }
    }

    /// The overview, and views of this run, have to be read again.
    pub(super) fn changed(&mut self, run: Option<RunId>) {
        self.requests.overview.wanted = true;
        if let Some(run) = run {
            self.invalidate(run);
        }
    }

    fn noticed(&mut self, notice: Notice) {
        match notice {
            Notice::Run(..) => self.requests.overview.wanted = true,
            Notice::Observations => {
                self.requests.overview.wanted = true;
                // A new stack has no day yet: its first results should not have to wait.
                if self.days.is_empty() || self.now.ms_since(self.days_at) >= DAYS_MS / 4 {
                    self.days_at = self.now;
                    self.requests.days.wanted = true;
                }
            }
            // The feed of each log listens to this itself.
            Notice::Entries(run, last) => self.activity.entries(run, last, self.now),
            // Only views show steps and routines.
            Notice::Steps(_) | Notice::Results | Notice::Routines => {}
            Notice::Stack => {
                self.requests.overview.wanted = true;
                self.requests.catalogue.wanted = true;
            }
        }
    }

    /// Reads everything on screen again and retries logs that could not be opened.
    pub(super) fn read_all_again(&mut self) {
        self.requests.everything();
        self.logs.try_again();
        for screen in &mut self.screens {
            screen.view_mut().invalidate();
        }
    }

    /// Something was done to a run: the views that show it read it again.
    fn invalidate(&mut self, run: RunId) {
        self.views_receive(&Msg::Notice(Notice::Steps(run)));
    }

    fn receive_overview(&mut self, result: Result<Box<Overview>, String>) {
        self.requests.overview.in_flight = false;
        let overview = match result {
            Ok(overview) => *overview,
            Err(why) => {
                self.trouble = Some(format!("the overview could not be read: {why}"));
                return self.show_error(format!("what is shown may be old: {why}"));
            }
        };
        self.trouble = None;
        self.evaluated_at = Some(overview.at);
        if let Some(before) = self.overview.as_ref().filter(|_| self.facts.notifies) {
            self.away.compare(before, &overview);
        }
        self.activity.list(&overview.runs, overview.at);
        self.tell_locks(&overview.locks);
        self.overview = Some(overview);
    }

    /// Locks end by their time, without a notice.
    pub(super) fn end_locks(&mut self, now: Timestamp) {
        let Some(overview) = self.overview.as_mut() else {
            return;
        };
        let before = overview.locks.len();
        overview.locks.retain(|lock| lock.until > now);
        if overview.locks.len() < before {
            let locks = overview.locks.clone();
            self.tell_locks(&locks);
        }
    }

    fn tell_locks(&mut self, locks: &[Lockout]) {
        for popup in &mut self.popups {
            popup.dialog_mut().set_locks(locks);
        }
    }

    fn read_bar_again(&mut self) {
        let world = BarContext::of(
            self.catalogue.as_ref(),
            self.overview.as_ref(),
            &self.history,
        );
        if let Some(bar) = &mut self.bar {
            bar.read(world);
        }
    }

    /// A plan: for the preview of the bar, or for a bar that waits for its card.
    fn planned(&mut self, ticket: Ticket, card: Result<Box<PlanCard>, String>) {
        if self
            .bar
            .as_mut()
            .is_some_and(|bar| bar.previewed(ticket, &card))
        {
            return;
        }
        let Some(bar) = self.bar.as_mut().filter(|bar| bar.waiting == Some(ticket)) else {
            return;
        };
        bar.waiting = None;
        match (card, bar.parsed.clone()) {
            (Ok(card), Some(parsed)) => {
                let raw_text = bar.line.text().to_owned();
                let new = Popup::plan(*card, Box::new(parsed), raw_text, self.facts.read_only);
                self.bar = None;
                self.popups.push(new);
            }
            (Err(why), _) => bar.message = Some(format!("not planned: {why}")),
            (Ok(_), None) => {}
        }
    }

    /// A run was queued, or refused; then its card says why, if it is still open.
    pub(super) fn submitted(&mut self, result: Result<Box<Run>, String>, taken: bool) {
        match result {
            Ok(run) => {
                self.say(format!("run {} was queued: {}", run.id, run.plan.title));
                self.requests.overview.wanted = true;
                self.go_home(Pane::Log);
            }
            Err(_) if taken => {}
            Err(why) => self.show_error(format!("nothing was started: {why}")),
        }
    }
}
