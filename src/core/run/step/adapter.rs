//! `adapter`: an operation of a known product: one or several HTTP requests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CallKind, Outcome, Reply, answered_again};
use crate::base::text;
use crate::integration::product::{self, Kept, Operation, Product, Stage};

/// Length limit of an error answer in messages, in terminal cells.
const MAX_ANSWER: usize = 200;

/// An operation with its arguments, nothing left to interpolate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adapter {
    /// Full name: `github.create_pull_request`.
    pub operation: String,
    pub args: BTreeMap<String, String>,
    /// Where the product is called.
    pub base_url: String,
    /// Name of the secret sent as the token.
    pub token: String,
}

/// Progress of an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Number of the request that was made last, from 0.
    pub stage: usize,
    /// Its answer.
    pub last: Box<Reply>,
    pub kept: Kept,
    /// All requests together.
    pub ms: i64,
}

impl Adapter {
    /// Its table entry; `None`: the plan was made by another version.
    #[must_use]
    pub fn entry(&self) -> Option<(Product, &'static Operation)> {
        product::find(&self.operation).ok()
    }

    /// Whether it is read-only.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.entry()
            .is_some_and(|(_, operation)| !operation.mutates())
    }

    pub(super) fn describe(&self) -> String {
        let Some((_, operation)) = self.entry() else {
            return format!("{} (unknown here)", self.operation);
        };
        let kept = Kept::new();
        let request = |stage: &Stage| {
            let request = product::request(operation, stage, &self.args, &kept);
            let body = request
                .body
                .as_deref()
                .map(|body| format!(" {}", text::cut(body, 300)))
                .unwrap_or_default();
            format!("{} {}{}{body}", request.method, self.base_url, request.path)
        };
        let requests: Vec<String> = operation.stages.iter().map(request).collect();
        format!(
            "{} (secret {}): {}",
            self.operation,
            self.token,
            requests.join(", then ")
        )
    }

    pub(super) fn call(&self) -> CallKind {
        CallKind::Operation(self.clone())
    }

    pub(super) fn outcome(&self, reply: &Reply) -> Outcome {
        let Some((_, operation)) = self.entry() else {
            return Outcome::refused(&format!("this version does not know {}", self.operation));
        };
        match reply {
            Reply::Operated(progress) => self.outcome_of(operation, progress),
            Reply::Refused { message, .. } => Outcome::refused(message),
            Reply::Unreachable { message, .. } => Outcome::failed(message.clone(), true, None),
            Reply::TimedOut { after_ms } => Outcome::timed_out(*after_ms),
            other => Outcome::unexpected("adapter", other),
        }
    }

    fn outcome_of(&self, operation: &Operation, progress: &Progress) -> Outcome {
        let Some(stage) = operation.stages.get(progress.stage) else {
            return Outcome::unexpected("adapter", &progress.last);
        };
        let done = self.done(&operation.stages[..progress.stage]);
        let before = if done.is_empty() {
            String::new()
        } else {
            format!("; before that it {}", done.join(", "))
        };
        let request = product::request(operation, stage, &self.args, &progress.kept);
        let request_line = format!("{} {}", request.method, request.path);
        match progress.last.as_ref() {
            Reply::Http { status, .. } if stage.good.contains(status) => {
                let mut results = self.done(operation.stages);
                let url = progress.kept.get("url").and_then(|v| v.as_str());
                results.extend(url.map(str::to_owned));
                if results.is_empty() {
                    results.push(format!("HTTP {status}"));
                }
                Outcome::ok(
                    format!("{} in {} ms", results.join(", "), progress.ms),
                    Some(progress.ms),
                )
            }
            Reply::Http {
                status,
                headers,
                body,
                ..
            } => {
                let limited = *status == 403
                    && headers
                        .get("x-ratelimit-remaining")
                        .is_some_and(|left| left == "0");
                let why = reason(body);
                let why = if why.is_empty() {
                    String::new()
                } else {
                    format!(": {why}")
                };
                let message = format!("{request_line}: HTTP {status}{why}{before}");
                Outcome::failed(
                    message,
                    limited || answered_again(*status),
                    Some(progress.ms),
                )
            }
            Reply::TimedOut { .. } => {
                let mut outcome = Outcome::timed_out(progress.ms);
                outcome.message = format!("{request_line}: {}{before}", outcome.message);
                outcome
            }
            Reply::Refused { message, .. } => Outcome::refused(&format!("{message}{before}")),
            Reply::Unreachable { message, .. } => {
                Outcome::failed(format!("{request_line}: {message}{before}"), true, None)
            }
            other => Outcome::unexpected("adapter", other),
        }
    }

    /// Describes what these stages did.
    fn done(&self, stages: &[Stage]) -> Vec<String> {
        let filled = |words: &str| {
            self.args
                .iter()
                .fold(words.to_owned(), |words, (name, value)| {
                    words.replace(&format!("{{{name}}}"), value)
                })
        };
        stages
            .iter()
            .map(|s| s.did)
            .filter(|did| !did.is_empty())
            .map(filled)
            .collect()
    }
}

