//! `opsroom routines`: lists the routines, shows one with its history, runs, pauses or resumes one,
//! takes a report, creates, edits or deletes one.

mod history;
mod write;

use std::time::{Duration, Instant};

use super::out::Out;
use super::run::act::{self, Terms};
use super::run::lock::EndArgs;
use super::session::Start;
use super::stop::{Code, Stop};
use crate::control::Control;
use crate::control::routine::{RoutineRow, WindowRow};
use crate::core::base::time::{Timestamp, human_ms};
use crate::core::run::act::{Act, Acted};
use crate::core::stack::state::State;

/// How long the result of a routine that was asked for is waited for.
const WAIT: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(100);
/// The same while a run of its runbook has not ended.
const POLL_RUN: Duration = Duration::from_secs(1);

/// List the routines, show one, run, pause, resume, create, edit or delete one
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct RoutinesArgs {
    #[command(subcommand)]
    act: Option<RoutineAct>,
    /// One routine, with its history
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// One JSON array; of one routine, one object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum RoutineAct {
    /// Run a routine now; its schedule stays as it is
    Run {
        #[arg(value_name = "NAME")]
        name: String,
        /// Why, kept in the audit log
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Skip the slots of a routine for a while
    Pause {
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        end: EndArgs,
        /// Why; shown with the routine
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Report how a heartbeat or a task of a person went
    #[command(visible_alias = "done")]
    Report {
        #[arg(value_name = "NAME")]
        name: String,
        /// Details, for the history
        #[arg(value_name = "TEXT")]
        note: Option<String>,
        /// It failed
        #[arg(long, conflicts_with = "degraded")]
        failing: bool,
        /// It succeeded with problems
        #[arg(long)]
        degraded: bool,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    History(history::HistoryArgs),
    /// Add the routines of a file to the stack
    Create(write::CreateArgs),
    /// Edit a routine of the stack with $EDITOR
    Edit(write::EditArgs),
    /// Delete a routine of the stack; its results are kept
    Delete(write::DeleteArgs),
    /// End the pause of a routine
    Resume {
        #[arg(value_name = "NAME")]
        name: String,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
}

impl RoutinesArgs {
    pub(super) const fn changes(&self) -> bool {
        match &self.act {
            None | Some(RoutineAct::History(_)) => false,
            Some(RoutineAct::Create(args)) => !args.dry_run,
            Some(RoutineAct::Edit(args)) => !args.dry_run,
            Some(_) => true,
        }
    }
}

pub(super) async fn perform(args: &RoutinesArgs, start: &Start) -> Result<Code, Stop> {
    let terms = |json: bool| Terms {
        json,
        ..Terms::default()
    };
    match &args.act {
        None => print(args.name.as_deref(), args.json, start).await,
        Some(RoutineAct::Run { name, reason, json }) => {
            let control = start.open_cli().await?;
            run(&control, name, reason.clone(), *json).await
        }
        Some(RoutineAct::Pause {
            name,
            end,
            reason,
            json,
        }) => {
            let end = end.read(start.clock.now())?;
            let control = start.open_cli().await?;
            let pause = Act::PauseRoutine {
                routine: name.clone(),
                end,
                reason: reason.clone(),
            };
            act::perform(&control, pause, terms(*json)).await
        }
        Some(RoutineAct::Report {
            name,
            note,
            failing,
            degraded,
            json,
        }) => {
            let control = start.open_cli().await?;
            let report = Act::ReportRoutine {
                routine: name.clone(),
                state: match (failing, degraded) {
                    (true, _) => State::Failing,
                    (_, true) => State::Degraded,
                    _ => State::Ok,
                },
                note: note.clone(),
            };
            act::perform(&control, report, terms(*json)).await
        }
        Some(RoutineAct::History(args)) => history::perform(args, start).await,
        Some(RoutineAct::Create(args)) => write::create(args, start).await,
        Some(RoutineAct::Edit(args)) => write::edit(args, start).await,
        Some(RoutineAct::Delete(args)) => write::delete(args, start).await,
        Some(RoutineAct::Resume { name, json }) => {
            let control = start.open_cli().await?;
            let resume = Act::ResumeRoutine {
                routine: name.clone(),
                reason: None,
            };
            act::perform(&control, resume, terms(*json)).await
        }
    }
}

/// Asks for a run, and waits for its result: exit code 1 unless it is ok.
async fn run(
    control: &Control,
    name: &str,
    reason: Option<String>,
    json: bool,
) -> Result<Code, Stop> {
    let asked = Act::RunRoutine {
        routine: name.to_owned(),
        reason,
    };
    let acted = control.act(asked).await?;
    let Acted::RoutineRequested { request, .. } = acted else {
        return Err(Stop::Usage(acted.message()));
    };
    let found = result_of(control, name, request).await;
    control.close(false).await;
    let mut out = Out::new();
    match found? {
        Some((state, message)) => {
            if json {
                out.json(
                    &serde_json::json!({"routine": name, "state": state, "message": message}),
                )?;
            } else {
                out.line(&format!("{} {name}: {message}", state.symbol()))?;
            }
            Ok(match state {
                State::Ok => Code::Succeeded,
                State::Degraded | State::Failing | State::Unknown => Code::Failed,
            })
        }
        None => Err(Stop::Usage(format!(
            "{name} was asked for, but no engine has run it within {}",
            human_ms(i64::try_from(WAIT.as_millis()).unwrap_or(i64::MAX))
        ))),
    }
}

/// Waits for the result of what was asked for; none: no engine has taken it. The run of a runbook
/// takes its time.
async fn result_of(
    control: &Control,
    name: &str,
    request: i64,
) -> Result<Option<(State, String)>, Stop> {
    let mut until = Instant::now() + WAIT;
    let mut poll = POLL;
    loop {
        if let Some(found) = control.routine_result(request).await? {
            return Ok(Some(found));
        }
        if Instant::now() >= until {
            let last = control.routine(name).await?.row.last_run;
            if last.is_none_or(|last| last.status.is_terminal()) {
                return Ok(None);
            }
            (until, poll) = (Instant::now() + WAIT, POLL_RUN);
        }
        tokio::time::sleep(poll).await;
    }
}

/// What `opsroom routines history NAME` prints.
pub(super) async fn print_history(name: &str, json: bool, start: &Start) -> Result<Code, Stop> {
    history::perform(&history::HistoryArgs::of(name, json), start).await
}

pub(super) async fn print(name: Option<&str>, json: bool, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let mut out = Out::new();
    if let Some(name) = name {
        let sheet = control.routine(name).await?;
        let now = control.clock().now();
        control.close(false).await;
        if json {
            out.json(&sheet)?;
        } else {
            out.line(&format!("routine {name}"))?;
            let lines = sheet.lines(now);
            lines.iter().try_for_each(|line| out.line(line))?;
        }
        return Ok(Code::Succeeded);
    }
    let rows = control.routines().await?;
    let windows = control.maintenance().await?;
    let now = control.clock().now();
    control.close(false).await;
    if json {
        out.json(&rows)?;
    } else if rows.is_empty() {
        out.line("there are no routines: add [[routine]] to the stack file, or `opsroom routines create`")?;
    } else {
        let rows: Vec<_> = rows.iter().map(|row| cells(row, now)).collect();
        let heading = [
            "ROUTINE", "KIND", "STATE", "WHEN", "NEXT", "OK 24H", "P95", "MESSAGE",
        ];
        out.table(heading, &rows)?;
        print_windows(&windows, &mut out)?;
    }
    Ok(Code::Succeeded)
}

/// The maintenance windows below the routines.
fn print_windows(windows: &[WindowRow], out: &mut Out) -> Result<(), Stop> {
    if windows.is_empty() {
        return Ok(());
    }
    let cells = |row: &WindowRow| {
        [
            row.name.clone(),
            row.mode.name().to_owned(),
            row.when.clone(),
            row.scope.clone(),
            row.stands.clone(),
            row.reason.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = windows.iter().map(cells).collect();
    out.line("")?;
    let heading = ["MAINTENANCE", "MODE", "WHEN", "ABOUT", "NEXT", "REASON"];
    out.table(heading, &rows)?;
    Ok(())
}

fn cells(row: &RoutineRow, now: Timestamp) -> [String; 8] {
    let dash = || "–".to_owned();
    let numbers = &row.numbers;
    [
        row.name.clone(),
        row.kind.to_owned(),
        row.state_word(),
        row.when.clone(),
        row.due_word(now),
        numbers
            .uptime_pct
            .map_or_else(dash, |pct| format!("{pct:.2} %")),
        numbers.p95_ms.map_or_else(dash, |ms| format!("{ms:.1} ms")),
        row.problem.clone().unwrap_or_else(|| row.message.clone()),
    ]
}
