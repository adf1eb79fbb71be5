//! A scripted world for the console: answers requests from values, without runtime, store or clock.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use opsroom::control::runbook::{LastRun, RunbookRow, RunbookSheet};
use opsroom::core::base::time::Timestamp;
use opsroom::core::command::Catalogue;
use opsroom::core::command::run_ref::{RunRef, one_line};
use opsroom::core::health::change::LastChange;
use opsroom::core::health::check::score::{Health, Line, Score};
use opsroom::core::health::day::{Day, HOUR_MS};
use opsroom::core::health::observation::{Observation, TargetSummary};
use opsroom::core::run::act::{Act, Acted};
use opsroom::core::run::again::Again;
use opsroom::core::run::approval::Tally;
use opsroom::core::run::artifact::{Artifact, ArtifactKind, RunLink};
use opsroom::core::run::breaker::BreakerKey;
use opsroom::core::run::compare::compare;
use opsroom::core::run::event::{Entry, EntryBody, Level, Stream};
use opsroom::core::run::lockout::Lockout;
use opsroom::core::run::orders::Orders;
use opsroom::core::run::plan::{Plan, PlanStep, Risk, RiskLevel, Target};
use opsroom::core::run::priority::Priority;
use opsroom::core::run::queue::Lane;
use opsroom::core::run::step::StepSpec;
use opsroom::core::run::step::http::Http;
use opsroom::core::run::step::manual::Manual;
use opsroom::core::run::summary::RunSummary;
use opsroom::core::run::{AuditRow, Phase, Run, RunId, RunStatus, RunStep, StepStatus};
use opsroom::core::runbook::{Runbook, built_in};
use opsroom::core::stack::service::{
    Action, ActionCall, Environment, HttpRequest, Service, Stack, Tier, Verb,
};
use opsroom::core::stack::state::State;
use opsroom::logfile::file::Tracked;
use opsroom::logfile::log_view::{LogRequest, LogView};
use opsroom::logfile::run_spool::Writer;
use opsroom::logfile::source::LogUpdate;
use opsroom::tui::msg::{
    ChosenRun, Difference, Effect, EnginePlace, HomeView, LogFile, Msg, Overview, PlanCard,
    RunDetail, RunPage, Ticket,
};

/// 2026-11-21 21:04:11 UTC.
pub const NOW: Timestamp = Timestamp(1_795_295_051_000);

/// Everything the console can request.
pub struct World {
    pub overview: Overview,
    pub card: PlanCard,
    pub log: Vec<Entry>,
    pub detail: RunDetail,
    pub locks: Vec<Lockout>,
    pub history: Vec<String>,
    pub home_view: HomeView,
    /// The contents of every artifact.
    pub contents: Vec<u8>,
    /// The plan that is returned when inputs are given.
    pub again: Option<Plan>,
    /// The refusal of every submitted plan.
    pub refusal: Option<String>,
    /// Logs being read, and how many of their entries were written.
    pub reading: RefCell<BTreeMap<Ticket, (LogView, Writer, usize)>>,
    /// The text of every log file; without one a file is requested and not opened.
    pub file: Option<String>,
    /// Log files being read, each in a folder of its own.
    pub files: RefCell<BTreeMap<Ticket, (LogView, tempfile::TempDir)>>,
}

impl Default for World {
    fn default() -> Self {
        let run = run(41, RunStatus::Running);
        let mut older = run_of(40, RunStatus::Failed, "check staging");
        older.message = Some("api in staging: HTTP 500 in 12 ms".to_owned());
        let log = log(40);
        let run = Run {
            last_seq: 40,
            ..run
        };
        Self {
            overview: Overview {
                at: NOW,
                workspace: "acme".to_owned(),
                store_kind: "sqlite".to_owned(),
                stack: Arc::new(stack()),
                states: states().into(),
                days: Arc::new(days()),
                score: Some(score()),
                stale_ms: 15 * 60_000,
                left_over: Vec::new(),
                needs: Vec::new(),
                changes: changes(),
                runs: vec![(&run).into(), (&older).into()],
                engine: EnginePlace::Here,
                breakers: Vec::new(),
                locks: Vec::new(),
                maintenance: Vec::new(),
                problems: Vec::new(),
            },
            card: PlanCard {
                plan: plan("staging", false),
                last: vec![listed(39, RunStatus::Succeeded)],
                changed: Vec::new(),
                queue: Vec::new(),
            },
            detail: detail(run),
            contents: "web 1.4.1\n\x1b[31mevil\x1b[0m \u{202e}text"
                .as_bytes()
                .to_vec(),
            log,
            locks: Vec::new(),
            history: vec![
                "deploy web to staging".to_owned(),
                "check prod".to_owned(),
                "deploy api to staging".to_owned(),
            ],
            home_view: HomeView::default(),
            again: None,
            refusal: None,
            reading: RefCell::default(),
            file: None,
            files: RefCell::default(),
        }
    }
}

