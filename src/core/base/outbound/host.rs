//! The host a URL calls, read by the parser the HTTP client uses, and where that host came from.

use ::core::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// Where the host of a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostFrom {
    /// It is written in a stack, runbook or settings file.
    #[default]
    File,
    /// At least a part of it is an input or a value that an earlier step saved.
    Value,
}

impl HostFrom {
    /// The default for a stored plan without this field.
    #[must_use]
    pub const fn unknown() -> Self {
        Self::Value
    }

    /// Whether the field is omitted in a stored plan, so that plans of earlier versions keep their
    /// hash.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Self::Value
    }

    /// Whether the host is from a file.
    #[must_use]
    pub fn is_file(&self) -> bool {
        *self == Self::File
    }

    /// Where the host of a filled URL came from. `filled` is the URL with `stand_in` in the place
    /// of each value that is not from a file, or as it is (`None`): a host that is the same for all
    /// of them is the file's. On this machine and in a private network the port chooses the program
    /// that is called, so there it has to stay the same too.
    #[must_use]
    pub fn of(filled: impl Fn(Option<&str>) -> Option<String>) -> Self {
        // Both are valid as a port, a label of a name and a part of an address.
        let host = |stand_in| called(&filled(stand_in)?);
        let (one, two) = (host(Some("1")), host(Some("2")));
        if one.is_some() && one == two && one == host(None) {
            Self::File
        } else {
            Self::Value
        }
    }
}

/// The host, and the port where it matters.
fn called(url: &str) -> Option<(Host<String>, Option<u16>)> {
    let url = Url::parse(url).ok()?;
    let host = url.host()?.to_owned();
    let near = |ip: Ipv4Addr| {
        ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified()
    };
    let is_public = match &host {
        // A name may resolve to any address.
        Host::Domain(_) => false,
        Host::Ipv4(ip) => !near(*ip),
        Host::Ipv6(ip) => ip.to_ipv4_mapped().map_or_else(
            || {
                !(ip.is_loopback()
                    || ip.is_unique_local()
                    || ip.is_unicast_link_local()
                    || ip.is_unspecified())
            },
            |ip| !near(ip),
        ),
    };
    let port = if is_public {
        None
    } else {
        url.port_or_known_default()
    };
    Some((host, port))
}

/// Host and port that a URL calls: without user and password, a name in punycode, an address in its
/// usual spelling, the port only where it is not the default.
#[must_use]
pub fn host_of(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    Some(format!("{}{port}", url.host_str()?))
}

/// The host of a URL for display: [`host_of`], or a note that it has none.
#[must_use]
pub fn host_words(url: &str) -> String {
    host_of(url).unwrap_or_else(|| "(not a URL)".to_owned())
}

