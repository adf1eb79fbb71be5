//! HTTP: one exchange under one total deadline, no redirects, connections reused, readable errors.

pub(super) mod errors;
mod resolver;
pub(super) mod tls;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::timeline::{TimedConnections, Timeline};
use super::{cancelled, deadline, elapsed_ms};
use crate::core::base::header;
use crate::core::base::outbound::{HostFrom, Policy, is_localhost};
use crate::core::run::step::{CallRefusal, Cause, HttpCall, Reply};
use crate::core::run::timing::Timing;
use crate::vault::{Value, Vault};

/// Longer bodies are cut here.
const MAX_BODY: usize = 1024 * 1024;

/// Built at the first call: loading root certificates is too slow for the start of the console.
#[derive(Debug)]
pub(super) struct Client {
    policy: Arc<Policy>,
    built: OnceLock<Result<Pair, String>>,
}

/// Why there is no answer.
enum Failure {
    /// Not sent.
    Refused(CallRefusal),
    /// Sent, or at least tried.
    Unreachable(String, Cause),
}

/// Proxies of the environment (`https_proxy` …) are for outbound calls, never for this machine.
#[derive(Debug)]
struct Pair {
    outbound: reqwest::Client,
    loopback: reqwest::Client,
}

impl Client {
    pub(super) fn new(policy: Policy) -> Self {
        Self {
            policy: Arc::new(policy),
            built: OnceLock::new(),
        }
    }

    /// Sends the request and reads the answer; `timeout_ms` covers all of it except fetching
    /// secrets, which has a deadline of its own: a slow vault must not look like a slow target.
    pub(super) async fn perform(
        &self,
        request: HttpCall,
        vault: &Vault,
        timeout_ms: i64,
        cancel: CancellationToken,
    ) -> Reply {
        self.timed(request, vault, timeout_ms, cancel).await.0
    }

    /// The same with the time of each phase, also of a request without an answer.
    pub(super) async fn timed(
        &self,
        request: HttpCall,
        vault: &Vault,
        timeout_ms: i64,
        cancel: CancellationToken,
    ) -> (Reply, Timing) {
        let timeline = Timeline::default();
        let sent = async {
            let (url, secrets) = self
                .permit(&request, vault)
                .await
                .map_err(Failure::Refused)?;
            let start = Instant::now();
            match timeout(
                deadline(timeout_ms),
                self.exchange(&request, &url, &secrets, (start, &timeline)),
            )
            .await
            {
                Ok(answer) => answer,
                Err(_) => Ok(Reply::TimedOut {
                    after_ms: elapsed_ms(start),
                }),
            }
        };
        let reply = tokio::select! {
            biased;
            () = cancel.cancelled() => cancelled(),
            answer = sent => match answer {
                Ok(reply) => reply,
                Err(Failure::Unreachable(message, cause)) => Reply::Unreachable { message, cause },
                Err(Failure::Refused(refusal)) => refusal.into(),
            },
        };
        (reply, timeline.timing())
    }

    /// The address and the headers with secrets, when the request may be sent at all.
    async fn permit(
        &self,
        request: &HttpCall,
        vault: &Vault,
    ) -> Result<(reqwest::Url, Vec<(String, Value)>), CallRefusal> {
        let url = check(&request.method, &request.url, &request.headers)?;
        check_address(&url, request.host, &self.policy)?;
        let mut secrets = Vec::new();
        for wanted in &request.secrets {
            check_secret(vault, &wanted.secret, &url)?;
            secrets.push((
                wanted.header.clone(),
                vault.value(&wanted.secret).await?.after(wanted.prefix),
            ));
        }
        Ok((url, secrets))
    }

    async fn exchange(
        &self,
        request: &HttpCall,
        url: &reqwest::Url,
        secrets: &[(String, Value)],
        (start, timeline): (Instant, &Timeline),
    ) -> Result<Reply, Failure> {
        let pair = self
            .built
            .get_or_init(|| Pair::new(&self.policy))
            .as_ref()
            .map_err(|e| Failure::Refused(e.clone().into()))?;
        let client = if is_loopback(url) {
            &pair.loopback
        } else {
            &pair.outbound
        };
        let request =
            build(client, request, url, secrets).map_err(|why| Failure::Refused(why.into()))?;
        let failed = |e: &reqwest::Error| match resolver::refusal(e) {
            Some(refusal) => Failure::Refused(CallRefusal::by_policy(refusal)),
            None => Failure::Unreachable(errors::describe(e, url), errors::cause(e)),
        };
        let proxy = proxy_in_use(url);
        let port = url.port_or_known_default().filter(|_| proxy.is_none());
        timeline.begin(port);
        if let (Some(address), Some(port)) = (address(url), port) {
            timeline.goes_to(SocketAddr::new(address, port));
        }
        let answer = timeline.follow(client.execute(request)).await;
        let mut response = answer.map_err(|e| match (failed(&e), proxy) {
            (Failure::Unreachable(message, cause), Some(name)) if e.is_connect() => {
                let message = format!("{message} (or the proxy in ${name} did not let us through)");
                Failure::Unreachable(message, cause)
            }
            (failure, _) => failure,
        })?;
        timeline.answered();
        if let Some(address) = response.remote_addr() {
            timeline.goes_to(address);
        }
        let status = response.status().as_u16();
        let headers = readable(response.headers());
        let (body, truncated) = read_body(&mut response).await.map_err(|e| failed(&e))?;
        timeline.end();
        Ok(Reply::Http {
            status,
            headers,
            body,
            truncated,
            ms: elapsed_ms(start),
        })
    }
}

