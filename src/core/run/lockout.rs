//! Locks that people set: until its end, no changing run begins on a target, or of a runbook. Runs that
//! were queued before wait; runs under way are not stopped.

use serde::{Deserialize, Serialize};

use crate::base::time::{Timestamp, human_ms, parse_until};
use crate::run::lock_set::touched;
use crate::run::plan::{Plan, Risk, RiskLevel, Target};

/// The code of the risk that a lock is.
pub const LOCKED: &str = "LOCKED";

/// The longest lock, milliseconds: 30 days.
pub const LONGEST_MS: i64 = 30 * 86_400_000;

/// What can be locked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lockable {
    Target(Target),
    Runbook(String),
}

impl Lockable {
    /// Whether it is one of these services, in this environment; without services and environment,
    /// everything is.
    #[must_use]
    pub fn is_of(&self, services: &[String], env: Option<&str>) -> bool {
        match self {
            Self::Target(target) => {
                let service = services.is_empty() || services.contains(&target.service);
                service && (env.is_none() || target.env.as_deref() == env)
            }
            Self::Runbook(_) => services.is_empty() && env.is_none(),
        }
    }
}

impl std::fmt::Display for Lockable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Target(target) => target.fmt(f),
            Self::Runbook(name) => write!(f, "runbook {name}"),
        }
    }
}

/// When a lock ends, as a person says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockEnd {
    /// After this many milliseconds.
    For(i64),
    Until(Timestamp),
}

impl LockEnd {
    /// Reads "for 2h" or "until 18:00"; one of them is needed.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn read(
        duration: Option<&str>,
        until: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, String> {
        match (duration, until) {
            (Some(_), Some(_)) => Err("say either for how long or until when".to_owned()),
            (Some(text), None) => Ok(Self::For(crate::base::time::parse_duration(text)?)),
            (None, Some(text)) => Ok(Self::Until(parse_until(text, now)?)),
            (None, None) => Err("say when it ends: for 2h, or until 18:00".to_owned()),
        }
    }

    /// The time of the end.
    ///
    /// # Errors
    /// The rule it breaks.
    pub fn at(self, now: Timestamp) -> Result<Timestamp, String> {
        let at = match self {
            Self::For(ms) => now.plus_ms(ms),
            Self::Until(at) => at,
        };
        match at.ms_since(now) {
            ..=0 => Err("a lock ends in the future".to_owned()),
            ms if ms > LONGEST_MS => Err("a lock lasts at most 30 days".to_owned()),
            _ => Ok(at),
        }
    }
}

impl std::fmt::Display for LockEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::For(ms) => write!(f, "for {}", human_ms(*ms)),
            Self::Until(at) => write!(f, "until {}", at.rfc3339()),
        }
    }
}

/// A lock that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lockout {
    #[serde(flatten)]
    pub of: Lockable,
    /// Who set it, and why.
    pub actor: String,
    pub reason: String,
    pub at: Timestamp,
    pub until: Timestamp,
}

impl std::fmt::Display for Lockout {
    /// `web in prod, locked by ana until 2026-11-21T23:00:00Z: migration`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (of, actor, until) = (&self.of, &self.actor, self.until.rfc3339());
        write!(f, "{of}, locked by {actor} until {until}: {}", self.reason)
    }
}

impl Lockout {
    /// Whether a run of this plan (not of a later link of its chain) is not to begin.
    #[must_use]
    pub fn stops(&self, plan: &Plan) -> bool {
        match &self.of {
            Lockable::Target(target) => touched(plan).contains(target),
            Lockable::Runbook(name) => plan.mutates && plan.runbook == *name,
        }
    }

    /// The risk it is for a plan that it stops.
    #[must_use]
    pub fn risk(&self) -> Risk {
        Risk {
            level: RiskLevel::Block,
            code: LOCKED.to_owned(),
            message: self.to_string(),
        }
    }
}

/// Makes these locks risks of the links of a plan that they stop, in place of those of earlier
/// locks.
pub fn set_risks(plan: &mut Plan, locks: &[Lockout]) {
    plan.risks.retain(|risk| risk.code != LOCKED);
    let stopping: Vec<Risk> = locks
        .iter()
        .filter(|lock| lock.stops(plan))
        .map(Lockout::risk)
        .collect();
    plan.risks.splice(0..0, stopping);
    for link in &mut plan.then {
        set_risks(link, locks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_000_000_000);
    const HOUR: i64 = 3_600_000;

    fn lock(of: Lockable) -> Lockout {
        Lockout {
            of,
            actor: "ana".to_owned(),
            reason: "migration".to_owned(),
            at: NOW,
            until: NOW.plus_ms(HOUR),
        }
    }

    fn target(env: Option<&str>) -> Lockable {
        Lockable::Target(Target {
            service: "web".to_owned(),
            env: env.map(str::to_owned),
        })
    }

    #[test]
    fn a_lock_stops_changing_runs_on_its_target_or_of_its_runbook() {
        let plan = |env: &str, mutates| Plan {
            runbook: "deploy".to_owned(),
            env: Some(env.to_owned()),
            services: vec!["web".to_owned()],
            mutates,
            ..Plan::default()
        };
        let runbook = |name: &str| Lockable::Runbook(name.to_owned());
        for (of, env, mutates, stops) in [
            (target(Some("prod")), "prod", true, true),
            (target(Some("prod")), "prod", false, false),
            (target(Some("prod")), "staging", true, false),
            (target(None), "prod", true, false),
            (runbook("deploy"), "prod", true, true),
            (runbook("deploy"), "prod", false, false),
            (runbook("restart"), "prod", true, false),
        ] {
            let found = lock(of.clone()).stops(&plan(env, mutates));
            assert_eq!(found, stops, "{of} {env} {mutates}");
        }
        let mut chain = Plan {
            then: vec![plan("prod", true)],
            ..plan("staging", true)
        };
        // Once more changes nothing.
        for _ in 0..2 {
            set_risks(&mut chain, &[lock(target(Some("prod")))]);
        }
        assert!(chain.risks.is_empty());
        let blocks: Vec<_> = chain.blocks().map(|risk| risk.message.as_str()).collect();
        assert_eq!(
            blocks,
            ["web in prod, locked by ana until 2026-11-18T12:06:40.000Z: migration"]
        );
        set_risks(&mut chain, &[]);
        assert_eq!(chain.blocks().count(), 0, "the lock has ended");
    }

    #[test]
    fn a_lock_has_an_end_within_30_days() {
        let end = |duration, until| {
            let read = LockEnd::read(duration, until, NOW);
            read.and_then(|end| end.at(NOW)).map(|at| at.ms_since(NOW))
        };
        assert_eq!(end(Some("2h"), None), Ok(2 * HOUR));
        assert_eq!(end(Some("30d"), None), Ok(LONGEST_MS));
        assert_eq!(end(None, Some("2026-11-18T12:06:40Z")), Ok(HOUR));
        for (duration, until) in [
            (None, None),
            (Some("2h"), Some("18:00")),
            (Some("31d"), None),
            (Some("0s"), None),
            (Some("soon"), None),
            (None, Some("2026-11-18T10:00:00Z")),
            (None, Some("2027-11-18T10:00:00Z")),
            (None, Some("later")),
        ] {
            assert!(end(duration, until).is_err(), "{duration:?} {until:?}");
        }
    }
}
