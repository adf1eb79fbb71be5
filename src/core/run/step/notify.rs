//! `notify`: sends a message through a notifier of `opsroom.toml`.

use serde::{Deserialize, Serialize};

use super::document::{Finding, RESULTS, findings_in};
use super::{CallKind, Outcome, Reply, answered_again};
use crate::base::text;
use crate::integration::notify::Message;

/// Length limit of an error answer in messages, in terminal cells.
const MAX_ANSWER: usize = 160;

/// A message with nothing left to interpolate except the findings of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notify {
    /// Name of the notifier.
    pub to: String,
    /// Its kind and address, for people.
    pub place: String,
    pub message: Message,
}

impl Notify {
    /// Whether the text has a placeholder for the findings of the run.
    #[must_use]
    pub fn wants_findings(&self) -> bool {
        self.message.text.contains(RESULTS)
    }

    /// The message with the findings in their place.
    #[must_use]
    pub fn with_findings(&self, findings: &[Finding<'_>]) -> Self {
        let text = findings_in(&self.message.text, findings);
        Self {
            message: Message {
                text,
                ..self.message.clone()
            },
            ..self.clone()
        }
    }

    pub(super) fn describe(&self) -> String {
        format!(
            "tell {} ({}): {}",
            self.to,
            self.place,
            self.message.headline()
        )
    }

    pub(super) fn call(&self) -> CallKind {
        CallKind::Notify {
            to: self.to.clone(),
            message: self.message.clone(),
        }
    }

    pub(super) fn outcome(&self, reply: &Reply) -> Outcome {
        notify_outcome(&self.to, reply)
    }
}

/// The outcome of sending a message.
#[must_use]
pub fn notify_outcome(to: &str, reply: &Reply) -> Outcome {
    match reply {
        Reply::Http {
            status: 200..=299,
            ms,
            ..
        }
        | Reply::Mailed { ms } => Outcome::ok(format!("sent to {to} in {ms} ms"), Some(*ms)),
        Reply::Http {
            status, body, ms, ..
        } => {
            let answer = text::show_limited(body.trim(), MAX_ANSWER);
            let why = if answer.is_empty() {
                String::new()
            } else {
                format!(": {answer}")
            };
            Outcome::failed(
                format!("{to} was not notified: HTTP {status}{why}"),
                answered_again(*status),
                Some(*ms),
            )
        }
        Reply::Declined { message, again } => {
            Outcome::failed(format!("{to} was not notified: {message}"), *again, None)
        }
        Reply::TimedOut { after_ms } => Outcome::timed_out(*after_ms),
        Reply::Unreachable { message, .. } => {
            Outcome::failed(format!("{to} was not notified: {message}"), true, None)
        }
        Reply::Refused { message, .. } => Outcome::refused(message),
        other => Outcome::unexpected("notify", other),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::integration::notify::{Event, Severity};
    use crate::run::StepStatus;
    use crate::run::step::Verdict;

    fn notify() -> Notify {
        let message = Message {
            title: "deploy of web".to_owned(),
            text: "What happened:\n{results}".to_owned(),
            severity: Severity::Low,
            event: Event::Trigger,
            dedup_key: None,
            link: None,
        };
        Notify {
            to: "ops".to_owned(),
            place: "slack address in the secret SLACK".to_owned(),
            message,
        }
    }

    #[test]
    fn answers_become_outcomes_and_reasons_are_shown_safely() {
        let http = |status, body: &str| {
            let headers = BTreeMap::new();
            Reply::Http {
                status,
                headers,
                body: body.to_owned(),
                truncated: false,
                ms: 7,
            }
        };
        let failed = |again| Verdict::Failed { again };
        for (reply, verdict, expected) in [
            (http(202, ""), Verdict::Succeeded, "sent to ops in 7 ms"),
            (
                Reply::Mailed { ms: 7 },
                Verdict::Succeeded,
                "sent to ops in 7 ms",
            ),
            (
                http(404, "channel_not_found\u{1b}[2J"),
                failed(false),
                "ops was not notified: HTTP 404: channel_not_found",
            ),
            (
                http(429, ""),
                failed(true),
                "ops was not notified: HTTP 429",
            ),
            (
                http(503, ""),
                failed(true),
                "ops was not notified: HTTP 503",
            ),
            (
                Reply::Declined {
                    message: "550 no such user".to_owned(),
                    again: false,
                },
                failed(false),
                "ops was not notified: 550 no such user",
            ),
        ] {
            let outcome = notify().outcome(&reply);
            assert_eq!(outcome.verdict, verdict);
            assert!(
                outcome.message.starts_with(expected) && !outcome.message.contains('\u{1b}'),
                "{}",
                outcome.message
            );
        }
    }

    #[test]
    fn findings_replace_their_placeholder() {
        assert_eq!(
            notify().describe(),
            "tell ops (slack address in the secret SLACK): [low] deploy of web"
        );
        assert!(notify().wants_findings());
        let found = [Finding {
            step: "deploy web",
            status: StepStatus::Failed,
            message: Some("exit code 2"),
        }];
        assert_eq!(
            notify().with_findings(&found).message.text,
            "What happened:\n- deploy web: failed: exit code 2"
        );
    }
}
