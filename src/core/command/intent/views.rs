//! Intents that open a view.

use super::{Free, Intent, Need, Object};
use crate::command::explain::{in_env, input, run_of, services_of, target, text_of};
use crate::command::reading::Reading;
use crate::command::{ParseOutcome, Parsed, ViewCommand, typed_name};

/// Show one run.
pub(super) const SHOW_RUN: Intent = Intent {
    name: "show_run",
    outcome: ParseOutcome::View,
    form: "show run N",
    takes: &[Object::Run, Object::Env, Object::Service],
    inputs: &["run", "since"],
    wants: &[Object::Run],
    read: |r| r.take_run_of_kind(),
    restate: restate_show_run,
    view: Some(ViewCommand::Run),
    ..Intent::BLANK
};

fn restate_show_run(p: &Parsed) -> String {
    format!("show {}", run_of(p))
}

/// Follow the log of a run.
pub(super) const TAIL_RUN: Intent = Intent {
    name: "tail_run",
    outcome: ParseOutcome::View,
    form: "tail run N",
    takes: &[Object::Run, Object::Env, Object::Service],
    inputs: &["run", "since", "level"],
    read: read_tail_run,
    restate: restate_tail_run,
    view: Some(ViewCommand::Log),
    ..Intent::BLANK
};

fn restate_tail_run(p: &Parsed) -> String {
    let what = if p.inputs.contains_key("level") {
        "show the errors of"
    } else {
        "follow the log of"
    };
    format!("{what} {}", run_of(p))
}

fn read_tail_run(r: &mut Reading<'_>) {
    r.take_run_of_kind();
    r.take_level();
}

/// Read a log file named by its path (`command/log_file.rs`).
pub(in crate::command) const OPEN_FILE: Intent = Intent {
    name: "open_file",
    outcome: ParseOutcome::View,
    form: "log /PATH",
    inputs: &["path"],
    restate: restate_open_file,
    view: Some(ViewCommand::File),
    ..Intent::BLANK
};

fn restate_open_file(p: &Parsed) -> String {
    format!(
        "show the file {}",
        p.inputs.get("path").map_or("?", |path| path)
    )
}

/// List runs.
pub(super) const LIST_RUNS: Intent = Intent {
    name: "list_runs",
    outcome: ParseOutcome::View,
    form: "failed runs since 02:00",
    takes: &[Object::Env, Object::Service],
    inputs: &["status", "since", "actor", "kind", "limit"],
    read: |r| r.take_count(),
    restate: restate_list_runs,
    view: Some(ViewCommand::Runs),
    ..Intent::BLANK
};

/// "last 5 " in front of what is listed.
fn last_of(p: &Parsed) -> String {
    let limit = p.inputs.get("limit");
    limit.map_or_else(String::new, |count| format!("last {count} "))
}

fn restate_list_runs(p: &Parsed) -> String {
    let word = |name: &str| {
        p.inputs
            .get(name)
            .map_or_else(String::new, |value| format!("{value} "))
    };
    format!(
        "list {}{}{}runs{}{}{}{}",
        last_of(p),
        word("status"),
        word("kind"),
        services_of(p, " of "),
        in_env(p, " in "),
        input(p, "actor", " by "),
        input(p, "since", " since ")
    )
}

/// Show one service.
pub(super) const SHOW_SERVICE: Intent = Intent {
    name: "show_service",
    outcome: ParseOutcome::View,
    form: "show SERVICE",
    needs: &[Need::Services],
    takes: &[Object::Env, Object::Service],
    restate: restate_show_service,
    view: Some(ViewCommand::Service),
    ..Intent::BLANK
};

fn restate_show_service(p: &Parsed) -> String {
    format!("show {}{}", target(p, "?"), in_env(p, " in "))
}

/// Who owns a service.
pub(super) const OWNER: Intent = Intent {
    name: "owner",
    outcome: ParseOutcome::View,
    form: "who owns SERVICE",
    needs: &[Need::Services],
    takes: &[Object::Env, Object::Service],
    restate: restate_owner,
    view: Some(ViewCommand::Owner),
    ..Intent::BLANK
};

