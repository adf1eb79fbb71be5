//! A row of the audit log as it stands in a list: one line, however much the row keeps.

use super::run::AuditRow;
use super::text::show_limited;

/// Characters of what was decided that a list shows; `--json` has the whole.
const SHOWN: usize = 80;

/// What the cells are.
pub const HEADING: [&str; 5] = ["AT", "BY", "ACTION", "OBJECT", "WHY"];

/// Time, person, action, object, and the reason or what it came to.
#[must_use]
pub fn cells(row: &AuditRow) -> [String; 5] {
    let result = row.after.as_deref().filter(|after| !after.starts_with(['{', '[']));
    let why = row.reason.as_deref().or(result).unwrap_or_default();
    [row.at.rfc3339(), row.actor.clone(), row.action.clone(), row.object.clone(), show_limited(why, SHOWN)]
}

/// The cells as one line of a text.
#[must_use]
pub fn line(row: &AuditRow) -> String {
    cells(row).join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::time::Timestamp;

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
            (Some("cancelled"), Some("wrong branch"), "wrong branch"),
            (Some("cancelled"), None, "cancelled"),
            (Some("{\"title\": \"x\"}"), None, ""),
            (None, Some("a\nb"), "a^Jb"),
        ] {
            assert_eq!(cells(&row(after, reason))[4], shown);
        }
        assert!(cells(&row(None, Some(&"x".repeat(9000))))[4].chars().count() <= SHOWN + 2);
    }
}
