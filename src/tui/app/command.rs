//! What a taken command leads to: a plan card, a view, an action that asks first, or an honest "not in this version".

use super::App;
use super::bar::Taken;
use crate::core::command::Parsed;
use crate::core::run::{Run, RunId, RunStatus};
use crate::core::time::{Timestamp, parse_duration};
use crate::tui::msg::{Effect, RunFilter};
use crate::tui::pane::home::Pane;
use crate::tui::pane::{Destination, Reaction, Screen, View};
use crate::tui::popup::control::Aim;
use crate::tui::theme::run_word;

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
            ("show_run" | "tail_run", _) => match self.run_named(parsed) {
                Ok(run) => self.open(Destination::Run(run)),
                Err(why) => self.complain(why),
            },
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
            (other, _) => self.complain(format!("{} is not in this version", other.replace('_', " "))),
        }
        Vec::new()
    }

    fn do_action(&mut self, parsed: &Parsed) -> Vec<Effect> {
        if parsed.intent == "reset_breaker" {
            return self.reset_breaker(parsed);
        }
        if parsed.intent == "start_run" {
            match self.run_named(parsed) {
                Ok(run) => self.open_left_over(Some(run)),
                Err(why) => self.complain(why),
            }
            return Vec::new();
        }
        self.do_to_run(parsed);
        Vec::new()
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

    fn do_to_run(&mut self, parsed: &Parsed) {
        let note = parsed.inputs.get("reason").cloned();
        let wish = match parsed.intent.as_str() {
            "cancel_run" => Wish::Cancel,
            "approve" | "reject" => Wish::Answer(note),
            "stop_run" => Wish::Control(Aim::Stop, note),
            "pause_run" => Wish::Control(Aim::Pause, note),
            "resume_run" => Wish::Control(Aim::Resume, note),
            "retry_run" => Wish::Control(Aim::Retry, note),
            other => {
                return self.complain(format!("{} is not in this version; nothing was done", other.replace('_', " ")));
            }
        };
        if self.facts.read_only {
            return self.complain("read-only: nothing can be done to a run from this console");
        }
        match self.run_named(parsed) {
            Ok(run) => self.wish(run, wish),
            Err(why) => self.complain(why),
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

    /// The run that was meant: by number, the last one, the last failed one.
    fn run_named(&self, parsed: &Parsed) -> Result<RunId, String> {
        let runs: &[Run] = self.overview.as_ref().map_or(&[], |o| &o.runs);
        let said = parsed.inputs.get("run").map_or("last", String::as_str);
        let newest = |fits: &dyn Fn(&Run) -> bool| runs.iter().find(|r| fits(r)).map(|r| r.id);
        match said {
            "last" => newest(&|_| true).ok_or_else(|| "there is no run yet".to_owned()),
            "last_failed" => newest(&|r| matches!(r.status, RunStatus::Failed | RunStatus::TimedOut))
                .ok_or_else(|| format!("none of the newest {} runs failed", runs.len())),
            number => number.parse().map(RunId).map_err(|_| format!("`{number}` is not a run's number")),
        }
    }

    fn list_runs(&mut self, parsed: &Parsed) {
        let said = parsed.inputs.get("since");
        let since = said.and_then(|text| instant(text, self.now));
        if let Some(text) = said.filter(|_| since.is_none()) {
            self.complain(format!("`{text}` is not a time this list knows (24h, 02:00, today): all runs are shown"));
        }
        let status = parsed.inputs.get("status").and_then(|s| RunStatus::from_name(s));
        self.open_runs(RunFilter {
            status: status.into_iter().collect(),
            service: parsed.services.first().filter(|s| *s != "*").cloned(),
            env: parsed.env.clone(),
            since,
            ..RunFilter::default()
        });
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

/// The instant a "since" means: a duration back, `today` (UTC), or the last time the clock showed `HH:MM` (UTC).
fn instant(text: &str, now: Timestamp) -> Option<Timestamp> {
    const DAY: i64 = 86_400_000;
    let midnight = now.plus_ms(-now.0.rem_euclid(DAY));
    if text == "today" {
        return Some(midnight);
    }
    if let Some((hours, minutes)) = text.split_once(':') {
        let (hours, minutes) = (hours.parse::<i64>().ok()?, minutes.parse::<i64>().ok()?);
        let at = midnight.plus_ms(hours * 3_600_000 + minutes * 60_000);
        let valid = (0..24).contains(&hours) && (0..60).contains(&minutes);
        return valid.then(|| if at > now { at.plus_ms(-DAY) } else { at });
    }
    parse_duration(text).ok().map(|ms| now.plus_ms(-ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_means_an_instant_in_the_past() {
        let now = Timestamp(10 * 86_400_000 + 3 * 3_600_000); // 03:00
        for (text, hours_ago) in [("24h", 24), ("today", 3), ("02:00", 1), ("04:00", 23), ("2d", 48)] {
            assert_eq!(instant(text, now), Some(now.plus_ms(-hours_ago * 3_600_000)), "{text}");
        }
        for text in ["", "25:00", "yesterday", "2:99"] {
            assert_eq!(instant(text, now), None, "{text}");
        }
    }
}
