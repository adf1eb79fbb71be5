//! The maintenance windows of the stack, worked out once for each change of the stack file.

use super::zone_named;
use crate::core::base::time::Timestamp;
use crate::core::routine::window::{InMaintenance, Window, in_maintenance, windows};
use crate::core::stack::maintenance::Maintenance;
use crate::core::stack::routine::Routine;
use crate::core::stack::service::Stack;

#[derive(Debug, Default)]
pub(super) struct Windows {
    /// What the windows were made of: the declarations, and the zone of the stack.
    declared: (Vec<Maintenance>, String),
    windows: Vec<Window>,
}

impl Windows {
    /// Works them out again if the stack has others.
    pub fn read(&mut self, stack: &Stack) {
        let (declared, zone) = &self.declared;
        if *declared == stack.maintenance && *zone == stack.timezone {
            return;
        }
        let (found, problems) = windows(stack, zone_named);
        for problem in problems {
            tracing::warn!("{problem}");
        }
        self.declared = (stack.maintenance.clone(), stack.timezone.clone());
        self.windows = found;
    }

    /// The window that a routine is in.
    pub fn of(&self, routine: &Routine, at: Timestamp) -> Option<InMaintenance> {
        in_maintenance(&self.windows, routine, at)
    }
}
