//! The lines around the panes: title, toast or command line, key hints.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::canvas::{Canvas, badge, safe};
use super::layout::Parts;
use crate::core::base::text;
use crate::core::stack::state::State;
use crate::tui::app::App;
use crate::tui::keys::{Action, Context, Key};
use crate::tui::msg::EnginePlace;

/// Name, banners, the badge of the protected environment on screen, workspace, store, engine, clock.
pub fn title(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let theme = canvas.theme;
    let mut spans = vec![Span::styled(" opsroom ", theme.strong())];
    if app.facts.simulated {
        spans.extend([Span::styled(" SIMULATED ", theme.banner()), Span::raw(" ")]);
    }
    if app.facts.read_only {
        spans.extend([Span::styled(" READ-ONLY ", theme.banner()), Span::raw(" ")]);
    }
    let env = app.top_view().env(app.frame());
    if let Some(env) = env.filter(|env| app.frame().is_protected(env)) {
        spans.extend([badge(&env, theme), Span::raw(" ")]);
    }
    if let Some(o) = &app.overview {
        spans.push(Span::raw(format!(
            " {} · {} · ",
            safe(&o.workspace),
            safe(&o.store_kind)
        )));
        let style = if o.engine == EnginePlace::Nowhere {
            theme.attention()
        } else {
            theme.plain()
        };
        spans.push(Span::styled(safe(&o.engine.to_string()), style));
    }
    for screen in &app.screens {
        spans.push(Span::styled(
            format!(" › {}", safe(&screen.view().crumb())),
            theme.strong(),
        ));
    }
    let clock = app.now.clock_utc();
    let clock = if app.shows_seconds() {
        format!("{clock}Z ")
    } else {
        format!("{}Z ", &clock[..5])
    };
    let problems = app.problem_count();
    let mark = if problems == 0 {
        String::new()
    } else {
        format!("! {problems} ({})  ", app.key_name(Action::Problems))
    };
    let mut right = vec![Span::styled(mark, theme.attention()), Span::raw(clock)];
    let left = Line::from(spans);
    let all = usize::from(area.width);
    let used = |right: &[Span<'_>]| left.width() + right.iter().map(Span::width).sum::<usize>();
    for forms in facts(app) {
        let fits = |fact: &Span<'_>| used(&right) + fact.width() < all;
        let Some(fact) = forms.into_iter().find(fits) else {
            break;
        };
        right.insert(0, fact);
    }
    let right = Line::from(right);
    canvas.line(
        area,
        &super::canvas::fit(left, all.saturating_sub(right.width())),
    );
    canvas.right(area, &right);
}

/// The services that fail where it counts most, and the first contact, each in a long and a short
/// form; the last one is the first to go where there is no room.
fn facts(app: &App) -> Vec<Vec<Span<'static>>> {
    let failing = match app.home.failing_protected() {
        0 => None,
        n => {
            let form = |what| {
                let text = format!("{} {n} {what}  ", State::Failing.symbol());
                Span::styled(text, app.theme.wrong())
            };
            Some(vec![form("failing, protected"), form("failing")])
        }
    };
    let contact = app.overview.as_ref().and_then(|o| {
        let contacts = &o.stack.contacts;
        let first = &contacts.first()?.name;
        let more = match contacts.len() {
            0 | 1 => String::new(),
            n => format!(" +{}", n - 1),
        };
        let name = safe(first);
        Some(vec![Span::raw(format!("contact {name}{more}  "))])
    });
    failing.into_iter().chain(contact).collect()
}

/// The closed command line with the toast or a hint; below it the key hints.
pub fn foot(app: &App, parts: &Parts, canvas: &mut Canvas<'_>) {
    let theme = canvas.theme;
    let line = match &app.toast {
        Some(toast) if toast.bad => {
            Line::styled(format!(" ! {}", safe(&toast.text)), theme.wrong())
        }
        Some(toast) => Line::raw(format!(" {}", safe(&toast.text))),
        // There a colon is text.
        None if app.context() == Context::Editor => Line::default(),
        None => match app.left_over() {
            Some(waits) => Line::styled(format!(" ! {waits}"), theme.attention()),
            None => Line::styled(
                format!(" {}  type a command", app.key_name(Action::Command)),
                theme.dim(),
            ),
        },
    };
    canvas.line(
        parts.bar,
        &super::canvas::fit(line, usize::from(parts.bar.width)),
    );
    hints(app, parts.hint, canvas);
}

