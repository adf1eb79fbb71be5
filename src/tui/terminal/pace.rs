//! How fast the far end takes what is sent. Between us and it may lie a slow line with room for seconds of bytes, of which
//! writing tells nothing. So after every so many bytes the terminal is asked how it is, and its answer says that it has
//! come so far. Frames that show what came by itself wait for that, and leave the line free half of the time: a key's
//! answer never stands behind more than a little.

use std::time::{Duration, Instant};

/// Asks for the terminal's state; any terminal answers `CSI 0 n`.
pub const QUESTION: &str = "\x1b[5n";

/// Bytes on their way that are worth a question: a tenth of a second at 64 kbit/s.
const WORTH: u64 = 1024;
/// Bytes on their way before which a key's answer does not wait.
const AHEAD: u64 = 2048;
/// A terminal that has never answered is waited for so long, one that has so long.
const FIRST: Duration = Duration::from_millis(700);
const LATER: Duration = Duration::from_secs(3);

/// What is on its way.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    sent: u64,
    /// Bytes that have arrived.
    taken: u64,
    asked: Option<Asked>,
    /// The shortest way there and back so far.
    shortest: Option<Duration>,
    /// No frame of its own before this.
    free: Option<Instant>,
    /// It did not answer in time: nobody waits for it, or asks again, until it does.
    silent: bool,
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    at: Instant,
    sent: u64,
}

impl Pace {
    /// So many bytes are sent. True: a question is to follow them.
    #[must_use]
    pub fn sends(&mut self, bytes: u64, now: Instant) -> bool {
        self.give_up(now);
        self.sent += bytes;
        let asks = self.asked.is_none() && self.sent - self.taken >= WORTH;
        if asks {
            self.asked = Some(Asked { at: now, sent: self.sent });
        }
        asks
    }

    /// The terminal answered.
    pub fn answered(&mut self, now: Instant) {
        self.silent = false;
        let Some(asked) = self.asked.take() else { return };
        let took = now.saturating_duration_since(asked.at);
        let shortest = self.shortest.map_or(took, |shortest| shortest.min(took));
        (self.shortest, self.taken) = (Some(shortest), asked.sent);
        // As long as the line was busy with it, it is left to others.
        self.free = Some(now + took.saturating_sub(shortest));
    }

    /// When the next frame may be drawn; `for_key`: the answer to a key.
    #[must_use]
    pub fn next(&self, for_key: bool) -> Option<Instant> {
        match self.asked.filter(|_| !self.silent) {
            _ if for_key && self.sent - self.taken < AHEAD => None,
            Some(asked) => Some(asked.at + self.patience()),
            None if for_key => None,
            None => self.free,
        }
    }

    /// Whether an answer is still to come, and how long it may take.
    #[must_use]
    pub fn waits(&self, now: Instant) -> Option<Duration> {
        let asked = self.asked.filter(|_| self.shortest.is_some() && !self.silent)?;
        Some((asked.at + self.patience().min(Duration::from_secs(1))).saturating_duration_since(now))
    }

    fn patience(&self) -> Duration {
        if self.shortest.is_some() { LATER } else { FIRST }
    }

    fn give_up(&mut self, now: Instant) {
        self.silent |= self.asked.is_some_and(|asked| now >= asked.at + self.patience());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A line of so many bytes a second and so long a way, and what comes of one that always has more to show.
    fn follow(bytes_a_second: u64, way: Duration, frame: u64, seconds: u32) -> (u64, u64) {
        let start = Instant::now();
        let (mut pace, mut now, end) = (Pace::default(), start, start + Duration::from_secs(seconds.into()));
        let (mut line_free, mut answer, mut sent, mut most) = (start, None::<Instant>, 0, 0);
        while now < end {
            if answer.is_some_and(|at| at <= now) {
                pace.answered(now);
                answer = None;
            }
            if pace.next(false).is_none_or(|at| at <= now) {
                let waiting = line_free.saturating_duration_since(now);
                most = most.max(u64::try_from(waiting.as_millis()).unwrap() * bytes_a_second / 1000);
                sent += frame;
                line_free = line_free.max(now) + Duration::from_millis(frame * 1000 / bytes_a_second);
                if pace.sends(frame, now) {
                    answer = Some(line_free + way * 2);
                }
            }
            now += MS * 5;
        }
        (sent / u64::from(seconds), most)
    }

    #[test]
    fn a_slow_line_is_left_half_free_and_a_fast_one_is_not_held_up() {
        let (rate, waiting) = follow(8000, MS * 200, 2000, 60);
        assert!((1500..=4500).contains(&rate) && waiting <= 2000, "{rate} B/s, {waiting} B waiting");
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
        assert_eq!(pace.next(false), Some(now + FIRST));
        assert!(!pace.sends(5000, now + FIRST));
        assert!(!pace.sends(5000, now + FIRST * 2));
        assert_eq!(pace.next(false), None);
        pace.answered(now + LATER);
        assert!(pace.sends(5000, now + LATER), "late is better than never");
    }
}
