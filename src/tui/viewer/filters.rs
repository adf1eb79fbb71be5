//! The filters: each shows only matching lines or hides them, and can be turned off, as can all.

use crate::logfile::log_view::Rule;
use crate::logfile::scan::pattern;
use crate::tui::keys::Action;
use crate::tui::picker::moved;

/// The filters and the selected one.
#[derive(Debug, Clone, Default)]
pub(super) struct Filters {
    pub(super) all: Vec<Filter>,
    pub(super) index: usize,
    /// All are turned off.
    pub(super) suspended: bool,
}

/// One filter.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    pub(super) text: String,
    pub(super) on: bool,
    pub(super) rule: Rule,
}

impl Filters {
    pub(super) const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Adds a filter; the error describes a bad pattern.
    pub(super) fn add(&mut self, text: &str, hide: bool) -> Result<(), String> {
        let regex = pattern(text)?;
        self.all.push(Filter {
            text: text.to_owned(),
            on: true,
            rule: Rule { regex, hide },
        });
        (self.index, self.suspended) = (self.all.len() - 1, false);
        Ok(())
    }

    /// Those that are on.
    pub(super) fn in_force(&self) -> Vec<Rule> {
        let on = self.all.iter().filter(|f| f.on && !self.suspended);
        on.map(|f| f.rule.clone()).collect()
    }

    pub(super) fn toggle(&mut self) {
        if let Some(filter) = self.all.get_mut(self.index) {
            filter.on = !filter.on;
        }
        self.suspended = false;
    }

    pub(super) fn remove(&mut self) {
        if !self.all.is_empty() {
            self.all.remove(self.index.min(self.all.len() - 1));
        }
        self.index = self.index.min(self.all.len().saturating_sub(1));
    }

    pub(super) fn select(&mut self, action: Action) {
        self.index =
            moved(action, self.index, self.all.len().saturating_sub(1), 10).unwrap_or(self.index);
    }
}
