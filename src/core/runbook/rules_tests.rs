//! Keys of a runbook file become rules of its plan: conditions, expectations, saved results, undo,
//! jumps, lists, calls.

use super::*;
use crate::integration::Integrations;
use crate::run::plan::{Each, RiskLevel};
use crate::run::step::StepSpec;
use crate::stack::service::{Environment, Stack};

const HEAD: &str =
    "name = \"x\"\ntitle = \"x\"\nversion = \"1\"\nmutates = false\nenv = \"optional\"\n";

const RELEASE: &str = r#"
[[input]]
name = "hosts"
type = "list"
pattern = "[a-z0-9-]+"

[[input]]
name = "replicas"
type = "int"

[[risk]]
level = "warn"
code = "MANY"
message = "that is a lot"
when = "inputs.replicas > 10"

[[step]]
name = "build"
phase = "preflight"
http = { url = "https://ci.test/latest" }
expect = "response.status == 200 && response.body.ready"
save = { image = "response.body.image" }

[[step]]
name = "push"
phase = "action"
http = { method = "POST", url = "https://cd.test/{steps.build.image}", body = '{"n": "{inputs.replicas}"}' }
when = "steps.build.image != ''"
undo = { http = { method = "DELETE", url = "https://cd.test/{steps.build.image}" } }
on_failure = "tell"

[[step]]
name = "reload"
phase = "action"
shell = ["./reload"]
env = { IMAGE = "{steps.build.image}", HOST = "{item}" }
for_each = "inputs.hosts"
max_concurrency = 2
max_errors = "50%"
undo = { shell = "./unload" }

[[step]]
name = "tell"
phase = "verify"
wait = "1s"
when = "env == 'prod'"
"#;

