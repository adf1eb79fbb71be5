//! Runs an accepted command: opens a plan card or a view, or asks before an action.

use super::App;
use super::bar::Taken;
use crate::core::access::audit_line;
use crate::core::base::time::parse_since;
use crate::core::command::run_ref::RunRef;
use crate::core::command::{CommandAct, Parsed, ViewCommand};
use crate::core::run::act::Act;
use crate::core::run::lockout::Lockout;
use crate::core::run::{AuditRow, RunId, RunStatus};
use crate::tui::home::Pane;
use crate::tui::msg::{AuditFilter, ChosenRun, Effect, RunFilter, Ticket};
use crate::tui::pane::Destination;

/// Rows of the audit log shown at once; `opsroom audit --limit` shows more.
const AUDIT_ROWS: u32 = 500;

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
        let service = parsed.services.first().filter(|name| *name != "*").cloned();
        match (parsed.view(), service) {
            (Some(ViewCommand::File), _) => {
                let path = parsed.inputs.get("path").cloned().unwrap_or_default();
                self.open(Destination::File { path });
            }
            (Some(ViewCommand::Run | ViewCommand::Log), _) => return self.show_run(parsed),
            (Some(ViewCommand::Runs), _) => self.list_runs(parsed),
            (Some(ViewCommand::Service), Some(name)) => {
                self.open(Destination::Service {
                    name,
                    env: parsed.env.clone(),
                });
            }
            (Some(ViewCommand::Owner), Some(name)) => self.show_owner(&name),
            (Some(ViewCommand::Contacts), _) => self.show_contacts(),
            (Some(ViewCommand::Services), _) => self.go_home(Pane::Stack),
            (Some(ViewCommand::Health), _) => self.go_home(Pane::Health),
            (Some(ViewCommand::Help), _) => self.help(),
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
                return vec![Effect::Locks(ticket)];
            }
            (Some(ViewCommand::Service | ViewCommand::Owner) | None, _) => {
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
                since,
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
            limit: AUDIT_ROWS,
            ..AuditFilter::default()
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
