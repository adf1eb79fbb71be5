//! `opsroom export`: the store's stack as a stack file.

use super::out::Out;
use super::session::Start;
use super::stop::{Code, Stop};
use crate::config;

/// Print the stack file that `apply` would read back
#[derive(Debug, clap::Args)]
pub struct ExportArgs {}

pub(super) async fn perform(_args: &ExportArgs, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let stack = control.export().await?;
    control.close(false).await;
    Out::new().raw(config::stack::write(&stack).as_bytes())?;
    Ok(Code::Succeeded)
}
