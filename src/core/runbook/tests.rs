//! Whole plans of the built-in runbooks against a small stack.

use proptest::prelude::*;

use super::*;
use crate::routine::scheduled::Work;
use crate::run::plan::{RiskLevel, plan_hash};
use crate::run::step::StepSpec;
use crate::stack::service::{
    Action, ActionCall, Contact, Environment, HttpRequest, Service, Sla, Tier,
};
use crate::stack::shell::ShellCommand;

fn environment(name: &str, alias: &str, protected: bool) -> Environment {
    Environment {
        name: name.to_owned(),
        aliases: vec![alias.to_owned()],
        protected,
        approve: None,
    }
}

fn http(verb: Verb, method: &str, url: &str) -> Action {
    let request = HttpRequest {
        method: method.to_owned(),
        url: url.to_owned(),
        ..HttpRequest::default()
    };
    Action {
        verb,
        environments: vec![],
        call: ActionCall::Http(request),
        timeout_ms: 5_000,
        idempotent: verb == Verb::Deploy,
        secrets: vec![],
    }
}

fn shell(verb: Verb, script: &str) -> Action {
    let call = ActionCall::Shell(ShellCommand::Script(script.to_owned()));
    Action {
        verb,
        environments: vec![],
        call,
        timeout_ms: 60_000,
        idempotent: false,
        secrets: vec![],
    }
}

fn service(name: &str, environments: &[&str], actions: Vec<Action>) -> Service {
    Service {
        name: name.to_owned(),
        environments: environments.iter().map(ToString::to_string).collect(),
        actions,
        ..Service::default()
    }
}

fn stack() -> Stack {
    let web = Service {
        tier: Tier::Critical,
        owner: Some("ana@acme.test".to_owned()),
        depends_on: vec!["api".to_owned()],
        sla: Some(Sla {
            uptime_pct: Some(99.9),
            latency_ms: Some(300),
            freshness_hours: None,
        }),
        ..service(
            "web",
            &["staging", "prod"],
            vec![
                http(
                    Verb::Probe,
                    "GET",
                    "https://{service}.{env}.acme.test:8443/health",
                ),
                http(
                    Verb::Deploy,
                    "POST",
                    "https://deploy.acme.test/{env}/{service}?v={inputs.version}",
                ),
                shell(
                    Verb::Rollback,
                    "./rollback.sh \"$OPSROOM_SERVICE\" \"$OPSROOM_INPUT_VERSION\"",
                ),
                http(
                    Verb::Scale,
                    "POST",
                    "https://deploy.acme.test/{env}/{service}/scale",
                ),
            ],
        )
    };
    let api = service(
        "api",
        &["staging", "prod"],
        vec![shell(Verb::Deploy, "./deploy.sh")],
    );
    let worker = service(
        "billing worker",
        &["prod"],
        vec![http(
            Verb::Probe,
            "GET",
            "https://worker.acme.test/{service}",
        )],
    );
    let crm = service(
        "crm",
        &[],
        vec![http(Verb::Probe, "GET", "https://crm.test/up")],
    );
    let dashboard = Service {
        notes: Some("Shows sales numbers to the board".to_owned()),
        owner: Some("ana@acme.test".to_owned()),
        aliases: vec!["board".to_owned()],
        depends_on: vec!["web".to_owned()],
        ..service("dashboard", &["staging", "prod"], vec![])
    };
    Stack {
        workspace: "acme".to_owned(),
        timezone: "UTC".to_owned(),
        environments: vec![
            environment("staging", "stg", false),
            environment("prod", "live", true),
        ],
        services: vec![web, api, worker, crm, dashboard],
        contacts: vec![Contact {
            name: "Bo".to_owned(),
            email: Some("bo@acme.test".to_owned()),
            phone: None,
        }],
        ..Stack::default()
    }
}

fn runbook(name: &str) -> Runbook {
    built_in().into_iter().find(|r| r.name == name).unwrap()
}

