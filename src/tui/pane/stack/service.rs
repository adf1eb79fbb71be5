//! One service: its state per environment and since when, what changed before, who owns it, what it
//! needs and what needs it, its actions, data and last runs.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::bus::Notice;
use crate::core::access::audit_line;
use crate::core::base::time::Timestamp;
use crate::core::run::AuditRow;
use crate::core::run::plan::{Target, targets_of};
use crate::core::stack::service::{Action as Channel, ActionCall, Service, Tier, Verb};
use crate::core::stack::shell::ShellCommand;
use crate::core::stack::state::State;
use crate::tui::frame::Frame;
use crate::tui::keys::Action;
use crate::tui::msg::{AuditFilter, Effect, EnginePlace, Msg, Overview, Ticket};
use crate::tui::pane::stack::target::{log_of, target_of};
use crate::tui::pane::stack::{facts, short_age, summary};
use crate::tui::pane::{Delivery, Destination, Opening, Reaction, Scene, View};
use crate::tui::picker::moved;
use crate::tui::theme::{Theme, run_symbol, run_word};
use crate::tui::verbs;
use crate::tui::view::canvas::{Canvas, column, safe, wrapped};
use crate::tui::view::layout;

/// Rows of the audit log that are read.
const CHANGES: u32 = 100;
/// Rows that are shown.
const SHOWN: usize = 8;

/// The view of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceScreen {
    name: String,
    /// The environment it was opened for.
    env: Option<String>,
    top: usize,
    ticket: Ticket,
    /// The changes have to be read.
    stale: bool,
    /// Rows of the audit log about the service, newest first.
    changes: Vec<AuditRow>,
}

impl ServiceScreen {
    /// The view of the service of that name.
    #[must_use]
    pub const fn open(name: String, env: Option<String>, opening: &Opening<'_>) -> Self {
        Self {
            name,
            env,
            top: 0,
            ticket: opening.ticket,
            stale: true,
            changes: Vec::new(),
        }
    }

    fn target(&self, overview: &Overview, now: Timestamp) -> Option<Target> {
        target_of(&self.name, self.env.as_deref(), overview, now)
    }
}

impl View for ServiceScreen {
    fn act(&mut self, action: Action, scene: Scene<'_>) -> Reaction {
        if let (Action::Open, Some(overview)) = (action, scene.overview) {
            return match log_of(&self.name, self.env.as_deref(), overview, scene.now) {
                Some(run) => Reaction::Open(Destination::Log { run }),
                None => Reaction::Say("none of the newest runs worked on it".to_owned()),
            };
        }
        if let (Action::Verbs, Some(overview)) = (action, scene.overview) {
            let names = [self.name.clone()];
            return verbs::of_services(&names, overview, scene.now)
                .map_or(Reaction::Ignored, |menu| Reaction::Popup(menu.into()));
        }
        let height = layout::rows(scene.body);
        let all = lines(self, scene, Theme::new(false), layout::columns(scene.body)).len();
        let last = all.saturating_sub(height);
        let Some(top) = moved(action, self.top.min(last), last, height) else {
            return Reaction::Ignored;
        };
        self.top = top;
        Reaction::Done
    }

    fn wants(&mut self) -> Vec<Effect> {
        if !std::mem::take(&mut self.stale) {
            return Vec::new();
        }
        vec![Effect::Audit {
            ticket: self.ticket,
            filter: AuditFilter {
                service: Some(self.name.clone()),
                limit: CHANGES,
                ..AuditFilter::default()
            },
        }]
    }

    fn receive(&mut self, msg: &Msg, _: Delivery<'_>) -> Reaction {
        match msg {
            Msg::Audit(ticket, rows) if *ticket == self.ticket => match rows {
                Ok(rows) => self.changes.clone_from(rows),
                Err(why) => return Reaction::Fail(format!("its changes were not read: {why}")),
            },
            Msg::Notice(Notice::Run(..) | Notice::Stack) => self.stale = true,
            _ => return Reaction::Ignored,
        }
        Reaction::Done
    }

    fn invalidate(&mut self) {
        self.stale = true;
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
        let inner = canvas.pane(area, title.into(), &mark.into(), true);
        canvas.lines(inner, all.iter().skip(top));
        canvas.link_addresses(inner);
    }

