//! The console's model and its one `update`: what happened goes in, what is wanted comes out. Nothing here waits, reads
//! the clock or touches the world.

mod act;
pub mod bar;
mod command;
mod data;
pub mod field;
pub mod filter;
pub mod logs;
pub mod picker;

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyEvent, KeyEventKind};
use ratatui::layout::Rect;

use self::bar::Bar;
use self::logs::{Logs, Place, RunLog};
use super::burst;
use super::keys::{Action, Context, Key, Keymap};
use super::msg::{Effect, Msg, Overview, Ticket};
use super::pane::home::Home;
use super::pane::{Scene, Screen};
use super::popup::Popup;
use super::theme::Theme;
use super::view::layout;
use super::viewer::{Facts as LogFacts, Named, Viewer, step_names, zone};
use crate::control::left_over;
use crate::core::command::Catalogue;
use crate::core::run::{Run, RunId};
use crate::core::time::Timestamp;

/// How the console was started, as far as it shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    pub actor: String,
    pub read_only: bool,
    /// Everything is invented: the demo world.
    pub simulated: bool,
}

/// One line about what just happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toast {
    pub text: String,
    /// It went wrong.
    pub bad: bool,
    until: Timestamp,
}

/// How long a line about what happened stays, milliseconds.
const TOAST_MS: i64 = 8_000;

/// Everything on screen, and what is on its way there.
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
    /// The logs of runs, on screen or left a while ago.
    pub logs: Logs,
    pub popups: Vec<Popup>,
    pub bar: Option<Bar>,
    pub toast: Option<Toast>,
    catalogue: Option<Arc<Catalogue>>,
    /// Lines of the command bar, newest first.
    history: Vec<String>,
    requests: data::Requests,
    /// When what is shown was last judged.
    judged_at: Option<Timestamp>,
    tickets: u64,
}

/// Between two looks at how old what is shown has become, at the most.
const MINUTE_MS: i64 = 60_000;