/// `request("prod", "web api", "version=1")`
fn request(env: &str, services: &str, inputs: &str) -> Request {
    let pairs = inputs
        .split_whitespace()
        .map(|pair| pair.split_once('=').unwrap());
    Request {
        env: (!env.is_empty()).then(|| env.to_owned()),
        services: services
            .split_whitespace()
            .map(|s| s.replace('_', " "))
            .collect(),
        inputs: pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
        raw_text: "as typed".to_owned(),
    }
}

fn planned(name: &str, env: &str, services: &str, inputs: &str) -> Plan {
    plan(&runbook(name), &request(env, services, inputs), &stack())
}

fn codes(plan: &Plan) -> Vec<&str> {
    plan.risks.iter().map(|r| r.code.as_str()).collect()
}

fn blocks(plan: &Plan) -> Vec<&str> {
    plan.blocks().map(|r| r.code.as_str()).collect()
}

fn message<'p>(plan: &'p Plan, code: &str) -> &'p str {
    &plan
        .risks
        .iter()
        .find(|r| r.code == code)
        .unwrap_or_else(|| panic!("no {code} in {:?}", plan.risks))
        .message
}

fn step_names(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|s| s.name.as_str()).collect()
}

/// The plan as JSON, without the hash, which any edit of the runbook changes.
fn shown(mut plan: Plan) -> String {
    assert_eq!(plan.definition_hash.len(), 16);
    plan.definition_hash = "…".to_owned();
    serde_json::to_string_pretty(&plan).unwrap()
}

#[test]
fn deploy_web_to_staging_whole() {
    insta::assert_snapshot!(shown(planned("deploy", "staging", "web", "version=1.4.2")));
}

#[test]
fn check_staging_whole() {
    insta::assert_snapshot!(shown(planned("healthcheck", "staging", "", "")));
}

#[test]
fn spec_dashboard_whole() {
    let plan = planned("spec", "", "", "subject=dashboard");
    let StepSpec::Document(document) = &plan.steps[0].spec else {
        panic!("{:?}", plan.steps)
    };
    insta::assert_snapshot!("spec_dashboard_document", document.content);
    insta::assert_snapshot!(shown(plan));
}

#[test]
fn the_spec_becomes_a_pull_request_only_where_one_can_be_opened_and_after_a_question() {
    use crate::integration::Integrations;
    use crate::integration::product::{Account, Product};

    let (base_url, token) = (Product::GitHub.base_url().to_owned(), "GITHUB".to_owned());
    let account = Account {
        product: Product::GitHub,
        base_url,
        token,
        per_minute: 60,
    };
    let github = Integrations {
        accounts: vec![account],
        ..Integrations::default()
    };
    for (declared, repo, steps, mutates) in [
        (&Integrations::default(), None, 1, false),
        (&Integrations::default(), Some("acme/ops"), 1, false),
        (&github, None, 1, false),
        (&github, Some("acme/ops"), 3, true),
    ] {
        let mut request = Request::default();
        request
            .inputs
            .insert("subject".to_owned(), "Web page: v2".to_owned());
        request
            .inputs
            .extend(repo.map(|repo| ("repo".to_owned(), repo.to_owned())));
        let plan = plan_in(&runbook("spec"), &request, &stack(), &[], declared);
        assert_eq!(
            (plan.steps.len(), plan.mutates, plan.blocks().count()),
            (steps, mutates, 0),
            "{:#?}",
            plan.risks
        );
        assert_eq!(
            plan.risks.iter().any(|r| r.code == "NO_PULL_REQUEST"),
            steps == 1
        );
        let Some(StepSpec::Adapter(adapter)) = plan.steps.get(2).map(|s| &s.spec) else {
            continue;
        };
        assert_eq!(
            plan.steps[2]
                .rules
                .when
                .as_deref()
                .map(|w| w.contains("steps.publish.done")),
            Some(true)
        );
        assert!(plan.steps[1].rules.optional && !plan.steps[2].idempotent);
        assert_eq!(adapter.args["head"], "opsroom/spec-Web-page-v2");
        assert_eq!(adapter.args["path"], "specs/Web page: v2.md");
        let StepSpec::Document(document) = &plan.steps[0].spec else {
            panic!()
        };
        assert_eq!(adapter.args["content"], document.content);
    }
}

