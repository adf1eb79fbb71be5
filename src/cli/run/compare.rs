//! `opsroom compare`: two runs side by side.

use crate::cli::out::Out;
use crate::cli::run::log::Which;
use crate::cli::session::Start;
use crate::cli::stop::{Code, Stop};

/// Compare two runs: inputs, plans, outcomes and durations of their steps
#[derive(Debug, clap::Args)]
pub struct CompareArgs {
    /// One run: its number, `last` or `last-failed`
    #[arg(value_name = "RUN")]
    first: Which,
    /// The other
    #[arg(value_name = "RUN")]
    second: Which,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) async fn perform(args: &CompareArgs, start: &Start) -> Result<Code, Stop> {
    print([&args.first, &args.second], args.json, start).await
}

pub(in crate::cli) async fn print(
    runs: [&Which; 2],
    json: bool,
    start: &Start,
) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let first = runs[0].find_to_read(&control).await?;
    let second = runs[1].find_to_read(&control).await?;
    let both = control.compare(first, second).await?;
    control.close(false).await;
    let mut out = Out::new();
    if json {
        out.json(&both)?;
    } else {
        both.lines().iter().try_for_each(|line| out.line(line))?;
    }
    Ok(Code::Succeeded)
}
