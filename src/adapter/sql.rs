//! SQL: one statement on a connection of its own, in a transaction that is read-only unless the
//! step declares that it writes. The rows become output, as a table.

mod postgres;
mod row;
mod sqlite;

use std::collections::HashSet;
use std::time::Duration;

use sqlx::error::DatabaseError;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{AdapterContext, CallEvent, OutputLine, cancelled, deadline, elapsed_ms};
use crate::core::integration::{Database, DatabaseAddress};
use crate::core::run::event::Stream;
use crate::core::run::step::sql::{Param, ParamKind, Rows, Sql, table};
use crate::core::run::step::{CallRefusal, Reply};

/// Bytes of rows kept; rows beyond count as truncated.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// How long a cancelled statement may take to stop.
const STOPPING: Duration = Duration::from_millis(1500);

/// Why there are no rows.
#[derive(Debug)]
enum Failure {
    /// Not sent.
    Refused(CallRefusal),
    Unreachable(String),
    Declined {
        message: String,
        again: bool,
    },
    TimedOut,
    Cancelled,
}

/// An address with its secrets in it.
enum Address {
    Postgres(Box<sqlx::postgres::PgConnectOptions>),
    Sqlite(String),
}

/// Runs the statement to its end; `timeout_ms` covers connecting too.
pub(super) async fn perform(
    what: Sql,
    context: &AdapterContext,
    timeout_ms: i64,
    output: mpsc::Sender<CallEvent>,
    cancel: CancellationToken,
) -> Reply {
    let start = Instant::now();
    let until = start + deadline(timeout_ms);
    let found = tokio::select! {
        biased;
        () = cancel.cancelled() => return cancelled(),
        found = address(&what, context) => found,
    };
    let done = match found {
        Err(why) => Err(Failure::Refused(why.into())),
        Ok(Address::Postgres(options)) => {
            postgres::perform(&what, *options, &context.policy, until, &cancel).await
        }
        Ok(Address::Sqlite(path)) => sqlite::perform(&what, &path, until, &cancel).await,
    };
    match done {
        Ok(mut rows) => {
            rows.ms = elapsed_ms(start);
            let line = |text| OutputLine {
                stream: Stream::Stdout,
                text,
            };
            let lines: Vec<_> = table::lines(&rows).into_iter().map(line).collect();
            for lines in lines.chunks(500) {
                // No listener: the lines are dropped.
                let _ = output.send(CallEvent::Lines(lines.to_vec())).await;
            }
            Reply::Rows(rows)
        }
        Err(Failure::Refused(refusal)) => refusal.into(),
        Err(Failure::Unreachable(message)) => Reply::unreachable(message),
        Err(Failure::Declined { message, again }) => Reply::Declined { message, again },
        Err(Failure::TimedOut) => Reply::TimedOut {
            after_ms: elapsed_ms(start),
        },
        Err(Failure::Cancelled) => cancelled(),
    }
}

/// Whether the statement could be sent at all; see [`super::Adapters::check`].
pub(super) fn check(what: &Sql, context: &AdapterContext) -> Result<(), String> {
    let database = declared(what, context)?;
    let mut secrets = database.password.iter().chain(database.place.secret());
    secrets.try_for_each(|name| context.vault.check(name).map(drop))
}

fn declared<'o>(what: &Sql, context: &'o AdapterContext) -> Result<&'o Database, String> {
    let name = &what.database;
    let database = context.integrations.database(name).ok_or_else(|| {
        format!("there is no database {name} here; add [database.{name}] with url = \"…\" to opsroom.toml")
    })?;
    if what.mutates && database.read_only {
        return Err(format!(
            "the database {name} is only read here; say read_only = false in [database.{name}]"
        ));
    }
    Ok(database)
}

