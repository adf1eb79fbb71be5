//! Rules for HTTP: methods, URLs, and the placeholders `{env}`, `{service}`, `{inputs.NAME}`.

use url::Url;

use crate::core::base::toml_doc::quoted;

/// Methods a request may use.
pub(in crate::config) const METHODS: [(&str, &str); 7] = [
    ("GET", "GET"),
    ("HEAD", "HEAD"),
    ("POST", "POST"),
    ("PUT", "PUT"),
    ("PATCH", "PATCH"),
    ("DELETE", "DELETE"),
    ("OPTIONS", "OPTIONS"),
];

const MAX_URL: usize = 2048;
const MAX_BODY: usize = 256 * 1024;

/// Prefixes of placeholders in opsroom; other braces such as `{print}` are plain text.
const ROOTS: [&str; 7] = [
    "env", "service", "services", "inputs", "input", "steps", "response",
];

pub(in crate::config) fn method(text: &str) -> Result<String, String> {
    super::one_of(text, &METHODS).map(str::to_owned)
}

/// An absolute `http` or `https` URL without placeholders.
pub(in crate::config) fn url(text: &str) -> Result<String, String> {
    if text.contains(['{', '}']) {
        return Err(format!(
            "{} holds a brace; placeholders are only known in actions (write %7B for a brace)",
            quoted(text)
        ));
    }
    absolute(text, text)
}

/// A URL of an action. It may contain `{env}`, `{service}` and, after the host, `{inputs.NAME}`.
pub(in crate::config) fn url_template(text: &str) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or_else(|| unfinished(text))?;
        let known = known_placeholder(name).map_err(|()| unknown_placeholder(name))?;
        filled.push_str(before);
        if known == Placeholder::Input && !is_past_host(&filled) {
            return Err(format!(
                "{{{name}}} is in the host; an input must not choose which host is called"
            ));
        }
        // A digit is valid wherever a placeholder is, including the port.
        filled.push('1');
        rest = after;
    }
    if rest.contains('}') {
        return Err(unfinished(text));
    }
    filled.push_str(rest);
    absolute(&filled, text)
}

/// A request body. Text with the shape of a placeholder must be a known one; JSON's braces are not.
pub(in crate::config) fn body_template(text: &str) -> Result<String, String> {
    if text.len() > MAX_BODY {
        return Err("is larger than 256 KiB".to_owned());
    }
    if text.contains('\0') {
        return Err("holds a NUL character; remove it".to_owned());
    }
    match placeholders(text).find(|name| known_placeholder(name).is_err()) {
        Some(name) => Err(unknown_placeholder(name)),
        None => Ok(text.to_owned()),
    }
}

/// A shell command or argument: without placeholders and NUL.
pub(in crate::config) fn shell(text: &str) -> Result<String, String> {
    if text.contains('\0') {
        return Err("holds a NUL character; remove it".to_owned());
    }
    let ours =
        placeholders(text).find(|name| ROOTS.contains(&name.split('.').next().unwrap_or_default()));
    match ours {
        Some(name) => Err(format!(
            "{{{name}}} is not filled in here, so that no input becomes shell text; \
             use $OPSROOM_ENV, $OPSROOM_SERVICE or $OPSROOM_INPUT_NAME"
        )),
        None => Ok(text.to_owned()),
    }
}

/// A link of a service: an `http(s)` URL, or plain text such as `owner/repository`.
pub(in crate::config) fn link(text: &str) -> Result<String, String> {
    let before_path = text.split('/').next().unwrap_or_default();
    if before_path.contains(':') {
        absolute(text, text)
    } else {
        super::line(text)
    }
}

#[derive(Debug, PartialEq)]
enum Placeholder {
    Target,
    Input,
}

fn known_placeholder(name: &str) -> Result<Placeholder, ()> {
    match name {
        "env" | "service" => Ok(Placeholder::Target),
        _ if name.strip_prefix("inputs.").is_some_and(is_identifier) => Ok(Placeholder::Input),
        _ => Err(()),
    }
}

/// The names in `{…}` with the shape of a placeholder: dotted identifiers, no `$` before the brace.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('{')
        .filter(|(at, _)| !text[..*at].ends_with('$'))
        .filter_map(|(at, _)| {
            let after = &text[at + 1..];
            // Stops at the first character that is not part of a name: runs of braces take linear
            // time.
            let end = after
                .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-' | '.'))?;
            let name = &after[..end];
            (after[end..].starts_with('}') && name.split('.').all(is_identifier)).then_some(name)
        })
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Whether `scheme://host/` is complete.
fn is_past_host(url: &str) -> bool {
    url.split_once("://")
        .is_some_and(|(_, rest)| rest.contains(['/', '?', '#']))
}

