//! One record in detail: time, level, shape, fields, original text, and indented JSON and event
//! data. Rows can be copied.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::columns::KnownLine;
use crate::core::base::text;
use crate::core::base::time::Timestamp;
use crate::core::logline::{self, Record};
use crate::tui::keys::Action;
use crate::tui::msg::Effect;
use crate::tui::picker::{first_visible, moved};
use crate::tui::view::canvas::{Canvas, row};

/// The card of one record.
#[derive(Debug, Clone)]
pub(super) struct Card {
    title: String,
    /// Name and value of each row; a row without a name continues the previous one.
    rows: Vec<(String, String)>,
    index: usize,
}

/// Maximum number of rows.
const MAX_ROWS: usize = 2000;

impl Card {
    pub(super) fn new(
        line: usize,
        text: &str,
        known: Option<KnownLine>,
        now: Timestamp,
        note: Option<&String>,
    ) -> Self {
        let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
        let record = logline::read(first, now);
        let mut rows = Vec::new();
        let mut row = |name: &str, value: String| rows.push((name.to_owned(), value));
        if let Some(note) = note.filter(|n| !n.is_empty()) {
            row("note", note.clone());
        }
        let data = known.as_ref().and_then(|known| known.data.clone());
        if let Some(known) = known {
            row("time", known.at.rfc3339());
            known
                .rows
                .into_iter()
                .for_each(|(name, value)| row(name, value));
        } else {
            row(
                "time",
                record
                    .time
                    .map_or_else(|| "none known".to_owned(), Timestamp::rfc3339),
            );
            row(
                "level",
                record
                    .level
                    .map_or("none known", crate::core::run::event::Level::name)
                    .to_owned(),
            );
        }
        row("shape", record.shape.name().to_owned());
        if !record.message.is_empty() {
            row("message", record.message.clone());
        }
        for (name, value) in fields(&record) {
            row(name, value.clone());
        }
        row("text", first.to_owned());
        rest.lines().for_each(|more| row("", more.to_owned()));
        let mut indented = |name: &str, text: &str| {
            text.lines()
                .enumerate()
                .for_each(|(at, more)| row(if at == 0 { name } else { "" }, more.to_owned()));
        };
        if let Some(pretty) = pretty(first) {
            indented("json", &pretty);
        }
        if let Some(data) = data {
            indented("data", pretty(&data).as_ref().unwrap_or(&data));
        }
        rows.truncate(MAX_ROWS);
        Self {
            title: format!(" Record at line {} ", line + 1),
            rows,
            index: 0,
        }
    }

    pub(super) fn act(&mut self, action: Action, height: usize) -> Option<Effect> {
        let last = self.rows.len().saturating_sub(1);
        self.index =
            moved(action, self.index, last, height.saturating_sub(4).max(1)).unwrap_or(self.index);
        (action == Action::CopyLine).then(|| Effect::Copy(self.rows[self.index].1.clone()))
    }

    pub(super) fn draw(&self, screen: Rect, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme;
        let mark = Line::raw(format!(" {} of {} ", self.index + 1, self.rows.len()));
        let title = Span::styled(self.title.clone(), theme.strong());
        let inner = canvas.window(
            screen.width,
            screen.height.saturating_sub(1),
            title.into(),
            &mark,
        );
        let first = first_visible(self.index, self.rows.len(), usize::from(inner.height));
        for (y, (i, (name, value))) in
            (inner.y..inner.bottom()).zip(self.rows.iter().enumerate().skip(first))
        {
            let name = Span::styled(
                format!(" {} ", crate::tui::view::canvas::column(name, 12)),
                theme.strong(),
            );
            let room = usize::from(inner.width).saturating_sub(14);
            let line = Line::from(vec![name, Span::raw(text::strip_sgr_limited(value, room))]);
            canvas.line(row(inner, y), &line);
            if i == self.index {
                canvas.select(row(inner, y), true);
            }
        }
    }
}

/// Indents JSON.
fn pretty(text: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    serde_json::to_string_pretty(&value).ok()
}

/// Fields that are not shown as the message.
fn fields(record: &Record) -> impl Iterator<Item = (&String, &String)> {
    record
        .fields
        .iter()
        .filter(|(name, value)| {
            !(matches!(name.as_str(), "msg" | "message") && *value == record.message)
        })
        .map(|(n, v)| (n, v))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_taken_apart_and_json_indented() {
        let text = "{\"level\":\"warn\",\"msg\":\"slow\",\"took\":{\"ms\":3}}\n  more";
        let card = Card::new(6, text, None, Timestamp(0), Some(&"look".to_owned()));
        let has = |name: &str, value: &str| card.rows.iter().any(|(n, v)| n == name && v == value);
        assert!(
            has("note", "look")
                && has("level", "warn")
                && has("message", "slow")
                && has("took", "{\"ms\":3}")
        );
        assert!(
            has("", "  more") && has("", "    \"ms\": 3"),
            "{:?}",
            card.rows
        );
    }

    #[test]
    fn the_data_of_an_event_is_shown_and_can_be_copied() {
        let data = Some("{\"outputs\":{\"version\":\"1.2\"}}".to_owned());
        let known = KnownLine {
            at: Timestamp(0),
            rows: vec![("level", "info".to_owned())],
            data,
        };
        let mut card = Card::new(0, "step deploy succeeded", Some(known), Timestamp(0), None);
        let from = card
            .rows
            .iter()
            .position(|(name, _)| name == "data")
            .unwrap();
        let shown: Vec<_> = card.rows[from..]
            .iter()
            .map(|(_, value)| value.as_str())
            .collect();
        assert_eq!(
            shown,
            [
                "{",
                "  \"outputs\": {",
                "    \"version\": \"1.2\"",
                "  }",
                "}"
            ]
        );
        card.index = from + 2;
        assert_eq!(
            card.act(Action::CopyLine, 24),
            Some(Effect::Copy("    \"version\": \"1.2\"".to_owned()))
        );
    }
}
