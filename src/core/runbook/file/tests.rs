//! Accepted and refused runbook files, and the lines of problems.

use std::fmt::Write;

use proptest::prelude::*;

use super::*;
use crate::runbook::{Request, plan};
use crate::stack::service::Stack;

const GOOD: &str = r#"
name = "rotate keys"
title = "rotate keys"
version = "3"
phrases = ["rotate the keys"]
mutates = true
timeout = "1h"

[[input]]
name = "key"
type = "choice"
choices = ["web", "api"]
required = true

[[input]]
name = "dry"
type = "bool"
default = false

[[risk]]
level = "warn"
code = "LOCKOUT"
message = "old keys of {env} stop working"
when = "protected and not inputs.dry"

[[step]]
name = "ask"
phase = "validate"
manual = "Is the new {inputs.key} key in the vault?"

[[step]]
name = "rotate"
phase = "action"
http = { method = "POST", url = "https://vault.test/{env}/{inputs.key}", headers = { Accept = "text/plain" }, body = '{"key": "{inputs.key}"}', expect_status = [200, 0xCC], max_ms = 2000 }
idempotent = true
retry = { attempts = 3, base = "500ms" }

[[step]]
name = "reload"
phase = "action"
for_each = "services"
shell = ["./reload", "--now"]
dir = "/srv"
on_failure = "continue"

[[finally]]
name = "say so"
document = { title = "rotation", content = "rotated {inputs.key} {\"json\": true}\n{results}" }
"#;

#[test]
fn a_full_file_is_read() {
    let runbook = parse("rotate.toml", GOOD).unwrap();
    assert_eq!(
        (
            runbook.name.as_str(),
            runbook.version.as_str(),
            runbook.mutates
        ),
        ("rotate keys", "3", true)
    );
    assert_eq!(
        runbook.inputs,
        [("key".to_owned(), true), ("dry".to_owned(), false)]
    );
    let definition = &runbook.definition;
    assert_eq!(
        (definition.timeout_ms, definition.env, definition.services),
        (Some(3_600_000), Need::Required, Need::Optional)
    );
    let Does::Http(request) = &definition.steps[1].does else {
        panic!()
    };
    assert_eq!(
        (request.expect_status.as_slice(), request.max_ms),
        (&[200, 204][..], Some(2_000))
    );
    let retry = definition.steps[1].retry.unwrap();
    assert_eq!(
        (retry.attempts, retry.base_ms, retry.cap_ms),
        (3, 500, 32_000)
    );
    assert!(definition.steps[2].for_each && !definition.steps[1].for_each);
    assert_ne!(
        parse("x", &GOOD.replace("\"3\"", "\"4\"")).unwrap().hash,
        runbook.hash
    );
}

