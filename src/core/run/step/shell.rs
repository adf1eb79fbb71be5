//! `shell`: runs a local command in its own process group, without a terminal.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CallKind, Outcome, Reply, SecretVariable, ShellCall};
use crate::base::secret::variable;
use crate::base::time::human_ms;
use crate::run::artifact::ArtifactSpec;
use crate::stack::shell::ShellCommand;

/// A command and its environment. Inputs travel in `env`, never in the command's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shell {
    pub command: ShellCommand,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    #[serde(default)]
    pub dir: Option<String>,
    /// Names of secrets; their values become variables when the command is started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// Secrets that inputs named, by the input: each becomes the variable of its input.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub chosen_secrets: BTreeMap<String, String>,
    /// Its artifact files.
    #[serde(default, skip_serializing_if = "ArtifactSpec::is_none")]
    pub artifacts: ArtifactSpec,
    /// The session it shares variables and folder with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// It never ends by itself: after this many milliseconds it has succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_ms: Option<i64>,
}

/// A session of one run; its name is given by the engine that drives it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionRef {
    pub of: Session,
    /// Absent: the command shares nothing.
    pub name: Option<String>,
    /// Earlier commands have left state.
    pub begun: bool,
}

/// State shared by the commands of a session of a run: exported and plain variables, functions, the
/// working folder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Session {
    /// Variables the commands are known to set; a shell that cannot list its own keeps these.
    pub variables: Vec<String>,
}

impl Shell {
    /// Only the command: no variables, secrets or artifacts.
    #[must_use]
    pub fn new(command: ShellCommand) -> Self {
        let (env, chosen_secrets) = (BTreeMap::new(), BTreeMap::new());
        let (dir, secrets, artifacts) = (None, Vec::new(), ArtifactSpec::default());
        Self {
            command,
            env,
            dir,
            secrets,
            chosen_secrets,
            artifacts,
            session: None,
            limit_ms: None,
        }
    }

    fn argv(&self) -> Vec<String> {
        match &self.command {
            ShellCommand::Script(text) => vec!["sh".to_owned(), "-c".to_owned(), text.clone()],
            ShellCommand::Argv(argv) => argv.clone(),
        }
    }

    pub(super) fn describe(&self) -> String {
        let command = match &self.command {
            ShellCommand::Script(text) => format!("sh -c {text:?}"),
            ShellCommand::Argv(argv) => argv
                .iter()
                .map(|word| shell_word(word))
                .collect::<Vec<_>>()
                .join(" "),
        };
        let names: Vec<&str> = self
            .secrets
            .iter()
            .chain(self.chosen_secrets.values())
            .map(String::as_str)
            .collect();
        let with = if names.is_empty() {
            String::new()
        } else {
            format!(" (secret {})", names.join(", "))
        };
        let left = if self.artifacts.is_none() {
            String::new()
        } else {
            format!(" (leaves {})", self.artifacts.paths.join(", "))
        };
        let limit = self
            .limit_ms
            .map(|ms| format!(" (ended after {})", human_ms(ms)))
            .unwrap_or_default();
        command + &with + &left + &limit
    }

    pub(super) fn call(&self) -> CallKind {
        let (env, dir) = (self.env.clone(), self.dir.clone());
        let own = self.secrets.iter().map(|name| (name, name));
        let secrets = own
            .chain(&self.chosen_secrets)
            .map(|(called, secret)| SecretVariable {
                variable: variable(called),
                secret: secret.clone(),
            });
        let secrets = secrets.collect();
        let (artifacts, session) = (
            self.artifacts.clone(),
            self.session.clone().map(|s| SessionRef {
                of: s,
                name: None,
                begun: false,
            }),
        );
        CallKind::Shell(ShellCall {
            argv: self.argv(),
            env,
            dir,
            secrets,
            artifacts,
            session,
        })
    }

    pub(super) fn outcome(&self, reply: &Reply) -> Outcome {
        match reply {
            Reply::Exited {
                code: Some(0),
                lacks,
                ms,
                ..
            } if !lacks.is_empty() => Outcome::failed(
                format!("exit code 0 in {}, but {}", human_ms(*ms), lacks.join("; ")),
                false,
                Some(*ms),
            ),
            Reply::Exited {
                code: Some(0), ms, ..
            } => Outcome::ok(format!("exit code 0 in {}", human_ms(*ms)), Some(*ms)),
            Reply::Exited {
                code: Some(code),
                ms,
                ..
            } => Outcome::failed(
                format!("exit code {code} after {}", human_ms(*ms)),
                false,
                Some(*ms),
            ),
            Reply::Exited { signal, ms, .. } => Outcome::failed(
                format!(
                    "ended by signal {} after {}",
                    signal.unwrap_or(0),
                    human_ms(*ms)
                ),
                false,
                Some(*ms),
            ),
            Reply::TimedOut { after_ms }
                if self.limit_ms.is_some_and(|limit| *after_ms >= limit) =>
            {
                Outcome::ok(
                    format!("ended after {}, as planned", human_ms(*after_ms)),
                    Some(*after_ms),
                )
            }
            Reply::TimedOut { after_ms } => Outcome::timed_out(*after_ms),
            Reply::Unreachable { message, .. } => Outcome::failed(message.clone(), false, None),
            Reply::Refused { message, .. } => Outcome::refused(message),
            other => Outcome::unexpected("shell", other),
        }
    }
}

/// A word as a shell would need it, on one line: quoted where it holds more than plain characters.
pub fn shell_word(word: &str) -> Cow<'_, str> {
    let plain = !word.chars().any(char::is_control);
    let quoted = plain.then(|| shlex::try_quote(word).ok()).flatten();
    quoted.unwrap_or_else(|| Cow::Owned(format!("{word:?}")))
}
