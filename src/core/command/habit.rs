//! Shell commands typed out of habit: `kubectl get pods`, `tail -f web`. Each is read as the nearest
//! look, or answered by looks to choose from; none becomes a plan or an act. The table is
//! `assets/habits.toml`.

use std::sync::LazyLock;

use serde::Deserialize;

use super::lexer::Text;
use super::lexicon::lexicon;
use super::names::Name;
use super::pattern::{Pattern, Words, expand};
use super::reading::{Reading as Phrase, Spans};
use super::{Catalogue, Correction, ParseOutcome, Parsed, Why};

const SOURCE: &str = include_str!("../../../assets/habits.toml");

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    // The file is part of the binary; a test reads it strictly, so here it cannot be wrong.
    Table::new(toml::from_str(SOURCE).unwrap_or_default())
});

/// `assets/habits.toml` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    tools: Vec<String>,
    prefixes: Vec<String>,
    habit: Vec<HabitFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HabitFile {
    words: Vec<String>,
    look: String,
    #[serde(default)]
    bare: Option<String>,
    #[serde(default)]
    flags: bool,
}

#[derive(Debug)]
struct Table {
    file: File,
    /// Pattern and the row it belongs to.
    patterns: Vec<(Pattern, usize)>,
}

impl Table {
    fn new(file: File) -> Self {
        let as_word = |word: &str| vec![word.to_owned()];
        let patterns = file
            .habit
            .iter()
            .enumerate()
            .flat_map(|(row, habit)| habit.words.iter().map(move |words| (words, row)))
            .flat_map(|(words, row)| expand(words, as_word).into_iter().map(move |p| (p, row)))
            .collect();
        Self { file, patterns }
    }
}

/// The parts of a shell command, split at blanks.
struct Line<'a>(Vec<&'a str>);

impl Words for Line<'_> {
    fn key(&self, at: usize) -> &str {
        self.0[at]
    }
    fn skippable(&self, at: usize) -> bool {
        let is_value =
            at > 0 && matches!(self.0[at - 1], "-n" | "-u" | "--namespace" | "--context");
        self.0[at].starts_with('-') || is_value
    }
}

/// The phrase that a shell command is read as.
enum Reading {
    Look(String),
    /// Looks to choose from, and why it is none.
    Offers(String, Vec<String>),
}

/// The answer to a shell command; `None`: the text is none. `parse` reads a phrase.
pub(super) fn answer(
    text: &str,
    catalogue: &Catalogue,
    parse: impl Fn(&str) -> Parsed,
) -> Option<Parsed> {
    let lower = text.to_lowercase();
    let mut words: Vec<&str> = lower.split_whitespace().collect();
    while words.len() > 1 && TABLE.file.prefixes.iter().any(|p| p == words[0]) {
        words.remove(0);
    }
    // A name of the stack, a phrase of a runbook, and a chain of commands, are read as phrases.
    let first = words.first()?;
    let own = !catalogue.names.get(first).is_empty() || begins_own(&words, catalogue);
    if own || words.contains(&"then") {
        return None;
    }
    let (offers, message) = match read(&words, catalogue)? {
        Reading::Look(look) => {
            let parsed = parse(&look);
            if parsed.outcome == ParseOutcome::View && parsed.unavailable.is_none() {
                return Some(looked(text, &look, parsed));
            }
            (parsed.suggestions, parsed.message)
        }
        Reading::Offers(message, offers) => (offers, message),
    };
    let suggestions = offers
        .into_iter()
        .filter(|offer| !parse(offer).mutates)
        .collect();
    Some(Parsed {
        outcome: ParseOutcome::Suggest,
        message,
        suggestions,
        ..Parsed::default()
    })
}

