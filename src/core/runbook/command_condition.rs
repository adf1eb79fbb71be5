//! Conditions of a command, "only if staging is healthy", built on the healthcheck runbook.

use super::{Request, built_in, planner};
use crate::integration::Integrations;
use crate::run::plan::RunCondition;
use crate::stack::service::Stack;

/// See [`super::gate`].
pub(super) fn gate(
    request: &Request,
    stack: &Stack,
    negated: bool,
) -> Result<RunCondition, String> {
    let healthcheck = built_in::all().iter().find(|r| r.name == "healthcheck");
    let check = healthcheck
        .map(|runbook| {
            planner::plan(
                runbook,
                request,
                stack,
                built_in::all(),
                &Integrations::default(),
            )
        })
        .unwrap_or_default();
    let text = format!("{} is healthy", check.title.trim_start_matches("check "));
    let blocks: Vec<&str> = check.blocks().map(|risk| risk.message.as_str()).collect();
    if !blocks.is_empty() {
        return Err(format!(
            "whether {text} cannot be known: {}",
            blocks.join("; ")
        ));
    }
    let probes: Vec<_> = check.steps.into_iter().filter(|step| step.probe).collect();
    if probes.is_empty() {
        return Err(format!(
            "whether {text} cannot be known: nothing it names has a probe"
        ));
    }
    Ok(RunCondition {
        text,
        steps: probes,
        negated,
    })
}
