//! Which services in which environments a request is about.

use std::collections::BTreeSet;

use super::Request;
use super::definition::{Definition, Need};
use super::find::{find_environment, find_service};
use crate::run::plan::{Risk, RiskLevel, Target, targets_of};
use crate::stack::service::{Environment, Service, Stack, Verb};

/// The resolved environment and services of a request.
#[derive(Debug, Default)]
pub(super) struct Resolved<'s> {
    pub env: Option<&'s Environment>,
    pub targets: Vec<(&'s Service, Target)>,
    /// The services were named one by one; otherwise all matching ones were taken.
    pub named: bool,
    pub risks: Vec<Risk>,
}

impl Resolved<'_> {
    /// Services without repetition, in order.
    pub fn services(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (service, _) in &self.targets {
            if names.last() != Some(&service.name) && !names.contains(&service.name) {
                names.push(service.name.clone());
            }
        }
        names
    }

    /// Several environments are involved.
    pub fn spans_environments(&self) -> bool {
        self.targets
            .iter()
            .any(|(_, t)| t.env != self.targets[0].1.env)
    }

    /// The protected environments of the plan, of its targets and of those that called runbooks
    /// change.
    pub fn protected_places(&self, reached: &BTreeSet<Target>, stack: &Stack) -> Vec<String> {
        let own = self.targets.iter().map(|(_, target)| target);
        let targets = || own.clone().chain(reached);
        let involved = |env: &Environment| {
            self.env.is_some_and(|own| own.name == env.name)
                || targets().any(|t| t.env.as_deref() == Some(env.name.as_str()))
        };
        let protected = stack.environments.iter().filter(|env| env.protected);
        protected
            .filter(|env| involved(env))
            .map(|env| env.name.clone())
            .collect()
    }

    pub fn is_protected(&self, stack: &Stack) -> bool {
        let protected = |name: &str| stack.environment(name).is_some_and(|e| e.protected);
        self.env.is_some_and(|e| e.protected)
            || self
                .targets
                .iter()
                .any(|(_, t)| t.env.as_deref().is_some_and(protected))
    }
}

pub(super) fn block(code: &str, message: impl Into<String>) -> Risk {
    Risk {
        level: RiskLevel::Block,
        code: code.to_owned(),
        message: message.into(),
    }
}

fn info(code: &str, message: impl Into<String>) -> Risk {
    Risk {
        level: RiskLevel::Info,
        code: code.to_owned(),
        message: message.into(),
    }
}

/// Resolves the environment and the services of a request.
pub(super) fn resolve<'s>(
    definition: &Definition,
    request: &Request,
    stack: &'s Stack,
) -> Resolved<'s> {
    let mut resolved = Resolved::default();
    let mut lost = false;
    if let Some(name) = &request.env {
        match find_environment(stack, name) {
            Ok(env) => resolved.env = Some(env),
            Err(why) => {
                lost = true;
                resolved.risks.push(block("UNKNOWN_ENVIRONMENT", why));
            }
        }
    }
    let named: Vec<&String> = request
        .services
        .iter()
        .filter(|name| *name != "*")
        .collect();
    resolved.named = !named.is_empty();
    // With an unknown environment every further complaint would be noise.
    if !lost && definition.services != Need::None {
        let all = request.services.iter().any(|name| name == "*");
        if resolved.named && !all {
            take_named(&mut resolved, &named, stack);
        } else if definition.services == Need::Required && !all {
            resolved.risks.push(block(
                "INPUT_MISSING",
                "say which service it is about, or \"all services\"",
            ));
        } else {
            resolved.named = false;
            take_all(&mut resolved, definition.main_verb(), stack);
        }
    }
    if !lost {
        require_environment(&mut resolved, definition, stack);
    }
    resolved
}

/// A service without environments needs none in the request.
fn require_environment(resolved: &mut Resolved<'_>, definition: &Definition, stack: &Stack) {
    let without =
        !resolved.targets.is_empty() && resolved.targets.iter().all(|(_, t)| t.env.is_none());
    if definition.env == Need::Required
        && resolved.env.is_none()
        && !without
        && !stack.environments.is_empty()
    {
        let names: Vec<&str> = stack.environments.iter().map(|e| e.name.as_str()).collect();
        resolved.risks.push(block(
            "INPUT_MISSING",
            format!("say which environment: {}", names.join(", ")),
        ));
        // Without it no services are chosen: a plan for all of them was not requested.
        resolved.targets.clear();
    }
}

