//! The checks of the chaos test. Their evidence comes from outside the engines: marks of steps in
//! files and at the server, file locks, clocks, killed processes. A finding names its check.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use opsroom::clock::Clock;
use opsroom::core::base::time::Timestamp;
use opsroom::core::run::event::{Entry, EntryBody};
use opsroom::core::run::{Run, RunId, RunStatus, RunStep, StepStatus};

use super::runs::{self, Kind, TOKEN, Work};
use super::{Field, LEASE, LEASE_MS, SLACK, Verdict, retry};

/// Progress must be seen at least this often.
const MAX_IDLE: Duration = Duration::from_secs(45);
/// Engines that may be declared dead wrongly, as a busy machine can delay a renewal by seconds; one
/// more for every ten kills.
const WRONGLY_DEAD: usize = 25;
/// An entry that is older than the interruption before it by this is from an engine that had lost
/// the run.
const STALE_MS: i64 = 1000;

/// When progress was last seen.
pub struct Progress {
    seen: usize,
    at: Instant,
    polls: usize,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            seen: 0,
            at: Instant::now(),
            polls: 0,
        }
    }
}

/// Every lease read from the store, by run and process: when it was read and when it ends.
#[derive(Default)]
pub struct LeasesSeen(HashMap<(RunId, u32), Vec<(Timestamp, Timestamp)>>);

impl LeasesSeen {
    pub(super) fn record(&mut self, runs: &[Run], now: Timestamp) {
        for run in runs {
            let process = run
                .holder
                .as_deref()
                .and_then(|holder| holder.split(':').nth(1)?.parse().ok());
            // A longer lease is for ending a lost run's processes, perhaps by its old engine.
            let driven = |until: &Timestamp| until.ms_since(now) <= LEASE_MS;
            if let (Some(process), Some(until)) = (process, run.lease_until.filter(driven)) {
                self.0
                    .entry((run.id, process))
                    .or_default()
                    .push((now, until));
            }
        }
    }

    /// The lease that this process held on the run at that time, as far as it was read before.
    fn held(&self, run: RunId, process: u32, at: Timestamp) -> Option<Timestamp> {
        let leases = self.0.get(&(run, process))?;
        leases
            .iter()
            .find(|(read, until)| *read <= at && *until > at)
            .map(|(_, until)| *until)
    }
}

impl Field {
    /// Checks what must hold at all times.
    pub(super) async fn watch(&mut self) -> Verdict {
        self.progress.polls += 1;
        self.check_overlaps()?;
        self.check_requests()?;
        self.check_leases().await?;
        let marks = self.marks();
        for run in self
            .with(
                &[
                    RunStatus::Succeeded,
                    RunStatus::Failed,
                    RunStatus::Cancelled,
                ],
                40,
            )
            .await
        {
            let Some(&n) = self.by_id.get(&run.id) else {
                continue;
            };
            if !self.submitted[n].checked {
                self.submitted[n].checked = true;
                self.check_run(n, &run, &marks).await?;
            }
        }
        if self.progress.polls.is_multiple_of(8) {
            self.check_lines().await?;
        }
        let seen =
            marks.values().sum::<usize>() + self.submitted.iter().filter(|s| s.checked).count();
        if seen != self.progress.seen {
            (self.progress.seen, self.progress.at) = (seen, Instant::now());
        } else if self.progress.at.elapsed() > MAX_IDLE {
            return Err((
                "progress",
                format!(
                    "nothing has happened for {MAX_IDLE:?}: {:?}",
                    self.live().await.first()
                ),
            ));
        }
        Ok(())
    }

    fn check_overlaps(&self) -> Verdict {
        let overlaps =
            std::fs::read_to_string(self.home.path().join("overlaps")).unwrap_or_default();
        if overlaps.is_empty() {
            Ok(())
        } else {
            Err((
                "overlaps",
                format!("steps worked on one target at once: {overlaps:?}"),
            ))
        }
    }

