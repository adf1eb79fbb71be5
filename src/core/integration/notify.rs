//! Notifications: the message, its receiver and the kind of notifier. One file per kind; it builds
//! the request, an adapter sends it. Used by `notify` steps and every other sender of
//! notifications.

mod discord;
mod email;
mod pagerduty;
mod slack;
mod webhook;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use discord::Discord;
pub use email::{Email, Tls};
pub use pagerduty::PagerDuty;
pub use slack::Slack;
pub use webhook::{SIGNATURE, TIMESTAMP, Webhook, signature};

use crate::base::time::Timestamp;
use crate::{serde_by_word, words};

/// A notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// One line.
    pub title: String,
    #[serde(default)]
    pub text: String,
    #[serde(default)]
    pub severity: Severity,
    #[serde(default)]
    pub event: Event,
    /// Messages with the same key are about the same incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedup_key: Option<String>,
    /// Link to more information.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

words! {
    /// Severity of a message, mildest first.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
    pub enum Severity {
        #[default]
        Info = "info",
        Low = "low",
        High = "high",
        Critical = "critical",
    }
}

serde_by_word!(Severity);

words! {
    /// Event of an incident.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub enum Event {
        #[default]
        Trigger = "trigger",
        Acknowledge = "acknowledge",
        Resolve = "resolve",
    }
}

serde_by_word!(Event);

impl Message {
    /// The title as people see it: `[critical] web is down`, `[resolved] web is down`.
    #[must_use]
    pub fn headline(&self) -> String {
        let mark = match self.event {
            Event::Trigger => self.severity.name(),
            Event::Acknowledge => "acknowledged",
            Event::Resolve => "resolved",
        };
        format!("[{mark}] {}", self.title)
    }

    /// Text and link, for services that take one text.
    fn body(&self) -> String {
        let parts = [Some(self.text.trim_end()), self.link.as_deref()];
        parts
            .into_iter()
            .flatten()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// A notifier as `opsroom.toml` declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notifier {
    pub name: String,
    pub way: Channel,
}

/// The kinds of notifiers and their names in files: one list, so that none is missing in either.
macro_rules! ways {
    ($($way:ident $word:literal,)+) => {
        /// A notifier with its settings.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Channel {
            $($way($way),)+
        }

        /// Kind of a notifier.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind {
            $($way,)+
        }

        impl Kind {
            /// Every kind with its name in files.
            pub const WORDS: [(&'static str, Self); [$($word),+].len()] = [$(($word, Self::$way)),+];
        }
    };
}

ways! {
    Webhook "webhook",
    Slack "slack",
    Discord "discord",
    PagerDuty "pagerduty",
    Email "email",
}

/// Where a message is posted to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Url(String),
    /// The address itself is a secret, as those of chat services are.
    Secret(String),
}

impl Address {
    fn describe(&self) -> String {
        match self {
            Self::Url(url) => url.split(['?', '#']).next().unwrap_or(url).to_owned(),
            Self::Secret(name) => format!("address in the secret {name}"),
        }
    }
}

/// A request ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    pub url: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Post {
    fn json(url: &str, body: &serde_json::Value) -> Self {
        let headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
        Self {
            url: url.to_owned(),
            headers,
            body: body.to_string(),
        }
    }
}

impl Channel {
    /// Kind and address, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Webhook(webhook) => format!("webhook {}", webhook.url.describe()),
            Self::Slack(slack) => format!("slack {}", slack.url.describe()),
            Self::Discord(discord) => format!("discord {}", discord.url.describe()),
            Self::PagerDuty(pagerduty) => format!("pagerduty {}", pagerduty.url),
            Self::Email(email) => email.describe(),
        }
    }

    /// Where it posts to; `None`: it does not use HTTP.
    #[must_use]
    pub fn address(&self) -> Option<Address> {
        match self {
            Self::Webhook(Webhook { url, .. })
            | Self::Slack(Slack { url })
            | Self::Discord(Discord { url }) => Some(url.clone()),
            Self::PagerDuty(pagerduty) => Some(Address::Url(pagerduty.url.clone())),
            Self::Email(_) => None,
        }
    }

    /// The secret its request is made with, besides the address.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Webhook(webhook) => Some(&webhook.key),
            Self::PagerDuty(pagerduty) => Some(&pagerduty.key),
            Self::Email(email) => email.password.as_deref(),
            Self::Slack(_) | Self::Discord(_) => None,
        }
    }

    /// Whether the key leaves this machine; that of a webhook only signs.
    #[must_use]
    pub const fn sends_key(&self) -> bool {
        !matches!(self, Self::Webhook(_))
    }

    /// The request that sends the message; `None` for e-mail, which uses SMTP. `url` and `key` are
    /// the values.
    #[must_use]
    pub fn post(&self, message: &Message, at: Timestamp, url: &str, key: &str) -> Option<Post> {
        match self {
            Self::Webhook(_) => Some(webhook::post(message, at, url, key)),
            Self::Slack(_) => Some(slack::post(message, url)),
            Self::Discord(_) => Some(discord::post(message, url)),
            Self::PagerDuty(_) => Some(pagerduty::post(message, at, url, key)),
            Self::Email(_) => None,
        }
    }
}

/// The text in at most `max` characters; a cut text ends in `…`.
fn shortened(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    text.chars()
        .take(max.saturating_sub(1))
        .chain(['…'])
        .collect()
}

#[cfg(test)]
mod tests;
