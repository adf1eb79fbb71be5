//! Categories of addresses: this machine, private networks, metadata services of clouds, the public
//! network.

use ::core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The category of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    Public,
    /// RFC 1918, RFC 6598 (carriers), RFC 4193 (ULA) and networks reserved for tests.
    Private,
    /// This machine: 127.0.0.0/8, `::1`.
    Loopback,
    /// Multicast, broadcast, and reserved addresses.
    Multicast,
    /// 0.0.0.0/8, `::`.
    Unspecified,
    /// 169.254.0.0/16, `fe80::/10`.
    LinkLocal,
    /// Hands out credentials of the machine to any process on it.
    Metadata,
}

impl Category {
    /// For example "a link-local address".
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Public => "a public address",
            Self::Loopback => "an address of this machine (loopback)",
            Self::Private => "an address of a private network",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => {
                "the address of a cloud's metadata service, which hands out credentials"
            }
            Self::Multicast => "a multicast or reserved address",
            Self::Unspecified => "no address of a machine (unspecified)",
        }
    }

    /// The category of an address. One that carries an IPv4 address (see `carried`) is at least as
    /// dangerous as that.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => of_v4(v4),
            IpAddr::V6(v6) => carried(v6).map(of_v4).fold(of_v6(v6), Self::max),
        }
    }
}

// Addresses and names under which clouds hand out credentials to the machines they run. Sources:
// AWS: "Instance metadata" (169.254.169.254, fd00:ec2::254), "Amazon ECS task metadata endpoint"
// (169.254.170.2),
//   "EKS Pod Identity agent" (169.254.170.23, fd00:ec2::23); names: the Ubuntu cloud-init AWS data source (instance-data).
// Azure: "What is IP address 168.63.129.16?" (WireServer, a public address; also DNS), Instance
// Metadata Service. Google Cloud: "About VM metadata" (metadata.google.internal, metadata.goog,
// fd20:ce::254). Alibaba Cloud: "Instance metadata" (100.100.100.200, fd00:100::100:200). Tencent
// Cloud: "Instance metadata"
//   (metadata.tencentyun.com, 169.254.0.23, 169.254.10.10). Volcano Engine: "Instance metadata" (100.96.0.96).
// Oracle Cloud: instance metadata over IPv6 (fd00:c1::a9fe:a9fe); Oracle Cloud Classic
// (192.0.0.192). Scaleway: cloud-init's Scaleway data source (169.254.42.42, fd00:42::42). Linode:
// "Metadata service"
//   (fd00:a9fe:a9fe::1, fe80::a9fe:a9fe). OpenStack: "Metadata service" (fe80::a9fe:a9fe).
// Equinix Metal: "Metadata" (metadata.platformequinix.com, metadata.packet.net). Collections:
// PayloadsAllTheThings "SSRF URL for Cloud Instances"; OWASP "Server-Side Request Forgery
// Prevention".
const METADATA_V4: [Ipv4Addr; 10] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(169, 254, 42, 42),
    Ipv4Addr::new(169, 254, 0, 23),
    Ipv4Addr::new(169, 254, 10, 10),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(100, 96, 0, 96),
    Ipv4Addr::new(192, 0, 0, 192),
];

const METADATA_V6: [Ipv6Addr; 7] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
    Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
    Ipv6Addr::new(0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0xfd00, 0x100, 0, 0, 0, 0, 0x100, 0x200),
];

/// Names of metadata services, refused before they are looked up.
const METADATA_NAMES: [&str; 13] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
    "metadata.azure.com",
    "metadata.azure.internal",
    "metadata.tencentyun.com",
    "metadata.oraclecloud.com",
    "metadata.digitalocean.com",
    "metadata.platformequinix.com",
    "metadata.packet.net",
    "rancher-metadata",
];

/// Whether a name, in lower case and without a dot at its end, is that of a metadata service.
pub(super) fn is_metadata_name(name: &str) -> bool {
    METADATA_NAMES.contains(&name)
}

