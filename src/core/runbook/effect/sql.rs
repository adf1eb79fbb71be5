//! Statements for databases: whether they only look.

use crate::core::runbook::statement::READS;

/// First words of statements that change nothing, besides those that runbook files may use for looking.
const MORE: [&str; 8] = ["describe", "desc", "use", "begin", "commit", "rollback", "fetch", "help"];

/// What may stand behind `set`: settings of the session.
const SETTINGS: [&str; 14] = [
    "session",
    "local",
    "role",
    "transaction",
    "names",
    "search_path",
    "statement_timeout",
    "lock_timeout",
    "timezone",
    "time_zone",
    "client_encoding",
    "client_min_messages",
    "work_mem",
    "max_parallel_workers_per_gather",
];

/// Words that change something inside a statement that begins by looking.
const ACTS: [&str; 13] = [
    "insert",
    "update",
    "delete",
    "into",
    "drop",
    "create",
    "alter",
    "truncate",
    "merge",
    "global",
    "persist",
    "persist_only",
    "password",
];

/// Words that stand before `(` and change nothing: functions, and words of the language.
const HARMLESS: [&str; 104] = [
    "abs",
    "age",
    "all",
    "and",
    "any",
    "array",
    "array_agg",
    "array_length",
    "array_to_string",
    "as",
    "avg",
    "between",
    "bool_and",
    "bool_or",
    "by",
    "case",
    "cast",
    "ceil",
    "char",
    "char_length",
    "clock_timestamp",
    "coalesce",
    "concat",
    "concat_ws",
    "convert",
    "count",
    "current_database",
    "current_setting",
    "current_user",
    "curdate",
    "database",
    "date",
    "date_add",
    "date_format",
    "date_part",
    "date_sub",
    "date_trunc",
    "datediff",
    "decimal",
    "distinct",
    "else",
    "exists",
    "extract",
    "filter",
    "floor",
    "format",
    "from",
    "from_unixtime",
    "greatest",
    "group_concat",
    "hour",
    "if",
    "ifnull",
    "in",
    "interval",
    "is",
    "join",
    "json_agg",
    "lag",
    "lateral",
    "lead",
    "least",
    "left",
    "length",
    "like",
    "lower",
    "max",
    "min",
    "minute",
    "mod",
    "not",
    "now",
    "nullif",
    "numeric",
    "obj_description",
    "on",
    "or",
    "over",
    "partition",
    "pg_size_pretty",
    "position",
    "rank",
    "regexp_replace",
    "replace",
    "right",
    "round",
    "row_number",
    "row_to_json",
    "select",
    "split_part",
    "string_agg",
    "strpos",
    "substr",
    "substring",
    "sum",
    "then",
    "timestampdiff",
    "to_char",
    "trim",
    "union",
    "upper",
    "using",
    "varchar",
    "where",
];
const HARMLESS_TOO: [&str; 36] = [
    "when",
    "with",
    "values",
    "version",
    "unix_timestamp",
    "timediff",
    "sysdate",
    "year",
    "month",
    "day",
    "unnest",
    "generate_series",
    "to_timestamp",
    "to_regclass",
    "quote_ident",
    "inet_client_addr",
    "inet_server_addr",
    "txid_current",
    "pg_database_size",
    "pg_relation_size",
    "pg_table_size",
    "pg_total_relation_size",
    "pg_indexes_size",
    "pg_tablespace_size",
    "pg_is_in_recovery",
    "pg_last_wal_receive_lsn",
    "pg_last_wal_replay_lsn",
    "pg_last_xact_replay_timestamp",
    "pg_current_wal_lsn",
    "pg_wal_lsn_diff",
    "pg_blocking_pids",
    "pg_get_indexdef",
    "pg_get_viewdef",
    "pg_postmaster_start_time",
    "pg_backend_pid",
    "pg_stat_get_activity",
];

/// Commands of `psql` and `mysql` that only look or set something of the session.
const META: [&str; 21] = [
    "\\l",
    "\\l+",
    "\\list",
    "\\x",
    "\\timing",
    "\\conninfo",
    "\\c",
    "\\connect",
    "\\q",
    "\\pset",
    "\\echo",
    "\\z",
    "\\sf",
    "\\sv",
    "\\a",
    "\\t",
    "\\h",
    "\\?",
    "\\encoding",
    "\\G",
    "\\set",
];

pub(super) fn only_looks(text: &str) -> bool {
    text.split(';').flat_map(|part| part.split("\\G")).all(|part| {
        // Commands of `psql` end with their line.
        let own = part.lines().any(|line| line.trim_start().starts_with('\\'));
        if own { part.lines().all(statement) } else { statement(part) }
    })
}

fn uncommented(line: &str) -> &str {
    let code = line.split("--").next().unwrap_or("");
    // Two dashes inside a text are no comment.
    if code.matches('\'').count().is_multiple_of(2) { code } else { line }
}

fn meta(word: &str) -> bool {
    META.contains(&word) || word.starts_with("\\d")
}

fn statement(text: &str) -> bool {
    let text = text.lines().map(uncommented).collect::<Vec<_>>().join(" ");
    if text.split_whitespace().any(|word| word.starts_with('\\') && !meta(word)) {
        return false;
    }
    let text = text.to_lowercase();
    let text = text.trim().trim_start_matches('(').trim();
    if text.starts_with('\\') {
        return !text.contains('`');
    }
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let words: Vec<&str> = text.split(|c: char| !is_part(c)).filter(|word| !word.is_empty()).collect();
    let first = words.first().copied().unwrap_or("");
    let second = words.get(1).copied().unwrap_or("");
    let looks = match first {
        "" => text.is_empty(),
        "set" => SETTINGS.contains(&second),
        "start" => second == "transaction",
        "pragma" => !text.contains('='),
        _ => READS.contains(&first) || MORE.contains(&first),
    };
    looks && !words.iter().any(|word| ACTS.contains(word)) && calls(text).all(harmless)
}

/// Words that stand before an opening bracket.
fn calls(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('(').filter_map(|(at, _)| {
        let before = text[..at].trim_end();
        let word = before.rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next()?;
        (!word.is_empty()).then_some(word)
    })
}

fn harmless(word: &str) -> bool {
    HARMLESS.contains(&word) || HARMLESS_TOO.contains(&word) || word.bytes().all(|b| b.is_ascii_digit())
}
