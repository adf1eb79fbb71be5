//! `opsroom serve`: an engine without a screen. It executes the runs submitted by any console on
//! the store.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::session::Start;
use super::stop::{Code, Stop, print_message};
use crate::control::run::left_over;
use crate::control::{Control, ProcessKind};

/// Execute the runs that consoles on this store submit, until TERM or Ctrl-C
#[derive(Debug, clap::Args)]
pub struct ServeArgs {}

pub(super) async fn perform(_args: &ServeArgs, start: &Start) -> Result<Code, Stop> {
    // First: an early signal must not kill the process.
    let mut terminate = signal(SignalKind::terminate()).map_err(Stop::System)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Stop::System)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(Stop::System)?;
    let control = Control::open(start.control(ProcessKind::Serve)?, start.clock).await?;
    print_message(&format!(
        "executing runs of {}; TERM or Ctrl-C stops",
        control.store_url()
    ));
    let adopts_from = start.clock.now().plus_ms(-control.settings().adopt_ms);
    let mut waiting = control.left_over().await?;
    waiting.retain(|waits| waits.queued_at < adopts_from);
    if let Some(what) = left_over::describe(&waiting, start.clock.now()) {
        print_message(&format!(
            "{what}, too long ago to go on with: opsroom start lists them, opsroom cancel drops them"
        ));
    }
    loop {
        tokio::select! {
            () = stop_requested(&mut terminate, &mut interrupt) => break,
            // The terminal it was started from has closed: it keeps running.
            _ = hangup.recv() => {}
        }
    }
    shut_down(&control, &mut terminate, &mut interrupt).await;
    Ok(Code::Succeeded)
}

async fn shut_down(control: &Control, terminate: &mut Signal, interrupt: &mut Signal) {
    if control.live() > 0 {
        print_message(&format!(
            "{} under way finish first; once more interrupts them",
            control.live()
        ));
    }
    tokio::select! {
        () = control.close(true) => {}
        () = stop_requested(terminate, interrupt) => control.close(false).await,
    }
}

async fn stop_requested(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
