//! Expands step templates into the steps of a plan: one per target, with all values filled in.
//! Collects the risks.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::call::Call;
use super::definition::{Body, Does, Items, Missing, StepTemplate};
use super::fill::Filler;
use super::input::Values;
use super::plan_words::{Words, fill_or_keep, shell_env};
use super::targets::{Resolved, configure_hint};
use super::{Runbook, documents, scope, shell_block};
use crate::base::outbound::HostFrom;
use crate::base::time::parse_duration;
use crate::expr::{Expr, Value};
use crate::integration::Integrations;
use crate::run::artifact::{ArtifactSpec, Pattern};
use crate::run::plan::deferred;
use crate::run::plan::placeholder::{Escape, Piece, Slot, chosen_secret, pieces};
use crate::run::plan::{Each, PlanStep, Risk, RiskLevel, Rules, Target, Within};
use crate::run::step::StepSpec;
use crate::run::step::approve::Approve;
use crate::run::step::document::Document;
use crate::run::step::http::Http;
use crate::run::step::manual::Manual;
use crate::run::step::shell::{Session, Shell};
use crate::run::step::wait::Wait;
use crate::stack::service::{Action, ActionCall, HttpRequest, Service, Stack, Verb};

/// Default deadlines of one attempt, in milliseconds, when neither runbook nor action sets one.
const HTTP_MS: i64 = 30_000;
const SHELL_MS: i64 = 10 * 60_000;
const MANUAL_MS: i64 = 4 * 3_600_000;
const APPROVE_MS: i64 = 24 * 3_600_000;
const DOCUMENT_MS: i64 = 10_000;
/// A wait may be this much late before it counts as stuck.
const WAIT_SLACK_MS: i64 = 5_000;

/// Most steps of a plan, sub-runbooks expanded: calls can multiply.
const MAX_STEPS: usize = 20_000;

/// State shared by all runbooks of a plan while it is built.
#[derive(Default)]
pub(super) struct Shared {
    names: RefCell<HashSet<String>>,
    risks: RefCell<Vec<Risk>>,
    groups: Cell<u32>,
    steps: Cell<usize>,
    reached: RefCell<BTreeSet<Target>>,
}

impl Shared {
    pub fn risk(&self, risk: Risk) {
        self.risks.borrow_mut().push(risk);
    }

    /// The targets of a called runbook that changes something.
    pub fn reach(&self, targets: impl Iterator<Item = Target>) {
        self.reached.borrow_mut().extend(targets);
    }

    pub fn reached(&self) -> BTreeSet<Target> {
        self.reached.borrow().clone()
    }

    pub fn group(&self) -> u32 {
        self.groups.set(self.groups.get() + 1);
        self.groups.get()
    }
}

/// Where the steps of a sub-runbook belong; empty for the runbook of the plan itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Nest {
    /// Before the names of steps: `rotate keys › `.
    pub prefix: String,
    /// Before the names of results: `rotate_keys/`.
    pub scope: String,
    pub within: Vec<Within>,
    /// Names of the runbooks on the way here.
    pub path: Vec<String>,
}

/// Everything templates are expanded with.
pub(super) struct Expansion<'a> {
    pub runbook: &'a Runbook,
    pub resolved: &'a Resolved<'a>,
    pub values: &'a Values,
    pub stack: &'a Stack,
    pub protected: bool,
    pub words: &'a Words,
    pub library: &'a [Runbook],
    pub declared: &'a Integrations,
    pub shared: &'a Shared,
    pub nest: Nest,
    /// Names of results that expressions of this runbook use.
    pub used_results: HashSet<String>,
}

/// A step of a plan before the steps are numbered.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub step: PlanStep,
    pub undo: Option<PlanStep>,
    /// Scope and name of its template.
    pub origin: (String, String),
    pub jump: Option<JumpTo>,
}

/// Target of a jump after a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum JumpTo {
    /// To the step of that scope and template.
    Step(String, String),
    /// After the sub-runbook of that calling step.
    After(String),
}

/// One repetition of a step: its target or item.
#[derive(Clone, Copy, Default)]
struct Iteration<'t> {
    target: Option<&'t (&'t Service, Target)>,
    item: Option<&'t str>,
    /// The item is one of an input.
    item_given: bool,
    each: Option<Each>,
}

