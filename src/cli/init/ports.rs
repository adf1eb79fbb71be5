//! The listening ports of a machine, from the kernel's tables `/proc/net/tcp` and `/proc/net/tcp6`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The state of a listening socket in the kernel's tables.
const LISTEN: &str = "0A";
/// From here on ports are given out by the kernel, and change with every start.
const EPHEMERAL: u16 = 32_768;

/// A port that something listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listener {
    pub address: IpAddr,
    pub port: u16,
}

/// What usually listens on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http,
    Https,
    /// Another protocol, of this program.
    Other(&'static str),
    Unknown,
}

/// Ports and what usually listens there.
const KNOWN: &[(u16, Protocol)] = &[
    (22, Protocol::Other("ssh")),
    (25, Protocol::Other("mail")),
    (53, Protocol::Other("dns")),
    (80, Protocol::Http),
    (443, Protocol::Https),
    (3000, Protocol::Http),
    (3306, Protocol::Other("mysql")),
    (5000, Protocol::Http),
    (5432, Protocol::Other("postgres")),
    (5672, Protocol::Other("rabbitmq")),
    (6379, Protocol::Other("redis")),
    (8000, Protocol::Http),
    (8080, Protocol::Http),
    (8443, Protocol::Https),
    (8888, Protocol::Http),
    (9000, Protocol::Http),
    (9090, Protocol::Http),
    (9092, Protocol::Other("kafka")),
    (9200, Protocol::Http),
    (11_211, Protocol::Other("memcached")),
    (27_017, Protocol::Other("mongodb")),
];

impl Listener {
    /// The host to call it by on this machine.
    pub fn host(self) -> String {
        match self.address {
            IpAddr::V4(address) if address.is_unspecified() => "127.0.0.1".to_owned(),
            IpAddr::V6(address) if address.is_unspecified() => "localhost".to_owned(),
            address => address.to_string(),
        }
    }

    /// The host as it is written in a URL.
    pub fn url_host(self) -> String {
        let host = self.host();
        if host.contains(':') {
            format!("[{host}]")
        } else {
            host
        }
    }

    pub fn protocol(self) -> Protocol {
        KNOWN
            .iter()
            .find(|(port, _)| *port == self.port)
            .map_or(Protocol::Unknown, |(_, kind)| *kind)
    }

    /// `postgres`, or `port-8080`.
    pub fn name(self) -> String {
        match self.protocol() {
            Protocol::Other(name) => name.to_owned(),
            Protocol::Http | Protocol::Https | Protocol::Unknown => format!("port-{}", self.port),
        }
    }

    /// Which of several addresses of a port is used: all addresses first, then loopback.
    fn rank(self) -> u8 {
        match self.address {
            IpAddr::V4(address) if address.is_unspecified() => 0,
            address if address.is_unspecified() => 1,
            IpAddr::V4(address) if address.is_loopback() => 2,
            address if address.is_loopback() => 3,
            _ => 4,
        }
    }
}

/// The listeners of the tables, one for each port, ordered by port; without ports that the kernel
/// gave out.
pub(super) fn listeners(tables: &str) -> Vec<Listener> {
    let mut found: BTreeMap<u16, Listener> = BTreeMap::new();
    let rows = tables.lines().filter_map(row);
    for new in rows.filter(|listener| (1..EPHEMERAL).contains(&listener.port)) {
        let known = found.entry(new.port).or_insert(new);
        if new.rank() < known.rank() {
            *known = new;
        }
    }
    found.into_values().collect()
}

/// `  0: 0100007F:1F90 00000000:0000 0A …`
fn row(line: &str) -> Option<Listener> {
    let mut words = line.split_whitespace().skip(1);
    let (local, _remote, state) = (words.next()?, words.next()?, words.next()?);
    let (address, port) = local.split_once(':').filter(|_| state == LISTEN)?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let address = address_of(address)?;
    Some(Listener { address, port })
}

/// Words of 32 bits, each in the byte order of the machine (little-endian everywhere opsroom runs).
fn address_of(hex: &str) -> Option<IpAddr> {
    let mut bytes = Vec::new();
    for at in (0..hex.len()).step_by(8) {
        let word = u32::from_str_radix(hex.get(at..at + 8)?, 16).ok()?;
        bytes.extend(word.to_le_bytes());
    }
    if let Ok(four) = <[u8; 4]>::try_from(bytes.as_slice()) {
        return Some(Ipv4Addr::from(four).into());
    }
    let six = Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?);
    Some(six.to_ipv4_mapped().map_or(six.into(), IpAddr::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 4649 1 00000000d49723e8 100 0 0 10 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1076 1 000000008f4757ad 100 0 0 10 0
   2: 3500007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1077 1 000000008f4757ad 100 0 0 10 0
   3: 0100007F:8131 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 294232 1 00000000ac298d16 100 0 0 10 0
   4: 0100007F:1F90 0100007F:D2A4 01 00000000:00000000 00:00000000 00000000     0        0 294233 1 00000000ac298d16 20 4 30 10 -1
";
    const TCP6: &str = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 20861 1 0000000000000000 100 0 0 10 0
   1: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 20862 1 0000000000000000 100 0 0 10 0
   2: 00000000000000000000000001000000:0277 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 20863 1 0000000000000000 100 0 0 10 0
   3: 0000000000000000FFFF00000100007F:2328 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 20864 1 0000000000000000 100 0 0 10 0
";

    #[test]
    fn only_lasting_listeners_are_found_once_each() {
        let found: Vec<(String, u16, String)> = listeners(&format!("{TCP}{TCP6}"))
            .into_iter()
            .map(|l| (l.host(), l.port, l.name()))
            .collect();
        let expected = [
            ("127.0.0.1", 22, "ssh"),
            ("127.0.0.53", 53, "dns"),
            ("::1", 631, "port-631"),
            ("127.0.0.1", 5432, "postgres"),
            ("localhost", 8080, "port-8080"),
            ("127.0.0.1", 9000, "port-9000"),
        ];
        let expected: Vec<_> = expected
            .map(|(host, port, name)| (host.to_owned(), port, name.to_owned()))
            .into();
        assert_eq!(found, expected);
    }

    #[test]
    fn broken_rows_are_skipped() {
        for text in [
            "",
            "0: 0100007F:1538",
            "0: XYZ:1538 00000000:0000 0A",
            "0: 0100007F:zz 00000000:0000 0A",
            "0: 0100007:1538 00000000:0000 0A",
            "0: 0100007F0100007F:1538 00000000:0000 0A",
            "0: éééééééé:1538 00000000:0000 0A",
        ] {
            assert_eq!(listeners(text), [], "{text}");
        }
    }

    #[test]
    fn an_ipv6_address_stands_in_brackets_in_a_url() {
        let listener = |address: &str| Listener {
            address: address.parse().unwrap_or(IpAddr::V4(Ipv4Addr::BROADCAST)),
            port: 80,
        };
        assert_eq!(listener("::1").url_host(), "[::1]");
        assert_eq!(listener("10.0.0.7").url_host(), "10.0.0.7");
    }
}
