//! Tables of valid expressions, of those refused at load, and of errors when evaluated; and
//! properties.

use super::*;
use proptest::prelude::*;

fn types() -> BTreeMap<String, Type> {
    let response = BTreeMap::from([
        ("status".to_owned(), Type::Int),
        ("duration_ms".to_owned(), Type::Int),
        ("body".to_owned(), Type::Any),
        ("headers".to_owned(), Type::Open(Box::new(Type::Text))),
    ]);
    BTreeMap::from([
        ("response".to_owned(), Type::Map(response)),
        ("inputs".to_owned(), Type::Open(Box::new(Type::Text))),
        ("env".to_owned(), Type::Text),
        ("now".to_owned(), Type::Time),
    ])
}

fn values() -> BTreeMap<String, Value> {
    let json = serde_json::json!({
        "status": 200, "duration_ms": 41, "headers": {"server": "nginx"},
        "body": {"age_hours": 25.5, "ok": true, "items": [{"n": 1}, {"n": 2}], "none": null, "text": "ready"},
    });
    BTreeMap::from([
        ("response".to_owned(), Value::from(&json)),
        (
            "inputs".to_owned(),
            Value::from(&serde_json::json!({"version": "1.4.2"})),
        ),
        ("env".to_owned(), Value::Text("prod".to_owned())),
        ("now".to_owned(), Value::Time(1_000_000)),
    ])
}

fn holds(text: &str) -> Result<bool, String> {
    let expr = Expr::condition(text, &types()).map_err(|e| format!("load: {e}"))?;
    expr.holds(&values()).map_err(|e| format!("eval: {e}"))
}

#[test]
fn expressions_have_their_results() {
    for (text, expected) in [
        ("response.status == 200 && response.duration_ms < 800", true),
        (
            "response.status == 200 && response.body.age_hours < 26",
            true,
        ),
        ("response.body.items[1].n == 2", true),
        ("response.body.items[0].n == 2 || response.body.ok", true),
        (
            "size(response.body.items) == 2 && response.body.items.size() == 2",
            true,
        ),
        ("!(env in [\"dev\", 'staging'])", true),
        (
            "has(response.body.none) && response.body.none == null",
            true,
        ),
        ("has(response.body.nothing)", false),
        ("response.headers.server.startsWith(\"ng\")", true),
        ("response.headers[\"server\"].matches(\"^ng.n\")", true),
        (
            "inputs.version.contains('.4.') ? env == 'prod' : false",
            true,
        ),
        ("duration('90s') < duration('2m')", true),
        (
            "now - timestamp('1970-01-01T00:00:00Z') > duration('16m')",
            true,
        ),
        ("1 + 2 * 3 == 7 && -2 < -1 && 7 % 4 == 3", true),
        (
            "1 == 1.0 && 2 > 1.5 && 9007199254740993 > 9007199254740992.0",
            true,
        ),
        (
            "string(5) + 'x' == '5x' && int('7') == 7 && double('0.5') == 0.5",
            true,
        ),
        ("response.status != 200 && response.body.missing > 1", false),
        ("response.body.missing > 1 || response.status == 200", true),
    ] {
        assert_eq!(holds(text), Ok(expected), "{text}");
    }
}

#[test]
fn mistakes_are_refused_at_load() {
    for (text, expected) in [
        ("", "something is missing"),
        ("respnse.status == 200", "did you mean `response`?"),
        ("response.statos == 200", "did you mean `status`?"),
        ("response.status == '200'", "do not go together"),
        ("response.status = 200", "compare with =="),
        ("response.status", "this is int"),
        ("env && true", "needs bool"),
        ("env.startswith('p')", "did you mean `startsWith`?"),
        ("env.matches('(')", "not a regular expression"),
        ("size(1)", "has no size"),
        ("duration('soon') > duration('1s')", "is not a duration"),
        ("5m > 3", "a duration is written"),
        ("env == 'prod", "never closed"),
        ("(env == 'prod'", "`)` is missing"),
        ("env == 'prod' env", "operator is missing"),
        ("1 < 2 < 3", "do not go together"),
        ("inputs.version > 3", "do not go together"),
    ] {
        let error = Expr::condition(text, &types()).expect_err(text);
        assert!(error.message.contains(expected), "{text}: {error}");
    }
    let deep = format!("{}true{}", "(".repeat(5000), ")".repeat(5000));
    let deep = &deep[..MAX_LEN.min(deep.len())];
    assert!(
        Expr::condition(deep, &types())
            .unwrap_err()
            .message
            .contains("nested deeper")
    );
    let long = vec!["1"; 1500].join("+");
    assert!(
        Expr::new(&long, &types())
            .unwrap_err()
            .message
            .contains("too many operators")
    );
    assert!(
        Expr::new(&" ".repeat(MAX_LEN + 1), &types())
            .unwrap_err()
            .message
            .contains("longer than")
    );
}

