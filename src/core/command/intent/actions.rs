//! Intents that act on something that exists: runs, routines, alerts, incidents.

use super::{Free, Intent, Need, Object};
use crate::base::time::Timestamp;
use crate::command::explain::{in_env, input, run_of, services_of, target, text_of, until};
use crate::command::reading::Reading;
use crate::command::run_ref::RunRef;
use crate::command::{CommandAct, ParseOutcome, Parsed};
use crate::run::act::Act;
use crate::run::again::Again;
use crate::run::lockout::{LockEnd, Lockable};
use crate::run::orders::{Ending, Order};
use crate::run::plan::Target;

/// The act of a command about a run, with the reason it gives.
fn on_run(p: &Parsed, now: Timestamp, act: Act<()>) -> Result<CommandAct, String> {
    Ok(CommandAct::OnRun {
        run: RunRef::of(p, now)?,
        act: act.because(reason(p)),
    })
}

fn order(p: &Parsed, now: Timestamp, order: Order) -> Result<CommandAct, String> {
    let (run, reason) = ((), None);
    on_run(p, now, Act::Order { run, order, reason })
}

/// A vote, before its question was shown.
fn vote(p: &Parsed, now: Timestamp, approved: bool) -> Result<CommandAct, String> {
    let (run, plan_hash, note) = ((), String::new(), None);
    let vote = Act::Vote {
        run,
        approved,
        plan_hash,
        note,
    };
    on_run(p, now, vote)
}

fn reason(p: &Parsed) -> Option<String> {
    p.inputs.get("reason").cloned()
}

/// Run a routine now.
pub(super) const RUN_ROUTINE: Intent = Intent {
    name: "run_routine",
    outcome: ParseOutcome::Action,
    form: "run ROUTINE now",
    mutates: true,
    needs: &[Need::Routine],
    takes: &[Object::Routine, Object::Env],
    inputs: &["reason"],
    wants: &[Object::Routine],
    restate: restate_run_routine,
    act: Some(act_run_routine),
    ..Intent::BLANK
};

fn restate_run_routine(p: &Parsed) -> String {
    format!("run {} now", p.routine.as_deref().unwrap_or("?"))
}

fn routine(p: &Parsed) -> Result<String, String> {
    p.routine
        .clone()
        .ok_or_else(|| "say which routine".to_owned())
}

fn act_run_routine(p: &Parsed, _now: Timestamp) -> Result<CommandAct, String> {
    let (routine, reason) = (routine(p)?, reason(p));
    Ok(CommandAct::Complete(Act::RunRoutine { routine, reason }))
}

fn act_pause_routine(p: &Parsed, now: Timestamp) -> Result<CommandAct, String> {
    let given = |name: &str| p.inputs.get(name).map(String::as_str);
    let (routine, reason) = (routine(p)?, reason(p));
    let end = LockEnd::read(given("for"), given("until"), now)?;
    Ok(CommandAct::Complete(Act::PauseRoutine {
        routine,
        end,
        reason,
    }))
}

fn act_resume_routine(p: &Parsed, _now: Timestamp) -> Result<CommandAct, String> {
    let (routine, reason) = (routine(p)?, reason(p));
    Ok(CommandAct::Complete(Act::ResumeRoutine { routine, reason }))
}

/// Pause a routine.
pub(super) const PAUSE_ROUTINE: Intent = Intent {
    name: "pause_routine",
    outcome: ParseOutcome::Action,
    form: "pause ROUTINE for 2h because \"REASON\"",
    mutates: true,
    needs: &[Need::Routine],
    takes: &[Object::Routine, Object::Env],
    inputs: &["for", "until", "reason"],
    free: Free::Quoted("reason"),
    wants: &[Object::Routine],
    restate: restate_pause_routine,
    act: Some(act_pause_routine),
    ..Intent::BLANK
};

fn restate_pause_routine(p: &Parsed) -> String {
    format!("pause {}{}", p.routine.as_deref().unwrap_or("?"), until(p))
}

/// Let a paused routine run again.
pub(super) const RESUME_ROUTINE: Intent = Intent {
    name: "resume_routine",
    outcome: ParseOutcome::Action,
    form: "resume ROUTINE",
    mutates: true,
    needs: &[Need::Routine],
    takes: &[Object::Routine, Object::Env],
    inputs: &["for", "until", "reason"],
    wants: &[Object::Routine],
    restate: restate_resume_routine,
    act: Some(act_resume_routine),
    ..Intent::BLANK
};

