//! HTTP: one exchange under one total deadline, no redirects, connections reused, errors worded for people.

mod tls;
mod words;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{cancelled, deadline, elapsed_ms};
use crate::core::step::Reply;

/// More of a body than this is not read.
const MAX_BODY: usize = 1024 * 1024;

/// What is to be sent.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub method: String,
    pub url: String,
    pub headers: BTreeMap<String, String>,
    pub body: Option<String>,
}

/// Built at the first call: loading root certificates takes time a console does not have at its start.
#[derive(Debug, Default)]
pub(super) struct Client {
    built: OnceLock<Result<Pair, String>>,
}

/// A proxy named by the environment (`https_proxy` …) is meant for the world outside, never for this machine.
#[derive(Debug)]
struct Pair {
    outbound: reqwest::Client,
    loopback: reqwest::Client,
}

impl Client {
    /// Sends the request and reads the answer; `timeout_ms` covers all of it.
    pub(super) async fn perform(&self, request: Request, timeout_ms: i64, cancel: CancellationToken) -> Reply {
        let start = Instant::now();
        tokio::select! {
            biased;
            () = cancel.cancelled() => cancelled(),
            reply = timeout(deadline(timeout_ms), self.exchange(&request, start)) => match reply {
                Ok(Ok(reply)) => reply,
                Ok(Err(message)) => Reply::Unreachable { message },
                Err(_) => Reply::TimedOut { after_ms: elapsed_ms(start) },
            },
        }
    }

    async fn exchange(&self, request: &Request, start: Instant) -> Result<Reply, String> {
        let pair = self.built.get_or_init(Pair::new).as_ref().map_err(Clone::clone)?;
        let url = parse_url(&request.url)?;
        let client = if is_loopback(&url) { &pair.loopback } else { &pair.outbound };
        let request = build(client, &request.method, &url, &request.headers, request.body.clone())?;
        let mut response = client.execute(request).await.map_err(|e| match proxy_in_use(&url) {
            Some(name) if e.is_connect() => {
                format!("{} (or the proxy in ${name} did not let us through)", words::of(&e, &url))
            }
            _ => words::of(&e, &url),
        })?;
        let status = response.status().as_u16();
        let headers = readable(response.headers());
        let (body, truncated) = read_body(&mut response).await.map_err(|e| words::of(&e, &url))?;
        Ok(Reply::Http { status, headers, body, truncated, ms: elapsed_ms(start) })
    }
}

impl Pair {
    fn new() -> Result<Self, String> {
        let tls = tls::config()?;
        let build = |proxied: bool| {
            #[expect(clippy::disallowed_methods, reason = "this is the one factory; TLS is preconfigured below")]
            let builder = reqwest::Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .user_agent(concat!("opsroom/", env!("CARGO_PKG_VERSION")));
            let builder = if proxied { builder } else { builder.no_proxy() };
            builder.build().map_err(|e| format!("cannot set up HTTP: {}", words::innermost(&e)))
        };
        Ok(Self { outbound: build(true)?, loopback: build(false)? })
    }
}

/// Whether such a request can be sent at all.
pub(super) fn check(method: &str, url: &str, headers: &BTreeMap<String, String>) -> Result<(), String> {
    parse_url(url)?;
    parse_method(method)?;
    headers.iter().try_for_each(|(name, value)| parse_header(name, value).map(drop))
}

fn build(
    client: &reqwest::Client,
    method: &str,
    url: &reqwest::Url,
    headers: &BTreeMap<String, String>,
    body: Option<String>,
) -> Result<reqwest::Request, String> {
    let mut builder = client.request(parse_method(method)?, url.clone());
    for (name, value) in headers {
        let (name, value) = parse_header(name, value)?;
        builder = builder.header(name, value);
    }
    if let Some(body) = body {
        builder = builder.body(body);
    }
    builder.build().map_err(|e| words::of(&e, url))
}

fn parse_method(method: &str) -> Result<reqwest::Method, String> {
    method.parse().map_err(|_| format!("{method:?} is not an HTTP method"))
}

fn parse_header(
    name: &str,
    value: &str,
) -> Result<(reqwest::header::HeaderName, reqwest::header::HeaderValue), String> {
    let parsed = name.parse().map_err(|_| format!("{name:?} is not a header name"))?;
    let value = value.parse().map_err(|_| format!("the value of header {name} has characters no header may have"))?;
    Ok((parsed, value))
}

fn parse_url(url: &str) -> Result<reqwest::Url, String> {
    let parsed: reqwest::Url = url.parse().map_err(|e| format!("{url:?} is not a URL: {e}"))?;
    match parsed.scheme() {
        "http" | "https" if parsed.has_host() => Ok(parsed),
        scheme => Err(format!("cannot ask {scheme}: addresses begin with http:// or https://")),
    }
}

fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The variable that names a proxy for such addresses.
fn proxy_in_use(url: &reqwest::Url) -> Option<&'static str> {
    let own = if url.scheme() == "https" { ["https_proxy", "HTTPS_PROXY"] } else { ["http_proxy", "HTTP_PROXY"] };
    let all = ["all_proxy", "ALL_PROXY"];
    let named = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    own.into_iter().chain(all).find(named).filter(|_| !is_loopback(url))
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

/// Reads up to [`MAX_BODY`] bytes; says whether there was more.
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
