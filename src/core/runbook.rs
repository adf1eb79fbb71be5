//! Runbooks: versioned templates of plans, read from TOML or Markdown; and how a request, a runbook
//! and a stack become a plan.

mod built_in;
mod call;
mod command_condition;
mod condition;
pub mod definition;
mod documents;
mod effect;
mod expand;
mod file;
mod fill;
mod find;
pub mod for_routine;
mod group;
pub mod input;
mod integrations;
mod markdown;
pub mod naming;
pub mod page;
mod page_name;
mod plan_inputs;
mod plan_words;
mod planner;
mod read;
pub mod sheet;
pub mod shell_block;
pub mod stack_approval;

pub mod cross_lint;
pub mod scope;
mod shell;
pub mod statement;
mod targets;
mod used_results;

use std::collections::BTreeMap;

use definition::Definition;

use crate::base::problem::Problem;
use crate::command::RunbookName;
use crate::integration::Integrations;
use crate::routine::scheduled::Scheduled;
use crate::run::Phase;
use crate::run::plan::{OnFailure, Plan, PlanStep, RunCondition, Target, targets_of};
use crate::stack::service::{Stack, Verb};

/// A loaded, checked runbook.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Runbook {
    pub name: String,
    /// Other names it can be called by: a page's title, its path below the folder.
    pub also: Vec<String>,
    /// Its title without a target: `deploy`, `generate spec`.
    pub title: String,
    pub version: String,
    pub mutates: bool,
    pub phrases: Vec<String>,
    /// (name, required), required ones first.
    pub inputs: Vec<(String, bool)>,
    /// First 16 hex digits of the SHA-256 of the file.
    pub hash: String,
    /// Its steps and rules.
    pub definition: Definition,
    /// Problems of a page that can still be used: the rest of it is correct.
    pub problems: Vec<Problem>,
}

impl Runbook {
    /// Its data for the command language.
    #[must_use]
    pub fn as_name(&self) -> RunbookName {
        RunbookName {
            name: self.name.clone(),
            also: self.also.clone(),
            phrases: self.phrases.clone(),
            mutates: self.mutates,
            placeless: self.definition.env == definition::Need::None,
            inputs: self.inputs.clone(),
        }
    }
}

/// A request for a plan: the slots of a parsed command.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Request {
    pub env: Option<String>,
    /// `["*"]`: all. Empty: the runbook's default.
    pub services: Vec<String>,
    pub inputs: BTreeMap<String, String>,
    pub raw_text: String,
}

/// Reads a runbook file; all problems in one pass.
///
/// # Errors
/// Every problem found, with its line.
pub fn parse(file: &str, text: &str) -> Result<Runbook, Vec<Problem>> {
    if is_page(file) {
        markdown::parse(file, text)
    } else {
        file::parse(file, text)
    }
}

/// Whether the file is Markdown, by its name.
#[must_use]
pub fn is_page(file: &str) -> bool {
    [".md", ".markdown"]
        .into_iter()
        .any(|end| file.to_lowercase().ends_with(end))
}

/// The runbooks that ship with opsroom (`assets/runbooks/`).
#[must_use]
pub fn built_in() -> Vec<Runbook> {
    built_in::all().to_vec()
}

/// The runbook of that name that ships with opsroom.
#[must_use]
pub fn built_in_named(name: &str) -> Option<&'static Runbook> {
    built_in::all().iter().find(|runbook| runbook.name == name)
}

/// Makes the plan. Never fails: every obstacle becomes a block risk that says how to remove it.
#[must_use]
pub fn plan(runbook: &Runbook, request: &Request, stack: &Stack) -> Plan {
    plan_in(
        runbook,
        request,
        stack,
        built_in::all(),
        &Integrations::default(),
    )
}

/// Like [`plan`], with the runbooks that it may call, and the integrations that it may name.
#[must_use]
pub fn plan_in(
    runbook: &Runbook,
    request: &Request,
    stack: &Stack,
    library: &[Runbook],
    declared: &Integrations,
) -> Plan {
    planner::plan(runbook, request, stack, library, declared)
}

/// The routines of a stack: those it declares, and a probe for each target that has a `probe`
/// action, each `every_ms` milliseconds; 0: no probes.
#[must_use]
pub fn scheduled(stack: &Stack, every_ms: i64) -> Vec<Scheduled> {
    let declared = stack.routines.iter().map(Scheduled::declared);
    let probes = each_probe(stack)
        .filter(|_| every_ms > 0)
        .map(|(target, step)| Scheduled::probe(target, step, every_ms));
    declared.chain(probes).collect()
}

fn each_probe(stack: &Stack) -> impl Iterator<Item = (Target, Result<PlanStep, String>)> {
    stack.services.iter().flat_map(|service| {
        targets_of(service).into_iter().filter_map(move |target| {
            let action = service.action(Verb::Probe, target.env.as_deref())?;
            let filler = fill::Filler {
                env: target.env.as_deref(),
                service: Some(&service.name),
                ..fill::Filler::default()
            };
            let spec = expand::action_spec(action, &filler);
            let step = spec.map(|spec| PlanStep {
                on_failure: OnFailure::Continue,
                idempotent: true,
                probe: true,
                ..PlanStep::new(
                    &format!("probe {target}"),
                    Phase::Verify,
                    spec,
                    action.timeout_ms,
                )
                .on(target.clone())
            });
            Some((target, step))
        })
    })
}

/// The condition "… is healthy" about the targets of a request: the probes of a healthcheck.
/// `negated`: it must *not* hold ("unless staging is healthy").
///
/// # Errors
/// Why it cannot be decided: none of its targets can be probed, or they do not exist. That blocks
/// the plan.
pub fn gate(request: &Request, stack: &Stack, negated: bool) -> Result<RunCondition, String> {
    command_condition::gate(request, stack, negated)
}

#[cfg(test)]
mod rules_tests;
#[cfg(test)]
mod tests;
