//! The vault: fetches the values of secrets when they are needed, and keeps them only to redact
//! output. A value is never stored, shown or put on a command line.

mod source;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::core::base::redact::{MIN_LEN, Redactor};
use crate::core::base::secret::{Secret, Source};

/// Values of one secret kept for redaction; limited, because a token may change all the time.
const KEEP: usize = 8;

/// A shorter word may also be an ordinary name.
const MIN_DISTINCTIVE: usize = 12;

/// The declared secrets. Cheap to clone; all clones share the known values.
#[derive(Clone, Default)]
pub struct Vault(Arc<Inner>);

#[derive(Default)]
struct Inner {
    secrets: BTreeMap<String, Secret>,
    /// The latest values by name, newest last. Locked until the redactors have been rebuilt.
    values: Mutex<BTreeMap<String, Vec<String>>>,
    redactors: RwLock<Redactors>,
}

/// Rebuilt only when the values change: building is expensive.
#[derive(Clone, Default)]
struct Redactors {
    all: Arc<Redactor>,
    strict: Arc<Redactor>,
}

impl Redactors {
    fn of(values: &BTreeMap<String, Vec<String>>) -> Self {
        let pairs = || {
            values
                .iter()
                .flat_map(|(name, values)| values.iter().map(|v| (name.as_str(), v.as_str())))
        };
        let all = Arc::new(Redactor::new(pairs()));
        let strict = if pairs().any(|(_, value)| is_word(value)) {
            Arc::new(Redactor::new(pairs().filter(|(_, value)| !is_word(value))))
        } else {
            all.clone()
        };
        Self { all, strict }
    }
}

/// The value of a secret. Shows itself as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Value(String);

impl Value {
    /// The value itself: for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The value with a prefix such as `Bearer `.
    #[must_use]
    pub fn after(&self, prefix: &str) -> Self {
        Self(format!("{prefix}{}", self.0))
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.secrets.keys()).finish()
    }
}

/// A secret as reported by `doctor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    pub name: String,
    /// Its source, for people.
    pub source: String,
    /// `None`: not checked, because that would run a program.
    pub found: Option<Result<(), String>>,
}

impl Vault {
    /// A vault of these secrets. Those in variables and files are read at once, so that they are
    /// redacted even before their first use; a read error is reported at the first use.
    #[must_use]
    pub fn new(secrets: Vec<Secret>) -> Self {
        let secrets: BTreeMap<_, _> = secrets.into_iter().map(|s| (s.name.clone(), s)).collect();
        let vault = Self(Arc::new(Inner {
            secrets,
            ..Inner::default()
        }));
        let early = vault
            .0
            .secrets
            .values()
            .filter_map(|s| Some((s.name.clone(), source::at_once(&s.source)?.ok()?)));
        vault.remember(
            early
                .filter_map(|(name, value)| Some((name, checked(value).ok()?)))
                .collect(),
        );
        vault
    }

    /// Replaces all known values in text to be written.
    #[must_use]
    pub fn redactor(&self) -> Arc<Redactor> {
        self.redactors().all
    }

    /// Finds only values that are no ordinary word: for refusing input that holds a secret. A
    /// password that is a word must not prevent restarting the service of that name.
    #[must_use]
    pub fn strict_redactor(&self) -> Arc<Redactor> {
        self.redactors().strict
    }