/// Each edit of the good file, the key of its problem and part of the message.
#[test]
fn every_mistake_is_reported_with_its_line() {
    for (from, to, key, says) in [
        (
            "version = \"3\"",
            "verison = \"3\"",
            "verison",
            "did you mean `version`?",
        ),
        ("version = \"3\"", "", "version", "is missing"),
        (
            "mutates = true",
            "mutates = \"yes\"",
            "mutates",
            "must be true or false, not a text",
        ),
        (
            "timeout = \"1h\"",
            "timeout = \"soon\"",
            "timeout",
            "is not a duration",
        ),
        (
            "type = \"choice\"",
            "type = \"chioce\"",
            "input.type",
            "did you mean `choice`?",
        ),
        (
            "choices = [\"web\", \"api\"]",
            "",
            "input.choices",
            "missing or empty",
        ),
        (
            "default = false",
            "default = \"maybe\"",
            "input.default",
            "neither true nor false",
        ),
        ("name = \"dry\"", "name = \"key\"", "input", "named \"key\""),
        (
            "level = \"warn\"",
            "level = \"high\"",
            "risk.level",
            "is not one of info, warn, block",
        ),
        (
            "code = \"LOCKOUT\"",
            "code = \"lock out\"",
            "risk.code",
            "capital letters",
        ),
        (
            "protected and not inputs.dry",
            "protected && inputs.dyr",
            "risk.when",
            "did you mean `dry`?",
        ),
        (
            "protected and not inputs.dry",
            "env = 'prod'",
            "risk.when",
            "unexpected '='; compare with ==\n    env = 'prod'\n        ^",
        ),
        (
            "protected and not inputs.dry",
            "env > 5",
            "risk.when",
            "these types do not go together",
        ),
        (
            "protected and not inputs.dry",
            "now > 5",
            "risk.when",
            "unknown name `now`",
        ),
        (
            "phase = \"validate\"",
            "phase = \"before\"",
            "step \"ask\".phase",
            "is not one of validate, preflight",
        ),
        (
            "manual = \"Is",
            "wait = \"1s\"\nmanual = \"Is",
            "step \"ask\".kind",
            "exactly one of",
        ),
        (
            "manual = \"Is the new {inputs.key}",
            "manual = \"Is the new {inputs.kye}",
            "step \"ask\".manual",
            "did you mean {inputs.key}?",
        ),
        (
            "manual = \"Is the new {inputs.key}",
            "manual = \"{service} {place}",
            "step \"ask\".manual",
            "unknown placeholder {place}",
        ),
        (
            "https://vault.test/",
            "vault.test/",
            "step \"rotate\".http.url",
            "starts with http://",
        ),
        (
            "\"POST\"",
            "\"post\"",
            "step \"rotate\".http.method",
            "in capitals",
        ),
        (
            "[200, 0xCC]",
            "[200, 9999]",
            "step \"rotate\".http.expect_status",
            "HTTP statuses",
        ),
        (
            "\"text/plain\"",
            "\"a\\nb\"",
            "step \"rotate\".http.headers",
            "header of one line",
        ),
        (
            "idempotent = true",
            "",
            "step \"rotate\".retry",
            "safe to repeat",
        ),
        (
            "attempts = 3",
            "attempts = 0",
            "step \"rotate\".retry.attempts",
            "between 1 and 100",
        ),
        (
            "[\"./reload\", \"--now\"]",
            "\"./reload {inputs.key}\"",
            "step \"reload\".shell",
            "OPSROOM_INPUT_NAME",
        ),
        (
            "[\"./reload\", \"--now\"]",
            "[]",
            "step \"reload\".shell",
            "names no program",
        ),
        (
            "for_each = \"services\"",
            "for_each = \"hosts\"",
            "step \"reload\".for_each",
            "is not one of services, inputs.NAME",
        ),
        (
            "on_failure = \"continue\"",
            "missing = \"warn\"",
            "step \"reload\".missing",
            "only for steps with `use`",
        ),
        (
            "title = \"rotation\", ",
            "",
            "step \"say so\".document.title",
            "is missing",
        ),
        (
            "name = \"say so\"",
            "name = \"say so\"\nphase = \"verify\"",
            "step \"say so\".phase",
            "unknown key",
        ),
        (
            "name = \"reload\"",
            "name = \"rotate\"",
            "step",
            "named \"rotate\"",
        ),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let text = GOOD.replacen(from, to, 1);
        let problems = parse("f.toml", &text).unwrap_err();
        let found = problems
            .iter()
            .find(|p| p.key == key && p.message.contains(says));
        let found = found.unwrap_or_else(|| panic!("{to}: no {key}: …{says}… in {problems:#?}"));
        assert!((1..=text.lines().count()).contains(&found.line), "{found}");
    }
}

