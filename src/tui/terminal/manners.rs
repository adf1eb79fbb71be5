//! What the console does with a terminal beside painting: its title, notifications to a person who is
//! elsewhere, and whether there are links. All texts are made harmless here.

use super::ascii;
use super::clipboard::Between;
use crate::config::settings::{ConsoleSettings, Links, Notify};
use crate::core::base::text;

/// What the settings and the terminal allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Manners {
    /// The title may be set.
    pub title: bool,
    pub notification: Notification,
    /// Addresses are written as links.
    pub links: bool,
    /// Texts are in ASCII: in another locale than UTF-8, bytes of others may be control characters.
    pub ascii: bool,
}

/// How to notify a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Notification {
    #[default]
    Off,
    Bell,
    /// A desktop notification in the form of iTerm2.
    Osc9,
    /// The same in the form of rxvt.
    Osc777,
}

/// Longest title, and longest text of a notification, in columns.
const LONGEST: usize = 120;

/// Saves the title, and restores it (a stack that most terminals have).
pub const SAVE_TITLE: &str = "\x1b[22;0t";
/// See [`SAVE_TITLE`].
pub const RESTORE_TITLE: &str = "\x1b[23;0t";

impl Manners {
    /// By the settings and the environment.
    #[must_use]
    pub fn new(console: ConsoleSettings, env: &dyn Fn(&str) -> Option<String>) -> Self {
        let term = env("TERM").unwrap_or_default();
        let bare = term.is_empty() || term == "linux" || term == "dumb" || term.starts_with("vt");
        let notification = match console.notify {
            Notify::Off => Notification::Off,
            Notify::Desktop if !bare && term.starts_with("rxvt") => Notification::Osc777,
            Notify::Desktop if !bare && env("VTE_VERSION").is_some() => Notification::Osc777,
            Notify::Desktop if !bare => Notification::Osc9,
            Notify::Bell | Notify::Desktop => Notification::Bell,
        };
        Self {
            ascii: ascii::is_wanted(env),
            title: console.title && !bare,
            notification,
            links: match console.links {
                Links::On => true,
                Links::Off => false,
                Links::Auto => !bare && has_links(&term, env),
            },
        }
    }

    /// The sequence that notifies a person; empty if that is off.
    #[must_use]
    pub fn notify(self, text: &str, between: Between) -> String {
        let text = self.plain(text).replace(';', ",");
        match self.notification {
            Notification::Off => String::new(),
            // A multiplexer passes a bell on by itself.
            Notification::Bell => "\x07".to_owned(),
            Notification::Osc9 => between.pass(&format!("\x1b]9;{text}\x07")),
            Notification::Osc777 => between.pass(&format!("\x1b]777;notify;opsroom;{text}\x07")),
        }
    }

    /// The sequence that sets the title.
    #[must_use]
    pub fn title(self, text: &str) -> String {
        format!("\x1b]2;{}\x1b\\", self.plain(text))
    }

    /// One line of text without control characters, which would end the sequence it is in.
    fn plain(self, text: &str) -> String {
        text::cut(&text::show(text), LONGEST)
            .chars()
            .filter(|c| !c.is_control())
            .map(|c| if self.ascii && !c.is_ascii() { '?' } else { c })
            .collect()
    }
}

/// Terminals that are known to support links: by what they set themselves, or by `TERM`, the only
/// one of these that gets through SSH.
fn has_links(term: &str, env: &dyn Fn(&str) -> Option<String>) -> bool {
    let number = |name: &str| env(name).and_then(|value| value.parse::<u32>().ok());
    let program = env("TERM_PROGRAM").unwrap_or_default();
    if program == "tmux" {
        let version = env("TERM_PROGRAM_VERSION").unwrap_or_default();
        return version_of(&version) >= (3, 4);
    }
    // Another multiplexer, or tmux on the other side of SSH.
    if term.starts_with("screen") || term.starts_with("tmux") {
        return false;
    }
    let programs = ["iTerm.app", "WezTerm", "vscode", "ghostty", "rio"];
    let terms = [
        "xterm-kitty",
        "xterm-ghostty",
        "foot",
        "alacritty",
        "wezterm",
        "contour",
    ];
    programs.contains(&program.as_str())
        || terms.iter().any(|known| term.starts_with(known))
        || number("VTE_VERSION").is_some_and(|version| version >= 5000)
        || number("KONSOLE_VERSION").is_some()
        || env("WT_SESSION").is_some()
}