    /// An engine that has lost a run closes its requests.
    fn check_requests(&mut self) -> Verdict {
        let (due, later) = self
            .to_close
            .drain(..)
            .partition(|(at, ..)| *at < Instant::now());
        self.to_close = later;
        let due: Vec<(Instant, String, Instant)> = due;
        match due
            .into_iter()
            .find(|(_, name, since)| self.calls.is_open_since_before(name, *since))
        {
            Some((_, name, _)) => Err((
                "requests",
                format!("the request {name} is open, though its engine has lost the run"),
            )),
            None => Ok(()),
        }
    }

    /// No run is held for long after its lease has ended.
    async fn check_leases(&mut self) -> Verdict {
        let expired = retry(async || self.store.expired(Clock::System.now()).await)
            .await
            .unwrap();
        let now = Clock::System.now();
        for run in expired {
            let late = run.lease_until.map_or(0, |until| now.ms_since(until));
            let late = Duration::from_millis(u64::try_from(late).unwrap_or(0));
            if late >= LEASE + SLACK && !self.was_stalled(now) {
                return Err((
                    "leases",
                    format!("run {} is held {late:?} after its lease", run.id),
                ));
            }
            self.figures.longest_overdue = self.figures.longest_overdue.max(late);
        }
        Ok(())
    }

    /// A run that others wait for has not ended.
    async fn check_lines(&self) -> Verdict {
        let live = self.live().await;
        let (Some(last), Some(first)) = (live.first(), live.last()) else {
            return Ok(());
        };
        let holders = async || -> Vec<RunId> {
            let queue = retry(async || {
                self.store
                    .queue(self.workspace, (first.id, last.id), Clock::System.now())
                    .await
            })
            .await
            .unwrap();
            queue
                .into_iter()
                .flat_map(|q| q.waits_for)
                .filter_map(|b| b.holder)
                .collect()
        };
        for holder in holders().await {
            let run = retry(async || self.store.run(holder).await).await.unwrap();
            // It may have ended and released its locks since.
            if run.status.is_terminal() && holders().await.contains(&holder) {
                return Err((
                    "lines",
                    format!("run {holder} has ended, and others wait for what it holds"),
                ));
            }
        }
        Ok(())
    }

    /// The checks after every run has ended.
    pub(super) async fn check_end(&mut self) -> Verdict {
        let locks = retry(async || self.store.locks().await).await.unwrap();
        if locks != 0 {
            return Err(("locks", format!("{locks} locks are left")));
        }
        let marks = self.marks();
        self.figures.effects = marks.values().sum();
        let mut sessions_by_service: BTreeMap<String, Vec<(i64, i64, RunId)>> = BTreeMap::new();
        for n in 0..self.submitted.len() {
            let id = self.submitted[n].id;
            let run = retry(async || self.store.run(id).await).await.unwrap();
            let entries = self.check_run(n, &run, &marks).await?;
            let figures = &mut self.figures;
            figures.runs += 1;
            figures.entries += entries.len();
            figures.orphans += entries.iter().filter(|e| found_orphans(e)).count();
            match run.status {
                RunStatus::Succeeded => figures.succeeded += 1,
                RunStatus::Interrupted => figures.interrupted += 1,
                RunStatus::Cancelled => figures.cancelled += 1,
                _ => figures.failed += 1,
            }
            let target = sessions_by_service
                .entry(run.plan.services[0].clone())
                .or_default();
            target.extend(
                sessions(&entries)
                    .into_iter()
                    .map(|(from, to)| (from, to, id)),
            );
        }
        check_exclusion(sessions_by_service)
    }

