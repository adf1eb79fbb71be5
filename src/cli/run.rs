//! The subcommands about runs; and `opsroom run`, which executes a phrase: performs an act, or starts a run and follows it to its end. A
//! lost terminal does not stop the run; Ctrl-C requests a stop.

pub(super) mod act;
pub(super) mod approve;
pub(super) mod artifacts;
pub(super) mod breakers;
pub(super) mod cancel;
pub(super) mod compare;
pub(super) mod follow;
pub(super) mod lock;
pub(super) mod log;
pub(super) mod note;
pub(super) mod pause;
pub(super) mod pick;
pub(super) mod record;
pub(super) mod resume;
pub(super) mod runs;
pub(super) mod start;

use self::act::{Terms, consent};
use self::follow::{Signals, follow};
use super::plan::card_lines;
use super::session::Start;
use super::stop::{Code, Stop, print_message};
use super::{look, understand};
use crate::control::{Beginning, Refusal};
use crate::core::command::{self, ParseOutcome, Parsed};
use crate::core::run::orders::Pace;
use crate::core::run::priority::Priority;
use crate::core::run::queue::Lane;

/// Execute a phrase and follow the run, or print what a phrase asks to see
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// The phrase, as typed into the command bar
    #[arg(required = true, value_name = "TEXT")]
    text: Vec<String>,
    /// Start a changing run without asking (never enough for a protected environment)
    #[arg(long, short = 'y')]
    yes: bool,
    /// The words a protected environment asks for: `prod web`
    #[arg(long, value_name = "WORDS")]
    confirm: Option<String>,
    /// Set an input of the runbook
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = understand::key_value)]
    inputs: Vec<(String, String)>,
    /// Wait before every step; `opsroom resume RUN --step` lets one go
    #[arg(long)]
    step: bool,
    /// Its place in the queue: low, normal, high or urgent; usually the runbook's
    #[arg(long, value_name = "PRIORITY", value_parser = priority)]
    priority: Option<Priority>,
    /// Whose hands it takes: interactive, or routine for what cron or a pipeline starts
    #[arg(long, value_name = "LANE", value_parser = lane, default_value = "interactive", hide_default_value = true)]
    lane: Lane,
    /// Why, kept with the run
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// One JSON object per line: run, entries, end
    #[arg(long)]
    json: bool,
}

fn priority(text: &str) -> Result<Priority, String> {
    Priority::from_name(text)
        .ok_or_else(|| format!("`{text}` is none of {}", Priority::NAMES.join(", ")))
}

fn lane(text: &str) -> Result<Lane, String> {
    Lane::from_name(text)
        .ok_or_else(|| format!("`{text}` is neither {}", Lane::NAMES.join(" nor ")))
}

/// A look is one phrase, and nothing is started for it.
fn only_looks(args: &RunArgs, parsed: &Parsed) -> Result<(), Stop> {
    if let Some(why) = parsed.more_than_a_look() {
        return Err(Stop::Usage(format!("{why}; nothing was done")));
    }
    let given = [
        ("--step", args.step),
        ("--set", !args.inputs.is_empty()),
        ("--confirm", args.confirm.is_some()),
        ("--reason", args.reason.is_some()),
        ("--lane", args.lane != Lane::Interactive),
        ("--priority", args.priority.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((option, _)) => Err(Stop::Usage(format!(
            "{}: this only looks at something; {option} is for phrases that start or change something; nothing was done",
            parsed.message
        ))),
        None => Ok(()),
    }
}

pub(super) async fn perform(args: &RunArgs, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let text = args.text.join(" ");
    let parsed = command::parse_with(&text, &args.inputs, &*control.catalogue().await?);
    if parsed.view().is_some() {
        only_looks(args, &parsed)?;
        return Box::pin(look::print(control, &parsed, args.json, start)).await;
    }
    let acts = matches!(parsed.outcome, ParseOutcome::Plan | ParseOutcome::Action);
    if acts && parsed.unavailable.is_none() && start.settings()?.read_only {
        return Err(Refusal::ReadOnly.into());
    }
    if let Some(act) = understand::act(&control, &text, args.reason.as_ref()).await? {
        let lane = args.lane != Lane::Interactive;
        if args.step || lane || args.priority.is_some() || !args.inputs.is_empty() {
            let why = "--step, --priority, --lane and --set are for runbooks; nothing was done";
            return Err(Stop::Usage(why.to_owned()));
        }
        let terms = Terms {
            yes: args.yes,
            confirm: args.confirm.as_ref(),
            json: args.json,
            phrase: true,
            ..Terms::default()
        };
        return act::perform(&control, act, terms).await;
    }
    let card = understand::plan(&control, &text, &args.inputs).await?;
    if !args.json {
        for line in card_lines(&card) {
            print_message(&line);
        }
    }
    let typed = consent(&card.plan, args.yes, args.confirm.as_ref()).await?;
    let signals = Signals::new()?;
    let pace = if args.step {
        Pace::Stepping
    } else {
        Pace::Free
    };
    let beginning = Beginning {
        pace,
        lane: Some(args.lane),
        priority: args.priority,
        ..Beginning::default()
    };
    let run = control
        .submit_as(
            card.plan,
            typed.as_deref(),
            args.reason.as_deref(),
            beginning,
        )
        .await?;
    follow(&control, run, args.json, signals).await
}
