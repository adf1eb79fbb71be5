//! The health score: weighted mean of component states, capped by failures of protected components,
//! with its derivation.

use std::collections::HashMap;

use serde::Serialize;

use crate::base::time::Timestamp;
use crate::health::observation::{TargetSummary, current_state};
use crate::run::plan::{Target, targets_of};
use crate::stack::service::{Service, Stack, Tier, Verb};
use crate::stack::state::State;
use crate::{serde_by_word, words};

/// One component of the score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Component {
    /// `web in prod`.
    pub name: String,
    #[serde(skip)]
    pub target: Option<Target>,
    pub state: State,
    /// It is unknown now, but was observed before: counts as failing.
    pub lost: bool,
    /// When it was last observed, in any state.
    pub seen_at: Option<Timestamp>,
    /// Relative weight, above 0.
    pub weight: u32,
    /// Of the highest tier and protected: implies `protected`.
    pub critical: bool,
    /// Whether and why its failure caps the score.
    pub protected: Protected,
    /// Why it is in that state, with numbers and age: `HTTP 500 in 12 ms, under 1 min ago`.
    pub detail: String,
}

/// Whether a component caps the score when it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Protected {
    No,
    /// Its environment is protected.
    Environment,
    /// Not decided by an environment: the stack protects none, or the service has none.
    Everywhere,
}

impl Protected {
    const fn describe(self) -> &'static str {
        match self {
            Self::No => "",
            Self::Environment => " in a protected environment",
            Self::Everywhere => ", and no environment says that it does not matter",
        }
    }
}

words! {
    /// The overall state, derived from the score alone.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Health {
        Healthy = "healthy",
        Warning = "warning",
        Critical = "critical",
        Unknown = "unknown",
    }
}

serde_by_word!(Health);

impl Health {
    const fn of(value: Option<u32>) -> Self {
        match value {
            None => Self::Unknown,
            Some(80..) => Self::Healthy,
            Some(50..) => Self::Warning,
            Some(_) => Self::Critical,
        }
    }
}

/// The score and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// 0–100; absent when there are no known components.
    pub value: Option<u32>,
    pub health: Health,
    /// Worst first: the points each component and cap takes away. The points add up to 100 − value.
    pub lines: Vec<Line>,
    pub components: usize,
    /// Components without a current observation: those never observed, which are not counted, and
    /// the lost ones, which count as failing.
    pub unknown: usize,
    /// Of those, the lost ones: observed before, but not any more.
    pub lost: usize,
    /// The oldest observation among the components with a current one; without any, the newest of
    /// all.
    pub seen_at: Option<Timestamp>,
}

impl Score {
    /// `3 of 5 not seen`; `None` when everything is in sight.
    #[must_use]
    pub fn unseen(&self) -> Option<String> {
        (self.unknown > 0).then(|| format!("{} of {} not seen", self.unknown, self.components))
    }
}

/// One line of the derivation. Shown as `−8  web in prod: degraded, HTTP 200 in 640 ms, slower than
/// 500 ms, under 1 min ago`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Points lost, 0–100.
    pub points: u32,
    /// The target it is about, or the first of them.
    #[serde(skip)]
    pub target: Option<Target>,
    pub text: String,
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "−{}  {}", self.points, self.text)
    }
}

/// Derives the score: ok 100, degraded 50, failing 0, weighted mean, rounded down. A component that
/// was observed before but not any more counts as failing; one never observed is left out and caps
/// the score at 79. Then a degraded critical component or a failing one in a protected environment
/// caps it at 79, a failing critical one there at 49. ≥ 80 healthy, 50–79 warning, below critical.
///
/// It never rises when a component gets worse or can no longer be probed.
#[must_use]
pub fn score(components: &[Component]) -> Score {
    let count = |of: fn(&Component) -> bool| components.iter().filter(|c| of(c)).count();
    let mean = mean(components);
    let value = mean.map(|m| lowest_cap(components).map_or(m, |cap| m.min(cap)));
    let mut lines = mean
        .map(|m| losses(components, 100 - m))
        .unwrap_or_default();
    lines.extend(cap_lines(components, mean.unwrap_or(0)));
    lines.sort_by_key(|line| std::cmp::Reverse(line.points));
    Score {
        value,
        health: Health::of(value),
        lines,
        components: components.len(),
        unknown: count(|c| c.state == State::Unknown),
        lost: count(|c| c.lost),
        seen_at: seen_at(components),
    }
}

