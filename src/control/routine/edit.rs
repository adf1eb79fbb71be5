//! Changes of single routines of the stored stack: shown as the difference that `apply` shows, made
//! and audited like one.

use crate::control::{Control, Difference, Refusal};
use crate::core::base::time::Timestamp;
use crate::core::routine::scheduled::Scheduled;
use crate::core::stack::routine::Routine;
use crate::core::stack::routine_edit::RoutineEdit;

use super::zone;

impl Control {
    /// What the edit changes in the stored stack. [`Control::apply`] with `prune` makes it.
    pub async fn routine_difference(&self, edit: &RoutineEdit) -> Result<Difference, Refusal> {
        let stack = edit.of(&self.export().await?).map_err(Refusal::Invalid)?;
        self.difference(&stack).await
    }

    /// Deletes a routine of the stack; its results are kept.
    pub async fn delete_routine(&self, name: &str) -> Result<(), Refusal> {
        let edit = RoutineEdit::Delete(name.to_owned());
        let difference = self.routine_difference(&edit).await?;
        self.apply(&difference, true).await
    }
}

/// The next `n` slots that a routine would have in a stack with this time zone; none: it is not run.
pub fn next_slots(
    routine: &Routine,
    stack_zone: &str,
    now: Timestamp,
    n: usize,
) -> Result<Vec<Timestamp>, String> {
    let scheduled = Scheduled::declared(routine);
    let schedule = scheduled.schedule(stack_zone, zone)?;
    if scheduled.is_active() {
        Ok(schedule.next_slots(now, n))
    } else {
        Ok(Vec::new())
    }
}
