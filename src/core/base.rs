//! What every other room uses: time, safe text, limits of messages, secrets and where calls may go.

pub mod header;
pub mod message;
pub mod outbound;
pub mod rate;
pub mod redact;
pub mod secret;
pub mod sgr;
pub mod text;
pub mod time;
