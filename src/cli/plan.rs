//! `opsroom plan`: the plan a phrase would run, without running it.

use super::out::Out;
use super::session::Start;
use super::stop::{Code, Stop};
use super::understand;
use crate::control::PlanCard;
use crate::core::base::time::{human_ms, write_duration};
use crate::core::run::Phase;
use crate::core::run::plan::{Plan, PlanStep};
use crate::core::run::step::shell::shell_word;

/// Show what a phrase would do, and do nothing
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    /// The phrase, as typed into the command bar
    #[arg(required = true, value_name = "TEXT")]
    text: Vec<String>,
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// Set an input of the runbook
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = understand::key_value)]
    inputs: Vec<(String, String)>,
}

pub(super) async fn perform(args: &PlanArgs, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let card = understand::plan(&control, &args.text.join(" "), &args.inputs).await?;
    control.close(false).await;
    let mut out = Out::new();
    if args.json {
        out.json(&card.plan)?;
    } else {
        card_lines(&card)
            .iter()
            .flat_map(|line| line.lines())
            .try_for_each(|line| out.line(line))?;
    }
    Ok(Code::Succeeded)
}

/// The plan card as plain lines.
pub(super) fn card_lines(card: &PlanCard) -> Vec<String> {
    let mut lines = Vec::new();
    plan_lines(&card.plan, &mut lines);
    if let Some(word) = card.plan.confirm_word() {
        let quoted = shell_word(&word);
        lines.push(format!("confirm      type `{word}` (--confirm {quoted})"));
    }
    lines.extend(card.queue.iter().map(|line| format!("queue        {line}")));
    lines.extend(
        card.changed
            .iter()
            .map(|line| format!("changed      {line}")),
    );
    for run in &card.last {
        lines.push(format!(
            "last         {} {} {}",
            run.id,
            run.status.name(),
            run.requested_at.rfc3339()
        ));
    }
    lines
}

fn plan_lines(plan: &Plan, lines: &mut Vec<String>) {
    lines.push(plan.title.clone());
    lines.push(format!(
        "runbook      {} {} ({})",
        plan.runbook, plan.version, plan.definition_hash
    ));
    if !plan.inputs.is_empty() {
        let inputs: Vec<_> = plan
            .inputs
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        lines.push(format!("inputs       {}", inputs.join(" ")));
    }
    if !plan.integrations.is_empty() {
        lines.push(format!("calls        {}", plan.integrations.join(", ")));
    }
    lines.push(format!("deadline     {}", human_ms(plan.timeout_ms)));
    if !plan.priority.is_normal() {
        lines.push(format!("priority     {}", plan.priority.name()));
    }
    if let Some(concurrency) = &plan.concurrency {
        lines.push(format!("group        {concurrency}"));
    }
    for risk in &plan.risks {
        lines.push(format!(
            "risk         {} {}: {}",
            risk.level.name(),
            risk.code,
            risk.message
        ));
    }
    if let Some(gate) = &plan.only_if {
        lines.push(format!(
            "{:<12} {}",
            if gate.negated { "unless" } else { "only if" },
            gate.text
        ));
        lines.extend(gate.steps.iter().map(step_line));
    }
    for phase in Phase::ALL {
        let mut steps = plan.steps.iter().filter(|s| s.phase == phase).peekable();
        if steps.peek().is_some() {
            lines.push(phase.name().to_owned());
            lines.extend(steps.map(step_line));
        }
    }
    if !plan.finally.is_empty() {
        lines.push("finally".to_owned());
        lines.extend(plan.finally.iter().map(step_line));
    }
    if !plan.undo.is_empty() {
        lines.push("undo, when action or verify fails, for what completed".to_owned());
        lines.extend(plan.undo.iter().map(step_line));
    }
    for next in &plan.then {
        lines.push(String::new());
        lines.push("then, if that succeeded".to_owned());
        plan_lines(next, lines);
    }
}

fn step_line(step: &PlanStep) -> String {
    let tries = step
        .retry
        .map(|r| format!(", up to {} times", r.attempts))
        .unwrap_or_default();
    let rules = step
        .rules
        .describe()
        .iter()
        .fold(String::new(), |all, rule| all + "\n    " + rule);
    format!(
        "  {}: {} (within {}{tries}){rules}",
        step.name,
        step.spec.describe(),
        write_duration(step.timeout_ms)
    )
}