#[test]
fn problems_name_their_line_and_come_all_at_once() {
    let text = "name = \"x\"\ntitle = \"x\"\nverison = \"1\"\nmutates = 1\n\n[[step]]\nname = \"a\"\nphase = \"act\"\nwait = \"1\"\n";
    let problems: Vec<String> = parse("x.toml", text)
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        problems,
        [
            "x.toml:1: version: is missing",
            "x.toml:3: verison: unknown key; did you mean `version`?",
            "x.toml:4: mutates: must be true or false, not a whole number",
            "x.toml:8: step \"a\".phase: `act` is not one of validate, preflight, action, verify, summarize; did you mean `action`?",
            "x.toml:9: step \"a\".wait: `1` is not a duration: write it like 30s, 5m, 1h30m or 2d",
        ]
    );
    let broken = parse("x.toml", "name = \n[[step\n").unwrap_err();
    assert!(
        broken.iter().all(|p| p.message.starts_with("not TOML: ")) && broken[0].line == 1,
        "{broken:?}"
    );
    assert!(
        parse("x.toml", "")
            .unwrap_err()
            .iter()
            .any(|p| p.key == "step" && p.message.contains("at least one"))
    );
}

#[test]
fn deep_nesting_is_refused_not_followed() {
    for nested in [
        "[".repeat(100_000),
        "{a=".repeat(100_000),
        "a.".repeat(100_000),
    ] {
        assert!(parse("x.toml", &format!("name = {nested}")).is_err());
        assert!(parse("x.toml", &nested).is_err());
    }
}

#[test]
fn ten_thousand_steps_are_read() {
    let mut text =
        "name = \"long\"\ntitle = \"long\"\nversion = \"1\"\nmutates = false\n".to_owned();
    for n in 0..10_000 {
        writeln!(
            text,
            "[[step]]\nname = \"step {n}\"\nphase = \"action\"\nhttp = {{ url = \"http://h/{n}\" }}"
        )
        .unwrap();
    }
    let runbook = parse("long.toml", &text).unwrap();
    let plan = plan(&runbook, &Request::default(), &Stack::default());
    assert_eq!((plan.steps.len(), plan.blocks().count()), (10_000, 0));
    let wrong = text.replace("phase", "fase");
    let problems = parse("long.toml", &wrong).unwrap_err();
    assert_eq!(problems.len(), 501);
    assert!(problems[500].message.contains("more problems"));
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        let _ = parse("x.toml", &text);
    }

    #[test]
    fn no_edit_of_a_good_file_panics(at in any::<prop::sample::Index>(), len in 0_usize..30, insert in "[\\[\\]{}=\"'a-z0-9.\n\u{e9}\u{1b}]{0,8}") {
        let chars: Vec<char> = GOOD.chars().collect();
        let at = at.index(chars.len());
        let edited: String = chars[..at].iter().copied().chain(insert.chars()).chain(chars.iter().skip(at + len).copied()).collect();
        match parse("x.toml", &edited) {
            Ok(runbook) => prop_assert!(!runbook.definition.steps.is_empty()),
            Err(problems) => prop_assert!(!problems.is_empty() && problems.iter().all(|p| p.line >= 1)),
        }
    }
}

const NAMED: &str = r#"
name = "nightly"
title = "nightly in {env}"
version = "1"
mutates = true
env = "required"

[[input]]
name = "region"
type = "text"
default = "eu"

[[input]]
name = "least"
type = "int"
default = 3

[[step]]
name = "count"
phase = "preflight"
sql = { database = "shop-{env}", statement = "select count(*) as n from orders where region = {inputs.region} and total > {inputs.least}", max_rows = 5 }
expect = "response.rows[0].n > 0 && response.row_count == 1"
save = { n = "response.rows[0].n" }

[[step]]
name = "clear"
phase = "action"
sql = { database = "shop-{env}", statement = "delete from carts where age > {steps.count.n}", mutates = true }

[[step]]
name = "release"
phase = "action"
adapter = "github.dispatch_workflow"
with = { repo = "acme/web", workflow = "release.yml", inputs = { region = "{inputs.region}", count = 2 } }

[[finally]]
name = "tell"
notify = { to = "ops", title = "nightly in {env}", text = "{results}", severity = "low", dedup_key = "nightly/{env}" }
"#;

