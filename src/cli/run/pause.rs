//! `opsroom pause` and `opsroom skip`: pause a run before its next step, skip a step.

use crate::cli::out::Out;
use crate::cli::run::act::{self, Terms};
use crate::cli::run::log::Which;
use crate::cli::session::Start;
use crate::cli::stop::{Code, Stop};
use crate::core::run::act::Act;
use crate::core::run::orders::Order;
use crate::core::run::plan::Plan;

/// Pause a run before its next step; `opsroom resume` lets it go on
#[derive(Debug, clap::Args)]
pub struct PauseArgs {
    /// Its number, or `last`
    #[arg(value_name = "RUN")]
    run: Which,
    /// Wait before every step from here on; `opsroom resume RUN --step` lets one go
    #[arg(long)]
    step: bool,
    /// Why, kept in the log of the run and in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Leave out a step of a run that has not begun
#[derive(Debug, clap::Args)]
pub struct SkipArgs {
    /// Its number, or `last`
    #[arg(value_name = "RUN")]
    run: Which,
    /// The step's name, or its number as the console counts (from 1)
    #[arg(value_name = "STEP")]
    step: String,
    /// Why, kept in the log of the run and in the audit log
    #[arg(long, value_name = "TEXT", required = true)]
    reason: String,
}

pub(in crate::cli) async fn perform(args: &PauseArgs, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let id = args.run.find(&control).await?;
    let order = if args.step {
        Order::StepThrough
    } else {
        Order::Pause
    };
    let pause = Act::Order {
        run: id,
        order,
        reason: args.reason.clone(),
    };
    act::perform(&control, pause, Terms::default()).await
}

pub(in crate::cli) async fn skip(args: &SkipArgs, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let id = args.run.find(&control).await?;
    let plan = control.run(id).await?.run.plan;
    let step = step_named(&plan, &args.step).map_err(Stop::Usage)?;
    let skip = Act::Order {
        run: id,
        order: Order::Skip(step),
        reason: Some(args.reason.clone()),
    };
    control.act(skip).await?;
    control.close(false).await;
    let name = plan
        .numbered_step(step)
        .map_or(args.step.as_str(), |(s, _)| s.name.as_str());
    Out::new().line(&format!("run {id}: step {name} is skipped"))?;
    Ok(Code::Succeeded)
}

/// The number of the named step; a name shared by several steps is refused.
fn step_named(plan: &Plan, text: &str) -> Result<u32, String> {
    let named: Vec<u32> = plan
        .numbered()
        .filter(|(_, s)| s.name == text)
        .map(|(n, _)| n)
        .collect();
    match named.as_slice() {
        [one] => return Ok(*one),
        [] => {}
        many => {
            return Err(format!(
                "{} steps are called {text}: say which by its number",
                many.len()
            ));
        }
    }
    let number = text.parse::<u32>().ok().and_then(|n| n.checked_sub(1));
    number
        .filter(|n| plan.numbered_step(*n).is_some())
        .ok_or_else(|| {
            let all: Vec<_> = plan
                .numbered()
                .map(|(n, s)| format!("{} {}", n + 1, s.name))
                .collect();
            format!("there is no step {text}; its steps: {}", all.join(", "))
        })
}