fn read(text: &str) -> Runbook {
    parse("x.toml", &format!("{HEAD}{text}")).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn problems(text: &str) -> Vec<String> {
    let found = parse("x.toml", &format!("{HEAD}{text}"))
        .err()
        .unwrap_or_default();
    found.iter().map(ToString::to_string).collect()
}

fn stack() -> Stack {
    let prod = Environment {
        name: "prod".to_owned(),
        aliases: vec![],
        protected: true,
        approve: None,
    };
    Stack {
        environments: vec![prod],
        ..Stack::default()
    }
}

fn planned(env: Option<&str>, inputs: &[(&str, &str)]) -> Plan {
    let inputs = inputs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    plan(
        &read(RELEASE),
        &Request {
            env: env.map(str::to_owned),
            inputs,
            ..Request::default()
        },
        &stack(),
    )
}

#[test]
fn rules_reach_the_plan() {
    let plan = planned(Some("prod"), &[("hosts", "a, b,c"), ("replicas", "3")]);
    let names: Vec<&str> = plan.steps.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(
        names,
        ["build", "push", "reload a", "reload b", "reload c", "tell"]
    );
    let [build, push, reload, ..] = plan.steps.as_slice() else {
        panic!()
    };
    assert_eq!(build.rules.key, "build");
    assert_eq!(
        build.rules.save.get("image").map(String::as_str),
        Some("response.body.image")
    );
    assert_eq!(
        push.spec.describe(),
        "POST https://cd.test/{steps.build.image}"
    );
    assert!(push.rules.fills && push.rules.when.is_some() && push.on_failure == OnFailure::Jump(5));
    assert_eq!(
        reload.rules.each,
        Some(Each {
            group: 1,
            max_concurrency: 2,
            max_errors: 1
        })
    );
    let StepSpec::Shell(shell) = &reload.spec else {
        panic!()
    };
    assert_eq!(shell.env.get("HOST").map(String::as_str), Some("a"));
    assert_eq!(shell.env.get("OPSROOM_ITEM").map(String::as_str), Some("a"));
    let undo: Vec<_> = plan
        .undo
        .iter()
        .map(|s| (s.name.as_str(), s.rules.undoes))
        .collect();
    assert_eq!(
        undo,
        [
            ("undo reload c", Some(4)),
            ("undo reload b", Some(3)),
            ("undo reload a", Some(2)),
            ("undo push", Some(1))
        ]
    );
    let stored: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
    assert_eq!(stored, plan);
}

#[test]
fn undecidable_risks_count_as_present_and_undecidable_steps_block() {
    let message = |plan: &Plan, code: &str| {
        plan.risks
            .iter()
            .find(|r| r.code == code)
            .map(|r| r.message.clone())
    };
    assert_eq!(
        message(&planned(Some("prod"), &[("replicas", "3")]), "MANY"),
        None
    );
    assert_eq!(
        message(&planned(Some("prod"), &[("replicas", "30")]), "MANY").as_deref(),
        Some("that is a lot")
    );
    let missing = message(&planned(Some("prod"), &[]), "MANY").unwrap();
    assert!(
        missing.contains("counts as present") && missing.contains("missing"),
        "{missing}"
    );
    let nowhere = planned(None, &[("replicas", "3")]);
    let blocked: Vec<_> = nowhere
        .risks
        .iter()
        .filter(|r| r.level == RiskLevel::Block)
        .map(|r| r.code.as_str())
        .collect();
    assert_eq!(blocked, ["CONDITION_UNDECIDED"]);
}

#[test]
fn a_value_cannot_contain_a_result_placeholder() {
    let text = "[[input]]\nname = \"t\"\ntype = \"text\"\n[[step]]\nname = \"a\"\nphase = \"action\"\nhttp = { url = \"https://h/\" }\nsave = { x = \"response.body\" }\n\
        [[step]]\nname = \"b\"\nphase = \"action\"\nhttp = { url = \"https://h/\", body = \"{steps.a.x}{inputs.t}\" }\n";
    let inputs = BTreeMap::from([("t".to_owned(), "{steps.a.x}".to_owned())]);
    let plan = plan(
        &read(text),
        &Request {
            inputs,
            ..Request::default()
        },
        &stack(),
    );
    assert!(plan.blocks().any(|r| r.code == "INPUT_INVALID"));
}

#[test]
fn mistakes_in_rules_are_reported_with_line_and_caret() {
    for (from, to, key, says) in [
        (
            "response.status ==",
            "response.staus ==",
            "step \"build\".expect",
            "no field `staus`",
        ),
        (
            "response.status == 200",
            "response.status == '200'",
            "step \"build\".expect",
            "do not go together",
        ),
        (
            "\"response.body.image\"",
            "\"respons.body\"",
            "step \"build\".save",
            "unknown name `respons`",
        ),
        (
            "save = { image",
            "save = { status",
            "step \"build\".save",
            "cannot be a name",
        ),
        (
            "steps.build.image !=",
            "steps.biuld.image !=",
            "step \"push\".when",
            "no field `biuld`, did you mean `build`?",
        ),
        (
            "steps.build.image !=",
            "steps.tell.status !=",
            "step \"push\".when",
            "does not run before",
        ),
        (
            "steps.build.image !=",
            "steps.reload.status !=",
            "step \"push\".when",
            "refers to several steps",
        ),
        (
            "/{steps.build.image}\", body",
            "/{steps.build.imag}\", body",
            "step \"push\".http",
            "does not save `imag`",
        ),
        (
            "on_failure = \"tell\"",
            "on_failure = \"build\"",
            "step \"push\".on_failure",
            "only jumps forward",
        ),
        (
            "on_failure = \"tell\"",
            "on_failure = \"tel\"",
            "step \"push\".on_failure",
            "or the name of a step",
        ),
        (
            "env = { IMAGE",
            "env = { OPSROOM_X",
            "step \"reload\".env",
            "opsroom's own",
        ),
        (
            "[\"./reload\"]",
            "\"./r {steps.build.image}\"",
            "step \"reload\".shell",
            "never become shell text",
        ),
        (
            "\"inputs.hosts\"",
            "\"inputs.host\"",
            "step \"reload\".for_each",
            "is not one of services",
        ),
        (
            "\"50%\"",
            "\"150%\"",
            "step \"reload\".max_errors",
            "a percentage",
        ),
        (
            "max_concurrency = 2",
            "max_concurrency = 0",
            "step \"reload\".max_concurrency",
            "between 1 and 64",
        ),
        (
            "wait = \"1s\"",
            "wait = \"1s\"\nexpect = \"true\"",
            "step \"tell\".expect",
            "no answer to judge",
        ),
        (
            "wait = \"1s\"",
            "wait = \"1s\"\nundo = { wait = \"1s\", manual = \"x\" }",
            "step \"tell\".undo.kind",
            "exactly one",
        ),
        (
            "wait = \"1s\"",
            "notify = \"ops\"",
            "step \"tell\".notify",
            "must be a table",
        ),
        (
            "wait = \"1s\"",
            "runbook = \"y\"\nretry = { attempts = 2 }",
            "step \"tell\".retry",
            "not repeated as a whole",
        ),
        (
            "env == 'prod'",
            "now > 3",
            "step \"tell\".when",
            "do not go together",
        ),
    ] {
        assert!(RELEASE.contains(from), "{from}");
        let found = problems(&RELEASE.replacen(from, to, 1));
        let right = found
            .iter()
            .any(|p| p.contains(&format!("{key}: ")) && p.contains(says));
        assert!(right, "{to}: no {key}: …{says}… in {found:#?}");
    }
}

#[test]
fn a_called_runbook_becomes_its_steps() {
    let sub = "name = \"sub\"\ntitle = \"s\"\nversion = \"1\"\nmutates = true\nenv = \"optional\"\ntimeout = \"5m\"\n\
        [[input]]\nname = \"k\"\ntype = \"text\"\nrequired = true\n\
        [[step]]\nname = \"two\"\nphase = \"verify\"\nwait = \"1s\"\nwhen = \"steps.one.status == 'succeeded'\"\n\
        [[step]]\nname = \"one\"\nphase = \"action\"\nhttp = { url = \"https://h/{inputs.k}\" }\nundo = { http = { method = \"DELETE\", url = \"https://h/\" } }\n\
        [[finally]]\nname = \"end\"\nwait = \"1s\"\n";
    let sub = parse("sub.toml", sub).unwrap_or_else(|p| panic!("{p:#?}"));
    let top = read(
        "[[step]]\nname = \"call\"\nphase = \"action\"\nrunbook = \"sub\"\ninputs = { k = \"a b\" }\ntimeout = \"2m\"\non_failure = \"continue\"\n\
         [[step]]\nname = \"after\"\nphase = \"verify\"\nwait = \"1s\"\n",
    );
    let library = [top.clone(), sub];
    let plan = plan_in(
        &top,
        &Request::default(),
        &stack(),
        &library,
        &Integrations::default(),
    );
    assert_eq!(plan.blocks().count(), 0, "{:?}", plan.risks);
    let steps: Vec<_> = plan
        .steps
        .iter()
        .map(|s| (s.name.as_str(), s.phase.name(), s.on_failure))
        .collect();
    assert_eq!(
        steps,
        [
            ("call › one", "action", OnFailure::Jump(2)),
            ("call › two", "action", OnFailure::Jump(2)),
            ("after", "verify", OnFailure::Stop)
        ]
    );
    assert_eq!(plan.steps[0].spec.describe(), "GET https://h/a%20b");
    assert_eq!(
        (
            plan.steps[0].rules.scope.as_str(),
            plan.steps[0].rules.key.as_str()
        ),
        ("call/", "one")
    );
    assert_eq!(plan.steps[1].rules.within[0].timeout_ms, 120_000);
    assert_eq!(
        (plan.finally[0].name.as_str(), plan.undo[0].rules.undoes),
        ("call › end", Some(0))
    );
    let late = plan.finally.iter().chain(&plan.undo);
    assert!(
        late.into_iter().all(|step| step.rules.within.is_empty()),
        "the runbook's time may have passed by then"
    );
    assert!(plan.mutates, "what it calls changes things");
    assert_ne!(plan.definition_hash, top.hash);
    let lone = plan_in(
        &top,
        &Request::default(),
        &stack(),
        &library[..1],
        &Integrations::default(),
    );
    assert!(lone.blocks().any(|r| r.code == "UNKNOWN_RUNBOOK"));
}

/// A plan of a runbook without targets in `env`, which calls one that takes all services
/// wherever they run.
fn calling_everywhere(env: Option<&str>, called: &str) -> Plan {
    let head = |name: &str, env: &str, services: &str| {
        format!(
            "name = \"{name}\"\ntitle = \"{name}\"\nversion = \"1\"\nenv = \"{env}\"\n\
             services = \"{services}\"\n"
        )
    };
    let runbook = |text: String| parse("x.toml", &text).unwrap_or_else(|p| panic!("{p:#?}"));
    let top = runbook(format!(
        "{}mutates = false\n[[step]]\nname = \"call\"\nphase = \"action\"\nrunbook = \"sub\"\n",
        head("top", "optional", "none")
    ));
    let sub = runbook(format!(
        "{}{called}[[step]]\nname = \"pause\"\nphase = \"action\"\nwait = \"1s\"\n",
        head("sub", "none", "optional")
    ));
    let prod = Environment {
        approve: Some(crate::stack::service::ApprovalRule {
            need: 2,
            from: vec![],
        }),
        ..stack().environments.remove(0)
    };
    let staging = Environment {
        name: "staging".to_owned(),
        ..Environment::default()
    };
    let stack = Stack {
        environments: vec![staging, prod],
        services: vec![crate::stack::service::Service {
            name: "web".to_owned(),
            environments: vec!["staging".to_owned(), "prod".to_owned()],
            ..crate::stack::service::Service::default()
        }],
        ..Stack::default()
    };
    let request = Request {
        env: env.map(str::to_owned),
        ..Request::default()
    };
    let library = [top.clone(), sub];
    plan_in(&top, &request, &stack, &library, &Integrations::default())
}

#[test]
fn a_plan_is_protected_when_only_a_called_runbook_changes_a_protected_environment() {
    for env in [None, Some("staging")] {
        let plan = calling_everywhere(env, "mutates = true\n");
        assert_eq!(plan.blocks().count(), 0, "{:?}", plan.risks);
        assert!(plan.protected, "{env:?}");
        assert_eq!(plan.protected_places(), ["prod"]);
        assert_eq!(plan.confirm_word().as_deref(), Some("prod top"), "{env:?}");
        let warned = plan.risks.iter().find(|risk| risk.code == "PROD_CHANGE");
        let message = warned.map(|risk| risk.message.as_str());
        assert_eq!(message, Some("changes prod, which is protected"));
        let asked: Vec<u32> = plan.approvals().map(|(_, ask)| ask.need).collect();
        assert_eq!(asked, [2], "the rule of prod");
    }
    let own = calling_everywhere(Some("prod"), "mutates = true\n");
    assert_eq!(own.protected_places(), ["prod"]);
    assert_eq!(own.confirm_word().as_deref(), Some("prod top"));
    let look = calling_everywhere(None, "mutates = false\n");
    assert!(!look.protected && look.confirm_word().is_none());
    assert!(!look.needs_approval());
}

#[test]
fn a_runbook_called_by_a_finally_step_runs_its_own_finally_steps() {
    let runbook = |name: &str, body: &str| {
        let head = format!(
            "name = \"{name}\"\ntitle = \"{name}\"\nversion = \"1\"\nmutates = false\ntimeout = \"1m\"\n"
        );
        parse(&format!("{name}.toml"), &(head + body)).unwrap_or_else(|p| panic!("{p:#?}"))
    };
    let step = |table: &str, name: &str, does: &str| {
        let phase = if table == "step" {
            "phase = \"action\"\n"
        } else {
            ""
        };
        format!("[[{table}]]\nname = \"{name}\"\n{phase}{does}\n")
    };
    let (wait, call) = ("wait = \"1s\"", |name: &str| {
        format!("runbook = \"{name}\"")
    });
    let low = runbook(
        "low",
        &(step("step", "work", wait) + &step("finally", "low end", wait)),
    );
    let mid = runbook(
        "mid",
        &(step("step", "work", wait) + &step("finally", "tidy", &call("low"))),
    );
    let top = runbook(
        "top",
        &(step("step", "mid", &call("mid")) + &step("finally", "own", &call("low"))),
    );
    let library = [top.clone(), mid, low];
    let plan = plan_in(
        &top,
        &Request::default(),
        &stack(),
        &library,
        &Integrations::default(),
    );
    assert_eq!(plan.blocks().count(), 0, "{:?}", plan.risks);
    let finally: Vec<(&str, usize)> = plan
        .finally
        .iter()
        .map(|s| (s.name.as_str(), s.rules.within.len()))
        .collect();
    // The called steps run within the timeout of their runbook, its finally steps without it.
    assert_eq!(
        finally,
        [
            ("own › work", 1),
            ("own › low end", 0),
            ("mid › tidy › work", 1),
            ("mid › tidy › low end", 0)
        ]
    );
}

#[test]
fn changes_between_two_plans_are_listed() {
    use crate::run::plan::diff;
    let old = planned(Some("prod"), &[("hosts", "a"), ("replicas", "3")]);
    assert_eq!(diff(&old, &old), Vec::<String>::new());
    let mut new = old.clone();
    new.inputs.insert("replicas".to_owned(), "30".to_owned());
    new.steps.remove(2);
    new.steps[1].on_failure = OnFailure::Jump(2);
    new.steps[0].rules.expect = None;
    let StepSpec::Http(http) = &mut new.steps[1].spec else {
        panic!()
    };
    http.request.body = None;
    let lines = diff(&old, &new);
    for wanted in [
        "~ input replicas: 3 → 30",
        "- step reload a: ",
        "~ step build: ",
        "~ step push: its details (headers, body, text or variables)",
    ] {
        assert!(
            lines.iter().any(|l| l.starts_with(wanted)),
            "{wanted}: {lines:#?}"
        );
    }
}

const WORK: &str = "\n[[step]]\nname = \"work\"\nphase = \"action\"\nshell = \"true\"\n";

#[test]
fn the_name_of_a_group_is_filled_in_from_the_plan() {
    use crate::run::concurrency::{Concurrency, Policy};
    use crate::run::priority::Priority;
    use crate::stack::service::Service;

    let service = |name: &str| Service {
        name: name.to_owned(),
        environments: vec!["prod".to_owned()],
        ..Service::default()
    };
    let stack = Stack {
        services: vec![service("web"), service("api")],
        ..stack()
    };
    let request_for = |env: Option<&str>, services: &[&str], inputs: &[(&str, &str)]| Request {
        env: env.map(str::to_owned),
        services: services.iter().map(ToString::to_string).collect(),
        inputs: inputs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        ..Request::default()
    };
    let group = |template: &str, request: &Request| {
        let head = format!(
            "services = \"optional\"\nconcurrency = {{ group = \"{template}\", policy = \"refuse\" }}"
        );
        let text = format!("{head}\n[[input]]\nname = \"shard\"\ntype = \"text\"\n{WORK}");
        plan(&read(&text), request, &stack)
    };
    for (template, request, name) in [
        ("nightly", request_for(None, &[], &[]), "nightly"),
        (
            "deploy-{env}",
            request_for(Some("prod"), &[], &[]),
            "deploy-prod",
        ),
        ("deploy-{env}", request_for(None, &[], &[]), "deploy-all"),
        (
            "{services} {env}",
            request_for(Some("prod"), &["web", "api"], &[]),
            "api,web prod",
        ),
        (
            "{services} {env}",
            request_for(Some("prod"), &["api", "web"], &[]),
            "api,web prod",
        ),
        (
            "{target}",
            request_for(Some("prod"), &[], &[]),
            "all in prod",
        ),
        (
            "shard {inputs.shard}",
            request_for(None, &[], &[("shard", "7 {env}")]),
            "shard 7 {env}",
        ),
        (
            "shard {inputs.shard}",
            request_for(None, &[], &[]),
            "shard none",
        ),
    ] {
        let planned = group(template, &request);
        let wanted = Concurrency {
            group: name.to_owned(),
            policy: Policy::Refuse,
        };
        assert_eq!(
            (planned.concurrency, planned.priority),
            (Some(wanted), Priority::Normal),
            "{template}"
        );
    }
    let long = group(
        "{inputs.shard}",
        &request_for(None, &[], &[("shard", &"x".repeat(201))]),
    );
    let codes: Vec<_> = long.blocks().map(|risk| risk.code.clone()).collect();
    assert_eq!(
        (codes, long.concurrency),
        (vec!["GROUP_TOO_LONG".to_owned()], None)
    );
    let nameless = "concurrency = { group = \"{inputs.shard}\", policy = \"refuse\" }\n\
                    [[input]]\nname = \"shard\"\ntype = \"choice\"\nchoices = [\"one\", \" \"]\n";
    let empty = plan(
        &read(&format!("{nameless}{WORK}")),
        &request_for(None, &[], &[("shard", " ")]),
        &stack,
    );
    let codes: Vec<_> = empty.blocks().map(|risk| risk.code.clone()).collect();
    assert_eq!(
        (codes, empty.concurrency),
        (vec!["GROUP_EMPTY".to_owned()], None)
    );
    let urgent = plan(
        &read(&format!("priority = \"urgent\"{WORK}")),
        &Request::default(),
        &stack,
    );
    assert_eq!(
        (urgent.priority, urgent.concurrency),
        (Priority::Urgent, None)
    );
}

#[test]
fn a_wrong_group_or_priority_is_reported_with_its_line() {
    for (line, message) in [
        (
            r#"concurrency = { group = "a" }"#,
            "concurrency.policy: is missing; one of queue, refuse, cancel_running",
        ),
        (
            r#"concurrency = { policy = "queue" }"#,
            "concurrency.group: is missing",
        ),
        (
            r#"concurrency = { group = " ", policy = "queue" }"#,
            "concurrency.group: must not be empty",
        ),
        (
            r#"concurrency = { group = "a", policy = "cancel" }"#,
            "concurrency.policy: `cancel` is not one of queue, refuse, cancel_running",
        ),
        (
            r#"concurrency = { group = "{service}", policy = "queue" }"#,
            "concurrency.group: {service} is only known in",
        ),
        (
            r#"concurrency = { group = "{inputs.a}", policy = "queue" }"#,
            "concurrency.group: there is no input `a`",
        ),
        (
            r#"concurrency = { group = "a\nb", policy = "queue" }"#,
            "is not a name: visible characters on one line",
        ),
        (
            r#"concurrency = { group = "a", policy = "queue", max = 2 }"#,
            "concurrency.max: unknown key",
        ),
        (
            r#"concurrency = "a""#,
            "concurrency: must be a table like { key = value }, not a text",
        ),
        (
            r#"priority = "hihg""#,
            "priority: `hihg` is not one of low, normal, high, urgent; did you mean `high`?",
        ),
        (
            "priority = 1",
            "priority: must be a text in quotes, not a whole number",
        ),
    ] {
        let found = problems(&format!("{line}{WORK}"));
        assert!(
            found.len() == 1 && found[0].starts_with("x.toml:6: ") && found[0].contains(message),
            "{line}: {found:?}"
        );
    }
}

#[test]
fn a_page_can_name_a_group() {
    let page = "+++\nversion = \"1\"\nmutates = false\nconcurrency = { group = \"nightly\", policy = \"cancel_running\" }\n+++\n# X\n\n```sh\ntrue\n```\n";
    let runbook = parse("x.md", page).unwrap();
    let plan = plan(&runbook, &Request::default(), &stack());
    assert_eq!(
        plan.concurrency.map(|c| c.to_string()).as_deref(),
        Some("nightly: one run at a time, a new one cancels the others")
    );
    let wrong = parse("x.md", &page.replace("cancel_running", "cancel")).unwrap_err();
    assert!(
        wrong.len() == 1
            && wrong[0]
                .to_string()
                .starts_with("x.md:4: concurrency.policy"),
        "{wrong:?}"
    );
}
