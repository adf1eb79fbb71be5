//! `discord`: a webhook of a Discord channel.

use serde_json::json;

use super::{Address, Message, Post, shortened};

/// Characters of a message; longer ones are refused.
const MAX: usize = 2_000;

/// A channel's webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discord {
    pub url: Address,
}

pub(super) fn post(message: &Message, url: &str) -> Post {
    let text = format!("**{}**\n{}", message.headline(), message.body());
    // No text may mention everyone.
    let quiet = json!({ "parse": [] });
    Post::json(
        url,
        &json!({ "content": shortened(text.trim_end(), MAX), "allowed_mentions": quiet }),
    )
}
