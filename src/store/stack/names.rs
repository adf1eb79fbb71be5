//! The names of a stack, without what is declared about them.

use serde::Deserialize;

use super::read;
use crate::core::stack::routine::Routine;
use crate::core::stack::service::{Environment, Service, Stack};
use crate::store::{Store, StoreError};

const NAMES: &str = "select 'environment' as kind, name, body, position from environment where workspace_id = $1 \
     union all select 'service', name, body, position from service where workspace_id = $1 \
     union all select 'routine', name, '', position from routine where workspace_id = $1 \
     order by 4, 2";

/// The part of a service or an environment that a phrase can name.
#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    environments: Vec<String>,
    #[serde(default)]
    department: Option<String>,
}

impl Store {
    /// The stack of the workspace with nothing but what a phrase can name: names and aliases,
    /// departments, and the environments of each service.
    pub async fn stack_names(&self, workspace: i64) -> Result<Stack, StoreError> {
        type Row = (String, String, String);
        let mut db = self.db.read().await?;
        let rows = fetch_all!(db, Row, NAMES, workspace)?;
        let mut stack = Stack::default();
        for (kind, name, body) in rows {
            match kind.as_str() {
                "environment" => {
                    let Named { aliases, .. } = read(&kind, &name, &body)?;
                    stack.environments.push(Environment {
                        name,
                        aliases,
                        ..Environment::default()
                    });
                }
                "service" => {
                    let named: Named = read(&kind, &name, &body)?;
                    stack.services.push(Service {
                        name,
                        aliases: named.aliases,
                        environments: named.environments,
                        department: named.department,
                        ..Service::default()
                    });
                }
                _ => stack.routines.push(Routine {
                    name,
                    ..Routine::default()
                }),
            }
        }
        Ok(stack)
    }
}
