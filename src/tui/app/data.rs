//! Answers and notices: what they change in the model, and which questions are open. The bus only says that something
//! changed; the facts are always read.

use super::App;
use super::command::Wish;
use super::log::Log;
use crate::bus::Notice;
use crate::core::approval::Tally;
use crate::core::artifact::Artifact;
use crate::core::run::{Run, RunId, RunStatus};
use crate::core::time::Timestamp;
use crate::logfile::source::Told;
use crate::tui::msg::{Effect, Msg, Overview, PlanCard, RunPage, Ticket};
use crate::tui::pane::{Destination, Screen, View};
use crate::tui::popup::Popup;
use crate::tui::popup::card::Card;

/// One kind of question: at most one under way, asked again when something changed meanwhile.
#[derive(Debug, Clone)]
struct Question {
    wanted: bool,
    asked: bool,
}

impl Default for Question {
    /// Everything is wanted once.
    fn default() -> Self {
        Self { wanted: true, asked: false }
    }
}

impl Question {
    fn ask(&mut self, effect: Effect) -> Option<Effect> {
        if self.asked || !self.wanted {
            return None;
        }
        (self.asked, self.wanted) = (true, false);
        Some(effect)
    }
}

/// The open questions about the whole console. Views keep their own.
#[derive(Debug, Clone, Default)]
pub(super) struct Requests {
    overview: Question,
    catalogue: Question,
    history: Question,
    /// The run just started, to be shown as soon as the overview knows it.
    pub(super) started: Option<RunId>,
    /// What is wanted of a run as soon as it has been read.
    pub(super) wish: Option<(RunId, Wish)>,
}

impl Requests {
    /// Everything is read again.
    const fn everything(&mut self) {
        self.overview.wanted = true;
        self.catalogue.wanted = true;
        self.history.wanted = true;
    }
}

impl App {
    /// What has to be asked now.
    pub(super) fn wanted(&mut self) -> Vec<Effect> {
        let body = self.body();
        let requests = &mut self.requests;
        let mut effects: Vec<Effect> = [
            requests.overview.ask(Effect::Overview),
            requests.catalogue.ask(Effect::Catalogue),
            requests.history.ask(Effect::Remembered),
        ]
        .into_iter()
        .flatten()
        .collect();
        effects.append(&mut self.leaving);
        let height = self.home.log_rows(body);
        effects.extend(self.home.log.as_mut().and_then(|log| log.ask(height)));
        for screen in &mut self.screens {
            effects.extend(screen.view_mut().ask(body));
        }
        let tickets = &mut self.tickets;
        let next = || {
            *tickets += 1;
            Ticket(*tickets)
        };
        effects.extend(self.bar.as_mut().and_then(|bar| bar.ask_preview(next)));
        effects
    }

    /// What is on screen grows old also when nothing happens: in a new minute it is read again.
    pub(super) fn age(&mut self, now: Timestamp) {
        const MINUTE: i64 = 60_000;
        let minute = |at: Timestamp| at.0.div_euclid(MINUTE);
        if self.overview.as_ref().is_some_and(|o| minute(o.at) < minute(now)) {
            self.requests.overview.wanted = true;
        }
    }