    fn env(&self, frame: Frame<'_>) -> Option<String> {
        self.target(frame.overview?, frame.now)?.env
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
    let target = screen.target(overview, scene.now);
    changes(&mut out, screen, target.as_ref(), scene);
    people(&mut out, overview, service);
    neighbours(&mut out, overview, service, scene);
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
            (s, _) => facts(s, overview.days.get(&target), &current_state, scene.now),
        };
        let since = current_state
            .since
            .map(|at| format!("since {}  ", minute(at)))
            .unwrap_or_default();
        out.lines.push(Line::from(vec![
            Span::raw(format!("  {} ", column(name, 10))),
            Span::styled(
                format!("{} {:<9}", state.symbol(), state.name()),
                out.theme.state(state),
            ),
            Span::raw(format!(
                "{since}{}",
                if protected { "protected" } else { "" }
            )),
        ]));
        for part in wrapped(&why, out.width.saturating_sub(13)) {
            out.lines.push(Line::raw(format!("{:13}{part}", "")));
        }
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

/// The changes before the present state of the target, newest first; of a good one the last changes.
fn changes(out: &mut Out, screen: &ServiceScreen, target: Option<&Target>, scene: Scene<'_>) {
    let state = target
        .zip(scene.overview)
        .map(|(target, overview)| overview.current_state(target, scene.now))
        .filter(|state| state.state != State::Ok);
    let since = state.and_then(|state| state.since);
    let heading = match (target, since) {
        (Some(target), Some(since)) => {
            format!("Changed before {} ({target})", minute(since))
        }
        _ => "Changed last".to_owned(),
    };
    out.heading(&safe(&heading));
    let before = |row: &&AuditRow| since.is_none_or(|since| row.at <= since);
    let rows: Vec<&AuditRow> = screen.changes.iter().filter(before).collect();
    for row in rows.iter().take(SHOWN) {
        let ago = short_age(scene.now.ms_since(row.at));
        let [_, actor, action, object, what] = audit_line::cells(row);
        let text = safe(&format!("{action} {object} by {actor}  {what}"));
        out.lines.push(Line::raw(format!("  {ago:>5} ago  {text}")));
    }
    let cut = u32::try_from(screen.changes.len()).is_ok_and(|read| read >= CHANGES);
    let rest = match (rows.len(), cut) {
        (0, false) => "nothing is recorded".to_owned(),
        (0, true) => {
            format!("the newest {CHANGES} changes came later; older ones are not read here")
        }
        (n, false) if n <= SHOWN => String::new(),
        (n, cut) => {
            let (shown, least) = (n.min(SHOWN), if cut { "at least " } else { "" });
            format!("{shown} of {least}{n} are shown; the command `what changed` lists more")
        }
    };
    for part in wrapped(&rest, out.width.saturating_sub(2)) {
        out.lines
            .push(Line::styled(format!("  {part}"), out.theme.dim()));
    }
    let run = scene
        .overview
        .and_then(|overview| log_of(&screen.name, screen.env.as_deref(), overview, scene.now));
    if let Some(run) = run {
        let line = format!("  Enter opens the log of run {run}");
        out.lines.push(Line::styled(line, out.theme.dim()));
    }
}

/// `2026-11-21 20:51Z`.
fn minute(at: Timestamp) -> String {
    let text = at.rfc3339();
    let minute = text.get(..16).unwrap_or(&text);
    format!("{}Z", minute.replace('T', " "))
}

fn people(out: &mut Out, overview: &Overview, service: &Service) {
    out.heading("Who");
    out.field("owner", service.owner.as_deref().unwrap_or("–"));
    for contact in &overview.stack.contacts {
        let ways = [
            Some(&contact.name),
            contact.phone.as_ref(),
            contact.email.as_ref(),
        ];
        let ways: Vec<&str> = ways.into_iter().flatten().map(String::as_str).collect();
        out.field("contact", &ways.join(" · "));
    }
    if overview.stack.contacts.is_empty() {
        out.field("contact", "–");
    }
}

/// What it needs and what needs it, each with its worst state.
fn neighbours(out: &mut Out, overview: &Overview, service: &Service, scene: Scene<'_>) {
    let state = |name: &String| {
        let targets = overview.stack.service(name).map(targets_of);
        let states = targets.unwrap_or_default().into_iter();
        let states = states.map(|target| overview.current_state(&target, scene.now).state);
        let worst = [State::Failing, State::Degraded, State::Unknown];
        let states: Vec<State> = states.collect();
        let found = worst.into_iter().find(|state| states.contains(state));
        format!("{} {name}", found.unwrap_or(State::Ok).symbol())
    };
    let list = |names: Vec<&String>| {
        let all: Vec<String> = names.into_iter().map(state).collect();
        if all.is_empty() {
            "–".to_owned()
        } else {
            all.join(", ")
        }
    };
    out.heading("What it needs");
    out.field("needs", &list(service.depends_on.iter().collect()));
    let all = overview.stack.services.iter();
    let users = all.filter(|other| other.depends_on.contains(&service.name));
    out.field("needed by", &list(users.map(|user| &user.name).collect()));
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
        let age = short_age(scene.now.ms_since(run.requested_at));
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