fn seen_at(components: &[Component]) -> Option<Timestamp> {
    let in_sight = components
        .iter()
        .filter(|c| c.state != State::Unknown)
        .filter_map(|c| c.seen_at);
    in_sight
        .min()
        .or_else(|| components.iter().filter_map(|c| c.seen_at).max())
}

/// The components of a stack: every target that can be probed. One without an observation, or whose
/// newest is older than `max_age_ms`, is unknown. Weights: low tier 1, standard 2, critical 4. A
/// component caps the score only in protected environments, where the stack has any: a broken dev
/// must not look like a broken prod.
#[must_use]
pub fn components(
    stack: &Stack,
    states: &[(Target, TargetSummary)],
    now: Timestamp,
    max_age_ms: i64,
) -> Vec<Component> {
    let latest: HashMap<&Target, &TargetSummary> = states
        .iter()
        .map(|(target, summary)| (target, summary))
        .collect();
    let component = |service: &Service, target: Target| {
        let current_state = current_state(latest.get(&target).copied(), now, max_age_ms);
        let protected = protected(stack, &target);
        Component {
            name: target.to_string(),
            target: Some(target),
            state: current_state.state,
            lost: current_state.lost.is_some(),
            seen_at: current_state.seen_at,
            weight: weight(service.tier),
            critical: service.tier == Tier::Critical && protected != Protected::No,
            protected,
            detail: current_state.detail,
        }
    };
    let of_service = |s: &'_ Service| -> Vec<Component> {
        let with_probe = targets_of(s)
            .into_iter()
            .filter(|t| s.action(Verb::Probe, t.env.as_deref()).is_some());
        with_probe.map(|target| component(s, target)).collect()
    };
    stack.services.iter().flat_map(of_service).collect()
}

/// A component caps the score in protected environments, or when it has no environment. In a stack
/// without protected environments every environment counts.
fn protected(stack: &Stack, target: &Target) -> Protected {
    let Some(env) = &target.env else {
        return Protected::Everywhere;
    };
    match stack.environment(env).is_some_and(|e| e.protected) {
        true => Protected::Environment,
        false if stack.environments.iter().any(|e| e.protected) => Protected::No,
        false => Protected::Everywhere,
    }
}

/// Whether its failure caps the score.
#[must_use]
pub fn is_protected(stack: &Stack, target: &Target) -> bool {
    protected(stack, target) != Protected::No
}

const fn weight(tier: Tier) -> u32 {
    match tier {
        Tier::Low => 1,
        Tier::Standard => 2,
        Tier::Critical => 4,
    }
}

/// Percent of its weight a component costs; `None` when it was never observed.
const fn loss(c: &Component) -> Option<u64> {
    match c.state {
        State::Ok => Some(0),
        State::Degraded => Some(50),
        State::Failing => Some(100),
        State::Unknown if c.lost => Some(100),
        State::Unknown => None,
    }
}

const fn is_down(c: &Component) -> bool {
    matches!(c.state, State::Failing) || c.lost
}

/// Weight of the known components and the lost part of it, in hundredths.
fn totals(components: &[Component]) -> (u64, u64) {
    let known = components
        .iter()
        .filter_map(|c| Some((u64::from(c.weight), loss(c)?)));
    known.fold((0, 0), |(weights, losses), (weight, loss)| {
        (weights + weight, losses + weight * loss)
    })
}

fn mean(components: &[Component]) -> Option<u32> {
    let (weights, losses) = totals(components);
    (weights > 0).then(|| 100 - u32::try_from(losses.div_ceil(weights)).unwrap_or(100))
}

