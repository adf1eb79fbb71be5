//! `opsroom resume` and `opsroom retry`: resume an interrupted run, run an ended one again.

use super::log::Which;
use super::out::Out;
use super::plan::card_lines;
use super::run::{consent, follow_to_end};
use super::session::Start;
use super::stop::{Code, Stop, print_message};
use crate::control::orders::Order;
use crate::control::resume::Decision;
use crate::control::{Control, PlanCard, RunDetail};
use crate::core::run::RunStatus;
use crate::core::run::orders::{Pace, next_step};

/// Go on with an interrupted run at its first unfinished step, or let a paused one go on
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
    /// Why, kept in the log of the run and in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// One JSON object per line: run, entries, end
    #[arg(long)]
    json: bool,
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

/// Start a new run with the plan of an ended one
#[derive(Debug, clap::Args)]
pub struct RetryArgs {
    /// Its number, `last` or `last-failed`
    #[arg(value_name = "RUN")]
    run: Which,
    /// Do not ask before starting (protected environments still want --confirm)
    #[arg(short = 'y', long)]
    yes: bool,
    /// The word a protected environment wants typed
    #[arg(long, value_name = "WORD")]
    confirm: Option<String>,
    /// Why, kept with the run
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// One JSON object per line: run, entries, end
    #[arg(long)]
    json: bool,
}

pub(super) async fn perform(args: &ResumeArgs, start: &Start) -> Result<Code, Stop> {
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
    let id = args.run.find(&control).await?;
    let detail = control.run(id).await?;
    if detail.run.status != RunStatus::Interrupted
        && (args.step || detail.run.orders.pace != Pace::Free)
    {
        return let_go(&control, &detail, args).await;
    }
    let run = control.resume(id, decision, args.reason.as_deref()).await?;
    if run.status.is_terminal() {
        control.close(false).await;
        Out::new().line(&format!(
            "run {id} {}: {}",
            run.status.name(),
            run.why().unwrap_or_default()
        ))?;
        return Ok(Code::Succeeded);
    }
    follow_to_end(&control, run, args.json).await
}

/// Continues a paused run. Its engine continues it; without one, this process does.
async fn let_go(control: &Control, detail: &RunDetail, args: &ResumeArgs) -> Result<Code, Stop> {
    let (id, order) = match next_step(&detail.run.plan, &detail.steps).filter(|_| args.step) {
        Some(step) => (detail.run.id, Order::LetGo(step)),
        None if args.step => {
            return Err(Stop::Usage(format!(
                "run {} has no step left to let go",
                detail.run.id
            )));
        }
        None => (detail.run.id, Order::Continue),
    };
    let status = control.order(id, order, args.reason.as_deref()).await?;
    if status == RunStatus::Queued {
        control.drive_here(id).await?;
        return follow_to_end(control, control.run(id).await?.run, args.json).await;
    }
    control.close(false).await;
    Out::new().line(&format!("run {id} {} ({})", order.label(), status.name()))?;
    Ok(Code::Succeeded)
}

pub(super) async fn retry(args: &RetryArgs, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let id = args.run.find(&control).await?;
    let plan = control.run(id).await?.run.plan;
    let queue = control.blockers(&plan).await?;
    let card = PlanCard {
        plan,
        last: Vec::new(),
        changed: Vec::new(),
        queue,
    };
    if !args.json {
        for line in card_lines(&card) {
            print_message(&line);
        }
    }
    let typed = consent(&card.plan, args.yes, args.confirm.as_ref()).await?;
    let run = control
        .retry(id, typed.as_deref(), args.reason.as_deref())
        .await?;
    follow_to_end(&control, run, args.json).await
}
