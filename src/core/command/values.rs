//! Inputs: `key=value`, versions, branches, numbers, runs, severities, statuses, reasons, targets.

use super::choice;
use super::intent::{Intent, Object};
use super::kinds::{self, Form};
use super::lexer::Kind;
use super::names::Name;
use super::reading::{Reading, severity};
use super::spelling;

impl Reading<'_> {
    /// `key=value`; an undeclared key stays unread.
    pub fn take_pairs(&mut self, intent: &Intent) {
        for at in self.words.clone() {
            let Kind::Pair { key, value } = self.text.token(at).kind.clone() else {
                continue;
            };
            if !self.is_free(at) || value.is_empty() {
                continue;
            }
            match key.as_str() {
                "env" | "environment" if intent.takes_object(Object::Env) => {
                    self.pair_name(at, &value, true);
                }
                "service" | "services" if intent.takes_object(Object::Service) => {
                    self.pair_name(at, &value, false);
                }
                _ if self.declares(intent, &key) => {
                    let value = if matches!(key.as_str(), "for" | "within") {
                        self.written_duration(&value)
                    } else {
                        value
                    };
                    self.set_input(&key, value, &(at..at + 1));
                }
                _ => {}
            }
        }
    }

    fn pair_name(&mut self, at: usize, value: &str, env: bool) {
        let mut found = Vec::new();
        for part in value.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            if part == "*" || part == "all" {
                found.push("*".to_owned());
                continue;
            }
            let words: Vec<String> = part
                .split(' ')
                .flat_map(|w| self.lexicon.spell(w))
                .map(|(w, _)| w)
                .collect();
            let name = self
                .catalogue
                .names
                .get(&words.join(" "))
                .iter()
                .find_map(|n| match n {
                    Name::Env(name) if env => Some(name.clone()),
                    Name::Service(name) if !env => Some(name.clone()),
                    _ => None,
                });
            let Some(name) = name else { return };
            found.push(name);
        }
        for name in found {
            if env {
                self.add_env(name);
            } else {
                self.add_service(name);
            }
        }
        self.spend(&(at..at + 1), if env { "env" } else { "services" });
    }

    /// Normalizes a duration after `=` to the form used in answers; other values stay as written.
    fn written_duration(&self, value: &str) -> String {
        let text = super::lexer::Text::new(value, self.lexicon);
        let spans = super::reading::Spans::new(&text, self.catalogue);
        let all = 0..text.words.len();
        let reading = Reading::new(&text, self.catalogue, self.lexicon, &spans, all.clone());
        match (!all.is_empty()).then(|| reading.duration_at(0)).flatten() {
            Some((n, duration)) if n == all.end => duration,
            _ => value.to_owned(),
        }
    }

    pub fn add_env(&mut self, env: String) {
        if !self.envs.contains(&env) {
            self.envs.push(env);
        }
    }

    pub fn add_service(&mut self, service: String) {
        if !self.out.services.contains(&service) {
            self.out.services.push(service);
        }
    }

    /// "who is deploying", "deploys of web": the runbook of the runs.
    pub fn take_kind(&mut self) {
        // The word is also part of the verb.
        let found = self.words.clone().find_map(|at| {
            let word = self.word(at);
            // A service of that name is meant.
            if self.spans.at(at).is_some() {
                return None;
            }
            Some((at, kinds::of(word)?))
        });
        if let Some((at, (kind, form))) = found {
            self.set_input("kind", kind.to_owned(), &(at..at + 1));
            if form == Form::Ongoing {
                let status = self.out.inputs.entry("status".to_owned());
                status.or_insert_with(|| "running".to_owned());
            }
        }
    }

    /// "by ana", "started by ana", "by me", "my runs".
    pub fn take_actor(&mut self) {
        const DID: [&str; 8] = [
            "started",
            "ran",
            "requested",
            "made",
            "did",
            "deployed",
            "changed",
            "restarted",
        ];
        const LISTS: [&str; 7] = [
            "runs",
            "deploys",
            "deployments",
            "restarts",
            "rollbacks",
            "releases",
            "changes",
        ];
        for at in self.words.clone() {
            let next = self.after_status(at + 1);
            let is_next = |of: &[&str]| next < self.words.end && of.contains(&self.word(next));
            let owns = self.owner_at(at).is_some();
            // "runs ana", "runs of ana".
            let of = usize::from(next < self.words.end && self.is(at + 1, &["of", "from"]));
            let listed = LISTS.contains(&self.word(at)) && self.is_lone_person(at + 1 + of);
            let found = if listed {
                Some(at + 1 + of)
            } else if matches!(self.word(at), "by" | "did") && next < self.words.end {
                self.is_person(next).then_some(next)
            } else if self.word(at) == "my" && is_next(&LISTS) {
                Some(at)
            } else {
                let is_one = (owns && is_next(&LISTS)) || is_next(&DID);
                (is_one && self.is_person(at)).then_some(at)
            };
            let Some(name) = found else { continue };
            let is_me = matches!(self.word(name), "i" | "me" | "my" | "myself");
            let actor = if is_me {
                "me".to_owned()
            } else {
                let typed = self.text.raw(&(name..name + 1));
                self.owner_at(name).unwrap_or(typed)
            };
            let words = if listed {
                name..name + 1
            } else {
                at..at.max(name) + 1
            };
            self.set_input("actor", actor, &words);
            if self.is(name + 1, &DID) {
                self.soften(name + 1);
            }
        }
    }

    /// The next word after words for a status: "my failed runs".
    pub fn after_status(&self, at: usize) -> usize {
        let is_status = |word: &str| {
            let mut statuses = self.lexicon.statuses.iter();
            statuses.any(|(words, _)| words.len() == 1 && words[0] == word)
        };
        let last = at < self.words.end && self.is(at, &["last", "latest"]);
        let at = at + usize::from(last);
        at + usize::from(at < self.words.end && is_status(self.word(at)))
    }

    /// "runs ana": a person after a list of runs, when it is no misspelt name.
    fn is_lone_person(&self, at: usize) -> bool {
        let ends = at + 1 >= self.words.end
            || self.spans.at(at + 1).is_some()
            || self.lexicon.connectives.contains(self.word(at + 1));
        at < self.words.end
            && ends
            && self.is_person(at)
            && spelling::suspects(self, &(at..at + 1), |_| true).is_empty()
    }

    /// "ana's": ana.
    fn owner_at(&self, at: usize) -> Option<String> {
        let raw = self.text.raw(&(at..at + 1));
        let bare = raw
            .strip_suffix("'s")
            .or_else(|| raw.strip_suffix("\u{2019}s"));
        bare.map(str::to_owned)
    }

    /// Whether a word can be the name of a person.
    fn is_person(&self, at: usize) -> bool {
        let is_me = matches!(self.word(at), "i" | "me" | "myself");
        let is_unknown = self.text.is_word(at)
            && self.spans.at(at).is_none()
            && !self.lexicon.knows(self.word(at))
            && self.time_at(at).is_none();
        self.is_free(at) && (is_me || is_unknown)
    }

    /// "the runbook rotate-keys".
    pub fn take_runbook(&mut self) {
        if let Some((words, name)) = choice::runbook_after(self, self.verb_end) {
            self.spend(&words, "runbook");
            self.out.runbook = Some(name);
        }
    }

    /// "version 1.4.2", "v1.9", "to the previous version".
    pub fn take_version(&mut self) {
        for at in self.words.clone() {
            if !self.is_free(at) || self.take_service_at_version(at) {
                continue;
            }
            let marker = matches!(self.word(at), "version" | "tag" | "build");
            if marker && at + 1 < self.words.end && self.is_value(at + 1) {
                let value =
                    at + 1 + usize::from(self.word(at + 1) == "=" && at + 2 < self.words.end);
                let tokens = self.text.token_words(value);
                self.set_input("version", self.text.raw(&tokens), &(at..tokens.end));
            } else if is_version(&self.text.token(at).raw) && self.text.is_word(at) {
                let words = self.text.token_words(at);
                self.set_input("version", self.text.raw(&words), &words);
            } else if matches!(self.word(at), "latest" | "previous" | "last") {
                let noun = at + 1 < self.words.end
                    && matches!(self.word(at + 1), "version" | "release" | "build" | "one");
                let to = at > self.words.start && matches!(self.word(at - 1), "to" | "the");
                if noun || (to && self.word(at) != "last") {
                    let value = if self.word(at) == "latest" {
                        "latest"
                    } else {
                        "previous"
                    };
                    self.set_input(
                        "version",
                        value.to_owned(),
                        &(at..at + 1 + usize::from(noun)),
                    );
                }
            }
        }
    }

    /// "roll back web to 41": after "to" a bare number is a version, too.
    pub fn take_numbered_version(&mut self) {
        let numbered = |r: &Self, at: usize| {
            let word = r.word(at);
            let number = !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
            number && at > r.words.start && r.word(at - 1) == "to"
        };
        if let Some(at) = self.find_free(numbered) {
            self.set_input("version", self.text.raw(&(at..at + 1)), &(at..at + 1));
        }
    }

    /// "web@1.4.2".
    fn take_service_at_version(&mut self, at: usize) -> bool {
        let words = self.text.token_words(at);
        let raw = self.text.raw(&words);
        let Some((name, version)) = raw.split_once('@').filter(|(_, v)| is_version(v)) else {
            return false;
        };
        let key: Vec<String> = self
            .lexicon
            .spell(name)
            .into_iter()
            .map(|(w, _)| w)
            .collect();
        let named = self
            .catalogue
            .names
            .get(&key.join(" "))
            .iter()
            .find_map(|n| n.service());
        let Some(service) = named.map(str::to_owned) else {
            return false;
        };
        let version = version.to_owned();
        if !self.set_input("version", version, &words) {
            return false;
        }
        self.add_service(service);
        self.explain(&words, "services");
        true
    }

    /// Whether a word can be the value of the input named before it.
    fn is_value(&self, at: usize) -> bool {
        let name = self.spans.at(at).is_some();
        self.is_free(at)
            && !name
            && (!self.text.is_word(at) || !self.lexicon.connectives.contains(self.word(at)))
    }

    /// "on branch hotfix", "from the main branch".
    pub fn take_branch(&mut self) {
        let Some(at) = self.find_free(|r, i| r.word(i) == "branch") else {
            return;
        };
        let value = if at + 1 < self.words.end && self.is_value(at + 1) {
            self.text.token_words(at + 1)
        } else if at > self.words.start
            && self.is_value(at - 1)
            && !matches!(self.word(at - 1), "the" | "a" | "from")
        {
            self.text.token_words(at - 1)
        } else {
            return;
        };
        let words = value.start.min(at)..value.end.max(at + 1);
        if self.set_input("branch", self.text.raw(&value), &words) {
            self.soften_before(words.start, &["on", "from", "of", "off", "the", "using"]);
        }
    }

    fn soften_before(&mut self, at: usize, words: &[&str]) {
        let mut at = at;
        while at > self.words.start && self.is_free(at - 1) && words.contains(&self.word(at - 1)) {
            at -= 1;
            self.soften(at);
        }
    }

    /// "to 3", "3 replicas", "from 2 to 5".
    pub fn take_replicas(&mut self) {
        for at in self.words.clone() {
            let Some(value) = self.is_free(at).then(|| self.number(at)).flatten() else {
                continue;
            };
            let from = at > self.words.start && self.word(at - 1) == "from";
            if from
                && !self.has_input("from")
                && self.set_input("from", value.clone(), &(at..at + 1))
            {
                self.soften(at - 1);
            } else {
                self.set_input("replicas", value, &(at..at + 1));
            }
        }
    }

    fn number(&self, at: usize) -> Option<String> {
        let key = self.word(at);
        if !key.is_empty() && key.len() <= 9 && key.bytes().all(|b| b.is_ascii_digit()) {
            return Some(key.to_owned());
        }
        let times = key
            .strip_prefix('x')
            .filter(|d| !d.is_empty() && d.len() <= 6 && d.bytes().all(|b| b.is_ascii_digit()));
        times
            .map(str::to_owned)
            .or_else(|| self.lexicon.numbers.get(key).map(u32::to_string))
    }

    /// "sev2", "sev 2", "severity high".
    pub fn take_severity(&mut self) {
        for at in self.words.clone() {
            // A severity may be part of the verb phrase: "start sev2".
            if let Some(value) = severity(self.word(at)) {
                self.set_input("severity", value, &(at..at + 1));
                return;
            }
            let next = if at + 1 < self.words.end {
                self.word(at + 1)
            } else {
                ""
            };
            let digit = next.len() == 1 && next.bytes().all(|b| b.is_ascii_digit());
            let value = match self.word(at) {
                "sev" | "severity" if digit => format!("sev{next}"),
                "severity" if matches!(next, "critical" | "high" | "low" | "info") => {
                    next.to_owned()
                }
                _ => continue,
            };
            self.set_input("severity", value, &(at..at + 2));
            return;
        }
    }

    /// "failed", "timed out", "firing".
    pub fn take_status(&mut self) {
        for at in self.words.clone() {
            let phrase = |(words, _): &&(Vec<String>, String)| {
                words.iter().enumerate().all(|(i, w)| {
                    at + i < self.words.end && self.is_free(at + i) && self.word(at + i) == w
                })
            };
            let found = self
                .lexicon
                .statuses
                .iter()
                .find(phrase)
                .map(|(words, status)| (words.len(), status.clone()));
            if let Some((n, status)) = found {
                self.set_input("status", status, &(at..at + n));
            }
        }
    }

    /// "because …": the rest is the reason.
    pub fn take_reason(&mut self) {
        let found = self
            .words
            .clone()
            .find_map(|i| Some((i, self.phrase(&self.lexicon.because, i)?)));
        // "because" and nothing more is not understood.
        if let Some((at, n)) = found.filter(|(at, n)| at + n < self.words.end) {
            self.mark(at..at + n, super::reading::Mark::Soft);
            self.take_rest_from(at + n, "reason");
        }
        let named = self.find_free(|r, i| {
            r.word(i) == "reason"
                && i + 1 < r.words.end
                && matches!(r.text.token(i + 1).kind, Kind::Quoted { .. })
        });
        if let Some(at) = named {
            let value = self.text.token(at + 1).raw.clone();
            self.set_input("reason", value, &(at..at + 2));
        }
    }

    /// If exactly one service is named, it is also the target.
    pub fn service_is_target(&mut self) {
        let names: Vec<String> = self
            .spans
            .within(self.words.clone())
            .filter(|s| s.words.clone().all(|i| self.is_free(i)))
            .filter_map(|s| s.names.iter().find_map(Name::service).map(str::to_owned))
            .collect();
        if let ([one], false) = (names.as_slice(), self.has_input("target")) {
            self.out.inputs.insert("target".to_owned(), one.clone());
        }
    }

    /// A host name is a target of its own.
    pub fn host_is_target(&mut self) {
        let host = self.find_free(|r, i| {
            let raw = &r.text.token(i).raw;
            let labels = raw.split(':').next().unwrap_or_default().split('.').count();
            labels > 1
                && raw
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':'))
        });
        if let Some(at) = host {
            let words = self.text.token_words(at);
            self.set_input("target", self.text.raw(&words), &words);
        }
    }

    /// The field named at `at`: words taken and its canonical name.
    pub fn field_at(&self, at: usize) -> Option<(usize, String)> {
        let fits = |words: &Vec<String>| {
            words.iter().enumerate().all(|(i, w)| {
                at + i < self.words.end && self.is_free(at + i) && self.word(at + i) == w
            })
        };
        let all = self.lexicon.fields.iter().filter(|(words, _)| fits(words));
        all.max_by_key(|(words, _)| words.len())
            .map(|(words, field)| (words.len(), field.clone()))
    }
}