#[test]
fn titles_and_phrases_are_true_for_their_target() {
    for (name, env, services, inputs, title, restatement) in [
        (
            "deploy",
            "staging",
            "web",
            "",
            "deploy web → staging",
            "deploy web to staging",
        ),
        (
            "deploy",
            "live",
            "web api",
            "version=2",
            "deploy web and api → prod",
            "deploy web and api to prod with version=2",
        ),
        (
            "deploy",
            "staging",
            "",
            "",
            "deploy all services → staging",
            "deploy all services to staging",
        ),
        (
            "healthcheck",
            "staging",
            "",
            "",
            "check staging",
            "check staging",
        ),
        ("healthcheck", "", "web", "", "check web", "check web"),
        (
            "healthcheck",
            "prod",
            "web billing_worker",
            "",
            "check web and billing worker in prod",
            "check web and billing worker in prod",
        ),
        (
            "healthcheck",
            "",
            "*",
            "",
            "check everything",
            "check everything",
        ),
        ("healthcheck", "", "crm", "", "check crm", "check crm"),
        (
            "rollback",
            "prod",
            "web",
            "version=1.3.0",
            "roll back web → prod",
            "roll back web in prod to 1.3.0",
        ),
        (
            "rollback",
            "prod",
            "web",
            "",
            "roll back web → prod",
            "roll back web in prod",
        ),
        (
            "scale",
            "staging",
            "web",
            "replicas=3",
            "scale web to 3 → staging",
            "scale web to 3 in staging",
        ),
        (
            "incident",
            "prod",
            "",
            "notes=errors",
            "investigate prod",
            "investigate prod with notes=errors",
        ),
        (
            "healthcheck",
            "PROD",
            "Billing-Worker",
            "",
            "check billing worker in prod",
            "check billing worker in prod",
        ),
        (
            "spec",
            "",
            "",
            "subject=board",
            "spec board",
            "generate spec for board",
        ),
    ] {
        let plan = planned(name, env, services, inputs);
        assert_eq!(
            (plan.title.as_str(), plan.restatement.as_str()),
            (title, restatement)
        );
    }
}

#[test]
fn obstacles_are_blocks_that_say_how_to_remove_them() {
    for (name, env, services, inputs, code, says) in [
        (
            "deploy",
            "staging",
            "dashboard",
            "",
            "NOT_CONFIGURED",
            "[[service.action]] do = \"deploy\"",
        ),
        (
            "deploy",
            "staging",
            "dashboard",
            "",
            "NOT_CONFIGURED",
            "dashboard has no deploy action for staging",
        ),
        (
            "healthcheck",
            "prod",
            "api",
            "",
            "NOT_CONFIGURED",
            "do = \"probe\"",
        ),
        (
            "deploy",
            "staging",
            "billing_worker",
            "",
            "NOT_IN_ENVIRONMENT",
            "it runs in prod",
        ),
        (
            "healthcheck",
            "prod",
            "crm",
            "",
            "NOT_IN_ENVIRONMENT",
            "leave the environment out",
        ),
        (
            "deploy",
            "stagin",
            "web",
            "",
            "UNKNOWN_ENVIRONMENT",
            "did you mean staging?",
        ),
        (
            "deploy",
            "mars",
            "web",
            "",
            "UNKNOWN_ENVIRONMENT",
            "there are staging, prod",
        ),
        (
            "deploy",
            "staging",
            "wbe",
            "",
            "UNKNOWN_SERVICE",
            "did you mean web?",
        ),
        (
            "deploy",
            "",
            "web",
            "",
            "INPUT_MISSING",
            "say which environment: staging, prod",
        ),
        (
            "deploy",
            "",
            "",
            "",
            "INPUT_MISSING",
            "say which environment",
        ),
        (
            "rollback",
            "prod",
            "",
            "",
            "INPUT_MISSING",
            "say which service",
        ),
        (
            "scale",
            "prod",
            "web",
            "",
            "INPUT_MISSING",
            "say replicas=…",
        ),
        (
            "scale",
            "prod",
            "web",
            "replicas=many",
            "INPUT_INVALID",
            "is not a whole number",
        ),
        (
            "scale",
            "prod",
            "web",
            "replicas=1001",
            "INPUT_INVALID",
            "the most allowed",
        ),
        (
            "deploy",
            "staging",
            "web",
            "versoin=1",
            "INPUT_UNDECLARED",
            "did you mean version?",
        ),
        (
            "restart",
            "staging",
            "web",
            "tag=1",
            "INPUT_UNDECLARED",
            "it has no inputs",
        ),
        (
            "deploy",
            "staging",
            "web",
            "version=1 at=10m",
            "NOT_SCHEDULED",
            "is not in this version",
        ),
        (
            "backup",
            "staging",
            "*",
            "",
            "NOTHING_TO_DO",
            "do = \"backup\"",
        ),
        (
            "schema_sync",
            "prod",
            "",
            "",
            "SCHEMA_DESTRUCTIVE",
            "reviewed=true",
        ),
        // web's deploy action needs a version
        (
            "deploy",
            "staging",
            "web",
            "",
            "INPUT_MISSING",
            "say version=…",
        ),
    ] {
        let plan = planned(name, env, services, inputs);
        let found = plan
            .blocks()
            .find(|r| r.code == code && r.message.contains(says));
        assert!(
            found.is_some(),
            "{name} {env} {services} {inputs}: {:#?}",
            plan.risks
        );
    }
    assert!(
        !blocks(&planned("schema_sync", "prod", "web", "reviewed=true"))
            .contains(&"SCHEMA_DESTRUCTIVE")
    );
}

