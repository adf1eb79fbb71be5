//! Shows the results of acts.

use super::App;
use crate::core::run::act::{Acted, summary};
use crate::tui::msg::NotActed;

impl App {
    /// The acts were performed, or one of them was refused; `taken`: the popup that waited for it
    /// says why.
    pub(super) fn acted(&mut self, result: Result<Vec<Acted>, Box<NotActed>>, taken: bool) {
        let acted = match result {
            Ok(acted) => acted,
            Err(refused) => {
                let NotActed { act, why } = *refused;
                self.changed(act.run().copied());
                if !taken {
                    self.show_error(act.refused(&why));
                }
                return;
            }
        };
        let queued = |acted: &Acted| matches!(acted, Acted::Started(_) | Acted::Dropped(_));
        if acted.iter().any(queued) {
            self.read_all_again();
        }
        for one in &acted {
            self.changed(one.run());
        }
        if let [Acted::Retried(run)] = acted.as_slice() {
            return self.submitted(Ok(run.clone()), taken);
        }
        self.say(summary(&acted));
    }
}
