//! `opsroom cancel`: requests a run to stop.

use crate::cli::out::Out;
use crate::cli::run::act::{self, Terms};
use crate::cli::run::log::Which;
use crate::cli::session::Start;
use crate::cli::stop::{Code, Stop, print_message};
use crate::control::{Control, Refusal};
use crate::core::run::act::Act;
use crate::core::run::orders::{Ending, Order};

/// Ask a run to stop
#[derive(Debug, clap::Args)]
pub struct CancelArgs {
    /// Its number, or `last`
    #[arg(value_name = "RUN", required_unless_present = "waiting")]
    run: Option<Which>,
    /// All runs that wait in the queue because the process that queued them is gone (`opsroom
    /// start` lists them)
    #[arg(long, conflicts_with_all = ["run", "How"])]
    waiting: bool,
    #[command(flatten)]
    how: How,
    /// Why, kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct How {
    /// Let the step in flight end; the rest is not run
    #[arg(long)]
    after_step: bool,
    /// KILL the step in flight at once, without the grace it has to tidy up
    #[arg(long)]
    kill: bool,
}

pub(in crate::cli) async fn perform(args: &CancelArgs, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let Some(which) = &args.run else {
        return waiting(args, &control).await;
    };
    let id = which.find(&control).await?;
    let ending = match (args.how.after_step, args.how.kill) {
        (true, _) => Ending::AfterStep,
        (_, true) => Ending::Kill,
        _ => Ending::Cancel,
    };
    let cancel = Act::Order {
        run: id,
        order: Order::End(ending),
        reason: args.reason.clone(),
    };
    act::perform(&control, cancel, Terms::default()).await
}

async fn waiting(args: &CancelArgs, control: &Control) -> Result<Code, Stop> {
    let mut out = Out::new();
    for waits in control.left_over().await? {
        let dropped = Act::Drop {
            run: waits.run,
            reason: args.reason.clone(),
        };
        match control.act(dropped).await {
            Ok(acted) => out.line(&acted.message())?,
            Err(why @ Refusal::Invalid(_)) => print_message(&why.to_string()),
            Err(why) => return Err(why.into()),
        }
    }
    control.close(false).await;
    Ok(Code::Succeeded)
}
