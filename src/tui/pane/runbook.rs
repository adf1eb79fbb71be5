//! One runbook: what it takes and does, its last runs and the text of its file. Enter puts the
//! command that runs it into the command bar.

pub mod list;

use ratatui::layout::Rect;

use super::reader::TextReader;
use super::{Delivery, Destination, Opening, Reaction, Scene, View};
use crate::bus::Notice;
use crate::core::base::text;
use crate::core::command::typed_name;
use crate::tui::destination::lines;
use crate::tui::frame::Frame;
use crate::tui::keys::Action;
use crate::tui::msg::{Effect, Msg, RunbookSheet, Ticket};
use crate::tui::verbs;
use crate::tui::view::canvas::Canvas;

/// The view of a runbook.
#[derive(Debug, Clone)]
pub struct RunbookScreen {
    ticket: Ticket,
    name: String,
    /// What Enter puts into the bar; absent until the runbook was read.
    phrase: Option<String>,
    reader: TextReader,
    stale: bool,
}

impl RunbookScreen {
    /// The view of the runbook of that name.
    #[must_use]
    pub fn open(name: String, opening: &Opening<'_>) -> Self {
        let waiting = vec!["reading …".to_owned()];
        Self {
            ticket: opening.ticket,
            reader: TextReader::open(text::show(&name).into_owned(), waiting, opening),
            name,
            phrase: None,
            stale: true,
        }
    }

    fn take(&mut self, sheet: &RunbookSheet, now: crate::core::base::time::Timestamp) {
        let entry = &sheet.sheet.entry;
        let phrase = phrase(&entry.name, &entry.phrases);
        let mut body = vec![format!("Enter: type `{phrase}`"), String::new()];
        body.extend(sheet.lines(now));
        self.reader.show(lines(&body.join("\n")));
        self.phrase = Some(phrase);
    }
}

/// The command that runs it: its first phrase without placeholders, else by its name.
fn phrase(name: &str, phrases: &[String]) -> String {
    let plain = phrases.iter().find(|p| !p.contains(['{', '[', '|', '*']));
    plain.map_or_else(|| format!("run {}", typed_name(name)), Clone::clone)
}

impl View for RunbookScreen {
    fn act(&mut self, action: Action, scene: Scene<'_>) -> Reaction {
        match (action, &self.phrase) {
            (Action::Open, Some(phrase)) => Reaction::Type(format!("{phrase} ")),
            (Action::Verbs, _) => Reaction::Popup(verbs::of_runbook(&self.name).into()),
            _ => self.reader.act(action, scene),
        }
    }

    fn go_to(&mut self, destination: &Destination) -> bool {
        matches!(destination, Destination::Runbook { name } if *name == self.name)
    }

    fn wants(&mut self) -> Vec<Effect> {
        if !std::mem::take(&mut self.stale) {
            return Vec::new();
        }
        vec![Effect::Runbook {
            ticket: self.ticket,
            name: self.name.clone(),
        }]
    }

    fn receive(&mut self, msg: &Msg, delivery: Delivery<'_>) -> Reaction {
        match msg {
            Msg::Runbook(ticket, Ok(sheet)) if *ticket == self.ticket => {
                self.take(sheet, delivery.now);
            }
            Msg::Notice(Notice::Stack) => self.stale = true,
            Msg::Runbook(ticket, Err(why)) if *ticket == self.ticket => {
                self.phrase = None;
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
        format!("runbook {}", text::show(&self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_without_placeholders_is_typed_else_the_name() {
        for (name, phrases, typed) in [
            (
                "rotate-keys",
                &["rotate keys of {service}", "rotate keys"][..],
                "rotate keys",
            ),
            (
                "rotate-keys",
                &["rotate keys of {service}"],
                "run rotate-keys",
            ),
            ("Disk full", &[], "run \"Disk full\""),
        ] {
            let phrases: Vec<String> = phrases.iter().map(|p| (*p).to_owned()).collect();
            assert_eq!(phrase(name, &phrases), typed);
        }
    }
}
