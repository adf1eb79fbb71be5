//! Home: the services, the health score and a live log; any of them on the whole screen. The view
//! under all others.

use std::collections::{BTreeSet, HashSet};

use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::filter::Filter;
use super::frame::Frame;
use super::keys::{Action, Context};
use super::logs::{LogPane, Logs};
use super::msg::{Effect, HomeView, Msg, Overview};
use super::pane::run::log;
use super::pane::stack::StackTable;
use super::pane::{Delivery, Destination, Pointing, Reaction, Scene, View, health, stack, welcome};
use super::picker::{Picker, first_visible, moved};
use super::theme::{run_symbol, run_word};
use super::verbs;
use super::view::canvas::{Canvas, fit, safe};
use super::view::layout::{self, HomeAreas, HomeLines, THREE_COLUMNS, WIDE};
use super::viewer::Viewer;
use crate::control::routine::maintenance_line;
use crate::core::base::time::Timestamp;
use crate::core::health::matrix::{Matrix, MatrixData, RowOrder, RowSort, ServiceRow};
use crate::core::run::act::Acted;
use crate::core::run::need::{Looked, NeedReason, RunNeed, open_needs};
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

/// Failed runs of this time need a person who has never opened the list of runs, milliseconds.
const FIRST_LOOK_MS: i64 = 24 * 3_600_000;

/// The state of home.
#[derive(Debug, Clone, Default)]
pub struct Home {
    focus: Pane,
    /// The focused pane fills the screen.
    pub full: bool,
    stack: Picker<String>,
    /// Names of the marked services.
    marked: BTreeSet<String>,
    filter: Filter,
    matrix: Matrix,
    /// Indices of the rows that pass the filter.
    shown: Vec<usize>,
    /// What the filter searches in each row; made with the first letter of a filter.
    search: Option<Vec<String>>,
    /// How the person has set home; kept in the store.
    view: HomeView,
    /// It was changed and has to be kept.
    changed: bool,
    /// Maintenance now or soon.
    maintenance: Option<String>,
    /// Runs opened since the console was started.
    opened: BTreeSet<RunId>,
    needs: Vec<RunNeed>,
    /// Of those, the dialog of the queued runs was opened last.
    left_over_shown: bool,
    health: usize,
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

    /// What needs the person, most urgent first.
    #[must_use]
    pub fn needs(&self) -> &[RunNeed] {
        &self.needs
    }

    /// Number of services that fail where it counts most.
    #[must_use]
    pub const fn failing_protected(&self) -> usize {
        self.matrix.failing_protected()
    }

    /// Number of services that fail anywhere.
    #[must_use]
    pub const fn failing(&self) -> usize {
        self.matrix.failing()
    }

    /// The requests to send now.
    pub(super) fn wants(&mut self) -> Option<Effect> {
        std::mem::take(&mut self.changed).then_some(Effect::KeepHomeView(self.view))
    }

    /// A view is opened: what it shows counts as looked at.
    pub(super) fn look_at(&mut self, destination: &Destination, now: Timestamp) {
        match destination {
            // A filtered list may not show the failed runs.
            Destination::Runs { filter } if filter.is_everything() && filter.limit == 0 => {
                self.view.looked_at = Some(now);
                self.changed = true;
            }
            Destination::Runs { .. } => return,
            Destination::Run { run, .. } | Destination::Log { run } => {
                self.opened.insert(*run);
            }
            Destination::Service { .. }
            | Destination::Read { .. }
            | Destination::File { .. }
            | Destination::Routines { .. }
            | Destination::Routine { .. }
            | Destination::Chart { .. }
            | Destination::RoutineForm { .. }
            | Destination::Runbooks { .. }
            | Destination::Runbook { .. } => return,
        }
        self.needs = self.open_needs(&self.needs, now);
    }

    fn open_needs(&self, needs: &[RunNeed], now: Timestamp) -> Vec<RunNeed> {
        let looked = Looked {
            at: self
                .view
                .looked_at
                .unwrap_or_else(|| now.plus_ms(-FIRST_LOOK_MS)),
            opened: &self.opened,
        };
        open_needs(needs, looked).into_iter().cloned().collect()
    }

