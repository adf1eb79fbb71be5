//! Asks the canaries when a result is in doubt: at most once in a few seconds, for all checks of the
//! engine together. A result waits for that outside of the places of checks, so no check waits for it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{Mutex, mpsc};
use tokio::time::Instant;

use super::perform::Done;
use crate::core::routine::canary::{Canary, offline};
use crate::core::run::step::Reply;
use crate::engine::World;

/// How long an answer holds for all results.
const HOLDS: Duration = Duration::from_secs(3);

/// What the canaries said last. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Canaries(Arc<Asked>);

#[derive(Debug, Default)]
struct Asked {
    /// When they were asked last; locked while they are being asked.
    at: Mutex<Option<Instant>>,
    /// None answered.
    offline: AtomicBool,
}

impl Canaries {
    /// Whether no canary answered when they were asked last.
    pub fn were_offline(&self) -> bool {
        self.0.offline.load(Ordering::Relaxed)
    }

    /// Whether no canary answers now.
    pub async fn are_offline(&self, world: &World) -> bool {
        let mut at = self.0.at.lock().await;
        if at.is_some_and(|at| at.elapsed() < HOLDS) {
            return self.were_offline();
        }
        let offline = none_answers(world).await;
        *at = Some(Instant::now());
        if self.0.offline.swap(offline, Ordering::Relaxed) != offline {
            let what = if offline {
                "none answers"
            } else {
                "they answer again"
            };
            tracing::warn!("canaries: {what}");
        }
        offline
    }

    /// The result of a check that was in doubt: unknown when no canary answers.
    pub async fn judge(self, world: World, mut done: Done) -> Done {
        let asking = AssertUnwindSafe(self.are_offline(&world)).catch_unwind();
        if let (true, Ok(result)) = (asking.await.unwrap_or(false), &mut done.result) {
            *result = offline(&world.config.canaries, result);
            done.latency_us = None;
        }
        done
    }
}

/// Whether all canaries that may be asked do not answer.
async fn none_answers(world: &World) -> bool {
    let canaries = world.config.canaries.iter();
    let mut asked: FuturesUnordered<_> = canaries.map(|one| answers(world, one)).collect();
    let mut any_failed = false;
    while let Some(answer) = asked.next().await {
        match answer {
            Some(true) => return false,
            Some(false) => any_failed = true,
            None => {}
        }
    }
    any_failed
}

/// None: the outbound policy does not allow to ask it, which says nothing about the network.
async fn answers(world: &World, canary: &Canary) -> Option<bool> {
    let call = canary.call();
    if let Err(refusal) = world.adapters.check(&call) {
        tracing::warn!("canary {canary} is not asked: {}", refusal.message);
        return None;
    }
    let (output, _) = mpsc::channel(1);
    match world.adapters.glance(call, output).await? {
        Reply::Connected { .. } => Some(true),
        Reply::Refused { message, .. } => {
            tracing::warn!("canary {canary} is not asked: {message}");
            None
        }
        _ => Some(false),
    }
}