/// A step's work and the deadline that belongs to it.
struct Work {
    spec: StepSpec,
    timeout_ms: i64,
    idempotent: bool,
    probe: bool,
}

impl Expansion<'_> {
    /// The steps of some templates, in the order of their phases; `finally` steps of sub-runbooks
    /// go to `finally`.
    pub fn drafts(&self, templates: &[StepTemplate], finally: &mut Vec<Draft>) -> Vec<Draft> {
        let mut drafts = Vec::new();
        for template in templates {
            self.of_template(template, &mut drafts, finally);
        }
        drafts.sort_by_key(|draft| draft.step.phase);
        drafts
    }

    /// The `finally` steps of the runbook, then those of the runbooks they call.
    pub fn last_drafts(&self) -> Vec<Draft> {
        let mut called = Vec::new();
        let mut drafts = self.drafts(&self.runbook.definition.finally, &mut called);
        drafts.append(&mut called);
        drafts
    }

    /// The risks found while expanding, and the given inputs that have no effect.
    pub fn risks(&self, given: &BTreeMap<String, String>) -> Vec<Risk> {
        let mut risks = self.shared.risks.borrow().clone();
        risks.extend(
            given
                .keys()
                .filter(|name| self.values.contains_key(*name))
                .filter_map(|name| self.unused(name)),
        );
        risks
    }

    fn of_template(
        &self,
        template: &StepTemplate,
        drafts: &mut Vec<Draft>,
        finally: &mut Vec<Draft>,
    ) {
        let items: Vec<String> = match &template.items {
            Some(Items::Listed(items)) => items.clone(),
            Some(Items::Input(name)) => self.list(template, name),
            None => Vec::new(),
        };
        let iterations: Vec<Iteration<'_>> = match (&template.items, template.for_each) {
            (Some(list), _) => {
                let item_given = matches!(list, Items::Input(_));
                items
                    .iter()
                    .map(|item| Iteration {
                        item: Some(item),
                        item_given,
                        ..Iteration::default()
                    })
                    .collect()
            }
            (None, true) => self
                .resolved
                .targets
                .iter()
                .map(|t| Iteration {
                    target: Some(t),
                    ..Iteration::default()
                })
                .collect(),
            (None, false) => vec![Iteration::default()],
        };
        let each = template.bounds.map(|bounds| Each {
            group: self.shared.group(),
            max_concurrency: bounds.max_concurrency,
            max_errors: bounds.max_errors.of(iterations.len()),
        });
        for iteration in iterations {
            self.iteration(template, Iteration { each, ..iteration }, drafts, finally);
        }
    }

    fn list(&self, template: &StepTemplate, name: &str) -> Vec<String> {
        let Some(list) = self.values.get(name) else {
            let message = format!("step {:?} is left out: {name} was not given", template.name);
            self.risk(RiskLevel::Info, "LEFT_OUT", message);
            return Vec::new();
        };
        super::input::items_of(list).map(str::to_owned).collect()
    }

    fn iteration(
        &self,
        template: &StepTemplate,
        iteration: Iteration<'_>,
        drafts: &mut Vec<Draft>,
        finally: &mut Vec<Draft>,
    ) {
        let filler = self.filler(iteration);
        if !self.wanted(template, &filler) {
            return;
        }
        self.shared.steps.set(self.shared.steps.get() + 1);
        if self.shared.steps.get() > MAX_STEPS {
            self.risk(
                RiskLevel::Block,
                "PLAN_TOO_LONG",
                format!("it would have more than {MAX_STEPS} steps"),
            );
            return;
        }
        if let Does::Runbook { name, inputs } = &template.does {
            let called = self.name(template, iteration, &filler);
            let call = Call {
                template,
                name,
                inputs,
                called,
                target: iteration.target.map(|(_, t)| t),
            };
            super::call::expand(self, &call, &filler, drafts, finally);
            return;
        }
        let Some(step) = self.step(template, iteration, &filler) else {
            return;
        };
        let mut undo = template.undo.as_deref().and_then(|undo| {
            self.step(
                undo,
                Iteration {
                    each: None,
                    ..iteration
                },
                &filler,
            )
        });
        if let Some(undo) = &mut undo {
            // It may run because the sub-runbook timed out, so that limit must not apply to it.
            undo.rules.within.clear();
        }
        let scope = &self.nest.scope;
        let origin = (scope.clone(), template.name.clone());
        let jump = template
            .jump
            .as_ref()
            .map(|to| JumpTo::Step(scope.clone(), to.clone()));
        drafts.push(Draft {
            step,
            undo,
            origin,
            jump,
        });
    }

    fn filler<'f>(&'f self, iteration: Iteration<'f>) -> Filler<'f> {
        let mut filler = self.words.filler(self.values);
        if let Some((service, target)) = iteration.target {
            filler.service = Some(&service.name);
            filler.env = target.env.as_deref();
        }
        (filler.item, filler.item_given) = (iteration.item, iteration.item_given);
        filler
    }

    /// Whether the step is part of the plan, when the plan can decide its condition. A condition
    /// that must be decided now but cannot be blocks the plan.
    fn wanted(&self, template: &StepTemplate, filler: &Filler<'_>) -> bool {
        let Some(when) = &template.when else {
            return true;
        };
        let known = self.known(filler);
        if !when.is_early() && !when.is_ruled_out(&known) {
            return true;
        }
        match when.holds(&known) {
            Ok(true) => true,
            Ok(false) => {
                // Terms that only the run can decide did not matter.
                let why: Vec<String> = when.expr().explain(&known);
                let why: Vec<&str> = why
                    .iter()
                    .filter(|w| !w.contains("cannot be decided"))
                    .map(String::as_str)
                    .collect();
                let why = why.join("; ");
                self.risk(
                    RiskLevel::Info,
                    "LEFT_OUT",
                    format!("step {:?} is left out: {why}", template.name),
                );
                false
            }
            Err(why) => {
                self.risk(
                    RiskLevel::Block,
                    "CONDITION_UNDECIDED",
                    format!("step {:?}: {why}", template.name),
                );
                false
            }
        }
    }

    fn known(&self, filler: &Filler<'_>) -> BTreeMap<String, Value> {
        scope::early_values(
            &self.runbook.definition.inputs,
            self.values,
            self.protected,
            filler,
            self.declared,
        )
    }

    fn step(
        &self,
        template: &StepTemplate,
        iteration: Iteration<'_>,
        filler: &Filler<'_>,
    ) -> Option<PlanStep> {
        let work = self.work(template, iteration.target, filler)?;
        Some(PlanStep {
            name: self.name(template, iteration, filler),
            phase: template.phase,
            timeout_ms: template.timeout_ms.unwrap_or(work.timeout_ms),
            // A step that is not safe to repeat is never retried, and the plan shows it.
            retry: template.retry.filter(|_| work.idempotent),
            on_failure: template.on_failure,
            idempotent: work.idempotent,
            target: iteration.target.map(|(_, target)| target.clone()),
            probe: work.probe,
            rules: self.rules(template, iteration, filler, &work.spec),
            spec: work.spec,
        })
    }

    fn rules(
        &self,
        template: &StepTemplate,
        iteration: Iteration<'_>,
        filler: &Filler<'_>,
        spec: &StepSpec,
    ) -> Rules {
        let when = template.when.as_ref().filter(|when| !when.is_early());
        let (optional, word) = match &template.does {
            Does::Ask { word, .. } => (true, word.clone()),
            _ => (template.optional, None),
        };
        let mut rules = Rules {
            key: if self.used_results.contains(&template.key) {
                template.key.clone()
            } else {
                String::new()
            },
            when: when.map(|when| when.expr().text().to_owned()),
            expect: template
                .expect
                .as_ref()
                .map(|expect| expect.text().to_owned()),
            save: texts(&template.save),
            links: texts(&template.links),
            fills: deferred::is_open(spec),
            optional,
            sensitive: template.sensitive,
            word,
            notes: template.notes.clone(),
            each: iteration.each,
            item: iteration.item.map(str::to_owned),
            within: self.nest.within.clone(),
            ..Rules::default()
        };
        if rules.expressions().next().is_some() {
            rules.known = self.known(filler);
        }
        if rules.expressions().next().is_some() || rules.fills || !rules.key.is_empty() {
            rules.scope.clone_from(&self.nest.scope);
        }
        rules
    }

    fn work(
        &self,
        template: &StepTemplate,
        target: Option<&(&Service, Target)>,
        filler: &Filler<'_>,
    ) -> Option<Work> {
        let idempotent = template.idempotent;
        let plain = |spec, timeout_ms| {
            Some(Work {
                spec,
                timeout_ms,
                idempotent,
                probe: false,
            })
        };
        let open = |slot: &str| {
            self.risk(
                RiskLevel::Block,
                "INPUT_MISSING",
                format!("step {:?} needs {slot}", template.name),
            );
        };
        match &template.does {
            Does::Use(verb) => self.use_action(template, *verb, target?, filler),
            Does::Http(request) => match fill_request(request, filler) {
                Ok(http) => plain(StepSpec::Http(http), HTTP_MS),
                Err(slot) => {
                    open(&slot);
                    None
                }
            },
            Does::Shell {
                command,
                dir,
                env,
                secrets,
                artifacts,
                block,
            } => {
                let mut all = shell_env(filler);
                for (name, text) in env {
                    match filler.fill(text, Escape::Plain) {
                        Ok(value) => drop(all.insert(name.clone(), value)),
                        // The missing input is reported under its own name.
                        Err(_) if block.is_some() => {}
                        Err(slot) => {
                            open(&slot);
                            return None;
                        }
                    }
                }
                let (mut own, mut chosen_secrets) = (Vec::new(), BTreeMap::new());
                for text in secrets {
                    match (chosen_secret(text), filler.fill(text, Escape::Plain)) {
                        (None, _) => own.push(text.clone()),
                        (Some(input), Ok(name)) => {
                            drop(chosen_secrets.insert(input.to_owned(), name));
                        }
                        (Some(_), Err(_)) if block.is_some() => {}
                        (Some(_), Err(slot)) => {
                            open(&slot);
                            return None;
                        }
                    }
                }
                let (command, dir) = (command.clone(), dir.clone());
                let artifacts = self
                    .files(template, artifacts, filler)
                    .map_err(|slot| open(&slot))
                    .ok()?;
                let session = block.as_ref().map(|block| Session {
                    variables: block.variables.clone(),
                });
                let limit = block.as_ref().and_then(|block| block.limit.as_ref());
                let limit_ms = limit.and_then(|input| parse_duration(self.values.get(input)?).ok());
                let shell = Shell {
                    command,
                    env: all,
                    dir,
                    secrets: own,
                    chosen_secrets,
                    artifacts,
                    session,
                    limit_ms,
                };
                plain(StepSpec::Shell(shell), SHELL_MS)
            }
            Does::Wait(ms) => plain(
                StepSpec::Wait(Wait { ms: *ms }),
                ms.saturating_add(WAIT_SLACK_MS),
            ),
            Does::Manual(prompt) => plain(
                StepSpec::Manual(Manual {
                    prompt: fill_or_keep(filler, prompt),
                }),
                MANUAL_MS,
            ),
            Does::Approve { ask, within_ms } => {
                let ask = Approve {
                    prompt: fill_or_keep(filler, &ask.prompt),
                    ..ask.clone()
                };
                plain(StepSpec::Approve(ask), within_ms.unwrap_or(APPROVE_MS))
            }
            Does::Ask { prompt, .. } => plain(
                StepSpec::Manual(Manual {
                    prompt: shell_block::with_values(prompt, self.values),
                }),
                MANUAL_MS,
            ),
            Does::Document { title, body } => {
                let document = Document {
                    title: fill_or_keep(filler, title),
                    content: self.content(body, filler),
                };
                plain(StepSpec::Document(document), DOCUMENT_MS)
            }
            Does::Sql { .. } | Does::Notify { .. } | Does::Adapter { .. } => {
                let (spec, timeout_ms) = self
                    .named(template, filler)
                    .map_err(|slot| open(&slot))
                    .ok()?;
                plain(spec, timeout_ms)
            }
            // Expanded into the steps of that runbook before.
            Does::Runbook { .. } => None,
        }
    }

    /// The artifact paths of a command, filled in. An input may turn a path into one outside
    /// of the folder: that blocks.
    fn files(
        &self,
        template: &StepTemplate,
        wanted: &ArtifactSpec,
        filler: &Filler<'_>,
    ) -> Result<ArtifactSpec, String> {
        let paths: Vec<String> = wanted
            .paths
            .iter()
            .map(|path| filler.fill(path, Escape::Plain))
            .collect::<Result<_, _>>()?;
        for why in paths.iter().filter_map(|path| Pattern::parse(path).err()) {
            self.risk(
                RiskLevel::Block,
                "INPUT_INVALID",
                format!("step {:?}: artifacts: {why}", template.name),
            );
        }
        Ok(ArtifactSpec {
            paths,
            required: wanted.required,
        })
    }

    pub(super) fn content(&self, body: &Body, filler: &Filler<'_>) -> String {
        match body {
            Body::Text(text) => fill_lines(filler, text),
            Body::Spec => documents::spec(
                self.values
                    .get("subject")
                    .map_or("(no subject)", String::as_str),
                self.stack,
            ),
            Body::Incident => documents::incident(self.resolved, self.values, self.stack),
        }
    }

    fn use_action(
        &self,
        template: &StepTemplate,
        verb: Verb,
        (service, target): &(&Service, Target),
        filler: &Filler<'_>,
    ) -> Option<Work> {
        let Some(action) = service.action(verb, target.env.as_deref()) else {
            self.not_configured(template.missing, verb, target);
            return None;
        };
        match action_spec(action, filler) {
            Ok(spec) => {
                let probe = verb == Verb::Probe;
                Some(Work {
                    spec,
                    timeout_ms: action.timeout_ms,
                    idempotent: action.idempotent || probe,
                    probe,
                })
            }
            Err(slot) => {
                self.cannot_fill(template.missing, verb, target, &slot);
                None
            }
        }
    }

    fn not_configured(&self, missing: Missing, verb: Verb, target: &Target) {
        let hint = configure_hint(verb);
        let place = target
            .env
            .as_ref()
            .map(|env| format!(" for {env}"))
            .unwrap_or_default();
        let lack = format!("{} has no {} action{place}", target.service, verb.name());
        match missing {
            Missing::Block => self.risk(
                RiskLevel::Block,
                "NOT_CONFIGURED",
                format!("{lack}; {hint}"),
            ),
            Missing::Warn => {
                self.risk(
                    RiskLevel::Warn,
                    "NOT_VERIFIED",
                    format!("{lack}: nothing checks whether it works; {hint}"),
                );
            }
            Missing::Skip => {}
        }
    }

    fn cannot_fill(&self, missing: Missing, verb: Verb, target: &Target, slot: &str) {
        let level = if missing == Missing::Block {
            RiskLevel::Block
        } else {
            RiskLevel::Warn
        };
        let action = format!(
            "the {} action of {} refers to {{{slot}}}",
            verb.name(),
            target.service
        );
        let inputs: Vec<&str> = self
            .runbook
            .inputs
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        match slot.strip_prefix("inputs.") {
            Some(name) if inputs.contains(&name) => {
                self.risk(level, "INPUT_MISSING", format!("{action}: say {name}=…"));
            }
            Some(_) => {
                let known = if inputs.is_empty() {
                    "none".to_owned()
                } else {
                    inputs.join(", ")
                };
                let message = format!(
                    "{action}, but the inputs of {} are {known}; correct the stack file",
                    self.runbook.name
                );
                self.risk(level, "NOT_CONFIGURED", message);
            }
            None => {
                let message =
                    format!("{action}, but it runs in no environment; correct the stack file");
                self.risk(level, "NOT_CONFIGURED", message);
            }
        }
    }

    /// A risk for a given input that the HTTP actions of this plan do not use. How a shell action
    /// uses its variables cannot be known.
    fn unused(&self, name: &str) -> Option<Risk> {
        let verb = self
            .runbook
            .definition
            .main_verb()
            .filter(|_| self.runbook.mutates)?;
        let ignores = |(service, target): &(&Service, Target)| match &service
            .action(verb, target.env.as_deref())?
            .call
        {
            ActionCall::Http(request) if !mentions_input(request, name) => {
                Some(service.name.clone())
            }
            _ => None,
        };
        let ignoring = self.resolved.targets.iter().find_map(ignores)?;
        let message = format!(
            "{name} changes nothing: the {} action of {ignoring} does not use {{inputs.{name}}}",
            verb.name()
        );
        Some(Risk {
            level: RiskLevel::Warn,
            code: "INPUT_UNUSED".to_owned(),
            message,
        })
    }

    pub fn risk(&self, level: RiskLevel, code: &str, message: String) {
        let message = if self.nest.prefix.is_empty() {
            message
        } else {
            format!("{}{message}", self.nest.prefix)
        };
        self.shared.risk(Risk {
            level,
            code: code.to_owned(),
            message,
        });
    }

    /// Unique in the plan: includes the target.
    fn name(
        &self,
        template: &StepTemplate,
        iteration: Iteration<'_>,
        filler: &Filler<'_>,
    ) -> String {
        let mut name = fill_or_keep(filler, &template.name);
        let names = |slot| pieces(&template.name).contains(&Piece::Slot(slot));
        if let Some(item) = iteration.item.filter(|_| !names(Slot::Item)) {
            name = format!("{name} {item}");
        }
        if let Some((_, target)) = iteration.target {
            if !names(Slot::Service) {
                name = format!("{name} {}", target.service);
            }
            if let Some(env) = target
                .env
                .as_ref()
                .filter(|_| self.resolved.spans_environments() && !names(Slot::Env))
            {
                name = format!("{name} in {env}");
            }
        }
        name = format!("{}{name}", self.nest.prefix);
        let mut taken = self.shared.names.borrow_mut();
        let mut unique = name.clone();
        for n in 2..=u32::MAX {
            if !taken.contains(&unique) {
                break;
            }
            unique = format!("{name} ({n})");
        }
        taken.insert(unique.clone());
        unique
    }
}

