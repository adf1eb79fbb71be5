//! All runs, newest first, read page by page on scrolling; `/` filters the list.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use crate::bus::Notice;
use crate::core::base::text;
use crate::core::base::time::{Timestamp, human_ms};
use crate::core::run::queue::Queued;
use crate::core::run::summary::RunSummary;
use crate::core::run::{RunId, RunStatus};
use crate::tui::filter::Filter;
use crate::tui::frame::Frame;
use crate::tui::keys::{Action, Context};
use crate::tui::msg::{Effect, Msg, RunFilter, RunPage, Ticket, not_listed};
use crate::tui::pane::{Delivery, Destination, Opening, Pointing, Reaction, Scene, View, stack};
use crate::tui::picker::{Picker, first_visible};
use crate::tui::theme::{run_symbol, run_word};
use crate::tui::verbs;
use crate::tui::view::canvas::{Canvas, column, foot_of, row, safe, wrapped};
use crate::tui::view::layout;

const PAGE: u32 = 100;
/// Runs kept in the list.
const MAX_RUNS: usize = 2000;

/// The order of the list: a key, a description, and which of two runs comes first.
type RunOrder = (char, &'static str, fn(&RunSummary, &RunSummary) -> Ordering);

/// The first is the order in which the store lists runs.
const ORDERS: [RunOrder; 5] = [
    ('n', "newest first", |a, b| b.id.cmp(&a.id)),
    ('t', "longest first", |a, b| duration(b).cmp(&duration(a))),
    ('s', "by status", |a, b| {
        run_word(a.status).cmp(&run_word(b.status))
    }),
    ('w', "by title", |a, b| a.title.cmp(&b.title)),
    ('b', "by person", |a, b| a.actor.cmp(&b.actor)),
];

/// How long it took; one that has not ended takes longest.
fn duration(run: &RunSummary) -> Option<i64> {
    let started = run.started_at?;
    Some(
        run.finished_at
            .map_or(i64::MAX, |end| end.ms_since(started)),
    )
}

/// A page request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    Newest,
    Before(RunId),
    /// Search results for the filter text, older than the list.
    Search(RunId),
}

impl Page {
    const fn before(self) -> Option<RunId> {
        match self {
            Self::Newest => None,
            Self::Before(run) | Self::Search(run) => Some(run),
        }
    }
}

/// The list of runs.
#[derive(Debug, Clone)]
pub struct RunsScreen {
    ticket: Ticket,
    filter: RunFilter,
    /// Only so many of the newest were asked for.
    most: Option<usize>,
    /// The filter in the title: `failed, prod`.
    filter_label: String,
    narrow: Filter,
    runs: Vec<RunSummary>,
    /// Queue positions of the queued runs read so far.
    queue: Vec<Queued>,
    picker: Picker<RunId>,
    marked: BTreeSet<RunId>,
    /// The place of its order in [`ORDERS`], and whether it is reversed.
    order: usize,
    reversed: bool,
    search: Search,
    /// Runs not listed because this version cannot read them, with the reason.
    unreadable: BTreeMap<RunId, String>,
    in_flight: Option<Page>,
    stale: bool,
    /// The newest queued run older than the pages read again: its queue position may have changed
    /// too.
    again: Option<RunId>,
    ended: bool,
    error: Option<String>,
}

/// Search results for the filter text among runs older than the list. The store searches a number
/// of runs at a time until the screen is full or all runs are searched.
#[derive(Debug, Clone, Default)]
struct Search {
    text: String,
    found: Vec<RunSummary>,
    /// The oldest run searched so far.
    searched_to: Option<RunId>,
    over: bool,
}

