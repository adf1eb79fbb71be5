//! What people write in files: every mistake with its line in one pass, and what is written back reads the same.

use opsroom::config;
use opsroom::core::runbook::Problem;

const ACME: &str = include_str!("fixtures/acme.toml");
const BAD: &str = include_str!("fixtures/bad/stack.toml");
const BROKEN: &str = include_str!("fixtures/bad/broken.toml");

fn problems(text: &str) -> Vec<Problem> {
    config::stack::read("stack.toml", text).expect_err("the file has mistakes")
}

fn report(problems: &[Problem]) -> String {
    problems.iter().map(|p| format!("{p}\n")).collect()
}

#[test]
fn every_mistake_is_reported_at_once() {
    insta::assert_snapshot!(report(&problems(BAD)));
}
#[test]
fn syntax_errors_do_not_hide_the_rest() {
    insta::assert_snapshot!(report(&problems(BROKEN)));
}
#[test]
fn acme() {
    let stack = config::stack::read("acme.toml", ACME).unwrap();
    let (_, body) = ACME.split_once('\n').unwrap();
    assert_eq!(config::stack::write(&stack), body);
}
