//! Settings: `opsroom.toml`, `OPSROOM_*` variables and flags. Flags override the environment, which
//! overrides the file, which overrides the defaults; every value keeps its origin.

mod integrations;
mod keys;
mod paths;
mod policy;
mod value;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::palette::ThemeChoice;
use super::rule;
use crate::core::base::outbound::Policy;
use crate::core::base::problem::Problem;
use crate::core::base::rate::Limits;
use crate::core::base::secret::Secret;
use crate::core::base::toml_doc::{Section, parse};
use crate::core::integration::Integrations;
use crate::core::routine::canary::Canary;
use crate::core::run::artifact;
use crate::core::run::queue::Lanes;

pub use keys::{CONFIG_VARIABLE, KEYS, Key};
pub use paths::Paths;
pub use value::{Links, LogLevel, Notify};

/// Reads an environment variable, like `std::env::var_os`.
pub type Environment<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// Values given on the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// A settings file instead of the default one; it must exist.
    pub config: Option<PathBuf>,
    /// Values by key, as typed: `("store", "sqlite:/tmp/x.db")`. A switch has the value `true`.
    pub values: BTreeMap<&'static str, String>,
}

/// All settings, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `sqlite:PATH`, `sqlite::memory:` or `postgres://…`.
    pub store_url: String,
    /// `None`: the only workspace there is.
    pub workspace: Option<String>,
    pub actor: String,
    pub read_only: bool,
    /// Folder of the user's own runbooks; need not exist.
    pub runbook_dir: PathBuf,
    /// Interval of probes, milliseconds; 0: off.
    pub pulse_ms: i64,
    pub lease_ms: i64,
    pub log_level: LogLevel,
    pub console: ConsoleSettings,
    /// The declared secrets: the sources of their values, never the values.
    pub secrets: Vec<Secret>,
    /// Which hosts calls may reach.
    pub outbound: Policy,
    /// The databases, notifiers and product accounts runbooks may name.
    pub integrations: Integrations,
    /// Rate limits of calls.
    pub limits: Limits,
    /// Size limits of artifacts.
    pub artifacts: artifact::Limits,
    /// How many runs of each lane an engine drives at once.
    pub lanes: Lanes,
    /// Addresses that are up when the network of this machine is.
    pub canaries: Vec<Canary>,
    /// A server adopts runs of a process that is gone if they were queued at most this long before
    /// the server started, milliseconds.
    pub adopt_ms: i64,
    pub paths: Paths,
    /// Why the theme cannot be used, which stops only the console; its theme is `auto` then.
    pub theme_problems: Vec<Problem>,
    /// The settings file, when there is one.
    pub file: Option<PathBuf>,
    /// One row per key of [`KEYS`], in that order: for `doctor`.
    pub rows: Vec<SettingRow>,
}

/// The table `[console]`: how the console looks and what it does with the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConsoleSettings {
    pub theme: ThemeChoice,
    pub notify: Notify,
    /// The title of the terminal tells the state.
    pub title: bool,
    pub links: Links,
    /// Wheel and clicks from the start.
    pub mouse: bool,
}

/// A key's value as text, and its origin. A password in the store's URL is masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingRow {
    pub key: &'static str,
    pub value: String,
    pub origin: Origin,
}

/// Origin of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Default,
    File {
        file: PathBuf,
        line: usize,
    },
    /// Name of the variable.
    Environment(String),
    /// The flag with its dashes.
    Flag(String),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line } => write!(f, "{}:{line}", file.display()),
            Self::Environment(name) => write!(f, "${name}"),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// Merges the sources into settings. `environment` is a parameter for tests.
///
/// # Errors
/// Every wrong value, also of an overridden source.
pub fn load(flags: &Flags, environment: &Environment<'_>) -> Result<Settings, Vec<Problem>> {
    let paths = Paths::find(environment)?;
    let mut sources = Sources::default();
    sources.user_names(environment);
    let file = sources.file(flags, environment, &paths);
    sources.environment(environment);
    sources.flags(flags);
    sources.settle(paths, file)
}

