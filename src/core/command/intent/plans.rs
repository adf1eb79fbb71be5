//! Intents that become a plan.

use super::{Free, Intent, Need, Object};
use crate::command::explain::{in_env, input, services_of, target};
use crate::command::reading::Reading;
use crate::command::{ParseOutcome, Parsed, typed_name};

/// Deploy: bring a version of services to an environment.
pub(super) const DEPLOY: Intent = Intent {
    name: "deploy",
    outcome: ParseOutcome::Plan,
    form: "deploy SERVICE to ENV",
    mutates: true,
    needs: &[Need::Env],
    takes: &[Object::Env, Object::Service],
    inputs: &["version", "branch", "from", "at", "reason"],
    restate: restate_deploy,
    ..Intent::BLANK
};

fn restate_deploy(p: &Parsed) -> String {
    format!(
        "deploy {}{}{}{}",
        target(p, "everything deployable"),
        input(p, "version", " version "),
        input(p, "branch", " on branch "),
        in_env(p, " to ")
    ) + &input(p, "from", " from ")
        + &input(p, "at", " at ")
}

/// Rollback: return services to an earlier version.
pub(super) const ROLLBACK: Intent = Intent {
    name: "rollback",
    outcome: ParseOutcome::Plan,
    form: "roll back SERVICE in ENV to VERSION",
    mutates: true,
    needs: &[Need::Env, Need::Services],
    takes: &[Object::Env, Object::Service],
    inputs: &["version", "from", "at", "reason"],
    read: |r| r.take_numbered_version(),
    restate: restate_rollback,
    ..Intent::BLANK
};

fn restate_rollback(p: &Parsed) -> String {
    format!(
        "roll back {}{}{}{}",
        target(p, "?"),
        in_env(p, " in "),
        input(p, "version", " to "),
        input(p, "at", " at ")
    )
}

/// Healthcheck: check the health of services.
pub(super) const HEALTHCHECK: Intent = Intent {
    name: "healthcheck",
    outcome: ParseOutcome::Plan,
    form: "check SERVICE in ENV",
    takes: &[Object::Env, Object::Service],
    inputs: &["at"],
    restate: restate_healthcheck,
    ..Intent::BLANK
};

fn restate_healthcheck(p: &Parsed) -> String {
    match (&p.env, p.services.is_empty()) {
        (Some(env), true) => format!("check {env}{}", input(p, "at", " at ")),
        _ => format!(
            "check {}{}{}",
            target(p, "everything"),
            in_env(p, " in "),
            input(p, "at", " at ")
        ),
    }
}

/// Restart services.
pub(super) const RESTART: Intent = Intent {
    name: "restart",
    outcome: ParseOutcome::Plan,
    form: "restart SERVICE in ENV",
    mutates: true,
    needs: &[Need::Env, Need::Services],
    takes: &[Object::Env, Object::Service],
    inputs: &["at", "reason"],
    restate: restate_restart,
    ..Intent::BLANK
};

fn restate_restart(p: &Parsed) -> String {
    format!(
        "restart {}{}{}",
        target(p, "?"),
        in_env(p, " in "),
        input(p, "at", " at ")
    )
}

/// Scale services to a number of replicas.
pub(super) const SCALE: Intent = Intent {
    name: "scale",
    outcome: ParseOutcome::Plan,
    form: "scale SERVICE to N in ENV",
    mutates: true,
    needs: &[Need::Env, Need::Services, Need::Input("replicas")],
    takes: &[Object::Env, Object::Service],
    inputs: &["replicas", "from", "at", "reason"],
    restate: restate_scale,
    ..Intent::BLANK
};

fn restate_scale(p: &Parsed) -> String {
    format!(
        "scale {}{}{}{}",
        target(p, "?"),
        input(p, "replicas", " to "),
        in_env(p, " in "),
        input(p, "at", " at ")
    )
}

/// Spec: write a specification document.
pub(super) const SPEC: Intent = Intent {
    name: "spec",
    outcome: ParseOutcome::Plan,
    form: "generate spec for SUBJECT",
    needs: &[Need::Input("subject")],
    inputs: &["subject"],
    free: Free::Text("subject"),
    restate: restate_spec,
    ..Intent::BLANK
};

fn restate_spec(p: &Parsed) -> String {
    format!("write a spec{}", input(p, "subject", " for "))
}

/// Incident: gather evidence about a problem.
pub(super) const INCIDENT: Intent = Intent {
    name: "incident",
    outcome: ParseOutcome::Plan,
    form: "investigate SERVICE errors in ENV",
    takes: &[Object::Env, Object::Service],
    inputs: &["notes", "since", "severity"],
    free: Free::Notes("notes"),
    restate: restate_incident,
    ..Intent::BLANK
};

fn restate_incident(p: &Parsed) -> String {
    format!(
        "investigate {}{}{}",
        target(p, "what is wrong"),
        in_env(p, " in "),
        input(p, "notes", ": ")
    )
}

/// Schema sync: apply pending migrations.
pub(super) const SCHEMA_SYNC: Intent = Intent {
    name: "schema_sync",
    outcome: ParseOutcome::Plan,
    form: "sync schema in ENV",
    mutates: true,
    needs: &[Need::Env],
    takes: &[Object::Env, Object::Service],
    inputs: &["target", "at", "reason"],
    read: read_schema_sync,
    restate: restate_schema_sync,
    ..Intent::BLANK
};

fn restate_schema_sync(p: &Parsed) -> String {
    format!(
        "sync the schema{}{}{}",
        input(p, "target", " of "),
        in_env(p, " in "),
        input(p, "at", " at ")
    )
}

/// The one named service is also the target database.
fn read_schema_sync(r: &mut Reading<'_>) {
    r.service_is_target();
}

/// Backup of services.
pub(super) const BACKUP: Intent = Intent {
    name: "backup",
    outcome: ParseOutcome::Plan,
    form: "back up SERVICE in ENV",
    mutates: true,
    needs: &[Need::Env, Need::Services],
    takes: &[Object::Env, Object::Service],
    inputs: &["at", "reason"],
    restate: restate_backup,
    ..Intent::BLANK
};

fn restate_backup(p: &Parsed) -> String {
    format!(
        "back up {}{}{}",
        target(p, "?"),
        in_env(p, " in "),
        input(p, "at", " at ")
    )
}

/// A user's runbook, by its name or one of its phrases.
pub(super) const RUNBOOK: Intent = Intent {
    name: "runbook",
    outcome: ParseOutcome::Plan,
    form: "run NAME",
    takes: &[Object::Env, Object::Service],
    wants: &[Object::Runbook],
    restate: restate_runbook,
    ..Intent::BLANK
};

fn restate_runbook(p: &Parsed) -> String {
    let name = p
        .runbook
        .as_deref()
        .map_or_else(|| "a runbook".to_owned(), typed_name);
    format!("run {name}{}{}", services_of(p, " for "), in_env(p, " in "))
}
