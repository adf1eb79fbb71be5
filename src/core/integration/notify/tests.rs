//! The requests of each kind of notifier.

use serde_json::{Value, json};

use super::*;

const AT: Timestamp = Timestamp(1_790_000_000_000);

fn message() -> Message {
    Message {
        title: "web is down".to_owned(),
        text: "HTTP 503 <!channel> & @everyone\n".to_owned(),
        severity: Severity::Critical,
        event: Event::Trigger,
        dedup_key: Some("web/prod".to_owned()),
        link: Some("https://runs.test/41".to_owned()),
    }
}

fn sent(way: &Channel, message: &Message) -> (Post, Value) {
    let post = way
        .post(message, AT, "https://a.test/x", "hunter2-key")
        .unwrap();
    let body = serde_json::from_str(&post.body).unwrap();
    (post, body)
}

fn url() -> Address {
    Address::Secret("URL".to_owned())
}

#[test]
fn a_webhook_is_signed_over_time_and_body() {
    let way = Channel::Webhook(Webhook {
        url: url(),
        key: "KEY".to_owned(),
    });
    let (post, body) = sent(&way, &message());
    assert_eq!(
        (&body["title"], &body["severity"], &body["event"]),
        (&json!("web is down"), &json!("critical"), &json!("trigger"))
    );
    assert_eq!(post.headers[TIMESTAMP], "1790000000");
    assert_eq!(
        post.headers[SIGNATURE],
        signature("hunter2-key", "1790000000", &post.body)
    );
    assert_ne!(
        post.headers[SIGNATURE],
        signature("hunter2-kez", "1790000000", &post.body)
    );
    assert_ne!(
        post.headers[SIGNATURE],
        signature("hunter2-key", "1790000001", &post.body)
    );
    assert!(!post.body.contains("hunter2"));
    // Computed with `printf 1.a | openssl dgst -sha256 -hmac key`.
    assert_eq!(
        signature("key", "1", "a"),
        "v1=32a5f52f8b585db06b5960c1b30992c0575588cf6343eeb646efa5bfd9ca5a17"
    );
}

#[test]
fn chat_messages_mention_no_one_by_accident() {
    let (_, slack) = sent(&Channel::Slack(Slack { url: url() }), &message());
    assert_eq!(
        slack,
        json!({ "text": "*[critical] web is down*\nHTTP 503 &lt;!channel&gt; &amp; @everyone\nhttps://runs.test/41" })
    );
    let (_, discord) = sent(&Channel::Discord(Discord { url: url() }), &message());
    assert_eq!(discord["allowed_mentions"], json!({ "parse": [] }));
    assert!(
        discord["content"]
            .as_str()
            .unwrap()
            .starts_with("**[critical] web is down**\nHTTP 503")
    );
    let long = Message {
        text: "é".repeat(9000),
        ..message()
    };
    let (_, discord) = sent(&Channel::Discord(Discord { url: url() }), &long);
    assert_eq!(discord["content"].as_str().unwrap().chars().count(), 2000);
}

#[test]
fn pagerduty_opens_and_closes_an_incident_by_its_key() {
    let way = Channel::PagerDuty(PagerDuty {
        url: PagerDuty::EVENTS.to_owned(),
        key: "KEY".to_owned(),
    });
    let (_, trigger) = sent(&way, &message());
    assert_eq!(
        (&trigger["routing_key"], &trigger["event_action"]),
        (&json!("hunter2-key"), &json!("trigger"))
    );
    assert_eq!(
        (&trigger["payload"]["severity"], &trigger["dedup_key"]),
        (&json!("critical"), &json!("web/prod"))
    );
    assert_eq!(trigger["links"][0]["href"], "https://runs.test/41");
    for event in [Event::Acknowledge, Event::Resolve] {
        let (_, other) = sent(&way, &Message { event, ..message() });
        assert_eq!(
            other,
            json!({ "routing_key": "hunter2-key", "event_action": event.name(), "client": "opsroom", "dedup_key": "web/prod" })
        );
    }
}

#[test]
fn a_letter_has_a_subject_of_one_line() {
    let message = Message {
        title: "a\r\nBcc: x".to_owned(),
        event: Event::Resolve,
        ..message()
    };
    let (subject, text) = Email::letter(&message);
    assert_eq!(subject, "[resolved] a  Bcc: x");
    assert!(text.ends_with("@everyone\nhttps://runs.test/41\n"));
}