/// Whether a name of the stack, or a phrase of one of its runbooks, begins the text.
pub(super) fn begins_own(words: &[&str], catalogue: &Catalogue) -> bool {
    let text = Text::new(&words.join(" "), lexicon());
    let all = 0..text.words.len();
    let spans = Spans::new(&text, catalogue);
    let phrase = || {
        let reading = Phrase::new(&text, catalogue, lexicon(), &spans, all.clone());
        !catalogue.phrases.at(&reading, 0, all.end).is_empty()
    };
    spans.at(0).is_some() || (!all.is_empty() && phrase())
}

/// The look with the shell command as its reason.
pub(super) fn looked(text: &str, look: &str, parsed: Parsed) -> Parsed {
    let typed = text.trim();
    let start = text.len() - text.trim_start().len();
    Parsed {
        corrections: vec![Correction {
            from: typed.to_owned(),
            to: look.to_owned(),
        }],
        why: vec![Why {
            text: typed.to_owned(),
            slot: "intent".to_owned(),
            start,
            end: start + typed.len(),
        }],
        unknown_at: Vec::new(),
        ..parsed
    }
}

fn read(words: &[&str], catalogue: &Catalogue) -> Option<Reading> {
    let table = &*TABLE;
    let line = Line(words.to_vec());
    let found = table
        .patterns
        .iter()
        .filter_map(|(pattern, row)| Some((pattern.match_at(&line, 0, words.len())?, *row)))
        .filter(|(found, row)| !table.file.habit[*row].flags || has_flag(&words[found.end..]))
        .max_by_key(|(found, _)| found.literals);
    let tool = table.file.tools.iter().any(|tool| tool == words[0]);
    let used: &[usize] = found.as_ref().map_or(&[0], |(found, _)| &found.used);
    let named = Named::of(words, used, catalogue);
    let Some((found, row)) = found else {
        return tool.then(|| refused(words, &named));
    };
    if words.iter().any(|word| is_shell(word)) {
        return Some(refused(words, &named));
    }
    let habit = &table.file.habit[row];
    let template = match (&named.service, &habit.bare) {
        (Some(_), _) => &habit.look,
        (None, Some(bare)) if named.unknown.is_none() || found.literals == words.len() => bare,
        _ => return Some(refused(words, &named)),
    };
    let place = named
        .env
        .as_ref()
        .map_or_else(String::new, |env| format!(" in {env}"));
    let service = named.service.as_deref().unwrap_or_default();
    Some(Reading::Look(
        template
            .replace("IN_ENV", &place)
            .replace("SERVICE", service),
    ))
}

fn has_flag(words: &[&str]) -> bool {
    words.iter().any(|word| {
        word.starts_with('-') || word.strip_suffix(".log").is_some() || word.contains('/')
    })
}

/// Whether a word chains or redirects commands. A pipe only filters what is shown.
fn is_shell(word: &str) -> bool {
    word.contains(['&', ';', '>', '`']) || word.contains("$(") || word.contains("||")
}

/// Looks for a command that is none.
fn refused(words: &[&str], named: &Named) -> Reading {
    let command: Vec<&str> = words
        .iter()
        .copied()
        .take_while(|word| !word.starts_with('-'))
        .take(2)
        .collect();
    let command = command.join(" ");
    let mut offers = Vec::new();
    match (&named.service, &named.env) {
        (Some(service), _) => offers.extend([
            format!("show {service}"),
            format!("tail {service}"),
            format!("runs of {service}"),
        ]),
        (None, Some(env)) => offers.push(format!("services in {env}")),
        (None, None) => offers.extend(["services", "runs", "health"].map(str::to_owned)),
    }
    offers.push("help".to_owned());
    let why = match &named.unknown {
        Some(unknown) if named.service.is_none() => format!(", and no service is called {unknown}"),
        _ => String::new(),
    };
    Reading::Offers(
        format!("`{command}` is a command of the shell: opsroom runs none{why}; look instead"),
        offers,
    )
}

/// The names in a shell command.
#[derive(Debug, Default)]
struct Named {
    service: Option<String>,
    env: Option<String>,
    /// The first word that could be a name and is none.
    unknown: Option<String>,
}

