//! `pagerduty`: Events API v2. An incident is opened by `trigger`, and the same key acknowledges
//! and resolves it.

use serde_json::{Value, json};

use super::{Event, Message, Post, Severity, shortened};
use crate::base::time::Timestamp;

/// Where events go, unless the account is in another region.
pub const EVENTS: &str = "https://events.pagerduty.com/v2/enqueue";
/// Longest summary, characters.
const MAX_SUMMARY: usize = 1024;
/// Longest key, characters.
const MAX_KEY: usize = 255;

/// An integration of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagerDuty {
    pub url: String,
    /// Name of the secret with the integration's key.
    pub key: String,
}

impl PagerDuty {
    /// Default address of events.
    pub const EVENTS: &'static str = EVENTS;
}

pub(super) fn post(message: &Message, at: Timestamp, url: &str, key: &str) -> Post {
    let mut body =
        json!({ "routing_key": key, "event_action": message.event.name(), "client": "opsroom" });
    if let Some(dedup) = &message.dedup_key {
        body["dedup_key"] = shortened(dedup, MAX_KEY).into();
    }
    // The other two only name the incident.
    if message.event == Event::Trigger {
        body["payload"] = payload(message, at);
        if let Some(link) = &message.link {
            body["links"] = json!([{ "href": link, "text": "more" }]);
        }
    }
    Post::json(url, &body)
}

fn payload(message: &Message, at: Timestamp) -> Value {
    json!({
        "summary": shortened(&message.title, MAX_SUMMARY),
        "source": "opsroom",
        "severity": severity(message.severity),
        "timestamp": at.rfc3339(),
        "custom_details": { "text": message.text },
    })
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Low => "warning",
        Severity::High => "error",
        Severity::Critical => "critical",
    }
}
