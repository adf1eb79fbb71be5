//! Statements for databases: whether they only look.

use crate::core::runbook::statement::READS;

/// First words of statements that change nothing, besides those that runbook files may use for looking.
const MORE: [&str; 13] = [
    "describe", "desc", "use", "begin", "start", "commit", "rollback", "set", "fetch", "pragma", "help", "ping", "info",
];

/// Words that change something inside a statement that begins by looking.
const ACTS: [&str; 15] = [
    "insert",
    "update",
    "delete",
    "into",
    "drop",
    "create",
    "alter",
    "truncate",
    "pg_terminate_backend",
    "pg_cancel_backend",
    "pg_reload_conf",
    "pg_promote",
    "pg_drop_replication_slot",
    "setval",
    "pg_switch_wal",
];

/// Commands of `psql` that run something or write a file.
const META: [&str; 9] = ["\\!", "\\i", "\\ir", "\\o", "\\copy", "\\w", "\\g", "\\gexec", "\\include"];

pub(super) fn only_looks(text: &str) -> bool {
    text.split(';').all(|part| {
        // Commands of `psql` end with their line.
        let own = part.lines().any(|line| line.trim_start().starts_with('\\'));
        if own { part.lines().all(statement) } else { statement(part) }
    })
}

fn statement(text: &str) -> bool {
    let lines = text.lines().map(|line| line.split("--").next().unwrap_or(""));
    let text = lines.collect::<Vec<_>>().join(" ").to_lowercase();
    let text = text.trim().trim_start_matches('(').trim();
    let first = text.split(|c: char| c.is_whitespace() || c == '(' || c == '*').next().unwrap_or("");
    if first.starts_with('\\') {
        return !META.contains(&first);
    }
    let looks = first.is_empty() || READS.contains(&first) || MORE.contains(&first);
    let mut words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    looks && !words.any(|word| ACTS.contains(&word))
}
