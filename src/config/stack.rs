//! Stack files: the environments, services, routines and contacts of a workspace. Applied with
//! `opsroom apply`, written back by `opsroom export`.
//!
//! ```toml
//! workspace = "acme"
//! timezone = "Europe/Berlin"           # IANA name, default UTC
//!
//! [[environment]]
//! name = "prod"
//! aliases = ["production", "live"]
//! protected = true                     # asks for typed confirmation
//! approve = { need = 1, from = ["bo"] } # every change waits for approval; also of a [[service]]
//!
//! [[service]]
//! name = "web"
//! aliases = ["frontend"]
//! category = "app"
//! tier = "critical"                    # low | standard (default) | critical
//! owner = "ana@acme.test"              # also: status, vendor, department, channel, sensitivity, auth_method, notes
//! environments = ["prod"]
//! depends_on = ["api"]
//! links = { repo = "acme/web", dashboard = "https://grafana.acme.test/d/web" }
//! sla = { uptime_pct = 99.9, latency_ms = 300, freshness_hours = 6 }
//! cost = { annual_minor = 4200000, currency = "EUR" }      # cents
//! seats = { licensed = 60, active_30d = 31 }
//! contract = { start = "2025-01-15", months = 24, renewal = "2027-01-15", notice_days = 60, auto_renewal = true }
//!
//! [[service.action]]
//! do = "probe"                         # probe | deploy | rollback | restart | scale | backup | schema_sync
//! env = ["prod"]                       # left out: all its environments
//! http = { method = "GET", url = "http://127.0.0.1:8080/health", expect_status = [200], max_ms = 800, contains = "ok" }
//! timeout = "5s"                       # total deadline; default 10s for a probe, 10m otherwise
//!
//! [[service.action]]
//! do = "deploy"
//! shell = "./deploy.sh"                # a text is given to `sh -c`; a list is program and arguments, without a shell
//! idempotent = false                   # may be repeated when its outcome is unknown; default true for a probe
//!
//! [[routine]]
//! name = "web ping"
//! service = "web"
//! kind = "http"                        # http, webhook, tcp, dns, tls, shell, sql, promql, unit, runbook, heartbeat, manual, collect
//! env = "prod"
//! every = "5m"                         # or: cron = "30 2 * * *", timezone = "Europe/Berlin"
//! request = { method = "GET", url = "https://web.acme.test/health", timeout = "8s", auth = { secret_ref = "WEB" } }
//! expect = "response.status == 200"
//!
//! [[maintenance]]
//! name = "patches"
//! days = ["tue"]                       # or: monthly = "second tue"; without both once: from = "2026-12-05 22:00"
//! from = "22:00"
//! until = "04:00"                      # of the next day; or: for = "6h"
//! timezone = "Europe/Berlin"           # left out: the stack's
//! services = ["web"]                   # also environments, routines; left out: all routines
//! mode = "mute"                        # mute: changes of state are no news; skip: nothing runs
//! reason = "kernel updates"
//!
//! [[contact]]
//! name = "Ana"
//! email = "ana@acme.test"
//! phone = "+490000001"
//! ```
//!
//! In `url` and `body` of an action `{env}`, `{service}` and `{inputs.NAME}` are filled in. A shell
//! command gets the same values as `$OPSROOM_ENV`, `$OPSROOM_SERVICE` and `$OPSROOM_INPUT_NAME`,
//! never as text. An `http` action has `method` (default `GET` for a probe), `url`, `headers`,
//! `body`, `expect_status` (default any 2xx), `max_ms` and `contains`.
//! Names are compared without regard to capitals, and with space, `-` and `_` equal.

mod action;
mod approve;
mod draft;
mod maintenance;
mod names;
mod routine;
mod service;
mod template;
mod write;

pub use draft::{Amount, RoutineReader, has_comments};
pub use template::routine_template;
pub use write::{write, write_routine};

use self::names::Names;
use super::rule;
use crate::core::base::problem::Problem;
use crate::core::base::toml_doc::{Report, Section, parse, shown};
use crate::core::runbook::for_routine::RoutineProblem;
use crate::core::stack::routine::RoutineKind;
use crate::core::stack::service::{Contact, Environment, Stack};

/// Reads a stack file's text. `file` is its name in messages.
///
/// # Errors
/// Every problem of the file, in the order of its lines.
pub fn read(file: &str, text: &str) -> Result<Stack, Vec<Problem>> {
    let (table, mut report) = parse(file, text);
    let mut root = Section::root(&table);
    let stack = Stack {
        workspace: workspace(&mut root, &mut report),
        timezone: root
            .text_by(&mut report, "timezone", rule::schedule::zone)
            .unwrap_or_else(|| "UTC".to_owned()),
        ..Stack::default()
    };
    let stack = objects(stack, &mut root, &mut report);
    root.close(&mut report);
    report.finish(stack)
}

/// The `[[routine]]` tables of a file whose mistakes are reported elsewhere.
fn routine_tables<'a>(root: &mut Section<'a>, file: &str) -> Vec<Section<'a>> {
    let field = root.field("routine");
    field
        .map(|field| field.tables(&mut Report::new(file, "")))
        .unwrap_or_default()
}

