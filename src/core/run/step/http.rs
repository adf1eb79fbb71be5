//! `http`: one request and its accepted answers.

use serde::{Deserialize, Serialize};

use super::{CallKind, HttpCall, Outcome, Reply, SecretHeader, answered_again};
use crate::base::outbound::{HostFrom, called_instead};
use crate::stack::service::HttpRequest;
use crate::stack::state::State;

/// A request with nothing left to interpolate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Http {
    pub request: HttpRequest,
    /// Who chose the host of its URL. Plans of earlier versions do not have it: an input may have
    /// chosen it.
    #[serde(
        default = "HostFrom::unknown",
        skip_serializing_if = "HostFrom::is_unknown"
    )]
    pub host: HostFrom,
}

impl Http {
    /// A request whose host is from a file.
    #[must_use]
    pub const fn new(request: HttpRequest) -> Self {
        Self {
            request,
            host: HostFrom::File,
        }
    }

    pub(super) fn describe(&self) -> String {
        let r = &self.request;
        let secrets: Vec<&str> = self.secrets().map(|(_, secret)| secret).collect();
        let with = if secrets.is_empty() {
            String::new()
        } else {
            format!(" (secret {})", secrets.join(", "))
        };
        let calls = called_instead(&r.url)
            .map(|host| format!(" (calls {host})"))
            .unwrap_or_default();
        format!("{} {}{calls}{with}", r.method, r.url)
    }

    /// Headers and the names of the secrets they carry.
    fn secrets(&self) -> impl Iterator<Item = (&str, &str)> {
        let bearer = self
            .request
            .secret_ref
            .iter()
            .map(|name| ("authorization", name.as_str()));
        bearer.chain(
            self.request
                .secret_headers
                .iter()
                .map(|(header, name)| (header.as_str(), name.as_str())),
        )
    }

    pub(super) fn call(&self) -> CallKind {
        let r = &self.request;
        let bearer = r.secret_ref.is_some();
        let header = |(n, (header, secret)): (usize, (&str, &str))| SecretHeader {
            header: header.to_owned(),
            prefix: if bearer && n == 0 { "Bearer " } else { "" },
            secret: secret.to_owned(),
        };
        CallKind::Http(HttpCall {
            secrets: self.secrets().enumerate().map(header).collect(),
            method: r.method.clone(),
            url: r.url.clone(),
            host: self.host,
            headers: r.headers.clone(),
            body: r.body.clone(),
        })
    }

    /// Whether a status counts as good: by default any 2xx.
    #[must_use]
    pub fn accepts(&self, status: u16) -> bool {
        if self.request.expect_status.is_empty() {
            (200..300).contains(&status)
        } else {
            self.request.expect_status.contains(&status)
        }
    }

    /// Status first, then content, then speed: a slow good answer succeeds but is degraded.
    pub(super) fn outcome(&self, reply: &Reply) -> Outcome {
        let (status, body, truncated, ms) = match reply {
            Reply::Http {
                status,
                body,
                truncated,
                ms,
                ..
            } => (*status, body, *truncated, *ms),
            Reply::TimedOut { after_ms } => return Outcome::timed_out(*after_ms),
            Reply::Unreachable { message, .. } => {
                return Outcome::failed(message.clone(), true, None);
            }
            Reply::Refused { message, .. } => return Outcome::refused(message),
            other => return Outcome::unexpected("http", other),
        };
        let r = &self.request;
        if !self.accepts(status) {
            return Outcome::failed(
                format!("HTTP {status} in {ms} ms"),
                answered_again(status),
                Some(ms),
            );
        }
        if let Some(text) = r.contains.as_ref().filter(|t| !body.contains(t.as_str())) {
            let body = if truncated {
                "the part of the body that was read"
            } else {
                "the body"
            };
            return Outcome::failed(
                format!("HTTP {status} in {ms} ms, but {body} lacks {text:?}"),
                false,
                Some(ms),
            );
        }
        let mut outcome = Outcome::ok(format!("HTTP {status} in {ms} ms"), Some(ms));
        if let Some(max) = r.max_ms.filter(|max| ms > *max) {
            outcome.state = State::Degraded;
            outcome.message = format!("HTTP {status} in {ms} ms, slower than {max} ms");
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::step::Verdict;

    fn answer(status: u16, body: &str, ms: i64) -> Reply {
        Reply::Http {
            status,
            headers: std::collections::BTreeMap::new(),
            body: body.to_owned(),
            truncated: false,
            ms,
        }
    }

    #[test]
    fn a_stored_request_without_the_origin_of_its_host_may_have_it_from_an_input() {
        let text = |host| {
            serde_json::to_string(&Http {
                request: HttpRequest::default(),
                host,
            })
            .unwrap()
        };
        let read = |text: &str| serde_json::from_str::<Http>(text).unwrap().host;
        assert_eq!(
            (read(&text(HostFrom::File)), read(&text(HostFrom::Value))),
            (HostFrom::File, HostFrom::Value)
        );
        let old = text(HostFrom::Value);
        assert!(
            !old.contains("\"host\""),
            "an old plan keeps its hash: {old}"
        );
    }

    #[test]
    fn status_then_content_then_speed() {
        let request = HttpRequest {
            contains: Some("ready".to_owned()),
            max_ms: Some(500),
            ..HttpRequest::default()
        };
        let strict = Http::new(HttpRequest {
            expect_status: vec![418],
            ..HttpRequest::default()
        });
        let http = Http::new(request);
        let again = |again| Verdict::Failed { again };
        for (step, reply, verdict, state, message) in [
            (
                &http,
                answer(200, "ready", 12),
                Verdict::Succeeded,
                State::Ok,
                "HTTP 200 in 12 ms",
            ),
            (
                &http,
                answer(204, "ready", 501),
                Verdict::Succeeded,
                State::Degraded,
                "HTTP 204 in 501 ms, slower than 500 ms",
            ),
            (
                &http,
                answer(200, "starting", 9),
                again(false),
                State::Failing,
                "HTTP 200 in 9 ms, but the body lacks \"ready\"",
            ),
            (
                &http,
                answer(503, "ready", 12),
                again(true),
                State::Failing,
                "HTTP 503 in 12 ms",
            ),
            (
                &http,
                answer(301, "ready", 12),
                again(false),
                State::Failing,
                "HTTP 301 in 12 ms",
            ),
            (
                &http,
                answer(429, "", 12),
                again(true),
                State::Failing,
                "HTTP 429 in 12 ms",
            ),
            (
                &strict,
                answer(200, "", 12),
                again(false),
                State::Failing,
                "HTTP 200 in 12 ms",
            ),
            (
                &strict,
                answer(418, "", 12),
                Verdict::Succeeded,
                State::Ok,
                "HTTP 418 in 12 ms",
            ),
            (
                &http,
                Reply::TimedOut { after_ms: 5000 },
                Verdict::TimedOut,
                State::Failing,
                "no answer within 5.0 s",
            ),
            (
                &http,
                Reply::unreachable("connection refused"),
                again(true),
                State::Failing,
                "connection refused",
            ),
        ] {
            let outcome = step.outcome(&reply);
            assert_eq!(
                (outcome.verdict, outcome.state, outcome.message.as_str()),
                (verdict, state, message)
            );
        }
        assert!(matches!(
            http.outcome(&Reply::Stored).verdict,
            Verdict::Failed { again: false }
        ));
    }
}