/// The address of the database, its secrets fetched now.
async fn address(what: &Sql, context: &AdapterContext) -> Result<Address, String> {
    let database = declared(what, context)?;
    let url = match &database.place {
        DatabaseAddress::Sqlite(path) => return Ok(Address::Sqlite(path.clone())),
        DatabaseAddress::Postgres(url) => url.clone(),
        DatabaseAddress::Secret(name) => {
            let value = context.vault.value(name).await?;
            if let Some(path) = value.expose().strip_prefix("sqlite:") {
                return Ok(Address::Sqlite(path.to_owned()));
            }
            value.expose().to_owned()
        }
    };
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(format!(
            "the address of the database {} begins with neither postgres:// nor sqlite:",
            what.database
        ));
    }
    let options: sqlx::postgres::PgConnectOptions = url
        .parse()
        .map_err(|_| format!("the address of the database {} is not a URL", what.database))?;
    let options = options.application_name("opsroom");
    let Some(name) = &database.password else {
        return Ok(Address::Postgres(Box::new(options)));
    };
    context
        .vault
        .check_host(name, options.get_host(), options.get_port())?;
    let value = context.vault.value(name).await?;
    Ok(Address::Postgres(Box::new(
        options.password(value.expose()),
    )))
}

/// A parameter as it is bound.
enum Bound {
    Text(String),
    Int(i64),
    Bool(bool),
}

fn bound(params: &[Param]) -> Result<Vec<Bound>, Failure> {
    let wrong =
        |p: &Param, what: &str| Failure::Refused(format!("{:?} is not {what}", p.text).into());
    let value = |p: &Param| match p.kind {
        ParamKind::Text => Ok(Bound::Text(p.text.clone())),
        ParamKind::Int => p
            .text
            .parse()
            .map(Bound::Int)
            .map_err(|_| wrong(p, "a whole number")),
        ParamKind::Bool => p
            .text
            .parse()
            .map(Bound::Bool)
            .map_err(|_| wrong(p, "true or false")),
    };
    params.iter().map(value).collect()
}

/// Rows as they come in, up to the limits.
struct Gathered {
    rows: Rows,
    max_rows: usize,
    bytes: usize,
}

impl Gathered {
    fn new(columns: Vec<String>, max_rows: u32) -> Self {
        let rows = Rows {
            columns,
            rows: Vec::new(),
            affected: 0,
            truncated: false,
            ms: 0,
        };
        Self {
            rows,
            max_rows: usize::try_from(max_rows).unwrap_or(usize::MAX),
            bytes: 0,
        }
    }

    /// Takes a row; `false`: the limit is reached.
    fn take(&mut self, row: Vec<serde_json::Value>) -> bool {
        let size: usize = row.iter().map(size).sum();
        if self.rows.rows.len() >= self.max_rows || self.bytes + size > MAX_BYTES {
            self.rows.truncated = true;
            return false;
        }
        self.bytes += size;
        self.rows.rows.push(row);
        true
    }
}

/// Bytes of a value, about.
fn size(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::String(text) => text.len(),
        serde_json::Value::Array(_) | serde_json::Value::Object(_) => value.to_string().len(),
        _ => 8,
    }
}

/// The failure of the statement itself. `retry` are the codes of errors that may be transient.
fn declined(error: &dyn DatabaseError, more: &str, retry: &[&str]) -> Failure {
    let code = error.code().unwrap_or_default();
    let message = if code.is_empty() {
        error.message().to_owned()
    } else {
        format!("{} ({code})", error.message())
    };
    Failure::Declined {
        message: message + more,
        again: retry.contains(&code.as_ref()),
    }
}

/// Duplicate column names would hide each other in `response.rows`: later ones get a number.
fn distinct(columns: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = HashSet::new();
    let unique = |name: String| {
        let free = (1_u32..).map(|n| {
            if n == 1 {
                name.clone()
            } else {
                format!("{name}_{n}")
            }
        });
        let free = free
            .into_iter()
            .find(|candidate| !seen.contains(candidate))
            .unwrap_or(name);
        seen.insert(free.clone());
        free
    };
    columns.map(unique).collect()
}

#[cfg(test)]
mod tests;
