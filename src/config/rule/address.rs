//! Rules for hosts and their ports.

/// `host:port`; an IPv6 address stands in brackets.
pub(in crate::config) fn address(text: &str) -> Result<String, String> {
    let complain =
        || format!("`{text}` is not an address; write host:port, like db.acme.test:5432");
    let (name, port) = text.rsplit_once(':').ok_or_else(complain)?;
    match port.parse::<u16>() {
        Ok(port) if port > 0 => {}
        _ => return Err(complain()),
    }
    host(name).map_err(|_| complain())?;
    Ok(text.to_owned())
}

/// A host name or an address, by the rules of URLs.
pub(in crate::config) fn host(text: &str) -> Result<String, String> {
    let plain = !text.is_empty() && !text.contains(['/', '@', '?', '#', ' ', '{', '}']);
    let parsed = plain.then(|| url::Host::parse(text));
    match parsed {
        Some(Ok(_)) if !text.contains(':') || text.starts_with('[') => Ok(text.to_owned()),
        _ => Err(format!("`{text}` is not a host name")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for good in ["db:5432", "10.0.0.1:80", "[::1]:443", "a.b-c.test:1"] {
            assert_eq!(address(good), Ok(good.to_owned()));
        }
        for bad in [
            "db",
            "db:0",
            "db:70000",
            ":80",
            "a b:80",
            "::1:80",
            "http://x:80",
            "u@h:22",
        ] {
            let why = address(bad).unwrap_err();
            assert!(why.contains("write host:port"), "{bad}: {why}");
        }
    }
}
