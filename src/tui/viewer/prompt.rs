//! The prompt for patterns, times, notes and file names.

use std::path::PathBuf;

use super::{Over, Viewer};
use crate::core::base::time::{Timestamp, parse_duration};
use crate::core::logline;
use crate::logfile::log_view::{Export, Jump, LogRequest, Move, Sought, What};
use crate::logfile::scan::pattern;
use crate::tui::field::Field;
use crate::tui::keys::Action;
use crate::tui::msg::Effect;

/// The open prompt.
#[derive(Debug, Clone)]
pub(super) struct Prompt {
    pub(super) wanted: PromptKind,
    pub(super) field: Field,
    /// The error of the last Enter.
    pub(super) problem: Option<String>,
}

/// The purpose of the prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PromptKind {
    Search,
    Keep,
    Hide,
    Jump,
    Note(usize),
    Save,
}

impl Prompt {
    pub(super) fn new(wanted: PromptKind) -> Self {
        Self::with(
            wanted,
            if wanted == PromptKind::Save {
                "visible "
            } else {
                ""
            },
        )
    }

    pub(super) fn with(wanted: PromptKind, text: &str) -> Self {
        Self {
            wanted,
            field: Field::with(text),
            problem: None,
        }
    }

    /// The label before the field.
    pub(super) const fn label(&self) -> &'static str {
        match self.wanted {
            PromptKind::Search => " search: ",
            PromptKind::Keep => " show only: ",
            PromptKind::Hide => " hide: ",
            PromptKind::Jump => " go to (14:05, -15m, 2026-11-21T09:30, 50%, line 1200; UTC): ",
            PromptKind::Note(_) => " mark with note: ",
            PromptKind::Save => " save (visible, marked or all; .jsonl for JSON) to: ",
        }
    }
}

impl Viewer {
    pub(super) fn prompt(&mut self, action: Action) -> Vec<Effect> {
        let Some(Over::Prompt(prompt)) = &mut self.over else {
            return Vec::new();
        };
        prompt.problem = None;
        if action != Action::Accept {
            prompt.field.act(action);
            return Vec::new();
        }
        let (wanted, text) = (prompt.wanted, prompt.field.text().to_owned());
        match self.take(wanted, &text) {
            Ok(effects) => {
                self.over = None;
                effects
            }
            Err(problem) => {
                if let Some(Over::Prompt(prompt)) = &mut self.over {
                    prompt.problem = Some(problem);
                }
                Vec::new()
            }
        }
    }

    fn take(&mut self, wanted: PromptKind, text: &str) -> Result<Vec<Effect>, String> {
        let ticket = self.ticket;
        let ask = |ask| vec![Effect::File(ticket, Box::new(ask))];
        if text.trim().is_empty() && !matches!(wanted, PromptKind::Note(_)) {
            return Ok(
                if wanted == PromptKind::Search && self.search.take().is_some() {
                    ask(LogRequest::Search(None))
                } else {
                    Vec::new()
                },
            );
        }
        Ok(match wanted {
            PromptKind::Search => {
                let regex = pattern(text)?;
                self.search = Some((text.to_owned(), regex.clone()));
                let seek = LogRequest::Seek {
                    what: Sought::Hit,
                    forward: true,
                };
                [LogRequest::Search(Some(regex)), seek]
                    .map(|ask| self.ask(ask))
                    .into()
            }
            PromptKind::Keep | PromptKind::Hide => {
                self.filters.add(text, wanted == PromptKind::Hide)?;
                vec![self.rules()]
            }
            PromptKind::Jump => ask(target(text.trim(), self.shown.lines, self.now)?),
            PromptKind::Note(line) => {
                self.marks.insert(line, text.to_owned());
                Vec::new()
            }
            PromptKind::Save => ask(LogRequest::Export(self.export(text)?)),
        })
    }

    fn export(&self, text: &str) -> Result<Export, String> {
        let wanted = || "write what to save and where: visible /tmp/found.log".to_owned();
        let (what, path) = text.trim().split_once(' ').ok_or_else(wanted)?;
        let what = match what {
            "visible" => What::Visible,
            "all" => What::All,
            "marked" if self.marks.is_empty() => {
                return Err("no line is marked: m marks one".to_owned());
            }
            "marked" => What::Marked(self.marks.keys().copied().collect()),
            _ => return Err(wanted()),
        };
        let path = PathBuf::from(path.trim());
        Ok(Export {
            what,
            path,
            simulated: self.facts.simulated,
            notes: self.marks.clone(),
        })
    }
}

/// Parses a jump target.
fn target(text: &str, lines: usize, now: Timestamp) -> Result<LogRequest, String> {
    let number = |text: &str| text.trim().parse::<usize>().ok();
    if let Some(line) = number(text.strip_prefix("line").unwrap_or(text)) {
        return Ok(LogRequest::Move(Move::Line(line.saturating_sub(1))));
    }
    if let Some(percent) = text
        .strip_suffix('%')
        .and_then(number)
        .filter(|p| *p <= 100)
    {
        return Ok(LogRequest::Move(Move::Line(
            lines.saturating_sub(1) / 100 * percent + lines.saturating_sub(1) % 100 * percent / 100,
        )));
    }
    for (sign, factor) in [('-', -1), ('+', 1)] {
        if let Some(duration) = text.strip_prefix(sign) {
            return Ok(LogRequest::Jump(Jump::By(
                parse_duration(duration)? * factor,
            )));
        }
    }
    if let Some(at) = logline::time(text.as_bytes(), now) {
        return Ok(LogRequest::Jump(Jump::To(at)));
    }
    let parts: Vec<Option<i64>> = text
        .split(':')
        .map(|part| part.parse().ok().filter(|n| (0..60).contains(n)))
        .collect();
    match *parts {
        [Some(hour @ 0..=23), Some(minute)] => {
            Ok(LogRequest::Jump(Jump::Clock((hour * 60 + minute) * 60_000)))
        }
        [Some(hour @ 0..=23), Some(minute), Some(second)] => Ok(LogRequest::Jump(Jump::Clock(
            ((hour * 60 + minute) * 60 + second) * 1000,
        ))),
        _ => Err(format!(
            "`{text}` is no time: write 14:05, -15m, 2026-11-21T09:30, 50% or a line number"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jump_targets_are_parsed() {
        for (text, ask) in [
            (
                "14:05",
                LogRequest::Jump(Jump::Clock((14 * 60 + 5) * 60_000)),
            ),
            ("00:00:07", LogRequest::Jump(Jump::Clock(7000))),
            ("-15m", LogRequest::Jump(Jump::By(-900_000))),
            ("+1h30m", LogRequest::Jump(Jump::By(5_400_000))),
            (
                "1970-01-02T00:00",
                LogRequest::Jump(Jump::To(Timestamp(86_400_000))),
            ),
            ("1200", LogRequest::Move(Move::Line(1199))),
            ("line 7", LogRequest::Move(Move::Line(6))),
            ("50%", LogRequest::Move(Move::Line(499))),
            ("100%", LogRequest::Move(Move::Line(999))),
        ] {
            assert_eq!(target(text, 1000, Timestamp(0)), Ok(ask), "{text}");
        }
        for bad in ["soon", "25:00", "12:60", "-", "101%", "12:", "-15"] {
            assert!(target(bad, 1000, Timestamp(0)).is_err(), "{bad}");
        }
    }
}