impl World {
    /// The same world with another plan on the card.
    pub fn with_plan(plan: Plan) -> Self {
        Self {
            card: PlanCard {
                plan,
                last: Vec::new(),
                changed: Vec::new(),
                queue: Vec::new(),
            },
            ..Self::default()
        }
    }

    /// A world in which nothing runs.
    pub fn at_rest() -> Self {
        let mut world = Self::default();
        for run in &mut world.overview.runs {
            if !run.status.is_terminal() {
                run.status = RunStatus::Succeeded;
                run.finished_at = Some(NOW);
            }
        }
        world
    }

    /// The answer to an effect, if it has one.
    pub fn answer(&self, effect: &Effect) -> Option<Msg> {
        Some(match effect.clone() {
            Effect::Quit
            | Effect::Suspend
            | Effect::Redraw
            | Effect::Notify(_)
            | Effect::Mouse(_)
            | Effect::Copy(_)
            | Effect::OpenLog { .. }
            | Effect::OpenFile { .. }
            | Effect::CloseLog(_)
            | Effect::File(..) => return None,
            Effect::Overview => Msg::Overview(Ok(Box::new(self.overview.clone()))),
            Effect::Catalogue => {
                let names: Vec<_> = built_in().iter().map(Runbook::as_name).collect();
                Msg::Catalogue(Ok(Arc::new(Catalogue::new(&self.overview.stack, &names))))
            }
            Effect::Routines(ticket) => Msg::Routines(ticket, Ok(crate::routines::rows())),
            Effect::Routine { ticket, name } => {
                Msg::Routine(ticket, crate::routines::sheet(&name).map(Box::new))
            }
            Effect::Chart { ticket, ask } => {
                let refusal = self.refusal.clone();
                let chart = refusal.map_or_else(|| crate::chart::answer(ask), Err);
                Msg::Chart(ticket, chart.map(Box::new))
            }
            Effect::RoutineDifference {
                ticket,
                number,
                edit,
            } => {
                let before = (*self.overview.stack).clone();
                let after = edit.of(&before);
                let difference = after.map(|after| Box::new(Difference::between(before, &after)));
                Msg::RoutineDifference(ticket, number, difference)
            }
            Effect::SaveRoutine { ticket, number, .. } => {
                Msg::RoutineSaved(ticket, number, self.refusal.clone().map_or(Ok(()), Err))
            }
            Effect::DeleteRoutine(name) => {
                Msg::RoutineDeleted(name, self.refusal.clone().map_or(Ok(()), Err))
            }
            Effect::LogFiles => Msg::LogFiles(vec![LogFile {
                path: "/var/log/nginx/error.log".to_owned(),
                bytes: 1200,
                changed: Some(NOW),
            }]),
            Effect::Reload => Msg::Reloaded(Ok(12)),
            Effect::Remembered => Msg::Remembered(Ok(self.history.clone())),
            Effect::Days => Msg::Days(Ok((*self.overview.days).clone())),
            Effect::HomeView => Msg::HomeView(Ok(self.home_view)),
            Effect::Remember(_) | Effect::KeepHomeView(_) => Msg::Noted(Ok(())),
            Effect::Detail(run) if run > RunId(42) => {
                Msg::Detail(run, Err(format!("there is no run {run}")))
            }
            Effect::Detail(run) => Msg::Detail(run, Ok(Box::new(self.detail.clone()))),
            Effect::Artifact { number, .. } => {
                let found = self
                    .detail
                    .artifacts
                    .iter()
                    .find(|artifact| artifact.number == number)
                    .cloned();
                Msg::Artifact(
                    found
                        .map(|artifact| Box::new((artifact, self.contents.clone())))
                        .ok_or("there is none".to_owned()),
                )
            }
            Effect::Runs { ticket, filter } => {
                let before = filter.before.unwrap_or(RunId(i64::MAX));
                let older: Vec<&RunSummary> = self
                    .overview
                    .runs
                    .iter()
                    .filter(|r| r.id < before)
                    .collect();
                // A search covers so many runs and reports where it stopped.
                let searched = if filter.holds.is_some() {
                    500
                } else {
                    usize::MAX
                };
                let rest = older
                    .get(searched)
                    .and(older.get(searched - 1))
                    .map(|run| run.id);
                let wanted = filter.holds.unwrap_or_default();
                let holds = |run: &&RunSummary| run.title.contains(&wanted);
                let searched = older.into_iter().take(searched).filter(holds);
                let runs: Vec<RunSummary> = searched.take(filter.limit as usize).cloned().collect();
                let queue = self
                    .detail
                    .queued
                    .iter()
                    .filter(|q| runs.iter().any(|r| r.id == q.run))
                    .cloned()
                    .collect();
                Msg::Runs(
                    ticket,
                    Ok(RunPage {
                        runs,
                        queue,
                        rest,
                        ..RunPage::default()
                    }),
                )
            }
            Effect::Locks(ticket) => Msg::Locks(ticket, Ok(self.locks.clone())),
            Effect::Audit { ticket, .. } => Msg::Audit(
                ticket,
                Ok(vec![AuditRow {
                    id: 1,
                    at: NOW,
                    actor: "ana".to_owned(),
                    action: "deploy.cancel".to_owned(),
                    object: "run #41".to_owned(),
                    before: None,
                    after: None,
                    reason: Some("wrong branch".to_owned()),
                }]),
            ),
            Effect::Compare {
                ticket,
                runs: [first, second],
            } => {
                let (one, other) = (
                    run(first.0, RunStatus::Failed),
                    run(second.0, RunStatus::Succeeded),
                );
                let both = compare((&one, &[]), (&other, &[]), NOW);
                Msg::Compared(ticket, Ok(Box::new(both)))
            }
            Effect::Runbooks(ticket) => Msg::Runbooks(ticket, Ok(runbooks())),
            Effect::Runbook { ticket, name } => Msg::Runbook(ticket, sheet(&name)),
            Effect::FindRun { ticket, reference } => Msg::FoundRun(ticket, self.find(&reference)),
            Effect::Plan { ticket, inputs, .. } => {
                let again = self.again.clone().filter(|_| !inputs.is_empty());
                let plan = again.unwrap_or_else(|| self.card.plan.clone());
                Msg::Planned(
                    ticket,
                    Ok(Box::new(PlanCard {
                        plan,
                        ..self.card.clone()
                    })),
                )
            }
            Effect::Blockers { ticket, .. } => {
                let found = (self.overview.locks.clone(), self.card.queue.clone());
                Msg::Blockers(ticket, Ok(found))
            }
            Effect::Submit { ticket, plan, .. } => {
                let new = Run {
                    plan: *plan,
                    ..run(42, RunStatus::Queued)
                };
                Msg::Submitted(
                    ticket,
                    self.refusal.clone().map_or_else(|| Ok(Box::new(new)), Err),
                )
            }
            Effect::Act { ticket, acts } => Msg::Acted(
                ticket,
                Ok(acts.into_iter().map(|act| self.acted(act)).collect()),
            ),
        })
    }

