//! Documents written from the facts of the stack: a specification, an incident report. Facts
//! missing in the stack are left as questions, never made up.

use std::fmt::Write;

use super::find::find_service;
use super::input::Values;
use super::targets::Resolved;
use crate::run::step::document::RESULTS;
use crate::stack::service::{Contact, Service, Stack, Verb};

const OPEN: &str = "_to be written: the stack does not say_";

/// A specification document about a subject: a service of the stack, or anything else.
pub(super) fn spec(subject: &str, stack: &Stack) -> String {
    match find_service(stack, subject) {
        Ok(service) => spec_of_service(subject, service, stack),
        Err(_) => spec_of_other(subject, stack),
    }
}

fn spec_of_service(subject: &str, service: &Service, stack: &Stack) -> String {
    let mut doc = format!(
        "# Spec: {subject}\n\nWritten from the stack of workspace {}.\n",
        stack.workspace
    );
    section(&mut doc, "Goal", &[or_open(service.notes.as_deref())]);
    section(&mut doc, "Scope", &scope(service));
    section(&mut doc, "Owners", &owners(service));
    section(&mut doc, "Dependencies", &dependencies(service, stack));
    section(&mut doc, "Environments", &environments(service, stack));
    section(&mut doc, "Service levels", &levels(service));
    section(&mut doc, "Operations", &operations(service, stack));
    section(&mut doc, "Open questions", &open_questions(service));
    doc
}

fn spec_of_other(subject: &str, stack: &Stack) -> String {
    let open = [OPEN.to_owned()];
    let mut doc = format!(
        "# Spec: {subject}\n\nWorkspace {}. The stack has no service of this name.\n",
        stack.workspace
    );
    for title in [
        "Goal",
        "Scope",
        "Owners",
        "Dependencies",
        "Environments",
        "Service levels",
    ] {
        section(&mut doc, title, &open);
    }
    let questions = [
        "Is it, or will it be, a service of the stack? Then add it to the stack file.",
        "Who owns it?",
    ];
    section(&mut doc, "Open questions", &questions.map(str::to_owned));
    doc
}

/// An incident report about the requested targets, with a place for the findings of the probes.
pub(super) fn incident(resolved: &Resolved<'_>, values: &Values, stack: &Stack) -> String {
    let env = resolved
        .env
        .map_or("all environments", |env| env.name.as_str());
    let mut doc = format!("# Incident report: {env}\n");
    section(
        &mut doc,
        "What was reported",
        &[or_open(values.get("notes").map(String::as_str))],
    );
    let mut services: Vec<&Service> = Vec::new();
    for (service, _) in &resolved.targets {
        if !services.iter().any(|s| s.name == service.name) {
            services.push(service);
        }
    }
    section(
        &mut doc,
        "Services concerned",
        &services
            .iter()
            .map(|s| concern(s, stack))
            .collect::<Vec<_>>(),
    );
    section(
        &mut doc,
        "People to call",
        &stack.contacts.iter().map(contact).collect::<Vec<_>>(),
    );
    let _ = write!(doc, "\n## Evidence\n\n{RESULTS}\n"); // writing to a String cannot fail
    for title in ["Timeline", "Cause", "What was done", "What is still open"] {
        section(&mut doc, title, &["_to be written_".to_owned()]);
    }
    doc
}

fn section(doc: &mut String, title: &str, lines: &[String]) {
    let _ = write!(doc, "\n## {title}\n\n"); // writing to a String cannot fail
    if lines.is_empty() {
        let _ = writeln!(doc, "- {OPEN}");
    }
    for line in lines {
        let _ = writeln!(doc, "- {}", line.replace('\n', " "));
    }
}

fn or_open(text: Option<&str>) -> String {
    text.map_or_else(|| OPEN.to_owned(), str::to_owned)
}

/// `name: value` for every fact there is.
fn facts(pairs: &[(&str, Option<&str>)]) -> Vec<String> {
    pairs
        .iter()
        .filter_map(|(name, value)| Some(format!("{name}: {}", (*value)?)))
        .collect()
}

fn scope(service: &Service) -> Vec<String> {
    let mut lines = facts(&[
        ("Service", Some(service.name.as_str())),
        ("Category", service.category.as_deref()),
        ("Vendor", service.vendor.as_deref()),
        ("Status", service.status.as_deref()),
        ("Data sensitivity", service.sensitivity.as_deref()),
        ("Sign-in", service.auth_method.as_deref()),
    ]);
    lines.push(format!("Tier: {}", tier(service)));
    lines.extend(
        service
            .links
            .iter()
            .map(|(name, url)| format!("{name}: {url}")),
    );
    lines
}

