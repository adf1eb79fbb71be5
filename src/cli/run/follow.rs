//! Follows a run to its end: prints its log, answers its questions, and requests a stop on Ctrl-C.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::cli::out::{Out, ask, can_ask};
use crate::cli::run::log::entry_line;
use crate::cli::stop::{Code, Stop, print_message};
use crate::control::{Control, RunDetail};
use crate::core::run::act::Act;
use crate::core::run::event::Entry;
use crate::core::run::orders::{Ending, Order};
use crate::core::run::step::StepSpec;
use crate::core::run::{Run, RunId, RunStatus, StepStatus};

/// Entries read at once, and how often the store is polled without a notice on the bus (the engine
/// may be another process).
const PAGE: u32 = 4000;
const POLL: Duration = Duration::from_millis(500);

/// One line of `--json`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    Run {
        run: &'a Run,
    },
    Entry {
        entry: &'a Entry,
    },
    End {
        id: RunId,
        status: RunStatus,
        message: Option<&'a str>,
    },
}

/// Follows a run that this process has queued, and its chain, to the end; then closes the store.
pub(in crate::cli) async fn follow_to_end(
    control: &Control,
    run: Run,
    json: bool,
) -> Result<Code, Stop> {
    follow(control, run, json, Signals::new()?).await
}

/// The same, with signals that are handled already.
pub(in crate::cli) async fn follow(
    control: &Control,
    run: Run,
    json: bool,
    mut signals: Signals,
) -> Result<Code, Stop> {
    let mut follower = Follower {
        control,
        out: Some(Out::new()),
        json,
        prompted: BTreeSet::new(),
        reported: None,
    };
    let code = follower.follow_chain(run, &mut signals).await?;
    control.close(true).await;
    Ok(code)
}

/// The signals handled while a run is followed.
pub(in crate::cli) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

enum Received {
    Stop,
    Hangup,
}

impl Signals {
    pub(in crate::cli) fn new() -> Result<Self, Stop> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(Stop::System)?,
            terminate: signal(SignalKind::terminate()).map_err(Stop::System)?,
            hangup: signal(SignalKind::hangup()).map_err(Stop::System)?,
        })
    }

    async fn next(&mut self) -> Received {
        tokio::select! {
            _ = self.interrupt.recv() => Received::Stop,
            _ = self.terminate.recv() => Received::Stop,
            _ = self.hangup.recv() => Received::Hangup,
        }
    }
}

/// Prints a run as it is written.
struct Follower<'a> {
    control: &'a Control,
    /// `None` once the reader has gone; the run continues.
    out: Option<Out>,
    json: bool,
    /// Steps whose question was already shown.
    prompted: BTreeSet<(RunId, u32)>,
    /// The run whose reason for waiting was already reported.
    reported: Option<RunId>,
}

