//! The routines of a workspace as the scheduler runs them: those of the stack file, and one for
//! each probe of a service.

use crate::base::time::Timestamp;
use crate::routine::check::{self, CheckAnswer, CheckResult};
use crate::run::plan::{PlanStep, Target};
use crate::run::step::Call;
use crate::stack::routine::{Routine, RoutineKind};

/// A routine and what it does.
#[derive(Debug, Clone, PartialEq)]
pub struct Scheduled {
    /// Its name in the store: that of the stack file, or `probe web in prod`.
    pub name: String,
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
            name: routine.name.clone(),
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
            name: rules.name.clone(),
            target: Some(target),
            work: step.map_or_else(Work::Unmade, |step| Work::Probe(Box::new(step))),
            rules,
        }
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

    /// What an answer means.
    #[must_use]
    pub fn result(&self, answer: &CheckAnswer, now: Timestamp) -> CheckResult {
        match &self.work {
            Work::Probe(step) => check::probe_result(step, answer),
            _ => check::result(&self.rules, answer, now),
        }
    }

    /// Whether the scheduler calls something in its slots; the others wait for reports.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !matches!(
            (&self.work, self.rules.kind()),
            (
                Work::Check,
                RoutineKind::Heartbeat | RoutineKind::Manual | RoutineKind::Collect
            )
        )
    }
}

/// The name of the routine that probes a target.
#[must_use]
pub fn probe_name(target: &Target) -> String {
    format!("probe {target}")
}