const fn tier(service: &Service) -> &'static str {
    match service.tier {
        crate::stack::service::Tier::Low => "low",
        crate::stack::service::Tier::Standard => "standard",
        crate::stack::service::Tier::Critical => "critical",
    }
}

fn owners(service: &Service) -> Vec<String> {
    facts(&[
        ("Owner", service.owner.as_deref()),
        ("Department", service.department.as_deref()),
        ("Channel", service.channel.as_deref()),
    ])
}

fn dependencies(service: &Service, stack: &Stack) -> Vec<String> {
    let owner = |name: &str| stack.service(name).and_then(|s| s.owner.as_deref());
    let needs = |name: &String| {
        owner(name).map_or_else(
            || format!("needs {name}"),
            |o| format!("needs {name} (owner {o})"),
        )
    };
    let mut lines: Vec<String> = service.depends_on.iter().map(needs).collect();
    let users = stack
        .services
        .iter()
        .filter(|s| s.depends_on.contains(&service.name));
    lines.extend(users.map(|s| format!("needed by {}", s.name)));
    if lines.is_empty() {
        lines.push("none recorded in the stack".to_owned());
    }
    lines
}

fn environments(service: &Service, stack: &Stack) -> Vec<String> {
    if service.environments.is_empty() {
        return vec!["none: it is not deployed per environment".to_owned()];
    }
    let protected = |name: &str| stack.environment(name).is_some_and(|e| e.protected);
    let line = |name: &String| {
        if protected(name) {
            format!("{name} (protected)")
        } else {
            name.clone()
        }
    };
    service.environments.iter().map(line).collect()
}

fn levels(service: &Service) -> Vec<String> {
    let sla = service.sla.clone().unwrap_or_default();
    let targets = [
        sla.uptime_pct.map(|pct| format!("Uptime: {pct} %")),
        sla.latency_ms
            .map(|ms| format!("Latency, 95th percentile: {ms} ms")),
        sla.freshness_hours
            .map(|hours| format!("Newest data at most {hours} h old")),
    ];
    targets.into_iter().flatten().collect()
}

fn operations(service: &Service, stack: &Stack) -> Vec<String> {
    let can: Vec<&str> = Verb::ALL
        .into_iter()
        .filter(|v| service.actions.iter().any(|a| a.verb == *v))
        .map(Verb::name)
        .collect();
    let mut lines = vec![if can.is_empty() {
        "No action is configured: opsroom can only list it".to_owned()
    } else {
        format!("Configured actions: {}", can.join(", "))
    }];
    let routines = stack
        .routines
        .iter()
        .filter(|r| r.service.as_deref() == Some(&service.name));
    lines.extend(routines.map(|r| format!("Routine: {}", r.name)));
    lines
}

/// Facts missing in the stack, as questions to the reader of the document.
fn open_questions(service: &Service) -> Vec<String> {
    let has = |verb| service.actions.iter().any(|a| a.verb == verb);
    let questions = [
        (
            service.notes.is_none(),
            "What is it for, and what is it not for?",
        ),
        (service.owner.is_none(), "Who owns it?"),
        (
            service.sla.is_none(),
            "Which uptime, latency and freshness are promised?",
        ),
        (service.depends_on.is_empty(), "What does it depend on?"),
        (service.sensitivity.is_none(), "How sensitive is its data?"),
        (
            !has(Verb::Probe),
            "How is it probed? It has no probe action.",
        ),
        (
            !has(Verb::Rollback),
            "How is it rolled back? It has no rollback action.",
        ),
    ];
    let mut open: Vec<String> = questions
        .into_iter()
        .filter(|(missing, _)| *missing)
        .map(|(_, q)| q.to_owned())
        .collect();
    open.push("What does success look like, and how is it measured?".to_owned());
    open
}

fn concern(service: &Service, stack: &Stack) -> String {
    let owner = service.owner.as_deref().unwrap_or("no owner recorded");
    let channel = service
        .channel
        .as_deref()
        .map(|c| format!(", channel {c}"))
        .unwrap_or_default();
    let users: Vec<&str> = stack
        .services
        .iter()
        .filter(|s| s.depends_on.contains(&service.name))
        .map(|s| s.name.as_str())
        .collect();
    let blast = if users.is_empty() {
        String::new()
    } else {
        format!(", needed by {}", users.join(", "))
    };
    format!(
        "{} ({} tier): {owner}{channel}{blast}",
        service.name,
        tier(service)
    )
}

fn contact(contact: &Contact) -> String {
    let ways: Vec<&str> = [contact.email.as_deref(), contact.phone.as_deref()]
        .into_iter()
        .flatten()
        .collect();
    format!(
        "{}: {}",
        contact.name,
        if ways.is_empty() {
            "no way to reach recorded".to_owned()
        } else {
            ways.join(", ")
        }
    )
}
