//! Notifiers against servers on this machine: what arrives, what is retried, what is never stored.

use opsroom::adapter::AdapterContext;
use opsroom::core::base::secret::{HostPattern, Secret, Source};
use opsroom::core::integration::Integrations;
use opsroom::core::integration::notify::{
    Address, Channel, Discord, Email, Event, Message, Notifier, PagerDuty, SIGNATURE, Severity,
    Slack, TIMESTAMP, Tls, Webhook, signature,
};
use opsroom::core::run::plan::{PlanStep, Retry};
use opsroom::core::run::step::StepSpec;
use opsroom::core::run::step::notify::Notify;
use opsroom::core::run::{Phase, RunStatus};
use opsroom::vault::Vault;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::bench::*;

const KEY: &str = "hunter2-signing-key";

/// Secrets from commands: a variable of the process would be shared by all tests.
fn context(ways: Vec<(&str, Channel)>, secrets: &[(&str, &str)]) -> AdapterContext {
    let secret = |(name, value): &(&str, &str)| Secret {
        name: (*name).to_owned(),
        source: Source::Command(vec![
            "printf".to_owned(),
            "%s".to_owned(),
            (*value).to_owned(),
        ]),
        hosts: vec![HostPattern::parse("127.0.0.1").unwrap()],
    };
    let notifiers = ways
        .into_iter()
        .map(|(name, way)| Notifier {
            name: name.to_owned(),
            way,
        })
        .collect();
    let vault = Vault::new(secrets.iter().map(secret).collect());
    AdapterContext {
        vault,
        integrations: Integrations {
            notifiers,
            ..Integrations::default()
        },
        ..AdapterContext::default()
    }
}

fn tell(to: &str, text: &str) -> PlanStep {
    let message = Message {
        title: "web is down".to_owned(),
        text: text.to_owned(),
        severity: Severity::High,
        event: Event::Trigger,
        dedup_key: Some("web".to_owned()),
        link: None,
    };
    let spec = Notify {
        to: to.to_owned(),
        place: "a place".to_owned(),
        message,
    };
    let retry = Some(Retry {
        attempts: 3,
        base_ms: 1,
        cap_ms: 2,
    });
    PlanStep {
        retry,
        idempotent: true,
        ..step(Phase::Action, &format!("tell {to}"), StepSpec::Notify(spec))
    }
}

async fn server(answers: &[(&str, u16)]) -> MockServer {
    let server = MockServer::start().await;
    for (at, status) in answers {
        Mock::given(method("POST"))
            .and(path(*at))
            .respond_with(ResponseTemplate::new(*status))
            .mount(&server)
            .await;
    }
    server
}

#[tokio::test]
async fn every_http_channel_delivers_and_no_secret_is_stored() {
    let server = server(&[
        ("/hook", 200),
        ("/services/T0/hunter2-slack", 200),
        ("/api/hunter2-discord", 204),
        ("/v2/enqueue", 202),
    ])
    .await;
    let slack = format!("{}/services/T0/hunter2-slack", server.uri());
    let discord = format!("{}/api/hunter2-discord", server.uri());
    let secret = |name: &str| Address::Secret(name.to_owned());
    let ways = vec![
        (
            "hook",
            Channel::Webhook(Webhook {
                url: Address::Url(format!("{}/hook", server.uri())),
                key: "KEY".to_owned(),
            }),
        ),
        (
            "slack",
            Channel::Slack(Slack {
                url: secret("SLACK"),
            }),
        ),
        (
            "discord",
            Channel::Discord(Discord {
                url: secret("DISCORD"),
            }),
        ),
        (
            "duty",
            Channel::PagerDuty(PagerDuty {
                url: format!("{}/v2/enqueue", server.uri()),
                key: "PD".to_owned(),
            }),
        ),
    ];
    let secrets = [
        ("KEY", KEY),
        ("SLACK", &slack),
        ("DISCORD", &discord),
        ("PD", "hunter2-routing-key"),
    ];
    let bench = Bench::real_with(context(ways, &secrets)).await;
    let steps = ["hook", "slack", "discord", "duty"].map(|to| tell(to, "so far:\n{results}"));
    let run = bench.run(plan(steps.to_vec())).await;
    let log = bench.log(run.id).await;
    assert_eq!(run.status, RunStatus::Succeeded, "{log:#?}");
    assert!(log.iter().all(|line| !line.contains("hunter2")), "{log:#?}");
    assert!(
        log.iter()
            .any(|line| line.starts_with("success tell duty: sent to duty in")),
        "{log:#?}"
    );

    let got = server.received_requests().await.unwrap();
    let body = |n: usize| serde_json::from_slice::<serde_json::Value>(&got[n].body).unwrap();
    let header = |name: &str| got[0].headers[name].to_str().unwrap().to_owned();
    let raw = std::str::from_utf8(&got[0].body).unwrap();
    assert_eq!(header(SIGNATURE), signature(KEY, &header(TIMESTAMP), raw));
    assert_eq!(
        (body(0)["title"].as_str(), body(0)["severity"].as_str()),
        (Some("web is down"), Some("high"))
    );
    assert!(
        body(0)["text"]
            .as_str()
            .unwrap()
            .contains("nothing was run before this")
    );
    assert!(
        body(1)["text"]
            .as_str()
            .unwrap()
            .contains("- tell hook: succeeded: sent to hook")
    );
    assert!(
        body(2)["content"]
            .as_str()
            .unwrap()
            .starts_with("**[high] web is down**")
    );
    assert_eq!(
        (
            body(3)["routing_key"].as_str(),
            body(3)["dedup_key"].as_str()
        ),
        (Some("hunter2-routing-key"), Some("web"))
    );
}

