//! `opsroom resume` and `opsroom retry`: going on with an interrupted run, and doing an ended one again.

use super::log::Which;
use super::out::{Out, ask, can_ask};
use super::run::follow_to_end;
use super::session::Start;
use super::stop::{Code, Stop};
use crate::control::resume::Decision;

/// Go on with an interrupted run at its first unfinished step
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "three flags of one choice, and the form of the output")]
pub struct Args {
    /// Its number, or `last`
    #[arg(value_name = "RUN")]
    run: Which,
    /// The step with the unknown outcome did happen: go on with the next
    #[arg(long, group = "decision", requires = "reason")]
    done: bool,
    /// Do the step with the unknown outcome again
    #[arg(long, group = "decision", requires = "reason")]
    repeat: bool,
    /// Leave it at that: the run has failed
    #[arg(long, group = "decision", requires = "reason")]
    give_up: bool,
    /// Why, kept in the log of the run and in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// One JSON object per line: run, entries, end
    #[arg(long)]
    json: bool,
}

/// Start a new run with the plan of an ended one
#[derive(Debug, clap::Args)]
pub struct RetryArgs {
    /// Its number, `last` or `last-failed`
    #[arg(value_name = "RUN")]
    run: Which,
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

pub(super) async fn perform(args: &Args, start: &Start) -> Result<Code, Stop> {
    let decision = match (args.done, args.repeat, args.give_up) {
        (true, ..) => Some(Decision::Done),
        (_, true, _) => Some(Decision::Repeat),
        (.., true) => Some(Decision::GiveUp),
        _ => None,
    };
    let control = start.open_cli().await?;
    let id = args.run.find(&control).await?;
    let run = control.resume(id, decision, args.reason.as_deref()).await?;
    if run.status.is_terminal() {
        control.close(false).await;
        Out::new().line(&format!("run {id} {}: {}", run.status.name(), run.message.unwrap_or_default()))?;
        return Ok(Code::Succeeded);
    }
    follow_to_end(&control, run, args.json).await
}

pub(super) async fn retry(args: &RetryArgs, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let id = args.run.find(&control).await?;
    let old = control.run(id).await?.run;
    let mut typed = args.confirm.clone();
    if let (Some(word), None, true) = (old.plan.confirm_word(), &typed, can_ask()) {
        typed = ask(&format!("protected environment: type `{word}` to start: ")).await?;
    }
    let run = control.retry(id, typed.as_deref(), args.reason.as_deref()).await?;
    follow_to_end(&control, run, args.json).await
}