impl Named {
    /// `used`: the words of the command itself.
    fn of(words: &[&str], used: &[usize], catalogue: &Catalogue) -> Self {
        let mut named = Self::default();
        let others = words
            .iter()
            .enumerate()
            .filter(|(at, _)| !used.contains(at));
        for (_, word) in others {
            let value = word.trim_start_matches('-');
            let value = value.split_once('=').map_or(value, |(_, value)| value);
            if word.starts_with('-') && !word.contains('=') {
                continue;
            }
            match lookup(value, catalogue) {
                Some(Name::Service(service)) => {
                    named.service.get_or_insert(service);
                }
                Some(Name::Env(env)) => {
                    named.env.get_or_insert(env);
                }
                _ if is_kind(value) => {}
                _ => {
                    named.unknown.get_or_insert_with(|| value.to_owned());
                }
            }
        }
        named
    }
}

/// `web`, `deployment/web`, `web.service`, `/var/log/web.log`, `web-7d9f8b6c5-x2x4q`.
fn lookup(word: &str, catalogue: &Catalogue) -> Option<Name> {
    let last = word.rsplit('/').next().unwrap_or(word);
    let stem = [".service", ".log", ".timer", ".gz"]
        .iter()
        .find_map(|end| last.strip_suffix(end))
        .unwrap_or(last);
    let named = |text: &str| {
        let words = Text::new(text, lexicon()).words;
        let key: Vec<&str> = words.iter().map(|word| word.key.as_str()).collect();
        let names = catalogue.names.get(&key.join(" "));
        let known = |name: &&Name| matches!(name, Name::Service(_) | Name::Env(_));
        match names.iter().filter(known).collect::<Vec<_>>().as_slice() {
            [one] => Some((*one).clone()),
            _ => None,
        }
    };
    let mut part = stem;
    loop {
        if let Some(name) = named(part) {
            return Some(name);
        }
        part = part.rsplit_once('-')?.0;
    }
}

