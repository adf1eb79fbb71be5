//! Canaries: addresses that can be connected to as long as our own network works. When none of them
//! answers, a check that found no way to its target says nothing about the target.

use ::core::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::base::outbound::{Category, is_localhost};
use crate::routine::check::CheckResult;
use crate::routine::class::FailureClass;
use crate::run::step::{Call, CallKind, ConnectCall};
use crate::run::timing::Timing;
use crate::stack::state::State;

/// The deadline of a connection to a canary, milliseconds: a lost packet is sent again after one
/// second.
const TIMEOUT_MS: i64 = 2000;

/// An address that is up when our own network is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    host: String,
    port: u16,
}

impl std::fmt::Display for Canary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Canary {
    /// Takes `host:port`, which is an address by the rules of the files.
    ///
    /// # Errors
    /// An address of this machine, which answers whatever the network does.
    pub fn new(address: &str) -> Result<Self, String> {
        let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
        let canary = Self {
            host: host.to_owned(),
            port: port.parse().unwrap_or(0),
        };
        if place(&canary.host) == Place::Here {
            return Err(format!(
                "{address} is this machine, which answers without a network; name an address outside"
            ));
        }
        Ok(canary)
    }

    /// The call that asks it.
    #[must_use]
    pub fn call(&self) -> Call {
        Call {
            kind: CallKind::Connect(ConnectCall {
                host: self.host.clone(),
                port: self.port,
                tls_name: None,
            }),
            timeout_ms: TIMEOUT_MS,
        }
    }
}

/// Where a call goes, as far as an outage of our own network matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// This machine: no network is needed.
    Here,
    /// A private network: the way to the internet is not needed.
    Near,
    /// Everywhere else, and a name whose address is not known.
    Far,
}

fn place(host: &str) -> Place {
    let plain = host.trim_matches(['[', ']']);
    let address = plain.parse::<IpAddr>().ok();
    let here = is_localhost(plain).then_some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    address.or(here).map_or(Place::Far, place_of)
}

fn place_of(address: IpAddr) -> Place {
    match Category::of(address) {
        Category::Loopback | Category::Unspecified => Place::Here,
        Category::Private | Category::LinkLocal | Category::Metadata => Place::Near,
        Category::Public | Category::Multicast => Place::Far,
    }
}

/// Whether an outage of our own network could be the reason of a result: it is about a way to the
/// target that was not found, and the canaries are reached in the same way. A target in a private
/// network is in doubt only when a canary is in one too, and one on this machine never.
#[must_use]
pub fn is_in_doubt(
    canaries: &[Canary],
    call: &Call,
    timing: &Timing,
    result: &CheckResult,
) -> bool {
    let no_way = matches!(
        result.class,
        Some(
            FailureClass::Dns
                | FailureClass::Refused
                | FailureClass::Unreachable
                | FailureClass::Timeout
        )
    );
    if canaries.is_empty() || !no_way || result.state != State::Failing {
        return false;
    }
    let gone_to = timing.address.as_deref();
    let gone_to = gone_to.and_then(|address| address.parse::<SocketAddr>().ok());
    let place = match (gone_to, host_of(call)) {
        (Some(address), _) => place_of(address.ip()),
        (None, Some(host)) => place(&host),
        (None, None) => return false,
    };
    match place {
        Place::Here => false,
        Place::Near => canaries.iter().any(|c| self::place(&c.host) == Place::Near),
        Place::Far => true,
    }
}

/// The host that a call over the network goes to.
fn host_of(call: &Call) -> Option<String> {
    match &call.kind {
        CallKind::Http(request) => {
            let url = url::Url::parse(&request.url).ok()?;
            url.host_str().map(str::to_owned)
        }
        CallKind::Connect(connection) => Some(connection.host.clone()),
        CallKind::Resolve { host } | CallKind::Ping { host } => Some(host.clone()),
        _ => None,
    }
}

/// Why results are unknown while no canary answers.
#[must_use]
pub fn why_offline(canaries: &[Canary]) -> String {
    let all: Vec<String> = canaries.iter().map(ToString::to_string).collect();
    format!(
        "our own network is down: no canary answered ({})",
        all.join(", ")
    )
}

