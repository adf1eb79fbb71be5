//! Whether routines run, and run in time: for home and `opsroom doctor`.

use serde::Serialize;

use crate::control::{Control, Refusal};
use crate::core::base::time::Timestamp;
use crate::core::routine::load::SchedulerLoad;
use crate::store::{ProbeSize, RoutineMember};

/// An engine whose membership ended this long ago runs no routines any more, milliseconds.
const GONE_MS: i64 = 5000;

/// The scheduler of an engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SchedulerSheet {
    /// `ops1:4242`.
    pub engine: String,
    /// It renews its membership.
    pub alive: bool,
    pub load: Option<SchedulerLoad>,
    /// What is wrong with it.
    pub problem: Option<String>,
}

impl Control {
    /// The schedulers that run routines of the workspace, and the size of what they have kept.
    pub async fn schedulers(&self) -> Result<(Vec<SchedulerSheet>, ProbeSize), Refusal> {
        let scope = self.scope().await?;
        let members = scope.routine_members().await?;
        let now = self.0.clock.now();
        let sheets = members.iter().map(|member| sheet(member, now)).collect();
        Ok((sheets, scope.probe_size(now).await?))
    }
}

/// What is wrong with the schedulers: lines for home.
pub(in crate::control) fn problems(members: &[RoutineMember], now: Timestamp) -> Vec<String> {
    let sheets: Vec<SchedulerSheet> = members.iter().map(|member| sheet(member, now)).collect();
    if let Some(last) = members.iter().map(|m| m.alive_until).max()
        && !sheets.iter().any(|sheet| sheet.alive)
    {
        return vec![format!("no engine runs routines since {}", last.rfc3339())];
    }
    let alive = sheets.into_iter().filter(|sheet| sheet.alive);
    alive
        .filter_map(|sheet| Some(format!("routines of {}: {}", sheet.engine, sheet.problem?)))
        .collect()
}

fn sheet(member: &RoutineMember, now: Timestamp) -> SchedulerSheet {
    let alive = now.ms_since(member.alive_until) <= GONE_MS;
    let problem = if alive {
        member.load.as_ref().and_then(SchedulerLoad::problem)
    } else {
        Some(format!("has stopped at {}", member.alive_until.rfc3339()))
    };
    SchedulerSheet {
        engine: crate::engine::short(&member.holder),
        alive,
        load: member.load,
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_and_a_late_scheduler_are_problems() {
        let member = |host: &str, alive_until: i64, lag_ms| RoutineMember {
            holder: format!("{host}:1:2:3:4:5"),
            term: 1,
            rank: 1,
            alive_until: Timestamp(alive_until),
            load: Some(SchedulerLoad {
                lag_ms,
                ..SchedulerLoad::default()
            }),
        };
        let now = Timestamp(20_000);
        assert!(problems(&[], now).is_empty(), "none has begun");
        let (gone, fine, late) = (
            member("a", 9000, 9000),
            member("b", 30_000, 20),
            member("c", 30_000, 9000),
        );
        assert_eq!(
            problems(std::slice::from_ref(&gone), now),
            ["no engine runs routines since 1970-01-01T00:00:09.000Z"]
        );
        assert_eq!(
            problems(&[gone, fine, late], now),
            ["routines of c:1: checks begin 9.0 s late"]
        );
    }
}
