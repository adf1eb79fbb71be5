//! Selects the records to print by `--grep`, `--level` and `--since`, for files and runs alike. A
//! record is printed whole or not at all, and as soon as that is decided.

use regex::bytes::Regex;

use crate::cli::stop::Stop;
use crate::core::base::time::Timestamp;
use crate::core::run::event::Level;
use crate::logfile::scan::pattern;

/// The selection.
#[derive(Debug, Clone)]
pub(in crate::cli) struct RunQuery {
    grep: Option<Regex>,
    level: Level,
    from: Option<Timestamp>,
}

impl RunQuery {
    pub(in crate::cli) fn new(
        grep: Option<&str>,
        level: Option<Level>,
        from: Option<Timestamp>,
    ) -> Result<Self, Stop> {
        Ok(Self {
            grep: grep
                .map(pattern)
                .transpose()
                .map_err(|why| Stop::Usage(format!("--grep: {why}")))?,
            level: level.unwrap_or(Level::Debug),
            from,
        })
    }

    /// The pattern, when nothing else selects.
    pub(in crate::cli) fn only_grep(&self) -> Option<&Regex> {
        let else_all = self.level == Level::Debug && self.from.is_none();
        self.grep.as_ref().filter(|_| else_all)
    }

    /// The pattern.
    pub(in crate::cli) const fn grep(&self) -> Option<&Regex> {
        self.grep.as_ref()
    }
}

/// Bytes of a record that are kept until a line matches. In a longer record, the lines kept so far
/// are dropped.
const MOST: usize = 16 << 20;
/// Bytes counted for a line besides its text.
const LINE: usize = 64;

/// Selects records from lines added one by one.
#[derive(Debug)]
pub(in crate::cli) struct Picker<T> {
    wanted: RunQuery,
    /// Of the current record: level and time pass; a line has matched.
    may: bool,
    matched: bool,
    /// Lines before the first match.
    held: Vec<T>,
    bytes: usize,
}

impl<T> Picker<T> {
    pub(in crate::cli) const fn new(wanted: RunQuery) -> Self {
        Self {
            wanted,
            may: false,
            matched: false,
            held: Vec::new(),
            bytes: 0,
        }
    }

    /// Begins a record.
    pub(in crate::cli) fn begin(&mut self, level: Level, at: Option<Timestamp>) {
        self.may = level >= self.wanted.level
            && self
                .wanted
                .from
                .is_none_or(|from| at.is_some_and(|at| at >= from));
        self.matched = self.wanted.grep.is_none();
        self.forget();
    }

    /// Adds a line. Returns the lines to print now: with the first match, all lines kept so far.
    pub(in crate::cli) fn take(&mut self, text: &[u8], line: impl FnOnce() -> T) -> Vec<T> {
        self.take_found(text.len(), self.finds(text), line)
    }

    /// Whether a line is the first of its record that matches.
    pub(in crate::cli) fn finds(&self, text: &[u8]) -> bool {
        let regex = self.wanted.grep.as_ref();
        regex.is_some_and(|regex| self.may && !self.matched && regex.is_match(text))
    }

    /// The same for a line that has already been matched.
    pub(in crate::cli) fn take_found(
        &mut self,
        bytes: usize,
        found: bool,
        line: impl FnOnce() -> T,
    ) -> Vec<T> {
        if !self.may {
            return Vec::new();
        }
        self.bytes += bytes + LINE;
        self.held.push(line());
        self.matched |= found;
        if self.matched {
            self.bytes = 0;
            return std::mem::take(&mut self.held);
        }
        if self.bytes > MOST {
            self.forget();
        }
        Vec::new()
    }

    fn forget(&mut self) {
        self.held.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds records to a picker; returns what is printed after each line.
    fn picked(wanted: &RunQuery, records: &[(Level, i64, &[&str])]) -> Vec<String> {
        let mut picker = Picker::new(wanted.clone());
        let mut printed = Vec::new();
        for (level, at, lines) in records {
            picker.begin(*level, Some(Timestamp(*at)));
            printed.extend(
                lines
                    .iter()
                    .map(|line| picker.take(line.as_bytes(), || *line).join("+")),
            );
        }
        printed
    }

    #[test]
    fn a_record_comes_whole_and_at_once() {
        let records: &[(Level, i64, &[&str])] = &[
            (Level::Error, 1000, &["a", "at x", "at y"]),
            (Level::Info, 2000, &["at x"]),
            (Level::Warn, 3000, &["b", "c"]),
        ];
        let wanted = |grep, level, from: Option<i64>| {
            RunQuery::new(grep, level, from.map(Timestamp)).unwrap()
        };
        assert_eq!(
            picked(&wanted(None, None, None), records),
            ["a", "at x", "at y", "at x", "b", "c"]
        );
        assert_eq!(
            picked(&wanted(Some("at x"), None, None), records),
            ["", "a+at x", "at y", "at x", "", ""]
        );
        assert_eq!(
            picked(&wanted(None, Some(Level::Warn), None), records),
            ["a", "at x", "at y", "", "b", "c"]
        );
        assert_eq!(
            picked(&wanted(None, None, Some(2000)), records),
            ["", "", "", "at x", "b", "c"]
        );
        assert_eq!(
            picked(&wanted(Some("x"), Some(Level::Warn), Some(2000)), records),
            [""; 6]
        );
        assert!(RunQuery::new(Some("("), None, None).is_err());
    }

    #[test]
    fn a_record_without_end_is_not_kept() {
        let mut picker = Picker::new(RunQuery::new(Some("needle"), None, None).unwrap());
        picker.begin(Level::Info, None);
        let line = vec![b'x'; 1 << 20];
        for number in 0..40 {
            assert!(picker.take(&line, || number).is_empty() && picker.bytes <= MOST);
        }
        let printed = picker.take(b"needle", || 40);
        assert!(
            printed.len() <= 17 && printed.last() == Some(&40),
            "{printed:?}"
        );
        assert_eq!(picker.take(b"x", || 41), [41]);
    }

    #[test]
    fn a_record_without_a_time_is_not_printed_with_since() {
        let mut picker = Picker::new(RunQuery::new(None, None, Some(Timestamp(4000))).unwrap());
        picker.begin(Level::Error, None);
        assert!(picker.take(b"x", || ()).is_empty());
    }
}