#[test]
fn a_deploy_without_a_service_takes_all_that_can_and_says_so() {
    let plan = planned("deploy", "staging", "", "version=2");
    assert_eq!(plan.services, ["web", "api"]);
    assert_eq!(blocks(&plan), [""; 0]);
    assert!(
        message(&plan, "ALL_SERVICES").contains("web, api"),
        "{:?}",
        plan.risks
    );
    assert!(
        message(&plan, "LEFT_OUT").contains("dashboard"),
        "{:?}",
        plan.risks
    );
    assert!(
        message(&plan, "NOT_VERIFIED").contains("api has no probe action"),
        "{:?}",
        plan.risks
    );
    assert_eq!(
        step_names(&plan),
        [
            "probe web before",
            "deploy web",
            "deploy api",
            "probe web after",
            "write down what was done"
        ]
    );
    assert!(!plan.protected && plan.confirm_word().is_none());
}

#[test]
fn changes_of_a_protected_environment_warn_and_need_a_word() {
    let plan = planned("deploy", "prod", "web", "version=2");
    assert!(plan.protected && plan.mutates);
    assert_eq!(
        message(&plan, "PROD_CHANGE"),
        "changes prod, which is protected"
    );
    assert_eq!(codes(&plan), ["PROD_CHANGE", "POTENTIAL_DOWNTIME"]);
    assert_eq!(plan.confirm_word().as_deref(), Some("prod web"));
    assert_eq!(
        planned("deploy", "prod", "", "version=2")
            .confirm_word()
            .as_deref(),
        Some("prod web api")
    );
    let check = planned("healthcheck", "prod", "", "");
    assert!(
        check.protected
            && check.confirm_word().is_none()
            && !codes(&check).contains(&"PROD_CHANGE")
    );
}

#[test]
fn a_check_without_an_environment_checks_all_of_them() {
    let plan = planned("healthcheck", "", "", "");
    assert_eq!(
        step_names(&plan),
        [
            "probe web in staging",
            "probe web in prod",
            "probe billing worker in prod",
            "probe crm",
            "write down what was found"
        ]
    );
    assert!(
        plan.steps[..4]
            .iter()
            .all(|s| s.probe && s.on_failure == OnFailure::Continue && s.target.is_some())
    );
    assert_eq!(
        plan.integrations,
        [
            "http web.staging.acme.test:8443",
            "http web.prod.acme.test:8443",
            "http worker.acme.test",
            "http crm.test"
        ]
    );
    let StepSpec::Http(worker) = &plan.steps[2].spec else {
        panic!()
    };
    assert_eq!(
        worker.request.url,
        "https://worker.acme.test/billing%20worker"
    );
}

