//! Performs actions of keys: in the popup, the bar, the view or home, whichever is on top.

use super::views::top_view_mut;
use super::{App, bar, scene};
use crate::control::run::left_over;
use crate::core::run::RunId;
use crate::core::run::need::NeedReason;
use crate::tui::keys::Action;
use crate::tui::msg::{Effect, RunFilter};
use crate::tui::pane::Screen;
use crate::tui::pane::{Destination, Reaction};
use crate::tui::popup::{FindKind, FindSources, Outcome, Popup};

impl App {
    pub(super) fn act(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::Back => self.back(),
            Action::Redraw => return vec![Effect::Redraw],
            Action::Suspend => return vec![Effect::Suspend],
            Action::Mouse => return self.switch_mouse(),
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
        let view = top_view_mut(&mut self.home, &mut self.screens);
        if view.back(scene) {
            return;
        }
        if let Some(question) = view.before_leaving() {
            self.popups.push(question);
        } else {
            self.leave();
        }
    }

    /// Ctrl-C: clears the line being typed; never quits, since it may be meant as a copy.
    fn interrupt(&mut self) {
        if self.popups.is_empty() && self.bar.take().is_some() {
            return self.say("dropped");
        }
        if self.context().is_text() {
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
        if !self.popups.last().is_some_and(|p| p.dialog().is_help()) {
            self.popups.push(Popup::help(self.context()));
        }
    }

    fn act_popup(&mut self, action: Action) -> Vec<Effect> {
        let ticket = self.ticket();
        let Some(popup) = self.popups.last_mut() else {
            return Vec::new();
        };
        let outcome = popup.dialog_mut().act(action, &self.keys, ticket);
        self.conclude(self.popups.len() - 1, outcome)
    }

    /// Does what the popup at this place wants after a key or an answer.
    pub(super) fn conclude(&mut self, at: usize, outcome: Outcome) -> Vec<Effect> {
        match outcome {
            Outcome::Stay => {}
            Outcome::Close => drop(self.popups.remove(at)),
            Outcome::Message(text) => {
                self.popups.remove(at);
                self.say(text);
            }
            Outcome::Ask(effect) => return vec![effect],
            Outcome::Finish(effect) => {
                self.popups.remove(at);
                return vec![effect];
            }
            Outcome::Open(other, effect) => {
                self.popups[at] = other;
                return vec![*effect];
            }
            Outcome::Run(action) => {
                self.popups.remove(at);
                return self.act(action);
            }
            Outcome::Replace(other) => self.popups[at] = other,
            Outcome::Go(destination) => {
                self.popups.remove(at);
                self.open(destination);
            }
            Outcome::Command(line) => {
                self.popups.remove(at);
                return self.run_line(&line);
            }
            Outcome::Type(text) => {
                self.popups.remove(at);
                self.type_into_bar(&text);
            }
            Outcome::Find(kind) => {
                self.popups.remove(at);
                return self.find(kind);
            }
            Outcome::Order(order) => {
                self.popups.remove(at);
                let scene = scene(self.overview.as_ref(), self.now, self.size);
                let view = top_view_mut(&mut self.home, &mut self.screens);
                let reaction = view.set_order(order, scene);
                return self.react(reaction);
            }
        }
        Vec::new()
    }

    /// Opens the command bar with this text.
    fn type_into_bar(&mut self, text: &str) {
        let world = bar::BarContext::of(
            self.catalogue.as_ref(),
            self.overview.as_ref(),
            &self.history,
        );
        self.bar.get_or_insert_default().set(text, world);
    }

    /// Accepts a command as if it had been typed.
    fn run_line(&mut self, line: &str) -> Vec<Effect> {
        self.type_into_bar(line);
        self.act_bar(Action::Accept)
    }

    pub(super) fn act_bar(&mut self, action: Action) -> Vec<Effect> {
        let world = bar::BarContext::of(
            self.catalogue.as_ref(),
            self.overview.as_ref(),
            &self.history,
        );
        let Some(bar) = &mut self.bar else {
            return Vec::new();
        };
        if action == Action::SearchHistory {
            return self.find(FindKind::History);
        }
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
        let reaction = top_view_mut(&mut self.home, &mut self.screens).act(action, scene);
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
            Reaction::Fail(text) => {
                self.show_error(text);
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
                if let Some(run) = self.log_shown() {
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
                self.popups.push(popup);
                Vec::new()
            }
            Reaction::Open(destination) => {
                self.open(destination);
                Vec::new()
            }
            Reaction::Type(text) => {
                self.type_into_bar(&text);
                Vec::new()
            }
        }
    }

    pub(super) fn act_global(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::Quit => return self.quit(),
            Action::Command => self.bar = Some(bar::Bar::default()),
            Action::Runs => self.open(Destination::Runs {
                filter: RunFilter::default(),
            }),
            Action::Problems => self.open_problems(),
            Action::LeftOver => self.open_left_over(None),
            Action::NeedsYou => self.open_need(),
            Action::Order => return self.order_menu(),
            Action::Verbs => self.say("nothing to choose from here"),
            Action::GoTo => self.popups.push(Popup::go_to()),
            Action::GoBack => self.go_back(),
            Action::GoForth => self.go_forth(),
            Action::GoLast => self.go_last(),
            Action::Refresh => {
                self.read_all_again();
                return vec![Effect::Reload];
            }
            _ => {}
        }
        Vec::new()
    }

