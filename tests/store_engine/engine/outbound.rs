//! Whether an address of this machine may be called depends on where the host came from: from the
//! file, or from an input or an earlier answer.

use std::collections::BTreeMap;

use opsroom::adapter::AdapterContext;
use opsroom::core::base::outbound::{Allowed, Policy};
use opsroom::core::run::plan::Plan;
use opsroom::core::run::{RunStatus, StepStatus};
use opsroom::core::runbook::{self, Request};
use opsroom::core::stack::service::Stack;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::bench::*;

/// The first step calls a host from the file; the second one calls `url`, with saved values and
/// inputs filled in.
fn runbook(port: u16, url: &str, more: &str) -> String {
    format!(
        "name = 'reach'\ntitle = 'reach'\nversion = '1'\nmutates = false\nenv = 'none'\n\
         [[input]]\nname = 'host'\ntype = 'text'\n[[input]]\nname = 'path'\ntype = 'text'\n\
         [[input]]\nname = 'hosts'\ntype = 'list'\n\
         [[step]]\nname = 'get'\nphase = 'preflight'\nhttp = {{ url = 'http://127.0.0.1:{port}/start' }}\n\
         [step.save]\nh = 'response.body.h'\n\
         [[step]]\nname = 'call'\nphase = 'action'\nhttp = {{ url = '{url}' }}\n{more}"
    )
}

fn planned(text: &str, inputs: &[(&str, &str)]) -> Plan {
    let runbook = runbook::parse("reach.toml", text).unwrap();
    let inputs: BTreeMap<_, _> = inputs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    let plan = runbook::plan(
        &runbook,
        &Request {
            inputs,
            ..Request::default()
        },
        &Stack::default(),
    );
    assert_eq!(plan.blocks().count(), 0, "{:?}", plan.risks);
    plan
}

async fn server() -> MockServer {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_string(r#"{"h": "127.0.0.1"}"#);
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

#[tokio::test]
async fn a_host_from_an_input_or_an_answer_reaches_no_private_address() {
    let server = server().await;
    let port = server.address().port();
    let items = "for_each = 'inputs.hosts'\n";
    for (url, more, inputs, allowed) in [
        // A host from the file is called, whatever follows it.
        (
            format!("http://127.0.0.1:{port}/{{steps.get.h}}"),
            "",
            [("path", "x")],
            true,
        ),
        (
            format!("http://127.0.0.1:{port}/{{inputs.path}}"),
            "",
            [("path", "@10.0.0.1/")],
            true,
        ),
        (
            format!("http://localhost:{port}/{{inputs.path}}"),
            "",
            [("path", "x")],
            true,
        ),
        // Any other host is not.
        (
            format!("http://{{steps.get.h}}:{port}/"),
            "",
            [("path", "x")],
            false,
        ),
        (
            format!("http://{{inputs.host}}:{port}/"),
            "",
            [("host", "127.0.0.1")],
            false,
        ),
        (
            format!("http://{{inputs.host}}:{port}/"),
            "",
            [("host", "localhost")],
            false,
        ),
        (
            format!("http://{{inputs.host}}:{port}/"),
            "",
            [("host", "0x7f.1")],
            false,
        ),
        (
            format!("http://127.0.0.{{inputs.host}}:{port}/"),
            "",
            [("host", "1")],
            false,
        ),
        (
            format!("http://{{item}}:{port}/"),
            items,
            [("hosts", "127.0.0.1")],
            false,
        ),
    ] {
        let plan = planned(&runbook(port, &url, more), &inputs);
        let bench = Bench::real().await;
        let run = bench.run(plan.clone()).await;
        let call = bench.steps(run.id).await.remove(1);
        assert_eq!(
            call.status == StepStatus::Succeeded,
            allowed,
            "{url} {inputs:?}: {call:?}"
        );
        if allowed {
            continue;
        }
        let message = call.message.unwrap();
        assert!(
            message.contains("came from an input or an earlier answer"),
            "{url}: {message}"
        );
        // An entry in the list allows it.
        let allow = ["127.0.0.1", "localhost"].map(|host| Allowed::parse(host).unwrap());
        let bench = Bench::real_with(AdapterContext {
            policy: Policy::new(allow.into()),
            ..AdapterContext::default()
        })
        .await;
        assert_ended(&bench.run(plan).await, RunStatus::Succeeded);
    }
}

#[tokio::test]
async fn the_plan_names_the_host_that_is_called() {
    for (url, called) in [
        (r"http://127.1.1.1:80\@127.2.2.2:80/", "http 127.1.1.1"),
        ("http://127.1.1.1:80@127.2.2.2:81/", "http 127.2.2.2:81"),
        ("http://0x7f.1:8080/", "http 127.0.0.1:8080"),
        ("http://xn--pple-43d.test/", "http xn--pple-43d.test"),
        ("http://{inputs.host}/", "http evil.test"),
        ("http://{steps.get.h}/", "http {steps.get.h}"),
    ] {
        let plan = planned(&runbook(1, url, ""), &[("host", "evil.test")]);
        assert_eq!(plan.integrations, ["http 127.0.0.1:1", called], "{url}");
    }
    let plan = planned(&runbook(1, r"http://127.1.1.1:80\@127.2.2.2:80/", ""), &[]);
    assert!(
        plan.steps[1]
            .spec
            .describe()
            .ends_with(" (calls 127.1.1.1)"),
        "{}",
        plan.steps[1].spec.describe()
    );
}