/// The most useful keys of the context, as many as fit.
pub fn hints(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let theme = canvas.theme;
    let mut spans = vec![Span::raw(" ")];
    let mut left = usize::from(area.width).saturating_sub(1);
    for (action, word) in wanted(app.context(), !app.popups.is_empty()) {
        let typed = |key: &&Key| app.context().is_text() && key.printable().is_some();
        let Some(key) = app.keys.keys(*action).iter().find(|key| !typed(key)) else {
            continue;
        };
        let key = key.to_string();
        let used = text::width(&key) + 1 + text::width(word) + 2;
        if used > left {
            break;
        }
        left -= used;
        spans.extend([
            Span::styled(key, theme.strong()),
            Span::raw(format!(" {word}  ")),
        ]);
    }
    canvas.line(area, &Line::from(spans));
}

const fn wanted(context: Context, popup: bool) -> &'static [(Action, &'static str)] {
    match context {
        Context::Text if popup => &[
            (Action::Accept, "go on"),
            (Action::Complete, "next"),
            (Action::PageDown, "scroll"),
            (Action::Back, "close"),
        ],
        Context::Home => &[
            (Action::Help, "help"),
            (Action::Command, "command"),
            (Action::NextPane, "pane"),
            (Action::Verbs, "act"),
            (Action::Open, "open"),
            (Action::Score, "score"),
            (Action::Order, "order"),
            (Action::Find, "filter"),
            (Action::GoTo, "find"),
            (Action::Runs, "runs"),
            (Action::Quit, "quit"),
        ],
        Context::Reader => &[
            (Action::Help, "help"),
            (Action::Command, "command"),
            (Action::Verbs, "act"),
            (Action::Open, "open"),
            (Action::Page, "page"),
            (Action::Runs, "runs"),
            (Action::Back, "back"),
            (Action::Quit, "quit"),
        ],
        Context::Routine => &[
            (Action::Help, "help"),
            (Action::Command, "command"),
            (Action::Verbs, "act"),
            (Action::Open, "open"),
            (Action::Chart, "chart"),
            (Action::NewRoutine, "new"),
            (Action::EditRoutine, "edit"),
            (Action::Page, "page"),
            (Action::Runs, "runs"),
            (Action::Back, "back"),
            (Action::Quit, "quit"),
        ],
        Context::Chart => &[
            (Action::Help, "help"),
            (Action::ChartLeft, "cursor"),
            (Action::ZoomIn, "shorter"),
            (Action::ZoomOut, "longer"),
            (Action::ChartEarlier, "earlier"),
            (Action::CompareBefore, "compare"),
            (Action::ChartRun, "run"),
            (Action::Back, "back"),
        ],
        Context::Editor => &[
            (Action::SaveText, "save"),
            (Action::Help, "help"),
            (Action::Back, "close"),
        ],
        Context::List => &[
            (Action::Help, "help"),
            (Action::Command, "command"),
            (Action::Verbs, "act"),
            (Action::Open, "open"),
            (Action::MarkRow, "mark"),
            (Action::Order, "order"),
            (Action::Find, "filter"),
            (Action::Runs, "runs"),
            (Action::Back, "back"),
            (Action::Quit, "quit"),
        ],
        Context::Log => &[
            (Action::Help, "help"),
            (Action::Command, "command"),
            (Action::NextPane, "pane"),
            (Action::Fullscreen, "full"),
            (Action::Find, "search"),
            (Action::NextError, "error"),
            (Action::Bottom, "follow"),
            (Action::Open, "run"),
            (Action::Quit, "quit"),
        ],
        Context::File | Context::WholeLog => &[
            (Action::Help, "help"),
            (Action::Search, "search"),
            (Action::KeepOnly, "only"),
            (Action::Hide, "hide"),
            (Action::NextError, "error"),
            (Action::Jump, "time"),
            (Action::Level, "level"),
            (Action::Leave, "leave"),
        ],
        Context::RunList | Context::RunLog => &[
            (Action::Help, "help"),
            (Action::NextPane, "pane"),
            (Action::Open, "open"),
            (Action::Fullscreen, "full"),
            (Action::Find, "search"),
            (Action::CancelRun, "cancel"),
            (Action::Control, "control"),
            (Action::Answer, "answer"),
            (Action::Back, "back"),
        ],
        Context::Text => &[
            (Action::Accept, "take"),
            (Action::Complete, "complete"),
            (Action::Older, "history"),
            (Action::Why, "why"),
            (Action::Help, "help"),
            (Action::Back, "close"),
        ],
        Context::Dialog => &[
            (Action::NextField, "next"),
            (Action::Press, "press"),
            (Action::PageDown, "scroll"),
            (Action::Back, "close"),
        ],
    }
}
