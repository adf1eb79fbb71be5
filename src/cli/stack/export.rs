//! `opsroom export`: the store's stack as a stack file.

use crate::cli::out::Out;
use crate::cli::session::Start;
use crate::cli::stop::{Code, Stop};
use crate::config;

/// Print the stack file that `apply` would read back
#[derive(Debug, clap::Args)]
pub struct ExportArgs {}

pub(in crate::cli) async fn perform(_args: &ExportArgs, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let stack = control.export().await?;
    control.close(false).await;
    Out::new().raw(config::stack::write(&stack).as_bytes())?;
    Ok(Code::Succeeded)
}
