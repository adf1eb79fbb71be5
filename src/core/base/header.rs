//! Headers that may not be stored: those that carry secrets, and those the connection sets itself.

/// Headers that carry secrets; only the name of a secret may be stored instead of their value.
const SECRET: [&str; 15] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "api-key",
    "apikey",
    "x-apikey",
    "x-auth-token",
    "x-access-token",
    "x-csrf-token",
    "x-amz-security-token",
    "x-vault-token",
    "private-token",
    "x-goog-api-key",
];

/// Headers the HTTP client or a proxy sets; a stored one could smuggle a second request or forge an
/// address.
const CONNECTION: [&str; 13] = [
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

/// Whether its value is a secret.
#[must_use]
pub fn carries_secret(name: &str) -> bool {
    SECRET.contains(&name.trim().to_ascii_lowercase().as_str())
}

/// Whether only the connection may set it.
#[must_use]
pub fn belongs_to_connection(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase();
    CONNECTION.contains(&name.as_str()) || name.starts_with("x-forwarded-")
}

/// Whether a header may be sent with a value that was stored.
///
/// # Errors
/// A sentence that says what to write instead.
pub fn check_stored(name: &str) -> Result<(), String> {
    if carries_secret(name) {
        return Err(format!(
            "the header {name} carries a secret and is not sent with a stored value; name the secret instead: \
             headers = {{ \"{name}\" = {{ secret_ref = \"NAME\" }} }}"
        ));
    }
    if belongs_to_connection(name) {
        return Err(format!(
            "the header {name} is set by the connection itself; remove it"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_known_however_they_are_written() {
        for secret in [
            "Authorization",
            " cookie ",
            "Set-Cookie",
            "X-API-Key",
            "x-auth-token",
            "PRIVATE-TOKEN",
        ] {
            assert!(
                check_stored(secret).unwrap_err().contains("secret_ref"),
                "{secret}"
            );
        }
        for ours in ["Host", "X-Forwarded-For", "transfer-encoding"] {
            assert!(
                check_stored(ours).unwrap_err().contains("remove it"),
                "{ours}"
            );
        }
        for fine in ["Accept", "X-Team", "Authorization-Hint"] {
            assert!(check_stored(fine).is_ok(), "{fine}");
        }
    }
}
