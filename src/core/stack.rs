//! Stack differences: the changes that turn one stack into another.

pub mod maintenance;
pub mod routine;
pub mod routine_edit;
pub mod service;
pub mod shell;
pub mod state;

mod deletion;
mod describe;

use serde::{Deserialize, Serialize};

use crate::stack::maintenance::Maintenance;
use crate::stack::routine::Routine;
use crate::stack::service::{Contact, Environment, Service, Stack};

pub use deletion::{Attached, Deletion, Owner, routines_of};
pub use describe::describe;

/// One change of the inventory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[expect(
    clippy::large_enum_variant,
    reason = "a difference holds a handful, and each is read once"
)]
pub enum Change {
    Timezone { before: String, after: String },
    Environment(Delta<Environment>),
    Service(Delta<Service>),
    Routine(Delta<Routine>),
    Maintenance(Delta<Maintenance>),
    Contact(Delta<Contact>),
}

/// Before and after of one object; at least one is there. `position` is its place in the file: in
/// the new one, or in the old one for what is deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delta<T> {
    pub name: String,
    pub before: Option<T>,
    pub after: Option<T>,
    pub position: u32,
}

/// The changes from `old` to `new`; objects missing in `new` are deleted. Empty when nothing
/// differs.
///
/// Objects are the same when their names are: a rename is a deletion and a creation. The
/// workspace's name is no part of it. Another order alone is no change, so that a file can be
/// sorted without a row in the audit log. Within a kind of object deletions come first: a name must
/// be free before something like it takes its place.
#[must_use]
pub fn diff(old: &Stack, new: &Stack) -> Vec<Change> {
    let mut changes = Vec::new();
    if old.timezone != new.timezone {
        changes.push(Change::Timezone {
            before: old.timezone.clone(),
            after: new.timezone.clone(),
        });
    }
    changes.extend(deltas(&old.environments, &new.environments).map(Change::Environment));
    changes.extend(deltas(&old.services, &new.services).map(Change::Service));
    changes.extend(deltas(&old.routines, &new.routines).map(Change::Routine));
    changes.extend(deltas(&old.maintenance, &new.maintenance).map(Change::Maintenance));
    changes.extend(deltas(&old.contacts, &new.contacts).map(Change::Contact));
    changes
}

/// The stack after the changes. Changed objects take their place from the new file, the rest keeps
/// its old order around them.
#[must_use]
pub fn apply_to(old: &Stack, changes: &[Change]) -> Stack {
    let mut timezone = old.timezone.clone();
    let (mut environments, mut services, mut routines) = (vec![], vec![], vec![]);
    let (mut maintenance, mut contacts) = (vec![], vec![]);
    for change in changes {
        match change {
            Change::Timezone { after, .. } => timezone.clone_from(after),
            Change::Environment(delta) => environments.push(delta),
            Change::Service(delta) => services.push(delta),
            Change::Routine(delta) => routines.push(delta),
            Change::Maintenance(delta) => maintenance.push(delta),
            Change::Contact(delta) => contacts.push(delta),
        }
    }
    Stack {
        workspace: old.workspace.clone(),
        timezone,
        environments: patched(&old.environments, &environments),
        services: patched(&old.services, &services),
        routines: patched(&old.routines, &routines),
        maintenance: patched(&old.maintenance, &maintenance),
        contacts: patched(&old.contacts, &contacts),
    }
}

/// An object that a stack lists by name.
trait Named: Clone + PartialEq {
    fn name(&self) -> &str;
}

macro_rules! named {
    ($($kind:ty),*) => { $(impl Named for $kind { fn name(&self) -> &str { &self.name } })* };
}
named!(Environment, Service, Routine, Maintenance, Contact);

fn deltas<T: Named>(old: &[T], new: &[T]) -> impl Iterator<Item = Delta<T>> {
    let delta = |position: usize, name: &str, before: Option<&T>, after: Option<&T>| Delta {
        name: name.to_owned(),
        before: before.cloned(),
        after: after.cloned(),
        position: u32::try_from(position).unwrap_or(u32::MAX),
    };
    let (before, after) = (by_name(old), by_name(new));
    let mut deltas = Vec::new();
    for (position, gone) in old
        .iter()
        .enumerate()
        .filter(|(_, o)| !after.contains_key(o.name()))
    {
        deltas.push(delta(position, gone.name(), Some(gone), None));
    }
    for (position, now) in new.iter().enumerate() {
        let was = before.get(now.name()).copied();
        if was != Some(now) {
            deltas.push(delta(position, now.name(), was, Some(now)));
        }
    }
    deltas.into_iter()
}

fn by_name<T: Named>(objects: &[T]) -> std::collections::HashMap<&str, &T> {
    objects.iter().map(|o| (o.name(), o)).collect()
}

fn patched<T: Named>(old: &[T], deltas: &[&Delta<T>]) -> Vec<T> {
    let touched: std::collections::HashSet<&str> = deltas.iter().map(|d| d.name.as_str()).collect();
    let mut kept = old.iter().filter(|o| !touched.contains(o.name()));
    let mut placed: Vec<(u32, &T)> = deltas
        .iter()
        .filter_map(|d| Some((d.position, d.after.as_ref()?)))
        .collect();
    placed.sort_by_key(|(position, _)| *position);
    let mut result: Vec<T> = Vec::new();
    for (position, object) in placed {
        let missing = (position as usize).saturating_sub(result.len());
        result.extend(kept.by_ref().take(missing).cloned());
        result.push(object.clone());
    }
    result.extend(kept.cloned());
    result
}

#[cfg(test)]
mod tests;
