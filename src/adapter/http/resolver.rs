//! Resolves names and checks their addresses against the outbound policy: the addresses checked are
//! the ones connected to, so that a name cannot resolve differently for check and connection.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::adapter::timeline::Timeline;
use crate::core::base::outbound::{Policy, Written};

/// The system's resolver behind the policy.
pub(super) struct Checked {
    policy: Arc<Policy>,
    /// Hosts of the environment's proxies, not checked: its owner chose them, and they often are in
    /// a private network.
    proxies: Vec<String>,
}

impl Checked {
    /// `proxied`: this client uses the proxies of the environment.
    pub(super) fn new(policy: Arc<Policy>, proxied: bool) -> Self {
        Self {
            policy,
            proxies: if proxied {
                proxies(|name| std::env::var(name).ok())
            } else {
                Vec::new()
            },
        }
    }
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        let policy = (!self.proxies.contains(&name)).then(|| self.policy.clone());
        Box::pin(async move {
            let timeline = Timeline::current();
            if let Some(timeline) = &timeline {
                timeline.resolving();
            }
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if let Some(timeline) = &timeline {
                timeline.resolved(&found);
            }
            if let Some(policy) = policy {
                admit(&policy, &name, found.iter().map(SocketAddr::ip))?;
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// One refused address refuses the name, because any of its addresses may be connected to.
fn admit(
    policy: &Policy,
    name: &str,
    mut found: impl Iterator<Item = IpAddr>,
) -> Result<(), Refusal> {
    policy
        .check_name(name, Written::As(name))
        .map_err(Refusal)?;
    found
        .try_for_each(|address| policy.check(address, Written::As(name)))
        .map_err(Refusal)
}

/// The policy's message, passed through the client's errors.
#[derive(Debug)]
struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Refusal {}

/// The policy's refusal, when it ended the call.
pub(super) fn refusal(error: &reqwest::Error) -> Option<String> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(Refusal(message)) = error.downcast_ref() {
            return Some(message.clone());
        }
        next = error.source();
    }
    None
}

fn proxies(variable: impl Fn(&str) -> Option<String>) -> Vec<String> {
    [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ]
    .into_iter()
    .filter_map(|name| {
        let text = variable(name)?;
        let url = if text.contains("://") {
            text
        } else {
            format!("http://{text}")
        };
        Some(url.parse::<reqwest::Url>().ok()?.host_str()?.to_owned())
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_refused_address_refuses_the_name() {
        let policy = Policy::default();
        let ips = |list: &[&str]| {
            list.iter()
                .map(|ip| ip.parse().unwrap())
                .collect::<Vec<IpAddr>>()
        };
        assert!(
            admit(
                &policy,
                "a.test",
                ips(&["1.1.1.1", "2606:4700::1"]).into_iter()
            )
            .is_ok()
        );
        let why = admit(&policy, "a.test", ips(&["1.1.1.1", "10.0.0.1"]).into_iter())
            .unwrap_err()
            .to_string();
        assert!(why.contains("a.test") && why.contains("10.0.0.1"), "{why}");
        assert!(
            admit(
                &policy,
                "metadata.google.internal",
                ips(&["1.1.1.1"]).into_iter()
            )
            .is_err()
        );
    }

    #[test]
    fn proxies_are_read_with_and_without_a_scheme() {
        let found = proxies(|name| match name {
            "http_proxy" => Some("http://user:pw@proxy.corp.test:3128".to_owned()),
            "ALL_PROXY" => Some("squid:3128".to_owned()),
            _ => None,
        });
        assert_eq!(found, ["proxy.corp.test", "squid"]);
    }
}
