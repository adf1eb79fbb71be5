//! Adapters: the only code that touches the world on behalf of steps. One file per way; one arm in `perform`.

mod http;
mod process;
mod script;
mod wait;

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::script::{Act, Answer, Script};
use crate::core::event::Stream;
use crate::core::step::{Call, Reply};

/// A captured line, before it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputLine {
    pub stream: Stream,
    pub text: String,
}

/// What a call says while it is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Lines of output, in the order they were read.
    Lines(Vec<OutputLine>),
    /// Something a person should know about how the call went: a warning of ours, not output.
    Note(String),
}

/// Performs calls. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Adapters(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Real(Arc<http::Client>),
    Scripted(Arc<Script>),
}

impl Adapters {
    /// Adapters that really act. Costs nothing until the first HTTP call (which loads the root certificates).
    pub fn real() -> Self {
        Self(Kind::Real(Arc::default()))
    }

    /// Adapters that touch nothing and answer from `script`: a dry run, or a test.
    pub fn scripted(script: Arc<Script>) -> Self {
        Self(Kind::Scripted(script))
    }

    /// Whether the call could be made at all from here. `Err` says what is wrong on our side (an address that is none,
    /// a program that is not installed), so that it is not held against the target.
    pub fn check(&self, call: &Call) -> Result<(), String> {
        match (&self.0, call) {
            (Kind::Scripted(_), _) | (Kind::Real(_), Call::Wait { .. }) => Ok(()),
            (Kind::Real(_), Call::Http { method, url, headers, .. }) => http::check(method, url, headers),
            (Kind::Real(_), Call::Shell { argv, env, dir, .. }) => process::check(argv, env, dir.as_deref()),
            (Kind::Real(_), Call::Manual { .. } | Call::Leave { .. }) => Err(NOT_OURS.to_owned()),
        }
    }

    /// Performs one call. Output goes to `output` (bounded: a slow reader slows the child; a dropped one means nobody
    /// wants it). When `cancel` fires the call ends within 2 s (children: TERM to the process group, KILL after a grace
    /// period). Dropping the future ends children at once with KILL.
    pub async fn perform(&self, call: Call, output: mpsc::Sender<Said>, cancel: CancellationToken) -> Reply {
        let client = match &self.0 {
            Kind::Real(client) => client,
            Kind::Scripted(script) => return script.perform(call, output, cancel).await,
        };
        match call {
            Call::Http { method, url, headers, body, timeout_ms } => {
                let request = http::Request { method, url, headers, body };
                client.perform(request, timeout_ms, cancel).await
            }
            Call::Shell { argv, env, dir, timeout_ms } => {
                let command = process::Invocation { argv, env, dir };
                process::perform(&command, timeout_ms, output, cancel).await
            }
            Call::Wait { ms } => wait::perform(ms, cancel).await,
            Call::Manual { .. } | Call::Leave { .. } => Reply::Unreachable { message: NOT_OURS.to_owned() },
        }
    }
}

const NOT_OURS: &str = "questions to people and artifacts are handled by the engine, not by an adapter";

/// The answer to a call that was cancelled before it had one.
fn cancelled() -> Reply {
    Reply::Unreachable { message: "cancelled".to_owned() }
}

/// Milliseconds since `start`, whole.
fn elapsed_ms(start: Instant) -> i64 {
    i64::try_from(start.elapsed().as_millis()).unwrap_or(i64::MAX)
}

/// A deadline as a duration: at least 1 ms, at most about 30 years (tokio's timers end there).
fn deadline(timeout_ms: i64) -> std::time::Duration {
    std::time::Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0).clamp(1, 1_000_000_000_000))
}
