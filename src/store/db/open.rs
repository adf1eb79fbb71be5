//! Opening: parses a store URL and prepares its database. An existing SQLite store opens in a few
//! milliseconds.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};

use crate::store::db::{Db, Either, SqlitePools};
use crate::store::db::{error, migrations};
use crate::store::{Store, StoreError};

/// How long a writer waits for another program's write before it gives up.
const BUSY: Duration = Duration::from_secs(5);
/// How long reaching a server may take.
const CONNECT: Duration = Duration::from_secs(10);
/// A connection used this recently counts as alive: a ping costs as much as a statement.
const FRESH: Duration = Duration::from_millis(500);
const SQLITE_READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 8;
const ENCODING: &str = "select current_setting('server_encoding')";

impl Store {
    /// Opens (creating an SQLite file when missing) and migrates. URLs: `sqlite:PATH`,
    /// `sqlite::memory:`, `postgres://…`.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let shown: Arc<str> = shown(url).into();
        let db = match parse(url) {
            Ok(Location::Memory) => memory(shown).await,
            Ok(Location::File(path)) => file(path, shown).await,
            Ok(Location::Server) => server(url, shown).await,
            Err(why) => Err(StoreError::Open {
                url: shown.to_string(),
                why,
            }),
        };
        Ok(Self {
            db: db?,
            process: "".into(),
        })
    }
}

/// The location a URL points to.
#[derive(Debug, PartialEq, Eq)]
enum Location<'a> {
    Memory,
    File(&'a str),
    Server,
}

fn parse(url: &str) -> Result<Location<'_>, String> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Location::Server);
    }
    let path = url
        .strip_prefix("sqlite:")
        .ok_or("write sqlite:PATH or postgres://USER@HOST/DATABASE")?;
    match path.strip_prefix("//").unwrap_or(path) {
        ":memory:" => Ok(Location::Memory),
        "" => Err("a path is missing: write sqlite:PATH".into()),
        path if path.contains(['?', '\0']) => {
            Err("a path has no parameters: write sqlite:PATH".into())
        }
        path => Ok(Location::File(path)),
    }
}

/// The file of an SQLite store.
pub(in crate::store) fn file_of(url: &str) -> Option<&str> {
    match parse(url) {
        Ok(Location::File(path)) => Some(path),
        _ => None,
    }
}

/// The URL without secrets: no password, no parameters. When an unescaped character makes it
/// unclear where the password ends, nothing after the scheme is shown.
fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url
        .split_once("://")
        .filter(|(scheme, _)| scheme.starts_with("postgres"))
    else {
        return if url.starts_with("sqlite:") || !url.contains('@') {
            url.into()
        } else {
            "…".into()
        };
    };
    let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    if parameters.contains('@') {
        return format!("{scheme}://…");
    }
    match rest.rsplit_once('@') {
        Some((user, host)) => format!(
            "{scheme}://{}@{host}",
            user.split(':').next().unwrap_or_default()
        ),
        None => format!("{scheme}://{rest}"),
    }
}

async fn memory(url: Arc<str>) -> Result<Db, StoreError> {
    let options = SqliteConnectOptions::new().in_memory(true);
    // The data lives as long as its connection: there is exactly one, and it is never closed. A
    // request that is dropped while a connection is tested would close it.
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None);
    let pool = pool
        .connect_with(options)
        .await
        .map_err(|e| error::opening(&e, &url))?;
    let mut conn = pool.acquire().await.map_err(|e| error::opening(&e, &url))?;
    migrations::sqlite(&mut conn, &url).await?;
    drop(conn);
    Ok(Db {
        url,
        pools: Either::Sqlite(SqlitePools {
            write: pool.clone(),
            read: pool,
        }),
    })
}

