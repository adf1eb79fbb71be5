//! The data of the home screen, read in one go.

use std::collections::HashMap;
use std::sync::Arc;

use super::routine::{WindowRow, watch, windows_of};
use super::{Control, EnginePlace, LeftOver, Refusal, RunFilter, not_listed};
use crate::core::base::time::Timestamp;
use crate::core::health::change::LastChange;
use crate::core::health::check::score::{self, Score};
use crate::core::health::day::Day;
use crate::core::health::observation::{TargetState, TargetStates, TargetSummary, current_state};
use crate::core::run::breaker::Breaker;
use crate::core::run::lockout::Lockout;
use crate::core::run::need::RunNeed;
use crate::core::run::plan::{Target, targets_of};
use crate::core::run::summary::RunSummary;
use crate::core::stack::service::{Service, Stack, Verb};
use crate::core::stack::state::State;

/// The data of the home screen, read in one go.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Overview {
    pub at: Timestamp,
    /// Empty until a stack has been applied.
    pub workspace: String,
    pub store_kind: String,
    pub stack: Arc<Stack>,
    /// Newest observation per target; a target without one is `unknown`.
    pub states: TargetStates,
    /// The last 24 hours of each target. Read apart, by [`Control::days`]; empty until then.
    pub days: Arc<HashMap<Target, Day>>,
    pub score: Option<Score>,
    /// An observation older than this is stale, milliseconds.
    pub stale_ms: i64,
    /// Newest first, 50 at the most.
    pub runs: Vec<RunSummary>,
    /// Where runs are executed and targets probed.
    pub engine: EnginePlace,
    /// Queued runs that wait for a person to start or drop them.
    pub left_over: Vec<LeftOver>,
    /// What needs the person, and failed runs whether or not they were looked at.
    pub needs: Vec<RunNeed>,
    /// The last changes of services.
    pub changes: Vec<LastChange>,
    /// Locks of people that have not ended.
    pub locks: Vec<Lockout>,
    /// Circuit breakers that are open or have counted failures.
    pub breakers: Vec<Breaker>,
    /// The maintenance windows of the stack.
    pub maintenance: Vec<WindowRow>,
    /// Problems of the console itself: no engine, targets that cannot be probed, runbooks that did
    /// not load …
    pub problems: Vec<String>,
}

/// This many slots may be missed before an observation is stale.
const STALE_PULSES: i64 = 3;
/// At most this many targets that cannot be probed are listed by name.
const NAMED: usize = 20;

impl Overview {
    /// The state of a target at this time, which may be later than it was read.
    #[must_use]
    pub fn current_state(&self, target: &Target, now: Timestamp) -> TargetState {
        current_state(self.states.get(target), now, self.stale_ms)
    }

    /// Updates the score for this time, which may be later than the data was read, so that it has
    /// aged.
    pub fn update_score(&mut self, now: Timestamp) {
        let components = score::components(&self.stack, &self.states, now, self.stale_ms);
        self.score = (!self.workspace.is_empty()).then(|| score::score(&components));
    }
}

impl Control {
    /// Everything the home screen shows.
    pub async fn overview(&self) -> Result<Overview, Refusal> {
        let now = self.0.clock.now();
        let stack = self.refresh().await?;
        let mut overview = Overview {
            at: now,
            store_kind: self.0.store.kind().to_owned(),
            stack: Arc::clone(&stack),
            maintenance: windows_of(&stack, now),
            problems: self.problems(&stack),
            ..Overview::default()
        };
        let (engine, period_ms) = self.engine_place().await?;
        overview.stale_ms = STALE_PULSES * period_ms.max(longest_probe_ms(&stack));
        if engine == EnginePlace::Nowhere {
            overview
                .problems
                .insert(0, engine.sentence(self.0.settings.read_only));
        }
        overview.engine = engine;
        if let Some(scope) = self.known_scope() {
            overview.states = scope.summaries().await?.into();
            let filter = RunFilter {
                limit: 50,
                ..RunFilter::default()
            };
            let found = scope.runs(&filter).await?;
            overview.runs = found.runs;
            overview.problems.extend(
                found
                    .unreadable
                    .iter()
                    .map(|(run, why)| not_listed(*run, why)),
            );
            let first = usize::from(overview.engine == EnginePlace::Nowhere);
            overview
                .problems
                .splice(first..first, not_probed(&stack, &overview.states));
            if overview.engine != EnginePlace::Nowhere {
                let members = scope.routine_members().await?;
                overview.problems.extend(watch::problems(&members, now));
            }
            overview.left_over = self.left_over().await?;
            overview.needs = self.needs(&scope, &overview.left_over).await?;
            overview.changes = scope.last_changes().await?;
            overview.breakers = scope.breakers().await?;
            overview.locks = scope.lockouts(now).await?;
            overview.workspace.clone_from(&scope.workspace().name);
            overview.update_score(now);
        }
        Ok(overview)
    }

