//! The run's total deadline. It is paused while people hold the run back: that time does not count.

use tokio::sync::watch;
use tokio::time::{Duration, Instant};

/// When the run must have ended; `None`: never, or paused.
#[derive(Debug)]
pub(super) struct Limit(watch::Sender<Option<Instant>>);

impl Limit {
    /// `timeout_ms` from now; 0 and less: no limit.
    pub(super) fn new(timeout_ms: i64) -> Self {
        let ms = u64::try_from(timeout_ms).ok().filter(|ms| *ms > 0);
        // tokio's timers end after about 30 years.
        Self(watch::Sender::new(ms.map(|ms| {
            Instant::now() + Duration::from_millis(ms.min(1_000_000_000_000))
        })))
    }

    pub(super) fn watch(&self) -> watch::Receiver<Option<Instant>> {
        self.0.subscribe()
    }

    pub(super) fn lift(&self) {
        self.0.send_replace(None);
    }

    /// Pauses the limit until the result is dropped.
    pub(super) fn pause(&self) -> Pause<'_> {
        let left = self
            .0
            .borrow()
            .map(|at| at.saturating_duration_since(Instant::now()));
        self.lift();
        Pause {
            limit: self,
            left,
            began: Instant::now(),
        }
    }
}

/// A paused limit.
#[derive(Debug)]
pub(super) struct Pause<'l> {
    limit: &'l Limit,
    left: Option<Duration>,
    began: Instant,
}

impl Pause<'_> {
    /// The duration of the pause so far.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Drop for Pause<'_> {
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
    async fn a_pause_does_not_count() {
        let limit = Limit::new(1000);
        let at = || limit.watch().borrow().map(|at| at - Instant::now());
        tokio::time::advance(Duration::from_millis(400)).await;
        assert_eq!(at(), Some(Duration::from_millis(600)));
        let pause = limit.pause();
        tokio::time::advance(Duration::from_hours(3)).await;
        assert_eq!((at(), pause.elapsed()), (None, Duration::from_hours(3)));
        drop(pause);
        assert_eq!(at(), Some(Duration::from_millis(600)));
        for none in [0, -1] {
            let never = Limit::new(none);
            drop(never.pause());
            assert_eq!(*never.watch().borrow(), None);
        }
    }
}
