//! Notifiers: sends the request or the mail.

use super::rate_limiter::{Caller, RateLimiter};
use super::{AdapterContext, cancelled, http, mail};
use crate::core::base::outbound::HostFrom;
use crate::core::integration::notify::{Address, Channel, Message, Notifier};
use crate::core::run::step::{HttpCall, Reply};

/// Sends the message to the notifier of that name.
pub(super) async fn perform(
    to: &str,
    message: &Message,
    (client, limiter): (&http::Client, &RateLimiter),
    context: &AdapterContext,
    caller: Caller<'_>,
) -> Reply {
    let cancel = caller.cancel.clone();
    let sent = async {
        let notifier = declared(to, context)?;
        if let Channel::Email(email) = &notifier.way {
            return Ok(mail::perform(email, message, context, caller.timeout_ms, cancel).await);
        }
        let request = tokio::select! {
            biased;
            () = cancel.cancelled() => return Ok(cancelled()),
            request = request(notifier, message, context) => request?,
        };
        Ok(match limiter.host(&request.url, caller).await {
            Ok(left) => client.perform(request, &context.vault, left, cancel).await,
            Err(reply) => reply,
        })
    };
    sent.await
        .unwrap_or_else(|message: String| Reply::refused(message))
}

/// Whether the message could be sent at all.
pub(super) fn check(to: &str, context: &AdapterContext) -> Result<(), String> {
    let way = &declared(to, context)?.way;
    if let Some(Address::Secret(name)) = way.address() {
        context.vault.check(&name)?;
    }
    way.key()
        .map_or(Ok(()), |name| context.vault.check(name).map(drop))
}

fn declared<'o>(to: &str, context: &'o AdapterContext) -> Result<&'o Notifier, String> {
    context.integrations.notifier(to).ok_or_else(|| {
        format!(
            "there is no notifier {to} here; add [notify.{to}] with kind = \"…\" to opsroom.toml"
        )
    })
}

/// The request, with its secrets fetched now. A key that is sent goes only to its allowed hosts.
async fn request(
    notifier: &Notifier,
    message: &Message,
    context: &AdapterContext,
) -> Result<HttpCall, String> {
    let (way, vault) = (&notifier.way, &context.vault);
    let url = match way.address() {
        Some(Address::Url(url)) => url,
        Some(Address::Secret(name)) => vault.value(&name).await?.expose().to_owned(),
        None => return Err(format!("{} has no address", notifier.name)),
    };
    let key = match way.key() {
        Some(name) => {
            if way.sends_key() {
                let parsed = http::check("POST", &url, &std::collections::BTreeMap::new())?;
                http::check_secret(vault, name, &parsed)?;
            }
            vault.value(name).await?.expose().to_owned()
        }
        None => String::new(),
    };
    let post = way
        .post(message, context.clock.now(), &url, &key)
        .ok_or_else(|| format!("{} is not notified by a request", notifier.name))?;
    let (url, headers, body) = (post.url, post.headers, Some(post.body));
    // The host is from the settings, or from the secret they name.
    let host = HostFrom::File;
    Ok(HttpCall {
        method: "POST".to_owned(),
        url,
        host,
        headers,
        body,
        secrets: Vec::new(),
    })
}
