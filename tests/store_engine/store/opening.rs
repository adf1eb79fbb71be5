//! Opening good stores, and every kind of bad one.

use std::path::Path;

use opsroom::core::run::Phase;
use opsroom::core::run::plan::{Plan, PlanStep};
use opsroom::core::run::step::StepSpec;
use opsroom::core::run::step::approve::Approve;
use opsroom::store::{RunFilter, Store, StoreError};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};

use super::{Place, at, plan};

/// Runs a statement directly in the database.
pub async fn sql(url: &str, text: &str) {
    let text = AssertSqlSafe(text.to_owned());
    if let Some(file) = url.strip_prefix("sqlite:") {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
        let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(text).execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
    } else {
        let mut conn = PgConnection::connect(url).await.unwrap();
        sqlx::raw_sql(text).execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
    }
}

/// The number that a query returns, read directly from the database.
pub async fn number(url: &str, text: &'static str) -> i64 {
    if let Some(file) = url.strip_prefix("sqlite:") {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
        let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query_scalar(text).fetch_one(&mut conn).await.unwrap()
    } else {
        let mut conn = PgConnection::connect(url).await.unwrap();
        sqlx::query_scalar(text).fetch_one(&mut conn).await.unwrap()
    }
}

pub async fn a_closed_store_refuses(place: Place) {
    let kind = if place.url.starts_with("sqlite") {
        "sqlite"
    } else {
        "postgres"
    };
    assert_eq!(place.store.kind(), kind);
    place.store.close().await;
    let answer = place.store.workspaces().await;
    assert!(
        matches!(&answer, Err(StoreError::Database(why)) if why == "it is closed"),
        "{answer:?}"
    );
}

pub async fn reopening_finds_everything(place: Place) {
    let run = place.submit(plan("deploy")).await;
    place.store.close().await;
    let again = Store::open(&place.url).await.unwrap();
    assert_eq!(again.run(run.id).await.unwrap(), run);
    again.close().await;
}

pub async fn racing_openers(place: Place) {
    let fresh = if place.store.kind() == "postgres" {
        crate::postgres::schema().await
    } else {
        None
    };
    let file = || place.url.replace("opsroom.db", "new/fresh.db");
    let url = fresh
        .as_ref()
        .map_or_else(file, |schema| schema.url.clone());
    let openers: Vec<_> = (0..6)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move {
                let store = Store::open(&url).await?;
                let made = store.ensure_workspace("acme", "UTC", at(0)).await;
                store.close().await;
                made
            })
        })
        .collect();
    let mut made = Vec::new();
    for opener in openers {
        made.push(opener.await.unwrap().unwrap().id);
    }
    // It does not matter whose row was stored, nor its number: all see the same.
    assert!(made.iter().all(|id| *id == made[0]), "{made:?}");
    if let Some(schema) = fresh {
        schema.remove().await;
    }
}

pub async fn a_newer_schema_is_refused(place: Place) {
    sql(
        &place.url,
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
        values (4242, 'future', true, 'x', 0)",
    )
    .await;
    let opened = Store::open(&place.url).await.map(drop);
    assert!(
        matches!(
            opened,
            Err(StoreError::Newer {
                found: 4242,
                known: 1..,
                ..
            })
        ),
        "{opened:?}"
    );
    assert!(opened.unwrap_err().to_string().contains("update opsroom"));
}

pub async fn another_builds_schema_is_refused(place: Place) {
    sql(&place.url, "update _sqlx_migrations set checksum = 'x'").await;
    let opened = Store::open(&place.url).await.map(drop);
    assert!(
        matches!(&opened, Err(StoreError::Open { why, .. }) if why.contains("another build")),
        "{opened:?}"
    );
}

