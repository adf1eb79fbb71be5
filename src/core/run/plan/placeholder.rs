//! Placeholders in texts of a plan: names between braces, and how their values are escaped. Braces
//! around other text are left as they are.

use std::fmt::Write;

/// How a value is escaped for its context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escape {
    /// Text for people.
    Plain,
    /// Percent-encoded, also `/`: a value never adds a path segment or a parameter.
    Url,
    /// Inside the quotes of a JSON string.
    Json,
    /// A header value: one line.
    Header,
}

/// A name between braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot<'t> {
    Env,
    Service,
    Item,
    Services,
    Target,
    Input(&'t str),
    /// `steps.STEP.NAME`: a value a step saved, known only in the run.
    Saved(&'t str, &'t str),
}

impl<'t> Slot<'t> {
    fn parse(name: &'t str) -> Option<Self> {
        match name {
            "env" => Some(Self::Env),
            "service" => Some(Self::Service),
            "item" => Some(Self::Item),
            "services" => Some(Self::Services),
            "target" => Some(Self::Target),
            _ => match name
                .strip_prefix("steps.")
                .and_then(|rest| rest.split_once('.'))
            {
                Some((step, saved)) if !step.is_empty() && is_input_name(saved) => {
                    Some(Self::Saved(step, saved))
                }
                _ => name
                    .strip_prefix("inputs.")
                    .filter(|n| is_input_name(n))
                    .map(Self::Input),
            },
        }
    }
}

/// Letters, digits and `_`, starting with a letter.
pub(crate) fn is_input_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.len() <= 64
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    Literal(&'t str),
    Slot(Slot<'t>),
    /// One word between braces that is not a placeholder.
    Unknown(&'t str),
}

/// Splits a text at its placeholders.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (before, inside) = rest.split_at(open);
        let name_end =
            inside[1..].find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'));
        let closed = name_end.filter(|end| inside[1 + end..].starts_with('}') && *end > 0);
        let Some(end) = closed else {
            found.push(Piece::Literal(&rest[..=open]));
            rest = &inside[1..];
            continue;
        };
        let name = &inside[1..=end];
        found.push(Piece::Literal(before));
        found.push(Slot::parse(name).map_or(Piece::Unknown(name), Piece::Slot));
        rest = &inside[end + 2..];
    }
    found.push(Piece::Literal(rest));
    found
}

/// Fills in values that earlier steps saved, and nothing else: other apparent placeholders are part
/// of a value.
///
/// # Errors
/// The error of `saved`.
pub(crate) fn fill_saved(
    text: &str,
    escape: Escape,
    saved: &dyn Fn(&str, &str) -> Result<String, String>,
) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Literal(literal) => out.push_str(literal),
            Piece::Slot(Slot::Saved(step, name)) => escape.write(&mut out, &saved(step, name)?),
            Piece::Slot(slot) => {
                let _ = write!(out, "{{{}}}", name_of(slot)); // writing to a String cannot fail
            }
            Piece::Unknown(name) => {
                let _ = write!(out, "{{{name}}}");
            }
        }
    }
    Ok(out)
}

/// Whether a text has a placeholder that only the run can fill in.
pub(crate) fn has_saved(text: &str) -> bool {
    text.contains("{steps.")
        && pieces(text)
            .iter()
            .any(|p| matches!(p, Piece::Slot(Slot::Saved(..))))
}

pub(crate) fn name_of(slot: Slot<'_>) -> String {
    match slot {
        Slot::Env => "env".to_owned(),
        Slot::Service => "service".to_owned(),
        Slot::Item => "item".to_owned(),
        Slot::Saved(step, name) => format!("steps.{step}.{name}"),
        Slot::Services => "services".to_owned(),
        Slot::Target => "target".to_owned(),
        Slot::Input(name) => format!("inputs.{name}"),
    }
}

impl Escape {
    pub(crate) fn write(self, out: &mut String, value: &str) {
        match self {
            Self::Plain => out.push_str(value),
            Self::Header => out.extend(value.chars().map(|c| if c.is_control() { ' ' } else { c })),
            Self::Url => percent_encode(out, value),
            // A JSON string of a str is always `"…"`: the body needs the part between the quotes.
            Self::Json => {
                let quoted = serde_json::Value::from(value).to_string();
                out.push_str(quoted.get(1..quoted.len() - 1).unwrap_or_default());
            }
        }
    }
}

fn percent_encode(out: &mut String, value: &str) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}"); // writing to a String cannot fail
        }
    }
}

/// The input a secret is chosen with: all of the text is `{inputs.NAME}`.
pub(crate) fn chosen_secret(text: &str) -> Option<&str> {
    match pieces(text).as_slice() {
        [
            Piece::Literal(""),
            Piece::Slot(Slot::Input(name)),
            Piece::Literal(""),
        ] => Some(*name),
        _ => None,
    }
}