/// The value for each key from the strongest source so far.
#[derive(Default)]
struct Sources {
    found: BTreeMap<&'static str, Found>,
    // The following can be set in the file only.
    secrets: Vec<Secret>,
    outbound: Policy,
    integrations: Integrations,
    limits: Limits,
    artifacts: artifact::Limits,
    lanes: Lanes,
    canaries: Vec<Canary>,
    adopt_ms: Option<i64>,
    problems: Vec<Problem>,
}

struct Found {
    text: String,
    origin: Origin,
}

impl Sources {
    /// The logged-in user is the default for `actor`.
    fn user_names(&mut self, environment: &Environment<'_>) {
        let named = ["LOGNAME", "USER"].into_iter().find_map(|variable| {
            let name = environment(variable)?.into_string().ok()?;
            rule::name(&name).ok().map(|text| Found {
                text,
                origin: Origin::Environment(variable.to_owned()),
            })
        });
        self.found.extend(named.map(|found| ("actor", found)));
    }

    /// Reads the settings file, which may be missing unless it was named.
    fn file(
        &mut self,
        flags: &Flags,
        environment: &Environment<'_>,
        paths: &Paths,
    ) -> Option<PathBuf> {
        let requested = flags.config.clone().or_else(|| {
            environment(CONFIG_VARIABLE)
                .filter(|v| !v.is_empty())
                .map(PathBuf::from)
        });
        let file = requested
            .clone()
            .unwrap_or_else(|| paths.config.join("opsroom.toml"));
        if requested.is_none() && !file.exists() {
            return None;
        }
        match super::read_text(&file) {
            Err(problems) => self.problems.extend(problems),
            Ok(text) => self.file_text(&file, &text),
        }
        Some(file)
    }

    fn file_text(&mut self, file: &Path, text: &str) {
        let (table, mut report) = parse(&file.display().to_string(), text);
        let mut root = Section::root(&table);
        let folder = file.parent().unwrap_or(Path::new(""));
        let mut console = root
            .field("console")
            .and_then(|field| field.table(&mut report));
        for key in KEYS {
            let field = match (key.table, &mut console) {
                ("", _) => root.field(key.name),
                (_, Some(table)) => table.field(key.name),
                (_, None) => None,
            };
            let Some(field) = field else {
                continue;
            };
            let text = if key.is_switch() {
                field.boolean(&mut report).map(|on| on.to_string())
            } else {
                field.text_by(&mut report, |text| key.check(text))
            };
            let line = report.line(field.at);
            self.found.extend(text.map(|text| {
                let text = value::beside(key.name, &text, folder);
                (
                    key.name,
                    Found {
                        text,
                        origin: Origin::File {
                            file: file.to_owned(),
                            line,
                        },
                    },
                )
            }));
        }
        if let Some(table) = console {
            table.close(&mut report);
        }
        if let Some(field) = root.field("theme") {
            field.wrong(&mut report, "belongs in the table [console]; move it there");
        }
        self.secrets = policy::secrets(&mut root, &mut report);
        self.outbound = policy::outbound(&mut root, &mut report);
        self.limits = policy::limits(&mut root, &mut report);
        self.artifacts = policy::artifacts(&mut root, &mut report);
        let engine = policy::engine(&mut root, &mut report);
        (self.lanes, self.adopt_ms) = (engine.lanes, Some(engine.adopt_ms));
        self.canaries = engine.canaries;
        self.integrations =
            integrations::integrations(&mut root, &mut report, &self.secrets, folder);
        root.close(&mut report);
        self.problems
            .extend(report.finish(()).err().into_iter().flatten());
    }

    fn environment(&mut self, environment: &Environment<'_>) {
        for key in KEYS {
            let variable = key.variable();
            // Shells set an empty variable for "not set".
            let Some(value) = environment(&variable).filter(|v| !v.is_empty()) else {
                continue;
            };
            let text = value.into_string().map_err(|_| "is not UTF-8".to_owned());
            self.set(
                key,
                "environment",
                &variable,
                Origin::Environment(variable.clone()),
                text,
            );
        }
    }

    fn flags(&mut self, flags: &Flags) {
        for key in KEYS {
            let Some(text) = flags.values.get(key.name) else {
                continue;
            };
            let flag = key.flag();
            self.set(
                key,
                "command line",
                &flag,
                Origin::Flag(flag.clone()),
                Ok(text.clone()),
            );
        }
    }

