//! The chart of a routine on the whole screen: percentiles of its latency, its worst states, and what
//! changed its service, over a window that is moved, made shorter or longer, and compared with the
//! one before. A cursor shows the values of one column.

mod paint;
mod plot;

use std::time::Duration;

use ratatui::layout::{Position, Rect};

use self::paint::Places;
use super::READS_EVERY;
use crate::bus::Notice;
use crate::core::base::text;
use crate::core::base::time::Timestamp;
use crate::core::metric::series::Bucket;
use crate::core::metric::{DAY_MS, HOUR_MS};
use crate::core::run::RunId;
use crate::tui::frame::Frame;
use crate::tui::keys::{Action, Context};
use crate::tui::msg::{ChartAsk, Effect, Msg, RoutineChart, Ticket};
use crate::tui::pane::{Delivery, Destination, Opening, Pointing, Reaction, Scene, View};
use crate::tui::verbs;
use crate::tui::view::canvas::Canvas;

/// Lengths of the window, milliseconds, with their names.
const LENGTHS: [(i64, &str); 6] = [
    (HOUR_MS, "1 h"),
    (6 * HOUR_MS, "6 h"),
    (DAY_MS, "24 h"),
    (7 * DAY_MS, "7 d"),
    (30 * DAY_MS, "30 d"),
    (90 * DAY_MS, "90 d"),
];
/// The length when the chart is opened.
const FIRST: usize = 2;

/// The view of a chart.
#[derive(Debug, Clone)]
pub struct ChartScreen {
    ticket: Ticket,
    name: String,
    /// Which of [`LENGTHS`].
    length: usize,
    /// The end of the window; none: now, and it moves on.
    until: Option<Timestamp>,
    /// A time in the column of the cursor; none: the last column.
    cursor: Option<i64>,
    compare: bool,
    /// The most columns there were room for when it was asked for last.
    columns: usize,
    stale: bool,
    shown: Option<Box<RoutineChart>>,
    trouble: Option<String>,
}

impl ChartScreen {
    /// The chart of the routine of that name.
    #[must_use]
    pub fn open(name: String, opening: &Opening<'_>) -> Self {
        Self {
            ticket: opening.ticket,
            name,
            length: FIRST,
            until: None,
            cursor: None,
            compare: false,
            columns: Places::of(opening.body, false).columns(),
            stale: true,
            shown: None,
            trouble: None,
        }
    }

    const fn length_ms(&self) -> i64 {
        LENGTHS[self.length].0
    }

    fn ask(&self) -> ChartAsk {
        ChartAsk {
            name: self.name.clone(),
            length_ms: self.length_ms(),
            until: self.until,
            columns: self.columns,
            compare: self.compare,
        }
    }

    fn buckets(&self) -> &[Bucket] {
        self.shown
            .as_ref()
            .map_or(&[], |chart| &chart.shown.series.buckets)
    }

    /// The bucket at the cursor, by number.
    fn at_cursor(&self) -> Option<usize> {
        let buckets = self.buckets();
        let last = buckets.len().checked_sub(1)?;
        let Some(at) = self.cursor else {
            return Some(last);
        };
        let after = buckets.iter().position(|bucket| bucket.until_ms > at);
        Some(after.unwrap_or(last))
    }

    /// Puts the cursor on a bucket; on the last one it stays there when the window moves on.
    fn move_to(&mut self, bucket: usize) -> Reaction {
        let buckets = self.buckets();
        let at = buckets.get(bucket).filter(|_| bucket + 1 < buckets.len());
        self.cursor = at.map(|bucket| bucket.from_ms);
        Reaction::Done
    }

    /// Shows the window that ends there, but none that ends after now.
    fn end_at(&mut self, until: Timestamp, now: Timestamp) -> Reaction {
        self.until = (until < now).then_some(until);
        self.stale = true;
        Reaction::Done
    }

    /// Half a window back (−1) or on (1). The cursor keeps its column.
    fn pan(&mut self, direction: i64, now: Timestamp) -> Reaction {
        let until = self.until.unwrap_or(now);
        if direction > 0 && self.until.is_none() {
            return Reaction::Say("it ends now already".to_owned());
        }
        let by = self.length_ms() / 2 * direction;
        if until.plus_ms(by - self.length_ms()) < Timestamp(0) {
            return Reaction::Say("there is nothing before".to_owned());
        }
        let moved = self.end_at(until.plus_ms(by), now);
        let passed = self.until.unwrap_or(now).ms_since(until);
        self.cursor = self.cursor.map(|at| at.saturating_add(passed));
        moved
    }