/// Undoes the migration that stores titles, and opens the store again.
pub async fn earlier_runs_get_what_lists_show(place: Place) {
    let titles = [
        "deploy web → prod",
        "say \"hi\" to \\ and \"title\":\"x\"",
        "a\tb\nc\u{7}",
        "nul \0 inside",
        "",
    ];
    for title in titles {
        let deploy = Plan {
            title: title.to_owned(),
            ..plan("deploy")
        };
        place.submit(deploy).await;
    }
    let approve = StepSpec::Approve(Approve::default());
    let mut asks = plan("sign off");
    asks.inputs.insert("approve".to_owned(), "yes".to_owned());
    place.submit(asks.clone()).await;
    asks.steps
        .push(PlanStep::new("ask", Phase::Action, approve, 1000));
    place.submit(asks).await;
    // What reads as a title up to where the plan is damaged, and is no text of JSON.
    let broken_plans = [
        r#"{"title"#,
        r#"{"title":"a\qb","x":1"#,
        r#"{"title":"a\u12","x":1"#,
        "{\"title\":\"a\tb\nc\",\"x\":1",
        r#"{"title":"open"#,
        "",
    ];
    let mut damaged = Vec::new();
    for _ in broken_plans {
        damaged.push(place.submit(plan("deploy")).await.id.0);
    }
    let all = RunFilter {
        limit: 99,
        ..RunFilter::default()
    };
    let mut wanted = place.store.runs(place.workspace, &all).await.unwrap();
    place.store.close().await;
    for (broken, run) in broken_plans.iter().zip(&damaged) {
        let damage = format!("update run set plan = '{broken}' where id = {run}");
        sql(&place.url, &damage).await;
    }
    let undo = "alter table run drop column title;
         alter table run drop column needs_approval;
         drop index run_changing;
         drop index run_unsettled;
         drop index run_failed;
         drop index audit_of_service;
         alter table run drop column mutates;
         alter table latest_observation drop column state_since;
         drop table home_view;
         drop index run_goes_on;
         drop index run_of_runbook;
         alter table run drop column again;
         alter table run_step drop column taken_from;
         drop table run_note;
         drop table lockout;
         drop table routine_run;
         drop table maintenance;
         alter table workspace drop column stack_revision;
         drop table routine_member;
         drop table routine_shard;
         drop table routine_request;
         drop table probe_evidence;
         drop table routine_change;
         drop table routine_state;
         drop table probe_rollup;
         drop table probe_chunk;
         drop table probe_batch;
         drop table probe_routine;
         delete from _sqlx_migrations where version >= 9";
    sql(&place.url, undo).await;
    for run in &mut wanted.runs[..broken_plans.len()] {
        run.title = String::new();
    }
    let again = Store::open(&place.url).await.unwrap();
    assert_eq!(again.runs(place.workspace, &all).await.unwrap(), wanted);
    let asking = wanted.runs.iter().filter(|run| run.needs_approval).count();
    assert_eq!(
        (asking, wanted.runs[broken_plans.len()].needs_approval),
        (1, true)
    );
    again.close().await;
}

#[tokio::test]
async fn memory_needs_no_file_and_is_private() {
    let (one, two) = (
        Store::open("sqlite::memory:").await.unwrap(),
        Store::open("sqlite::memory:").await.unwrap(),
    );
    one.ensure_workspace("acme", "UTC", at(0)).await.unwrap();
    assert_eq!(
        (one.kind(), one.workspaces().await.unwrap().len()),
        ("sqlite", 1)
    );
    assert!(two.workspaces().await.unwrap().is_empty());
}

async fn refused(url: &str) -> StoreError {
    match Store::open(url).await {
        Err(error) => error,
        Ok(_) => panic!("{url} was opened"),
    }
}

#[tokio::test]
async fn damaged_files_are_reported_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("opsroom.db");
    let url = format!("sqlite:{}", file.display());
    std::fs::write(&file, "this is a shopping list, ".repeat(400)).unwrap();
    let error = refused(&url).await;
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert!(error.to_string().contains("move it aside"), "{error}");
    assert!(
        std::fs::read_to_string(&file)
            .unwrap()
            .starts_with("this is a shopping list"),
        "untouched"
    );
    std::fs::remove_file(&file).unwrap();

    Store::open(&url).await.unwrap().close().await;
    let whole = std::fs::read(&file).unwrap();
    let mut scribbled = whole.clone();
    scribbled[100..].fill(0xA5);
    for damaged in [&scribbled[..], &whole[..whole.len() / 2]] {
        std::fs::write(&file, damaged).unwrap();
        let error = refused(&url).await;
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn another_programs_database_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("other.db").display());
    std::fs::write(folder.path().join("other.db"), "").unwrap();
    sql(&url, "create table song (title text)").await;
    let error = refused(&url).await;
    assert!(
        error.to_string().contains("another program's database"),
        "{error}"
    );
    assert_eq!(
        sqlite_columns(&url).await,
        [("song".to_owned(), "title".to_owned())]
    );
}