fn restate_resume_routine(p: &Parsed) -> String {
    format!("resume {}{}", p.routine.as_deref().unwrap_or("?"), until(p))
}

/// Start a run that waits in the queue because the process that queued it is gone.
pub(super) const START_RUN: Intent = Intent {
    name: "start_run",
    outcome: ParseOutcome::Action,
    form: "start run N",
    mutates: true,
    needs: &[Need::Run],
    takes: &[Object::Run],
    inputs: &["run", "reason"],
    wants: &[Object::Run],
    restate: restate_start_run,
    act: Some(act_start_run),
    ..Intent::BLANK
};

fn restate_start_run(p: &Parsed) -> String {
    format!("start {}, which waits in the queue", run_of(p))
}

fn act_start_run(p: &Parsed, now: Timestamp) -> Result<CommandAct, String> {
    let (run, typed, reason) = ((), None, None);
    on_run(p, now, Act::Start { run, typed, reason })
}

/// Cancel a run.
pub(super) const CANCEL_RUN: Intent = Intent {
    name: "cancel_run",
    outcome: ParseOutcome::Action,
    form: "cancel run N",
    mutates: true,
    needs: &[Need::Run],
    takes: &[Object::Run, Object::Env, Object::Service],
    inputs: &["run", "reason"],
    wants: &[Object::Run],
    restate: restate_cancel_run,
    act: Some(|p, now| order(p, now, Order::End(Ending::Cancel))),
    ..Intent::BLANK
};

fn restate_cancel_run(p: &Parsed) -> String {
    format!("cancel {}", run_of(p))
}

/// Stop a run once its step in flight has ended.
pub(super) const STOP_RUN: Intent = Intent {
    name: "stop_run",
    outcome: ParseOutcome::Action,
    form: "stop run N after this step",
    mutates: true,
    needs: &[Need::Run],
    takes: &[Object::Run, Object::Env, Object::Service],
    inputs: &["run", "reason"],
    wants: &[Object::Run],
    free: Free::Quoted("reason"),
    restate: restate_stop_run,
    act: Some(|p, now| order(p, now, Order::End(Ending::AfterStep))),
    ..Intent::BLANK
};

fn restate_stop_run(p: &Parsed) -> String {
    format!("stop {} after its step", run_of(p))
}

/// Pause a run before its next step.
pub(super) const PAUSE_RUN: Intent = Intent {
    name: "pause_run",
    outcome: ParseOutcome::Action,
    form: "pause run N",
    mutates: true,
    needs: &[Need::Run],
    takes: &[Object::Run, Object::Env, Object::Service],
    inputs: &["run", "reason"],
    wants: &[Object::Run],
    free: Free::Quoted("reason"),
    restate: restate_pause_run,
    act: Some(|p, now| order(p, now, Order::Pause)),
    ..Intent::BLANK
};

fn restate_pause_run(p: &Parsed) -> String {
    format!("pause {}", run_of(p))
}

/// Run a finished run again.
pub(super) const RETRY_RUN: Intent = Intent {
    name: "retry_run",
    outcome: ParseOutcome::Action,
    form: "retry run N",
    mutates: true,
    needs: &[Need::Run],
    takes: &[Object::Run, Object::Env, Object::Service],
    inputs: &["run", "since", "reason"],
    wants: &[Object::Run],
    restate: restate_retry_run,
    act: Some(act_retry_run),
    ..Intent::BLANK
};

fn restate_retry_run(p: &Parsed) -> String {
    format!("retry {}", run_of(p))
}

fn act_retry_run(p: &Parsed, now: Timestamp) -> Result<CommandAct, String> {
    on_run(p, now, retry(Again::All))
}

const fn retry(again: Again) -> Act<()> {
    Act::Retry {
        run: (),
        again,
        typed: None,
        reason: None,
    }
}

/// Go on with an ended run from its failed step: a new run, which takes over what succeeded.
pub(super) const GO_ON_RUN: Intent = Intent {
    name: "go_on_run",
    form: "continue failed run N",
    read: |r| r.take_run_of_kind(),
    restate: restate_go_on_run,
    act: Some(act_go_on_run),
    ..RETRY_RUN
};

fn restate_go_on_run(p: &Parsed) -> String {
    format!("go on with {} from its failed step", run_of(p))
}

