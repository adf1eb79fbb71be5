//! All runbooks: kind, whether they change something, last run. `/` filters the list.

use std::cell::OnceCell;

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::bus::Notice;
use crate::core::base::text;
use crate::core::base::time::age;
use crate::tui::frame::Frame;
use crate::tui::keys::{Action, Context};
use crate::tui::msg::{Effect, Msg, RunbookRow, Ticket};
use crate::tui::named_list::{Look, NamedList, NamedRow};
use crate::tui::pane::{Delivery, Destination, Opening, Reaction, Scene, View};
use crate::tui::popup::menu::Menu;
use crate::tui::theme::{run_symbol, run_word};
use crate::tui::verbs;
use crate::tui::view::canvas::{Canvas, column, safe};

/// Columns of a row besides name and title, with the spaces after those.
const OTHERS: usize = 48;
/// Fewer columns hold no name and no title.
const SHORTEST: usize = 12;
const LONGEST_NAME: usize = 32;

/// The list of runbooks.
#[derive(Debug, Clone)]
pub struct RunbooksScreen {
    ticket: Ticket,
    list: NamedList<RunbookRow>,
}

impl RunbooksScreen {
    /// The list of all runbooks.
    #[must_use]
    pub fn open(opening: &Opening<'_>) -> Self {
        Self {
            ticket: opening.ticket,
            list: NamedList::default(),
        }
    }
}

impl NamedRow for RunbookRow {
    fn name(&self) -> &str {
        &self.entry.name
    }

    fn search_text(&self) -> String {
        let entry = &self.entry;
        format!(
            "{} {} {} {} {}",
            entry.name,
            entry.title,
            entry.kind,
            entry.file,
            entry.phrases.join(" ")
        )
    }

    fn opens(name: String) -> Destination {
        Destination::Runbook { name }
    }

    fn verbs(name: &str) -> Menu {
        verbs::of_runbook(name)
    }
}

impl View for RunbooksScreen {
    fn context(&self) -> Context {
        self.list.context()
    }

    fn act(&mut self, action: Action, scene: Scene<'_>) -> Reaction {
        self.list.act(action, scene)
    }

    fn back(&mut self, _scene: Scene<'_>) -> bool {
        self.list.back()
    }

    fn insert(&mut self, text: &str, _scene: Scene<'_>) {
        self.list.insert(text);
    }

    fn wants(&mut self) -> Vec<Effect> {
        let wanted = self.list.wants();
        wanted
            .then_some(Effect::Runbooks(self.ticket))
            .into_iter()
            .collect()
    }

    fn receive(&mut self, msg: &Msg, _delivery: Delivery<'_>) -> Reaction {
        match msg {
            Msg::Notice(Notice::Run(_, status)) if status.is_terminal() => self.list.invalidate(),
            // Also when the runbooks were read again.
            Msg::Notice(Notice::Stack) => self.list.invalidate(),
            Msg::Runbooks(ticket, rows) if *ticket == self.ticket => {
                self.list.receive(rows.clone());
            }
            _ => return Reaction::Ignored,
        }
        Reaction::Done
    }

    fn invalidate(&mut self) {
        self.list.invalidate();
    }

    fn draw(&self, frame: Frame<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let title = format!(" Runbooks {} ", self.list.shown().len());
        let measured = OnceCell::new();
        let widths = |width| *measured.get_or_init(|| Widths::of(self.list.all(), width));
        let head = |width| {
            format!(
                "  {}{:<8} {:<7} last run",
                widths(width).text("runbook", "title"),
                "kind",
                "changes",
            )
        };
        let look = Look {
            title: Span::styled(title, canvas.theme.strong()).into(),
            thing: "runbook",
            none: "there are no runbooks",
            head: &head,
            line: &|entry, width| line(entry, frame, widths(width)),
        };
        self.list.draw(area, canvas, &look);
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
