//! The two databases: their pools behind one type; below it opening, migrations, errors, SQL that
//! differs, and notices of writes by others.

#[macro_use]
mod sql;

pub(super) mod changes;
pub(super) mod dialect;
pub(super) mod error;
pub(super) mod migrations;
pub(super) mod open;
pub(super) mod waker;
pub(super) mod written;

use std::borrow::Cow;
use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};

use super::StoreError;
use crate::core::base::message::cut;

/// Something of either database: a pool, a connection, a transaction.
#[derive(Debug, Clone)]
pub(super) enum Either<S, P> {
    Sqlite(S),
    Postgres(P),
}

/// SQLite allows one writer at a time. Ours queue fairly for a pool of one connection instead of
/// polling a lock; readers have their own. In memory both are the same single connection.
#[derive(Debug, Clone)]
pub(super) struct SqlitePools {
    pub write: SqlitePool,
    pub read: SqlitePool,
}

/// An open database and the URL that may be shown.
#[derive(Debug, Clone)]
pub(super) struct Db {
    pub url: Arc<str>,
    pub pools: Either<SqlitePools, PgPool>,
}

/// A connection or transaction in use; the macros below run statements on it.
pub(super) struct Held<S, P> {
    pub url: Arc<str>,
    pub link: Either<S, P>,
}

/// A connection to read from.
pub(super) type Session = Held<PoolConnection<Sqlite>, PoolConnection<Postgres>>;
/// A unit of work: rolled back when dropped without [`Tx::commit`].
pub(super) type Tx = Held<Transaction<'static, Sqlite>, Transaction<'static, Postgres>>;

impl Db {
    pub(super) fn kind(&self) -> &'static str {
        match self.pools {
            Either::Sqlite(_) => "sqlite",
            Either::Postgres(_) => "postgres",
        }
    }

    pub(super) async fn close(&self) {
        match &self.pools {
            Either::Sqlite(pools) => {
                pools.read.close().await;
                pools.write.close().await;
            }
            Either::Postgres(pool) => pool.close().await,
        }
    }

    pub(super) async fn read(&self) -> Result<Session, StoreError> {
        let link = match &self.pools {
            Either::Sqlite(pools) => pools.read.acquire().await.map(Either::Sqlite),
            Either::Postgres(pool) => pool.acquire().await.map(Either::Postgres),
        };
        Ok(Held {
            url: self.url.clone(),
            link: link.map_err(|e| error::translate(&e, &self.url))?,
        })
    }

    pub(super) async fn begin(&self) -> Result<Tx, StoreError> {
        let link = match &self.pools {
            Either::Sqlite(pools) => pools
                .write
                .begin_with(dialect::SQLITE_BEGIN)
                .await
                .map(Either::Sqlite),
            Either::Postgres(pool) => pool
                .begin_with(dialect::POSTGRES_BEGIN)
                .await
                .map(Either::Postgres),
        };
        Ok(Held {
            url: self.url.clone(),
            link: link.map_err(|e| error::translate(&e, &self.url))?,
        })
    }
}

impl Tx {
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        stop_point!(During);
        let done = match self.link {
            Either::Sqlite(tx) => tx.commit().await,
            Either::Postgres(tx) => tx.commit().await,
        };
        done.map_err(|e| error::translate(&e, &self.url))
    }

    /// Rolls back now: a dropped transaction of PostgreSQL keeps its rows locked until its
    /// connection is tidied up.
    pub(super) async fn rollback(self) -> Result<(), StoreError> {
        let done = match self.link {
            Either::Sqlite(tx) => tx.rollback().await,
            Either::Postgres(tx) => tx.rollback().await,
        };
        done.map_err(|e| error::translate(&e, &self.url))
    }
}

/// Text as both databases can keep it: U+0000 becomes U+2400.
pub(super) fn text(value: &str) -> Cow<'_, str> {
    if value.contains('\0') {
        Cow::Owned(value.replace('\0', "\u{2400}"))
    } else {
        Cow::Borrowed(value)
    }
}

/// [`text`] for what may be absent.
pub(super) fn text_opt(value: Option<&str>) -> Option<Cow<'_, str>> {
    value.map(text)
}

/// [`text`] of a message, which has a limit: a longer one is cut, and the cut is marked.
pub(super) fn message(value: &str) -> Cow<'_, str> {
    match cut(value) {
        Cow::Borrowed(whole) => text(whole),
        Cow::Owned(short) => Cow::Owned(text(&short).into_owned()),
    }
}

/// [`message`] for what may be absent.
pub(super) fn message_opt(value: Option<&str>) -> Option<Cow<'_, str>> {
    value.map(message)
}
