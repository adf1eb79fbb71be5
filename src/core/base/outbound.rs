//! The outbound policy: which addresses may be called. Addresses that hand out credentials, and
//! those that no service has, are refused; those of this machine and of private networks are
//! allowed where the stack file names the address itself.
//!
//! Decision: a literal address (or `localhost`) in a stack, runbook or settings file was written on
//! purpose and reviewed with it, so loopback and private networks may be called that way. A *name*
//! that resolves there was not reviewed, because its DNS server chose the address; neither was a
//! host that came from an input or an earlier answer. Both need an entry in `[outbound] allow` of
//! `opsroom.toml`, the name or the address.

mod address;
mod host;

use ::core::net::{IpAddr, Ipv4Addr};

pub use address::Category;
pub use host::{HostFrom, called_instead, host_of, host_words};

use crate::base::secret::HostPattern;

/// The exceptions to the rules: `[outbound] allow`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    allow: Vec<Allowed>,
}

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// An address or a network, with the length of its prefix.
    Network(IpAddr, u8),
    /// A name may resolve to this machine and to private networks.
    Name(HostPattern),
}

impl Allowed {
    /// Reads `10.0.0.0/8`, `127.0.0.1`, `db.internal` or `*.internal`.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (address, bits) = text
            .split_once('/')
            .map_or((text, None), |(address, bits)| (address, Some(bits)));
        match (address.trim_matches(['[', ']']).parse::<IpAddr>(), bits) {
            (Ok(address), None) => Ok(Self::Network(address, width(address))),
            (Ok(address), Some(bits)) => {
                match bits.parse().ok().filter(|bits| *bits <= width(address)) {
                    Some(bits) => Ok(Self::Network(address, bits)),
                    None => Err(format!(
                        "has no prefix of 0 to {} bits after the /",
                        width(address)
                    )),
                }
            }
            (Err(_), None) => HostPattern::parse(text).map(Self::Name),
            (Err(_), Some(_)) => {
                Err("is not a network: write \"10.0.0.0/8\" or \"fd00::/8\"".to_owned())
            }
        }
    }

    fn holds(&self, address: IpAddr) -> bool {
        let Self::Network(network, bits) = self else {
            return false;
        };
        match (network, address) {
            (IpAddr::V4(n), IpAddr::V4(a)) => same_front(
                u128::from(n.to_bits()) << 96,
                u128::from(a.to_bits()) << 96,
                *bits,
            ),
            (IpAddr::V6(n), IpAddr::V6(a)) => same_front(n.to_bits(), a.to_bits(), *bits),
            _ => false,
        }
    }
}

const fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

const fn same_front(a: u128, b: u128, bits: u8) -> bool {
    bits == 0 || (a ^ b) >> (128 - bits) == 0
}

/// Where the called address came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written<'a> {
    /// It is written in a stack, runbook or settings file.
    Literally,
    /// It came from an input or an answer (what an earlier step saved).
    ByAnswer,
    /// This name resolved to it.
    As(&'a str),
}

impl From<HostFrom> for Written<'_> {
    fn from(host: HostFrom) -> Self {
        match host {
            HostFrom::File => Self::Literally,
            HostFrom::Value => Self::ByAnswer,
        }
    }
}

impl Policy {
    /// A policy with these exceptions.
    #[must_use]
    pub const fn new(allow: Vec<Allowed>) -> Self {
        Self { allow }
    }

    /// Whether a name may be looked up at all.
    ///
    /// # Errors
    /// The rule, the host, and what to add.
    pub fn check_name(&self, name: &str, written: Written<'_>) -> Result<(), String> {
        let plain = name.trim_end_matches('.').to_ascii_lowercase();
        let this_machine = IpAddr::V4(Ipv4Addr::LOCALHOST);
        if written == Written::ByAnswer
            && is_localhost(&plain)
            && !self.names(&plain)
            && !self.holds(this_machine)
        {
            return Err(format!(
                "the outbound policy refuses {name}: it is this machine{BY_ANSWER}; {}",
                remedy(&format!("{plain:?}"))
            ));
        }
        if address::is_metadata_name(&plain) && !self.names(&plain) {
            let what = "the name of a cloud's metadata service, which hands out credentials";
            return Err(format!(
                "the outbound policy refuses {name}: it is {what}; {}",
                remedy(&format!("{plain:?} and its address"))
            ));
        }
        Ok(())
    }

