//! The demo world: a made-up company whose services really answer over HTTP on loopback, drift, slow down, fail and
//! recover. The same seed plays the same film. Everything it shows is simulated and marked so.

mod dice;
mod server;
mod town;
mod weather;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use tokio::task::JoinHandle;

use crate::config;
use crate::core::runbook::Problem;
use crate::core::service::Stack;

/// The stack file of the demo world; `{base}` stands for its server's address, `{dir}` for its folder.
const STACK: &str = include_str!("../assets/demo/stack.toml");
/// How `web` is released there.
const RELEASE: &str = include_str!("../assets/demo/release.sh");
/// The film shown when no seed is given.
pub const DEFAULT_SEED: u64 = 7;

/// Why the demo world cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("the demo cannot make its temporary folder ({0}); set TMPDIR to a folder you may write to")]
    Folder(std::io::Error),
    #[error("the demo cannot listen on 127.0.0.1:{0} ({1}); choose another --port or leave it out")]
    Port(u16, std::io::Error),
    #[error("the demo's own stack file is wrong: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Stack(Vec<Problem>),
}

/// A running demo world. Dropping it stops its server and removes its folder.
#[derive(Debug)]
pub struct World {
    /// What to apply to a store to look after this world.
    pub stack: Stack,
    /// `http://127.0.0.1:PORT`
    pub base: String,
    folder: tempfile::TempDir,
    server: JoinHandle<()>,
}

impl World {
    /// Begins the world of that seed on a port of loopback (0: any).
    pub async fn start(seed: u64, port: u16) -> Result<Self, DemoError> {
        let folder = tempfile::Builder::new().prefix("opsroom-demo-").tempdir().map_err(DemoError::Folder)?;
        std::fs::write(folder.path().join("release.sh"), RELEASE).map_err(DemoError::Folder)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = tokio::net::TcpListener::bind(address).await.map_err(|e| DemoError::Port(port, e))?;
        let bound = listener.local_addr().map_err(|e| DemoError::Port(port, e))?;
        let base = format!("http://{bound}");
        let stack = stack(&base, folder.path())?;
        let town = town::Town::new(&stack, seed, folder.path()).map_err(DemoError::Folder)?;
        let router = server::World::new(town).router();
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the demo's server stopped");
            }
        });
        Ok(Self { stack, base, folder, server })
    }

    /// The throw-away store beside it.
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
    let dir = folder.display().to_string().replace('\\', "\\\\").replace('"', "\\\"");
    let text = STACK.replace("{base}", base).replace("{dir}", &dir);
    config::stack::read("demo/stack.toml", &text).map_err(DemoError::Stack)
}
