//! A reference to a run: by its number, or the newest that matches, as in "the last failed run of
//! web in prod".

use crate::base::time::{Timestamp, age, parse_since};
use crate::command::Parsed;
use crate::run::summary::RunSummary;
use crate::run::{RunId, RunStatus};

/// A run as a person refers to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunRef {
    Number(RunId),
    Newest(Newest),
}

/// The newest run that matches everything given here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Newest {
    /// Only runs that failed or timed out; one that was interrupted has not failed.
    pub failed: bool,
    /// Only runs of this runbook.
    pub runbook: Option<String>,
    /// Several services may have different newest runs.
    pub services: Vec<String>,
    pub env: Option<String>,
    pub since: Option<Since>,
}

/// A time in the past, and its text as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    pub at: Timestamp,
    pub text: String,
}

impl RunRef {
    /// The run a parsed command is about.
    ///
    /// # Errors
    /// The time or the number in it cannot be read.
    pub fn of(parsed: &Parsed, now: Timestamp) -> Result<Self, String> {
        let failed = match parsed.inputs.get("run").map(String::as_str) {
            None | Some("last") => false,
            Some("last_failed") => true,
            Some(number) => {
                let number = number
                    .parse()
                    .map_err(|_| format!("`{number}` is not a run's number"))?;
                return Ok(Self::Number(RunId(number)));
            }
        };
        let since = parsed.inputs.get("since");
        let since = since.map(|text| {
            parse_since(text, now).map(|at| Since {
                at,
                text: text.clone(),
            })
        });
        Ok(Self::Newest(Newest {
            failed,
            runbook: parsed.inputs.get("kind").cloned(),
            services: parsed
                .services
                .iter()
                .filter(|name| *name != "*")
                .cloned()
                .collect(),
            env: parsed.env.clone(),
            since: since.transpose()?,
        }))
    }
}

impl Newest {
    /// The states a run may be in; empty: any.
    #[must_use]
    pub fn status(&self) -> Vec<RunStatus> {
        if self.failed {
            vec![RunStatus::Failed, RunStatus::TimedOut]
        } else {
            Vec::new()
        }
    }
}

/// `failed run of web in prod since yesterday`.
impl std::fmt::Display for Newest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.failed { "failed " } else { "" })?;
        if let Some(runbook) = &self.runbook {
            write!(f, "{runbook} ")?;
        }
        f.write_str("run")?;
        if !self.services.is_empty() {
            write!(f, " of {}", self.services.join(" and "))?;
        }
        if let Some(env) = &self.env {
            write!(f, " in {env}")?;
        }
        match &self.since {
            Some(since) => write!(f, " since {}", since.text),
            None => Ok(()),
        }
    }
}

/// A run in one line, for the answer that says which one was chosen: `#41 deploy web to prod,
/// failed 12 min ago`.
#[must_use]
pub fn one_line(run: &RunSummary, now: Timestamp) -> String {
    let status = run.status.name().replace('_', " ");
    let ago = |from: Timestamp| age(now.ms_since(from));
    let when = match (run.finished_at, run.started_at) {
        (Some(ended), _) => format!("{status} {} ago", ago(ended)),
        (None, Some(started)) => format!("{status}, started {} ago", ago(started)),
        (None, None) => format!("{status}, requested {} ago", ago(run.requested_at)),
    };
    format!("{} {}, {when}", run.id, run.title)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(
        run: Option<&str>,
        services: &[&str],
        env: Option<&str>,
        since: Option<&str>,
    ) -> Parsed {
        let inputs = [("run", run), ("since", since)];
        Parsed {
            services: services.iter().map(|s| (*s).to_owned()).collect(),
            env: env.map(str::to_owned),
            inputs: inputs
                .into_iter()
                .filter_map(|(k, v)| Some((k.to_owned(), v?.to_owned())))
                .collect(),
            ..Parsed::default()
        }
    }

    #[test]
    fn everything_that_was_given_narrows_the_choice() {
        let now = Timestamp(10 * 86_400_000);
        for (parsed, text) in [
            (parsed(None, &[], None, None), "run"),
            (parsed(Some("last"), &["*"], None, None), "run"),
            (
                parsed(Some("last_failed"), &["web"], Some("prod"), None),
                "failed run of web in prod",
            ),
            (
                parsed(Some("last"), &["web", "api"], None, Some("2h")),
                "run of web and api since 2h",
            ),
        ] {
            let RunRef::Newest(newest) = RunRef::of(&parsed, now).unwrap() else {
                panic!("{text}")
            };
            assert_eq!(newest.to_string(), text);
            assert_eq!(
                newest.status().contains(&RunStatus::TimedOut),
                newest.failed
            );
            assert!(!newest.status().contains(&RunStatus::Interrupted));
        }
        assert_eq!(
            RunRef::of(&parsed(Some("41"), &["web"], None, None), now),
            Ok(RunRef::Number(RunId(41)))
        );
        assert!(
            RunRef::of(&parsed(Some("4l"), &[], None, None), now)
                .unwrap_err()
                .contains("4l")
        );
        assert!(
            RunRef::of(&parsed(None, &[], None, Some("soon")), now)
                .unwrap_err()
                .contains("yesterday")
        );
    }
}