    async fn check_run(
        &mut self,
        n: usize,
        run: &Run,
        marks: &HashMap<String, usize>,
    ) -> Result<Vec<Entry>, (&'static str, String)> {
        let kind = self.submitted[n].kind;
        let fits = match run.status {
            RunStatus::Interrupted => true,
            RunStatus::Succeeded => kind != Kind::Failing,
            RunStatus::Failed => kind == Kind::Failing,
            RunStatus::Cancelled => self.submitted[n].cancelled.is_some(),
            _ => false,
        };
        if !fits {
            return Err((
                "endings",
                format!(
                    "run {} ({kind:?}) is {:?}: {:?}",
                    run.id, run.status, run.message
                ),
            ));
        }
        let entries = self.entries(run).await?;
        let steps = retry(async || self.store.steps(run.id).await)
            .await
            .unwrap();
        self.check_lockouts(run)?;
        self.check_deaths(run, &entries)?;
        check_writers(run, &entries)?;
        check_secrets(run, &entries, &steps)?;
        self.check_steps(n, run, marks, &steps, sessions(&entries).len())
            .map_err(|found| with_log(found, &entries))?;
        check_order(n, run, marks, &steps).map_err(|found| with_log(found, &entries))?;
        self.check_values(n, run)?;
        self.check_cancelled(n, run, marks)?;
        Ok(entries)
    }

    /// Each step's record agrees with its marks. `sessions`: how many engines worked on the run.
    fn check_steps(
        &mut self,
        n: usize,
        run: &Run,
        marks: &HashMap<String, usize>,
        steps: &[RunStep],
        sessions: usize,
    ) -> Verdict {
        let kind = self.submitted[n].kind;
        // The limit is ten claims; an engine that died before it logged its start left no trace.
        let worn_out = sessions >= 6;
        let interrupted = run.status == RunStatus::Interrupted;
        let cancelled = self.submitted[n].cancelled.is_some();
        for step in steps {
            let did = marks
                .get(&format!("{n}.{}", step.index))
                .copied()
                .unwrap_or(0);
            let work = kind.work(step.index);
            let repeatable = work == Work::Repeatable;
            let fits = match step.status {
                StepStatus::Succeeded if work == Work::Timed => true,
                StepStatus::Succeeded => did == 1 || (repeatable && did > 1),
                // A repeatable step is left to a person only after ten engines died with it.
                StepStatus::Unknown => interrupted && if repeatable { worn_out } else { did <= 1 },
                StepStatus::Pending => interrupted && (did == 0 || (repeatable && worn_out)),
                StepStatus::Failed => kind == Kind::Failing && step.index == 0 && did == 1,
                StepStatus::Cancelled => cancelled && did <= 1,
                StepStatus::Skipped => cancelled && did == 0,
                _ => false,
            };
            if !fits {
                let what = format!(
                    "run {} ({kind:?}, {:?}), step {step:?}, was done {did} times",
                    run.id, run.status
                );
                return Err(("effects", what));
            }
            self.figures.unknown_steps +=
                usize::from(self.closing && step.status == StepStatus::Unknown);
        }
        Ok(())
    }

    /// A saved value reaches the step that uses it, whichever engine drives the run by then.
    fn check_values(&self, n: usize, run: &Run) -> Verdict {
        let values = std::fs::read_to_string(self.home.path().join("values")).unwrap_or_default();
        let wanted = runs::value(n);
        let mut seen = values
            .lines()
            .filter_map(|line| line.strip_prefix(&format!("{n} ")));
        match seen.find(|value| *value != wanted) {
            Some(other) => Err((
                "values",
                format!("run {} was given {other:?} for {wanted:?}", run.id),
            )),
            None => Ok(()),
        }
    }

    /// The step after a wait does not run when the run was cancelled before the wait ended.
    fn check_cancelled(&self, n: usize, run: &Run, marks: &HashMap<String, usize>) -> Verdict {
        let Some(cancelled) = &self.submitted[n].cancelled else {
            return Ok(());
        };
        // A stopped engine notices no cancellation, and neither does one that waits for the store.
        let noticed = !self.stopped_with.contains(&run.id)
            && !self.was_stalled(cancelled.at.plus_ms(runs::WAITS_MS));
        if cancelled.early && noticed && marks.contains_key(&format!("{n}.2")) {
            return Err((
                "cancelling",
                format!(
                    "run {} was cancelled at {}, and went on",
                    run.id,
                    cancelled.at.rfc3339()
                ),
            ));
        }
        Ok(())
    }

