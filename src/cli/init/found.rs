//! What this machine has: reads the files and, if chosen, calls `systemctl`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::ports::Listener;
use super::units::Unit;
use super::yaml::Mistake;
use super::{compose, kubeconfig, ports, units};
use crate::config::read_text;
use crate::core::base::problem::Problem;

/// How long `systemctl` may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Something to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LookAt {
    Ports,
    Units,
    Compose,
    Kubectl,
}

impl LookAt {
    pub const ALL: [Self; 4] = [Self::Ports, Self::Units, Self::Compose, Self::Kubectl];
    /// Those that only read files.
    pub const DEFAULT: [Self; 3] = [Self::Ports, Self::Compose, Self::Kubectl];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Ports => "ports",
            Self::Units => "units",
            Self::Compose => "compose",
            Self::Kubectl => "kubectl",
        }
    }

    pub const fn about(self) -> &'static str {
        match self {
            Self::Ports => "listening ports of this machine (reads /proc/net/tcp and tcp6)",
            Self::Units => "services of systemd (calls `systemctl list-units`)",
            Self::Compose => "the compose file in this folder (reads it)",
            Self::Kubectl => "contexts of kubectl (reads the kubeconfig file)",
        }
    }

    pub fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

/// A compose file and its services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Compose {
    pub file: PathBuf,
    pub services: Vec<String>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Discovery {
    pub listeners: Vec<Listener>,
    pub units: Vec<Unit>,
    pub compose: Option<Compose>,
    pub contexts: Vec<String>,
    /// Why something could not be looked at.
    pub problems: Vec<String>,
}

impl Discovery {
    /// Looks at these sources and no others.
    pub async fn look(sources: &[LookAt]) -> Self {
        let mut found = Self::default();
        for source in LookAt::ALL.into_iter().filter(|s| sources.contains(s)) {
            match source {
                LookAt::Ports => found.ports(),
                LookAt::Units => found.units().await,
                LookAt::Compose => found.compose(),
                LookAt::Kubectl => found.contexts(),
            }
        }
        found
    }

    /// The number of services it makes.
    pub fn count(&self) -> usize {
        let compose = self.compose.as_ref().map_or(0, |c| c.services.len());
        let clusters = usize::from(!self.contexts.is_empty());
        self.listeners.len() + self.units.len() + compose + clusters
    }

    fn read(&mut self, path: &Path) -> Option<String> {
        match read_text(path) {
            Ok(text) => Some(text),
            Err(problems) => {
                self.problems
                    .extend(problems.iter().map(ToString::to_string));
                None
            }
        }
    }

    /// What a parser finds in a file; of a broken one nothing, and a problem.
    fn parsed(
        &mut self,
        path: &Path,
        parse: fn(&str) -> Result<Vec<String>, Mistake>,
    ) -> Option<Vec<String>> {
        let text = self.read(path)?;
        parse(&text)
            .map_err(|mistake| {
                let problem = Problem {
                    file: path.display().to_string(),
                    line: mistake.line,
                    key: String::new(),
                    message: format!(
                        "{}; correct it, or leave the file out (--look)",
                        mistake.message
                    ),
                };
                self.problems.push(problem.to_string());
            })
            .ok()
    }

    fn ports(&mut self) {
        let mut tables = Vec::new();
        for path in ["/proc/net/tcp", "/proc/net/tcp6"].map(Path::new) {
            // A machine without IPv6 has no second table.
            if path.exists() {
                tables.extend(self.read(path));
            }
        }
        if tables.is_empty() {
            self.problems
                .push("ports: this system has no /proc/net/tcp".to_owned());
        }
        self.listeners = ports::listeners(&tables.concat());
    }

    async fn units(&mut self) {
        let mut command = Command::new("systemctl");
        command
            .args(units::ARGUMENTS)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let problem = match tokio::time::timeout(PATIENCE, command.output()).await {
            Ok(Ok(output)) if output.status.success() => {
                self.units = units::parse(&String::from_utf8_lossy(&output.stdout));
                return;
            }
            Ok(Ok(output)) => {
                let stderr = String::from_utf8_lossy(&output.stderr);
                stderr.lines().next().unwrap_or("it failed").to_owned()
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it gave no answer within 10 s".to_owned(),
        };
        self.problems.push(format!("units: systemctl: {problem}"));
    }

    fn compose(&mut self) {
        let folder = std::env::current_dir().unwrap_or_default();
        let file = compose::FILES
            .iter()
            .map(|name| folder.join(name))
            .find(|file| file.exists());
        if let Some(file) = file
            && let Some(services) = self.parsed(&file, compose::services)
        {
            self.compose = Some(Compose { file, services });
        }
    }

    fn contexts(&mut self) {
        let named = std::env::var_os("KUBECONFIG").filter(|value| !value.is_empty());
        let files: Vec<PathBuf> = match named {
            Some(paths) => std::env::split_paths(&paths).collect(),
            None => std::env::var_os("HOME")
                .map(|home| Path::new(&home).join(".kube/config"))
                .into_iter()
                .collect(),
        };
        let mut contexts = BTreeSet::new();
        for file in files.iter().filter(|file| file.exists()) {
            contexts.extend(
                self.parsed(file, kubeconfig::contexts)
                    .into_iter()
                    .flatten(),
            );
        }
        self.contexts = contexts.into_iter().collect();
    }
}