    fn redactors(&self) -> Redactors {
        self.0
            .redactors
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether a secret is declared.
    ///
    /// # Errors
    /// A sentence about what to write.
    pub fn check(&self, name: &str) -> Result<&Secret, String> {
        self.0.secrets.get(name).ok_or_else(|| {
            format!("the secret {name} is not declared; add [secret.{name}] with from = \"env:…\" to opsroom.toml")
        })
    }

    /// Whether a secret may be sent to a host.
    ///
    /// # Errors
    /// A sentence about what to write.
    pub fn check_host(&self, name: &str, host: &str, port: u16) -> Result<(), String> {
        let secret = self.check(name)?;
        if secret
            .hosts
            .iter()
            .any(|pattern| pattern.matches(host, port))
        {
            return Ok(());
        }
        let hosts: Vec<String> = secret.hosts.iter().map(ToString::to_string).collect();
        let only = if hosts.is_empty() {
            "no host".to_owned()
        } else {
            format!("only {}", hosts.join(", "))
        };
        Err(format!(
            "the secret {name} may not be sent to {host} ({only}); if that is meant, add \"{host}\" to hosts of [secret.{name}]"
        ))
    }

    /// The value of a secret, fetched now.
    ///
    /// # Errors
    /// A sentence with the name of the secret and the reason, never the value.
    pub async fn value(&self, name: &str) -> Result<Value, String> {
        let value = self.fetch(name).await?;
        self.remember(vec![(name.to_owned(), value.clone())]);
        Ok(Value(value))
    }

    /// The values of several secrets, with their names.
    ///
    /// # Errors
    /// As [`Vault::value`], for the first that fails.
    pub async fn values(&self, names: &[String]) -> Result<Vec<(String, Value)>, String> {
        let mut found = Vec::new();
        for name in names {
            found.push((name.clone(), self.fetch(name).await?));
        }
        self.remember(found.clone());
        Ok(found
            .into_iter()
            .map(|(name, value)| (name, Value(value)))
            .collect())
    }

    /// Variables that hold secrets: not inherited by child processes.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.0
            .secrets
            .values()
            .filter_map(|secret| match &secret.source {
                Source::Env(name) => Some(name.as_str()),
                Source::File(_) | Source::Command(_) => None,
            })
    }

    /// Whether its value comes from a program.
    #[must_use]
    pub fn runs_a_program(&self, name: &str) -> bool {
        self.0
            .secrets
            .get(name)
            .is_some_and(|secret| matches!(secret.source, Source::Command(_)))
    }

    /// Every secret, and whether its value can be read. Programs are run only if `run` is set.
    pub async fn presence(&self, run: bool) -> Vec<Presence> {
        let mut all = Vec::new();
        for secret in self.0.secrets.values() {
            let check = run || !self.runs_a_program(&secret.name);
            let found = if check {
                Some(self.value(&secret.name).await.map(drop))
            } else {
                None
            };
            all.push(Presence {
                name: secret.name.clone(),
                source: secret.source.describe(),
                found,
            });
        }
        all
    }

    async fn fetch(&self, name: &str) -> Result<String, String> {
        let secret = self.check(name)?;
        source::fetch(&secret.source)
            .await
            .and_then(checked)
            .map_err(|why| format!("the secret {name} {why}"))
    }

    /// Returns when the redactors know the values, also if another thread rebuilds them: a value
    /// may be used only once it would be redacted. Redacting does not wait for this.
    fn remember(&self, found: Vec<(String, String)>) {
        let mut known = self.0.values.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = false;
        for (name, value) in found {
            let values = known.entry(name).or_default();
            if !values.contains(&value) {
                values.push(value);
                values.drain(..values.len().saturating_sub(KEEP));
                changed = true;
            }
        }
        if changed {
            let redactors = Redactors::of(&known);
            *self
                .0
                .redactors
                .write()
                .unwrap_or_else(PoisonError::into_inner) = redactors;
        }
    }
}

/// Whether a value may also be an ordinary name.
fn is_word(value: &str) -> bool {
    value.len() < MIN_DISTINCTIVE
        && value
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// Rejects values too short to be redacted.
fn checked(value: String) -> Result<String, String> {
    match value.len() {
        0 => Err("is empty".to_owned()),
        n if n < MIN_LEN => Err(format!(
            "is {n} bytes long; a secret has at least {MIN_LEN}, shorter ones cannot be kept out of the log"
        )),
        _ => Ok(value),
    }
}

#[cfg(test)]
mod tests;
