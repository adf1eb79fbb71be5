//! The health score: weighted mean of component states, capped by the worst critical one, with its derivation.

use std::collections::HashMap;

use serde::Serialize;

use crate::core::observation::{State, TargetSummary};
use crate::core::plan::{Target, targets_of};
use crate::core::service::{Service, Stack, Tier, Verb};
use crate::core::time::{self, Timestamp};

/// One component of the score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Component {
    /// `web in prod`.
    pub name: String,
    pub state: State,
    /// Relative weight, above 0.
    pub weight: u32,
    pub critical: bool,
    /// Why it is in that state, with numbers and age: `HTTP 500 in 12 ms, under 1 min ago`.
    pub detail: String,
}

/// The overall state, derived from the score alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    Healthy,
    Warning,
    Critical,
    Unknown,
}

impl Health {
    /// The word on screen and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }

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
    /// Worst first: what each component and cap takes away. The points add up to 100 − value.
    pub lines: Vec<Line>,
    pub components: usize,
    pub unknown: usize,
}

/// One line of the derivation. Shown as `−8  web in prod: degraded, HTTP 200 in 640 ms, slower than 500 ms, under 1 min ago`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Points lost, 0–100.
    pub points: u32,
    pub text: String,
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "−{}  {}", self.points, self.text)
    }
}

/// Derives the score: ok 100, degraded 50, failing 0, weighted mean of the known ones, rounded down; unknown components
/// cap it at 79, a degraded critical one at 79, a failing critical one at 49. ≥ 80 healthy, 50–79 warning, below critical.
///
/// It never rises when a component goes from ok to degraded, failing or unknown or from degraded to failing, nor when a
/// failing or unknown one is added. Losing sight of a failing component can raise it up to 79: unknown is not counted.
#[must_use]
pub fn score(components: &[Component]) -> Score {
    let unknown = components.iter().filter(|c| c.state == State::Unknown).count();
    let mean = mean(components);
    let value = mean.map(|m| lowest_cap(components).map_or(m, |cap| m.min(cap)));
    let mut lines = mean.map(|m| losses(components, 100 - m)).unwrap_or_default();
    lines.extend(cap_lines(components, mean.unwrap_or(0)));
    lines.sort_by_key(|line| std::cmp::Reverse(line.points));
    Score { value, health: Health::of(value), lines, components: components.len(), unknown }
}

/// The components of a stack: every target that can be probed. One without an observation, or whose newest is older
/// than `max_age_ms`, is unknown. Weights: low tier 1, standard 2, critical 4. A critical tier caps the score only in
/// protected environments, where the stack has any: a broken dev must not read like a broken prod.
#[must_use]
pub fn components(
    stack: &Stack,
    states: &[(Target, TargetSummary)],
    now: Timestamp,
    max_age_ms: i64,
) -> Vec<Component> {
    let latest: HashMap<&Target, &TargetSummary> = states.iter().map(|(target, summary)| (target, summary)).collect();
    let component = |service: &Service, target: Target| {
        let (state, detail) = state_of(latest.get(&target).copied(), now, max_age_ms);
        let critical = service.tier == Tier::Critical && matters(stack, &target);
        Component { name: target.to_string(), state, weight: weight(service.tier), critical, detail }
    };
    let of_service = |s: &'_ Service| -> Vec<Component> {
        let with_probe = targets_of(s).into_iter().filter(|t| s.action(Verb::Probe, t.env.as_deref()).is_some());
        with_probe.map(|target| component(s, target)).collect()
    };
    stack.services.iter().flat_map(of_service).collect()
}

/// A critical service caps the score where people depend on it: in protected environments, or outside of any. A stack
/// that protects nothing tells them not apart, so there every environment counts.
fn matters(stack: &Stack, target: &Target) -> bool {
    let Some(env) = &target.env else { return true };
    let protects = stack.environments.iter().any(|e| e.protected);
    !protects || stack.environment(env).is_some_and(|e| e.protected)
}

const fn weight(tier: Tier) -> u32 {
    match tier {
        Tier::Low => 1,
        Tier::Standard => 2,
        Tier::Critical => 4,
    }
}

fn state_of(summary: Option<&TargetSummary>, now: Timestamp, max_age_ms: i64) -> (State, String) {
    let Some(latest) = summary.map(|s| &s.latest) else {
        return (State::Unknown, "never observed".to_owned());
    };
    let age = now.ms_since(latest.at).max(0);
    if age > max_age_ms {
        return (State::Unknown, format!("last observed {} ago, as {}", time::age(age), latest.state.name()));
    }
    (latest.state, format!("{}, {} ago", latest.message, time::age(age)))
}

