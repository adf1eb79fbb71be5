//! Whose turn it is: calls to a host or a product wait until the limit of calls a minute has room, commands until one of
//! those that run has ended. Waiting counts towards a call's own deadline; one that would pass it is refused at once, on
//! our side, so that it is not held against the target.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{Said, cancelled, deadline, elapsed_ms};
use crate::core::outbound::host_of;
use crate::core::product::{Account, PER_MINUTE, Product};
use crate::core::rate::{Limits, Recent};
use crate::core::step::Reply;
use crate::core::time::human_ms;

/// A wait longer than this is told.
const TOLD: Duration = Duration::from_secs(1);

/// The turns of all calls of a process.
#[derive(Debug)]
pub(super) struct Turns {
    begun: Instant,
    http_per_minute: Option<u32>,
    recent: Mutex<BTreeMap<Lane, Recent>>,
    /// With the number of commands it was made for.
    commands: Option<(Semaphore, u32)>,
}

/// Calls that share a limit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    Host(String),
    Product(Product),
}

/// The call that wants its turn.
#[derive(Clone, Copy)]
pub(super) struct Caller<'c> {
    pub timeout_ms: i64,
    /// Otherwise it is refused when it is not its turn now.
    pub waits: bool,
    pub output: &'c mpsc::Sender<Said>,
    pub cancel: &'c CancellationToken,
}

impl Caller<'_> {
    fn patience(&self) -> Duration {
        if self.waits { deadline(self.timeout_ms) } else { Duration::ZERO }
    }

    async fn tell(&self, message: String) {
        // Nobody listening is fine: the note is then not wanted.
        let _ = self.output.send(Said::Note(message)).await;
    }
}

impl Turns {
    pub fn new(limits: Limits) -> Self {
        let commands = limits.shell_at_once.map(|limit| {
            let room = usize::try_from(limit).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
            (Semaphore::new(room), limit)
        });
        let http_per_minute = limits.http_per_minute;
        Self { begun: Instant::now(), http_per_minute, recent: Mutex::default(), commands }
    }

    /// Waits for the turn of a call to that address. What is left of its time, or why it is not made.
    pub async fn host(&self, url: &str, caller: Caller<'_>) -> Result<i64, Reply> {
        match self.http_per_minute.zip(host_of(url)) {
            Some((per_minute, host)) => self.wait(Lane::Host(host), per_minute, caller).await,
            None => Ok(caller.timeout_ms),
        }
    }

    /// The same for a request to a product, which has a limit of its own.
    pub async fn product(&self, product: Product, account: Option<&Account>, caller: Caller<'_>) -> Result<i64, Reply> {
        let per_minute = account.map_or(PER_MINUTE, |account| account.per_minute);
        self.wait(Lane::Product(product), per_minute, caller).await
    }

    /// Waits until one more command may run: what holds its place, and what is left of its time.
    pub async fn command(&self, caller: Caller<'_>) -> Result<(Option<SemaphorePermit<'_>>, i64), Reply> {
        let Some((places, limit)) = &self.commands else { return Ok((None, caller.timeout_ms)) };
        if let Ok(place) = places.try_acquire() {
            return Ok((Some(place), caller.timeout_ms));
        }
        let start = Instant::now();
        let full = format!(
            "{limit} {} already, and more are not let",
            if *limit == 1 { "command runs" } else { "commands run" }
        );
        let refused = || {
            let waited = if caller.waits { format!(" in {}", human_ms(elapsed_ms(start))) } else { String::new() };
            let message = format!(
                "not started: {full}, and none has ended{waited}; raise shell_at_once of [limits] in opsroom.toml"
            );
            Reply::Refused { message }
        };
        if !caller.waits {
            return Err(refused());
        }
        let tell = async || -> Infallible {
            sleep(TOLD).await;
            caller.tell(format!("waits: {full}")).await;
            std::future::pending().await
        };
        tokio::select! {
            biased;
            () = caller.cancel.cancelled() => Err(cancelled()),
            place = places.acquire() => Ok((place.ok(), caller.timeout_ms - elapsed_ms(start))),
            () = sleep(caller.patience()) => Err(refused()),
            never = tell() => match never {},
        }
    }

    async fn wait(&self, lane: Lane, per_minute: u32, caller: Caller<'_>) -> Result<i64, Reply> {
        let start = Instant::now();
        let mut turn = self.book(lane, per_minute, caller)?;
        let until = self.begun + turn.at;
        let wait = until.saturating_duration_since(start);
        let waiting = async {
            if wait > TOLD {
                caller.tell(format!("waits {}: {}", human_wait(wait), turn.lane.words(per_minute))).await;
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
        turn.used = true;
        Ok(caller.timeout_ms - elapsed_ms(start))
    }

    fn book(&self, lane: Lane, per_minute: u32, caller: Caller<'_>) -> Result<Turn<'_>, Reply> {
        let mut all = self.recent();
        let now = self.begun.elapsed();
        all.retain(|_, recent| !recent.is_idle(now));
        let booked = all.entry(lane.clone()).or_default().book(now, per_minute, caller.patience());
        drop(all);
        match booked {
            Ok(at) => Ok(Turn { turns: self, lane, at, used: false }),
            Err(wait) => {
                let (words, wait, remedy) = (lane.words(per_minute), human_wait(wait), lane.remedy());
                Err(Reply::Refused {
                    message: format!("not called: the limit of {words} is used up for {wait}; raise {remedy}"),
                })
            }
        }
    }

    fn recent(&self) -> MutexGuard<'_, BTreeMap<Lane, Recent>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A booked turn. It goes to others when its call was cancelled or dropped while it waited.
struct Turn<'t> {
    turns: &'t Turns,
    lane: Lane,
    at: Duration,
    used: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.used
            && let Some(recent) = self.turns.recent().get_mut(&self.lane)
        {
            recent.give_back(self.at);
        }
    }
}

impl Lane {
    /// `60 calls a minute to web.test`.
    fn words(&self, per_minute: u32) -> String {
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
            Self::Product(product) => format!("per_minute of [adapter.{}] in opsroom.toml", product.name()),
        }
    }
}

/// In whole seconds, rounded up: after them there is room.
fn human_wait(wait: Duration) -> String {
    match i64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(i64::MAX) {
        seconds @ ..60 => format!("{seconds} s"),
        seconds => human_ms(seconds.saturating_mul(1000)),
    }
}

#[cfg(test)]
mod tests;
