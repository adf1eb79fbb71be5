//! From step templates to the steps of a plan: one per target, everything filled in, and the risks met on the way.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};

use super::Runbook;
use super::definition::{Body, Does, Missing, StepTemplate, Values};
use super::fill::{Escape, Filler, Piece, Slot, pieces};
use super::papers;
use super::planner::{Words, fill_or_keep, shell_env};
use super::targets::{Resolved, configure_hint};
use crate::core::plan::{PlanStep, Risk, RiskLevel, Target};
use crate::core::service::{Action, ActionCall, HttpRequest, Service, Stack, Verb};
use crate::core::step::StepSpec;
use crate::core::step::document::Document;
use crate::core::step::http::Http;
use crate::core::step::manual::Manual;
use crate::core::step::shell::Shell;
use crate::core::step::wait::Wait;

/// Deadlines of one attempt where neither runbook nor action says one, milliseconds.
const HTTP_MS: i64 = 30_000;
const SHELL_MS: i64 = 10 * 60_000;
const MANUAL_MS: i64 = 4 * 3_600_000;
const DOCUMENT_MS: i64 = 10_000;
/// A wait may be this much late before it counts as stuck.
const WAIT_SLACK_MS: i64 = 5_000;

/// Everything templates are expanded with.
pub(super) struct Expansion<'a> {
    runbook: &'a Runbook,
    resolved: &'a Resolved<'a>,
    values: &'a Values,
    stack: &'a Stack,
    protected: bool,
    words: &'a Words,
    names: RefCell<HashSet<String>>,
    risks: RefCell<Vec<Risk>>,
}

/// A step's work and the deadline that belongs to it.
struct Work {
    spec: StepSpec,
    timeout_ms: i64,
    idempotent: bool,
    probe: bool,
}

impl<'a> Expansion<'a> {
    pub fn new(
        runbook: &'a Runbook,
        resolved: &'a Resolved<'a>,
        values: &'a Values,
        stack: &'a Stack,
        protected: bool,
        words: &'a Words,
    ) -> Self {
        let (names, risks) = (RefCell::default(), RefCell::default());
        Self { runbook, resolved, values, stack, protected, words, names, risks }
    }

    /// The steps of some templates, in the order of their phases.
    pub fn steps(&self, templates: &[StepTemplate]) -> Vec<PlanStep> {
        let wanted = |t: &&StepTemplate| t.when.as_ref().is_none_or(|when| when.holds(self.protected, self.values));
        let mut steps: Vec<PlanStep> = templates.iter().filter(wanted).flat_map(|t| self.of_template(t)).collect();
        steps.sort_by_key(|step| step.phase);
        steps
    }

    /// The risks met while expanding, and inputs that were said but change nothing.
    pub fn risks(&self, said: &BTreeMap<String, String>) -> Vec<Risk> {
        let mut risks = self.risks.borrow().clone();
        risks.extend(said.keys().filter(|name| self.values.contains_key(*name)).filter_map(|name| self.unused(name)));
        risks
    }

    fn of_template(&self, template: &StepTemplate) -> Vec<PlanStep> {
        if !template.for_each {
            return self.step(template, None).into_iter().collect();
        }
        self.resolved.targets.iter().filter_map(|target| self.step(template, Some(target))).collect()
    }

    fn step(&self, template: &StepTemplate, target: Option<&(&'a Service, Target)>) -> Option<PlanStep> {
        let mut filler = self.words.filler(self.values);
        if let Some((service, target)) = target {
            filler.service = Some(&service.name);
            filler.env = target.env.as_deref();
        }
        let work = self.work(template, target, &filler)?;
        Some(PlanStep {
            name: self.name(template, target.map(|(_, t)| t), &filler),
            phase: template.phase,
            timeout_ms: template.timeout_ms.unwrap_or(work.timeout_ms),
            // What is not safe to repeat is never repeated, and the plan shows it.
            retry: template.retry.filter(|_| work.idempotent),
            on_failure: template.on_failure,
            idempotent: work.idempotent,
            target: target.map(|(_, target)| target.clone()),
            probe: work.probe,
            spec: work.spec,
        })
    }

    fn work(&self, template: &StepTemplate, target: Option<&(&Service, Target)>, filler: &Filler<'_>) -> Option<Work> {
        let idempotent = template.idempotent;
        let plain = |spec, timeout_ms| Some(Work { spec, timeout_ms, idempotent, probe: false });
        match &template.does {
            Does::Use(verb) => self.use_action(template, *verb, target?, filler),
            Does::Http(request) => match fill_request(request, filler) {
                Ok(request) => plain(StepSpec::Http(Http { request }), HTTP_MS),
                Err(slot) => {
                    self.risk(RiskLevel::Block, "INPUT_MISSING", format!("step {:?} needs {slot}", template.name));
                    None
                }
            },
            Does::Shell { command, dir } => {
                let shell =
                    Shell { command: command.clone(), env: shell_env(filler), dir: dir.clone(), secrets: Vec::new() };
                plain(StepSpec::Shell(shell), SHELL_MS)
            }
            Does::Wait(ms) => plain(StepSpec::Wait(Wait { ms: *ms }), ms.saturating_add(WAIT_SLACK_MS)),
            Does::Manual(prompt) => plain(StepSpec::Manual(Manual { prompt: fill_or_keep(filler, prompt) }), MANUAL_MS),
            Does::Document { title, body } => {
                let document = Document { title: fill_or_keep(filler, title), content: self.content(body, filler) };
                plain(StepSpec::Document(document), DOCUMENT_MS)
            }
        }
    }

    fn content(&self, body: &Body, filler: &Filler<'_>) -> String {
        match body {
            Body::Text(text) => fill_lines(filler, text),
            Body::Spec => papers::spec(self.values.get("subject").map_or("(no subject)", String::as_str), self.stack),
            Body::Incident => papers::incident(self.resolved, self.values, self.stack),
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
                Some(Work { spec, timeout_ms: action.timeout_ms, idempotent: action.idempotent || probe, probe })
            }
            Err(slot) => {
                self.cannot_fill(template.missing, verb, target, &slot);
                None
            }
        }
    }

