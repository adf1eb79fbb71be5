//! What every other room uses: time, safe text, limits of messages, secrets, where calls may go, and
//! files that people write.

pub mod header;
pub mod message;
pub mod outbound;
pub mod problem;
pub mod rate;
pub mod redact;
pub mod secret;
pub mod sgr;
pub mod suggest;
pub mod text;
pub mod time;
pub mod toml_doc;
mod words;
