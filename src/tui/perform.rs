//! Performs effects: each becomes one task that calls the control API and sends exactly one
//! message.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use tokio::sync::mpsc::Sender;

use super::feed::OpenLog;
use super::files;
use super::msg::{Effect, Msg, NotActed, Ticket};
use crate::clock::Clock;
use crate::control::{Control, Refusal};
use crate::core::run::RunId;
use crate::core::run::act::{Act, Acted};
use crate::core::run::lockout::Lockout;
use crate::core::run::plan::Plan;
use crate::logfile::source::LogUpdate;

/// Performs the console's effects and holds its open logs.
#[derive(Debug)]
pub struct Performer {
    control: Control,
    answers: Sender<Msg>,
    clock: Clock,
    logs: HashMap<Ticket, OpenLog>,
}

impl Performer {
    #[must_use]
    pub fn new(control: &Control, answers: Sender<Msg>, clock: Clock) -> Self {
        Self {
            control: control.clone(),
            answers,
            clock,
            logs: HashMap::new(),
        }
    }

    /// Starts the work. Ignores what the loop handles.
    pub fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Quit
            | Effect::Suspend
            | Effect::Redraw
            | Effect::Notify(_)
            | Effect::Mouse(_)
            | Effect::Copy(_) => {}
            Effect::OpenLog { ticket, run, after } => self.open_log(ticket, run, after),
            Effect::OpenFile { ticket, path } => self.open_file(ticket, &path),
            Effect::CloseLog(ticket) => drop(self.logs.remove(&ticket)),
            Effect::File(ticket, request) => {
                if let Some(log) = self.logs.get(&ticket) {
                    log.ask(*request);
                }
            }
            effect => self.spawn(effect),
        }
    }

    fn open_log(&mut self, ticket: Ticket, run: RunId, after: i64) {
        let send = self.sender(ticket);
        let log = OpenLog::run(run, after, &self.control, self.clock.now(), send);
        self.opened(ticket, log);
    }

    fn open_file(&mut self, ticket: Ticket, path: &Path) {
        let home = path.strip_prefix("~").ok().zip(std::env::home_dir());
        let path = home.map_or_else(|| path.to_owned(), |(rest, home)| home.join(rest));
        let send = self.sender(ticket);
        let log = OpenLog::file(path, self.clock.now(), send);
        self.opened(ticket, log);
    }

    /// Sends the events of a log's reader to the console.
    fn sender(&self, ticket: Ticket) -> impl FnMut(LogUpdate) -> bool + Send + 'static {
        let answers = self.answers.clone();
        move |event| answers.blocking_send(Msg::File(ticket, event)).is_ok()
    }

    fn opened(&mut self, ticket: Ticket, log: io::Result<OpenLog>) {
        match log {
            Ok(log) => drop(self.logs.insert(ticket, log)),
            Err(error) => {
                let answers = self.answers.clone();
                let event = LogUpdate::Unopened(error.to_string());
                tokio::spawn(async move { answers.send(Msg::File(ticket, event)).await });
            }
        }
    }

    fn spawn(&self, effect: Effect) {
        let (control, answers) = (self.control.clone(), self.answers.clone());
        tokio::spawn(async move {
            if let Some(msg) = ask(effect, &control).await {
                // A closed channel means that the console is gone.
                let _ = answers.send(msg).await;
            }
        });
    }
}

