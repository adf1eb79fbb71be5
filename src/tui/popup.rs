//! Popups over the view, one file each. A new one needs a file and a line in `popups!`.

pub mod answer;
pub mod card;
pub mod confirm;
pub mod control;
pub mod help;
pub mod left_over;

use self::answer::AnswerForm;
use self::card::Card;
use self::confirm::Confirm;
use self::control::Control;
use self::help::Help;
use self::left_over::LeftOvers;
use super::facts::Facts;
use super::keys::{Action, Context, Keymap};
use super::msg::{Effect, LeftOver, Msg, PlanCard, Ticket};
use super::view::canvas::Canvas;
use crate::core::command::Parsed;
use crate::core::run::RunId;

/// Declares the popups: the enum of all of them, and the access to them as [`Dialog`].
macro_rules! popups {
    ($($name:ident($dialog:ty)),+ $(,)?) => {
        /// A popup over the view; it has keyboard focus.
        #[derive(Debug, Clone)]
        pub enum Popup {
            $($name(Box<$dialog>),)+
        }

        impl Popup {
            /// The popup as a trait object.
            #[must_use]
            pub fn dialog(&self) -> &dyn Dialog {
                match self {
                    $(Self::$name(dialog) => &**dialog,)+
                }
            }

            /// The same, mutable.
            pub fn dialog_mut(&mut self) -> &mut dyn Dialog {
                match self {
                    $(Self::$name(dialog) => &mut **dialog,)+
                }
            }
        }

        $(impl From<$dialog> for Popup {
            fn from(dialog: $dialog) -> Self {
                Self::$name(Box::new(dialog))
            }
        })+
    };
}

popups! {
    Card(Card),
    Confirm(Confirm),
    Answer(AnswerForm),
    Control(Control),
    LeftOver(LeftOvers),
    Help(Help),
}

/// The popups that the console itself opens.
impl Popup {
    /// The keys of a context.
    #[must_use]
    pub fn help(context: Context) -> Self {
        Help::new(context).into()
    }

    /// Asks whether to quit while runs are active.
    #[must_use]
    pub fn quit(live: usize) -> Self {
        Confirm::quit(live).into()
    }

    /// The card of a plan.
    #[must_use]
    pub fn plan(card: PlanCard, parsed: Box<Parsed>, raw_text: String, read_only: bool) -> Self {
        Card::new(card, parsed, raw_text, read_only).into()
    }

    /// The queued runs without an owner, with `chosen` preselected.
    #[must_use]
    pub fn left_over(
        title: String,
        runs: &[LeftOver],
        chosen: Option<RunId>,
        read_only: bool,
    ) -> Self {
        LeftOvers::new(title, runs, chosen, read_only).into()
    }
}

/// A popup, with default behaviour. It sends its own requests and receives its own answers.
pub trait Dialog {
    /// Which keys are live.
    fn context(&self) -> Context {
        Context::Dialog
    }

    /// Performs an action. `ticket` is for a request it may make.
    fn act(&mut self, action: Action, keys: &Keymap, ticket: Ticket) -> Outcome;

    /// A typed character.
    fn insert(&mut self, _text: &str) {}

    /// Inserts a paste; returns why it was refused.
    fn paste(&mut self, _text: &str) -> Option<String> {
        Some("a paste does nothing here".to_owned())
    }

    /// Takes the answer to its request; `None` if the message is not for it.
    fn receive(&mut self, _msg: &Msg) -> Option<Outcome> {
        None
    }

    /// It lists the keys.
    fn is_help(&self) -> bool {
        false
    }

    /// Paints it over the screen.
    fn draw(&self, facts: &Facts, keys: &Keymap, canvas: &mut Canvas<'_>);
}

/// The result of a key, or of an answer.
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
    /// Close, open this popup instead, and perform its effect.
    Open(Popup, Box<Effect>),
    /// Close, and perform this action.
    Run(Action),
}
