//! Conditions said in a command, "only if staging is healthy", built on the healthcheck runbook.

use super::{Request, built_in, planner, targets::block};
use crate::core::plan::{Gate, Plan, Risk, RiskLevel};
use crate::core::service::Stack;

/// The gate, and what stands in the way of knowing it.
pub(super) fn check(request: &Request, stack: &Stack) -> (Gate, Vec<Risk>) {
    let Some(healthcheck) = built_in::all().iter().find(|r| r.name == "healthcheck") else {
        return (gate_of(request, Plan::default()), vec![unknowable("there is no healthcheck runbook")]);
    };
    let mut check = planner::plan(healthcheck, request, stack);
    let mut risks: Vec<Risk> = std::mem::take(&mut check.risks);
    // That a check changes nothing is no news about the plan it guards.
    risks.retain(|r| r.level != RiskLevel::Info || r.code == "LEFT_OUT");
    for risk in &mut risks {
        risk.message = format!("condition: {}", risk.message);
    }
    let gate = gate_of(request, check);
    if gate.steps.is_empty() && !risks.iter().any(|r| r.level == RiskLevel::Block) {
        risks.push(unknowable("nothing it names has a probe"));
    }
    (gate, risks)
}

/// Puts a plan under the condition.
pub(super) fn put(plan: &mut Plan, request: &Request, negated: bool, stack: &Stack) {
    let (gate, risks) = check(request, stack);
    plan.only_if = Some(Gate { negated, ..gate });
    plan.risks.extend(risks);
    plan.risks.sort_by_key(|r| std::cmp::Reverse(r.level));
}

fn gate_of(request: &Request, check: Plan) -> Gate {
    let text = if request.raw_text.trim().is_empty() { check.title } else { request.raw_text.trim().to_owned() };
    Gate { text, steps: check.steps.into_iter().filter(|s| s.probe).collect(), negated: false }
}

fn unknowable(why: &str) -> Risk {
    block("NOT_CONFIGURED", format!("condition: it cannot be known: {why}"))
}
