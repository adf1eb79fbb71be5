//! The name of a plan's group: the same for the same services and values in any order.

use super::definition::{Definition, Group};
use super::input::Values;
use super::targets::{Resolved, block};
use crate::run::concurrency::{Concurrency, LONGEST_GROUP};
use crate::run::plan::Risk;
use crate::run::plan::placeholder::{Piece, Slot, pieces};

/// The value of an omitted placeholder: everything there is. An input without a value is a case of
/// its own.
const ALL: &str = "all";
const NONE: &str = "none";

/// The group of a plan, if its runbook has one.
///
/// # Errors
/// The name cannot be one.
pub(super) fn group(
    definition: &Definition,
    resolved: &Resolved<'_>,
    values: &Values,
) -> Result<Option<Concurrency>, Risk> {
    let Some(Group { name, policy }) = &definition.concurrency else {
        return Ok(None);
    };
    let env = resolved.env.map_or(ALL, |env| env.name.as_str());
    let mut services = resolved.services();
    services.sort();
    let services = if resolved.named {
        services.join(",")
    } else {
        ALL.to_owned()
    };
    let fill = |piece: Piece<'_>| match piece {
        Piece::Literal(text) => text.to_owned(),
        Piece::Slot(Slot::Env) => env.to_owned(),
        Piece::Slot(Slot::Services) => services.clone(),
        Piece::Slot(Slot::Target) => format!("{services} in {env}"),
        Piece::Slot(Slot::Input(name)) => {
            values.get(name).cloned().unwrap_or_else(|| NONE.to_owned())
        }
        // Refused when the file is read.
        Piece::Slot(Slot::Service | Slot::Item | Slot::Saved(..)) => String::new(),
        Piece::Unknown(word) => format!("{{{word}}}"),
    };
    let filled: String = pieces(name).into_iter().map(fill).collect();
    let group = filled.split_whitespace().collect::<Vec<_>>().join(" ");
    if group.is_empty() {
        // It would be one group for all runs without a name.
        let message =
            "the name of its concurrency group comes out empty: give the inputs it is made of"
                .to_owned();
        return Err(block("GROUP_EMPTY", message));
    }
    if group.len() > LONGEST_GROUP {
        let message = format!(
            "the name of its concurrency group is longer than {LONGEST_GROUP} bytes: give shorter inputs"
        );
        return Err(block("GROUP_TOO_LONG", message));
    }
    Ok(Some(Concurrency {
        group,
        policy: *policy,
    }))
}