fn restate_owner(p: &Parsed) -> String {
    format!("owner of {}", target(p, "?"))
}

/// What a service needs, and what needs it.
pub(super) const DEPENDENCIES: Intent = Intent {
    name: "dependencies",
    outcome: ParseOutcome::View,
    form: "what depends on SERVICE",
    needs: &[Need::Services],
    takes: &[Object::Env, Object::Service],
    restate: restate_dependencies,
    view: Some(ViewCommand::Dependencies),
    ..Intent::BLANK
};

fn restate_dependencies(p: &Parsed) -> String {
    let what = target(p, "?");
    format!("what {what} needs, and what needs {what}")
}

/// The runs that need the person.
pub(super) const NEEDS: Intent = Intent {
    name: "needs",
    outcome: ParseOutcome::View,
    form: "what is waiting for me",
    restate: restate_needs,
    view: Some(ViewCommand::Needs),
    ..Intent::BLANK
};

fn restate_needs(_: &Parsed) -> String {
    "what needs you".to_owned()
}

/// Contract renewals.
pub(super) const RENEWALS: Intent = Intent {
    name: "renewals",
    available: false,
    outcome: ParseOutcome::View,
    form: "what renews in the next 30 days",
    takes: &[Object::Service],
    inputs: &["within"],
    restate: restate_renewals,
    ..Intent::BLANK
};

fn restate_renewals(p: &Parsed) -> String {
    format!(
        "renewals{}{}",
        services_of(p, " of "),
        input(p, "within", " within ")
    )
}

/// What services cost.
pub(super) const COSTS: Intent = Intent {
    name: "costs",
    available: false,
    outcome: ParseOutcome::View,
    form: "costs of the DEPARTMENT department",
    takes: &[Object::Service, Object::Department],
    inputs: &["department", "since"],
    restate: restate_costs,
    ..Intent::BLANK
};

fn restate_costs(p: &Parsed) -> String {
    format!(
        "costs{}{}",
        services_of(p, " of "),
        input(p, "department", " of department ")
    )
}

/// The overall health score and what lowers it.
pub(super) const SHOW_HEALTH: Intent = Intent {
    name: "show_health",
    outcome: ParseOutcome::View,
    form: "why is the score low",
    with_objects: Some(&super::plans::HEALTHCHECK),
    restate: restate_show_health,
    view: Some(ViewCommand::Health),
    ..Intent::BLANK
};

fn restate_show_health(_: &Parsed) -> String {
    "show the health score".to_owned()
}

/// Alerts.
pub(super) const ALERTS: Intent = Intent {
    name: "alerts",
    available: false,
    outcome: ParseOutcome::View,
    form: "show alerts",
    takes: &[Object::Env, Object::Service],
    inputs: &["status", "since", "severity"],
    restate: restate_alerts,
    ..Intent::BLANK
};

fn restate_alerts(p: &Parsed) -> String {
    format!(
        "alerts{}{}{}",
        services_of(p, " of "),
        in_env(p, " in "),
        input(p, "since", " since ")
    )
}

/// Incidents.
pub(super) const INCIDENTS: Intent = Intent {
    name: "incidents",
    available: false,
    outcome: ParseOutcome::View,
    form: "incidents",
    takes: &[Object::Incident, Object::Env, Object::Service],
    inputs: &["status", "since", "severity", "incident"],
    restate: restate_incidents,
    ..Intent::BLANK
};

fn restate_incidents(p: &Parsed) -> String {
    format!(
        "incidents{}{}{}",
        services_of(p, " of "),
        in_env(p, " in "),
        input(p, "since", " since ")
    )
}

/// Routines.
pub(super) const ROUTINES: Intent = Intent {
    name: "routines",
    outcome: ParseOutcome::View,
    form: "list routines",
    takes: &[Object::Routine, Object::Env, Object::Service],
    inputs: &["status"],
    wants: &[Object::Routine],
    restate: restate_routines,
    view: Some(ViewCommand::Routines),
    ..Intent::BLANK
};

