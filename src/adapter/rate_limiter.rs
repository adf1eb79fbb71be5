//! Rate limits: calls to a host or a product wait until the limit of calls a minute has room,
//! commands until a running one has ended. Waiting counts towards a call's own deadline; a call
//! that would pass it is refused at once, on our side, so that it is not held against the target.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{CallEvent, cancelled, deadline, elapsed_ms};
use crate::core::base::outbound::host_of;
use crate::core::base::rate::{Limits, Recent};
use crate::core::base::time::human_ms;
use crate::core::integration::product::{Account, PER_MINUTE, Product};
use crate::core::run::step::Reply;

/// Waits longer than this are reported.
const REPORT_FROM: Duration = Duration::from_secs(1);

/// The rate limits of all calls of a process.
#[derive(Debug)]
pub(super) struct RateLimiter {
    begun: Instant,
    http_per_minute: Option<u32>,
    recent: Mutex<BTreeMap<LimitKey, Recent>>,
    /// With the number of commands it was made for.
    commands: Option<(Semaphore, u32)>,
}

/// Calls that share a limit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum LimitKey {
    Host(String),
    Product(Product),
}

/// A call that needs a slot.
#[derive(Clone, Copy)]
pub(super) struct Caller<'c> {
    pub timeout_ms: i64,
    /// If false, the call is refused when there is no slot now.
    pub waits: bool,
    pub output: &'c mpsc::Sender<CallEvent>,
    pub cancel: &'c CancellationToken,
}

impl Caller<'_> {
    fn max_wait(&self) -> Duration {
        if self.waits {
            deadline(self.timeout_ms)
        } else {
            Duration::ZERO
        }
    }

    async fn note(&self, message: String) {
        // No listener: the note is dropped.
        let _ = self.output.send(CallEvent::Note(message)).await;
    }
}

impl RateLimiter {
    pub fn new(limits: Limits) -> Self {
        let commands = limits.shell_at_once.map(|limit| {
            let room = usize::try_from(limit)
                .unwrap_or(usize::MAX)
                .clamp(1, Semaphore::MAX_PERMITS);
            (Semaphore::new(room), limit)
        });
        let http_per_minute = limits.http_per_minute;
        Self {
            begun: Instant::now(),
            http_per_minute,
            recent: Mutex::default(),
            commands,
        }
    }

    /// Waits for a slot for a call to that address. Returns its remaining time, or the refusal.
    pub async fn host(&self, url: &str, caller: Caller<'_>) -> Result<i64, Reply> {
        match self.http_per_minute.zip(host_of(url)) {
            Some((per_minute, host)) => self.wait(LimitKey::Host(host), per_minute, caller).await,
            None => Ok(caller.timeout_ms),
        }
    }

    /// The same for a request to a product, which has a limit of its own.
    pub async fn product(
        &self,
        product: Product,
        account: Option<&Account>,
        caller: Caller<'_>,
    ) -> Result<i64, Reply> {
        let per_minute = account.map_or(PER_MINUTE, |account| account.per_minute);
        self.wait(LimitKey::Product(product), per_minute, caller)
            .await
    }

    /// Waits until one more command may run. Returns its permit and its remaining time.
    pub async fn command(
        &self,
        caller: Caller<'_>,
    ) -> Result<(Option<SemaphorePermit<'_>>, i64), Reply> {
        let Some((places, limit)) = &self.commands else {
            return Ok((None, caller.timeout_ms));
        };
        if let Ok(place) = places.try_acquire() {
            return Ok((Some(place), caller.timeout_ms));
        }
        let start = Instant::now();
        let full = format!(
            "{limit} {} already, and more are not let",
            if *limit == 1 {
                "command runs"
            } else {
                "commands run"
            }
        );
        let refused = || {
            let waited = if caller.waits {
                format!(" in {}", human_ms(elapsed_ms(start)))
            } else {
                String::new()
            };
            let message = format!(
                "not started: {full}, and none has ended{waited}; raise shell_at_once of [limits] in opsroom.toml"
            );
            Reply::refused(message)
        };
        if !caller.waits {
            return Err(refused());
        }
        let report = async || -> Infallible {
            sleep(REPORT_FROM).await;
            caller.note(format!("waits: {full}")).await;
            std::future::pending().await
        };
        tokio::select! {
            biased;
            () = caller.cancel.cancelled() => Err(cancelled()),
            place = places.acquire() => Ok((place.ok(), caller.timeout_ms - elapsed_ms(start))),
            () = sleep(caller.max_wait()) => Err(refused()),
            never = report() => match never {},
        }
    }

