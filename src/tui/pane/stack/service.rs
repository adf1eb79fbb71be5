//! One service: its data, state per environment, actions and last runs.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::core::run::plan::Target;
use crate::core::stack::service::{
    Action as Channel, ActionCall, Service, ShellCommand, Tier, Verb,
};
use crate::core::stack::state::State;
use crate::tui::frame::Frame;
use crate::tui::keys::Action;
use crate::tui::msg::{EnginePlace, Overview};
use crate::tui::pane::stack::{facts, summary};
use crate::tui::pane::{Opening, Reaction, Scene, View};
use crate::tui::picker::moved;
use crate::tui::theme::{Theme, run_symbol, run_word};
use crate::tui::view::canvas::{Canvas, column, safe, wrapped};
use crate::tui::view::layout;

/// The view of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceScreen {
    name: String,
    top: usize,
}

impl ServiceScreen {
    /// The view of the service of that name.
    #[must_use]
    pub const fn open(name: String, _: &Opening<'_>) -> Self {
        Self { name, top: 0 }
    }
}

impl View for ServiceScreen {
    fn act(&mut self, action: Action, scene: Scene<'_>) -> Reaction {
        let height = layout::rows(scene.body);
        let all = lines(self, scene, Theme::new(false), layout::columns(scene.body)).len();
        let last = all.saturating_sub(height);
        let Some(top) = moved(action, self.top.min(last), last, height) else {
            return Reaction::Ignored;
        };
        self.top = top;
        Reaction::Done
    }

    fn draw(&self, frame: Frame<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme;
        let scene = Scene {
            overview: frame.overview,
            now: frame.now,
            body: area,
        };
        let all = lines(self, scene, theme, layout::columns(area));
        let top = self.top.min(all.len().saturating_sub(layout::rows(area)));
        let mark = layout::position(top, layout::rows(area), all.len());
        let title = Span::styled(format!(" Service {} ", safe(&self.name)), theme.strong());
        let inner = canvas.frame(area, title.into(), &mark.into(), true);
        canvas.lines(inner, all.iter().skip(top));
    }

    fn crumb(&self) -> String {
        self.name.clone()
    }
}

fn lines(
    screen: &ServiceScreen,
    scene: Scene<'_>,
    theme: Theme,
    width: usize,
) -> Vec<Line<'static>> {
    let Some(overview) = scene.overview else {
        return vec![Line::raw("reading …")];
    };
    let Some(service) = overview.stack.service(&screen.name) else {
        return vec![Line::raw(format!(
            "there is no service `{}` any more",
            safe(&screen.name)
        ))];
    };
    let mut out = Out {
        lines: Vec::new(),
        theme,
        width,
    };
    states(&mut out, overview, service, scene);
    actions(&mut out, service);
    fields(&mut out, service);
    runs(&mut out, overview, service, scene);
    out.lines
}

/// The lines being built.
struct Out {
    lines: Vec<Line<'static>>,
    theme: Theme,
    width: usize,
}

impl Out {
    fn heading(&mut self, text: &str) {
        if !self.lines.is_empty() {
            self.lines.push(Line::default());
        }
        self.lines
            .push(Line::styled(text.to_owned(), self.theme.strong()));
    }

    /// A name and its wrapped value.
    fn field(&mut self, name: &str, value: &str) {
        let indent = 16;
        for (i, part) in wrapped(&safe(value), self.width.saturating_sub(indent))
            .into_iter()
            .enumerate()
        {
            let name = if i == 0 { name } else { "" };
            self.lines.push(Line::from(vec![
                Span::styled(column(&format!("  {name}"), indent), self.theme.dim()),
                Span::raw(part),
            ]));
        }
    }
}

fn states(out: &mut Out, overview: &Overview, service: &Service, scene: Scene<'_>) {
    out.heading("Where it runs");
    if overview.engine == EnginePlace::Nowhere {
        out.lines.push(Line::styled(
            format!("  {}", EnginePlace::NONE),
            out.theme.attention(),
        ));
    }
    let mut envs: Vec<Option<String>> = service.environments.iter().cloned().map(Some).collect();
    if envs.is_empty() {
        envs.push(None);
    }
    for env in envs {
        let protected = env
            .as_deref()
            .and_then(|e| overview.stack.environment(e))
            .is_some_and(|e| e.protected);
        let target = Target {
            service: service.name.clone(),
            env,
        };
        let summary = summary(overview, &target);
        let current_state = overview.current_state(&target, scene.now);
        let state = current_state.state;
        let name = target.env.as_deref().map_or("everywhere", |e| e);
        let why = match (summary, service.action(Verb::Probe, target.env.as_deref())) {
            (None, None) => "no probe configured".to_owned(),
            (s, _) => facts(s, &current_state, scene.now),
        };
        out.lines.push(Line::from(vec![
            Span::raw(format!("  {} ", column(name, 10))),
            Span::styled(
                format!("{} {:<9}", state.symbol(), state.name()),
                out.theme.state(state),
            ),
            Span::raw(if protected { "protected  " } else { "" }),
            Span::raw(why),
        ]));
    }
    let mine = overview.breakers.iter().filter(|b| {
        b.way
            .target
            .as_ref()
            .is_some_and(|t| t.service == service.name)
    });
    for breaker in mine {
        let style = if breaker.state.is_open() {
            out.theme.state(State::Failing)
        } else {
            out.theme.plain()
        };
        let text = safe(&format!(
            "breaker of {}: {}",
            breaker.way,
            breaker.describe()
        ));
        for part in wrapped(&text, out.width.saturating_sub(2)) {
            out.lines.push(Line::styled(format!("  {part}"), style));
        }
    }
}