impl RunsScreen {
    /// The list of runs that match `filter`.
    #[must_use]
    pub fn open(filter: RunFilter, opening: &Opening<'_>) -> Self {
        let status = filter.status.iter().map(|s| run_word(*s));
        let since = filter
            .since
            .map(|at| format!("since {}", &at.rfc3339()[..16]));
        let most = usize::try_from(filter.limit).ok().filter(|most| *most > 0);
        let labels: Vec<String> = most
            .map(|most| format!("last {most}"))
            .into_iter()
            .chain(status)
            .chain(filter.runbook.clone())
            .chain(filter.service.clone())
            .chain(filter.env.clone())
            .chain(filter.actor.iter().map(|actor| format!("by {actor}")))
            .chain(since)
            .collect();
        Self {
            ticket: opening.ticket,
            most,
            filter_label: labels.join(", "),
            filter: RunFilter {
                limit: PAGE,
                ..filter
            },
            narrow: Filter::default(),
            runs: Vec::new(),
            queue: Vec::new(),
            unreadable: BTreeMap::new(),
            picker: Picker::default(),
            marked: BTreeSet::new(),
            order: 0,
            reversed: false,
            search: Search::default(),
            in_flight: None,
            stale: true,
            again: None,
            ended: false,
            error: None,
        }
    }

    /// Takes a page, which replaces the runs of its range.
    fn take(&mut self, page: Result<RunPage, String>) {
        let Some(requested) = self.in_flight.take() else {
            return;
        };
        let page = match page {
            Ok(page) => page,
            Err(why) => {
                (self.error, self.ended, self.again) = (Some(why), true, None);
                return;
            }
        };
        self.error = None;
        if let Page::Search(before) = requested {
            return self.found(before, page);
        }
        let RunPage {
            runs: page,
            queue,
            unreadable,
            ..
        } = page;
        let last = page
            .last()
            .map(|run| run.id)
            .filter(|_| page.len() + unreadable.len() >= PAGE as usize);
        self.ended |= last.is_none();
        let older = |run: RunId| last.is_some_and(|last| run < last);
        let beyond =
            |run: RunId| older(run) || requested.before().is_some_and(|before| run >= before);
        self.runs.retain(|run| beyond(run.id));
        self.queue.retain(|queued| beyond(queued.run));
        self.again = self
            .runs
            .iter()
            .find(|run| run.status == RunStatus::Queued && older(run.id))
            .map(|run| run.id);
        self.unreadable.extend(unreadable);
        self.runs.extend(page);
        self.queue.extend(queue);
        self.runs.sort_by_key(|run| std::cmp::Reverse(run.id));
        if let Some(most) = self.most.filter(|most| self.runs.len() >= *most) {
            self.runs.truncate(most);
            self.ended = true;
        }
        self.sync();
    }

    /// Takes search results; drops them if the filter text has changed.
    fn found(&mut self, before: RunId, page: RunPage) {
        if self.search.text != self.narrow.text() || self.search.searched_to != Some(before) {
            return;
        }
        self.search.found.extend(page.runs);
        self.unreadable.extend(page.unreadable);
        (self.search.over, self.search.searched_to) =
            (page.rest.is_none(), page.rest.or(self.search.searched_to));
        self.sync();
    }

    /// The runs that pass the filter, in the order of the list.
    fn shown(&self) -> Vec<&RunSummary> {
        let mut shown = self.passing();
        if self.order > 0 {
            shown.sort_by(|a, b| ORDERS[self.order].2(a, b));
        }
        if self.reversed {
            shown.reverse();
        }
        shown
    }

    /// The runs that pass the filter, newest first.
    fn passing(&self) -> Vec<&RunSummary> {
        let wanted = self.narrow.text().to_lowercase();
        if wanted.is_empty() {
            return self.runs.iter().collect();
        }
        let oldest = self.runs.last().map(|run| run.id);
        let beyond = self
            .search
            .found
            .iter()
            .filter(|run| oldest.is_none_or(|oldest| run.id < oldest));
        self.runs
            .iter()
            .chain(beyond)
            .filter(|run| search_text(run).contains(&wanted))
            .collect()
    }

    /// Marks or unmarks the selected run and goes on to the next.
    fn mark(&mut self, run: RunId, page: usize) {
        if !self.marked.remove(&run) {
            self.marked.insert(run);
        }
        let keys = self.keys();
        self.picker.act(Action::Down, &keys, page);
    }

    /// Marks all runs shown; unmarks all if they are.
    fn mark_all(&mut self) {
        let shown: BTreeSet<RunId> = self.keys().into_iter().collect();
        self.marked = if shown.is_subset(&self.marked) {
            BTreeSet::new()
        } else {
            shown
        };
    }

