//! `opsroom cancel`: asks a run to stop.

use super::log::Which;
use super::out::Out;
use super::session::Start;
use super::stop::{Code, Stop};

/// Ask a run to stop
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its number, or `last`
    #[arg(value_name = "RUN")]
    run: Which,
    /// Why, kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

pub(super) async fn perform(args: &Args, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let id = args.run.find(&control).await?;
    let run = control.cancel(id, args.reason.as_deref()).await?;
    control.close(false).await;
    let said = if run.status.is_terminal() { "is cancelled" } else { "has been asked to stop" };
    Out::new().line(&format!("run {id} {said} ({})", run.status.name()))?;
    Ok(Code::Succeeded)
}