    pub(super) fn learn(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::Notice(notice) => self.noticed(notice),
            Msg::Lagged => self.read_all_again(),
            Msg::Copied(Ok(text)) => self.say(text),
            Msg::Copied(Err(text)) | Msg::Trouble(text) => self.complain(text),
            Msg::Overview(result) => self.overview_came(result),
            Msg::Catalogue(result) => {
                self.requests.catalogue.asked = false;
                match result {
                    Ok(catalogue) => self.catalogue = Some(catalogue),
                    Err(why) => self.complain(format!("the names of the stack could not be read: {why}")),
                }
                self.read_bar_again();
            }
            Msg::Reloaded(Ok(count)) => self.say(format!("read again, with {count} runbooks")),
            Msg::Reloaded(Err(why)) => self.complain(why),
            Msg::Remembered(result) => {
                self.requests.history.asked = false;
                self.history = result.unwrap_or_default();
            }
            Msg::Detail(run, detail) => {
                self.runs_on_screen(run).for_each(|s| s.receive(&detail));
                return self.fulfil(run, detail.as_ref().err().map(String::as_str));
            }
            Msg::Artifact(Ok(artifact)) => self.read_artifact(&artifact.0, &artifact.1),
            Msg::Artifact(Err(why)) => self.complain(why),
            Msg::Runs(ticket, page) => self.runs_came(ticket, page),
            Msg::Entries(ticket, page, result) => self.entries_came(ticket, page, result),
            Msg::File(ticket, told) => self.log_told(ticket, told),
            Msg::Unopened(ticket, why) => self.log_unopened(ticket, why),
            Msg::Planned(ticket, card) => self.planned(ticket, card),
            Msg::Submitted(ticket, result) => self.submitted(ticket, result),
            Msg::Cancelled(run, result) => self.cancelled(run, result),
            Msg::Answered(run, Ok(())) => {
                self.say(format!("run {run}: answered"));
                self.touch(run);
            }
            Msg::Answered(run, Err(why)) => self.complain(format!("run {run}: not answered: {why}")),
            Msg::Ordered(run, order, Ok(_)) => self.done(run, order.words()),
            Msg::Ordered(run, _, Err(why)) => self.complain(format!("nothing was done: run {run}: {why}")),
            Msg::Resumed(run, Ok(now)) if now.status.is_terminal() => self.done(run, "given up"),
            Msg::Resumed(run, Ok(_)) => self.done(run, "goes on"),
            Msg::Resumed(run, Err(why)) => self.complain(format!("run {run} does not go on: {why}")),
            Msg::Voted(run, Ok(Tally::Approved(_))) => self.done(run, "approved; it goes on"),
            Msg::Voted(run, Ok(Tally::Denied { .. })) => self.done(run, "rejected; it is cancelled"),
            Msg::Voted(run, Ok(Tally::Open(_))) => self.done(run, "your approval counts; more are needed"),
            Msg::Voted(_, Err(why)) => self.complain(format!("your answer does not count: {why}")),
            Msg::BreakersReset(Ok(names)) => self.say(format!("closed: the breaker of {}", names.join(", "))),
            Msg::BreakersReset(Err(why)) => self.complain(why),
            Msg::Noted(Err(why)) => self.complain(format!("the history was not written: {why}")),
            Msg::Noted(Ok(())) | Msg::Key(_) | Msg::Paste(_) | Msg::Resize(..) | Msg::Focus(_) | Msg::Tick(_) => {}
        }
        Vec::new()
    }

    /// Something was done to a run.
    fn done(&mut self, run: RunId, what: &str) {
        self.say(format!("run {run}: {what}"));
        self.requests.overview.wanted = true;
        self.touch(run);
    }

    fn noticed(&mut self, notice: Notice) {
        match notice {
            Notice::Run(run, _) => {
                self.requests.overview.wanted = true;
                self.touch(run);
                for screen in &mut self.screens {
                    match screen {
                        Screen::Runs(s) => s.touch(),
                        // It may wait for something else now, or for nothing.
                        Screen::Run(s) if s.detail.as_ref().is_some_and(|d| d.queued.is_some()) => s.touch(),
                        _ => {}
                    }
                }
            }
            Notice::Entries(run, seq) => self.logs().filter(|log| log.run == run).for_each(|log| log.told(seq)),
            Notice::Steps(run) => self.touch(run),
            Notice::Stack => {
                self.requests.overview.wanted = true;
                self.requests.catalogue.wanted = true;
            }
            Notice::Observations => self.requests.overview.wanted = true,
        }
    }

    /// Everything on screen is read again; logs learn from the runs how far they reach.
    pub(super) fn read_all_again(&mut self) {
        self.requests.everything();
        self.logs().for_each(|log| log.told(0)); // one that could not be read is tried again
        for screen in &mut self.screens {
            screen.view_mut().touch();
        }
    }

    fn touch(&mut self, run: RunId) {
        self.runs_on_screen(run).for_each(View::touch);
    }

    fn runs_on_screen(&mut self, run: RunId) -> impl Iterator<Item = &mut crate::tui::pane::run::RunScreen> {
        self.screens.iter_mut().filter_map(move |screen| match screen {
            Screen::Run(s) if s.run == run => Some(&mut **s),
            _ => None,
        })
    }

    fn logs(&mut self) -> impl Iterator<Item = &mut Log> {
        let on_screens = self.screens.iter_mut().filter_map(|screen| match screen {
            Screen::Run(s) => Some(&mut s.log),
            _ => None,
        });
        self.home.log.iter_mut().chain(on_screens)
    }

    /// Text is shown; the rest cannot be read on a screen.
    fn read_artifact(&mut self, artifact: &Artifact, content: &[u8]) {
        let (run, number) = (artifact.run.0, artifact.number);
        match std::str::from_utf8(content).ok().filter(|text| !text.contains('\0')) {
            Some(text) => {
                self.open(Destination::Read { title: artifact.title.clone(), text: text.to_owned() });
            }
            None => self.say(format!("no text: `opsroom artifacts {run} {number} > FILE` writes it to a file")),
        }
    }

    fn log_told(&mut self, ticket: Ticket, told: Told) {
        let on_screen = self.screens.iter_mut().filter_map(|screen| match screen {
            Screen::Whole(log) => Some(&mut **log),
            _ => None,
        });
        if let Some(log) = on_screen.chain(&mut self.kept).find(|log| log.ticket == ticket) {
            log.told(told);
        }
    }

    /// Whoever comes back to it asks for it again.
    fn log_unopened(&mut self, ticket: Ticket, why: String) {
        self.kept.retain(|log| log.ticket != ticket);
        for screen in &mut self.screens {
            if let Screen::Whole(log) = screen
                && log.ticket == ticket
            {
                log.blank = true;
            }
        }
        self.complain(why);
    }

    fn overview_came(&mut self, result: Result<Box<Overview>, String>) {
        self.requests.overview.asked = false;
        let overview = match result {
            Ok(overview) => *overview,
            Err(why) => {
                self.trouble = Some(format!("the overview could not be read: {why}"));
                return self.complain(format!("what is shown may be old: {why}"));
            }
        };
        self.trouble = None;
        self.home.sync(&overview);
        for run in &overview.runs {
            self.logs().filter(|log| log.run == run.id).for_each(|log| log.told(run.last_seq));
        }
        self.choose_log(&overview);
        self.overview = Some(overview);
    }

    /// Home shows the newest run; it does not change under somebody who is reading.
    fn choose_log(&mut self, overview: &Overview) {
        let started = self.requests.started.take_if(|id| overview.runs.iter().any(|r| r.id == *id));
        let newest = started.or_else(|| overview.runs.iter().find(|r| r.trigger != "pulse").map(|r| r.id));
        let reading = self.home.log.as_ref().is_some_and(|log| !log.follows() || log.prompt.is_some());
        let shown = self.home.log.as_ref().map(|log| log.run);
        if let Some(run) = newest.filter(|run| Some(*run) != shown && (!reading || started.is_some())) {
            self.watch(run, overview.runs.iter().find(|r| r.id == run));
        }
    }

    fn watch(&mut self, id: RunId, run: Option<&Run>) {
        let mut log = Log::new(self.ticket(), id);
        log.told(run.map_or(0, |r| r.last_seq));
        self.home.log = Some(log);
    }

    fn read_bar_again(&mut self) {
        let world = super::bar::World::of(self.catalogue.as_ref(), self.overview.as_ref(), &self.history);
        if let Some(bar) = &mut self.bar {
            bar.read(world);
        }
    }

    fn runs_came(&mut self, ticket: Ticket, page: Result<RunPage, String>) {
        let wanted = self.screens.iter_mut().find_map(|screen| match screen {
            Screen::Runs(s) if s.ticket == ticket => Some(s),
            _ => None,
        });
        if let Some(screen) = wanted {
            screen.receive(page);
        }
    }

    fn entries_came(
        &mut self,
        ticket: Ticket,
        page: crate::tui::msg::Page,
        result: Result<Vec<crate::core::event::Entry>, String>,
    ) {
        let body = self.body();
        let at_home = self.home.log_rows(body);
        let on_screen = self.screens.iter().find_map(|screen| match screen {
            Screen::Run(s) if s.log.ticket == ticket => Some(s.log_rows(body)),
            _ => None,
        });
        let height = on_screen.unwrap_or(at_home);
        let Some(log) = self.logs().find(|log| log.ticket == ticket) else { return };
        match result {
            Ok(entries) => log.receive(page, &entries, height),
            Err(why) => log.failed(&why),
        }
    }

    /// A plan: for the preview beside the bar, for the card that asked again, or for the bar that waits for its card.
    fn planned(&mut self, ticket: Ticket, card: Result<Box<PlanCard>, String>) {
        if self.bar.as_mut().is_some_and(|bar| bar.previewed(ticket, &card)) {
            return;
        }
        if let Some(open) = self.card_waiting_for(ticket) {
            return open.replanned(card);
        }
        let Some(bar) = self.bar.as_mut().filter(|bar| bar.waiting == Some(ticket)) else { return };
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
                self.popups.retain(|p| !matches!(p, Popup::Card(card) if card.busy() == Some(ticket)));
                self.say(format!("run {} was queued: {}", run.id, run.plan.title));
                self.requests.overview.wanted = true;
                self.requests.started = Some(run.id);
                self.watch(run.id, Some(&run));
                self.show_log();
            }
            Err(why) => match self.card_waiting_for(ticket) {
                Some(card) => card.refused(&why),
                None => self.complain(format!("nothing was started: {why}")),
            },
        }
    }

    fn cancelled(&mut self, run: RunId, result: Result<RunStatus, String>) {
        match result {
            Ok(ended) if ended.is_terminal() => self.say(format!("run {run} is cancelled")),
            Ok(_) => self.say(format!("run {run} was asked to stop")),
            Err(why) => self.complain(format!("run {run} was not cancelled: {why}")),
        }
        self.requests.overview.wanted = true;
        self.touch(run);
    }

    /// Where a text view goes.
    pub(super) fn read(&mut self, title: &str, text: String) {
        self.open(Destination::Read { title: title.to_owned(), text });
    }
}
