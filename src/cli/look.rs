//! What a phrase that only looks prints: the data of the subcommand that shows the same.

use super::audit::{self, AuditArgs};
use super::file;
use super::health::{self, HealthArgs};
use super::out::Out;
use super::routines;
use super::run::compare;
use super::run::lock::{self, LocksArgs};
use super::run::log::{self, Which};
use super::run::pick::RunQuery;
use super::run::record;
use super::run::runs::{self, RunsArgs};
use super::runbooks;
use super::session::Start;
use super::stack::services::{self, ServicesArgs};
use super::stop::{Code, Stop, print_message};
use super::understand::why_not;
use crate::control::Control;
use crate::core::command::run_ref::RunRef;
use crate::core::command::{self, Parsed, ViewCommand};
use crate::core::run::event::Level;
use crate::core::run::need::{Looked, open_needs};
use crate::core::run::{RunId, RunStatus};
use crate::core::stack::service::{Service, Stack};

/// Failed runs of this time need a person who has never opened the list of runs, milliseconds.
const FIRST_LOOK_MS: i64 = 24 * 3_600_000;

/// Prints what the phrase asks for. Closes the store.
pub(super) async fn print(
    control: Control,
    parsed: &Parsed,
    json: bool,
    start: &Start,
) -> Result<Code, Stop> {
    for fix in &parsed.corrections {
        print_message(&format!("read {} as {}", fix.from, fix.to));
    }
    let Some(view) = parsed.view() else {
        return Err(Stop::Usage(why_not(parsed)));
    };
    let input = |name: &str| parsed.inputs.get(name).cloned();
    let limit = input("limit").and_then(|count| count.parse().ok());
    let actor = input("actor").map(|actor| match actor.as_str() {
        "me" => control.settings().actor.clone(),
        _ => actor,
    });
    let names = parsed.named_services();
    let service = names.first().cloned();
    if matches!(view, ViewCommand::Runs | ViewCommand::Audit) && names.len() > 1 {
        return Err(Stop::Usage(format!(
            "{}: name one service, not {}",
            parsed.message,
            names.join(" and ")
        )));
    }
    let run = match view {
        ViewCommand::Run | ViewCommand::Log => Some(find(&control, parsed).await?),
        ViewCommand::Audit if parsed.inputs.contains_key("run") => {
            Some(find(&control, parsed).await?)
        }
        _ => None,
    };
    if let Some(lines) = lines(&control, view, parsed).await? {
        control.close(false).await;
        return print_lines(&lines, json);
    }
    control.close(false).await;
    match (view, run) {
        (ViewCommand::Run, Some(run)) => record::print(&Which::Number(run), json, start).await,
        (ViewCommand::Log, Some(run)) => {
            let level = input("level").and_then(|level| Level::from_name(&level));
            log::print(run, level, json, start).await
        }
        (ViewCommand::Runs, _) => {
            let status = input("status").and_then(|s| RunStatus::from_name(&s));
            let args = RunsArgs {
                run: None,
                status: status.into_iter().collect(),
                runbook: input("kind"),
                service,
                env: parsed.env.clone(),
                actor,
                since: input("since"),
                limit: limit.unwrap_or(20),
                json,
            };
            runs::perform(&args, start).await
        }
        (ViewCommand::Service | ViewCommand::Services, _) => {
            let args = ServicesArgs {
                names,
                env: parsed.env.clone(),
                json,
            };
            services::perform(&args, start).await
        }
        (ViewCommand::Health, _) => health::perform(&HealthArgs { json }, start).await,
        (ViewCommand::Audit, run) => {
            let args = AuditArgs {
                since: input("since"),
                actor,
                run: run.map(Which::Number),
                service,
                env: parsed.env.clone(),
                limit: limit.unwrap_or(50),
                json,
            };
            audit::perform(&args, start).await
        }
        (view, _) => print_rest(view, parsed, json, start).await,
    }
}

/// The views that take no service and no person.
async fn print_rest(
    view: ViewCommand,
    parsed: &Parsed,
    json: bool,
    start: &Start,
) -> Result<Code, Stop> {
    let input = |name: &str| parsed.inputs.get(name).cloned().unwrap_or_default();
    match view {
        ViewCommand::Compare => {
            let runs = (input("from").parse::<Which>(), input("to").parse::<Which>());
            let (Ok(first), Ok(second)) = runs else {
                return Err(Stop::Usage(why_not(parsed)));
            };
            compare::print([&first, &second], json, start).await
        }
        ViewCommand::Routines => routines::print(parsed.routine.as_deref(), json, start).await,
        ViewCommand::Chart => {
            let name = parsed.charted().unwrap_or_default();
            routines::print_history(&name, json, start).await
        }
        ViewCommand::Runbooks => runbooks::print(None, json, start).await,
        ViewCommand::Runbook => runbooks::print(parsed.runbook.as_deref(), json, start).await,
        ViewCommand::Locks => {
            let of = (parsed.named_services(), parsed.env.clone());
            lock::list(&LocksArgs { json, of }, start).await
        }
        ViewCommand::File => {
            let all = RunQuery::new(None, None, None)?;
            let path = input("path");
            file::print(&[path], &all, json, start.clock.now())
        }
        // Printed before, or a matter of the console only.
        ViewCommand::Run
        | ViewCommand::Log
        | ViewCommand::Runs
        | ViewCommand::Service
        | ViewCommand::Services
        | ViewCommand::Health
        | ViewCommand::Audit
        | ViewCommand::Owner
        | ViewCommand::Dependencies
        | ViewCommand::Contacts
        | ViewCommand::Needs
        | ViewCommand::Whoami
        | ViewCommand::EditRoutine
        | ViewCommand::NewRoutine
        | ViewCommand::Filter
        | ViewCommand::Help
        | ViewCommand::Quit => Err(Stop::Usage(why_not(parsed))),
    }
}

