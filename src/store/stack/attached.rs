//! Counts the data that belongs to a service or an environment, for the question before its
//! deletion.

use crate::core::run::RunStatus;
use crate::core::stack::{Attached, Owner};

use crate::store::db::text;
use crate::store::{Store, StoreError, rows};

const RUNS_OF_SERVICE: &str = "select r.status, count(*) from run_service s join run r on r.id = s.run_id \
     where r.workspace_id = $1 and s.service = $2 group by r.status";
const RUNS_OF_ENV: &str =
    "select status, count(*) from run where workspace_id = $1 and env = $2 group by status";
const BREAKERS_OF_SERVICE: &str =
    "select count(*) from breaker where workspace_id = $1 and service = $2";
const BREAKERS_OF_ENV: &str = "select count(*) from breaker where workspace_id = $1 and env = $2";

impl Store {
    /// Counts the runs and breakers of a service or an environment. Reads a whole index: for the
    /// rare case of a deletion.
    pub async fn attached(&self, workspace: i64, owner: &Owner) -> Result<Attached, StoreError> {
        let (name, [runs, breakers]) = match owner {
            Owner::Service(name) => (name, [RUNS_OF_SERVICE, BREAKERS_OF_SERVICE]),
            Owner::Environment(name) => (name, [RUNS_OF_ENV, BREAKERS_OF_ENV]),
        };
        let mut db = self.db.read().await?;
        let mut attached = Attached::default();
        for (status, count) in fetch_all!(db, (String, i64), runs, workspace, text(name))? {
            match rows::status(&status)? {
                RunStatus::Queued => attached.queued += count,
                status if status.is_held() => attached.running += count,
                _ => attached.ended += count,
            }
        }
        attached.breakers = fetch_optional!(db, (i64,), breakers, workspace, text(name))?
            .map_or(0, |(count,)| count);
        Ok(attached)
    }
}
