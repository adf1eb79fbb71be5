//! The values that the conditions of a routine are evaluated with.

use std::collections::BTreeMap;

use super::{CheckAnswer, CheckResult, promql};
use crate::base::time::Timestamp;
use crate::expr::Value;
use crate::routine::class::FailureClass;
use crate::run::response;
use crate::run::step::{Certificate, Reply};
use crate::run::timing::Timing;
use crate::stack::routine::{Check, Routine};
use crate::stack::state::State;

const DAY_MS: i64 = 86_400_000;

/// Whole days until a certificate ends; negative when it has ended.
pub(super) fn days_left(certificate: &Certificate, now: Timestamp) -> i64 {
    certificate.not_after.ms_since(now).div_euclid(DAY_MS)
}

/// The UTC date of an instant, `2026-11-30`.
pub(super) fn date(at: Timestamp) -> String {
    at.rfc3339().chars().take(10).collect()
}

/// Names and values: the answer, the place and the time.
pub(super) fn scope(
    routine: &Routine,
    answer: &CheckAnswer,
    now: Timestamp,
) -> BTreeMap<String, Value> {
    let mut scope = BTreeMap::from([
        ("response".to_owned(), answer_value(routine, answer, now)),
        ("now".to_owned(), Value::Time(now.0)),
    ]);
    let places = [("env", &routine.env), ("service", &routine.service)];
    scope.extend(
        places
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), Value::Text(value.clone()?)))),
    );
    scope
}

fn answer_value(routine: &Routine, answer: &CheckAnswer, now: Timestamp) -> Value {
    let mut value = reply_value(routine, answer, now);
    if let Value::Map(fields) = &mut value
        && !answer.timing.is_empty()
    {
        add_timing(fields, &answer.timing);
    }
    value
}

/// Phases that did not take place are missing: a condition that needs one cannot be decided.
fn add_timing(fields: &mut BTreeMap<String, Value>, timing: &Timing) {
    if let Some(address) = &timing.address {
        fields.insert("address".to_owned(), Value::Text(address.clone()));
    }
    let phases = timing.phases.completed();
    let phases = phases.map(|(phase, ms)| (phase.field().to_owned(), Value::Double(ms)));
    fields.insert("phases".to_owned(), Value::Map(phases.collect()));
}

fn reply_value(routine: &Routine, answer: &CheckAnswer, now: Timestamp) -> Value {
    let fields = match (&routine.check, &answer.reply) {
        (Check::Promql { .. }, Reply::Http { ms, .. }) => promql::Samples::read(&answer.reply)
            .map(|samples| samples.fields(*ms))
            .unwrap_or_default(),
        (Check::Unit { .. }, Reply::Exited { ms, .. }) => {
            let mut fields = unit_fields(&answer.output);
            fields.push(("duration_ms", Value::Int(*ms)));
            fields
        }
        (_, Reply::Connected { .. }) => connected(&answer.reply, now),
        (_, Reply::Echoed { address, ms }) => vec![
            ("duration_ms", Value::Int(*ms)),
            ("address", Value::Text(address.clone())),
        ],
        (_, Reply::Resolved { addresses, ms }) => {
            let addresses = addresses.iter().cloned().map(Value::Text).collect();
            vec![
                ("duration_ms", Value::Int(*ms)),
                ("addresses", Value::List(addresses)),
            ]
        }
        (Check::Shell { .. }, reply) => {
            let mut value = response::value(reply);
            if let Value::Map(fields) = &mut value {
                let output = answer.output.trim_end().to_owned();
                fields.insert("output".to_owned(), Value::Text(output));
            }
            return value;
        }
        (_, reply) => return response::value(reply),
    };
    Value::Map(fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
}

fn connected(reply: &Reply, now: Timestamp) -> Vec<(&'static str, Value)> {
    let Reply::Connected {
        address,
        certificates,
        ms,
        ..
    } = reply
    else {
        return Vec::new();
    };
    let mut fields = vec![
        ("duration_ms", Value::Int(*ms)),
        ("address", Value::Text(address.clone())),
    ];
    let earliest = certificates.iter().min_by_key(|c| c.not_after);
    if let (Some(own), Some(earliest)) = (certificates.first(), earliest) {
        let count = i64::try_from(certificates.len()).unwrap_or(i64::MAX);
        fields.push(("days_left", Value::Int(days_left(earliest, now))));
        fields.push(("subject", Value::Text(own.subject.clone())));
        fields.push(("issuer", Value::Text(own.issuer.clone())));
        fields.push(("certificates", Value::Int(count)));
    }
    fields
}

/// The properties that `systemctl show` prints, by the names conditions use.
fn unit_fields(output: &str) -> Vec<(&'static str, Value)> {
    const NAMES: [(&str, &str); 4] = [
        ("LoadState", "load"),
        ("ActiveState", "active"),
        ("SubState", "sub"),
        ("Result", "result"),
    ];
    let property = |line: &str| {
        let (name, value) = line.split_once('=')?;
        let (_, field) = NAMES.iter().find(|(known, _)| *known == name)?;
        Some((*field, Value::Text(value.trim().to_owned())))
    };
    output.lines().filter_map(property).collect()
}

/// A unit that is active or on its way is ok; one that is not there, or failed, is failing.
pub(super) fn unit(unit: &str, answer: &CheckAnswer) -> CheckResult {
    let Reply::Exited {
        code: Some(0), ms, ..
    } = &answer.reply
    else {
        let why = answer.output.lines().next().unwrap_or("systemctl failed");
        return CheckResult::unknown(FailureClass::Ours, why);
    };
    let fields: BTreeMap<_, _> = unit_fields(&answer.output).into_iter().collect();
    let field = |name| match fields.get(name) {
        Some(Value::Text(text)) => text.as_str(),
        _ => "",
    };
    let (active, sub, loaded) = (field("active"), field("sub"), field("load"));
    let state = match (loaded, active) {
        ("not-found" | "bad-setting" | "error" | "masked", _) | (_, "failed" | "inactive") => {
            State::Failing
        }
        (_, "active" | "reloading" | "refreshing") => State::Ok,
        (_, "activating" | "deactivating" | "maintenance") => State::Degraded,
        _ => return CheckResult::unknown(FailureClass::Ours, "systemctl gave no state"),
    };
    let message = if loaded == "loaded" {
        format!("{unit} is {active} ({sub})")
    } else {
        format!("{unit} is {active}: {loaded}")
    };
    CheckResult {
        state,
        class: (state != State::Ok).then_some(FailureClass::Condition),
        message,
        latency_ms: Some(*ms),
        code: 0,
    }
}