    /// What an act does here: the run stays as it is.
    fn acted(&self, act: Act) -> Acted {
        let detail = &self.detail.run;
        match act {
            Act::Order { run, order, .. } => Acted::Ordered {
                run,
                order,
                status: detail.status,
            },
            Act::Start { run: id, .. } => Acted::Started(Box::new(Run {
                id,
                ..detail.clone()
            })),
            Act::Drop { run, .. } => Acted::Dropped(run),
            Act::Resume { .. } => Acted::Resumed(Box::new(detail.clone())),
            Act::Retry { .. } => Acted::Retried(Box::new(run(42, RunStatus::Queued))),
            Act::Answer { run, .. } => Acted::Answered(run),
            Act::Vote { run, .. } => Acted::Voted {
                run,
                tally: Tally::Open(Vec::new()),
            },
            Act::Note { run, .. } => Acted::Noted(run),
            Act::Link { run, url, title } => Acted::Linked {
                run,
                link: RunLink {
                    title: title.unwrap_or_default(),
                    url,
                },
            },
            Act::Lock { of, .. } => Acted::Locked { of, until: NOW },
            Act::Unlock { of, .. } => Acted::Unlocked(of),
            Act::RunRoutine { routine, .. } => Acted::RoutineRequested {
                routine,
                request: 1,
            },
            Act::PauseRoutine { routine, end, .. } => Acted::RoutinePaused {
                routine,
                until: end.at(NOW).unwrap_or(NOW),
            },
            Act::ResumeRoutine { routine, .. } => Acted::RoutineResumed(routine),
            Act::ReportRoutine { routine, state, .. } => Acted::RoutineReported { routine, state },
            Act::ResetBreaker { target, .. } => {
                let keys = [BreakerKey {
                    target: None,
                    host: target,
                }];
                Acted::BreakersClosed(keys.to_vec())
            }
        }
    }

