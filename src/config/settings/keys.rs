//! The list of settings. The manual's chapter is generated from it.

use super::paths::Paths;
use super::value;
use crate::config::rule;

/// The variable that names another settings file.
pub const CONFIG_VARIABLE: &str = "OPSROOM_CONFIG";

/// One setting.
#[derive(Debug)]
pub struct Key {
    /// As written in `opsroom.toml`.
    pub name: &'static str,
    /// The table it is in; empty: none.
    pub table: &'static str,
    /// Allowed values, for people.
    pub values: &'static str,
    /// The default, for people.
    pub default: &'static str,
    /// One line for the manual.
    pub about: &'static str,
    check: fn(&str) -> Result<String, String>,
}

impl Key {
    /// The variable that sets it: `OPSROOM_LOG_LEVEL`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("OPSROOM_{}", self.name.to_ascii_uppercase())
    }

    /// The flag that sets it: `--log-level`.
    #[must_use]
    pub fn flag(&self) -> String {
        format!("--{}", self.name.replace('_', "-"))
    }

    /// Written as `true` or `false`, without quotes.
    #[must_use]
    pub fn is_switch(&self) -> bool {
        self.values == SWITCH
    }

    /// The value, unless it is wrong.
    ///
    /// # Errors
    /// A sentence about what to write.
    pub fn check(&self, text: &str) -> Result<String, String> {
        (self.check)(text)
    }

    /// The value when none is set.
    pub(super) fn default_value(&self, paths: &Paths) -> String {
        match self.name {
            "store" => format!("sqlite:{}", paths.data.join("opsroom.db").display()),
            "runbooks" => paths.config.join("runbooks").display().to_string(),
            "workspace" => String::new(),
            "actor" => "operator".to_owned(),
            _ => self.default.to_owned(),
        }
    }
}

/// The table of what concerns the console only.
const CONSOLE: &str = "console";
const SWITCH: &str = "true or false";

/// All settings, in the order of the manual.
pub const KEYS: &[Key] = &[
    Key {
        name: "store",
        table: "",
        values: "sqlite:PATH, sqlite::memory: or postgres://USER@HOST/DATABASE",
        default: "sqlite:$XDG_DATA_HOME/opsroom/opsroom.db",
        about: "where everything is kept; a relative path in the file is relative to the file",
        check: value::check_store,
    },
    Key {
        name: "workspace",
        table: "",
        values: "a workspace's name",
        default: "the only one there is",
        about: "which workspace to work in",
        check: rule::name,
    },
    Key {
        name: "actor",
        table: "",
        values: "a name",
        default: "$LOGNAME, else $USER, else operator",
        about: "who acts, as written to runs and to the audit log",
        check: rule::name,
    },
    Key {
        name: "read_only",
        table: "",
        values: SWITCH,
        default: "false",
        about: "look, but change nothing",
        check: value::check_switch,
    },
    Key {
        name: "runbooks",
        table: "",
        values: "a folder",
        default: "$XDG_CONFIG_HOME/opsroom/runbooks",
        about: "your own runbooks; a relative path in the file is relative to the file",
        check: value::check_path,
    },
    Key {
        name: "pulse",
        table: "",
        values: "a duration of 10s to 24h, or off",
        default: "60s",
        about: "how often every service with a probe is probed",
        check: |text| value::pulse(text).map(|_| text.to_owned()),
    },
    Key {
        name: "lease",
        table: "",
        values: "a duration of 3s to 1h",
        default: "30s",
        about: "how long a run stays with an engine that says nothing",
        check: |text| value::lease(text).map(|_| text.to_owned()),
    },
    Key {
        name: "log_level",
        table: "",
        values: "error, warn, info, debug or trace",
        default: "info",
        about: "how much is written to the log file",
        check: |text| value::log_level(text).map(|_| text.to_owned()),
    },
    Key {
        name: "theme",
        table: CONSOLE,
        values: "auto, dark, light, mono or the name of a file in the folder themes",
        default: "auto",
        about: "colours; auto uses those of the terminal, mono none",
        check: value::check_theme,
    },
    Key {
        name: "notify",
        table: CONSOLE,
        values: "off, bell or desktop",
        default: "off",
        about: "while the terminal has no focus: what to do when a run ends or needs you",
        check: |text| value::notify(text).map(|_| text.to_owned()),
    },
    Key {
        name: "title",
        table: CONSOLE,
        values: SWITCH,
        default: "true",
        about: "the title of the terminal says how many services fail and runs go on",
        check: value::check_switch,
    },
    Key {
        name: "links",
        table: CONSOLE,
        values: "auto, on or off",
        default: "auto",
        about: "addresses on screen can be clicked (OSC 8); auto: on terminals known to support it",
        check: |text| value::links(text).map(|_| text.to_owned()),
    },
    Key {
        name: "mouse",
        table: CONSOLE,
        values: SWITCH,
        default: "false",
        about: "wheel and clicks from the start; F8 turns them on and off",
        check: value::check_switch,
    },
];
