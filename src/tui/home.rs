//! Home: stack, health score and live log side by side; any of them on the whole screen. The view
//! under all others.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::filter::Filter;
use super::frame::Frame;
use super::keys::{Action, Context};
use super::logs::{LogPane, Logs};
use super::msg::{Effect, Msg, Overview};
use super::pane::run::log;
use super::pane::stack::{StackList, targets};
use super::pane::{Delivery, Destination, Reaction, Scene, View, health, stack, welcome};
use super::picker::{Picker, moved};
use super::theme::{Theme, run_symbol, run_word};
use super::view::canvas::{Canvas, safe};
use super::view::layout;
use super::viewer::Viewer;
use crate::core::run::act::Acted;
use crate::core::run::plan::Target;
use crate::core::run::summary::RunSummary;
use crate::core::run::{RunId, RunStatus};

/// The panes at home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pane {
    #[default]
    Stack,
    Health,
    Log,
}

impl Pane {
    /// In the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Stack, Self::Health, Self::Log];
}

/// The state of home.
#[derive(Debug, Clone, Default)]
pub struct Home {
    focus: Pane,
    /// The focused pane fills the screen.
    pub full: bool,
    stack: Picker<Target>,
    filter: Filter,
    health_top: usize,
    /// The run whose log is shown.
    pub log: Option<RunId>,
    /// The run just started; shown once the overview has it.
    started: Option<RunId>,
}

impl Home {
    /// Gives focus to a pane, beside the others.
    pub const fn show(&mut self, pane: Pane) {
        (self.focus, self.full) = (pane, false);
    }

    fn area(&self, pane: Pane, body: Rect) -> Rect {
        let areas = layout::home(body);
        match pane {
            _ if self.full => body,
            Pane::Stack => areas.stack,
            Pane::Health => areas.health,
            Pane::Log => areas.log,
        }
    }

    /// Updates the selection after a change of the stack.
    fn sync(&mut self, overview: &Overview) {
        self.stack.sync(&targets(overview, self.filter.text()));
    }

    /// Shows the log of the run that was just queued.
    const fn follow(&mut self, run: RunId) {
        (self.started, self.log) = (Some(run), Some(run));
    }

    /// Shows the log of the newest run, unless the operator is reading another one.
    fn choose_log(&mut self, overview: &Overview, logs: &Logs) {
        let started = self
            .started
            .take_if(|id| overview.runs.iter().any(|r| r.id == *id));
        let newest = started.or_else(|| {
            overview
                .runs
                .iter()
                .find(|r| r.trigger != "pulse")
                .map(|r| r.id)
        });
        let shown = self.log;
        let reading = shown
            .and_then(|run| logs.get(run))
            .is_some_and(Viewer::is_read);
        if let Some(run) =
            newest.filter(|run| Some(*run) != shown && (!reading || started.is_some()))
        {
            self.log = Some(run);
        }
    }

    fn move_focus(&mut self, step: usize) {
        let at = Pane::ALL.iter().position(|p| *p == self.focus).unwrap_or(0);
        self.focus = Pane::ALL[(at + step) % Pane::ALL.len()];
    }

    fn act_stack(&mut self, action: Action, scene: Scene<'_>) -> Reaction {
        let Some(overview) = scene.overview else {
            return Reaction::Ignored;
        };
        if self.filter.is_typing() && self.filter.act(action) {
            self.sync(overview);
            return Reaction::Done;
        }
        let page = layout::rows(self.area(Pane::Stack, scene.body));
        match (action, self.stack.key().cloned()) {
            (Action::Find, _) => self.filter.open(),
            (Action::Open, Some(target)) => {
                return Reaction::Open(Destination::Service {
                    name: target.service,
                });
            }
            (Action::CopyLine, Some(target)) => {
                return Reaction::Ask(Effect::Copy(target.to_string()));
            }
            _ if self
                .stack
                .act(action, &targets(overview, self.filter.text()), page) => {}
            _ => return Reaction::Ignored,
        }
        Reaction::Done
    }

    fn act_health(&mut self, action: Action, scene: Scene<'_>) -> Reaction {
        let area = self.area(Pane::Health, scene.body);
        let height = layout::rows(area);
        let last = health::lines(
            scene.overview,
            scene.now,
            Theme::new(false),
            layout::columns(area),
        )
        .len()
        .saturating_sub(height);
        let Some(top) = moved(action, self.health_top.min(last), last, height) else {
            return Reaction::Ignored;
        };
        self.health_top = top;
        Reaction::Done
    }

    fn act_log(&self, action: Action) -> Reaction {
        match self.log {
            Some(run) if action == Action::Open => Reaction::Open(Destination::run(run)),
            Some(_) => log::act(action),
            None => Reaction::Ignored,
        }
    }

