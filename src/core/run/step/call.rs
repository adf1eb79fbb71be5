//! What a step asks of the outside. Adapters take these values as they are.

use std::collections::BTreeMap;

use super::adapter::Adapter;
use super::approve::Approve;
use super::manual::Manual;
use super::shell::SessionRef;
use super::sql::Sql;
use super::wait::Wait;
use crate::base::outbound::HostFrom;
use crate::base::time::Timestamp;
use crate::integration::notify::Message;
use crate::run::artifact::{ArtifactDraft, ArtifactSpec};

/// A call to the outside. Only adapters perform it.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub kind: CallKind,
    /// The total deadline. A wait and an artifact do not use it.
    pub timeout_ms: i64,
}

/// What is called. A step that needs nothing but its own fields is the call itself.
#[derive(Debug, Clone, PartialEq)]
pub enum CallKind {
    Http(HttpCall),
    Shell(ShellCall),
    Wait(Wait),
    Sql(Sql),
    Notify {
        /// Name of the notifier.
        to: String,
        message: Message,
    },
    /// An operation of a product.
    Operation(Adapter),
    /// Ask the operator; answered through `Control::answer`.
    Manual(Manual),
    /// Ask people whether the run may go on; answered through `Control::vote`.
    Approve(Approve),
    /// Open a connection and close it again; only routines do.
    Connect(ConnectCall),
    /// Resolve a host name; only routines do.
    Resolve {
        host: String,
    },
    /// Send an ICMP echo request and wait for the reply; only routines do.
    Ping {
        host: String,
    },
    /// No call: the step only produces this artifact.
    Artifact(ArtifactDraft),
}

/// A request to send.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpCall {
    pub method: String,
    pub url: String,
    /// Who chose the host of the URL.
    pub host: HostFrom,
    pub headers: BTreeMap<String, String>,
    pub body: Option<String>,
    /// Headers only the adapter can fill in.
    pub secrets: Vec<SecretHeader>,
}

/// A connection to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectCall {
    pub host: String,
    pub port: u16,
    /// Speak TLS, and ask for the certificate of this name.
    pub tls_name: Option<String>,
}

/// A certificate as a server sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    pub subject: String,
    pub issuer: String,
    /// First and last instant at which it is valid.
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

/// A command to run: program, arguments, additions to the environment, folder.
#[derive(Debug, Clone, PartialEq)]
pub struct ShellCall {
    pub argv: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub dir: Option<String>,
    pub secrets: Vec<SecretVariable>,
    /// Artifact files to collect when it has ended.
    pub artifacts: ArtifactSpec,
    /// The session it shares with other commands of its run.
    pub session: Option<SessionRef>,
}

/// A variable of a command that holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretVariable {
    pub variable: String,
    /// The secret's name.
    pub secret: String,
}

/// A header with a secret in it: `Authorization: Bearer ` and the name of the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretHeader {
    pub header: String,
    /// Text before the value.
    pub prefix: &'static str,
    /// The secret's name.
    pub secret: String,
}

impl SecretHeader {
    /// The token of a product, as all of them take it.
    #[must_use]
    pub fn bearer(token: &str) -> Self {
        Self {
            header: "authorization".to_owned(),
            prefix: "Bearer ",
            secret: token.to_owned(),
        }
    }
}
