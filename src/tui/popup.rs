//! Popups over the view, one file each. A new one needs a file, a variant and a line per `match`.

pub mod answer;
pub mod card;
pub mod confirm;
pub mod control;
pub mod help;
pub mod left_over;

use self::answer::AnswerForm;
use self::card::Card;
use self::confirm::{Confirm, Then};
use self::control::Control;
use self::help::Help;
use self::left_over::LeftOvers;
use super::facts::Facts;
use super::keys::{Action, Context, Keymap};
use super::msg::{Effect, Ticket};
use super::view::canvas::Canvas;

/// A popup over the view; it has keyboard focus.
#[derive(Debug, Clone)]
pub enum Popup {
    Card(Box<Card>),
    Confirm(Confirm),
    Answer(Box<AnswerForm>),
    Control(Box<Control>),
    LeftOver(Box<LeftOvers>),
    Help(Box<Help>),
}

/// The result of a key.
#[derive(Debug, Clone)]
pub enum Outcome {
    Stay,
    Close,
    /// Close, and show this message.
    Message(String),
    /// Stay, and perform this effect.
    Ask(Effect),
    /// Close, and perform this effect.
    Finish(Effect),
    /// Close, and do the confirmed action.
    Confirmed(Then),
    /// Close, open this popup instead, and perform its effect.
    Open(Box<Popup>, Box<Effect>),
    /// Close, and perform this action.
    Run(Action),
}

impl Popup {
    /// Which keys are live.
    #[must_use]
    pub const fn context(&self) -> Context {
        match self {
            Self::Card(p) => p.context(),
            Self::Confirm(_) => Context::Dialog,
            Self::Answer(p) => p.context(),
            Self::Control(p) => p.context(),
            Self::LeftOver(p) => p.context(),
            Self::Help(_) => Context::Text,
        }
    }

    /// Performs an action. `ticket` is for a request it may make.
    pub fn act(&mut self, action: Action, keys: &Keymap, ticket: Ticket) -> Outcome {
        match self {
            Self::Card(p) => p.act(action, ticket),
            Self::Confirm(p) => p.act(action),
            Self::Answer(p) => p.act(action),
            Self::Control(p) => p.act(action, ticket),
            Self::LeftOver(p) => p.act(action),
            Self::Help(p) => p.act(action, keys),
        }
    }

    /// A typed character.
    pub fn insert(&mut self, text: &str) {
        match self {
            Self::Card(p) => p.insert(text),
            Self::Confirm(_) => {}
            Self::Answer(p) => p.insert(text),
            Self::Control(p) => p.insert(text),
            Self::LeftOver(p) => p.insert(text),
            Self::Help(p) => p.insert(text),
        }
    }

    /// Inserts a paste; returns why it was refused.
    pub fn paste(&mut self, text: &str) -> Option<String> {
        match self {
            Self::Card(p) => return p.paste(text),
            Self::Confirm(_) | Self::LeftOver(_) => {
                return Some("a paste does nothing here".to_owned());
            }
            Self::Answer(p) => p.insert(text),
            Self::Control(p) => p.insert(text),
            Self::Help(p) => p.insert(text),
        }
        None
    }

    /// Paints it over the screen.
    pub fn draw(&self, facts: &Facts, keys: &Keymap, canvas: &mut Canvas<'_>) {
        match self {
            Self::Card(p) => p.draw(facts, canvas),
            Self::Confirm(p) => p.draw(canvas),
            Self::Answer(p) => p.draw(canvas),
            Self::Control(p) => p.draw(canvas),
            Self::LeftOver(p) => p.draw(canvas),
            Self::Help(p) => p.draw(keys, canvas),
        }
    }
}
