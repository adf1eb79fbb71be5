//! Routines and their results as lines for people.

use super::{Numbers, RoutineResult, RoutineRow, RoutineSheet};
use crate::core::base::time::{Timestamp, age, human_ms};
use crate::core::metric::sample::Trigger;
use crate::core::routine::check::KeptAnswer;
use crate::core::run::timing::{CallPhase, milliseconds};
use crate::core::stack::maintenance::MaintenanceMode;
use crate::core::stack::state::State;

impl RoutineRow {
    /// The state in a word, with what is not yet confirmed: `failing, unconfirmed`.
    #[must_use]
    pub fn state_word(&self) -> String {
        let name = self.state.name();
        let word = match (&self.pause, self.last_slot) {
            (Some(_), _) => return "paused".to_owned(),
            _ if self.is_skipped() => return "maintenance".to_owned(),
            (None, None) => "not yet run".to_owned(),
            _ if self.flapping => format!("{name}, flapping"),
            _ if self.hard || self.state == State::Unknown => name.to_owned(),
            _ => format!("{name}, unconfirmed"),
        };
        if self.maintenance.is_some() {
            format!("{word}, muted")
        } else {
            word
        }
    }

    /// A maintenance window keeps it from running.
    #[must_use]
    pub fn is_skipped(&self) -> bool {
        let window = self.maintenance.as_ref();
        window.is_some_and(|window| window.mode == MaintenanceMode::Skip)
    }

    /// When it is due: `in 2 min`, `overdue 5 min`, `never`.
    #[must_use]
    pub fn due_word(&self, now: Timestamp) -> String {
        match (self.overdue_since, self.next) {
            (Some(since), _) => format!("overdue {}", age(now.ms_since(since).max(0))),
            (None, Some(next)) => match next.ms_since(now).max(0) / 1000 {
                seconds @ 0..60 => format!("in {seconds} s"),
                seconds => format!("in {}", age(seconds * 1000)),
            },
            (None, None) => "never".to_owned(),
        }
    }
}

impl Numbers {
    /// `99.95 % of 1,440 checks, p50 12 ms, p95 40 ms, p99 55 ms`.
    #[must_use]
    pub fn describe(&self) -> String {
        let Some(uptime) = self.uptime_pct else {
            return "no check was answered".to_owned();
        };
        let ms = |name: &str, value: Option<f64>| {
            value.map_or_else(String::new, |ms| format!(", {name} {ms:.1} ms"))
        };
        format!(
            "{uptime:.2} % ok of {} checks{}{}{}",
            self.samples,
            ms("p50", self.p50_ms),
            ms("p95", self.p95_ms),
            ms("p99", self.p99_ms),
        )
    }
}

impl RoutineResult {
    /// One line: time, outcome, why, latency.
    #[must_use]
    pub fn describe(&self) -> String {
        let latency = self.latency_us.map_or_else(
            || "–".to_owned(),
            |us| format!("{:.1} ms", f64::from(us) / 1000.0),
        );
        let late = if self.lag_ms > 0 {
            format!("  {} late", human_ms(i64::from(self.lag_ms)))
        } else {
            String::new()
        };
        let code = match (self.code, self.outcome) {
            (0, _) => String::new(),
            (n, "skipped") => format!(" {n} slots"),
            (n, _) => format!(" {n}"),
        };
        let manual = if self.trigger == Trigger::Manual.name() {
            "  asked for"
        } else {
            ""
        };
        let class = self.class.map(|c| format!(" {c}")).unwrap_or_default();
        format!(
            "{}  {:<9}{code}{class}  {latency}{late}{manual}",
            self.slot.rfc3339(),
            self.outcome
        )
    }
}

impl RoutineSheet {
    /// As lines for people. Texts of other programs are not escaped.
    #[must_use]
    pub fn lines(&self, now: Timestamp) -> Vec<String> {
        let row = &self.row;
        let mut lines = vec![
            format!(
                "{} {}  {}",
                row.state.symbol(),
                row.state_word(),
                row.message
            ),
            format!("kind      {}: {}", row.kind, self.call),
            format!("when      {}, next {}", row.when, row.due_word(now)),
            format!(
                "counts    failing after {} in a row, ok again after {}",
                self.failure_threshold, self.success_threshold
            ),
        ];
        lines.extend(row.last_run.as_ref().map(|last| {
            let ago = age(now.ms_since(last.at).max(0));
            format!("last run  {} {}, {ago} ago", last.run, last.status.name())
        }));
        let place = [&row.service, &row.env];
        let place: Vec<&str> = place.into_iter().filter_map(|p| p.as_deref()).collect();
        if !place.is_empty() {
            lines.push(format!("of        {}", place.join(" in ")));
        }
        lines.extend(row.since.map(|since| {
            format!(
                "since     {} ({})",
                since.rfc3339(),
                age(now.ms_since(since).max(0))
            )
        }));
        lines.extend(row.pause.as_ref().map(|pause| {
            let why = if pause.reason.is_empty() { "" } else { ": " };
            let (by, until) = (&pause.by, pause.until.rfc3339());
            format!("paused    until {until} by {by}{why}{}", pause.reason)
        }));
        let window = row.maintenance.as_ref();
        lines.extend(window.map(|w| format!("{:<9} {}", w.mode.name(), w.describe())));
        lines.extend(row.problem.iter().map(|why| format!("problem   {why}")));
        lines.extend(self.expect.iter().map(|e| format!("expect    {e}")));
        self.history(&mut lines);
        lines
    }

