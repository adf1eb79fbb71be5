//! Slots that intents share: times, names, "all". Leftover words fill the free text or stay unread.

use std::ops::Range;

use super::ParseOutcome;
use super::fuzzy::Known;
use super::intent::{
    COMPARE, DEPLOY, Free, HEALTHCHECK, Intent, OWNER, Object, SHOW_HEALTH, SHOW_SERVICE,
};
use super::lexer::{Gap, Kind};
use super::names::Name;
use super::reading::{Mark, Reading};
use super::spelling;

/// Minimum letters for correcting a word of free notes to a similar name: "state" is not "stage".
const SURE_TYPO: usize = 6;

/// Reads the slots of `intent` from the words that the verb did not use.
pub(super) fn fill(r: &mut Reading<'_>, intent: &'static Intent) {
    r.take_pairs(intent);
    (intent.read)(r);
    if let Some(input) = intent.free.text() {
        r.take_rest_from(r.verb_end.max(r.words.start), input);
        r.take_small_words(intent);
        return;
    }
    if r.declares(intent, "reason") {
        r.take_reason();
    }
    for (input, read) in READERS {
        if intent.inputs.contains(input) && (*input != "from" || intent != COMPARE) {
            read(r);
        }
    }
    if intent.takes_object(Object::Run) {
        r.take_run("run");
    }
    r.take_env_origin(intent);
    r.take_names(intent);
    r.take_all(intent);
    r.take_quoted(intent);
    if let Free::Notes(input) = intent.free {
        r.take_notes(input);
    }
    r.take_small_words(intent);
    if let [one] = r.envs.as_slice() {
        r.out.env = Some(one.clone());
    }
}