/// Words of shell commands that are no names: kinds of objects, numbers, other commands.
fn is_kind(word: &str) -> bool {
    const KINDS: [&str; 34] = [
        "pod",
        "pods",
        "po",
        "deploy",
        "deployment",
        "deployments",
        "svc",
        "service",
        "services",
        "sts",
        "statefulset",
        "node",
        "nodes",
        "ns",
        "namespace",
        "namespaces",
        "all",
        "events",
        "container",
        "containers",
        "aux",
        "ef",
        "grep",
        "|",
        "wc",
        "head",
        "status",
        "job",
        "jobs",
        "ingress",
        "app",
        "apps",
        "ls",
        "json",
    ];
    KINDS.contains(&word) || word.is_empty() || word.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::parse;
    use crate::stack::service::{Environment, Service, Stack};

    fn catalogue() -> Catalogue {
        let environments = ["staging", "prod"].map(|name| Environment {
            name: name.to_owned(),
            ..Environment::default()
        });
        let services = ["web", "billing worker"].map(|name| Service {
            name: name.to_owned(),
            environments: vec!["prod".to_owned()],
            ..Service::default()
        });
        let stack = Stack {
            environments: environments.to_vec(),
            services: services.to_vec(),
            ..Stack::default()
        };
        Catalogue::new(&stack, &[])
    }

    #[test]
    fn every_row_of_the_table_is_a_look() {
        let file: File = toml::from_str(SOURCE).unwrap();
        let catalogue = catalogue();
        for habit in &file.habit {
            for template in std::iter::once(&habit.look).chain(&habit.bare) {
                for place in ["", " in prod"] {
                    let look = template.replace("IN_ENV", place).replace("SERVICE", "web");
                    let parsed = parse(&look, &catalogue);
                    assert_eq!(parsed.outcome, ParseOutcome::View, "{look}: {parsed:?}");
                    assert!(parsed.unavailable.is_none() && !parsed.mutates, "{look}");
                }
            }
        }
    }

    #[test]
    fn no_tool_is_a_verb_of_the_language() {
        let file: File = toml::from_str(SOURCE).unwrap();
        for tool in &file.tools {
            let is_verb = lexicon().verbs.iter().any(|(pattern, _)| {
                super::super::lexicon::literal_words(pattern).first() == Some(tool)
            });
            assert!(!is_verb, "{tool} begins a phrase of assets/lexicon.toml");
        }
    }

    #[test]
    fn a_shell_command_is_read_as_the_nearest_look() {
        let catalogue = catalogue();
        for (text, look) in [
            ("kubectl get pods", "services"),
            ("kubectl get pods -n prod", "services in prod"),
            (
                "$ sudo kubectl -n prod logs web-7d9f8b6c5-x2x4q -f",
                "tail web in prod",
            ),
            ("kubectl logs deployment/web --tail=100", "tail web"),
            ("tail -n 50 /var/log/web.log", "tail web"),
            ("systemctl status web.service", "show web"),
            ("service web status", "show web"),
            ("docker logs billing-worker", "tail billing worker"),
            ("ps aux", "running runs"),
            ("ps aux | grep web", "show web"),
            ("git log --oneline", "changes"),
        ] {
            let parsed = parse(text, &catalogue);
            assert_eq!(parsed.outcome, ParseOutcome::View, "{text}: {parsed:?}");
            assert_eq!(parsed.corrections[0].to, look, "{text}");
        }
    }

    #[test]
    fn a_command_that_changes_something_is_answered_by_looks() {
        let catalogue = catalogue();
        for text in [
            "kubectl delete pod web",
            "kubectl rollout restart deployment/web -n prod",
            "kubectl scale deploy web --replicas=0",
            "systemctl restart web",
            "docker stop web",
            "rm -rf /",
            "git push origin prod",
            "kubectl get pods; kubectl delete pod web",
            "kubectl get pods && deploy web to prod",
            "cat web.log > /dev/sda",
            "kubectl logs nobody-here",
        ] {
            let parsed = parse(text, &catalogue);
            assert_eq!(parsed.outcome, ParseOutcome::Suggest, "{text}: {parsed:?}");
            assert!(!parsed.mutates && !parsed.suggestions.is_empty(), "{text}");
            for offer in &parsed.suggestions {
                let offered = parse(offer, &catalogue);
                assert_eq!(offered.outcome, ParseOutcome::View, "{text}: {offer}");
            }
        }
    }

    #[test]
    fn names_and_phrases_of_the_stack_win_over_the_shell() {
        let mut stack = Stack::default();
        stack.services.push(Service {
            name: "docker registry".to_owned(),
            environments: vec!["prod".to_owned()],
            ..Service::default()
        });
        stack.environments.push(Environment {
            name: "prod".to_owned(),
            ..Environment::default()
        });
        let prune = crate::command::RunbookName {
            name: "prune images".to_owned(),
            phrases: vec!["docker prune in {env}".to_owned()],
            inputs: vec![("env".to_owned(), true)],
            mutates: true,
            ..crate::command::RunbookName::default()
        };
        let catalogue = Catalogue::new(&stack, &[prune]);
        let run = parse("docker prune in prod", &catalogue);
        assert_eq!(run.outcome, ParseOutcome::Plan, "{run:?}");
        assert_eq!(run.runbook.as_deref(), Some("prune images"));
        let shown = parse("docker registry?", &catalogue);
        assert_eq!(shown.services, ["docker registry"], "{shown:?}");
        assert_eq!(
            parse("docker stop registry", &catalogue).outcome,
            ParseOutcome::Suggest
        );
    }

    #[test]
    fn a_phrase_that_only_resembles_a_shell_command_stays_one() {
        let catalogue = catalogue();
        for (text, intent) in [
            ("tail web", "tail_run"),
            ("restart web in prod", "restart"),
            ("show web", "show_service"),
        ] {
            let parsed = parse(text, &catalogue);
            assert_eq!(parsed.intent, intent, "{text}");
            assert!(parsed.corrections.is_empty(), "{text}");
        }
    }
}
