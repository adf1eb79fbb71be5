//! Help on a command or a runbook: how it is typed, with examples of this stack.

use super::intent::{self, Intent};
use super::lexicon::lexicon;
use super::{Catalogue, ParseOutcome, RunbookName, begins_like, parse, typed_name};

/// At most this many other words for a command are listed.
const OTHER_WORDS: usize = 8;

/// Help on one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    pub title: String,
    pub lines: Vec<String>,
}

/// Help on a topic: the name of an intent or a runbook, or a phrase that begins like one. `None`: it
/// is neither.
#[must_use]
pub fn help(topic: &str, catalogue: &Catalogue) -> Option<Topic> {
    let topic = topic.trim();
    let own = catalogue
        .runbooks
        .values()
        .find(|runbook| runbook.name.eq_ignore_ascii_case(topic));
    if let Some(runbook) = own.filter(|r| !intent::BUILT_IN.contains(&r.name.as_str())) {
        return Some(of_runbook(runbook));
    }
    let label = topic.to_lowercase().replace(['_', '-'], " ");
    let named = intent::ALL.iter().copied().find(|i| i.label() == label);
    let intent = named.or_else(|| {
        let parsed = parse(topic, catalogue);
        if let Some(name) = parsed.intent.strip_prefix("runbook:") {
            return catalogue.runbooks.get(name).map(|_| intent::RUNBOOK);
        }
        Intent::named(&parsed.intent)
            .or_else(|| begins_like(topic).and_then(|(_, name)| Intent::named(name)))
    })?;
    Some(of_intent(intent, catalogue))
}

fn of_runbook(runbook: &RunbookName) -> Topic {
    let mut lines = vec![format!("  run {}", typed_name(&runbook.name))];
    lines.extend(runbook.phrases.iter().map(|phrase| format!("  {phrase}")));
    inputs(runbook, &mut lines);
    lines.push(String::new());
    lines.push(format!(
        "`show runbook {}` shows its text and its steps.",
        typed_name(&runbook.name)
    ));
    Topic {
        title: format!("Help: the runbook {}", runbook.name),
        lines,
    }
}

fn of_intent(intent: &'static Intent, catalogue: &Catalogue) -> Topic {
    let mut lines = vec![intent.form.to_owned(), String::new()];
    let examples = lexicon().examples(intent);
    if !examples.is_empty() {
        lines.push("For example:".to_owned());
        lines.extend(
            examples
                .iter()
                .map(|example| format!("  {}", with_names(example, catalogue))),
        );
    }
    let mut words: Vec<String> = lexicon()
        .verbs
        .iter()
        .filter(|(_, of)| *of == intent)
        .filter_map(|(pattern, _)| pattern.plain())
        .filter(|word| word.split(' ').count() <= 2)
        .collect();
    words.sort_by_key(|word| word.split(' ').count());
    words.truncate(OTHER_WORDS);
    if words.len() > 1 {
        lines.extend([String::new(), format!("Words for it: {}", words.join(", "))]);
    }
    if let Some(runbook) = catalogue.runbooks.get(intent.name) {
        inputs(runbook, &mut lines);
    }
    lines.push(String::new());
    lines.push(effect(intent).to_owned());
    Topic {
        title: format!("Help: {}", intent.label()),
        lines,
    }
}

fn inputs(runbook: &RunbookName, lines: &mut Vec<String>) {
    if runbook.inputs.is_empty() {
        return;
    }
    lines.extend([String::new(), "Inputs (name=value):".to_owned()]);
    lines.extend(runbook.inputs.iter().map(|(name, required)| {
        let needed = if *required { " (required)" } else { "" };
        format!("  {name}{needed}")
    }));
}

fn effect(intent: &Intent) -> &'static str {
    match (intent.available, intent.outcome, intent.mutates) {
        (false, ..) => "Not available in this version.",
        (_, ParseOutcome::Plan, true) => {
            "It changes something: it names its environment, and its plan is shown before it starts."
        }
        (_, ParseOutcome::Plan, false) => "It only looks; its plan is shown before it starts.",
        (_, ParseOutcome::Action, _) => "It acts on what exists.",
        _ => "It only looks.",
    }
}

/// The example with a service, an environment and a routine of the stack.
fn with_names(example: &str, catalogue: &Catalogue) -> String {
    let place = catalogue.services.iter().find_map(|service| {
        let env = catalogue.service_environments.get(service)?.first()?;
        Some((service, env))
    });
    let mut text = example.to_owned();
    if let Some((service, env)) = place {
        text = text.replace("SERVICE", service).replace("ENV", env);
    }
    if let Some(routine) = catalogue.routines.first() {
        text = text.replace("ROUTINE", routine);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::routine::Routine;
    use crate::stack::service::{Environment, Service, Stack};

    fn catalogue() -> Catalogue {
        let stack = Stack {
            environments: vec![Environment {
                name: "staging".to_owned(),
                ..Environment::default()
            }],
            services: vec![Service {
                name: "mail".to_owned(),
                environments: vec!["staging".to_owned()],
                ..Service::default()
            }],
            routines: vec![Routine {
                name: "web ping".to_owned(),
                ..Routine::default()
            }],
            ..Stack::default()
        };
        let own = RunbookName {
            name: "rotate keys".to_owned(),
            phrases: vec!["rotate the keys of {service}".to_owned()],
            inputs: vec![("vault".to_owned(), true)],
            ..RunbookName::default()
        };
        let scale = RunbookName {
            name: "scale".to_owned(),
            inputs: vec![("replicas".to_owned(), true)],
            ..RunbookName::default()
        };
        Catalogue::new(&stack, &[own, scale])
    }

    #[test]
    fn every_available_intent_has_examples_and_each_is_read_as_it() {
        let catalogue = catalogue();
        for intent in intent::ALL.iter().filter(|i| i.available) {
            let examples = lexicon().examples(intent);
            assert!(!examples.is_empty(), "{} has no examples", intent.name);
            for example in examples {
                let text = with_names(example, &catalogue).replace("NAME", "\"rotate keys\"");
                let parsed = parse(&text, &catalogue);
                let read = parsed.intent.split(':').next().unwrap_or_default();
                assert_eq!(read, intent.name, "{text}: {parsed:?}");
                let complete = parsed.outcome == intent.outcome;
                // A runbook's own inputs are missing in the example of `run NAME`.
                assert!(complete || intent == &intent::RUNBOOK, "{text}: {parsed:?}");
            }
        }
    }

    #[test]
    fn help_finds_its_topic_by_name_and_by_words() {
        let catalogue = catalogue();
        for (topic, title, line) in [
            ("deploy", "Help: deploy", "  deploy mail to staging"),
            ("Roll back", "Help: rollback", "  roll back mail in staging"),
            ("ship", "Help: deploy", "  deploy mail to staging"),
            (
                "deploy mail to staging",
                "Help: deploy",
                "  deploy mail to staging",
            ),
            ("scale", "Help: scale", "  replicas (required)"),
            (
                "rotate keys",
                "Help: the runbook rotate keys",
                "  vault (required)",
            ),
            ("runs", "Help: list runs", "  failed runs since 02:00"),
        ] {
            let found = help(topic, &catalogue).unwrap_or_else(|| panic!("no help on {topic}"));
            assert_eq!(found.title, title, "{topic}");
            assert!(
                found.lines.iter().any(|l| l == line),
                "{topic}: {:?}",
                found.lines
            );
        }
        assert_eq!(help("the meaning of life", &catalogue), None);
    }
}
