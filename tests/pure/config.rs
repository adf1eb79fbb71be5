//! Stack files: every mistake is reported with its line in one pass; written files read the same.

use opsroom::config;
use opsroom::core::base::problem::Problem;
use opsroom::core::integration::Integrations;
use opsroom::core::runbook::for_routine::routine_problems;
use proptest::prelude::*;

mod generate;

const ACME: &str = include_str!("../fixtures/acme.toml");
const BAD: &str = include_str!("../fixtures/bad/stack.toml");
const BROKEN: &str = include_str!("../fixtures/bad/broken.toml");
/// The lines before each mistake of the tables below: a workspace, an environment and a service.
const GOOD: &str = r#"workspace = "acme"
[[environment]]
name = "prod"
aliases = ["live"]
[[environment]]
name = "dev"
[[service]]
name = "web"
environments = ["prod"]
"#;

#[expect(
    clippy::unwrap_used,
    reason = "clippy knows tests by their attribute, not their helpers"
)]
fn problems(text: &str) -> Vec<Problem> {
    config::stack::read("stack.toml", text).unwrap_err()
}

fn report(problems: &[Problem]) -> String {
    problems
        .iter()
        .flat_map(|p| [p.to_string(), "\n".to_owned()])
        .collect()
}

/// The one problem of `GOOD` with more lines; its line is counted from the first of those.
fn the_problem(more: &str) -> (usize, String) {
    let found = problems(&format!("{GOOD}{more}"));
    assert_eq!(found.len(), 1, "{more}\n{}", report(&found));
    (
        found[0].line - GOOD.lines().count(),
        format!("{}: {}", found[0].key, found[0].message),
    )
}

#[test]
fn a_person_named_twice_may_approve_once() {
    let stack = config::stack::read(
        "stack.toml",
        &format!("{GOOD}approve = {{ need = 2, from = [\"bo\", \"cy\", \"bo\"] }}"),
    );
    let approve = stack.unwrap().services[0].approve.clone().unwrap();
    assert_eq!(
        (approve.need, approve.from),
        (2, vec!["bo".to_owned(), "cy".to_owned()])
    );
}

#[test]
fn every_mistake_is_reported_at_once() {
    let found = problems(BAD);
    insta::assert_snapshot!(report(&found));
    let marked = BAD
        .lines()
        .enumerate()
        .filter(|(_, l)| l.contains("# !"))
        .map(|(n, _)| n + 1);
    let silent: Vec<usize> = marked
        .filter(|n| *n > 1 && found.iter().all(|p| p.line != *n))
        .collect();
    assert_eq!(silent, [0; 0], "lines marked as wrong without a report");
}

#[test]
fn syntax_errors_do_not_hide_the_rest() {
    insta::assert_snapshot!(report(&problems(BROKEN)));
}

#[test]
fn a_lost_header_does_not_blame_the_keys_below_it() {
    let found = problems("workspace = \"acme\"\n[[service]\nname = \"web\"\nowner = \"Ana\"\n");
    assert_eq!(
        report(&found),
        "stack.toml:2: not TOML: unclosed array table, expected `]`\n"
    );
}