    /// The newest run that matches, as the store would find it.
    fn find(&self, reference: &RunRef) -> Result<ChosenRun, String> {
        let RunRef::Newest(newest) = reference else {
            return Err(format!("{reference:?} has a number"));
        };
        let status = newest.status();
        let fits = |run: &&RunSummary| {
            (status.is_empty() || status.contains(&run.status))
                && newest
                    .services
                    .iter()
                    .all(|name| run.services.contains(name))
                && (newest.env.is_none() || newest.env == run.env)
        };
        let found = self
            .overview
            .runs
            .iter()
            .find(fits)
            .ok_or_else(|| format!("there is no {newest}"))?;
        Ok(ChosenRun {
            run: found.id,
            line: one_line(found, NOW),
        })
    }

    /// Messages of the log readers about new lines, for logs that are on screen.
    pub fn written(&self) -> Vec<Msg> {
        let watched = |(ticket, (view, ..)): (&Ticket, &(LogView, Writer, usize))| {
            view.is_watched().then_some(*ticket)
        };
        let tickets: Vec<Ticket> = self.reading.borrow().iter().filter_map(watched).collect();
        tickets
            .iter()
            .flat_map(|ticket| {
                self.reader_messages(&Effect::File(*ticket, Box::new(LogRequest::Poll)))
            })
            .collect()
    }

    /// All messages of a log reader that follow from a request, at once.
    pub fn reader_messages(&self, effect: &Effect) -> Vec<Msg> {
        if let Some(messages) = self.file_messages(effect) {
            return messages;
        }
        let mut reading = self.reading.borrow_mut();
        let (ticket, request) = match effect {
            Effect::OpenLog { ticket, after, .. } => {
                let (file, writer) =
                    Tracked::run("run").unwrap_or_else(|e| panic!("room for a log: {e}"));
                let skipped = usize::try_from(*after).unwrap_or(0);
                reading.insert(
                    *ticket,
                    (LogView::new(vec![file], true, NOW), writer, skipped),
                );
                (ticket, None)
            }
            Effect::CloseLog(ticket) => {
                reading.remove(ticket);
                return Vec::new();
            }
            Effect::File(ticket, request) => (ticket, Some(request)),
            _ => return Vec::new(),
        };
        let Some((view, writer, written)) = reading.get_mut(ticket) else {
            return Vec::new();
        };
        assert!(writer.push(&self.log[*written..]));
        writer.catch_up();
        *written = self.log.len();
        let request = request.map(|request| &**request);
        view_messages(view, *ticket, request)
    }