/// What is made of a result that was in doubt when no canary answers.
#[must_use]
pub fn offline(canaries: &[Canary], result: &CheckResult) -> CheckResult {
    let why = format!("{}; {}", why_offline(canaries), result.message);
    CheckResult::unknown(FailureClass::Ours, &why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canaries(all: &[&str]) -> Vec<Canary> {
        all.iter().map(|text| Canary::new(text).unwrap()).collect()
    }

    fn connect(host: &str) -> Call {
        Call {
            kind: CallKind::Connect(ConnectCall {
                host: host.to_owned(),
                port: 443,
                tls_name: None,
            }),
            timeout_ms: 1000,
        }
    }

    fn failed(class: FailureClass) -> CheckResult {
        CheckResult::reported(State::Failing, Some(class), "no route to web.test:443")
    }

    #[test]
    fn only_a_target_that_is_reached_like_a_canary_is_in_doubt() {
        let far = canaries(&["1.1.1.1:443", "[2606:4700::1111]:443"]);
        let both = canaries(&["1.1.1.1:443", "10.0.0.1:53"]);
        for (host, address, by_far, by_both) in [
            ("web.test", None, true, true),
            ("web.test", Some("93.184.215.14:443"), true, true),
            ("web.test", Some("10.1.2.3:443"), false, true),
            ("10.1.2.3", None, false, true),
            ("[fd00::7]", None, false, true),
            ("127.0.0.1", None, false, false),
            ("[::1]", None, false, false),
            ("localhost", None, false, false),
            ("web.test", Some("127.0.0.1:443"), false, false),
        ] {
            let timing = Timing {
                address: address.map(str::to_owned),
                ..Timing::default()
            };
            let in_doubt = |canaries: &[Canary]| {
                let result = failed(FailureClass::Timeout);
                is_in_doubt(canaries, &connect(host), &timing, &result)
            };
            let found = (in_doubt(&far), in_doubt(&both), in_doubt(&[]));
            assert_eq!(found, (by_far, by_both, false), "{host} {address:?}");
        }
    }

    #[test]
    fn only_a_way_that_was_not_found_is_in_doubt() {
        let all = canaries(&["1.1.1.1:443"]);
        let in_doubt = |result: &CheckResult| {
            is_in_doubt(&all, &connect("web.test"), &Timing::default(), result)
        };
        for class in FailureClass::ALL {
            use FailureClass::{Dns, Refused, Timeout, Unreachable};
            let wanted = matches!(class, Dns | Refused | Timeout | Unreachable);
            assert_eq!(in_doubt(&failed(class)), wanted, "{class:?}");
        }
        let degraded = CheckResult {
            state: State::Degraded,
            ..failed(FailureClass::Timeout)
        };
        assert!(!in_doubt(&degraded));
        let command = Call {
            kind: CallKind::Wait(crate::run::step::wait::Wait { ms: 1 }),
            timeout_ms: 1,
        };
        let result = failed(FailureClass::Timeout);
        assert!(!is_in_doubt(&all, &command, &Timing::default(), &result));
    }

    #[test]
    fn a_result_during_an_outage_is_ours_and_says_what_was_found() {
        let all = canaries(&["1.1.1.1:443", "9.9.9.9:443"]);
        let found = offline(&all, &failed(FailureClass::Unreachable));
        assert_eq!(found.state, State::Unknown);
        assert_eq!(found.class, Some(FailureClass::Ours));
        assert_eq!(
            found.message,
            "our own network is down: no canary answered (1.1.1.1:443, 9.9.9.9:443); no route to web.test:443"
        );
    }

    #[test]
    fn this_machine_is_no_canary() {
        for text in ["127.0.0.1:22", "localhost:80", "[::1]:80", "0.0.0.0:80"] {
            let why = Canary::new(text).unwrap_err();
            assert!(why.starts_with(&format!("{text} is this machine")), "{why}");
        }
    }
}