    /// A shorter (−1) or longer (1) window; what is at the cursor stays in it.
    fn zoom(&mut self, direction: isize, now: Timestamp) -> Reaction {
        let length = self.length.checked_add_signed(direction);
        let Some(length) = length.filter(|length| *length < LENGTHS.len()) else {
            let (_, name) = LENGTHS[self.length];
            let most = if direction < 0 { "shortest" } else { "longest" };
            return Reaction::Say(format!("{name} is the {most}"));
        };
        self.length = length;
        self.stale = true;
        let Some(at) = self.cursor else {
            return Reaction::Done;
        };
        self.end_at(Timestamp(at).plus_ms(self.length_ms() / 2), now)
    }

    /// The newest run that changed the service at the cursor.
    fn run_at_cursor(&self) -> Option<RunId> {
        let bucket = self.buckets().get(self.at_cursor()?)?;
        let within = bucket.from_ms..bucket.until_ms;
        let changes = &self.shown.as_ref()?.shown.changes;
        let runs = changes.iter().filter(|c| within.contains(&c.at.0));
        runs.filter_map(|change| change.run).next_back().map(RunId)
    }
}

impl View for ChartScreen {
    fn context(&self) -> Context {
        Context::Chart
    }

    fn act(&mut self, action: Action, scene: Scene<'_>) -> Reaction {
        let columns = Places::of(scene.body, self.compare).columns();
        if columns != self.columns {
            (self.columns, self.stale) = (columns, true);
        }
        let at = self.at_cursor().unwrap_or(0);
        match action {
            Action::ChartLeft => self.move_to(at.saturating_sub(1)),
            Action::ChartRight => self.move_to(at + 1),
            Action::ChartFirst => self.move_to(0),
            Action::ChartLast => self.move_to(usize::MAX - 1),
            Action::ChartEarlier => self.pan(-1, scene.now),
            Action::ChartLater => self.pan(1, scene.now),
            Action::ChartNow => {
                self.cursor = None;
                self.end_at(scene.now, scene.now)
            }
            Action::ZoomIn => self.zoom(-1, scene.now),
            Action::ZoomOut => self.zoom(1, scene.now),
            Action::CompareBefore => {
                (self.compare, self.stale) = (!self.compare, true);
                Reaction::Done
            }
            Action::ChartRun => match self.run_at_cursor() {
                Some(run) => Reaction::Open(Destination::run(run)),
                None => Reaction::Say("no run changed the service at the cursor".to_owned()),
            },
            Action::ChartCopy => {
                let values = paint::cursor_lines(self.shown.as_deref(), self.at_cursor());
                Reaction::Ask(Effect::Copy(values.join("\n")))
            }
            Action::Verbs => Reaction::Popup(verbs::of_routine(&self.name).into()),
            _ => Reaction::Ignored,
        }
    }

    fn point(&mut self, at: Position, pointing: Pointing, scene: Scene<'_>) -> bool {
        let plot = Places::of(scene.body, self.compare).above_marks();
        if pointing == Pointing::Click && plot.contains(at) {
            let column = usize::from(at.x - plot.x);
            let count = self.buckets().len();
            self.move_to(column * count / usize::from(plot.width.max(1)));
        }
        false
    }

    fn go_to(&mut self, destination: &Destination) -> bool {
        matches!(destination, Destination::Chart { name } if *name == self.name)
    }

    fn reads_every(&self) -> Option<Duration> {
        self.until.is_none().then_some(READS_EVERY)
    }

    fn wants(&mut self) -> Vec<Effect> {
        if !std::mem::take(&mut self.stale) {
            return Vec::new();
        }
        vec![Effect::Chart {
            ticket: self.ticket,
            ask: self.ask(),
        }]
    }

    fn receive(&mut self, msg: &Msg, _delivery: Delivery<'_>) -> Reaction {
        match msg {
            Msg::Chart(ticket, Ok(chart)) if *ticket == self.ticket => {
                // Another window may have been asked for meanwhile.
                if chart.ask == self.ask() {
                    (self.shown, self.trouble) = (Some(chart.clone()), None);
                }
            }
            Msg::Chart(ticket, Err(why)) if *ticket == self.ticket => {
                self.trouble = Some(why.clone());
            }
            // Results come every second; they are read at its own interval.
            Msg::Notice(Notice::Stack | Notice::Routines) => self.stale = true,
            _ => return Reaction::Ignored,
        }
        Reaction::Done
    }

    fn invalidate(&mut self) {
        self.stale = true;
    }

    fn draw(&self, _frame: Frame<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        paint::draw(self, area, canvas);
    }

    fn crumb(&self) -> String {
        format!("chart {}", text::show(&self.name))
    }
}