    /// Whether an address may be connected to.
    ///
    /// # Errors
    /// The rule, the host, the address, and what to add.
    pub fn check(&self, address: IpAddr, written: Written<'_>) -> Result<(), String> {
        let category = Category::of(address);
        if category == Category::Public || self.holds(address) {
            return Ok(());
        }
        let near = matches!(category, Category::Loopback | Category::Private);
        let (fine, host) = match written {
            Written::Literally => (near, None),
            Written::ByAnswer => (false, None),
            Written::As(name) => (
                near && self.names(name) || category == Category::Loopback && is_localhost(name),
                Some(name),
            ),
        };
        if fine {
            return Ok(());
        }
        let what = category.describe();
        Err(match host {
            Some(name) if near => format!(
                "the outbound policy refuses {name}: it resolves to {address}, {what}; {}",
                remedy(&format!("{name:?} or \"{address}\""))
            ),
            Some(name) => format!(
                "the outbound policy refuses {name}: it resolves to {address}, {what}; {}",
                remedy(&format!("\"{address}\""))
            ),
            None => {
                let whose = if near && written == Written::ByAnswer {
                    BY_ANSWER
                } else {
                    ""
                };
                let remedy = remedy(&format!("\"{address}\""));
                format!("the outbound policy refuses {address}: it is {what}{whose}; {remedy}")
            }
        })
    }

    /// Whether the list has the address, or the one it is mapped from.
    fn holds(&self, address: IpAddr) -> bool {
        let plain = address.to_canonical();
        self.allow
            .iter()
            .any(|a| a.holds(address) || a.holds(plain))
    }

    fn names(&self, name: &str) -> bool {
        // The port is not known here: an entry with a port matches the host too.
        self.allow
            .iter()
            .any(|a| matches!(a, Allowed::Name(pattern) if pattern.names(name)))
    }
}

/// `localhost` and its subdomains are this machine (RFC 6761), whatever DNS answers.
#[must_use]
pub fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// Why an address that a file may name is refused here.
const BY_ANSWER: &str = ", and its host came from an input or an earlier answer, not from a file";

fn remedy(what: &str) -> String {
    format!("if that is meant, add {what} to allow of [outbound] in opsroom.toml")
}

