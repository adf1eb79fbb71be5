//! The console's model: `update` takes a message and returns effects. No I/O, no clock, no waiting.

mod act;
mod acted;
mod away;
pub mod bar;
mod command;
mod data;
mod input;
mod log;
mod mouse;
mod views;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ratatui::layout::Rect;

use self::bar::Bar;
use super::activity::Activity;
use super::facts::Facts;
use super::frame::Frame;
use super::home::Home;
use super::keys::{Action, Context, Keymap};
use super::logs::Logs;
use super::msg::{Effect, Msg, Overview, Ticket};
use super::pane::{Scene, Screen};
use super::popup::Popup;
use super::theme::Theme;
use super::view::layout;
use crate::control::run::left_over;
use crate::core::base::time::Timestamp;
use crate::core::command::Catalogue;
use crate::core::health::day::Day;
use crate::core::run::RunId;
use crate::core::run::plan::Target;
use crate::core::run::summary::RunSummary;

/// One line about the last event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toast {
    pub text: String,
    /// It is an error.
    pub bad: bool,
    until: Timestamp,
}

/// How long a toast stays, milliseconds.
const TOAST_MS: i64 = 8_000;

/// Everything on screen, and the requests for it.
#[derive(Debug, Clone)]
pub struct App {
    pub facts: Facts,
    pub keys: Keymap,
    pub theme: Theme,
    pub now: Timestamp,
    pub size: (u16, u16),
    pub overview: Option<Overview>,
    /// Why there is no overview.
    pub trouble: Option<String>,
    pub home: Home,
    /// Views opened over home; the last one is on screen.
    pub screens: Vec<Screen>,
    /// Views that were left, the last one at the end; opening another view drops them.
    left: Vec<Screen>,
    /// The last change of views was back.
    went_back: bool,
    /// The logs of runs: on screen, or kept for a while after that.
    pub logs: Logs,
    pub popups: Vec<Popup>,
    pub bar: Option<Bar>,
    pub toast: Option<Toast>,
    catalogue: Option<Arc<Catalogue>>,
    /// Lines of the command bar, newest first.
    history: Vec<String>,
    requests: data::Requests,
    /// When the overview was last evaluated.
    evaluated_at: Option<Timestamp>,
    /// When a view was last read again by the clock.
    read_at: Timestamp,
    /// When the last day of all targets was last asked for.
    days_at: Timestamp,
    /// The last 24 hours of each target, also before there is an overview.
    days: Arc<HashMap<Target, Day>>,
    tickets: u64,
    away: away::Away,
    mouse: mouse::MouseState,
    activity: Activity,
}

/// Maximum interval between two evaluations of the overview.
const MINUTE_MS: i64 = 60_000;

impl App {
    /// A console without data.
    #[must_use]
    pub fn new(facts: Facts, keys: Keymap, theme: Theme, size: (u16, u16), now: Timestamp) -> Self {
        Self {
            facts,
            keys,
            theme,
            now,
            size,
            overview: None,
            trouble: None,
            home: Home::default(),
            screens: Vec::new(),
            left: Vec::new(),
            went_back: false,
            logs: Logs::default(),
            popups: Vec::new(),
            bar: None,
            toast: None,
            catalogue: None,
            history: Vec::new(),
            requests: data::Requests::default(),
            evaluated_at: None,
            days_at: now,
            days: Arc::default(),
            read_at: now,
            tickets: 0,
            away: away::Away::default(),
            mouse: mouse::MouseState::default(),
            activity: Activity::default(),
        }
    }

    /// The first effects.
    pub fn start(&mut self) -> Vec<Effect> {
        self.mouse.on = self.facts.mouse;
        let mut effects = self.wanted();
        effects.extend(self.mouse.on.then_some(Effect::Mouse(true)));
        effects
    }

    /// Handles a message and returns the effects to perform.
    pub fn update(&mut self, msg: Msg) -> Vec<Effect> {
        let (view, toast) = (self.view_on_top(), self.toast.clone());
        let mut effects = match msg {
            Msg::Key(key) => self.key(&key),
            Msg::Paste(text) => self.paste(&text),
            Msg::Burst(text) => self.burst(&text),
            Msg::Resize(width, height) => {
                self.size = (width, height);
                Vec::new()
            }
            Msg::Mouse(mouse) => self.mouse(mouse),
            Msg::Focus(gained) => {
                self.away.focus(gained);
                Vec::new()
            }
            Msg::Tick(now) => {
                self.now = now;
                self.age(now);
                self.end_locks(now);
                self.read_again(now);
                self.toast.take_if(|toast| toast.until <= now);
                Vec::new()
            }
            other => self.handle(other),
        };
        // The old toast belongs to the view that was closed.
        if self.view_on_top() != view && self.toast == toast {
            self.toast = None;
        }
        effects.extend(self.wanted());
        self.look();
        effects.extend(self.away.notify(self.facts.simulated, self.now));
        effects
    }

