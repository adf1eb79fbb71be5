//! Words without brackets that stand for a value to fill in: `HOSTNAME`, `YOUR_CLUSTER`, `db-XX`.

/// Beginnings of such words.
const BEGIN: [&str; 6] = ["your", "some", "insert", "replace", "changeme", "change_me"];

/// Last parts of such words of several parts: `POD_NAME`, `BACKUP_ID`.
const END: [&str; 46] = [
    "name",
    "host",
    "hostname",
    "fqdn",
    "node",
    "pod",
    "namespace",
    "cluster",
    "id",
    "ip",
    "user",
    "username",
    "password",
    "token",
    "project",
    "bucket",
    "region",
    "zone",
    "instance",
    "filename",
    "version",
    "url",
    "address",
    "container",
    "service",
    "database",
    "domain",
    "volume",
    "deployment",
    "shard",
    "branch",
    "environment",
    "account",
    "repo",
    "repository",
    "pvc",
    "uuid",
    "email",
    "image",
    "key",
    "path",
    "file",
    "directory",
    "port",
    "server",
    "date",
];

/// Such words of one part.
const WHOLE: [&str; 22] = [
    "host",
    "hostname",
    "fqdn",
    "node",
    "pod",
    "namespace",
    "cluster",
    "username",
    "password",
    "instance",
    "bucket",
    "project",
    "filename",
    "domain",
    "server",
    "container",
    "deployment",
    "pvc",
    "environment",
    "uuid",
    "shard",
    "nodename",
];

/// The word at the start of `text`, as an input, and its length.
pub(super) fn at(text: &str, before: &str) -> Option<(String, usize)> {
    let first = text
        .chars()
        .next()
        .filter(|c| c.is_ascii_uppercase() || *c == 'y')?;
    let previous = before.chars().next_back();
    if first == 'X' {
        return crosses(text, before);
    }
    let word_before = before
        .trim_end()
        .rsplit(char::is_whitespace)
        .next()
        .unwrap_or("");
    // The name of a variable follows.
    if [
        "for", "read", "-r", "export", "unset", "local", "declare", "select", "readonly", "--arg",
    ]
    .contains(&word_before)
    {
        return None;
    }
    if !previous.is_none_or(|c| c.is_whitespace() || matches!(c, '/' | '@' | '=' | ':' | '"')) {
        return None;
    }
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
        .unwrap_or(text.len());
    let word = text[..end].trim_end_matches(['-', '_']);
    if !ends_well(&text[word.len()..]) {
        return None;
    }
    let lower = word.to_ascii_lowercase().replace('-', "_");
    let capital = !word.bytes().any(|b| b.is_ascii_lowercase());
    let begins = BEGIN.iter().any(|b| {
        lower == *b
            || lower
                .strip_prefix(b)
                .is_some_and(|rest| rest.starts_with('_'))
    });
    let yours = lower.starts_with("your_") && word.len() > 5;
    let parts = lower
        .rsplit_once('_')
        .is_some_and(|(_, last)| END.contains(&last));
    let blank =
        (capital && (begins || parts || WHOLE.contains(&lower.as_str()))) || (yours && !capital);
    blank.then_some((lower, word.len()))
}

/// `XX` inside a name: `db-XX-prod`.
fn crosses(text: &str, before: &str) -> Option<(String, usize)> {
    let length = text.len() - text.trim_start_matches('X').len();
    let mut back = before.chars().rev();
    let inside = match back.next() {
        None => false,
        // `-XX:+UseG1GC` and `-X PUT` are options.
        Some('-') => back.next().is_some_and(char::is_alphanumeric),
        Some(c) => c.is_whitespace() || matches!(c, '.' | '_' | '/' | '@' | '=' | '"'),
    };
    let next = text[length..].chars().next();
    let ends = next
        .is_none_or(|c| c.is_whitespace() || matches!(c, '-' | '.' | '_' | '/' | '"' | ';' | ')'));
    (length >= 2 && inside && ends).then(|| ("xx".to_owned(), length))
}

/// Whether the next text is not the rest of a name, an assignment or a column.
fn ends_well(rest: &str) -> bool {
    let mut chars = rest.chars();
    match chars.next() {
        None => true,
        Some(':') => chars.next().is_some_and(|c| c.is_ascii_digit() || c == '/'),
        Some(c) => c.is_whitespace() || matches!(c, '/' | '.' | '@' | '"' | ';' | ')' | '|' | '`'),
    }
}