#[test]
fn problems_are_reported_at_their_line() {
    for (more, line, message) in [
        (
            "owner = 5",
            1,
            "service \"web\".owner: must be a text in quotes, not a whole number",
        ),
        (
            "\n\ntier = \"high\"",
            3,
            "service \"web\".tier: `high` is not one of low, standard, critical",
        ),
        (
            "depends_on = [\n  \"web\",\n]",
            2,
            "service \"web\".depends_on: `web` cannot depend on itself; remove it",
        ),
        (
            "notes = \"\"\"\na\nb\n\"\"\"\nseats = { licensed = 99999999999999999999 }",
            5,
            "service \"web\".seats.licensed: must be a whole number, not a number this large",
        ),
        (
            "[[service.action]]\ndo = \"probe\"\nenv = [\"prod\", \"dev\"]\nshell = \"true\"",
            3,
            "service \"web\".action \"probe\".env: the service does not run in `dev`, only in prod",
        ),
        (
            "[[service.action]]\ndo = \"probe\"\nenv = []\nshell = \"true\"",
            3,
            "service \"web\".action \"probe\".env: names no environment; leave env out for all",
        ),
        (
            "[[service.action]]\ndo = \"restart\"\nshell = [\"systemctl\", 5]",
            3,
            "service \"web\".action \"restart\".shell: must be a text in quotes, not a whole number",
        ),
        (
            "[[routine]]\nname = \"r\"\nkind = \"http\"\nservice = \"web\"\nenv = \"dev\"\nevery = \"1m\"\n\
             request = { url = \"http://x.test\" }",
            5,
            "routine \"r\".env: the service does not run in `dev`, only in prod",
        ),
        (
            "[[routine]]\nname = \"r\"\nkind = \"http\"\nservice = \"web\"\nevery = \"1m\"\n\
             request = { url = \"http://x.test\" }\nexpect = \"respons.status == 200\"",
            7,
            "routine \"r\".expect: is no condition: unknown name `respons`, did you mean `response`?; \
             known are env, now, response, service\n    respons.status == 200\n    ^^^^^^^",
        ),
        (
            "approve = { need = 0 }",
            1,
            "service \"web\".approve.need: 0 is too small; the least is 1",
        ),
        (
            "approve = { need = 3, from = [\"bo\", \"bo\", \"cy\"] }",
            1,
            "service \"web\".approve.from: names 2 different people, and `need` asks for 3; name more, or lower `need`",
        ),
        (
            "approve = { from = [] }",
            1,
            "service \"web\".approve.from: is empty; name the people who may approve, or leave it out for everyone",
        ),
        (
            "[[environment]]\nname = \"qa\"\napprove = { ned = 1 }",
            3,
            "environment \"qa\".approve.ned: unknown key; known here: need, from",
        ),
        (
            "approve = true",
            1,
            "service \"web\".approve: must be a table like { key = value }, not true or false",
        ),
        (
            "[[contact]]\nname = \"Ana\"\nmail = \"ana@acme.test\"",
            3,
            "contact \"Ana\".mail: unknown key; did you mean `email`?",
        ),
        (
            "[[contact]]\nname = \"Ana\"\n[[contact]]\nname = \"ANA\"",
            4,
            "contact \"ANA\".name: `ANA` is already the name of contact `Ana` (line 11); \
             capitals, spaces, - and _ make no difference",
        ),
        (
            "sla = { uptime_pct = nan }",
            1,
            "service \"web\".sla.uptime_pct: NaN is not a percentage; 0 to 100 is possible",
        ),
        (
            "contract = { start = 2025-01-01T00:00:00Z }",
            1,
            "service \"web\".contract.start: `2025-01-01T00:00:00Z` is not a date; write it as YYYY-MM-DD",
        ),
    ] {
        assert_eq!(the_problem(more), (line, message.to_owned()));
    }
}

#[test]
fn routines_of_kinds_that_nothing_runs_are_warned_about() {
    let routine = |kind: &str, keys: &str| {
        format!("[[routine]]\nname = \"{kind}\"\nkind = \"{kind}\"\nevery = \"5m\"\n{keys}\n")
    };
    let request = "request = { url = \"http://x.test\" }";
    let text = routine("http", request)
        + &routine("collect", request)
        + &routine("manual", "task = \"tidy\"")
        + &routine("heartbeat", "grace = \"5m\"");
    let warned = report(&config::stack::warnings("s.toml", &text));
    assert_eq!(
        warned,
        "s.toml:6: routine \"collect\": is kept, but this version does not run routines of kind collect\n"
    );
}