/// Percent of its weight a component costs; `None` when that is not known.
const fn loss(state: State) -> Option<u64> {
    match state {
        State::Ok => Some(0),
        State::Degraded => Some(50),
        State::Failing => Some(100),
        State::Unknown => None,
    }
}

/// Weight of the known components and what is lost of it, in hundredths.
fn totals(components: &[Component]) -> (u64, u64) {
    let known = components.iter().filter_map(|c| Some((u64::from(c.weight), loss(c.state)?)));
    known.fold((0, 0), |(weights, losses), (weight, loss)| (weights + weight, losses + weight * loss))
}

fn mean(components: &[Component]) -> Option<u32> {
    let (weights, losses) = totals(components);
    (weights > 0).then(|| 100 - u32::try_from(losses.div_ceil(weights)).unwrap_or(100))
}

/// A line per component that is not ok. The points of all lines are `lost`: fractions go to the largest remainders.
fn losses(components: &[Component], lost: u32) -> Vec<Line> {
    let (weights, _) = totals(components);
    let weighted = |c: &Component| u64::from(c.weight) * loss(c.state).unwrap_or(0);
    let mut shares: Vec<(u64, &Component)> =
        components.iter().map(|c| (weighted(c), c)).filter(|(s, _)| *s > 0).collect();
    shares.sort_by_key(|(share, _)| std::cmp::Reverse(share % weights));
    let whole: u64 = shares.iter().map(|(share, _)| share / weights).sum();
    let left_over = u64::from(lost).saturating_sub(whole);
    let points = |rank: u64, share: u64| share / weights + u64::from(rank < left_over);
    (0_u64..)
        .zip(shares)
        .map(|(rank, (share, c))| Line {
            points: u32::try_from(points(rank, share)).unwrap_or(100),
            text: format!("{}: {}, {}", c.name, c.state.name(), c.detail),
        })
        .collect()
}

fn lowest_cap(components: &[Component]) -> Option<u32> {
    components.iter().filter_map(cap).min()
}

const fn cap(c: &Component) -> Option<u32> {
    match c.state {
        State::Failing if c.critical => Some(49),
        State::Degraded if c.critical => Some(79),
        State::Unknown => Some(79),
        _ => None,
    }
}

/// The cap that lowers the mean, and what is unknown whether it lowers it or not.
fn cap_lines(components: &[Component], mean: u32) -> Vec<Line> {
    let cap_of = |wanted: u32, unknown: bool| -> Vec<&Component> {
        components.iter().filter(|c| cap(c) == Some(wanted) && (c.state == State::Unknown) == unknown).collect()
    };
    let effective = lowest_cap(components).filter(|cap| *cap < mean);
    let by_state = effective.map(|value| (value, cap_of(value, false))).filter(|(_, causes)| !causes.is_empty());
    let unknown = cap_of(79, true);
    let unknown_points = if by_state.is_none() { effective.map_or(0, |value| mean - value) } else { 0 };
    let mut lines = Vec::new();
    if let Some((value, causes)) = by_state {
        let (first, others) = (causes[0], causes.len() - 1);
        let more = if others > 0 { format!(", and {others} more") } else { String::new() };
        let text = format!("capped at {value}: {} is {} and critical{more}", first.name, first.state.name());
        lines.push(Line { points: mean - value, text });
    }
    if !unknown.is_empty() {
        lines.push(Line { points: unknown_points, text: unknown_text(&unknown, components.len(), unknown_points > 0) });
    }
    lines
}