async fn ask(effect: Effect, control: &Control) -> Option<Msg> {
    Some(match effect {
        Effect::Quit
        | Effect::Suspend
        | Effect::Redraw
        | Effect::Notify(_)
        | Effect::Mouse(_)
        | Effect::Copy(_)
        | Effect::OpenLog { .. }
        | Effect::OpenFile { .. }
        | Effect::CloseLog(_)
        | Effect::File(..) => return None,
        Effect::LogFiles => Msg::LogFiles(
            tokio::task::spawn_blocking(files::list)
                .await
                .unwrap_or_default(),
        ),
        Effect::Overview => Msg::Overview(with_text(control.overview().await.map(Box::new))),
        Effect::Catalogue => Msg::Catalogue(with_text(control.catalogue().await)),
        Effect::Reload => Msg::Reloaded(with_text(control.reload().await)),
        Effect::Remembered => Msg::Remembered(with_text(control.remembered().await)),
        Effect::Days => Msg::Days(with_text(control.days().await)),
        Effect::HomeView => Msg::HomeView(with_text(control.home_view().await)),
        Effect::KeepHomeView(view) => Msg::Noted(with_text(control.keep_home_view(view).await)),
        Effect::Remember(text) => Msg::Noted(with_text(control.remember(&text).await)),
        Effect::Detail(run) => Msg::Detail(run, with_text(control.run(run).await.map(Box::new))),
        Effect::Artifact { run, number } => {
            Msg::Artifact(with_text(control.artifact(run, number).await.map(Box::new)))
        }
        Effect::Runs { ticket, filter } => {
            Msg::Runs(ticket, with_text(control.runs(&filter).await))
        }
        Effect::Audit { ticket, filter } => {
            Msg::Audit(ticket, with_text(control.audit(&filter).await))
        }
        Effect::Locks(ticket) => Msg::Locks(ticket, with_text(control.lockouts().await)),
        Effect::Compare {
            ticket,
            runs: [first, second],
        } => {
            let both = control.compare(first, second).await;
            Msg::Compared(ticket, with_text(both.map(Box::new)))
        }
        Effect::Routines(ticket) => Msg::Routines(ticket, with_text(control.routines().await)),
        Effect::Routine { ticket, name } => {
            let sheet = control.routine(&name).await;
            Msg::Routine(ticket, with_text(sheet.map(Box::new)))
        }
        Effect::Chart { ticket, ask } => {
            let chart = control.routine_chart(ask).await;
            Msg::Chart(ticket, with_text(chart.map(Box::new)))
        }
        Effect::RoutineDifference {
            ticket,
            number,
            edit,
        } => {
            let difference = control.routine_difference(&edit).await;
            Msg::RoutineDifference(ticket, number, with_text(difference.map(Box::new)))
        }
        Effect::SaveRoutine {
            ticket,
            number,
            difference,
        } => {
            let saved = control.apply(&difference, true).await;
            Msg::RoutineSaved(ticket, number, with_text(saved))
        }
        Effect::DeleteRoutine(name) => {
            let deleted = control.delete_routine(&name).await;
            Msg::RoutineDeleted(name, with_text(deleted))
        }
        Effect::Runbooks(ticket) => Msg::Runbooks(ticket, with_text(control.runbooks().await)),
        Effect::Runbook { ticket, name } => {
            let sheet = control.runbook(&name).await;
            Msg::Runbook(ticket, with_text(sheet.map(Box::new)))
        }
        Effect::FindRun { ticket, reference } => {
            Msg::FoundRun(ticket, with_text(control.find_run(&reference).await))
        }
        Effect::Plan {
            ticket,
            parsed,
            inputs,
            raw_text,
        } => {
            let card = control.plan(&parsed, &inputs, &raw_text).await;
            Msg::Planned(ticket, with_text(card.map(Box::new)))
        }
        Effect::Blockers { ticket, plan } => {
            Msg::Blockers(ticket, with_text(blockers(&plan, control).await))
        }
        Effect::Submit {
            ticket,
            plan,
            typed,
        } => {
            let run = control.submit(*plan, typed.as_deref(), None).await;
            Msg::Submitted(ticket, with_text(run.map(Box::new)))
        }
        Effect::Act { ticket, acts } => Msg::Acted(ticket, act(acts, control).await),
    })
}

/// Performs the acts in order; stops at the first that is refused.
async fn act(acts: Vec<Act>, control: &Control) -> Result<Vec<Acted>, Box<NotActed>> {
    let mut acted = Vec::new();
    for act in acts {
        match control.act(act.clone()).await {
            Ok(done) => acted.push(done),
            Err(refusal) => {
                let why = refusal.to_string();
                return Err(Box::new(NotActed { act, why }));
            }
        }
    }
    Ok(acted)
}

async fn blockers(plan: &Plan, control: &Control) -> Result<(Vec<Lockout>, Vec<String>), Refusal> {
    Ok((control.lockouts().await?, control.blockers(plan).await?))
}

fn with_text<T>(result: Result<T, Refusal>) -> Result<T, String> {
    result.map_err(|refusal| refusal.to_string())
}