fn nightly(declared: &crate::integration::Integrations, region: &str) -> crate::run::plan::Plan {
    use crate::stack::service::{Environment, Stack};
    let staging = Environment {
        name: "staging".to_owned(),
        ..Environment::default()
    };
    let stack = Stack {
        environments: vec![staging],
        ..Stack::default()
    };
    let inputs = [("region".to_owned(), region.to_owned())].into();
    let request = Request {
        env: Some("staging".to_owned()),
        inputs,
        ..Request::default()
    };
    let runbook = parse("nightly.toml", NAMED).unwrap_or_else(|problems| panic!("{problems:#?}"));
    crate::runbook::plan_in(&runbook, &request, &stack, &[], declared)
}

#[test]
fn named_integrations_are_resolved_and_undeclared_ones_block() {
    use crate::integration::notify::{Address, Channel, Notifier, Slack};
    use crate::integration::product::{Account, Product};
    use crate::integration::{Database, DatabaseAddress as At, Integrations};

    let blocked = nightly(&Integrations::default(), "eu");
    let codes: Vec<&str> = blocked.blocks().map(|r| r.message.as_str()).collect();
    for wanted in [
        "add [database.shop-staging]",
        "add [notify.ops]",
        "add [adapter.github]",
    ] {
        assert!(
            codes.iter().any(|m| m.contains(wanted)),
            "{wanted}: {codes:#?}"
        );
    }
    let mut declared = Integrations {
        databases: vec![Database {
            name: "shop-staging".to_owned(),
            place: At::Postgres("postgres://ana@db.test/shop".to_owned()),
            password: None,
            read_only: true,
        }],
        notifiers: vec![Notifier {
            name: "ops".to_owned(),
            way: Channel::Slack(Slack {
                url: Address::Secret("SLACK".to_owned()),
            }),
        }],
        accounts: vec![Account {
            product: Product::GitHub,
            base_url: "https://ghe.test/api/v3".to_owned(),
            token: "GH".to_owned(),
            per_minute: 60,
        }],
    };
    let plan = nightly(&declared, "eu");
    let codes: Vec<&str> = plan.blocks().map(|r| r.code.as_str()).collect();
    assert_eq!(codes, ["READ_ONLY_DATABASE"]);
    declared.databases[0].read_only = false;
    let plan = nightly(&declared, "eu");
    assert_eq!(plan.blocks().count(), 0, "{:#?}", plan.risks);
    let described: Vec<String> = plan
        .steps
        .iter()
        .chain(&plan.finally)
        .map(|s| s.spec.describe())
        .collect();
    assert_eq!(
        described,
        [
            "sql on shop-staging (postgres://ana@db.test/shop, read-only): select count(*) as n from orders where region = $1 \
             and total > $2 with $1 = \"eu\", $2 = 3",
            "sql on shop-staging (postgres://ana@db.test/shop, changes it): delete from carts where age > $1 with $1 = \
             \"{steps.count.n}\"",
            "github.dispatch_workflow (secret GH): POST \
             https://ghe.test/api/v3/repos/acme/web/actions/workflows/release.yml/dispatches \
             {\"inputs\":{\"count\":2,\"region\":\"eu\"},\"ref\":\"main\"}",
            "tell ops (slack address in the secret SLACK): [low] nightly in staging",
        ]
    );
    assert_eq!(
        plan.integrations,
        ["sql shop-staging", "github", "notify ops"]
    );
    let kinds: Vec<bool> = plan.steps.iter().map(|s| s.idempotent).collect();
    assert_eq!(
        (kinds, plan.finally[0].retry.map(|r| r.attempts)),
        (vec![true, false, false], Some(3))
    );
}

