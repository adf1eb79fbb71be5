//! Sub-runbooks: a step that calls another runbook becomes that runbook's steps when the plan is
//! made, so that the plan shows them all. They run in the phase of the calling step, under its
//! name, within its deadline.

use std::collections::BTreeSet;

use super::definition::{Need, StepTemplate};
use super::expand::{Draft, Expansion, JumpTo, Nest};
use super::fill::Filler;
use super::plan_inputs::{check_inputs, declared_risks};
use super::plan_words::Words;
use super::targets::resolve;
use super::used_results::used_results;
use super::{Request, Runbook};
use crate::run::plan::placeholder::Escape;
use crate::run::plan::{OnFailure, RiskLevel, Target, Within, hex_sha256};

/// Maximum nesting of calls.
pub const MAX_DEPTH: usize = 8;

/// A step that calls a runbook.
pub(super) struct Call<'a> {
    pub template: &'a StepTemplate,
    pub name: &'a str,
    pub inputs: &'a [(String, String)],
    /// The step's name in the plan.
    pub called: String,
    pub target: Option<&'a Target>,
}

/// Adds the steps of the called runbook.
pub(super) fn expand(
    caller: &Expansion<'_>,
    call: &Call<'_>,
    filler: &Filler<'_>,
    drafts: &mut Vec<Draft>,
    finally: &mut Vec<Draft>,
) {
    let block = |code: &str, message: String| caller.risk(RiskLevel::Block, code, message);
    let mut path = caller.nest.path.clone();
    path.push(call.name.to_owned());
    let Some(runbook) = caller.library.iter().find(|r| r.name == call.name) else {
        return block(
            "UNKNOWN_RUNBOOK",
            format!(
                "step {:?}: there is no runbook {:?}",
                call.template.name, call.name
            ),
        );
    };
    if caller.nest.path.iter().any(|name| name == call.name) {
        return block(
            "RUNBOOK_CYCLE",
            format!("runbooks call each other in a circle: {}", path.join(" → ")),
        );
    }
    if path.len() > MAX_DEPTH {
        return block(
            "RUNBOOK_DEPTH",
            format!("more than {MAX_DEPTH} runbooks deep: {}", path.join(" → ")),
        );
    }
    let request = match request(caller, call, runbook, filler) {
        Ok(request) => request,
        Err(slot) => {
            return block(
                "INPUT_MISSING",
                format!("step {:?} needs {slot}", call.template.name),
            );
        }
    };
    let nest = nest(caller, call, runbook, path);
    let definition = &runbook.definition;
    let (values, mut risks) = check_inputs(runbook, &request, caller.stack);
    let mut resolved = resolve(definition, &request, caller.stack);
    risks.append(&mut resolved.risks);
    let protected = caller.protected || resolved.is_protected(caller.stack);
    let words = Words::new(definition, &resolved);
    risks.extend(declared_risks(
        definition,
        protected,
        &values,
        &words.filler(&values),
        caller.declared,
    ));
    let mut expansion = Expansion {
        runbook,
        resolved: &resolved,
        values: &values,
        stack: caller.stack,
        protected,
        words: &words,
        library: caller.library,
        declared: caller.declared,
        shared: caller.shared,
        nest,
        used_results: used_results(definition),
    };
    for risk in risks {
        expansion.risk(risk.level, &risk.code, risk.message);
    }
    let mut inner = expansion.drafts(&definition.steps, finally);
    for draft in &mut inner {
        draft.step.phase = call.template.phase;
        if let Some(undo) = &mut draft.undo {
            undo.phase = call.template.phase;
        }
        apply_on_failure(caller, call, draft);
    }
    // Cleanup steps are bounded by their own timeouts: those of the runbook have often passed when
    // they run.
    expansion.nest.within = Vec::new();
    let last = expansion.last_drafts();
    let changes = |drafts: &[Draft]| drafts.iter().any(|draft| draft.step.spec.mutates());
    if mutates(runbook, caller.library) || changes(&inner) || changes(&last) {
        let targets = resolved.targets.iter().map(|(_, target)| target.clone());
        caller.shared.reach(targets);
    }
    drafts.extend(inner);
    finally.extend(last);
}

/// The `on_failure` of the calling step applies to every step that would stop the run.
fn apply_on_failure(caller: &Expansion<'_>, call: &Call<'_>, draft: &mut Draft) {
    if draft.jump.is_some() || draft.step.on_failure != OnFailure::Stop {
        return;
    }
    draft.jump = match (&call.template.jump, call.template.on_failure) {
        (Some(to), _) => Some(JumpTo::Step(caller.nest.scope.clone(), to.clone())),
        (None, OnFailure::Continue) => Some(JumpTo::After(call.called.clone())),
        (None, _) => None,
    };
}

/// The same place as the caller's, with inputs of its own.
fn request(
    caller: &Expansion<'_>,
    call: &Call<'_>,
    runbook: &Runbook,
    filler: &Filler<'_>,
) -> Result<Request, String> {
    let inputs = call
        .inputs
        .iter()
        .map(|(name, text)| Ok((name.clone(), filler.fill(text, Escape::Plain)?)));
    let env = call.target.map_or_else(
        || caller.resolved.env.map(|e| e.name.clone()),
        |t| t.env.clone(),
    );
    let services = match call.target {
        _ if runbook.definition.services == Need::None => Vec::new(),
        Some(target) => vec![target.service.clone()],
        None if caller.resolved.named => caller.resolved.services(),
        None => Vec::new(),
    };
    Ok(Request {
        env: env.filter(|_| runbook.definition.env != Need::None),
        services,
        inputs: inputs.collect::<Result<_, String>>()?,
        raw_text: String::new(),
    })
}

fn nest(caller: &Expansion<'_>, call: &Call<'_>, runbook: &Runbook, path: Vec<String>) -> Nest {
    let mut within = caller.nest.within.clone();
    let timeouts = [call.template.timeout_ms, runbook.definition.timeout_ms];
    let timeout_ms = timeouts.into_iter().flatten().min().unwrap_or(i64::MAX);
    within.push(Within {
        name: call.called.clone(),
        timeout_ms,
    });
    // The scope is made of the name in the plan: the same runbook called twice has results of its
    // own each time.
    Nest {
        prefix: format!("{} › ", call.called),
        scope: format!("{}/", call.called),
        within,
        path,
    }
}

/// Whether the runbook or one that it calls changes things.
pub(super) fn mutates(runbook: &Runbook, library: &[Runbook]) -> bool {
    reach(runbook, library).iter().any(|r| r.mutates)
}

/// The hash of a runbook with those that it calls: a change of any of them changes the run.
pub(super) fn hash(runbook: &Runbook, library: &[Runbook]) -> String {
    match reach(runbook, library).as_slice() {
        [alone] => alone.hash.clone(),
        all => {
            let hashes: Vec<&str> = all.iter().map(|r| r.hash.as_str()).collect();
            hex_sha256(hashes.join("+").as_bytes())[..16].to_owned()
        }
    }
}

/// A runbook and all that it calls, itself first, each once.
fn reach<'r>(runbook: &'r Runbook, library: &'r [Runbook]) -> Vec<&'r Runbook> {
    let mut found = vec![runbook];
    let mut seen = BTreeSet::from([runbook.name.as_str()]);
    let mut at = 0;
    while let Some(next) = found.get(at).copied() {
        for (_, name) in next.definition.calls() {
            if seen.insert(name) {
                found.extend(library.iter().find(|r| r.name == name));
            }
        }
        at += 1;
    }
    found
}