/// A line per component that is not ok. The points of all lines are `lost`: fractions go to the
/// largest remainders.
fn losses(components: &[Component], lost: u32) -> Vec<Line> {
    let (weights, _) = totals(components);
    let weighted = |c: &Component| u64::from(c.weight) * loss(c).unwrap_or(0);
    let mut shares: Vec<(u64, &Component)> = components
        .iter()
        .map(|c| (weighted(c), c))
        .filter(|(s, _)| *s > 0)
        .collect();
    shares.sort_by_key(|(share, _)| std::cmp::Reverse(share % weights));
    let whole: u64 = shares.iter().map(|(share, _)| share / weights).sum();
    let left_over = u64::from(lost).saturating_sub(whole);
    let points = |rank: u64, share: u64| share / weights + u64::from(rank < left_over);
    (0_u64..)
        .zip(shares)
        .map(|(rank, (share, c))| Line {
            points: u32::try_from(points(rank, share)).unwrap_or(100),
            target: c.target.clone(),
            text: format!(
                "{}: {}, {}{}",
                c.name,
                c.state.name(),
                c.detail,
                if c.lost { "; counts as failing" } else { "" }
            ),
        })
        .collect()
}

fn lowest_cap(components: &[Component]) -> Option<u32> {
    components.iter().filter_map(cap).min()
}

/// The cap of the score by the state of this component.
const fn cap(c: &Component) -> Option<u32> {
    match (is_down(c), c.state) {
        (true, _) if c.critical => Some(49),
        (true, _) if !matches!(c.protected, Protected::No) => Some(79),
        (false, State::Degraded) if c.critical => Some(79),
        (false, State::Unknown) => Some(79),
        _ => None,
    }
}

/// The cap that lowers the mean, with its rule, and the components never observed, whether they
/// lower it or not.
fn cap_lines(components: &[Component], mean: u32) -> Vec<Line> {
    let unseen = |c: &Component| c.state == State::Unknown && !c.lost;
    let (never, known): (Vec<&Component>, Vec<&Component>) =
        components.iter().partition(|c| unseen(c));
    let effective = lowest_cap(components).filter(|cap| *cap < mean);
    let causes = effective.map(|value| {
        (
            value,
            known
                .into_iter()
                .filter(|c| cap(c) == Some(value))
                .collect::<Vec<_>>(),
        )
    });
    let by_state = causes.filter(|(_, causes)| !causes.is_empty());
    let never_points = if by_state.is_none() {
        effective.map_or(0, |value| mean - value)
    } else {
        0
    };
    let mut lines = Vec::new();
    if let Some((value, causes)) = by_state {
        let (first, others) = (causes[0], causes.len() - 1);
        let more = if others > 0 {
            format!(" (and {others} more)")
        } else {
            String::new()
        };
        let text = format!("capped at {value}: {}{}{more}", first.name, rule(first));
        lines.push(Line {
            points: mean - value,
            target: first.target.clone(),
            text,
        });
    }
    if !never.is_empty() {
        lines.push(Line {
            points: never_points,
            target: never[0].target.clone(),
            text: unknown_text(&never, components.len(), never_points > 0),
        });
    }
    lines
}

/// Why a component caps the score: ` is failing and critical in a protected environment`.
fn rule(c: &Component) -> String {
    let what = match (c.lost, c.critical) {
        (true, true) => "was lost sight of (counts as failing) and is critical",
        (true, false) => "was lost sight of (counts as failing)",
        (false, true) if c.state == State::Degraded => "is degraded and critical",
        (false, true) => "is failing and critical",
        (false, false) => "is failing",
    };
    format!(" {what}{}", c.protected.describe())
}

