//! The pools of the two databases behind one type, and the macros that run one SQL text on the open
//! one.

use std::borrow::Cow;
use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};

use super::{StoreError, dialect, error};
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

/// Evaluates one body against the database that `$held` belongs to. In the second form the body
/// sees that database's type under the name given, for `QueryBuilder`.
macro_rules! on {
    ($held:expr, $conn:ident => $body:expr) => {
        match &mut $held.link {
            $crate::store::db::Either::Sqlite($conn) => $body,
            $crate::store::db::Either::Postgres($conn) => $body,
        }
        .map_err(|e| $crate::store::error::translate(&e, &$held.url))
    };
    ($held:expr, $conn:ident: $database:ident => $body:expr) => {
        match &mut $held.link {
            $crate::store::db::Either::Sqlite($conn) => {
                type $database = sqlx::Sqlite;
                $body
            }
            $crate::store::db::Either::Postgres($conn) => {
                type $database = sqlx::Postgres;
                $body
            }
        }
        .map_err(|e| $crate::store::error::translate(&e, &$held.url))
    };
}

/// Runs a statement; returns the number of rows it touched.
macro_rules! execute {
    ($held:expr, $sql:expr $(, $arg:expr)* $(,)?) => {
        on!($held, conn => sqlx::query($sql)$(.bind($arg))*.execute(&mut **conn).await.map(|done| done.rows_affected()))
    };
}

/// The rows of a query, as `$row`.
macro_rules! fetch_all {
    ($held:expr, $row:ty, $sql:expr $(, $arg:expr)* $(,)?) => {
        on!($held, conn => sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.fetch_all(&mut **conn).await)
    };
}

/// The only row of a query or statement, if there is one, as `$row`.
macro_rules! fetch_optional {
    ($held:expr, $row:ty, $sql:expr $(, $arg:expr)* $(,)?) => {
        on!($held, conn => sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.fetch_optional(&mut **conn).await)
    };
}

/// A row as a struct: each field is the column of its name, in either database.
macro_rules! row {
    ($(#[$attr:meta])* $vis:vis struct $name:ident { $($(#[$field_attr:meta])* $field_vis:vis $field:ident: $kind:ty),+ $(,)? }) => {
        $(#[$attr])*
        $vis struct $name {
            $($(#[$field_attr])* $field_vis $field: $kind,)+
        }
        row!(@from sqlx::sqlite::SqliteRow, $name, $($field),+);
        row!(@from sqlx::postgres::PgRow, $name, $($field),+);
    };
    (@from $row:ty, $name:ident, $($field:ident),+) => {
        impl sqlx::FromRow<'_, $row> for $name {
            fn from_row(row: &$row) -> sqlx::Result<Self> {
                use sqlx::Row;
                Ok(Self { $($field: row.try_get(stringify!($field))?),+ })
            }
        }
    };
}
