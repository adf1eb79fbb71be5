//! Scripted answers instead of real calls, for dry runs and for tests of failures. A call without a
//! written answer gets the plain good answer of its kind.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{CallEvent, OutputLine, cancelled, deadline, timed};
use crate::core::integration::product;
use crate::core::run::step::adapter::Progress;
use crate::core::run::step::sql::Rows;
use crate::core::run::step::{Call, CallKind, Reply};
use crate::core::run::timing::Timing;

/// The answers, and the calls made so far.
#[derive(Debug, Default)]
pub struct Script {
    answers: Mutex<Vec<ScriptedAnswer>>,
    calls: Mutex<Vec<Call>>,
}

/// One answer. Several for the same call are given in their order; the last one repeats.
#[derive(Debug, Clone)]
pub struct ScriptedAnswer {
    /// Text found in the call: part of `GET http://…`, of the command line, or `wait`.
    pub to: String,
    /// Output before the answer.
    pub says: Vec<OutputLine>,
    pub after_ms: i64,
    pub act: Act,
}

/// How a scripted call ends.
#[derive(Debug, Clone)]
pub enum Act {
    Reply(Reply),
    /// An answer with the phases of its call.
    Timed(Reply, Timing),
    /// Never, until its deadline or a cancellation.
    Hang,
    /// The adapter itself breaks.
    Panic(String),
}

impl Script {
    /// Adds an answer.
    #[must_use]
    pub fn on(self, to: &str, act: Act) -> Self {
        self.answer(ScriptedAnswer {
            to: to.to_owned(),
            says: Vec::new(),
            after_ms: 0,
            act,
        })
    }

    /// Adds an answer with output and a delay.
    #[must_use]
    pub fn answer(self, answer: ScriptedAnswer) -> Self {
        self.answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(answer);
        self
    }

    /// The calls made so far, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) async fn perform(
        &self,
        call: Call,
        output: mpsc::Sender<CallEvent>,
        cancel: CancellationToken,
    ) -> Reply {
        let answer = self.choose(&call);
        let timeout = call.timeout_ms;
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(call);
        if !answer.says.is_empty() {
            // No listener: the lines are dropped.
            let _ = output.send(CallEvent::Lines(answer.says)).await;
        }
        let act = async {
            if answer.after_ms > 0 {
                sleep(deadline(answer.after_ms)).await;
            }
            match answer.act {
                Act::Reply(reply) => reply,
                Act::Timed(reply, timing) => timed((reply, timing), &output),
                Act::Hang => std::future::pending().await,
                Act::Panic(message) => std::panic::panic_any(message),
            }
        };
        tokio::select! {
            biased;
            reply = act => reply,
            () = cancel.cancelled() => cancelled(),
            () = sleep(deadline(timeout)) => Reply::TimedOut { after_ms: timeout },
        }
    }

    fn choose(&self, call: &Call) -> ScriptedAnswer {
        let text = describe(call);
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = |a: &ScriptedAnswer| text.contains(&a.to);
        let Some(first) = answers.iter().position(fitting) else {
            return plain(call);
        };
        if answers.iter().skip(first + 1).any(fitting) {
            answers.remove(first)
        } else {
            answers[first].clone()
        }
    }
}

fn describe(call: &Call) -> String {
    match &call.kind {
        CallKind::Http(request) => format!("{} {}", request.method, request.url),
        CallKind::Shell(command) => command.argv.join(" "),
        CallKind::Connect(connection) => format!("connect {}:{}", connection.host, connection.port),
        CallKind::Resolve { host } => format!("resolve {host}"),
        CallKind::Ping { host } => format!("ping {host}"),
        CallKind::Wait(_) => "wait".to_owned(),
        CallKind::Manual(manual) => manual.prompt.clone(),
        CallKind::Approve(approve) => approve.prompt.clone(),
        CallKind::Artifact(_) => "artifact".to_owned(),
        CallKind::Sql(sql) => format!("sql {}: {}", sql.database, sql.statement),
        CallKind::Notify { to, message } => format!("notify {to}: {}", message.title),
        CallKind::Operation(adapter) => adapter.operation.clone(),
    }
}

fn plain(call: &Call) -> ScriptedAnswer {
    let reply = match &call.kind {
        CallKind::Http(_) | CallKind::Notify { .. } => good_http(),
        CallKind::Shell(_) => Reply::Exited {
            code: Some(0),
            signal: None,
            outputs: BTreeMap::new(),
            lacks: Vec::new(),
            ms: 0,
        },
        CallKind::Connect(connection) => Reply::Connected {
            address: format!("{}:{}", connection.host, connection.port),
            certificates: Vec::new(),
            distrust: None,
            ms: 0,
        },
        CallKind::Resolve { host } => Reply::Resolved {
            addresses: vec![host.clone()],
            ms: 0,
        },
        CallKind::Ping { host } => Reply::Echoed {
            address: host.clone(),
            ms: 0,
        },
        CallKind::Wait(wait) => Reply::Waited { ms: wait.ms },
        CallKind::Manual(_) | CallKind::Approve(_) => Reply::Answered {
            done: true,
            by: "the script".to_owned(),
            note: None,
        },
        CallKind::Artifact(_) => Reply::Stored,
        CallKind::Sql(_) => Reply::Rows(Rows {
            columns: Vec::new(),
            rows: Vec::new(),
            affected: 0,
            truncated: false,
            ms: 0,
        }),
        CallKind::Operation(adapter) => operated(&adapter.operation),
    };
    ScriptedAnswer {
        to: String::new(),
        says: Vec::new(),
        after_ms: 0,
        act: Act::Reply(reply),
    }
}

fn good_http() -> Reply {
    Reply::Http {
        status: 200,
        headers: BTreeMap::new(),
        body: String::new(),
        truncated: false,
        ms: 0,
    }
}

/// All requests were answered with the expected status.
fn operated(operation: &str) -> Reply {
    let stages = product::find(operation)
        .map(|(_, operation)| operation.stages)
        .unwrap_or_default();
    let status = stages
        .last()
        .and_then(|stage| stage.good.first())
        .copied()
        .unwrap_or(200);
    let last = Reply::Http {
        status,
        headers: BTreeMap::new(),
        body: String::new(),
        truncated: false,
        ms: 0,
    };
    let stage = stages.len().saturating_sub(1);
    Reply::Operated(Progress {
        stage,
        last: Box::new(last),
        kept: product::Kept::new(),
        ms: 0,
    })
}
