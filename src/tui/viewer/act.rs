//! Actions of keys in the viewer.

use super::prompt::{Prompt, PromptKind};
use super::{Over, Times, Viewer};
use crate::core::run::event::Level;
use crate::logfile::log_view::{LogRequest, Move, Sought};
use crate::tui::keys::{Action, Context};
use crate::tui::msg::Effect;
use crate::tui::popup::help::Help;

/// Columns per horizontal scroll step.
const STEP: usize = 16;
/// Limit of horizontal scrolling: the part of a line that is kept.
const MAX_SCROLL: usize = 16 * 1024;

impl Viewer {
    pub(in crate::tui) fn act(&mut self, action: Action) -> Vec<Effect> {
        match (action, &mut self.over) {
            (Action::Redraw, _) => vec![Effect::Redraw],
            (Action::Suspend, _) => vec![Effect::Suspend],
            (Action::Mouse, _) => {
                self.mouse = !self.mouse;
                vec![Effect::Mouse(self.mouse)]
            }
            (Action::Back | Action::Interrupt, Some(_)) => {
                self.over = None;
                Vec::new()
            }
            (Action::Help, over) if !matches!(over, Some(Over::Help(_))) => {
                let context = self.context(Context::File);
                self.over = Some(Over::Help(Box::new(Help::new(if context.is_text() {
                    Context::Text
                } else {
                    Context::File
                }))));
                Vec::new()
            }
            (_, Some(Over::Help(_))) => self.help(action),
            (_, Some(Over::Prompt(_))) => self.prompt(action),
            (_, Some(Over::Card(card))) => {
                let effect = card.act(action, usize::from(self.size.1));
                if matches!(action, Action::Open | Action::Quit) {
                    self.over = None;
                }
                effect.into_iter().collect()
            }
            (_, Some(Over::Filters)) => self.filter_list(action),
            (_, None) => self.act_log(action),
        }
    }

    fn act_log(&mut self, action: Action) -> Vec<Effect> {
        if let Some(ask) = self.reader_request(action) {
            return vec![self.ask(ask)];
        }
        match action {
            Action::Leave => return vec![Effect::Quit],
            Action::Wrap => (self.wrap, self.left) = (!self.wrap, 0),
            Action::Times => {
                self.times = match self.times {
                    Times::AsWritten => Times::Utc,
                    Times::Utc => Times::Local,
                    Times::Local => Times::AsWritten,
                };
                self.notice = Some(match self.times {
                    Times::AsWritten => "no column of times".to_owned(),
                    Times::Utc => "times in UTC".to_owned(),
                    Times::Local => format!(
                        "times in {}",
                        self.facts.zone.iana_name().unwrap_or("local time")
                    ),
                });
            }
            Action::Lanes => self.columns = !self.columns,
            Action::Colours => self.colours = !self.colours,
            Action::Left => self.left = self.left.saturating_sub(STEP),
            Action::Right if !self.wrap => self.left = (self.left + STEP).min(MAX_SCROLL),
            Action::Strip => {
                self.strip = !self.strip;
                return vec![self.fit()];
            }
            Action::Level => {
                self.floor = match self.floor {
                    Level::Debug => Level::Info,
                    Level::Info | Level::Success => Level::Warn,
                    Level::Warn => Level::Error,
                    Level::Error => Level::Debug,
                };
                return vec![self.rules()];
            }
            Action::ToggleFilters if !self.filters.is_empty() => {
                self.filters.suspended = !self.filters.suspended;
                return vec![self.rules()];
            }
            Action::RemoveFilter if !self.filters.is_empty() => {
                self.filters.index = usize::MAX;
                self.filters.remove();
                return vec![self.rules()];
            }
            Action::Filters | Action::ToggleFilters | Action::RemoveFilter
                if self.filters.is_empty() =>
            {
                self.notice =
                    Some("there are no filters: & keeps only what matches, ! hides it".to_owned());
            }
            Action::Filters => self.over = Some(Over::Filters),
            Action::Back | Action::Interrupt if self.search.take().is_some() => {
                return vec![self.ask(LogRequest::Search(None))];
            }
            Action::Interrupt => self.notice = Some("q leaves".to_owned()),
            Action::Mark => return self.toggle_mark(),
            Action::NextMark | Action::PreviousMark => {
                return self.go_to_mark(action == Action::NextMark);
            }
            Action::Search => self.ask_for(PromptKind::Search),
            Action::KeepOnly => self.ask_for(PromptKind::Keep),
            Action::Hide => self.ask_for(PromptKind::Hide),
            Action::Jump => self.ask_for(PromptKind::Jump),
            Action::Save => self.ask_for(PromptKind::Save),
            _ => {}
        }
        Vec::new()
    }

    /// The request to the reader for an action.
    fn reader_request(&self, action: Action) -> Option<LogRequest> {
        let seek = |what, forward| LogRequest::Seek { what, forward };
        Some(match action {
            Action::Up => LogRequest::Move(Move::By(-1)),
            Action::Down => LogRequest::Move(Move::By(1)),
            Action::PageUp => LogRequest::Move(Move::Halves(-2)),
            Action::PageDown | Action::Page => LogRequest::Move(Move::Halves(2)),
            Action::Top => LogRequest::Move(Move::Top),
            Action::Bottom => LogRequest::Move(Move::End),
            Action::Follow => LogRequest::Move(Move::Follow),
            Action::NextError => seek(Sought::Error, true),
            Action::PreviousError => seek(Sought::Error, false),
            Action::NextWarning => seek(Sought::Warning, true),
            Action::PreviousWarning => seek(Sought::Warning, false),
            Action::NextHit => seek(Sought::Hit, true),
            Action::PreviousHit => seek(Sought::Hit, false),
            Action::CopyLine => LogRequest::Copy { line: self.line()? },
            Action::Open => LogRequest::Record { line: self.line()? },
            _ => return None,
        })
    }

    /// The request that sets the reader's filters and minimum level.
    pub(super) fn rules(&self) -> Effect {
        self.ask(LogRequest::Rules {
            rules: self.filters.in_force(),
            floor: self.floor,
        })
    }

    fn ask_for(&mut self, wanted: PromptKind) {
        self.over = Some(Over::Prompt(Box::new(Prompt::new(wanted))));
    }

    fn toggle_mark(&mut self) -> Vec<Effect> {
        let Some(line) = self.line() else {
            return Vec::new();
        };
        if self.marks.remove(&line).is_none() {
            self.ask_for(PromptKind::Note(line));
        }
        Vec::new()
    }

    fn go_to_mark(&mut self, forward: bool) -> Vec<Effect> {
        let here = self.line().unwrap_or(0);
        let to = if forward {
            self.marks
                .range(here + 1..)
                .next()
                .or_else(|| self.marks.first_key_value())
        } else {
            self.marks
                .range(..here)
                .next_back()
                .or_else(|| self.marks.last_key_value())
        };
        let Some((line, note)) = to else {
            self.notice = Some("no line is marked: m marks one".to_owned());
            return Vec::new();
        };
        let ask = LogRequest::Move(Move::Line(*line));
        self.notice = (!note.is_empty()).then(|| format!("mark: {note}"));
        vec![self.ask(ask)]
    }

    /// Keys in the list of filters.
    fn filter_list(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::Open => self.filters.toggle(),
            Action::RemoveFilter => {
                self.filters.remove();
                if self.filters.is_empty() {
                    self.over = None;
                }
            }
            Action::Leave | Action::Filters => {
                self.over = None;
                return Vec::new();
            }
            other => {
                self.filters.select(other);
                return Vec::new();
            }
        }
        vec![self.rules()]
    }
}
