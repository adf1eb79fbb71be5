//! What happened to a routine and its service in a window: changes of its state, and changes that
//! people made to the service.

use std::ops::Range;

use super::states;
use crate::core::base::time::Timestamp;
use crate::core::health::change::LastChange;
use crate::core::stack::state::State;
use crate::store::db::text;
use crate::store::rows::LastChangeRow;
use crate::store::{RoutineChange, Store, StoreError};

const CHANGES: &str = "select c.routine_id, c.at, c.from_state, c.to_state, c.reason, c.class, c.message, c.maintenance \
     from routine_change c join probe_routine r on r.id = c.routine_id \
     where r.workspace_id = $1 and c.routine_id = $2 and c.at >= $3 and c.at < $4 \
     order by c.at desc, c.id desc limit $5";
/// The confirmed state before the window: that of the last change before it, else what the first
/// change after its begin came from, else the state now.
const BEFORE: &str = "select coalesce((select c.to_state from routine_change c where c.routine_id = r.id and c.at < $3 \
     order by c.at desc, c.id desc limit 1), (select c.from_state from routine_change c where c.routine_id = r.id \
     and c.at >= $3 order by c.at, c.id limit 1), (select s.confirmed from routine_state s where s.routine_id = r.id)) \
     from probe_routine r where r.workspace_id = $1 and r.id = $2";
/// Runs that changed the service in the environment $6 (empty: in any) or in none, and edits of it.
const SERVICE: &str = "select s.service, r.env, r.id as run_id, r.runbook as what, r.started_at as at, r.actor from \
     (select id, env, runbook, started_at, actor from run where workspace_id = $1 and mutates and started_at >= $3 \
     and started_at < $4 and ($6 = '' or env is null or env = $6) order by id desc limit $5) r \
     join run_service s on s.run_id = r.id where s.service = $2 \
     union all select $2, null, null, e.what, e.at, e.actor from (select at, actor, \
     case when before is null then 'added' when after is null then 'removed' else 'edited' end as what \
     from audit where workspace_id = $1 and substr(object, 1, 8) = 'service ' and object = $7 \
     and at >= $3 and at < $4 order by id desc limit $5) e order by 5, 3";

/// The changes of a routine's state in a window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoutineTurns {
    /// The confirmed state when the window began; none: it was never checked.
    pub before: Option<State>,
    /// Oldest first.
    pub changes: Vec<RoutineChange>,
}

impl Store {
    /// The changes of a routine's state in a window, at most the newest `most`.
    pub async fn routine_turns(
        &self,
        workspace: i64,
        routine: i64,
        within: &Range<Timestamp>,
        most: u32,
    ) -> Result<RoutineTurns, StoreError> {
        let (from, until) = (within.start.0, within.end.0);
        let mut db = self.db.read().await?;
        let rows = fetch_all!(
            db,
            states::ChangeRow,
            CHANGES,
            workspace,
            routine,
            from,
            until,
            i64::from(most)
        )?;
        let before = fetch_optional!(db, (Option<String>,), BEFORE, workspace, routine, from)?;
        drop(db);
        let newest_first = rows.into_iter().map(states::change);
        let mut changes = newest_first.collect::<Result<Vec<_>, _>>()?;
        changes.reverse();
        let whole = u32::try_from(changes.len()).is_ok_and(|n| n < most);
        // Where older changes are left out, the first one says how it was before.
        let before = match (before, changes.first()) {
            (_, Some(first)) if !whole => Some(first.from),
            (Some((Some(name),)), _) => Some(states::state(&name)?),
            _ => None,
        };
        Ok(RoutineTurns { before, changes })
    }

    /// The runs that changed a service in a window, and the edits of it, oldest first; at most the
    /// newest `most` of each. `env`: only runs there, or in no environment.
    pub async fn service_changes(
        &self,
        workspace: i64,
        service: &str,
        env: Option<&str>,
        within: &Range<Timestamp>,
        most: u32,
    ) -> Result<Vec<LastChange>, StoreError> {
        let (from, until) = (within.start.0, within.end.0);
        let object = format!("service {service}");
        let mut db = self.db.read().await?;
        let rows = fetch_all!(
            db,
            LastChangeRow,
            SERVICE,
            workspace,
            text(service),
            from,
            until,
            i64::from(most),
            text(env.unwrap_or_default()),
            text(&object),
        )?;
        Ok(rows.into_iter().map(LastChange::from).collect())
    }
}
