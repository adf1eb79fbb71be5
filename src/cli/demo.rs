//! `opsroom demo`: the console on a temporary store with a simulated world.

use tokio::signal::unix::{SignalKind, signal};

use super::Next;
use super::console::ConsoleSession;
use super::out::Out;
use super::session::Start;
use super::stop::{Code, Stop};
use crate::control::{Control, ProcessKind, Settings};
use crate::demo::{DEFAULT_SEED, World};
use crate::tui::check_terminal;

/// Services are probed this often, milliseconds.
const PULSE_MS: i64 = 5000;

/// Open the console on a simulated world with a throw-away store
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// The same seed gives the same behaviour
    #[arg(long, default_value_t = DEFAULT_SEED)]
    seed: u64,
    /// Port of the world's HTTP server on 127.0.0.1 (0: any)
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// No console: print where the world and its store are, and wait (for tests)
    #[arg(long, hide = true)]
    serve_only: bool,
}

pub(super) async fn open(args: &DemoArgs, start: &Start) -> Result<Next, Stop> {
    if !args.serve_only {
        check_terminal().map_err(Stop::Usage)?;
        start.check_theme()?;
    }
    let world = World::start(args.seed, args.port)
        .await
        .map_err(|e| Stop::Usage(e.to_string()))?;
    let door = if args.serve_only {
        ProcessKind::Cli
    } else {
        ProcessKind::Console
    };
    let control = Control::open(settings(&world, start, door)?, start.clock).await?;
    let difference = control.difference(&world.stack).await?;
    control.apply(&difference, false).await?;
    if args.serve_only {
        control.close(false).await;
        return serve(&world).await.map(Next::Exit);
    }
    Ok(Next::Console(Box::new(ConsoleSession::new(
        control,
        Some(world),
    ))))
}

fn settings(world: &World, start: &Start, door: ProcessKind) -> Result<Settings, Stop> {
    let usual = start.control(door)?;
    Ok(Settings {
        store_url: world.store_url(),
        workspace: None,
        simulated: true,
        pulse_ms: PULSE_MS,
        ..usual
    })
}

async fn serve(world: &World) -> Result<Code, Stop> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Stop::System)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Stop::System)?;
    Out::new().json_line(
        &serde_json::json!({ "base": world.base, "store": world.store_url(), "simulated": true }),
    )?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(Code::Succeeded)
}
