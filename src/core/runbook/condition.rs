//! Conditions of risks and steps: `protected`, `not protected`, `inputs.force`, joined by `and`. Also written `!`, `&&`.
//! Decided when the plan is made. Anything else is refused when the file is read.

use super::definition::Values;

/// All of its parts must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    negated: bool,
    fact: Fact,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Fact {
    /// The plan's environment is protected.
    Protected,
    /// The yes-or-no input is `true`.
    Input(String),
}

impl Condition {
    /// Reads a condition; `yes_no` are the names of the inputs of type bool.
    ///
    /// # Errors
    /// Says what is not understood and what can be written.
    pub(super) fn parse(text: &str, yes_no: &[&str]) -> Result<Self, String> {
        let parts = text.replace("&&", " and ");
        let parts = parts.split(" and ").map(|part| parse_part(part.trim(), yes_no)).collect::<Result<_, _>>()?;
        Ok(Self { parts })
    }

    pub(super) fn holds(&self, protected: bool, values: &Values) -> bool {
        self.parts.iter().all(|part| {
            let fact = match &part.fact {
                Fact::Protected => protected,
                Fact::Input(name) => values.get(name).is_some_and(|v| v == "true"),
            };
            fact != part.negated
        })
    }
}

fn parse_part(text: &str, yes_no: &[&str]) -> Result<Part, String> {
    let positive = text.strip_prefix('!').or_else(|| text.strip_prefix("not "));
    let (negated, word) = positive.map_or((false, text), |rest| (true, rest.trim()));
    if word == "protected" {
        return Ok(Part { negated, fact: Fact::Protected });
    }
    match word.strip_prefix("inputs.") {
        Some(name) if yes_no.contains(&name) => Ok(Part { negated, fact: Fact::Input(name.to_owned()) }),
        Some(name) => Err(format!("`{name}` is not an input of type bool of this runbook")),
        None => Err(format!(
            "`{word}` is not understood; write `protected`, `not protected` or `inputs.NAME` (type bool), joined by `and`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_hold_or_are_refused() {
        let values = Values::from([("force".to_owned(), "true".to_owned()), ("dry".to_owned(), "false".to_owned())]);
        for (text, protected, holds) in [
            ("protected", true, true),
            ("protected", false, false),
            ("not protected", false, true),
            ("!protected", true, false),
            ("inputs.force", false, true),
            ("not inputs.unset", false, true),
            ("protected and not inputs.dry", true, true),
            ("protected && inputs.dry", true, false),
        ] {
            let condition = Condition::parse(text, &["force", "dry", "unset"]).unwrap();
            assert_eq!(condition.holds(protected, &values), holds, "{text}");
        }
        for bad in
            ["", "env == 'prod'", "protected or inputs.force", "inputs.version", "not", "and", "not not protected"]
        {
            assert!(Condition::parse(bad, &["force"]).is_err(), "{bad}");
        }
    }
}