    fn areas(&self, body: Rect) -> HomeAreas {
        let lines = HomeLines {
            needs: !self.needs.is_empty(),
            maintenance: self.maintenance.is_some(),
        };
        layout::home(body, self.shown.len(), lines)
    }

    /// The focused pane fills the screen. Where the score is only a strip, its pane always does.
    fn is_full(&self, body: Rect) -> bool {
        self.full || (self.focus == Pane::Health && body.width < WIDE)
    }

    /// Leaves the pane that fills the screen; false when none does.
    pub(super) fn leave_full(&mut self, body: Rect) -> bool {
        let full = self.is_full(body);
        if full && body.width < WIDE && self.focus == Pane::Health {
            self.focus = Pane::Stack;
        }
        self.full = false;
        full
    }

    /// The next that needs the person after the one on screen, or after the queued runs whose
    /// dialog was opened last.
    pub(super) fn next_need(&mut self, on_screen: impl Fn(RunId) -> bool) -> Option<&RunNeed> {
        let shown = self.needs.iter().position(|need| on_screen(need.run));
        let passed = std::mem::take(&mut self.left_over_shown);
        let at = shown.or_else(|| {
            let is_left_over = |need: &RunNeed| need.reason == NeedReason::LeftOver;
            self.needs.iter().rposition(is_left_over).filter(|_| passed)
        });
        let next = at.map_or(0, |at| at + 1) % self.needs.len().max(1);
        let need = self.needs.get(next).filter(|need| !on_screen(need.run))?;
        self.left_over_shown = need.reason == NeedReason::LeftOver;
        Some(need)
    }

    fn area(&self, pane: Pane, body: Rect) -> Rect {
        let areas = self.areas(body);
        match pane {
            _ if self.is_full(body) => body,
            Pane::Stack => areas.stack,
            Pane::Health => areas.health,
            Pane::Log => areas.log,
        }
    }

    /// Takes over a change of the data, and what time has changed in it.
    pub(super) fn sync(&mut self, overview: &Overview, now: Timestamp) {
        let data = MatrixData {
            stack: &overview.stack,
            states: &overview.states,
            changes: &overview.changes,
            days: &overview.days,
            now,
            max_age_ms: overview.stale_ms,
        };
        self.matrix = Matrix::new(data, self.view.sort);
        self.search = None;
        self.needs = self.open_needs(&overview.needs, now);
        let zone = &overview.stack.timezone;
        self.maintenance = maintenance_line(&overview.maintenance, zone, now);
        if !self.marked.is_empty() {
            let known = overview.stack.services.iter().map(|s| s.name.as_str());
            let known: HashSet<&str> = known.collect();
            self.marked.retain(|name| known.contains(name.as_str()));
        }
        self.show_rows();
    }

    /// Applies the filter and keeps the selection on its service.
    fn show_rows(&mut self) {
        let (wanted, rows) = (self.filter.text().to_lowercase(), &self.matrix.rows);
        self.shown = if wanted.is_empty() {
            (0..rows.len()).collect()
        } else {
            let texts = || rows.iter().map(search_text).collect();
            let texts = self.search.get_or_insert_with(texts).iter().enumerate();
            let found = texts.filter(|(_, text)| text.contains(&wanted));
            found.map(|(index, _)| index).collect()
        };
        let shown = &self.shown;
        self.stack
            .sync_with(shown.len(), |at| name_at(rows, shown, at));
    }

    /// The services shown, in their order.
    fn services(&self) -> Vec<String> {
        let shown = self.shown.iter().filter_map(|i| self.matrix.rows.get(*i));
        shown.map(|row| row.service.clone()).collect()
    }

