//! Filters, the minimum level and the search: scanned file by file in the background, combined in
//! reading order.

use regex::bytes::Regex;

use crate::core::run::event::Level;
use crate::logfile::bits::Bits;
use crate::logfile::file::Tracked;
use crate::logfile::index::Line;
use crate::logfile::levels::Levels;
use crate::logfile::order::Order;
use crate::logfile::scan::Scan;
use crate::logfile::sets::{Parts, Set};
use crate::logfile::whole::{Of, Whole};

/// One filter: shows only records with a match, or hides them. A record has to pass all filters.
#[derive(Debug, Clone)]
pub struct Rule {
    pub regex: Regex,
    pub hide: bool,
}

/// A pattern searched in every file.
#[derive(Debug)]
struct Looked {
    regex: Regex,
    hide: bool,
    of: Of,
    scans: Vec<Scan>,
    /// The matches by record.
    wholes: Vec<Whole>,
}

/// Decides which lines are shown and found.
#[derive(Debug)]
pub(super) struct Rules {
    filters: Vec<Looked>,
    floor: Level,
    search: Option<Looked>,
    visible: Set,
    found: Set,
    errors: Set,
    warnings: Set,
}

impl Looked {
    fn new(regex: Regex, hide: bool, of: Of, files: usize) -> Self {
        let mut pattern = Self {
            regex,
            hide,
            of,
            scans: Vec::new(),
            wholes: Vec::new(),
        };
        (0..files).for_each(|_| pattern.join());
        pattern
    }

    fn join(&mut self) {
        self.scans.push(Scan::new(self.regex.clone()));
        self.wholes.push(Whole::new(self.of));
    }

    fn restart(&mut self, file: usize) {
        (self.scans[file], self.wholes[file]) =
            (Scan::new(self.regex.clone()), Whole::new(self.of));
    }

    /// Lines scanned so far.
    fn known(&self, file: usize) -> usize {
        self.wholes[file].bits.len()
    }

    fn passes(&self, file: usize, line: usize) -> bool {
        self.wholes[file].bits.contains(line) != self.hide
    }

    fn word(&self, index: usize) -> u64 {
        let word = self.wholes[0].bits.word(index);
        if self.hide { !word } else { word }
    }

    /// Scans one block of the first file that is behind: its index, and the first line of it whose
    /// result changed, if any.
    fn step(&mut self, files: &[Tracked]) -> Option<(usize, Option<usize>)> {
        let step = |(scan, file): (&mut Scan, &Tracked)| {
            scan.step(file.file(), &file.index, file.tail_counts())
                .unwrap_or(false)
        };
        let at = self.scans.iter_mut().zip(files).position(step)?;
        let known = files[at].index.records.joined();
        let back =
            self.wholes[at].extend(&self.scans[at].hits, known, |line| files[at].joined(line));
        Some((at, back))
    }
}

impl Default for Rules {
    fn default() -> Self {
        let (visible, found, errors, warnings) = Default::default();
        Self {
            filters: Vec::new(),
            floor: Level::Debug,
            search: None,
            visible,
            found,
            errors,
            warnings,
        }
    }
}

impl Rules {
    /// Sets the filters; the scan of a pattern that stays is kept.
    pub(super) fn set(&mut self, rules: Vec<Rule>, floor: Level, files: usize) {
        let mut old = std::mem::take(&mut self.filters);
        self.filters = rules
            .into_iter()
            .map(|rule| {
                let known = old
                    .iter()
                    .position(|l| l.regex.as_str() == rule.regex.as_str());
                let kept = known.map(|at| Looked {
                    hide: rule.hide,
                    ..old.swap_remove(at)
                });
                kept.unwrap_or_else(|| Looked::new(rule.regex, rule.hide, Of::Every, files))
            })
            .collect();
        self.floor = floor;
        self.forget_sets();
    }

    pub(super) fn search_for(&mut self, regex: Option<Regex>, files: usize) {
        let same = |search: &Looked| {
            regex
                .as_ref()
                .is_some_and(|r| r.as_str() == search.regex.as_str())
        };
        if !self.search.as_ref().is_some_and(same) {
            self.search = regex.map(|regex| Looked::new(regex, false, Of::First, files));
            self.found = Set::default();
        }
    }