#[test]
fn mistakes_in_routines_are_reported_with_their_key() {
    let problem = |keys: &str| {
        let text = format!("{GOOD}[[routine]]\nname = \"r\"\n{keys}\n");
        let found = config::stack::read("stack.toml", &text).unwrap_err();
        let report = report(&found);
        let (_, message) = report.trim_end().split_once("routine \"r\"").unwrap();
        message.to_owned()
    };
    let every = "every = \"1m\"";
    for (keys, message) in [
        (
            "kind = \"tcp\"\nevery = \"1m\"\naddress = \"db\"",
            ".address: `db` is not an address; write host:port, like db.acme.test:5432",
        ),
        (
            "kind = \"unit\"\nevery = \"1m\"\nunit = \"a b\"",
            ".unit: `a b` is not the name of a unit, like nginx.service",
        ),
        (
            "kind = \"dns\"\nevery = \"1m\"\nhost = \"x.test\"\nmax_catch_up = 3",
            ".max_catch_up: is only for misfire = \"all\"; remove one of the two",
        ),
        (
            "kind = \"manual\"\nevery = \"1m\"\ntask = \"t\"\nexpect = \"true\"",
            ".expect: a manual routine has no answer to check",
        ),
        (
            "kind = \"dns\"\nevery = \"1m\"\nhost = \"x.test\"\nmisfire = \"oncce\"",
            ".misfire: `oncce` is not one of skip, once, all; did you mean `once`?",
        ),
        (
            "kind = \"dns\"\nevery = \"1m\"\nhost = \"x.test\"\njitter = \"31s\"",
            ".jitter: `31s` is too long; the most is 30s",
        ),
        (
            "kind = \"dns\"\ncron = \"0,20 3 * * *\"\nhost = \"x.test\"\njitter = \"11m\"",
            ".jitter: `11m` is too long; the most is 10m",
        ),
        (
            "kind = \"dns\"\nhost = \"x.test\"\ncron = \"@reboot\"",
            ".cron: `@reboot` is not a cron pattern",
        ),
        (
            "kind = \"runbook\"\nevery = \"1m\"\nrunbook = \"backup\"\ntimeout = \"1m\"",
            ".timeout: is not for a runbook, which says itself how long it may take; leave it out",
        ),
        (
            "kind = \"runbook\"\nevery = \"1m\"\nrunbook = \"backup\"\nexpect = \"true\"",
            ".expect: a runbook routine has no answer to check",
        ),
        (
            "kind = \"runbook\"\nevery = \"1m\"\nrunbook = \"backup\"\ninputs = { keep = [7] }",
            ".inputs.keep: must be a text, a whole number, true or false, not a list",
        ),
    ] {
        let found = problem(keys);
        assert!(found.starts_with(message), "{found}");
    }
    let unlike = problem(&format!(
        "kind = \"dns\"\n{every}\nhost = \"x.test\"\nexpect = \"response.addresses == 3\""
    ));
    assert!(unlike.contains(".expect: is no condition"), "{unlike}");
    for good in ["0 0 30 2 *", "0 30 9 * * MON", "H/15 * * * *", "0 9 L * *"] {
        let text = format!(
            "{GOOD}[[routine]]\nname = \"r\"\nkind = \"dns\"\nhost = \"x.test\"\ncron = \"{good}\"\n"
        );
        assert!(config::stack::read("stack.toml", &text).is_ok(), "{good}");
    }
}

#[test]
fn problems_of_runbooks_are_placed_at_the_key_of_their_routine() {
    let routine =
        "[[routine]]\nname = \"r\"\nkind = \"runbook\"\nrunbook = \"tidi\"\nevery = \"1h\"\n";
    let text = format!("{GOOD}{routine}");
    let stack = config::stack::read("stack.toml", &text).unwrap();
    let library = opsroom::core::runbook::built_in();
    let problems = routine_problems(&stack, &library, &Integrations::default());
    let placed = config::stack::located("stack.toml", &text, &problems);
    let line = GOOD.lines().count() + 4;
    assert_eq!(
        report(&placed),
        format!(
            "stack.toml:{line}: routine \"r\".runbook: there is no runbook tidi; `opsroom runbooks` lists them\n"
        )
    );
}