    /// The menu of the marked runs that are shown, or else of the selected one.
    fn verbs(&self, selected: RunId) -> Reaction {
        let is_chosen = |run: &&RunSummary| {
            let marked = self.marked.contains(&run.id);
            marked || (self.marked.is_empty() && run.id == selected)
        };
        let runs: Vec<&RunSummary> = self.shown().into_iter().filter(is_chosen).collect();
        verbs::of_runs(&runs).map_or(Reaction::Ignored, |menu| Reaction::Popup(menu.into()))
    }

    /// The order and the marks, for the title.
    fn arrangement(&self) -> String {
        let of = if self.is_whole() {
            ""
        } else {
            " of those read"
        };
        let order = match (self.order, self.reversed) {
            (0, false) => String::new(),
            (order, false) => format!("· {}{of} ", ORDERS[order].1),
            (order, true) => format!("· {}, reversed{of} ", ORDERS[order].1),
        };
        match self.marked.len() {
            0 => order,
            marked => format!("{order}· {marked} marked "),
        }
    }

    /// The next request of the search for the filter text, from the end of the list.
    fn search_on(&mut self) -> Option<Page> {
        let oldest = self.runs.last()?.id;
        if self.search.text != self.narrow.text() {
            let text = self.narrow.text().to_owned();
            self.search = Search {
                text,
                searched_to: Some(oldest),
                ..Search::default()
            };
        }
        self.search
            .searched_to
            .filter(|_| !self.search.over)
            .map(Page::Search)
    }

    fn keys(&self) -> Vec<RunId> {
        self.shown().iter().map(|run| run.id).collect()
    }

    fn sync(&mut self) {
        let keys = self.keys();
        self.picker.sync(&keys);
    }

    /// What the selected run waits for, for below the list, and how many rows it may take: most stay
    /// for the list.
    fn waits(&self, list: Rect) -> (Vec<String>, u16) {
        let selected = self.picker.key();
        let run = selected.and_then(|id| self.runs.iter().find(|run| run.id == *id));
        let waits = run
            .filter(|run| run.status == RunStatus::Queued)
            .and_then(|run| {
                let queued = self.queue.iter().find(|q| q.run == run.id);
                Some(format!("{} {}", run.id, run.status_reason(queued)?))
            });
        let width = usize::from(list.width.saturating_sub(2));
        let lines = waits.map_or_else(Vec::new, |waits| wrapped(&safe(&waits), width));
        let lines = lines.iter().map(|line| format!("  {line}")).collect();
        (lines, list.height / 3)
    }

    /// The list is complete.
    fn is_whole(&self) -> bool {
        self.ended
            || (!self.narrow.text().is_empty()
                && self.search.text == self.narrow.text()
                && self.search.over)
    }

    /// The text in place of an empty list.
    fn nothing(&self) -> String {
        match (self.is_whole(), self.narrow.text()) {
            (true, "") => "no runs".to_owned(),
            (true, text) => format!("no run holds `{text}`"),
            (false, _) => self.progress().unwrap_or_else(|| "reading …".to_owned()),
        }
    }

    /// The progress of the search.
    fn progress(&self) -> Option<String> {
        let narrows = !self.narrow.text().is_empty();
        match self.search.searched_to {
            _ if self.is_whole() => None,
            Some(run) if narrows => Some(format!("looked at back to run {run}")),
            _ if !narrows && self.runs.len() >= MAX_RUNS => {
                Some("/ looks among older ones".to_owned())
            }
            _ => None,
        }
    }

