//! `opsroom approve` and `opsroom reject`: votes on the step of a run that waits for approval.

use crate::cli::run::act::{self, Terms};
use crate::cli::run::log::Which;
use crate::cli::session::Start;
use crate::cli::stop::{Code, Stop};
use crate::core::run::act::Act;

/// Approve the step of a run that waits for it
#[derive(Debug, clap::Args)]
pub struct ApproveArgs {
    /// Its number, or `last`
    #[arg(value_name = "RUN")]
    run: Which,
    /// A comment, kept in the log of the run and in the audit log
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// The hash of the plan you have looked at (it is shown when left out); another plan is not
    /// approved
    #[arg(long, value_name = "HASH")]
    plan: Option<String>,
    /// Do not ask once more
    #[arg(long, short = 'y')]
    yes: bool,
}

/// Refuse the approval a run waits for: the run is cancelled
#[derive(Debug, clap::Args)]
pub struct RejectArgs {
    /// Its number, or `last`
    #[arg(value_name = "RUN")]
    run: Which,
    /// Why, kept in the log of the run and in the audit log
    #[arg(long, value_name = "TEXT", required = true)]
    reason: String,
}

pub(in crate::cli) async fn perform(args: &ApproveArgs, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let vote = Act::Vote {
        run: args.run.find(&control).await?,
        approved: true,
        plan_hash: String::new(),
        note: args.note.clone(),
    };
    let terms = Terms {
        yes: args.yes,
        plan: args.plan.as_ref(),
        ..Terms::default()
    };
    act::perform(&control, vote, terms).await
}

pub(in crate::cli) async fn reject(args: &RejectArgs, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let vote = Act::Vote {
        run: args.run.find(&control).await?,
        approved: false,
        plan_hash: String::new(),
        note: Some(args.reason.clone()),
    };
    act::perform(&control, vote, Terms::default()).await
}
