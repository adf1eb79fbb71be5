//! Runs an accepted command: opens a plan card or a view, or asks before an action.

use super::App;
use super::bar::Taken;
use crate::core::access::audit_line;
use crate::core::base::time::parse_since;
use crate::core::command::run_ref::RunRef;
use crate::core::command::{self, CommandAct, Parsed, ViewCommand};
use crate::core::run::act::Act;
use crate::core::run::compare::Comparison;
use crate::core::run::lockout::Lockout;
use crate::core::run::plan::Target;
use crate::core::run::{AuditRow, RunId, RunStatus};
use crate::core::stack::state::State;
use crate::tui::home::Pane;
use crate::tui::keys::Action;
use crate::tui::msg::{AuditFilter, ChosenRun, Effect, RunFilter, Ticket};
use crate::tui::pane::{Destination, Scene, Screen};

/// Rows of the audit log shown at once; `opsroom audit --limit` shows more.
const AUDIT_ROWS: u32 = 500;

/// How many rows were asked for.
fn limit(parsed: &Parsed) -> Option<u32> {
    parsed.inputs.get("limit")?.parse().ok()
}

impl App {
    pub(super) fn taken(&mut self, taken: Taken) -> Vec<Effect> {
        match taken {
            Taken::Stay => Vec::new(),
            Taken::Close => {
                self.bar = None;
                Vec::new()
            }
            Taken::Plan(parsed, text) => self.fetch_card(parsed, text),
            Taken::View(parsed, text) => {
                self.bar = None;
                let effects = self.view(&parsed);
                self.remembering(text, effects)
            }
            Taken::Act(parsed, text) => {
                self.bar = None;
                let effects = self.do_action(&parsed);
                self.remembering(text, effects)
            }
        }
    }

    fn fetch_card(&mut self, parsed: Box<Parsed>, text: String) -> Vec<Effect> {
        let ticket = self.ticket();
        if let Some(bar) = &mut self.bar {
            bar.waiting = Some(ticket);
        }
        let plan = Effect::Plan {
            ticket,
            parsed,
            inputs: Vec::new(),
            raw_text: text.clone(),
        };
        self.remembering(text, vec![plan])
    }

    fn remembering(&mut self, text: String, mut effects: Vec<Effect>) -> Vec<Effect> {
        if self.history.first() != Some(&text) {
            self.history.insert(0, text.clone());
            effects.push(Effect::Remember(text));
        }
        effects
    }

    fn view(&mut self, parsed: &Parsed) -> Vec<Effect> {
        if let Some(why) = parsed.more_than_a_look() {
            self.show_error(format!("{why}; nothing was done"));
            return Vec::new();
        }
        let service = parsed.services.first().filter(|name| *name != "*").cloned();
        match (parsed.view(), service) {
            (Some(ViewCommand::File), _) => {
                let path = parsed.inputs.get("path").cloned().unwrap_or_default();
                self.open(Destination::File { path });
            }
            (Some(ViewCommand::Run | ViewCommand::Log), _) => return self.show_run(parsed),
            (Some(ViewCommand::Runs), _) => self.list_runs(parsed),
            (Some(ViewCommand::Service | ViewCommand::Dependencies), Some(name)) => {
                self.open(Destination::Service {
                    name,
                    env: parsed.env.clone(),
                });
            }
            (Some(ViewCommand::Owner), Some(name)) => self.show_owner(&name),
            (Some(ViewCommand::Contacts), _) => self.show_contacts(),
            (Some(ViewCommand::Services), _) => {
                self.go_home(Pane::Stack);
                self.say_states(parsed.env.as_deref());
            }
            (Some(ViewCommand::Needs), _) => self.show_needs(),
            (Some(ViewCommand::Whoami), _) => self.say_who(),
            (Some(ViewCommand::Compare), _) => return self.compare(parsed),
            (Some(ViewCommand::Routines), _) => self.show_routines(parsed),
            (Some(ViewCommand::Chart), _) => self.show_chart(parsed),
            (Some(ViewCommand::EditRoutine), _) => {
                let name = parsed.routine.clone().unwrap_or_default();
                let opened = Screen::edit_routine(&name, self.scene(), self.facts.read_only);
                return self.react(opened);
            }
            (Some(ViewCommand::NewRoutine), _) => {
                let opened = Screen::new_routine(self.scene(), self.facts.read_only);
                return self.react(opened);
            }
            (Some(ViewCommand::Runbooks), _) => self.open(Destination::Runbooks {}),
            (Some(ViewCommand::Runbook), _) => self.show_runbook(parsed),
            (Some(ViewCommand::Health), _) => self.go_home(Pane::Health),
            (Some(ViewCommand::Help), _) => self.help_on(parsed),
            (Some(ViewCommand::Quit), _) => {
                self.screens.clear();
                self.home.full = false;
                return self.quit();
            }
            (Some(ViewCommand::Filter), _) => self.search(parsed),
            (Some(ViewCommand::Audit), _) => return self.audit(parsed),
            (Some(ViewCommand::Locks), _) => {
                let ticket = self.ticket();
                self.requests.auditing = Some(ticket);
                self.requests.locks_of = (parsed.named_services(), parsed.env.clone());
                return vec![Effect::Locks(ticket)];
            }
            (
                Some(ViewCommand::Service | ViewCommand::Dependencies | ViewCommand::Owner) | None,
                _,
            ) => {
                self.show_error(format!("{}: which one?", parsed.message));
            }
        }
        Vec::new()
    }

