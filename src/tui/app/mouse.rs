//! The mouse: the wheel scrolls the pane under it, a click selects, a double click opens. Dialogs take
//! no clicks, so that a slip of the hand starts nothing.

use ratatui::layout::Position;

use super::views::top_view_mut;
use super::{App, scene};
use crate::core::base::time::Timestamp;
use crate::tui::keys::Action;
use crate::tui::msg::{Effect, Mouse, MouseKind};
use crate::tui::pane::Pointing;
use crate::tui::view::layout;

/// Rows for each step of the wheel.
const WHEEL_ROWS: usize = 3;
/// Maximum time between the clicks of a double click, milliseconds.
const DOUBLE_MS: i64 = 500;

/// The state of the mouse.
#[derive(Debug, Clone, Default)]
pub(super) struct MouseState {
    pub on: bool,
    /// Where it was clicked last, and when.
    clicked: Option<(Position, Timestamp)>,
}

impl App {
    /// Turns the mouse on or off.
    pub(super) fn switch_mouse(&mut self) -> Vec<Effect> {
        self.mouse.on = !self.mouse.on;
        let off = self.key_name(Action::Mouse);
        self.say(if self.mouse.on {
            format!("mouse on: wheel, click, double click; Shift selects text; {off}: off")
        } else {
            "mouse off".to_owned()
        });
        vec![Effect::Mouse(self.mouse.on)]
    }

    pub(super) fn mouse(&mut self, mouse: Mouse) -> Vec<Effect> {
        if !self.mouse.on || layout::is_too_small(self.size) {
            return Vec::new();
        }
        let at = Position::new(mouse.column, mouse.row);
        match mouse.kind {
            MouseKind::WheelUp => self.wheel(Action::Up, at),
            MouseKind::WheelDown => self.wheel(Action::Down, at),
            MouseKind::Press => self.click(at),
        }
    }

    fn is_covered(&self) -> bool {
        let log = self.log_in_focus();
        !self.popups.is_empty()
            || self.bar.is_some()
            || log.is_some_and(|run| self.logs.is_covered(run))
    }

    fn wheel(&mut self, action: Action, at: Position) -> Vec<Effect> {
        if self.bar.is_some() {
            return Vec::new();
        }
        if !self.is_covered() {
            self.point(at, Pointing::Wheel);
        }
        (0..WHEEL_ROWS).flat_map(|_| self.act(action)).collect()
    }

    fn click(&mut self, at: Position) -> Vec<Effect> {
        if self.is_covered() {
            return Vec::new();
        }
        let before = self.mouse.clicked.take();
        let is_near = |place: Position| place.y == at.y && place.x.abs_diff(at.x) <= 1;
        let twice = before
            .is_some_and(|(place, when)| is_near(place) && self.now.ms_since(when) <= DOUBLE_MS);
        if twice {
            // The first click selected the row, and may have moved another one under the pointer.
            return self.act(Action::Open);
        }
        if self.point(at, Pointing::Click) {
            self.mouse.clicked = Some((at, self.now));
        }
        Vec::new()
    }

    fn point(&mut self, at: Position, pointing: Pointing) -> bool {
        let scene = scene(self.overview.as_ref(), self.now, self.size);
        top_view_mut(&mut self.home, &mut self.screens).point(at, pointing, scene)
    }
}
