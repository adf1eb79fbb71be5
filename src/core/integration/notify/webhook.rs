//! `webhook`: JSON to any address, signed so that the receiver knows it is from us and new.
//!
//! The receiver takes the decimal Unix seconds of [`TIMESTAMP`], a full stop and the raw body,
//! computes HMAC-SHA256 over it with the shared key, compares `v1=` and the hexadecimal result with
//! [`SIGNATURE`] in constant time, and refuses a timestamp more than five minutes off.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use super::{Address, Message, Post};
use crate::base::time::Timestamp;

/// Header with the time of sending, Unix seconds.
pub const TIMESTAMP: &str = "x-opsroom-timestamp";
/// Header with the signature.
pub const SIGNATURE: &str = "x-opsroom-signature";

/// A signed webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub url: Address,
    /// Name of the secret it is signed with.
    pub key: String,
}

pub(super) fn post(message: &Message, at: Timestamp, url: &str, key: &str) -> Post {
    let body = json!({
        "source": "opsroom",
        "event": message.event.name(),
        "severity": message.severity.name(),
        "title": message.title,
        "text": message.text,
        "dedup_key": message.dedup_key,
        "link": message.link,
        "at": at.rfc3339(),
    });
    let mut post = Post::json(url, &body);
    let seconds = (at.0 / 1000).to_string();
    post.headers
        .insert(SIGNATURE.to_owned(), signature(key, &seconds, &post.body));
    post.headers.insert(TIMESTAMP.to_owned(), seconds);
    post
}

/// `v1=` and the hexadecimal HMAC-SHA256 of `SECONDS.BODY`.
#[must_use]
pub fn signature(key: &str, seconds: &str, body: &str) -> String {
    // HMAC accepts keys of any length, so this cannot fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else {
        return String::new();
    };
    mac.update(seconds.as_bytes());
    mac.update(b".");
    mac.update(body.as_bytes());
    mac.finalize()
        .into_bytes()
        .iter()
        .fold("v1=".to_owned(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}"); // writing to a String cannot fail
            hex
        })
}