fn act_go_on_run(p: &Parsed, now: Timestamp) -> Result<CommandAct, String> {
    on_run(p, now, retry(Again::FromFailed))
}

/// Run again only the services or items of a run that failed.
pub(super) const RETRY_FAILED_TARGETS: Intent = Intent {
    name: "retry_failed_targets",
    form: "retry failed targets of run N",
    restate: restate_retry_failed_targets,
    act: Some(act_retry_failed_targets),
    ..RETRY_RUN
};

fn restate_retry_failed_targets(p: &Parsed) -> String {
    format!("retry only the failed targets of {}", run_of(p))
}

fn act_retry_failed_targets(p: &Parsed, now: Timestamp) -> Result<CommandAct, String> {
    on_run(p, now, retry(Again::FailedTargets))
}

/// Continue an interrupted run.
pub(super) const RESUME_RUN: Intent = Intent {
    name: "resume_run",
    outcome: ParseOutcome::Action,
    form: "resume run N",
    mutates: true,
    needs: &[Need::Run],
    takes: &[Object::Run, Object::Env, Object::Service],
    inputs: &["run", "reason"],
    wants: &[Object::Run],
    restate: restate_resume_run,
    act: Some(act_resume_run),
    ..Intent::BLANK
};

fn restate_resume_run(p: &Parsed) -> String {
    format!("resume {}", run_of(p))
}

fn act_resume_run(p: &Parsed, now: Timestamp) -> Result<CommandAct, String> {
    let (run, decision, reason) = ((), None, None);
    let resume = Act::Resume {
        run,
        decision,
        reason,
    };
    on_run(p, now, resume)
}

/// Acknowledge an alert.
pub(super) const ACK_ALERT: Intent = Intent {
    name: "ack_alert",
    available: false,
    outcome: ParseOutcome::Action,
    form: "ack SERVICE",
    mutates: true,
    needs: &[Need::AlertOrServices],
    takes: &[Object::Alert, Object::Env, Object::Service],
    inputs: &["alert", "for", "until", "reason"],
    restate: restate_ack_alert,
    ..Intent::BLANK
};

fn restate_ack_alert(p: &Parsed) -> String {
    format!(
        "acknowledge alert {}{}{}",
        target(p, &text_of(p, "alert")),
        in_env(p, " in "),
        until(p)
    )
}

/// Silence an alert.
pub(super) const SILENCE_ALERT: Intent = Intent {
    name: "silence_alert",
    available: false,
    outcome: ParseOutcome::Action,
    form: "silence SERVICE for 2h",
    mutates: true,
    needs: &[Need::AlertOrServices],
    takes: &[Object::Alert, Object::Env, Object::Service],
    inputs: &["alert", "for", "until", "reason"],
    restate: restate_silence_alert,
    ..Intent::BLANK
};

fn restate_silence_alert(p: &Parsed) -> String {
    format!(
        "silence alerts of {}{}{}",
        target(p, &text_of(p, "alert")),
        in_env(p, " in "),
        until(p)
    )
}

/// Declare an incident.
pub(super) const DECLARE_INCIDENT: Intent = Intent {
    name: "declare_incident",
    available: false,
    outcome: ParseOutcome::Action,
    form: "declare incident sev2 \"TITLE\"",
    mutates: true,
    needs: &[Need::Input("title")],
    inputs: &["severity", "title"],
    free: Free::Text("title"),
    read: read_declare_incident,
    restate: restate_declare_incident,
    ..Intent::BLANK
};

fn restate_declare_incident(p: &Parsed) -> String {
    format!(
        "declare an incident{}{}",
        input(p, "severity", ", "),
        input(p, "title", ": ")
    )
}

/// The severity may be before or after the title; the rest is the title.
fn read_declare_incident(r: &mut Reading<'_>) {
    r.take_severity();
}

/// Resolve an incident.
pub(super) const RESOLVE_INCIDENT: Intent = Intent {
    name: "resolve_incident",
    available: false,
    outcome: ParseOutcome::Action,
    form: "resolve the incident",
    mutates: true,
    takes: &[Object::Incident, Object::Env, Object::Service],
    inputs: &["incident", "text", "reason"],
    free: Free::Quoted("text"),
    restate: restate_resolve_incident,
    ..Intent::BLANK
};

