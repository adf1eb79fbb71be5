//! The routines of a workspace as the scheduler runs them: those of the stack file, and one for
//! each probe of a service.

use jiff::tz::TimeZone;

use crate::base::time::{Timestamp, write_duration};
use crate::routine::check::{self, CheckAnswer, CheckResult};
use crate::routine::schedule::{Cron, Every, Schedule};
use crate::routine::shard::key_of;
use crate::run::plan::{PlanStep, Target};
use crate::run::step::shell::Shell;
use crate::run::step::{Call, StepSpec};
use crate::stack::routine::{Check, Routine, RunbookCheck};

/// The name of the routine that probes a target: `probe web in prod`.
#[must_use]
pub fn probe_name(target: &Target) -> String {
    format!("probe {target}")
}

/// A routine and what it does.
#[derive(Debug, Clone, PartialEq)]
pub struct Scheduled {
    /// The target whose state it decides; only probes of services have one.
    pub target: Option<Target>,
    pub work: Work,
    /// When and how it is run: for a probe, the defaults.
    pub rules: Routine,
}

/// What a routine does.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// The check of the stack file: that of [`Scheduled::rules`].
    Check,
    /// The probe action of a service.
    Probe(Box<PlanStep>),
    /// A probe that cannot be made from the stack, with the reason.
    Unmade(String),
}

impl Scheduled {
    /// A routine of the stack file.
    #[must_use]
    pub fn declared(routine: &Routine) -> Self {
        Self {
            target: None,
            work: Work::Check,
            rules: routine.clone(),
        }
    }

    /// The probe of a target, each `every_ms` milliseconds.
    #[must_use]
    pub fn probe(target: Target, step: Result<PlanStep, String>, every_ms: i64) -> Self {
        let rules = Routine {
            name: probe_name(&target),
            service: Some(target.service.clone()),
            env: target.env.clone(),
            every_ms: Some(every_ms),
            ..Routine::default()
        };
        Self {
            target: Some(target),
            work: step.map_or_else(Work::Unmade, |step| Work::Probe(Box::new(step))),
            rules,
        }
    }

    /// Its name in the store: that of the stack file, or [`probe_name`].
    #[must_use]
    pub fn name(&self) -> &str {
        &self.rules.name
    }