    fn selected(&self) -> Option<&ServiceRow> {
        let index = self.shown.get(self.stack.index())?;
        self.matrix.rows.get(*index)
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

    /// Moves focus by `step` panes; past the score where it is only a strip.
    fn move_focus(&mut self, step: usize, body: Rect) {
        let strip = body.width < WIDE && !self.full;
        let mut at = Pane::ALL.iter().position(|p| *p == self.focus).unwrap_or(0);
        for _ in Pane::ALL {
            at = (at + step) % Pane::ALL.len();
            if !(strip && Pane::ALL[at] == Pane::Health) {
                break;
            }
        }
        self.focus = Pane::ALL[at];
    }

    fn act_stack(&mut self, action: Action, scene: Scene<'_>) -> Reaction {
        if self.filter.is_typing() && self.filter.act(action) {
            self.show_rows();
            return Reaction::Done;
        }
        let page = usize::from(self.area(Pane::Stack, scene.body).height.saturating_sub(1));
        match (action, self.selected().map(ServiceRow::target)) {
            (Action::Find, _) => self.filter.open(),
            (Action::MarkRow, Some(_)) => self.mark(page),
            (Action::MarkAllRows, Some(_)) => self.mark_all(),
            (Action::Verbs, Some(_)) => return self.verbs(scene),
            (Action::Open, Some(target)) => return open(target),
            (Action::CopyLine, Some(target)) => {
                return Reaction::Ask(Effect::Copy(target.to_string()));
            }
            _ if self.move_selection(action, page) => {}
            _ => return Reaction::Ignored,
        }
        Reaction::Done
    }

    /// Moves the selection; false if the action is not a movement.
    fn move_selection(&mut self, action: Action, page: usize) -> bool {
        let (rows, shown) = (&self.matrix.rows, &self.shown);
        let name = |at| name_at(rows, shown, at);
        self.stack.act_with(action, shown.len(), page, name)
    }

    /// Marks or unmarks the selected service and goes on to the next.
    fn mark(&mut self, page: usize) {
        let Some(service) = self.selected().map(|row| row.service.clone()) else {
            return;
        };
        if !self.marked.remove(&service) {
            self.marked.insert(service);
        }
        self.move_selection(Action::Down, page);
    }

    /// Marks all services shown; unmarks all if they are.
    fn mark_all(&mut self) {
        let services: BTreeSet<String> = self.services().into_iter().collect();
        self.marked = if services.is_subset(&self.marked) {
            BTreeSet::new()
        } else {
            services
        };
    }

    /// The menu of the marked services that are shown, or else of the selected one.
    fn verbs(&self, scene: Scene<'_>) -> Reaction {
        let names: Vec<String> = if self.marked.is_empty() {
            let selected = self.selected().map(|row| row.service.clone());
            selected.into_iter().collect()
        } else {
            let mut names = self.services();
            names.retain(|name| self.marked.contains(name));
            names
        };
        let menu = scene
            .overview
            .and_then(|overview| verbs::of_services(&names, overview, scene.now));
        menu.map_or(Reaction::Ignored, |menu| Reaction::Popup(menu.into()))
    }

    fn act_health(&mut self, action: Action, scene: Scene<'_>) -> Reaction {
        let last = health::entries(scene.overview).saturating_sub(1);
        let selected = self.health.min(last);
        let target = || health::target(scene.overview, selected);
        match action {
            Action::Open => return target().map_or(Reaction::Ignored, open),
            Action::Verbs => {
                let name = target().map(|target| target.service);
                let menu = name
                    .zip(scene.overview)
                    .and_then(|(name, overview)| verbs::of_services(&[name], overview, scene.now));
                return menu.map_or(Reaction::Ignored, |menu| Reaction::Popup(menu.into()));
            }
            _ => {}
        }
        let page = usize::from(self.area(Pane::Health, scene.body).height) / 2;
        let Some(to) = moved(action, selected, last, page) else {
            return Reaction::Ignored;
        };
        self.health = to;
        Reaction::Done
    }

    fn act_log(&self, action: Action, scene: Scene<'_>) -> Reaction {
        let run = |id| {
            scene
                .overview
                .and_then(|o| o.runs.iter().find(|run| run.id == id))
        };
        match self.log {
            Some(run) if action == Action::Open => Reaction::Open(Destination::run(run)),
            Some(id) if action == Action::Verbs => run(id)
                .and_then(|run| verbs::of_runs(&[run]))
                .map_or(Reaction::Ignored, |menu| Reaction::Popup(menu.into())),
            Some(_) => log::act(action),
            None => Reaction::Ignored,
        }
    }

    fn table(&self) -> StackTable<'_> {
        StackTable {
            matrix: &self.matrix,
            shown: &self.shown,
            sort: self.view.sort,
            marked: &self.marked,
            filter: &self.filter,
            selected: self.stack.index(),
        }
    }

