//! Durations and points in time. Units stay as typed, weeks become days, compounds take their
//! smallest unit.

use super::lexicon::Lexicon;
use super::pattern::{Words, join};
use super::reading::Reading;

/// Seconds per unit, in the spelling of the answer; the first four are the ones answers use.
const UNITS: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];
const WEEK: u64 = 7 * 86_400;

/// Whether a point in time is in the past or the future.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tense {
    Past,
    Future,
    Either,
}

/// A number with its unit. The number is in thousandths.
#[derive(Debug, Clone, Copy)]
struct Part {
    thousandths: u64,
    unit: u64,
}

impl Reading<'_> {
    /// A duration at `at`: words taken and its canonical form.
    pub fn duration_at(&self, at: usize) -> Option<(usize, String)> {
        let (mut n, mut parts) = self.part_at(at)?;
        while at + n < self.words.end {
            let and = usize::from(matches!(self.key(at + n), "and"));
            let half = and == 1
                && at + n + 2 < self.words.end
                && self.key(at + n + 1) == "a"
                && self.key(at + n + 2) == "half";
            if half {
                let unit = parts.last().map_or(0, |p| p.unit);
                parts.push(Part {
                    thousandths: 500,
                    unit,
                });
                n += 3;
                break;
            }
            let Some((more, next)) = self.part_at(at + n + and) else {
                break;
            };
            n += and + more;
            parts.extend(next);
        }
        if at + n < self.words.end && self.glued(at + n) {
            return None;
        }
        Some((n, canonical(&parts)?))
    }

    /// A unit without number: "last hour", "next month".
    pub fn unit_at(&self, at: usize) -> Option<(usize, String)> {
        let unit = self.unit(self.key(at))?;
        Some((
            1,
            canonical(&[Part {
                thousandths: 1000,
                unit,
            }])?,
        ))
    }

    fn part_at(&self, at: usize) -> Option<(usize, Vec<Part>)> {
        if at >= self.words.end || !self.text.is_word(at) {
            return None;
        }
        if let Some(parts) = compact(self.key(at), self.lexicon) {
            return Some((1, parts));
        }
        let (n, thousandths) = self.amount_at(at)?;
        let mut unit_at = at + n;
        if unit_at < self.words.end
            && self.key(unit_at) == "of"
            && matches!(self.key(at), "couple" | "quarter" | "a")
        {
            unit_at += 1;
            if unit_at < self.words.end && matches!(self.key(unit_at), "an" | "a") {
                unit_at += 1;
            }
        }
        if unit_at >= self.words.end {
            return None;
        }
        let unit = self.unit(self.key(unit_at))?;
        Some((unit_at + 1 - at, vec![Part { thousandths, unit }]))
    }

    /// "two", "1.5", "a", "half an", "two and a half", "twenty four", "a couple".
    fn amount_at(&self, at: usize) -> Option<(usize, u64)> {
        let key = |i: usize| if i < self.words.end { self.key(i) } else { "" };
        match key(at) {
            "half" => return Some((1 + usize::from(matches!(key(at + 1), "a" | "an")), 500)),
            "a" if matches!(key(at + 1), "couple" | "half" | "quarter") => {
                let value = match key(at + 1) {
                    "couple" => 2000,
                    "half" => 500,
                    _ if key(at + 2) == "of" => 250,
                    _ => return Some((1, 1000)),
                };
                return Some((2, value));
            }
            "quarter" if key(at + 1) == "of" => return Some((1, 250)),
            _ => {}
        }
        let first = thousandths(key(at)).or_else(|| self.number_word(key(at)))?;
        let (mut n, mut value) = (1, first);
        if (20_000..100_000).contains(&first)
            && first % 10_000 == 0
            && self.lexicon.numbers.contains_key(key(at))
            && let Some(ones) = self
                .lexicon
                .numbers
                .get(key(at + 1))
                .filter(|v| (1..10).contains(*v))
        {
            value += u64::from(*ones) * 1000;
            n = 2;
        }
        if key(at + n) == "and" && key(at + n + 1) == "a" && key(at + n + 2) == "half" {
            value += 500;
            n += 3;
        }
        Some((n, value))
    }

    fn number_word(&self, word: &str) -> Option<u64> {
        let value = self
            .lexicon
            .numbers
            .get(word)
            .or_else(|| self.lexicon.numbers_of_time.get(word))?;
        Some(u64::from(*value) * 1000)
    }

    fn unit(&self, word: &str) -> Option<u64> {
        seconds(word, self.lexicon)
    }

    /// A point in time at `at`: words taken, the text as typed, and its tense.
    pub fn time_at(&self, at: usize) -> Option<(usize, String, Tense)> {
        let (n, day, tense) = self
            .day_at(at)
            .map_or((0, String::new(), Tense::Either), |d| d);
        let mut next = at + n;
        if n > 0 && next < self.words.end && matches!(self.key(next), "at" | "on") {
            next += 1;
        }
        let Some((m, clock)) = self.clock_at(next) else {
            return (n > 0).then_some((n, day, tense));
        };
        if n > 0 {
            return Some((next + m - at, format!("{day} {clock}"), tense));
        }
        let mut after = at + m;
        if after < self.words.end && matches!(self.key(after), "on" | "of") {
            after += 1;
        }
        match self.day_at(after) {
            Some((k, day, tense)) => Some((after + k - at, format!("{clock} {day}"), tense)),
            None => Some((m, clock, Tense::Either)),
        }
    }

    fn day_at(&self, at: usize) -> Option<(usize, String, Tense)> {
        if at >= self.words.end || !self.text.is_word(at) {
            return None;
        }
        let (past, future) = (
            self.lexicon.past.longest_at(self, at, self.words.end),
            self.lexicon.future.longest_at(self, at, self.words.end),
        );
        if let Some(n) = past.max(future) {
            let tense = match (past, future) {
                (Some(p), Some(f)) if p == f => Tense::Either,
                (p, f) if p > f => Tense::Past,
                _ => Tense::Future,
            };
            return Some((n, self.spelt(at, n), tense));
        }
        let lead = usize::from(matches!(self.key(at), "next" | "last" | "this" | "coming"));
        if at + lead < self.words.end && self.lexicon.weekdays.contains(self.key(at + lead)) {
            let tense = match self.key(at) {
                "last" => Tense::Past,
                "next" | "coming" => Tense::Future,
                _ => Tense::Either,
            };
            let hours = usize::from(
                at + lead + 1 < self.words.end
                    && matches!(
                        self.key(at + lead + 1),
                        "morning" | "afternoon" | "evening" | "night"
                    ),
            );
            return Some((lead + 1 + hours, self.typed(at, lead + 1 + hours), tense));
        }
        is_date(self.key(at)).then(|| (1, self.text.raw(&(at..at + 1)), Tense::Either))
    }

    fn clock_at(&self, at: usize) -> Option<(usize, String)> {
        if at >= self.words.end || !self.text.is_word(at) {
            return None;
        }
        let key = self.key(at);
        let suffixed = at + 1 < self.words.end
            && matches!(self.key(at + 1), "am" | "pm" | "a.m" | "p.m")
            && hour(key).is_some_and(|h| h <= 12);
        let plain = self.lexicon.clock.contains(key) || is_clock(key);
        if !plain && !suffixed {
            return None;
        }
        let mut n = 1 + usize::from(suffixed);
        n += usize::from(
            at + n < self.words.end && matches!(self.key(at + n), "utc" | "gmt" | "cet" | "cest"),
        );
        Some((n, self.text.raw(&(at..at + n))))
    }

    /// Words as typed; those for days in lower case.
    /// Words as typed, or as they are read where they are spelt otherwise: "last nights".
    fn spelt(&self, at: usize, n: usize) -> String {
        let (typed, read) = (self.typed(at, n), join(self, at, n));
        if typed.eq_ignore_ascii_case(&read) || read.contains(['\'', '’']) {
            typed
        } else {
            read
        }
    }

    fn typed(&self, at: usize, n: usize) -> String {
        let raw = self.text.raw(&(at..at + n));
        // "today's runs"
        let raw = raw
            .strip_suffix("'s")
            .or_else(|| raw.strip_suffix("’s"))
            .map(str::to_owned)
            .unwrap_or(raw);
        if self.lexicon.weekdays.contains(self.key(at)) {
            raw
        } else {
            raw.to_lowercase()
        }
    }
}

