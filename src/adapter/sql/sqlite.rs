//! SQLite: the file is opened read-only unless the statement writes; a statement that runs too long
//! is interrupted by a progress handler.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Either, Executor as _, Row as _,
    SqlSafeStr as _,
};
use sqlx::{Statement as _, TypeInfo as _, ValueRef as _};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{Bound, Failure, Gathered, STOPPING, Sql, bound, declined, distinct};
use crate::core::run::step::sql::Rows;

/// How long to wait for a write by another connection.
const BUSY: Duration = Duration::from_secs(1);
/// Virtual machine instructions between two checks whether to stop.
const STEPS: i32 = 10_000;
/// Transient codes: busy and locked, and their variants.
const RETRY: [&str; 5] = ["5", "6", "261", "262", "517"];

pub(super) async fn perform(
    what: &Sql,
    path: &str,
    until: Instant,
    cancel: &CancellationToken,
) -> Result<Rows, Failure> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .read_only(!what.mutates)
        .foreign_keys(true)
        .busy_timeout(BUSY);
    let mut conn = options.connect().await.map_err(|e| failure(&e, path))?;
    let stop = Arc::new(AtomicBool::new(false));
    let seen = stop.clone();
    conn.lock_handle()
        .await
        .map_err(|e| failure(&e, path))?
        .set_progress_handler(STEPS, move || !seen.load(Ordering::Relaxed));
    let mut work = std::pin::pin!(run(&mut conn, what, path));
    let ended = tokio::select! {
        biased;
        done = &mut work => return done,
        () = cancel.cancelled() => Failure::Cancelled,
        () = sleep_until(until) => Failure::TimedOut,
    };
    stop.store(true, Ordering::Relaxed);
    // It may have ended well in the meantime: then that result counts.
    match timeout(STOPPING, work).await {
        Ok(Ok(rows)) => Ok(rows),
        _ => Err(ended),
    }
}

async fn run(conn: &mut SqliteConnection, what: &Sql, path: &str) -> Result<Rows, Failure> {
    let failed = |e: sqlx::Error| failure(&e, path);
    let values = bound(&what.params)?;
    let text = || AssertSqlSafe(what.statement.clone()).into_sql_str();
    let columns = {
        let prepared = (&mut *conn).prepare(text()).await.map_err(failed)?;
        distinct(prepared.columns().iter().map(|c| c.name().to_owned()))
    };
    let mut query = sqlx::query(AssertSqlSafe(what.statement.clone()));
    for value in values {
        query = match value {
            Bound::Text(text) => query.bind(text),
            Bound::Int(number) => query.bind(number),
            Bound::Bool(truth) => query.bind(truth),
        };
    }
    let mut gathered = Gathered::new(columns, what.max_rows);
    {
        let mut stream = (&mut *conn).fetch_many(query);
        while let Some(next) = stream.try_next().await.map_err(failed)? {
            match next {
                Either::Left(done) => gathered.rows.affected += done.rows_affected(),
                // A writing statement runs to its end, however many of its rows are kept.
                Either::Right(row) if !gathered.take(values_of(&row)) && !what.mutates => break,
                Either::Right(_) => {}
            }
        }
    }
    Ok(gathered.rows)
}

fn values_of(row: &SqliteRow) -> Vec<serde_json::Value> {
    (0..row.len())
        .map(|at| value(row, at).unwrap_or_else(|why| format!("({why})").into()))
        .collect()
}

fn value(row: &SqliteRow, at: usize) -> Result<serde_json::Value, sqlx::Error> {
    let raw = row.try_get_raw(at)?;
    if raw.is_null() {
        return Ok(serde_json::Value::Null);
    }
    Ok(match raw.type_info().name() {
        "INTEGER" | "BOOLEAN" => row.try_get_unchecked::<i64, _>(at)?.into(),
        "REAL" => row.try_get_unchecked::<f64, _>(at)?.into(),
        "BLOB" => {
            let bytes: Vec<u8> = row.try_get_unchecked(at)?;
            format!("({} bytes)", bytes.len()).into()
        }
        _ => row.try_get_unchecked::<String, _>(at)?.into(),
    })
}

fn failure(error: &sqlx::Error, path: &str) -> Failure {
    match error {
        sqlx::Error::Database(e) if e.code().as_deref() == Some("14") => Failure::Declined {
            message: format!("{path}: {}", e.message()),
            again: false,
        },
        sqlx::Error::Database(e) => declined(e.as_ref(), "", &RETRY),
        other => Failure::Declined {
            message: other.to_string(),
            again: false,
        },
    }
}