#[test]
fn mistakes_in_steps_with_integrations_are_reported_with_their_line() {
    let with = |from: &str, to: &str| {
        let text = NAMED.replacen(from, to, 1);
        assert_ne!(text, NAMED, "{from}");
        let problems = parse("nightly.toml", &text).err().unwrap_or_default();
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        problems.join("\n")
    };
    for (from, to, wanted) in [
        (
            "{inputs.region} and",
            "'{inputs.region}' and",
            "nightly.toml:21: step \"count\".sql.statement: {inputs.region} is inside quotes",
        ),
        (
            "select count",
            "delete count",
            "`delete` changes things; add mutates = true",
        ),
        (
            ", max_rows = 5",
            ", max_row = 5",
            "did you mean `max_rows`?",
        ),
        (
            ", max_rows = 5",
            ", max_rows = 0",
            "must be between 1 and 100000",
        ),
        (
            "database = \"shop-{env}\", statement = \"select",
            "statement = \"select",
            "sql.database: is missing",
        ),
        (
            "{inputs.least}",
            "{inputs.lest}",
            "there is no input `lest`; did you mean {inputs.least}?",
        ),
        (
            "response.row_count == 1",
            "response.exit_code == 1",
            "exit_code",
        ),
        (
            "{steps.count.n}",
            "{steps.release.n}",
            "{steps.release.n}: that step does not save `n`",
        ),
        (
            "mutates = true\nenv",
            "mutates = false\nenv",
            "changes things, but the runbook says mutates = false",
        ),
        (
            "github.dispatch_workflow",
            "github.dispatch",
            "is not one of github.create_pull_request",
        ),
        (
            "repo = \"acme/web\", ",
            "",
            "with.repo: is missing; github.dispatch_workflow takes it: OWNER/NAME",
        ),
        ("acme/web", "acme", "with.repo: must be OWNER/NAME"),
        ("workflow =", "flow =", "flow: unknown key"),
        (
            "{ region = \"{inputs.region}\", count = 2 }",
            "[1]",
            "must be a text",
        ),
        ("to = \"ops\", ", "", "notify.to: is missing"),
        (
            "severity = \"low\"",
            "severity = \"bad\"",
            "`bad` is not one of info, low, high, critical",
        ),
        (
            ", dedup_key = \"nightly/{env}\"",
            ", event = \"resolve\"",
            "dedup_key: is missing; resolve needs the key",
        ),
        (
            "[[finally]]\nname = \"tell\"\nnotify",
            "[[finally]]\nname = \"tell\"\nexpect = \"true\"\nnotify",
            "has no answer to judge",
        ),
    ] {
        let message = with(from, to);
        assert!(message.contains(wanted), "{from} → {to}: {message}");
    }
}

/// A read-only runbook may change something after a person confirmed it.
#[test]
fn a_change_may_follow_a_confirmation() {
    let text = |optional: &str, when: &str| {
        format!(
            "name = \"x\"\ntitle = \"x\"\nversion = \"1\"\nmutates = false\n[[step]]\nname = \"sure\"\nphase = \"action\"\n\
             manual = \"Sure?\"\n{optional}\n[[step]]\nname = \"do\"\nphase = \"action\"\n{when}\n\
             sql = {{ database = \"d\", statement = \"delete from t\", mutates = true }}\n"
        )
    };
    let runbook = parse(
        "x.toml",
        &text("optional = true", "when = \"steps.sure.done\""),
    )
    .unwrap();
    let made = plan(&runbook, &Request::default(), &Stack::default());
    assert!(made.mutates && made.steps[0].rules.optional);
    assert!(
        parse("x.toml", &text("", "")).unwrap_err()[0]
            .message
            .contains("let it ask first")
    );
    let misplaced = text("", "optional = true");
    assert!(
        parse("x.toml", &misplaced)
            .unwrap_err()
            .iter()
            .any(|p| p.message.contains("only for steps with `manual`"))
    );
}

proptest! {
    /// Whatever an input holds, the statement's text is the same and the value is a parameter.
    #[test]
    fn an_input_never_becomes_sql(value in "[^\\p{Cc}{]{1,40}".prop_filter("a blank value is none", |v| !v.trim().is_empty())) {
        let made = nightly(&crate::integration::Integrations::default(), &value);
        let crate::run::step::StepSpec::Sql(sql) = &made.steps[0].spec else { panic!("{:?}", made.steps) };
        let text = "select count(*) as n from orders where region = $1 and total > $2";
        prop_assert_eq!((sql.statement.as_str(), sql.params[0].text.as_str()), (text, value.as_str()));
    }
}