    fn show_run(&mut self, parsed: &Parsed) -> Vec<Effect> {
        match RunRef::of(parsed, self.now) {
            Ok(run) => return self.find_run(run, None),
            Err(why) => self.show_error(why),
        }
        Vec::new()
    }

    fn do_action(&mut self, parsed: &Parsed) -> Vec<Effect> {
        let act = parsed
            .act(self.now)
            .unwrap_or_else(|| Err(format!("{}: nothing was done", parsed.message)));
        match act {
            Ok(CommandAct::Complete(_)) if self.facts.read_only => {
                self.show_error("read-only: nothing can be changed from this console");
            }
            Ok(CommandAct::Complete(act)) => return vec![Effect::act(act)],
            Ok(CommandAct::OnRun {
                run,
                act: Act::Start { .. },
            }) => self.open_left_over(match run {
                RunRef::Number(run) => Some(run),
                RunRef::Newest(_) => None,
            }),
            Ok(CommandAct::OnRun { .. }) if self.facts.read_only => {
                self.show_error("read-only: nothing can be done to a run from this console");
            }
            Ok(CommandAct::OnRun { run, act }) => return self.find_run(run, Some(act)),
            Err(why) => self.show_error(why),
        }
        Vec::new()
    }

    /// Opens the run, and asks about the act. A run without a number is searched in the whole store.
    fn find_run(&mut self, reference: RunRef, then: Option<Act<()>>) -> Vec<Effect> {
        if let RunRef::Number(run) = reference {
            self.open_for(run, then);
            return Vec::new();
        }
        let ticket = self.ticket();
        self.requests.finding = Some((ticket, then));
        vec![Effect::FindRun { ticket, reference }]
    }

    fn open_for(&mut self, run: RunId, then: Option<Act<()>>) {
        let act = then.map(|act| act.on(run));
        self.open(Destination::Run { run, act });
    }

    /// The result of the search for a run.
    pub(super) fn run_found(&mut self, ticket: Ticket, found: Result<ChosenRun, String>) {
        let Some((_, then)) = self
            .requests
            .finding
            .take_if(|(requested, _)| *requested == ticket)
        else {
            return;
        };
        match found {
            // The operator has opened something else: the run does not open over that.
            Ok(chosen) if self.bar.is_some() || !self.popups.is_empty() => {
                self.say(format!(
                    "{}: not opened, something else was begun",
                    chosen.line
                ));
            }
            Ok(chosen) => {
                self.open_for(chosen.run, then);
                self.say(chosen.line);
            }
            Err(why) => self.show_error(why),
        }
    }

    fn list_runs(&mut self, parsed: &Parsed) {
        let since = match parsed
            .inputs
            .get("since")
            .map(|text| parse_since(text, self.now))
            .transpose()
        {
            Ok(since) => since,
            Err(why) => return self.show_error(why),
        };
        let status = parsed
            .inputs
            .get("status")
            .and_then(|s| RunStatus::from_name(s));
        self.open(Destination::Runs {
            filter: RunFilter {
                status: status.into_iter().collect(),
                service: parsed.services.first().filter(|s| *s != "*").cloned(),
                env: parsed.env.clone(),
                runbook: parsed.inputs.get("kind").cloned(),
                actor: self.actor_of(parsed),
                since,
                limit: limit(parsed).unwrap_or_default(),
                ..RunFilter::default()
            },
        });
    }

