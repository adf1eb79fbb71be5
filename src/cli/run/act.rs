//! Performs an act for a subcommand, or for a phrase of `opsroom run`: shows what has to be
//! confirmed, asks, performs the act, and prints what happened or follows the run.

use crate::cli::out::{Out, ask, can_ask};
use crate::cli::plan::card_lines;
use crate::cli::run::follow::follow_to_end;
use crate::cli::stop::{Code, Stop, print_message};
use crate::control::{Control, PlanCard, Refusal, RunDetail, StoreError};
use crate::core::run::act::{Act, Acted, Confirmation};
use crate::core::run::approval::{Tally, VoteError};
use crate::core::run::lockout;
use crate::core::run::orders::{Ending, Order};
use crate::core::run::plan::Plan;
use crate::core::run::step::shell::shell_word;
use crate::core::run::{RunId, RunStatus};

/// How the operator confirms an act on the command line, and wants its result.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::cli) struct Terms<'a> {
    /// Do not ask.
    pub yes: bool,
    /// The word of a protected environment.
    pub confirm: Option<&'a String>,
    /// The beginning of the hash of the plan that was reviewed.
    pub plan: Option<&'a String>,
    pub json: bool,
    /// The act is a phrase of `opsroom run`, which has no flags of its own for it.
    pub phrase: bool,
}

/// Performs the act and prints the result.
pub(in crate::cli) async fn perform(
    control: &Control,
    act: Act,
    terms: Terms<'_>,
) -> Result<Code, Stop> {
    let acted = begin(control, act, terms).await?;
    finish(control, acted, terms.json).await
}

/// Confirms and performs the act.
pub(in crate::cli) async fn begin(
    control: &Control,
    act: Act,
    terms: Terms<'_>,
) -> Result<Acted, Stop> {
    let text = match (act.confirmation(), act.run()) {
        (Confirmation::None, _) | (_, None) => None,
        (Confirmation::Plan, Some(run)) => confirm_plan(control, *run, &act, terms).await?,
        (Confirmation::Question, Some(run)) => {
            Some(confirm_question(control, *run, &act, terms).await?)
        }
    };
    let acted = control.act(act.confirmed(text)).await;
    acted.map_err(|refusal| with_hint(refusal, terms.phrase))
}

/// Shows the plan of the run; returns the text typed to confirm it.
async fn confirm_plan(
    control: &Control,
    run: RunId,
    act: &Act,
    terms: Terms<'_>,
) -> Result<Option<String>, Stop> {
    let detail = control.run(run).await?;
    let (mut plan, about) = match act {
        Act::Retry { again, .. } => {
            let planned = again.plan(&detail.run, &detail.steps);
            planned.map_err(|why| Stop::Usage(format!("run {run}: {why}")))?
        }
        _ => (detail.run.plan, Vec::new()),
    };
    lockout::set_risks(&mut plan, &control.lockouts().await?);
    let queue = match act {
        Act::Retry { .. } => control.blockers(&plan).await?,
        _ => Vec::new(),
    };
    let card = PlanCard {
        plan,
        last: Vec::new(),
        changed: Vec::new(),
        queue,
    };
    if !terms.json {
        for line in card_lines(&card).iter().chain(&about) {
            print_message(line);
        }
    }
    consent(&card.plan, terms.yes, terms.confirm).await
}

/// The text typed to confirm, if one is required. Risks that block are left to `submit`, which
/// refuses them, except a lock: it may have ended by then, and no person has confirmed.
pub(in crate::cli) async fn consent(
    plan: &Plan,
    yes: bool,
    confirm: Option<&String>,
) -> Result<Option<String>, Stop> {
    let refused = plan.blocks().next();
    if let Some(risk) = plan.blocks().find(|risk| risk.code == lockout::LOCKED) {
        let (code, message) = (risk.code.clone(), risk.message.clone());
        return Err(Refusal::Blocked { code, message }.into());
    }
    if refused.is_some() {
        return Ok(confirm.cloned());
    }
    match plan.confirm_word() {
        Some(_) if confirm.is_some() => Ok(confirm.cloned()),
        Some(word) if can_ask() => {
            let typed = ask(&format!("protected environment: type `{word}` to start: ")).await?;
            typed
                .map(Some)
                .ok_or_else(|| Stop::Usage("not confirmed; nothing was started".to_owned()))
        }
        Some(word) => Err(Stop::Usage(format!(
            "protected environment: add --confirm {} (--yes is not enough); nothing was started",
            shell_word(&word)
        ))),
        None if yes || !plan.changes_something() => Ok(None),
        None if can_ask() => match ask("start? [y/N] ").await?.as_deref().map(str::trim) {
            Some("y" | "Y" | "yes") => Ok(None),
            _ => Err(Stop::Usage("not confirmed; nothing was started".to_owned())),
        },
        None => Err(Stop::Usage(
            "this changes something: add --yes to start it without a terminal".to_owned(),
        )),
    }
}