    /// The orders that the list on screen can have.
    fn order_menu(&mut self) -> Vec<Effect> {
        let (orders, current) = self.top_view().orders();
        if orders.is_empty() {
            self.say("nothing to sort here");
        } else {
            self.popups.push(Popup::orders(&orders, current));
        }
        Vec::new()
    }

    /// Opens the search among things of one kind.
    pub(super) fn find(&mut self, kind: FindKind) -> Vec<Effect> {
        let sources = FindSources {
            overview: self.overview.as_ref(),
            catalogue: self.catalogue.as_deref(),
            history: &self.history,
            now: self.now,
        };
        let popup = Popup::find(kind, sources);
        self.popups.push(popup);
        (kind == FindKind::Files)
            .then_some(Effect::LogFiles)
            .into_iter()
            .collect()
    }

    /// `q` closes the view; at home it quits, after a confirmation while runs are active.
    pub(super) fn quit(&mut self) -> Vec<Effect> {
        let body = self.body();
        if self.leave() || self.home.leave_full(body) {
            return Vec::new();
        }
        match self.live() {
            0 => vec![Effect::Quit],
            live => {
                self.popups.push(Popup::quit(live));
                Vec::new()
            }
        }
    }

    /// Opens the first run that needs the person; where one of those is on screen, the next in its
    /// place.
    fn open_need(&mut self) {
        let shown: Vec<RunId> = self.home.needs().iter().map(|need| need.run).collect();
        let view = self.screens.last().map(Screen::view);
        let shown: Vec<RunId> = shown
            .into_iter()
            .filter(|run| view.is_some_and(|view| view.reads(*run)))
            .collect();
        let need = self.home.next_need(|run| shown.contains(&run));
        let Some((reason, run)) = need.map(|need| (need.reason, need.run)) else {
            return self.say("nothing else needs you");
        };
        if !shown.is_empty() {
            self.leave();
        }
        match reason {
            NeedReason::LeftOver => self.open_left_over(Some(run)),
            _ => self.open(Destination::run(run)),
        }
    }

    /// Opens the dialog for queued runs without an owner, with `chosen` preselected.
    pub(super) fn open_left_over(&mut self, chosen: Option<RunId>) {
        let waiting = self.overview.as_ref().map_or(&[][..], |o| &o.left_over);
        let found = chosen.is_none_or(|run| waiting.iter().any(|w| w.run == run));
        if let Some(title) = left_over::describe(waiting, self.now).filter(|_| found) {
            let popup = Popup::left_over(title, waiting, chosen, self.facts.read_only);
            self.popups.push(popup);
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
        let title = format!("Problems {}", problems.len());
        self.open(Destination::read(&title, &text));
    }
}
