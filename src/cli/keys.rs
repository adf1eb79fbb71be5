//! `opsroom keys`: the keys of the console with the active keymap.

use super::out::Out;
use super::session::Start;
use super::stop::{Code, Stop, print_message};
use crate::tui::keys::document;

/// List the console's keys
#[derive(Debug, clap::Args)]
pub struct KeysArgs {}

pub(super) fn perform(_args: &KeysArgs, start: &Start) -> Result<Code, Stop> {
    let keymap = start.keymap();
    for problem in &keymap.problems {
        print_message(problem);
    }
    Out::new().raw(document::document(&keymap).as_bytes())?;
    Ok(Code::Succeeded)
}