    /// The messages of the reader of a log file; `None`: the effect is for no file that is read.
    fn file_messages(&self, effect: &Effect) -> Option<Vec<Msg>> {
        let mut files = self.files.borrow_mut();
        match effect {
            Effect::OpenFile { ticket, path } => {
                let (text, name) = (self.file.as_ref()?, path.file_name()?);
                let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("a folder: {e}"));
                let path = folder.path().join(name);
                let opened = std::fs::write(&path, text).and_then(|()| Tracked::open(&path));
                let file = opened.unwrap_or_else(|e| panic!("a log file: {e}"));
                let read = (LogView::new(vec![file], true, NOW), folder);
                let (view, _) = files.entry(*ticket).or_insert(read);
                Some(view_messages(view, *ticket, None))
            }
            Effect::CloseLog(ticket) => files.remove(ticket).map(|_| Vec::new()),
            Effect::File(ticket, request) => {
                let (view, _) = files.get_mut(ticket)?;
                Some(view_messages(view, *ticket, Some(request)))
            }
            _ => None,
        }
    }
}

/// What a log view answers to a request, and what it shows then.
fn view_messages(view: &mut LogView, ticket: Ticket, request: Option<&LogRequest>) -> Vec<Msg> {
    while view.work() {}
    if let Some(request) = request {
        view.ask(request.clone());
    }
    while view.work() {}
    let answers: Vec<LogUpdate> = view.answers().into_iter().map(LogUpdate::Answer).collect();
    let shown = LogUpdate::Shown(Box::new(view.shown()));
    answers
        .into_iter()
        .chain([shown])
        .map(|message| Msg::File(ticket, message))
        .collect()
}

fn service(name: &str, tier: Tier, environments: &[&str], probe: bool) -> Service {
    let request = HttpRequest {
        method: "GET".to_owned(),
        url: format!("http://{name}.acme.test/up"),
        ..HttpRequest::default()
    };
    let action = Action {
        verb: Verb::Probe,
        environments: Vec::new(),
        call: ActionCall::Http(request),
        timeout_ms: 2000,
        idempotent: true,
        secrets: vec![],
    };
    Service {
        name: name.to_owned(),
        tier,
        environments: environments.iter().map(|e| (*e).to_owned()).collect(),
        owner: Some("ana@acme.test".to_owned()),
        actions: if probe { vec![action] } else { Vec::new() },
        ..Service::default()
    }
}

pub fn stack() -> Stack {
    let env = |name: &str, protected| Environment {
        name: name.to_owned(),
        aliases: Vec::new(),
        protected,
        approve: None,
    };
    Stack {
        workspace: "acme".to_owned(),
        timezone: "UTC".to_owned(),
        environments: vec![env("staging", false), env("prod", true)],
        services: vec![
            service("web", Tier::Critical, &["staging", "prod"], true),
            service("billing worker", Tier::Standard, &["prod"], true),
            service("search", Tier::Standard, &["staging"], true),
            service("crm", Tier::Low, &[], false),
        ],
        ..Stack::default()
    }
}

fn states() -> Vec<(Target, TargetSummary)> {
    let of = |service: &str, env: &str, state, ago: i64, message: &str| {
        let target = Target {
            service: service.to_owned(),
            env: Some(env.to_owned()),
        };
        let latest = Observation {
            target: target.clone(),
            at: NOW.plus_ms(-ago),
            state,
            latency_ms: Some(41),
            message: message.to_owned(),
            run: None,
        };
        let summary = TargetSummary {
            since: latest.at.plus_ms(-13 * 60_000),
            ..TargetSummary::of(latest)
        };
        (target, summary)
    };
    vec![
        of("web", "staging", State::Ok, 9_000, "HTTP 200 in 41 ms"),
        of("web", "prod", State::Ok, 9_000, "HTTP 200 in 41 ms"),
        of(
            "billing worker",
            "prod",
            State::Degraded,
            7 * 3_600_000,
            "HTTP 200 in 640 ms, slower than 500 ms",
        ),
        of(
            "search",
            "staging",
            State::Failing,
            9_000,
            "HTTP 500 in 12 ms",
        ),
    ]
}

fn target(service: &str, env: &str) -> Target {
    Target {
        service: service.to_owned(),
        env: Some(env.to_owned()),
    }
}

