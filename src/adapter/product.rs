//! Operations of products: their requests one after the other, no faster than the product allows.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{OutputLine, Outside, Said, cancelled, deadline, elapsed_ms, http};
use crate::core::event::Stream;
use crate::core::product::{self, Kept, Operation, Product, Stage};
use crate::core::step::adapter::Progress;
use crate::core::step::{Reply, SecretHeader};

/// What is to be done.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub operation: String,
    pub args: BTreeMap<String, String>,
    pub base_url: String,
    pub token: String,
}

/// When requests were made lately, by product.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<BTreeMap<Product, VecDeque<Instant>>>);

const MINUTE: Duration = Duration::from_mins(1);

impl Pace {
    /// When the next request may be made; it counts as made then.
    fn turn(&self, product: Product, per_minute: u32) -> Instant {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let made = all.entry(product).or_default();
        let now = Instant::now();
        made.retain(|at| *at + MINUTE > now);
        let room = usize::try_from(per_minute.max(1)).unwrap_or(usize::MAX);
        let at = made.len().checked_sub(room).map_or(now, |first| (made[first] + MINUTE).max(now));
        made.push_back(at);
        at
    }
}

/// Makes the requests until one is not answered well, or all are.
pub(super) async fn perform(
    job: Job,
    (client, pace): (&http::Client, &Pace),
    outside: &Outside,
    timeout_ms: i64,
    output: mpsc::Sender<Said>,
    cancel: CancellationToken,
) -> Reply {
    let (product, operation) = match product::find(&job.operation) {
        Ok(found) => found,
        Err(message) => return Reply::Refused { message },
    };
    let per_minute = outside.reach.account(product).map_or(product::PER_MINUTE, |a| a.per_minute);
    let start = Instant::now();
    let until = start + deadline(timeout_ms);
    let mut kept = Kept::new();
    let mut last = None;
    for (at, stage) in operation.stages.iter().enumerate() {
        let request = request(product, operation, stage, &job, &kept);
        let asked = format!("{} {}", request.method, request.url);
        let turn = pace.turn(product, per_minute);
        let reply = tokio::select! {
            biased;
            () = cancel.cancelled() => cancelled(),
            () = sleep_until(turn.min(until)) => {
                let left = until.saturating_duration_since(Instant::now()).as_millis();
                match i64::try_from(left) {
                    Ok(left) if left > 0 => client.perform(request, &outside.vault, left, cancel.clone()).await,
                    _ => Reply::TimedOut { after_ms: elapsed_ms(start) },
                }
            }
        };
        let good = keep(stage, &reply, &mut kept);
        if let Reply::Http { status, ms, .. } = &reply {
            let text = format!("{asked}: HTTP {status} in {ms} ms");
            // Nobody listening is fine: the line is then not wanted.
            let _ = output.send(Said::Lines(vec![OutputLine { stream: Stream::Stdout, text }])).await;
        }
        last = Some((at, reply));
        if !good {
            break;
        }
    }
    match last {
        // Nothing was asked yet: that is a refusal of the whole.
        Some((0, reply @ Reply::Refused { .. })) => reply,
        Some((stage, reply)) => Reply::Operated(Progress { stage, last: Box::new(reply), kept, ms: elapsed_ms(start) }),
        None => Reply::Refused { message: format!("{} makes no request", job.operation) },
    }
}

/// Whether the first request could be made at all.
pub(super) fn check(operation: &str, base_url: &str, token: &str, outside: &Outside) -> Result<(), String> {
    product::find(operation)?;
    let url = http::check("GET", base_url, &BTreeMap::new())?;
    http::check_address(&url, &outside.policy)?;
    http::check_secret(&outside.vault, token, &url)
}

fn request(product: Product, operation: &Operation, stage: &Stage, job: &Job, kept: &Kept) -> http::Request {
    let made = product::request(operation, stage, &job.args, kept);
    let mut headers: BTreeMap<String, String> =
        product.headers().iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    if made.body.is_some() {
        headers.insert("content-type".to_owned(), "application/json".to_owned());
    }
    http::Request {
        method: made.method.to_owned(),
        url: format!("{}{}", job.base_url, made.path),
        headers,
        body: made.body,
        secrets: vec![bearer(&job.token)],
    }
}

/// The token, as every one of the products takes it.
pub(super) fn bearer(token: &str) -> SecretHeader {
    SecretHeader { header: "authorization".to_owned(), prefix: "Bearer ", secret: token.to_owned() }
}

/// Keeps what the stage asks for; whether the answer was a good one.
fn keep(stage: &Stage, reply: &Reply, kept: &mut Kept) -> bool {
    let Reply::Http { status, body, .. } = reply else { return false };
    if !stage.good.contains(status) {
        return false;
    }
    let json: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    // Of an answer that there is nothing, nothing is kept.
    for (name, pointer) in stage.keep.iter().filter(|_| (200..300).contains(status)) {
        if let Some(value) = json.pointer(pointer).filter(|v| !v.is_null()) {
            kept.insert((*name).to_owned(), value.clone());
        }
    }
    true
}

#[cfg(test)]
mod tests;