fn take_named<'s>(resolved: &mut Resolved<'s>, named: &[&String], stack: &'s Stack) {
    for name in named {
        match find_service(stack, name) {
            Err(why) => resolved.risks.push(block("UNKNOWN_SERVICE", why)),
            Ok(service) if resolved.targets.iter().any(|(s, _)| s.name == service.name) => {}
            Ok(service) => take_one(resolved, service),
        }
    }
}

fn take_one<'s>(resolved: &mut Resolved<'s>, service: &'s Service) {
    let Some(env) = resolved.env else {
        resolved.targets.extend(
            targets_of(service)
                .into_iter()
                .map(|target| (service, target)),
        );
        return;
    };
    if service.environments.contains(&env.name) {
        resolved.targets.push((
            service,
            Target {
                service: service.name.clone(),
                env: Some(env.name.clone()),
            },
        ));
        return;
    }
    let has = match service.environments.as_slice() {
        [] => "it has no environments; leave the environment out".to_owned(),
        some => format!("it runs in {}", some.join(", ")),
    };
    resolved.risks.push(block(
        "NOT_IN_ENVIRONMENT",
        format!("{} does not run in {}; {has}", service.name, env.name),
    ));
}

/// All services there, or only those with the main action of the runbook, which is then reported.
fn take_all<'s>(resolved: &mut Resolved<'s>, verb: Option<Verb>, stack: &'s Stack) {
    let mut left_out: Vec<&str> = Vec::new();
    for service in &stack.services {
        let wanted = |t: &Target| {
            resolved
                .env
                .is_none_or(|env| t.env.as_ref() == Some(&env.name))
        };
        let there: Vec<Target> = targets_of(service).into_iter().filter(wanted).collect();
        let able =
            |t: &Target| verb.is_none_or(|verb| service.action(verb, t.env.as_deref()).is_some());
        let (able, unable): (Vec<_>, Vec<_>) = there.into_iter().partition(able);
        if !unable.is_empty() && able.is_empty() {
            left_out.push(&service.name);
        }
        resolved
            .targets
            .extend(able.into_iter().map(|target| (service, target)));
    }
    let Some(verb) = verb else { return };
    let place = resolved
        .env
        .map_or_else(|| "the stack".to_owned(), |env| env.name.clone());
    if resolved.targets.is_empty() {
        let configure = configure_hint(verb);
        resolved.risks.push(block(
            "NOTHING_TO_DO",
            format!(
                "no service of {place} has a {} action; {configure}",
                verb.name()
            ),
        ));
        return;
    }
    let chosen = format!(
        "no service was named: all of {place} with a {} action ({})",
        verb.name(),
        short_list(&resolved.services())
    );
    resolved.risks.push(info("ALL_SERVICES", chosen));
    if !left_out.is_empty() {
        let message = format!(
            "left out, without a {} action: {}",
            verb.name(),
            short_list(&left_out)
        );
        resolved.risks.push(info("LEFT_OUT", message));
    }
}

/// The lines to add to the stack file so that a service can do the verb.
pub(super) fn configure_hint(verb: Verb) -> String {
    let http = if verb == Verb::Probe {
        r#"http = { url = "https://…" }"#
    } else {
        r#"http = { method = "POST", url = "https://…" }"#
    };
    format!(
        "add in the stack file, under the service: [[service.action]] do = \"{}\" with {http} or shell = \"…\", and apply it",
        verb.name()
    )
}

/// Up to six names, and how many more.
pub(super) fn short_list<T: AsRef<str>>(names: &[T]) -> String {
    let mut shown: Vec<&str> = names.iter().take(6).map(AsRef::as_ref).collect();
    let more = format!("{} more", names.len().saturating_sub(6));
    if names.len() > 6 {
        shown.push(&more);
    }
    shown.join(", ")
}