#[test]
fn missing_and_unlike_are_errors_never_a_pass_or_a_fail() {
    for (text, expected) in [
        ("response.body.missing == 0", "field `missing` is missing"),
        (
            "response.body.missing == null",
            "field `missing` is missing",
        ),
        (
            "response.body.items[7].n == 1",
            "element 7 (of 2) is missing",
        ),
        ("response.body.text > 5", "do not go together"),
        ("response.body.ok == 1", "do not go together"),
        ("response.body.age_hours / 0 == 1", "do not go together"),
        ("1 / 0 == 1", "divided by zero"),
        ("9223372036854775807 + 1 > 0", "out of range"),
        ("!response.body.text", "needs bool"),
        (
            "has(response.body.missing.deeper)",
            "field `missing` is missing",
        ),
    ] {
        let outcome = holds(text).expect_err(text);
        assert!(
            outcome.starts_with("eval:") && outcome.contains(expected),
            "{text}: {outcome}"
        );
    }
}

#[test]
fn it_says_why_and_where() {
    let text = "response.status == 200 && response.body.age_hours < 24";
    let expr = Expr::condition(text, &types()).unwrap();
    assert_eq!(
        expr.explain(&values()),
        [
            "response.status == 200 holds (response.status = 200)",
            "response.body.age_hours < 24 does not hold (response.body.age_hours = 25.5)"
        ]
    );
    let error = Expr::condition("env == 'prod' && statos", &types()).unwrap_err();
    let shown = error.with_caret("env == 'prod' && statos");
    assert!(shown.starts_with("unknown name `statos`"), "{shown}");
    assert!(
        shown.ends_with("\n    env == 'prod' && statos\n                     ^^^^^^"),
        "{shown}"
    );
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "\\PC{0,80}") {
        if let Ok(expr) = Expr::new(&text, &types()) {
            let _ = expr.eval(&values());
            let _ = expr.explain(&values());
        }
    }

    #[test]
    fn any_soup_of_tokens_is_answered(words in prop::collection::vec(prop::sample::select(vec![
        "response", ".", "status", "body", "(", ")", "[", "]", "==", "<", "&&", "||", "!", "-", "1", "2.5", "'a'", "?", ":",
        "has", "size", "in", "true", "null", ",", "items", "0", "+", "/", "%", "matches", "env",
    ]), 0..40)) {
        let text = words.join(" ");
        match Expr::new(&text, &types()) {
            Ok(expr) => { let _ = expr.eval(&values()); }
            Err(error) => { let _ = error.with_caret(&text); }
        }
    }

    #[test]
    fn integers_and_doubles_compare_as_numbers(a in any::<i64>(), b in any::<f64>()) {
        let scope = BTreeMap::from([("a".to_owned(), Value::Int(a)), ("b".to_owned(), Value::Double(b))]);
        let known = BTreeMap::from([("a".to_owned(), Type::Int), ("b".to_owned(), Type::Double)]);
        let ask = |text: &str| Expr::condition(text, &known).unwrap().holds(&scope).unwrap();
        let truths = [ask("a < b"), ask("a == b"), ask("a > b")].iter().filter(|t| **t).count();
        prop_assert_eq!(truths, usize::from(!b.is_nan()));
    }
}

#[test]
fn the_paths_and_names_an_expression_reads() {
    for (text, paths, uses) in [
        ("1 + 2", vec![], vec![]),
        ("now", vec!["now"], vec!["now"]),
        (
            "steps.a.response.body",
            vec!["steps a response body"],
            vec!["steps a"],
        ),
        (
            "steps['a']['b'] == 'steps.x'",
            vec!["steps a b"],
            vec!["steps a"],
        ),
        ("steps.a.rows[0].id", vec!["steps a rows"], vec!["steps a"]),
        (
            "steps.a[inputs.n].id",
            vec!["inputs n", "steps a"],
            vec!["inputs n", "steps a"],
        ),
        (
            "steps[inputs.n]",
            vec!["inputs n", "steps"],
            vec!["inputs n", "steps"],
        ),
        (
            "!a.b && [c.d.e, 1].size() > -f ? g : h.i",
            vec!["a b", "c d e", "f", "g", "h i"],
            vec!["a b", "c d", "f", "g", "h i"],
        ),
    ] {
        let expr = Expr::stored(text).unwrap();
        let found: Vec<_> = expr
            .paths()
            .into_iter()
            .map(|path| path.join(" "))
            .collect();
        assert_eq!(found, paths, "{text}");
        let name = |(name, field): (String, Option<String>)| match field {
            Some(field) => format!("{name} {field}"),
            None => name,
        };
        let found: Vec<_> = expr.uses().into_iter().map(name).collect();
        assert_eq!(found, uses, "{text}");
    }
}