/// Warnings about parts of a valid stack file that this version keeps but does not use yet.
#[must_use]
pub fn warnings(file: &str, text: &str) -> Vec<Problem> {
    let (table, report) = parse(file, text);
    let mut root = Section::root(&table);
    let routines = routine_tables(&mut root, file);
    let warning = |routine: &Section<'_>| {
        let kind = RoutineKind::from_name(routine.peek("kind")?)?;
        let name = shown(routine.peek("name")?);
        (!kind.is_run()).then(|| Problem {
            file: file.to_owned(),
            line: report.line(routine.at),
            key: format!("routine \"{name}\""),
            message: format!(
                "is kept, but this version does not run routines of kind {}",
                kind.name()
            ),
        })
    };
    routines.iter().filter_map(warning).collect()
}

/// Where problems of routines are in a text that names them: at their key, else at their table.
#[must_use]
pub fn located(file: &str, text: &str, problems: &[RoutineProblem]) -> Vec<Problem> {
    let (table, report) = parse(file, text);
    let mut root = Section::root(&table);
    let routines = routine_tables(&mut root, file);
    let mut located: Vec<Problem> = problems
        .iter()
        .map(|problem| {
            let named = |s: &&Section<'_>| s.peek("name") == Some(&problem.routine);
            let section = routines.iter().find(named);
            let at = section.map(|s| s.get(problem.key).map_or(s.at, |field| field.at));
            Problem {
                file: file.to_owned(),
                line: at.map_or(0, |at| report.line(at)),
                key: format!("routine \"{}\".{}", shown(&problem.routine), problem.key),
                message: problem.message.clone(),
            }
        })
        .collect();
    located.sort();
    located
}

fn workspace(root: &mut Section<'_>, report: &mut Report) -> String {
    let field = root.required(report, "workspace", "\"NAME\"");
    field
        .and_then(|f| f.text_by(report, rule::name))
        .unwrap_or_default()
}

/// Names are collected first, so that a reference may come before its object; a service with
/// mistakes still counts as declared.
fn objects(stack: Stack, root: &mut Section<'_>, report: &mut Report) -> Stack {
    let environments = named(root, report, "environment");
    let services = named(root, report, "service");
    let routines = named(root, report, "routine");
    let maintenance = named(root, report, "maintenance");
    let contacts = named(root, report, "contact");
    let environment_names = Names::collect(report, "environment", &environments);
    let service_names = Names::collect(report, "service", &services);
    let routine_names = Names::collect(report, "routine", &routines);
    Names::collect(report, "maintenance", &maintenance);
    Names::collect(report, "contact", &contacts);
    let environments = environments
        .into_iter()
        .map(|s| environment(s, report))
        .collect();
    let services: Vec<_> = services
        .into_iter()
        .map(|s| service::read(s, report, &environment_names, &service_names))
        .collect();
    let routines = routines
        .into_iter()
        .map(|s| routine::read(s, report, &environment_names, &service_names, &services))
        .collect();
    let declared = maintenance::Declared {
        environments: &environment_names,
        services: &service_names,
        routines: &routine_names,
    };
    let maintenance = maintenance
        .into_iter()
        .map(|s| maintenance::read(s, report, declared))
        .collect();
    let contacts = contacts.into_iter().map(|s| contact(s, report)).collect();
    Stack {
        environments,
        services,
        routines,
        maintenance,
        contacts,
        ..stack
    }
}

/// The tables of `[[key]]`, with their names for messages.
fn named<'t>(root: &mut Section<'t>, report: &mut Report, key: &'static str) -> Vec<Section<'t>> {
    let Some(field) = root.field(key) else {
        return Vec::new();
    };
    let mut sections = field.tables(report);
    for section in &mut sections {
        if let Some(name) = section.peek("name") {
            section.rename(format!("{key} \"{}\"", shown(name)));
        }
    }
    sections
}

/// The name of a table of `[[key]]`; empty (with a problem) when there is none.
fn name(section: &mut Section<'_>, report: &mut Report) -> String {
    let field = section.required(report, "name", "\"NAME\"");
    field
        .and_then(|f| f.text_by(report, rule::name))
        .unwrap_or_default()
}

/// A list of other names.
fn aliases(section: &mut Section<'_>, report: &mut Report) -> Vec<String> {
    let list = section
        .field("aliases")
        .and_then(|f| f.list(report))
        .unwrap_or_default();
    list.iter()
        .filter_map(|f| f.text_by(report, rule::name))
        .collect()
}

fn environment(mut section: Section<'_>, report: &mut Report) -> Environment {
    let environment = Environment {
        name: name(&mut section, report),
        aliases: aliases(&mut section, report),
        protected: section
            .field("protected")
            .and_then(|f| f.boolean(report))
            .unwrap_or_default(),
        approve: approve::read(&mut section, report),
    };
    section.close(report);
    environment
}

fn contact(mut section: Section<'_>, report: &mut Report) -> Contact {
    let contact = Contact {
        name: name(&mut section, report),
        email: section.text_by(report, "email", rule::email),
        phone: section.text_by(report, "phone", rule::phone),
    };
    section.close(report);
    contact
}
