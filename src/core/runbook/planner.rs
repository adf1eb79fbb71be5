//! Makes a plan of a runbook, a request and a stack. Never fails: every obstacle becomes a block
//! risk that says how to remove it.

use std::collections::{BTreeMap, BTreeSet};

use super::definition::{Definition, Origin};
use super::expand::{Draft, Expansion, JumpTo, Nest, Shared};
use super::fill::Filler;
use super::plan_inputs::{check_inputs, declared_risks, unexpected_targets};
use super::plan_words::Words;
use super::targets::{block, resolve};
use super::used_results::used_results;
use super::{Request, Runbook, stack_approval};
use crate::base::outbound::host_words;
use crate::command::typed_name;
use crate::integration::Integrations;
use crate::run::plan::placeholder::{Piece, Slot, pieces};
use crate::run::plan::{OnFailure, Plan, PlanStep, Risk, RiskLevel};
use crate::run::step::StepSpec;
use crate::stack::service::{Environment, Stack};

const DEFAULT_TIMEOUT_MS: i64 = 30 * 60_000;

/// See [`super::plan_in`].
pub(super) fn plan(
    runbook: &Runbook,
    request: &Request,
    stack: &Stack,
    library: &[Runbook],
    declared: &Integrations,
) -> Plan {
    let definition = &runbook.definition;
    let (values, mut risks) = check_inputs(runbook, request, stack);
    let mut resolved = resolve(definition, request, stack);
    risks.append(&mut resolved.risks);
    risks.extend(unexpected_targets(runbook, request));
    let words = Words::new(definition, &resolved);
    let shared = Shared::default();
    let expansion = Expansion {
        runbook,
        resolved: &resolved,
        values: &values,
        stack,
        protected: resolved.is_protected(stack),
        words: &words,
        library,
        declared,
        shared: &shared,
        nest: Nest {
            path: vec![runbook.name.clone()],
            ..Nest::default()
        },
        used_results: used_results(definition),
    };
    let mut later = Vec::new();
    let mut drafts = expansion.drafts(&definition.steps, &mut later);
    let mut finally = expansion.last_drafts();
    finally.extend(later);
    risks.extend(expansion.risks(&request.inputs));
    risks.extend(declared_risks(
        definition,
        expansion.protected,
        &values,
        &words.filler(&values),
        declared,
    ));
    let concurrency = super::group::group(definition, &resolved, &values).unwrap_or_else(|risk| {
        risks.push(risk);
        None
    });
    let mut all_drafts = drafts.iter().chain(&finally);
    let changes = all_drafts.any(|draft| draft.step.spec.mutates());
    let reached = shared.reached();
    let protected_places = resolved.protected_places(&reached, stack);
    let protected = !protected_places.is_empty();
    let mutates = runbook.mutates || super::call::mutates(runbook, library) || changes;
    // Before the approvals that the stack file demands, which are no work of the runbook.
    let is_empty = drafts.is_empty();
    if mutates {
        let all = (&resolved, &reached);
        risks.extend(stack_approval::demand(&mut drafts, &finally, all, stack));
    }
    let (steps, finally, undo) = numbered(drafts, finally, &mut risks);
    if mutates && protected {
        risks.push(prod_change(&protected_places));
    }
    if definition.origin == Origin::Reference {
        let message = format!(
            "{} is a page to read: it has no shell block, so nothing of it can be run",
            runbook.name
        );
        risks.push(block("REFERENCE_ONLY", message));
    }
    if is_empty && !risks.iter().any(|r| r.level == RiskLevel::Block) {
        risks.push(block(
            "NOTHING_TO_DO",
            format!("{} has no step to run here", runbook.name),
        ));
    }
    let all: Vec<&PlanStep> = steps.iter().chain(&finally).chain(&undo).collect();
    Plan {
        runbook: runbook.name.clone(),
        version: runbook.version.clone(),
        definition_hash: super::call::hash(runbook, library),
        title: title(definition, &words.filler(&values)),
        env: resolved.env.map(|e| e.name.clone()),
        services: resolved.services(),
        mutates,
        protected,
        protected_envs: beyond_its_own(protected_places, resolved.env),
        risks: worst_first(risks),
        integrations: integrations(&all),
        timeout_ms: definition
            .timeout_ms
            .unwrap_or_else(|| DEFAULT_TIMEOUT_MS.max(longest_ms(&all))),
        priority: definition.priority,
        concurrency,
        raw_text: request.raw_text.clone(),
        restatement: restatement(runbook, &words.filler(&values), &request.inputs),
        inputs: values,
        steps,
        finally,
        undo,
        only_if: None,
        then: Vec::new(),
    }
}

/// Gives steps their numbers: jumps and undo steps refer to them. Undo steps are listed in the
/// order they would run.
fn numbered(
    drafts: Vec<Draft>,
    finally: Vec<Draft>,
    risks: &mut Vec<Risk>,
) -> (Vec<PlanStep>, Vec<PlanStep>, Vec<PlanStep>) {
    let mut drafts = drafts;
    for at in 0..drafts.len() {
        let Some(to) = drafts[at].jump.clone() else {
            continue;
        };
        let found = jump_to(&drafts, at, &to);
        if let Some(found) = found {
            drafts[at].step.on_failure = OnFailure::Jump(u32::try_from(found).unwrap_or(u32::MAX));
        } else if let JumpTo::Step(_, name) = to {
            let message = format!(
                "step {:?} stops the run when it fails: {name:?} is not part of it",
                drafts[at].step.name
            );
            risks.push(Risk {
                level: RiskLevel::Warn,
                code: "JUMP_LOST".to_owned(),
                message,
            });
        }
    }
    let mut undo = Vec::new();
    for (number, draft) in drafts.iter().enumerate().rev() {
        undo.extend(draft.undo.clone().map(|mut step| {
            step.rules.undoes = u32::try_from(number).ok();
            step
        }));
    }
    let plain = |drafts: Vec<Draft>| drafts.into_iter().map(|d| d.step).collect();
    (plain(drafts), plain(finally), undo)
}

