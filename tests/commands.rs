//! The command language against its fixtures: every phrase of `tests/fixtures/commands*.toml`, read against `acme.toml`.

use std::path::Path;

use opsroom::core::command::{Catalogue, ParseOutcome, Parsed, RunbookName, parse};
use opsroom::core::service::{Environment, Routine, Service, Stack};
use toml::{Table, Value};

fn file(name: &str) -> Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    std::fs::read_to_string(&path).unwrap().parse().unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn text(table: &Value, key: &str) -> Option<String> {
    table.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn texts(table: &Value, key: &str) -> Vec<String> {
    let list = table.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The parts of a stack file that the language speaks about.
fn acme() -> Stack {
    let file = file("acme.toml");
    let list = |key: &str| file.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let name = |v: &Value| text(v, "name").unwrap();
    Stack {
        environments: list("environment")
            .iter()
            .map(|v| Environment { name: name(v), aliases: texts(v, "aliases"), protected: false })
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
        routines: list("routine").iter().map(|v| Routine { name: name(v), ..Routine::default() }).collect(),
        ..Stack::default()
    }
}

fn catalogue() -> Catalogue {
    let built_in =
        ["deploy", "rollback", "healthcheck", "restart", "scale", "spec", "incident", "schema_sync", "backup"];
    let mut runbooks: Vec<RunbookName> =
        built_in.iter().map(|n| RunbookName { name: (*n).to_owned(), ..RunbookName::default() }).collect();
    runbooks.push(RunbookName {
        name: "rotate-keys".to_owned(),
        phrases: vec!["rotate [api] keys of {service} in {env}".to_owned(), "rotate keys".to_owned()],
        mutates: true,
        inputs: vec![("env".to_owned(), true), ("vault".to_owned(), false)],
    });
    runbooks.push(RunbookName {
        name: "weekly report".to_owned(),
        phrases: vec!["weekly report for {week}".to_owned(), "write the weekly report".to_owned()],
        mutates: false,
        inputs: vec![("week".to_owned(), true)],
    });
    Catalogue::new(&acme(), &runbooks)
}

/// What differs between the answer and a `[case.expected]`.
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
                        out.extend(differences(want, link).into_iter().map(|d| format!("then[{i}].{d}")));
                    }
                    true
                } else {
                    false
                }
            }
            "only_if" => match &got.only_if {
                Some(check) => {
                    out.extend(differences(want, check).into_iter().map(|d| format!("only_if.{d}")));
                    true
                }
                None => false,
            },
            "suggestions_include" => {
                let all: Vec<String> = texts(expected, key).iter().map(|s| s.to_lowercase()).collect();
                got.suggestions.iter().any(|s| all.iter().all(|w| s.to_lowercase().contains(w.as_str())))
            }
            "ambiguous_include" => {
                let all = texts(expected, key);
                all.iter().all(|w| got.ambiguous.iter().any(|a| a.contains(w.as_str())))
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
    assert!(failures.is_empty(), "{} of {} wrong in {name}:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

#[test]
fn the_examples_of_the_catalogue() {
    run("commands.toml");
}
