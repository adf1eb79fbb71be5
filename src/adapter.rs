//! Adapters: the only code that acts on other systems for steps. One file per kind of call; one
//! arm in `perform`.

mod connect;
mod context;
mod http;
mod mail;
mod notify;
mod ping;
mod process;
mod product;
mod rate_limiter;
mod script;
mod sql;
mod timeline;
mod wait;

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::context::AdapterContext;
pub use self::process::{Birth, Remains, end_orphan};
use self::rate_limiter::{Caller, RateLimiter};
pub use self::script::{Act, Script, ScriptedAnswer};
use crate::core::base::redact::Redactor;
use crate::core::run::artifact::{self, ArtifactDraft, NotKept};
use crate::core::run::event::Stream;
use crate::core::run::step::{Call, CallKind, CallRefusal, Reply};
use crate::core::run::timing::Timing;

/// A captured line, before it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputLine {
    pub stream: Stream,
    pub text: String,
}

/// Events of a call while it runs.
#[derive(Debug)]
pub enum CallEvent {
    /// A command is ready to start: how to find its process when this one is gone.
    Ready(Birth, oneshot::Sender<()>),
    /// Lines of output, in the order they were read.
    Lines(Vec<OutputLine>),
    /// A file the command left; the answer is whether it is kept, or why not. One at a time: they
    /// may be large.
    Artifact(ArtifactDraft, oneshot::Sender<Result<(), NotKept>>),
    /// Something a person should know about the call: a warning of ours, not output.
    Note(String),
    /// The phases of a request, a connection or a resolved name; before its answer.
    Timed(Timing),
}

/// How a running call is stopped.
#[derive(Debug, Clone, Default)]
pub struct CancelTokens {
    /// End within 2 s.
    pub cancel: CancellationToken,
    /// End at once, without grace; fires after or together with `cancel`.
    pub kill: CancellationToken,
}

impl From<CancellationToken> for CancelTokens {
    fn from(cancel: CancellationToken) -> Self {
        Self {
            cancel,
            kill: CancellationToken::new(),
        }
    }
}

/// Performs calls. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Adapters(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Real(Arc<Real>),
    Scripted(Arc<Script>),
}

#[derive(Debug)]
struct Real {
    context: AdapterContext,
    client: http::Client,
    limiter: RateLimiter,
}

impl Adapters {
    /// Adapters that make real calls, within the limits of `context`. Costs nothing until the first
    /// HTTP call (which loads the root certificates).
    pub fn real(context: AdapterContext) -> Self {
        let client = http::Client::new(context.policy.clone());
        let limiter = RateLimiter::new(context.limits);
        Self(Kind::Real(Arc::new(Real {
            context,
            client,
            limiter,
        })))
    }

    /// Adapters that touch nothing and answer from `script`: a dry run, or a test.
    pub fn scripted(script: Arc<Script>) -> Self {
        Self(Kind::Scripted(script))
    }

    /// Takes the values of secrets out of everything that is written about calls.
    pub fn redactor(&self) -> Arc<Redactor> {
        match &self.0 {
            Kind::Real(real) => real.context.vault.redactor(),
            Kind::Scripted(_) => Arc::default(),
        }
    }

    /// Limits of the artifacts of runs.
    pub fn artifact_limits(&self) -> artifact::Limits {
        match &self.0 {
            Kind::Real(real) => real.context.artifacts,
            Kind::Scripted(_) => artifact::Limits::default(),
        }
    }

    /// Whether the call could be made at all from here. `Err` is a problem on our side (an invalid
    /// address, a program that is not installed), so that it is not held against the target.
    pub fn check(&self, call: &Call) -> Result<(), CallRefusal> {
        let Kind::Real(real) = &self.0 else {
            return Ok(());
        };
        match &call.kind {
            CallKind::Wait(_) | CallKind::Resolve { .. } => Ok(()),
            CallKind::Connect(to) => connect::check(&to.host, &real.context.policy),
            CallKind::Ping { host } => connect::check(host, &real.context.policy),
            CallKind::Http(request) => {
                let url = http::check(&request.method, &request.url, &request.headers)?;
                http::check_address(&url, request.host, &real.context.policy)?;
                for header in &request.secrets {
                    http::check_secret(&real.context.vault, &header.secret, &url)?;
                }
                Ok(())
            }
            CallKind::Shell(command) => {
                command
                    .secrets
                    .iter()
                    .try_for_each(|s| real.context.vault.check(&s.secret).map(drop))?;
                Ok(process::check(command)?)
            }
            CallKind::Sql(statement) => Ok(sql::check(statement, &real.context)?),
            CallKind::Notify { to, .. } => Ok(notify::check(to, &real.context)?),
            CallKind::Operation(operation) => product::check(operation, &real.context),
            CallKind::Manual(_) | CallKind::Approve(_) | CallKind::Artifact(_) => {
                Err(NOT_OURS.to_owned().into())
            }
        }
    }

