//! When a screen is sent without a request: lines that pass faster than they can be read are
//! sent together.

use std::time::{Duration, Instant};

use crate::logfile::log_view::LogView;

/// Shortest time between two screens sent without a request.
const INTERVAL: Duration = Duration::from_millis(40);
/// The same while more lines arrive than can be read.
const INTERVAL_RUSH: Duration = Duration::from_millis(300);

/// The last screen, and how many lines may be shown at once after it: a screen full, refilled within
/// a second.
#[derive(Debug, Default)]
pub(super) struct Pacing {
    at: Option<Instant>,
    lines: u64,
    credit: f64,
}

impl Pacing {
    /// A screen has been sent.
    pub(super) const fn has_shown(&self) -> bool {
        self.at.is_some()
    }

    /// Time until the next screen is due; `None`: the view is not on screen.
    pub(super) fn due(&self, log_view: &LogView) -> Option<Duration> {
        log_view.is_watched().then_some(())?;
        let Some(at) = self.at else {
            return Some(Duration::ZERO);
        };
        let elapsed = at.elapsed();
        let interval = if log_view.has_read_all() {
            self.interval(elapsed, log_view.extent())
        } else {
            INTERVAL
        };
        Some(interval.saturating_sub(elapsed))
    }

    /// Called before a screen is sent.
    pub(super) fn shown(&mut self, log_view: &LogView) {
        let elapsed = self.at.map_or(Duration::MAX, |at| at.elapsed());
        self.spend(elapsed, log_view.extent());
        self.at = Some(Instant::now());
    }

    fn interval(&self, elapsed: Duration, (lines, rows): (u64, usize)) -> Duration {
        if self.since(lines) <= self.credit_after(elapsed, rows) {
            INTERVAL
        } else {
            INTERVAL_RUSH
        }
    }

    fn spend(&mut self, elapsed: Duration, (lines, rows): (u64, usize)) {
        self.credit = (self.credit_after(elapsed, rows) - self.since(lines)).max(0.0);
        self.lines = lines;
    }

    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    const fn since(&self, lines: u64) -> f64 {
        lines.saturating_sub(self.lines) as f64
    }

    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn credit_after(&self, elapsed: Duration, rows: usize) -> f64 {
        let rows = rows as f64;
        (elapsed.as_secs_f64().min(1.0).mul_add(rows, self.credit)).min(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Screens sent in 10 seconds in which `rate` lines a second arrive evenly, on 50 rows.
    fn screens(rate: u64) -> usize {
        let (mut pace, mut shown_ms, mut screens) = (Pacing::default(), 0, 0);
        pace.spend(Duration::MAX, (0, 50));
        for ms in 1..10_000 {
            let extent = (rate * ms / 1000, 50);
            let elapsed = Duration::from_millis(ms - shown_ms);
            if extent.0 > pace.lines && elapsed >= pace.interval(elapsed, extent) {
                pace.spend(elapsed, extent);
                (shown_ms, screens) = (ms, screens + 1);
            }
        }
        screens
    }

    #[test]
    fn lines_that_can_be_read_come_at_once_and_a_rush_together() {
        assert_eq!([screens(0), screens(1), screens(10)], [0, 9, 99]);
        assert!((200..=250).contains(&screens(45)), "{}", screens(45));
        for rate in [200, 1000, 100_000] {
            assert!(
                (32..=40).contains(&screens(rate)),
                "{rate}: {}",
                screens(rate)
            );
        }
    }
}