async fn find(control: &Control, parsed: &Parsed) -> Result<RunId, Stop> {
    let meant = RunRef::of(parsed, control.clock().now()).map_err(Stop::Usage)?;
    let chosen = control.find_run(&meant).await?;
    if meant != RunRef::Number(chosen.run) {
        print_message(&chosen.line);
    }
    Ok(chosen.run)
}

fn print_lines(lines: &[String], json: bool) -> Result<Code, Stop> {
    let mut out = Out::new();
    if json {
        out.json(&lines)?;
    } else {
        lines.iter().try_for_each(|line| out.line(line))?;
    }
    Ok(Code::Succeeded)
}

/// The answer of a view that has no subcommand of its own; `None`: it has one.
async fn lines(
    control: &Control,
    view: ViewCommand,
    parsed: &Parsed,
) -> Result<Option<Vec<String>>, Stop> {
    let overview = control.overview().await?;
    let all = parsed.services.iter().any(|name| name == "*");
    let services = overview.stack.services.iter();
    let services: Vec<&Service> = services
        .filter(|service| all || parsed.services.contains(&service.name))
        .collect();
    Ok(Some(match view {
        ViewCommand::Owner => services.iter().map(|service| owner(service)).collect(),
        ViewCommand::Dependencies => services
            .iter()
            .flat_map(|service| dependencies(service, &overview.stack))
            .collect(),
        ViewCommand::Contacts => contacts(&overview.stack),
        ViewCommand::Needs => {
            let now = control.clock().now();
            let looked_at = control.home_view().await?.looked_at;
            let looked = Looked {
                at: looked_at.unwrap_or_else(|| now.plus_ms(-FIRST_LOOK_MS)),
                opened: &std::collections::BTreeSet::new(),
            };
            let open = open_needs(&overview.needs, looked);
            let lines: Vec<String> = open.iter().map(|need| need.describe(now)).collect();
            or_else(lines, "nothing needs you")
        }
        ViewCommand::Whoami => vec![format!(
            "you are {} in the workspace {}",
            control.settings().actor,
            overview.stack.workspace
        )],
        ViewCommand::Help => {
            let topic = parsed.inputs.get("topic").map_or("", String::as_str);
            let catalogue = control.catalogue().await?;
            match command::help(topic, &catalogue) {
                Some(help) => {
                    let mut lines = vec![help.title, String::new()];
                    lines.extend(help.lines);
                    lines
                }
                None => vec![
                    "What to type, for example:".to_owned(),
                    "  help deploy      examples of a command".to_owned(),
                    "  list runbooks    the runbooks".to_owned(),
                    "`opsroom help` lists the subcommands and the pages of the manual.".to_owned(),
                ],
            }
        }
        _ => return Ok(None),
    }))
}

fn or_else(lines: Vec<String>, none: &str) -> Vec<String> {
    if lines.is_empty() {
        vec![none.to_owned()]
    } else {
        lines
    }
}

fn owner(service: &Service) -> String {
    let or_dash = |v: &Option<String>| v.clone().unwrap_or_else(|| "–".to_owned());
    format!(
        "{}: owner {} · channel {}",
        service.name,
        or_dash(&service.owner),
        or_dash(&service.channel)
    )
}

fn dependencies(service: &Service, stack: &Stack) -> Vec<String> {
    let list = |names: Vec<&str>| match names.as_slice() {
        [] => "nothing".to_owned(),
        names => names.join(", "),
    };
    let needs: Vec<&str> = service.depends_on.iter().map(String::as_str).collect();
    let needed_by = stack.services.iter();
    let needed_by = needed_by.filter(|other| other.depends_on.contains(&service.name));
    vec![
        format!("{} needs: {}", service.name, list(needs)),
        format!(
            "{} is needed by: {}",
            service.name,
            list(needed_by.map(|other| other.name.as_str()).collect())
        ),
    ]
}

fn contacts(stack: &Stack) -> Vec<String> {
    let or_dash = |v: &Option<String>| v.clone().unwrap_or_else(|| "–".to_owned());
    let lines = stack.contacts.iter().map(|contact| {
        let (email, phone) = (or_dash(&contact.email), or_dash(&contact.phone));
        format!("{}  {email}  {phone}", contact.name)
    });
    let mut lines = or_else(
        lines.collect(),
        "no contacts in the stack file: add [[contact]] and `opsroom apply` it",
    );
    lines.push("(A rotation, and who is on call now, are not in this version.)".to_owned());
    lines
}
