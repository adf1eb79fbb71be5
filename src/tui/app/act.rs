//! Performs actions of keys: in the popup, the bar, the view or home, whichever is on top.

use super::{App, bar, scene};
use crate::control::left_over;
use crate::core::run::RunId;
use crate::tui::keys::{Action, Context};
use crate::tui::msg::{Effect, RunFilter, Ticket};
use crate::tui::pane::reader::TextReader;
use crate::tui::pane::run::RunScreen;
use crate::tui::pane::runs::RunsScreen;
use crate::tui::pane::service::ServiceScreen;
use crate::tui::pane::whole::WholeLog;
use crate::tui::pane::{Destination, Reaction, Screen};
use crate::tui::popup::confirm::{Confirm, Then};
use crate::tui::popup::help::Help;
use crate::tui::popup::left_over::LeftOvers;
use crate::tui::popup::{Outcome, Popup};

/// Maximum number of open views; beyond that the oldest is closed.
const MAX_VIEWS: usize = 20;

impl App {
    pub(super) fn act(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::Back => self.back(),
            Action::Redraw => return vec![Effect::Redraw],
            Action::Suspend => return vec![Effect::Suspend],
            Action::Interrupt => self.interrupt(),
            Action::Help => self.help(),
            other if !self.popups.is_empty() => return self.act_popup(other),
            other if self.bar.is_some() => return self.act_bar(other),
            other => return self.act_view(other),
        }
        Vec::new()
    }

    /// Esc closes exactly one layer: popup, choices, bar, prompt or search, fullscreen, view.
    fn back(&mut self) {
        self.toast = None;
        if self.popups.pop().is_some() {
            return;
        }
        if let Some(bar) = &mut self.bar {
            if !bar.close_choices() {
                self.bar = None;
            }
            return;
        }
        if self.log_in_focus().is_some_and(|run| self.logs.back(run)) {
            return;
        }
        let scene = scene(self.overview.as_ref(), self.now, self.size);
        match self.screens.last_mut() {
            Some(screen) => {
                if !screen.view_mut().back(scene) {
                    self.leave();
                }
            }
            None => drop(self.home.back(self.overview.as_ref())),
        }
    }

    /// Ctrl-C: clears the line being typed; never quits, since it may be meant as a copy.
    fn interrupt(&mut self) {
        if self.popups.is_empty() && self.bar.take().is_some() {
            return self.say("dropped");
        }
        if self.context() == Context::Text {
            return self.back();
        }
        let (quit, back) = (self.key_name(Action::Quit), self.key_name(Action::Back));
        self.say(if self.popups.is_empty() {
            format!("press {quit} to quit")
        } else {
            format!("press {back} to close this")
        });
    }

    pub(super) fn help(&mut self) {
        if !matches!(self.popups.last(), Some(Popup::Help(_))) {
            let context = self.context();
            self.popups.push(Popup::Help(Box::new(Help::new(context))));
        }
    }

    fn act_popup(&mut self, action: Action) -> Vec<Effect> {
        let ticket = self.ticket();
        let Some(popup) = self.popups.last_mut() else {
            return Vec::new();
        };
        match popup.act(action, &self.keys, ticket) {
            Outcome::Stay => {}
            Outcome::Close => drop(self.popups.pop()),
            Outcome::Message(text) => {
                self.popups.pop();
                self.say(text);
            }
            Outcome::Ask(effect) => return vec![effect],
            Outcome::Finish(effect) => {
                self.popups.pop();
                return vec![effect];
            }
            Outcome::Confirmed(then) => {
                self.popups.pop();
                return match then {
                    Then::Quit => vec![Effect::Quit],
                    Then::Act(act) => vec![Effect::act(*act)],
                };
            }
            Outcome::Open(other, question) => {
                self.popups.pop();
                self.popups.push(*other);
                return vec![*question];
            }
            Outcome::Run(action) => {
                self.popups.pop();
                return self.act(action);
            }
        }
        Vec::new()
    }

    fn act_bar(&mut self, action: Action) -> Vec<Effect> {
        let world = bar::BarContext::of(
            self.catalogue.as_ref(),
            self.overview.as_ref(),
            &self.history,
        );
        let Some(bar) = &mut self.bar else {
            return Vec::new();
        };
        if action == Action::Accept {
            let taken = bar.accept(world);
            return self.taken(taken);
        }
        bar.act(action, world);
        Vec::new()
    }

    fn act_view(&mut self, action: Action) -> Vec<Effect> {
        if let Some(run) = self.log_in_focus().filter(|run| self.logs.is_covered(*run)) {
            self.logs.act(run, action, self.now);
            return Vec::new();
        }
        let scene = scene(self.overview.as_ref(), self.now, self.size);
        let reaction = match self.screens.last_mut() {
            Some(screen) => screen.view_mut().act(action, scene),
            None => self.home.act(action, scene),
        };
        if matches!(reaction, Reaction::Ignored) {
            return self.act_global(action);
        }
        self.react(reaction)
    }

    pub(super) fn react(&mut self, reaction: Reaction) -> Vec<Effect> {
        match reaction {
            Reaction::Ignored | Reaction::Done => Vec::new(),
            Reaction::Say(text) => {
                self.say(text);
                Vec::new()
            }
            Reaction::Ask(effect) => vec![effect],
            Reaction::Log(action) => {
                if let Some(run) = self.log_in_focus() {
                    self.logs.act(run, action, self.now);
                }
                Vec::new()
            }
            Reaction::Step(step) => {
                if let Some(run) = self.log_in_focus() {
                    // On a narrow screen the log may not exist, or no longer.
                    self.keep_log(run);
                    self.logs.go_to_step(run, step);
                }
                Vec::new()
            }
            Reaction::Close => {
                self.leave();
                Vec::new()
            }
            Reaction::Popup(popup) => {
                self.popups.push(*popup);
                Vec::new()
            }
            Reaction::Open(destination) => {
                self.open(destination);
                Vec::new()
            }
        }
    }

    pub(super) fn act_global(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::Quit => return self.quit(),
            Action::Command => self.bar = Some(bar::Bar::default()),
            Action::Runs => self.open_runs(RunFilter::default()),
            Action::Problems => self.open_problems(),
            Action::LeftOver => self.open_left_over(None),
            Action::Refresh => {
                self.read_all_again();
                return vec![Effect::Reload];
            }
            _ => {}
        }
        Vec::new()
    }

    /// `q` closes the view; at home it quits, after a confirmation while runs are active.
    pub(super) fn quit(&mut self) -> Vec<Effect> {
        if self.leave() || std::mem::take(&mut self.home.full) {
            return Vec::new();
        }
        match self.live() {
            0 => vec![Effect::Quit],
            live => {
                self.popups.push(Popup::Confirm(Confirm::quit(live)));
                Vec::new()
            }
        }
    }

    /// Opens a view on top of the current one.
    pub(super) fn open(&mut self, destination: Destination) {
        let screen = match destination {
            Destination::Service(name) => Screen::Service(Box::new(ServiceScreen::new(name))),
            Destination::Run(run) => Screen::Run(Box::new(RunScreen::new(run, &self.facts))),
            Destination::Log(run) => Screen::Whole(Box::new(WholeLog { run })),
            Destination::Read { title, text } => {
                Screen::TextReader(Box::new(TextReader::new(&title, &text)))
            }
        };
        self.push(screen);
    }

    pub(super) fn open_runs(&mut self, filter: RunFilter) {
        let ticket: Ticket = self.ticket();
        self.push(Screen::Runs(Box::new(RunsScreen::new(ticket, filter))));
    }

    /// Opens the dialog for queued runs without an owner, with `chosen` preselected.
    pub(super) fn open_left_over(&mut self, chosen: Option<RunId>) {
        let waiting = self.overview.as_ref().map_or(&[][..], |o| &o.left_over);
        let found = chosen.is_none_or(|run| waiting.iter().any(|w| w.run == run));
        if let Some(title) = left_over::describe(waiting, self.now).filter(|_| found) {
            let popup = LeftOvers::new(title, waiting, chosen, self.facts.read_only);
            self.popups.push(Popup::LeftOver(Box::new(popup)));
        } else {
            let run = chosen.map_or_else(
                || "no run".to_owned(),
                |run| format!("run {run} is none that"),
            );
            self.say(format!("{run} waits in the queue to be started or dropped"));
        }
    }

    fn open_problems(&mut self) {
        let problems = self.problems();
        let text = if problems.is_empty() {
            "No problems.".to_owned()
        } else {
            problems.join("\n")
        };
        self.open(Destination::Read {
            title: format!("Problems {}", problems.len()),
            text,
        });
    }

    /// Closes the view on screen; false at home.
    fn leave(&mut self) -> bool {
        self.screens.pop().is_some()
    }

    fn push(&mut self, screen: Screen) {
        if self.screens.len() >= MAX_VIEWS {
            self.screens.remove(0);
        }
        self.screens.push(screen);
    }
}