    pub(super) fn problems(&self, stack: &Stack) -> Vec<String> {
        let mut problems: Vec<_> = self
            .library()
            .problems
            .iter()
            .map(ToString::to_string)
            .collect();
        if self.workspace().is_some() && stack.contacts.is_empty() {
            problems.push("no on-call contacts: add [[contact]] to the stack file".to_owned());
        }
        let blank = stack
            .contacts
            .iter()
            .filter(|c| c.email.is_none() && c.phone.is_none());
        problems.extend(blank.map(|c| format!("contact {} has neither e-mail nor phone", c.name)));
        problems
    }
}

/// The longest a probe may take, milliseconds: a pulse is written when its last answer is there.
fn longest_probe_ms(stack: &Stack) -> i64 {
    let probes = stack
        .services
        .iter()
        .flat_map(|service| &service.actions)
        .filter(|action| action.verb == Verb::Probe);
    probes.map(|probe| probe.timeout_ms).max().unwrap_or(0)
}

/// Targets that have a probe but could not be probed in their last slot, with the reason.
fn not_probed(stack: &Stack, states: &[(Target, TargetSummary)]) -> Vec<String> {
    let services = stack.services.iter().map(|s| (s.name.as_str(), s));
    let services: HashMap<&str, &Service> = services.collect();
    let probed = |target: &Target| {
        services.get(target.service.as_str()).is_some_and(|s| {
            targets_of(s).contains(target) && s.action(Verb::Probe, target.env.as_deref()).is_some()
        })
    };
    let mut unknown = states
        .iter()
        .filter(|(target, s)| s.latest.state == State::Unknown && probed(target));
    let describe = |(target, s): &(Target, TargetSummary)| {
        format!("{target} cannot be probed: {}", s.latest.message)
    };
    let mut problems: Vec<_> = unknown.by_ref().take(NAMED).map(describe).collect();
    let more = unknown.count();
    if more > 0 {
        problems.push(format!(
            "{more} more targets cannot be probed; opsroom health lists them"
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::health::observation::Observation;
    use crate::core::stack::service::{Action, ActionCall, HttpRequest};

    fn action(verb: Verb, timeout_ms: i64) -> Action {
        Action {
            verb,
            environments: Vec::new(),
            call: ActionCall::Http(HttpRequest::default()),
            timeout_ms,
            idempotent: true,
            secrets: Vec::new(),
        }
    }

    #[test]
    fn the_slowest_probe_counts_and_no_other_action() {
        let service = |name: &str, actions| Service {
            name: name.to_owned(),
            actions,
            ..Service::default()
        };
        let mut stack = Stack::default();
        assert_eq!(longest_probe_ms(&stack), 0);
        stack.services = vec![
            service("web", vec![action(Verb::Probe, 90_000)]),
            service("api", vec![action(Verb::Probe, 2000)]),
            service("db", vec![action(Verb::Deploy, 600_000)]),
        ];
        assert_eq!(longest_probe_ms(&stack), 90_000);
    }

    /// The state of `web`, seen at this time.
    fn seen(name: &str, at: i64, state: State) -> (Target, TargetSummary) {
        let target = Target {
            service: name.to_owned(),
            env: None,
        };
        let latest = Observation {
            target: target.clone(),
            at: Timestamp(at),
            state,
            latency_ms: None,
            message: "no answer".to_owned(),
            run: None,
        };
        (target, TargetSummary::of(latest))
    }

    fn probed(name: &str) -> Service {
        Service {
            name: name.to_owned(),
            actions: vec![action(Verb::Probe, 1000)],
            ..Service::default()
        }
    }

    #[test]
    fn a_state_and_the_score_age_with_the_overview() {
        let mut overview = Overview {
            stack: Arc::new(Stack {
                services: vec![probed("web"), probed("api")],
                ..Stack::default()
            }),
            states: vec![
                seen("web", 1000, State::Failing),
                seen("api", 2000, State::Ok),
            ]
            .into(),
            stale_ms: 500,
            ..Overview::default()
        };
        let state = |overview: &Overview, name: &str, now| {
            let target = Target {
                service: name.to_owned(),
                env: None,
            };
            overview.current_state(&target, Timestamp(now)).state
        };
        for (name, now, wanted) in [
            ("web", 1500, State::Failing),
            ("web", 1501, State::Unknown),
            ("api", 2500, State::Ok),
            ("api", 2501, State::Unknown),
            ("db", 2000, State::Unknown),
        ] {
            assert_eq!(state(&overview, name, now), wanted, "{name} at {now}");
        }
        overview.update_score(Timestamp(2000));
        assert_eq!(overview.score, None, "there is no workspace yet");
        overview.workspace = "acme".to_owned();
        overview.update_score(Timestamp(2000));
        let young = overview.score.clone().unwrap();
        overview.update_score(Timestamp(9000));
        assert_ne!(overview.score, Some(young), "both are stale by now");
    }

    #[test]
    fn twenty_targets_that_cannot_be_probed_are_named_and_the_rest_is_counted() {
        for (count, more) in [
            (20, None),
            (
                21,
                Some("1 more targets cannot be probed; opsroom health lists them"),
            ),
            (
                23,
                Some("3 more targets cannot be probed; opsroom health lists them"),
            ),
        ] {
            let services: Vec<String> = (0..count).map(|n| format!("web{n}")).collect();
            let stack = Stack {
                services: services.iter().map(|name| probed(name)).collect(),
                ..Stack::default()
            };
            let states: Vec<_> = services
                .iter()
                .map(|name| seen(name, 0, State::Unknown))
                .collect();
            let problems = not_probed(&stack, &states);
            let listed = problems
                .iter()
                .filter(|line| line.ends_with(" cannot be probed: no answer"))
                .count();
            assert_eq!(listed, 20, "{count}");
            assert_eq!(problems.get(20).map(String::as_str), more, "{count}");
            assert_eq!(problems.len(), 20 + more.iter().len());
        }
    }

    #[test]
    fn only_targets_of_the_stack_that_have_a_probe_are_reported_as_not_probed() {
        let envs = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let only_in = |env: &str, verb| Action {
            environments: envs(&[env]),
            ..action(verb, 1000)
        };
        let web = Service {
            name: "web".to_owned(),
            environments: envs(&["prod", "staging"]),
            actions: vec![only_in("prod", Verb::Probe), only_in("old", Verb::Probe)],
            ..Service::default()
        };
        let stack = Stack {
            services: vec![web],
            ..Stack::default()
        };
        let seen = |service: &str, env: &str, state| {
            let target = Target {
                service: service.to_owned(),
                env: Some(env.to_owned()),
            };
            let latest = Observation {
                target: target.clone(),
                at: Timestamp(0),
                state,
                latency_ms: None,
                message: "secret TOKEN is not set".to_owned(),
                run: None,
            };
            let summary = TargetSummary {
                latest,
                seen: None,
                since: Timestamp(0),
            };
            (target, summary)
        };
        let reported = "web in prod cannot be probed: secret TOKEN is not set";
        for (service, env, state, wanted) in [
            ("web", "prod", State::Unknown, vec![reported]),
            ("web", "prod", State::Failing, vec![]),
            // It has no probe there.
            ("web", "staging", State::Unknown, vec![]),
            // It is no longer in that environment.
            ("web", "old", State::Unknown, vec![]),
            ("gone", "prod", State::Unknown, vec![]),
        ] {
            assert_eq!(
                not_probed(&stack, &[seen(service, env, state)]),
                wanted,
                "{service} in {env}"
            );
        }
    }
}