impl Pair {
    fn new(policy: &Arc<Policy>) -> Result<Self, String> {
        let tls = tls::config()?;
        let build = |proxied: bool| {
            #[expect(
                clippy::disallowed_methods,
                reason = "this is the one factory; TLS is preconfigured below"
            )]
            let builder = reqwest::Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .connector_layer(TimedConnections)
                .dns_resolver(Arc::new(resolver::Checked::new(policy.clone(), proxied)))
                .user_agent(concat!("opsroom/", env!("CARGO_PKG_VERSION")));
            let builder = if proxied { builder } else { builder.no_proxy() };
            builder
                .build()
                .map_err(|e| format!("cannot set up HTTP: {}", errors::innermost(&e)))
        };
        Ok(Self {
            outbound: build(true)?,
            loopback: build(false)?,
        })
    }
}

/// Whether such a request can be sent at all; its address.
pub(super) fn check(
    method: &str,
    url: &str,
    headers: &BTreeMap<String, String>,
) -> Result<reqwest::Url, String> {
    let url = parse_url(url)?;
    parse_method(method)?;
    for (name, value) in headers {
        header::check_stored(name)?;
        parse_header(name, value)?;
    }
    Ok(url)
}

/// Whether the outbound policy allows the host of the call. The addresses a name resolves to are
/// checked when it is resolved.
pub(super) fn check_address(
    url: &reqwest::Url,
    host: HostFrom,
    policy: &Policy,
) -> Result<(), CallRefusal> {
    let checked = match address(url) {
        Some(address) => policy.check(address, host.into()),
        None => policy.check_name(url.host_str().unwrap_or_default(), host.into()),
    };
    checked.map_err(CallRefusal::by_policy)
}

/// Whether a secret is declared, and bound to that host.
pub(super) fn check_secret(vault: &Vault, name: &str, url: &reqwest::Url) -> Result<(), String> {
    vault.check_host(
        name,
        url.host_str().unwrap_or_default(),
        url.port_or_known_default().unwrap_or(0),
    )
}

fn build(
    client: &reqwest::Client,
    what: &HttpCall,
    url: &reqwest::Url,
    secrets: &[(String, Value)],
) -> Result<reqwest::Request, String> {
    let mut builder = client.request(parse_method(&what.method)?, url.clone());
    for (name, value) in &what.headers {
        let (name, value) = parse_header(name, value)?;
        builder = builder.header(name, value);
    }
    for (name, value) in secrets {
        let (name, mut value) = parse_header(name, value.expose())?;
        value.set_sensitive(true);
        builder = builder.header(name, value);
    }
    if let Some(body) = what.body.clone() {
        builder = builder.body(body);
    }
    builder.build().map_err(|e| errors::describe(&e, url))
}

fn parse_method(method: &str) -> Result<reqwest::Method, String> {
    method
        .parse()
        .map_err(|_| format!("{method:?} is not an HTTP method"))
}

fn parse_header(
    name: &str,
    value: &str,
) -> Result<(reqwest::header::HeaderName, reqwest::header::HeaderValue), String> {
    let parsed = name
        .parse()
        .map_err(|_| format!("{name:?} is not a header name"))?;
    let value = value
        .parse()
        .map_err(|_| format!("the value of header {name} has characters no header may have"))?;
    Ok((parsed, value))
}

fn parse_url(url: &str) -> Result<reqwest::Url, String> {
    let parsed: reqwest::Url = url
        .parse()
        .map_err(|e| format!("{url:?} is not a URL: {e}"))?;
    match parsed.scheme() {
        "http" | "https" if parsed.has_host() => Ok(parsed),
        scheme => Err(format!(
            "cannot ask {scheme}: addresses begin with http:// or https://"
        )),
    }
}

fn is_loopback(url: &reqwest::Url) -> bool {
    address(url).map_or_else(
        || is_localhost(url.host_str().unwrap_or_default()),
        |ip| ip.to_canonical().is_loopback(),
    )
}

/// The address, when the host is one and not a name. The URL parser has already normalized octal,
/// hexadecimal and short spellings.
fn address(url: &reqwest::Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

/// The variable that names a proxy for such addresses.
fn proxy_in_use(url: &reqwest::Url) -> Option<&'static str> {
    let own = if url.scheme() == "https" {
        ["https_proxy", "HTTPS_PROXY"]
    } else {
        ["http_proxy", "HTTP_PROXY"]
    };
    let all = ["all_proxy", "ALL_PROXY"];
    let named = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    own.into_iter()
        .chain(all)
        .find(named)
        .filter(|_| !is_loopback(url))
}

fn readable(headers: &reqwest::header::HeaderMap) -> BTreeMap<String, String> {
    let mut all = BTreeMap::<String, String>::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        all.entry(name.to_string())
            .and_modify(|had| {
                had.push_str(", ");
                had.push_str(&value);
            })
            .or_insert_with(|| value.clone().into_owned());
    }
    all
}

/// Reads up to [`MAX_BODY`] bytes; returns whether there was more.
async fn read_body(response: &mut reqwest::Response) -> Result<(String, bool), reqwest::Error> {
    let mut bytes = Vec::new();
    let mut truncated = false;
    while let Some(chunk) = response.chunk().await? {
        let room = MAX_BODY - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            truncated = true;
            break;
        }
    }
    Ok((String::from_utf8_lossy(&bytes).into_owned(), truncated))
}

#[cfg(test)]
mod tests;
