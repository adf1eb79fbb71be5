//! Operations of products: their requests one after the other, within the product's rate limit.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::rate_limiter::{Caller, RateLimiter};
use super::{AdapterContext, CallEvent, OutputLine, elapsed_ms, http};
use crate::core::base::outbound::HostFrom;
use crate::core::integration::product::{self, Kept, Operation, Product, Stage};
use crate::core::run::event::Stream;
use crate::core::run::step::adapter::{Adapter, Progress};
use crate::core::run::step::{CallRefusal, HttpCall, Reply, SecretHeader};

/// Makes the requests in order until one fails or all are done.
pub(super) async fn perform(
    job: Adapter,
    (client, limiter): (&http::Client, &RateLimiter),
    context: &AdapterContext,
    caller: Caller<'_>,
) -> Reply {
    let (product, operation) = match product::find(&job.operation) {
        Ok(found) => found,
        Err(message) => return Reply::refused(message),
    };
    let account = context.integrations.account(product);
    let start = Instant::now();
    let mut kept = Kept::new();
    let mut last = None;
    for (at, stage) in operation.stages.iter().enumerate() {
        let request = request(product, operation, stage, &job, &kept);
        let requested = format!("{} {}", request.method, request.url);
        let timeout_ms = caller.timeout_ms.saturating_sub(elapsed_ms(start));
        let reply = match limiter
            .product(
                product,
                account,
                Caller {
                    timeout_ms,
                    ..caller
                },
            )
            .await
        {
            Ok(left) if left > 0 => {
                client
                    .perform(request, &context.vault, left, caller.cancel.clone())
                    .await
            }
            Ok(_) => Reply::TimedOut {
                after_ms: elapsed_ms(start),
            },
            Err(reply) => reply,
        };
        let good = keep(stage, &reply, &mut kept);
        if let Reply::Http { status, ms, .. } = &reply {
            let text = format!("{requested}: HTTP {status} in {ms} ms");
            // No listener: the line is dropped.
            let _ = caller
                .output
                .send(CallEvent::Lines(vec![OutputLine {
                    stream: Stream::Stdout,
                    text,
                }]))
                .await;
        }
        last = Some((at, reply));
        if !good {
            break;
        }
    }
    match last {
        // The first request was refused: so is the whole operation.
        Some((0, reply @ Reply::Refused { .. })) => reply,
        Some((stage, reply)) => Reply::Operated(Progress {
            stage,
            last: Box::new(reply),
            kept,
            ms: elapsed_ms(start),
        }),
        None => Reply::refused(format!("{} makes no request", job.operation)),
    }
}

/// Whether the first request could be made at all.
pub(super) fn check(job: &Adapter, context: &AdapterContext) -> Result<(), CallRefusal> {
    product::find(&job.operation)?;
    let url = http::check("GET", &job.base_url, &BTreeMap::new())?;
    http::check_address(&url, HostFrom::File, &context.policy)?;
    Ok(http::check_secret(&context.vault, &job.token, &url)?)
}

fn request(
    product: Product,
    operation: &Operation,
    stage: &Stage,
    job: &Adapter,
    kept: &Kept,
) -> HttpCall {
    let made = product::request(operation, stage, &job.args, kept);
    let mut headers: BTreeMap<String, String> = product
        .headers()
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    if made.body.is_some() {
        headers.insert("content-type".to_owned(), "application/json".to_owned());
    }
    HttpCall {
        method: made.method.to_owned(),
        url: format!("{}{}", job.base_url, made.path),
        // The host is from the settings; values filled into the path are escaped.
        host: HostFrom::File,
        headers,
        body: made.body,
        secrets: vec![SecretHeader::bearer(&job.token)],
    }
}

/// Keeps the values the stage needs; returns whether the answer was a good one.
fn keep(stage: &Stage, reply: &Reply, kept: &mut Kept) -> bool {
    let Reply::Http { status, body, .. } = reply else {
        return false;
    };
    if !stage.good.contains(status) {
        return false;
    }
    let json: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    // An expected "not found" has no values to keep.
    for (name, pointer) in stage.keep.iter().filter(|_| (200..300).contains(status)) {
        if let Some(value) = json.pointer(pointer).filter(|v| !v.is_null()) {
            kept.insert((*name).to_owned(), value.clone());
        }
    }
    true
}
