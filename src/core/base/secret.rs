//! Secret references: the name of a secret, the source of its value, and the hosts it may be sent
//! to. The value itself is never here.

/// A secret as `opsroom.toml` declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    pub name: String,
    pub source: Source,
    /// Where it may be sent; empty: nowhere over HTTP.
    pub hosts: Vec<HostPattern>,
}

/// Where a value comes from, each time it is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A variable of opsroom's own environment.
    Env(String),
    /// A file only its owner may read.
    File(String),
    /// The output of a program: its name and arguments, run without a shell.
    Command(Vec<String>),
}

impl Source {
    /// Reads `env:NAME`, `file:/path` or `command:program argument`.
    ///
    /// # Errors
    /// A sentence that says what to write. It does not repeat the text, which may be the secret
    /// itself.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wanted = "write \"env:NAME\", \"file:/path\" or \"command:program argument\"; never write the value here";
        let (kind, rest) = text
            .split_once(':')
            .ok_or_else(|| format!("does not say where the value is; {wanted}"))?;
        match kind {
            "env" if is_variable(rest) => Ok(Self::Env(rest.to_owned())),
            "env" => Err("does not name a variable: letters, digits and _ after env:".to_owned()),
            "file" if rest.contains('\0') || !rest.starts_with('/') => {
                Err("does not name a file: an absolute path after file:".to_owned())
            }
            "file" => Ok(Self::File(rest.to_owned())),
            "command" => match words(rest)? {
                argv if argv.is_empty() => Err("names no program after command:".to_owned()),
                argv => Ok(Self::Command(argv)),
            },
            _ => Err(format!("does not say where the value is; {wanted}")),
        }
    }

    /// The source for people: kind and place, a command's arguments left out.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Env(name) => format!("${name}"),
            Self::File(path) => path.clone(),
            Self::Command(argv) => format!("command {}", argv.first().map_or("", String::as_str)),
        }
    }
}

/// A host a secret may be sent to: `api.example.com`, `*.example.com` (any depth, not the name
/// itself), `127.0.0.1:8080`, `[::1]`. Without a port any port will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    /// Lower case, without the `*.`; IPv6 in brackets.
    host: String,
    below: bool,
    port: Option<u16>,
}

impl HostPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            "is not a host: write \"api.example.com\", \"*.example.com\" or \"127.0.0.1:8080\""
                .to_owned()
        };
        let (below, rest) = text
            .strip_prefix("*.")
            .map_or((false, text), |rest| (true, rest));
        let end = if rest.starts_with('[') {
            rest.find(']').ok_or_else(wrong)? + 1
        } else {
            rest.find(':').unwrap_or(rest.len())
        };
        let (host, port) = rest.split_at(end);
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            None => return Err(wrong()),
            Some(digits) => Some(
                digits
                    .parse()
                    .ok()
                    .filter(|port| *port > 0)
                    .ok_or_else(wrong)?,
            ),
        };
        let address = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<::core::net::IpAddr>();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        match address {
            Ok(_) if below => Err("an address has nothing below it; leave the *. out".to_owned()),
            // As URLs write them, or they would never match.
            Ok(::core::net::IpAddr::V6(address)) => Ok(Self {
                host: format!("[{address}]"),
                below,
                port,
            }),
            Ok(address) => Ok(Self {
                host: address.to_string(),
                below,
                port,
            }),
            Err(_)
                if host.is_empty()
                    || !host.chars().all(plain)
                    || host.split('.').any(str::is_empty) =>
            {
                Err(wrong())
            }
            Err(_) => Ok(Self {
                host: host.to_ascii_lowercase(),
                below,
                port,
            }),
        }
    }

    /// Whether a URL's host (as the URL standard writes it) and port match.
    #[must_use]
    pub fn matches(&self, host: &str, port: u16) -> bool {
        self.names(host) && self.port.is_none_or(|wanted| wanted == port)
    }

    /// Whether a URL's host matches, on any port.
    #[must_use]
    pub fn names(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        if self.below {
            host.strip_suffix(&self.host)
                .is_some_and(|front| front.len() > 1 && front.ends_with('.'))
        } else {
            host == self.host
        }
    }
}

