//! A search among the things of one kind: services, runs, runbooks, commands, earlier lines. Typing
//! narrows the list (characters in order, not necessarily beside each other); Enter goes to the
//! selected one, or puts it into the command bar.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{Dialog, Outcome};
use crate::core::base::text;
use crate::core::base::time::Timestamp;
use crate::core::command::{Catalogue, intents};
use crate::core::run::RunId;
use crate::core::run::plan::targets_of;
use crate::core::run::summary::RunSummary;
use crate::core::stack::service::Service;
use crate::core::words;
use crate::tui::destination::Destination;
use crate::tui::facts::Facts;
use crate::tui::field::Field;
use crate::tui::keys::{Action, Context, Keymap};
use crate::tui::msg::{LogFile, Msg, Overview, Ticket};
use crate::tui::picker::{first_visible, moved};
use crate::tui::view::canvas::{Canvas, column, row, safe, wrapped};

words! {
    /// What is searched.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum FindKind {
        Services = "services",
        Runs = "runs",
        Runbooks = "runbooks",
        Commands = "commands",
        Files = "log files",
        History = "earlier lines",
    }
}

impl FindKind {
    /// Its key in the menu.
    #[must_use]
    pub const fn key(self) -> char {
        match self {
            Self::Services => 's',
            Self::Runs => 'r',
            Self::Runbooks => 'b',
            Self::Commands => 'c',
            Self::Files => 'l',
            Self::History => 'h',
        }
    }
}

/// What a search reads when it is opened.
#[derive(Debug, Clone, Copy)]
pub struct FindSources<'a> {
    pub overview: Option<&'a Overview>,
    pub catalogue: Option<&'a Catalogue>,
    /// Earlier lines, newest first.
    pub history: &'a [String],
    pub now: Timestamp,
}

/// Where Enter leads.
#[derive(Debug, Clone)]
enum Goal {
    Open(Destination),
    Type(String),
}

/// One thing that can be found.
#[derive(Debug, Clone)]
struct Found {
    text: String,
    /// What the preview shows, escaped.
    about: Vec<String>,
    goal: Goal,
}

impl Found {
    /// Whether it is this run.
    fn is(&self, run: RunId) -> bool {
        matches!(&self.goal, Goal::Open(Destination::Run { run: of, .. }) if *of == run)
    }
}

/// The search.
#[derive(Debug, Clone)]
pub struct Find {
    kind: FindKind,
    all: Vec<Found>,
    field: Field,
    /// Indices of what matches, best first.
    shown: Vec<usize>,
    index: usize,
}

/// From this width on the preview stands beside the list, else below it.
const BESIDE: u16 = 100;
/// Rows of the preview below the list.
const BELOW: u16 = 4;
/// On lower screens it has the whole height; on others as many rows of hits as there are, within these
/// limits.
const ROOMY: u16 = 30;
const FEWEST: usize = 8;
const MOST: usize = 24;

impl Find {
    /// The search among all things of a kind.
    #[must_use]
    pub fn new(kind: FindKind, sources: FindSources<'_>) -> Self {
        let all: Vec<Found> = match kind {
            FindKind::Services => sources
                .overview
                .map_or_else(Vec::new, services(sources.now)),
            FindKind::Runs => sources.overview.map_or_else(Vec::new, runs),
            FindKind::Runbooks => sources.catalogue.map_or_else(Vec::new, runbooks),
            FindKind::Commands => commands(),
            // They are listed by the performer.
            FindKind::Files => Vec::new(),
            FindKind::History => sources.history.iter().map(|line| earlier(line)).collect(),
        };
        let shown = (0..all.len()).collect();
        Self {
            kind,
            all,
            field: Field::default(),
            shown,
            index: 0,
        }
    }