#[test]
fn mistakes_in_maintenance_windows_are_reported_with_their_line_and_key() {
    for (keys, line, message) in [
        (
            "from = \"2026-12-05 22:00\"\nuntil = \"2026-12-05 04:00\"",
            4,
            ".until: does not fit: it ends before it begins",
        ),
        (
            "days = [\"tue\"]\nfrom = \"22:00\"\nuntil = \"22:00\"",
            5,
            ".until: does not fit: it ends when it begins; write for = \"24h\" for a whole day",
        ),
        (
            "days = [\"tue\", \"tues\"]\nfrom = \"22:00\"\nfor = \"6h\"",
            3,
            ".days: `tues` is not one of mon, tue, wed, thu, fri, sat, sun; did you mean `tue`?",
        ),
        (
            "days = [\"tue\", \"tue\"]\nfrom = \"22:00\"\nfor = \"6h\"",
            3,
            ".days: `tue` is listed twice; remove one",
        ),
        (
            "monthly = \"2nd tue\"\nfrom = \"22:00\"\nfor = \"6h\"",
            3,
            ".monthly: `2nd` is not one of first, second, third, fourth, fifth, last",
        ),
        (
            "days = [\"tue\"]\nmonthly = \"last tue\"\nfrom = \"22:00\"\nfor = \"6h\"",
            4,
            ".monthly: is set together with days; a window has one of the two",
        ),
        (
            "days = [\"tue\"]\nfrom = \"2026-12-05 22:00\"\nfor = \"6h\"",
            4,
            ".from: `2026-12-05 22:00` is not a time of day; write it like 22:00",
        ),
        (
            "from = \"22:00\"\nfor = \"6h\"",
            3,
            ".from: `22:00` is not a day and a time; write it like 2026-12-05 22:00",
        ),
        (
            "days = [\"tue\"]\nfrom = \"22:00\"",
            1,
            ".until: is missing; add until = \"22:00\" or for = \"6h\"",
        ),
        (
            "days = [\"tue\"]\nfrom = \"22:00\"\nuntil = \"23:00\"\nfor = \"6h\"",
            6,
            ".for: is set together with until; a window has one of the two",
        ),
        (
            "days = [\"tue\"]\nfrom = \"22:00\"\nfor = \"8d\"",
            5,
            ".for: `8d` is too long; the most is 7d",
        ),
        (
            "days = [\"tue\"]\nfrom = \"22:00\"\nfor = \"6h\"\ntimezone = \"Europe/Berln\"",
            6,
            ".timezone: `Europe/Berln` is not a time zone of the IANA database; did you mean `Europe/Berlin`?",
        ),
        (
            "days = [\"tue\"]\nfrom = \"22:00\"\nfor = \"6h\"\nservices = [\"wbe\"]",
            6,
            ".services: there is no service `wbe`; did you mean `web`?",
        ),
        (
            "days = [\"tue\"]\nfrom = \"22:00\"\nfor = \"6h\"\nenvironments = []",
            6,
            ".environments: names nothing; leave environments out for all",
        ),
        (
            "days = [\"tue\"]\nfrom = \"22:00\"\nfor = \"6h\"\nmode = \"silent\"",
            6,
            ".mode: `silent` is not one of mute, skip",
        ),
    ] {
        let found = the_problem(&format!("[[maintenance]]\nname = \"w\"\n{keys}"));
        assert_eq!(
            found,
            (line, format!("maintenance \"w\"{message}")),
            "{keys}"
        );
    }
}

#[test]
fn every_allowed_form_is_accepted() {
    for more in [
        "",
        "contract = { start = 2025-01-15, renewal = \"2026-01-15\" }",
        "sla = { uptime_pct = 100 }",
        "depends_on = [\"api\"]\n[[service]]\nname = \"api\"\ndepends_on = [\"web\"]",
        "[[service.action]]\ndo = \"probe\"\nshell = \"a\"\n[[service.action]]\ndo = \"probe\"\nenv = [\"prod\"]\nshell = \"b\"",
        "action = [{ do = \"deploy\", shell = [\"./deploy.sh\"], timeout = \"1h\" }]",
        "[[maintenance]]\nname = \"w\"\nmonthly = \"fifth mon\"\nfrom = \"00:00\"\nuntil = \"00:01\"",
        "[[maintenance]]\nname = \"w\"\nfrom = \"2026-12-05 22:00\"\nfor = \"90d\"\nenvironments = [\"dev\"]",
        "[[routine]]\nname = \"prod\"\nkind = \"http\"\nenv = \"dev\"\ncron = \"@daily\"\nrequest = { url = \"http://x.test\" }",
    ] {
        let read = config::stack::read("stack.toml", &format!("{GOOD}{more}"));
        assert!(read.is_ok(), "{more}\n{}", report(&read.unwrap_err()));
    }
}

#[test]
fn files_with_crlf_or_a_byte_order_mark_are_read() {
    let stack = config::stack::read("acme.toml", ACME).unwrap();
    for text in [ACME.replace('\n', "\r\n"), format!("\u{feff}{ACME}")] {
        assert_eq!(config::stack::read("acme.toml", &text).as_ref(), Ok(&stack));
    }
    let found = problems(&BAD.replace('\n', "\r\n"));
    assert_eq!(
        found,
        problems(BAD),
        "line numbers do not depend on the kind of line end"
    );
}

#[test]
fn an_empty_file_lacks_a_workspace() {
    for empty in ["", "\n", "# nothing\n", "\u{feff}"] {
        assert_eq!(
            report(&problems(empty)),
            "stack.toml:1: workspace: is missing; add workspace = \"NAME\"\n"
        );
    }
}