/// The reason in an error answer: its `message` and the first of its `errors`, else its beginning.
fn reason(body: &str) -> String {
    let json: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let words = json.as_ref().map(|json| {
        let texts = [
            "/message",
            "/error/message",
            "/errors/0/message",
            "/errors/0",
        ];
        texts
            .iter()
            .filter_map(|at| json.pointer(at)?.as_str())
            .collect::<Vec<_>>()
            .join(": ")
    });
    text::show_limited(
        words
            .as_deref()
            .filter(|words| !words.is_empty())
            .unwrap_or(body.trim()),
        MAX_ANSWER,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::step::Verdict;

    fn pull_request() -> Adapter {
        let args = [
            ("repo", "acme/ops"),
            ("base", "main"),
            ("head", "spec-web"),
            ("path", "specs/web page.md"),
            ("content", "# Web\n"),
            ("title", "Spec: web"),
            ("draft", "false"),
        ];
        Adapter {
            operation: "github.create_pull_request".to_owned(),
            args: args.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            base_url: "https://api.github.com".to_owned(),
            token: "GITHUB".to_owned(),
        }
    }

    fn http(status: u16, body: &str) -> Reply {
        let headers = BTreeMap::from([("x-ratelimit-remaining".to_owned(), "0".to_owned())]);
        Reply::Http {
            status,
            headers,
            body: body.to_owned(),
            truncated: false,
            ms: 9,
        }
    }

    fn stopped_at(stage: usize, last: Reply) -> Reply {
        let kept = Kept::from([("url".to_owned(), "https://github.test/pull/7".into())]);
        Reply::Operated(Progress {
            stage,
            last: Box::new(last),
            kept,
            ms: 40,
        })
    }

    #[test]
    fn the_dry_run_shows_every_request() {
        let description = pull_request().describe();
        let requests: Vec<&str> = description.split(", then ").collect();
        assert_eq!(
            requests,
            [
                "github.create_pull_request (secret GITHUB): GET https://api.github.com/repos/acme/ops/git/ref/heads/main",
                "GET https://api.github.com/repos/acme/ops/contents/specs/web%20page.md?ref=main",
                "POST https://api.github.com/repos/acme/ops/git/refs {\"ref\":\"refs/heads/spec-web\"}",
                "PUT https://api.github.com/repos/acme/ops/contents/specs/web%20page.md \
                 {\"branch\":\"spec-web\",\"content\":\"IyBXZWIK\",\"message\":\"Spec: web\"}",
                "POST https://api.github.com/repos/acme/ops/pulls \
                 {\"base\":\"main\",\"draft\":false,\"head\":\"spec-web\",\"title\":\"Spec: web\"}",
            ]
        );
    }

    #[test]
    fn the_last_request_decides_the_outcome_and_earlier_stages_are_reported() {
        let failed = |again| Verdict::Failed { again };
        let exists = r#"{"message": "Reference already exists", "errors": []}"#;
        for (reply, verdict, expected) in [
            (
                stopped_at(4, http(201, "{}")),
                Verdict::Succeeded,
                "created the branch spec-web, committed specs/web page.md, opened a pull request, https://github.test/pull/7 in 40 ms",
            ),
            (
                stopped_at(2, http(422, exists)),
                failed(false),
                "POST /repos/acme/ops/git/refs: HTTP 422: Reference already exists",
            ),
            (
                stopped_at(4, http(500, "oops")),
                failed(true),
                "POST /repos/acme/ops/pulls: HTTP 500: oops; before that it created the branch spec-web, committed specs/web page.md",
            ),
            (
                stopped_at(0, http(403, "{}")),
                failed(true),
                "GET /repos/acme/ops/git/ref/heads/main: HTTP 403",
            ),
            (
                stopped_at(1, Reply::TimedOut { after_ms: 5 }),
                Verdict::TimedOut,
                "GET /repos/acme/ops/contents/specs/web%20page.md?ref=main: no answer",
            ),
            (
                Reply::refused("the secret GITHUB is missing"),
                failed(false),
                "the secret GITHUB is missing",
            ),
        ] {
            let outcome = pull_request().outcome(&reply);
            assert_eq!(outcome.verdict, verdict, "{outcome:?}");
            assert!(outcome.message.starts_with(expected), "{}", outcome.message);
        }
        assert!(!pull_request().is_read_only());
        assert!(
            Adapter {
                operation: "github.combined_status".to_owned(),
                ..pull_request()
            }
            .is_read_only()
        );
    }
}
