//! Opening: where the store is, whether it is sound, and bringing its schema up to date.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::db::Db;
use super::{Store, StoreError};

static SQLITE: Migrator = sqlx::migrate!("assets/migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("assets/migrations/postgres");

/// How long a write waits for another program's write.
const BUSY: Duration = Duration::from_secs(5);

impl Store {
    /// Opens (creating an SQLite file and its folder when missing) and migrates. URLs: `sqlite:PATH`, `sqlite::memory:`,
    /// `postgres://…`; a plain path is an SQLite file.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return open_postgres(url).await;
        }
        match url.strip_prefix("sqlite:").unwrap_or(url) {
            ":memory:" => open_memory().await,
            path => open_file(path.strip_prefix("//").unwrap_or(path)).await,
        }
    }
}

async fn open_memory() -> Result<Store, StoreError> {
    let options = SqliteConnectOptions::new().in_memory(true).foreign_keys(true);
    // One connection that never goes: the database lives and dies with it.
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options)
        .await
        .map_err(|e| explain("sqlite::memory:", &e))?;
    SQLITE.run(&pool).await.map_err(|e| migration("sqlite::memory:", &e))?;
    Ok(Store { db: Db::Sqlite(pool) })
}

async fn open_file(path: &str) -> Result<Store, StoreError> {
    let url = format!("sqlite:{path}");
    if path.is_empty() {
        let why = "the path is empty; write sqlite:/path/to/file.db".to_owned();
        return Err(StoreError::Open { url, why });
    }
    let folder = Path::new(path).parent().filter(|p| !p.as_os_str().is_empty());
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder).map_err(|e| StoreError::Open {
            url: url.clone(),
            why: format!("its folder {} cannot be made: {e}", folder.display()),
        })?;
    }
    if Path::new(path).is_dir() {
        return Err(StoreError::Open { url, why: "that is a folder; name a file in it".to_owned() });
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(BUSY);
    let pool = SqlitePoolOptions::new()
        .max_connections(4)
        .acquire_timeout(BUSY + Duration::from_secs(5))
        .connect_with(options)
        .await
        .map_err(|e| explain(&url, &e))?;
    let known = newest(&SQLITE);
    match applied_sqlite(&pool).await {
        Some(found) if found == known => {}
        Some(found) if found > known => return Err(StoreError::Newer { url, found, known }),
        _ => SQLITE.run(&pool).await.map_err(|e| migration(&url, &e))?,
    }
    Ok(Store { db: Db::Sqlite(pool) })
}

/// The newest migration applied; `None` when the question itself fails (a new file, or one that is no database).
async fn applied_sqlite(pool: &sqlx::SqlitePool) -> Option<i64> {
    sqlx::query_scalar("select max(version) from _sqlx_migrations where success").fetch_one(pool).await.ok().flatten()
}

async fn open_postgres(url: &str) -> Result<Store, StoreError> {
    let shown = without_password(url);
    let wrong = |why: String| StoreError::Open { url: shown.clone(), why };
    let options = PgConnectOptions::from_str(url).map_err(|e| wrong(format!("the URL is not understood: {e}")))?;
    let pool = PgPoolOptions::new()
        .max_connections(8)
        .acquire_timeout(Duration::from_secs(5))
        .connect_with(options)
        .await
        .map_err(|e| explain(&shown, &e))?;
    POSTGRES.run(&pool).await.map_err(|e| migration(&shown, &e))?;
    Ok(Store { db: Db::Postgres(pool) })
}

fn newest(migrator: &Migrator) -> i64 {
    migrator.iter().map(|m| m.version).max().unwrap_or(0)
}

fn explain(url: &str, error: &sqlx::Error) -> StoreError {
    let url = url.to_owned();
    match super::Fault::of(error) {
        super::Fault::Locked => StoreError::Locked { url },
        super::Fault::Corrupt(why) => StoreError::Corrupt { url, why },
        super::Fault::Other(why) => StoreError::Open { url, why },
    }
}

fn migration(url: &str, error: &MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(found) => {
            StoreError::Newer { url: url.to_owned(), found: *found, known: newest(&SQLITE) }
        }
        MigrateError::VersionMismatch(version) => StoreError::Corrupt {
            url: url.to_owned(),
            why: format!("schema step {version} is not the one this opsroom knows"),
        },
        MigrateError::Execute(error) => explain(url, error),
        MigrateError::ExecuteMigration(error, _) => explain(url, error),
        other => StoreError::Open { url: url.to_owned(), why: other.to_string() },
    }
}

/// The URL as it may be shown: a password is replaced by `…`.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, tail) = rest.find(['/', '?']).map_or((rest, ""), |at| rest.split_at(at));
    let tail = tail.split_once("password=").map_or(tail.to_owned(), |(head, value)| {
        format!("{head}password=…{}", value.find('&').map_or("", |at| &value[at..]))
    });
    match authority.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split_once(':').map_or(user.to_owned(), |(name, _)| format!("{name}:…"));
            format!("{scheme}://{user}@{host}{tail}")
        }
        None => format!("{scheme}://{authority}{tail}"),
    }
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn passwords_are_not_shown() {
        for (url, shown) in [
            ("postgres://ops:s3c@db:5432/x", "postgres://ops:…@db:5432/x"),
            ("postgres://ops:p@ss@db/x", "postgres://ops:…@db/x"),
            ("postgres://ops@db/x", "postgres://ops@db/x"),
            ("postgres://db/x?user=a&password=s&sslmode=require", "postgres://db/x?user=a&password=…&sslmode=require"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