    fn next_page(&mut self) -> Option<Effect> {
        if self.in_flight.is_some() {
            return None;
        }
        // Pages are of older runs, whatever the order on screen.
        let passing = self.passing();
        let at = passing
            .iter()
            .position(|run| self.picker.key() == Some(&run.id));
        let near_end = at.unwrap_or(0) + 30 >= passing.len() && !self.ended;
        let narrows = !self.narrow.text().is_empty();
        let page = match (self.stale, self.again, self.runs.last()) {
            (true, ..) => Page::Newest,
            // Including this run.
            (false, Some(run), _) => Page::Before(RunId(run.0.saturating_add(1))),
            (false, None, Some(_)) if near_end && narrows => self.search_on()?,
            (false, None, Some(last)) if near_end && self.runs.len() < MAX_RUNS => {
                Page::Before(last.id)
            }
            _ => return None,
        };
        (self.in_flight, self.stale) = (Some(page), false);
        let holds = matches!(page, Page::Search(_)).then(|| self.search.text.clone());
        let filter = RunFilter {
            before: page.before(),
            holds,
            ..self.filter.clone()
        };
        Some(Effect::Runs {
            ticket: self.ticket,
            filter,
        })
    }
}

impl View for RunsScreen {
    fn context(&self) -> Context {
        if self.narrow.is_typing() {
            Context::Text
        } else {
            Context::List
        }
    }

    fn act(&mut self, action: Action, scene: Scene<'_>) -> Reaction {
        if self.narrow.is_typing() && self.narrow.act(action) {
            self.sync();
            return Reaction::Done;
        }
        match (action, self.picker.key()) {
            (Action::Find, _) => self.narrow.open(),
            (Action::MarkRow, Some(run)) => {
                let page = layout::rows(scene.body).saturating_sub(1);
                self.mark(*run, page);
            }
            (Action::MarkAllRows, Some(_)) => self.mark_all(),
            (Action::Verbs, Some(run)) => return self.verbs(*run),
            (Action::Open, Some(run)) => return Reaction::Open(Destination::run(*run)),
            (Action::CopyLine, Some(run)) => {
                let line = self
                    .shown()
                    .into_iter()
                    .find(|r| r.id == *run)
                    .map(search_text)
                    .unwrap_or_default();
                return Reaction::Ask(Effect::Copy(safe(&line)));
            }
            _ => {
                let keys = self.keys();
                if !self
                    .picker
                    .act(action, &keys, layout::rows(scene.body).saturating_sub(1))
                {
                    return Reaction::Ignored;
                }
            }
        }
        Reaction::Done
    }

    fn point(&mut self, at: Position, pointing: Pointing, scene: Scene<'_>) -> bool {
        if pointing == Pointing::Wheel {
            return false;
        }
        // Below the column heads.
        let list = layout::below_rule(layout::inner(scene.body));
        let (waits, most) = self.waits(list);
        let list = foot_of(list, waits.len(), most).0;
        let keys = self.keys();
        let first = first_visible(self.picker.index(), keys.len(), usize::from(list.height));
        self.picker.click(&keys, at.y, list, first)
    }

    fn back(&mut self, _scene: Scene<'_>) -> bool {
        let was = self.narrow.clear();
        self.sync();
        was || !std::mem::take(&mut self.marked).is_empty()
    }

