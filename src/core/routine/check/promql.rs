//! `promql`: an instant query to a Prometheus-compatible server, `GET /api/v1/query`.
//!
//! The answer is a scalar or a vector. No series is an answer too: an alert expression such as
//! `up == 0` has no series when all is well. So the state is ok whatever the values are, unless a
//! condition of the routine says otherwise; `NaN` and infinities stay what they are and are never
//! taken for zero.

use serde_json::Value as Json;

use super::{CheckResult, unexpected};
use crate::base::outbound::HostFrom;
use crate::expr::Value;
use crate::routine::class::FailureClass;
use crate::run::step::{HttpCall, Reply, SecretHeader};
use crate::stack::state::State;

/// The values of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Samples(Vec<f64>);

pub(super) fn call(url: &str, query: &str, secret: Option<&str>) -> HttpCall {
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    pairs.append_pair("query", query);
    HttpCall {
        method: "GET".to_owned(),
        url: format!(
            "{}/api/v1/query?{}",
            url.trim_end_matches('/'),
            pairs.finish()
        ),
        host: HostFrom::File,
        headers: std::collections::BTreeMap::new(),
        body: None,
        secrets: bearer(secret),
    }
}

pub(super) fn result(reply: &Reply) -> CheckResult {
    let Reply::Http { status, ms, .. } = reply else {
        return unexpected(reply);
    };
    let failed = |class, why: String| CheckResult {
        state: State::Failing,
        class: Some(class),
        message: format!("HTTP {status} in {ms} ms: {why}"),
        latency_ms: Some(*ms),
        code: *status,
    };
    match Samples::read(reply) {
        Ok(samples) => CheckResult {
            state: State::Ok,
            class: None,
            message: samples.describe(*ms),
            latency_ms: Some(*ms),
            code: *status,
        },
        Err(why) if (200..300).contains(status) => failed(FailureClass::Condition, why),
        Err(why) => failed(FailureClass::Status, why),
    }
}

impl Samples {
    /// # Errors
    /// The server's own message, or what is wrong with its answer.
    pub(super) fn read(reply: &Reply) -> Result<Self, String> {
        let Reply::Http {
            body, truncated, ..
        } = reply
        else {
            return Err("no HTTP answer".to_owned());
        };
        if *truncated {
            return Err("the answer is larger than 1 MiB; aggregate in the query".to_owned());
        }
        let json: Json = serde_json::from_str(body)
            .map_err(|_| "the answer is not JSON; is this a Prometheus server?".to_owned())?;
        if json["status"] != "success" {
            let error = json["error"].as_str().unwrap_or("the query failed");
            return Err(error.to_owned());
        }
        let data = &json["data"];
        let value = |pair: &Json| pair[1].as_str().and_then(|text| text.parse().ok());
        let unreadable = || "a value of the answer cannot be read".to_owned();
        let samples = match data["resultType"].as_str() {
            Some("scalar") => vec![value(&data["result"]).ok_or_else(unreadable)?],
            Some("vector") => data["result"]
                .as_array()
                .ok_or_else(unreadable)?
                .iter()
                .map(|series| value(&series["value"]).ok_or_else(unreadable))
                .collect::<Result<_, _>>()?,
            Some(other) => {
                return Err(format!(
                    "the query returns a {other}; it must return numbers"
                ));
            }
            None => return Err(unreadable()),
        };
        Ok(Self(samples))
    }

    fn describe(&self, ms: i64) -> String {
        match self.0.as_slice() {
            [] => format!("no series in {ms} ms"),
            [one] => format!("{one} in {ms} ms"),
            many => format!(
                "{} series in {ms} ms, the largest {}",
                many.len(),
                self.max()
            ),
        }
    }

    /// The largest; NaN only when nothing else is there.
    fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::max)
    }

    fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::min)
    }

    /// The fields of `response`. `value`, `min` and `max` are missing when there is no series, and
    /// `value` when there are several: a condition that needs them cannot be decided then.
    pub(super) fn fields(&self, ms: i64) -> Vec<(&'static str, Value)> {
        let series = i64::try_from(self.0.len()).unwrap_or(i64::MAX);
        let mut fields = vec![
            ("series", Value::Int(series)),
            ("duration_ms", Value::Int(ms)),
        ];
        if let [one] = self.0.as_slice() {
            fields.push(("value", Value::Double(*one)));
        }
        if !self.0.is_empty() {
            fields.push(("min", Value::Double(self.min())));
            fields.push(("max", Value::Double(self.max())));
        }
        fields
    }
}

pub(super) fn bearer(secret: Option<&str>) -> Vec<SecretHeader> {
    secret.map(SecretHeader::bearer).into_iter().collect()
}