fn absolute(url: &str, written: &str) -> Result<String, String> {
    let complain = |why: &str| Err(format!("{} is not a usable URL: {why}", quoted(written)));
    if url.len() > MAX_URL {
        return complain("it has more than 2048 characters");
    }
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return complain("it holds a space; write %20");
    }
    let parsed = match Url::parse(url) {
        Ok(parsed) => parsed,
        Err(url::ParseError::EmptyHost) => return complain("the host is missing"),
        Err(url::ParseError::RelativeUrlWithoutBase) => {
            return complain("start it with http:// or https://");
        }
        Err(e) => return complain(&e.to_string()),
    };
    if !matches!(parsed.scheme(), "http" | "https") {
        return complain("only http:// and https:// are called");
    }
    // The URL standard also accepts `http:host` and `http:///host`, which are probably mistakes.
    if !url
        .split_once("://")
        .is_some_and(|(_, rest)| !rest.is_empty() && !rest.starts_with(['/', '\\', '?', '#']))
    {
        return complain("the host is missing");
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(
            "the URL holds a user name or password; secrets are never stored, use auth = { secret_ref = \"NAME\" }"
                .to_owned(),
        );
    }
    Ok(written.to_owned())
}

fn unknown_placeholder(name: &str) -> String {
    format!(
        "{} is not known here; use {{env}}, {{service}} or {{inputs.NAME}}",
        quoted(&format!("{{{name}}}"))
    )
}

fn unfinished(text: &str) -> String {
    format!(
        "{} holds a single brace; write {{env}}, {{service}} or {{inputs.NAME}} (or %7B for a brace)",
        quoted(text)
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn urls_are_absolute_http_with_a_host() {
        for good in [
            "http://127.0.0.1:8080/health",
            "https://web.acme.test/",
            "https://[::1]:9/x?a=b",
            "https://bücher.example/%20",
            "HTTP://x.test",
        ] {
            assert_eq!(url(good).as_deref(), Ok(good));
        }
        for (bad, why) in [
            ("", "start it with http"),
            ("web.acme.test/health", "start it with http"),
            ("ftp://x.test/", "only http"),
            ("file:///etc/passwd", "only http"),
            ("javascript:alert(1)", "only http"),
            ("http://", "the host is missing"),
            ("http:///health", "the host is missing"),
            ("http:x.test", "the host is missing"),
            ("https://x.test/a b", "%20"),
            ("https://x.test/\n", "%20"),
            ("https://x.test:99999/", "port"),
            ("https://u:p@x.test/", "secrets are never stored"),
            ("https://x.test/{env}", "only known in actions"),
        ] {
            let complaint = url(bad).unwrap_err();
            assert!(complaint.contains(why), "{bad}: {complaint}");
        }
        assert!(
            !url("https://ana:hunter2@x.test/")
                .unwrap_err()
                .contains("hunter2")
        );
    }

    #[test]
    fn placeholders_of_urls() {
        for good in [
            "http://{env}.acme.test/deploy/{service}?version={inputs.version}",
            "http://127.0.0.1:8080/{inputs.replicas}",
        ] {
            assert_eq!(url_template(good).as_deref(), Ok(good));
        }
        for (bad, why) in [
            ("http://x.test/{version}", "is not known here"),
            ("http://x.test/{inputs.}", "is not known here"),
            ("http://x.test/{}", "is not known here"),
            ("http://x.test/{env", "single brace"),
            ("http://x.test/env}", "single brace"),
            ("http://{inputs.host}/", "must not choose which host"),
            ("http://x.test:{inputs.port}/", "must not choose which host"),
            ("{env}/x", "start it with http"),
        ] {
            let complaint = url_template(bad).unwrap_err();
            assert!(complaint.contains(why), "{bad}: {complaint}");
        }
    }

    #[test]
    fn bodies_may_be_json_with_placeholders() {
        for good in [
            r#"{"ref": "{inputs.version}", "env": "{env}", "a": {}}"#,
            "plain",
            "{ \"a\": {\"b\": 1}}",
        ] {
            assert!(body_template(good).is_ok(), "{good}");
        }
        assert!(
            body_template(r#"{"ref": "{version}"}"#)
                .unwrap_err()
                .contains("{inputs.NAME}")
        );
    }

    #[test]
    fn shell_text_has_no_placeholders() {
        for good in [
            "./deploy.sh $OPSROOM_ENV",
            "echo ${env}",
            "awk '{print}'",
            "mv a.{txt,md}",
            "{ echo a; }",
            "f() { :; }",
        ] {
            assert!(shell(good).is_ok(), "{good}");
        }
        for bad in [
            "./deploy.sh {env}",
            "echo '{inputs.version}'",
            "kubectl -n {service}",
            "x{{service}}",
        ] {
            assert!(shell(bad).unwrap_err().contains("$OPSROOM_ENV"), "{bad}");
        }
        assert!(shell("a\0b").is_err());
    }

    #[test]
    fn links_are_urls_or_plain_text() {
        for good in ["acme/web", "https://grafana.acme.test/d/web"] {
            assert!(link(good).is_ok(), "{good}");
        }
        for bad in ["javascript:alert(1)", "ftp://x.test", "", "http://"] {
            assert!(link(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-z:/{}.@\\[\\]$% ü]{0,40}", any in ".*") {
            for t in [&text, &any] {
                let _ = (url(t), url_template(t), body_template(t), shell(t), link(t));
            }
        }
    }
}