#[cfg(test)]
mod tests {
    use ::core::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    fn policy(allow: &[&str]) -> Policy {
        Policy::new(
            allow
                .iter()
                .map(|text| Allowed::parse(text).unwrap())
                .collect(),
        )
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn private_addresses_depend_on_where_the_host_came_from() {
        let none = policy(&[]);
        let some = policy(&[
            "10.0.0.0/8",
            "db.internal",
            "*.corp.test",
            "169.254.169.254",
            "fd00:ec2::/32",
        ]);
        let by = Written::As("db.internal");
        for (policy, address, written, fine) in [
            (&none, "1.1.1.1", Written::ByAnswer, true),
            (&none, "127.0.0.1", Written::Literally, true),
            (&none, "192.168.1.1", Written::Literally, true),
            (&none, "127.0.0.1", Written::ByAnswer, false),
            (&none, "127.0.0.1", Written::As("localhost"), true),
            (&none, "127.0.0.1", Written::As("web.localhost."), true),
            (&none, "10.0.0.1", Written::As("localhost"), false),
            (&none, "127.0.0.1", Written::As("notlocalhost"), false),
            (&none, "10.0.0.1", by, false),
            (&none, "169.254.169.254", Written::Literally, false),
            (&none, "169.254.0.1", Written::Literally, false),
            (&none, "0.0.0.0", Written::Literally, false),
            (&none, "::ffff:169.254.169.254", Written::Literally, false),
            (&some, "10.9.9.9", Written::As("any.test"), true),
            (&some, "::ffff:10.9.9.9", Written::ByAnswer, true),
            (&some, "192.168.0.1", by, true),
            (&some, "192.168.0.1", Written::As("a.b.corp.test"), true),
            (&some, "192.168.0.1", Written::As("corp.test"), false),
            (&some, "169.254.0.1", by, false),
            (&some, "169.254.169.254", Written::Literally, true),
            (&some, "fd00:ec2::254", by, true),
        ] {
            assert_eq!(
                policy.check(ip(address), written).is_ok(),
                fine,
                "{address} {written:?}"
            );
        }
        assert!(
            none.check_name("metadata.google.internal.", Written::Literally)
                .is_err()
        );
        assert!(
            policy(&["metadata.google.internal"])
                .check_name("METADATA.google.internal", Written::ByAnswer)
                .is_ok()
        );
        let localhost =
            |policy: &Policy, written| policy.check_name("Web.localhost.", written).is_ok();
        assert!(localhost(&none, Written::Literally) && !localhost(&none, Written::ByAnswer));
        assert!(localhost(&policy(&["*.localhost"]), Written::ByAnswer));
        assert!(localhost(&policy(&["127.0.0.0/8"]), Written::ByAnswer));
        let why = none.check(ip("10.0.0.1"), Written::ByAnswer).unwrap_err();
        assert!(
            why.contains("its host came from an input or an earlier answer"),
            "{why}"
        );
        let why = none.check(ip("10.0.0.1"), by).unwrap_err();
        assert_eq!(
            why,
            "the outbound policy refuses db.internal: it resolves to 10.0.0.1, an address of a private network; if that is \
             meant, add \"db.internal\" or \"10.0.0.1\" to allow of [outbound] in opsroom.toml"
        );
        // A name alone does not open what is neither this machine nor a private network, so it is
        // not offered.
        let why = none.check(ip("169.254.169.254"), by).unwrap_err();
        assert!(why.contains("add \"169.254.169.254\" to allow"), "{why}");
        // It would be refused in a file too: that it is not from one is not the reason.
        for written in [Written::Literally, Written::ByAnswer] {
            let why = none.check(ip("169.254.169.254"), written).unwrap_err();
            assert!(!why.contains("its host came from"), "{why}");
        }
    }

    #[test]
    fn entries_are_read_strictly() {
        for bad in [
            "",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0/8",
            "::/129",
            "a b",
            "http://x",
            "x/8",
        ] {
            assert!(Allowed::parse(bad).is_err(), "{bad}");
        }
        for (text, entry) in [
            ("127.0.0.1", Allowed::Network(ip("127.0.0.1"), 32)),
            ("10.0.0.0/8", Allowed::Network(ip("10.0.0.0"), 8)),
            ("0.0.0.0/0", Allowed::Network(ip("0.0.0.0"), 0)),
            ("10.0.0.0/32", Allowed::Network(ip("10.0.0.0"), 32)),
            ("[::1]", Allowed::Network(ip("::1"), 128)),
            ("fd00::/128", Allowed::Network(ip("fd00::"), 128)),
        ] {
            assert_eq!(Allowed::parse(text), Ok(entry), "{text}");
        }
        let error = |text| Allowed::parse(text).unwrap_err();
        assert_eq!(
            error("10.0.0.0/33"),
            "has no prefix of 0 to 32 bits after the /"
        );
        assert_eq!(
            error("::/129"),
            "has no prefix of 0 to 128 bits after the /"
        );
        assert!(error("x/8").starts_with("is not a network"));
    }

    #[test]
    fn a_name_of_this_machine_or_of_a_metadata_service_needs_an_entry() {
        let none = policy(&[]);
        for (policy, name, written, fine) in [
            (&none, "acme.test", Written::ByAnswer, true),
            (&none, "localhost", Written::Literally, true),
            (&none, "LOCALHOST.", Written::ByAnswer, false),
            (
                &policy(&["localhost"]),
                "localhost",
                Written::ByAnswer,
                true,
            ),
            (
                &policy(&["127.0.0.1"]),
                "localhost",
                Written::ByAnswer,
                true,
            ),
            (
                &policy(&["127.0.0.2"]),
                "localhost",
                Written::ByAnswer,
                false,
            ),
            (
                &policy(&["127.0.0.1"]),
                "metadata.goog",
                Written::Literally,
                false,
            ),
            (
                &policy(&["metadata.goog"]),
                "metadata.goog",
                Written::Literally,
                true,
            ),
            (
                &policy(&["metadata.goog"]),
                "metadata",
                Written::Literally,
                false,
            ),
        ] {
            assert_eq!(
                policy.check_name(name, written).is_ok(),
                fine,
                "{name} {written:?}"
            );
        }
        assert_eq!(
            none.check_name("Localhost.", Written::ByAnswer)
                .unwrap_err(),
            "the outbound policy refuses Localhost.: it is this machine, and its host came from an input or an earlier \
             answer, not from a file; if that is meant, add \"localhost\" to allow of [outbound] in opsroom.toml"
        );
        assert_eq!(
            none.check_name("metadata.goog", Written::Literally)
                .unwrap_err(),
            "the outbound policy refuses metadata.goog: it is the name of a cloud's metadata service, which hands out \
             credentials; if that is meant, add \"metadata.goog\" and its address to allow of [outbound] in opsroom.toml"
        );
    }

    #[test]
    fn a_refusal_names_the_rule_and_what_to_add() {
        let none = policy(&[]);
        for (address, written, error) in [
            (
                "0.0.0.0",
                Written::Literally,
                "0.0.0.0: it is no address of a machine (unspecified)",
            ),
            (
                "127.0.0.1",
                Written::ByAnswer,
                "127.0.0.1: it is an address of this machine (loopback), and its host came from an input or an earlier answer, not from a file",
            ),
            (
                "fe80::1",
                Written::As("a.test"),
                "a.test: it resolves to fe80::1, a link-local address",
            ),
        ] {
            assert_eq!(
                none.check(ip(address), written).unwrap_err(),
                format!(
                    "the outbound policy refuses {error}; if that is meant, add \"{address}\" to allow of [outbound] in opsroom.toml"
                )
            );
        }
        assert!(
            policy(&["fd00::/8"])
                .check(ip("fd12::1"), Written::ByAnswer)
                .is_ok()
        );
        assert!(
            policy(&["fd00::/8"])
                .check(ip("fe80::1"), Written::Literally)
                .is_err()
        );
        assert!(
            policy(&["::/0"])
                .check(ip("10.0.0.1"), Written::ByAnswer)
                .is_err()
        );
        assert!(
            policy(&["0.0.0.0/0"])
                .check(ip("fd12::1"), Written::ByAnswer)
                .is_err()
        );
        assert!(
            policy(&["db.test"])
                .check(ip("127.0.0.1"), Written::As("db.test"))
                .is_ok()
        );
        assert!(
            policy(&["db.test"])
                .check(ip("127.0.0.1"), Written::Literally)
                .is_ok()
        );
        assert!(
            policy(&["db.test"])
                .check(ip("127.0.0.1"), Written::As("web.test"))
                .is_err()
        );
        assert_eq!(Written::from(HostFrom::File), Written::Literally);
        assert_eq!(Written::from(HostFrom::Value), Written::ByAnswer);
        for (name, is) in [
            ("localhost", true),
            ("LocalHost.", true),
            ("a.localhost", true),
            ("alocalhost", false),
            ("localhost.test", false),
        ] {
            assert_eq!(is_localhost(name), is, "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_network_holds_what_begins_alike(bits: u32, other: u32, prefix in 0u8..=32) {
            let network = Allowed::Network(Ipv4Addr::from_bits(bits).into(), prefix);
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            prop_assert_eq!(network.holds(Ipv4Addr::from_bits(other).into()), bits & mask == other & mask);
        }

        #[test]
        fn a_wide_network_holds_what_begins_alike(bits: u128, flip in 0u32..=128, prefix in 0u8..=128) {
            let network = Allowed::Network(::core::net::Ipv6Addr::from_bits(bits).into(), prefix);
            // The first bit that differs, or none.
            let other = bits ^ 1_u128.checked_shl(127_u32.wrapping_sub(flip)).unwrap_or(0);
            prop_assert_eq!(
                network.holds(::core::net::Ipv6Addr::from_bits(other).into()),
                flip >= u32::from(prefix)
            );
        }
    }
}
