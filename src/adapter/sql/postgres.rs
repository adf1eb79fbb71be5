//! PostgreSQL: the address is checked against the outbound policy, the transaction is read-only
//! unless the statement writes, the server enforces the deadline too, and a cancelled statement is
//! also cancelled on the server.
//!
//! The checked addresses are the ones connected to: a name is resolved once and its addresses are
//! used. With `sslmode=require` or stricter the name itself is used, because servers choose
//! certificate and database by it; the addresses it resolved to are still checked.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgDatabaseError, PgRow, PgSslMode};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, Either, Executor as _,
    Row as _, SqlSafeStr as _,
};
use sqlx::{Statement as _, TypeInfo as _, ValueRef as _};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{Bound, Failure, Gathered, STOPPING, Sql, bound, declined, distinct, row::Row};
use crate::core::base::outbound::{Policy, Written};
use crate::core::run::step::CallRefusal;
use crate::core::run::step::sql::Rows;

/// The server ends a statement at its deadline; we wait this much longer for its answer.
const GRACE: Duration = Duration::from_millis(500);
/// Transient codes: serialization, deadlock, lock not available, too many connections, starting up
/// or shutting down.
const RETRY: [&str; 7] = [
    "40001", "40P01", "55P03", "53300", "57P01", "57P02", "57P03",
];
const CANCELLED: &str = "57014";

/// First words of statements that can be wrapped to return their rows as JSON.
const READS: [&str; 4] = ["select", "with", "values", "table"];
const RETURNING: [&str; 4] = ["insert", "update", "delete", "merge"];

pub(super) async fn perform(
    what: &Sql,
    options: PgConnectOptions,
    policy: &Policy,
    until: Instant,
    cancel: &CancellationToken,
) -> Result<Rows, Failure> {
    let place = format!("{}:{}", options.get_host(), options.get_port());
    let connecting = async {
        let (mut conn, options) = connect(options, policy, &place).await?;
        let pid = sqlx::query_scalar("select pg_backend_pid()")
            .fetch_one(&mut conn)
            .await;
        let pid: i32 = pid.map_err(|e| failure(&e, &place))?;
        Ok::<_, Failure>((conn, options, pid))
    };
    let (mut conn, options, pid) = tokio::select! {
        biased;
        () = cancel.cancelled() => return Err(Failure::Cancelled),
        connected = timeout_at(until, connecting) => connected.map_err(|_| Failure::TimedOut)??,
    };
    let mut work = std::pin::pin!(run(&mut conn, what, until, &place));
    let ended = tokio::select! {
        biased;
        done = &mut work => return done,
        () = cancel.cancelled() => Failure::Cancelled,
        () = sleep_until(until + GRACE) => Failure::TimedOut,
    };
    // The server does not notice that the client stopped waiting; it needs an explicit cancel.
    let stopped = timeout(STOPPING, stop(&options, pid)).await;
    if !matches!(stopped, Ok(Ok(()))) {
        tracing::warn!("{place}: a cancelled statement may still be running");
    }
    // It may have ended well in the meantime: then that result counts.
    match timeout(GRACE, work).await {
        Ok(Ok(rows)) => Ok(rows),
        _ => Err(ended),
    }
}

async fn connect(
    options: PgConnectOptions,
    policy: &Policy,
    place: &str,
) -> Result<(PgConnection, PgConnectOptions), Failure> {
    let mut last = Failure::Unreachable(format!("unknown host {}", options.get_host()));
    for options in routes(options, policy).await? {
        match options.connect().await {
            Ok(conn) => return Ok((conn, options)),
            Err(e) => last = failure(&e, place),
        }
    }
    Err(last)
}

/// The addresses of the server that the policy allows, as connect options.
async fn routes(
    options: PgConnectOptions,
    policy: &Policy,
) -> Result<Vec<PgConnectOptions>, Failure> {
    let refused = |message| Failure::Refused(CallRefusal::by_policy(message));
    let (host, port) = (options.get_host().to_owned(), options.get_port());
    if options.get_socket().is_some() || host.starts_with('/') {
        return Ok(vec![options]);
    }
    if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        policy.check(address, Written::Literally).map_err(refused)?;
        return Ok(vec![options]);
    }
    policy
        .check_name(&host, Written::Literally)
        .map_err(refused)?;
    let found = tokio::net::lookup_host((host.as_str(), port)).await;
    let found: Vec<SocketAddr> = found
        .map_err(|e| Failure::Unreachable(format!("unknown host {host} ({e})")))?
        .collect();
    for address in &found {
        policy
            .check(address.ip(), Written::As(&host))
            .map_err(refused)?;
    }
    let by_name = matches!(
        options.get_ssl_mode(),
        PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull
    );
    if by_name {
        return Ok(vec![options]);
    }
    Ok(found
        .iter()
        .map(|address| options.clone().host(&address.ip().to_string()))
        .collect())
}

async fn stop(options: &PgConnectOptions, pid: i32) -> Result<(), sqlx::Error> {
    let mut conn = options.connect().await?;
    sqlx::query("select pg_cancel_backend($1)")
        .bind(pid)
        .execute(&mut conn)
        .await?;
    conn.close().await
}

