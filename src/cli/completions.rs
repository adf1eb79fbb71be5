//! `opsroom completions`: a completion script for a shell.

use clap_complete::Shell;

use super::out::Out;
use super::stop::{Code, Stop};

/// Print a completion script
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn perform(args: &CompletionsArgs) -> Result<Code, Stop> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::definition(), "opsroom", &mut script);
    Out::new().raw(&script)?;
    Ok(Code::Succeeded)
}