    /// Requests the rows of the audit log that match a command.
    fn audit(&mut self, parsed: &Parsed) -> Vec<Effect> {
        let since = match parsed
            .inputs
            .get("since")
            .map(|text| parse_since(text, self.now))
            .transpose()
        {
            Ok(since) => since,
            Err(why) => {
                self.show_error(why);
                return Vec::new();
            }
        };
        let filter = AuditFilter {
            since,
            run: parsed
                .inputs
                .get("run")
                .and_then(|number| number.parse().ok())
                .map(RunId),
            service: parsed.services.first().filter(|name| *name != "*").cloned(),
            env: parsed.env.clone(),
            actor: self.actor_of(parsed),
            limit: limit(parsed).unwrap_or(AUDIT_ROWS),
        };
        let ticket = self.ticket();
        self.requests.auditing = Some(ticket);
        vec![Effect::Audit { ticket, filter }]
    }

    /// Shows the rows, unless the operator has opened something else.
    pub(super) fn receive_audit(&mut self, ticket: Ticket, rows: Result<Vec<AuditRow>, String>) {
        if self
            .requests
            .auditing
            .take_if(|requested| *requested == ticket)
            .is_none()
        {
            return;
        }
        match rows {
            Ok(_) if self.bar.is_some() || !self.popups.is_empty() => {}
            Ok(rows) if rows.is_empty() => self.say("the audit log has no such row"),
            Ok(rows) => {
                let lines: Vec<String> = rows.iter().map(audit_line::line).collect();
                let title = format!("Audit, newest {} first", rows.len());
                self.open(Destination::read(&title, &lines.join("\n")));
            }
            Err(why) => self.show_error(format!("the audit log could not be read: {why}")),
        }
    }

    /// Shows the locks, unless the operator has opened something else.
    pub(super) fn receive_locks(&mut self, ticket: Ticket, locks: Result<Vec<Lockout>, String>) {
        let requested = &mut self.requests.auditing;
        if requested
            .take_if(|requested| *requested == ticket)
            .is_none()
        {
            return;
        }
        let (services, env) = &self.requests.locks_of;
        let of = |lock: &Lockout| lock.of.is_of(services, env.as_deref());
        let locks = locks.map(|all| all.into_iter().filter(of).collect::<Vec<_>>());
        match locks {
            Ok(_) if self.bar.is_some() || !self.popups.is_empty() => {}
            Ok(locks) if locks.is_empty() => self.say("nothing is locked"),
            Ok(locks) => {
                let lines: Vec<String> = locks.iter().map(ToString::to_string).collect();
                let title = format!("Locks, {}", locks.len());
                self.open(Destination::read(&title, &lines.join("\n")));
            }
            Err(why) => self.show_error(format!("the locks could not be read: {why}")),
        }
    }

    /// The person a command names; "me" is the one at the console.
    fn actor_of(&self, parsed: &Parsed) -> Option<String> {
        let actor = parsed.inputs.get("actor")?;
        let is_me = actor == "me";
        Some(if is_me { &self.facts.actor } else { actor }.clone())
    }

    fn compare(&mut self, parsed: &Parsed) -> Vec<Effect> {
        let run = |name: &str| {
            let number = parsed.inputs.get(name).and_then(|n| n.parse().ok());
            number.map(RunId)
        };
        let (Some(first), Some(second)) = (run("from"), run("to")) else {
            self.show_error("name both runs by their numbers: compare run 41 and 44");
            return Vec::new();
        };
        let ticket = self.ticket();
        self.requests.comparing = Some(ticket);
        vec![Effect::Compare {
            ticket,
            runs: [first, second],
        }]
    }

    /// Shows the comparison, unless the operator has opened something else.
    pub(super) fn receive_comparison(
        &mut self,
        ticket: Ticket,
        both: Result<Box<Comparison>, String>,
    ) {
        let comparing = &mut self.requests.comparing;
        if comparing.take_if(|wanted| *wanted == ticket).is_none() {
            return;
        }
        match both {
            Ok(_) if self.bar.is_some() || !self.popups.is_empty() => {}
            Ok(both) => {
                let title = format!("Runs {} and {}", both.first.run, both.second.run);
                self.open(Destination::read(&title, &both.lines().join("\n")));
            }
            Err(why) => self.show_error(format!("the runs cannot be compared: {why}")),
        }
    }

    fn show_routines(&mut self, parsed: &Parsed) {
        match parsed.routine.clone() {
            Some(name) => self.open(Destination::Routine { name }),
            None => self.open(Destination::Routines {}),
        }
    }

