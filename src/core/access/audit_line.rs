//! A row of the audit log in a list: one line, however long the stored row is.

use crate::base::text::show_limited;
use crate::run::AuditRow;

/// Most characters of a decision in a list; `--json` has the whole.
const SHOWN: usize = 80;

/// Names of the columns.
pub const HEADING: [&str; 5] = ["AT", "BY", "ACTION", "OBJECT", "WHAT"];

/// Time, person, action, object, and the result with its reason.
#[must_use]
pub fn cells(row: &AuditRow) -> [String; 5] {
    let what = row
        .after
        .as_deref()
        .and_then(result)
        .into_iter()
        .chain(row.reason.clone());
    let what = show_limited(&what.collect::<Vec<_>>().join(": "), SHOWN);
    [
        row.at.rfc3339(),
        row.actor.clone(),
        row.action.clone(),
        row.object.clone(),
        what,
    ]
}

/// The new state of the object, if it is a word or has a title; definitions are too long for a
/// list.
fn result(after: &str) -> Option<String> {
    if !after.starts_with(['{', '[']) {
        return Some(after.to_owned());
    }
    let object: serde_json::Value = serde_json::from_str(after).ok()?;
    object.get("title")?.as_str().map(str::to_owned)
}

/// The cells as one line of a text.
#[must_use]
pub fn line(row: &AuditRow) -> String {
    cells(row).join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Timestamp;

    #[test]
    fn a_row_is_one_line() {
        let row = |after: Option<&str>, reason: Option<&str>| AuditRow {
            id: 1,
            at: Timestamp(0),
            actor: "ana".to_owned(),
            action: "run.cancel".to_owned(),
            object: "run #41".to_owned(),
            before: None,
            after: after.map(str::to_owned),
            reason: reason.map(str::to_owned),
        };
        for (after, reason, shown) in [
            (
                Some("cancelled"),
                Some("wrong branch"),
                "cancelled: wrong branch",
            ),
            (Some("cancelled"), None, "cancelled"),
            (
                Some("{\"title\": \"deploy web\"}"),
                Some("now"),
                "deploy web: now",
            ),
            (Some("{\"name\": \"web\"}"), None, ""),
            (None, Some("a\nb"), "a^Jb"),
        ] {
            assert_eq!(cells(&row(after, reason))[4], shown);
        }
        assert!(
            cells(&row(None, Some(&"x".repeat(9000))))[4]
                .chars()
                .count()
                <= SHOWN + 2
        );
    }
}
