//! Flow control for slow links. A link may buffer seconds of output without `write` blocking, so
//! after every `WORTH` bytes a status query is sent; its answer acknowledges all bytes before it.
//! Frames that no key caused wait for the answer and leave the link idle half of the time, so that
//! the answer to a key is never queued behind much output.

use std::time::{Duration, Instant};

/// The status query; every terminal answers `CSI 0 n`.
pub const QUESTION: &str = "\x1b[5n";

/// Unacknowledged bytes before a query is sent: a tenth of a second at 64 kbit/s.
const WORTH: u64 = 1024;
/// Unacknowledged bytes up to which the answer to a key is sent at once.
const AHEAD: u64 = 2048;
/// Timeout for the first answer of a terminal.
const FIRST_TIMEOUT: Duration = Duration::from_millis(700);
/// Timeout for later answers.
const LATER_TIMEOUT: Duration = Duration::from_secs(3);

/// Bytes in flight, and the query for them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    sent: u64,
    /// Bytes acknowledged.
    taken: u64,
    question: Option<Question>,
    /// The shortest round trip so far.
    shortest: Option<Duration>,
    /// No frame without a key before this time.
    free: Option<Instant>,
    /// A query timed out: no waiting and no further queries until the terminal answers.
    silent: bool,
}

#[derive(Debug, Clone, Copy)]
struct Question {
    at: Instant,
    sent: u64,
}

impl Pace {
    /// Counts bytes sent. True: send a query after them.
    #[must_use]
    pub fn sends(&mut self, bytes: u64, now: Instant) -> bool {
        self.check_timeout(now);
        self.sent += bytes;
        let asks = self.question.is_none() && self.sent - self.taken >= WORTH;
        if asks {
            self.question = Some(Question {
                at: now,
                sent: self.sent,
            });
        }
        asks
    }

    /// Takes the answer to the query.
    pub fn answered(&mut self, now: Instant) {
        self.silent = false;
        let Some(question) = self.question.take() else {
            return;
        };
        let took = now.saturating_duration_since(question.at);
        let shortest = self.shortest.map_or(took, |shortest| shortest.min(took));
        (self.shortest, self.taken) = (Some(shortest), question.sent);
        // Leave the link idle for as long as it was busy with these bytes.
        self.free = Some(now + took.saturating_sub(shortest));
    }

    /// When the next frame may be drawn (`None`: now); `for_key`: it answers a key.
    #[must_use]
    pub fn next(&self, for_key: bool) -> Option<Instant> {
        match self.question.filter(|_| !self.silent) {
            _ if for_key && self.sent - self.taken < AHEAD => None,
            Some(question) => Some(question.at + self.max_wait()),
            None if for_key => None,
            None => self.free,
        }
    }

    /// How much longer to wait for the answer; `None`: none is due.
    #[must_use]
    pub fn waits(&self, now: Instant) -> Option<Duration> {
        let question = self
            .question
            .filter(|_| self.shortest.is_some() && !self.silent)?;
        Some(
            (question.at + self.max_wait().min(Duration::from_secs(1)))
                .saturating_duration_since(now),
        )
    }

    fn max_wait(&self) -> Duration {
        if self.shortest.is_some() {
            LATER_TIMEOUT
        } else {
            FIRST_TIMEOUT
        }
    }

    fn check_timeout(&mut self, now: Instant) {
        self.silent |= self
            .question
            .is_some_and(|question| now >= question.at + self.max_wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Simulates a link at full load; returns bytes sent per second and the maximum bytes queued.
    fn follow(bytes_a_second: u64, latency: Duration, frame: u64, seconds: u32) -> (u64, u64) {
        let start = Instant::now();
        let (mut pace, mut now, end) = (
            Pace::default(),
            start,
            start + Duration::from_secs(seconds.into()),
        );
        let (mut line_free, mut answer, mut sent, mut most) = (start, None::<Instant>, 0, 0);
        while now < end {
            if answer.is_some_and(|at| at <= now) {
                pace.answered(now);
                answer = None;
            }
            if pace.next(false).is_none_or(|at| at <= now) {
                let waiting = line_free.saturating_duration_since(now);
                most =
                    most.max(u64::try_from(waiting.as_millis()).unwrap() * bytes_a_second / 1000);
                sent += frame;
                line_free =
                    line_free.max(now) + Duration::from_millis(frame * 1000 / bytes_a_second);
                if pace.sends(frame, now) {
                    answer = Some(line_free + latency * 2);
                }
            }
            now += MS * 5;
        }
        (sent / u64::from(seconds), most)
    }

    #[test]
    fn a_slow_line_is_left_half_free_and_a_fast_one_is_not_held_up() {
        let (rate, waiting) = follow(8000, MS * 200, 2000, 60);
        assert!(
            (1500..=4500).contains(&rate) && waiting <= 2000,
            "{rate} B/s, {waiting} B waiting"
        );
        let (rate, _) = follow(100_000_000, Duration::ZERO, 2000, 2);
        assert!(rate >= 2000 * 150, "{rate} B/s");
    }

    #[test]
    fn a_key_is_answered_at_once_unless_much_is_on_its_way() {
        let now = Instant::now();
        let mut pace = Pace::default();
        assert!(!pace.sends(1000, now));
        assert!(pace.sends(900, now));
        assert_eq!(pace.next(true), None);
        assert!(pace.next(false).is_some());
        assert!(!pace.sends(900, now), "one question at a time");
        assert!(pace.next(true).is_some());
        pace.answered(now + MS * 40);
        assert_eq!(pace.next(true), None);
    }

    #[test]
    fn a_terminal_that_never_answers_is_not_waited_for() {
        let now = Instant::now();
        let mut pace = Pace::default();
        assert!(pace.sends(5000, now));
        assert_eq!(pace.next(false), Some(now + FIRST_TIMEOUT));
        assert!(!pace.sends(5000, now + FIRST_TIMEOUT));
        assert!(!pace.sends(5000, now + FIRST_TIMEOUT * 2));
        assert_eq!(pace.next(false), None);
        pace.answered(now + LATER_TIMEOUT);
        assert!(
            pace.sends(5000, now + LATER_TIMEOUT),
            "late is better than never"
        );
    }
}
