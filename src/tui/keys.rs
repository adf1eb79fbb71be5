//! The keymap: maps keys to actions by context. Read from the embedded `keymap.toml` and the user's
//! sparse file. Help, hints and the manual use the same table.

pub mod action;
pub mod document;
pub mod file;
pub mod key;

use crossterm::event::KeyEvent;

pub use self::action::{Action, Table};
pub use self::key::Key;

/// The key context: decides which tables are active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// A list.
    List,
    /// A text to scroll.
    Reader,
    /// The services at home, or the score.
    Home,
    /// A log at home.
    Log,
    /// A list within a run.
    RunList,
    /// The log within a run.
    RunLog,
    /// The list of routines, or one of them.
    Routine,
    /// A form of several lines.
    Editor,
    /// A log on the whole screen, from the shell.
    File,
    /// A run's log on the whole screen of the console.
    WholeLog,
    /// The chart of a routine.
    Chart,
    /// Command bar, search prompt, text field of a dialog.
    Text,
    /// A dialog with buttons.
    Dialog,
}

impl Context {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::List,
        Self::Reader,
        Self::Home,
        Self::Log,
        Self::RunList,
        Self::RunLog,
        Self::Routine,
        Self::Editor,
        Self::File,
        Self::WholeLog,
        Self::Chart,
        Self::Text,
        Self::Dialog,
    ];

    /// Tables active at the same time: a key may be in only one of them.
    #[must_use]
    pub const fn tables(self) -> &'static [Table] {
        match self {
            Self::List => &[Table::Always, Table::Global, Table::Move, Table::List],
            Self::Reader => &[Table::Always, Table::Global, Table::Move, Table::Reader],
            Self::Home => &[
                Table::Always,
                Table::Global,
                Table::Move,
                Table::List,
                Table::Home,
            ],
            Self::Log => &[
                Table::Always,
                Table::Global,
                Table::Move,
                Table::Reader,
                Table::Log,
            ],
            Self::RunList => &[
                Table::Always,
                Table::Global,
                Table::Move,
                Table::List,
                Table::Run,
            ],
            Self::RunLog => &[
                Table::Always,
                Table::Global,
                Table::Move,
                Table::Reader,
                Table::Log,
                Table::Run,
            ],
            Self::File | Self::WholeLog => &[
                Table::Always,
                Table::Move,
                Table::Reader,
                Table::Log,
                Table::Viewer,
            ],
            Self::Routine => &[
                Table::Always,
                Table::Global,
                Table::Move,
                Table::Reader,
                Table::Routine,
            ],
            Self::Chart => &[Table::Always, Table::Chart],
            Self::Editor => &[Table::Always, Table::Editor, Table::Text],
            Self::Text => &[Table::Always, Table::Text],
            Self::Dialog => &[Table::Always, Table::Dialog],
        }
    }

    /// The table for keys that are in none of those above.
    #[must_use]
    pub const fn fallback(self) -> Option<Table> {
        match self {
            Self::Text | Self::Editor | Self::Dialog => Some(Table::Move),
            Self::Log | Self::RunLog => Some(Table::Viewer),
            Self::WholeLog | Self::Chart => Some(Table::Global),
            _ => None,
        }
    }

    /// Characters are text, not keys.
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Editor)
    }
}

/// An action and its keys, in the order of the file.
pub type Binding = (Action, Vec<Key>);

/// The merged keymap and the problems in its files.
#[derive(Debug, Clone, PartialEq)]
pub struct Keymap {
    bindings: Vec<Binding>,
    /// `keymap.toml:12: …`, for the problems list and `opsroom check`.
    pub problems: Vec<String>,
}

impl Keymap {
    /// The keymap that ships with opsroom.
    #[must_use]
    pub fn built_in() -> Self {
        let (bindings, problems) = file::merge(&[], "keymap.toml", file::BUILT_IN);
        Self { bindings, problems }
    }

