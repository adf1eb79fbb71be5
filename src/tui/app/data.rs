//! Handles answers and notices, and tracks open requests. A notice only says that something
//! changed; the data is always read from the store.

use super::command::RunRequest;
use super::{App, MINUTE_MS};
use crate::bus::Notice;
use crate::core::base::time::Timestamp;
use crate::core::run::approval::Tally;
use crate::core::run::artifact::{Artifact, human_bytes};
use crate::core::run::{Run, RunId, RunStatus};
use crate::logfile::source::LogUpdate;
use crate::tui::msg::{Effect, Msg, Overview, PlanCard, RunPage, Ticket};
use crate::tui::pane::home::Pane;
use crate::tui::pane::{Destination, Screen, View};
use crate::tui::popup::Popup;
use crate::tui::popup::card::Card;
use crate::tui::viewer::Viewer;

/// Maximum size of a text artifact shown on screen, bytes.
const MAX_TEXT_BYTES: usize = 1 << 20;

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
    /// The run just started; shown once the overview has it.
    pub(super) started: Option<RunId>,
    /// A request to perform once its run has been read.
    pub(super) pending: Option<(RunId, RunRequest)>,
    /// Ticket of the audit log request in flight.
    pub(super) auditing: Option<Ticket>,
    /// The run search in flight, and the request to perform on its result.
    pub(super) finding: Option<(Ticket, Option<RunRequest>)>,
}