    fn history(&self, lines: &mut Vec<String>) {
        let numbers = &self.row.numbers;
        lines.extend([
            String::new(),
            "Last 24 hours".to_owned(),
            format!("  {}", numbers.describe()),
            format!(
                "  failing for {}, {} unknown, {} skipped",
                human_ms(numbers.failing_ms),
                numbers.unknown,
                numbers.skipped
            ),
            String::new(),
            "Next".to_owned(),
        ]);
        match self.next_slots.as_slice() {
            [] => lines.push("  never".to_owned()),
            slots => lines.extend(slots.iter().map(|slot| format!("  {}", slot.rfc3339()))),
        }
        if !self.windows.is_empty() {
            lines.extend([String::new(), "Maintenance".to_owned()]);
        }
        lines.extend(self.windows.iter().map(|window| {
            let (name, when, mode) = (&window.name, &window.when, window.mode.name());
            format!("  {name}  {mode}  {when}  {}", window.stands)
        }));
        lines.extend([String::new(), "Changes".to_owned()]);
        if self.changes.is_empty() {
            lines.push("  none yet".to_owned());
        }
        lines.extend(self.changes.iter().map(|change| {
            let (from, to) = (change.from.name(), change.to.name());
            let muted = change.muted_by.as_ref();
            format!(
                "  {}  {from} → {to}  {}{}",
                change.at.rfc3339(),
                change.message,
                muted.map_or_else(String::new, |by| format!("  muted by {by}"))
            )
        }));
        lines.extend([String::new(), "Results, the newest first".to_owned()]);
        lines.extend(self.results.iter().map(|r| format!("  {}", r.describe())));
        self.phases(lines);
        for (title, kept) in [
            ("Last good answer", &self.good),
            ("Last bad answer", &self.bad),
        ] {
            if let Some(kept) = kept {
                lines.extend([String::new(), format!("{title}, {}", kept.at.rfc3339())]);
                lines.extend(kept.text.lines().map(|line| format!("  {line}")));
            }
        }
    }

    /// The phases of the last call, of the last good and of the last bad one, side by side.
    fn phases(&self, lines: &mut Vec<String>) {
        let all = [
            ("last", &self.last),
            ("last good", &self.good),
            ("last bad", &self.bad),
        ];
        let measured =
            |kept: &Option<KeptAnswer>| kept.clone().filter(|kept| !kept.timing.is_empty());
        let columns: Vec<(&str, KeptAnswer)> = all
            .into_iter()
            .filter_map(|(title, kept)| Some((title, measured(kept)?)))
            .collect();
        if columns.is_empty() {
            return;
        }
        let row = |name: &str, cell: &dyn Fn(&str, &KeptAnswer) -> String| {
            let cells = columns.iter().map(|(title, kept)| {
                let address = kept.timing.address.as_ref().map_or(0, String::len);
                format!("  {:<width$}", cell(title, kept), width = address.max(10))
            });
            let line = format!("  {name:<10}{}", cells.collect::<String>());
            line.trim_end().to_owned()
        };
        let dash = || "–".to_owned();
        lines.extend([String::new(), "Phases of the call".to_owned()]);
        lines.push(row("", &|title, _| title.to_owned()));
        lines.push(row("at (UTC)", &|_, kept| kept.at.clock_utc()));
        for phase in CallPhase::ALL {
            if columns
                .iter()
                .any(|(_, kept)| kept.timing.phases.of(phase).is_some())
            {
                lines.push(row(phase.name(), &|_, kept| {
                    kept.timing.phases.of(phase).map_or_else(dash, milliseconds)
                }));
            }
        }
        if columns
            .iter()
            .any(|(_, kept)| kept.timing.address.is_some())
        {
            lines.push(row("address", &|_, kept| {
                kept.timing.address.clone().unwrap_or_else(dash)
            }));
        }
    }
}
