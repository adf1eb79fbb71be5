//! Evaluates an answer for a step with rules: first the answer itself, then the runbook's own
//! expectation, then the values to save. What cannot be decided is a failure with its reason, never
//! a success.

use std::collections::{BTreeMap, BTreeSet};

use super::links::StepLink;
use super::rules::Scope;
use super::{PlanStep, links};
use crate::base::time::Timestamp;
use crate::expr::{Expr, Value};
use crate::run::response;
use crate::run::step::adapter::Progress;
use crate::run::step::sql::Rows;
use crate::run::step::{Outcome, Reply, StepSpec, Verdict};

/// An evaluated answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    pub outcome: Outcome,
    /// Values the step saves; empty unless it succeeded.
    pub saved: BTreeMap<String, Value>,
    /// Addresses to keep as links of the run; empty unless it succeeded.
    pub links: Vec<StepLink>,
    /// The answer as later expressions see it.
    pub result: BTreeMap<String, Value>,
}

/// Marker in the results of a sensitive step.
pub const SENSITIVE: &str = "sensitive";

impl PlanStep {
    /// Evaluates an answer. `steps` are the results so far.
    #[must_use]
    pub fn evaluate(&self, reply: &Reply, steps: &Scope, now: Timestamp) -> Evaluation {
        let mut outcome = self.default_outcome(reply);
        let rules = &self.rules;
        let mut evaluation = Evaluation {
            outcome: outcome.clone(),
            saved: BTreeMap::new(),
            links: Vec::new(),
            result: BTreeMap::new(),
        };
        if rules.key.is_empty() && rules.has_no_answer_rules() {
            return evaluation;
        }
        let response = response::value(reply);
        evaluation.result = result_of(reply, &response);
        if outcome.verdict == Verdict::Succeeded {
            let mut scope = self.scope(steps, now);
            scope.insert("response".to_owned(), response);
            let quiet = self.is_quiet(steps);
            if let Some(expect) = &rules.expect {
                expected(expect, &scope, quiet, &mut outcome);
            }
            for (name, from) in &rules.save {
                if outcome.verdict != Verdict::Succeeded {
                    break;
                }
                match Expr::stored(from).and_then(|expr| expr.eval(&scope)) {
                    Ok(value) => {
                        evaluation.saved.insert(name.clone(), value);
                    }
                    Err(_) if quiet => fail(
                        &mut outcome,
                        &format!("`{name}` cannot be saved (`{from}`)"),
                        false,
                    ),
                    Err(why) => fail(
                        &mut outcome,
                        &format!("`{name}` cannot be saved: {why} (`{from}`)"),
                        false,
                    ),
                }
            }
            if outcome.verdict == Verdict::Succeeded {
                evaluation.links = links::of(rules, &scope, quiet);
            }
        }
        if outcome.verdict != Verdict::Succeeded {
            evaluation.saved.clear();
        }
        evaluation.result.extend(evaluation.saved.clone());
        evaluation.outcome = outcome;
        evaluation
    }

    /// Whether its condition, expectation, saved values or placeholders use the result of that
    /// name.
    #[must_use]
    pub fn asks_about(&self, key: &str) -> bool {
        !self.reads(key).is_empty()
    }

    /// What its expressions and placeholders read of the result of that name: paths of fields. The
    /// empty path is the whole result.
    #[must_use]
    pub fn reads(&self, key: &str) -> BTreeSet<Vec<String>> {
        let expressions = self.rules.expressions();
        let expressions = expressions.filter_map(|text| Expr::stored(text).ok());
        let paths = expressions.flat_map(|expr| expr.paths());
        let below = |path: Vec<String>| {
            let below = path.strip_prefix(&["steps".to_owned(), key.to_owned()]);
            below.map(<[String]>::to_vec)
        };
        let mut found: BTreeSet<_> = paths.filter_map(below).collect();
        if self.rules.fills {
            let filled = super::deferred::fields(&self.spec, key);
            found.extend(filled.into_iter().map(|field| vec![field.to_owned()]));
        }
        found
    }

    /// Whether its condition holds, and why.
    ///
    /// # Errors
    /// Why it cannot be decided.
    pub fn should_run(&self, steps: &Scope, now: Timestamp) -> Result<(bool, String), String> {
        let Some(when) = &self.rules.when else {
            return Ok((true, String::new()));
        };
        let scope = self.scope(steps, now);
        let expr = Expr::stored(when).map_err(|why| why.with_caret(when))?;
        if self.is_quiet(steps) {
            let holds = expr
                .holds(&scope)
                .map_err(|_| format!("`{when}` cannot be decided"))?;
            return Ok((holds, format!("`{when}` is {holds}")));
        }
        let holds = expr
            .holds(&scope)
            .map_err(|why| format!("`{when}` cannot be decided: {why}"))?;
        Ok((holds, expr.explain(&scope).join("; ")))
    }

