//! What `opsroom.toml` declares by name, tried out: a message sent as a test, databases and products asked whether they
//! answer. None of it needs the store.

use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Outside;
use crate::adapter::Adapters;
use crate::core::notify::Message;
use crate::core::step::{Call, Outcome, Reply, SecretHeader, Verdict, notify};

/// How long a message may take, milliseconds.
const TELL_MS: i64 = 15_000;
/// How long a database or a product may take to answer, milliseconds.
const PROBE_MS: i64 = 5_000;

/// What became of something declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// `database`, `notify` or `adapter`.
    pub kind: &'static str,
    pub name: String,
    /// Where it is, for people.
    pub place: String,
    /// `None`: not tried, because that would tell somebody something.
    pub answer: Option<Result<String, String>>,
}

/// Sends one message, once. What is said of it holds no secret.
pub async fn tell(outside: Outside, to: &str, message: Message) -> Outcome {
    let adapters = Adapters::real(outside);
    let call = Call::Notify { to: to.to_owned(), message, timeout_ms: TELL_MS };
    let reply = perform(&adapters, call).await;
    let outcome = notify::delivered(to, &reply);
    Outcome { message: adapters.redactor().redact(&outcome.message), ..outcome }
}

/// Asks every database and product whether it answers, all at once. Nobody is told anything.
pub async fn probe(outside: &Outside) -> Vec<Found> {
    let adapters = Adapters::real(outside.clone());
    let reach = &outside.reach;
    let asked = reach.databases.iter().map(|d| {
        let (database, statement) = (d.name.clone(), "select 1".to_owned());
        let call =
            Call::Sql { database, statement, params: Vec::new(), write: false, max_rows: 1, timeout_ms: PROBE_MS };
        ("database", d.name.clone(), d.place.describe(), call)
    });
    let asked = asked.chain(reach.accounts.iter().map(|a| {
        let bearer = SecretHeader { header: "authorization".to_owned(), prefix: "Bearer ", secret: a.token.clone() };
        let headers = a.product.headers().iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let call = Call::Http {
            method: "GET".to_owned(),
            url: format!("{}{}", a.base_url, a.product.ping()),
            headers,
            body: None,
            secrets: vec![bearer],
            timeout_ms: PROBE_MS,
        };
        ("adapter", a.product.name().to_owned(), a.base_url.clone(), call)
    }));
    let answers = asked.map(async |(kind, name, place, call)| {
        let answer = answered(&perform(&adapters, call).await);
        let answer = answer.map_err(|why| adapters.redactor().redact(&why));
        Found { kind, name, place, answer: Some(answer) }
    });
    let mut found = join_all(answers).await;
    found.extend(reach.notifiers.iter().map(|n| {
        let (name, place) = (n.name.clone(), n.way.describe());
        Found { kind: "notify", name, place, answer: None }
    }));
    found
}

fn answered(reply: &Reply) -> Result<String, String> {
    match reply {
        Reply::Rows(rows) => Ok(format!("answers in {} ms", rows.ms)),
        Reply::Http { status: 200..=299, ms, .. } => Ok(format!("answers in {ms} ms")),
        Reply::Http { status: 401 | 403, .. } => Err("does not accept the token".to_owned()),
        Reply::Http { status, .. } => Err(format!("answers HTTP {status}")),
        Reply::TimedOut { after_ms } => Err(Outcome::timed_out(*after_ms).message),
        Reply::Declined { message, .. } | Reply::Unreachable { message } | Reply::Refused { message } => {
            Err(message.clone())
        }
        other => Err(Outcome::unexpected("probe", other).message),
    }
}

async fn perform(adapters: &Adapters, call: Call) -> Reply {
    // Nobody listens to the output.
    let (output, _) = mpsc::channel(1);
    adapters.perform(call, output, CancellationToken::new()).await
}

/// It was told.
#[must_use]
pub fn is_told(outcome: &Outcome) -> bool {
    outcome.verdict == Verdict::Succeeded
}
