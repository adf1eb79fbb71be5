//! Turns driver errors into errors a reader can act on.

use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;

use crate::store::StoreError;

/// SQLite's primary result codes; <https://www.sqlite.org/rescode.html>.
mod sqlite {
    pub const PERM: i32 = 3;
    pub const BUSY: i32 = 5;
    pub const LOCKED: i32 = 6;
    pub const READONLY: i32 = 8;
    pub const CORRUPT: i32 = 11;
    pub const FULL: i32 = 13;
    pub const CANTOPEN: i32 = 14;
    pub const NOTADB: i32 = 26;
}

/// A failure of a store that is open already: a server that went away may come back, so that is not
/// [`StoreError::Open`]. `url` is the one that may be shown.
pub(in crate::store) fn translate(error: &sqlx::Error, url: &str) -> StoreError {
    match opening(error, url) {
        StoreError::Open { why, .. } => StoreError::Database(why),
        other => other,
    }
}

/// A failure while opening.
pub(in crate::store) fn opening(error: &sqlx::Error, url: &str) -> StoreError {
    match error {
        sqlx::Error::Database(e) => database(e.as_ref(), url),
        sqlx::Error::Migrate(e) => migrate(e, url),
        sqlx::Error::PoolClosed => StoreError::Database("it is closed".into()),
        sqlx::Error::PoolTimedOut if url.starts_with("sqlite:") => {
            StoreError::Locked { url: url.into() }
        }
        sqlx::Error::PoolTimedOut => open(
            url,
            "no connection became free in time; the server is busy or cannot be reached",
        ),
        sqlx::Error::Io(e) if url.starts_with("postgres") => open(
            url,
            &format!(
                "the server cannot be reached ({e}); is it running, and are host and port right?"
            ),
        ),
        sqlx::Error::Tls(e) => open(url, &format!("no encrypted connection ({e}); see sslmode")),
        sqlx::Error::Configuration(e) => open(url, &format!("the URL is not understood ({e})")),
        other => StoreError::Database(other.to_string()),
    }
}

/// A migration that failed or does not fit.
pub(in crate::store) fn migrate(error: &MigrateError, url: &str) -> StoreError {
    match error {
        MigrateError::Execute(e) | MigrateError::ExecuteMigration(e, _) => opening(e, url),
        MigrateError::VersionMismatch(version) => open(
            url,
            &format!(
                "its schema {version} was made by another build of opsroom; use that build, or another store"
            ),
        ),
        other => StoreError::Database(other.to_string()),
    }
}

/// Whether the error is a missing table.
pub(in crate::store) fn is_missing_table(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|e| {
        e.code().is_some_and(|code| code == "42P01") || e.message().starts_with("no such table")
    })
}

fn open(url: &str, why: &str) -> StoreError {
    StoreError::Open {
        url: url.into(),
        why: why.into(),
    }
}

fn database(error: &dyn DatabaseError, url: &str) -> StoreError {
    let code = error.code().unwrap_or_default();
    if url.starts_with("sqlite:") {
        sqlite_error(
            code.parse::<i32>().unwrap_or_default() & 0xff,
            error.message(),
            url,
        )
    } else {
        postgres_error(&code, error.message(), url)
    }
}

fn sqlite_error(code: i32, message: &str, url: &str) -> StoreError {
    match code {
        sqlite::BUSY | sqlite::LOCKED => StoreError::Locked { url: url.into() },
        sqlite::CORRUPT | sqlite::NOTADB => StoreError::Corrupt {
            url: url.into(),
            why: message.into(),
        },
        sqlite::PERM | sqlite::READONLY => open(
            url,
            "no permission to write it; check the owner of the file and its folder",
        ),
        sqlite::CANTOPEN => open(
            url,
            "the file cannot be opened; check that the path is a file you may write",
        ),
        sqlite::FULL => StoreError::Database(
            "the disk is full; nothing was changed. free some space and try again".into(),
        ),
        _ => StoreError::Database(message.into()),
    }
}

/// Codes: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn postgres_error(code: &str, message: &str, url: &str) -> StoreError {
    match code {
        "28000" | "28P01" => open(url, &format!("{message}; check user and password")),
        "3D000" => open(url, &format!("{message}; create it first (createdb)")),
        "42501" => open(url, &format!("{message}; grant it, or use another user")),
        "53300" => open(
            url,
            &format!("{message}; the server has no connection left"),
        ),
        "57P01" | "57P02" | "57P03" => open(url, &format!("{message}; try again in a moment")),
        "XX001" | "XX002" => StoreError::Corrupt {
            url: url.into(),
            why: message.into(),
        },
        _ => StoreError::Database(message.into()),
    }
}
