//! Applies stack files: the changes that would be made, and making them. Nothing is deleted unless
//! requested.

use crate::bus::Notice;
use crate::control::{Control, Refusal};
use crate::core::routine::scheduled::probe_name;
use crate::core::run::plan::targets_of;
use crate::core::stack::service::Stack;
use crate::core::stack::{self, Attached, Change, Deletion, Owner, apply_to, routines_of};

/// The changes of applying a stack. Applying makes exactly these, or refuses when the store has
/// changed since.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    pub workspace: String,
    timezone: String,
    before: Stack,
    /// New or changed objects.
    pub changes: Vec<Change>,
    /// Objects in the store that the stack does not name.
    pub deletions: Vec<Deletion>,
}

impl Difference {
    /// What turns one stack into another, in the workspace of the first. Nothing is known to depend on
    /// what is deleted.
    #[must_use]
    pub fn between(before: Stack, after: &Stack) -> Self {
        let (gone, changes): (Vec<_>, Vec<_>) = stack::diff(&before, after)
            .into_iter()
            .partition(Change::is_deletion);
        let deletion = |change| Deletion {
            change,
            attached: Attached::default(),
        };
        Self {
            workspace: before.workspace.clone(),
            timezone: after.timezone.clone(),
            before,
            changes,
            deletions: gone.into_iter().map(deletion).collect(),
        }
    }

    /// The stack as it is in the store.
    pub(in crate::control) const fn before(&self) -> &Stack {
        &self.before
    }

    /// The changes to make: the deletions first, if `prune`.
    pub fn wanted(&self, prune: bool) -> impl Iterator<Item = &Change> {
        let deletions = self
            .deletions
            .iter()
            .filter(move |_| prune)
            .map(|deletion| &deletion.change);
        deletions.chain(&self.changes)
    }

    /// The changes as lines, the deletions among them: `~ routine web-up: every 1m → 2m`.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.wanted(true).flat_map(stack::describe).collect()
    }

    /// The stack as it would be.
    #[must_use]
    pub fn after(&self, prune: bool) -> Stack {
        let wanted: Vec<Change> = self.wanted(prune).cloned().collect();
        Stack {
            workspace: self.workspace.clone(),
            ..apply_to(&self.before, &wanted)
        }
    }
}

impl Control {
    /// The changes of applying this stack. Works in the stack's own workspace unless one was chosen
    /// at the start.
    pub async fn difference(&self, stack: &Stack) -> Result<Difference, Refusal> {
        let name = self
            .0
            .settings
            .workspace
            .as_deref()
            .unwrap_or(&stack.workspace);
        let existing = self
            .0
            .store
            .workspaces()
            .await?
            .into_iter()
            .find(|w| w.name == name);
        let scope = existing.map(|workspace| self.0.store.scope(workspace));
        let before = match &scope {
            Some(scope) => scope.stack().await?,
            None => Stack {
                workspace: name.to_owned(),
                timezone: stack.timezone.clone(),
                ..Stack::default()
            },
        };
        self.stack_holds_no_secret(stack)?;
        let mut difference = Difference::between(before, stack);
        for Deletion { change, attached } in &mut difference.deletions {
            if let (Some(scope), Some(owner)) = (&scope, change.owner()) {
                let routines = routines_of(&difference.before, &owner);
                let mut with_results = probes_of(&difference.before, &owner);
                with_results.extend_from_slice(&routines);
                *attached = Attached {
                    routines,
                    results: scope.result_count(&with_results).await?,
                    ..scope.attached(&owner).await?
                };
            }
        }
        self.runbooks_fit(&difference)?;
        Ok(difference)
    }

    /// Makes the changes that were shown; the deletions among them only with `prune`.
    pub async fn apply(&self, difference: &Difference, prune: bool) -> Result<(), Refusal> {
        self.writable()?;
        let wanted: Vec<Change> = difference.wanted(prune).cloned().collect();
        let now = self.0.clock.now();
        let workspace = self
            .0
            .store
            .ensure_workspace(&difference.workspace, &difference.timezone, now)
            .await?;
        self.0
            .store
            .scope(workspace)
            .apply(&wanted, &self.0.settings.actor, now)
            .await?;
        self.0.bus.publish(Notice::Stack);
        Ok(())
    }
}

/// Names of the probes of a service, or of all services in an environment.
fn probes_of(stack: &Stack, owner: &Owner) -> Vec<String> {
    let targets = stack.services.iter().flat_map(targets_of);
    let of = targets.filter(|target| match owner {
        Owner::Service(name) => target.service == *name,
        Owner::Environment(name) => target.env.as_ref() == Some(name),
    });
    of.map(|target| probe_name(&target)).collect()
}