#[tokio::test]
async fn places_that_cannot_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let under_a_file = format!(
        "sqlite:{}",
        folder.path().join("file/sub/opsroom.db").display()
    );
    let error = refused(&under_a_file).await.to_string();
    assert!(
        error.contains("folder") && error.contains("cannot be created"),
        "{error}"
    );
    let a_folder = format!("sqlite:{}", folder.path().display());
    assert!(refused(&a_folder).await.to_string().contains("may write"));
    for url in ["opsroom.db", "sqlite:", "mysql://ana:secret@h/d"] {
        let error = refused(url).await.to_string();
        assert!(
            error.contains("write sqlite:PATH") && !error.contains("secret"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_locked_file_is_reported_after_five_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("opsroom.db");
    let url = format!("sqlite:{}", file.display());
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&file)
        .create_if_missing(true);
    let mut other = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("begin exclusive")
        .execute(&mut other)
        .await
        .unwrap();
    let error = refused(&url).await;
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    other.close().await.unwrap();
    // A writer of another program that does not end is reported the same way.
    let store = Store::open(&url).await.unwrap();
    let mut other = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("begin immediate")
        .execute(&mut other)
        .await
        .unwrap();
    let error = store
        .ensure_workspace("acme", "UTC", at(0))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    assert!(
        store.workspaces().await.unwrap().is_empty(),
        "reading goes on"
    );
}

/// Opening only reads the schema: a store that is up to date can be opened without write
/// permission, and while another program writes.
#[tokio::test]
async fn opening_an_up_to_date_store_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("opsroom.db");
    let url = format!("sqlite:{}", file.display());
    Store::open(&url).await.unwrap().close().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
    let mut writer = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("begin immediate")
        .execute(&mut writer)
        .await
        .unwrap();
    assert!(
        Store::open(&url)
            .await
            .unwrap()
            .workspaces()
            .await
            .unwrap()
            .is_empty()
    );
    let Some(schema) = crate::postgres::schema().await else {
        return;
    };
    Store::open(&schema.url).await.unwrap().close().await;
    let reader = Store::open(&format!("{}%20-crole%3Dpg_read_all_data", schema.url))
        .await
        .unwrap();
    assert!(reader.workspaces().await.unwrap().is_empty());
    reader.close().await;
    schema.remove().await;
}

#[tokio::test]
async fn servers_that_cannot_be_reached() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = refused(&format!(
        "postgres://ana:secret@127.0.0.1:{port}/ops?connect=x"
    ))
    .await;
    let text = error.to_string();
    assert!(
        matches!(error, StoreError::Open { .. }) && text.contains("cannot be reached"),
        "{text}"
    );
    assert!(
        text.contains(&format!("postgres://ana@127.0.0.1:{port}/ops")) && !text.contains("secret"),
        "{text}"
    );
    let error = refused("postgres://ana:secret@[::1/ops").await.to_string();
    assert!(
        error.contains("not understood") && !error.contains("secret"),
        "{error}"
    );
}

#[tokio::test]
async fn a_missing_database_is_reported() {
    let Some(schema) = crate::postgres::schema().await else {
        return;
    };
    let url = schema.url.split('?').next().unwrap();
    let (server, _) = url.rsplit_once('/').unwrap();
    let error = refused(&format!("{server}/no_such_database"))
        .await
        .to_string();
    assert!(
        error.contains("no_such_database") && error.contains("create it first"),
        "{error}"
    );
    schema.remove().await;
}

#[tokio::test]
async fn both_databases_have_the_same_tables_and_columns() {
    let Some(schema) = crate::postgres::schema().await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("opsroom.db").display());
    Store::open(&url).await.unwrap().close().await;
    Store::open(&schema.url).await.unwrap().close().await;
    let mut conn = PgConnection::connect(&schema.url).await.unwrap();
    let columns = "select table_name, column_name from information_schema.columns \
        where table_schema = current_schema() \
        and not exists (select 1 from pg_class where relname = table_name and relispartition) \
        order by table_name, ordinal_position";
    let rows = sqlx::query(columns).fetch_all(&mut conn).await.unwrap();
    let postgres: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    conn.close().await.unwrap();
    schema.remove().await;
    let mut postgres: Vec<_> = postgres
        .into_iter()
        .filter(|(table, _)| !table.starts_with("_sqlx"))
        .collect();
    let mut sqlite = sqlite_columns(&url).await;
    assert!(sqlite.len() > 80, "{sqlite:?}");
    sqlite.sort();
    postgres.sort();
    assert_eq!(sqlite, postgres);
}

async fn sqlite_columns(url: &str) -> Vec<(String, String)> {
    let file = Path::new(url.strip_prefix("sqlite:").unwrap());
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
    let columns = "select m.name, c.name from sqlite_master m, pragma_table_info(m.name) c \
        where m.type = 'table' and m.name not like 'sqlite%' and m.name not like '!_sqlx%' escape '!' order by m.name, c.cid";
    let rows = sqlx::query(columns).fetch_all(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// The private cluster starts, answers and is removed, also where a server is configured.
#[tokio::test(flavor = "multi_thread")]
async fn the_private_cluster_starts_and_is_removed() {
    let cluster = match crate::postgres::Cluster::start() {
        Ok(cluster) => cluster,
        Err(why) => {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "CI needs PostgreSQL: {why}"
            );
            return;
        }
    };
    let url = cluster.url.clone();
    let store = Store::open(&url).await.unwrap();
    assert_eq!(store.kind(), "postgres");
    store.close().await;
    let mut conn = PgConnection::connect(&url).await.unwrap();
    let folder: String = sqlx::query_scalar("show data_directory")
        .fetch_one(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
    assert!(Path::new(&folder).exists());
    cluster.stop();
    assert!(!Path::new(&folder).exists(), "{folder} still exists");
    assert!(
        refused(&url)
            .await
            .to_string()
            .contains("cannot be reached")
    );
}