#[test]
fn a_runbook_without_services_does_not_accept_them() {
    let text = "name = 'x'\ntitle = 'x'\nversion = '1'\nmutates = true\nenv = 'none'\n[[step]]\nname = 'a'\nphase = 'action'\nshell = 'true'\n";
    let runbook = parse("x.toml", text).unwrap();
    assert!(blocks(&plan(&runbook, &request("", "", ""), &stack())).is_empty());
    assert_eq!(
        blocks(&plan(&runbook, &request("", "web", ""), &stack())),
        ["INPUT_UNDECLARED"]
    );
    assert_eq!(
        blocks(&plan(&runbook, &request("staging", "", ""), &stack())),
        ["INPUT_UNDECLARED"]
    );
}

#[test]
fn an_input_the_action_ignores_is_reported() {
    let plan = planned("scale", "staging", "web", "replicas=3");
    assert!(
        message(&plan, "INPUT_UNUSED").contains("{inputs.replicas}"),
        "{:?}",
        plan.risks
    );
    let shell = planned("rollback", "staging", "web", "version=1.3.0");
    assert!(
        !codes(&shell).contains(&"INPUT_UNUSED"),
        "what a script does with its variables is not known"
    );
}

#[test]
fn shell_steps_get_variables_and_their_text_as_written() {
    let plan = planned("rollback", "prod", "web", "version=1.3.0");
    let StepSpec::Shell(shell) = &plan.steps[0].spec else {
        panic!("{:?}", plan.steps)
    };
    assert!(
        matches!(&shell.command, ShellCommand::Script(text) if text.contains("$OPSROOM_INPUT_VERSION"))
    );
    let env: Vec<_> = shell.env.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(
        env,
        [
            "OPSROOM_ENV=prod",
            "OPSROOM_INPUT_VERSION=1.3.0",
            "OPSROOM_SERVICE=web"
        ]
    );
    assert_eq!(plan.integrations, ["shell", "http web.prod.acme.test:8443"]);
}

#[test]
fn force_leaves_the_preflight_out_and_says_so() {
    let plan = planned("deploy", "staging", "web", "version=2 force=true");
    assert_eq!(
        step_names(&plan),
        ["deploy web", "probe web after", "write down what was done"]
    );
    assert!(codes(&plan).contains(&"PREFLIGHT_SKIPPED"));
}

#[test]
fn an_incident_gathers_evidence_and_leaves_a_report() {
    let plan = planned("incident", "prod", "", "notes=timeouts");
    assert_eq!(
        step_names(&plan),
        ["probe web", "probe billing worker", "write the report"]
    );
    assert!(!plan.mutates && blocks(&plan).is_empty());
    let StepSpec::Document(document) = &plan.steps[2].spec else {
        panic!()
    };
    for fact in [
        "timeouts",
        "web (critical tier): ana@acme.test, needed by dashboard",
        "Bo: bo@acme.test",
        "{results}",
    ] {
        assert!(
            document.content.contains(fact),
            "{fact} in {}",
            document.content
        );
    }
}

#[test]
fn the_spec_of_an_unknown_subject_leaves_everything_open() {
    let plan = plan(
        &runbook("spec"),
        &Request {
            inputs: [("subject".to_owned(), "release notes".to_owned())].into(),
            ..Request::default()
        },
        &stack(),
    );
    assert!(blocks(&plan).is_empty() && codes(&plan).contains(&"NO_PULL_REQUEST"));
    let StepSpec::Document(document) = &plan.steps[0].spec else {
        panic!()
    };
    assert!(
        document
            .content
            .contains("The stack has no service of this name"),
        "{}",
        document.content
    );
    assert!(!document.content.contains("ana@"), "{}", document.content);
}

