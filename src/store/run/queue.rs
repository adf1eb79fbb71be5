//! Positions of queued runs, and the locks each of them waits for.

use std::collections::HashMap;

use crate::core::base::time::Timestamp;
use crate::core::run::RunId;
use crate::core::run::plan::{Plan, Target};
use crate::core::run::queue::{Blocked, Lock, Queued, wanted};

use crate::store::db::dialect::not_stopped;
use crate::store::db::text;
use crate::store::run::locks::columns;
use crate::store::{Store, StoreError, rows};

/// The queued run `$run` comes before later ones at `$now`: it waits neither for a person to start it
/// nor for the end of a person's lock. An engine whose heartbeat had expired when another engine last
/// sent one takes nothing.
macro_rules! comes {
    ($run:literal, $now:literal) => {
        concat!(
            "((",
            $run,
            ".queued_by = '' or exists (select 1 from engine p ",
            "where p.alive_until >= (select max(seen_at) from engine) and (p.holder = ",
            $run,
            ".queued_by or p.adopts_from <= ",
            $run,
            ".queued_at)))",
            not_stopped!($run, $now),
            ")",
        )
    };
}

/// Lanes span all workspaces, as engines claim from all. A run that does not come yet is before no
/// other.
const PLACES: &str = concat!(
    "select id, lane, ahead from (select id, workspace_id, lane, coalesce(sum(comes) over \
     (partition by lane order by rank, id rows between unbounded preceding and 1 preceding), 0) as ahead \
     from (select q.id, q.workspace_id, q.lane, q.rank, case when ",
    comes!("q", "$4"),
    " then 1 else 0 end as comes from run q where q.status = 'queued') as waiting) as place \
     where workspace_id = $1 and id >= $2 and id <= $3 order by id"
);
/// An active run holds its locks, so every other run that needs them is queued, and it is counted
/// apart.
const WANTED: &str = concat!(
    "select w.run_id, w.service, w.env, w.holder, w.ahead from (select t.run_id, t.service, t.env, \
     l.run_id as holder, row_number() over (partition by t.service, t.env, t.run_id = coalesce(l.run_id, 0) \
     order by t.rank, t.run_id) - 1 as ahead \
     from run_target t join run q on q.id = t.run_id \
     left join run_lock l on l.workspace_id = t.workspace_id and l.service = t.service and l.env = t.env \
     where t.workspace_id = $1 and (q.status <> 'queued' or ",
    comes!("q", "$4"),
    ") and (t.service, t.env) in (select m.service, m.env from run_target m \
     where m.workspace_id = $1 and m.run_id >= $2 and m.run_id <= $3)) w join run r on r.id = w.run_id \
     where w.run_id >= $2 and w.run_id <= $3 and r.status = 'queued' order by w.run_id, w.service, w.env"
);
const HOLDER: &str =
    "select run_id from run_lock where workspace_id = $1 and service = $2 and env = $3";
const BEFORE: &str = concat!(
    "select count(*) from run_target t join run q on q.id = t.run_id \
     where t.workspace_id = $1 and t.service = $2 and t.env = $3 and t.rank <= $4 and t.run_id <> $5 \
     and (q.status <> 'queued' or ",
    comes!("q", "$6"),
    ")"
);

impl Store {
    /// The queued runs of a workspace with numbers from `first` to `last`, in their order.
    pub async fn queue(
        &self,
        workspace: i64,
        (first, last): (RunId, RunId),
        now: Timestamp,
    ) -> Result<Vec<Queued>, StoreError> {
        let mut db = self.db.read().await?;
        let places = fetch_all!(
            db,
            (i64, String, i64),
            PLACES,
            workspace,
            first.0,
            last.0,
            now.0
        )?;
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let found = fetch_all!(
            db,
            (i64, String, String, Option<i64>, i64),
            WANTED,
            workspace,
            first.0,
            last.0,
            now.0
        )?;
        let mut waits_for: HashMap<i64, Vec<Blocked>> = HashMap::new();
        for (run, service, env, holder, ahead) in found {
            if holder.is_some() || ahead > 0 {
                let blocked = Blocked {
                    wanted: from_columns(&service, &env),
                    holder: holder.map(RunId),
                    ahead,
                };
                waits_for.entry(run).or_default().push(blocked);
            }
        }
        let queued = |(run, lane, ahead): (i64, String, i64)| {
            let waits_for = waits_for.remove(&run).unwrap_or_default();
            Ok(Queued {
                run: RunId(run),
                lane: rows::lane(&lane)?,
                ahead,
                waits_for,
                locked: Vec::new(),
                untaken: None,
            })
        };
        places.into_iter().map(queued).collect()
    }

    /// The locks a run of this plan would wait for now at that rank in the queue.
    pub async fn blockers(
        &self,
        workspace: i64,
        plan: &Plan,
        rank: i64,
        now: Timestamp,
    ) -> Result<Vec<Blocked>, StoreError> {
        let mut db = self.db.read().await?;
        let mut blocked = Vec::new();
        for wanted in wanted(plan) {
            let (service, env) = columns(&wanted);
            let holder = fetch_optional!(db, (i64,), HOLDER, workspace, text(service), text(env))?;
            let holder = holder.map(|(run,)| run);
            let but = holder.unwrap_or(0);
            let before = fetch_optional!(
                db,
                (i64,),
                BEFORE,
                workspace,
                text(service),
                text(env),
                rank,
                but,
                now.0
            )?;
            let ahead = before.map_or(0, |(count,)| count);
            if holder.is_some() || ahead > 0 {
                blocked.push(Blocked {
                    wanted,
                    holder: holder.map(RunId),
                    ahead,
                });
            }
        }
        Ok(blocked)
    }
}

/// The lock of two columns; see [`columns`].
fn from_columns(service: &str, env: &str) -> Lock {
    match (service, env) {
        ("", group) => Lock::Group(group.to_owned()),
        (service, "") => Lock::Target(Target {
            service: service.to_owned(),
            env: None,
        }),
        (service, env) => Lock::Target(Target {
            service: service.to_owned(),
            env: Some(env.to_owned()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_are_restored_from_their_columns() {
        let target = |env: Option<&str>| Target {
            service: "web".to_owned(),
            env: env.map(str::to_owned),
        };
        for wanted in [
            Lock::Group("web".to_owned()),
            Lock::Target(target(None)),
            Lock::Target(target(Some("prod"))),
        ] {
            let (service, env) = columns(&wanted);
            assert_eq!(from_columns(service, env), wanted);
        }
    }
}
