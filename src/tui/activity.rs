//! What has happened in runs since they were last on screen, and since when they are silent. Derived
//! from overviews and notices; nothing is read for it.

use std::collections::HashMap;

use crate::core::base::time::Timestamp;
use crate::core::run::summary::RunSummary;
use crate::core::run::{RunId, RunStatus};

/// A running step without output for this long is marked, milliseconds.
pub const SILENT_MS: i64 = 60_000;

/// The runs of the overview.
#[derive(Debug, Clone, Default)]
pub struct Activity {
    runs: HashMap<RunId, Track>,
    /// An overview was taken over.
    begun: bool,
}

#[derive(Debug, Clone, Copy)]
struct Track {
    /// Number of the last entry, and the status.
    last: (i64, RunStatus),
    /// The same when it was last on screen; `None`: it never was.
    seen: Option<(i64, RunStatus)>,
    /// When the last entry came, or the run was first listed.
    spoke: Timestamp,
}

/// What has happened in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct News {
    /// Number of new entries.
    pub entries: i64,
    /// Its status is another one.
    pub status: bool,
}

impl News {
    /// `12 new`, or `changed` without new entries.
    #[must_use]
    pub fn describe(self) -> String {
        match self.entries {
            0 => "changed".to_owned(),
            entries => format!("{entries} new"),
        }
    }
}

impl Activity {
    /// Takes over the runs of an overview. All runs of the first one count as seen; the pulse is never
    /// news.
    pub(super) fn list(&mut self, runs: &[RunSummary], now: Timestamp) {
        let begun = std::mem::replace(&mut self.begun, true);
        self.runs
            .retain(|id, _| runs.iter().any(|run| run.id == *id));
        for run in runs.iter().filter(|run| run.trigger != "pulse") {
            let last = (run.last_seq, run.status);
            let track = self.runs.entry(run.id).or_insert(Track {
                last,
                seen: (!begun).then_some(last),
                spoke: now,
            });
            track.last.1 = run.status;
            track.speak(run.last_seq, now);
        }
    }

    /// Entries up to this number were written.
    pub(super) fn entries(&mut self, run: RunId, last: i64, now: Timestamp) {
        if let Some(track) = self.runs.get_mut(&run) {
            track.speak(last, now);
        }
    }

    /// The runs for which that is true are on screen.
    pub(super) fn look(&mut self, on_screen: impl Fn(RunId) -> bool) {
        for (run, track) in &mut self.runs {
            if on_screen(*run) {
                track.seen = Some(track.last);
            }
        }
    }

    /// What has happened in a run since it was last on screen.
    #[must_use]
    pub fn news(&self, run: RunId) -> Option<News> {
        let track = self.runs.get(&run)?;
        let (entries, status) = track.seen.unwrap_or((0, RunStatus::Queued));
        let news = News {
            entries: track.last.0 - entries,
            status: track.last.1 != status,
        };
        (news.entries > 0 || news.status).then_some(news)
    }

    /// Number of runs with news.
    #[must_use]
    pub fn count(&self) -> usize {
        let has_news = |run: &&RunId| self.news(**run).is_some();
        self.runs.keys().filter(has_news).count()
    }

    /// How long a run that began something at `since` is silent, if that is long, milliseconds.
    #[must_use]
    pub fn silence(&self, run: RunId, since: Timestamp, now: Timestamp) -> Option<i64> {
        let spoke = self.runs.get(&run)?.spoke.max(since);
        Some(now.ms_since(spoke)).filter(|ms| *ms >= SILENT_MS)
    }
}

impl Track {
    fn speak(&mut self, last: i64, now: Timestamp) {
        if last > self.last.0 {
            (self.last.0, self.spoke) = (last, now);
        }
    }
}