impl App {
    /// A console about which nothing is known yet.
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
            logs: Logs::default(),
            popups: Vec::new(),
            bar: None,
            toast: None,
            catalogue: None,
            history: Vec::new(),
            requests: data::Requests::default(),
            judged_at: None,
            tickets: 0,
        }
    }

    /// What is wanted before anything happens.
    pub fn start(&mut self) -> Vec<Effect> {
        self.wanted()
    }

    /// Takes in what happened and says what is wanted now.
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
            Msg::Focus(_) => Vec::new(),
            Msg::Tick(now) => {
                self.now = now;
                self.age(now);
                self.toast.take_if(|toast| toast.until <= now);
                Vec::new()
            }
            other => self.learn(other),
        };
        // What was said before belongs to the view that was left.
        if self.view_on_top() != view && self.toast == toast {
            self.toast = None;
        }
        effects.extend(self.wanted());
        effects
    }

    /// Which view is on top: how many lie over home, and the kind of the last.
    fn view_on_top(&self) -> (usize, Option<std::mem::Discriminant<Screen>>) {
        (self.screens.len(), self.screens.last().map(std::mem::discriminant))
    }

    /// How often the time shown changes: every second while a run is live or a message is to go, else once a minute, or as
    /// often as what is shown grows too old.
    #[must_use]
    pub fn wants_tick(&self) -> Option<Duration> {
        let busy = !layout::is_too_small(self.size) && (self.shows_seconds() || self.toast.is_some());
        let period = self.overview.as_ref().map_or(MINUTE_MS, |o| o.stale_ms / 3);
        let slow = Duration::from_millis(u64::try_from(period).unwrap_or(0).clamp(1000, 60_000));
        if busy { Some(Duration::from_secs(1)) } else { Some(slow).filter(|slow| slow.as_secs() < 60) }
    }

    /// A run is live: the clock shows seconds and durations grow.
    #[must_use]
    pub fn shows_seconds(&self) -> bool {
        self.live() > 0
    }

    /// Runs that have not ended.
    #[must_use]
    pub fn live(&self) -> usize {
        self.overview.as_ref().map_or(0, |o| o.runs.iter().filter(|r| !r.status.is_terminal()).count())
    }

    /// What is known of a run.
    #[must_use]
    pub fn run_of(&self, run: RunId) -> Option<&Run> {
        self.overview.as_ref().and_then(|o| o.runs.iter().find(|r| r.id == run))
    }

    /// Where the keyboard is.
    #[must_use]
    pub fn context(&self) -> Context {
        match (self.popups.last(), &self.bar, self.screens.last()) {
            (Some(popup), ..) => popup.context(),
            (None, Some(_), _) => Context::Text,
            (None, None, screen) => {
                let base = screen.map_or_else(|| self.home.context(), |screen| screen.view().context());
                self.log_in_focus().map_or(base, |run| self.logs.context(run, base))
            }
        }
    }

    /// Where the view on screen shows a log.
    fn log_place(&self) -> Option<Place> {
        let body = self.body();
        match self.screens.last() {
            Some(screen) => screen.view().log(body),
            None => self.home.log(body),
        }
    }

    /// The log that has the keyboard, unless a popup or the bar has it.
    #[must_use]
    pub fn log_in_focus(&self) -> Option<RunId> {
        self.log_place().filter(|place| place.focused).map(|place| place.run)
    }

    /// Makes sure that there is a log of this run; nothing is read before it is on screen.
    fn keep_log(&mut self, run: RunId) {
        if self.logs.get(run).is_some() {
            return;
        }
        let ticket = self.ticket();
        let seen = self.screens.iter().find_map(|screen| match screen {
            Screen::Run(s) if s.run == run => s.detail.as_ref().map(|detail| &detail.run),
            _ => None,
        });
        let known = seen.or_else(|| self.run_of(run));
        let files = vec![Named { name: format!("run {run}"), steps: Some(known.map(step_names).unwrap_or_default()) }];
        let timezone = self.overview.as_ref().map(|o| o.stack.timezone.as_str());
        let facts = LogFacts { files, zone: zone(timezone), budget: None, simulated: self.facts.simulated };
        let entries = known.map_or(0, |run| run.last_seq);
        let viewer = Viewer::new(ticket, facts, self.keys.clone(), self.theme);
        self.logs.add(RunLog::new(run, ticket, viewer, entries));
    }

    /// What waits for somebody to start or drop it, and with which key.
    #[must_use]
    pub fn left_over(&self) -> Option<String> {
        let waits = left_over::describe(&self.overview.as_ref()?.left_over, self.now)?;
        let key = self.key_name(Action::LeftOver);
        Some(if self.facts.read_only { format!("{key}: {waits}") } else { format!("{key}: {waits}: start, drop?") })
    }

    /// Everything that is wrong with the console itself.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let told = self.overview.iter().flat_map(|o| o.problems.iter());
        self.trouble.iter().chain(told).chain(self.keys.problems.iter()).cloned().collect()
    }

    /// Says something for a while.
    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.toast = Some(Toast { text: text.into(), bad: false, until: self.now.plus_ms(TOAST_MS) });
    }

    fn complain(&mut self, text: impl Into<String>) {
        self.toast = Some(Toast { text: text.into(), bad: true, until: self.now.plus_ms(2 * TOAST_MS) });
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    fn body(&self) -> Rect {
        layout::parts(self.size).body
    }

    fn key(&mut self, key: &KeyEvent) -> Vec<Effect> {
        if key.kind == KeyEventKind::Release {
            return Vec::new();
        }
        if layout::is_too_small(self.size) {
            // What cannot be seen cannot be operated; only leaving works, and only where it needs no question.
            let quit = self.keys.action(Context::List, key) == Some(Action::Quit);
            return if quit && self.live() == 0 { vec![Effect::Quit] } else { Vec::new() };
        }
        let context = self.context();
        if let Some(c) = Key::of(key).printable().filter(|_| context.is_text()) {
            self.insert(c.encode_utf8(&mut [0; 4]));
            return Vec::new();
        }
        self.keys.action(context, key).map_or_else(Vec::new, |action| self.act(action))
    }

    /// A paste is text: where none is typed it does nothing but say so, and nowhere does it run anything.
    fn paste(&mut self, text: &str) -> Vec<Effect> {
        if layout::is_too_small(self.size) {
            return Vec::new();
        }
        if let Some(popup) = self.popups.last_mut() {
            if let Some(why) = popup.paste(text) {
                self.say(why);
            }
        } else if self.context().is_text() {
            self.insert(text);
        } else {
            self.say(format!("a paste does nothing here; {} opens the command line", self.key_name(Action::Command)));
        }
        Vec::new()
    }

    /// Text that came at once, not called a paste by the terminal: perhaps a line typed while the network stood still. It
    /// opens the line it begins with (`:` or `/`, as the keymap has them) and is text there. Enter in it takes nothing.
    fn burst(&mut self, text: &str) -> Vec<Effect> {
        if layout::is_too_small(self.size) {
            return Vec::new();
        }
        if !self.popups.is_empty() || self.context().is_text() {
            let effects = self.paste(text);
            if burst::holds_enter(text) && self.popups.is_empty() {
                self.note(burst::ENTER_NOT_TAKEN);
            }
            return effects;
        }
        let opened = burst::opener(text, &self.keys, self.context());
        let effects = opened.map_or_else(Vec::new, |(action, _)| self.act(action));
        match opened.filter(|_| self.context().is_text()) {
            Some((_, line)) => {
                self.insert(line);
                if burst::holds_enter(text) {
                    self.note(burst::ENTER_NOT_TAKEN);
                }
            }
            None => self.say(burst::ignored(text, &self.key_name(Action::Command), "opens the command line")),
        }
        effects
    }

    /// Says something where it is read while a line is typed.
    fn note(&mut self, text: &str) {
        match &mut self.bar {
            Some(bar) => bar.message = Some(text.to_owned()),
            None => self.say(text),
        }
    }

    fn insert(&mut self, text: &str) {
        let world = bar::World::of(self.catalogue.as_ref(), self.overview.as_ref(), &self.history);
        let under = !self.popups.is_empty() || self.bar.is_some();
        if let Some(run) = self.log_in_focus().filter(|run| !under && self.logs.is_covered(*run)) {
            return self.logs.insert(run, text);
        }
        match (self.popups.last_mut(), &mut self.bar, self.screens.last_mut()) {
            (Some(popup), ..) => popup.insert(text),
            (None, Some(bar), _) => bar.insert(text, world),
            (None, None, Some(screen)) => screen.view_mut().insert(text),
            (None, None, None) => self.home.insert(text, self.overview.as_ref()),
        }
    }

    /// The first key of an action, as people read it.
    #[must_use]
    pub fn key_name(&self, action: Action) -> String {
        self.keys.keys(action).first().map_or_else(|| "(no key)".to_owned(), ToString::to_string)
    }
}

/// What a view may look at, borrowed apart from the views themselves.
fn scene(overview: Option<&Overview>, now: Timestamp, size: (u16, u16)) -> Scene<'_> {
    Scene { overview, now, body: layout::parts(size).body }
}