    /// Matches all things with the text again.
    fn narrow(&mut self) {
        self.index = 0;
        let typed = self.field.text().trim();
        if typed.is_empty() {
            self.shown = (0..self.all.len()).collect();
            return;
        }
        let pattern = Pattern::parse(typed, CaseMatching::Smart, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut buffer = Vec::new();
        let mut scored: Vec<(u32, usize)> = Vec::new();
        for (index, found) in self.all.iter().enumerate() {
            let text = Utf32Str::new(&found.text, &mut buffer);
            if let Some(score) = pattern.score(text, &mut matcher) {
                scored.push((score, index));
            }
        }
        scored.sort_by_key(|(score, index)| (std::cmp::Reverse(*score), *index));
        self.shown = scored.into_iter().map(|(_, index)| index).collect();
        // A number is that of a run, before anything that only contains its digits.
        let number = typed.strip_prefix('#').unwrap_or(typed).parse().ok();
        if let Some(run) = number.map(RunId) {
            let at = self.shown.iter().position(|index| self.all[*index].is(run));
            if let Some(at) = at {
                self.shown[..=at].rotate_right(1);
            } else if self.kind == FindKind::Runs {
                self.shown.clear();
            }
        }
    }

    /// The run whose number is typed, if it is none of those listed.
    fn typed_run(&self) -> Option<RunId> {
        let typed = self.field.text().trim();
        let number = typed.strip_prefix('#').unwrap_or(typed);
        let run = RunId(number.parse().ok()?);
        let is_listed = self.all.iter().any(|found| found.is(run));
        (self.kind == FindKind::Runs && !is_listed).then_some(run)
    }

    fn selected(&self) -> Option<&Found> {
        self.all.get(*self.shown.get(self.index)?)
    }

    fn draw_list(&self, area: Rect, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme;
        if self.shown.is_empty() {
            let text = match self.typed_run() {
                Some(run) => format!(" Enter opens run {run}"),
                None if self.all.is_empty() && self.kind == FindKind::Files => {
                    " no log files here, in the home folder or in /var/log".to_owned()
                }
                None if self.all.is_empty() => format!(" there are no {}", self.kind.name()),
                None => " nothing matches".to_owned(),
            };
            return canvas.line(area, &Line::styled(text, theme.dim()));
        }
        let first = first_visible(self.index, self.shown.len(), usize::from(area.height));
        let width = usize::from(area.width).saturating_sub(2);
        for (y, (i, found)) in
            (area.y..area.bottom()).zip(self.shown.iter().enumerate().skip(first))
        {
            let text = column(&safe(&self.all[*found].text), width);
            canvas.line(row(area, y), &Line::raw(format!(" {text}")));
            if i == self.index {
                canvas.restyle(row(area, y), theme.selected());
            }
        }
    }

    fn draw_preview(&self, area: Rect, canvas: &mut Canvas<'_>) {
        let lines = self.preview(area.width).into_iter();
        let lines: Vec<Line<'_>> = lines
            .map(|line| Line::styled(format!(" {line}"), canvas.theme.dim()))
            .collect();
        canvas.lines(area, &lines);
    }

    fn preview(&self, width: u16) -> Vec<String> {
        let width = usize::from(width).saturating_sub(2);
        let about = self.selected().into_iter().flat_map(|found| &found.about);
        about.flat_map(|line| wrapped(line, width)).collect()
    }

    /// Its height for the hits on this screen, and for all things.
    fn heights(&self, width: u16, screen: u16) -> (u16, u16) {
        let whole = screen.saturating_sub(2);
        if screen < ROOMY {
            return (whole, whole);
        }
        let (preview, below) = if width >= BESIDE {
            (self.preview(width / 2).len(), 0)
        } else {
            (0, BELOW)
        };
        let height = |rows: usize| {
            let rows = rows.max(preview).clamp(FEWEST, MOST);
            // Frame and field.
            let rows = u16::try_from(rows).unwrap_or(u16::MAX);
            rows.saturating_add(3 + below).min(whole)
        };
        let hits = height(self.shown.len());
        (hits, hits.max(height(self.all.len())))
    }
}

impl Dialog for Find {
    fn context(&self) -> Context {
        Context::Text
    }

    fn insert(&mut self, text: &str) {
        self.field.insert(text);
        self.narrow();
    }

    fn paste(&mut self, text: &str) -> Option<String> {
        self.insert(text);
        None
    }

    fn receive(&mut self, msg: &Msg) -> Option<Outcome> {
        let Msg::LogFiles(files) = msg else {
            return None;
        };
        if self.kind != FindKind::Files {
            return None;
        }
        self.all = files.iter().map(log_file).collect();
        self.narrow();
        Some(Outcome::Stay)
    }

    fn act(&mut self, action: Action, _keys: &Keymap, _ticket: Ticket) -> Outcome {
        let movement = match action {
            Action::Older | Action::PreviousChoice => Action::Up,
            Action::Newer | Action::Complete => Action::Down,
            other => other,
        };
        let last = self.shown.len().saturating_sub(1);
        if let Some(index) = moved(movement, self.index, last, 10) {
            self.index = index;
            return Outcome::Stay;
        }
        if action == Action::Accept {
            return match (self.selected().map(|found| &found.goal), self.typed_run()) {
                (Some(Goal::Open(destination)), _) => Outcome::Go(destination.clone()),
                (Some(Goal::Type(text)), _) => Outcome::Type(text.clone()),
                (None, Some(run)) => Outcome::Go(Destination::run(run)),
                (None, None) => Outcome::Stay,
            };
        }
        if self.field.act(action) {
            self.narrow();
        }
        Outcome::Stay
    }