async fn run(
    conn: &mut PgConnection,
    what: &Sql,
    until: Instant,
    place: &str,
) -> Result<Rows, Failure> {
    let failed = |e: sqlx::Error| failure(&e, place);
    let begin = if what.mutates {
        "begin"
    } else {
        "begin transaction read only"
    };
    sqlx::query(begin)
        .execute(&mut *conn)
        .await
        .map_err(failed)?;
    let left = until
        .saturating_duration_since(Instant::now())
        .as_millis()
        .clamp(1, 2_147_483_647);
    sqlx::query("select set_config('statement_timeout', $1, true)")
        .bind(left.to_string())
        .execute(&mut *conn)
        .await
        .map_err(failed)?;
    let values = bound(&what.params)?;
    let columns = {
        let prepared = (&mut *conn)
            .prepare(AssertSqlSafe(what.statement.clone()).into_sql_str())
            .await
            .map_err(failed)?;
        distinct(prepared.columns().iter().map(|c| c.name().to_owned()))
    };
    let (text, whole) = wrapped(what, columns.is_empty());
    let mut query = sqlx::query(AssertSqlSafe(text));
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
                Either::Right(row)
                    if !gathered.take(values_of(&row, whole).map_err(failed)?) && !what.mutates =>
                {
                    break;
                }
                Either::Right(_) => {}
            }
        }
    }
    if !what.mutates {
        // Nothing to commit; the connection ends with the step.
        return Ok(gathered.rows);
    }
    sqlx::query("commit")
        .execute(&mut *conn)
        .await
        .map_err(failed)?;
    Ok(gathered.rows)
}

/// The statement wrapped so that each row comes as one JSON text, whatever its types; and whether
/// it could be wrapped.
fn wrapped(what: &Sql, no_columns: bool) -> (String, bool) {
    let text = &what.statement;
    let verb = first_word(text);
    if no_columns {
        (text.clone(), false)
    } else if READS.contains(&verb.as_str()) && !(what.mutates && verb == "with") {
        // No limit when the statement writes: functions must be called for every row.
        let limit = if what.mutates {
            String::new()
        } else {
            format!(" limit {}", u64::from(what.max_rows) + 1)
        };
        (
            format!(
                "select row_to_json(opsroom_row)::text from (\n{text}\n) as opsroom_row{limit}"
            ),
            true,
        )
    } else if RETURNING.contains(&verb.as_str()) {
        (
            format!(
                "with opsroom_row as (\n{text}\n) select row_to_json(opsroom_row)::text from opsroom_row"
            ),
            true,
        )
    } else {
        (text.clone(), false)
    }
}

/// The first word. A statement that begins with a comment is not wrapped.
fn first_word(text: &str) -> String {
    text.trim_start_matches(|c: char| c.is_whitespace() || c == '(')
        .chars()
        .take_while(|c| c.is_alphanumeric())
        .collect::<String>()
        .to_lowercase()
}

fn values_of(row: &PgRow, whole: bool) -> Result<Vec<serde_json::Value>, sqlx::Error> {
    if whole {
        let json: String = row.try_get(0)?;
        return serde_json::from_str::<Row>(&json)
            .map(|row| row.0)
            .map_err(|e| sqlx::Error::Decode(e.into()));
    }
    (0..row.len()).map(|at| value(row, at)).collect()
}

/// A value of the plain types; for other types, their name.
fn value(row: &PgRow, at: usize) -> Result<serde_json::Value, sqlx::Error> {
    let raw = row.try_get_raw(at)?;
    if raw.is_null() {
        return Ok(serde_json::Value::Null);
    }
    let kind = raw.type_info().name().to_owned();
    Ok(match kind.as_str() {
        "BOOL" => row.try_get::<bool, _>(at)?.into(),
        "INT2" => row.try_get::<i16, _>(at)?.into(),
        "INT4" => row.try_get::<i32, _>(at)?.into(),
        "INT8" => row.try_get::<i64, _>(at)?.into(),
        "FLOAT4" => row.try_get::<f32, _>(at)?.into(),
        "FLOAT8" => row.try_get::<f64, _>(at)?.into(),
        "TEXT" | "VARCHAR" | "NAME" | "BPCHAR" | "CHAR" | "JSON" | "XML" => {
            row.try_get_unchecked::<String, _>(at)?.into()
        }
        other => format!("({other}; cast it to text to see it)").into(),
    })
}

fn failure(error: &sqlx::Error, place: &str) -> Failure {
    match error {
        sqlx::Error::Database(e) if e.code().as_deref() == Some(CANCELLED) => Failure::TimedOut,
        sqlx::Error::Database(e) => {
            let hint = e
                .try_downcast_ref::<PgDatabaseError>()
                .and_then(PgDatabaseError::hint);
            declined(
                e.as_ref(),
                &hint.map(|hint| format!("; {hint}")).unwrap_or_default(),
                &RETRY,
            )
        }
        sqlx::Error::Io(e) if e.kind() == std::io::ErrorKind::ConnectionRefused => {
            Failure::Unreachable(format!("connection refused by {place}"))
        }
        sqlx::Error::Io(e) => Failure::Unreachable(format!("{place}: {e}")),
        sqlx::Error::Tls(e) => Failure::Declined {
            message: format!("TLS with {place}: {e}"),
            again: false,
        },
        other => Failure::Declined {
            message: format!("{place}: {other}"),
            again: false,
        },
    }
}
