//! Checks and conversions of the values of settings.

use std::path::{Path, PathBuf};

use crate::config::palette::{self, ThemeChoice};
use crate::config::rule;
use crate::config::rule::schedule::within;
use crate::core::base::problem::Problem;
use crate::core::base::suggest::nearest;
use crate::core::base::toml_doc::quoted;
use crate::core::words;

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;

words! {
    /// How much is logged.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub enum LogLevel {
        Error = "error",
        Warn = "warn",
        #[default]
        Info = "info",
        Debug = "debug",
        Trace = "trace",
    }
}

words! {
    /// How to call a person whose terminal has no focus.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub enum Notify {
        #[default]
        Off = "off",
        Bell = "bell",
        /// A notification of the desktop, by OSC 9 or 777.
        Desktop = "desktop",
    }
}

words! {
    /// Whether addresses are written as links (OSC 8).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub enum Links {
        /// On terminals known to support it.
        #[default]
        Auto = "auto",
        On = "on",
        Off = "off",
    }
}

pub(super) fn log_level(text: &str) -> Result<LogLevel, String> {
    rule::one_of(text, &LogLevel::ALL.map(|level| (level.name(), level)))
}

pub(super) fn notify(text: &str) -> Result<Notify, String> {
    rule::one_of(text, &Notify::ALL.map(|notify| (notify.name(), notify)))
}

pub(super) fn links(text: &str) -> Result<Links, String> {
    rule::one_of(text, &Links::ALL.map(|links| (links.name(), links)))
}

/// The name of a theme is part of a file name.
pub(super) fn check_theme(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if text.is_empty() || !text.chars().all(plain) {
        return Err(format!(
            "{} is no name of a theme; write auto, dark, light, mono, or the name of a file in the folder \
             themes without its .toml",
            quoted(text)
        ));
    }
    Ok(text.to_owned())
}

/// The theme of that name, from `themes/NAME.toml` in the folder if it is not built in.
pub(super) fn theme(text: &str, folder: &Path) -> Result<ThemeChoice, ThemeError> {
    if let Some(built_in) = ThemeChoice::named(text) {
        return Ok(built_in);
    }
    let file = folder.join("themes").join(format!("{text}.toml"));
    if !file.exists() {
        let hint = nearest(text, &ThemeChoice::NAMES)
            .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        return Err(ThemeError::Missing(format!(
            "there is no theme {}: it is not one of {}, and there is no file {}{hint}",
            quoted(text),
            ThemeChoice::NAMES.join(", "),
            file.display()
        )));
    }
    let read = crate::config::read_text(&file)
        .and_then(|text| palette::read(&file.display().to_string(), &text));
    read.map(ThemeChoice::Own).map_err(ThemeError::Wrong)
}

/// Why there is no such theme.
pub(super) enum ThemeError {
    /// No file; a sentence about what to write.
    Missing(String),
    /// The mistakes of the file.
    Wrong(Vec<Problem>),
}

/// Milliseconds, 0 for `off`.
pub(super) fn pulse(text: &str) -> Result<i64, String> {
    if text == "off" {
        return Ok(0);
    }
    within(text, 10_000, DAY_MS).map_err(|why| format!("{why}; or `off`"))
}

pub(super) fn lease(text: &str) -> Result<i64, String> {
    within(text, 3000, HOUR_MS)
}

/// How long after it was queued a server adopts a run of a process that is gone, milliseconds.
pub(super) fn adopt_within(text: &str) -> Result<i64, String> {
    within(text, 0, DAY_MS)
}

pub(super) fn check_switch(text: &str) -> Result<String, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok("true".to_owned()),
        "false" | "0" | "no" | "off" => Ok("false".to_owned()),
        _ => Err(format!("{} is neither true nor false", quoted(text))),
    }
}

pub(super) fn check_path(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.contains('\0') {
        return Err("is not a path".to_owned());
    }
    Ok(text.to_owned())
}

pub(super) fn check_store(text: &str) -> Result<String, String> {
    let wanted = "write sqlite:PATH, sqlite::memory: or postgres://USER@HOST/DATABASE";
    let quoted_url = quoted(&masked(text));
    if text.contains('\0') {
        return Err(format!("holds a NUL character; {wanted}"));
    }
    if let Some(path) = text.strip_prefix("sqlite:") {
        return if path.is_empty() {
            Err(format!("{quoted_url} names no file; {wanted}"))
        } else {
            Ok(text.to_owned())
        };
    }
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        // No host is fine: `postgres:///ops?host=/run/postgresql` is a local socket.
        return match url::Url::parse(text) {
            Ok(_) => Ok(text.to_owned()),
            Err(e) => Err(format!("{quoted_url} is not a URL ({e}); {wanted}")),
        };
    }
    let looks_like_a_file = !text.contains("://") && !text.trim().is_empty();
    let hint = if looks_like_a_file {
        format!("did you mean `sqlite:{text}`?")
    } else {
        wanted.to_owned()
    };
    Err(format!("{quoted_url} is not a store; {hint}"))
}