fn restate_resolve_incident(p: &Parsed) -> String {
    format!(
        "resolve {}{}{}",
        if p.inputs.contains_key("incident") {
            format!("incident {}", text_of(p, "incident"))
        } else {
            "the open incident".to_owned()
        },
        services_of(p, " of "),
        in_env(p, " in ")
    )
}

/// Note something in the incident timeline.
pub(super) const NOTE_INCIDENT: Intent = Intent {
    name: "note_incident",
    available: false,
    outcome: ParseOutcome::Action,
    form: "note \"TEXT\"",
    mutates: true,
    needs: &[Need::Input("text")],
    inputs: &["text", "incident"],
    free: Free::Everything("text"),
    restate: restate_note_incident,
    ..Intent::BLANK
};

fn restate_note_incident(p: &Parsed) -> String {
    format!("note{}", input(p, "text", ": "))
}

/// Freeze deploys.
pub(super) const FREEZE: Intent = Intent {
    name: "freeze",
    available: false,
    outcome: ParseOutcome::Action,
    form: "freeze deploys in ENV for 4h",
    mutates: true,
    needs: &[Need::EnvOrServices],
    takes: &[Object::Env, Object::Service],
    inputs: &["for", "until", "reason"],
    free: Free::Quoted("reason"),
    restate: restate_freeze,
    ..Intent::BLANK
};

fn restate_freeze(p: &Parsed) -> String {
    format!(
        "freeze deploys{}{}{}{}",
        services_of(p, " of "),
        in_env(p, " in "),
        until(p),
        input(p, "reason", ": ")
    )
}

/// Lift a freeze.
pub(super) const UNFREEZE: Intent = Intent {
    name: "unfreeze",
    available: false,
    outcome: ParseOutcome::Action,
    form: "lift the freeze on ENV",
    mutates: true,
    needs: &[Need::EnvOrServices],
    takes: &[Object::Env, Object::Service],
    inputs: &["for", "reason"],
    restate: restate_unfreeze,
    ..Intent::BLANK
};

fn restate_unfreeze(p: &Parsed) -> String {
    format!(
        "lift the freeze{}{}",
        services_of(p, " on "),
        in_env(p, " in ")
    )
}

/// Approve a run that waits for it.
pub(super) const APPROVE: Intent = Intent {
    name: "approve",
    outcome: ParseOutcome::Action,
    form: "approve run N",
    mutates: true,
    needs: &[Need::Run],
    takes: &[Object::Run, Object::Env, Object::Service],
    inputs: &["run", "reason"],
    free: Free::Quoted("reason"),
    restate: restate_approve,
    act: Some(|p, now| vote(p, now, true)),
    ..Intent::BLANK
};

fn restate_approve(p: &Parsed) -> String {
    format!("approve {}", run_of(p))
}

/// Reject a run that waits for approval.
pub(super) const REJECT: Intent = Intent {
    name: "reject",
    outcome: ParseOutcome::Action,
    form: "reject run N",
    mutates: true,
    needs: &[Need::Run],
    takes: &[Object::Run, Object::Env, Object::Service],
    inputs: &["run", "reason"],
    free: Free::Quoted("reason"),
    restate: restate_reject,
    act: Some(|p, now| vote(p, now, false)),
    ..Intent::BLANK
};

fn restate_reject(p: &Parsed) -> String {
    format!("reject {}", run_of(p))
}

/// Close a circuit breaker by hand.
pub(super) const RESET_BREAKER: Intent = Intent {
    name: "reset_breaker",
    outcome: ParseOutcome::Action,
    form: "reset breaker for TARGET",
    mutates: true,
    needs: &[Need::Input("target")],
    takes: &[Object::Env, Object::Service],
    inputs: &["target", "reason"],
    read: read_reset_breaker,
    restate: restate_reset_breaker,
    act: Some(act_reset_breaker),
    ..Intent::BLANK
};

fn restate_reset_breaker(p: &Parsed) -> String {
    format!(
        "reset the breaker of {}{}",
        text_of(p, "target"),
        in_env(p, " in ")
    )
}

fn act_reset_breaker(p: &Parsed, _: Timestamp) -> Result<CommandAct, String> {
    let target = p.inputs.get("target").cloned();
    Ok(CommandAct::Complete(Act::ResetBreaker {
        target: target.ok_or("which breaker is to be reset?")?,
        env: p.env.clone(),
        reason: reason(p),
    }))
}

/// A breaker belongs to a service or to a host.
fn read_reset_breaker(r: &mut Reading<'_>) {
    r.service_is_target();
    r.host_is_target();
}

