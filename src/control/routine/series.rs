//! A routine over a window as buckets, with what happened to it and its service meanwhile: what its
//! chart and its history show.

use serde::Serialize;

use super::{Known, Numbers, RoutineResult, StateChange};
use crate::control::{Control, Refusal};
use crate::core::base::time::{Timestamp, write_duration};
use crate::core::health::change::LastChange;
use crate::core::metric::downtime::{Turn, failing_ms};
use crate::core::metric::rollup::Rollup;
use crate::core::metric::series::{Bucket, MAX_BUCKETS, Series, Step};
use crate::core::metric::{DAY_MS, HOUR_MS};
use crate::core::stack::state::State;
use crate::store::{RoutineChange, RoutineTurns};

/// Changes of state, runs and edits of one window that are shown.
const MOST: u32 = 500;
/// The longest window, milliseconds: days are kept that long.
pub const LONGEST_MS: i64 = 5 * 366 * DAY_MS;
/// The longest window of single results, milliseconds.
const LONGEST_SAMPLES_MS: i64 = 90 * DAY_MS;

/// What a series is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesAsk {
    pub name: String,
    pub from: Timestamp,
    pub until: Timestamp,
    pub buckets: Fineness,
}

/// How long the buckets of a series are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fineness {
    /// As short as possible, but at most so many.
    AtMost(usize),
    /// Exactly so long, milliseconds.
    Step(i64),
}

/// A change of the service of a routine: a run, or an edit of the stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceChange {
    pub at: Timestamp,
    /// The runbook; of an edit: `added`, `edited`, `removed`.
    pub what: String,
    /// Absent for an edit.
    pub run: Option<i64>,
    pub env: Option<String>,
    pub actor: String,
}

impl From<LastChange> for ServiceChange {
    fn from(change: LastChange) -> Self {
        Self {
            at: change.at,
            what: change.what,
            run: change.run.map(|run| run.0),
            env: change.env,
            actor: change.actor,
        }
    }
}

/// A routine over a window.
#[derive(Debug, Clone, PartialEq)]
pub struct RoutineSeries {
    pub name: String,
    /// The window that was asked for; its buckets may begin earlier and end later.
    pub from: Timestamp,
    pub until: Timestamp,
    /// The zone of the workspace.
    pub timezone: String,
    pub series: Series,
    /// Of all buckets; the downtime is of the window that was asked for, as far as it is over.
    pub numbers: Numbers,
    /// Shorter buckets were asked for than are kept of that time.
    pub coarser: bool,
    /// Oldest first.
    pub states: Vec<StateChange>,
    /// Oldest first.
    pub changes: Vec<ServiceChange>,
}

/// What a chart is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartAsk {
    pub name: String,
    /// Milliseconds.
    pub length_ms: i64,
    /// The end of the window; none: now.
    pub until: Option<Timestamp>,
    /// The most buckets.
    pub columns: usize,
    /// With the window before it.
    pub compare: bool,
}

/// A routine over a window, and over the one before it.
#[derive(Debug, Clone, PartialEq)]
pub struct RoutineChart {
    pub ask: ChartAsk,
    pub shown: RoutineSeries,
    pub before: Option<RoutineSeries>,
}

impl Control {
    /// The chart of a routine.
    pub async fn routine_chart(&self, ask: ChartAsk) -> Result<RoutineChart, Refusal> {
        let until = ask.until.unwrap_or_else(|| self.0.clock.now());
        let series = |(from, until), buckets| SeriesAsk {
            name: ask.name.clone(),
            from,
            until,
            buckets,
        };
        let window = (until.plus_ms(-ask.length_ms), until);
        let shown = series(window, Fineness::AtMost(ask.columns));
        let shown = self.routine_series(&shown).await?;
        let before = if ask.compare {
            let step = Fineness::Step(shown.series.step.ms());
            let before = series(shown.before(), step);
            Some(self.routine_series(&before).await?)
        } else {
            None
        };
        Ok(RoutineChart { ask, shown, before })
    }

    /// A routine from `from` to `until` in at most so many buckets.
    pub async fn routine_series(&self, ask: &SeriesAsk) -> Result<RoutineSeries, Refusal> {
        let known = self.known_routines().await?;
        let scheduled = self.routine_named(&known.stack, &ask.name)?;
        let step = step(ask, known.now)?;
        let window = ask.from..ask.until;
        let id = known.ids.get(scheduled.name()).copied();
        let (series, turns) = if let Some(id) = id {
            let series = known.series(id, ask, step).await?;
            let turns = known.scope.routine_turns(id, &window, MOST).await?;
            (series, turns)
        } else {
            let none = Series::of((ask.from.0, ask.until.0), step, []);
            (none, RoutineTurns::default())
        };
        let rules = &scheduled.rules;
        let changes = match &rules.service {
            Some(service) => {
                let env = rules.env.as_deref();
                let scope = &known.scope;
                scope.service_changes(service, env, &window, MOST).await?
            }
            None => Vec::new(),
        };
        let failing = failing_ms(
            ask.from.0,
            ask.until.min(known.now).0,
            &turns.changes.iter().map(turn).collect::<Vec<_>>(),
            turns.before == Some(State::Failing),
        );
        Ok(RoutineSeries {
            name: ask.name.clone(),
            from: ask.from,
            until: ask.until,
            timezone: known.stack.timezone.clone(),
            numbers: Numbers::of(&series.whole(), failing),
            coarser: series.step.ms() > step.ms(),
            series,
            states: turns.changes.into_iter().map(StateChange::from).collect(),
            changes: changes.into_iter().map(ServiceChange::from).collect(),
        })
    }

