//! SQL steps on real databases: `SQLite` files, and `PostgreSQL` where there is a server.

use std::path::Path;

use opsroom::adapter::AdapterContext;
use opsroom::core::integration::{Database, DatabaseAddress, Integrations};
use opsroom::core::run::plan::{PlanStep, Rules};
use opsroom::core::run::step::StepSpec;
use opsroom::core::run::step::sql::{Param, ParamKind, Sql};
use opsroom::core::run::{Phase, RunStatus, StepStatus};
use sqlx::{AssertSqlSafe, Connection};

use super::bench::*;

const TABLE: &str =
    "create table orders (id integer primary key, region text not null, total integer)";
const ORDERS: &str = "insert into orders values (1, 'eu', 10), (2, 'eu', null), (3, 'us', 30)";

/// Runs a test with one database under two names: `shop` is read-only, the other may be changed.
async fn each(test: impl AsyncFn(AdapterContext, &str)) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    fill_sqlite(&path).await;
    test(
        context(&DatabaseAddress::Sqlite(path.display().to_string())),
        "sqlite",
    )
    .await;
    if let Some(schema) = crate::postgres::schema().await {
        let mut conn = sqlx::PgConnection::connect(&schema.url).await.unwrap();
        for sql in [TABLE, ORDERS] {
            sqlx::query(AssertSqlSafe(sql))
                .execute(&mut conn)
                .await
                .unwrap();
        }
        conn.close().await.unwrap();
        test(
            context(&DatabaseAddress::Postgres(schema.url.clone())),
            "postgres",
        )
        .await;
        schema.remove().await;
    }
}

async fn fill_sqlite(path: &Path) {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true);
    let mut conn = sqlx::SqliteConnection::connect_with(&options)
        .await
        .unwrap();
    for sql in [TABLE, ORDERS] {
        sqlx::query(AssertSqlSafe(sql))
            .execute(&mut conn)
            .await
            .unwrap();
    }
    conn.close().await.unwrap();
}

fn context(place: &DatabaseAddress) -> AdapterContext {
    let database = |name: &str, read_only| Database {
        name: name.to_owned(),
        place: place.clone(),
        password: None,
        read_only,
    };
    let databases = vec![database("shop", true), database("desk", false)];
    AdapterContext {
        integrations: Integrations {
            databases,
            ..Integrations::default()
        },
        ..AdapterContext::default()
    }
}

fn sql(name: &str, database: &str, statement: &str, params: &[(&str, ParamKind)]) -> PlanStep {
    let params = params
        .iter()
        .map(|(text, kind)| Param {
            text: (*text).to_owned(),
            kind: *kind,
        })
        .collect();
    let spec = Sql {
        database: database.to_owned(),
        place: "somewhere".to_owned(),
        statement: statement.to_owned(),
        params,
        mutates: database == "desk",
        max_rows: 100,
    };
    step(Phase::Action, name, StepSpec::Sql(spec))
}

fn with_rules(step: PlanStep, expect: Option<&str>, save: &[(&str, &str)], key: &str) -> PlanStep {
    let save = save
        .iter()
        .map(|(name, from)| ((*name).to_owned(), (*from).to_owned()))
        .collect();
    PlanStep {
        rules: Rules {
            expect: expect.map(str::to_owned),
            save,
            key: key.to_owned(),
            ..Rules::default()
        },
        ..step
    }
}

#[tokio::test]
async fn rows_become_a_table_and_later_steps_use_their_values() {
    each(async |context, _| {
        let bench = Bench::real_with(context).await;
        let find = sql(
            "find",
            "shop",
            "select id, region, total from orders where region = $1 order by id",
            &[("eu", ParamKind::Text)],
        );
        let find = with_rules(
            find,
            Some("response.row_count == 2 && response.rows[1].total == null"),
            &[("first", "response.rows[0].id")],
            "find",
        );
        let evil = sql(
            "evil",
            "shop",
            "select count(*) as n from orders where region = $1",
            &[("eu' or '1'='1", ParamKind::Text)],
        );
        let evil = with_rules(evil, Some("response.rows[0].n == 0"), &[], "");
        let mut later = sql(
            "later",
            "shop",
            "select region as r from orders where id = $1 + 2",
            &[("1", ParamKind::Int)],
        );
        later = with_rules(later, Some("response.rows[0].r == 'us'"), &[], "");
        let run = bench.run(plan(vec![find, evil, later])).await;
        assert_eq!(
            run.status,
            RunStatus::Succeeded,
            "{:#?}",
            bench.log(run.id).await
        );
        let shown = bench.output(run.id).await;
        assert_eq!(
            shown[..4],
            [
                "id | region | total",
                "---+--------+------",
                " 1 | eu     |    10",
                " 2 | eu     |  NULL"
            ]
        );
        assert!(
            bench
                .log(run.id)
                .await
                .iter()
                .any(|line| line.contains("find: 2 rows in")),
            "{:#?}",
            bench.log(run.id).await
        );
    })
    .await;
}

#[tokio::test]
async fn numbers_too_long_for_a_float_stay_exact() {
    each(async |context, kind| {
        if kind != "postgres" {
            return;
        }
        let bench = Bench::real_with(context).await;
        let text =
            "select 12345678901234567.89::numeric as long, 2.50::numeric as price, 7::int8 as n, 0.1::float8 as f";
        let expect = "response.rows[0].long == '12345678901234567.89' && response.rows[0].price == 2.5 \
                      && response.rows[0].n == 7 && response.rows[0].f == 0.1";
        let find = with_rules(sql("find", "shop", text, &[]), Some(expect), &[], "find");
        let run = bench.run(plan(vec![find])).await;
        assert_ended(&run, RunStatus::Succeeded);
    })
    .await;
}