fn actions(out: &mut Out, service: &Service) {
    out.heading("What can be done");
    for verb in Verb::ALL {
        let ways: Vec<&Channel> = service.actions.iter().filter(|a| a.verb == verb).collect();
        for way in &ways {
            let envs = if way.environments.is_empty() {
                "all".to_owned()
            } else {
                way.environments.join(", ")
            };
            out.field(verb.name(), &format!("{} ({envs})", describe(&way.call)));
        }
        if ways.is_empty() {
            out.field(verb.name(), "not configured");
        }
    }
    if service.actions.len() < Verb::ALL.len() {
        let line =
            "  configure one with [[service.action]] in the stack file, then `opsroom apply` it";
        out.lines.push(Line::styled(line, out.theme.dim()));
    }
}

fn describe(call: &ActionCall) -> String {
    match call {
        ActionCall::Http(r) => format!("{} {}", r.method, r.url),
        ActionCall::Shell(ShellCommand::Script(text)) => format!("sh -c {text:?}"),
        ActionCall::Shell(ShellCommand::Argv(argv)) => argv.join(" "),
    }
}

fn fields(out: &mut Out, s: &Service) {
    out.heading("About");
    let tier = match s.tier {
        Tier::Low => "low",
        Tier::Standard => "standard",
        Tier::Critical => "critical",
    };
    out.field("tier", tier);
    for (name, value) in [
        ("category", &s.category),
        ("status", &s.status),
        ("vendor", &s.vendor),
        ("owner", &s.owner),
        ("department", &s.department),
        ("channel", &s.channel),
        ("sensitivity", &s.sensitivity),
        ("auth method", &s.auth_method),
    ] {
        out.field(name, value.as_deref().unwrap_or("–"));
    }
    let list = |names: &[String]| {
        if names.is_empty() {
            "–".to_owned()
        } else {
            names.join(", ")
        }
    };
    out.field("aliases", &list(&s.aliases));
    out.field("depends on", &list(&s.depends_on));
    for (name, url) in &s.links {
        out.field(name, url);
    }
    if let Some(sla) = &s.sla {
        let up = sla.uptime_pct.map(|p| format!("up {p} %"));
        let fast = sla.latency_ms.map(|ms| format!("p95 ≤ {ms} ms"));
        let fresh = sla.freshness_hours.map(|h| format!("data ≤ {h} h old"));
        out.field(
            "sla",
            &[up, fast, fresh]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(" · "),
        );
    }
    money(out, s);
    if let Some(notes) = &s.notes {
        out.field("notes", notes);
    }
}

fn money(out: &mut Out, s: &Service) {
    if let Some(cost) = &s.cost {
        let (whole, cents) = (cost.annual_minor / 100, (cost.annual_minor % 100).abs());
        out.field(
            "cost",
            &format!("{whole}.{cents:02} {} a year", cost.currency),
        );
    }
    if let Some(seats) = &s.seats {
        let used = seats
            .active_30d
            .map_or_else(|| "–".to_owned(), |n| n.to_string());
        out.field(
            "seats",
            &format!("{used} of {} used in 30 days", seats.licensed),
        );
    }
    if let Some(c) = &s.contract {
        let date =
            |d: Option<chrono::NaiveDate>| d.map_or_else(|| "–".to_owned(), |d| d.to_string());
        let notice = c
            .notice_days
            .map_or_else(|| "–".to_owned(), |d| format!("{d} days"));
        let auto = if c.auto_renewal {
            "renews by itself"
        } else {
            "ends unless renewed"
        };
        let text = format!(
            "from {} · renewal {} · notice {notice} · {auto}",
            date(c.start),
            date(c.renewal)
        );
        out.field("contract", &text);
    }
}

fn runs(out: &mut Out, overview: &Overview, service: &Service, scene: Scene<'_>) {
    out.heading("Last runs");
    let of = overview
        .runs
        .iter()
        .filter(|r| r.services.contains(&service.name))
        .take(10);
    let before = out.lines.len();
    for run in of {
        let age = crate::tui::pane::stack::short_age(scene.now.ms_since(run.requested_at));
        out.lines.push(Line::from(vec![
            Span::raw(format!("  {:<6}", run.id.to_string())),
            Span::styled(
                format!("{} {:<12}", run_symbol(run.status), run_word(run.status)),
                out.theme.run(run.status),
            ),
            Span::raw(format!("{age:>5} ago  {}", safe(&run.title))),
        ]));
    }
    if out.lines.len() == before {
        out.lines.push(Line::raw(format!(
            "  none among the newest {}",
            overview.runs.len()
        )));
    }
}