impl Follower<'_> {
    /// Follows the run and, each time it succeeds, the next link of its chain.
    async fn follow_chain(&mut self, first: Run, signals: &mut Signals) -> Result<Code, Stop> {
        let mut run = first;
        loop {
            self.started(&run)?;
            let (ended, stopped) = self.follow(run.id, signals).await?;
            self.ended(&ended)?;
            match self.control.next_link(ended.id).await? {
                Some(next) => run = next,
                None => return Ok(code(&ended, stopped)),
            }
        }
    }

    /// Follows the run to its end. Also returns whether this process requested a stop.
    async fn follow(&mut self, id: RunId, signals: &mut Signals) -> Result<(Run, bool), Stop> {
        let mut news = self.control.subscribe();
        let (mut shown, mut stopped) = (0, false);
        loop {
            // One read of the run covers all notices received before it.
            while !matches!(
                news.try_recv(),
                Err(TryRecvError::Empty | TryRecvError::Closed)
            ) {}
            let detail = self.control.run(id).await?;
            shown = self.print_after(id, shown, detail.run.last_seq).await?;
            if detail.run.status.is_terminal() {
                return Ok((detail.run, stopped));
            }
            if let Some(queued) = detail
                .queued
                .as_ref()
                .filter(|q| !q.waits_for.is_empty() && self.reported != Some(id))
            {
                self.reported = Some(id);
                print_message(&format!("run {id} {queued}"));
            }
            self.answer(&detail).await?;
            tokio::select! {
                received = signals.next() => match received {
                    Received::Stop if stopped => return Err(Stop::Cancelled),
                    Received::Stop => {
                        stopped = true;
                        print_message(&format!("asking run {id} to stop; once more exits and leaves it interrupted"));
                        self.control.act(interrupted(id)).await?;
                    }
                    Received::Hangup => self.out = None,
                },
                received = news.recv() => if let Err(RecvError::Closed) = received { tokio::time::sleep(POLL).await },
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    async fn print_after(&mut self, run: RunId, mut after: i64, last: i64) -> Result<i64, Stop> {
        while after < last {
            let entries = self.control.entries_after(run, after, PAGE).await?;
            let Some(newest) = entries.last() else { break };
            after = newest.seq;
            if let Some(out) = &mut self.out {
                out.hold();
            }
            for entry in &entries {
                self.print(|| entry_line(entry), &Line::Entry { entry })?;
            }
            let released = self.out.as_mut().map_or(Ok(()), Out::release);
            self.unless_gone(released)?;
        }
        Ok(after)
    }

    fn started(&mut self, run: &Run) -> Result<(), Stop> {
        self.print(
            || format!("run {} {}", run.id, run.plan.title),
            &Line::Run { run },
        )
    }

    fn ended(&mut self, run: &Run) -> Result<(), Stop> {
        let why = run.why().map(|m| format!(": {m}")).unwrap_or_default();
        self.print(
            || format!("run {} {}{why}", run.id, run.status.name()),
            &Line::End {
                id: run.id,
                status: run.status,
                message: run.message.as_deref(),
            },
        )
    }

    fn print(&mut self, line: impl FnOnce() -> String, json: &Line<'_>) -> Result<(), Stop> {
        let Some(out) = &mut self.out else {
            return Ok(());
        };
        let printed = if self.json {
            out.json_line(json)
        } else {
            out.line(&line())
        };
        self.unless_gone(printed)
    }

    /// Without a reader of the output the run continues, and nothing more is printed.
    fn unless_gone(&mut self, printed: Result<(), Stop>) -> Result<(), Stop> {
        match printed {
            Err(Stop::Pipe | Stop::Output(_)) => {
                self.out = None;
                Ok(())
            }
            other => other,
        }
    }

    /// A manual step waits for a person: asks here on a terminal, else prints where to answer.
    async fn answer(&mut self, detail: &RunDetail) -> Result<(), Stop> {
        let run = detail.run.id;
        if let Some(approval) = detail
            .approval
            .as_ref()
            .filter(|a| !self.prompted.contains(&(run, a.step)))
        {
            self.prompted.insert((run, approval.step));
            let question = approval
                .question(&detail.run)
                .map(|q| q.describe(&self.control.settings().actor));
            print_message(&format!(
                "{} (opsroom approve {})",
                question.unwrap_or_default(),
                run.0
            ));
        }
        for step in detail
            .steps
            .iter()
            .filter(|s| s.status == StepStatus::Waiting)
        {
            let plan = detail
                .run
                .plan
                .numbered_step(step.index)
                .map(|(step, _)| step);
            let Some(StepSpec::Manual(manual)) = plan.map(|p| &p.spec) else {
                continue;
            };
            if !self.prompted.insert((run, step.index)) {
                continue;
            }
            if !can_ask() {
                let how = format!(
                    "answer in the console, run {run}; `opsroom cancel {}` gives it up",
                    run.0
                );
                print_message(&format!("waiting for a person: {} ({how})", manual.prompt));
                continue;
            }
            let word = plan.and_then(|step| step.rules.word.as_deref());
            let asks = word.map_or_else(
                || "done? [y/N]".to_owned(),
                |word| format!("type `{word}` to confirm:"),
            );
            let question = format!("{}\n{asks} ", manual.prompt);
            let answer = tokio::select! {
                answer = ask(&question) => answer?,
                // Ctrl-C still arrives as a signal: the loop above receives it too and cancels.
                _ = tokio::signal::ctrl_c() => return Ok(()),
            };
            let typed = answer.as_deref().map(str::trim);
            let done = match word {
                Some(word) => typed == Some(word),
                None => matches!(typed, Some("y" | "Y" | "yes")),
            };
            let answer = Act::Answer {
                run,
                step: step.index,
                done,
                note: word.filter(|_| done).map(str::to_owned),
            };
            self.control.act(answer).await?;
        }
        Ok(())
    }
}

/// The act of Ctrl-C.
fn interrupted(run: RunId) -> Act {
    Act::Order {
        run,
        order: Order::End(Ending::Cancel),
        reason: Some("interrupted at the command line".to_owned()),
    }
}

const fn code(run: &Run, stopped: bool) -> Code {
    match run.status {
        RunStatus::Succeeded => Code::Succeeded,
        RunStatus::Cancelled => Code::Cancelled,
        _ if stopped => Code::Cancelled,
        _ => Code::Failed,
    }
}
