//! Columns for the lines of a run, from the store: level or stream, step, source. Files have none.

use ratatui::text::Span;

use super::Viewer;
use crate::core::base::text;
use crate::core::base::time::Timestamp;
use crate::core::run::Phase;
use crate::core::run::event::Stream;
use crate::logfile::head::{Head, SpoolEntry};
use crate::logfile::log_view::Row;
use crate::tui::view::canvas::column;

/// Widths of the columns in cells, with the blank after them.
const LEVEL: usize = 8;
const STEP: usize = 16;
const SOURCE: usize = 8;
/// Minimum screen width for the source column, and for the step column.
const FOR_SOURCE: u16 = 110;
const FOR_STEP: u16 = 70;

/// Data of a run's line from the store, for its card.
#[derive(Debug, Clone)]
pub(super) struct KnownLine {
    pub(super) at: Timestamp,
    pub(super) rows: Vec<(&'static str, String)>,
    /// An event's data, as JSON.
    pub(super) data: Option<String>,
}

impl Viewer {
    fn has_columns(&self) -> bool {
        self.columns && self.facts.files.iter().any(|file| file.steps.is_some())
    }

    pub(super) fn columns_width(&self) -> usize {
        match () {
            () if !self.has_columns() => 0,
            () if self.size.0 < FOR_STEP => LEVEL,
            () if self.size.0 < FOR_SOURCE => LEVEL + STEP,
            () => LEVEL + STEP + SOURCE,
        }
    }

    pub(super) fn columns(&self, row: &Row) -> Vec<Span<'static>> {
        let width = self.columns_width();
        let Some(head) = row.head.as_ref().filter(|_| width > 0) else {
            return vec![Span::raw(" ".repeat(width))];
        };
        let (level, style, source) = match &head.origin {
            SpoolEntry::Output(Stream::Stdout) => ("  │", self.theme.dim(), "out"),
            SpoolEntry::Output(Stream::Stderr) => ("err│", self.theme.attention(), "err"),
            SpoolEntry::Event { level, source, .. } => {
                (level.name(), self.theme.level(*level), source.as_str())
            }
        };
        // A continuation of the previous line repeats none of this.
        let blank = |text: String| {
            if head.joined {
                " ".repeat(text::width(&text))
            } else {
                text
            }
        };
        let mut spans = vec![Span::styled(
            blank(format!("{} ", column(level, LEVEL - 1))),
            style,
        )];
        if width > LEVEL {
            let step = column(&self.step(row.file, head), STEP - 1);
            spans.push(Span::styled(blank(format!("{step} ")), self.theme.dim()));
        }
        if width > LEVEL + STEP {
            spans.push(Span::styled(
                blank(format!("{} ", column(source, SOURCE - 1))),
                self.theme.dim(),
            ));
        }
        spans
    }

    /// The step's name, or its number if the plan is not known.
    fn step(&self, file: usize, head: &Head) -> String {
        let Some(step) = head.step else {
            return String::new();
        };
        let steps = self
            .facts
            .files
            .get(file)
            .and_then(|file| file.steps.as_ref());
        let name = steps.and_then(|steps| steps.get(usize::try_from(step).ok()?));
        name.map_or_else(
            || format!("step {}", step + 1),
            |name| text::show(name).into_owned(),
        )
    }

    /// Bytes of an event's text that repeat the name in the step column: `deploy web: `.
    pub(super) fn repeated_name(&self, row: &Row) -> usize {
        let Some(head) = row
            .head
            .as_ref()
            .filter(|head| self.columns_width() > LEVEL && !head.joined)
        else {
            return 0;
        };
        if !matches!(head.origin, SpoolEntry::Event { .. }) {
            return 0;
        }
        let prefix = format!("{}: ", self.step(row.file, head));
        if row.bytes.starts_with(prefix.as_bytes()) {
            prefix.len()
        } else {
            0
        }
    }

    pub(super) fn known(&self, line: usize, head: &Head, data: Option<String>) -> KnownLine {
        let file = self
            .shown
            .rows
            .iter()
            .find(|row| row.number == line)
            .map_or(0, |row| row.file);
        let mut rows = Vec::new();
        match &head.origin {
            SpoolEntry::Output(stream) => {
                rows.push((
                    "stream",
                    if *stream == Stream::Stdout {
                        "stdout"
                    } else {
                        "stderr"
                    }
                    .to_owned(),
                ));
            }
            SpoolEntry::Event {
                level,
                phase,
                source,
            } => {
                rows.push(("level", level.name().to_owned()));
                rows.extend(
                    phase
                        .map(Phase::name)
                        .map(|phase| ("phase", phase.to_owned())),
                );
                rows.push(("source", source.clone()));
            }
        }
        rows.push(("step", self.step(file, head)));
        rows.push(("entry", head.seq.to_string()));
        rows.retain(|(_, value)| !value.is_empty());
        KnownLine {
            at: head.at,
            rows,
            data,
        }
    }
}