fn approving(approve: &str) -> String {
    format!(
        "name = \"ship\"\ntitle = \"ship\"\nversion = \"1\"\nmutates = false\n[[step]]\nname = \"sign off\"\nphase = \"validate\"\n{approve}\n"
    )
}

#[test]
fn an_approval_is_read_with_how_many_who_and_how_long() {
    use crate::run::step::StepSpec;
    use crate::run::step::approve::{Approve, Comment};

    let from = || vec!["ana".to_owned(), "ben".to_owned()];
    let ask = |need, from, comment| Approve {
        prompt: "ok?".to_owned(),
        need,
        from,
        comment,
    };
    for (text, wanted, timeout_ms) in [
        (
            "approve = \"ok?\"",
            ask(1, vec![], Comment::OnDeny),
            86_400_000,
        ),
        (
            "approve = { prompt = \"ok?\", need = 2, from = [\"ana\", \"ben\"], within = \"2h\", comment = \"always\" }",
            ask(2, from(), Comment::Always),
            7_200_000,
        ),
    ] {
        let runbook = parse("ship.toml", &approving(text)).unwrap_or_else(|p| panic!("{p:#?}"));
        let step = plan(&runbook, &Request::default(), &Stack::default())
            .steps
            .remove(0);
        assert_eq!(
            (step.spec, step.timeout_ms),
            (StepSpec::Approve(wanted), timeout_ms),
            "{text}"
        );
    }
}

#[test]
fn an_impossible_approval_is_refused_with_its_key() {
    for (text, key, says) in [
        ("approve = { need = 1 }", "approve.prompt", "is missing"),
        ("approve = \"\"", "approve", "must not be empty"),
        (
            "approve = { prompt = \"ok?\", need = 0 }",
            "approve.need",
            "between 1 and 20",
        ),
        (
            "approve = { prompt = \"ok?\", need = 2, from = [\"ana\", \"ana\"] }",
            "approve.need",
            "2 different people cannot agree among 1",
        ),
        (
            "approve = { prompt = \"ok?\", from = [] }",
            "approve.from",
            "names at least one person",
        ),
        (
            "approve = { prompt = \"ok?\", comment = \"on_denny\" }",
            "approve.comment",
            "did you mean `on_deny`?",
        ),
        (
            "approve = { prompt = \"ok?\", witin = \"2h\" }",
            "approve.witin",
            "did you mean `within`?",
        ),
        (
            "approve = \"ok?\"\ntimeout = \"2h\"",
            "timeout",
            "`within` bounds it",
        ),
        (
            "approve = \"ok?\"\non_failure = \"continue\"",
            "on_failure",
            "a refusal cancels the run",
        ),
        (
            "approve = \"ok?\"\nfor_each = [\"a\"]",
            "for_each",
            "asked once",
        ),
        (
            "approve = \"ok, {inputs.who}?\"",
            "approve",
            "there is no input `who`",
        ),
        (
            "wait = \"1s\"\nundo = { approve = \"ok?\" }",
            "approve",
            "do not wait for people",
        ),
        (
            "wait = \"1s\"\n[[finally]]\nname = \"x\"\napprove = \"ok?\"",
            "approve",
            "do not wait for people",
        ),
    ] {
        let found = parse("ship.toml", &approving(text)).expect_err(text);
        let messages: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert!(
            messages
                .iter()
                .any(|p| p.contains(&format!("{key}: ")) && p.contains(says)),
            "{text}: {messages:#?}"
        );
    }
}

/// A runbook with an input of type secret and this step.
fn using_secrets(step: &str) -> Result<Runbook, Vec<Problem>> {
    let head = "name = \"ship\"\ntitle = \"ship\"\nversion = \"1\"\nmutates = true\n[[input]]\nname = \"token\"\ntype = \
                \"secret\"\n[[input]]\nname = \"who\"\ntype = \"text\"\n[[step]]\nname = \"ship\"\nphase = \"action\"\n";
    parse("ship.toml", &format!("{head}{step}\n"))
}

