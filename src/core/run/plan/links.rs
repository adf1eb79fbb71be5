//! Links that a step keeps: addresses in its answer, such as that of the pull request it opened.

use super::rules::{Rules, Scope};
use crate::expr::{Expr, Value};
use crate::run::artifact::RunLink;

/// An address a step was to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepLink {
    /// Its title in the runbook.
    pub title: String,
    /// The link, or why there is none. A step that succeeded is not failed for it: its effect
    /// would be repeated.
    pub link: Result<RunLink, String>,
}

/// The links of a step that succeeded. `quiet`: its values must not be recorded.
pub(super) fn of(rules: &Rules, scope: &Scope, quiet: bool) -> Vec<StepLink> {
    let link = |(title, from): (&String, &String)| StepLink {
        title: title.clone(),
        link: if quiet {
            Err("it uses the result of a sensitive step".to_owned())
        } else {
            address(from, scope).and_then(|url| RunLink::new(&url, Some(title)))
        },
    };
    rules.links.iter().map(link).collect()
}

/// The text an expression gives.
fn address(from: &str, scope: &Scope) -> Result<String, String> {
    match Expr::stored(from).and_then(|expr| expr.eval(scope)) {
        Ok(Value::Text(url)) => Ok(url),
        Ok(_) => Err(format!("`{from}` is not a text")),
        Err(why) => Err(format!("{why} (`{from}`)")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(from: &str, quiet: bool) -> Vec<StepLink> {
        let response = [
            ("url", Value::Text("https://acme.test/pull/7".to_owned())),
            ("file", Value::Text("file:///etc/passwd".to_owned())),
            ("number", Value::Int(7)),
        ];
        let response = response.map(|(name, value)| (name.to_owned(), value));
        let scope = Scope::from([("response".to_owned(), Value::Map(response.into()))]);
        let rules = Rules {
            links: [("pull request".to_owned(), from.to_owned())].into(),
            ..Rules::default()
        };
        of(&rules, &scope, quiet)
    }

    #[test]
    fn only_the_text_of_a_web_address_is_a_link() {
        for from in [
            "response.url",
            "'https://acme.test/pull/' + string(response.number)",
        ] {
            let found = links(from, false);
            assert_eq!(found[0].title, "pull request");
            let link = found[0].link.as_ref().unwrap();
            assert_eq!(link.to_string(), "pull request https://acme.test/pull/7");
        }
        for (from, why) in [
            ("response.file", "an address begins with http://"),
            ("response.number", "`response.number` is not a text"),
            ("response.none", "(`response.none`)"),
            ("'x'", "`x` is no address"),
        ] {
            let refused = links(from, false).remove(0).link.unwrap_err();
            assert!(refused.contains(why), "{from}: {refused}");
        }
    }

    #[test]
    fn a_value_of_a_sensitive_step_is_not_in_the_reason() {
        let refused = links("response.url", true).remove(0).link.unwrap_err();
        assert_eq!(refused, "it uses the result of a sensitive step");
    }
}
