//! `opsroom keys`: every key of the console, as the keymap in force has it.

use super::out::Out;
use super::session::Start;
use super::stop::{Code, Stop, tell};
use crate::tui::keys::document;

/// List the console's keys
#[derive(Debug, clap::Args)]
pub struct Args {}

pub(super) fn perform(_args: &Args, start: &Start) -> Result<Code, Stop> {
    let keymap = start.keymap();
    for problem in &keymap.problems {
        tell(problem);
    }
    Out::new().raw(document::document(&keymap).as_bytes())?;
    Ok(Code::Succeeded)
}
