//! The list of settings. The manual's chapter is generated from it.

use super::value;
use crate::config::rule;

/// The variable that names another settings file.
pub const CONFIG_VARIABLE: &str = "OPSROOM_CONFIG";

/// One setting.
#[derive(Debug)]
pub struct Key {
    /// As written in `opsroom.toml`.
    pub name: &'static str,
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

    /// The value, unless it is wrong.
    ///
    /// # Errors
    /// A sentence about what to write.
    pub fn check(&self, text: &str) -> Result<String, String> {
        (self.check)(text)
    }
}

/// All settings, in the order of the manual.
pub const KEYS: &[Key] = &[
    Key {
        name: "store",
        values: "sqlite:PATH, sqlite::memory: or postgres://USER@HOST/DATABASE",
        default: "sqlite:$XDG_DATA_HOME/opsroom/opsroom.db",
        about: "where everything is kept; a relative path in the file is relative to the file",
        check: value::check_store,
    },
    Key {
        name: "workspace",
        values: "a workspace's name",
        default: "the only one there is",
        about: "which workspace to work in",
        check: rule::name,
    },
    Key {
        name: "actor",
        values: "a name",
        default: "$LOGNAME, else $USER, else operator",
        about: "who acts, as written to runs and to the audit log",
        check: rule::name,
    },
    Key {
        name: "read_only",
        values: "true or false",
        default: "false",
        about: "look, but change nothing",
        check: value::check_switch,
    },
    Key {
        name: "runbooks",
        values: "a folder",
        default: "$XDG_CONFIG_HOME/opsroom/runbooks",
        about: "your own runbooks; a relative path in the file is relative to the file",
        check: value::check_path,
    },
    Key {
        name: "pulse",
        values: "a duration of 10s to 24h, or off",
        default: "60s",
        about: "how often every service with a probe is probed",
        check: |text| value::pulse(text).map(|_| text.to_owned()),
    },
    Key {
        name: "lease",
        values: "a duration of 3s to 1h",
        default: "30s",
        about: "how long a run stays with an engine that says nothing",
        check: |text| value::lease(text).map(|_| text.to_owned()),
    },
    Key {
        name: "log_level",
        values: "error, warn, info, debug or trace",
        default: "info",
        about: "how much is written to the log file",
        check: |text| value::log_level(text).map(|_| text.to_owned()),
    },
    Key {
        name: "theme",
        values: "auto or mono",
        default: "auto",
        about: "colours of the console; mono uses none",
        check: |text| value::theme(text).map(|_| text.to_owned()),
    },
];