fn restate_routines(p: &Parsed) -> String {
    match &p.routine {
        Some(routine) => format!("show routine {routine}"),
        None => format!("routines{}{}", services_of(p, " of "), in_env(p, " in ")),
    }
}

/// The chart of a routine, or of the probe of a service.
pub(super) const ROUTINE_CHART: Intent = Intent {
    name: "routine_chart",
    outcome: ParseOutcome::View,
    form: "chart of ROUTINE",
    needs: &[Need::RoutineOrServices],
    takes: &[Object::Routine, Object::Env, Object::Service],
    wants: &[Object::Routine],
    restate: restate_routine_chart,
    view: Some(ViewCommand::Chart),
    ..Intent::BLANK
};

fn restate_routine_chart(p: &Parsed) -> String {
    match &p.routine {
        Some(routine) => format!("chart of routine {routine}"),
        None => format!("chart of {}{}", target(p, "?"), in_env(p, " in ")),
    }
}

/// The form of a routine.
pub(super) const EDIT_ROUTINE: Intent = Intent {
    name: "edit_routine",
    outcome: ParseOutcome::View,
    form: "edit routine ROUTINE",
    needs: &[Need::Routine],
    takes: &[Object::Routine],
    restate: restate_edit_routine,
    view: Some(ViewCommand::EditRoutine),
    ..Intent::BLANK
};

fn restate_edit_routine(p: &Parsed) -> String {
    format!("edit routine {}", p.routine.as_deref().unwrap_or("?"))
}

/// The form of a new routine.
pub(super) const NEW_ROUTINE: Intent = Intent {
    name: "new_routine",
    outcome: ParseOutcome::View,
    form: "new routine",
    restate: |_| "write a new routine".to_owned(),
    view: Some(ViewCommand::NewRoutine),
    ..Intent::BLANK
};

/// The inventory.
pub(super) const SERVICES: Intent = Intent {
    name: "services",
    outcome: ParseOutcome::View,
    form: "list services",
    takes: &[Object::Env, Object::Service, Object::Department],
    inputs: &["department", "status"],
    restate: restate_services,
    view: Some(ViewCommand::Services),
    ..Intent::BLANK
};

fn restate_services(p: &Parsed) -> String {
    format!("services{}", in_env(p, " in "))
}

/// Who changed what.
pub(super) const AUDIT: Intent = Intent {
    name: "audit",
    outcome: ParseOutcome::View,
    form: "what changed yesterday",
    takes: &[Object::Env, Object::Service, Object::Routine, Object::Run],
    inputs: &["since", "run", "actor", "limit"],
    read: |r| r.take_count(),
    restate: restate_audit,
    view: Some(ViewCommand::Audit),
    ..Intent::BLANK
};

fn restate_audit(p: &Parsed) -> String {
    format!(
        "{}changes{}{}{}{}",
        last_of(p),
        services_of(p, " of "),
        in_env(p, " in "),
        input(p, "actor", " by "),
        input(p, "since", " since ")
    )
}

/// Who is on call.
pub(super) const ONCALL: Intent = Intent {
    name: "oncall",
    outcome: ParseOutcome::View,
    form: "who is on call",
    takes: &[Object::Env, Object::Service],
    inputs: &["at"],
    restate: restate_oncall,
    view: Some(ViewCommand::Contacts),
    ..Intent::BLANK
};

fn restate_oncall(p: &Parsed) -> String {
    format!(
        "who is on call{}{}",
        services_of(p, " for "),
        input(p, "at", " ")
    )
}

/// The operations calendar.
pub(super) const CALENDAR: Intent = Intent {
    name: "calendar",
    available: false,
    outcome: ParseOutcome::View,
    form: "show the calendar",
    takes: &[Object::Env, Object::Service],
    inputs: &["within"],
    restate: restate_calendar,
    ..Intent::BLANK
};

fn restate_calendar(p: &Parsed) -> String {
    format!("calendar{}", input(p, "within", " within "))
}