#[tokio::test]
async fn temporary_failures_are_retried_and_permanent_ones_are_not() {
    let server = MockServer::start().await;
    let answer = |status| ResponseTemplate::new(status);
    Mock::given(path("/busy"))
        .respond_with(answer(503))
        .up_to_n_times(2)
        .mount(&server)
        .await;
    Mock::given(path("/busy"))
        .respond_with(answer(200))
        .mount(&server)
        .await;
    Mock::given(path("/gone"))
        .respond_with(answer(404).set_body_string("no_service"))
        .expect(1)
        .mount(&server)
        .await;
    let way = |at: &str| {
        Channel::Slack(Slack {
            url: Address::Url(format!("{}{at}", server.uri())),
        })
    };
    let bench = Bench::real_with(context(
        vec![("busy", way("/busy")), ("gone", way("/gone"))],
        &[],
    ))
    .await;
    let run = bench.run(plan(vec![tell("busy", "")])).await;
    assert_eq!(run.status, RunStatus::Succeeded);
    assert_eq!(bench.steps(run.id).await[0].attempt, 3);
    let run = bench.run(plan(vec![tell("gone", "")])).await;
    assert_eq!(run.status, RunStatus::Failed);
    let log = bench.log(run.id).await;
    assert!(
        log.iter()
            .any(|line| line.contains("gone was not notified: HTTP 404: no_service")),
        "{log:#?}"
    );
}

#[tokio::test]
async fn keys_and_messages_go_only_to_declared_hosts_and_notifiers() {
    let server = server(&[("/v2/enqueue", 202)]).await;
    let url = format!(
        "{}/v2/enqueue",
        server.uri().replace("127.0.0.1", "localhost")
    );
    let bench = Bench::real_with(context(
        vec![(
            "duty",
            Channel::PagerDuty(PagerDuty {
                url,
                key: "PD".to_owned(),
            }),
        )],
        &[("PD", "hunter2-routing-key")],
    ))
    .await;
    for (to, why) in [
        ("duty", "may not be sent to localhost"),
        ("nobody", "there is no notifier nobody here"),
    ] {
        let run = bench.run(plan(vec![tell(to, "")])).await;
        let log = bench.log(run.id).await;
        assert!(
            run.status == RunStatus::Failed && log.iter().any(|line| line.contains(why)),
            "{log:#?}"
        );
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

/// A mail server that accepts or refuses one mail. Returns its address and the lines it received.
async fn mail_server(
    data_answer: &'static str,
) -> (std::net::SocketAddr, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        let (peer, _) = listener.accept().await.unwrap();
        let (read, mut write) = peer.into_split();
        let mut lines = BufReader::new(read).lines();
        let mut received = Vec::new();
        let mut in_data = false;
        write.write_all(b"220 sink.test\r\n").await.unwrap();
        while let Ok(Some(line)) = lines.next_line().await {
            received.push(line.clone());
            let answer = match line.split(' ').next().unwrap_or_default() {
                "." if in_data => {
                    in_data = false;
                    data_answer
                }
                _ if in_data => continue,
                "EHLO" => "250-sink.test\r\n250 8BITMIME",
                "DATA" => {
                    in_data = true;
                    "354 go on"
                }
                "QUIT" => {
                    let _ = write.write_all(b"221 bye\r\n").await;
                    break;
                }
                _ => "250 ok",
            };
            write
                .write_all(format!("{answer}\r\n").as_bytes())
                .await
                .unwrap();
        }
        received
    });
    (address, served)
}

fn mail(address: std::net::SocketAddr, tls: Tls) -> Channel {
    Channel::Email(Email {
        server: address.ip().to_string(),
        port: address.port(),
        tls,
        user: None,
        password: None,
        from: "opsroom <ops@acme.test>".to_owned(),
        to: vec!["ana@acme.test".to_owned(), "bo@acme.test".to_owned()],
    })
}

#[tokio::test]
async fn mail_is_accepted_or_the_reason_is_reported() {
    let (address, served) = mail_server("250 queued").await;
    let bench = Bench::real_with(context(vec![("post", mail(address, Tls::None))], &[])).await;
    let run = bench.run(plan(vec![tell("post", "grüße\n.\nend")])).await;
    assert_eq!(
        run.status,
        RunStatus::Succeeded,
        "{:#?}",
        bench.log(run.id).await
    );
    let received = served.await.unwrap();
    for wanted in [
        "MAIL FROM:<ops@acme.test>",
        "RCPT TO:<ana@acme.test>",
        "RCPT TO:<bo@acme.test>",
        "Subject: [high] web is down",
    ] {
        assert!(
            received.iter().any(|line| line.starts_with(wanted)),
            "{wanted}: {received:#?}"
        );
    }

    let (address, served) = mail_server("554 looks like spam").await;
    let bench = Bench::real_with(context(vec![("post", mail(address, Tls::None))], &[])).await;
    let run = bench.run(plan(vec![tell("post", "")])).await;
    let log = bench.log(run.id).await;
    assert!(
        run.status == RunStatus::Failed && log.iter().any(|l| l.contains("looks like spam")),
        "{log:#?}"
    );
    assert_eq!(
        bench.steps(run.id).await[0].attempt,
        1,
        "a permanent refusal is not retried"
    );
    drop(served);
}

#[tokio::test]
async fn mail_is_not_sent_unencrypted_when_tls_is_required() {
    let (address, served) = mail_server("250 queued").await;
    let bench = Bench::real_with(context(vec![("post", mail(address, Tls::Starttls))], &[])).await;
    let run = bench.run(plan(vec![tell("post", "")])).await;
    assert_eq!(run.status, RunStatus::Failed);
    let received = served.await.unwrap();
    assert!(
        received
            .iter()
            .all(|line| !line.starts_with("MAIL") && !line.starts_with("DATA")),
        "{received:#?}"
    );
}