    /// Paints what needs the person, and the key that opens it.
    fn draw_needs(&self, frame: Frame<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let Some(first) = self.needs.first() else {
            return;
        };
        let theme = canvas.theme;
        let more = match self.needs.len() {
            1 => String::new(),
            n => format!(" +{} more", n - 1),
        };
        let key = format!("{more}  {} opens it ", frame.key_name(Action::NeedsYou));
        let key = Line::styled(key, theme.strong());
        let line = Line::from(vec![
            Span::styled(" needs you  ", theme.attention()),
            Span::raw(safe(&first.describe(frame.now))),
        ]);
        let room = usize::from(area.width).saturating_sub(key.width());
        canvas.line(area, &fit(line, room));
        canvas.right(area, &key);
    }

    fn draw_pane(&self, pane: Pane, frame: Frame<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let focused = pane == self.focus;
        match pane {
            Pane::Stack => stack::draw(frame, self.table(), area, focused, canvas),
            Pane::Health if area.height == 1 => {
                health::strip(frame, &self.matrix, area, focused, canvas);
            }
            Pane::Health => health::draw(frame, self.health, area, focused, canvas),
            Pane::Log => {
                let run = self.log.and_then(|run| frame.run_of(run));
                let shown = self.log.and_then(|run| frame.logs.get(run));
                log::draw(shown, log_title(frame, run), area, focused, canvas);
            }
        }
    }
}

fn open(target: Target) -> Reaction {
    Reaction::Open(Destination::Service {
        name: target.service,
        env: target.env,
    })
}

/// The name of the service in this row of the list.
fn name_at<'r>(rows: &'r [ServiceRow], shown: &[usize], at: usize) -> Option<&'r String> {
    Some(&rows.get(*shown.get(at)?)?.service)
}

/// What the filter searches: names, owner, environments and states.
fn search_text(row: &ServiceRow) -> String {
    let mut text = format!("{} {}", row.service, row.owner.as_deref().unwrap_or(""));
    for cell in &row.cells {
        let env = cell.env.as_deref().unwrap_or("");
        for part in [env, cell.now.state.name()] {
            text.push(' ');
            text.push_str(part);
        }
    }
    text.to_lowercase()
}

impl View for Home {
    fn context(&self) -> Context {
        match self.focus {
            Pane::Stack if self.filter.is_typing() => Context::Text,
            Pane::Log => Context::Log,
            Pane::Stack | Pane::Health => Context::Home,
        }
    }

