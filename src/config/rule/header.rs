//! Which HTTP headers may be stored: none that carries a secret, none that the connection sets itself.

const MAX_HEADER_NAME: usize = 100;
const MAX_HEADER_VALUE: usize = 4096;

/// Headers that carry secrets; those belong to `auth`, where only their name is stored.
const SECRET_HEADERS: [&str; 9] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "api-key",
    "x-auth-token",
    "x-csrf-token",
    "x-amz-security-token",
];

/// Headers the HTTP client or a proxy sets; a stored one could smuggle a second request or forge an address.
const CLIENT_HEADERS: [&str; 13] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "proxy-connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "forwarded",
    "via",
    "x-real-ip",
];

/// The name of a header that may be stored.
pub(in crate::config) fn name(text: &str) -> Result<String, String> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if text.is_empty() || text.len() > MAX_HEADER_NAME || !text.bytes().all(token) {
        return Err("is not a header name (letters, digits and - up to 100 characters)".to_owned());
    }
    let lower = text.to_ascii_lowercase();
    if SECRET_HEADERS.contains(&lower.as_str()) {
        return Err("carries a secret and is never stored; name the secret instead: auth = { secret_ref = \"NAME\" } \
                    in a routine, a variable of the environment in a shell action"
            .to_owned());
    }
    if CLIENT_HEADERS.contains(&lower.as_str()) || lower.starts_with("x-forwarded-") {
        return Err("is set by the connection itself; remove it".to_owned());
    }
    Ok(text.to_owned())
}

/// The value of a header: one line.
pub(in crate::config) fn value(text: &str) -> Result<String, String> {
    if text.len() > MAX_HEADER_VALUE {
        return Err(format!("is {} bytes long; a header value has at most {MAX_HEADER_VALUE}", text.len()));
    }
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return Err("holds a line break or another control character; a header is one line".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn headers_with_secrets_or_of_the_connection_are_refused() {
        for good in ["Accept", "X-Team", "content-type", "User-Agent"] {
            assert!(name(good).is_ok(), "{good}");
        }
        for bad in [
            "authorization",
            "Cookie",
            "SET-COOKIE",
            "x-api-key",
            "X-Auth-Token",
            "Proxy-Authorization",
            "host",
            "Content-Length",
            "transfer-encoding",
            "connection",
            "forwarded",
            "X-Forwarded-For",
            "x-forwarded-host",
            "",
            "a b",
            "a:b",
            "ü",
            &"x".repeat(101),
        ] {
            assert!(name(bad).is_err(), "{bad}");
        }
        assert!(value(&"x".repeat(4096)).is_ok());
        for bad in ["a\r\nb", "a\nb", "a\0", &"x".repeat(4097)] {
            assert!(value(bad).is_err());
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_one_line_of_a_request(header in ".{0,20}", content in any::<String>()) {
            if let (Ok(header), Ok(content)) = (name(&header), value(&content)) {
                let line = format!("{header}: {content}");
                prop_assert_eq!(line.find(':'), Some(header.len()));
                prop_assert!(!line.contains(['\r', '\n', '\0']));
            }
        }
    }
}