/// Keep changing runs away from services for a while.
pub(super) const LOCK: Intent = Intent {
    name: "lock",
    outcome: ParseOutcome::Action,
    form: "lock SERVICE in ENV for 2h because \"REASON\"",
    mutates: true,
    needs: &[Need::Services, Need::Env, Need::Input("reason")],
    takes: &[Object::Env, Object::Service],
    inputs: &["for", "until", "reason"],
    free: Free::Quoted("reason"),
    restate: restate_lock,
    act: Some(act_lock),
    ..Intent::BLANK
};

fn restate_lock(p: &Parsed) -> String {
    let of = format!("{}{}", services_of(p, " "), in_env(p, " in "));
    format!("lock{of}{}{}", until(p), input(p, "reason", ": "))
}

/// The services of a command as targets.
fn targets(p: &Parsed) -> Vec<Lockable> {
    let target = |service: &String| Target {
        service: service.clone(),
        env: p.env.clone(),
    };
    p.services
        .iter()
        .map(target)
        .map(Lockable::Target)
        .collect()
}

fn act_lock(p: &Parsed, now: Timestamp) -> Result<CommandAct, String> {
    lock(p, targets(p), now)
}

fn lock(p: &Parsed, of: Vec<Lockable>, now: Timestamp) -> Result<CommandAct, String> {
    let given = |name: &str| p.inputs.get(name).map(String::as_str);
    let end = LockEnd::read(given("for"), given("until"), now)?;
    let reason = reason(p);
    Ok(CommandAct::Complete(Act::Lock { of, end, reason }))
}

/// End the locks of services before their time.
pub(super) const UNLOCK: Intent = Intent {
    name: "unlock",
    outcome: ParseOutcome::Action,
    form: "unlock SERVICE in ENV",
    mutates: true,
    needs: &[Need::Services, Need::Env],
    takes: &[Object::Env, Object::Service],
    inputs: &["reason"],
    free: Free::Quoted("reason"),
    restate: restate_unlock,
    act: Some(|p, _| Ok(unlock(p, targets(p)))),
    ..Intent::BLANK
};

fn restate_unlock(p: &Parsed) -> String {
    format!("unlock{}{}", services_of(p, " "), in_env(p, " in "))
}

fn unlock(p: &Parsed, of: Vec<Lockable>) -> CommandAct {
    let reason = reason(p);
    CommandAct::Complete(Act::Unlock { of, reason })
}

/// Keep changing runs of a runbook from starting for a while.
pub(super) const LOCK_RUNBOOK: Intent = Intent {
    name: "lock_runbook",
    outcome: ParseOutcome::Action,
    form: "lock runbook TOPIC for 2h because \"REASON\"",
    mutates: true,
    needs: &[Need::Input("name"), Need::Input("reason")],
    inputs: &["name", "for", "until", "reason"],
    read: read_runbook_name,
    restate: restate_lock_runbook,
    act: Some(act_lock_runbook),
    ..Intent::BLANK
};

/// The word, or the quotation, after the verb: not "for", "until" or "because".
fn read_runbook_name(r: &mut Reading<'_>) {
    let ends = |r: &Reading<'_>, at: usize| {
        matches!(r.word(at), "for" | "until" | "till" | "to")
            || r.phrase(&r.lexicon.because, at).is_some()
    };
    let first = r.find_free(|_, _| true);
    if let Some(at) = first.filter(|at| !(r.text.is_word(*at) && ends(r, *at))) {
        let name = r.raw(at).to_owned();
        r.set_input("name", name, &(at..at + 1));
    }
}

fn restate_lock_runbook(p: &Parsed) -> String {
    let name = text_of(p, "name");
    format!(
        "lock runbook {name}{}{}",
        until(p),
        input(p, "reason", ": ")
    )
}

fn runbook(p: &Parsed) -> Vec<Lockable> {
    p.inputs
        .get("name")
        .cloned()
        .map(Lockable::Runbook)
        .into_iter()
        .collect()
}

fn act_lock_runbook(p: &Parsed, now: Timestamp) -> Result<CommandAct, String> {
    lock(p, runbook(p), now)
}