    fn forget_sets(&mut self) {
        (self.visible, self.found, self.errors, self.warnings) = Default::default();
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Looked> {
        self.filters.iter_mut().chain(&mut self.search)
    }

    /// Adds a file. The sets are rebuilt: those of a single file do not count by file.
    pub(super) fn join(&mut self) {
        self.all().for_each(Looked::join);
        self.forget_sets();
    }

    pub(super) fn restart(&mut self, file: usize) {
        self.all().for_each(|pattern| pattern.restart(file));
        self.forget_sets();
    }

    pub(super) fn back_to(
        &mut self,
        order: &Order,
        file: usize,
        line: usize,
        offset: u64,
        joined: impl Fn(usize) -> bool,
    ) {
        let mut first = line;
        for pattern in self.all() {
            pattern.scans[file].back_to(line, offset);
            // The scan of earlier lines stays valid; only their record is evaluated again.
            first = first.min(pattern.wholes[file].back_to(line, &joined));
        }
        self.sets_back_to(order, file, first);
    }

    fn sets_back_to(&mut self, order: &Order, file: usize, line: usize) {
        for set in [
            &mut self.visible,
            &mut self.found,
            &mut self.errors,
            &mut self.warnings,
        ] {
            set.back_to(order, file, line);
        }
    }

    /// Scans one block of the first pattern that is behind; levels come first when they decide what
    /// is shown, else last.
    pub(super) fn step(&mut self, order: &Order, files: &[Tracked], levels: &mut [Levels]) -> bool {
        if self.floor > Level::Debug && step_levels(files, levels) {
            return true;
        }
        let Some((file, back)) = self.all().find_map(|pattern| pattern.step(files)) else {
            return step_levels(files, levels);
        };
        if let Some(line) = back {
            self.sets_back_to(order, file, line);
        }
        true
    }

    pub(super) fn fill(&mut self, order: &Order, len: usize, files: &[Tracked], levels: &[Levels]) {
        let Self {
            filters,
            floor,
            search,
            visible,
            found,
            errors,
            warnings,
        } = self;
        let filtering = !filters.is_empty() || *floor > Level::Debug;
        let floors = |file: usize| levels[file].from(*floor);
        let known = |file: usize| {
            let wholes = filters.iter().map(|f| f.known(file));
            wholes
                .chain(floors(file).map(Bits::len))
                .min()
                .unwrap_or(usize::MAX)
        };
        let shown = |file: usize, line: usize| {
            filters.iter().all(|f| f.passes(file, line))
                && floors(file).is_none_or(|bits| bits.contains(line))
        };
        let shown_word = |index: usize| {
            let floor = floors(0).map_or(u64::MAX, |bits| bits.word(index));
            filters.iter().fold(floor, |word, f| word & f.word(index))
        };
        if filtering {
            visible.fill(
                order,
                len,
                &Parts {
                    known: &known,
                    word: &shown_word,
                    line: &shown,
                },
            );
        }
        if let Some(search) = search {
            found.fill(
                order,
                len,
                &Parts {
                    known: &|file| known(file).min(search.known(file)),
                    word: &|index| shown_word(index) & search.word(index),
                    line: &|file, line| search.passes(file, line) && shown(file, line),
                },
            );
        }
        // A record counts as one error, however many lines it has.
        let joined = |file: usize| files[file].index.records.joined();
        for (set, of) in [(errors, Level::Error), (warnings, Level::Warn)] {
            let bits = |file: usize| levels[file].from(of);
            set.fill(
                order,
                len,
                &Parts {
                    known: &|file| known(file).min(levels[file].len()),
                    word: &|index| {
                        shown_word(index)
                            & bits(0).map_or(0, |b| b.word(index))
                            & !joined(0).word(index)
                    },
                    line: &|file, line| {
                        bits(file).is_some_and(|b| b.contains(line))
                            && !joined(file).contains(line)
                            && shown(file, line)
                    },
                },
            );
        }
    }

    /// Lines that are shown, as far as scanned; `None`: all.
    pub(super) fn visible(&self) -> Option<&Bits> {
        (!self.filters.is_empty() || self.floor > Level::Debug).then_some(&self.visible.bits)
    }

    /// Lines that match the search and are shown, as far as scanned.
    pub(super) fn found(&self) -> Option<&Bits> {
        self.search.is_some().then_some(&self.found.bits)
    }

    pub(super) const fn errors(&self) -> &Bits {
        &self.errors.bits
    }

    pub(super) const fn warnings(&self) -> &Bits {
        &self.warnings.bits
    }

    /// Evaluates a record that has not been scanned yet.
    pub(super) fn would_show(&self, lines: &[Line], level: Level) -> bool {
        let matches = |regex: &Regex| lines.iter().any(|line| regex.is_match(&line.bytes));
        level >= self.floor && self.filters.iter().all(|f| matches(&f.regex) != f.hide)
    }
}

fn step_levels(files: &[Tracked], levels: &mut [Levels]) -> bool {
    let step = |(levels, file): (&mut Levels, &Tracked)| levels.step(file).unwrap_or(false);
    levels.iter_mut().zip(files).any(step)
}