fn unknown_text(unknown: &[&Component], all: usize, caps: bool) -> String {
    let mut named: Vec<String> = unknown.iter().take(3).map(|c| format!("{} {}", c.name, c.detail)).collect();
    if unknown.len() > 3 {
        named.push(format!("{} more", unknown.len() - 3));
    }
    let start = if caps { "capped at 79: " } else { "" };
    format!("{start}{} of {all} unknown and not counted: {}", unknown.len(), named.join("; "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::observation::Observation;
    use crate::core::service::{Action, ActionCall, HttpRequest};

    fn part(name: &str, state: State, weight: u32, critical: bool) -> Component {
        Component {
            name: name.to_owned(),
            state,
            weight,
            critical,
            detail: "HTTP 500 in 12 ms, under 1 min ago".to_owned(),
        }
    }

    fn texts(score: &Score) -> Vec<String> {
        score.lines.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nothing_observed_is_unknown_never_perfect() {
        let none = score(&[]);
        assert_eq!((none.value, none.health, none.components), (None, Health::Unknown, 0));
        let blind = score(&[part("web in prod", State::Unknown, 4, true)]);
        assert_eq!((blind.value, blind.health, blind.unknown), (None, Health::Unknown, 1));
        assert_eq!(blind.lines.len(), 1);
    }

    #[test]
    fn critical_counts_where_people_depend_on_it() {
        use crate::core::service::{Environment, Service};
        let env = |name: &str, protected| Environment { name: name.to_owned(), protected, ..Environment::default() };
        let web = Service { name: "web".to_owned(), tier: Tier::Critical, ..Service::default() };
        let target = |name: &str| Target { service: web.name.clone(), env: Some(name.to_owned()) };
        let both = Stack { environments: vec![env("dev", false), env("prod", true)], ..Stack::default() };
        assert!(matters(&both, &target("prod")) && !matters(&both, &target("dev")));
        let none = Stack { environments: vec![env("dev", false)], ..Stack::default() };
        assert!(matters(&none, &target("dev")), "nothing is protected: nothing tells them apart");
        assert!(matters(&both, &Target { service: "web".to_owned(), env: None }));
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
                "−26  capped at 49: web in prod is failing and critical",
                "−20  web in prod: failing, HTTP 500 in 12 ms, under 1 min ago",
                "−5  search in prod: degraded, HTTP 500 in 12 ms, under 1 min ago",
                "−0  1 of 4 unknown and not counted: crm HTTP 500 in 12 ms, under 1 min ago",
            ]
        );
    }

    #[test]
    fn unknown_components_cap_a_perfect_mean() {
        let mut parts = vec![part("web in prod", State::Ok, 1, true)];
        assert_eq!((score(&parts).value, score(&parts).health), (Some(100), Health::Healthy));
        parts.push(part("crm", State::Unknown, 1, false));
        let capped = score(&parts);
        assert_eq!((capped.value, capped.health), (Some(79), Health::Warning));
        assert!(texts(&capped)[0].starts_with("−21  capped at 79: 1 of 2 unknown"), "{:?}", capped.lines);
    }

    fn observed(state: State, at: i64) -> TargetSummary {
        let target = Target { service: "web".to_owned(), env: Some("prod".to_owned()) };
        let message = "HTTP 200 in 12 ms".to_owned();
        let latest = Observation { target, at: Timestamp(at), state, latency_ms: Some(12), message, run: None };
        TargetSummary { latest, samples: 1, up: 1 }
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
        let crm = Service { name: "crm".to_owned(), tier: Tier::Low, actions: vec![probe], ..Service::default() };
        let silent = Service { name: "cdn".to_owned(), ..Service::default() };
        let stack = Stack { services: vec![web, crm, silent], ..Stack::default() };
        let summary = observed(State::Ok, 100_000);
        let states = vec![(summary.latest.target.clone(), summary)];

        let seen = components(&stack, &states, Timestamp(114_000), 60_000);
        let told: Vec<_> = seen.iter().map(|c| (c.name.as_str(), c.state, c.weight, c.detail.as_str())).collect();
        assert_eq!(
            told,
            [
                ("web in staging", State::Unknown, 4, "never observed"),
                ("web in prod", State::Ok, 4, "HTTP 200 in 12 ms, under 1 min ago"),
                ("crm", State::Unknown, 1, "never observed"),
            ]
        );
        let later = components(&stack, &states, Timestamp(300_000), 60_000);
        assert_eq!((later[1].state, later[1].detail.as_str()), (State::Unknown, "last observed 3 min ago, as ok"));
    }

    fn any_state() -> impl Strategy<Value = State> {
        proptest::sample::select(State::ALL.to_vec())
    }

    fn any_part() -> impl Strategy<Value = Component> {
        (any_state(), 1_u32..6, any::<bool>()).prop_map(|(state, weight, critical)| part("x", state, weight, critical))
    }

    fn worse(state: State) -> Vec<State> {
        match state {
            State::Ok => vec![State::Degraded, State::Failing, State::Unknown],
            State::Degraded => vec![State::Failing],
            State::Failing | State::Unknown => vec![],
        }
    }

    proptest! {
        #[test]
        fn worsening_a_component_never_raises_the_score(
            parts in proptest::collection::vec(any_part(), 1..12), at in any::<prop::sample::Index>(),
        ) {
            let before = score(&parts);
            let at = at.index(parts.len());
            for state in worse(parts[at].state) {
                let mut parts = parts.clone();
                parts[at].state = state;
                prop_assert!(score(&parts).value <= before.value, "{:?} to {:?}", before.value, score(&parts).value);
            }
        }

        #[test]
        fn adding_a_failing_or_unknown_component_never_raises_the_score(
            mut parts in proptest::collection::vec(any_part(), 0..12), mut added in any_part(), failing in any::<bool>(),
        ) {
            let before = score(&parts).value.unwrap_or(100);
            added.state = if failing { State::Failing } else { State::Unknown };
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
            let failing = parts.iter().any(|c| c.critical && c.state == State::Failing);
            prop_assert!(!failing || score.value <= Some(49));
        }
    }
}