/// A document keeps its lines, but those about something that has no value.
fn fill_lines(filler: &Filler<'_>, text: &str) -> String {
    text.lines()
        .filter_map(|line| filler.fill(line, Escape::Plain).ok())
        .map(|line| line + "\n")
        .collect()
}

/// The step spec of an action, filled.
pub(super) fn action_spec(action: &Action, filler: &Filler<'_>) -> Result<StepSpec, String> {
    match &action.call {
        ActionCall::Http(request) => Ok(StepSpec::Http(fill_request(request, filler)?)),
        ActionCall::Shell(command) => {
            let (env, secrets) = (shell_env(filler), action.secrets.clone());
            let chosen_secrets = BTreeMap::new();
            let (command, artifacts) = (command.clone(), ArtifactSpec::default());
            let shell = Shell::new(command);
            Ok(StepSpec::Shell(Shell {
                env,
                secrets,
                chosen_secrets,
                artifacts,
                ..shell
            }))
        }
    }
}

fn fill_request(request: &HttpRequest, filler: &Filler<'_>) -> Result<Http, String> {
    let host = HostFrom::of(|stand_in| filler.fill_as(&request.url, Escape::Url, stand_in).ok());
    let headers = request
        .headers
        .iter()
        .map(|(name, value)| Ok((name.clone(), filler.fill(value, Escape::Header)?)));
    let secret_headers = request
        .secret_headers
        .iter()
        .map(|(header, name)| Ok((header.clone(), filler.fill(name, Escape::Plain)?)));
    let request = HttpRequest {
        secret_ref: request
            .secret_ref
            .as_ref()
            .map(|name| filler.fill(name, Escape::Plain))
            .transpose()?,
        secret_headers: secret_headers.collect::<Result<_, String>>()?,
        url: filler.fill(&request.url, Escape::Url)?,
        headers: headers.collect::<Result<_, String>>()?,
        body: request
            .body
            .as_ref()
            .map(|body| filler.fill(body, Escape::Json))
            .transpose()?,
        contains: request
            .contains
            .as_ref()
            .map(|text| filler.fill(text, Escape::Plain))
            .transpose()?,
        ..request.clone()
    };
    Ok(Http { request, host })
}

fn mentions_input(request: &HttpRequest, name: &str) -> bool {
    let texts = [Some(&request.url), request.body.as_ref()]
        .into_iter()
        .flatten()
        .chain(request.headers.values());
    texts
        .into_iter()
        .any(|text| pieces(text).contains(&Piece::Slot(Slot::Input(name))))
}

/// Expressions as the plan stores them.
fn texts(expressions: &BTreeMap<String, Expr>) -> BTreeMap<String, String> {
    expressions
        .iter()
        .map(|(name, from)| (name.clone(), from.text().to_owned()))
        .collect()
}
