//! Inputs that are times: `for`, `until`, `since`, `within`, `at`.

use super::reading::Reading;
use super::when::Tense;

impl Reading<'_> {
    /// "for 2h", "for the next two hours", "2h".
    pub fn take_for(&mut self) {
        for at in self.words.clone() {
            let mut from = at;
            while self.is(from, &["for", "the", "next", "another"]) {
                from += 1;
            }
            if !self.all_free(at, from + 1) {
                continue;
            }
            if let Some((n, duration)) = self.duration_at(from) {
                self.set_input("for", duration, &(at..from + n));
            }
        }
    }

    fn all_free(&self, from: usize, to: usize) -> bool {
        to <= self.words.end && (from..to).all(|i| self.is_free(i))
    }

    /// "until 18:00", "till tomorrow"; a future time alone as well.
    pub fn take_until(&mut self) {
        for at in self.words.clone() {
            let until = self.is(at, &["until", "till", "til"]);
            let on = self.is(at, &["at", "on"]);
            let from = at + usize::from(until || on);
            if !self.all_free(at, from + 1) {
                continue;
            }
            if let Some((n, time, tense)) = self.time_at(from)
                && (until || tense == Tense::Future)
            {
                self.set_input("until", time, &(at..from + n));
            }
        }
    }

    /// "since 02:00", "last 24h", "in the past two hours", "2 hours ago", "today".
    pub fn take_since(&mut self) {
        for at in self.words.clone() {
            if !self.is_free(at) {
                continue;
            }
            let since = self.is(at, &["since", "after", "from", "starting"]);
            let mut from = at + usize::from(since);
            while self.is(
                from,
                &[
                    "in", "over", "during", "for", "within", "the", "on", "at", "of",
                ],
            ) {
                from += 1;
            }
            let last = self.is(from, &["last", "past", "previous"]);
            let amount = from + usize::from(last);
            if !self.all_free(at, amount + 1) {
                continue;
            }
            let unit = if last { self.unit_at(amount) } else { None };
            if let Some((n, duration)) = self.duration_at(amount).or(unit) {
                let ago = self.is(amount + n, &["ago"]);
                if last || since || ago {
                    self.set_input("since", duration, &(at..amount + n + usize::from(ago)));
                    continue;
                }
            }
            if let Some((n, time, tense)) = self.time_at(from)
                && tense != Tense::Future
            {
                self.set_input("since", time, &(at..from + n));
            }
        }
    }

    /// "in the next 30 days", "within two weeks", "next month".
    pub fn take_within(&mut self) {
        for at in self.words.clone() {
            let mut from = at;
            while self.is(from, &["in", "within", "over", "during", "for", "the"]) {
                from += 1;
            }
            let next = self.is(from, &["next", "coming", "following"]);
            let amount = from + usize::from(next);
            if !self.all_free(at, amount + 1) {
                continue;
            }
            let unit = if next { self.unit_at(amount) } else { None };
            if let Some((n, duration)) = self.duration_at(amount).or(unit) {
                self.set_input("within", duration, &(at..amount + n));
            } else if let Some((n, time, _)) = self.time_at(from) {
                self.set_input("within", time, &(at..from + n));
            }
        }
    }

    /// "at 22:00", "tomorrow 09:00", "in two hours".
    pub fn take_at(&mut self) {
        for at in self.words.clone() {
            let lead = usize::from(self.is(at, &["at", "on"]));
            if self.all_free(at, at + lead + 1)
                && let Some((n, time, tense)) = self.time_at(at + lead)
                && tense != Tense::Past
            {
                self.set_input("at", time, &(at..at + lead + n));
            }
            if self.is(at, &["in"])
                && self.all_free(at, at + 2)
                && let Some((n, duration)) = self.duration_at(at + 1)
            {
                self.set_input("at", duration, &(at..at + 1 + n));
            }
        }
    }

    /// Whether the word at `at` is unread and one of `words`.
    pub fn is(&self, at: usize, words: &[&str]) -> bool {
        at < self.words.end && self.is_free(at) && words.contains(&self.word(at))
    }
}
