//! `opsroom serve`: an engine without a screen. It executes what every console on the store submits.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::session::Start;
use super::stop::{Code, Stop, tell};
use crate::control::{Control, Door, left_over};

/// Execute what consoles on this store submit, until told to stop (TERM or Ctrl-C)
#[derive(Debug, clap::Args)]
pub struct Args {}

pub(super) async fn perform(_args: &Args, start: &Start) -> Result<Code, Stop> {
    // First of all: a signal that comes early must not end us the hard way.
    let mut terminate = signal(SignalKind::terminate()).map_err(Stop::System)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Stop::System)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(Stop::System)?;
    let control = Control::open(start.control(Door::Serve)?, start.clock).await?;
    tell(&format!("executing runs of {}; TERM or Ctrl-C stops", control.store_url()));
    let adopts_from = start.clock.now().plus_ms(-control.settings().adopt_ms);
    let mut waiting = control.left_over().await?;
    waiting.retain(|waits| waits.queued_at < adopts_from);
    if let Some(what) = left_over::describe(&waiting, start.clock.now()) {
        tell(&format!("{what}, too long ago to go on with: opsroom start lists them, opsroom cancel drops them"));
    }
    loop {
        tokio::select! {
            () = asked(&mut terminate, &mut interrupt) => break,
            // The terminal it was started from went away: no reason to stop.
            _ = hangup.recv() => {}
        }
    }
    leave(&control, &mut terminate, &mut interrupt).await;
    Ok(Code::Succeeded)
}

async fn leave(control: &Control, terminate: &mut Signal, interrupt: &mut Signal) {
    if control.live() > 0 {
        tell(&format!("{} under way finish first; once more interrupts them", control.live()));
    }
    tokio::select! {
        () = control.close(true) => {}
        () = asked(terminate, interrupt) => control.close(false).await,
    }
}

async fn asked(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
