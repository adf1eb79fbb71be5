//! The run's total deadline. It stands still while people hold the run back: what they take is not the run's time.

use tokio::sync::watch;
use tokio::time::{Duration, Instant};

/// When the run must be through; `None`: never, or it stands still.
#[derive(Debug)]
pub(super) struct Limit(watch::Sender<Option<Instant>>);

impl Limit {
    /// `timeout_ms` from now; 0 and less: no limit.
    pub(super) fn new(timeout_ms: i64) -> Self {
        let ms = u64::try_from(timeout_ms).ok().filter(|ms| *ms > 0);
        // tokio's timers end after about 30 years.
        Self(watch::Sender::new(ms.map(|ms| Instant::now() + Duration::from_millis(ms.min(1_000_000_000_000)))))
    }

    pub(super) fn watch(&self) -> watch::Receiver<Option<Instant>> {
        self.0.subscribe()
    }

    pub(super) fn lift(&self) {
        self.0.send_replace(None);
    }

    /// Stands still until the answer is dropped.
    pub(super) fn still(&self) -> Still<'_> {
        let left = self.0.borrow().map(|at| at.saturating_duration_since(Instant::now()));
        self.lift();
        Still { limit: self, left, began: Instant::now() }
    }
}

/// A limit that stands still.
#[derive(Debug)]
pub(super) struct Still<'l> {
    limit: &'l Limit,
    left: Option<Duration>,
    began: Instant,
}

impl Still<'_> {
    /// For how long by now.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Drop for Still<'_> {
    fn drop(&mut self) {
        if let Some(left) = self.left {
            self.limit.0.send_replace(Some(Instant::now() + left));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_people_take_is_not_the_runs_time() {
        let limit = Limit::new(1000);
        let at = || limit.watch().borrow().map(|at| at - Instant::now());
        tokio::time::advance(Duration::from_millis(400)).await;
        assert_eq!(at(), Some(Duration::from_millis(600)));
        let still = limit.still();
        tokio::time::advance(Duration::from_hours(3)).await;
        assert_eq!((at(), still.elapsed()), (None, Duration::from_hours(3)));
        drop(still);
        assert_eq!(at(), Some(Duration::from_millis(600)));
        for none in [0, -1] {
            let never = Limit::new(none);
            drop(never.still());
            assert_eq!(*never.watch().borrow(), None);
        }
    }
}