    fn set(
        &mut self,
        key: &Key,
        place: &str,
        name: &str,
        origin: Origin,
        text: Result<String, String>,
    ) {
        match text.and_then(|text| key.check(&text)) {
            Ok(text) => drop(self.found.insert(key.name, Found { text, origin })),
            Err(message) => {
                self.problems.push(Problem {
                    file: place.to_owned(),
                    line: 0,
                    key: name.to_owned(),
                    message,
                });
            }
        }
    }

    fn settle(mut self, paths: Paths, file: Option<PathBuf>) -> Result<Settings, Vec<Problem>> {
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let rows: Vec<(SettingRow, String)> =
            KEYS.iter().map(|key| self.row(key, &paths)).collect();
        let get = |name: &str| {
            rows.iter()
                .find(|(row, _)| row.key == name)
                .map_or("", |(_, text)| text.as_str())
        };
        let home = paths.home.as_path();
        let (theme, theme_problems) = match theme(&rows, &paths) {
            Ok(theme) => (theme, Vec::new()),
            Err(problems) => (ThemeChoice::Auto, problems),
        };
        let console = ConsoleSettings {
            theme,
            notify: value::notify(get("notify")).unwrap_or_default(),
            title: get("title") == "true",
            links: value::links(get("links")).unwrap_or_default(),
            mouse: get("mouse") == "true",
        };
        Ok(Settings {
            store_url: value::store(get("store"), home),
            workspace: Some(get("workspace"))
                .filter(|name| !name.is_empty())
                .map(str::to_owned),
            actor: get("actor").to_owned(),
            read_only: get("read_only") == "true",
            runbook_dir: value::path(get("runbooks"), home),
            pulse_ms: value::pulse(get("pulse")).unwrap_or_default(),
            lease_ms: value::lease(get("lease")).unwrap_or_default(),
            log_level: value::log_level(get("log_level")).unwrap_or_default(),
            console,
            secrets: self.secrets,
            outbound: self.outbound,
            integrations: self.integrations,
            limits: self.limits,
            artifacts: self.artifacts,
            lanes: self.lanes,
            canaries: self.canaries,
            adopt_ms: self.adopt_ms.unwrap_or(policy::ADOPT_MS),
            rows: rows.iter().map(|(row, _)| row.clone()).collect(),
            paths,
            theme_problems,
            file,
        })
    }

    /// The effective value: masked for people, and as it is.
    fn row(&mut self, key: &Key, paths: &Paths) -> (SettingRow, String) {
        let default = || Found {
            text: key.default_value(paths),
            origin: Origin::Default,
        };
        let found = self.found.remove(key.name).unwrap_or_else(default);
        let value = if key.name == "store" {
            value::masked(&found.text)
        } else {
            found.text.clone()
        };
        (
            SettingRow {
                key: key.name,
                value,
                origin: found.origin,
            },
            found.text,
        )
    }
}

/// The theme that the settings name. The file of one named in a settings file is beside that file.
fn theme(rows: &[(SettingRow, String)], paths: &Paths) -> Result<ThemeChoice, Vec<Problem>> {
    let Some((row, name)) = rows.iter().find(|(row, _)| row.key == "theme") else {
        return Ok(ThemeChoice::Auto);
    };
    let (place, line) = match &row.origin {
        Origin::File { file, line } => (file.display().to_string(), *line),
        Origin::Environment(_) => ("environment".to_owned(), 0),
        Origin::Flag(_) | Origin::Default => ("command line".to_owned(), 0),
    };
    let folder = match &row.origin {
        Origin::File { file, .. } => file.parent().unwrap_or(Path::new("")),
        _ => &paths.config,
    };
    value::theme(name, folder).map_err(|error| match error {
        value::ThemeError::Wrong(problems) => problems,
        value::ThemeError::Missing(message) => vec![Problem {
            file: place,
            line,
            key: match &row.origin {
                Origin::File { .. } => "console.theme".to_owned(),
                other => other.to_string().replace('$', ""),
            },
            message,
        }],
    })
}

#[cfg(test)]
mod tests;
