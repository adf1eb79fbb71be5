//! Runs (and alerts and incidents) by number, or as the last one.

use std::ops::Range;

use super::kinds::{self, Form};
use super::pattern::Words;
use super::reading::Reading;

/// The longest list that is asked for by its length.
const MOST_LISTED: u32 = 1000;

impl Reading<'_> {
    /// The first mention of a run: its words and "41", "last" or "`last_failed`".
    pub fn find_run(&self) -> Option<(Range<usize>, String)> {
        let number = self.words.clone().find_map(|i| self.run_at(i));
        let last = self.words.clone().find_map(|i| self.last_run_at(i));
        number
            .into_iter()
            .chain(last)
            .min_by_key(|(words, _)| words.start)
    }

    fn run_at(&self, at: usize) -> Option<(Range<usize>, String)> {
        if !self.is_free(at) || self.spans.at(at).is_some() {
            return None;
        }
        let number = run_number(self.word(at))?;
        // "2 hours", "3 replicas" are not runs.
        let counted = at + 1 < self.words.end
            && (self.lexicon.units.contains_key(self.word(at + 1))
                || self.word(at + 1) == "replicas");
        if counted {
            return None;
        }
        let mut start = at;
        while start > self.words.start
            && self.is_free(start - 1)
            && matches!(
                self.word(start - 1),
                "run" | "runs" | "number" | "no" | "#" | "id"
            )
        {
            start -= 1;
        }
        Some((start..at + 1, number))
    }

    fn last_run_at(&self, at: usize) -> Option<(Range<usize>, String)> {
        let key = |i: usize| {
            if i < self.words.end && self.is_free(i) {
                self.word(i)
            } else {
                ""
            }
        };
        let mut next = match key(at) {
            "last" | "latest" | "previous" | "newest" => at + 1,
            "most" if key(at + 1) == "recent" => at + 2,
            _ => return None,
        };
        let failed = matches!(key(next), "failed" | "failing" | "failure" | "broken");
        next += usize::from(failed);
        let noun = matches!(key(next), "run" | "one" | "job" | "failure");
        next += usize::from(noun);
        // "last deploy", "last successful run": not the last run.
        let ends = next >= self.words.end
            || !self.is_free(next)
            || self.lexicon.connectives.contains(key(next))
            || self.lexicon.fillers.contains(key(next))
            || self.spans.at(next).is_some();
        (noun || failed || ends).then(|| {
            (
                at..next,
                if failed { "last_failed" } else { "last" }.to_owned(),
            )
        })
    }

    /// Spends the first mention of a run on `input`.
    pub fn take_run(&mut self, input: &str) {
        if self.has_input(input) {
            return;
        }
        if let Some((words, run)) = self.find_run() {
            self.set_input(input, run, &words);
        }
    }

    /// "the failed deploy", "the last restart", "the latest failed deploy": the newest run of that
    /// kind.
    pub fn take_run_of_kind(&mut self) {
        let Some((words, failed, kind)) =
            self.find_run_of_kind().filter(|_| !self.has_input("run"))
        else {
            return;
        };
        let run = if failed { "last_failed" } else { "last" };
        self.set_input("run", run.to_owned(), &words);
        self.out.inputs.insert("kind".to_owned(), kind.to_owned());
    }

    /// Its words, whether it failed, and its runbook.
    pub fn find_run_of_kind(&self) -> Option<(Range<usize>, bool, &'static str)> {
        self.words.clone().find_map(|at| {
            let last = self.is(at, &["last", "latest", "previous", "newest"]);
            let failed = self.is(at + usize::from(last), &["failed"]);
            let noun = at + usize::from(last) + usize::from(failed);
            let word = Some(noun).filter(|noun| *noun < self.words.end && self.is_free(*noun))?;
            let (kind, form) = kinds::of(self.word(word)).filter(|_| last || failed)?;
            (form == Form::Noun).then_some((at..noun + 1, failed, kind))
        })
    }

    /// "last 5 deploys", "the 3 latest failed runs", "last ten changes": how many are listed.
    pub fn take_count(&mut self) {
        const NEWEST: [&str; 5] = ["last", "latest", "newest", "recent", "previous"];
        const LISTED: [&str; 6] = ["runs", "jobs", "failures", "changes", "edits", "entries"];
        let newest = |at: usize| at < self.words.end && NEWEST.contains(&self.word(at));
        let listed = |at: usize| {
            let noun = |at: usize| {
                let word = (at < self.words.end).then(|| self.word(at));
                word.is_some_and(|word| LISTED.contains(&word) || kinds::of(word).is_some())
            };
            noun(at) || noun(self.after_status(at))
        };
        let found = self.words.clone().find_map(|at| {
            let count = self.count_at(at)?;
            let after = at > self.words.start && newest(at - 1) && listed(at + 1);
            let before = newest(at + 1) && listed(at + 2);
            (after || before).then_some((at, count, if after { at - 1 } else { at + 1 }))
        });
        if let Some((at, count, newest)) = found {
            if self.is_free(newest) {
                self.soften(newest);
            }
            self.set_input("limit", count.to_string(), &(at..at + 1));
        }
    }

    /// A number of rows to list, in digits or as a word.
    fn count_at(&self, at: usize) -> Option<u32> {
        if !self.is_number(at) || self.spans.at(at).is_some() {
            return None;
        }
        let word = self.word(at);
        let count = word.parse().ok();
        let count = count.or_else(|| self.lexicon.numbers.get(word).copied())?;
        (1..=MOST_LISTED).contains(&count).then_some(count)
    }

    /// "errors in the last run": the word of the verb is also the level.
    pub fn take_level(&mut self) {
        let errors = |r: &Self, at: usize| {
            r.spans.at(at).is_none()
                && matches!(r.word(at), "error" | "errors" | "failures" | "problems")
        };
        if self.words.clone().any(|at| errors(self, at)) {
            self.out
                .inputs
                .insert("level".to_owned(), "error".to_owned());
        }
    }

    /// "alert 12", "#12", "incident 3".
    pub fn take_number(&mut self, input: &str) {
        if self.has_input(input) {
            return;
        }
        if let Some((words, number)) = self.words.clone().find_map(|i| self.run_at(i)) {
            self.set_input(input, number, &words);
        }
    }
}

/// `41`, `#41`.
fn run_number(word: &str) -> Option<String> {
    let digits = word.strip_prefix('#').unwrap_or(word);
    let valid =
        !digits.is_empty() && digits.len() <= 18 && digits.bytes().all(|b| b.is_ascii_digit());
    valid.then(|| digits.to_owned())
}
