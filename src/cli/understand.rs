//! From a phrase to a plan, or to the sentence that says why there is none: shared by `plan` and `run`.

use super::stop::{Code, Stop, tell};
use crate::control::{Control, PlanCard};
use crate::core::command::{self, ParseOutcome, Parsed};
use crate::core::run_ref::RunRef;
use crate::core::time::Timestamp;

/// `key=value` on the command line.
pub(super) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not KEY=VALUE")),
    }
}

/// Parses the phrase and makes its plan; anything but a plan is refused in the words of the language.
pub(super) async fn plan(control: &Control, text: &str, inputs: &[(String, String)]) -> Result<PlanCard, Stop> {
    let catalogue = control.catalogue().await?;
    let mut parsed = command::parse(text, &catalogue);
    if let Some(said) = with_given(text, &parsed.missing, inputs) {
        parsed = command::parse(&said, &catalogue);
    }
    if parsed.outcome != ParseOutcome::Plan || parsed.unavailable.is_some() {
        let told = unread(&parsed).then(|| control.library().warning()).flatten();
        return Err(Stop::Usage(why_not(&parsed) + &told.map_or_else(String::new, |told| format!("\n{told}"))));
    }
    for fix in &parsed.corrections {
        tell(&format!("read {} as {}", fix.from, fix.to));
    }
    Ok(control.plan(&parsed, inputs, text).await?)
}

/// The phrase with the inputs it lacks, where `--set` gives them. Only their names: the values are filled into the plan.
fn with_given(text: &str, missing: &[String], inputs: &[(String, String)]) -> Option<String> {
    let given: Vec<&str> = missing.iter().filter(|m| inputs.iter().any(|(k, _)| k == *m)).map(String::as_str).collect();
    let said = given.iter().fold(text.to_owned(), |text, name| text + " " + name + "=given");
    (!given.is_empty()).then_some(said)
}

/// Does what the phrase says when that is an action which is no run; `None`: it is something else.
pub(super) async fn act(control: &Control, text: &str, reason: Option<&str>) -> Result<Option<Code>, Stop> {
    let parsed = command::parse(text, &*control.catalogue().await?);
    let target = parsed.inputs.get("target");
    let (ParseOutcome::Action, "reset_breaker", Some(target)) = (parsed.outcome, parsed.intent.as_str(), target) else {
        return Ok(None);
    };
    let reason = reason.or(parsed.inputs.get("reason").map(String::as_str));
    for way in control.reset_breaker(target, parsed.env.as_deref(), reason).await? {
        tell(&format!("the breaker of {way} is closed"));
    }
    Ok(Some(Code::Succeeded))
}

/// The subcommand that does the same.
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

/// Nothing was understood, or not every word: a runbook that did not load may be what is meant.
pub(super) fn unread(parsed: &Parsed) -> bool {
    let no_command = matches!(parsed.outcome, ParseOutcome::Suggest | ParseOutcome::Nothing);
    no_command || (parsed.outcome == ParseOutcome::Question && !parsed.unknown.is_empty())
}

/// What is missing or meant otherwise, and what to say instead.
pub(super) fn why_not(parsed: &Parsed) -> String {
    let mut lines = vec![match parsed.outcome {
        _ if parsed.unavailable.is_some() => return format!("{}; nothing was done", parsed.message),
        ParseOutcome::View => {
            format!("{}: this only looks at something; use the console, or {}", parsed.message, subcommand(parsed))
        }
        ParseOutcome::Action => {
            format!("{}: this is no runbook; use the console, or {}", parsed.message, subcommand(parsed))
        }
        _ => parsed.message.clone(),
    }];
    lines.extend(parsed.ambiguous.iter().map(|reading| format!("  could mean: {reading}")));
    lines.extend(parsed.suggestions.iter().map(|suggestion| format!("  try: {suggestion}")));
    lines.join("\n")
}