#[test]
fn secrets_are_named_or_chosen_and_become_variables_and_headers() {
    let inputs = [("token".to_owned(), "OTHER".to_owned())].into();
    let request = Request {
        inputs,
        ..Request::default()
    };
    for (text, wanted) in [
        (
            "shell = \"true\"\nsecrets = [\"DEPLOY\"]",
            "sh -c \"true\" (secret DEPLOY)",
        ),
        (
            "shell = \"true\"\nsecrets = [\"DEPLOY\", \"{inputs.token}\"]",
            "sh -c \"true\" (secret DEPLOY, OTHER)",
        ),
        (
            "http = { url = \"https://a.test/\", auth = { secret_ref = \"{inputs.token}\" } }",
            "GET https://a.test/ (secret OTHER)",
        ),
        (
            "http = { url = \"https://a.test/\", headers = { X-Key = { secret_ref = \"DEPLOY\" }, X = \"y\" } }",
            "GET https://a.test/ (secret DEPLOY)",
        ),
    ] {
        let runbook =
            using_secrets(text).unwrap_or_else(|problems| panic!("{text}: {problems:#?}"));
        let step = plan(&runbook, &request, &Stack::default()).steps.remove(0);
        assert_eq!(
            (step.spec.describe().as_str(), step.rules.sensitive),
            (wanted, false),
            "{text}"
        );
    }
    let quiet = using_secrets("shell = \"true\"\nsensitive = true").unwrap();
    assert!(
        plan(&quiet, &request, &Stack::default()).steps[0]
            .rules
            .sensitive
    );
}

#[test]
fn an_invalid_secret_reference_is_refused_and_not_repeated() {
    for (text, key, says) in [
        (
            "shell = \"true\"\nsecrets = [\"hunter2 hunter2\"]",
            "secrets",
            "neither the name of a secret nor",
        ),
        (
            "shell = \"true\"\nsecrets = \"DEPLOY\"",
            "secrets",
            "must be a list",
        ),
        (
            "shell = \"true\"\nsecrets = [\"{inputs.who}\"]",
            "secrets",
            "no input who of type secret",
        ),
        (
            "shell = \"true\"\nsecrets = [\"{inputs.nobody}\"]",
            "secrets",
            "no input nobody of type secret",
        ),
        (
            "shell = \"true\"\nsensitive = \"yes\"",
            "sensitive",
            "must be true or false",
        ),
        (
            "wait = \"1s\"\nsecrets = [\"DEPLOY\"]",
            "secrets",
            "is only for steps with `shell`",
        ),
        (
            "http = { url = \"https://a.test/\", auth = \"hunter2\" }",
            "auth",
            "must be { secret_ref = \"NAME\" }",
        ),
        (
            "http = { url = \"https://a.test/\", auth = { secret_ref = \"DEPLOY\", x = 1 } }",
            "auth",
            "must be { secret_ref = \"NAME\" }",
        ),
        (
            "http = { url = \"https://a.test/\", headers = { X = { secret_ref = \"hunter2!\" } } }",
            "headers",
            "neither the name of a secret nor",
        ),
        (
            "http = { url = \"https://a.test/\", headers = { X = 1 } }",
            "headers",
            "must be a text or { secret_ref",
        ),
    ] {
        let Err(found) = using_secrets(text) else {
            panic!("{text} is taken")
        };
        let messages: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert!(
            messages
                .iter()
                .any(|p| p.contains(&format!("{key}: ")) && p.contains(says)),
            "{text}: {messages:#?}"
        );
        assert!(
            !messages.iter().any(|p| p.contains("hunter2")),
            "{messages:#?}"
        );
    }
}

