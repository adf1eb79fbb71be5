//! Tests the integrations of `opsroom.toml`: sends a test message, and checks whether databases and
//! products answer. None of it needs the store.

use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::AdapterContext;
use crate::adapter::Adapters;
use crate::core::base::outbound::HostFrom;
use crate::core::integration::notify::Message;
use crate::core::run::step::sql::Sql;
use crate::core::run::step::{
    Call, CallKind, HttpCall, Outcome, Reply, SecretHeader, Verdict, notify,
};

/// How long sending a message may take, milliseconds.
const SEND_MS: i64 = 15_000;
/// How long a database or a product may take to answer, milliseconds.
const PROBE_MS: i64 = 5_000;

/// Result of a check of an integration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// `database`, `notify` or `adapter`.
    pub kind: &'static str,
    pub name: String,
    /// Its address, for display.
    pub place: String,
    pub answer: Answer,
}

/// The outcome of the check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Answered(String),
    Failed(String),
    /// Not checked: it would send a message.
    NotSent,
    /// Not checked: the secret of that name needs a program to be run.
    NotRun(String),
}

/// Sends one message, once. The outcome contains no secret.
pub async fn send(context: AdapterContext, to: &str, message: Message) -> Outcome {
    let adapters = Adapters::real(context);
    let kind = CallKind::Notify {
        to: to.to_owned(),
        message,
    };
    let call = Call {
        kind,
        timeout_ms: SEND_MS,
    };
    let reply = perform(&adapters, call).await;
    let outcome = notify::notify_outcome(to, &reply);
    Outcome {
        message: adapters.redactor().redact(&outcome.message),
        ..outcome
    }
}

/// Checks whether every database and product answers, all at once. No messages are sent. Those
/// whose secret comes from a program are checked only with `run`.
pub async fn probe(context: &AdapterContext, run: bool) -> Vec<Found> {
    let adapters = Adapters::real(context.clone());
    let integrations = &context.integrations;
    let checks = integrations.databases.iter().map(|d| {
        let kind = CallKind::Sql(Sql {
            database: d.name.clone(),
            place: d.place.describe(),
            statement: "select 1".to_owned(),
            params: Vec::new(),
            mutates: false,
            max_rows: 1,
        });
        let secrets: Vec<&String> = d.password.iter().chain(d.place.secret()).collect();
        (
            "database",
            d.name.clone(),
            d.place.describe(),
            secrets,
            kind,
        )
    });
    let checks = checks.chain(integrations.accounts.iter().map(|a| {
        let headers = a
            .product
            .headers()
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let kind = CallKind::Http(HttpCall {
            method: "GET".to_owned(),
            url: format!("{}{}", a.base_url, a.product.ping()),
            host: HostFrom::File,
            headers,
            body: None,
            secrets: vec![SecretHeader::bearer(&a.token)],
        });
        (
            "adapter",
            a.product.name().to_owned(),
            a.base_url.clone(),
            vec![&a.token],
            kind,
        )
    }));
    let answers = checks.map(async |(integration, name, place, secrets, kind)| {
        let program = secrets
            .into_iter()
            .find(|name| !run && context.vault.runs_a_program(name));
        let answer = if let Some(secret) = program {
            Answer::NotRun(secret.clone())
        } else {
            let call = Call {
                kind,
                timeout_ms: PROBE_MS,
            };
            check_reply(&perform(&adapters, call).await).map_or_else(
                |why| Answer::Failed(adapters.redactor().redact(&why)),
                Answer::Answered,
            )
        };
        Found {
            kind: integration,
            name,
            place,
            answer,
        }
    });
    let mut found = join_all(answers).await;
    found.extend(integrations.notifiers.iter().map(|n| {
        let (name, place) = (n.name.clone(), n.way.describe());
        Found {
            kind: "notify",
            name,
            place,
            answer: Answer::NotSent,
        }
    }));
    found
}

fn check_reply(reply: &Reply) -> Result<String, String> {
    match reply {
        Reply::Rows(rows) => Ok(format!("answers in {} ms", rows.ms)),
        Reply::Http {
            status: 200..=299,
            ms,
            ..
        } => Ok(format!("answers in {ms} ms")),
        Reply::Http {
            status: 401 | 403, ..
        } => Err("does not accept the token".to_owned()),
        Reply::Http { status, .. } => Err(format!("answers HTTP {status}")),
        Reply::TimedOut { after_ms } => Err(Outcome::timed_out(*after_ms).message),
        Reply::Declined { message, .. }
        | Reply::Unreachable { message }
        | Reply::Refused { message } => Err(message.clone()),
        other => Err(Outcome::unexpected("probe", other).message),
    }
}

async fn perform(adapters: &Adapters, call: Call) -> Reply {
    // The output is not used.
    let (output, _) = mpsc::channel(1);
    adapters
        .perform(call, output, CancellationToken::new())
        .await
}

/// Whether the message was sent.
#[must_use]
pub fn is_sent(outcome: &Outcome) -> bool {
    outcome.verdict == Verdict::Succeeded
}