fn canonical(parts: &[Part]) -> Option<String> {
    let total: u64 = parts.iter().try_fold(0_u64, |sum, p| {
        sum.checked_add(p.thousandths.checked_mul(p.unit)?)
    })?;
    if total == 0 || !total.is_multiple_of(1000) {
        return None;
    }
    let total = total / 1000;
    let smallest = parts.iter().map(|p| p.unit).min()?;
    let (name, unit) = UNITS
        .iter()
        .rev()
        .find(|(_, u)| *u <= smallest && total.is_multiple_of(*u))?;
    Some(format!("{}{name}", total / unit))
}

fn seconds(word: &str, lexicon: &Lexicon) -> Option<u64> {
    let unit = lexicon.units.get(word)?;
    Some(match unit.as_str() {
        "w" => WEEK,
        "fortnight" => 2 * WEEK,
        "month" => 30 * 86_400,
        "quarter" => 90 * 86_400,
        "year" => 365 * 86_400,
        _ => UNITS.iter().find(|(name, _)| name == unit)?.1,
    })
}

/// `90m`, `1h30m`, `1.5h`, `30-minute`.
fn compact(word: &str, lexicon: &Lexicon) -> Option<Vec<Part>> {
    let mut rest = word;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number = thousandths(&rest[..digits])?;
        rest = rest[digits..].trim_start_matches('-');
        let letters = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        parts.push(Part {
            thousandths: number,
            unit: seconds(&rest[..letters], lexicon)?,
        });
        rest = &rest[letters..];
    }
    (!parts.is_empty()).then_some(parts)
}

