//! Popups over the view, one file each. A new one needs a file and a line in `popups!`.

pub mod answer;
pub mod card;
pub mod confirm;
pub mod control;
pub mod find;
pub mod help;
pub mod left_over;
pub mod menu;

use self::answer::AnswerForm;
use self::card::Card;
use self::confirm::Confirm;
use self::control::Control;
use self::find::Find;
pub use self::find::{FindKind, FindSources};
use self::help::Help;
use self::left_over::LeftOvers;
use self::menu::{Menu, MenuChoice, MenuEntry};
use super::destination::Destination;
use super::facts::Facts;
use super::keys::{Action, Context, Keymap};
use super::msg::{Effect, LeftOver, Msg, PlanCard, Ticket};
use super::view::canvas::Canvas;
use crate::core::command::Parsed;
use crate::core::run::RunId;
use crate::core::run::lockout::Lockout;

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
    Menu(Menu),
    Find(Find),
}

/// The popups that the console itself opens.
impl Popup {
    /// The keys of a context.
    #[must_use]
    pub fn help(context: Context) -> Self {
        Help::new(context).into()
    }

    /// The orders of the list on screen; the one at `current` is selected.
    #[must_use]
    pub fn orders(orders: &[(char, &'static str)], current: usize) -> Self {
        let entry = |(i, (key, about)): (usize, &(char, &'static str))| {
            let note = if i == current {
                "now; again: reversed"
            } else {
                ""
            };
            MenuEntry::new(*key, *about, MenuChoice::Order(i)).noted(note)
        };
        let entries = orders.iter().enumerate().map(entry).collect();
        Menu::new("Order", entries).at(current).into()
    }

    /// The kinds of things to find.
    #[must_use]
    pub fn go_to() -> Self {
        let entry =
            |kind: FindKind| MenuEntry::new(kind.key(), kind.name(), MenuChoice::Find(kind));
        Menu::new("Find", FindKind::ALL.map(entry).to_vec()).into()
    }

    /// The search among things of one kind.
    #[must_use]
    pub fn find(kind: FindKind, sources: FindSources<'_>) -> Self {
        Find::new(kind, sources).into()
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

    /// A typed character that is a key here; `None`: it is text, or nothing.
    fn press(&mut self, _text: &str) -> Option<Outcome> {
        None
    }

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

    /// Takes the locks of people that hold now.
    fn set_locks(&mut self, _locks: &[Lockout]) {}

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
    /// Close, and open this popup instead.
    Replace(Popup),
    /// Close, and go there.
    Go(Destination),
    /// Close, and accept this command as if it had been typed.
    Command(String),
    /// Close, and put this text into the command bar.
    Type(String),
    /// Close, and search among things of this kind.
    Find(FindKind),
    /// Close, and show the list on screen in this order.
    Order(usize),
}