/// The host a URL calls, where a reader could take it for another: backslashes, a user before an
/// `@`, tabs, other spellings of an address, letters that DNS does not have.
#[must_use]
pub fn called_instead(url: &str) -> Option<String> {
    let called = host_of(url)?;
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let read = rest
        .split(['/', '?', '#'])
        .next()
        .unwrap_or(rest)
        .to_ascii_lowercase();
    let plain = read == called
        || [":80", ":443"]
            .iter()
            .any(|port| read.strip_suffix(port) == Some(called.as_str()));
    (!plain || url.contains('\\')).then_some(called)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_the_one_that_is_called() {
        for (url, called, instead) in [
            (
                "http://web.acme.test:8443/x?y#z",
                "web.acme.test:8443",
                false,
            ),
            ("https://web.acme.test:443/", "web.acme.test", false),
            ("http://WEB.acme.test", "web.acme.test", false),
            ("http://[::1]:8080/", "[::1]:8080", false),
            ("http://127.1.1.1:80\\@127.2.2.2:80/", "127.1.1.1", true),
            ("http://good.test\\.evil.test/", "good.test", true),
            ("http://good.test@evil.test/", "evil.test", true),
            ("http://good.test:80@evil.test/", "evil.test", true),
            ("http://good.test#@evil.test/", "good.test", false),
            ("http://evil.test\t.good.test/", "evil.test.good.test", true),
            ("ht\ntp://evil.test/", "evil.test", false),
            ("http:evil.test/", "evil.test", true),
            ("http:\\\\evil.test/", "evil.test", true),
            ("http://0x7f.1/", "127.0.0.1", true),
            ("http://2130706433/", "127.0.0.1", true),
            ("http://１２７.0.0.1/", "127.0.0.1", true),
            ("http://evil。test/", "evil.test", true),
            ("http://аpple.test/", "xn--pple-43d.test", true), // the first letter is Cyrillic
            ("http://bücher.test/", "xn--bcher-kva.test", true),
            ("http://%65vil.test/", "evil.test", true),
        ] {
            assert_eq!(host_words(url), called, "{url}");
            assert_eq!(
                called_instead(url),
                instead.then(|| called.to_owned()),
                "{url}"
            );
        }
        assert_eq!(host_words("{inputs.url}"), "(not a URL)");
    }

    #[test]
    fn only_what_a_missing_line_means_goes_unsaid() {
        assert!(HostFrom::unknown().is_unknown() && !HostFrom::File.is_unknown());
        assert!(HostFrom::File.is_file() && !HostFrom::Value.is_file());
        assert_eq!(HostFrom::default(), HostFrom::File);
    }

    #[test]
    fn a_host_is_the_files_when_no_value_changes_it() {
        let from = |template: &str, value: &str| {
            HostFrom::of(|stand_in| Some(template.replace("{x}", stand_in.unwrap_or(value))))
        };
        for (template, value, whose) in [
            ("http://127.0.0.1/{x}?y={x}", "a", HostFrom::File),
            ("http://127.0.0.1:{x}/", "8080", HostFrom::Value),
            ("http://[::1]:{x}/", "8080", HostFrom::Value),
            ("http://10.0.0.7:{x}/", "8080", HostFrom::Value),
            ("http://localhost:{x}/", "8080", HostFrom::Value),
            ("http://203.0.113.9:{x}/", "8080", HostFrom::File),
            ("http://192.168.0.7:{x}/", "8080", HostFrom::Value),
            ("http://169.254.1.1:{x}/", "8080", HostFrom::Value),
            ("http://0.0.0.0:{x}/", "8080", HostFrom::Value),
            ("http://[fd12::1]:{x}/", "8080", HostFrom::Value),
            ("http://[fe80::1]:{x}/", "8080", HostFrom::Value),
            ("http://[::]:{x}/", "8080", HostFrom::Value),
            ("http://[2001:db8::1]:{x}/", "8080", HostFrom::File),
            ("http://[::ffff:10.0.0.7]:{x}/", "8080", HostFrom::Value),
            ("http://[::ffff:203.0.113.9]:{x}/", "8080", HostFrom::File),
            ("http://[fd12::1]/{x}", "a", HostFrom::File),
            ("http://{x}@127.0.0.1/", "ana", HostFrom::File),
            ("http://{x}/", "127.0.0.1", HostFrom::Value),
            ("http://{x}/", "0.0.0.1", HostFrom::Value),
            ("http://127.0.0.{x}/", "1", HostFrom::Value),
            ("http://127.0.0.{x}/", "2", HostFrom::Value),
            ("http:{x}/", "127.0.0.1", HostFrom::Value),
            ("http:/{x}/", "127.0.0.1", HostFrom::Value),
            ("http:\\\\{x}", "127.0.0.1", HostFrom::Value),
            ("{x}", "http://127.0.0.1", HostFrom::Value),
            ("{x}://127.0.0.1/", "http", HostFrom::Value),
            ("http://a{x}.test/", "", HostFrom::Value),
            ("http://127.0.0.1{x}", "", HostFrom::Value),
        ] {
            assert_eq!(from(template, value), whose, "{template} {value}");
        }
        // What has no host is from no file; neither is what a value can take the host from.
        assert_eq!(from("mailto:ana@acme.test", ""), HostFrom::Value);
        assert_eq!(HostFrom::of(|_| None), HostFrom::Value);
        let some = |which: &'static str| {
            HostFrom::of(move |stand_in| {
                (stand_in.unwrap_or("none") != which).then(|| "http://127.0.0.1/".to_owned())
            })
        };
        assert_eq!(
            ["1", "2", "none", "never"].map(some),
            [
                HostFrom::Value,
                HostFrom::Value,
                HostFrom::Value,
                HostFrom::File
            ]
        );
    }

    #[test]
    fn the_called_host_has_its_port_where_the_port_matters() {
        for (url, port) in [
            ("http://localhost/", Some(80)),
            ("https://127.0.0.1:8443/", Some(8443)),
            ("https://web.acme.test/", Some(443)),
            ("https://203.0.113.9:8443/", None),
            ("https://[2001:db8::1]:8443/", None),
            ("https://[fd12::1]:8443/", Some(8443)),
        ] {
            assert_eq!(called(url).map(|(_, port)| port), Some(port), "{url}");
        }
        assert_eq!(called("mailto:ana@acme.test"), None);
        assert_eq!(called("no URL"), None);
        assert_eq!(host_of("mailto:ana@acme.test"), None);
        assert_eq!(called_instead("mailto:ana@acme.test"), None);
    }
}