    /// The view on top: the number of open views and the kind of the last.
    fn view_on_top(&self) -> (usize, Option<std::mem::Discriminant<Screen>>) {
        (
            self.screens.len(),
            self.screens.last().map(std::mem::discriminant),
        )
    }

    /// How often to tick: every second while a run is live, a toast is shown or a lock may end under a
    /// plan card, else once a minute
    /// or as often as states become stale.
    #[must_use]
    pub fn wants_tick(&self) -> Option<Duration> {
        let locked = !self.popups.is_empty() && self.overview.iter().any(|o| !o.locks.is_empty());
        let busy = !layout::is_too_small(self.size)
            && (self.shows_seconds() || self.toast.is_some() || self.away.waits() || locked);
        let period = self.overview.as_ref().map_or(MINUTE_MS, |o| o.stale_ms / 3);
        let slow = Duration::from_millis(u64::try_from(period).unwrap_or(0).clamp(1000, 60_000));
        if busy {
            return Some(Duration::from_secs(1));
        }
        let slow = Some(slow).filter(|slow| slow.as_secs() < 60);
        slow.into_iter().chain(self.top_view().reads_every()).min()
    }

    /// A run is live: the clock shows seconds and durations grow.
    #[must_use]
    pub fn shows_seconds(&self) -> bool {
        self.live() > 0
    }

    /// Runs that have not ended.
    #[must_use]
    pub fn live(&self) -> usize {
        self.overview.as_ref().map_or(0, |o| {
            o.runs.iter().filter(|r| !r.status.is_terminal()).count()
        })
    }

    /// The run in the overview.
    #[must_use]
    pub fn run_of(&self, run: RunId) -> Option<&RunSummary> {
        self.frame().run_of(run)
    }

    /// What views and popups may read while they paint.
    #[must_use]
    pub fn frame(&self) -> Frame<'_> {
        Frame {
            facts: &self.facts,
            keys: &self.keys,
            theme: self.theme,
            now: self.now,
            overview: self.overview.as_ref(),
            trouble: self.trouble.as_deref(),
            logs: &self.logs,
            activity: &self.activity,
        }
    }

    /// The key context.
    #[must_use]
    pub fn context(&self) -> Context {
        match (self.popups.last(), &self.bar) {
            (Some(popup), _) => popup.dialog().context(),
            (None, Some(_)) => Context::Text,
            (None, None) => {
                let base = self.top_view().context();
                self.log_in_focus()
                    .map_or(base, |run| self.logs.context(run, base))
            }
        }
    }

    /// The queued runs without an owner, and the key to start or drop them.
    #[must_use]
    pub fn left_over(&self) -> Option<String> {
        let waits = left_over::describe(&self.overview.as_ref()?.left_over, self.now)?;
        let key = self.key_name(Action::LeftOver);
        Some(if self.facts.read_only {
            format!("{key}: {waits}")
        } else {
            format!("{key}: {waits}: start, drop?")
        })
    }

    /// How many problems of the console itself there are.
    #[must_use]
    pub fn problem_count(&self) -> usize {
        let reported = self.overview.as_ref().map_or(0, |o| o.problems.len());
        usize::from(self.trouble.is_some()) + reported + self.keys.problems.len()
    }

    /// All problems of the console itself.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let reported = self.overview.iter().flat_map(|o| o.problems.iter());
        self.trouble
            .iter()
            .chain(reported)
            .chain(self.keys.problems.iter())
            .cloned()
            .collect()
    }

    /// Shows a toast.
    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.toast = Some(Toast {
            text: text.into(),
            bad: false,
            until: self.now.plus_ms(TOAST_MS),
        });
    }

    fn show_error(&mut self, text: impl Into<String>) {
        self.toast = Some(Toast {
            text: text.into(),
            bad: true,
            until: self.now.plus_ms(2 * TOAST_MS),
        });
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    fn body(&self) -> Rect {
        layout::parts(self.size).body
    }

    /// An action's first key, for display.
    #[must_use]
    pub fn key_name(&self, action: Action) -> String {
        self.keys.name(action)
    }
}

/// The data a view may read, borrowed separately from the views.
fn scene(overview: Option<&Overview>, now: Timestamp, size: (u16, u16)) -> Scene<'_> {
    Scene {
        overview,
        now,
        body: layout::parts(size).body,
    }
}