/// Compare two runs.
pub(super) const COMPARE: Intent = Intent {
    name: "compare",
    outcome: ParseOutcome::View,
    form: "compare run N and M",
    needs: &[Need::TwoRuns],
    inputs: &["from", "to"],
    read: read_compare,
    restate: restate_compare,
    view: Some(ViewCommand::Compare),
    ..Intent::BLANK
};

fn restate_compare(p: &Parsed) -> String {
    format!(
        "compare run {} with run {}",
        text_of(p, "from"),
        text_of(p, "to")
    )
}

fn read_compare(r: &mut Reading<'_>) {
    r.take_run("from");
    r.take_run("to");
}

/// The runbooks.
pub(super) const RUNBOOKS: Intent = Intent {
    name: "runbooks",
    outcome: ParseOutcome::View,
    form: "list runbooks",
    restate: restate_runbooks,
    view: Some(ViewCommand::Runbooks),
    ..Intent::BLANK
};

fn restate_runbooks(_: &Parsed) -> String {
    "list the runbooks".to_owned()
}

/// Show one runbook.
pub(super) const SHOW_RUNBOOK: Intent = Intent {
    name: "show_runbook",
    outcome: ParseOutcome::View,
    form: "show runbook RUNBOOK",
    needs: &[Need::Runbook],
    read: read_show_runbook,
    restate: restate_show_runbook,
    view: Some(ViewCommand::Runbook),
    ..Intent::BLANK
};

fn restate_show_runbook(p: &Parsed) -> String {
    let name = p
        .runbook
        .as_deref()
        .map_or_else(|| "?".to_owned(), typed_name);
    format!("show the runbook {name}")
}

fn read_show_runbook(r: &mut Reading<'_>) {
    r.take_runbook();
}

/// Who the person is here.
pub(super) const WHOAMI: Intent = Intent {
    name: "whoami",
    outcome: ParseOutcome::View,
    form: "who am i",
    restate: restate_whoami,
    view: Some(ViewCommand::Whoami),
    ..Intent::BLANK
};

fn restate_whoami(_: &Parsed) -> String {
    "who you are here".to_owned()
}

/// Show only the log lines that match.
pub(super) const FILTER: Intent = Intent {
    name: "filter",
    outcome: ParseOutcome::View,
    form: "grep TEXT",
    needs: &[Need::Input("text")],
    inputs: &["text"],
    free: Free::Everything("text"),
    restate: restate_filter,
    view: Some(ViewCommand::Filter),
    ..Intent::BLANK
};

fn restate_filter(p: &Parsed) -> String {
    format!("only lines with {}", text_of(p, "text"))
}

/// What is locked, by whom, and until when.
pub(super) const LOCKS: Intent = Intent {
    name: "locks",
    outcome: ParseOutcome::View,
    form: "locks",
    takes: &[Object::Env, Object::Service],
    restate: restate_locks,
    view: Some(ViewCommand::Locks),
    ..Intent::BLANK
};

fn restate_locks(p: &Parsed) -> String {
    match services_of(p, "") {
        all if all.is_empty() => format!("what is locked{}", in_env(p, " in ")),
        services => format!("locks of {services}{}", in_env(p, " in ")),
    }
}

/// Help: how a command is typed.
pub(super) const HELP: Intent = Intent {
    name: "help",
    outcome: ParseOutcome::View,
    form: "help TOPIC",
    inputs: &["topic"],
    free: Free::Everything("topic"),
    restate: restate_help,
    view: Some(ViewCommand::Help),
    ..Intent::BLANK
};

fn restate_help(p: &Parsed) -> String {
    format!("help{}", input(p, "topic", " on "))
}

/// Leave the console.
pub(super) const QUIT: Intent = Intent {
    name: "quit",
    outcome: ParseOutcome::View,
    form: "quit",
    restate: restate_quit,
    view: Some(ViewCommand::Quit),
    ..Intent::BLANK
};

fn restate_quit(_: &Parsed) -> String {
    "quit".to_owned()
}