/// A decimal number in thousandths.
fn thousandths(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty()
        || whole.len() > 9
        || fraction.len() > 3
        || !digits(whole)
        || !digits(fraction)
    {
        return None;
    }
    let fraction: u64 = format!("{fraction:0<3}").parse().ok()?;
    Some(whole.parse::<u64>().ok()? * 1000 + fraction)
}

fn hour(text: &str) -> Option<u32> {
    text.split([':', '.'])
        .next()?
        .parse()
        .ok()
        .filter(|_| text.starts_with(|c: char| c.is_ascii_digit()))
}

/// `02:00`, `9am`, `14:30:00`, `9:30pm`.
fn is_clock(word: &str) -> bool {
    let (body, half) = match word.strip_suffix("am").or_else(|| word.strip_suffix("pm")) {
        Some(body) => (body, true),
        None => (word.strip_suffix('z').unwrap_or(word), false),
    };
    let fields: Vec<&str> = body.split(':').collect();
    let number = |s: &&str| s.len() <= 2 && !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let shape =
        fields.iter().all(number) && (1..=3).contains(&fields.len()) && (half || fields.len() > 1);
    let limit = |(i, s): (usize, &&str)| {
        s.parse::<u32>().is_ok_and(|v| {
            v < if i > 0 {
                60
            } else if half {
                13
            } else {
                25
            }
        })
    };
    shape && fields.iter().enumerate().all(limit)
}

/// `2025-01-15`, `2025-01-15T10:00`.
fn is_date(word: &str) -> bool {
    let (date, time) = word
        .split_once('t')
        .map_or((word, None), |(d, t)| (d, Some(t)));
    let fields: Vec<&str> = date.split('-').collect();
    let sizes = [4, 2, 2];
    let digits = fields.len() == 3
        && fields
            .iter()
            .zip(sizes)
            .all(|(f, n)| f.len() == n && f.bytes().all(|b| b.is_ascii_digit()));
    digits && time.is_none_or(is_clock)
}