/// The store's URL with `~` expanded.
pub(super) fn store(text: &str, home: &Path) -> String {
    match text.strip_prefix("sqlite:~/") {
        Some(rest) => format!("sqlite:{}", home.join(rest).display()),
        None => text.to_owned(),
    }
}

/// A path with `~` expanded.
pub(super) fn path(text: &str, home: &Path) -> PathBuf {
    match text.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None if text == "~" => home.to_owned(),
        None => PathBuf::from(text),
    }
}

/// A relative path in a settings file is relative to the file, not to the working directory.
pub(super) fn beside(key: &str, text: &str, folder: &Path) -> String {
    let relative = |path: &str| !path.starts_with(['/', '~', ':']);
    match (key, text.strip_prefix("sqlite:")) {
        // `sqlite://PATH` is an alternative form; the part after the slashes is taken as it is.
        ("store", Some(path)) if relative(path) => {
            format!("sqlite:{}", folder.join(path).display())
        }
        ("runbooks", _) if relative(text) => folder.join(text).display().to_string(),
        _ => text.to_owned(),
    }
}

/// The URL without the password.
pub(super) fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let rest = match rest.split_once("password=") {
        Some((before, after)) => format!(
            "{before}password=***{}",
            after.find('&').map_or("", |end| &after[end..])
        ),
        None => rest.to_owned(),
    };
    // Up to the last @: a password may contain an unescaped @ or slash.
    let Some((user, host)) = rest.rsplit_once('@') else {
        return format!("{scheme}://{rest}");
    };
    match user.split_once(':') {
        Some((name, _)) => format!("{scheme}://{name}:***@{host}"),
        None => format!("{scheme}://{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_masked() {
        for (url, shown) in [
            ("sqlite:/a/b.db", "sqlite:/a/b.db"),
            ("postgres://ana@db.test/ops", "postgres://ana@db.test/ops"),
            (
                "postgres://ana:s3c@db.test/ops",
                "postgres://ana:***@db.test/ops",
            ),
            (
                "postgres://ana:s@c/r:t@db.test:5432/ops",
                "postgres://ana:***@db.test:5432/ops",
            ),
            (
                "postgres://db.test/ops?user=a&password=s3c&x=1",
                "postgres://db.test/ops?user=a&password=***&x=1",
            ),
        ] {
            assert_eq!(masked(url), shown);
        }
    }

    #[test]
    fn stores() {
        for good in [
            "sqlite::memory:",
            "sqlite:a.db",
            "sqlite://a.db?mode=ro",
            "postgres:///x?host=/run",
            "postgresql://u@h/d",
        ] {
            assert_eq!(check_store(good).as_deref(), Ok(good));
        }
        assert!(
            check_store("opsroom.db")
                .unwrap_err()
                .ends_with("did you mean `sqlite:opsroom.db`?")
        );
        for bad in [
            "",
            "sqlite:",
            "mysql://h/d",
            "postgres://h:x/d",
            "sqlite:a\0b",
        ] {
            assert!(check_store(bad).is_err(), "{bad:?}");
        }
        assert!(
            !check_store("mysql://a:hunter2@h/d")
                .unwrap_err()
                .contains("hunter2")
        );
    }

    #[test]
    fn relative_paths_are_relative_to_the_file() {
        let folder = Path::new("/etc/ops");
        for (key, text, meant) in [
            ("store", "sqlite:x.db", "sqlite:/etc/ops/x.db"),
            ("store", "sqlite:/x.db", "sqlite:/x.db"),
            ("store", "sqlite:~/x.db", "sqlite:~/x.db"),
            ("store", "sqlite::memory:", "sqlite::memory:"),
            ("store", "postgres://h/d", "postgres://h/d"),
            ("runbooks", "books", "/etc/ops/books"),
            ("runbooks", "~/books", "~/books"),
            ("actor", "ana", "ana"),
        ] {
            assert_eq!(beside(key, text, folder), meant);
        }
    }
}