    fn scene(&self) -> Scene<'_> {
        super::scene(self.overview.as_ref(), self.now, self.size)
    }

    fn show_chart(&mut self, parsed: &Parsed) {
        match parsed.charted() {
            Some(name) => self.open(Destination::Chart { name }),
            None => self.show_error("which routine? `routines` lists them"),
        }
    }

    fn show_runbook(&mut self, parsed: &Parsed) {
        match parsed.runbook.clone() {
            Some(name) => self.open(Destination::Runbook { name }),
            None => self.show_error("which runbook? `runbooks` lists them"),
        }
    }

    /// The runs that need the person, the most urgent first.
    fn show_needs(&mut self) {
        let lines: Vec<String> = self
            .home
            .needs()
            .iter()
            .map(|need| need.describe(self.now))
            .collect();
        if lines.is_empty() {
            return self.say("nothing needs you");
        }
        let key = self.key_name(Action::NeedsYou);
        let hint = format!("{key} at home opens the first, again the next.");
        let body = format!("{}\n\n{hint}", lines.join("\n"));
        self.open(Destination::read("What needs you", &body));
    }

    fn say_who(&mut self) {
        let stack = self.overview.as_ref().map(|o| o.stack.workspace.clone());
        let place = stack.filter(|name| !name.is_empty());
        let place = place.map_or_else(String::new, |name| format!(" in the workspace {name}"));
        let only = if self.facts.read_only {
            ", in a read-only console"
        } else {
            ""
        };
        self.say(format!("you are {}{place}{only}", self.facts.actor));
    }

    /// How many services of an environment are in which state.
    fn say_states(&mut self, env: Option<&str>) {
        let (Some(env), Some(overview)) = (env, &self.overview) else {
            return;
        };
        let mut counts = Vec::new();
        for state in [State::Failing, State::Degraded, State::Unknown, State::Ok] {
            let services = overview.stack.services.iter();
            let there = services.filter(|s| s.environments.iter().any(|e| e == env));
            let names: Vec<&str> = there
                .filter(|s| {
                    let target = Target {
                        service: s.name.clone(),
                        env: Some(env.to_owned()),
                    };
                    overview.current_state(&target, self.now).state == state
                })
                .map(|s| s.name.as_str())
                .collect();
            let is_listed = matches!(state, State::Failing | State::Degraded) && names.len() <= 3;
            match names.len() {
                0 => {}
                n if is_listed => {
                    counts.push(format!("{n} {} ({})", state.name(), names.join(", ")));
                }
                n => counts.push(format!("{n} {}", state.name())),
            }
        }
        let states = if counts.is_empty() {
            "no service runs there".to_owned()
        } else {
            counts.join(", ")
        };
        self.say(format!("{env}: {states}"));
    }

    /// Help on a topic of the command language; without one, the keys.
    fn help_on(&mut self, parsed: &Parsed) {
        let topic = parsed.inputs.get("topic").cloned();
        let (Some(topic), Some(catalogue)) = (topic, &self.catalogue) else {
            return self.help();
        };
        match command::help(&topic, catalogue) {
            Some(help) => self.open(Destination::read(&help.title, &help.lines.join("\n"))),
            None => self.help(),
        }
    }

    fn show_owner(&mut self, name: &str) {
        let service = self.overview.as_ref().and_then(|o| o.stack.service(name));
        let Some(service) = service else {
            return self.show_error(format!("there is no service {name}"));
        };
        let or_dash = |v: &Option<String>| v.clone().unwrap_or_else(|| "–".to_owned());
        let text = format!(
            "{name}: owner {} · channel {}",
            or_dash(&service.owner),
            or_dash(&service.channel)
        );
        self.say(text);
    }

    fn show_contacts(&mut self) {
        let contacts = self
            .overview
            .as_ref()
            .map_or(&[][..], |o| &o.stack.contacts);
        let line = |c: &crate::core::stack::service::Contact| {
            let or_dash = |v: &Option<String>| v.clone().unwrap_or_else(|| "–".to_owned());
            format!("{}  {}  {}", c.name, or_dash(&c.email), or_dash(&c.phone))
        };
        let mut lines: Vec<String> = contacts.iter().map(line).collect();
        if lines.is_empty() {
            lines.push(
                "No contacts in the stack file: add [[contact]] and `opsroom apply` it.".to_owned(),
            );
        }
        lines.push("(A rotation, and who is on call now, are not in this version.)".to_owned());
        self.open(Destination::read("Contacts", &lines.join("\n")));
    }

    /// "filter TEXT" searches the log at home.
    fn search(&mut self, parsed: &Parsed) {
        self.go_home(Pane::Log);
        let text = parsed.inputs.get("text").cloned().unwrap_or_default();
        let Some(run) = self.home.log else {
            return self.show_error("there is no log to search yet");
        };
        self.keep_log(run.into());
        self.logs.search(run.into(), &text);
    }
}
