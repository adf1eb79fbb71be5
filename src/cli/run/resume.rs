//! `opsroom resume` and `opsroom retry`: resume an interrupted run, run an ended one again, whole or
//! from its failed step.

use crate::cli::run::act::{self, Terms};
use crate::cli::run::log::Which;
use crate::cli::session::Start;
use crate::cli::stop::{Code, Stop};
use crate::control::RunDetail;
use crate::core::run::RunStatus;
use crate::core::run::act::Act;
use crate::core::run::again::Again;
use crate::core::run::orders::{Order, next_step};
use crate::core::run::resume::Decision;

/// Go on with an interrupted run at its first unfinished step, with a failed one, or let a paused one go on
#[derive(Debug, clap::Args)]
pub struct ResumeArgs {
    /// Its number, or `last`
    #[arg(value_name = "RUN")]
    run: Which,
    #[command(flatten)]
    decision: DecisionArgs,
    /// A run that is gone through step by step: let its next step go, and no other
    #[arg(long, conflicts_with = "DecisionArgs")]
    step: bool,
    #[command(flatten)]
    go_on: GoOnArgs,
    /// Why, kept in the log of the run and in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// One JSON object per line: run, entries, end
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct GoOnArgs {
    /// A run that failed, timed out or was cancelled: a new run goes on from its failed step, and does
    /// nothing again that succeeded
    #[arg(long, conflicts_with_all = ["DecisionArgs", "step"])]
    failed: bool,
    /// With --failed: do not ask before starting (protected environments still want --confirm)
    #[arg(short = 'y', long, requires = "failed")]
    yes: bool,
    /// With --failed: the word a protected environment wants typed
    #[arg(long, value_name = "WORD", requires = "failed")]
    confirm: Option<String>,
}

#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct DecisionArgs {
    /// The step with the unknown outcome did happen: go on with the next
    #[arg(long, requires = "reason")]
    done: bool,
    /// Do the step with the unknown outcome again
    #[arg(long, requires = "reason")]
    repeat: bool,
    /// Leave it at that: the run has failed
    #[arg(long, requires = "reason")]
    give_up: bool,
}

/// Start a new run with the plan of an ended one, or with what failed of it
#[derive(Debug, clap::Args)]
pub struct RetryArgs {
    /// Its number, `last` or `last-failed`
    #[arg(value_name = "RUN")]
    run: Which,
    /// Only the services or items that failed or were not reached
    #[arg(long)]
    failed_targets: bool,
    /// Do not ask before starting (protected environments still want --confirm)
    #[arg(short = 'y', long)]
    yes: bool,
    /// The words a protected environment asks for: `prod web`
    #[arg(long, value_name = "WORDS")]
    confirm: Option<String>,
    /// Why, kept with the run
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// One JSON object per line: run, entries, end
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) async fn perform(args: &ResumeArgs, start: &Start) -> Result<Code, Stop> {
    let decision = match (
        args.decision.done,
        args.decision.repeat,
        args.decision.give_up,
    ) {
        (true, ..) => Some(Decision::Done),
        (_, true, _) => Some(Decision::Repeat),
        (.., true) => Some(Decision::GiveUp),
        _ => None,
    };
    let control = start.open_cli().await?;
    let run = args.run.find(&control).await?;
    let reason = args.reason.clone();
    let next = if args.step {
        step_to_let_go(&control.run(run).await?)?
    } else {
        None
    };
    let act = match next {
        Some(order) => Act::Order { run, order, reason },
        None if args.go_on.failed => Act::Retry {
            run,
            again: Again::FromFailed,
            typed: None,
            reason,
        },
        None => Act::Resume {
            run,
            decision,
            reason,
        },
    };
    let terms = Terms {
        yes: args.go_on.yes,
        confirm: args.go_on.confirm.as_ref(),
        json: args.json,
        ..Terms::default()
    };
    act::perform(&control, act, terms).await
}

/// The order for `--step`; none for an interrupted run, which is resumed.
fn step_to_let_go(detail: &RunDetail) -> Result<Option<Order>, Stop> {
    if detail.run.status == RunStatus::Interrupted {
        return Ok(None);
    }
    match next_step(&detail.run.plan, &detail.steps) {
        Some(step) => Ok(Some(Order::LetGo(step))),
        None => Err(Stop::Usage(format!(
            "run {} has no step left to let go",
            detail.run.id
        ))),
    }
}

pub(in crate::cli) async fn retry(args: &RetryArgs, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let retry = Act::Retry {
        run: args.run.find(&control).await?,
        again: if args.failed_targets {
            Again::FailedTargets
        } else {
            Again::All
        },
        typed: None,
        reason: args.reason.clone(),
    };
    let terms = Terms {
        yes: args.yes,
        confirm: args.confirm.as_ref(),
        json: args.json,
        ..Terms::default()
    };
    act::perform(&control, retry, terms).await
}
