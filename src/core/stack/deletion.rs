//! Deletions of a difference: which changes delete objects, and what depends on those.

use serde::Serialize;

use super::{Change, Delta};
use crate::stack::service::Stack;

/// An object of a stack that runs and results belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    Service(String),
    Environment(String),
}

/// Stored data about it besides its definition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Attached {
    pub ended: i64,
    /// Claimed, running or waiting.
    pub running: i64,
    pub queued: i64,
    pub breakers: i64,
    /// Results of its routines and probes.
    pub results: i64,
    /// Names of the routines that work on it.
    pub routines: Vec<String>,
}

/// A deletion and what depends on it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Deletion {
    pub change: Change,
    pub attached: Attached,
}

impl Change {
    /// Whether it takes something out of the stack.
    #[must_use]
    pub const fn is_deletion(&self) -> bool {
        match self {
            Self::Timezone { .. } => false,
            Self::Environment(delta) => delta.after.is_none(),
            Self::Service(delta) => delta.after.is_none(),
            Self::Routine(delta) => delta.after.is_none(),
            Self::Maintenance(delta) => delta.after.is_none(),
            Self::Contact(delta) => delta.after.is_none(),
        }
    }

    /// `service web`.
    #[must_use]
    pub fn object(&self) -> String {
        match self {
            Self::Timezone { .. } => "timezone".to_owned(),
            Self::Environment(Delta { name, .. }) => format!("environment {name}"),
            Self::Service(Delta { name, .. }) => format!("service {name}"),
            Self::Routine(Delta { name, .. }) => format!("routine {name}"),
            Self::Maintenance(Delta { name, .. }) => format!("maintenance {name}"),
            Self::Contact(Delta { name, .. }) => format!("contact {name}"),
        }
    }

    /// Its object, if runs belong to objects of that kind.
    #[must_use]
    pub fn owner(&self) -> Option<Owner> {
        match self {
            Self::Service(delta) => Some(Owner::Service(delta.name.clone())),
            Self::Environment(delta) => Some(Owner::Environment(delta.name.clone())),
            Self::Timezone { .. } | Self::Routine(_) | Self::Maintenance(_) | Self::Contact(_) => {
                None
            }
        }
    }
}

/// Names of the routines of a stack that work on it.
#[must_use]
pub fn routines_of(stack: &Stack, owner: &Owner) -> Vec<String> {
    let of = stack.routines.iter().filter(|routine| match owner {
        Owner::Service(name) => routine.service.as_ref() == Some(name),
        Owner::Environment(name) => routine.env.as_ref() == Some(name),
    });
    of.map(|routine| routine.name.clone()).collect()
}

/// `3 runs ended, 1 running, 2 queued; routine web-up; 1 breaker; 4000 results`; empty when
/// nothing depends on it.
impl std::fmt::Display for Attached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let runs = [
            (self.ended, "ended"),
            (self.running, "running"),
            (self.queued, "queued"),
        ];
        let runs: Vec<String> = runs
            .iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, state)| format!("{n} {state}"))
            .collect();
        let plural = |n: i64| if n == 1 { "" } else { "s" };
        let mut parts = Vec::new();
        if !runs.is_empty() {
            parts.push(format!("runs: {}", runs.join(", ")));
        }
        if !self.routines.is_empty() {
            parts.push(format!("routines: {}", self.routines.join(", ")));
        }
        for (count, what) in [(self.breakers, "breaker"), (self.results, "result")] {
            if count > 0 {
                parts.push(format!("{count} {what}{}", plural(count)));
            }
        }
        f.write_str(&parts.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::diff;
    use crate::stack::routine::Routine;
    use crate::stack::service::{Environment, Service};

    #[test]
    fn a_deletion_lists_what_depends_on_it() {
        let service = |name: &str| Service {
            name: name.to_owned(),
            ..Service::default()
        };
        let routine = |name: &str, service: Option<&str>, env: Option<&str>| Routine {
            name: name.to_owned(),
            service: service.map(str::to_owned),
            env: env.map(str::to_owned),
            ..Routine::default()
        };
        let old = Stack {
            environments: vec![Environment {
                name: "prod".to_owned(),
                ..Environment::default()
            }],
            services: vec![service("web"), service("api")],
            routines: vec![
                routine("web-up", Some("web"), Some("prod")),
                routine("other", Some("api"), None),
            ],
            ..Stack::default()
        };
        let changes = diff(
            &old,
            &Stack {
                services: vec![service("api"), service("new")],
                ..Stack::default()
            },
        );
        let deleted: Vec<String> = changes
            .iter()
            .filter(|c| c.is_deletion())
            .map(Change::object)
            .collect();
        assert_eq!(
            deleted,
            [
                "environment prod",
                "service web",
                "routine web-up",
                "routine other"
            ]
        );
        assert_eq!(
            routines_of(&old, &Owner::Service("web".to_owned())),
            ["web-up"]
        );
        assert_eq!(
            routines_of(&old, &Owner::Environment("prod".to_owned())),
            ["web-up"]
        );

        let attached = Attached {
            ended: 3,
            queued: 1,
            breakers: 1,
            results: 20,
            ..Attached::default()
        };
        assert_eq!(
            attached.to_string(),
            "runs: 3 ended, 1 queued; 1 breaker; 20 results"
        );
        let routines = Attached {
            routines: vec!["a".to_owned(), "b".to_owned()],
            ..Attached::default()
        };
        assert_eq!(routines.to_string(), "routines: a, b");
        assert_eq!(Attached::default().to_string(), "");
    }
}
