//! A list selection that stays on its object when the list changes.

use ratatui::layout::Rect;

use crate::tui::keys::Action;

/// The selection in a list, by key; if the key is gone, by index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picker<K> {
    /// The chosen object. Selected again after a filter that hides it is cleared.
    chosen: Option<K>,
    /// The selected object: the chosen one, or a substitute while that is not in the list.
    key: Option<K>,
    index: usize,
}

impl<K> Default for Picker<K> {
    fn default() -> Self {
        Self {
            chosen: None,
            key: None,
            index: 0,
        }
    }
}

impl<K: Clone + PartialEq> Picker<K> {
    /// Selects the object again, or the one at its index if it is gone.
    pub fn sync(&mut self, keys: &[K]) {
        self.sync_with(keys.len(), |index| keys.get(index));
    }

    /// [`Picker::sync`] for a list of `len` objects that is not one of keys.
    pub fn sync_with<'k>(&mut self, len: usize, key: impl Fn(usize) -> Option<&'k K>)
    where
        K: 'k,
    {
        let place = |wanted: &Option<K>| {
            let wanted = wanted.as_ref()?;
            (0..len).find(|index| key(*index) == Some(wanted))
        };
        let found = place(&self.chosen).or_else(|| place(&self.key));
        self.index = found.unwrap_or(self.index).min(len.saturating_sub(1));
        self.key = key(self.index).cloned();
        if self.chosen.is_none() {
            self.chosen.clone_from(&self.key);
        }
    }

    /// Index of the selected row.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// The selected object.
    #[must_use]
    pub const fn key(&self) -> Option<&K> {
        self.key.as_ref()
    }

    /// Selects this object, if it is in the list.
    pub fn select(&mut self, key: &K, keys: &[K]) {
        if keys.contains(key) {
            self.chosen = Some(key.clone());
            self.sync(keys);
        }
    }

    /// Moves the selection; false if the action is not a movement. `page`: number of visible rows.
    pub fn act(&mut self, action: Action, keys: &[K], page: usize) -> bool {
        self.act_with(action, keys.len(), page, |index| keys.get(index))
    }

    /// [`Picker::act`] for a list of `len` objects that is not one of keys.
    pub fn act_with<'k>(
        &mut self,
        action: Action,
        len: usize,
        page: usize,
        key: impl Fn(usize) -> Option<&'k K>,
    ) -> bool
    where
        K: 'k,
    {
        let last = len.saturating_sub(1);
        let Some(index) = moved(action, self.index, last, page) else {
            return false;
        };
        self.choose(index, key(index));
        true
    }

    fn choose(&mut self, index: usize, key: Option<&K>) {
        self.index = index;
        self.key = key.cloned();
        self.chosen.clone_from(&self.key);
    }
}

impl<K: Clone + PartialEq> Picker<K> {
    /// Selects the row of a list in `area` that is at `y`, given the first row shown; false if there
    /// is none.
    pub fn click(&mut self, keys: &[K], y: u16, area: Rect, first: usize) -> bool {
        let index = first + usize::from(y.saturating_sub(area.y));
        if y < area.y || y >= area.bottom() || index >= keys.len() {
            return false;
        }
        self.choose(index, keys.get(index));
        true
    }
}

/// The target of a movement in a list whose last index is `last`.
#[must_use]
pub fn moved(action: Action, from: usize, last: usize, page: usize) -> Option<usize> {
    let page = page.saturating_sub(1).max(1);
    let to = match action {
        Action::Up => from.saturating_sub(1),
        Action::Down => from.saturating_add(1),
        Action::Top => 0,
        Action::Bottom => last,
        Action::PageUp => from.saturating_sub(page),
        Action::PageDown | Action::Page => from.saturating_add(page),
        _ => return None,
    };
    Some(to.min(last))
}

/// First visible row of a list of `len` rows that keeps `index` visible, in the middle if possible.
/// Stateless: depends only on the selection.
#[must_use]
pub fn first_visible(index: usize, len: usize, height: usize) -> usize {
    index
        .saturating_sub(height / 2)
        .min(len.saturating_sub(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selection_stays_on_its_object() {
        let mut picker = Picker::default();
        picker.sync(&["a", "b", "c"]);
        picker.act(Action::Down, &["a", "b", "c"], 3);
        assert_eq!(picker.key(), Some(&"b"));
        picker.sync(&["x", "y", "b", "a"]);
        assert_eq!((picker.key(), picker.index()), (Some(&"b"), 2));
        picker.sync(&["x", "y"]);
        assert_eq!(
            (picker.key(), picker.index()),
            (Some(&"y"), 1),
            "gone: what is nearest"
        );
        picker.sync(&["x", "b", "y"]);
        assert_eq!(picker.key(), Some(&"b"), "back again");
        picker.sync(&[]);
        assert_eq!(picker.key(), None);
    }

    #[test]
    fn a_movement_looks_at_one_object_however_long_the_list_is() {
        let keys: Vec<String> = (0..10_000).map(|n| format!("web-{n}")).collect();
        let mut picker = Picker::default();
        picker.sync(&keys);
        for (action, index) in [
            (Action::Down, 1),
            (Action::Bottom, 9999),
            (Action::Up, 9998),
            (Action::PageUp, 9959),
        ] {
            let looked = std::cell::Cell::new(0);
            let key = |at: usize| {
                looked.set(looked.get() + 1);
                keys.get(at)
            };
            assert!(picker.act_with(action, keys.len(), 40, key), "{action:?}");
            assert_eq!((picker.index(), looked.get()), (index, 1), "{action:?}");
            assert_eq!(picker.key(), keys.get(index));
        }
    }

    #[test]
    fn the_selected_row_is_always_visible() {
        for len in 0..20 {
            for height in 1..10 {
                for index in 0..len {
                    let first = first_visible(index, len, height);
                    assert!(
                        first <= index && index < first + height,
                        "{index} of {len} in {height}"
                    );
                }
            }
        }
    }
}