fn of_v4(address: Ipv4Addr) -> Category {
    if METADATA_V4.contains(&address) {
        return Category::Metadata;
    }
    match address.octets() {
        [169, 254, ..] => Category::LinkLocal,
        [127, ..] => Category::Loopback,
        [0, ..] => Category::Unspecified,
        [10, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        | [100, 64..=127, ..]
        | [192, 0, 0, _]
        | [198, 18..=19, ..] => Category::Private,
        [224..=255, ..] => Category::Multicast,
        _ => Category::Public,
    }
}

/// The category of an IPv6 address by itself, whatever it carries.
fn of_v6(address: Ipv6Addr) -> Category {
    if METADATA_V6.contains(&address) {
        return Category::Metadata;
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Category::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Category::Loopback,
        [0x64, 0xff9b, 1, ..] | [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Category::Private,
        [0xfe80..=0xfebf, ..] => Category::LinkLocal,
        [0xff00..=0xffff, ..] => Category::Multicast,
        _ => Category::Public,
    }
}

/// The IPv4 addresses that an IPv6 address carries: compatible and mapped (RFC 4291), translated
/// (RFC 2765), NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056), Teredo (RFC 4380: its server and,
/// inverted, its client), ISATAP (RFC 5214). With a network-specific NAT64 prefix, only a metadata
/// address at the end is recognised.
fn carried(address: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let s = address.segments();
    let last = joined(s[6], s[7]);
    let (one, two) = match s {
        // `::` and `::1` carry nothing.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => (None, None),
        [0, 0, 0, 0, 0, 0 | 0xffff, ..]
        | [0, 0, 0, 0, 0xffff, 0, ..]
        | [0x64, 0xff9b, 0, 0, 0, 0, ..] => (Some(last), None),
        // Local-use NAT64: the operator chose a prefix of 48 bits (the address goes around the
        // ninth byte) up to 96. The other position is 0.
        [0x64, 0xff9b, 1, ..] => {
            let used = |v4: &Ipv4Addr| v4.octets()[0] != 0;
            (
                Some(around(s[3], s[4], s[5])).filter(used),
                Some(last).filter(used),
            )
        }
        [0x2002, high, low, ..] => (Some(joined(high, low)), None),
        [0x2001, 0, high, low, ..] => (Some(joined(high, low)), Some(joined(!s[6], !s[7]))),
        [.., 0 | 0x200, 0x5efe, _, _] => (Some(last), None),
        _ if METADATA_V4.contains(&last) => (Some(last), None),
        _ => (None, None),
    };
    one.into_iter().chain(two)
}

const fn joined(high: u16, low: u16) -> Ipv4Addr {
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Ipv4Addr::new(a, b, c, d)
}

/// The address after a prefix of 48 bits: two bytes, one that is always 0, two bytes.
const fn around(one: u16, two: u16, three: u16) -> Ipv4Addr {
    let ([a, b], [_, c], [d, _]) = (one.to_be_bytes(), two.to_be_bytes(), three.to_be_bytes());
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_address_has_its_category() {
        use Category::{LinkLocal, Loopback, Metadata, Multicast, Private, Public, Unspecified};
        for (address, kind) in [
            ("1.1.1.1", Public),
            ("168.63.129.15", Public),
            ("172.15.255.255", Public),
            ("172.32.0.0", Public),
            ("2606:4700::1", Public),
            ("2001:4860:4860::8888", Public),
            ("2001:0:102:304::fefe:fefe", Public), // Teredo between two public addresses
            ("127.0.0.1", Loopback),
            ("127.255.255.254", Loopback),
            ("::1", Loopback),
            ("::ffff:127.0.0.1", Loopback),
            ("64:ff9b::7f00:1", Loopback),
            ("2002:7f00:1::", Loopback),
            ("::127.0.0.1", Loopback),
            ("2001:0:102:304::80ff:fffe", Loopback), // Teredo, client 127.0.0.1
            ("2001:db8::5efe:7f00:1", Loopback),     // ISATAP
            ("10.1.2.3", Private),
            ("172.16.0.1", Private),
            ("192.168.1.1", Private),
            ("100.64.0.1", Private),
            ("198.18.0.1", Private),
            ("fd12::1", Private),
            ("fec0::1", Private),
            ("64:ff9b:1:808:8:800::", Private),
            ("::ffff:10.0.0.1", Private),
            ("2001:0:a00:1::fefe:fefe", Private), // Teredo, server 10.0.0.1
            ("2001:db8::200:5efe:10.0.0.1", Private),
            ("169.254.1.1", LinkLocal),
            ("fe80::1", LinkLocal),
            ("169.254.169.254", Metadata),
            ("169.254.170.2", Metadata),
            ("169.254.170.23", Metadata),
            ("169.254.42.42", Metadata),
            ("168.63.129.16", Metadata),
            ("::ffff:168.63.129.16", Metadata),
            ("64:ff9b::a83f:8110", Metadata),
            ("2002:a83f:8110::1", Metadata),
            ("2001:0:a83f:8110::1", Metadata),
            ("2001:0:102:304::57c0:7eef", Metadata), // Teredo, client 168.63.129.16
            ("64:ff9b:1:a83f:81:1000::", Metadata),
            ("64:ff9b:1::a83f:8110", Metadata),
            ("2001:db8::5efe:168.63.129.16", Metadata),
            ("2001:db8:64::a9fe:a9fe", Metadata), // a network-specific NAT64 prefix
            ("fe80::a9fe:a9fe", Metadata),
            ("::ffff:0:169.254.169.254", Metadata),
            ("::ffff:169.254.169.254", Metadata),
            ("64:ff9b::a9fe:a9fe", Metadata),
            ("fd00:ec2::254", Metadata),
            ("fd00:ec2::23", Metadata),
            ("fd20:ce::254", Metadata),
            ("fd00:42::42", Metadata),
            ("100.100.100.200", Metadata),
            ("100.96.0.96", Metadata),
            ("192.0.0.192", Metadata),
            ("224.0.0.1", Multicast),
            ("255.255.255.255", Multicast),
            ("ff02::1", Multicast),
            ("0.0.0.0", Unspecified),
            ("0.1.2.3", Unspecified),
            ("::", Unspecified),
        ] {
            assert_eq!(Category::of(address.parse().unwrap()), kind, "{address}");
        }
    }

    #[test]
    fn the_ends_of_every_network_have_its_category() {
        use Category::{LinkLocal, Loopback, Metadata, Multicast, Private, Public, Unspecified};
        for (before, first, last, after, category) in [
            (
                "9.255.255.255",
                "10.0.0.0",
                "10.255.255.255",
                "11.0.0.0",
                Private,
            ),
            (
                "172.15.255.255",
                "172.16.0.0",
                "172.31.255.255",
                "172.32.0.0",
                Private,
            ),
            (
                "192.167.255.255",
                "192.168.0.0",
                "192.168.255.255",
                "192.169.0.0",
                Private,
            ),
            (
                "100.63.255.255",
                "100.64.0.0",
                "100.127.255.255",
                "100.128.0.0",
                Private,
            ),
            (
                "191.255.255.255",
                "192.0.0.0",
                "192.0.0.255",
                "192.0.1.0",
                Private,
            ),
            (
                "198.17.255.255",
                "198.18.0.0",
                "198.19.255.255",
                "198.20.0.0",
                Private,
            ),
            (
                "126.255.255.255",
                "127.0.0.0",
                "127.255.255.255",
                "128.0.0.0",
                Loopback,
            ),
            (
                "169.253.255.255",
                "169.254.0.0",
                "169.254.255.255",
                "169.255.0.0",
                LinkLocal,
            ),
            (
                "223.255.255.255",
                "224.0.0.0",
                "255.255.255.255",
                "1.0.0.0",
                Multicast,
            ),
            (
                "1.0.0.0",
                "0.0.0.0",
                "0.255.255.255",
                "1.0.0.0",
                Unspecified,
            ),
            ("fbff::", "fc00::", "fdff::", "fe00::", Private),
            ("fe7f::", "fe80::", "febf::", "fe00::", LinkLocal),
            ("fe00::", "fec0::", "feff::", "fe00::", Private),
            ("fe00::", "ff00::", "ffff::", "fe00::", Multicast),
        ] {
            let categories = [before, first, last, after].map(|a| Category::of(a.parse().unwrap()));
            assert_eq!(categories, [Public, category, category, Public], "{first}");
        }
        for address in METADATA_V4 {
            assert_eq!(Category::of(address.into()), Metadata, "{address}");
        }
        for address in METADATA_V6 {
            assert_eq!(Category::of(address.into()), Metadata, "{address}");
        }
        assert!(is_metadata_name("metadata") && !is_metadata_name("metadata.acme.test"));
    }

    #[test]
    fn every_category_is_described() {
        use Category::{LinkLocal, Loopback, Metadata, Multicast, Private, Public, Unspecified};
        for (category, word) in [
            (Public, "public"),
            (Private, "private network"),
            (Loopback, "this machine"),
            (Multicast, "multicast"),
            (Unspecified, "unspecified"),
            (LinkLocal, "link-local"),
            (Metadata, "metadata service"),
        ] {
            assert!(category.describe().contains(word), "{category:?}");
        }
    }

    #[test]
    fn a_carried_address_is_read_from_its_place() {
        let carries = |text: &str| -> Vec<String> {
            carried(text.parse().unwrap())
                .map(|v4| v4.to_string())
                .collect()
        };
        for (address, expected) in [
            ("::", &[][..]),
            ("::1", &[]),
            ("::2", &["0.0.0.2"]),
            ("::1.2.3.4", &["1.2.3.4"]),
            ("::ffff:1.2.3.4", &["1.2.3.4"]),
            ("::ffff:0:1.2.3.4", &["1.2.3.4"]),
            ("64:ff9b::1.2.3.4", &["1.2.3.4"]),
            ("64:ff9b:0:0:1::1.2.3.4", &[]),
            ("64:ff9b:1:102:3:400::", &["1.2.3.4"]),
            ("64:ff9b:1::1.2.3.4", &["1.2.3.4"]),
            ("64:ff9b:1:102:3:400:506:708", &["1.2.3.4", "5.6.7.8"]),
            ("2002:102:304::9", &["1.2.3.4"]),
            ("2001:0:102:304::fafe:f8f7", &["1.2.3.4", "5.1.7.8"]),
            ("2001:db8::5efe:1.2.3.4", &["1.2.3.4"]),
            ("2001:db8::200:5efe:1.2.3.4", &["1.2.3.4"]),
            ("2001:db8::1:5efe:1.2.3.4", &[]),
            ("2001:db8::1.2.3.4", &[]),
            ("2001:db8::169.254.169.254", &["169.254.169.254"]),
        ] {
            assert_eq!(carries(address), expected, "{address}");
        }
    }

    proptest! {
        #[test]
        fn wrapping_never_makes_an_address_harmless(a: u16, b: u16, server in 0x0100_u16..0x0900, client: u16) {
            let v4 = joined(a, b);
            prop_assert_eq!(Category::of(v4.to_ipv6_mapped().into()), Category::of(v4.into()));
            for wrapped in [
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a, b),
                Ipv6Addr::new(0x2002, a, b, 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0, server, client, 0, 0, !a, !b),
                Ipv6Addr::new(0x2001, 0, a, b, 0, 0, !server, !client),
                Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0x5efe, a, b),
            ] {
                prop_assert!(Category::of(wrapped.into()) >= Category::of(v4.into()), "{}", wrapped);
            }
            for wrapped in [
                Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, a, b),
                Ipv6Addr::new(0x64, 0xff9b, 1, a, b >> 8, b << 8, 0, 0),
            ] {
                let least = if v4.octets()[0] == 0 { Category::Private } else { Category::of(v4.into()) };
                prop_assert!(Category::of(wrapped.into()) >= least, "{}", wrapped);
            }
        }
    }
}
