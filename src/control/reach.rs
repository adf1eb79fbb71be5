//! What `opsroom.toml` declares by name, tried out: a message sent as a test, databases and products asked whether they
//! answer. None of it needs the store.

use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Outside;
use crate::adapter::Adapters;
use crate::core::notify::Message;
use crate::core::outbound::HostFrom;
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
    pub answer: Answer,
}

/// What it said when it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Came(String),
    Failed(String),
    /// Not asked: it would tell somebody something.
    Untold,
    /// Not asked: a program would have to be run for the secret of that name.
    Unrun(String),
}

/// Sends one message, once. What is said of it holds no secret.
pub async fn tell(outside: Outside, to: &str, message: Message) -> Outcome {
    let adapters = Adapters::real(outside);
    let call = Call::Notify { to: to.to_owned(), message, timeout_ms: TELL_MS };
    let reply = perform(&adapters, call).await;
    let outcome = notify::delivered(to, &reply);
    Outcome { message: adapters.redactor().redact(&outcome.message), ..outcome }
}

/// Asks every database and product whether it answers, all at once. Nobody is told anything. Those whose secret comes
/// from a program are asked only when `run` says so.
pub async fn probe(outside: &Outside, run: bool) -> Vec<Found> {
    let adapters = Adapters::real(outside.clone());
    let reach = &outside.reach;
    let asked = reach.databases.iter().map(|d| {
        let (database, statement) = (d.name.clone(), "select 1".to_owned());
        let call =
            Call::Sql { database, statement, params: Vec::new(), write: false, max_rows: 1, timeout_ms: PROBE_MS };
        let secrets: Vec<&String> = d.password.iter().chain(d.place.secret()).collect();
        ("database", d.name.clone(), d.place.describe(), secrets, call)
    });
    let asked = asked.chain(reach.accounts.iter().map(|a| {
        let bearer = SecretHeader { header: "authorization".to_owned(), prefix: "Bearer ", secret: a.token.clone() };
        let headers = a.product.headers().iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let call = Call::Http {
            method: "GET".to_owned(),
            url: format!("{}{}", a.base_url, a.product.ping()),
            host: HostFrom::File,
            headers,
            body: None,
            secrets: vec![bearer],
            timeout_ms: PROBE_MS,
        };
        ("adapter", a.product.name().to_owned(), a.base_url.clone(), vec![&a.token], call)
    }));
    let answers = asked.map(async |(kind, name, place, secrets, call)| {
        let program = secrets.into_iter().find(|name| !run && outside.vault.runs_a_program(name));
        let answer = match program {
            Some(secret) => Answer::Unrun(secret.clone()),
            None => answered(&perform(&adapters, call).await)
                .map_or_else(|why| Answer::Failed(adapters.redactor().redact(&why)), Answer::Came),
        };
        Found { kind, name, place, answer }
    });
    let mut found = join_all(answers).await;
    found.extend(reach.notifiers.iter().map(|n| {
        let (name, place) = (n.name.clone(), n.way.describe());
        Found { kind: "notify", name, place, answer: Answer::Untold }
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
