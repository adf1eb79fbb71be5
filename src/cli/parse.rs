//! `opsroom parse`: prints the meaning of a phrase. Needs no store and never creates one.

use std::path::PathBuf;

use super::out::Out;
use super::session::Start;
use super::stop::{Code, Stop, print_message};
use super::understand;
use crate::config;
use crate::control::runbook::Library;
use crate::core::command::{self, Catalogue, ParseOutcome, Parsed};
use crate::core::stack::service::Stack;

/// Print the meaning of a phrase without running it
#[derive(Debug, clap::Args)]
pub struct ParseArgs {
    /// The phrase, as typed into the command bar
    #[arg(required = true, value_name = "TEXT")]
    text: Vec<String>,
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// Set an input of the runbook
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = understand::key_value)]
    inputs: Vec<(String, String)>,
    /// Read names from this stack file instead of the store
    #[arg(long, value_name = "FILE")]
    stack: Option<PathBuf>,
}

pub(super) async fn perform(args: &ParseArgs, start: &Start) -> Result<Code, Stop> {
    let text = args.text.join(" ");
    let (dir, cache) = (start.runbook_dir(), start.cache_dir());
    let library = Library::load(dir.as_deref(), cache.as_deref());
    let stack = match &args.stack {
        Some(file) => read(file)?,
        None if start.has_store()? => stored(start).await?,
        None => Stack::default(),
    };
    let runbooks: Vec<_> = library.names().cloned().collect();
    let catalogue = Catalogue::new(&stack, &runbooks);
    let parsed = command::parse_with(&text, &args.inputs, &catalogue);
    let mut out = Out::new();
    if args.json {
        out.json(&parsed)?;
    } else {
        show(&mut out, &parsed)?;
        if let Some(warning) = understand::unread(&parsed)
            .then(|| library.warning())
            .flatten()
        {
            print_message(&warning);
        }
    }
    Ok(Code::Succeeded)
}

fn read(file: &std::path::Path) -> Result<Stack, Stop> {
    let name = file.display().to_string();
    config::read_text(file)
        .and_then(|text| config::stack::read(&name, &text))
        .map_err(Stop::Problems)
}

async fn stored(start: &Start) -> Result<Stack, Stop> {
    let control = start.open_cli().await?;
    let names = control.stack_names().await?;
    control.close(false).await;
    Ok(names)
}

fn show(out: &mut Out, parsed: &Parsed) -> Result<(), Stop> {
    out.line(&parsed.message)?;
    let mut fact = |name: &str, value: String| {
        if value.is_empty() {
            Ok(())
        } else {
            out.line(&format!("  {name:<13}{value}"))
        }
    };
    fact("outcome", outcome(parsed.outcome).to_owned())?;
    fact(
        "unavailable",
        parsed.unavailable.clone().unwrap_or_default(),
    )?;
    fact("intent", parsed.intent.clone())?;
    fact("env", parsed.env.clone().unwrap_or_default())?;
    fact("services", parsed.services.join(", "))?;
    fact("runbook", parsed.runbook.clone().unwrap_or_default())?;
    fact("routine", parsed.routine.clone().unwrap_or_default())?;
    fact(
        "inputs",
        parsed
            .inputs
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect::<Vec<_>>()
            .join(" "),
    )?;
    fact(
        "mutates",
        if parsed.mutates { "yes" } else { "" }.to_owned(),
    )?;
    fact("missing", parsed.missing.join(", "))?;
    fact("unknown", parsed.unknown.join(", "))?;
    fact(
        "read as",
        parsed
            .corrections
            .iter()
            .map(|c| format!("{} → {}", c.from, c.to))
            .collect::<Vec<_>>()
            .join(", "),
    )?;
    fact(
        "because",
        parsed
            .why
            .iter()
            .map(|w| format!("{} → {}", w.text, w.slot))
            .collect::<Vec<_>>()
            .join(", "),
    )?;
    for reading in &parsed.ambiguous {
        fact("could mean", reading.clone())?;
    }
    for suggestion in &parsed.suggestions {
        fact("try", suggestion.clone())?;
    }
    if let Some(condition) = &parsed.only_if {
        out.line(if parsed.negated {
            "unless:"
        } else {
            "only if:"
        })?;
        show(out, condition)?;
    }
    for next in &parsed.then {
        out.line("then:")?;
        show(out, next)?;
    }
    Ok(())
}

const fn outcome(outcome: ParseOutcome) -> &'static str {
    match outcome {
        ParseOutcome::Plan => "plan",
        ParseOutcome::Action => "action",
        ParseOutcome::View => "view",
        ParseOutcome::Question => "question",
        ParseOutcome::Suggest => "suggest",
        ParseOutcome::Nothing => "nothing",
    }
}
