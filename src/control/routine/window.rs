//! Maintenance windows for people.

use serde::Serialize;

use crate::control::{Control, Refusal};
use crate::core::base::time::Timestamp;
use crate::core::routine::window::{Occurrence, Window, windows};
use crate::core::stack::maintenance::MaintenanceMode;
use crate::core::stack::service::Stack;

/// A maintenance window in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WindowRow {
    pub name: String,
    /// `tue 22:00 to 04:00 Europe/Berlin`.
    pub when: String,
    pub mode: MaintenanceMode,
    /// What it is about: `web in prod`, `all routines`.
    pub scope: String,
    pub reason: Option<String>,
    /// It goes on.
    pub now: Option<Occurrence>,
    /// The next one; none: it is over.
    pub next: Option<Occurrence>,
    /// One of the two as people read it: `now, until …`, `from …`, `over`.
    pub stands: String,
}

impl WindowRow {
    /// As it stands at an instant.
    pub(super) fn new(window: &Window, at: Timestamp) -> Self {
        Self {
            name: window.rule.name.clone(),
            when: window.when(),
            mode: window.rule.mode,
            scope: window.rule.scope(),
            reason: window.rule.reason.clone(),
            now: window.at(at),
            next: window.next(at),
            stands: window.stands(at),
        }
    }
}

/// The maintenance windows of a stack, in the order of its file.
#[must_use]
pub fn windows_of(stack: &Stack, now: Timestamp) -> Vec<WindowRow> {
    let (windows, _) = windows(stack, super::zone);
    windows.iter().map(|w| WindowRow::new(w, now)).collect()
}

impl Control {
    /// The maintenance windows of the workspace.
    pub async fn maintenance(&self) -> Result<Vec<WindowRow>, Refusal> {
        let stack = self.refresh().await?;
        Ok(windows_of(&stack, self.0.clock.now()))
    }
}