impl Requests {
    /// Marks everything to be read again.
    const fn everything(&mut self) {
        self.overview.wanted = true;
        self.catalogue.wanted = true;
        self.history.wanted = true;
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
        ]
        .into_iter()
        .flatten()
        .collect();
        for screen in &mut self.screens {
            effects.extend(screen.view_mut().ask());
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

    /// The requests to send for the log on screen.
    fn show_log(&mut self) -> Vec<Effect> {
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
        if now.ms_since(overview.at) >= period {
            self.requests.overview.wanted = true;
        }
    }

    pub(super) fn handle(&mut self, msg: Msg) -> Vec<Effect> {
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
            }
            Msg::Reloaded(Ok(count)) => self.say(format!("read again, with {count} runbooks")),
            Msg::Reloaded(Err(why)) => self.show_error(why),
            Msg::Remembered(result) => {
                self.requests.history.in_flight = false;
                self.history = result.unwrap_or_default();
            }
            Msg::Detail(run, detail) => {
                self.runs_on_screen(run).for_each(|s| s.receive(&detail));
                if let Ok(detail) = &detail {
                    self.logs.set_steps(&detail.run);
                }
                return self.perform_pending(run, detail.as_ref().err().map(String::as_str));
            }
            Msg::Artifact(Ok(artifact)) => self.read_artifact(&artifact.0, &artifact.1),
            Msg::Artifact(Err(why)) => self.show_error(why),
            Msg::Runs(ticket, page) => self.receive_runs(ticket, page),
            Msg::Audit(ticket, rows) => self.receive_audit(ticket, rows),
            Msg::FoundRun(ticket, found) => self.run_found(ticket, found),
            Msg::File(ticket, LogUpdate::Unopened(why)) => {
                self.show_error(format!(
                    "the log cannot be shown: no room for it in the folder of temporary files: {why}"
                ));
                return self.logs.unopened(ticket);
            }
            Msg::File(ticket, event) => self.logs.receive(ticket, event),
            Msg::Planned(ticket, card) => self.planned(ticket, card),
            Msg::Blockers(ticket, queue) => {
                if let Some(card) = self.card_waiting_for(ticket) {
                    card.set_blockers(queue);
                }
            }
            Msg::Submitted(ticket, result) => self.submitted(ticket, result),
            Msg::Cancelled(run, result) => self.cancelled(run, result),
            Msg::StartedQueued(Ok(count)) => self.done_to_queued(count, "started"),
            Msg::DroppedQueued(Ok(count)) => self.done_to_queued(count, "dropped"),
            Msg::StartedQueued(Err(why)) | Msg::DroppedQueued(Err(why)) => {
                self.show_error(why);
                self.requests.overview.wanted = true;
            }
            Msg::Answered(run, Ok(())) => {
                self.say(format!("run {run}: answered"));
                self.invalidate(run);
            }
            Msg::Answered(run, Err(why)) => {
                self.show_error(format!("run {run}: not answered: {why}"));
            }
            Msg::Ordered(run, order, Ok(_)) => self.done(run, order.label()),
            Msg::Ordered(run, _, Err(why)) => {
                self.show_error(format!("nothing was done: run {run}: {why}"));
            }
            Msg::Resumed(run, Ok(now)) if now.status.is_terminal() => self.done(run, "given up"),
            Msg::Resumed(run, Ok(_)) => self.done(run, "goes on"),
            Msg::Resumed(run, Err(why)) => {
                self.show_error(format!("run {run} does not go on: {why}"));
            }
            Msg::Voted(run, Ok(Tally::Approved(_))) => self.done(run, "approved; it goes on"),
            Msg::Voted(run, Ok(Tally::Denied { .. })) => {
                self.done(run, "rejected; it is cancelled");
            }
            Msg::Voted(run, Ok(Tally::Open(_))) => {
                self.done(run, "your approval counts; more are needed");
            }
            Msg::Voted(_, Err(why)) => {
                self.show_error(format!("your answer does not count: {why}"));
            }
            Msg::BreakersReset(Ok(names)) => {
                self.say(format!("closed: the breaker of {}", names.join(", ")));
            }
            Msg::BreakersReset(Err(why)) => self.show_error(why),
            Msg::Noted(Err(why)) => self.show_error(format!("the history was not written: {why}")),
            Msg::Noted(Ok(())) => {}
            // Input was handled in `update`.
            Msg::Key(_)
            | Msg::Paste(_)
            | Msg::Burst(_)
            | Msg::Resize(..)
            | Msg::Focus(_)
            | Msg::Tick(_) => {}
        }
        Vec::new()
    }

    /// Queued runs were started or dropped.
    fn done_to_queued(&mut self, count: usize, what: &str) {
        self.say(if count == 1 {
            format!("1 run was {what}")
        } else {
            format!("{count} runs were {what}")
        });
        self.read_all_again();
    }

    /// An action on a run succeeded.
    fn done(&mut self, run: RunId, what: &str) {
        self.say(format!("run {run}: {what}"));
        self.requests.overview.wanted = true;
        self.invalidate(run);
    }

    fn noticed(&mut self, notice: Notice) {
        match notice {
            Notice::Run(run, _) => {
                self.requests.overview.wanted = true;
                self.invalidate(run);
                for screen in &mut self.screens {
                    match screen {
                        Screen::Runs(s) => s.invalidate(),
                        // The reason why it is queued may have changed.
                        Screen::Run(s) if s.detail.as_ref().is_some_and(|d| d.queued.is_some()) => {
                            s.invalidate();
                        }
                        _ => {}
                    }
                }
            }
            // The feed of each log listens to this itself.
            Notice::Entries(..) => {}
            Notice::Steps(run) => self.invalidate(run),
            Notice::Stack => {
                self.requests.overview.wanted = true;
                self.requests.catalogue.wanted = true;
            }
            Notice::Observations => self.requests.overview.wanted = true,
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

    fn invalidate(&mut self, run: RunId) {
        self.runs_on_screen(run).for_each(View::invalidate);
    }

    fn runs_on_screen(
        &mut self,
        run: RunId,
    ) -> impl Iterator<Item = &mut crate::tui::pane::run::RunScreen> {
        self.screens
            .iter_mut()
            .filter_map(move |screen| match screen {
                Screen::Run(s) if s.run == run => Some(&mut **s),
                _ => None,
            })
    }

    /// Opens a text artifact if the operator still waits for it; others cannot be shown on screen.
    fn read_artifact(&mut self, artifact: &Artifact, content: &[u8]) {
        let (run, number) = (artifact.run.0, artifact.number);
        let free = self.popups.is_empty() && self.bar.is_none();
        let Some(Screen::Run(screen)) = self.screens.last_mut() else {
            return;
        };
        if screen.run != artifact.run
            || screen
                .opening
                .take_if(|opening| *opening == number)
                .is_none()
            || !free
        {
            return;
        }
        let elsewhere = format!("`opsroom artifacts {run} {number} > FILE` writes it to a file");
        match std::str::from_utf8(content)
            .ok()
            .filter(|text| !text.contains('\0'))
        {
            Some(text) if text.len() > MAX_TEXT_BYTES => {
                self.say(format!(
                    "{} are too much for a screen: {elsewhere}",
                    human_bytes(artifact.bytes)
                ));
            }
            Some(text) => {
                self.open(Destination::Read {
                    title: artifact.title.clone(),
                    text: text.to_owned(),
                });
            }
            None => self.say(format!("no text: {elsewhere}")),
        }
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
        self.home.sync(&overview);
        self.choose_log(&overview);
        self.evaluated_at = Some(overview.at);
        self.overview = Some(overview);
    }

    /// Home shows the newest run, unless the operator is reading another log.
    fn choose_log(&mut self, overview: &Overview) {
        let started = self
            .requests
            .started
            .take_if(|id| overview.runs.iter().any(|r| r.id == *id));
        let newest = started.or_else(|| {
            overview
                .runs
                .iter()
                .find(|r| r.trigger != "pulse")
                .map(|r| r.id)
        });
        let shown = self.home.log;
        let reading = shown
            .and_then(|run| self.logs.get(run))
            .is_some_and(Viewer::is_read);
        if let Some(run) =
            newest.filter(|run| Some(*run) != shown && (!reading || started.is_some()))
        {
            self.home.log = Some(run);
        }
    }

    fn read_bar_again(&mut self) {
        let world = super::bar::BarContext::of(
            self.catalogue.as_ref(),
            self.overview.as_ref(),
            &self.history,
        );
        if let Some(bar) = &mut self.bar {
            bar.read(world);
        }
    }

    fn receive_runs(&mut self, ticket: Ticket, page: Result<RunPage, String>) {
        let wanted = self.screens.iter_mut().find_map(|screen| match screen {
            Screen::Runs(s) if s.ticket == ticket => Some(s),
            _ => None,
        });
        if let Some(screen) = wanted {
            screen.receive(page);
        }
    }

    /// A plan: for the preview of the bar, for an open card, or for a bar that waits for its card.
    fn planned(&mut self, ticket: Ticket, card: Result<Box<PlanCard>, String>) {
        if self
            .bar
            .as_mut()
            .is_some_and(|bar| bar.previewed(ticket, &card))
        {
            return;
        }
        if let Some(open) = self.card_waiting_for(ticket) {
            return open.replanned(card);
        }
        let Some(bar) = self.bar.as_mut().filter(|bar| bar.waiting == Some(ticket)) else {
            return;
        };
        bar.waiting = None;
        match (card, bar.parsed.clone()) {
            (Ok(card), Some(parsed)) => {
                let raw_text = bar.line.text().to_owned();
                let new = Card::new(*card, Box::new(parsed), raw_text, self.facts.read_only);
                self.bar = None;
                self.popups.push(Popup::Card(Box::new(new)));
            }
            (Err(why), _) => bar.message = Some(format!("not planned: {why}")),
            (Ok(_), None) => {}
        }
    }

    fn card_waiting_for(&mut self, ticket: Ticket) -> Option<&mut Card> {
        self.popups.iter_mut().find_map(|popup| match popup {
            Popup::Card(card) if card.busy() == Some(ticket) => Some(&mut **card),
            _ => None,
        })
    }

    fn submitted(&mut self, ticket: Ticket, result: Result<Box<Run>, String>) {
        match result {
            Ok(run) => {
                self.popups
                    .retain(|p| !matches!(p, Popup::Card(card) if card.busy() == Some(ticket)));
                self.say(format!("run {} was queued: {}", run.id, run.plan.title));
                self.requests.overview.wanted = true;
                self.requests.started = Some(run.id);
                self.home.log = Some(run.id);
                self.go_home(Pane::Log);
            }
            Err(why) => match self.card_waiting_for(ticket) {
                Some(card) => card.refused(&why),
                None => self.show_error(format!("nothing was started: {why}")),
            },
        }
    }

    fn cancelled(&mut self, run: RunId, result: Result<RunStatus, String>) {
        match result {
            Ok(ended) if ended.is_terminal() => self.say(format!("run {run} is cancelled")),
            Ok(_) => self.say(format!("run {run} was asked to stop")),
            Err(why) => self.show_error(format!("run {run} was not cancelled: {why}")),
        }
        self.requests.overview.wanted = true;
        self.invalidate(run);
    }

    /// Opens a text in the reader.
    pub(super) fn read(&mut self, title: &str, text: String) {
        self.open(Destination::Read {
            title: title.to_owned(),
            text,
        });
    }
}
