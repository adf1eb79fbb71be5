//! The open views and popups: opens them by destination and hands them messages. Which there are,
//! `pane.rs` and `popup.rs` know.

use super::App;
use crate::tui::home::{Home, Pane};
use crate::tui::msg::{Effect, Msg};
use crate::tui::pane::{Cover, Delivery, Destination, Opening, Reaction, Screen, View};
use crate::tui::view::layout;

/// Maximum number of open views; beyond that the oldest is closed.
const MAX_VIEWS: usize = 20;
/// Maximum number of views to return to.
const MAX_LEFT: usize = 10;

impl App {
    /// The view on screen.
    #[must_use]
    pub fn top_view(&self) -> &dyn View {
        match self.screens.last() {
            Some(screen) => screen.view(),
            None => &self.home,
        }
    }

    /// Opens a view on top of the current one, unless that goes to the destination itself.
    pub(super) fn open(&mut self, destination: Destination) {
        if top_view_mut(&mut self.home, &mut self.screens).go_to(&destination) {
            return;
        }
        self.home.look_at(&destination, self.now);
        let opening = Opening {
            ticket: self.ticket(),
            facts: &self.facts,
            body: layout::parts(self.size).body,
        };
        let screen = Screen::open(destination, &opening);
        self.left.clear();
        self.push_view(screen);
    }

    fn push_view(&mut self, screen: Screen) {
        self.went_back = false;
        if self.screens.len() >= MAX_VIEWS {
            self.screens.remove(0);
        }
        self.screens.push(screen);
    }

    /// Leaves the view on screen; false at home.
    pub(super) fn leave(&mut self) -> bool {
        let Some(screen) = self.screens.pop() else {
            return false;
        };
        if self.left.len() >= MAX_LEFT {
            self.left.remove(0);
        }
        self.left.push(screen);
        self.went_back = true;
        true
    }

    /// Closes the view on screen for good.
    pub(super) fn drop_view(&mut self) {
        self.screens.pop();
    }

    /// Closes all views.
    pub(super) fn go_home(&mut self, pane: Pane) {
        while self.leave() {}
        self.home.show(pane);
    }

    pub(super) fn go_back(&mut self) {
        if !self.leave() {
            self.say("this is the first view");
        }
    }

    pub(super) fn go_forth(&mut self) {
        let Some(mut screen) = self.left.pop() else {
            return self.say("there is no view to return to");
        };
        // Its data is as old as the moment it was left.
        screen.view_mut().invalidate();
        self.push_view(screen);
    }

    /// Between this view and the last one.
    pub(super) fn go_last(&mut self) {
        if self.went_back {
            self.go_forth();
        } else {
            self.go_back();
        }
    }

    /// Hands a message to all views; the reaction of the one on screen counts.
    pub(super) fn views_receive(&mut self, msg: &Msg) -> Reaction {
        let delivery = Delivery {
            cover: match (self.popups.last(), &self.bar) {
                (Some(_), _) => Cover::Popup,
                (None, Some(_)) => Cover::Bar,
                (None, None) => Cover::Nothing,
            },
            logs: &self.logs,
            now: self.now,
        };
        // A view that was left takes the answers to what it had requested, and opens nothing.
        let away = Delivery {
            cover: Cover::Popup,
            ..delivery
        };
        for screen in &mut self.left {
            screen.view_mut().receive(msg, away);
        }
        let mut reaction = self.home.receive(msg, delivery);
        for screen in &mut self.screens {
            reaction = screen.view_mut().receive(msg, delivery);
        }
        reaction
    }

    /// Hands a message to all popups; true if one of them has taken it.
    pub(super) fn popups_receive(&mut self, msg: &Msg) -> (bool, Vec<Effect>) {
        let (mut taken, mut effects) = (false, Vec::new());
        // From the top, because a popup may close.
        for at in (0..self.popups.len()).rev() {
            if let Some(outcome) = self.popups[at].dialog_mut().receive(msg) {
                taken = true;
                effects.extend(self.conclude(at, outcome));
            }
        }
        (taken, effects)
    }
}

/// The view on screen, borrowed separately from the rest of the model.
pub(super) fn top_view_mut<'a>(home: &'a mut Home, screens: &'a mut [Screen]) -> &'a mut dyn View {
    match screens.last_mut() {
        Some(screen) => screen.view_mut(),
        None => home,
    }
}