    /// Only killed or stopped engines are declared dead, and none for its lease while that lasts.
    pub(super) fn check_deaths(&mut self, run: &Run, entries: &[Entry]) -> Verdict {
        for entry in entries {
            let EntryBody::Event { message, .. } = &entry.body else {
                continue;
            };
            let Some((process, gone)) = declared_dead(message) else {
                continue;
            };
            if let Some(until) = self
                .leases
                .held(run.id, process, entry.at)
                .filter(|_| !gone)
            {
                let (at, until) = (entry.at.rfc3339(), until.rfc3339());
                let what = format!(
                    "run {} was taken from process {process} at {at}, its lease lasted until {until}",
                    run.id
                );
                return Err(("deaths", what));
            }
            if self.hurt.contains(&process)
                || self.was_stalled(entry.at)
                || !self.deaths.insert((run.id, entry.seq))
            {
                continue;
            }
            self.wrongly_dead += 1;
            if gone || self.wrongly_dead > WRONGLY_DEAD + self.figures.kills / 10 {
                return Err((
                    "deaths",
                    format!(
                        "process {process} lives, and run {} was taken from it: {message}",
                        run.id
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Whether the store was stalled shortly before, so that no engine could renew.
    pub(super) fn was_stalled(&self, at: Timestamp) -> bool {
        let after = i64::try_from((LEASE * 4).as_millis()).unwrap();
        self.stalls
            .iter()
            .any(|(from, to)| at >= *from && at.ms_since(*to) < after)
    }

    /// How often each mark was left, in the file and by requests.
    pub(super) fn marks(&self) -> HashMap<String, usize> {
        let mut marks = self.calls.counts();
        for line in std::fs::read_to_string(self.effects())
            .unwrap_or_default()
            .lines()
        {
            *marks.entry(line.to_owned()).or_default() += 1;
        }
        marks
    }

    /// Reads the whole log; an error on a gap or a repeated entry.
    pub(super) async fn entries(&self, run: &Run) -> Result<Vec<Entry>, (&'static str, String)> {
        let mut all: Vec<Entry> = Vec::new();
        loop {
            let after = all.last().map_or(0, |e| e.seq);
            let more = retry(async || self.store.entries_after(run.id, after, 10_000).await).await;
            let more = more.map_err(|e| {
                (
                    "numbers",
                    format!("the log of run {} cannot be read: {e}", run.id),
                )
            })?;
            if more.is_empty() {
                break;
            }
            all.extend(more);
        }
        if let Some((entry, seq)) = all.iter().zip(1..).find(|(e, seq)| e.seq != *seq) {
            return Err((
                "numbers",
                format!(
                    "in the log of run {} entry {seq} has number {}",
                    run.id, entry.seq
                ),
            ));
        }
        if all.last().map_or(0, |e| e.seq) < run.last_seq {
            return Err((
                "numbers",
                format!(
                    "the log of run {} ends before number {}",
                    run.id, run.last_seq
                ),
            ));
        }
        match all
            .windows(2)
            .find(|pair| pair[0].at == pair[1].at && pair[0].body == pair[1].body)
        {
            Some(twice) => Err((
                "numbers",
                format!("run {} says something twice: {twice:?}", run.id),
            )),
            None => Ok(all),
        }
    }
}

/// Adds the run's log to a finding.
fn with_log((check, what): (&'static str, String), entries: &[Entry]) -> (&'static str, String) {
    let line = |entry: &Entry| match &entry.body {
        EntryBody::Event { message, .. } => Some(format!("\n    {} {message}", entry.at.rfc3339())),
        EntryBody::Output { .. } => None,
    };
    (
        check,
        what + &entries.iter().filter_map(line).collect::<String>(),
    )
}

/// No engine writes into the log of a run it has lost.
fn check_writers(run: &Run, entries: &[Entry]) -> Verdict {
    let mut lost_at: Option<Timestamp> = None;
    for entry in entries {
        if let EntryBody::Event {
            source, message, ..
        } = &entry.body
        {
            // People's orders are dated when they are given.
            if source == "control" || source == "operator" {
                continue;
            }
            if source == "engine" && message.starts_with("interrupted: ") {
                lost_at = lost_at.max(Some(entry.at));
                continue;
            }
        }
        if let Some(lost) = lost_at.filter(|lost| lost.ms_since(entry.at) > STALE_MS) {
            let what = format!(
                "entry {} of run {} is older than {}, when its writer had lost the run: {entry:?}",
                entry.seq,
                run.id,
                lost.rfc3339()
            );
            return Err(("writers", what));
        }
    }
    Ok(())
}

/// No log or message shows the value of a secret.
fn check_secrets(run: &Run, entries: &[Entry], steps: &[RunStep]) -> Verdict {
    let text = |entry: &Entry| match &entry.body {
        EntryBody::Output { text, .. } => text.clone(),
        EntryBody::Event { message, data, .. } => format!("{message} {data:?}"),
    };
    let messages = steps
        .iter()
        .filter_map(|s| s.message.clone())
        .chain(run.message.clone());
    match entries
        .iter()
        .map(text)
        .chain(messages)
        .find(|text| text.contains(TOKEN))
    {
        Some(text) => Err(("secrets", format!("run {} shows a secret: {text}", run.id))),
        None => Ok(()),
    }
}

/// No step has run behind the one at which the run was interrupted.
fn check_order(n: usize, run: &Run, marks: &HashMap<String, usize>, steps: &[RunStep]) -> Verdict {
    let open = steps
        .iter()
        .find(|s| matches!(s.status, StepStatus::Unknown | StepStatus::Pending));
    let Some(open) = open else { return Ok(()) };
    let behind = steps.iter().filter(|s| s.index > open.index);
    let done = |s: &&RunStep| {
        marks.contains_key(&format!("{n}.{}", s.index)) || s.status != StepStatus::Pending
    };
    match behind
        .filter(|_| run.status == RunStatus::Interrupted)
        .find(done)
    {
        Some(later) => Err((
            "order",
            format!("run {}: {later:?}, though before it {open:?}", run.id),
        )),
        None => Ok(()),
    }
}

/// No two runs worked on one target at once.
fn check_exclusion(sessions_by_service: BTreeMap<String, Vec<(i64, i64, RunId)>>) -> Verdict {
    for (service, mut sessions) in sessions_by_service {
        sessions.sort_unstable();
        for pair in sessions.windows(2) {
            let ((_, ended, one), (began, _, other)) = (pair[0], pair[1]);
            if began < ended {
                return Err((
                    "exclusion",
                    format!("runs {one} and {other} were on {service} at once"),
                ));
            }
        }
    }
    Ok(())
}

fn found_orphans(entry: &Entry) -> bool {
    matches!(&entry.body, EntryBody::Event { message, .. } if message.contains("was still running"))
}

/// The process a run was taken from because it seemed dead, and whether it was reported as gone.
fn declared_dead(message: &str) -> Option<(u32, bool)> {
    let (who, rest) = message
        .strip_prefix("interrupted: its engine ")?
        .split_once(' ')?;
    let gone = rest.starts_with("is gone");
    let late = rest.starts_with("did not renew");
    let process = who.rsplit(':').next()?.parse().ok()?;
    (gone || late).then_some((process, gone))
}

/// The times at which an engine worked on a run: from each start to the entry of its end.
fn sessions(entries: &[Entry]) -> Vec<(i64, i64)> {
    let mut sessions = Vec::new();
    let mut began = None;
    for entry in entries {
        let EntryBody::Event {
            message, source, ..
        } = &entry.body
        else {
            continue;
        };
        if source != "engine" {
            continue;
        }
        if message.starts_with("started: ") {
            began = Some(entry.at.0);
        } else if ["interrupted: ", "succeeded in ", "cancelled: ", "failed: "]
            .iter()
            .any(|end| message.starts_with(end))
        {
            sessions.extend(began.take().map(|from| (from, entry.at.0)));
        }
    }
    sessions
}
