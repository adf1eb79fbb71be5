//! The raw claim loop: a plain table of the same database, one statement per claim, two claimers.
//! The baseline for claims.

use std::time::Instant;

use sqlx::{PgPool, SqlitePool};

use super::Failure;

const MAKE: &str = "create table bench_queue (id bigint primary key, status text not null, token bigint not null, \
     holder text, lease_until bigint, plan text not null)";
const INDEX: &str = "create index bench_queue_by_status on bench_queue (status, id)";
const FILL: &str = "insert into bench_queue (id, status, token, plan) values ($1, 'queued', 0, $2)";
const DROP: &str = "drop table bench_queue";
const CLAIM: [&str; 2] = [
    "update bench_queue set status = 'claimed', token = token + 1, holder = $1, lease_until = $2 where id = \
     (select id from bench_queue where status = 'queued' order by id limit 1) returning id, token, plan",
    "update bench_queue set status = 'claimed', token = token + 1, holder = $1, lease_until = $2 where id = \
     (select id from bench_queue where status = 'queued' order by id limit 1 for update skip locked) \
     returning id, token, plan",
];

/// Fills a table of its own, claims all of it and drops it. Claims per second.
pub async fn claims(url: &str, count: usize) -> Result<f64, Failure> {
    let plan = serde_json::to_string(&opsroom::core::run::plan::Plan::default())?;
    let count = i64::try_from(count)?;
    if url.starts_with("postgres") {
        let pool = sqlx::postgres::PgPoolOptions::new()
            .test_before_acquire(false)
            .connect(url)
            .await?;
        postgres(&pool, &plan, count).await
    } else {
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(url.trim_start_matches("sqlite:"))
            .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
            .synchronous(sqlx::sqlite::SqliteSynchronous::Normal);
        let pool = sqlx::sqlite::SqlitePoolOptions::new()
            .max_connections(1)
            .test_before_acquire(false);
        sqlite(&pool.connect_with(options).await?, &plan, count).await
    }
}

macro_rules! raw {
    ($name:ident, $pool:ty, $claim:expr) => {
        async fn $name(pool: &$pool, plan: &str, count: i64) -> Result<f64, Failure> {
            sqlx::query(MAKE).execute(pool).await?;
            sqlx::query(INDEX).execute(pool).await?;
            let mut tx = pool.begin().await?;
            for id in 0..count {
                sqlx::query(FILL).bind(id).bind(plan).execute(&mut *tx).await?;
            }
            tx.commit().await?;
            let start = Instant::now();
            let claimers = ["bench:1", "bench:2"].map(|holder| {
                let pool = pool.clone();
                tokio::spawn(async move {
                    let mut claimed = 0;
                    loop {
                        let claim = sqlx::query_as::<_, (i64, i64, String)>($claim).bind(holder).bind(1_i64);
                        // Read to the end, which commits: after the first row alone nothing is
                        // claimed yet.
                        if claim.fetch_all(&pool).await?.is_empty() {
                            return Ok::<i64, sqlx::Error>(claimed);
                        }
                        claimed += 1;
                    }
                })
            });
            let mut claimed = 0;
            for claimer in claimers {
                claimed += claimer.await??;
            }
            let rate = claimed as f64 / start.elapsed().as_secs_f64();
            println!(
                "raw       claims, two claimers         {claimed:>9} in {:>8.2?}, {rate:>9.0} per second",
                start.elapsed()
            );
            sqlx::query(DROP).execute(pool).await?;
            Ok(rate)
        }
    };
}

raw!(sqlite, SqlitePool, CLAIM[0]);
raw!(postgres, PgPool, CLAIM[1]);
