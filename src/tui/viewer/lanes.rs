//! Columns of what the store knows of a run's lines: level or stream, step, source. Files have none.

use ratatui::text::Span;

use super::Viewer;
use crate::core::event::Stream;
use crate::core::run::Phase;
use crate::core::text;
use crate::core::time::Timestamp;
use crate::logfile::desk::Row;
use crate::logfile::lanes::{Head, Said};
use crate::tui::view::canvas::column;

/// Cells of the level, and of the others with the blank after them.
const LEVEL: usize = 8;
const STEP: usize = 16;
const SOURCE: usize = 8;
/// A narrower screen leaves out the source, and one narrower still the step.
const FOR_SOURCE: u16 = 110;
const FOR_STEP: u16 = 70;

/// What the card of a record tells of a run's line.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) at: Timestamp,
    pub(super) rows: Vec<(&'static str, String)>,
    /// An event's data, as JSON.
    pub(super) data: Option<String>,
}

impl Viewer {
    fn has_lanes(&self) -> bool {
        self.lanes && self.facts.files.iter().any(|file| file.steps.is_some())
    }

    pub(super) fn lanes_width(&self) -> usize {
        match () {
            () if !self.has_lanes() => 0,
            () if self.size.0 < FOR_STEP => LEVEL,
            () if self.size.0 < FOR_SOURCE => LEVEL + STEP,
            () => LEVEL + STEP + SOURCE,
        }
    }

    pub(super) fn lanes(&self, row: &Row) -> Vec<Span<'static>> {
        let width = self.lanes_width();
        let Some(head) = row.head.as_ref().filter(|_| width > 0) else { return vec![Span::raw(" ".repeat(width))] };
        let (level, style, source) = match &head.said {
            Said::Output(Stream::Stdout) => ("  │", self.theme.dim(), "out"),
            Said::Output(Stream::Stderr) => ("err│", self.theme.attention(), "err"),
            Said::Event { level, source, .. } => (level.name(), self.theme.level(*level), source.as_str()),
        };
        // What goes on with the line before has said all this.
        let blank = |text: String| if head.joined { " ".repeat(text::width(&text)) } else { text };
        let mut spans = vec![Span::styled(blank(format!("{} ", column(level, LEVEL - 1))), style)];
        if width > LEVEL {
            let step = column(&self.step(row.file, head), STEP - 1);
            spans.push(Span::styled(blank(format!("{step} ")), self.theme.dim()));
        }
        if width > LEVEL + STEP {
            spans.push(Span::styled(blank(format!("{} ", column(source, SOURCE - 1))), self.theme.dim()));
        }
        spans
    }

    /// The step's name; its number where the plan is not known.
    fn step(&self, file: usize, head: &Head) -> String {
        let Some(step) = head.step else { return String::new() };
        let steps = self.facts.files.get(file).and_then(|file| file.steps.as_ref());
        let name = steps.and_then(|steps| steps.get(usize::try_from(step).ok()?));
        name.map_or_else(|| format!("step {}", step + 1), |name| text::show(name).into_owned())
    }

    pub(super) fn known(&self, line: usize, head: &Head, data: Option<String>) -> Known {
        let file = self.shown.rows.iter().find(|row| row.number == line).map_or(0, |row| row.file);
        let mut rows = Vec::new();
        match &head.said {
            Said::Output(stream) => {
                rows.push(("stream", if *stream == Stream::Stdout { "stdout" } else { "stderr" }.to_owned()));
            }
            Said::Event { level, phase, source } => {
                rows.push(("level", level.name().to_owned()));
                rows.extend(phase.map(Phase::name).map(|phase| ("phase", phase.to_owned())));
                rows.push(("source", source.clone()));
            }
        }
        rows.push(("step", self.step(file, head)));
        rows.push(("entry", head.seq.to_string()));
        rows.retain(|(_, value)| !value.is_empty());
        Known { at: head.at, rows, data }
    }
}
