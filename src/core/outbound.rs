//! Where calls may go. Addresses of machines that hand out credentials, and addresses no service lives at, are refused;
//! those of this machine and of private networks are allowed where the stack file names the address itself.
//!
//! Decision: a literal address (or `localhost`) in a stack file was written on purpose, reviewed and audited with it, so
//! loopback and private networks may be called that way. A *name* that resolves there was not: whoever runs its DNS chose
//! the address. It needs an entry in `[outbound] allow` of `opsroom.toml`, its own name or the address.

use ::core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::secret::HostPattern;

/// What kind of place an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    Public,
    /// This machine: 127.0.0.0/8, `::1`.
    Loopback,
    /// RFC 1918, RFC 6598 (carriers), RFC 4193 (ULA) and networks kept for tests.
    Private,
    /// 169.254.0.0/16, `fe80::/10`.
    LinkLocal,
    /// Hands out credentials of the machine to whoever asks.
    Metadata,
    /// Multicast, broadcast, and what is kept for the future.
    Multicast,
    /// 0.0.0.0/8, `::`.
    Unspecified,
}

impl Category {
    /// `a private address`
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Public => "a public address",
            Self::Loopback => "an address of this machine (loopback)",
            Self::Private => "an address of a private network",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "the address of a cloud's metadata service, which hands out credentials",
            Self::Multicast => "a multicast or reserved address",
            Self::Unspecified => "no address of a machine (unspecified)",
        }
    }

    /// The kind of an address, also of one wrapped into IPv6 (mapped, NAT64, 6to4).
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => of_v4(v4),
            IpAddr::V6(v6) => of_v6(v6),
        }
    }
}

fn of_v4(address: Ipv4Addr) -> Category {
    match address.octets() {
        [169, 254, 169, 254] | [169, 254, 170, 2] | [100, 100, 100, 200] | [192, 0, 0, 192] => Category::Metadata,
        [169, 254, ..] => Category::LinkLocal,
        [127, ..] => Category::Loopback,
        [0, ..] => Category::Unspecified,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] | [192, 0, 0, _] | [198, 18..=19, ..] => {
            Category::Private
        }
        [224..=255, ..] => Category::Multicast,
        _ => Category::Public,
    }
}

fn of_v6(address: Ipv6Addr) -> Category {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Category::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Category::Loopback,
        // Compatible, mapped, translated (SIIT), NAT64: the last 32 bits are the IPv4 address; 6to4: those
        // after the prefix.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => of_v4(joined(high, low)),
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => Category::Metadata,
        [0x64, 0xff9b, 1, ..] | [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Category::Private,
        [0xfe80..=0xfebf, ..] => Category::LinkLocal,
        [0xff00..=0xffff, ..] => Category::Multicast,
        _ => Category::Public,
    }
}

const fn joined(high: u16, low: u16) -> Ipv4Addr {
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Ipv4Addr::new(a, b, c, d)
}

/// Names of metadata services, refused before they are looked up.
const METADATA_NAMES: [&str; 7] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
    "metadata.azure.com",
    "metadata.azure.internal",
];

/// What `[outbound] allow` adds to the rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    allow: Vec<Allowed>,
}

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// An address or a network, by its first bits.
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
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        match (address.trim_matches(['[', ']']).parse::<IpAddr>(), bits) {
            (Ok(address), None) => Ok(Self::Network(address, width(address))),
            (Ok(address), Some(bits)) => match bits.parse().ok().filter(|bits| *bits <= width(address)) {
                Some(bits) => Ok(Self::Network(address, bits)),
                None => Err(format!("has no prefix of 0 to {} bits after the /", width(address))),
            },
            (Err(_), None) => HostPattern::parse(text).map(Self::Name),
            (Err(_), Some(_)) => Err("is not a network: write \"10.0.0.0/8\" or \"fd00::/8\"".to_owned()),
        }
    }

    fn holds(&self, address: IpAddr) -> bool {
        let Self::Network(network, bits) = self else { return false };
        match (network, address) {
            (IpAddr::V4(n), IpAddr::V4(a)) => {
                same_front(u128::from(n.to_bits()) << 96, u128::from(a.to_bits()) << 96, *bits)
            }
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

/// How an address came to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written<'a> {
    /// It stands in the stack file itself.
    Literally,
    /// Somebody else sent us there: a redirect.
    ByAnswer,
    /// This name resolved to it.
    As(&'a str),
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
    pub fn check_name(&self, name: &str) -> Result<(), String> {
        let plain = name.trim_end_matches('.').to_ascii_lowercase();
        if METADATA_NAMES.contains(&plain.as_str()) && !self.names(&plain) {
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
        let plain = unwrapped(address);
        if category == Category::Public || self.allow.iter().any(|a| a.holds(address) || a.holds(plain)) {
            return Ok(());
        }
        let near = matches!(category, Category::Loopback | Category::Private);
        let (fine, host) = match written {
            Written::Literally => (near, None),
            Written::ByAnswer => (false, None),
            Written::As(name) => {
                (near && self.names(name) || category == Category::Loopback && is_localhost(name), Some(name))
            }
        };
        if fine {
            return Ok(());
        }
        let what = category.words();
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
                format!("the outbound policy refuses {address}: it is {what}; {}", remedy(&format!("\"{address}\"")))
            }
        })
    }

    fn names(&self, name: &str) -> bool {
        // The port is not known here: an entry with one names the host all the same.
        self.allow.iter().any(|a| matches!(a, Allowed::Name(pattern) if pattern.names(name)))
    }
}

