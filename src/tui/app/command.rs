//! What a taken command leads to: a plan card, a view, or an action that asks first.

use super::App;
use super::bar::Taken;
use crate::core::audit_line;
use crate::core::command::Parsed;
use crate::core::run::{AuditRow, RunId, RunStatus};
use crate::core::run_ref::RunRef;
use crate::core::time::parse_since;
use crate::tui::msg::{AuditFilter, ChosenRun, Effect, RunFilter, Ticket};
use crate::tui::pane::home::Pane;
use crate::tui::pane::{Destination, Reaction, Screen, View};
use crate::tui::popup::control::Aim;
use crate::tui::theme::run_word;

/// Rows of the audit log shown at once; `opsroom audit --limit` shows more.
const AUDIT_ROWS: u32 = 500;

/// What somebody wants of a run that has to be read first.
#[derive(Debug, Clone)]
pub(super) enum Wish {
    Cancel,
    /// Answer its waiting step, with a note begun.
    Answer(Option<String>),
    Control(Aim, Option<String>),
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
        let plan = Effect::Plan { ticket, parsed, inputs: Vec::new(), raw_text: text.clone() };
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
        match (parsed.intent.as_str(), service) {
            ("show_run" | "tail_run", _) => return self.find_run(parsed, None),
            ("list_runs", _) => self.list_runs(parsed),
            ("show_service", Some(name)) => self.open(Destination::Service(name)),
            ("owner", Some(name)) => self.tell_owner(&name),
            ("oncall", _) => self.show_contacts(),
            ("services", _) => self.go_home(Pane::Stack),
            ("show_health", _) => self.go_home(Pane::Health),
            ("help", _) => self.help(),
            ("quit", _) => {
                self.screens.clear();
                self.home.full = false;
                return self.quit();
            }
            ("filter", _) => self.search(parsed),
            ("audit", _) => return self.audit(parsed),
            _ => self.complain(format!("{}: which one?", parsed.message)),
        }
        Vec::new()
    }

    fn do_action(&mut self, parsed: &Parsed) -> Vec<Effect> {
        if parsed.intent == "reset_breaker" {
            return self.reset_breaker(parsed);
        }
        if parsed.intent == "start_run" {
            match RunRef::of(parsed, self.now) {
                Ok(RunRef::Number(run)) => self.open_left_over(Some(run)),
                Ok(RunRef::Newest(_)) => self.open_left_over(None),
                Err(why) => self.complain(why),
            }
            return Vec::new();
        }
        self.do_to_run(parsed)
    }

    fn reset_breaker(&mut self, parsed: &Parsed) -> Vec<Effect> {
        if self.facts.read_only {
            self.complain("read-only: no breaker can be reset from this console");
            return Vec::new();
        }
        let input = |name: &str| parsed.inputs.get(name).cloned();
        let reset = |target| Effect::ResetBreaker { target, env: parsed.env.clone(), reason: input("reason") };
        input("target").map(reset).into_iter().collect()
    }

    fn do_to_run(&mut self, parsed: &Parsed) -> Vec<Effect> {
        let note = parsed.inputs.get("reason").cloned();
        let wish = match parsed.intent.as_str() {
            "cancel_run" => Wish::Cancel,
            "approve" | "reject" => Wish::Answer(note),
            "stop_run" => Wish::Control(Aim::Stop, note),
            "pause_run" => Wish::Control(Aim::Pause, note),
            "resume_run" => Wish::Control(Aim::Resume, note),
            "retry_run" => Wish::Control(Aim::Retry, note),
            other => {
                self.complain(format!("{}: nothing was done", other.replace('_', " ")));
                return Vec::new();
            }
        };
        if self.facts.read_only {
            self.complain("read-only: nothing can be done to a run from this console");
            return Vec::new();
        }
        self.find_run(parsed, Some(wish))
    }

    /// Opens the run that is meant, and does to it what is wanted. One that has no number is looked for in the whole store.
    fn find_run(&mut self, parsed: &Parsed, then: Option<Wish>) -> Vec<Effect> {
        match RunRef::of(parsed, self.now) {
            Ok(RunRef::Number(run)) => self.open_for(run, then),
            Ok(meant) => {
                let ticket = self.ticket();
                self.requests.finding = Some((ticket, then));
                return vec![Effect::FindRun { ticket, meant }];
            }
            Err(why) => self.complain(why),
        }
        Vec::new()
    }

    /// The run that was meant is known, or that there is none.
    pub(super) fn run_found(&mut self, ticket: Ticket, found: Result<ChosenRun, String>) {
        let Some((_, then)) = self.requests.finding.take_if(|(asked, _)| *asked == ticket) else { return };
        match found {
            // Somebody has turned to something else: it does not open over that.
            Ok(chosen) if self.bar.is_some() || !self.popups.is_empty() => {
                self.say(format!("{}: not opened, something else was begun", chosen.line));
            }
            Ok(chosen) => {
                self.open_for(chosen.run, then);
                self.say(chosen.line);
            }
            Err(why) => self.complain(why),
        }
    }

    fn open_for(&mut self, run: RunId, then: Option<Wish>) {
        match then {
            Some(wish) => self.wish(run, wish),
            None => self.open(Destination::Run(run)),
        }
    }

    /// Opens the run, and what is wanted of it as soon as it has been read: nobody decides about what they have not seen.
    fn wish(&mut self, run: RunId, wish: Wish) {
        let on_screen = self.screens.last().is_some_and(|s| matches!(s, Screen::Run(s) if s.run == run));
        if !on_screen {
            self.open(Destination::Run(run));
        }
        if let Some(Screen::Run(screen)) = self.screens.last_mut() {
            screen.touch();
        }
        self.requests.wish = Some((run, wish));
    }

    /// The run was read: what was wanted of it is asked now.
    pub(super) fn fulfil(&mut self, run: RunId, trouble: Option<&str>) -> Vec<Effect> {
        let Some((_, wish)) = self.requests.wish.take_if(|(wanted, _)| *wanted == run) else { return Vec::new() };
        let Some(Screen::Run(screen)) = self.screens.last().filter(|_| self.popups.is_empty()) else {
            return Vec::new();
        };
        if let Some(why) = trouble {
            self.complain(format!("{why}; nothing was done"));
            return Vec::new();
        }
        let ended = screen.detail.as_ref().map(|d| &d.run).filter(|r| r.status.is_terminal());
        let reaction = match wish {
            // An interrupted run can still go on.
            Wish::Control(Aim::Pause | Aim::Stop | Aim::Resume, _)
                if ended.is_some_and(|r| r.status != RunStatus::Interrupted) =>
            {
                let status = ended.map(|r| run_word(r.status)).unwrap_or_default();
                Reaction::Say(format!("run {run} has ended ({status}): nothing was done"))
            }
            Wish::Cancel => screen.cancel(),
            Wish::Answer(note) => screen.answer_with(note.as_deref()),
            Wish::Control(aim, reason) => screen.control(aim, reason.as_deref()),
        };
        self.react(reaction)
    }

    fn list_runs(&mut self, parsed: &Parsed) {
        let since = match parsed.inputs.get("since").map(|text| parse_since(text, self.now)).transpose() {
            Ok(since) => since,
            Err(why) => return self.complain(why),
        };
        let status = parsed.inputs.get("status").and_then(|s| RunStatus::from_name(s));
        self.open_runs(RunFilter {
            status: status.into_iter().collect(),
            service: parsed.services.first().filter(|s| *s != "*").cloned(),
            env: parsed.env.clone(),
            since,
            ..RunFilter::default()
        });
    }

    /// Asks for the rows of the audit log that a command is about.
    fn audit(&mut self, parsed: &Parsed) -> Vec<Effect> {
        let since = match parsed.inputs.get("since").map(|text| parse_since(text, self.now)).transpose() {
            Ok(since) => since,
            Err(why) => {
                self.complain(why);
                return Vec::new();
            }
        };
        let filter = AuditFilter {
            since,
            run: parsed.inputs.get("run").and_then(|number| number.parse().ok()).map(RunId),
            service: parsed.services.first().filter(|name| *name != "*").cloned(),
            env: parsed.env.clone(),
            limit: AUDIT_ROWS,
            ..AuditFilter::default()
        };
        let ticket = self.ticket();
        self.requests.auditing = Some(ticket);
        vec![Effect::Audit { ticket, filter }]
    }

    /// Shows the rows, where nothing else was begun meanwhile.
    pub(super) fn audit_came(&mut self, ticket: Ticket, rows: Result<Vec<AuditRow>, String>) {
        if self.requests.auditing.take_if(|asked| *asked == ticket).is_none() {
            return;
        }
        match rows {
            Ok(_) if self.bar.is_some() || !self.popups.is_empty() => {}
            Ok(rows) if rows.is_empty() => self.say("the audit log has no such row"),
            Ok(rows) => {
                let lines: Vec<String> = rows.iter().map(audit_line::line).collect();
                self.read(&format!("Audit, newest {} first", rows.len()), lines.join("\n"));
            }
            Err(why) => self.complain(format!("the audit log could not be read: {why}")),
        }
    }

    fn tell_owner(&mut self, name: &str) {
        let service = self.overview.as_ref().and_then(|o| o.stack.service(name));
        let Some(service) = service else { return self.complain(format!("there is no service {name}")) };
        let or_dash = |v: &Option<String>| v.clone().unwrap_or_else(|| "–".to_owned());
        let text = format!("{name}: owner {} · channel {}", or_dash(&service.owner), or_dash(&service.channel));
        self.say(text);
    }

    fn show_contacts(&mut self) {
        let contacts = self.overview.as_ref().map_or(&[][..], |o| &o.stack.contacts);
        let line = |c: &crate::core::service::Contact| {
            let or_dash = |v: &Option<String>| v.clone().unwrap_or_else(|| "–".to_owned());
            format!("{}  {}  {}", c.name, or_dash(&c.email), or_dash(&c.phone))
        };
        let mut lines: Vec<String> = contacts.iter().map(line).collect();
        if lines.is_empty() {
            lines.push("No contacts in the stack file: add [[contact]] and `opsroom apply` it.".to_owned());
        }
        lines.push("(A rotation, and who is on call now, are not in this version.)".to_owned());
        self.read("Contacts", lines.join("\n"));
    }

    pub(super) fn go_home(&mut self, pane: Pane) {
        self.screens.clear();
        self.home.focus = pane;
        self.home.full = false;
    }

    /// "filter TEXT" searches the log at home.
    fn search(&mut self, parsed: &Parsed) {
        self.go_home(Pane::Log);
        let text = parsed.inputs.get("text").cloned().unwrap_or_default();
        let Some(run) = self.home.log else { return self.complain("there is no log to search yet") };
        self.keep_log(run);
        self.logs.search(run, &text);
    }
}
