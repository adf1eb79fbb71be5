//! `email`: a plain text message through an SMTP server.

use super::Message;

/// A mailbox, and the server that takes mail for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    pub server: String,
    pub port: u16,
    pub tls: Tls,
    pub user: Option<String>,
    /// Name of the secret with the password.
    pub password: Option<String>,
    pub from: String,
    pub to: Vec<String>,
}

/// Encryption of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Plain at first, encrypted before any command (port 587).
    Starttls,
    /// From the first byte (port 465).
    Implicit,
    /// Not at all (port 25): for a server on this machine.
    None,
}

impl Tls {
    /// All variants, as files write them.
    pub const WORDS: [(&'static str, Self); 3] = [
        ("starttls", Self::Starttls),
        ("implicit", Self::Implicit),
        ("none", Self::None),
    ];

    /// The usual port.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Implicit => 465,
            Self::None => 25,
        }
    }
}

impl Email {
    pub(super) fn describe(&self) -> String {
        format!(
            "e-mail to {} through {}:{}",
            self.to.join(", "),
            self.server,
            self.port
        )
    }

    /// Subject and text.
    #[must_use]
    pub fn letter(message: &Message) -> (String, String) {
        (
            message.headline().replace(['\r', '\n'], " "),
            message.body() + "\n",
        )
    }
}
