//! The common start of every subcommand: reads the settings and opens the store.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Global;
use super::stop::Stop;
use crate::clock::Clock;
use crate::config::settings::{self, Flags, Paths};
use crate::control::{self, AdapterContext, Control, ProcessKind, Refusal};
use crate::core::base::problem::Problem;
use crate::core::base::time::{Timestamp, parse_since};
use crate::tui::keys::Keymap;
use crate::vault::Vault;

/// The effective settings, or their problems; subcommands that need no settings work either way.
#[derive(Debug)]
pub struct Start {
    pub clock: Clock,
    settings: Result<settings::Settings, Vec<Problem>>,
    /// The secrets of the settings.
    pub vault: Vault,
    /// Why there is no log file.
    pub log_problem: Option<String>,
}

impl Start {
    /// Reads flags, environment and the settings file.
    #[must_use]
    pub fn new(global: &Global, clock: Clock) -> Self {
        let settings = settings::load(&global.flags(), &environment);
        let vault = Vault::new(
            settings
                .as_ref()
                .map(|s| s.secrets.clone())
                .unwrap_or_default(),
        );
        Self {
            clock,
            settings,
            vault,
            log_problem: None,
        }
    }

    /// The settings, or their problems as an error.
    pub fn settings(&self) -> Result<&settings::Settings, Stop> {
        self.settings
            .as_ref()
            .map_err(|problems| Stop::Problems(problems.clone()))
    }

    /// Refuses to open the console with a theme that cannot be used. Other commands go on.
    pub(super) fn check_theme(&self) -> Result<(), Stop> {
        match self.settings()?.theme_problems.as_slice() {
            [] => Ok(()),
            problems => Err(Stop::Problems(problems.to_vec())),
        }
    }

    /// The active keymap. A file that cannot be read is a problem of the keymap, not an error.
    pub(super) fn keymap(&self) -> Keymap {
        let file = self
            .config_folder()
            .map(|folder| folder.join("keymap.toml"))
            .filter(|file| file.exists());
        let Some(file) = file else {
            return Keymap::built_in();
        };
        match crate::config::read_text(&file) {
            Ok(text) => Keymap::with_user(&file.display().to_string(), &text),
            Err(problems) => {
                let mut keymap = Keymap::built_in();
                keymap
                    .problems
                    .extend(problems.iter().map(ToString::to_string));
                keymap
            }
        }
    }

    /// The folder of the user's own runbooks: the default one when the settings are wrong.
    pub(super) fn runbook_dir(&self) -> Option<PathBuf> {
        match &self.settings {
            Ok(settings) => Some(settings.runbook_dir.clone()),
            Err(_) => self.config_folder().map(|folder| folder.join("runbooks")),
        }
    }

    /// The folder of what can be derived again.
    pub(super) fn cache_dir(&self) -> Option<PathBuf> {
        let settings = self.settings.as_ref().ok()?;
        Some(settings.paths.cache.clone())
    }

    /// The configuration folder, even when the settings in it are wrong.
    fn config_folder(&self) -> Option<PathBuf> {
        match &self.settings {
            Ok(settings) => Some(settings.paths.config.clone()),
            Err(_) => Paths::find(&environment).ok().map(|paths| paths.config),
        }
    }

    /// The keymap of the console. Its problems include other startup problems: they are shown too.
    #[must_use]
    pub fn console_keys(&self) -> Keymap {
        let mut keymap = self.keymap();
        keymap.problems.extend(self.log_problem.clone());
        keymap
    }

    /// Whether the store exists; a server is assumed to.
    pub(super) fn has_store(&self) -> Result<bool, Stop> {
        let url = &self.settings()?.store_url;
        Ok(match url.strip_prefix("sqlite:") {
            Some("" | ":memory:" | "//:memory:") => true,
            Some(path) => Path::new(path.strip_prefix("//").unwrap_or(path)).exists(),
            None => true,
        })
    }

    /// The settings to open the store with.
    pub(super) fn control(&self, door: ProcessKind) -> Result<control::Settings, Stop> {
        let settings = self.settings()?;
        Ok(control::Settings {
            store_url: settings.store_url.clone(),
            workspace: settings.workspace.clone(),
            actor: settings.actor.clone(),
            read_only: settings.read_only,
            simulated: false,
            pulse_ms: settings.pulse_ms,
            lease_ms: settings.lease_ms,
            lanes: settings.lanes,
            canaries: settings.canaries.clone(),
            adopt_ms: settings.adopt_ms,
            runbook_dir: Some(settings.runbook_dir.clone()),
            cache_dir: Some(settings.paths.cache.clone()),
            door,
            context: self.context(settings),
        })
    }

    /// The time that `--since` names.
    pub(super) fn since(&self, text: Option<&str>) -> Result<Option<Timestamp>, Stop> {
        text.map(|text| parse_since(text, self.clock.now()))
            .transpose()
            .map_err(|why| Stop::Usage(format!("--since: {why}")))
    }

    /// The secrets, policy and limits of outbound calls.
    pub(super) fn context(&self, settings: &settings::Settings) -> AdapterContext {
        let (policy, integrations) = (settings.outbound.clone(), settings.integrations.clone());
        AdapterContext {
            vault: self.vault.clone(),
            policy,
            integrations,
            limits: settings.limits,
            artifacts: settings.artifacts,
            clock: self.clock,
        }
    }

    /// Opens an existing store and workspace: a mistyped path or name is an error, creates nothing.
    pub(super) async fn open_cli(&self) -> Result<Control, Stop> {
        if !self.has_store()? {
            return Err(Refusal::NoStore(self.settings()?.store_url.clone()).into());
        }
        let control = self.open_or_make().await?;
        control.require_workspace().await?;
        Ok(control)
    }

    /// Opens the store and creates it if it is missing.
    pub(super) async fn open_or_make(&self) -> Result<Control, Stop> {
        Ok(Control::open(self.control(ProcessKind::Cli)?, self.clock).await?)
    }
}

fn environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

impl Global {
    fn flags(&self) -> Flags {
        let mut values = BTreeMap::new();
        values.extend(
            self.store
                .as_deref()
                .map(|store| ("store", store_url(store))),
        );
        values.extend(
            self.workspace
                .clone()
                .map(|workspace| ("workspace", workspace)),
        );
        values.extend(self.read_only.then(|| ("read_only", "true".to_owned())));
        values.extend(self.theme.clone().map(|theme| ("theme", theme)));
        Flags {
            config: self.config.clone(),
            values,
        }
    }
}

/// A plain path is an `SQLite` file.
fn store_url(text: &str) -> String {
    let is_url = text.contains("://") || text.starts_with("sqlite:");
    if is_url || text.is_empty() {
        text.to_owned()
    } else {
        format!("sqlite:{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_path_is_an_sqlite_file() {
        for (text, url) in [
            ("ops.db", "sqlite:ops.db"),
            ("/var/ops.db", "sqlite:/var/ops.db"),
            ("sqlite:ops.db", "sqlite:ops.db"),
            ("sqlite::memory:", "sqlite::memory:"),
            ("postgres://a@b/c", "postgres://a@b/c"),
            ("mysql://a@b/c", "mysql://a@b/c"),
            ("", ""),
        ] {
            assert_eq!(store_url(text), url);
        }
    }
}
