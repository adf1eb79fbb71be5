//! PostgreSQL for tests: the server named by `OPSROOM_TEST_POSTGRES` (a URL), else a private
//! throw-away cluster made from installed binaries, else none, reported once; with `CI=true` none
//! is a failure.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// An empty schema of its own for one test.
pub struct Schema {
    /// A store URL that sees only this schema.
    pub url: String,
    base: String,
    name: String,
}

/// A fresh schema, or `None` when there is no PostgreSQL here.
pub async fn schema() -> Option<Schema> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let base = server()?;
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("opsroom_test_{}_{number}", std::process::id());
    run(
        base,
        format!("drop schema if exists {name} cascade; create schema {name}"),
    )
    .await;
    let separator = if base.contains('?') { '&' } else { '?' };
    Some(Schema {
        url: format!("{base}{separator}options=-csearch_path%3D{name}"),
        base: base.into(),
        name,
    })
}

impl Schema {
    /// Removes it with everything in it.
    pub async fn remove(self) {
        run(&self.base, format!("drop schema {} cascade", self.name)).await;
    }
}

async fn run(url: &str, sql: String) {
    let mut conn = PgConnection::connect(url)
        .await
        .expect("OPSROOM_TEST_POSTGRES or the private cluster answers");
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
}

/// The URL of the server, started at the first call.
fn server() -> Option<&'static str> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        if let Ok(url) = std::env::var("OPSROOM_TEST_POSTGRES") {
            return Some(Server { url, cluster: None });
        }
        let started = Cluster::start();
        if let Err(why) = &started {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "CI needs PostgreSQL: {why}"
            );
            // Not `eprintln!`: the test harness would capture it.
            let advice = "Set OPSROOM_TEST_POSTGRES or install the server.";
            let _ = writeln!(
                std::io::stderr(),
                "PostgreSQL tests are left out: {why}. {advice}"
            );
        }
        started.ok().map(|cluster| Server {
            url: cluster.url.clone(),
            cluster: Some(cluster),
        })
    });
    server.as_ref().map(|server| server.url.as_str())
}

struct Server {
    url: String,
    #[expect(dead_code, reason = "held so that it lives until the process ends")]
    cluster: Option<Cluster>,
}

/// A private server on 127.0.0.1. It lives as long as the keeper's standard input is open: however
/// this process ends, the keeper then stops the server and removes its files.
pub struct Cluster {
    pub url: String,
    keeper: Child,
    answers: Option<BufReader<ChildStdout>>,
}

/// Runs as the server's owner. `$1`: folder of the binaries, `$2`: port.
const KEEPER: &str = r#"
trap '' INT HUP TERM
dir=$(mktemp -d /tmp/opsroom-test-pg.XXXXXX) || exit 1
trap 'rm -rf "$dir"' EXIT
"$1/initdb" -D "$dir/data" -U opsroom -A trust -E UTF8 --no-locale -N >"$dir/log" 2>&1 &&
"$1/pg_ctl" -D "$dir/data" -l "$dir/log" -w -s start -o "-p $2 -k $dir -c listen_addresses=127.0.0.1 \
  -c max_connections=200 -c fsync=off -c synchronous_commit=off -c full_page_writes=off" >>"$dir/log" 2>&1 ||
  { echo "failed: $(tail -n 3 "$dir/log" | tr '\n' ' ')"; exit 1; }
echo "ready $dir"
while read -r order; do
  "$1/pg_ctl" -D "$dir/data" -l "$dir/log" -m "$order" -w -s restart >>"$dir/log" 2>&1 && echo again || echo failed
done
"$1/pg_ctl" -D "$dir/data" -m immediate -w -s stop
"#;

impl Cluster {
    /// Creates and starts a cluster; the error is the reason it cannot.
    pub fn start() -> Result<Self, String> {
        let bin = binaries().ok_or("no PostgreSQL server is installed (no initdb found)")?;
        let port = free_port();
        let mut keeper = as_owner()
            .args(["-c", KEEPER, "keeper"])
            .arg(&bin)
            .arg(port.to_string())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("cannot start a shell for the server: {e}"))?;
        let mut line = String::new();
        let mut answers = keeper.stdout.take().map(BufReader::new);
        let answer = answers.as_mut().map(|out| out.read_line(&mut line));
        if !line.starts_with("ready ") {
            let _ = keeper.wait();
            return Err(format!(
                "the private server did not start ({answer:?}): {}",
                line.trim()
            ));
        }
        Ok(Self {
            url: format!("postgres://opsroom@127.0.0.1:{port}/postgres"),
            keeper,
            answers,
        })
    }

    /// The URL for a store whose commits must survive a crash of the server; the plain URL is
    /// faster.
    pub fn durable_url(&self) -> String {
        format!("{}?options=-csynchronous_commit%3Don", self.url)
    }

    /// Restarts it: `fast` breaks all connections, `immediate` is a crash with recovery. Returns
    /// when it is up again.
    pub fn restart(&mut self, how: &str) {
        writeln!(self.keeper.stdin.as_mut().unwrap(), "{how}").unwrap();
        let mut line = String::new();
        self.answers.as_mut().unwrap().read_line(&mut line).unwrap();
        assert_eq!(line, "again\n", "the private server did not start again");
    }

    /// Stops it and waits until it is gone.
    pub fn stop(mut self) {
        drop(self.keeper.stdin.take());
        let status = self.keeper.wait().unwrap();
        assert!(
            status.success(),
            "the private server did not stop properly: {status}"
        );
    }
}

/// A shell; for root one of the user `postgres`, because PostgreSQL refuses to run as root.
fn as_owner() -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new("sh");
    }
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid=postgres",
        "--regid=postgres",
        "--clear-groups",
        "sh",
    ]);
    command
}

/// The folder that holds `initdb`, `pg_ctl` and `postgres`.
fn binaries() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut packaged: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| {
            versions
                .flatten()
                .map(|version| version.path().join("bin"))
                .collect()
        })
        .unwrap_or_default();
    packaged.sort();
    places.extend(packaged.into_iter().rev());
    // A link on the PATH leads to the folder where the others are.
    let real = places
        .iter()
        .filter_map(|place| place.join("initdb").canonicalize().ok());
    real.filter_map(|initdb| initdb.parent().map(Path::to_owned))
        .find(|bin| bin.join("pg_ctl").exists())
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}
