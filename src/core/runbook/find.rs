//! Environments and services of the stack by the names people write.

use crate::base::suggest::nearest;
use crate::stack::service::{Environment, Service, Stack};

/// An environment by its name, else by an alias; capitals make no difference, and space, `-` and
/// `_` are equal.
///
/// # Errors
/// Lists the existing ones.
pub(super) fn find_environment<'s>(
    stack: &'s Stack,
    name: &str,
) -> Result<&'s Environment, String> {
    let known: Vec<(&Environment, Vec<&str>)> = stack
        .environments
        .iter()
        .map(|e| (e, names(&e.name, &e.aliases)))
        .collect();
    find(&known, name, "environment")
}

/// A service by its name, else by an alias, compared in the same way.
///
/// # Errors
/// Names a similar one.
pub(super) fn find_service<'s>(stack: &'s Stack, name: &str) -> Result<&'s Service, String> {
    let known: Vec<(&Service, Vec<&str>)> = stack
        .services
        .iter()
        .map(|s| (s, names(&s.name, &s.aliases)))
        .collect();
    find(&known, name, "service")
}

fn names<'s>(name: &'s str, aliases: &'s [String]) -> Vec<&'s str> {
    std::iter::once(name)
        .chain(aliases.iter().map(String::as_str))
        .collect()
}

fn find<'s, T>(known: &[(&'s T, Vec<&'s str>)], wanted: &str, what: &str) -> Result<&'s T, String> {
    let exact = known.iter().find(|(_, names)| names[0] == wanted);
    let folded = folded(wanted);
    let alike = || {
        known
            .iter()
            .find(|(_, names)| names.iter().any(|name| self::folded(name) == folded))
    };
    if let Some((found, _)) = exact.or_else(alike) {
        return Ok(found);
    }
    let all: Vec<&str> = known
        .iter()
        .flat_map(|(_, names)| names.iter().copied())
        .collect();
    let canonical: Vec<&str> = known.iter().map(|(_, names)| names[0]).collect();
    let hint = match nearest(wanted, &all) {
        Some(near) => format!("did you mean {near}?"),
        None if canonical.is_empty() => {
            format!("the stack has no {what} yet; add [[{what}]] to the stack file")
        }
        None if canonical.len() <= 8 => format!("there are {}", canonical.join(", ")),
        None => "`opsroom services` lists them".to_owned(),
    };
    Err(format!("{wanted:?} is no {what} of the stack; {hint}"))
}

fn folded(name: &str) -> String {
    name.to_lowercase().replace(['-', '_'], " ")
}