fn changes() -> Vec<LastChange> {
    let change = |service: &str, run: Option<i64>, what: &str, ago: i64| LastChange {
        service: service.to_owned(),
        env: run.map(|_| "prod".to_owned()),
        run: run.map(RunId),
        what: what.to_owned(),
        at: NOW.plus_ms(-ago),
        actor: "bea".to_owned(),
    };
    vec![
        change("web", Some(38), "deploy", 14 * 60_000),
        change("web", None, "edited", 49 * HOUR_MS),
        change("crm", None, "added", 50 * HOUR_MS),
    ]
}

fn days() -> HashMap<Target, Day> {
    let hour = NOW.0 / HOUR_MS;
    let day = |(samples, up): (u32, u32), p95_ms, worst| Day {
        samples: samples.into(),
        uptime_pct: Some(f64::from(up) * 100.0 / f64::from(samples)),
        p95_ms,
        hours: (0..20)
            .map(|ago| (hour - ago, if ago % 9 == 0 { worst } else { State::Ok }))
            .collect(),
    };
    let billing = Day {
        hours: BTreeMap::new(),
        ..day((412, 408), None, State::Ok)
    };
    HashMap::from([
        (
            target("web", "prod"),
            day((14_400, 14_397), Some(48), State::Ok),
        ),
        (
            target("web", "staging"),
            day((1440, 1440), Some(1240), State::Degraded),
        ),
        (target("billing worker", "prod"), billing),
        (
            target("search", "staging"),
            day((100, 40), None, State::Failing),
        ),
    ])
}

fn score() -> Score {
    let line = |points, service: &str, env: &str, text: &str| Line {
        points,
        target: Some(target(service, env)),
        text: text.to_owned(),
    };
    Score {
        value: Some(62),
        health: Health::Warning,
        lines: vec![
            line(
                25,
                "search",
                "staging",
                "search in staging is failing: HTTP 500 in 12 ms, 9 s ago",
            ),
            line(
                13,
                "billing worker",
                "prod",
                "billing worker in prod: unknown, last seen 7 h ago, as degraded; counts as failing",
            ),
        ],
        components: 4,
        unknown: 1,
        lost: 1,
        seen_at: Some(NOW.plus_ms(-9_000)),
    }
}

fn step(name: &str, phase: Phase, spec: StepSpec) -> PlanStep {
    PlanStep::new(name, phase, spec, 5000)
}

fn http(url: &str) -> StepSpec {
    let request = HttpRequest {
        method: "GET".to_owned(),
        url: url.to_owned(),
        ..HttpRequest::default()
    };
    StepSpec::Http(Http::new(request))
}

/// A deployment of `web`.
pub fn plan(env: &str, protected: bool) -> Plan {
    Plan {
        runbook: "deploy".to_owned(),
        version: "1".to_owned(),
        title: format!("deploy web → {env}"),
        env: Some(env.to_owned()),
        services: vec!["web".to_owned()],
        mutates: true,
        protected,
        inputs: BTreeMap::from([("version".to_owned(), "1.4.2".to_owned())]),
        risks: vec![Risk {
            level: RiskLevel::Warn,
            code: "PROD_CHANGE".to_owned(),
            message: format!("changes {env}"),
        }],
        integrations: vec!["http web.acme.test".to_owned()],
        steps: vec![
            step(
                "reachable",
                Phase::Preflight,
                http("http://web.acme.test/up"),
            ),
            step(
                "go ahead?",
                Phase::Action,
                StepSpec::Manual(Manual {
                    prompt: "Is the change window open?".to_owned(),
                }),
            ),
            step(
                "answers",
                Phase::Verify,
                http("http://web.acme.test/version"),
            ),
        ],
        timeout_ms: 600_000,
        raw_text: format!("deploy web to {env}"),
        restatement: format!("deploy web 1.4.2 to {env}"),
        ..Plan::default()
    }
}

/// A plan that changes nothing.
pub fn check() -> Plan {
    Plan {
        runbook: "healthcheck".to_owned(),
        title: "check web in prod".to_owned(),
        mutates: false,
        risks: Vec::new(),
        ..plan("prod", true)
    }
}