    /// The built-in keymap merged with the user's file. A bad line is reported and ignored.
    #[must_use]
    pub fn with_user(name: &str, text: &str) -> Self {
        let (bindings, problems) = file::merge(&Self::built_in().bindings, name, text);
        Self { bindings, problems }
    }

    /// The action of a key in a context.
    #[must_use]
    pub fn action(&self, context: Context, event: &KeyEvent) -> Option<Action> {
        let key = Key::of(event);
        let within = |tables: &[Table]| {
            let live =
                |(action, keys): &&Binding| tables.contains(&action.table()) && keys.contains(&key);
            self.bindings.iter().find(live).map(|(action, _)| *action)
        };
        within(context.tables()).or_else(|| context.fallback().and_then(|t| within(&[t])))
    }

    /// The keys of an action; the first is the one to show.
    #[must_use]
    pub fn keys(&self, action: Action) -> &[Key] {
        self.bindings
            .iter()
            .find(|(a, _)| *a == action)
            .map_or(&[], |(_, keys)| keys)
    }

    /// An action's first key, for display.
    #[must_use]
    pub fn name(&self, action: Action) -> String {
        self.keys(action)
            .first()
            .map_or_else(|| "(no key)".to_owned(), ToString::to_string)
    }

    /// The active bindings of a context, in the order of the file: its tables, then the fallback.
    #[must_use]
    pub fn live(&self, context: Context) -> Vec<(Action, Vec<Key>)> {
        let of = |table: Table| {
            self.bindings
                .iter()
                .filter(move |(a, keys)| a.table() == table && !keys.is_empty())
        };
        let mut live: Vec<Binding> = context
            .tables()
            .iter()
            .rev()
            .flat_map(|t| of(*t))
            .cloned()
            .collect();
        let taken: Vec<Key> = live.iter().flat_map(|(_, keys)| keys.clone()).collect();
        for (action, keys) in context.fallback().into_iter().flat_map(of) {
            let typed = |k: &Key| context.is_text() && k.printable().is_some();
            let free = |k: &&Key| !taken.contains(k) && !typed(k);
            let keys: Vec<Key> = keys.iter().filter(free).copied().collect();
            if !keys.is_empty() {
                live.push((*action, keys));
            }
        }
        live
    }

    /// All bindings in the file's order.
    #[must_use]
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_keymap_is_whole_and_clean() {
        let map = Keymap::built_in();
        assert_eq!(map.problems, Vec::<String>::new());
        for (action, _, name, _) in Action::ALL {
            assert!(!map.keys(*action).is_empty(), "{name} has no key");
        }
        for (action, keys) in map.bindings() {
            for key in keys {
                assert!(
                    !matches!(key.to_string().as_str(), "[" | "O"),
                    "{}",
                    action.name()
                );
            }
        }
    }

    #[test]
    fn the_same_key_means_different_things_in_different_places() {
        let map = Keymap::built_in();
        let press = |context: Context, text: &str| {
            let key = Key::parse(text).expect("a key");
            map.live(context)
                .into_iter()
                .find(|(_, keys)| keys.contains(&key))
                .map(|(action, _)| action)
        };
        assert_eq!(press(Context::Log, "w"), Some(Action::NextWarning));
        assert_eq!(press(Context::List, "w"), None);
        assert_eq!(press(Context::Dialog, "Enter"), Some(Action::Press));
        assert_eq!(press(Context::List, "Enter"), Some(Action::Open));
        assert_eq!(
            press(Context::List, "x"),
            None,
            "cancelling lives in the run view only"
        );
        assert_eq!(
            press(Context::Text, "PgUp"),
            Some(Action::PageUp),
            "the fallback"
        );
        assert_eq!(
            press(Context::Text, "Up"),
            Some(Action::Older),
            "before the fallback"
        );
        assert_eq!(press(Context::Text, "j"), None, "typed");
    }
}
