//! Results of the steps of a run, for the expressions of later steps. Only results that some step
//! uses are kept; they are recorded in the events of the steps.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::core::expr::Value;
use crate::core::run::again::{KEPT_OF_RESPONSE, REDACTED};
use crate::core::run::plan::{Evaluation, PlanStep, SENSITIVE, Scope};
use crate::core::run::{RunStep, StepStatus};

/// Results by sub-runbook, and when each sub-runbook must have ended.
#[derive(Debug, Default)]
pub(super) struct Results {
    kept: Mutex<BTreeMap<String, Scope>>,
    deadlines: Mutex<HashMap<String, Instant>>,
    /// Scope and name of incomplete results, and why.
    gaps: Mutex<BTreeMap<(String, String), &'static str>>,
}

const SECRET: &str = "held a secret, which is not kept when a run is interrupted";
const DECIDED: &str = "was marked done by a person, so what it would have left is not known";
const PRIVATE: &str = "is sensitive, so what it left is not kept when a run is interrupted";
const SKIPPED: &str = "was skipped, so it left nothing";
const NOT_KEPT: &str =
    "was done before the run was interrupted; of its answer only what it saved was kept";

impl Results {
    /// Keeps the result of a step that has a name other steps use. Returns the part that is also
    /// logged, so that it survives an interruption: without headers, body and rows of an answer,
    /// which may be anything, and large.
    pub(super) fn keep(
        &self,
        step: &PlanStep,
        status: StepStatus,
        evaluation: &Evaluation,
    ) -> Option<serde_json::Value> {
        self.put(step, status, evaluation.result.clone());
        if step.rules.key.is_empty() || evaluation.result.is_empty() {
            return None;
        }
        let mut result = evaluation.result.clone();
        if let Some(Value::Map(response)) = result.get_mut("response") {
            response.retain(|name, _| KEPT_OF_RESPONSE.contains(&name.as_str()));
        }
        serde_json::to_value(result).ok()
    }

    /// Keeps the status of a step that did not run.
    pub(super) fn keep_status(&self, step: &PlanStep, status: StepStatus) {
        self.put(step, status, BTreeMap::new());
        if status == StepStatus::Skipped {
            self.gap(step, SKIPPED);
        }
    }

    /// Restores the result that an earlier engine kept in the event of a finished step: exactly
    /// that, or nothing. Secrets were redacted when it was written, and the replacement is not a
    /// value.
    pub(super) fn recall(
        &self,
        step: &PlanStep,
        record: &RunStep,
        logged: Option<&serde_json::Value>,
    ) {
        if matches!(
            record.status,
            StepStatus::Pending | StepStatus::Waiting | StepStatus::Running
        ) {
            return;
        }
        let of_this = logged.filter(|data| data["status"] == record.status.name());
        let kept = of_this
            .map(|data| data["kept"].clone())
            .filter(|kept| !kept.is_null());
        let mut result: BTreeMap<String, Value> = kept
            .and_then(|k| serde_json::from_value(k).ok())
            .unwrap_or_default();
        let all = result.len();
        result.retain(|_, value| !is_redacted(value));
        if result.len() < all {
            self.gap(step, SECRET);
        } else if result.contains_key("response") {
            self.gap(step, NOT_KEPT);
        } else if record.status == StepStatus::Skipped {
            self.gap(step, SKIPPED);
        } else if step.rules.sensitive {
            self.gap(step, PRIVATE);
        } else if record.status == StepStatus::Succeeded && of_this.is_none() {
            self.gap(step, DECIDED);
        }
        self.put(step, record.status, result);
    }

    /// A complaint about something missing, with the reason where it is known.
    pub(super) fn explain(&self, step: &PlanStep, why: String) -> String {
        let gaps = self.gaps.lock().unwrap_or_else(PoisonError::into_inner);
        let about = |key: &str| step.asks_about(key) && why.contains(key);
        let found = gaps
            .iter()
            .find(|((scope, key), _)| *scope == step.rules.scope && about(key));
        match found {
            Some(((_, key), reason)) => format!("{why} ({key} {reason})"),
            None => why,
        }
    }

