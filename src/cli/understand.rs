//! Turns a phrase into a plan, or into a message why there is none. Shared by `plan` and `run`.

use super::stop::{Code, Stop, print_message};
use crate::control::{Control, PlanCard};
use crate::core::base::time::Timestamp;
use crate::core::command::run_ref::RunRef;
use crate::core::command::{self, ParseOutcome, Parsed};

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

/// Executes a phrase that is an action without a run; `None`: the phrase is something else.
pub(super) async fn act(
    control: &Control,
    text: &str,
    reason: Option<&str>,
) -> Result<Option<Code>, Stop> {
    let parsed = command::parse(text, &*control.catalogue().await?);
    let target = parsed.inputs.get("target");
    let (ParseOutcome::Action, "reset_breaker", Some(target)) =
        (parsed.outcome, parsed.intent.as_str(), target)
    else {
        return Ok(None);
    };
    let reason = reason.or(parsed.inputs.get("reason").map(String::as_str));
    for way in control
        .reset_breaker(target, parsed.env.as_deref(), reason)
        .await?
    {
        print_message(&format!("the breaker of {way} is closed"));
    }
    Ok(Some(Code::Succeeded))
}

/// The equivalent subcommand.
fn subcommand(parsed: &Parsed) -> String {
    let verb = match parsed.intent.as_str() {
        "show_run" => "runs",
        "tail_run" => "log",
        "cancel_run" => "cancel",
        "stop_run" => "cancel --after-step",
        "pause_run" => "pause",
        "resume_run" => "resume",
        "retry_run" => "retry",
        "start_run" => "start",
        "approve" => "approve",
        "reject" => "reject",
        "list_runs" => return "opsroom runs".to_owned(),
        "audit" => return "opsroom audit".to_owned(),
        _ => return "a subcommand (opsroom help)".to_owned(),
    };
    match RunRef::of(parsed, Timestamp::default()) {
        Ok(RunRef::Number(run)) => format!("opsroom {verb} {}", run.0),
        Ok(RunRef::Newest(newest)) => format!("opsroom {verb} \"last {newest}\""),
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
                "{}: this is no runbook; use the console, or {}",
                parsed.message,
                subcommand(parsed)
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