    async fn wait(
        &self,
        lane: LimitKey,
        per_minute: u32,
        caller: Caller<'_>,
    ) -> Result<i64, Reply> {
        let start = Instant::now();
        let mut slot = self.reserve(lane, per_minute, caller)?;
        let until = self.begun + slot.at;
        let wait = until.saturating_duration_since(start);
        let waiting = async {
            if wait > REPORT_FROM {
                caller
                    .note(format!(
                        "waits {}: {}",
                        human_wait(wait),
                        slot.lane.describe(per_minute)
                    ))
                    .await;
            }
            if !wait.is_zero() {
                sleep_until(until).await;
            }
        };
        tokio::select! {
            biased;
            () = caller.cancel.cancelled() => return Err(cancelled()),
            () = waiting => {}
        }
        slot.used = true;
        Ok(caller.timeout_ms - elapsed_ms(start))
    }

    fn reserve(
        &self,
        lane: LimitKey,
        per_minute: u32,
        caller: Caller<'_>,
    ) -> Result<Reservation<'_>, Reply> {
        let mut all = self.recent();
        let now = self.begun.elapsed();
        all.retain(|_, recent| !recent.is_idle(now));
        let booked =
            all.entry(lane.clone())
                .or_default()
                .reserve(now, per_minute, caller.max_wait());
        drop(all);
        match booked {
            Ok(at) => Ok(Reservation {
                limiter: self,
                lane,
                at,
                used: false,
            }),
            Err(wait) => {
                let (limit, wait, remedy) =
                    (lane.describe(per_minute), human_wait(wait), lane.remedy());
                Err(Reply::refused(format!(
                    "not called: the limit of {limit} is used up for {wait}; raise {remedy}"
                )))
            }
        }
    }

    fn recent(&self) -> MutexGuard<'_, BTreeMap<LimitKey, Recent>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reserved slot. It is freed when its call is cancelled or dropped while it waits.
struct Reservation<'t> {
    limiter: &'t RateLimiter,
    lane: LimitKey,
    at: Duration,
    used: bool,
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if !self.used
            && let Some(recent) = self.limiter.recent().get_mut(&self.lane)
        {
            recent.release(self.at);
        }
    }
}

impl LimitKey {
    /// `60 calls a minute to web.test`.
    fn describe(&self, per_minute: u32) -> String {
        let calls = if per_minute == 1 { "call" } else { "calls" };
        let to = match self {
            Self::Host(host) => host,
            Self::Product(product) => product.name(),
        };
        format!("{per_minute} {calls} a minute to {to}")
    }

    fn remedy(&self) -> String {
        match self {
            Self::Host(_) => "http_per_minute of [limits] in opsroom.toml".to_owned(),
            Self::Product(product) => {
                format!("per_minute of [adapter.{}] in opsroom.toml", product.name())
            }
        }
    }
}

/// In whole seconds, rounded up, so that after them there is room.
fn human_wait(wait: Duration) -> String {
    match i64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(i64::MAX) {
        seconds @ ..60 => format!("{seconds} s"),
        seconds => human_ms(seconds.saturating_mul(1000)),
    }
}

#[cfg(test)]
mod tests;
