//! Makes a plan of a runbook, a request and a stack. Never fails: every obstacle becomes a block
//! risk that says how to remove it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::definition::{Definition, Need, Origin, RiskRule};
use super::expand::{Draft, Expansion, JumpTo, Nest, Shared};
use super::fill::Filler;
use super::input::Values;
use super::targets::{Resolved, block, resolve};
use super::{Request, Runbook};
use crate::base::outbound::host_words;
use crate::base::suggest::nearest;
use crate::command::typed_name;
use crate::integration::Integrations;
use crate::run::plan::placeholder::{Escape, Piece, Slot, pieces};
use crate::run::plan::{OnFailure, Plan, PlanStep, Risk, RiskLevel};
use crate::run::step::StepSpec;
use crate::stack::service::Stack;

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
    let protected = resolved.is_protected(stack);
    let words = Words::new(definition, &resolved);
    let shared = Shared::default();
    let expansion = Expansion {
        runbook,
        resolved: &resolved,
        values: &values,
        stack,
        protected,
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
        protected,
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
    let mutates = runbook.mutates || super::call::mutates(runbook, library) || changes;
    // Before the approvals that the stack file demands, which are no work of the runbook.
    let is_empty = drafts.is_empty();
    if mutates {
        let demanded = super::stack_approval::demand(&mut drafts, &finally, &resolved, stack);
        risks.extend(demanded);
    }
    let (steps, finally, undo) = numbered(drafts, finally, &mut risks);
    if mutates && protected {
        risks.push(prod_change(&resolved));
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
        protected_envs: resolved.protected_envs(stack),
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

/// The results that the expressions and texts of a runbook use.
pub(super) fn used_results(definition: &Definition) -> HashSet<String> {
    let mut used_results = HashSet::new();
    for step in definition.all_steps() {
        let when = step.when.iter().map(super::condition::Condition::expr);
        let kept = step.save.values().chain(step.links.values());
        for expr in when.chain(&step.expect).chain(kept) {
            used_results.extend(
                expr.uses()
                    .into_iter()
                    .filter(|(name, _)| name == "steps")
                    .filter_map(|(_, step)| step),
            );
        }
        super::used_results::used_results(&step.does, &mut used_results);
    }
    used_results
}

/// Checked values, defaults included, and a risk for every input that is wrong, missing or unknown.
pub(super) fn check_inputs(
    runbook: &Runbook,
    request: &Request,
    stack: &Stack,
) -> (Values, Vec<Risk>) {
    let mut values = Values::new();
    let mut risks = Vec::new();
    let declared = &runbook.definition.inputs;
    for input in declared {
        let given = request.inputs.get(&input.name);
        let Some(value) = given.or(input.default.as_ref()) else {
            if input.required {
                risks.push(block(
                    "INPUT_MISSING",
                    format!(
                        "{} needs {name}: say {name}=…",
                        runbook.name,
                        name = input.name
                    ),
                ));
            }
            continue;
        };
        match input.kind.check(value, stack) {
            // Results of steps are filled in at run time at this marker; a value must not contain
            // it.
            Ok(right) if right.contains("{steps.") => {
                risks.push(block(
                    "INPUT_INVALID",
                    format!("{}: {value:?} must not hold `{{steps.`", input.name),
                ));
            }
            Ok(right) => {
                values.insert(input.name.clone(), right);
            }
            Err(why) => risks.push(block(
                "INPUT_INVALID",
                format!("{}: {value:?} {why}", input.name),
            )),
        }
    }
    let names: Vec<&str> = declared.iter().map(|i| i.name.as_str()).collect();
    for (name, value) in request
        .inputs
        .iter()
        .filter(|(name, _)| !names.contains(&name.as_str()))
    {
        // The command language parses "in 10 minutes" and "tomorrow 09:00" into this input.
        let risk = if name == "at" {
            not_scheduled(value)
        } else {
            undeclared(&runbook.name, name, &names)
        };
        risks.push(risk);
    }
    (values, risks)
}

/// Blocks a mutating command that names services or an environment its runbook does not take.
fn unexpected_targets(runbook: &Runbook, request: &Request) -> Vec<Risk> {
    let definition = &runbook.definition;
    let what = [
        (
            definition.services == Need::None && !request.services.is_empty(),
            "services",
        ),
        (
            definition.env == Need::None && request.env.is_some(),
            "an environment",
        ),
    ];
    let unexpected = what
        .into_iter()
        .filter(|(unexpected, _)| *unexpected && runbook.mutates);
    unexpected
        .map(|(_, what)| {
            block(
                "INPUT_UNDECLARED",
                format!("{} does not take {what}; leave it out", runbook.name),
            )
        })
        .collect()
}

fn not_scheduled(time: &str) -> Risk {
    let message = format!(
        "scheduling a run for later ({time}) is not in this version; leave the time out and start it then"
    );
    block("NOT_SCHEDULED", message)
}

fn undeclared(runbook: &str, name: &str, names: &[&str]) -> Risk {
    let hint = match (nearest(name, names), names) {
        (Some(near), _) => format!("did you mean {near}?"),
        (None, []) => "it has no inputs".to_owned(),
        (None, names) => format!("its inputs are {}", names.join(", ")),
    };
    block(
        "INPUT_UNDECLARED",
        format!("{runbook} has no input {name:?}; {hint}"),
    )
}

pub(super) fn declared_risks(
    definition: &Definition,
    protected: bool,
    values: &Values,
    filler: &Filler<'_>,
    declared: &Integrations,
) -> Vec<Risk> {
    let known = super::scope::early_values(&definition.inputs, values, protected, filler, declared);
    let present = |rule: &RiskRule| {
        let message = filler.phrase(&rule.message);
        let message = match rule.when.as_ref().map(|when| when.holds(&known)) {
            None | Some(Ok(true)) => message,
            Some(Ok(false)) => return None,
            // A risk that cannot be ruled out counts as present.
            Some(Err(why)) => format!("{message} (counts as present: {why})"),
        };
        Some(Risk {
            level: rule.level,
            code: rule.code.clone(),
            message,
        })
    };
    definition.risks.iter().filter_map(present).collect()
}

fn prod_change(resolved: &Resolved<'_>) -> Risk {
    let env = resolved
        .env
        .map_or("a protected environment", |e| e.name.as_str());
    Risk {
        level: RiskLevel::Warn,
        code: "PROD_CHANGE".to_owned(),
        message: format!("changes {env}, which is protected"),
    }
}

fn worst_first(mut risks: Vec<Risk>) -> Vec<Risk> {
    risks.sort_by_key(|r| std::cmp::Reverse(r.level));
    let mut seen = BTreeSet::new();
    risks.retain(|r| seen.insert((r.code.clone(), r.message.clone())));
    risks
}

/// The values of `{services}`, `{env}` and `{target}` in titles.
pub(super) struct Words {
    env: Option<String>,
    services: Option<String>,
    target: Option<String>,
}

impl Words {
    pub fn new(definition: &Definition, resolved: &Resolved<'_>) -> Self {
        let env = resolved.env.map(|e| e.name.clone());
        let names = resolved.services();
        let services = match names.as_slice() {
            _ if definition.services == Need::None => None,
            [] => None,
            _ if !resolved.named => Some("all services".to_owned()),
            [one] => Some(one.clone()),
            [before @ .., last] => Some(format!("{} and {last}", before.join(", "))),
        };
        let target = match (&services, &env) {
            (Some(_), None) if !resolved.named => Some("everything".to_owned()),
            (Some(_) | None, Some(env)) if !resolved.named => Some(env.clone()),
            (Some(services), Some(env)) => Some(format!("{services} in {env}")),
            (Some(one), None) | (None, Some(one)) => Some(one.clone()),
            (None, None) => None,
        };
        Self {
            env,
            services,
            target,
        }
    }

    pub fn filler<'a>(&'a self, values: &'a Values) -> Filler<'a> {
        Filler {
            env: self.env.as_deref(),
            service: None,
            item: None,
            item_given: false,
            services: self.services.as_deref(),
            target: self.target.as_deref(),
            values: Some(values),
        }
    }
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

/// The environment variables that pass target and inputs to a shell step.
pub(super) fn shell_env(filler: &Filler<'_>) -> BTreeMap<String, String> {
    let place = [
        ("OPSROOM_ENV", filler.env),
        ("OPSROOM_SERVICE", filler.service),
        ("OPSROOM_ITEM", filler.item),
    ];
    let place = place
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    let inputs = filler.values.into_iter().flatten();
    let inputs = inputs.map(|(name, value)| {
        (
            format!("OPSROOM_INPUT_{}", name.to_uppercase()),
            value.clone(),
        )
    });
    place.chain(inputs).collect()
}

/// Fills a text for people; placeholders without a value are left out.
pub(super) fn fill_or_keep(filler: &Filler<'_>, text: &str) -> String {
    filler
        .fill(text, Escape::Plain)
        .unwrap_or_else(|_| filler.phrase(text))
}