/// `localhost` and what is below it are this machine (RFC 6761), whoever is asked.
#[must_use]
pub fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// An IPv4 address written as a mapped IPv6 one counts as itself for the list.
fn unwrapped(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

fn remedy(what: &str) -> String {
    format!("if that is meant, add {what} to allow of [outbound] in opsroom.toml")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy(allow: &[&str]) -> Policy {
        Policy::new(allow.iter().map(|text| Allowed::parse(text).unwrap()).collect())
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn every_address_has_its_kind() {
        use Category::{LinkLocal, Loopback, Metadata, Multicast, Private, Public, Unspecified};
        for (address, kind) in [
            ("1.1.1.1", Public),
            ("172.15.255.255", Public),
            ("172.32.0.0", Public),
            ("2606:4700::1", Public),
            ("127.0.0.1", Loopback),
            ("127.255.255.254", Loopback),
            ("::1", Loopback),
            ("::ffff:127.0.0.1", Loopback),
            ("64:ff9b::7f00:1", Loopback),
            ("2002:7f00:1::", Loopback),
            ("::127.0.0.1", Loopback),
            ("10.1.2.3", Private),
            ("172.16.0.1", Private),
            ("192.168.1.1", Private),
            ("100.64.0.1", Private),
            ("198.18.0.1", Private),
            ("fd12::1", Private),
            ("fec0::1", Private),
            ("64:ff9b:1::1", Private),
            ("::ffff:10.0.0.1", Private),
            ("169.254.1.1", LinkLocal),
            ("fe80::1", LinkLocal),
            ("169.254.169.254", Metadata),
            ("::ffff:169.254.169.254", Metadata),
            ("64:ff9b::a9fe:a9fe", Metadata),
            ("fd00:ec2::254", Metadata),
            ("100.100.100.200", Metadata),
            ("224.0.0.1", Multicast),
            ("255.255.255.255", Multicast),
            ("ff02::1", Multicast),
            ("0.0.0.0", Unspecified),
            ("0.1.2.3", Unspecified),
            ("::", Unspecified),
        ] {
            assert_eq!(Category::of(ip(address)), kind, "{address}");
        }
    }

    #[test]
    fn who_wrote_it_decides_about_private_addresses() {
        let none = policy(&[]);
        let some = policy(&["10.0.0.0/8", "db.internal", "*.corp.test", "169.254.169.254", "fd00:ec2::/32"]);
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
            assert_eq!(policy.check(ip(address), written).is_ok(), fine, "{address} {written:?}");
        }
        assert!(none.check_name("metadata.google.internal.").is_err());
        assert!(policy(&["metadata.google.internal"]).check_name("METADATA.google.internal").is_ok());
        let why = none.check(ip("10.0.0.1"), by).unwrap_err();
        assert_eq!(
            why,
            "the outbound policy refuses db.internal: it resolves to 10.0.0.1, an address of a private network; if that is \
             meant, add \"db.internal\" or \"10.0.0.1\" to allow of [outbound] in opsroom.toml"
        );
    }

    #[test]
    fn entries_are_read_strictly() {
        for bad in ["", "10.0.0.0/33", "10.0.0.0/", "10.0/8", "::/129", "a b", "http://x", "x/8"] {
            assert!(Allowed::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn wrapping_changes_nothing(bits: u32) {
            let v4 = Ipv4Addr::from_bits(bits);
            prop_assert_eq!(Category::of(v4.to_ipv6_mapped().into()), Category::of(v4.into()));
        }

        #[test]
        fn a_network_holds_what_begins_alike(bits: u32, other: u32, prefix in 0u8..=32) {
            let network = Allowed::Network(Ipv4Addr::from_bits(bits).into(), prefix);
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            prop_assert_eq!(network.holds(Ipv4Addr::from_bits(other).into()), bits & mask == other & mask);
        }
    }
}
