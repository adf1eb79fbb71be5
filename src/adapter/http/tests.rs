//! Real exchanges with servers that answer, drip, hang, refuse and send too much.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

async fn ask(url: &str, timeout_ms: i64) -> Reply {
    let request = Request { method: "GET".into(), url: url.into(), headers: BTreeMap::new(), body: None };
    Client::default().perform(request, timeout_ms, CancellationToken::new()).await
}

fn words(reply: &Reply) -> &str {
    match reply {
        Reply::Unreachable { message } => message,
        other => panic!("{other:?}"),
    }
}

/// Serves one connection: reads the request, then does `what` with it.
async fn serve<F, T>(what: F) -> String
where
    F: FnOnce(tokio::net::TcpStream) -> T + Send + 'static,
    T: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut peer, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = peer.read(&mut request).await.unwrap();
        what(peer).await;
    });
    format!("http://{address}/")
}

#[tokio::test]
async fn request_and_answer_go_through_whole_and_redirects_are_not_followed() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/deploy"))
        .and(header("x-by", "ops"))
        .respond_with(ResponseTemplate::new(302).insert_header("location", "/elsewhere").set_body_string("moved"))
        .expect(1)
        .mount(&server)
        .await;
    let request = Request {
        method: "POST".into(),
        url: format!("{}/deploy", server.uri()),
        headers: [("X-By".to_owned(), "ops".to_owned())].into(),
        body: Some("{}".into()),
    };
    let reply = Client::default().perform(request, 5000, CancellationToken::new()).await;
    let Reply::Http { status, headers, body, truncated, .. } = reply else { panic!("{reply:?}") };
    assert_eq!((status, body.as_str(), truncated), (302, "moved", false));
    assert_eq!(headers["location"], "/elsewhere");
}

#[tokio::test]
async fn a_body_is_cut_at_one_mebibyte_and_says_so() {
    let server = MockServer::start().await;
    for (at, size) in [("/just", MAX_BODY), ("/more", MAX_BODY + 1)] {
        let answer = ResponseTemplate::new(200).set_body_bytes(vec![b'x'; size]);
        Mock::given(path(at)).respond_with(answer).mount(&server).await;
    }
    for (at, cut) in [("/just", false), ("/more", true)] {
        let reply = ask(&format!("{}{at}", server.uri()), 10_000).await;
        let Reply::Http { body, truncated, .. } = reply else { panic!("{reply:?}") };
        assert_eq!((body.len(), truncated), (MAX_BODY, cut), "{at}");
    }
}

#[tokio::test]
async fn one_deadline_covers_head_and_body() {
    let dripping = serve(|mut peer| async move {
        let _ = peer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await;
        while peer.write_all(b".").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let silent = serve(|peer| async move {
        tokio::time::sleep(Duration::from_secs(20)).await;
        drop(peer);
    })
    .await;
    for url in [dripping, silent] {
        let reply = ask(&url, 300).await;
        assert!(matches!(reply, Reply::TimedOut { after_ms: 300..2000 }), "{reply:?}");
    }
}

#[tokio::test]
async fn failures_are_worded_for_people() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let reply = ask(&format!("http://{free}/"), 5000).await;
    assert_eq!(words(&reply), format!("connection refused by {free}"));

    let reply = ask("http://no-such-host.invalid/", 5000).await;
    assert!(words(&reply).starts_with("unknown host no-such-host.invalid"), "{reply:?}");

    let closing = serve(|peer| async move { drop(peer) }).await;
    let reply = ask(&closing, 5000).await;
    assert!(words(&reply).contains("127.0.0.1:"), "{reply:?}");

    let plain = serve(|mut peer| async move {
        let _ = peer.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let reply = ask(&plain.replace("http:", "https:"), 5000).await;
    assert!(words(&reply).ends_with("it does not speak TLS"), "{reply:?}");

    for (url, wanted) in [("ftp://x/", "cannot ask ftp"), ("nonsense", "not a URL")] {
        let reply = ask(url, 5000).await;
        assert!(words(&reply).contains(wanted), "{reply:?}");
    }
}

#[tokio::test]
async fn credentials_in_an_address_stay_out_of_messages() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let reply = ask(&format!("http://me:hunter2@{free}/?token=hunter2"), 5000).await;
    assert!(!words(&reply).contains("hunter2"), "{reply:?}");
}

#[tokio::test]
async fn cancelling_ends_the_exchange() {
    let silent = serve(|peer| async move {
        tokio::time::sleep(Duration::from_secs(20)).await;
        drop(peer);
    })
    .await;
    let cancel = CancellationToken::new();
    let client = Client::default();
    let request = Request { method: "GET".into(), url: silent, headers: BTreeMap::new(), body: None };
    let stop = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        cancel.cancel();
    };
    let (reply, ()) = tokio::join!(client.perform(request, 10_000, cancel.clone()), stop);
    assert_eq!(words(&reply), "cancelled");
}

#[test]
fn this_machine_is_told_from_the_world() {
    for (url, wanted) in [
        ("http://localhost:1/", true),
        ("http://app.localhost/", true),
        ("http://127.9.9.9/", true),
        ("http://[::1]:80/", true),
        ("http://10.0.0.1/", false),
        ("http://localhost.example.com/", false),
    ] {
        assert_eq!(is_loopback(&url.parse().unwrap()), wanted, "{url}");
    }
}