    fn not_configured(&self, missing: Missing, verb: Verb, target: &Target) {
        let hint = configure_hint(verb);
        let place = target.env.as_ref().map(|env| format!(" for {env}")).unwrap_or_default();
        let lack = format!("{} has no {} action{place}", target.service, verb.name());
        match missing {
            Missing::Block => self.risk(RiskLevel::Block, "NOT_CONFIGURED", format!("{lack}; {hint}")),
            Missing::Warn => {
                self.risk(RiskLevel::Warn, "NOT_VERIFIED", format!("{lack}: nothing checks whether it works; {hint}"));
            }
            Missing::Skip => {}
        }
    }

    fn cannot_fill(&self, missing: Missing, verb: Verb, target: &Target, slot: &str) {
        let level = if missing == Missing::Block { RiskLevel::Block } else { RiskLevel::Warn };
        let action = format!("the {} action of {} refers to {{{slot}}}", verb.name(), target.service);
        let inputs: Vec<&str> = self.runbook.inputs.iter().map(|(name, _)| name.as_str()).collect();
        match slot.strip_prefix("inputs.") {
            Some(name) if inputs.contains(&name) => {
                self.risk(level, "INPUT_MISSING", format!("{action}: say {name}=…"));
            }
            Some(_) => {
                let known = if inputs.is_empty() { "none".to_owned() } else { inputs.join(", ") };
                let message =
                    format!("{action}, but the inputs of {} are {known}; correct the stack file", self.runbook.name);
                self.risk(level, "NOT_CONFIGURED", message);
            }
            None => {
                let message = format!("{action}, but it runs in no environment; correct the stack file");
                self.risk(level, "NOT_CONFIGURED", message);
            }
        }
    }

    /// An input that was said, while the HTTP actions this plan changes things with do not mention it. What a shell
    /// action makes of its variables cannot be known.
    fn unused(&self, name: &str) -> Option<Risk> {
        let verb = self.runbook.definition.main_verb().filter(|_| self.runbook.mutates)?;
        let ignores = |(service, target): &(&Service, Target)| match &service.action(verb, target.env.as_deref())?.call
        {
            ActionCall::Http(request) if !mentions_input(request, name) => Some(service.name.clone()),
            _ => None,
        };
        let deaf = self.resolved.targets.iter().find_map(ignores)?;
        let message =
            format!("{name} changes nothing: the {} action of {deaf} does not use {{inputs.{name}}}", verb.name());
        Some(Risk { level: RiskLevel::Warn, code: "INPUT_UNUSED".to_owned(), message })
    }

    fn risk(&self, level: RiskLevel, code: &str, message: String) {
        self.risks.borrow_mut().push(Risk { level, code: code.to_owned(), message });
    }

    /// Unique in the plan, and telling targets apart.
    fn name(&self, template: &StepTemplate, target: Option<&Target>, filler: &Filler<'_>) -> String {
        let mut name = fill_or_keep(filler, &template.name);
        let names = |slot| pieces(&template.name).contains(&Piece::Slot(slot));
        if let Some(target) = target {
            if !names(Slot::Service) {
                name = format!("{name} {}", target.service);
            }
            if let Some(env) = target.env.as_ref().filter(|_| self.resolved.spans_environments() && !names(Slot::Env)) {
                name = format!("{name} in {env}");
            }
        }
        let mut taken = self.names.borrow_mut();
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
    text.lines().filter_map(|line| filler.fill(line, Escape::Plain).ok()).map(|line| line + "\n").collect()
}

/// The step spec of an action, filled.
pub(super) fn action_spec(action: &Action, filler: &Filler<'_>) -> Result<StepSpec, String> {
    match &action.call {
        ActionCall::Http(request) => Ok(StepSpec::Http(Http { request: fill_request(request, filler)? })),
        ActionCall::Shell(command) => {
            let (env, secrets) = (shell_env(filler), action.secrets.clone());
            Ok(StepSpec::Shell(Shell { command: command.clone(), env, dir: None, secrets }))
        }
    }
}

fn fill_request(request: &HttpRequest, filler: &Filler<'_>) -> Result<HttpRequest, String> {
    let headers = request.headers.iter().map(|(name, value)| Ok((name.clone(), filler.fill(value, Escape::Header)?)));
    Ok(HttpRequest {
        url: filler.fill(&request.url, Escape::Url)?,
        headers: headers.collect::<Result<_, String>>()?,
        body: request.body.as_ref().map(|body| filler.fill(body, Escape::Json)).transpose()?,
        contains: request.contains.as_ref().map(|text| filler.fill(text, Escape::Plain)).transpose()?,
        ..request.clone()
    })
}

fn mentions_input(request: &HttpRequest, name: &str) -> bool {
    let texts = [Some(&request.url), request.body.as_ref()].into_iter().flatten().chain(request.headers.values());
    texts.into_iter().any(|text| pieces(text).contains(&Piece::Slot(Slot::Input(name))))
}