fn leaving(keys: &str) -> Result<Runbook, Vec<Problem>> {
    let head = "name = \"x\"\ntitle = \"x\"\nversion = \"1\"\nmutates = true\n[[input]]\nname = \"tag\"\ntype = \"text\"\n";
    parse(
        "x.toml",
        &format!("{head}[[step]]\nname = \"build\"\nphase = \"action\"\n{keys}\n"),
    )
}

#[test]
fn artifact_paths_are_relative_to_the_folder_of_the_command() {
    for (keys, paths, required) in [
        (
            "shell = \"make\"\nartifacts = [\"out/{inputs.tag}.json\", \"logs/**\"]",
            &["out/{inputs.tag}.json", "logs/**"][..],
            false,
        ),
        (
            "shell = \"make\"\nartifacts = { paths = [\"a\"], required = true }",
            &["a"],
            true,
        ),
        ("shell = \"make\"", &[], false),
    ] {
        let runbook = leaving(keys).unwrap_or_else(|problems| panic!("{problems:#?}"));
        let Does::Shell { artifacts, .. } = &runbook.definition.steps[0].does else {
            panic!("{keys}")
        };
        assert_eq!(
            (artifacts.paths.as_slice(), artifacts.required),
            (
                &paths.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>()[..],
                required
            )
        );
    }
    for (keys, says) in [
        ("shell = \"make\"\nartifacts = []", "names no file"),
        (
            "shell = \"make\"\nartifacts = \"a\"",
            "must be a list of texts",
        ),
        (
            "shell = \"make\"\nartifacts = [\"/etc/passwd\"]",
            "is absolute",
        ),
        (
            "shell = \"make\"\nartifacts = [\"a\", \"../b\"]",
            "leads out of the step's folder",
        ),
        (
            "shell = \"make\"\nartifacts = { required = true }",
            "is missing; the files",
        ),
        (
            "shell = \"make\"\nartifacts = { paths = [\"a\"], optional = true }",
            "unknown key",
        ),
        (
            "shell = \"make\"\nartifacts = [\"{inputs.tga}\"]",
            "did you mean {inputs.tag}?",
        ),
        (
            "shell = \"make\"\nsensitive = true\nartifacts = [\"a\"]",
            "a sensitive step leaves nothing behind",
        ),
        (
            "wait = \"1s\"\nartifacts = [\"a\"]",
            "is only for steps with `shell`",
        ),
    ] {
        let problems = leaving(keys).unwrap_err();
        let found = problems
            .iter()
            .find(|p| p.key.contains("artifacts") && p.message.contains(says));
        assert!(found.is_some_and(|p| p.line >= 10), "{keys}: {problems:#?}");
    }
}

#[test]
fn links_are_expressions_over_the_answer_of_a_step() {
    let runbook =
        leaving("shell = \"make\"\nlinks = { \"pull request\" = \"response.outputs.URL\" }");
    let links = &runbook.unwrap().definition.steps[0].links;
    assert_eq!(links["pull request"].text(), "response.outputs.URL");
    let undone =
        "shell = \"make\"\nundo = { shell = \"x\", links = { a = \"response.outputs.URL\" } }";
    assert!(leaving(undone).is_ok());
    for (keys, says) in [
        ("shell = \"make\"\nlinks = [\"a\"]", "must be"),
        (
            "shell = \"make\"\nlinks = { a = \"respons.outputs\" }",
            "a: unknown name `respons`",
        ),
        (
            "shell = \"make\"\nlinks = { \" \" = \"response.outputs.URL\" }",
            "a link needs a title",
        ),
        (
            "shell = \"make\"\nsensitive = true\nlinks = { a = \"response.outputs.URL\" }",
            "a sensitive step answers is not kept",
        ),
        (
            "wait = \"1s\"\nlinks = { a = \"response.outputs.URL\" }",
            "no answer to link from",
        ),
    ] {
        let problems = leaving(keys).unwrap_err();
        let found = problems
            .iter()
            .find(|p| p.key.contains("links") && p.message.contains(says));
        assert!(found.is_some_and(|p| p.line >= 10), "{keys}: {problems:#?}");
    }
}