    /// The single results of a routine in a window, oldest first.
    pub async fn routine_results(
        &self,
        name: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<RoutineResult>, Refusal> {
        let known = self.known_routines().await?;
        let scheduled = self.routine_named(&known.stack, name)?;
        check_window(from, until, known.now)?;
        if until.ms_since(from) > LONGEST_SAMPLES_MS {
            return Err(Refusal::Invalid(format!(
                "single results are kept for {} days: ask for a shorter time, or for buckets",
                LONGEST_SAMPLES_MS / DAY_MS
            )));
        }
        let Some(id) = known.ids.get(scheduled.name()) else {
            return Ok(Vec::new());
        };
        let samples = known.scope.samples(*id, from, until).await?;
        Ok(samples.iter().map(RoutineResult::from).collect())
    }
}

impl Known {
    /// Where no results of the wanted length are left, hours or days are read: they are kept longer.
    async fn series(&self, id: i64, ask: &SeriesAsk, step: Step) -> Result<Series, Refusal> {
        let longer = [HOUR_MS, DAY_MS].into_iter().filter_map(Step::of);
        let mut steps = longer.filter(|one| one.level() > step.level());
        let mut series = self.read_series(id, ask, step).await?;
        while series.is_empty() {
            let Some(longer) = steps.next() else {
                return Ok(Series::of((ask.from.0, ask.until.0), step, []));
            };
            series = self.read_series(id, ask, longer).await?;
        }
        Ok(series)
    }

    async fn read_series(&self, id: i64, ask: &SeriesAsk, step: Step) -> Result<Series, Refusal> {
        let (from, until) = (ask.from.0, ask.until.0);
        let within = Timestamp(step.begin(from))..Timestamp(step.end(until));
        let windows = self.scope.rollups(&[id], step.level(), &within).await?;
        let rollups: Vec<(i64, &Rollup)> = windows.iter().map(|w| (w.from_ms, &w.rollup)).collect();
        Ok(Series::of((from, until), step, rollups))
    }
}

const fn turn(change: &RoutineChange) -> Turn {
    Turn {
        at: change.at.0,
        was_failing: matches!(change.from, State::Failing),
        is_failing: matches!(change.to, State::Failing),
    }
}

fn check_window(from: Timestamp, until: Timestamp, now: Timestamp) -> Result<(), Refusal> {
    let refuse = |why: String| Err(Refusal::Invalid(why));
    if from >= until {
        return refuse(format!(
            "the time ends ({}) before it begins ({})",
            until.rfc3339(),
            from.rfc3339()
        ));
    }
    if from > now {
        return refuse(format!("{} has not been yet", from.rfc3339()));
    }
    if from.0 < 0 || until.ms_since(from) > LONGEST_MS {
        return refuse("results are kept for five years at most".to_owned());
    }
    Ok(())
}

/// The length of the buckets, if the window and the length can be answered.
fn step(ask: &SeriesAsk, now: Timestamp) -> Result<Step, Refusal> {
    check_window(ask.from, ask.until, now)?;
    let (from, until) = (ask.from.0, ask.until.0);
    let ms = match ask.buckets {
        Fineness::AtMost(most) => return Ok(Step::for_window(from, until, most)),
        Fineness::Step(ms) => ms,
    };
    let step = Step::of(ms).ok_or_else(|| {
        Refusal::Invalid(format!(
            "a step is whole minutes, at least one: `{}` is not",
            write_duration(ms)
        ))
    })?;
    match step.count(from, until) {
        n if n > MAX_BUCKETS => Err(Refusal::Invalid(format!(
            "that makes {n} buckets; at most {MAX_BUCKETS} are made: take a longer step or a shorter time"
        ))),
        _ => Ok(step),
    }
}

/// A bucket in numbers: counts, and latencies in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BucketNumbers {
    pub from: Timestamp,
    pub until: Timestamp,
    /// All checks and skipped slots.
    pub n: u64,
    pub ok: u64,
    pub degraded: u64,
    pub failing: u64,
    pub unknown: u64,
    pub skipped: u64,
    /// Percent of the answered checks that did not fail.
    pub uptime_pct: Option<f64>,
    pub min_ms: Option<f64>,
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub max_ms: Option<f64>,
    /// The worst state of the answered checks.
    pub worst: Option<&'static str>,
}

impl From<&Bucket> for BucketNumbers {
    fn from(bucket: &Bucket) -> Self {
        let totals = &bucket.rollup.totals;
        let timed = |us: u32| (totals.timed > 0).then(|| f64::from(us) / 1000.0);
        let quantile = |q| bucket.rollup.quantile_ms(q);
        Self {
            from: Timestamp(bucket.from_ms),
            until: Timestamp(bucket.until_ms),
            n: totals.n(),
            ok: totals.ok,
            degraded: totals.degraded,
            failing: totals.failing,
            unknown: totals.unknown,
            skipped: totals.skipped,
            uptime_pct: totals.uptime_pct(),
            min_ms: timed(totals.min_us),
            p50_ms: quantile(0.5),
            p95_ms: quantile(0.95),
            p99_ms: quantile(0.99),
            max_ms: timed(totals.max_us),
            worst: totals.worst().map(State::name),
        }
    }
}

impl RoutineSeries {
    /// Its buckets as numbers.
    #[must_use]
    pub fn rows(&self) -> Vec<BucketNumbers> {
        self.series
            .buckets
            .iter()
            .map(BucketNumbers::from)
            .collect()
    }

    /// The window of the same length that ends where its first bucket begins.
    #[must_use]
    pub fn before(&self) -> (Timestamp, Timestamp) {
        let until = Timestamp(self.series.span().0);
        (until.plus_ms(-self.until.ms_since(self.from)), until)
    }
}
