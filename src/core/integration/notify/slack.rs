//! `slack`: an incoming webhook of Slack, or of a chat that takes the same (Mattermost,
//! Rocket.Chat, Zulip).

use serde_json::json;

use super::{Address, Message, Post, shortened};

/// Characters of a message; Slack truncates far longer ones silently.
const MAX: usize = 4_000;

/// An incoming webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slack {
    pub url: Address,
}

pub(super) fn post(message: &Message, url: &str) -> Post {
    let text = format!(
        "*{}*\n{}",
        escaped(&message.headline()),
        escaped(&message.body())
    );
    Post::json(url, &json!({ "text": shortened(text.trim_end(), MAX) }))
}

/// Escapes the three special characters of Slack, so that no text mentions a channel or hides a
/// link.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