    fn act(&mut self, action: Action, scene: Scene<'_>) -> Reaction {
        match action {
            Action::NextPane => self.move_focus(1, scene.body),
            Action::PreviousPane => self.move_focus(Pane::ALL.len() - 1, scene.body),
            Action::Pane1 => self.focus = Pane::Stack,
            Action::Pane2 | Action::Score => self.focus = Pane::Health,
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
                    Pane::Log => self.act_log(other, scene),
                };
            }
        }
        Reaction::Done
    }

    fn point(&mut self, at: Position, pointing: Pointing, scene: Scene<'_>) -> bool {
        let full = self.is_full(scene.body);
        let under = |pane: &Pane| {
            let shown = !full || *pane == self.focus;
            shown && self.area(*pane, scene.body).contains(at)
        };
        let Some(pane) = Pane::ALL.into_iter().find(under) else {
            return false;
        };
        let area = self.area(pane, scene.body);
        if pane == Pane::Health && area.height == 1 && pointing == Pointing::Wheel {
            return false;
        }
        self.focus = pane;
        match (pane, pointing) {
            (Pane::Log, Pointing::Click) => self.log.is_some(),
            (Pane::Stack, Pointing::Click) => {
                let (rows, keys) = (stack::rows(area, self.shown.len()), self.services());
                let first = first_visible(self.stack.index(), keys.len(), usize::from(rows.height));
                self.stack.click(&keys, at.y, rows, first)
            }
            _ => false,
        }
    }

    /// Esc: closes the innermost layer.
    fn back(&mut self, scene: Scene<'_>) -> bool {
        if self.focus == Pane::Stack && self.filter.clear() {
            self.show_rows();
            return true;
        }
        if self.focus == Pane::Stack && !self.marked.is_empty() {
            self.marked.clear();
            return true;
        }
        self.leave_full(scene.body)
    }

    fn orders(&self) -> (Vec<(char, &'static str)>, usize) {
        let keys = ['w', 'n', 'c', 's', 'u', 'o'];
        let orders = RowOrder::ALL.map(RowOrder::describe);
        let current = RowOrder::ALL
            .iter()
            .position(|o| *o == self.view.sort.order);
        (keys.into_iter().zip(orders).collect(), current.unwrap_or(0))
    }

    /// Shows the services in this order.
    fn set_order(&mut self, order: usize, scene: Scene<'_>) -> Reaction {
        let Some(order) = RowOrder::ALL.get(order) else {
            return Reaction::Ignored;
        };
        self.view.sort = self.view.sort.chosen(*order);
        self.changed = true;
        scene.overview.inspect(|o| self.sync(o, scene.now));
        Reaction::Say(format!("services: {}", self.view.sort.describe()))
    }

    /// Types text into the filter.
    fn insert(&mut self, text: &str, _scene: Scene<'_>) {
        if self.focus == Pane::Stack && self.filter.is_typing() {
            self.filter.insert(text);
            self.show_rows();
        }
    }

    /// The log shown, unless another pane fills the screen.
    fn log(&self, body: Rect) -> Option<LogPane> {
        let focused = self.focus == Pane::Log;
        let area = log::below_rule(self.area(Pane::Log, body), focused);
        let run = self.log.filter(|_| focused || !self.is_full(body))?;
        Some(LogPane {
            log: run.into(),
            area,
            framed: true,
            focused,
        })
    }

    fn receive(&mut self, msg: &Msg, delivery: Delivery<'_>) -> Reaction {
        match msg {
            Msg::Overview(Ok(overview)) => {
                self.sync(overview, overview.at);
                self.choose_log(overview, delivery.logs);
            }
            // What was changed since the request counts.
            Msg::HomeView(Ok(kept)) => {
                if self.view.sort == RowSort::default() {
                    self.view.sort = kept.sort;
                }
                self.view.looked_at = self.view.looked_at.max(kept.looked_at);
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
        if self.is_full(body) {
            return self.draw_pane(self.focus, frame, body, canvas);
        }
        let areas = self.areas(body);
        self.draw_needs(frame, areas.needs, canvas);
        if let Some(said) = &self.maintenance {
            let line = format!(" ‖ maintenance  {}", safe(said));
            let line = Line::styled(line, canvas.theme.dim());
            canvas.line(areas.maintenance, &fit(line, usize::from(body.width)));
        }
        for pane in Pane::ALL {
            self.draw_pane(pane, frame, self.area(pane, body), canvas);
        }
        if body.width >= WIDE {
            canvas.separator(areas.log);
        }
        if body.width >= THREE_COLUMNS {
            canvas.separator(areas.health);
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
    spans.extend(log::silence(frame, run.id, run.status, run.started_at));
    match frame.activity.count() {
        0 => {}
        1 => spans.push(Span::styled("◆ 1 other run ", theme.strong())),
        n => spans.push(Span::styled(format!("◆ {n} other runs "), theme.strong())),
    }
    // Last, because it may be cut.
    spans.push(Span::styled(
        format!(" {} ", safe(&run.title)),
        theme.strong(),
    ));
    Line::from(spans)
}
