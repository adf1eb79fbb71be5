//! One routine: its state, schedule and numbers, its changes and results, and its last good answer
//! beside the last bad one.

pub mod chart;
mod check;
pub mod form;
pub mod list;

use std::time::Duration;

use ratatui::layout::Rect;

use super::reader::TextReader;
use super::{Delivery, Destination, Opening, Reaction, Scene, View};
use crate::bus::Notice;
use crate::core::base::text;
use crate::core::run::RunId;
use crate::tui::destination::lines;
use crate::tui::frame::Frame;
use crate::tui::keys::{Action, Context};
use crate::tui::msg::{Effect, Msg, Ticket};
use crate::tui::verbs;
use crate::tui::view::canvas::Canvas;

/// How often results of other processes are read while they are on screen.
const READS_EVERY: Duration = Duration::from_secs(5);

/// The view of a routine.
#[derive(Debug, Clone)]
pub struct RoutineScreen {
    ticket: Ticket,
    name: String,
    reader: TextReader,
    last_run: Option<RunId>,
    stale: bool,
    read_only: bool,
}

impl RoutineScreen {
    /// The view of the routine of that name.
    #[must_use]
    pub fn open(name: String, opening: &Opening<'_>) -> Self {
        let waiting = vec!["reading …".to_owned()];
        Self {
            ticket: opening.ticket,
            reader: TextReader::open(text::show(&name).into_owned(), waiting, opening),
            name,
            last_run: None,
            stale: true,
            read_only: opening.facts.read_only,
        }
    }
}

/// Opens the last run of a routine.
fn last_run(name: &str, run: Option<RunId>) -> Reaction {
    match run {
        Some(run) => Reaction::Open(Destination::run(run)),
        None => Reaction::Fail(format!(
            "{} has begun no run of a runbook",
            text::show(name)
        )),
    }
}

impl View for RoutineScreen {
    fn context(&self) -> Context {
        Context::Routine
    }

    fn act(&mut self, action: Action, scene: Scene<'_>) -> Reaction {
        match action {
            Action::Verbs => Reaction::Popup(verbs::of_routine(&self.name).into()),
            Action::Chart => Reaction::Open(Destination::Chart {
                name: self.name.clone(),
            }),
            Action::LastRun => last_run(&self.name, self.last_run),
            Action::Open if self.last_run.is_some() => last_run(&self.name, self.last_run),
            Action::NewRoutine => form::new(scene, self.read_only),
            Action::EditRoutine => form::edit(&self.name, scene, self.read_only),
            Action::DeleteRoutine => form::delete(&self.name, scene, self.read_only),
            _ => self.reader.act(action, scene),
        }
    }

    fn go_to(&mut self, destination: &Destination) -> bool {
        matches!(destination, Destination::Routine { name } if *name == self.name)
    }

    fn reads_every(&self) -> Option<Duration> {
        Some(READS_EVERY)
    }

    fn wants(&mut self) -> Vec<Effect> {
        if !std::mem::take(&mut self.stale) {
            return Vec::new();
        }
        vec![Effect::Routine {
            ticket: self.ticket,
            name: self.name.clone(),
        }]
    }

    fn receive(&mut self, msg: &Msg, delivery: Delivery<'_>) -> Reaction {
        match msg {
            Msg::Routine(ticket, Ok(sheet)) if *ticket == self.ticket => {
                self.last_run = sheet.row.last_run.as_ref().map(|last| last.run);
                let body = sheet.lines(delivery.now).join("\n");
                self.reader.show(lines(&body));
            }
            Msg::Notice(Notice::Stack | Notice::Routines | Notice::Results) => {
                self.stale = true;
            }
            Msg::Routine(ticket, Err(why)) if *ticket == self.ticket => {
                self.reader.show(lines(why));
            }
            _ => return Reaction::Ignored,
        }
        Reaction::Done
    }

    fn invalidate(&mut self) {
        self.stale = true;
    }

    fn draw(&self, frame: Frame<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        self.reader.draw(frame, area, canvas);
    }

    fn crumb(&self) -> String {
        format!("routine {}", text::show(&self.name))
    }
}