#[tokio::test]
async fn changes_are_made_once_counted_and_may_return_rows() {
    each(async |context, kind| {
        let bench = Bench::real_with(context).await;
        let change = sql(
            "change",
            "desk",
            "update orders set total = 0 where region = $1",
            &[("eu", ParamKind::Text)],
        );
        let change = with_rules(change, Some("response.affected == 2"), &[], "");
        let add = sql(
            "add",
            "desk",
            "insert into orders values (9, 'ap', $1) returning id, total",
            &[("90", ParamKind::Int)],
        );
        let add = with_rules(
            add,
            Some("response.rows[0].id == 9 && response.rows[0].total == 90"),
            &[],
            "",
        );
        let see = with_rules(
            sql("see", "shop", "select sum(total) as s from orders", &[]),
            Some("int(response.rows[0].s) == 120"),
            &[],
            "",
        );
        let create = sql("create", "desk", "create table notes (t text)", &[]);
        let wrong = sql("wrong", "desk", "update orders set region = null", &[]);
        let run = bench.run(plan(vec![change, add, see, create, wrong])).await;
        assert_eq!(run.status, RunStatus::Failed);
        let wanted = [
            StepStatus::Succeeded,
            StepStatus::Succeeded,
            StepStatus::Succeeded,
            StepStatus::Succeeded,
            StepStatus::Failed,
        ];
        assert_eq!(
            bench.statuses(run.id).await,
            wanted,
            "{kind} {:#?}",
            bench.log(run.id).await
        );
    })
    .await;
}

/// A statement that is declared read-only but changes something is stopped by the database itself.
#[tokio::test]
async fn a_read_only_statement_changes_nothing() {
    each(async |context, kind| {
        let bench = Bench::real_with(context).await;
        let sneaky = match kind {
            "sqlite" => "with x as (select 1) delete from orders",
            _ => "with x as (delete from orders returning id) select * from x",
        };
        let run = bench
            .run(plan(vec![sql("sneaky", "shop", sneaky, &[])]))
            .await;
        assert_eq!(run.status, RunStatus::Failed, "{kind}");
        let see = with_rules(
            sql("see", "shop", "select count(*) as n from orders", &[]),
            Some("response.rows[0].n == 3"),
            &[],
            "",
        );
        let run = bench.run(plan(vec![see])).await;
        assert_eq!(
            run.status,
            RunStatus::Succeeded,
            "{:#?}",
            bench.log(run.id).await
        );
    })
    .await;
}

const ENDLESS: &str =
    "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) as n from n";

#[tokio::test]
async fn limits_deadlines_and_mistakes_are_reported() {
    each(async |context, kind| {
        let bench = Bench::real_with(context).await;
        let mut some = sql("some", "shop", "select id from orders order by id", &[]);
        if let StepSpec::Sql(sql) = &mut some.spec {
            sql.max_rows = 2;
        }
        let some = with_rules(
            some,
            Some("response.truncated && response.row_count == 2"),
            &[],
            "",
        );
        let slow = PlanStep {
            timeout_ms: 500,
            ..sql("slow", "shop", ENDLESS, &[])
        };
        let run = bench.run(plan(vec![some, slow])).await;
        let log = bench.log(run.id).await;
        assert_eq!(
            bench.statuses(run.id).await,
            [StepStatus::Succeeded, StepStatus::TimedOut],
            "{kind} {log:#?}"
        );
        assert!(
            log.iter().any(|line| line.contains("the first 2 rows")),
            "{log:#?}"
        );
        for (statement, why) in [("select nope from orders", "nope"), ("selec", "syntax")] {
            let run = bench
                .run(plan(vec![sql("bad", "shop", statement, &[])]))
                .await;
            let log = bench.log(run.id).await;
            assert!(
                run.status == RunStatus::Failed && log.iter().any(|line| line.contains(why)),
                "{kind} {log:#?}"
            );
        }
    })
    .await;
}

/// The statement is cancelled on the server too: nothing runs there after the run has ended.
#[tokio::test]
async fn a_cancelled_statement_ends_on_the_server() {
    each(async |context, kind| {
        let place = context.integrations.databases[0].place.clone();
        let bench = Bench::real_with(context).await;
        let engine = bench.engine();
        let id = bench
            .submit(plan(vec![sql("slow", "shop", ENDLESS, &[])]))
            .await;
        engine.wake();
        bench.until_said(id, "slow: sql on").await;
        if let DatabaseAddress::Postgres(url) = &place {
            until_active(url, true).await;
        }
        bench
            .store
            .request_cancel(id, "amos", None, opsroom::clock::Clock::System.now())
            .await
            .unwrap();
        engine.wake();
        assert_eq!(bench.ended(id).await.status, RunStatus::Cancelled, "{kind}");
        if let DatabaseAddress::Postgres(url) = &place {
            until_active(url, false).await;
        }
    })
    .await;
}

/// Waits until the server is, or is no longer, running the endless statement.
async fn until_active(url: &str, wanted: bool) {
    let mut conn = sqlx::PgConnection::connect(url).await.unwrap();
    let query = "select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() \
                 and query like '%from n)%' and application_name = 'opsroom'";
    let wait = async {
        loop {
            let n: i64 = sqlx::query_scalar(query)
                .fetch_one(&mut conn)
                .await
                .unwrap();
            if (n > 0) == wanted {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), wait)
        .await
        .expect("the server follows");
}
