//! Real exchanges with servers that answer, drip, hang, refuse and send too much.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::core::run::step::SecretHeader;

fn client() -> Client {
    Client::new(Policy::default())
}

async fn ask(url: &str, timeout_ms: i64) -> Reply {
    let request = HttpCall {
        method: "GET".into(),
        host: HostFrom::File,
        url: url.into(),
        headers: BTreeMap::new(),
        body: None,
        secrets: vec![],
    };
    client()
        .perform(
            request,
            &Vault::default(),
            timeout_ms,
            CancellationToken::new(),
        )
        .await
}

fn message(reply: &Reply) -> &str {
    match reply {
        Reply::Unreachable { message, .. } => message,
        other => panic!("{other:?}"),
    }
}

fn cause_of(reply: &Reply) -> Cause {
    match reply {
        Reply::Unreachable { cause, .. } => *cause,
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
        .respond_with(
            ResponseTemplate::new(302)
                .insert_header("location", "/elsewhere")
                .set_body_string("moved"),
        )
        .expect(1)
        .mount(&server)
        .await;
    let request = HttpCall {
        method: "POST".into(),
        host: HostFrom::File,
        url: format!("{}/deploy", server.uri()),
        headers: [("X-By".to_owned(), "ops".to_owned())].into(),
        body: Some("{}".into()),
        secrets: vec![],
    };
    let reply = client()
        .perform(request, &Vault::default(), 5000, CancellationToken::new())
        .await;
    let Reply::Http {
        status,
        headers,
        body,
        truncated,
        ..
    } = reply
    else {
        panic!("{reply:?}")
    };
    assert_eq!((status, body.as_str(), truncated), (302, "moved", false));
    assert_eq!(headers["location"], "/elsewhere");
}

#[tokio::test]
async fn a_body_is_cut_at_one_mebibyte_and_marked_truncated() {
    let server = MockServer::start().await;
    for (at, size) in [("/just", MAX_BODY), ("/more", MAX_BODY + 1)] {
        let answer = ResponseTemplate::new(200).set_body_bytes(vec![b'x'; size]);
        Mock::given(path(at))
            .respond_with(answer)
            .mount(&server)
            .await;
    }
    for (at, cut) in [("/just", false), ("/more", true)] {
        let reply = ask(&format!("{}{at}", server.uri()), 10_000).await;
        let Reply::Http {
            body, truncated, ..
        } = reply
        else {
            panic!("{reply:?}")
        };
        assert_eq!((body.len(), truncated), (MAX_BODY, cut), "{at}");
    }
}

#[tokio::test]
async fn one_deadline_covers_head_and_body() {
    let dripping = serve(|mut peer| async move {
        let _ = peer
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
            .await;
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
        assert!(
            matches!(
                reply,
                Reply::TimedOut {
                    after_ms: 300..2000
                }
            ),
            "{reply:?}"
        );
    }
}

#[tokio::test]
async fn failures_have_readable_messages() {
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let reply = ask(&format!("http://{free}/"), 5000).await;
    assert_eq!(message(&reply), format!("connection refused by {free}"));

    let reply = ask("http://no-such-host.invalid/", 5000).await;
    assert!(
        message(&reply).starts_with("unknown host no-such-host.invalid"),
        "{reply:?}"
    );

    let closing = serve(|peer| async move { drop(peer) }).await;
    let reply = ask(&closing, 5000).await;
    assert!(
        message(&reply).ends_with("closed the connection before it answered"),
        "{reply:?}"
    );
    assert_eq!(cause_of(&reply), Cause::Refused);

    let garbage = serve(|mut peer| async move {
        let _ = peer.write_all(b"\x00\xffSSH-2.0\r\n\r\n").await;
    })
    .await;
    let reply = ask(&garbage, 5000).await;
    assert!(message(&reply).contains("does not speak HTTP"), "{reply:?}");
    assert_eq!(cause_of(&reply), Cause::Protocol);

    let plain = serve(|mut peer| async move {
        let _ = peer.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let reply = ask(&plain.replace("http:", "https:"), 5000).await;
    assert!(
        message(&reply).ends_with("it does not speak TLS"),
        "{reply:?}"
    );

    for (url, wanted) in [("ftp://x/", "cannot ask ftp"), ("nonsense", "not a URL")] {
        let reply = ask(url, 5000).await;
        assert!(refusal(&reply).contains(wanted), "{reply:?}");
    }
}

#[tokio::test]
async fn credentials_in_an_address_stay_out_of_messages() {
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let reply = ask(&format!("http://me:hunter2@{free}/?token=hunter2"), 5000).await;
    assert!(!message(&reply).contains("hunter2"), "{reply:?}");
}

#[tokio::test]
async fn cancelling_ends_the_exchange() {
    let silent = serve(|peer| async move {
        tokio::time::sleep(Duration::from_secs(20)).await;
        drop(peer);
    })
    .await;
    let cancel = CancellationToken::new();
    let (client, vault) = (client(), Vault::default());
    let request = HttpCall {
        method: "GET".into(),
        host: HostFrom::File,
        url: silent,
        headers: BTreeMap::new(),
        body: None,
        secrets: vec![],
    };
    let stop = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        cancel.cancel();
    };
    let (reply, ()) = tokio::join!(
        client.perform(request, &vault, 10_000, cancel.clone()),
        stop
    );
    assert_eq!(message(&reply), "cancelled");
}

#[test]
fn loopback_addresses_are_recognized() {
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

/// A vault with one secret in a file of its own, and the folder of the file.
fn vault(value: &str, hosts: &[&str]) -> (Vault, tempfile::TempDir) {
    use crate::core::base::secret::{HostPattern, Secret, Source};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, value).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let hosts = hosts
        .iter()
        .map(|h| HostPattern::parse(h).unwrap())
        .collect();
    (
        Vault::new(vec![Secret {
            name: "T".into(),
            source: Source::File(file.display().to_string()),
            hosts,
        }]),
        folder,
    )
}

async fn ask_with_secret(url: &str, header: &str, prefix: &'static str, vault: &Vault) -> Reply {
    let secrets = vec![SecretHeader {
        header: header.into(),
        prefix,
        secret: "T".into(),
    }];
    let request = HttpCall {
        method: "GET".into(),
        host: HostFrom::File,
        url: url.into(),
        headers: BTreeMap::new(),
        body: None,
        secrets,
    };
    client()
        .perform(request, vault, 5000, CancellationToken::new())
        .await
}

fn refusal(reply: &Reply) -> &str {
    match reply {
        Reply::Refused { message, .. } => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn secrets_go_to_their_hosts_and_nowhere_else() {
    let server = MockServer::start().await;
    Mock::given(header("authorization", "Bearer pl4nted-value"))
        .respond_with(ResponseTemplate::new(200))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(header("x-token", "pl4nted-value"))
        .respond_with(ResponseTemplate::new(204))
        .expect(1)
        .mount(&server)
        .await;
    let (bound, _kept) = vault("pl4nted-value\n", &["127.0.0.1"]);
    for (name, prefix, wanted) in [("authorization", "Bearer ", 200), ("X-Token", "", 204)] {
        let reply = ask_with_secret(&server.uri(), name, prefix, &bound).await;
        assert!(
            matches!(reply, Reply::Http { status, .. } if status == wanted),
            "{reply:?}"
        );
    }
    let port = server.address().port();
    for (value, hosts, why) in [
        (
            "pl4nted-value",
            &["api.example.com"][..],
            "may not be sent to 127.0.0.1 (only api.example.com)",
        ),
        (
            "pl4nted-value",
            &[],
            "may not be sent to 127.0.0.1 (no host)",
        ),
        (
            "pl4nted-value",
            &["127.0.0.1:1"],
            "may not be sent to 127.0.0.1",
        ),
        (
            "pl4n\nted-value",
            &["127.0.0.1"],
            "has characters no header may have",
        ),
        ("short", &["127.0.0.1"], "is 5 bytes long"),
    ] {
        let (vault, _kept) = vault(value, hosts);
        let reply =
            ask_with_secret(&format!("http://127.0.0.1:{port}/"), "x-token", "", &vault).await;
        let message = refusal(&reply);
        assert!(
            message.contains(why) && !message.contains("pl4n"),
            "{message}"
        );
    }
    // The host counts, not a user name that looks like one.
    let reply = ask_with_secret(
        &format!("http://127.0.0.1@localhost:{port}/"),
        "x-token",
        "",
        &bound,
    )
    .await;
    assert!(
        refusal(&reply).contains("may not be sent to localhost"),
        "{reply:?}"
    );
}

#[tokio::test]
async fn stored_headers_with_secrets_are_refused_at_call_time_too() {
    for (name, why) in [
        ("Authorization", "secret_ref"),
        ("COOKIE", "secret_ref"),
        ("Host", "set by the connection"),
    ] {
        let headers = [(name.to_owned(), "x".to_owned())].into();
        let request = HttpCall {
            method: "GET".into(),
            host: HostFrom::File,
            url: "http://127.0.0.1:1/".into(),
            headers,
            body: None,
            secrets: vec![],
        };
        let reply = client()
            .perform(request, &Vault::default(), 5000, CancellationToken::new())
            .await;
        assert!(refusal(&reply).contains(why), "{reply:?}");
    }
}

#[tokio::test]
async fn the_outbound_policy_holds_for_every_spelling() {
    for url in [
        "http://169.254.169.254/latest/meta-data/",
        "http://0xa9fea9fe/",
        "http://0251.0376.0251.0376/",
        "http://2852039166/",
        "http://[::ffff:169.254.169.254]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[fd00:ec2::254]/",
        "http://[fe80::1]/",
        "http://169.254.1.1/",
        "http://0.0.0.0/",
        "http://224.0.0.1/",
        "http://metadata.google.internal/computeMetadata/v1/",
        "http://METADATA.google.internal./",
        "http://１６９.254.169.254/",
        "http://169。254。169。254/",
        "http://169.254.169.254./",
        "http://168.63.129.16/",
        "http://0xa83f8110/",
        "http://2822734096/",
        "http://0250.077.0201.020/",
        "http://168.63.33040/",
        "http://168.4161808/",
        "http://１６８.６３.１２９.１６/",
        "http://168｡63｡129｡16/",
        "http://168.63.129.16.:80/machine?comp=goalstate",
        "http://[::ffff:168.63.129.16]/",
        "http://[64:ff9b::a83f:8110]/",
        "http://[2002:a83f:8110::]/",
        "http://[2001:0:102:304::57c0:7eef]/",
        "http://[2001:db8::5efe:a83f:8110]/",
        "http://metadata.tencentyun.com/",
    ] {
        let reply = ask(url, 5000).await;
        let message = refusal(&reply);
        assert!(
            message.contains("the outbound policy refuses") && message.contains("[outbound]"),
            "{url}: {message}"
        );
    }
}

#[tokio::test]
async fn a_name_that_resolves_to_this_machine_is_refused_unless_allowed() {
    use crate::core::base::outbound::Allowed;
    let server = MockServer::start().await;
    Mock::given(path("/"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let port = server.address().port();
    let localhost = ask(&format!("http://localhost:{port}/"), 5000).await;
    assert!(
        matches!(localhost, Reply::Http { status: 200, .. }),
        "{localhost:?}"
    );

    // Most machines resolve their own name without a network; where that fails there is nothing to
    // test.
    let name = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .to_lowercase();
    let Ok(found) = tokio::net::lookup_host((name.as_str(), port)).await else {
        return;
    };
    let public = |ip: IpAddr| {
        crate::core::base::outbound::Category::of(ip)
            == crate::core::base::outbound::Category::Public
    };
    if found.map(|a| a.ip()).all(public)
        || proxy_in_use(&format!("http://{name}/").parse().unwrap()).is_some()
    {
        return;
    }
    let reply = ask(&format!("http://{name}:{port}/"), 5000).await;
    let message = refusal(&reply);
    assert!(
        message.contains(&name) && message.contains("it resolves to"),
        "{message}"
    );

    let policy = Policy::new(vec![Allowed::parse(&name).unwrap()]);
    let request = HttpCall {
        method: "GET".into(),
        host: HostFrom::File,
        url: format!("http://{name}:{port}/"),
        headers: BTreeMap::new(),
        body: None,
        secrets: vec![],
    };
    let reply = Client::new(policy)
        .perform(request, &Vault::default(), 5000, CancellationToken::new())
        .await;
    assert!(!matches!(reply, Reply::Refused { .. }), "{reply:?}");
}

#[tokio::test]
async fn hostile_peers_end_with_a_message() {
    let lying = serve(|mut peer| async move {
        let _ = peer
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nshort")
            .await;
    })
    .await;
    let reply = ask(&lying, 5000).await;
    assert!(message(&reply).contains("127.0.0.1"), "{reply:?}");

    let endless = serve(|mut peer| async move {
        let _ = peer.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while peer
            .write_all(b"x-filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")
            .await
            .is_ok()
        {}
    })
    .await;
    let reply = ask(&endless, 20_000).await;
    assert!(message(&reply).contains("127.0.0.1"), "{reply:?}");

    let babble = serve(|mut peer| async move {
        let _ = peer.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").await;
    })
    .await;
    let reply = ask(&babble, 5000).await;
    assert!(message(&reply).contains("127.0.0.1"), "{reply:?}");

    // Redirects are not followed.
    let pointing = serve(|mut peer| async move {
        let answer =
            b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n";
        let _ = peer.write_all(answer).await;
    })
    .await;
    let reply = ask(&pointing, 5000).await;
    assert!(
        matches!(reply, Reply::Http { status: 302, .. }),
        "{reply:?}"
    );
}