    /// Performs one call. Output goes to `output` (bounded: a slow reader slows the child; a
    /// dropped one discards it). When `cancel` fires the call ends within 2 s (children: TERM to
    /// the process group, KILL after a grace period, or at once when `kill` fires). Dropping the
    /// future ends children at once with KILL. Where a rate limit is used up the call waits, within
    /// its own deadline.
    pub async fn perform(
        &self,
        call: Call,
        output: mpsc::Sender<CallEvent>,
        limits: impl Into<CancelTokens>,
    ) -> Reply {
        let limits = limits.into();
        match &self.0 {
            Kind::Real(real) => real
                .perform(call, output, limits, true)
                .await
                .unwrap_or_else(|reply| reply),
            Kind::Scripted(script) => script.perform(call, output, limits.cancel).await,
        }
    }

    /// Removes the shared state of a session's commands: its run has ended.
    pub fn end_session(&self, name: &str) {
        if matches!(self.0, Kind::Real(_)) {
            process::end_session(name);
        }
    }

    /// Names of the sessions that still have files on this machine.
    #[must_use]
    pub fn sessions(&self) -> Vec<String> {
        if matches!(self.0, Kind::Real(_)) {
            process::sessions()
        } else {
            Vec::new()
        }
    }

    /// Performs a call that is made now or not at all. `None`: the rate limit does not allow it
    /// now.
    pub async fn glance(&self, call: Call, output: mpsc::Sender<CallEvent>) -> Option<Reply> {
        match &self.0 {
            Kind::Real(real) => real
                .perform(call, output, CancelTokens::default(), false)
                .await
                .ok(),
            Kind::Scripted(script) => {
                Some(script.perform(call, output, CancellationToken::new()).await)
            }
        }
    }
}

impl Real {
    /// `Err`: the refusal when the rate limit leaves no slot.
    async fn perform(
        &self,
        call: Call,
        output: mpsc::Sender<CallEvent>,
        limits: CancelTokens,
        waits: bool,
    ) -> Result<Reply, Reply> {
        let context = &self.context;
        let caller = Caller {
            timeout_ms: call.timeout_ms,
            waits,
            output: &output,
            cancel: &limits.cancel,
        };
        let ways = (&self.client, &self.limiter);
        Ok(match call.kind {
            CallKind::Http(request) => {
                let left = self.limiter.host(&request.url, caller).await?;
                let answer = self
                    .client
                    .timed(request, &context.vault, left, limits.cancel);
                timed(answer.await, &output)
            }
            CallKind::Shell(command) => {
                // A command slot is free as soon as another command ends: a glance waits for that,
                // too.
                let (_place, left) = self
                    .limiter
                    .command(Caller {
                        waits: true,
                        ..caller
                    })
                    .await?;
                process::perform(&command, context, left, output, limits).await
            }
            CallKind::Connect(connection) => {
                let (policy, timeout_ms) = (&context.policy, call.timeout_ms);
                let answer = connect::perform(&connection, policy, timeout_ms, limits.cancel);
                timed(answer.await, &output)
            }
            CallKind::Ping { host } => {
                let (policy, timeout_ms) = (&context.policy, call.timeout_ms);
                let answer = ping::perform(&host, policy, timeout_ms, limits.cancel);
                timed(answer.await, &output)
            }
            CallKind::Resolve { host } => {
                let answer = connect::resolve(&host, call.timeout_ms, limits.cancel);
                timed(answer.await, &output)
            }
            CallKind::Wait(wait) => wait::perform(wait.ms, limits.cancel).await,
            CallKind::Manual(_) | CallKind::Approve(_) | CallKind::Artifact(_) => {
                Reply::unreachable(NOT_OURS)
            }
            // Boxed, like the two below: seldom used, and far larger than the rest.
            CallKind::Sql(statement) => {
                Box::pin(sql::perform(
                    statement,
                    context,
                    call.timeout_ms,
                    output,
                    limits.cancel,
                ))
                .await
            }
            CallKind::Notify { to, message } => {
                Box::pin(notify::perform(&to, &message, ways, context, caller)).await
            }
            CallKind::Operation(operation) => {
                Box::pin(product::perform(operation, ways, context, caller)).await
            }
        })
    }
}

const NOT_OURS: &str =
    "questions to people and artifacts are handled by the engine, not by an adapter";

/// The answer; its timing goes the way of output, if somebody listens.
fn timed((reply, timing): (Reply, Timing), output: &mpsc::Sender<CallEvent>) -> Reply {
    let _ = output.try_send(CallEvent::Timed(timing));
    reply
}

/// The answer to a call that was cancelled before it had one.
fn cancelled() -> Reply {
    Reply::unreachable("cancelled")
}

/// Milliseconds since `start`, whole.
fn elapsed_ms(start: Instant) -> i64 {
    i64::try_from(start.elapsed().as_millis()).unwrap_or(i64::MAX)
}

/// A timeout as a duration: at least 1 ms, at most about 30 years (the limit of tokio's timers).
fn deadline(timeout_ms: i64) -> std::time::Duration {
    std::time::Duration::from_millis(
        u64::try_from(timeout_ms)
            .unwrap_or(0)
            .clamp(1, 1_000_000_000_000),
    )
}
