//! Conditions of risks and steps: expressions, checked when the file is read. The old short forms
//! `protected`, `not protected`, `inputs.NAME`, joined by `and`, are read as the equivalent
//! expressions.

use std::collections::BTreeMap;

use super::scope::KNOWN_EARLY;
use crate::expr::{Expr, ExprError, Type, Value};

/// A checked condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition(Expr);

impl Condition {
    /// Reads a condition over some names; `yes_no` are the inputs of type bool, for the short
    /// forms.
    ///
    /// # Errors
    /// The first mistake and its place in the text.
    pub(super) fn parse(
        text: &str,
        yes_no: &[&str],
        scope: &BTreeMap<String, Type>,
    ) -> Result<Self, ExprError> {
        let written = short_form(text, yes_no);
        Expr::condition(written.as_deref().unwrap_or(text), scope).map(Self)
    }

    /// The expression.
    #[must_use]
    pub(super) const fn expr(&self) -> &Expr {
        &self.0
    }

    /// Whether it uses only values known when the plan is made.
    #[must_use]
    pub(super) fn is_early(&self) -> bool {
        self.0
            .names()
            .iter()
            .all(|name| KNOWN_EARLY.contains(&name.as_str()))
    }

    /// Whether the values known when the plan is made already rule it out. `has()` of a result is
    /// not ruled out by the result not being there yet.
    #[must_use]
    pub(super) fn is_ruled_out(&self, early: &BTreeMap<String, Value>) -> bool {
        let text: String = self.0.text().split_whitespace().collect();
        !["has(steps", "has(response"]
            .iter()
            .any(|late| text.contains(late))
            && matches!(self.0.holds(early), Ok(false))
    }

    /// Decides it.
    ///
    /// # Errors
    /// Why it cannot be decided.
    pub(super) fn holds(&self, scope: &BTreeMap<String, Value>) -> Result<bool, String> {
        self.0
            .holds(scope)
            .map_err(|why| format!("`{}` cannot be decided: {why}", self.0.text()))
    }
}

/// `protected and not inputs.force` as an expression, when all of its parts are of the short form.
/// An omitted input counts as not set, so the short form is more than another spelling.
fn short_form(text: &str, yes_no: &[&str]) -> Option<String> {
    let text = text.replace("&&", " and ");
    let parts: Option<Vec<String>> = text
        .split(" and ")
        .map(|part| short_part(part.trim(), yes_no))
        .collect();
    parts.map(|parts| parts.join(" && "))
}

fn short_part(text: &str, yes_no: &[&str]) -> Option<String> {
    let positive = text.strip_prefix('!').or_else(|| text.strip_prefix("not "));
    let (not, word) = positive.map_or(("", text), |rest| ("!", rest.trim()));
    if word == "protected" {
        return Some(format!("{not}protected"));
    }
    let name = word
        .strip_prefix("inputs.")
        .filter(|name| yes_no.contains(name))?;
    Some(format!("{not}(has(inputs.{name}) && inputs.{name})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types() -> BTreeMap<String, Type> {
        let inputs = ["force", "dry", "unset"].map(|name| (name.to_owned(), Type::Bool));
        let inputs = inputs
            .into_iter()
            .chain([("version".to_owned(), Type::Text)])
            .collect();
        BTreeMap::from([
            ("protected".to_owned(), Type::Bool),
            ("env".to_owned(), Type::Text),
            ("inputs".to_owned(), Type::Map(inputs)),
            ("now".to_owned(), Type::Time),
        ])
    }

    fn values(protected: bool) -> BTreeMap<String, Value> {
        let inputs = BTreeMap::from([
            ("force".to_owned(), Value::Bool(true)),
            ("dry".to_owned(), Value::Bool(false)),
            ("version".to_owned(), Value::Text("1.4".to_owned())),
        ]);
        BTreeMap::from([
            ("protected".to_owned(), Value::Bool(protected)),
            ("inputs".to_owned(), Value::Map(inputs)),
        ])
    }

    const YES_NO: [&str; 3] = ["force", "dry", "unset"];

    #[test]
    fn conditions_hold_or_are_refused() {
        for (text, protected, holds) in [
            ("protected", true, true),
            ("protected", false, false),
            ("not protected", false, true),
            ("!protected", true, false),
            ("inputs.force", false, true),
            ("not inputs.unset", false, true),
            ("protected and not inputs.dry", true, true),
            ("protected && inputs.dry", true, false),
            ("protected || inputs.force", false, true),
            ("inputs.version == '1.4' && !inputs.dry", false, true),
        ] {
            let condition = Condition::parse(text, &YES_NO, &types()).unwrap();
            assert_eq!(condition.holds(&values(protected)), Ok(holds), "{text}");
            assert!(condition.is_early(), "{text}");
        }
        for bad in [
            "",
            "env = 'prod'",
            "protected or inputs.force",
            "inputs.version",
            "not",
            "and",
            "inputs.wat",
        ] {
            assert!(Condition::parse(bad, &YES_NO, &types()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_missing_value_is_neither_true_nor_false() {
        for text in [
            "env == 'prod'",
            "inputs.unset == false",
            "env in ['a', 'b'] || inputs.unset",
        ] {
            let condition = Condition::parse(text, &YES_NO, &types()).unwrap();
            let why = condition.holds(&values(true)).unwrap_err();
            assert!(why.contains("missing"), "{why}");
        }
        assert!(
            !Condition::parse("now > timestamp('2026-01-01T00:00:00Z')", &YES_NO, &types())
                .unwrap()
                .is_early()
        );
    }
}