    /// Whether values of its expressions and placeholders must not be recorded: it is sensitive, or
    /// uses a step that is.
    #[must_use]
    pub fn is_quiet(&self, steps: &Scope) -> bool {
        let sensitive =
            |result: &Value| matches!(result, Value::Map(fields) if fields.contains_key(SENSITIVE));
        self.rules.sensitive
            || steps
                .iter()
                .any(|(key, result)| sensitive(result) && self.asks_about(key))
    }

    fn scope(&self, steps: &Scope, now: Timestamp) -> Scope {
        let mut scope = self.rules.known.clone();
        scope.insert("now".to_owned(), Value::Time(now.0));
        scope.insert("steps".to_owned(), Value::Map(steps.clone()));
        scope
    }

    /// The default outcome, except for what the runbook checks itself: a status or an exit code it
    /// uses.
    fn default_outcome(&self, reply: &Reply) -> Outcome {
        let asks = |field: &str| {
            let expr = self
                .rules
                .expect
                .as_ref()
                .and_then(|expect| Expr::stored(expect).ok());
            expr.is_some_and(|e| {
                e.uses()
                    .contains(&("response".to_owned(), Some(field.to_owned())))
            })
        };
        match (&self.spec, reply) {
            (StepSpec::Http(http), Reply::Http { status, .. })
                if http.request.expect_status.is_empty() && asks("status") =>
            {
                let mut any = self.clone();
                if let StepSpec::Http(http) = &mut any.spec {
                    http.request.expect_status = vec![*status];
                }
                any.outcome(reply)
            }
            (
                StepSpec::Shell(_),
                Reply::Exited {
                    code: Some(code),
                    signal,
                    outputs,
                    lacks,
                    ms,
                },
            ) if asks("exit_code") => {
                let (signal, outputs, lacks) = (*signal, outputs.clone(), lacks.clone());
                let ended = Reply::Exited {
                    code: Some(0),
                    signal,
                    outputs,
                    lacks,
                    ms: *ms,
                };
                let mut outcome = self.outcome(&ended);
                outcome.message =
                    outcome
                        .message
                        .replacen("exit code 0", &format!("exit code {code}"), 1);
                outcome
            }
            (StepSpec::Manual(_), Reply::Answered { done, by, note }) => {
                self.answered(reply, *done, by, note.as_deref())
            }
            _ => self.outcome(reply),
        }
    }

    fn answered(&self, reply: &Reply, done: bool, by: &str, note: Option<&str>) -> Outcome {
        match &self.rules.word {
            Some(word) if done && note.map(str::trim) != Some(word) => Outcome::failed(
                format!("not confirmed: the note of {by} is not `{word}`"),
                false,
                None,
            ),
            _ if !done && self.rules.optional => {
                let note = note.map(|n| format!(": {n}")).unwrap_or_default();
                Outcome::ok(format!("no, says {by}{note}"), None)
            }
            _ => self.outcome(reply),
        }
    }
}

fn expected(expect: &str, scope: &Scope, quiet: bool, outcome: &mut Outcome) {
    match Expr::stored(expect).and_then(|expr| expr.holds(scope).map(|holds| (holds, expr))) {
        Ok((true, _)) => {}
        Ok((false, _)) if quiet => fail(
            outcome,
            &format!("not as expected: `{expect}` is false"),
            true,
        ),
        Err(_) if quiet => fail(
            outcome,
            &format!("expect `{expect}` cannot be decided"),
            false,
        ),
        Ok((false, expr)) => {
            let why = expr.explain(scope).join("; ");
            fail(outcome, &format!("not as expected: {why}"), true);
        }
        Err(why) => fail(
            outcome,
            &format!("expect `{expect}` cannot be decided: {why}"),
            false,
        ),
    }
}

fn fail(outcome: &mut Outcome, why: &str, again: bool) {
    *outcome = Outcome::failed(
        format!("{}, but {why}", outcome.message),
        again,
        outcome.latency_ms,
    );
}

/// The answer as `steps.NAME`: a request, a statement and an operation under `response`, a
/// command's and a person's answer directly.
fn result_of(reply: &Reply, response: &Value) -> BTreeMap<String, Value> {
    match (reply, response) {
        (
            Reply::Http { ms, .. }
            | Reply::Rows(Rows { ms, .. })
            | Reply::Operated(Progress { ms, .. }),
            _,
        ) => BTreeMap::from([
            ("response".to_owned(), response.clone()),
            ("duration_ms".to_owned(), Value::Int(*ms)),
        ]),
        (_, Value::Map(fields)) => fields
            .iter()
            .filter(|(k, _)| *k != "by")
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
        _ => BTreeMap::new(),
    }
}