#[test]
fn deadlines_are_honest() {
    assert_eq!(
        planned("healthcheck", "staging", "", "").timeout_ms,
        30 * 60_000
    );
    let many = (0..1000).map(|n| {
        service(
            &format!("s{n}"),
            &["staging"],
            vec![http(Verb::Probe, "GET", "http://h/")],
        )
    });
    let big = Stack {
        services: many.collect(),
        ..stack()
    };
    let plan = plan(&runbook("healthcheck"), &request("staging", "", ""), &big);
    assert_eq!(
        plan.timeout_ms,
        1000 * 5_000 + 10_000,
        "a thousand probes may take longer than half an hour"
    );
}

#[test]
fn probes_are_every_target_that_can_be_probed() {
    let probes = scheduled(&stack(), 60_000);
    let names: Vec<_> = probes.iter().map(Scheduled::name).collect();
    assert_eq!(
        names,
        [
            "probe web in staging",
            "probe web in prod",
            "probe billing worker in prod",
            "probe crm"
        ]
    );
    let of_step = |s: &Scheduled| match &s.work {
        Work::Probe(step) => (step.name.clone(), step.probe && step.idempotent),
        other => panic!("{other:?}"),
    };
    assert!(
        probes
            .iter()
            .all(|s| of_step(s) == (s.name().to_owned(), true))
    );
    assert!(scheduled(&stack(), 0).is_empty(), "probing is off");
}

#[test]
fn conditions_are_probes_and_undecidable_ones_are_refused() {
    let unless = gate(&request("staging", "", ""), &stack(), true).unwrap();
    assert_eq!(
        (unless.text.as_str(), unless.negated),
        ("staging is healthy", true)
    );
    assert_eq!(
        unless
            .steps
            .iter()
            .map(|s| s.name.as_str())
            .collect::<Vec<_>>(),
        ["probe web"]
    );
    let only_if = gate(&request("prod", "web", ""), &stack(), false).unwrap();
    assert_eq!(
        (only_if.text.as_str(), only_if.negated),
        ("web in prod is healthy", false)
    );

    for (env, services, says) in [
        ("staging", "api", "api has no probe action for staging"),
        ("staging", "web api", "api has no probe action for staging"),
        ("mars", "", "there are staging, prod"),
        ("staging", "billing_worker", "it runs in prod"),
    ] {
        let why = gate(&request(env, services, ""), &stack(), false).unwrap_err();
        assert!(
            why.contains("cannot be known") && why.contains(says),
            "{why}"
        );
    }
    let bare = Stack {
        services: vec![service("web", &["staging"], vec![])],
        ..stack()
    };
    assert!(
        gate(&request("staging", "", ""), &bare, false)
            .unwrap_err()
            .contains("do = \"probe\"")
    );
}

proptest! {
    #[test]
    fn planning_never_fails_and_is_deterministic(
        which in 0_usize..9, env in "(staging|prod|stg|mars|)", services in "((web|api|crm|\\*|x) ?){0,3}",
        version in any::<String>(), name in "[a-z]{1,9}",
    ) {
        let runbook = &built_in()[which];
        let mut request = request(&env, &services, "");
        request.inputs.insert("version".to_owned(), version.clone());
        request.inputs.insert("subject".to_owned(), version);
        request.inputs.insert(name, "1".to_owned());
        let first = plan(runbook, &request, &stack());
        prop_assert_eq!(plan_hash(&first), plan_hash(&plan(runbook, &request, &stack())));
        let names: std::collections::BTreeSet<_> = first.steps.iter().map(|s| &s.name).collect();
        prop_assert_eq!(names.len(), first.steps.len());
        prop_assert!(first.steps.is_sorted_by_key(|s| s.phase));
        prop_assert!(!first.steps.is_empty() || first.risks.iter().any(|r| r.level == RiskLevel::Block));
        let read: Plan = serde_json::from_str(&serde_json::to_string(&first).unwrap()).unwrap();
        prop_assert_eq!(read, first);
    }
}
