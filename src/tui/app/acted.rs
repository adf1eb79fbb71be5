//! Shows the results of acts.

use super::App;
use crate::core::run::act::{Acted, summary};
use crate::tui::msg::{NotActed, Ticket};

impl App {
    /// The acts were performed, or one of them was refused. `ticket`: of the card that waits.
    pub(super) fn acted(
        &mut self,
        ticket: Option<Ticket>,
        result: Result<Vec<Acted>, Box<NotActed>>,
    ) {
        let acted = match result {
            Ok(acted) => acted,
            Err(refused) => return self.not_acted(ticket, &refused),
        };
        let queued = |acted: &Acted| matches!(acted, Acted::Started(_) | Acted::Dropped(_));
        if acted.iter().any(queued) {
            self.read_all_again();
        }
        for one in &acted {
            self.changed(one.run());
        }
        if let [Acted::Retried(run)] = acted.as_slice() {
            return self.submitted(ticket.unwrap_or_default(), Ok(run.clone()));
        }
        self.say(summary(&acted));
    }

    fn not_acted(&mut self, ticket: Option<Ticket>, refused: &NotActed) {
        let NotActed { act, why } = refused;
        if let Some(ticket) = ticket {
            return self.submitted(ticket, Err(why.clone()));
        }
        self.show_error(act.refused(why));
        self.changed(act.run().copied());
    }
}