/// End the lock of a runbook before its time.
pub(super) const UNLOCK_RUNBOOK: Intent = Intent {
    name: "unlock_runbook",
    outcome: ParseOutcome::Action,
    form: "unlock runbook TOPIC",
    mutates: true,
    needs: &[Need::Input("name")],
    inputs: &["name", "reason"],
    read: read_runbook_name,
    restate: restate_unlock_runbook,
    act: Some(|p, _| Ok(unlock(p, runbook(p)))),
    ..Intent::BLANK
};

fn restate_unlock_runbook(p: &Parsed) -> String {
    format!("unlock runbook {}", text_of(p, "name"))
}

/// Add a note to a run.
pub(super) const NOTE_RUN: Intent = Intent {
    name: "note_run",
    outcome: ParseOutcome::Action,
    form: "note run N \"TEXT\"",
    mutates: true,
    needs: &[Need::Run, Need::Input("text")],
    takes: &[Object::Run],
    inputs: &["run", "text"],
    wants: &[Object::Run],
    read: read_note_run,
    restate: restate_note_run,
    act: Some(act_note_run),
    ..Intent::BLANK
};

/// The run is named by the words of the verb; the text is everything after it, numbers too.
fn read_note_run(r: &mut Reading<'_>) {
    let verb_end = r.verb_end;
    if let Some((words, run)) = r.find_run().filter(|(words, _)| words.start < verb_end) {
        r.set_input("run", run, &words);
        r.take_rest_from(words.end, "text");
    }
}

fn restate_note_run(p: &Parsed) -> String {
    format!("note on {}{}", run_of(p), input(p, "text", ": "))
}

fn act_note_run(p: &Parsed, now: Timestamp) -> Result<CommandAct, String> {
    let (run, note) = (RunRef::of(p, now)?, p.inputs.get("text").cloned());
    let act = Act::Note { run: (), note };
    Ok(CommandAct::OnRun { run, act })
}

/// Attach a web address to a run.
pub(super) const LINK_RUN: Intent = Intent {
    name: "link_run",
    outcome: ParseOutcome::Action,
    form: "link run N URL \"TITLE\"",
    mutates: true,
    needs: &[Need::Run, Need::Input("url")],
    takes: &[Object::Run],
    inputs: &["run", "url", "title"],
    wants: &[Object::Run],
    free: Free::Quoted("title"),
    read: read_link_run,
    restate: restate_link_run,
    act: Some(act_link_run),
    ..Intent::BLANK
};

fn read_link_run(r: &mut Reading<'_>) {
    if let Some(at) = r.find_free(|r, i| r.raw(i).contains("://")) {
        let url = r.raw(at).to_owned();
        r.set_input("url", url, &(at..at + 1));
    }
}

fn restate_link_run(p: &Parsed) -> String {
    format!(
        "link {} to {}{}",
        run_of(p),
        text_of(p, "url"),
        input(p, "title", ": ")
    )
}

fn act_link_run(p: &Parsed, now: Timestamp) -> Result<CommandAct, String> {
    let (run, title) = (RunRef::of(p, now)?, p.inputs.get("title").cloned());
    let url = p.inputs.get("url").cloned();
    let url = url.ok_or("which address is to be linked?")?;
    let act = Act::Link {
        run: (),
        url,
        title,
    };
    Ok(CommandAct::OnRun { run, act })
}

/// Set a field of a service.
pub(super) const SET_FIELD: Intent = Intent {
    name: "set_field",
    available: false,
    outcome: ParseOutcome::Action,
    form: "set FIELD of SERVICE to VALUE",
    mutates: true,
    needs: &[Need::Services, Need::Input("field"), Need::Input("value")],
    takes: &[Object::Env, Object::Service],
    inputs: &["field", "value"],
    read: read_set_field,
    restate: restate_set_field,
    ..Intent::BLANK
};

fn restate_set_field(p: &Parsed) -> String {
    format!(
        "set {} of {}{}",
        text_of(p, "field"),
        target(p, "?"),
        input(p, "value", " to ")
    )
}

/// "owner of web to bo": the value is everything after "to", so it is taken before names are looked
/// for.
fn read_set_field(r: &mut Reading<'_>) {
    if let Some(to) = r.find_free(|r, i| matches!(r.word(i), "to" | "=" | "as")) {
        r.soften(to);
        r.take_rest_from(to + 1, "value");
    }
    let found = r.find_free(|r, i| r.field_at(i).is_some());
    if let Some((len, field)) = found.and_then(|at| r.field_at(at)) {
        let at = found.unwrap_or_default();
        r.set_input("field", field, &(at..at + len));
    }
}
