//! The command language against its fixtures: every phrase of `tests/fixtures/commands*.toml`, read
//! against `acme.toml`.
#![expect(clippy::unwrap_used, reason = "a broken fixture must stop the test")]

use std::path::Path;

use opsroom::core::command::{
    Catalogue, ParseOutcome, Parsed, RunbookName, complete, intents, parse, parse_with,
};
use opsroom::core::stack::routine::Routine;
use opsroom::core::stack::service::{Environment, Service, Stack};
use proptest::prelude::*;
use toml::{Table, Value};

fn file(name: &str) -> Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name);
    std::fs::read_to_string(&path)
        .unwrap()
        .parse()
        .unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn text(table: &Value, key: &str) -> Option<String> {
    table.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn texts(table: &Value, key: &str) -> Vec<String> {
    let list = table
        .get(key)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    list.iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// The parts of a stack file that the language refers to.
fn acme() -> Stack {
    let file = file("acme.toml");
    let list = |key: &str| {
        file.get(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let name = |v: &Value| text(v, "name").unwrap();
    Stack {
        environments: list("environment")
            .iter()
            .map(|v| Environment {
                name: name(v),
                aliases: texts(v, "aliases"),
                protected: false,
                approve: None,
            })
            .collect(),
        services: list("service")
            .iter()
            .map(|v| Service {
                name: name(v),
                aliases: texts(v, "aliases"),
                environments: texts(v, "environments"),
                department: text(v, "department"),
                ..Service::default()
            })
            .collect(),
        routines: list("routine")
            .iter()
            .map(|v| Routine {
                name: name(v),
                ..Routine::default()
            })
            .collect(),
        ..Stack::default()
    }
}

fn catalogue() -> Catalogue {
    let built_in = [
        "deploy",
        "rollback",
        "healthcheck",
        "restart",
        "scale",
        "spec",
        "incident",
        "schema_sync",
        "backup",
    ];
    let mut runbooks: Vec<RunbookName> = built_in
        .iter()
        .map(|n| RunbookName {
            name: (*n).to_owned(),
            ..RunbookName::default()
        })
        .collect();
    runbooks.push(RunbookName {
        name: "rotate-keys".to_owned(),
        phrases: vec![
            "rotate [api] keys of {service} in {env}".to_owned(),
            "rotate keys".to_owned(),
        ],
        mutates: true,
        inputs: vec![("env".to_owned(), true), ("vault".to_owned(), false)],
        ..RunbookName::default()
    });
    runbooks.push(RunbookName {
        name: "weekly report".to_owned(),
        phrases: vec![
            "weekly report for {week}".to_owned(),
            "write the weekly report".to_owned(),
        ],
        mutates: false,
        inputs: vec![("week".to_owned(), true)],
        ..RunbookName::default()
    });
    Catalogue::new(&acme(), &runbooks)
}

/// Differences between the answer and a `[case.expected]`.
fn differences(expected: &Value, got: &Parsed) -> Vec<String> {
    let json = serde_json::to_value(got).unwrap();
    let mut out = Vec::new();
    for (key, want) in expected.as_table().unwrap() {
        let field = json.get(key.as_str());
        let want_json = serde_json::to_value(want).unwrap();
        let ok = match key.as_str() {
            "env" | "runbook" | "routine" => {
                field.and_then(|v| v.as_str()).unwrap_or_default() == want.as_str().unwrap()
            }
            "missing" => {
                let (mut a, mut b) = (got.missing.clone(), texts(expected, "missing"));
                a.sort();
                b.sort();
                a == b
            }
            "then" => {
                let links = want.as_array().unwrap();
                if links.len() == got.then.len() {
                    for (i, (want, link)) in links.iter().zip(&got.then).enumerate() {
                        out.extend(
                            differences(want, link)
                                .into_iter()
                                .map(|d| format!("then[{i}].{d}")),
                        );
                    }
                    true
                } else {
                    false
                }
            }
            "only_if" => match &got.only_if {
                Some(check) => {
                    out.extend(
                        differences(want, check)
                            .into_iter()
                            .map(|d| format!("only_if.{d}")),
                    );
                    true
                }
                None => false,
            },
            "suggestions_include" => {
                let all: Vec<String> = texts(expected, key)
                    .iter()
                    .map(|s| s.to_lowercase())
                    .collect();
                got.suggestions
                    .iter()
                    .any(|s| all.iter().all(|w| s.to_lowercase().contains(w.as_str())))
            }
            "ambiguous_include" => {
                let all = texts(expected, key);
                all.iter()
                    .all(|w| got.ambiguous.iter().any(|a| a.contains(w.as_str())))
            }
            "offers_only_looks" => got.suggestions.iter().all(|s| !parse(s, shared()).mutates),
            "refused_as_unavailable" => {
                got.message.contains("not available in this version")
                    && got
                        .suggestions
                        .iter()
                        .all(|s| parse(s, shared()).unavailable.is_none())
            }
            "unknown_nonempty" => !got.unknown.is_empty(),
            "negated" => got.negated == want.as_bool().unwrap(),
            _ => field == Some(&want_json),
        };
        if !ok {
            let field = field.map_or_else(|| "absent".to_owned(), ToString::to_string);
            out.push(format!("{key}: expected {want}, got {field}"));
        }
    }
    out
}

fn run(name: &str) {
    let catalogue = catalogue();
    let file = file(name);
    let cases = file["case"].as_array().unwrap();
    let mut failures = Vec::new();
    for case in cases {
        let text = case["text"].as_str().unwrap();
        let got = parse(text, &catalogue);
        let wrong = differences(&case["expected"], &got);
        if !wrong.is_empty() {
            failures.push(format!(
                "{text:?}\n    {}\n    got: {}",
                wrong.join("\n    "),
                serde_json::to_string(&got).unwrap()
            ));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} wrong in {name}:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

#[test]
fn the_examples_of_the_catalogue() {
    run("commands.toml");
}

#[test]
fn our_own_examples() {
    run("commands_more.toml");
}

/// How the phrases of a file of looks are answered.
#[derive(Debug, Default)]
struct Answered {
    looks: usize,
    /// Looks that are not answered, and what they were read as.
    missed: Vec<String>,
    /// Phrases that would change something, or are unclear, and became a plan or an action.
    guessed: Vec<String>,
}

fn answered(name: &str) -> Answered {
    let catalogue = catalogue();
    let file = file(name);
    let mut found = Answered::default();
    for case in file["case"].as_array().unwrap() {
        let phrase = case["text"].as_str().unwrap();
        let got = parse(phrase, &catalogue);
        let starts = matches!(got.outcome, ParseOutcome::Plan | ParseOutcome::Action);
        let look = texts(case, "look");
        if starts && (got.mutates || look.is_empty()) {
            found.guessed.push(format!("{phrase}: {got:?}"));
        }
        if look.is_empty() {
            continue;
        }
        found.looks += 1;
        let services = texts(case, "services");
        let inputs = case.get("inputs").and_then(Value::as_table);
        let mut inputs = inputs.into_iter().flatten();
        let shows = matches!(got.outcome, ParseOutcome::View | ParseOutcome::Plan);
        let right = shows
            && !got.mutates
            && got.unavailable.is_none()
            && look.contains(&got.intent)
            && (services.is_empty() || got.services == services)
            && text(case, "env").is_none_or(|env| got.env == Some(env))
            && inputs.all(|(key, value)| got.inputs.get(key).map(String::as_str) == value.as_str());
        if !right {
            found.missed.push(format!("{phrase}: {got:?}"));
        }
    }
    found
}

#[test]
fn the_phrases_of_tired_people_are_answered() {
    let found = answered("commands_tired.toml");
    assert!(found.guessed.is_empty(), "{}", found.guessed.join("\n"));
    assert!(found.missed.is_empty(), "{}", found.missed.join("\n"));
    assert!(found.looks >= 90, "{}", found.looks);
}

/// No word of the language was chosen because of these: they measure what was not thought of.
#[test]
fn most_looks_of_the_held_out_phrases_are_answered_and_no_change_is_guessed() {
    let found = answered("commands_held_out.toml");
    assert!(found.guessed.is_empty(), "{}", found.guessed.join("\n"));
    let right = found.looks - found.missed.len();
    assert!(
        right * 100 >= found.looks * 85,
        "{right} of {} looks:\n{}",
        found.looks,
        found.missed.join("\n")
    );
}

/// Questions that name a change, with all that it needs.
const QUESTIONS: &[&str] = &[
    "should we restart web in prod",
    "did someone deploy api in prod",
    "what happens if I deploy web to prod",
    "is it safe to roll back web in prod",
    "who restarted redis in prod",
    "why was web restarted in prod",
    "has anyone rolled back api in prod",
    "can I restart web in prod",
    "when did we deploy web to prod",
    "can we scale web to 3 in prod",
    "why did you restart api in prod",
    "did we restart api in prod",
    "what if we restart api in prod",
    "do you think we should deploy web to prod",
    "tell me if someone deployed web to prod",
    "has web been restarted in prod today",
    "who should deploy web to prod",
    "why deploy web to prod",
    "was api rolled back in prod",
    "is anyone about to restart web in prod",
    "would it help to restart web in prod",
    "could we back up postgres in prod",
    "should I cancel run 41",
    "who approved run 41",
    "does anyone want to deploy web to prod",
    "may I deploy web to prod",
    "hey, should i deploy web to prod?",
    "when was the last time someone restarted redis in prod",
    "how often do we deploy web to prod",
    "have we deployed web to prod yet",
    "did ana ack the alert of payments",
    "am i allowed to restart web in prod",
    "should we restart web in prod then deploy api to prod",
];

#[test]
fn a_question_about_a_change_is_answered_and_changes_nothing() {
    for text in QUESTIONS {
        let got = parse(text, shared());
        let answers = matches!(got.outcome, ParseOutcome::View | ParseOutcome::Suggest);
        assert!(
            answers && !links(&got).any(|link| link.mutates),
            "{text}: {got:?}"
        );
        for offer in &got.suggestions {
            assert!(!parse(offer, shared()).mutates, "{text}: {offer}");
        }
    }
    for text in ["can you", "please", "could someone", "would you please"] {
        let got = parse(&format!("{text} restart web in prod"), shared());
        assert!(runs(&got), "{text}: {got:?}");
    }
}

/// An act that is not available, after a check, does not make the check a changing plan.
#[test]
fn a_check_before_an_unavailable_act_is_no_changing_plan() {
    let got = parse("check , note check", shared());
    assert!(got.unavailable.is_some(), "{got:?}");
    assert!(!got.mutates && got.then[0].mutates, "{got:?}");
}

#[test]
fn the_looks_of_the_night_are_answered() {
    let found = answered("commands_night.toml");
    assert!(found.guessed.is_empty(), "{}", found.guessed.join("\n"));
    assert!(found.missed.is_empty(), "{}", found.missed.join("\n"));
}

/// No word of the language was chosen because of these.
#[test]
fn most_looks_of_the_night_that_were_held_out_are_answered() {
    let found = answered("commands_night_held_out.toml");
    assert!(found.guessed.is_empty(), "{}", found.guessed.join("\n"));
    let right = found.looks - found.missed.len();
    assert!(
        right * 100 >= found.looks * 75,
        "{right} of {} looks:\n{}",
        found.looks,
        found.missed.join("\n")
    );
}

/// The form that is shown to people must parse as its intent.
#[test]
fn every_form_selects_its_intent() {
    let catalogue = catalogue();
    let values = [
        ("SERVICE", "web"),
        ("ENV", "prod"),
        ("ROUTINE", "web ping"),
        ("VERSION", "1.2.3"),
        ("SUBJECT", "x"),
        ("TOPIC", "x"),
        ("TEXT", "x"),
        ("TITLE", "x"),
        ("REASON", "x"),
        ("URL", "https://acme.test/x"),
        ("TARGET", "web"),
        ("DEPARTMENT", "Product"),
        ("FIELD", "tier"),
        ("VALUE", "x"),
        ("NAME", "weekly report week=1"),
        ("RUNBOOK", "weekly report"),
        (" N", " 3"),
        (" M", " 4"),
    ];
    for (name, form, available) in intents() {
        let text = values
            .iter()
            .fold(form.to_owned(), |text, (from, to)| text.replace(from, to));
        let got = parse(&text, &catalogue);
        let intent = got.intent.split(':').next().unwrap();
        assert_eq!(intent, name, "{text}: {got:?}");
        assert!(
            !matches!(
                got.outcome,
                ParseOutcome::Question | ParseOutcome::Suggest | ParseOutcome::Nothing
            ),
            "{text}: {got:?}"
        );
        assert_eq!(got.unavailable.is_none(), available, "{text}: {got:?}");
    }
}

#[test]
fn why_and_carets_point_into_the_text() {
    let catalogue = catalogue();
    let text = "Déjà: please deploy “x” the Web-App to Produktion sideways";
    let got = parse(text, &catalogue);
    let words: Vec<&str> = got.unknown_at.iter().map(|&(a, b)| &text[a..b]).collect();
    assert_eq!(words, ["Déjà", "“x”", "Produktion", "sideways"]);
    let why: Vec<(&str, &str)> = got
        .why
        .iter()
        .map(|w| (&text[w.start..w.end], w.slot.as_str()))
        .collect();
    assert_eq!(why, [("deploy", "intent"), ("Web-App", "services")]);
}

#[test]
fn the_json_has_the_documented_keys() {
    let got = serde_json::to_value(parse("deploy web to prod", &catalogue())).unwrap();
    let mut keys: Vec<&str> = got
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    let mut documented = [
        "outcome",
        "intent",
        "env",
        "services",
        "runbook",
        "routine",
        "inputs",
        "then",
        "only_if",
        "missing",
        "ambiguous",
        "suggestions",
        "corrections",
        "unknown",
        "why",
        "mutates",
        "message",
    ];
    documented.sort_unstable();
    assert_eq!(keys, documented);
    assert_eq!(got["outcome"], "plan");
    assert_eq!(
        got["why"][0],
        serde_json::json!({ "text": "deploy", "slot": "intent" })
    );
    assert_eq!(
        serde_json::to_value(parse("", &catalogue())).unwrap()["env"],
        serde_json::Value::Null
    );
}

#[test]
fn long_texts_are_refused_at_once() {
    let catalogue = catalogue();
    let started = std::time::Instant::now();
    for text in [
        "deploy web to prod ".repeat(300_000),
        "é".repeat(5_000_000),
        " ".repeat(5_000_000),
    ] {
        let got = parse(&text, &catalogue);
        assert_eq!(got.outcome, ParseOutcome::Suggest);
        assert!(got.message.contains("4096"), "{}", got.message);
        assert!(complete(&text, &catalogue, 5).is_empty());
    }
    assert!(started.elapsed().as_secs() < 2, "{:?}", started.elapsed());
}

/// The stack and one more runbook each: name, phrases, whether it needs no environment.
fn with_runbooks(runbooks: &[(&str, &[&str], bool)]) -> Catalogue {
    let named = |(name, phrases, placeless): &(&str, &[&str], bool)| RunbookName {
        name: (*name).to_owned(),
        phrases: phrases.iter().map(|p| (*p).to_owned()).collect(),
        mutates: true,
        placeless: *placeless,
        ..RunbookName::default()
    };
    Catalogue::new(&acme(), &runbooks.iter().map(named).collect::<Vec<_>>())
}

#[test]
fn a_phrase_never_overrides_a_command() {
    let catalogue = with_runbooks(&[
        (
            "hijack",
            &[
                "check web",
                "is web up",
                "restart web",
                "web check",
                "check {what} in {env}",
            ],
            false,
        ),
        ("nice", &["tidy the carts"], false),
    ]);
    for (text, command) in [
        ("check web in staging", "check web in staging"),
        ("please check web in staging", "check web in staging"),
        ("is web up in staging?", "check web in staging"),
        ("web check in staging", "check web in staging"),
        ("check wbe in staging", "check"),
        ("restart web in prod", "restart web in prod"),
    ] {
        let got = parse(text, &catalogue);
        assert_eq!(got.outcome, ParseOutcome::Question, "{text}: {got:?}");
        assert!(got.mutates && got.runbook.is_none(), "{text}: {got:?}");
        assert!(got.ambiguous[0].starts_with(command), "{text}: {got:?}");
        assert!(
            got.ambiguous.iter().any(|a| a.starts_with("run hijack")),
            "{text}: {got:?}"
        );
    }
    let got = parse("tidy the carts in staging", &catalogue);
    assert_eq!(
        (got.outcome, got.intent.as_str()),
        (ParseOutcome::Plan, "runbook:nice")
    );
    let got = parse("run hijack in staging", &catalogue);
    assert_eq!(
        (got.outcome, got.intent.as_str()),
        (ParseOutcome::Plan, "runbook:hijack")
    );
}

#[test]
fn a_page_named_like_the_object_of_a_command_overrides_none() {
    let catalogue = with_runbooks(&[
        ("run-41", &[], true),
        ("web", &[], true),
        ("disk-full", &[], true),
    ]);
    for (text, intent) in [
        ("follow run 41", "tail_run"),
        ("start run 41", "start_run"),
        ("follow web", "tail_run"),
        ("run web", "runbook:web"),
        ("run run-41", "runbook:run-41"),
        ("follow \"web\"", "runbook:web"),
        ("follow disk-full", "runbook:disk-full"),
        ("start disk-full", "runbook:disk-full"),
    ] {
        let got = parse(text, &catalogue);
        assert_eq!(got.intent, intent, "{text}: {got:?}");
    }
}

#[test]
fn a_whole_phrase_wins_over_a_command_that_does_not_understand_all_of_it() {
    let catalogue = with_runbooks(&[
        ("queue", &["restart the queue worker"], false),
        ("search", &["restart search"], false),
    ]);
    for (text, intent, outcome) in [
        (
            "restart the queue worker in staging",
            "runbook:queue",
            ParseOutcome::Plan,
        ),
        (
            "please restart the queue worker in staging",
            "runbook:queue",
            ParseOutcome::Plan,
        ),
        (
            "restart the queue worker",
            "runbook:queue",
            ParseOutcome::Question,
        ),
        // Both readings are understood, or there is more to it: it is asked about.
        (
            "restart search in staging",
            "restart",
            ParseOutcome::Question,
        ),
        (
            "restart the queue worker and web in staging",
            "restart",
            ParseOutcome::Question,
        ),
    ] {
        let got = parse(text, &catalogue);
        assert_eq!(
            (got.intent.as_str(), got.outcome),
            (intent, outcome),
            "{text}: {got:?}"
        );
    }
}

#[test]
fn waiting_runs_are_started_and_dropped_by_everyday_phrases() {
    let catalogue = catalogue();
    for (text, intent) in [
        ("drop last run", "cancel_run"),
        ("drop the latest run", "cancel_run"),
        ("start queued runs", "start_run"),
    ] {
        let got = parse(text, &catalogue);
        assert_eq!(got.intent, intent, "{text}: {got:?}");
        assert_ne!(got.outcome, ParseOutcome::Suggest, "{text}: {got:?}");
    }
}

#[test]
fn a_phrase_of_two_runbooks_is_asked_about() {
    let catalogue = with_runbooks(&[
        ("left", &["tidy the carts"], false),
        ("right", &["Tidy the carts"], false),
    ]);
    let got = parse("tidy the carts in staging", &catalogue);
    assert_eq!(got.outcome, ParseOutcome::Question, "{got:?}");
    assert_eq!(
        got.ambiguous,
        ["run left in staging", "run right in staging"]
    );
    assert_eq!(
        got.message,
        "which one: run left in staging or run right in staging?"
    );
}

#[test]
fn a_runbook_about_no_environment_is_not_asked_for_one() {
    let catalogue = with_runbooks(&[
        ("do each", &["tidy the carts"], true),
        ("placed", &[], false),
    ]);
    for text in ["run do each", "tidy the carts"] {
        let got = parse(text, &catalogue);
        assert_eq!(
            (got.outcome, got.intent.as_str()),
            (ParseOutcome::Plan, "runbook:do each"),
            "{text}: {got:?}"
        );
    }
    assert_eq!(parse("run placed", &catalogue).missing, ["env"]);
}

#[test]
fn an_input_of_a_spec_is_no_part_of_its_subject() {
    let spec = RunbookName {
        name: "spec".to_owned(),
        inputs: vec![
            ("subject".to_owned(), true),
            ("repo".to_owned(), false),
            ("branch".to_owned(), false),
        ],
        ..RunbookName::default()
    };
    let catalogue = Catalogue::new(&acme(), &[spec]);
    for text in [
        "generate spec for dashboard with repo=a/b",
        "generate spec for dashboard repo=a/b",
        "generate spec for dashboard using the repo=a/b please",
        "generate spec with repo=a/b for dashboard",
        "write a spec repo=a/b for the dashboard",
    ] {
        let got = parse(text, &catalogue);
        let input = |name: &str| got.inputs.get(name).map(String::as_str);
        assert_eq!(
            (got.outcome, input("repo")),
            (ParseOutcome::Plan, Some("a/b")),
            "{text}: {got:?}"
        );
        assert_eq!(input("subject"), Some("dashboard"), "{text}: {got:?}");
    }
    let got = parse(
        "generate spec for search with filters and facets with repo=a/b and branch=x",
        &catalogue,
    );
    assert_eq!(got.inputs["subject"], "search with filters and facets");
    let got = parse(
        "generate spec for the a/b test with colour=blue",
        &catalogue,
    );
    assert_eq!(
        (got.outcome, got.unknown),
        (ParseOutcome::Question, vec!["colour=blue".to_owned()])
    );
}

#[test]
fn unavailable_intents_are_refused_at_once_and_offered_nowhere() {
    let catalogue = catalogue();
    for (text, what) in [
        ("freeze prod", "freeze"),
        ("freeze", "freeze"),
        ("please freeze deploys in prod for 4h", "freeze"),
        ("deploy web to staging then freeze prod", "freeze"),
        ("alerts", "alerts"),
        ("declare an incident", "declare incident"),
    ] {
        let got = parse(text, &catalogue);
        assert_eq!(got.unavailable.as_deref(), Some(what), "{text}: {got:?}");
        assert_eq!(
            got.message,
            format!("{what} is not available in this version"),
            "{text}"
        );
        assert!(
            got.suggestions.is_empty() && got.ambiguous.is_empty(),
            "{text}: {got:?}"
        );
    }
    for text in [
        "deploy web to prod",
        "pause run 4",
        "stop",
        "resume",
        "check web",
    ] {
        assert_eq!(parse(text, &catalogue).unavailable, None, "{text}");
    }
}

#[test]
fn leaving_out_a_step_is_no_refusal() {
    let got = parse("please skip the step drain of run 41", &catalogue());
    assert_eq!(
        (got.outcome, got.mutates),
        (ParseOutcome::Suggest, false),
        "{got:?}"
    );
    assert!(
        got.message.contains("opsroom skip RUN STEP"),
        "{}",
        got.message
    );
    assert_eq!(got.suggestions, ["show run 41"]);
    for text in ["skip the deploy of web", "don't skip step drain of run 41"] {
        assert_eq!(
            parse(text, &catalogue()).outcome,
            ParseOutcome::Nothing,
            "{text}"
        );
    }
}

#[test]
fn two_things_of_one_name_are_listed() {
    let service = |name: &str| Service {
        name: name.to_owned(),
        aliases: vec!["core".to_owned()],
        ..Service::default()
    };
    let environment = Environment {
        name: "prod".to_owned(),
        ..Environment::default()
    };
    let stack = Stack {
        environments: vec![environment],
        services: vec![service("left"), service("right")],
        ..Stack::default()
    };
    let got = parse("restart core in prod", &Catalogue::new(&stack, &[]));
    assert_eq!(
        (got.outcome, got.ambiguous),
        (
            ParseOutcome::Question,
            vec!["left".to_owned(), "right".to_owned()]
        )
    );
}

/// Values that would be read as something else, or not at all, in the text of a command.
const NASTY: [&str; 12] = [
    "",
    " ",
    "two words",
    "a \"quoted\" one",
    "it's 'so'",
    "an open \"quotation",
    "two\nlines",
    "with week=2 and env=prod",
    "x then deploy web to prod",
    "only if staging is healthy",
    "never mind",
    "maybe? \u{202e}",
];

#[test]
fn a_given_input_is_never_read_as_text() {
    let catalogue = catalogue();
    let given = |name: &str, value: &str| [(name.to_owned(), value.to_owned())];
    for value in NASTY {
        for (text, input) in [
            ("run weekly report", "week"),
            ("run weekly report only if staging is healthy", "week"),
            ("write the weekly report please", "week"),
            ("write the weekly report with week=7", "week"),
            ("rotate keys of web in prod", "vault"),
            ("generate spec", "subject"),
            ("generate spec for search with filters", "subject"),
        ] {
            let got = parse_with(text, &given(input, value), &catalogue);
            let held = got.inputs.get(input).map(String::as_str);
            assert_eq!(
                (got.outcome, held, got.then.len()),
                (ParseOutcome::Plan, Some(value), 0),
                "{text} with {value:?}: {got:?}"
            );
            let without = parse(text, &catalogue);
            assert_eq!(
                (got.env, got.services, got.only_if, got.unknown),
                (
                    without.env,
                    without.services,
                    without.only_if,
                    without.unknown
                ),
                "{text} with {value:?}"
            );
        }
    }
}

#[test]
fn a_given_input_reaches_every_plan_of_a_chain_and_nothing_else() {
    let catalogue = catalogue();
    let given = [("week".to_owned(), "7 then 8".to_owned())];
    let got = parse_with(
        "run weekly report then write the weekly report",
        &given,
        &catalogue,
    );
    assert_eq!((got.outcome, got.then.len()), (ParseOutcome::Plan, 1));
    for link in [&got, &got.then[0]] {
        assert_eq!(link.inputs["week"], "7 then 8", "{link:?}");
    }
    // Another input is still missing, and an environment is not an input.
    for (text, name, missing) in [
        ("run weekly report", "month", "week"),
        ("rotate keys", "env", "env"),
        ("scale web in prod", "env", "replicas"),
    ] {
        let given = [(name.to_owned(), "prod".to_owned())];
        let got = parse_with(text, &given, &catalogue);
        assert_eq!(
            (got.outcome, got.missing.as_slice()),
            (ParseOutcome::Question, &[missing.to_owned()][..]),
            "{text}"
        );
    }
    let view = parse_with("show run 41", &given, &catalogue);
    assert_eq!(view, parse("show run 41", &catalogue));
}

/// Words of the command language, names of the stack, and unknown words.
const WORDS: &[&str] = &[
    "deploy",
    "restart",
    "roll",
    "back",
    "rollback",
    "scale",
    "migrate",
    "backup",
    "ship",
    "release",
    "push",
    "promote",
    "bounce",
    "kick",
    "undo",
    "check",
    "status",
    "health",
    "is",
    "up",
    "down",
    "show",
    "logs",
    "of",
    "runs",
    "failed",
    "last",
    "run",
    "cancel",
    "stop",
    "retry",
    "resume",
    "ack",
    "freeze",
    "note",
    "set",
    "owner",
    "to",
    "in",
    "on",
    "for",
    "from",
    "with",
    "the",
    "a",
    "and",
    "or",
    "then",
    "only",
    "if",
    "unless",
    "when",
    "not",
    "don't",
    "never",
    "no",
    "but",
    "except",
    "should",
    "we",
    "maybe",
    "please",
    "could",
    "you",
    "how",
    "do",
    "i",
    "what",
    "why",
    "web",
    "api",
    "payments-api",
    "billing",
    "worker",
    "postgres",
    "hubspot",
    "prod",
    "staging",
    "dev",
    "production",
    "stg",
    "preprod",
    "web",
    "ping",
    "nightly",
    "ads",
    "daily",
    "41",
    "#7",
    "3",
    "1.4.2",
    "v2",
    "branch",
    "version",
    "2h",
    "two",
    "hours",
    "tomorrow",
    "09:00",
    "today",
    "everything",
    "all",
    "services",
    "deplyo",
    "restrat",
    "prodution",
    "dashbord",
    "product",
    "inspect",
    "flurb",
    "sideways",
    "notes",
    "\"quoted text\"",
    "\"web\"",
    "version=1",
    "env=prod",
    "color=blue",
    "reason=\"x y\"",
    ",",
    ";",
    "?",
    "!",
    ".",
    "|",
    "$(x)",
    "\n",
    "\t",
    "\u{200b}",
    "\u{202e}",
    "“",
    "'",
    "🚀",
    "é",
    "rotate",
    "keys",
];

/// Verbs that change something, as whole words.
const CHANGING: &[&str] = &[
    "deploy",
    "redeploy",
    "ship",
    "release",
    "roll",
    "rollout",
    "push",
    "promote",
    "rollback",
    "revert",
    "back",
    "undo",
    "restart",
    "bounce",
    "reboot",
    "cycle",
    "recycle",
    "kick",
    "scale",
    "rescale",
    "resize",
    "run",
    "sync",
    "synchronise",
    "synchronize",
    "schema",
    "migrate",
    "apply",
    "execute",
    "backup",
    "dump",
    "snapshot",
    "take",
    "make",
    "create",
    "do",
    "perform",
    "start",
    "trigger",
    "launch",
    "keep",
    "rotate",
    "use",
    "fire",
    "follow",
    "power",
];

/// Verbs of orders that need no more than a service and an environment.
const ORDERS: &[&str] = &[
    "deploy", "restart", "rollback", "release", "promote", "bounce", "snapshot", "backup",
];

/// Texts that mention an order without giving it: questions, reports, doubts, refusals, quotes,
/// half orders.
const FRAMES: &[&str] = &[
    "HALF",
    "please HALF now",
    "HALF to the moon",
    "how do i ORDER",
    "should we ORDER?",
    "can i ORDER",
    "what if we ORDER",
    "is it safe to ORDER",
    "why did we ORDER",
    "who did ORDER",
    "when did they ORDER",
    "did you ORDER",
    "maybe ORDER",
    "ORDER maybe",
    "ORDER?",
    "don't ORDER",
    "never ORDER",
    "please do not ORDER",
    "we can't ORDER",
    "ORDER, just kidding",
    "ORDER never mind",
    "\"ORDER\"",
    "ORDER \"",
    "ORDER sideways",
    "ORDER if the moon is full",
    "ORDER when ready",
    "ORDER unless",
    "ORDER or not",
    "show me how to ORDER",
    "explain ORDER",
    "the last ORDER",
    "ORDER | tee",
    "ORDER --yes",
    "ORDER\nORDER",
    "ORDER\u{200b}",
    "ORDER except redis",
    "ORDER but not redis",
    "ORDER color=blue",
    "ORDER and flurb",
    "ORDER then flurb",
    "instead of ORDER",
    "if possible ORDER",
    "ORDER because",
];

/// Whether it would change something at once.
fn runs(parsed: &Parsed) -> bool {
    parsed.mutates && matches!(parsed.outcome, ParseOutcome::Plan | ParseOutcome::Action)
}

fn phrase() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(WORDS), 0..12).prop_map(|words| words.join(" "))
}

/// Every link of an answer, itself included.
fn links(parsed: &Parsed) -> impl Iterator<Item = &Parsed> {
    std::iter::once(parsed).chain(&parsed.then)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_text_is_parsed_without_panic_and_deterministically(text in "\\PC{0,60}|[ -~]{0,80}|(?s).{0,40}") {
        let catalogue = shared();
        prop_assert_eq!(parse(&text, catalogue), parse(&text, catalogue));
        let _ = complete(&text, catalogue, 5);
    }

    #[test]
    fn a_changing_plan_has_its_verb_and_its_environment(text in phrase()) {
        let got = parse(&text, shared());
        let words: Vec<String> = text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).collect();
        for link in links(&got) {
            if link.outcome == ParseOutcome::Plan && link.mutates {
                prop_assert!(link.env.is_some() || link.then.iter().any(|l| l.mutates), "{text:?}: {link:?}");
                prop_assert!(link.unknown.is_empty() && link.missing.is_empty() && link.ambiguous.is_empty(), "{text:?}: {link:?}");
                prop_assert!(words.iter().any(|w| CHANGING.contains(&w.as_str())), "{text:?}: {link:?}");
                prop_assert!(link.corrections.is_empty() || !link.then.is_empty(), "{text:?}: {link:?}");
            }
        }
    }

    #[test]
    fn negation_before_a_changing_verb_changes_nothing(refusal in prop::sample::select(&["don't", "do not", "never", "please don't", "we can't"][..]), text in phrase()) {
        let got = parse(&format!("{refusal} deploy {text}"), shared());
        prop_assert!(got.outcome == ParseOutcome::Nothing && !got.mutates, "{text:?}: {got:?}");
    }

    #[test]
    fn an_unknown_word_never_runs(before in phrase(), after in phrase()) {
        // Free text may hold any word, so only plans of services count.
        let got = parse(&format!("{before} qqzzxx {after}"), shared());
        for link in links(&got) {
            let held = link.inputs.values().any(|v| v.contains("qqzzxx"));
            let whole = matches!(got.outcome, ParseOutcome::Plan | ParseOutcome::Action | ParseOutcome::View);
            prop_assert!(!whole || held || links(&got).any(|l| l.inputs.values().any(|v| v.contains("qqzzxx"))), "{link:?}");
        }
    }

    #[test]
    fn one_wrong_letter_never_runs(
        verb in prop::sample::select(ORDERS),
        service in prop::sample::select(&["payments-api", "dashboard", "search", "postgres"][..]),
        env in prop::sample::select(&["staging", "production"][..]),
        place in 0_usize..3,
        at in any::<prop::sample::Index>(),
        edit in 0_u8..4,
        letter in "[a-z]",
    ) {
        let mut words = [verb.to_owned(), service.to_owned(), env.to_owned()];
        let right = words[place].clone();
        let mut letters: Vec<char> = right.chars().collect();
        let at = at.index(letters.len() - 1);
        let letter = letter.chars().next().unwrap();
        match edit {
            0 => letters.swap(at, at + 1),
            1 => drop(letters.remove(at)),
            2 => letters.insert(at, letter),
            _ => letters[at] = letter,
        }
        words[place] = letters.into_iter().collect();
        prop_assume!(words[place] != right);
        let got = parse(&words.join(" in ").replacen(" in ", " ", 1), shared());
        prop_assert!(!runs(&got), "{words:?}: {got:?}");
    }

    #[test]
    fn a_suggestion_changes_only_what_was_typed_except_for_a_typo(text in phrase(), typo in any::<prop::sample::Index>()) {
        let mistyped = with_typo(&text, typo);
        for text in [&text, &mistyped] {
            for suggestion in parse(text, shared()).suggestions {
                let offered = parse(&suggestion, shared());
                prop_assert!(offered.unavailable.is_none(), "{text:?} → {suggestion:?}");
                prop_assert!(!offered.mutates || is_same_except_for_typos(text, &suggestion), "{text:?} → {suggestion:?}");
            }
        }
    }

    #[test]
    fn questions_reports_and_half_orders_never_run(
        verb in prop::sample::select(ORDERS),
        service in prop::sample::select(&["web", "payments-api", "the main database", "everything"][..]),
        env in prop::sample::select(&["in prod", "to staging", "on the live environment"][..]),
        frame in prop::sample::select(FRAMES),
    ) {
        let order = format!("{verb} {service} {env}");
        let got = parse(&frame.replace("ORDER", &order).replace("HALF", &format!("{verb} {service}")), shared());
        prop_assert!(!runs(&got), "{frame} {order}: {got:?}");
    }

    #[test]
    fn carets_and_reasons_lie_on_character_boundaries(text in phrase()) {
        let got = parse(&text, shared());
        for (start, end) in got.unknown_at.iter().copied().chain(got.why.iter().map(|w| (w.start, w.end))) {
            prop_assert!(text.get(start..end).is_some(), "{start}..{end} of {text:?}");
        }
    }
}

/// Two neighbouring letters of one word exchanged.
fn with_typo(text: &str, typo: prop::sample::Index) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    if letters.len() > 1 {
        let at = typo.index(letters.len() - 1);
        letters.swap(at, at + 1);
    }
    letters.into_iter().collect()
}

/// Whether the suggestion is the typed text with single words spelt differently. Stopping a service
/// is the exception that reference/commands.md makes (ruling 17): scaling to zero and restarting
/// are offered instead.
fn is_same_except_for_typos(text: &str, suggestion: &str) -> bool {
    let squashed = |text: &str| -> String {
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect()
    };
    // Also where one of these words is misspelt itself.
    let stop = |w: &str| {
        ["stop", "kill", "terminate"]
            .iter()
            .any(|stop| strsim::damerau_levenshtein(w, stop) <= 1)
    };
    let stops = text.split(|c: char| !c.is_alphanumeric()).any(stop);
    let instead = stops && (suggestion.starts_with("scale ") || suggestion.starts_with("restart "));
    instead
        || strsim::damerau_levenshtein(&squashed(text), &squashed(suggestion))
            <= 2 * text.split_whitespace().count()
}

fn shared() -> &'static Catalogue {
    static CATALOGUE: std::sync::OnceLock<Catalogue> = std::sync::OnceLock::new();
    CATALOGUE.get_or_init(catalogue)
}
