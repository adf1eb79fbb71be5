//! The demo: a made-up company whose services answer over HTTP on loopback, slow down, fail and
//! recover. The same seed gives the same behaviour. All of it is marked as simulated.

mod rng;
mod server;
mod simulated_health;
mod simulation;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use tokio::task::JoinHandle;

use crate::config;
use crate::core::base::problem::Problem;
use crate::core::stack::service::Stack;

/// The stack file of the demo; `{base}` is replaced by its server's address, `{dir}` by its folder.
const STACK: &str = include_str!("../assets/demo/stack.toml");
/// The release script of `web`.
const RELEASE: &str = include_str!("../assets/demo/release.sh");
/// The default seed: begins with one service down and one slow in prod, neither of them
/// deployable, and leaves time for a deploy before the next failure.
pub const DEFAULT_SEED: u64 = 206_274;

/// Why the demo cannot start.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error(
        "the demo cannot make its temporary folder ({0}); set TMPDIR to a folder you may write to"
    )]
    Folder(std::io::Error),
    #[error("the demo cannot listen on 127.0.0.1:{0} ({1}); choose another --port or leave it out")]
    Port(u16, std::io::Error),
    #[error("the demo's own stack file is wrong: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Stack(Vec<Problem>),
}

/// A running demo. Dropping it stops its server and removes its folder.
#[derive(Debug)]
pub struct World {
    /// The stack to apply to a store.
    pub stack: Stack,
    /// `http://127.0.0.1:PORT`
    pub base: String,
    folder: tempfile::TempDir,
    server: JoinHandle<()>,
}

impl World {
    /// Starts the demo with a seed on a port of loopback (0: any).
    pub async fn start(seed: u64, port: u16) -> Result<Self, DemoError> {
        let folder = tempfile::Builder::new()
            .prefix("opsroom-demo-")
            .tempdir()
            .map_err(DemoError::Folder)?;
        std::fs::write(folder.path().join("release.sh"), RELEASE).map_err(DemoError::Folder)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .map_err(|e| DemoError::Port(port, e))?;
        let bound = listener
            .local_addr()
            .map_err(|e| DemoError::Port(port, e))?;
        let base = format!("http://{bound}");
        let stack = stack(&base, folder.path())?;
        let town =
            simulation::Simulation::new(&stack, seed, folder.path()).map_err(DemoError::Folder)?;
        let router = server::RunningSimulation::new(town).router();
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the demo's server stopped");
            }
        });
        Ok(Self {
            stack,
            base,
            folder,
            server,
        })
    }

    /// The URL of its temporary store.
    #[must_use]
    pub fn store_url(&self) -> String {
        format!("sqlite:{}", self.folder.path().join("opsroom.db").display())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn stack(base: &str, folder: &Path) -> Result<Stack, DemoError> {
    let dir = folder
        .display()
        .to_string()
        .replace('\\', "\\\\")
        .replace('"', "\\\"");
    let text = STACK.replace("{base}", base).replace("{dir}", &dir);
    config::stack::read("demo/stack.toml", &text).map_err(DemoError::Stack)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::stack::service::{Action, ActionCall, Verb};

    /// Seconds with the default seed in which a target answers well, out of `seconds`.
    fn good_seconds(stack: &Stack, service: &str, env: &str, seconds: u64) -> u64 {
        let probe = stack
            .service(service)
            .and_then(|s| s.action(Verb::Probe, Some(env)));
        let Some(Action {
            call: ActionCall::Http(request),
            ..
        }) = probe
        else {
            panic!("{service} has no probe")
        };
        let max = u64::try_from(request.max_ms.unwrap()).unwrap();
        let dice = rng::Dice::new(DEFAULT_SEED).of(service).of(env);
        let good = |s: &u64| {
            let now = simulated_health::simulate(service, env, dice, s * 1000);
            now.status == 200 && now.latency_ms + 20 <= max
        };
        u64::try_from((0..seconds).filter(good).count()).unwrap()
    }

    #[test]
    fn the_default_seed_begins_with_failures_of_services_that_cannot_be_deployed() {
        let stack = stack("http://127.0.0.1:1", Path::new("/tmp/\"odd\" \\ folder")).unwrap();
        let mut bad = Vec::new();
        for service in &stack.services {
            let deployable = service.actions.iter().any(|a| a.verb == Verb::Deploy);
            for env in &service.environments {
                if env == "staging" || (env == "prod" && deployable) {
                    assert_eq!(
                        good_seconds(&stack, &service.name, env, 150),
                        150,
                        "{} in {env}",
                        service.name
                    );
                } else if good_seconds(&stack, &service.name, env, 10) == 0 {
                    bad.push(format!("{} in {env}", service.name));
                }
            }
        }
        assert_eq!(bad, ["mail in prod", "queue in prod"]);
    }

    #[tokio::test]
    async fn every_action_of_the_stack_is_answered_by_the_server() {
        let world = World::start(1, 0).await.unwrap();
        let store = world.store_url();
        assert!(store.starts_with("sqlite:"));
        let mut requests = 0;
        for service in &world.stack.services {
            for action in &service.actions {
                let ActionCall::Http(request) = &action.call else {
                    continue;
                };
                let path = request.url.strip_prefix(&world.base).unwrap();
                let path = path
                    .replace("{env}", &service.environments[0])
                    .replace("{inputs.replicas}", "3");
                let path = path.replace("{service}", &service.name.replace(' ', "%20"));
                let status = status_of(&world.base, &request.method, &path).await;
                assert!(
                    !matches!(status, 400 | 404 | 405),
                    "{} {path}: {status}",
                    request.method
                );
                requests += 1;
            }
        }
        assert!(requests > 30, "{requests}");
        assert_eq!(
            status_of(&world.base, "GET", "/prod/nosuch/health").await,
            404
        );
        assert_eq!(status_of(&world.base, "GET", "/").await, 404);
    }

    /// Sends a hand-written request (only the adapter may use the HTTP client); returns its status.
    async fn status_of(base: &str, method: &str, path: &str) -> u16 {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tokio::net::TcpStream::connect(base.trim_start_matches("http://"))
            .await
            .unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: demo\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }
}
