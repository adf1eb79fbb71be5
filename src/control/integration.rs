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
            let timeout_ms = PROBE_MS;
            let reply = perform(&adapters, Call { kind, timeout_ms }).await;
            check_reply(&reply).map_or_else(
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
        | Reply::Unreachable { message, .. }
        | Reply::Refused { message, .. } => Err(message.clone()),
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::core::base::secret::{HostPattern, Secret, Source};
    use crate::core::integration::notify::{Address, Channel, Notifier, Webhook};
    use crate::core::integration::product::{Account, Product};
    use crate::core::integration::{Database, DatabaseAddress, Integrations};
    use crate::core::run::step::sql::Rows;
    use crate::vault::Vault;

    fn http(status: u16) -> Reply {
        Reply::Http {
            status,
            headers: BTreeMap::new(),
            body: String::new(),
            truncated: false,
            ms: 7,
        }
    }

    #[test]
    fn an_answer_is_any_good_one_and_everything_else_has_a_reason() {
        let rows = Rows {
            columns: Vec::new(),
            rows: Vec::new(),
            affected: 0,
            truncated: false,
            ms: 3,
        };
        let message = "no route".to_owned();
        for (reply, wanted) in [
            (Reply::Rows(rows), Ok("answers in 3 ms")),
            (http(200), Ok("answers in 7 ms")),
            (http(299), Ok("answers in 7 ms")),
            (http(300), Err("answers HTTP 300")),
            (http(199), Err("answers HTTP 199")),
            (http(401), Err("does not accept the token")),
            (http(402), Err("answers HTTP 402")),
            (http(403), Err("does not accept the token")),
            (http(500), Err("answers HTTP 500")),
            (
                Reply::TimedOut { after_ms: 5000 },
                Err("no answer within 5.0 s"),
            ),
            (
                Reply::Declined {
                    message: message.clone(),
                    again: true,
                },
                Err("no route"),
            ),
            (Reply::unreachable(message.clone()), Err("no route")),
            (Reply::refused(message), Err("no route")),
            (
                Reply::Stored,
                Err("probe step got an answer of another kind: Stored"),
            ),
        ] {
            let wanted = wanted.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(check_reply(&reply), wanted, "{reply:?}");
        }
    }

    #[test]
    fn only_a_message_that_was_accepted_is_sent() {
        for (reply, sent) in [(http(200), true), (http(500), false)] {
            assert_eq!(is_sent(&notify::notify_outcome("ops", &reply)), sent);
        }
        assert!(!is_sent(&Outcome::timed_out(5)));
    }

    /// Two secrets: `FILE`, which is read from a file, and `RUN`, which a program gives.
    fn context(folder: &std::path::Path, value: &str) -> AdapterContext {
        use std::os::unix::fs::PermissionsExt;
        let file = folder.join("secret");
        std::fs::write(&file, value).unwrap();
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&file, mode).unwrap();
        let ran = folder.join("ran").display().to_string();
        let argv = vec!["touch".to_owned(), ran];
        let secret = |name: &str, source| Secret {
            name: name.to_owned(),
            source,
            hosts: vec![HostPattern::parse("127.0.0.1").unwrap()],
        };
        let database = |name: &str, place| Database {
            name: name.to_owned(),
            place,
            password: None,
            read_only: true,
        };
        let here = folder.join("here.db");
        std::fs::write(&here, "").unwrap();
        let path = |name: &str| folder.join(name).display().to_string();
        let secret_place = |name: &str| DatabaseAddress::Secret(name.to_owned());
        let databases = vec![
            database("here", DatabaseAddress::Sqlite(path("here.db"))),
            database("gone", DatabaseAddress::Sqlite(path("gone.db"))),
            database("file", secret_place("FILE")),
            database("run", secret_place("RUN")),
        ];
        let accounts = vec![Account {
            product: Product::GitHub,
            base_url: "http://127.0.0.1:1".to_owned(),
            token: "FILE".to_owned(),
            per_minute: 60,
        }];
        let way = Channel::Webhook(Webhook {
            url: Address::Url("http://127.0.0.1:1/in".to_owned()),
            key: "FILE".to_owned(),
        });
        let notifiers = vec![Notifier {
            name: "hook".to_owned(),
            way,
        }];
        let secrets = vec![
            secret("FILE", Source::File(file.display().to_string())),
            secret("RUN", Source::Command(argv)),
        ];
        AdapterContext {
            vault: Vault::new(secrets),
            integrations: Integrations {
                databases,
                notifiers,
                accounts,
            },
            ..AdapterContext::default()
        }
    }

    #[tokio::test]
    async fn everything_is_tried_except_messages_and_programs() {
        let folder = tempfile::tempdir().unwrap();
        let context = context(folder.path(), "no address at all");
        let ran = folder.path().join("ran");
        for run in [false, true] {
            let found = probe(&context, run).await;
            let names: Vec<_> = found.iter().map(|f| (f.kind, f.name.as_str())).collect();
            assert_eq!(
                names,
                [
                    ("database", "here"),
                    ("database", "gone"),
                    ("database", "file"),
                    ("database", "run"),
                    ("adapter", "github"),
                    ("notify", "hook")
                ]
            );
            let answer = |n: usize| &found[n].answer;
            assert!(
                matches!(answer(0), Answer::Answered(text) if text.starts_with("answers in ")),
                "{found:#?}"
            );
            for n in [1, 2, 4] {
                assert!(matches!(answer(n), Answer::Failed(_)), "{:?}", found[n]);
            }
            if run {
                assert!(matches!(answer(3), Answer::Failed(_)), "{found:#?}");
            } else {
                assert_eq!(answer(3), &Answer::NotRun("RUN".to_owned()));
            }
            assert_eq!(answer(5), &Answer::NotSent);
            assert_eq!(ran.exists(), run);
            assert_eq!(found[2].place, "address in the secret FILE");
            assert_eq!(found[4].place, "http://127.0.0.1:1");
            assert_eq!(found[5].place, "webhook http://127.0.0.1:1/in");
        }
    }

    #[tokio::test]
    async fn the_outcome_of_a_message_holds_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let context = context(folder.path(), "127.0.0.1:1");
        let message = Message {
            title: "hello".to_owned(),
            ..serde_json::from_str("{\"title\": \"\"}").unwrap()
        };
        let outcome = send(context.clone(), "hook", message.clone()).await;
        assert!(!is_sent(&outcome));
        assert!(
            outcome.message.contains("refused by [secret FILE]"),
            "{outcome:?}"
        );
        let unknown = send(context, "other", message).await;
        assert!(!is_sent(&unknown) && unknown.message.contains("other"));
    }
}
