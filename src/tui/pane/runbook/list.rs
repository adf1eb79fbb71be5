//! All runbooks: kind, whether they change something, last run. `/` filters the list.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::bus::Notice;
use crate::core::base::text;
use crate::core::base::time::age;
use crate::tui::filter::Filter;
use crate::tui::frame::Frame;
use crate::tui::keys::{Action, Context};
use crate::tui::msg::{Effect, Msg, RunbookRow, Ticket};
use crate::tui::pane::{Delivery, Destination, Opening, Reaction, Scene, View};
use crate::tui::picker::{Picker, first_visible};
use crate::tui::theme::{run_symbol, run_word};
use crate::tui::verbs;
use crate::tui::view::canvas::{Canvas, column, row, safe};
use crate::tui::view::layout;

/// Columns of a row besides name and title, with the spaces after those.
const OTHERS: usize = 48;
/// Fewer columns hold no name and no title.
const SHORTEST: usize = 12;
const LONGEST_NAME: usize = 32;

/// The list of runbooks.
#[derive(Debug, Clone)]
pub struct RunbooksScreen {
    ticket: Ticket,
    rows: Option<Vec<RunbookRow>>,
    filter: Filter,
    picker: Picker<String>,
    stale: bool,
    in_flight: bool,
    error: Option<String>,
}

impl RunbooksScreen {
    /// The list of all runbooks.
    #[must_use]
    pub fn open(opening: &Opening<'_>) -> Self {
        Self {
            ticket: opening.ticket,
            rows: None,
            filter: Filter::default(),
            picker: Picker::default(),
            stale: true,
            in_flight: false,
            error: None,
        }
    }

    fn shown(&self) -> Vec<&RunbookRow> {
        let wanted = self.filter.text().to_lowercase();
        let holds = |row: &&RunbookRow| search_text(row).to_lowercase().contains(&wanted);
        self.rows.iter().flatten().filter(holds).collect()
    }

    fn keys(&self) -> Vec<String> {
        self.shown()
            .iter()
            .map(|row| row.entry.name.clone())
            .collect()
    }

    fn sync(&mut self) {
        let keys = self.keys();
        self.picker.sync(&keys);
    }
}

fn search_text(row: &RunbookRow) -> String {
    let entry = &row.entry;
    format!(
        "{} {} {} {} {}",
        entry.name,
        entry.title,
        entry.kind,
        entry.file,
        entry.phrases.join(" ")
    )
}

impl View for RunbooksScreen {
    fn context(&self) -> Context {
        if self.filter.is_typing() {
            Context::Text
        } else {
            // It has no marks and one order.
            Context::Reader
        }
    }

    fn act(&mut self, action: Action, scene: Scene<'_>) -> Reaction {
        if self.filter.is_typing() && self.filter.act(action) {
            self.sync();
            return Reaction::Done;
        }
        match (action, self.picker.key()) {
            (Action::Find, _) => self.filter.open(),
            (Action::Open, Some(name)) => {
                return Reaction::Open(Destination::Runbook { name: name.clone() });
            }
            (Action::Verbs, Some(name)) => {
                return Reaction::Popup(verbs::of_runbook(name).into());
            }
            (Action::CopyLine, Some(name)) => {
                return Reaction::Ask(Effect::Copy(safe(name)));
            }
            _ => {
                let keys = self.keys();
                let page = layout::rows(scene.body).saturating_sub(1);
                if !self.picker.act(action, &keys, page) {
                    return Reaction::Ignored;
                }
            }
        }
        Reaction::Done
    }

    fn back(&mut self, _scene: Scene<'_>) -> bool {
        let was = self.filter.clear();
        self.sync();
        was
    }

    fn insert(&mut self, text: &str, _scene: Scene<'_>) {
        if self.filter.is_typing() {
            self.filter.insert(text);
            self.sync();
        }
    }

    fn wants(&mut self) -> Vec<Effect> {
        if self.in_flight || !std::mem::take(&mut self.stale) {
            return Vec::new();
        }
        self.in_flight = true;
        vec![Effect::Runbooks(self.ticket)]
    }

