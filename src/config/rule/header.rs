//! Rules for stored HTTP headers: none that carries a secret, none that the connection sets itself.

use crate::core::base::header;

const MAX_HEADER_NAME: usize = 100;
const MAX_HEADER_VALUE: usize = 4096;

/// The name of a header that may be stored with its value.
pub(in crate::config) fn name(text: &str) -> Result<String, String> {
    let name = secret_name(text)?;
    if header::carries_secret(&name) {
        return Err("carries a secret and is never stored; name the secret instead: { secret_ref = \"NAME\" }, or \
                    auth = { secret_ref = \"NAME\" } for a bearer token"
            .to_owned());
    }
    Ok(name)
}

/// The name of a header whose value is a secret.
pub(in crate::config) fn secret_name(text: &str) -> Result<String, String> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if text.is_empty() || text.len() > MAX_HEADER_NAME || !text.bytes().all(token) {
        return Err("is not a header name (letters, digits and - up to 100 characters)".to_owned());
    }
    if header::belongs_to_connection(text) {
        return Err("is set by the connection itself; remove it".to_owned());
    }
    Ok(text.to_owned())
}

/// The value of a header: one line.
pub(in crate::config) fn value(text: &str) -> Result<String, String> {
    if text.len() > MAX_HEADER_VALUE {
        return Err(format!(
            "is {} bytes long; a header value has at most {MAX_HEADER_VALUE}",
            text.len()
        ));
    }
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return Err(
            "holds a line break or another control character; a header is one line".to_owned(),
        );
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