    fn draw(&self, _facts: &Facts, _keys: &Keymap, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme;
        let screen = canvas.area();
        let of = format!(" {} of {} ", self.shown.len(), self.all.len());
        let title = Span::styled(format!(" Find: {} ", self.kind.name()), theme.strong());
        let width = screen.width.min(140);
        let heights = self.heights(width, screen.height);
        let inner = canvas.growing_window(width, heights, title.into(), &of.into());
        let label = Span::raw(" find: ");
        canvas.field(row(inner, inner.y), label, &self.field, true, "");
        let below = Rect {
            y: inner.y.saturating_add(1),
            height: inner.height.saturating_sub(1),
            ..inner
        };
        let (list, preview) = split(below);
        self.draw_list(list, canvas);
        self.draw_preview(preview, canvas);
    }
}

/// The list, and the preview beside or below it.
fn split(area: Rect) -> (Rect, Rect) {
    if area.width >= BESIDE {
        let width = area.width / 2;
        let preview = Rect {
            x: area.x + width,
            width: area.width - width,
            ..area
        };
        return (Rect { width, ..area }, preview);
    }
    let height = area.height.saturating_sub(BELOW);
    let preview = Rect {
        y: area.y + height,
        height: area.height - height,
        ..area
    };
    (Rect { height, ..area }, preview)
}

fn services(now: Timestamp) -> impl Fn(&Overview) -> Vec<Found> {
    move |overview| {
        let all = &overview.stack.services;
        let names = all.iter().map(|service| text::width(&service.name)).max();
        let found = |service: &Service| {
            let name = column(&service.name, names.unwrap_or(0));
            let text = format!("{name}  {}", service.aliases.join(" "));
            Found {
                text: text.trim_end().to_owned(),
                ..found_service(service, overview, now)
            }
        };
        all.iter().map(found).collect()
    }
}

fn found_service(service: &Service, overview: &Overview, now: Timestamp) -> Found {
    let states = targets_of(service).into_iter().map(|target| {
        let state = overview.current_state(&target, now).state;
        let env = target.env.unwrap_or_else(|| "no environment".to_owned());
        format!("{env}: {}", state.name())
    });
    let mut about = vec![safe(&states.collect::<Vec<_>>().join("   "))];
    let fields = [("owner", &service.owner), ("channel", &service.channel)];
    for (name, value) in fields {
        about.extend(value.as_ref().map(|v| format!("{name} {}", safe(v))));
    }
    if !service.depends_on.is_empty() {
        about.push(format!("needs {}", safe(&service.depends_on.join(", "))));
    }
    about.extend(service.notes.as_deref().map(safe));
    Found {
        text: service.name.clone(),
        about,
        goal: Goal::Open(Destination::Service {
            name: service.name.clone(),
            env: None,
        }),
    }
}

fn runs(overview: &Overview) -> Vec<Found> {
    let found = |run: &RunSummary| Found {
        text: format!("{} {}", run.id, run.title),
        about: vec![
            safe(&run.line()),
            safe(run.message.as_deref().unwrap_or_default()),
            format!(
                "requested {} by {}",
                run.requested_at.rfc3339(),
                safe(&run.actor)
            ),
        ],
        goal: Goal::Open(Destination::run(run.id)),
    };
    overview.runs.iter().map(found).collect()
}

fn runbooks(catalogue: &Catalogue) -> Vec<Found> {
    let mut all: Vec<Found> = catalogue
        .runbooks()
        .map(|book| {
            let inputs = book.inputs.iter().map(|(name, required)| {
                let optional = if *required { "" } else { " (optional)" };
                format!("{name}{optional}")
            });
            let inputs = inputs.collect::<Vec<_>>().join(", ");
            let names = std::iter::once(&book.name).chain(&book.also);
            let names: Vec<&str> = names.map(String::as_str).collect();
            let changes = if book.mutates {
                "changes something"
            } else {
                "changes nothing"
            };
            Found {
                text: names.join("  "),
                about: vec![
                    changes.to_owned(),
                    safe(&format!(
                        "inputs: {}",
                        if inputs.is_empty() { "none" } else { &inputs }
                    )),
                    safe(&format!("phrases: {}", book.phrases.join(" | "))),
                ],
                goal: Goal::Open(Destination::Runbook {
                    name: book.name.clone(),
                }),
            }
        })
        .collect();
    all.sort_by(|a, b| a.text.cmp(&b.text));
    all
}

/// Every command of the language. The part before the first placeholder goes into the bar.
fn commands() -> Vec<Found> {
    let available = intents().filter(|(_, form, available)| *available && !form.is_empty());
    available
        .map(|(name, form, _)| {
            let is_placeholder = |word: &&str| !word.chars().any(|c| c.is_ascii_lowercase());
            let words = form.split_whitespace();
            let typed: Vec<&str> = words.take_while(|word| !is_placeholder(word)).collect();
            Found {
                text: form.to_owned(),
                about: vec![name.replace('_', " ")],
                goal: Goal::Type(format!("{} ", typed.join(" "))),
            }
        })
        .collect()
}

fn log_file(file: &LogFile) -> Found {
    let at = file
        .changed
        .map_or_else(|| "–".to_owned(), Timestamp::rfc3339);
    Found {
        text: file.path.clone(),
        about: vec![format!("{} bytes, changed {at}", file.bytes)],
        goal: Goal::Open(Destination::File {
            path: file.path.clone(),
        }),
    }
}

fn earlier(line: &str) -> Found {
    Found {
        text: line.to_owned(),
        about: Vec::new(),
        goal: Goal::Type(line.to_owned()),
    }
}