#[test]
fn a_file_of_rubbish_does_not_fill_the_screen() {
    let found = problems(&"= ]\n".repeat(20_000));
    assert!(found.len() <= 501, "{}", found.len());
    assert!(
        found
            .last()
            .unwrap()
            .message
            .ends_with("there are more problems; correct these first")
    );
}

#[test]
fn deep_nesting_is_refused_not_followed() {
    assert!(!problems(&format!("a = {}", "[".repeat(200_000))).is_empty());
    assert!(!problems(&format!("workspace = {}1", "{ a = ".repeat(100_000))).is_empty());
}

#[test]
fn acme_is_written_as_it_was_read() {
    let stack = config::stack::read("acme.toml", ACME).unwrap();
    let (_comment, body) = ACME.split_once('\n').unwrap();
    // Links are kept by name, everything else in the order of the file.
    let body = body.replace(
        r#"links = { repo = "acme/web", dashboard = "https://grafana.acme.test/d/web" }"#,
        r#"links = { dashboard = "https://grafana.acme.test/d/web", repo = "acme/web" }"#,
    );
    let written = config::stack::write(&stack);
    assert_eq!(written, body);
    let again = config::stack::read("export.toml", &written).unwrap();
    assert_eq!(again, stack);
    assert_eq!(config::stack::write(&again), written);
}

#[test]
fn actions_are_written_as_documented() {
    let text = r#"workspace = "acme"
timezone = "UTC"

[[environment]]
name = "prod"

[[service]]
name = "web"
notes = """
First line with a \\ and "quotes".
Second line."""
environments = ["prod"]

[[service.action]]
do = "probe"
env = ["prod"]
http = { method = "GET", url = "http://127.0.0.1:8080/health", headers = { Accept = "text/plain", "x.y" = "1" }, expect_status = [200, 204], max_ms = 800, contains = "ok" }
timeout = "5s"

[[service.action]]
do = "deploy"
http = { method = "POST", url = "http://127.0.0.1:8080/{env}", body = "{\"ref\": \"{inputs.version}\"}" }

[[service.action]]
do = "rollback"
shell = """
set -e
./rollback.sh "$OPSROOM_ENV"
"""
timeout = "90s"
idempotent = true

[[service.action]]
do = "restart"
shell = ["systemctl", "restart", "web"]
"#;
    let stack = config::stack::read("stack.toml", text).unwrap();
    let written = config::stack::write(&stack);
    assert_eq!(written, text);
}

#[test]
fn a_file_cut_anywhere_crashes_nothing() {
    for end in (0..ACME.len()).filter(|at| ACME.is_char_boundary(*at)) {
        if let Err(found) = config::stack::read("cut.toml", &ACME[..end]) {
            let lines = ACME[..end].bytes().filter(|b| *b == b'\n').count() + 1;
            assert!(
                found.iter().all(|p| (1..=lines).contains(&p.line)),
                "{end}: {}",
                report(&found)
            );
        }
    }
}

#[test]
fn files_are_read_from_disk() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("acme.toml");
    std::fs::write(&path, ACME).unwrap();
    assert_eq!(config::read_text(&path).unwrap(), ACME);
    std::fs::write(&path, b"workspace = \"a\"\n# \xff\n").unwrap();
    let found = config::read_text(&path).unwrap_err();
    assert_eq!(
        report(&found),
        format!(
            "{}:2: byte 0xff is not UTF-8; save the file as UTF-8\n",
            path.display()
        )
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn a_written_file_reads_the_same(stack in generate::stack()) {
        let text = config::stack::write(&stack);
        match config::stack::read("export.toml", &text) {
            Err(found) => prop_assert!(false, "{text}\n{}", report(&found)),
            Ok(read) => {
                prop_assert_eq!(&read, &stack, "{}", text);
                prop_assert_eq!(config::stack::write(&read), text);
            }
        }
    }

    #[test]
    fn no_text_crashes(text in any::<String>(), toml in "[a-z\\[\\]{}=\"'\\\\\n.,#0-9 -]{0,200}") {
        let _ = (config::stack::read("x", &text), config::stack::read("x", &toml));
    }

    #[test]
    fn no_mistyped_byte_crashes(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..6)) {
        let mut bytes = ACME.as_bytes().to_vec();
        for (index, byte, how) in changes {
            let at = index.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Ok(stack) = config::stack::read("x", &text) {
            prop_assert_eq!(config::stack::read("y", &config::stack::write(&stack)), Ok(stack));
        }
    }
}