type Reader = fn(&mut Reading<'_>);

/// The reader of each input, in the order they must run.
const READERS: &[(&str, Reader)] = &[
    ("version", |r| r.take_version()),
    ("branch", |r| r.take_branch()),
    ("severity", |r| r.take_severity()),
    ("until", |r| r.take_until()),
    ("since", |r| r.take_since()),
    ("within", |r| r.take_within()),
    ("at", |r| r.take_at()),
    ("for", |r| r.take_for()),
    ("replicas", |r| r.take_replicas()),
    ("alert", |r| r.take_number("alert")),
    ("incident", |r| r.take_number("incident")),
    ("kind", |r| r.take_kind()),
    ("status", |r| r.take_status()),
    ("actor", |r| r.take_actor()),
    ("department", |r| r.take_department()),
];

impl Reading<'_> {
    /// "the Product department", "Marketing".
    fn take_department(&mut self) {
        let named = self.spans.within(self.words.clone()).find_map(|s| {
            let name = s.names.iter().find_map(|n| {
                if let Name::Department(d) = n {
                    Some(d.clone())
                } else {
                    None
                }
            });
            name.filter(|_| s.words.clone().all(|i| self.is_free(i)))
                .map(|d| (s.words.clone(), d))
        });
        if let Some((words, department)) = named {
            self.set_input("department", department, &words);
            return;
        }
        let Some(noun) = self.find_free(|r, i| matches!(r.word(i), "department" | "dept")) else {
            return;
        };
        let before = noun > self.words.start
            && !self.lexicon.chatter.contains(self.word(noun - 1))
            && self.is_free(noun - 1)
            && self.spans.at(noun - 1).is_none()
            && !self.lexicon.connectives.contains(self.word(noun - 1))
            && !self.lexicon.fillers.contains(self.word(noun - 1));
        let after = self.is_free_value(noun + 1);
        let value = if before {
            noun - 1..noun
        } else if after {
            noun + 1..noun + 2
        } else {
            return;
        };
        let words = value.start.min(noun)..value.end.max(noun + 1);
        self.set_input("department", self.text.raw(&value), &words);
    }

    fn is_free_value(&self, at: usize) -> bool {
        at < self.words.end
            && self.is_free(at)
            && self.spans.at(at).is_none()
            && !self.lexicon.connectives.contains(self.word(at))
    }

    /// "promote web from staging to prod": the origin is an input, not the target.
    fn take_env_origin(&mut self, intent: &Intent) {
        if !intent.inputs.contains(&"from") || self.has_input("from") {
            return;
        }
        for at in self.words.clone() {
            if !self.is(at, &["from"]) {
                continue;
            }
            let mut next = at + 1;
            while self.is(next, &["the", "our"]) {
                next += 1;
            }
            let Some(span) = self
                .spans
                .at(next)
                .filter(|s| s.words.start == next && s.words.end <= self.words.end)
            else {
                continue;
            };
            let Some(env) = span.names.iter().find_map(|n| {
                if let Name::Env(e) = n {
                    Some(e.clone())
                } else {
                    None
                }
            }) else {
                continue;
            };
            let words = at..span.words.end;
            if intent == DEPLOY {
                self.set_input("from", env, &words);
                self.soften_kind_word(span.words.end);
            } else {
                // "roll back web from prod" means in prod.
                self.soften(at);
            }
            return;
        }
    }

    /// Environments, services and routines by name.
    fn take_names(&mut self, intent: &Intent) {
        let spans: Vec<_> = self
            .spans
            .within(self.words.clone())
            .filter(|s| s.words.clone().all(|i| self.is_free(i)))
            .cloned()
            .collect();
        for span in spans {
            let placed = span.words.start > self.words.start
                && self
                    .lexicon
                    .places
                    .contains(self.word(span.words.start - 1));
            let env = span
                .names
                .iter()
                .find(|n| matches!(n, Name::Env(_)) && intent.takes_object(Object::Env));
            let services: Vec<&Name> = span
                .names
                .iter()
                .filter(|n| matches!(n, Name::Service(_)) && intent.takes_object(Object::Service))
                .collect();
            let routine = span
                .names
                .iter()
                .find(|n| matches!(n, Name::Routine(_)) && intent.takes_object(Object::Routine));
            let chosen = match (routine, env, services.as_slice()) {
                (Some(routine), _, _) => routine,
                (None, Some(env), []) => env,
                (None, Some(env), _) if placed => env,
                (None, _, [one]) => *one,
                (None, _, [_, ..]) => {
                    self.out.ambiguous.extend(
                        services
                            .iter()
                            .filter_map(|n| n.service())
                            .map(str::to_owned),
                    );
                    let bytes = self.text.span(&span.words);
                    let (before, after) =
                        (&self.text.src[..bytes.start], &self.text.src[bytes.end..]);
                    let readings = services
                        .iter()
                        .filter_map(|n| n.service())
                        .map(|n| format!("{before}{n}{after}"));
                    self.out.suggestions.extend(readings);
                    self.mark(span.words.clone(), Mark::Soft);
                    continue;
                }
                (None, None, []) => continue,
            };
            self.take_name(&chosen.clone(), &span.words);
        }
        let all = self
            .words
            .clone()
            .find_map(|i| Some((i, self.phrase(&self.lexicon.all_env_words, i)?)));
        if let Some((at, n)) = all.filter(|_| intent.takes_object(Object::Env)) {
            self.all_envs = true;
            self.spend(&(at..at + n), "env");
        }
    }

    fn take_name(&mut self, name: &Name, words: &Range<usize>) {
        match name {
            Name::Env(env) => {
                self.add_env(env.clone());
                self.spend(words, "env");
            }
            Name::Service(service) => {
                self.add_service(service.clone());
                self.spend(words, "services");
            }
            Name::Routine(routine) => {
                // A second routine stays unread: one at a time.
                if self.out.routine.as_ref().is_some_and(|r| r != routine) {
                    return;
                }
                self.out.routine = Some(routine.clone());
                self.spend(words, "routine");
            }
            Name::Department(_) => return,
        }
        self.soften_kind_word(words.end);
        if words.start > self.words.start {
            self.soften_kind_word(words.start - 1);
        }
    }

    /// Marks a word beside a name that only gives its kind: "the web service".
    fn soften_kind_word(&mut self, at: usize) {
        if at >= self.words.end || !self.is_free(at) {
            return;
        }
        let sets = [&self.lexicon.service_words, &self.lexicon.env_words];
        if sets.iter().any(|s| s.contains(self.word(at))) {
            self.soften(at);
        }
    }

    /// "all services", "everything".
    fn take_all(&mut self, intent: &Intent) {
        if !intent.takes_object(Object::Service) {
            return;
        }
        for at in self.words.clone() {
            let Some(n) = self.phrase(&self.lexicon.all_words, at) else {
                continue;
            };
            // "all three", "all web services": not everything.
            let named = self.out.services.iter().any(|s| s != "*");
            let of_noun = at + n < self.words.end
                && self.marks[at + n] == Mark::Spent
                && !intent.mutates
                && self.spans.at(at + n).is_none()
                && intent.outcome == ParseOutcome::View;
            if named || of_noun {
                self.mark(at..at + n, Mark::Soft);
                continue;
            }
            self.add_service("*".to_owned());
            self.spend(&(at..at + n), "services");
        }
    }

    /// Quoted text fills the text input of the intent; without one it is not understood.
    fn take_quoted(&mut self, intent: &Intent) {
        let (Free::Quoted(input) | Free::Notes(input)) = intent.free else {
            return;
        };
        if let Some(at) = self.find_free(|r, i| matches!(r.text.token(i).kind, Kind::Quoted { .. }))
        {
            let value = self.text.token(at).raw.clone();
            self.set_input(input, value, &(at..at + 1));
        }
    }

    /// Politeness, connectives and the words an intent tolerates.
    fn take_small_words(&mut self, intent: &Intent) {
        let also = self.lexicon.also(intent);
        let mut at = self.words.start;
        while at < self.words.end {
            let n = if self.is_free(at) && self.text.is_word(at) && !self.second_command(at) {
                let mut sets = vec![&self.lexicon.fillers, &self.lexicon.connectives];
                sets.extend(also);
                if [HEALTHCHECK, SHOW_HEALTH, OWNER, SHOW_SERVICE].contains(&intent) {
                    sets.extend([&self.lexicon.good, &self.lexicon.bad]);
                }
                if !self.mutates(intent) {
                    sets.extend([&self.lexicon.chatter, &self.lexicon.env_words]);
                }
                sets.iter().filter_map(|s| self.phrase(s, at)).max()
            } else {
                None
            };
            let n = n.unwrap_or(0);
            self.mark(at..at + n, Mark::Soft);
            at += n.max(1);
        }
    }

    /// A changing verb after a comma is a second command and is never ignored.
    fn second_command(&self, at: usize) -> bool {
        self.text.gap(at) >= Gap::Comma
            && at > self.words.start
            && self
                .lexicon
                .verbs
                .at(self, at, self.words.end)
                .iter()
                .any(|(_, i)| i.mutates)
    }

    /// Takes the leftover words as typed: runs of unread words, without small words at their ends.
    fn take_notes(&mut self, input: &str) {
        let mut pieces: Vec<Range<usize>> = Vec::new();
        for at in self
            .words
            .clone()
            .filter(|&i| self.is_free(i) && self.text.is_word(i))
        {
            match pieces.last_mut() {
                Some(last) if last.end == at => last.end = at + 1,
                _ => pieces.push(at..at + 1),
            }
        }
        let pieces: Vec<Range<usize>> = pieces
            .into_iter()
            .map(|p| self.trimmed(p))
            .filter(|p| !p.is_empty())
            .collect();
        if pieces.is_empty() || self.has_input(input) {
            return;
        }
        // Notes are free text: only a long word similar to a name counts as a typo.
        let words = self.words.clone();
        let near_names = spelling::suspects(self, &words, |known| known == Known::Name);
        self.misspelt_notes = near_names
            .into_iter()
            .filter(|s| s.letters(self.text) >= SURE_TYPO)
            .collect();
        let text: Vec<String> = pieces.iter().map(|p| self.text.raw(p)).collect();
        self.out.inputs.insert(input.to_owned(), text.join(" "));
        for piece in pieces {
            self.spend(&piece, input);
        }
    }

    fn trimmed(&self, mut words: Range<usize>) -> Range<usize> {
        let small = |at: usize| {
            self.lexicon.connectives.contains(self.word(at))
                || self.lexicon.fillers.contains(self.word(at))
        };
        while !words.is_empty() && small(words.start) {
            words.start += 1;
        }
        while !words.is_empty() && small(words.end - 1) {
            words.end -= 1;
        }
        words
    }

    pub fn mutates(&self, intent: &Intent) -> bool {
        intent.mutates || self.runbook.is_some_and(|r| r.mutates)
    }
}
