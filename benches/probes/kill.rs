//! What `kill -9` of `opsroom serve` loses: the requests that a server has answered, against the
//! results in the store.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opsroom::core::base::time::Timestamp;
use opsroom::core::metric::sample::ProbeOutcome;
use opsroom::core::stack::state::State;
use opsroom::store::Store;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Failure;

const ROUTINES: usize = 5000;
const OPSROOM: &str = env!("CARGO_BIN_EXE_opsroom");

/// The server that is checked, and when it answered which path.
#[derive(Default)]
struct Judge {
    down: AtomicBool,
    answered: Mutex<BTreeMap<String, Vec<Instant>>>,
}

/// 5,000 routines each ten seconds; the server fails after fourteen seconds, and the engine is killed
/// twelve seconds later.
pub async fn measure(url: &str, folder: &Path) -> Result<(), Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    let judge = Arc::new(Judge::default());
    tokio::spawn(serve(listener, judge.clone()));
    let stack = folder.join("stack.toml");
    let routine = |i| {
        format!(
            "[[routine]]\nname = \"r{i}\"\nkind = \"http\"\nevery = \"10s\"\nfailure_threshold = 1\n\
             request = {{ method = \"GET\", url = \"http://127.0.0.1:{port}/r{i}\" }}\n"
        )
    };
    let routines: String = (0..ROUTINES).map(routine).collect();
    std::fs::write(
        &stack,
        format!("workspace = \"kill\"\ntimezone = \"UTC\"\n{routines}"),
    )?;
    let opsroom = || {
        let mut command = Command::new(OPSROOM);
        command
            .env("HOME", folder)
            .env("OPSROOM_STORE", url)
            .stdout(Stdio::null());
        command
    };
    let applied = opsroom().args(["apply", "--yes"]).arg(&stack).status()?;
    if !applied.success() {
        return Err("the stack was not applied".into());
    }
    let mut engine = opsroom().arg("serve").stderr(Stdio::null()).spawn()?;
    tokio::time::sleep(Duration::from_secs(14)).await;
    judge.down.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(12_450)).await;
    engine.kill()?;
    let killed = Instant::now();
    engine.wait()?;
    report(url, &judge, killed).await
}

async fn report(url: &str, judge: &Judge, killed: Instant) -> Result<(), Failure> {
    let store = Store::open(url).await?;
    let workspace = store.workspaces().await?.remove(0).id;
    let all = (Timestamp(0), Timestamp(i64::MAX));
    let answered = std::mem::take(&mut *judge.answered.lock().unwrap());
    let (mut requests, mut lost, mut oldest) = (0, 0, Duration::ZERO);
    let (mut turned, mut unrecorded) = (0, 0);
    for routine in store.routines(workspace).await? {
        let samples = store.samples(routine.id, all.0, all.1).await?;
        let checks = samples
            .iter()
            .filter(|s| s.outcome != ProbeOutcome::Skipped);
        let times = answered.get(&format!("/{}", routine.name)).cloned();
        let times = times.unwrap_or_default();
        requests += times.len();
        for at in times.iter().skip(checks.count()) {
            lost += 1;
            oldest = oldest.max(killed.saturating_duration_since(*at));
        }
        // A failure is a change of state.
        let failed = samples
            .iter()
            .rev()
            .take_while(|s| s.outcome == ProbeOutcome::Failing);
        if failed.count() >= 1 {
            turned += 1;
            let changes = store.routine_changes(workspace, routine.id, 9).await?;
            unrecorded += usize::from(changes.first().is_none_or(|c| c.to != State::Failing));
        }
    }
    println!(
        "kill -9 after {requests} answers: {lost} results lost, the oldest {:.2} s old; \
         {turned} changes of state, {unrecorded} of them lost",
        oldest.as_secs_f64()
    );
    store.close().await;
    Ok(())
}

async fn serve(listener: TcpListener, judge: Arc<Judge>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream, judge.clone()));
    }
}

async fn answer(mut stream: TcpStream, judge: Arc<Judge>) {
    let mut buffer = vec![0; 4096];
    while let Ok(n @ 1..) = stream.read(&mut buffer).await {
        let text = String::from_utf8_lossy(&buffer[..n]);
        let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
        let status = if judge.down.load(Ordering::Relaxed) {
            "503 Service Unavailable"
        } else {
            "200 OK"
        };
        let reply = format!("HTTP/1.1 {status}\r\ncontent-length: 3\r\n\r\nok\n");
        if stream.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
        let mut answered = judge.answered.lock().unwrap();
        answered.entry(path).or_default().push(Instant::now());
    }
}
