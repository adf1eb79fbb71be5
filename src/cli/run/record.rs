//! Prints the whole record of one run: requester, reason, plan, definition, and every change with
//! its time.

use crate::cli::out::Out;
use crate::cli::run::log::Which;
use crate::cli::session::Start;
use crate::cli::stop::{Code, Stop};
use crate::control::run::record::Record;
use crate::core::base::time::human_ms;
use crate::core::run::note::RunNote;
use crate::core::run::{Change, Run, RunStep};

pub(in crate::cli) async fn print(which: &Which, json: bool, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let record = control.record(which.find_to_read(&control).await?).await?;
    control.close(false).await;
    let mut out = Out::new();
    if json {
        out.json(&record)?;
        return Ok(Code::Succeeded);
    }
    head(&record, &mut out)?;
    let steps: Vec<_> = record
        .steps
        .iter()
        .map(|step| step_row(step, &record.run))
        .collect();
    out.line("")?;
    out.table(
        ["STEP", "PHASE", "STATUS", "TRIES", "TOOK", "RESULT"],
        &steps,
    )?;
    out.line("")?;
    let changes: Vec<_> = record
        .changes
        .iter()
        .map(|change| change_row(change, &record.run))
        .collect();
    out.table(["WHEN", "WHAT", "BECAME", "BY"], &changes)?;
    if !record.notes.is_empty() {
        let note = |note: &RunNote| [note.at.rfc3339(), note.actor.clone(), note.text.clone()];
        let rows: Vec<_> = record.notes.iter().map(note).collect();
        out.line("")?;
        out.table(["WHEN", "BY", "NOTE"], &rows)?;
    }
    if !record.artifacts.is_empty() {
        let rows: Vec<_> = record
            .artifacts
            .iter()
            .map(|a| crate::cli::run::artifacts::row(a, &record.run))
            .collect();
        out.line("")?;
        out.table(["NO", "KIND", "SIZE", "STEP", "SHA256", "ARTIFACT"], &rows)?;
    }
    Ok(Code::Succeeded)
}

/// Requester, reason, plan and definition.
fn head(record: &Record, out: &mut Out) -> Result<(), Stop> {
    let (run, plan) = (&record.run, &record.run.plan);
    let why = run.why().map(|why| format!(": {why}")).unwrap_or_default();
    out.line(&format!(
        "run {} {}: {}{why}",
        run.id,
        plan.title,
        run.status.name()
    ))?;
    let inputs: Vec<String> = plan
        .inputs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let after = run.parent.map(|parent| format!(", after run {parent}"));
    let again = run.repeats().map(|what| format!(", {what}"));
    let from = format!(
        "{} from {}{}{}",
        run.actor,
        run.trigger,
        after.unwrap_or_default(),
        again.unwrap_or_default()
    );
    let definition = format!(
        "{} {} (definition {})",
        plan.runbook, plan.version, plan.definition_hash
    );
    for (name, value) in [
        ("by", from.as_str()),
        (
            "queue",
            format!("lane {}, {} priority", run.lane.name(), run.priority.name()).as_str(),
        ),
        ("reason", run.reason.as_deref().unwrap_or_default()),
        ("asked", plan.raw_text.as_str()),
        ("understood", plan.restatement.as_str()),
        ("runbook", definition.as_str()),
        ("plan", record.plan_hash.as_str()),
        ("environment", plan.env.as_deref().unwrap_or_default()),
        ("services", plan.services.join(", ").as_str()),
        ("inputs", inputs.join(", ").as_str()),
        ("engine", run.holder.as_deref().unwrap_or_default()),
    ] {
        if !value.is_empty() {
            out.line(&format!("  {name:<12}{value}"))?;
        }
    }
    Ok(())
}

fn step_row(step: &RunStep, run: &Run) -> [String; 6] {
    let (name, phase) = run
        .plan
        .numbered_step(step.index)
        .map_or(("?", "?"), |(planned, phase)| {
            (planned.name.as_str(), phase)
        });
    let took = step
        .started_at
        .zip(step.finished_at)
        .map(|(from, to)| human_ms(to.ms_since(from)));
    [
        name.to_owned(),
        phase.to_owned(),
        step.status.name().to_owned(),
        step.attempt.to_string(),
        took.unwrap_or_else(|| "–".to_owned()),
        step.result().unwrap_or_default(),
    ]
}

fn change_row(change: &Change, run: &Run) -> [String; 4] {
    let what = change.step.map_or_else(
        || format!("run {}", run.id),
        |step| {
            run.plan
                .numbered_step(step)
                .map_or_else(|| format!("step {step}"), |(step, _)| step.name.clone())
        },
    );
    let attempt = change
        .attempt
        .filter(|attempt| *attempt > 1)
        .map(|n| format!(" (attempt {n})"))
        .unwrap_or_default();
    let by = change.by.clone().unwrap_or_default();
    [
        change.at.rfc3339(),
        format!("{what}{attempt}"),
        change.status.clone(),
        by,
    ]
}