    fn receive(&mut self, msg: &Msg, _delivery: Delivery<'_>) -> Reaction {
        match msg {
            Msg::Notice(Notice::Run(_, status)) if status.is_terminal() => self.stale = true,
            // Also when the runbooks were read again.
            Msg::Notice(Notice::Stack) => self.stale = true,
            Msg::Runbooks(ticket, rows) if *ticket == self.ticket => {
                self.in_flight = false;
                match rows {
                    Ok(rows) => (self.rows, self.error) = (Some(rows.clone()), None),
                    Err(why) => self.error = Some(why.clone()),
                }
                self.sync();
            }
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
        let title = Span::styled(format!(" Runbooks {} ", shown.len()), theme.strong());
        let mark = Span::styled(self.filter.mark(), theme.attention());
        let inner = canvas.pane(area, title.into(), &mark.into(), true);
        if shown.is_empty() {
            let none = match (&self.error, &self.rows) {
                (Some(why), _) => why.clone(),
                (None, None) => "reading …".to_owned(),
                (None, Some(_)) => format!("no runbook holds `{}`", self.filter.text()),
            };
            return canvas.line(inner, &Line::raw(safe(&none)));
        }
        let widths = Widths::of(self.rows.as_deref().unwrap_or_default(), inner.width);
        let head = format!(
            "  {}{:<8} {:<7} last run",
            widths.text("runbook", "title"),
            "kind",
            "changes",
        );
        canvas.line(inner, &Line::styled(head, theme.dim()));
        let list = Rect {
            y: inner.y + 1,
            height: inner.height.saturating_sub(1),
            ..inner
        };
        let first = first_visible(self.picker.index(), shown.len(), usize::from(list.height));
        for (y, (i, entry)) in (list.y..list.bottom()).zip(shown.iter().enumerate().skip(first)) {
            canvas.line(row(list, y), &line(entry, frame, widths));
            if i == self.picker.index() {
                canvas.select(row(list, y), true);
            }
        }
    }

    fn crumb(&self) -> String {
        "runbooks".to_owned()
    }
}

/// Columns that names and titles take.
#[derive(Debug, Clone, Copy)]
struct Widths {
    names: usize,
    /// 0: there is no room for titles.
    titles: usize,
}

impl Widths {
    /// As wide as the longest of all rows, so that a filter moves nothing. Names come first: they are
    /// typed. A title of a few letters tells nothing.
    fn of(rows: &[RunbookRow], width: u16) -> Self {
        let longest = |texts: &mut dyn Iterator<Item = &String>| {
            texts
                .map(|name| text::width(&safe(name)))
                .max()
                .unwrap_or(0)
        };
        let names = longest(&mut rows.iter().map(|row| &row.entry.name));
        let titles = longest(&mut rows.iter().map(|row| &row.entry.title));
        let room = usize::from(width).saturating_sub(OTHERS);
        let names = names.clamp(SHORTEST, room.clamp(SHORTEST, LONGEST_NAME));
        let rest = room.saturating_sub(names + 1);
        let titles = titles.max(SHORTEST).min(rest);
        Self {
            names,
            titles: if titles < SHORTEST { 0 } else { titles },
        }
    }

    /// Name and title, each followed by a space.
    fn text(self, name: &str, title: &str) -> String {
        let name = column(name, self.names);
        match self.titles {
            0 => format!("{name} "),
            titles => format!("{name} {} ", column(title, titles)),
        }
    }
}

fn line(of: &RunbookRow, frame: Frame<'_>, widths: Widths) -> Line<'static> {
    let entry = &of.entry;
    let changes = if entry.mutates { "yes" } else { "no" };
    let mut spans = vec![Span::raw(format!(
        "  {}{:<8} {changes:<7} ",
        widths.text(&safe(&entry.name), &safe(&entry.title)),
        entry.kind,
    ))];
    match &of.last {
        None => spans.push(Span::raw("–")),
        Some(last) => {
            let ago = age(frame.now.ms_since(last.at).max(0));
            let status = last.status;
            spans.push(Span::styled(
                format!("{} {}", run_symbol(status), run_word(status)),
                frame.theme.run(status),
            ));
            spans.push(Span::raw(format!(" {} {ago}", last.run)));
        }
    }
    Line::from(spans)
}