/// Shows the question the run waits with; returns the hash of the plan that the vote is about.
async fn confirm_question(
    control: &Control,
    run: RunId,
    act: &Act,
    terms: Terms<'_>,
) -> Result<String, Stop> {
    let detail = control.run(run).await?;
    let hash = show_question(control, &detail)?;
    let approves = matches!(act, Act::Vote { approved: true, .. });
    if approves && !terms.yes && terms.plan.is_none() {
        if !can_ask() {
            let or_plan = if terms.phrase {
                ""
            } else {
                ", or --plan HASH of the plan you have reviewed"
            };
            return Err(Stop::Usage(format!(
                "without a terminal add --yes{or_plan}; nothing was approved"
            )));
        }
        let answer = ask("approve? [y/N] ").await?;
        if !matches!(answer.as_deref().map(str::trim), Some("y" | "Y" | "yes")) {
            return Err(Stop::Usage("nothing was approved".to_owned()));
        }
    }
    Ok(match terms.plan {
        Some(given) if given.len() >= 8 && hash.starts_with(given.as_str()) => hash,
        Some(given) => given.clone(),
        None => hash,
    })
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
fn with_hint(refusal: Refusal, phrase: bool) -> Stop {
    let flag = if phrase { "--reason" } else { "--note" };
    match refusal {
        Refusal::Store(StoreError::Vote {
            why: VoteError::NoComment,
            ..
        }) => Stop::Usage(format!("{refusal} with {flag} TEXT")),
        other => other.into(),
    }
}

/// Follows a run that this process drives now; prints any other result, and closes the store.
pub(in crate::cli) async fn finish(
    control: &Control,
    acted: Acted,
    json: bool,
) -> Result<Code, Stop> {
    let run = match acted {
        Acted::Started(run) | Acted::Retried(run) => *run,
        Acted::Resumed(run) if !run.status.is_terminal() => *run,
        Acted::Ordered {
            run,
            order: Order::Continue | Order::LetGo(_),
            status: RunStatus::Queued,
        } => control.run(run).await?.run,
        other => {
            let lines = lines(control, &other).await?;
            control.close(false).await;
            let mut out = Out::new();
            lines.iter().try_for_each(|line| {
                if !json {
                    return out.line(line);
                }
                let run = other.run().map(|run| run.0);
                let object = serde_json::json!({"type": "act", "run": run, "message": line});
                out.line(&object.to_string())
            })?;
            return Ok(Code::Succeeded);
        }
    };
    follow_to_end(control, run, json).await
}

/// The result as plain lines.
async fn lines(control: &Control, acted: &Acted) -> Result<Vec<String>, Stop> {
    Ok(match acted {
        Acted::Ordered { run, order, status } => {
            let outcome = match order {
                Order::End(_) if status.is_terminal() => "is cancelled",
                Order::End(Ending::AfterStep) => "has been asked to stop after its step",
                Order::End(Ending::Cancel) => "has been asked to stop",
                order => order.label(),
            };
            vec![format!("run {run} {outcome} ({})", status.name())]
        }
        Acted::Resumed(run) => vec![format!(
            "run {} {}: {}",
            run.id,
            run.status.name(),
            run.why().unwrap_or_default()
        )],
        Acted::Voted { run, tally } => vec![vote_line(control, *run, tally).await?],
        Acted::BreakersClosed(keys) => keys
            .iter()
            .map(|key| format!("the breaker of {key} is closed"))
            .collect(),
        other => vec![other.message()],
    })
}

async fn vote_line(control: &Control, id: RunId, tally: &Tally) -> Result<String, Stop> {
    let outcome = match tally {
        Tally::Open(by) => format!("your approval counts; so far: {}", by.join(", ")),
        Tally::Approved(by) => format!("approved by {}", by.join(", ")),
        Tally::Denied { .. } => "rejected; it is cancelled".to_owned(),
    };
    // Its engine died while it waited: the votes are kept, another engine has to resume the run.
    let orphaned = if control.status(id).await? == RunStatus::Queued {
        "; no engine drives it: the next console or `opsroom serve` resumes it"
    } else {
        ""
    };
    Ok(format!("run {id} {outcome}{orphaned}"))
}