async fn file(path: &str, url: Arc<str>) -> Result<Db, StoreError> {
    make_folder(Path::new(path))
        .await
        .map_err(|why| StoreError::Open {
            url: url.to_string(),
            why,
        })?;
    // SQLite reads a name that begins with `file:` as a URI of its own.
    let path = if path.starts_with("file:") {
        format!("./{path}")
    } else {
        path.into()
    };
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(BUSY);
    // A connection to a file does not go stale: no ping before use, no renewal.
    let pool = || {
        SqlitePoolOptions::new()
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
    };
    // A commit that fails because the disk is full is rolled back by SQLite itself, but sqlx keeps
    // believing that a transaction is open: such a connection is replaced.
    let write = pool().before_acquire(|conn, _| {
        let sound = !conn.is_in_transaction();
        Box::pin(async move { Ok(sound) })
    });
    let write = write.max_connections(1).connect_with(options.clone()).await;
    let write = write.map_err(|e| error::opening(&e, &url))?;
    let mut conn = write
        .acquire()
        .await
        .map_err(|e| error::opening(&e, &url))?;
    migrations::sqlite(&mut conn, &url).await?;
    drop(conn);
    let read = pool()
        .max_connections(SQLITE_READERS)
        .connect_lazy_with(options);
    Ok(Db {
        url,
        pools: Either::Sqlite(SqlitePools { write, read }),
    })
}

async fn make_folder(path: &Path) -> Result<(), String> {
    let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty() && !folder.exists())
    else {
        return Ok(());
    };
    let made = tokio::fs::create_dir_all(folder).await;
    made.map_err(|e| format!("its folder {} cannot be created ({e})", folder.display()))
}

async fn server(secret_url: &str, url: Arc<str>) -> Result<Db, StoreError> {
    let failed = |e: sqlx::Error| error::opening(&e, &url);
    let options: PgConnectOptions = secret_url.parse().map_err(failed)?;
    // Not through the pool: it would retry until its timeout and lose the cause.
    let conn = tokio::time::timeout(CONNECT, options.connect()).await;
    let mut conn = conn
        .unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
        .map_err(failed)?;
    let encoding: String = sqlx::query_scalar(ENCODING)
        .fetch_one(&mut conn)
        .await
        .map_err(failed)?;
    if encoding != "UTF8" {
        let why = format!("its encoding is {encoding}; create the database with encoding UTF8");
        return Err(StoreError::Open {
            url: url.to_string(),
            why,
        });
    }
    migrations::postgres(&mut conn, &url).await?;
    conn.close().await.map_err(failed)?;
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(CONNECT);
    let pool = pool
        .test_before_acquire(false)
        .before_acquire(|conn, about| {
            let fresh = about.idle_for < FRESH;
            Box::pin(async move {
                if fresh {
                    Ok(true)
                } else {
                    conn.ping().await.map(|()| true)
                }
            })
        });
    Ok(Db {
        pools: Either::Postgres(pool.connect_lazy_with(options)),
        url,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        assert_eq!(parse("sqlite::memory:"), Ok(Location::Memory));
        assert_eq!(
            parse("sqlite:data/a b.db"),
            Ok(Location::File("data/a b.db"))
        );
        assert_eq!(parse("sqlite:///var/a.db"), Ok(Location::File("/var/a.db")));
        assert_eq!(parse("postgres://h/d"), Ok(Location::Server));
        assert_eq!(parse("postgresql://h/d"), Ok(Location::Server));
        for bad in [
            "",
            "opsroom.db",
            "sqlite:",
            "sqlite:a?mode=ro",
            "mysql://h/d",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn shown_urls_keep_no_secret() {
        for (url, expected) in [
            (
                "postgres://ana:secret@db.test:5432/ops",
                "postgres://ana@db.test:5432/ops",
            ),
            (
                "postgres://ana:se@cr:et@db.test/ops?sslmode=require",
                "postgres://ana@db.test/ops",
            ),
            (
                "postgres://ana:se/cr#et@db.test/ops",
                "postgres://ana@db.test/ops",
            ),
            ("postgres://ana:se?cret@db.test/ops", "postgres://…"),
            (
                "postgres://db.test/ops?user=ana&password=secret",
                "postgres://db.test/ops",
            ),
            ("postgres://db.test/ops?password=secret@x", "postgres://…"),
            ("mysql://ana:secret@db.test/ops", "…"),
            ("sqlite:a@b.db", "sqlite:a@b.db"),
        ] {
            assert_eq!(shown(url), expected);
            assert!(!shown(url).contains("cr"), "{url}");
        }
    }

    #[tokio::test]
    async fn requests_that_are_dropped_lose_no_data_in_memory() {
        let store = Store::open("sqlite::memory:").await.expect("a store");
        for polls in 0..20 {
            let mut request = Box::pin(store.workspaces());
            for _ in 0..=polls % 4 {
                if futures_util::poll!(request.as_mut()).is_ready() {
                    break;
                }
            }
            drop(request);
            // Time to close the connection, if it is closed.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        store.workspaces().await.expect("the tables are there");
    }
}
