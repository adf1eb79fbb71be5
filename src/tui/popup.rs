//! What lies over the view and takes the keyboard, one file each. A new one is a file, a variant and a line per `match`.

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
use super::app::App;
use super::keys::{Action, Context, Keymap};
use super::msg::{Effect, Ticket};
use super::view::canvas::Canvas;

/// Something over the view.
#[derive(Debug, Clone)]
pub enum Popup {
    Card(Box<Card>),
    Confirm(Confirm),
    Answer(Box<AnswerForm>),
    Control(Box<Control>),
    LeftOver(Box<LeftOvers>),
    Help(Box<Help>),
}

/// What came of a key.
#[derive(Debug, Clone)]
pub enum Outcome {
    Stay,
    Close,
    /// Close, and say this.
    Said(String),
    /// Stay, and ask this of the world.
    Ask(Effect),
    /// Close, and ask this of the world.
    Finish(Effect),
    /// Close, and do what was confirmed.
    Confirmed(Then),
    /// Close, open this instead, and ask what it has to know.
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

    /// Performs an action. `ticket` numbers a question it may ask.
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

    /// A paste; the answer says why it was refused.
    pub fn paste(&mut self, text: &str) -> Option<String> {
        match self {
            Self::Card(p) => return p.paste(text),
            Self::Confirm(_) | Self::LeftOver(_) => return Some("a paste does nothing here".to_owned()),
            Self::Answer(p) => p.insert(text),
            Self::Control(p) => p.insert(text),
            Self::Help(p) => p.insert(text),
        }
        None
    }

    /// Paints it over the screen.
    pub fn draw(&self, app: &App, canvas: &mut Canvas<'_>) {
        match self {
            Self::Card(p) => p.draw(app, canvas),
            Self::Confirm(p) => p.draw(canvas),
            Self::Answer(p) => p.draw(canvas),
            Self::Control(p) => p.draw(canvas),
            Self::LeftOver(p) => p.draw(canvas),
            Self::Help(p) => p.draw(&app.keys, canvas),
        }
    }
}
