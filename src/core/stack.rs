//! Stack differences: what has to change to make one stack into another.

use serde::{Deserialize, Serialize};

use super::service::{Contact, Environment, Routine, Service, Stack};

/// One change of the inventory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Change {
    Timezone { before: String, after: String },
    Environment(Delta<Environment>),
    Service(Delta<Service>),
    Routine(Delta<Routine>),
    Contact(Delta<Contact>),
}

/// Before and after of one object; at least one is there. `position` is its place in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delta<T> {
    pub name: String,
    pub before: Option<T>,
    pub after: Option<T>,
    pub position: u32,
}

/// The changes from `old` to `new`; objects missing in `new` are deleted. Empty when nothing differs.
#[must_use]
pub fn diff(_old: &Stack, _new: &Stack) -> Vec<Change> {
    todo!()
}
