//! Jumps: to the next match, error or warning as soon as the background scan knows it; to a time at
//! once.

use super::{Answer, LogView};
use crate::core::base::time::Timestamp;

/// Target of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sought {
    Hit,
    Error,
    Warning,
    /// The first line of this step of a run.
    Step(u32),
}

/// A jump in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jump {
    To(Timestamp),
    /// That time on the day of the current line, in milliseconds since midnight UTC.
    Clock(i64),
    /// Milliseconds from the time of the current line.
    By(i64),
}

/// An unfinished search.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seek {
    what: Sought,
    forward: bool,
    from: usize,
}

/// How many lines are read to find one with a time.
const TIMELESS: usize = 300;
const DAY: i64 = 86_400_000;

impl Sought {
    const fn label(self) -> &'static str {
        match self {
            Self::Hit => "match",
            Self::Error => "error",
            Self::Warning => "warning or error",
            Self::Step(_) => "line of this step",
        }
    }
}

impl LogView {
    pub(super) fn start_seek(&mut self, what: Sought, forward: bool) {
        if what == Sought::Hit && self.rules.found().is_none() {
            self.answers.push(Answer::Notice(
                "nothing is searched for yet: / begins a search".to_owned(),
            ));
            return;
        }
        if let Sought::Step(_) = what {
            self.seek = Some(Seek {
                what,
                forward,
                from: 0,
            });
            return;
        }
        self.stop_following();
        self.seek = Some(Seek {
            what,
            forward,
            from: self.place.line,
        });
    }

    /// Moves to the target once the background scan has found it.
    pub(super) fn continue_seek(&mut self) {
        let Some(Seek {
            what,
            forward,
            from,
        }) = self.seek
        else {
            return;
        };
        let bits = match what {
            Sought::Step(step) => return self.seek_step(step, from),
            Sought::Hit => self.rules.found(),
            Sought::Error => Some(self.rules.errors()),
            Sought::Warning => Some(self.rules.warnings()),
        };
        let Some(bits) = bits else { return };
        let complete = self.caught_up && bits.len() >= self.lines();
        let near = if forward {
            bits.next(from + 1)
        } else {
            bits.previous(from)
        };
        let near = near.filter(|_| forward || bits.len() >= from);
        let around = || {
            if forward {
                bits.next(0)
            } else {
                bits.previous(bits.len())
            }
        };
        let (to, wrapped) = match near {
            Some(line) => (Some(line), false),
            None if complete => (around(), true),
            None => return,
        };
        let label = what.label();
        let notice = match (to, wrapped, forward) {
            (None, ..) => Some(format!("no {label}")),
            (Some(to), true, _) if to == from => Some(format!("no other {label}")),
            (_, true, true) => Some(format!("no {label} below; on at the top")),
            (_, true, false) => Some(format!("no {label} above; on at the bottom")),
            _ => None,
        };
        self.answers.extend(notice.map(Answer::Notice));
        self.seek = None;
        self.changed = true;
        if let Some(line) = to {
            self.go_to_line(line);
        }
    }

    /// Searches the first line of a step from where the last attempt ended.
    fn seek_step(&mut self, step: u32, from: usize) {
        let end = self.files[0].lines();
        if let Some(line) = self.files[0].first_of_step(step, from, end) {
            self.seek = None;
            self.changed = true;
            return self.go_to_line(line);
        }
        if self.caught_up {
            self.seek = None;
            self.answers.push(Answer::Notice(
                "this step has written nothing yet".to_owned(),
            ));
        } else {
            self.seek = Some(Seek {
                what: Sought::Step(step),
                forward: true,
                from: end,
            });
        }
    }

    pub(super) fn jump(&mut self, jump: Jump) {
        let here = self.time_near(self.place.line);
        let to = match (jump, here) {
            (Jump::To(at), _) => Some(at),
            (Jump::Clock(ms), Some(here)) => Some(Timestamp(here.0.div_euclid(DAY) * DAY + ms)),
            (Jump::By(ms), Some(here)) => Some(here.plus_ms(ms)),
            (_, None) => None,
        };
        let line = to.and_then(|at| self.first_from(at));
        match line {
            Some(line) if line < self.lines() => self.go_to_line(line),
            Some(_) => self
                .answers
                .push(Answer::Notice("no line is that late".to_owned())),
            None => self
                .answers
                .push(Answer::Notice("no time is known here".to_owned())),
        }
    }

    /// The first line at or after the time, assuming lines in order of time.
    fn first_from(&self, at: Timestamp) -> Option<usize> {
        let (mut low, mut high) = (0, self.lines());
        let mut any = false;
        while low < high {
            let middle = low + (high - low) / 2;
            match self.time_from(middle, high) {
                Some((_, time)) if time < at => (low, any) = (middle + 1, true),
                Some(_) => (high, any) = (middle, true),
                None => high = middle,
            }
        }
        any.then(|| {
            self.time_from(low, self.lines())
                .map_or(self.lines(), |(line, _)| line)
        })
    }

    /// The first line from here with a time.
    fn time_from(&self, from: usize, to: usize) -> Option<(usize, Timestamp)> {
        let lines = self.read(from, TIMELESS.min(to - from), 512);
        lines
            .iter()
            .find_map(|line| line.time(self.now).map(|time| (line.number, time)))
    }

    /// The time of the record a line belongs to.
    fn time_near(&self, line: usize) -> Option<Timestamp> {
        let from = line.saturating_sub(TIMELESS);
        let before = self.read(from, line - from + 1, 512);
        let before = before.iter().rev().find_map(|read| read.time(self.now));
        before.or_else(|| self.time_from(line, self.lines()).map(|(_, time)| time))
    }
}
