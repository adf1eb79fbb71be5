//! Keys, pastes and text that came at once: actions, or text for the line that has keyboard focus.

use crossterm::event::{KeyEvent, KeyEventKind};

use super::bar::BarContext;
use super::views::top_view_mut;
use super::{App, scene};
use crate::tui::burst;
use crate::tui::keys::{Action, Context, Key};
use crate::tui::msg::Effect;
use crate::tui::view::layout;

impl App {
    pub(super) fn key(&mut self, key: &KeyEvent) -> Vec<Effect> {
        if key.kind == KeyEventKind::Release {
            return Vec::new();
        }
        if layout::is_too_small(self.size) {
            // On a screen that is too small only quitting works, and only if it needs no
            // confirmation.
            let quit = self.keys.action(Context::List, key) == Some(Action::Quit);
            return if quit && self.live() == 0 {
                vec![Effect::Quit]
            } else {
                Vec::new()
            };
        }
        let context = self.context();
        if let Some(c) = Key::of(key).printable().filter(|_| context.is_text()) {
            return self.type_char(c.encode_utf8(&mut [0; 4]));
        }
        self.keys
            .action(context, key)
            .map_or_else(Vec::new, |action| self.act(action))
    }

    /// A character: a key of the menu on top, or text.
    fn type_char(&mut self, text: &str) -> Vec<Effect> {
        let top = self.popups.last_mut();
        if let Some(outcome) = top.and_then(|popup| popup.dialog_mut().press(text)) {
            return self.conclude(self.popups.len() - 1, outcome);
        }
        self.insert(text);
        Vec::new()
    }

    /// A paste is text: it goes into a text field or is refused with a message. It never runs
    /// anything.
    pub(super) fn paste(&mut self, text: &str) -> Vec<Effect> {
        if layout::is_too_small(self.size) {
            return Vec::new();
        }
        if let Some(popup) = self.popups.last_mut() {
            if let Some(why) = popup.dialog_mut().paste(text) {
                self.say(why);
            }
        } else if self.context().is_text() {
            self.insert(text);
        } else {
            self.say(format!(
                "a paste does nothing here; {} opens the command line",
                self.key_name(Action::Command)
            ));
        }
        Vec::new()
    }

    /// Unbracketed text that came at once, maybe a line typed during a network stall. It opens the
    /// line it begins with (`:` or `/`, by the keymap) and is text there. Enter in it does nothing.
    pub(super) fn burst(&mut self, text: &str) -> Vec<Effect> {
        if layout::is_too_small(self.size) {
            return Vec::new();
        }
        if !self.popups.is_empty() || self.context().is_text() {
            let effects = self.paste(text);
            let several = self.context() == Context::Editor;
            if burst::holds_enter(text) && self.popups.is_empty() && !several {
                self.note(burst::ENTER_NOT_TAKEN);
            }
            return effects;
        }
        let opened = burst::opener(text, &self.keys, self.context());
        let effects = opened.map_or_else(Vec::new, |(action, _)| self.act(action));
        match opened.filter(|_| self.context().is_text()) {
            Some((_, line)) => {
                self.insert(line);
                if burst::holds_enter(text) {
                    self.note(burst::ENTER_NOT_TAKEN);
                }
            }
            None => self.say(burst::ignored(
                text,
                &self.key_name(Action::Command),
                "opens the command line",
            )),
        }
        effects
    }

    /// Shows a message where it is visible while a line is typed.
    fn note(&mut self, text: &str) {
        match &mut self.bar {
            Some(bar) => bar.message = Some(text.to_owned()),
            None => self.say(text),
        }
    }

    fn insert(&mut self, text: &str) {
        let world = BarContext::of(
            self.catalogue.as_ref(),
            self.overview.as_ref(),
            &self.history,
        );
        let under = !self.popups.is_empty() || self.bar.is_some();
        if let Some(run) = self
            .log_in_focus()
            .filter(|run| !under && self.logs.is_covered(*run))
        {
            return self.logs.insert(run, text);
        }
        match (self.popups.last_mut(), &mut self.bar) {
            (Some(popup), _) => popup.dialog_mut().insert(text),
            (None, Some(bar)) => bar.insert(text, world),
            (None, None) => {
                let scene = scene(self.overview.as_ref(), self.now, self.size);
                top_view_mut(&mut self.home, &mut self.screens).insert(text, scene);
            }
        }
    }
}