pub fn run(id: i64, status: RunStatus) -> Run {
    Run {
        id: RunId(id),
        parent: None,
        plan: plan("staging", false),
        status,
        actor: "ana".to_owned(),
        trigger: "console".to_owned(),
        reason: None,
        requested_at: NOW.plus_ms(-20_000),
        started_at: Some(NOW.plus_ms(-19_000)),
        finished_at: status.is_terminal().then_some(NOW.plus_ms(-1000)),
        message: None,
        holder: Some("host:1".to_owned()),
        lease_until: None,
        cancel_requested_by: None,
        orders: Orders::default(),
        retry_of: None,
        again: Again::All,
        lane: Lane::Interactive,
        priority: Priority::Normal,
        last_seq: 0,
    }
}

/// The built-in runbooks; the first was run before.
fn runbooks() -> Vec<RunbookRow> {
    let all = built_in();
    let last = |n: usize| (n == 0).then(|| LastRun::from(&listed(40, RunStatus::Failed)));
    let rows = all.iter().enumerate();
    rows.map(|(n, runbook)| RunbookRow {
        entry: runbook.entry(),
        last: last(n),
    })
    .collect()
}

fn sheet(name: &str) -> Result<Box<RunbookSheet>, String> {
    let all = built_in();
    let found = all.iter().find(|runbook| runbook.name == name);
    let runbook = found.ok_or_else(|| format!("there is no runbook {name}"))?;
    Ok(Box::new(RunbookSheet {
        sheet: runbook.sheet(),
        text: runbook.built_in_text().map(str::to_owned),
        runs: vec![LastRun::from(&listed(40, RunStatus::Failed))],
    }))
}

/// A run as lists show it.
pub fn listed(id: i64, status: RunStatus) -> RunSummary {
    RunSummary::from(&run(id, status))
}

fn run_of(id: i64, status: RunStatus, title: &str) -> Run {
    let mut run = run(id, status);
    title.clone_into(&mut run.plan.title);
    run
}

fn detail(run: Run) -> RunDetail {
    let step = |index, status, message: &str| RunStep {
        index,
        status,
        attempt: 1,
        started_at: Some(NOW.plus_ms(-15_000)),
        finished_at: (status == StepStatus::Succeeded).then_some(NOW.plus_ms(-14_959)),
        message: (!message.is_empty()).then(|| message.to_owned()),
        taken_from: None,
    };
    let pending = RunStep {
        started_at: None,
        ..step(2, StepStatus::Pending, "")
    };
    let artifact = Artifact {
        run: run.id,
        kind: ArtifactKind::Manifest,
        title: "versions before".to_owned(),
        number: 1,
        step: None,
        hash: "5f16".repeat(16),
        bytes: 1536,
        url: None,
        at: NOW,
    };
    let steps = vec![
        step(0, StepStatus::Succeeded, "HTTP 200 in 41 ms"),
        step(1, StepStatus::Waiting, ""),
        pending,
    ];
    RunDetail {
        run,
        steps,
        artifacts: vec![artifact],
        notes: Vec::new(),
        approval: None,
        queued: None,
    }
}

/// A log of `n` lines: every 5th is output, every 13th a warning, the 20th an error.
pub fn log(n: i64) -> Vec<Entry> {
    (1..=n).map(entry).collect()
}

pub fn entry(seq: i64) -> Entry {
    let event = |level, message: String| EntryBody::Event {
        level,
        phase: Some(if seq < 10 {
            Phase::Preflight
        } else {
            Phase::Action
        }),
        source: "http".to_owned(),
        message,
        data: None,
    };
    let body = match seq {
        20 => event(Level::Error, "the build cache is gone".to_owned()),
        s if s % 13 == 0 => event(Level::Warn, format!("build cache cold, line {s}")),
        s if s % 5 == 0 => EntryBody::Output {
            stream: Stream::Stdout,
            text: format!("\x1b[32mcompiled\x1b[0m {s}\x07"),
        },
        s => event(Level::Info, format!("api reachable, line {s}")),
    };
    Entry {
        run: RunId(41),
        seq,
        at: NOW.plus_ms((seq - n_ago()) * 100),
        step: Some(u32::from(seq >= 10)),
        body,
    }
}

const fn n_ago() -> i64 {
    40
}