fn unknown_text(unknown: &[&Component], all: usize, caps: bool) -> String {
    let mut named: Vec<String> = unknown
        .iter()
        .take(3)
        .map(|c| format!("{} {}", c.name, c.detail))
        .collect();
    if unknown.len() > 3 {
        named.push(format!("{} more", unknown.len() - 3));
    }
    let start = if caps { "capped at 79: " } else { "" };
    format!(
        "{start}{} of {all} never looked at and not counted: {}",
        unknown.len(),
        named.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::health::observation::Observation;
    use crate::stack::service::{Action, ActionCall, HttpRequest};

    fn part(name: &str, state: State, weight: u32, critical: bool) -> Component {
        Component {
            name: name.to_owned(),
            target: None,
            state,
            lost: false,
            seen_at: (state != State::Unknown).then_some(Timestamp(7)),
            weight,
            critical,
            protected: if critical {
                Protected::Environment
            } else {
                Protected::No
            },
            detail: "HTTP 500 in 12 ms, under 1 min ago".to_owned(),
        }
    }

    fn texts(score: &Score) -> Vec<String> {
        score.lines.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nothing_observed_is_unknown_never_perfect() {
        let none = score(&[]);
        assert_eq!(
            (none.value, none.health, none.components),
            (None, Health::Unknown, 0)
        );
        let blind = score(&[part("web in prod", State::Unknown, 4, true)]);
        assert_eq!(
            (blind.value, blind.health, blind.unknown),
            (None, Health::Unknown, 1)
        );
        assert_eq!(blind.lines.len(), 1);
    }

    #[test]
    fn critical_counts_in_protected_environments() {
        use crate::stack::service::{Environment, Service};
        let env = |name: &str, protected| Environment {
            name: name.to_owned(),
            protected,
            ..Environment::default()
        };
        let web = Service {
            name: "web".to_owned(),
            tier: Tier::Critical,
            ..Service::default()
        };
        let target = |name: &str| Target {
            service: web.name.clone(),
            env: Some(name.to_owned()),
        };
        let both = Stack {
            environments: vec![env("dev", false), env("prod", true)],
            ..Stack::default()
        };
        assert_eq!(protected(&both, &target("prod")), Protected::Environment);
        assert_eq!(protected(&both, &target("dev")), Protected::No);
        let none = Stack {
            environments: vec![env("dev", false)],
            ..Stack::default()
        };
        assert_eq!(
            protected(&none, &target("dev")),
            Protected::Everywhere,
            "no environment is protected"
        );
        let nowhere = Target {
            service: "web".to_owned(),
            env: None,
        };
        assert_eq!(protected(&both, &nowhere), Protected::Everywhere);
    }

    #[test]
    fn a_failing_critical_component_caps_and_says_so() {
        let score = score(&[
            part("web in prod", State::Failing, 4, true),
            part("search in prod", State::Degraded, 2, false),
            part("api in prod", State::Ok, 14, true),
            part("crm", State::Unknown, 1, false),
        ]);
        assert_eq!((score.value, score.health), (Some(49), Health::Critical));
        assert_eq!(
            texts(&score),
            [
                "−26  capped at 49: web in prod is failing and critical in a protected environment",
                "−20  web in prod: failing, HTTP 500 in 12 ms, under 1 min ago",
                "−5  search in prod: degraded, HTTP 500 in 12 ms, under 1 min ago",
                "−0  1 of 4 never looked at and not counted: crm HTTP 500 in 12 ms, under 1 min ago",
            ]
        );
    }

    #[test]
    fn unknown_components_cap_a_perfect_mean() {
        let mut parts = vec![part("web in prod", State::Ok, 1, true)];
        assert_eq!(
            (score(&parts).value, score(&parts).health),
            (Some(100), Health::Healthy)
        );
        parts.push(part("crm", State::Unknown, 1, false));
        let capped = score(&parts);
        assert_eq!((capped.value, capped.health), (Some(79), Health::Warning));
        assert!(
            texts(&capped)[0].starts_with("−21  capped at 79: 1 of 2 never looked at"),
            "{:?}",
            capped.lines
        );
    }

    fn observed(state: State, at: i64) -> TargetSummary {
        let target = Target {
            service: "web".to_owned(),
            env: Some("prod".to_owned()),
        };
        let message = "HTTP 200 in 12 ms".to_owned();
        let latest = Observation {
            target,
            at: Timestamp(at),
            state,
            latency_ms: Some(12),
            message,
            run: None,
        };
        TargetSummary::of(latest)
    }

    #[test]
    fn components_are_the_targets_that_can_be_probed() {
        let probe = Action {
            verb: Verb::Probe,
            environments: vec![],
            call: ActionCall::Http(HttpRequest::default()),
            timeout_ms: 1000,
            idempotent: true,
            secrets: vec![],
        };
        let web = Service {
            name: "web".to_owned(),
            tier: Tier::Critical,
            environments: vec!["staging".to_owned(), "prod".to_owned()],
            actions: vec![probe.clone()],
            ..Service::default()
        };
        let crm = Service {
            name: "crm".to_owned(),
            tier: Tier::Low,
            actions: vec![probe],
            ..Service::default()
        };
        let silent = Service {
            name: "cdn".to_owned(),
            ..Service::default()
        };
        let stack = Stack {
            services: vec![web, crm, silent],
            ..Stack::default()
        };
        let summary = observed(State::Ok, 100_000);
        let states = vec![(summary.latest.target.clone(), summary)];

        let seen = components(&stack, &states, Timestamp(114_000), 60_000);
        let found: Vec<_> = seen
            .iter()
            .map(|c| (c.name.as_str(), c.state, c.weight, c.detail.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("web in staging", State::Unknown, 4, "never observed"),
                (
                    "web in prod",
                    State::Ok,
                    4,
                    "HTTP 200 in 12 ms, under 1 min ago"
                ),
                ("crm", State::Unknown, 1, "never observed"),
            ]
        );
        let later = components(&stack, &states, Timestamp(300_000), 60_000);
        assert_eq!(
            (later[1].state, later[1].detail.as_str()),
            (State::Unknown, "last seen 3 min ago, as ok")
        );
        assert!(
            later[1].lost && !later[0].lost,
            "one was seen once, the other never"
        );
        let (fresh, gone) = (score(&seen), score(&later));
        assert_eq!(
            (fresh.value, fresh.lost, fresh.unseen().unwrap()),
            (Some(79), 0, "2 of 3 not seen".to_owned())
        );
        assert_eq!(
            (gone.value, gone.health, gone.lost),
            (Some(0), Health::Critical, 1)
        );
        assert_eq!(
            (fresh.seen_at, gone.seen_at),
            (Some(Timestamp(100_000)), Some(Timestamp(100_000)))
        );
        assert_eq!(
            texts(&gone)[0],
            "−100  web in prod: unknown, last seen 3 min ago, as ok; counts as failing"
        );
    }

    #[test]
    fn a_target_that_cannot_be_probed_is_unknown_at_once_with_the_reason() {
        let mut summary = observed(State::Ok, 100_000);
        summary.latest.at = Timestamp(160_000);
        summary.latest.state = State::Unknown;
        "the secret TOKEN is not set".clone_into(&mut summary.latest.message);
        let now = current_state(Some(&summary), Timestamp(161_000), 600_000);
        assert_eq!(
            (now.state, now.lost, now.seen_at),
            (State::Unknown, Some(State::Ok), Some(Timestamp(100_000)))
        );
        assert_eq!(
            now.detail,
            "cannot be probed: the secret TOKEN is not set; last seen 1 min ago, as ok"
        );
        let never = TargetSummary {
            seen: None,
            ..summary
        };
        let now = current_state(Some(&never), Timestamp(161_000), 600_000);
        assert_eq!((now.lost, now.seen_at), (None, None));
        assert!(
            now.detail.ends_with("not set; never seen"),
            "{}",
            now.detail
        );
    }

    /// The rules of the caps, one a line: the effect of one component on a score that is 97 without
    /// it.
    #[test]
    fn caps_follow_the_rules() {
        use Protected::{Environment, Everywhere, No};
        use State::{Degraded, Failing, Ok, Unknown};
        for (state, lost, critical, protected, value, says) in [
            (Ok, false, true, Environment, 100, ""),
            (Failing, false, false, No, 97, ""),
            (Unknown, true, false, No, 97, ""),
            (
                Failing,
                false,
                false,
                Environment,
                79,
                "x is failing in a protected environment",
            ),
            (
                Unknown,
                true,
                false,
                Environment,
                79,
                "x was lost sight of (counts as failing) in a protected",
            ),
            (
                Failing,
                false,
                false,
                Everywhere,
                79,
                "x is failing, and no environment says",
            ),
            (
                Failing,
                false,
                true,
                Environment,
                49,
                "x is failing and critical in a protected environment",
            ),
            (
                Unknown,
                true,
                true,
                Environment,
                49,
                "(counts as failing) and is critical in a protected",
            ),
            (
                Degraded,
                false,
                true,
                Environment,
                79,
                "x is degraded and critical in a protected environment",
            ),
            (Degraded, false, false, Environment, 98, ""),
            (Unknown, false, false, No, 79, "1 of 2 never looked at"),
        ] {
            let x = Component {
                lost,
                protected,
                ..part("x", state, 1, critical)
            };
            let score = score(&[part("rest", Ok, 39, false), x]);
            assert_eq!(
                score.value,
                Some(value),
                "{state:?} {lost} {critical} {protected:?}"
            );
            let capped = texts(&score)
                .into_iter()
                .find(|line| line.contains("capped at"));
            assert_eq!(capped.is_some(), !says.is_empty(), "{capped:?}");
            assert!(capped.is_none_or(|line| line.contains(says)), "{says}");
        }
    }

    fn any_part() -> impl Strategy<Value = Component> {
        let state = proptest::sample::select(State::ALL.to_vec());
        let protected = proptest::sample::select(vec![
            Protected::No,
            Protected::Environment,
            Protected::Everywhere,
        ]);
        (state, any::<bool>(), 1_u32..6, any::<bool>(), protected).prop_map(
            |(state, lost, weight, critical, protected)| {
                let critical = critical && protected != Protected::No;
                Component {
                    lost: lost && state == State::Unknown,
                    protected,
                    ..part("x", state, weight, critical)
                }
            },
        )
    }

    /// All later states of a component that gets worse or can no longer be probed: it was observed,
    /// so it is lost.
    fn worse(c: &Component) -> Vec<Component> {
        let to = |state, lost| Component {
            state,
            lost,
            ..c.clone()
        };
        let failing = || [to(State::Failing, false), to(State::Unknown, true)];
        match c.state {
            State::Ok => std::iter::once(to(State::Degraded, false))
                .chain(failing())
                .collect(),
            State::Degraded => failing().to_vec(),
            State::Failing => vec![to(State::Unknown, true)],
            State::Unknown if c.lost => vec![to(State::Failing, false)],
            State::Unknown => vec![],
        }
    }

    proptest! {
        #[test]
        fn worsening_a_component_never_raises_the_score(
            parts in proptest::collection::vec(any_part(), 1..12), at in any::<prop::sample::Index>(),
        ) {
            let before = score(&parts);
            let at = at.index(parts.len());
            for worsened in worse(&parts[at]) {
                let mut parts = parts.clone();
                parts[at] = worsened;
                prop_assert!(score(&parts).value <= before.value, "{:?} to {:?}", before.value, score(&parts).value);
            }
        }

        #[test]
        fn adding_a_failing_or_unknown_component_never_raises_the_score(
            mut parts in proptest::collection::vec(any_part(), 0..12), mut added in any_part(), failing in any::<bool>(),
        ) {
            let before = score(&parts).value.unwrap_or(100);
            (added.state, added.lost) = (if failing { State::Failing } else { State::Unknown }, false);
            parts.push(added);
            prop_assert!(score(&parts).value.unwrap_or(0) <= before);
        }

        #[test]
        fn the_lines_account_for_every_point_and_the_status_for_nothing_but_the_score(
            parts in proptest::collection::vec(any_part(), 0..12),
        ) {
            let score = score(&parts);
            let lost: u32 = score.lines.iter().map(|l| l.points).sum();
            prop_assert_eq!(lost, score.value.map_or(0, |v| 100 - v));
            prop_assert!(score.lines.is_sorted_by(|a, b| a.points >= b.points));
            let health = match score.value {
                None => Health::Unknown,
                Some(v) if v >= 80 => Health::Healthy,
                Some(v) if v >= 50 => Health::Warning,
                Some(_) => Health::Critical,
            };
            prop_assert_eq!(score.health, health);
            let down = |c: &&Component| c.state == State::Failing || c.lost;
            prop_assert!(!parts.iter().filter(down).any(|c| c.critical) || score.value <= Some(49));
            let counts = |c: &Component| c.protected != Protected::No;
            prop_assert!(!parts.iter().filter(down).any(counts) || score.value <= Some(79));
            prop_assert!(score.unknown == 0 || score.value <= Some(79) || score.unknown == score.lost);
        }
    }
}