    const fn stack_list(&self) -> StackList<'_> {
        StackList {
            filter: &self.filter,
            selected: self.stack.index(),
        }
    }
}

impl View for Home {
    fn context(&self) -> Context {
        match self.focus {
            Pane::Stack if self.filter.is_typing() => Context::Text,
            Pane::Log => Context::Log,
            Pane::Stack | Pane::Health => Context::List,
        }
    }

    fn act(&mut self, action: Action, scene: Scene<'_>) -> Reaction {
        match action {
            Action::NextPane => self.move_focus(1),
            Action::PreviousPane => self.move_focus(Pane::ALL.len() - 1),
            Action::Pane1 => self.focus = Pane::Stack,
            Action::Pane2 => self.focus = Pane::Health,
            Action::Pane3 => self.focus = Pane::Log,
            Action::Fullscreen => match self.log {
                Some(run) if self.focus == Pane::Log => {
                    return Reaction::Open(Destination::Log { run });
                }
                _ => self.full = !self.full,
            },
            other => {
                return match self.focus {
                    Pane::Stack => self.act_stack(other, scene),
                    Pane::Health => self.act_health(other, scene),
                    Pane::Log => self.act_log(other),
                };
            }
        }
        Reaction::Done
    }

    /// Esc: closes the innermost layer.
    fn back(&mut self, scene: Scene<'_>) -> bool {
        if self.focus == Pane::Stack && self.filter.clear() {
            scene.overview.inspect(|o| self.sync(o));
            return true;
        }
        std::mem::take(&mut self.full)
    }

    /// Types text into the filter.
    fn insert(&mut self, text: &str, scene: Scene<'_>) {
        if self.focus == Pane::Stack && self.filter.is_typing() {
            self.filter.insert(text);
            scene.overview.inspect(|o| self.sync(o));
        }
    }

    /// The log shown, unless another pane fills the screen.
    fn log(&self, body: Rect) -> Option<LogPane> {
        let focused = self.focus == Pane::Log;
        let area = layout::inner(self.area(Pane::Log, body));
        let run = self.log.filter(|_| focused || !self.full)?;
        Some(LogPane {
            run,
            area,
            framed: true,
            focused,
        })
    }

    fn receive(&mut self, msg: &Msg, delivery: Delivery<'_>) -> Reaction {
        match msg {
            Msg::Overview(Ok(overview)) => {
                self.sync(overview);
                self.choose_log(overview, delivery.logs);
            }
            Msg::Submitted(_, Ok(run)) => self.follow(run.id),
            Msg::Acted(_, Ok(acted)) => {
                if let [Acted::Retried(run)] = acted.as_slice() {
                    self.follow(run.id);
                }
            }
            _ => return Reaction::Ignored,
        }
        Reaction::Done
    }

    fn crumb(&self) -> String {
        "home".to_owned()
    }

    /// Paints all panes, or the one that fills the screen; while there is nothing, what to do first.
    fn draw(&self, frame: Frame<'_>, body: Rect, canvas: &mut Canvas<'_>) {
        if let Some(empty) = frame.overview.filter(|overview| welcome::applies(overview)) {
            return welcome::draw(empty, body, canvas);
        }
        for pane in Pane::ALL
            .into_iter()
            .filter(|pane| !self.full || *pane == self.focus)
        {
            let (area, focused) = (self.area(pane, body), pane == self.focus);
            match pane {
                Pane::Stack => stack::draw(frame, self.stack_list(), area, focused, canvas),
                Pane::Health => health::draw(frame, self.health_top, area, focused, canvas),
                Pane::Log => {
                    let run = self.log.and_then(|run| frame.run_of(run));
                    let shown = self.log.and_then(|run| frame.logs.get(run));
                    log::draw(shown, log_title(frame, run), area, focused, canvas);
                }
            }
        }
    }
}

/// `Run #41 ▶ running  deploy web → staging`.
#[must_use]
pub fn log_title(frame: Frame<'_>, run: Option<&RunSummary>) -> Line<'static> {
    let theme = frame.theme;
    let Some(run) = run else {
        return Span::styled(" Run log ", theme.strong()).into();
    };
    let status = format!("{} {} ", run_symbol(run.status), run_word(run.status));
    let mut spans = vec![
        Span::styled(format!(" Run {} ", run.id), theme.strong()),
        Span::styled(status, theme.run(run.status)),
    ];
    if run.status == RunStatus::Waiting {
        // The requester of a run cannot approve it.
        let is_requester = run.actor == frame.facts.actor && run.needs_approval;
        let whom = if is_requester {
            "Enter opens it "
        } else {
            "for you: Enter opens it "
        };
        spans.push(Span::styled(whom, theme.attention()));
    }
    // Last, because it may be cut.
    spans.push(Span::styled(
        format!(" {} ", safe(&run.title)),
        theme.strong(),
    ));
    Line::from(spans)
}