/// `1.4.2`, `v1.9.0-rc1`, `v2`.
fn is_version(raw: &str) -> bool {
    let rest = raw.strip_prefix(['v', 'V']);
    let body = rest.unwrap_or(raw);
    let shaped = body.starts_with(|c: char| c.is_ascii_digit())
        && body
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_'));
    let numbers = body.split(['-', '+']).next().unwrap_or_default();
    let dotted = numbers.split('.').count() > 1
        && numbers
            .split('.')
            .take(2)
            .all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    shaped && (dotted || (rest.is_some() && numbers.bytes().all(|b| b.is_ascii_digit())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_called_shipping_is_no_kind_of_run() {
        let service = crate::stack::service::Service {
            name: "shipping".to_owned(),
            ..Default::default()
        };
        let stack = crate::stack::service::Stack {
            services: vec![service],
            ..Default::default()
        };
        let catalogue = crate::command::Catalogue::new(&stack, &[]);
        let runs = crate::command::parse("failed runs of shipping", &catalogue);
        assert_eq!(runs.services, ["shipping"], "{runs:?}");
        assert_eq!(runs.inputs.get("kind"), None);
        let other = crate::command::Catalogue::default();
        let runs = crate::command::parse("who is shipping", &other);
        assert_eq!(runs.inputs.get("kind").unwrap(), "deploy", "{runs:?}");
        assert_eq!(runs.inputs.get("status").unwrap(), "running");
    }

    #[test]
    fn distinguishes_versions_from_words() {
        for version in [
            "1.4.2",
            "v1.9.0",
            "v2",
            "1.4.2-rc1",
            "2.0",
            "v1.2.3+build7",
            "2025.01",
        ] {
            assert!(is_version(version), "{version}");
        }
        for other in ["3", "web", "v", "vendor", "1", "1..2", "a1.2", "41", "x3"] {
            assert!(!is_version(other), "{other}");
        }
    }
}