    fn orders(&self) -> (Vec<(char, &'static str)>, usize) {
        let orders = ORDERS.iter().map(|(key, about, _)| (*key, *about));
        (orders.collect(), self.order)
    }

    fn set_order(&mut self, order: usize, _scene: Scene<'_>) -> Reaction {
        let Some((_, about, _)) = ORDERS.get(order) else {
            return Reaction::Ignored;
        };
        self.reversed = self.order == order && !self.reversed;
        self.order = order;
        self.sync();
        let reversed = if self.reversed { ", reversed" } else { "" };
        Reaction::Say(format!("runs: {about}{reversed}"))
    }

    fn insert(&mut self, text: &str, _scene: Scene<'_>) {
        if self.narrow.is_typing() {
            self.narrow.insert(text);
            self.sync();
        }
    }

    fn wants(&mut self) -> Vec<Effect> {
        self.next_page().into_iter().collect()
    }

    fn receive(&mut self, msg: &Msg, _delivery: Delivery<'_>) -> Reaction {
        match msg {
            Msg::Notice(Notice::Run(..)) => self.stale = true,
            Msg::Runs(ticket, page) if *ticket == self.ticket => self.take(page.clone()),
            _ => return Reaction::Ignored,
        }
        Reaction::Done
    }

    fn invalidate(&mut self) {
        self.stale = true;
    }

    fn draw(&self, frame: Frame<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme;
        let shown = self.shown();
        let more = if self.is_whole() { "" } else { "+" };
        let label = if self.filter_label.is_empty() {
            String::new()
        } else {
            format!("{} ", safe(&self.filter_label))
        };
        let lacks = match self.unreadable.len() {
            0 => String::new(),
            n => format!("· {n} cannot be read "),
        };
        let progress = self
            .progress()
            .map(|text| format!("· {text} "))
            .unwrap_or_default();
        let title = Span::styled(
            format!(
                " Runs {}{more} {label}{}{lacks}{progress}",
                shown.len(),
                self.arrangement()
            ),
            theme.strong(),
        );
        let inner = canvas.pane(
            area,
            title.into(),
            &Span::styled(self.narrow.mark(), theme.attention()).into(),
            true,
        );
        if shown.is_empty() {
            let lacks = || {
                self.unreadable
                    .iter()
                    .next_back()
                    .map(|(run, why)| not_listed(*run, why))
            };
            let what = self.error.clone().or_else(lacks);
            let what = what.unwrap_or_else(|| self.nothing());
            return canvas.line(inner, &Line::raw(safe(&what)));
        }
        let title_width = usize::from(inner.width).saturating_sub(57).max(10);
        let head = format!(
            "  {:<6} {:<14} {} {:<10} {:<9} took",
            "run",
            "status",
            column("title", title_width),
            "by",
            "started"
        );
        canvas.line(inner, &Line::styled(head, theme.dim()));
        let list = layout::below_rule(inner);
        let (waits, most) = self.waits(list);
        let list = canvas.foot(list, waits, most);
        let first = first_visible(self.picker.index(), shown.len(), usize::from(list.height));
        for (y, (i, run)) in (list.y..list.bottom()).zip(shown.iter().enumerate().skip(first)) {
            canvas.line(row(list, y), &line(run, frame, title_width));
            if self.marked.contains(&run.id) {
                canvas.line(row(list, y), &Line::raw(" +"));
            }
            if i == self.picker.index() {
                canvas.select(row(list, y), true);
            }
        }
    }

    fn crumb(&self) -> String {
        "runs".to_owned()
    }
}

fn line(run: &RunSummary, frame: Frame<'_>, title_width: usize) -> Line<'static> {
    let started = run
        .started_at
        .map_or_else(|| "–".to_owned(), |at| when(at, frame.now));
    let news = frame.activity.news(run.id);
    let silence = frame.silence(run.id, run.status, run.started_at);
    let (mark, since) = match (news, silence) {
        (Some(news), _) => ("◆", format!(" {}", news.describe())),
        (None, Some(ms)) => ("◇", format!(" silent {}", stack::short_age(ms))),
        (None, None) => (" ", String::new()),
    };
    Line::from(vec![
        Span::raw(format!("{mark} {:<6} ", run.id.to_string())),
        Span::styled(
            format!("{} {:<12} ", run_symbol(run.status), run_word(run.status)),
            frame.theme.run(run.status),
        ),
        Span::raw(column(
            &run.prioritized_title(),
            title_width.saturating_sub(text::width(&since)),
        )),
        Span::styled(since, frame.theme.strong()),
        Span::raw(format!(
            " {} {started:<9} {}",
            column(&run.actor, 10),
            took(run.started_at, run.finished_at, frame.now)
        )),
    ])
}

/// The clock time within the last day, else the age.
fn when(at: Timestamp, now: Timestamp) -> String {
    if now.ms_since(at) < 86_400_000 {
        at.clock_utc()
    } else {
        format!("{} ago", stack::short_age(now.ms_since(at)))
    }
}

/// How long it took, or has taken so far.
#[must_use]
pub fn took(started: Option<Timestamp>, finished: Option<Timestamp>, now: Timestamp) -> String {
    match (started, finished) {
        (Some(from), Some(to)) => human_ms(to.ms_since(from)),
        (Some(from), None) => human_ms(now.ms_since(from)),
        (None, _) => "–".to_owned(),
    }
}

fn search_text(run: &RunSummary) -> String {
    run.line().to_lowercase()
}
