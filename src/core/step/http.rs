//! `http`: one request and what counts as a good answer.

use serde::{Deserialize, Serialize};

use super::{Call, Outcome, Reply};
use crate::core::observation::State;
use crate::core::service::HttpRequest;

/// A request with nothing left to interpolate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Http {
    pub request: HttpRequest,
}

impl Http {
    pub(super) fn describe(&self) -> String {
        format!("{} {}", self.request.method, self.request.url)
    }

    pub(super) fn call(&self, timeout_ms: i64) -> Call {
        let r = &self.request;
        Call::Http {
            method: r.method.clone(),
            url: r.url.clone(),
            headers: r.headers.clone(),
            body: r.body.clone(),
            timeout_ms,
        }
    }

    /// Status first, then content, then speed: a slow good answer succeeds but is degraded.
    pub(super) fn judge(&self, reply: &Reply) -> Outcome {
        let (status, body, ms) = match reply {
            Reply::Http { status, body, ms, .. } => (*status, body, *ms),
            Reply::TimedOut { after_ms } => return Outcome::timed_out(*after_ms),
            Reply::Unreachable { message } => return Outcome::failed(message.clone(), true, None),
            other => return Outcome::unexpected("http", other),
        };
        let r = &self.request;
        let good =
            if r.expect_status.is_empty() { (200..300).contains(&status) } else { r.expect_status.contains(&status) };
        if !good {
            let again = matches!(status, 408 | 425 | 429 | 500..=599);
            return Outcome::failed(format!("HTTP {status} in {ms} ms"), again, Some(ms));
        }
        if let Some(text) = r.contains.as_ref().filter(|t| !body.contains(t.as_str())) {
            return Outcome::failed(format!("HTTP {status} in {ms} ms, but the body lacks {text:?}"), false, Some(ms));
        }
        let mut outcome = Outcome::ok(format!("HTTP {status} in {ms} ms"), Some(ms));
        if let Some(max) = r.max_ms.filter(|max| ms > *max) {
            outcome.state = State::Degraded;
            outcome.message = format!("HTTP {status} in {ms} ms, slower than {max} ms");
        }
        outcome
    }
}
