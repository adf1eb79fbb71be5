//! The schema's versions, oldest first, append only. A new one: a file of the same name in both
//! folders, one line here.

use std::sync::Arc;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Connection, PgConnection, SqlSafeStr, SqliteConnection};

use crate::store::StoreError;
use crate::store::db::{dialect, error};

struct Version {
    number: i64,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! version {
    ($number:literal, $name:literal) => {
        Version {
            number: $number,
            name: $name,
            sqlite: include_str!(concat!("../../../assets/migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!(
                "../../../assets/migrations/postgres/",
                $name,
                ".sql"
            )),
        }
    };
}

const VERSIONS: [Version; 16] = [
    version!(1, "0001_start"),
    version!(2, "0002_locks"),
    version!(3, "0003_told"),
    version!(4, "0004_control"),
    version!(5, "0005_reliability"),
    version!(6, "0006_queue"),
    version!(7, "0007_record"),
    version!(8, "0008_state"),
    version!(9, "0009_summary"),
    version!(10, "0010_home"),
    version!(11, "0011_acts"),
    version!(12, "0012_probes"),
    version!(13, "0013_routine_owner"),
    version!(14, "0014_maintenance"),
    version!(15, "0015_routine_run"),
    version!(16, "0016_size"),
];

const APPLIED: &str = "select version, checksum from _sqlx_migrations order by version";
const SQLITE_TABLES: &str =
    "select count(*) from sqlite_master where type = 'table' and name not like 'sqlite%'";

/// Brings an SQLite file to the newest schema; one small query when it is there already.
pub(in crate::store) async fn sqlite(
    conn: &mut SqliteConnection,
    url: &Arc<str>,
) -> Result<(), StoreError> {
    let migrator = migrator(|v| v.sqlite);
    let applied = sqlx::query_as(APPLIED).fetch_all(&mut *conn).await;
    if !is_behind(applied, &migrator, url)? {
        return Ok(());
    }
    // Two programs may create the same file at once: check again with the write lock held.
    let failed = |e: sqlx::Error| error::opening(&e, url);
    let mut tx = conn
        .begin_with(dialect::SQLITE_BEGIN)
        .await
        .map_err(failed)?;
    let applied = sqlx::query_as(APPLIED).fetch_all(&mut *tx).await;
    let is_new = applied.is_err();
    if !is_behind(applied, &migrator, url)? {
        return Ok(());
    }
    let tables: i64 = sqlx::query_scalar(SQLITE_TABLES)
        .fetch_one(&mut *tx)
        .await
        .map_err(failed)?;
    if is_new && tables > 0 {
        let why = "it is another program's database; choose another file".into();
        return Err(StoreError::Open {
            url: url.to_string(),
            why,
        });
    }
    migrator
        .run_direct(None, &mut *tx, false)
        .await
        .map_err(|e| error::migrate(&e, url))?;
    tx.commit().await.map_err(failed)
}

/// Brings a PostgreSQL schema to the newest version; an advisory lock keeps two programs from doing
/// it at once.
pub(in crate::store) async fn postgres(
    conn: &mut PgConnection,
    url: &Arc<str>,
) -> Result<(), StoreError> {
    let migrator = migrator(|v| v.postgres);
    let applied = sqlx::query_as(APPLIED).fetch_all(&mut *conn).await;
    if is_behind(applied, &migrator, url)? {
        migrator
            .run_direct(None, conn, false)
            .await
            .map_err(|e| error::migrate(&e, url))?;
    }
    Ok(())
}

fn migrator(sql: impl Fn(&Version) -> &'static str) -> Migrator {
    let all = VERSIONS.iter().map(|v| {
        Migration::new(
            v.number,
            v.name.into(),
            MigrationType::Simple,
            sql(v).into_sql_str(),
            false,
        )
    });
    Migrator::with_migrations(all.collect())
}

/// Whether migrations are missing; refuses the schema of a newer or different build.
fn is_behind(
    applied: Result<Vec<(i64, Vec<u8>)>, sqlx::Error>,
    migrator: &Migrator,
    url: &Arc<str>,
) -> Result<bool, StoreError> {
    let applied = match applied {
        Err(e) if error::is_missing_table(&e) => return Ok(true),
        other => other.map_err(|e| error::opening(&e, url))?,
    };
    let known = migrator.iter().map(|m| m.version).max().unwrap_or_default();
    if let Some((found, _)) = applied.last().filter(|(version, _)| *version > known) {
        return Err(StoreError::Newer {
            url: url.to_string(),
            found: *found,
            known,
        });
    }
    for (migration, (version, checksum)) in migrator.iter().zip(&applied) {
        if migration.version != *version || *migration.checksum != **checksum {
            return Err(error::migrate(
                &sqlx::migrate::MigrateError::VersionMismatch(*version),
                url,
            ));
        }
    }
    Ok(applied.len() < migrator.iter().count())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn both_folders_hold_exactly_the_listed_versions() {
        let listed: BTreeSet<String> = VERSIONS.iter().map(|v| format!("{}.sql", v.name)).collect();
        for folder in ["sqlite", "postgres"] {
            let path = format!("{}/assets/migrations/{folder}", env!("CARGO_MANIFEST_DIR"));
            let found: BTreeSet<String> = std::fs::read_dir(path)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            assert_eq!(found, listed, "{folder}");
        }
        assert!(VERSIONS.is_sorted_by(|one, next| one.number < next.number));
        for version in VERSIONS {
            assert!(
                version.name.starts_with(&format!("{:04}_", version.number)),
                "{}",
                version.name
            );
        }
    }
}