fn jump_to(drafts: &[Draft], from: usize, to: &JumpTo) -> Option<usize> {
    let after = drafts.iter().enumerate().skip(from + 1);
    match to {
        JumpTo::Step(scope, name) => after
            .into_iter()
            .find(|(_, d)| d.origin.0 == *scope && d.origin.1 == *name)
            .map(|(at, _)| at),
        // After the last step nothing remains to do.
        JumpTo::After(block) => {
            let outside = |d: &Draft| d.step.rules.within.iter().all(|w| w.name != *block);
            Some(
                after
                    .into_iter()
                    .find(|(_, d)| outside(d))
                    .map_or(drafts.len(), |(at, _)| at),
            )
        }
    }
}

/// None, if the environment of the plan is all that is protected.
fn beyond_its_own(places: Vec<String>, own: Option<&Environment>) -> Vec<String> {
    match (places.as_slice(), own) {
        ([one], Some(own)) if *one == own.name => Vec::new(),
        _ => places,
    }
}

fn prod_change(places: &[String]) -> Risk {
    let are = if places.len() == 1 { "is" } else { "are" };
    Risk {
        level: RiskLevel::Warn,
        code: "PROD_CHANGE".to_owned(),
        message: format!("changes {}, which {are} protected", places.join(" and ")),
    }
}

fn worst_first(mut risks: Vec<Risk>) -> Vec<Risk> {
    risks.sort_by_key(|r| std::cmp::Reverse(r.level));
    let mut seen = BTreeSet::new();
    risks.retain(|r| seen.insert((r.code.clone(), r.message.clone())));
    risks
}

/// The title of a plan. A title that does not mention the target gets it appended.
fn title(definition: &Definition, filler: &Filler<'_>) -> String {
    let about_target = |piece: &Piece<'_>| {
        matches!(
            piece,
            Piece::Slot(Slot::Env | Slot::Services | Slot::Target)
        )
    };
    if definition.title.contains("{inputs.") || pieces(&definition.title).iter().any(about_target) {
        return filler.phrase(&definition.title);
    }
    filler.phrase(&format!("{} · {{target}}", definition.title))
}

/// The canonical phrase; inputs it does not mention follow as `with name=value`.
fn restatement(runbook: &Runbook, filler: &Filler<'_>, given: &BTreeMap<String, String>) -> String {
    let by_name = format!(
        "run {} runbook on {{services}} in {{env}}",
        typed_name(&runbook.name)
    );
    let template = runbook
        .definition
        .restatement
        .as_deref()
        .unwrap_or(&by_name);
    let mentioned = |name: &str| pieces(template).contains(&Piece::Slot(Slot::Input(name)));
    let others = given.iter().filter(|(name, _)| !mentioned(name));
    let others: Vec<String> = others
        .map(|(name, value)| format!("{name}={}", quoted(value)))
        .collect();
    let phrase = filler.phrase(template);
    if others.is_empty() {
        phrase
    } else {
        format!("{phrase} with {}", others.join(" "))
    }
}

fn quoted(value: &str) -> String {
    let is_word = !value.is_empty()
        && value
            .chars()
            .all(|c| c.is_alphanumeric() || "._-+/:@".contains(c));
    if is_word {
        value.to_owned()
    } else {
        serde_json::Value::from(value).to_string()
    }
}

/// The integrations that the steps use, each once, in the order of the steps.
fn integrations(steps: &[&PlanStep]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for step in steps {
        let with = match &step.spec {
            StepSpec::Http(http) => format!("http {}", host_words(&http.request.url)),
            StepSpec::Shell(_) => "shell".to_owned(),
            StepSpec::Sql(sql) => format!("sql {}", sql.database),
            StepSpec::Notify(notify) => format!("notify {}", notify.to),
            StepSpec::Adapter(adapter) => adapter
                .operation
                .split('.')
                .next()
                .unwrap_or_default()
                .to_owned(),
            StepSpec::Wait(_)
            | StepSpec::Manual(_)
            | StepSpec::Approve(_)
            | StepSpec::Document(_) => continue,
        };
        if !found.contains(&with) {
            found.push(with);
        }
    }
    found
}

/// The longest total time of the steps, when every attempt runs into its deadline.
fn longest_ms(steps: &[&PlanStep]) -> i64 {
    let longest = |step: &&PlanStep| {
        let Some(retry) = step.retry else {
            return step.timeout_ms;
        };
        let waits = (1..retry.attempts)
            .map(|n| retry.wait_ms(n))
            .fold(0, i64::saturating_add);
        step.timeout_ms
            .saturating_mul(i64::from(retry.attempts))
            .saturating_add(waits)
    };
    steps.iter().map(longest).fold(0, i64::saturating_add)
}
