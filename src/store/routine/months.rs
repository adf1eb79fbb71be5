//! On PostgreSQL the tables that grow have a partition for each month of UTC. A month is made before
//! its first row, and dropped when retention has emptied it. SQLite has no partitions, and reuses the
//! room of rows that are gone.

use std::collections::BTreeSet;

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use sqlx::AssertSqlSafe;

use crate::core::metric::rollup::WindowLength;
use crate::store::StoreError;
use crate::store::db::{Db, Either, error};

/// Days of samples.
pub(super) const DAYS_OF_SAMPLES: &str = "probe_chunk_day";

/// The table of rollups of that length.
pub(super) const fn of_rollups(length: WindowLength) -> &'static str {
    match length {
        WindowLength::Day => "probe_rollup_day",
        _ => "probe_rollup_hour",
    }
}

const EXISTING: &str = "select c.relname::text from pg_inherits i join pg_class c on c.oid = i.inhrelid \
     where i.inhparent = to_regclass($1)";

/// A month of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Month(Date);

impl Month {
    /// The month of that time, milliseconds; none beyond the range of calendars.
    fn of(ms: i64) -> Option<Self> {
        let at = jiff::Timestamp::from_millisecond(ms).ok()?;
        Some(Self(TimeZone::UTC.to_datetime(at).date().first_of_month()))
    }

    /// That of a partition by its name.
    fn named(partition: &str, table: &str) -> Option<Self> {
        let (year, month) = partition
            .strip_prefix(table)?
            .strip_prefix('_')?
            .split_once('_')?;
        Date::new(year.parse().ok()?, month.parse().ok()?, 1)
            .ok()
            .map(Self)
    }

    fn name(self, table: &str) -> String {
        format!("{table}_{:04}_{:02}", self.0.year(), self.0.month())
    }

    /// The begin of the month and of the next one, milliseconds.
    fn bounds(self) -> Option<(i64, i64)> {
        let ms = |date: Date| {
            let zoned = date.to_zoned(TimeZone::UTC).ok()?;
            Some(zoned.timestamp().as_millisecond())
        };
        Some((ms(self.0)?, ms(self.0.checked_add(1.month()).ok()?)?))
    }
}

/// Makes the months of these times, milliseconds, that a table does not have yet.
pub(super) async fn make(
    db: &Db,
    table: &'static str,
    times: impl Iterator<Item = i64>,
) -> Result<(), StoreError> {
    let Either::Postgres(pool) = &db.pools else {
        return Ok(());
    };
    let wanted: BTreeSet<Month> = times.filter_map(Month::of).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let failed = |e: sqlx::Error| error::translate(&e, &db.url);
    let query = sqlx::query_scalar(EXISTING).bind(table);
    let existing: Vec<String> = query.fetch_all(pool).await.map_err(failed)?;
    for month in wanted {
        let name = month.name(table);
        let Some((from, until)) = month.bounds().filter(|_| !existing.contains(&name)) else {
            continue;
        };
        let make = format!(
            "create table if not exists {name} partition of {table} for values from ({from}) to ({until})"
        );
        // Another process may make it at the same moment; and rows have a place without it.
        if let Err(e) = sqlx::query(AssertSqlSafe(make)).execute(pool).await {
            tracing::warn!("{name} was not made: {e}");
        }
    }
    Ok(())
}

/// Drops the months of a table that end before a time, milliseconds, and are empty.
pub(super) async fn drop_empty(
    db: &Db,
    table: &'static str,
    before: i64,
) -> Result<(), StoreError> {
    let Either::Postgres(pool) = &db.pools else {
        return Ok(());
    };
    let failed = |e: sqlx::Error| error::translate(&e, &db.url);
    let query = sqlx::query_scalar(EXISTING).bind(table);
    let existing: Vec<String> = query.fetch_all(pool).await.map_err(failed)?;
    for name in existing {
        let month = Month::named(&name, table).and_then(Month::bounds);
        if month.is_none_or(|(_, until)| until > before) {
            continue;
        }
        let some = |sql: &str| sqlx::query_scalar::<_, bool>(AssertSqlSafe(sql.to_owned()));
        let holds = format!("select exists (select 1 from {name})");
        if some(&holds).fetch_one(pool).await.map_err(failed)? {
            continue;
        }
        // Nothing can write to it once it is detached: it is looked at again, and dropped only then.
        let mut tx = pool.begin().await.map_err(failed)?;
        let detach = format!("alter table {table} detach partition {name}");
        let detached = sqlx::query(AssertSqlSafe(detach)).execute(&mut *tx).await;
        detached.map_err(failed)?;
        if some(&holds).fetch_one(&mut *tx).await.map_err(failed)? {
            tx.rollback().await.map_err(failed)?;
            continue;
        }
        let drop = format!("drop table {name}");
        let dropped = sqlx::query(AssertSqlSafe(drop)).execute(&mut *tx).await;
        dropped.map_err(failed)?;
        tx.commit().await.map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_has_a_name_and_bounds() {
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        for (time, name, from, until) in [
            (
                "2026-12-31T23:59:59.999Z",
                "t_2026_12",
                "2026-12-01T00:00:00Z",
                "2027-01-01T00:00:00Z",
            ),
            (
                "2028-02-29T00:00:00Z",
                "t_2028_02",
                "2028-02-01T00:00:00Z",
                "2028-03-01T00:00:00Z",
            ),
        ] {
            let month = Month::of(at(time)).unwrap();
            assert_eq!(month.name("t"), name);
            assert_eq!(month.bounds(), Some((at(from), at(until))));
            assert_eq!(Month::named(name, "t"), Some(month));
        }
        assert_eq!(Month::of(i64::MAX), None);
        for other in ["t_rest", "t_2026_13", "u_2026_12", "t_2026"] {
            assert_eq!(Month::named(other, "t"), None, "{other}");
        }
    }
}