impl std::fmt::Display for HostPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let below = if self.below { "*." } else { "" };
        write!(f, "{below}{}", self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Whether a text is a valid name of a secret: letters, digits and `_ - .`, 100 at the most, not
/// beginning with a digit.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.len() <= 100
        && text.chars().all(plain)
}

/// The variable a shell action finds the value in: `OPSROOM_SECRET_DEPLOY_TOKEN`.
#[must_use]
pub fn variable(name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    format!(
        "OPSROOM_SECRET_{}",
        name.chars().map(plain).collect::<String>()
    )
}

/// Splits a command line into words as a shell would, without its expansions.
fn words(text: &str) -> Result<Vec<String>, String> {
    if text.contains('\0') {
        return Err("holds a NUL character; remove it".to_owned());
    }
    shlex::split(text)
        .ok_or_else(|| "has a quote that is not closed, or ends with a backslash".to_owned())
}

/// Whether a text is a valid name of an environment variable.
fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sources() {
        let argv = |words: &[&str]| {
            Ok(Source::Command(
                words.iter().map(|w| (*w).to_owned()).collect(),
            ))
        };
        assert_eq!(
            Source::parse("env:TOKEN_1"),
            Ok(Source::Env("TOKEN_1".to_owned()))
        );
        assert_eq!(
            Source::parse("file:/run/a:b"),
            Ok(Source::File("/run/a:b".to_owned()))
        );
        assert_eq!(
            Source::parse("command:pass show 'a b'\\ c \"d\\\"e\""),
            argv(&["pass", "show", "a b c", "d\"e"])
        );
        // As in a shell: `#` begins a comment, and within quotes `\` escapes `$`.
        assert_eq!(
            Source::parse("command:op read op://v/x#y \"\\$5\" # the token"),
            argv(&["op", "read", "op://v/x#y", "$5"])
        );
        for bad in [
            "hunter2secret",
            "env:",
            "env:A B",
            "env:1A",
            "file:rel",
            "file:",
            "command:",
            "command: ",
            "vault:hunter2secret",
            "command:x 'hunter2secret",
            "command:x hunter2secret\\",
            "command:x hunter2\0",
        ] {
            let why = Source::parse(bad).unwrap_err();
            assert!(!why.contains("hunter2"), "{why}");
        }
        assert_eq!(
            Source::parse("command:pass show hunter2")
                .unwrap()
                .describe(),
            "command pass"
        );
    }

    #[test]
    fn hosts_are_exact_or_below() {
        let table = [
            ("api.example.com", "api.example.com", 443, true),
            ("API.example.com", "api.EXAMPLE.com.", 443, true),
            ("api.example.com", "xapi.example.com", 443, false),
            ("api.example.com", "api.example.com.evil.test", 443, false),
            ("api.example.com:8443", "api.example.com", 443, false),
            ("api.example.com:8443", "api.example.com", 8443, true),
            ("*.example.com", "a.example.com", 443, true),
            ("*.example.com", "a.b.example.com", 443, true),
            ("*.example.com", "example.com", 443, false),
            ("*.example.com", ".example.com", 443, false),
            ("*.example.com", "badexample.com", 443, false),
            ("127.0.0.1:80", "127.0.0.1", 80, true),
            ("127.0.0.1", "127.0.0.2", 80, false),
            ("[0:0::1]:80", "[::1]", 80, true),
        ];
        for (pattern, host, port, wanted) in table {
            assert_eq!(
                HostPattern::parse(pattern).unwrap().matches(host, port),
                wanted,
                "{pattern} {host}:{port}"
            );
        }
        for bad in [
            "",
            "*",
            "*.",
            "a b",
            "https://a.test",
            "a.test/x",
            "a.test:",
            "a.test:0",
            "a.test:99999",
            "*.127.0.0.1",
            "a..b",
            "*.*.a",
            "[::1",
            "[::1]x",
        ] {
            assert!(HostPattern::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(
            variable("deploy-token.v2"),
            "OPSROOM_SECRET_DEPLOY_TOKEN_V2"
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = (words(&text), Source::parse(&text), HostPattern::parse(&text));
        }
    }
}