    fn gap(&self, step: &PlanStep, why: &'static str) {
        let name = (step.rules.scope.clone(), step.rules.key.clone());
        self.gaps
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name, why);
    }

    /// Extends all deadlines by the time of a pause.
    pub(super) fn extend_deadlines(&self, time: std::time::Duration) {
        let mut deadlines = self
            .deadlines
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        deadlines.values_mut().for_each(|at| *at += time);
    }

    fn put(&self, step: &PlanStep, status: StepStatus, mut result: BTreeMap<String, Value>) {
        if step.rules.key.is_empty() {
            return;
        }
        result.insert("status".to_owned(), Value::Text(status.name().to_owned()));
        if step.rules.sensitive {
            result.insert(SENSITIVE.to_owned(), Value::Bool(true));
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.entry(step.rules.scope.clone())
            .or_default()
            .insert(step.rules.key.clone(), Value::Map(result));
    }

    /// The results that a step's expressions may use.
    pub(super) fn seen_by(&self, step: &PlanStep) -> Scope {
        if step.rules.expressions().next().is_none() && !step.rules.fills {
            return Scope::new();
        }
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&step.rules.scope).cloned().unwrap_or_default()
    }

    /// When the sub-runbook of that name must have ended; its time begins with the first call.
    pub(super) fn deadline(&self, name: &str, timeout_ms: i64) -> Instant {
        let ms = u64::try_from(timeout_ms)
            .unwrap_or(0)
            .min(1_000_000_000_000);
        let mut deadlines = self
            .deadlines
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *deadlines
            .entry(name.to_owned())
            .or_insert_with(|| Instant::now() + std::time::Duration::from_millis(ms))
    }
}

fn is_redacted(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.contains(REDACTED),
        Value::List(items) => items.iter().any(is_redacted),
        Value::Map(fields) => fields
            .iter()
            .any(|(name, value)| name.contains(REDACTED) || is_redacted(value)),
        _ => false,
    }
}

