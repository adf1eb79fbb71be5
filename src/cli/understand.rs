//! Turns a phrase into a plan or an act, or into a message why there is none. Shared by `plan` and
//! `run`.

use super::stop::{Stop, print_message};
use crate::control::{Control, PlanCard};
use crate::core::base::time::Timestamp;
use crate::core::command::run_ref::RunRef;
use crate::core::command::{self, CommandAct, ParseOutcome, Parsed, ViewCommand};
use crate::core::run::act::Act;
use crate::core::run::step::shell::shell_word;

/// `key=value` on the command line.
pub(super) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => Err(format!("`{text}` is not KEY=VALUE")),
    }
}

/// Parses the phrase with the inputs of `--set` and makes its plan; anything else is refused with the
/// message of the parser.
pub(super) async fn plan(
    control: &Control,
    text: &str,
    inputs: &[(String, String)],
) -> Result<PlanCard, Stop> {
    let catalogue = control.catalogue().await?;
    let parsed = command::parse_with(text, inputs, &catalogue);
    if parsed.outcome != ParseOutcome::Plan || parsed.unavailable.is_some() {
        let warning = unread(&parsed)
            .then(|| control.library().warning())
            .flatten();
        return Err(Stop::Usage(
            why_not(&parsed) + &warning.map_or_else(String::new, |warning| format!("\n{warning}")),
        ));
    }
    for fix in &parsed.corrections {
        print_message(&format!("read {} as {}", fix.from, fix.to));
    }
    Ok(control.plan(&parsed, &[], text).await?)
}

/// The act of a phrase, with the run that was found for it; `None`: the phrase is something else.
pub(super) async fn act(
    control: &Control,
    text: &str,
    reason: Option<&String>,
) -> Result<Option<Act>, Stop> {
    let parsed = command::parse(text, &*control.catalogue().await?);
    let Some(act) = parsed.act(control.clock().now()) else {
        return Ok(None);
    };
    let act = match act.map_err(Stop::Usage)? {
        CommandAct::Complete(act) => act,
        CommandAct::OnRun { run, act } => {
            let chosen = control.find_run(&run).await?;
            if run != RunRef::Number(chosen.run) {
                print_message(&chosen.line);
            }
            act.on(chosen.run)
        }
    };
    if reason.is_some() && matches!(act, Act::Note { .. } | Act::Link { .. }) {
        let why =
            "a note and a link take no --reason: the text of the phrase is kept; nothing was done";
        return Err(Stop::Usage(why.to_owned()));
    }
    let act = match reason {
        Some(reason) => act.because(Some(reason.clone())),
        None => act,
    };
    let rejects = matches!(
        act,
        Act::Vote {
            approved: false,
            ..
        }
    );
    if rejects && act.reason().is_none() {
        let why = "a refusal needs a reason: add --reason TEXT; nothing was done";
        return Err(Stop::Usage(why.to_owned()));
    }
    Ok(Some(act))
}

/// The subcommand that shows the same.
fn subcommand(parsed: &Parsed) -> String {
    let verb = match parsed.view() {
        Some(ViewCommand::Run) => "runs",
        Some(ViewCommand::Log) => "log",
        Some(ViewCommand::Runs) => return "opsroom runs".to_owned(),
        Some(ViewCommand::Audit) => return "opsroom audit".to_owned(),
        Some(ViewCommand::File) => {
            let path = parsed.inputs.get("path").map_or("FILE", String::as_str);
            return format!("opsroom log {}", shell_word(path));
        }
        Some(ViewCommand::Locks) => return "opsroom locks".to_owned(),
        Some(ViewCommand::EditRoutine) => {
            let name = shell_word(parsed.routine.as_deref().unwrap_or("NAME"));
            return format!("opsroom routines edit {name}");
        }
        Some(ViewCommand::NewRoutine) => {
            return "opsroom routines create --file FILE".to_owned();
        }
        _ => return "a subcommand (opsroom help)".to_owned(),
    };
    match RunRef::of(parsed, Timestamp::default()) {
        Ok(RunRef::Number(run)) => format!("opsroom {verb} {}", run.0),
        Ok(RunRef::Newest(newest)) => {
            format!("opsroom {verb} {}", shell_word(&format!("last {newest}")))
        }
        Err(_) => format!("opsroom {verb} RUN"),
    }
}

/// Whether not every word was understood: the phrase may name a runbook that failed to load.
pub(super) fn unread(parsed: &Parsed) -> bool {
    let no_command = matches!(
        parsed.outcome,
        ParseOutcome::Suggest | ParseOutcome::Nothing
    );
    no_command || (parsed.outcome == ParseOutcome::Question && !parsed.unknown.is_empty())
}

/// Why a phrase makes no plan, and what to type instead.
pub(super) fn why_not(parsed: &Parsed) -> String {
    let mut lines = vec![match parsed.outcome {
        _ if parsed.unavailable.is_some() => {
            return format!("{}; nothing was done", parsed.message);
        }
        ParseOutcome::View => {
            format!(
                "{}: this only looks at something; use the console, or {}",
                parsed.message,
                subcommand(parsed)
            )
        }
        ParseOutcome::Action => {
            format!(
                "{}: this is no runbook; `opsroom run` does it",
                parsed.message
            )
        }
        _ => parsed.message.clone(),
    }];
    lines.extend(
        parsed
            .ambiguous
            .iter()
            .map(|reading| format!("  could mean: {reading}")),
    );
    lines.extend(
        parsed
            .suggestions
            .iter()
            .map(|suggestion| format!("  try: {suggestion}")),
    );
    lines.join("\n")
}
