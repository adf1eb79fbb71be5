//! Operations of products, against a server that answers as their documentation describes.

use opsroom::adapter::AdapterContext;
use opsroom::core::base::secret::{HostPattern, Secret, Source};
use opsroom::core::run::plan::{PlanStep, Rules};
use opsroom::core::run::step::StepSpec;
use opsroom::core::run::step::adapter::Adapter;
use opsroom::core::run::{Phase, RunStatus, StepStatus};
use opsroom::vault::Vault;
use serde_json::{Value, json};
use wiremock::matchers::{body_partial_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::bench::*;

const TOKEN: &str = "hunter2-token";

fn context() -> AdapterContext {
    let source = Source::Command(vec!["printf".to_owned(), TOKEN.to_owned()]);
    let hosts = vec![HostPattern::parse("127.0.0.1").unwrap()];
    let vault = Vault::new(vec![Secret {
        name: "GITHUB".to_owned(),
        source,
        hosts,
    }]);
    AdapterContext {
        vault,
        ..AdapterContext::default()
    }
}

fn operate(server: &MockServer, operation: &str, args: &[(&str, &str)]) -> PlanStep {
    let adapter = Adapter {
        operation: operation.to_owned(),
        args: args
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        base_url: server.uri(),
        token: "GITHUB".to_owned(),
    };
    step(Phase::Action, operation, StepSpec::Adapter(adapter))
}

const PULL: [(&str, &str); 7] = [
    ("repo", "acme/ops"),
    ("base", "main"),
    ("head", "specs/web"),
    ("path", "docs/web.md"),
    ("content", "# Web\n"),
    ("title", "Spec: web"),
    ("draft", "false"),
];

async fn on(server: &MockServer, verb: &str, at: &str, status: u16, body: Value) {
    let answer = ResponseTemplate::new(status).set_body_json(body);
    Mock::given(method(verb))
        .and(path(at))
        .and(header("authorization", format!("Bearer {TOKEN}")))
        .and(header("x-github-api-version", "2022-11-28"))
        .respond_with(answer)
        .mount(server)
        .await;
}

async fn github(file: (u16, Value)) -> MockServer {
    let server = MockServer::start().await;
    let sha = json!({ "ref": "refs/heads/main", "object": { "sha": "b45e", "type": "commit" } });
    on(
        &server,
        "GET",
        "/repos/acme/ops/git/ref/heads/main",
        200,
        sha,
    )
    .await;
    on(
        &server,
        "GET",
        "/repos/acme/ops/contents/docs/web.md",
        file.0,
        file.1,
    )
    .await;
    on(
        &server,
        "POST",
        "/repos/acme/ops/git/refs",
        201,
        json!({ "ref": "refs/heads/specs/web" }),
    )
    .await;
    on(
        &server,
        "PUT",
        "/repos/acme/ops/contents/docs/web.md",
        201,
        json!({ "commit": { "sha": "c0de" } }),
    )
    .await;
    let made = json!({ "number": 7, "html_url": "https://github.test/acme/ops/pull/7" });
    on(&server, "POST", "/repos/acme/ops/pulls", 201, made).await;
    server
}

#[tokio::test]
async fn a_pull_request_is_opened_with_a_new_or_a_replaced_file() {
    for (file, sha) in [
        ((404, json!({ "message": "Not Found" })), Value::Null),
        ((200, json!({ "sha": "f11e" })), json!("f11e")),
    ] {
        let server = github(file).await;
        let bench = Bench::real_with(context()).await;
        let expect = "response.result.number == 7 && response.status == 201 && response.result.commit == 'c0de'";
        let rules = Rules {
            expect: Some(expect.to_owned()),
            ..Rules::default()
        };
        let run = bench
            .run(plan(vec![PlanStep {
                rules,
                ..operate(&server, "github.create_pull_request", &PULL)
            }]))
            .await;
        let log = bench.log(run.id).await;
        assert_eq!(run.status, RunStatus::Succeeded, "{log:#?}");
        assert!(
            log.iter()
                .any(|l| l.contains("opened a pull request, https://github.test/acme/ops/pull/7")),
            "{log:#?}"
        );
        assert!(log.iter().all(|l| !l.contains("hunter2")), "{log:#?}");
        let sent: Vec<Value> = server
            .received_requests()
            .await
            .unwrap()
            .iter()
            .filter(|r| !r.body.is_empty())
            .map(|r| serde_json::from_slice(&r.body).unwrap())
            .collect();
        assert_eq!(
            sent[0],
            json!({ "ref": "refs/heads/specs/web", "sha": "b45e" })
        );
        assert_eq!(
            (&sent[1]["content"], &sent[1]["branch"], &sent[1]["sha"]),
            (&json!("IyBXZWIK"), &json!("specs/web"), &sha)
        );
        assert_eq!(
            sent[2],
            json!({ "title": "Spec: web", "head": "specs/web", "base": "main", "draft": false })
        );
    }
}

#[tokio::test]
async fn a_partial_failure_reports_what_was_done() {
    let server = MockServer::start().await;
    let refused = ResponseTemplate::new(422).set_body_json(json!({
        "message": "Validation Failed",
        "errors": [{ "message": "A pull request already exists for acme:specs/web." }],
    }));
    Mock::given(method("POST"))
        .and(path("/repos/acme/ops/pulls"))
        .respond_with(refused)
        .mount(&server)
        .await;
    for (verb, status) in [("GET", 200), ("POST", 201), ("PUT", 200)] {
        Mock::given(method(verb))
            .respond_with(ResponseTemplate::new(status).set_body_json(json!({})))
            .with_priority(9)
            .mount(&server)
            .await;
    }
    let bench = Bench::real_with(context()).await;
    let run = bench
        .run(plan(vec![operate(
            &server,
            "github.create_pull_request",
            &PULL,
        )]))
        .await;
    let log = bench.log(run.id).await.join("\n");
    assert_eq!(run.status, RunStatus::Failed);
    for wanted in [
        "HTTP 422: Validation Failed: A pull request already exists",
        "before that it created the branch specs/web, committed docs/web.md",
    ] {
        assert!(log.contains(wanted), "{log}");
    }
}

#[tokio::test]
async fn other_operations_send_the_documented_requests() {
    let server = MockServer::start().await;
    let answer = |status: u16, body: Value| ResponseTemplate::new(status).set_body_json(body);
    Mock::given(method("POST"))
        .and(path(
            "/repos/acme/ops/actions/workflows/deploy.yml/dispatches",
        ))
        .and(body_partial_json(
            json!({ "ref": "main", "inputs": { "version": "1.4" } }),
        ))
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    Mock::given(path("/repos/acme/ops/commits/main/status"))
        .respond_with(answer(
            200,
            json!({ "state": "failure", "total_count": 2, "sha": "b45e" }),
        ))
        .mount(&server)
        .await;
    Mock::given(path("/v10/projects/prj_1/promote/dpl_1"))
        .and(query_param("teamId", "team_1"))
        .respond_with(ResponseTemplate::new(201))
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .and(path("/v2/droplets/31/actions"))
        .and(body_partial_json(json!({ "type": "reboot" })))
        .respond_with(answer(
            201,
            json!({ "action": { "id": 9, "status": "in-progress" } }),
        ))
        .mount(&server)
        .await;
    let bench = Bench::real_with(context()).await;
    let inputs = r#"{"version":"1.4"}"#;
    let status = operate(
        &server,
        "github.combined_status",
        &[("repo", "acme/ops"), ("ref", "main")],
    );
    let expect = Some("response.result.state == 'success'".to_owned());
    let steps = vec![
        operate(
            &server,
            "github.dispatch_workflow",
            &[
                ("repo", "acme/ops"),
                ("workflow", "deploy.yml"),
                ("ref", "main"),
                ("inputs", inputs),
            ],
        ),
        operate(
            &server,
            "vercel.promote",
            &[
                ("project", "prj_1"),
                ("deployment", "dpl_1"),
                ("team", "team_1"),
            ],
        ),
        operate(&server, "digitalocean.reboot_droplet", &[("droplet", "31")]),
        PlanStep {
            rules: Rules {
                expect,
                ..Rules::default()
            },
            ..status
        },
    ];
    let run = bench.run(plan(steps)).await;
    let log = bench.log(run.id).await.join("\n");
    assert_eq!(run.status, RunStatus::Failed, "{log}");
    for wanted in [
        "started the workflow deploy.yml",
        "promoted dpl_1",
        "rebooting 31",
        "not as expected",
    ] {
        assert!(log.contains(wanted), "{wanted}: {log}");
    }
}

/// As `generate spec` does it: the pull request is opened after a yes and skipped after a no, which
/// is not a failure.
#[tokio::test]
async fn a_pull_request_waits_for_a_yes() {
    for (yes, status, requests) in [
        (true, StepStatus::Succeeded, 5),
        (false, StepStatus::Skipped, 0),
    ] {
        let server = github((404, json!({ "message": "Not Found" }))).await;
        let bench = Bench::real_with(context()).await;
        let mut ask = manual(Phase::Action, "publish");
        ask.rules = Rules {
            key: "publish".to_owned(),
            optional: true,
            ..Rules::default()
        };
        let when = Some("steps.publish.done".to_owned());
        let open = operate(&server, "github.create_pull_request", &PULL);
        let open = PlanStep {
            rules: Rules {
                when,
                ..Rules::default()
            },
            ..open
        };
        let engine = bench.engine();
        let id = bench.submit(plan(vec![ask, open])).await;
        engine.wake();
        bench
            .until(id, |run| run.status == RunStatus::Waiting)
            .await;
        bench
            .store
            .answer(id, 0, yes, None, "ana", opsroom::clock::Clock::System.now())
            .await
            .unwrap();
        engine.wake();
        let run = bench.ended(id).await;
        assert_eq!(
            run.status,
            RunStatus::Succeeded,
            "{:#?}",
            bench.log(id).await
        );
        assert_eq!(bench.statuses(id).await, [StepStatus::Succeeded, status]);
        assert_eq!(server.received_requests().await.unwrap().len(), requests);
    }
}