/// The plain text of a saved value.
pub(super) fn saved(seen: &Scope, step: &str, name: &str) -> Result<String, String> {
    match seen.get(step) {
        Some(Value::Map(fields)) => {
            let value = fields
                .get(name)
                .ok_or_else(|| format!("step {step} did not save `{name}`"))?;
            Ok(value.to_plain())
        }
        _ => Err(format!(
            "step {step} has no result, so `{name}` of it is missing"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::run::Phase;
    use crate::core::run::plan::Rules;
    use crate::core::run::step::{StepSpec, wait::Wait};

    fn step(key: &str, when: Option<&str>) -> PlanStep {
        let rules = Rules {
            key: key.to_owned(),
            when: when.map(str::to_owned),
            ..Rules::default()
        };
        PlanStep {
            rules,
            ..PlanStep::new(key, Phase::Action, StepSpec::Wait(Wait { ms: 1 }), 0)
        }
    }

    fn record(status: StepStatus) -> RunStep {
        RunStep {
            index: 0,
            status,
            attempt: 1,
            started_at: None,
            finished_at: None,
            message: None,
            taken_from: None,
        }
    }

    #[test]
    fn kept_values_are_restored_with_their_types_and_secrets_are_not() {
        let values = [
            ("n", Value::Int(3)),
            ("age", Value::Duration(90_000)),
            ("at", Value::Time(5)),
            ("token", Value::Text("Bearer [secret DEPLOY]".to_owned())),
        ];
        let values: BTreeMap<String, Value> = values.map(|(k, v)| (k.to_owned(), v)).into();
        let data = serde_json::json!({ "status": "succeeded", "kept": values });
        let results = Results::default();
        results.recall(
            &step("login", None),
            &record(StepStatus::Succeeded),
            Some(&data),
        );
        let asks = step("", Some("steps.login.token == 'x'"));
        let seen = results.seen_by(&asks);
        assert_eq!(saved(&seen, "login", "n").as_deref(), Ok("3"));
        assert_eq!(saved(&seen, "login", "age").as_deref(), Ok("90s"));
        let Some(Value::Map(login)) = seen.get("login") else {
            panic!("{seen:?}")
        };
        assert_eq!(
            (login.get("at"), login.get("token")),
            (Some(&Value::Time(5)), None)
        );
        let why = saved(&seen, "login", "token").unwrap_err();
        let message = results.explain(&asks, why);
        assert!(
            message.contains("did not save `token`") && message.contains(SECRET),
            "{message}"
        );
    }

    fn sensitive(key: &str) -> PlanStep {
        let mut step = step(key, None);
        step.rules.sensitive = true;
        step
    }

    fn evaluation(result: &[(&str, Value)]) -> Evaluation {
        let outcome = crate::core::run::step::Outcome::ok("fine".to_owned(), None);
        let result = result.iter().map(|(k, v)| ((*k).to_owned(), v.clone()));
        Evaluation {
            outcome,
            saved: BTreeMap::new(),
            links: Vec::new(),
            result: result.collect(),
        }
    }

    #[test]
    fn a_result_is_logged_without_the_large_parts_of_an_answer() {
        let response = ["status", "duration_ms", "body", "headers"]
            .map(|name| (name.to_owned(), Value::Int(7)));
        let all = evaluation(&[
            ("n", Value::Int(3)),
            ("response", Value::Map(response.into())),
        ]);
        let results = Results::default();
        let logged = results.keep(&step("login", None), StepStatus::Failed, &all);
        let int = |n: i64| serde_json::to_value(Value::Int(n)).unwrap();
        let answer = BTreeMap::from([
            ("duration_ms".to_owned(), Value::Int(7)),
            ("status".to_owned(), Value::Int(7)),
        ]);
        assert_eq!(
            logged,
            Some(serde_json::json!({
                "n": int(3),
                "response": serde_json::to_value(Value::Map(answer)).unwrap(),
            }))
        );
        let asks = step("", Some("steps.login.n == 3"));
        let Some(Value::Map(kept)) = results.seen_by(&asks).remove("login") else {
            panic!("it is kept")
        };
        let Some(Value::Map(response)) = kept.get("response") else {
            panic!("{kept:?}")
        };
        assert_eq!(response.len(), 4, "later steps see all of it");
        assert_eq!(kept.get("status"), Some(&Value::Text("failed".to_owned())));
        assert_eq!(kept.get(SENSITIVE), None);
        for (step, result) in [(step("", None), &all), (step("a", None), &evaluation(&[]))] {
            assert_eq!(results.keep(&step, StepStatus::Succeeded, result), None);
        }
        results.keep_status(&sensitive("private"), StepStatus::Succeeded);
        let seen = results.seen_by(&asks);
        assert_eq!(seen.len(), 3, "a step without a name has no result");
        let Some(Value::Map(private)) = seen.get("private") else {
            panic!("{seen:?}")
        };
        assert_eq!(private.get(SENSITIVE), Some(&Value::Bool(true)));
    }

    #[test]
    fn only_steps_that_use_results_of_their_own_runbook_see_them() {
        let results = Results::default();
        results.keep_status(&step("login", None), StepStatus::Succeeded);
        let mut fills = step("", None);
        fills.rules.fills = true;
        let mut elsewhere = step("", Some("steps.login.n == 3"));
        elsewhere.rules.scope = "sub".to_owned();
        for (asks, seen) in [
            (step("", Some("steps.login.n == 3")), 1),
            (fills, 1),
            (step("", None), 0),
            (elsewhere, 0),
        ] {
            assert_eq!(results.seen_by(&asks).len(), seen, "{:?}", asks.rules);
        }
    }

    #[test]
    fn a_recalled_result_is_whole_or_its_gap_has_a_reason() {
        let int = serde_json::to_value(Value::Int(1)).unwrap();
        let map = serde_json::to_value(Value::Map(BTreeMap::new())).unwrap();
        let kept = |status: &str, kept: serde_json::Value| {
            Some(serde_json::json!({ "status": status, "kept": kept }))
        };
        let (done, skipped, failed) = (
            StepStatus::Succeeded,
            StepStatus::Skipped,
            StepStatus::Failed,
        );
        let plain = || step("login", None);
        let asks = step("", Some("steps.login.token == 'x'"));
        for (step, status, data, reason) in [
            (
                plain(),
                done,
                kept("succeeded", serde_json::json!({"n": int})),
                None,
            ),
            (
                plain(),
                done,
                kept("succeeded", serde_json::json!({"n": int, "response": map})),
                Some(NOT_KEPT),
            ),
            (
                plain(),
                done,
                kept("succeeded", serde_json::Value::Null),
                None,
            ),
            (plain(), done, None, Some(DECIDED)),
            (plain(), failed, None, None),
            (
                plain(),
                failed,
                kept("succeeded", serde_json::json!({"n": int})),
                None,
            ),
            (plain(), skipped, None, Some(SKIPPED)),
            (sensitive("login"), done, None, Some(PRIVATE)),
            (sensitive("login"), failed, None, Some(PRIVATE)),
            (sensitive("login"), skipped, None, Some(SKIPPED)),
        ] {
            let results = Results::default();
            results.recall(&step, &record(status), data.as_ref());
            let why = || "step login has no token".to_owned();
            let wanted = reason.map_or_else(why, |reason| format!("{} (login {reason})", why()));
            assert_eq!(results.explain(&asks, why()), wanted, "{status:?} {data:?}");
            let other = "something else is missing".to_owned();
            assert_eq!(results.explain(&asks, other.clone()), other);
            let mut quiet = asks.clone();
            quiet.rules.when = Some("steps.other.n == 3".to_owned());
            assert_eq!(
                results.explain(&quiet, why()),
                why(),
                "it asks about another"
            );
            let seen = results.seen_by(&asks);
            let Some(Value::Map(found)) = seen.get("login") else {
                panic!("{seen:?}")
            };
            let name = Value::Text(status.name().to_owned());
            assert_eq!(found.get("status"), Some(&name));
            let of_this = data.is_some() && status == done && !found.is_empty();
            assert_eq!(
                found.contains_key("n"),
                of_this && data.is_some_and(|d| d["kept"].get("n").is_some()),
                "{status:?}"
            );
        }
        let results = Results::default();
        for open in [
            StepStatus::Pending,
            StepStatus::Waiting,
            StepStatus::Running,
        ] {
            results.recall(&plain(), &record(open), None);
            assert!(results.seen_by(&asks).is_empty(), "{open:?} is no end");
        }
    }

    #[test]
    fn a_redacted_value_is_found_at_any_depth() {
        let text = |text: &str| Value::Text(text.to_owned());
        let map = |name: &str, value| Value::Map([(name.to_owned(), value)].into());
        for (value, redacted) in [
            (text("a [secret X]"), true),
            (text("a [secrets]"), false),
            (Value::Int(1), false),
            (Value::List(vec![Value::Int(1), text("[secret X]")]), true),
            (Value::List(vec![text("x")]), false),
            (map("a", text("[secret X]")), true),
            (map("[secret X]", Value::Int(1)), true),
            (
                map("a", Value::List(vec![map("b", text("[secret X]"))])),
                true,
            ),
            (map("a", text("b")), false),
        ] {
            assert_eq!(is_redacted(&value), redacted, "{value:?}");
        }
    }

    #[test]
    fn what_is_missing_of_a_result_is_named() {
        let seen = Scope::from([
            (
                "login".to_owned(),
                Value::Map([("n".to_owned(), Value::Int(3))].into()),
            ),
            ("odd".to_owned(), Value::Int(1)),
        ]);
        let none = |step: &str| format!("step {step} has no result, so `n` of it is missing");
        for (step, name, wanted) in [
            ("login", "n", Ok("3".to_owned())),
            ("login", "m", Err("step login did not save `m`".to_owned())),
            ("odd", "n", Err(none("odd"))),
            ("gone", "n", Err(none("gone"))),
        ] {
            assert_eq!(saved(&seen, step, name), wanted);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_a_sub_runbook_begins_once_and_pauses_do_not_count() {
        use std::time::Duration;
        let (results, began) = (Results::default(), Instant::now());
        let left = |name: &str, ms| results.deadline(name, ms) - began;
        assert_eq!(left("a", 1000), Duration::from_secs(1));
        tokio::time::advance(Duration::from_millis(400)).await;
        assert_eq!(left("a", 5000), Duration::from_secs(1));
        assert_eq!(left("b", 1000), Duration::from_millis(1400));
        results.extend_deadlines(Duration::from_secs(1));
        assert_eq!(left("a", 1000), Duration::from_secs(2));
        assert_eq!(left("b", 1000), Duration::from_millis(2400));
        assert_eq!(left("c", -5), Duration::from_millis(400));
    }

    #[test]
    fn steps_decided_by_a_person_or_ended_otherwise_have_no_result() {
        for (data, reason) in [
            (None, DECIDED),
            (
                Some(serde_json::json!({ "status": "failed", "kept": {} })),
                DECIDED,
            ),
        ] {
            let results = Results::default();
            results.recall(
                &step("login", None),
                &record(StepStatus::Succeeded),
                data.as_ref(),
            );
            let asks = step("", Some("steps.login.token == 'x'"));
            let why = saved(&results.seen_by(&asks), "login", "token").unwrap_err();
            assert!(results.explain(&asks, why).contains(reason));
        }
    }
}
