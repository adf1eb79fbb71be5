//! `opsroom approve` and `opsroom reject`: votes on the step of a run that waits for approval.

use super::log::Which;
use super::out::{Out, ask, can_ask};
use super::session::Start;
use super::stop::{Code, Stop, print_message};
use crate::control::{Control, Refusal, RunDetail, StoreError};
use crate::core::run::approval::{Tally, VoteError};
use crate::core::run::{RunId, RunStatus};

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

pub(super) async fn perform(args: &ApproveArgs, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let id = args.run.find(&control).await?;
    let detail = control.run(id).await?;
    let hash = show_question(&control, &detail)?;
    let seen = match &args.plan {
        Some(given) if given.len() >= 8 && hash.starts_with(given.as_str()) => hash,
        Some(given) => given.clone(),
        None => hash,
    };
    if !args.yes && args.plan.is_none() {
        if !can_ask() {
            let why = "without a terminal add --yes, or --plan HASH of the plan you have reviewed; nothing was approved";
            return Err(Stop::Usage(why.to_owned()));
        }
        let answer = ask("approve? [y/N] ").await?;
        if !matches!(answer.as_deref().map(str::trim), Some("y" | "Y" | "yes")) {
            return Err(Stop::Usage("nothing was approved".to_owned()));
        }
    }
    let tally = control
        .vote(id, true, args.note.as_deref(), &seen)
        .await
        .map_err(with_hint)?;
    finish(&control, id, &tally).await
}

pub(super) async fn reject(args: &RejectArgs, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let id = args.run.find(&control).await?;
    let detail = control.run(id).await?;
    let hash = show_question(&control, &detail)?;
    let tally = control.vote(id, false, Some(&args.reason), &hash).await?;
    finish(&control, id, &tally).await
}

/// Prints the question; returns the hash of the plan it is about.
fn show_question(control: &Control, detail: &RunDetail) -> Result<String, Stop> {
    let run = &detail.run;
    let question = detail
        .approval
        .as_ref()
        .and_then(|a| Some((a, a.question(run)?)));
    let Some((approval, question)) = question else {
        return Err(Stop::Usage(format!(
            "run {} is {}: it waits for no approval",
            run.id,
            run.status.name()
        )));
    };
    print_message(&format!(
        "run {} {}, requested by {}",
        run.id, run.plan.title, run.actor
    ));
    print_message(&question.ask.prompt);
    print_message(&question.describe(&control.settings().actor));
    print_message(&format!("plan {}", approval.plan_hash));
    Ok(approval.plan_hash.clone())
}

/// Adds the flag for the missing comment to a refusal.
fn with_hint(refusal: Refusal) -> Stop {
    match refusal {
        Refusal::Store(StoreError::Vote {
            why: VoteError::NoComment,
            ..
        }) => Stop::Usage(format!("{refusal} with --note TEXT")),
        other => other.into(),
    }
}

async fn finish(control: &Control, id: RunId, tally: &Tally) -> Result<Code, Stop> {
    let run = control.run(id).await?.run;
    control.close(false).await;
    let outcome = match tally {
        Tally::Open(by) => format!("your approval counts; so far: {}", by.join(", ")),
        Tally::Approved(by) => format!("approved by {}", by.join(", ")),
        Tally::Denied { .. } => "rejected; it is cancelled".to_owned(),
    };
    // Its engine died while it waited: the votes are kept, another engine has to resume the run.
    let orphaned = if run.status == RunStatus::Queued {
        "; no engine drives it: the next console or `opsroom serve` resumes it"
    } else {
        ""
    };
    Out::new().line(&format!("run {id} {outcome}{orphaned}"))?;
    Ok(Code::Succeeded)
}
