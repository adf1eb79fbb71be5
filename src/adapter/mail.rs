//! E-mail: one message over SMTP. The server's addresses are checked against the outbound policy
//! and connected to as checked; a password is never sent over an unencrypted connection.

use std::net::IpAddr;
use std::time::Duration;

use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls as Private, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{AsyncSmtpTransport, Error};
use lettre::{AsyncTransport as _, Message as Letter, Tokio1Executor};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{AdapterContext, cancelled, deadline, elapsed_ms};
use crate::core::base::outbound::{Policy, Written};
use crate::core::integration::notify::{Email, Message, Tls};
use crate::core::run::step::{CallRefusal, Reply};

/// Sends the message to all of its receivers at once.
pub(super) async fn perform(
    email: &Email,
    message: &Message,
    context: &AdapterContext,
    timeout_ms: i64,
    cancel: CancellationToken,
) -> Reply {
    let start = Instant::now();
    let limit = deadline(timeout_ms);
    tokio::select! {
        biased;
        () = cancel.cancelled() => cancelled(),
        sent = timeout(limit, send(email, message, context, limit)) => match sent {
            Err(_) => Reply::TimedOut { after_ms: elapsed_ms(start) },
            Ok(Ok(())) => Reply::Mailed { ms: elapsed_ms(start) },
            Ok(Err(reply)) => reply,
        },
    }
}

async fn send(
    email: &Email,
    message: &Message,
    context: &AdapterContext,
    limit: Duration,
) -> Result<(), Reply> {
    let refused = |message: String| Reply::refused(message);
    let letter = letter(email, message).map_err(refused)?;
    let credentials = credentials(email, context).await.map_err(refused)?;
    let addresses = addresses(email, &context.policy).await?;
    let mut last = Reply::unreachable(format!("unknown host {}", email.server));
    for address in addresses {
        let private =
            || TlsParameters::new(email.server.clone()).map_err(|e| refused(describe(&e)));
        let tls = match email.tls {
            Tls::Starttls => Private::Required(private()?),
            Tls::Implicit => Private::Wrapper(private()?),
            Tls::None => Private::None,
        };
        let mut server =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.to_string())
                .port(email.port)
                .tls(tls)
                .hello_name(ClientId::Domain("opsroom.invalid".to_owned()))
                .timeout(Some(limit));
        if let Some(credentials) = credentials.clone() {
            server = server.credentials(credentials);
        }
        match server.build().send(letter.clone()).await {
            Ok(_) => return Ok(()),
            Err(error) => {
                let place = format!("{}:{}", email.server, email.port);
                match failure(&error, &place) {
                    // The next address of the same server may answer.
                    unreachable @ Reply::Unreachable { .. } => last = unreachable,
                    other => return Err(other),
                }
            }
        }
    }
    Err(last)
}

fn letter(email: &Email, message: &Message) -> Result<Letter, String> {
    let mailbox = |text: &str| {
        text.parse::<Mailbox>()
            .map_err(|e| format!("{text:?} is not an e-mail address: {e}"))
    };
    let (subject, text) = Email::letter(message);
    let mut builder = Letter::builder()
        .from(mailbox(&email.from)?)
        .subject(subject)
        .header(ContentType::TEXT_PLAIN);
    for to in &email.to {
        builder = builder.to(mailbox(to)?);
    }
    builder
        .body(text)
        .map_err(|e| format!("the mail cannot be written: {e}"))
}

async fn credentials(
    email: &Email,
    context: &AdapterContext,
) -> Result<Option<Credentials>, String> {
    let Some((user, name)) = email.user.as_ref().zip(email.password.as_ref()) else {
        return Ok(None);
    };
    context.vault.check_host(name, &email.server, email.port)?;
    let value = context.vault.value(name).await?;
    Ok(Some(Credentials::new(
        user.clone(),
        value.expose().to_owned(),
    )))
}

/// The addresses of the server that the policy allows.
async fn addresses(email: &Email, policy: &Policy) -> Result<Vec<IpAddr>, Reply> {
    let refused = CallRefusal::by_policy;
    let name = email.server.trim_matches(['[', ']']);
    if let Ok(address) = name.parse::<IpAddr>() {
        policy.check(address, Written::Literally).map_err(refused)?;
        return Ok(vec![address]);
    }
    policy
        .check_name(name, Written::Literally)
        .map_err(refused)?;
    let found = tokio::net::lookup_host((name, email.port)).await;
    let unknown = |e: std::io::Error| Reply::unreachable(format!("unknown host {name} ({e})"));
    let found: Vec<IpAddr> = found.map_err(unknown)?.map(|a| a.ip()).collect();
    for address in &found {
        policy.check(*address, Written::As(name)).map_err(refused)?;
    }
    Ok(found)
}

fn failure(error: &Error, place: &str) -> Reply {
    let message = format!("{place}: {}", describe(error));
    match error {
        e if e.is_permanent() => Reply::Declined {
            message,
            again: false,
        },
        e if e.is_transient() => Reply::Declined {
            message,
            again: true,
        },
        e if e.is_tls() || e.is_client() => Reply::Declined {
            message,
            again: false,
        },
        _ => Reply::unreachable(message),
    }
}

/// The error with its cause, which the library reports separately.
fn describe(error: &Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let text = error.to_string();
    match cause {
        Some(cause) if !text.contains(&cause) => format!("{text}: {cause}"),
        _ => text,
    }
}
