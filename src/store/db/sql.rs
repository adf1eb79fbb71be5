//! One SQL text on either database: the macros that run a statement on the open one, and read its
//! rows.

/// Evaluates one body against the database that `$held` belongs to. In the second form the body
/// sees that database's type under the name given, for `QueryBuilder`.
macro_rules! on {
    ($held:expr, $conn:ident => $body:expr) => {
        match &mut $held.link {
            $crate::store::db::Either::Sqlite($conn) => $body,
            $crate::store::db::Either::Postgres($conn) => $body,
        }
        .map_err(|e| $crate::store::db::error::translate(&e, &$held.url))
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
        .map_err(|e| $crate::store::db::error::translate(&e, &$held.url))
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