/// `3.4a` is (3, 4).
fn version_of(text: &str) -> (u32, u32) {
    let mut numbers = text.split('.').map(|part| {
        part.trim_matches(|c: char| !c.is_ascii_digit())
            .parse()
            .unwrap_or(0)
    });
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn manners(console: ConsoleSettings, variables: &[(&str, &str)]) -> Manners {
        Manners::new(console, &|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn terminals_that_cannot_do_it_are_left_alone() {
        let all = ConsoleSettings {
            notify: Notify::Desktop,
            title: true,
            ..ConsoleSettings::default()
        };
        for (variables, title, notification, links) in [
            (&[("TERM", "linux")][..], false, Notification::Bell, false),
            (&[("TERM", "vt100")], false, Notification::Bell, false),
            (&[("TERM", "dumb")], false, Notification::Bell, false),
            (&[], false, Notification::Bell, false),
            (
                &[("TERM", "xterm-256color")],
                true,
                Notification::Osc9,
                false,
            ),
            (
                &[("TERM", "rxvt-unicode")],
                true,
                Notification::Osc777,
                false,
            ),
            (&[("TERM", "xterm-kitty")], true, Notification::Osc9, true),
            (
                &[("TERM", "xterm-256color"), ("VTE_VERSION", "7200")],
                true,
                Notification::Osc777,
                true,
            ),
            (
                &[("TERM", "xterm-256color"), ("TERM_PROGRAM", "WezTerm")],
                true,
                Notification::Osc9,
                true,
            ),
            (
                &[
                    ("TERM", "tmux-256color"),
                    ("TERM_PROGRAM", "tmux"),
                    ("TERM_PROGRAM_VERSION", "3.3a"),
                    ("WT_SESSION", "x"),
                ],
                true,
                Notification::Osc9,
                false,
            ),
            (
                &[
                    ("TERM", "tmux-256color"),
                    ("TERM_PROGRAM", "tmux"),
                    ("TERM_PROGRAM_VERSION", "3.5a"),
                ],
                true,
                Notification::Osc9,
                true,
            ),
        ] {
            let wanted = Manners {
                title,
                notification,
                links,
                ascii: false,
            };
            assert_eq!(manners(all, variables), wanted, "{variables:?}");
        }
        let none = ConsoleSettings {
            links: Links::Off,
            ..ConsoleSettings::default()
        };
        assert_eq!(
            manners(none, &[("TERM", "xterm-kitty")]),
            Manners::default()
        );
    }

    #[test]
    fn notifications_are_wrapped_for_multiplexers() {
        let by = |notification| Manners {
            notification,
            ..Manners::default()
        };
        let text = "run #41 failed; look";
        for (by_what, between, bytes) in [
            (Notification::Off, Between::Nothing, ""),
            (Notification::Bell, Between::Tmux, "\x07"),
            (
                Notification::Osc9,
                Between::Nothing,
                "\x1b]9;run #41 failed, look\x07",
            ),
            (
                Notification::Osc9,
                Between::Tmux,
                "\x1bPtmux;\x1b\x1b]9;run #41 failed, look\x07\x1b\\",
            ),
            (
                Notification::Osc777,
                Between::Screen,
                "\x1bP\x1b]777;notify;opsroom;run #41 failed, look\x07\x1b\\",
            ),
        ] {
            assert_eq!(by(by_what).notify(text, between), bytes);
        }
    }

    proptest! {
        /// Whatever a title holds, it cannot end its sequence or begin another.
        #[test]
        fn no_text_leaves_its_sequence(text in any::<String>(), ascii: bool) {
            let inner = |whole: &str, open: &str, close: &str| {
                let inner = whole.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
                inner.map(str::to_owned)
            };
            let manners = Manners { notification: Notification::Osc777, ascii, ..Manners::default() };
            let shown = inner(&manners.title(&text), "\x1b]2;", "\x1b\\").unwrap();
            prop_assert!(!shown.chars().any(char::is_control));
            prop_assert!(!ascii || shown.is_ascii());
            let sent = manners.notify(&text, Between::Nothing);
            let sent = inner(&sent, "\x1b]777;notify;opsroom;", "\x07").unwrap();
            prop_assert!(!sent.chars().any(|c| c.is_control() || c == ';'));
        }
    }
}