    /// What its list entry calls its kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.work {
            Work::Check => self.rules.kind().name(),
            Work::Probe(step) => step.spec.kind(),
            Work::Unmade(_) => "probe",
        }
    }

    /// Its call.
    ///
    /// # Errors
    /// Why there is none: the probe cannot be made, or another program reports.
    pub fn call(&self) -> Result<Call, String> {
        match &self.work {
            Work::Check => check::call(&self.rules)
                .ok_or_else(|| format!("a {} routine calls nothing", self.rules.kind().name())),
            Work::Probe(step) => Ok(step.spec.call(if step.timeout_ms > 0 {
                step.timeout_ms
            } else {
                check::TIMEOUT_MS
            })),
            Work::Unmade(why) => Err(why.clone()),
        }
    }

    /// What it calls, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        match (&self.work, &self.rules.check) {
            (Work::Probe(step), _) => step.spec.describe(),
            (Work::Unmade(why), _) => why.clone(),
            (Work::Check, Check::Http(_) | Check::Webhook(_) | Check::Collect(_)) => {
                let request = self.rules.check.request();
                request.map_or_else(String::new, |r| format!("{} {}", r.method, r.url))
            }
            (Work::Check, Check::Tcp { address }) => format!("connect to {address}"),
            (Work::Check, Check::Dns { host }) => format!("resolve {host}"),
            (Work::Check, Check::Icmp { host }) => format!("ping {host}"),
            (Work::Check, Check::Tls { address, .. }) => format!("certificates of {address}"),
            (Work::Check, Check::Shell { command, .. }) => {
                StepSpec::Shell(Shell::new(command.clone())).describe()
            }
            (Work::Check, Check::Sql { database, query }) => format!("{database}: {query}"),
            (Work::Check, Check::Promql { url, query, .. }) => format!("{query} at {url}"),
            (Work::Check, Check::Unit { unit }) => format!("systemctl show {unit}"),
            (Work::Check, Check::Runbook(check)) => runbook_call(check, &self.rules),
            (Work::Check, Check::Heartbeat { grace_ms }) => {
                format!("a report within {}", write_duration(*grace_ms))
            }
            (Work::Check, Check::Manual { task }) => task.clone(),
        }
    }

    /// What an answer means.
    #[must_use]
    pub fn result(&self, answer: &CheckAnswer, now: Timestamp) -> CheckResult {
        match &self.work {
            Work::Probe(step) => check::probe_result(step, answer),
            _ => check::result(&self.rules, answer, now),
        }
    }

    /// When it is due. `zone` finds a time zone by its IANA name; `default` is the stack's.
    ///
    /// # Errors
    /// Why it is never due: no such zone, or a pattern that cannot be read.
    pub fn schedule(
        &self,
        default: &str,
        zone: impl Fn(&str) -> Result<TimeZone, String>,
    ) -> Result<Schedule, String> {
        let key = key_of(self.name());
        let why = |why: String| format!("routine {} is not run: {why}", self.name());
        match (&self.rules.cron, self.rules.every_ms) {
            (Some(pattern), _) => {
                let name = self.rules.timezone.as_deref().unwrap_or(default);
                let cron = zone(name).and_then(|zone| Cron::parse(pattern, zone, key));
                Ok(Schedule::Cron(Box::new(cron.map_err(why)?)))
            }
            (None, Some(every_ms)) => Ok(Schedule::Every(Every::spread(every_ms, key))),
            (None, None) => Err(why("it has neither every nor cron".to_owned())),
        }
    }

    /// When it is due, as people read it: `every 5m`, `30 2 * * * Europe/Berlin`.
    #[must_use]
    pub fn when(&self, default_zone: &str) -> String {
        let jitter = self.rules.jitter_ms;
        let jitter = jitter.map(|ms| format!(", up to {} later", write_duration(ms)));
        let slots = match (&self.rules.cron, self.rules.every_ms) {
            (Some(pattern), _) => {
                let zone = self.rules.timezone.as_deref().unwrap_or(default_zone);
                format!("{pattern} {zone}")
            }
            (None, every) => format!("every {}", write_duration(every.unwrap_or(0))),
        };
        slots + jitter.as_deref().unwrap_or_default()
    }

    /// Whether the scheduler calls something in its slots; the others wait for reports.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.work != Work::Check || (self.rules.kind().is_run() && !self.is_reported())
    }

    /// Whether its slots begin runs of a runbook.
    #[must_use]
    pub fn runs_runbook(&self) -> bool {
        self.work == Work::Check && self.rules.runs_runbook()
    }

    /// Whether it waits for reports of a program or a person.
    #[must_use]
    pub fn is_reported(&self) -> bool {
        self.work == Work::Check && self.rules.kind().is_reported()
    }
}

/// `runbook backup web in prod keep=7`
fn runbook_call(check: &RunbookCheck, rules: &Routine) -> String {
    let mut words = vec!["runbook".to_owned(), check.runbook.clone()];
    words.extend(rules.service.clone());
    words.extend(rules.env.as_ref().map(|env| format!("in {env}")));
    words.extend(
        check
            .inputs
            .iter()
            .map(|(name, value)| format!("{name}={value}")),
    );
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::routine::MisfirePolicy;

    #[test]
    fn an_edit_of_anything_but_name_and_time_moves_no_slot() {
        let utc = |_: &str| Ok(TimeZone::UTC);
        let slots = |rules: &Routine| {
            let schedule = Scheduled::declared(rules).schedule("UTC", utc).unwrap();
            schedule.next_slots(Timestamp(1_800_000_000_000), 5)
        };
        let before = Routine {
            name: "ping".to_owned(),
            every_ms: Some(300_000),
            ..Routine::default()
        };
        let edited = Routine {
            service: Some("web".to_owned()),
            env: Some("prod".to_owned()),
            check: Check::Dns {
                host: "acme.test".to_owned(),
            },
            timezone: Some("Europe/Paris".to_owned()),
            expect: vec!["true".to_owned()],
            timeout_ms: Some(1),
            misfire: Some(MisfirePolicy::Skip),
            failure_threshold: Some(9),
            ..before.clone()
        };
        assert_eq!(slots(&before), slots(&edited));
        let renamed = Routine {
            name: "pong".to_owned(),
            ..before.clone()
        };
        assert_ne!(
            slots(&before),
            slots(&renamed),
            "the name chooses the phase"
        );
    }
}
