//! Phases of real requests and connections. What is measured is never compared with a duration: only
//! which phases there are, and in which one a call ended.

use std::collections::BTreeMap;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::adapter::connect;
use crate::adapter::http::Client;
use crate::core::base::outbound::{HostFrom, Policy};
use crate::core::run::step::{ConnectCall, HttpCall, Reply};
use crate::vault::Vault;

use CallPhase::{Connect, Dns, FirstByte, Tls, Transfer};

fn phases(timing: &Timing) -> Vec<CallPhase> {
    timing.phases.completed().map(|(phase, _)| phase).collect()
}

/// What a server does with a connection.
#[derive(Clone, Copy)]
enum Serves {
    /// Answers every request on it.
    Answers,
    /// Reads, and never writes.
    Nothing,
    /// Writes the head and no body.
    Head,
}

async fn server(serves: Serves) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((peer, _)) = listener.accept().await {
            tokio::spawn(serve(peer, serves));
        }
    });
    address
}

async fn serve(mut peer: TcpStream, serves: Serves) {
    let mut request = [0; 4096];
    while peer.read(&mut request).await.is_ok_and(|read| read > 0) {
        let answer: &[u8] = match serves {
            Serves::Answers => b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
            Serves::Nothing => b"",
            Serves::Head => b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n",
        };
        peer.write_all(answer).await.unwrap();
    }
}

async fn ask(client: &Client, url: &str, timeout_ms: i64) -> (Reply, Timing) {
    let request = HttpCall {
        method: "GET".into(),
        host: HostFrom::File,
        url: url.into(),
        headers: BTreeMap::new(),
        body: None,
        secrets: vec![],
    };
    let vault = Vault::default();
    client
        .timed(request, &vault, timeout_ms, CancellationToken::new())
        .await
}

#[tokio::test]
async fn a_connection_that_is_used_again_has_no_phases_of_its_own() {
    let address = server(Serves::Answers).await;
    let client = Client::new(Policy::default());
    for wanted in [
        vec![Connect, FirstByte, Transfer],
        vec![FirstByte, Transfer],
    ] {
        let (reply, timing) = ask(&client, &format!("http://{address}/"), 5000).await;
        assert!(
            matches!(reply, Reply::Http { status: 200, .. }),
            "{reply:?}"
        );
        assert_eq!(phases(&timing), wanted);
        assert_eq!(timing.address, Some(address.to_string()));
        assert_eq!(timing.ended_in, None);
    }
    let by_name = format!("http://localhost:{}/", address.port());
    let (_, timing) = ask(&client, &by_name, 5000).await;
    assert_eq!(phases(&timing), [Dns, Connect, FirstByte, Transfer]);
    assert_eq!(timing.address, Some(address.to_string()));
}

#[tokio::test]
async fn a_timeout_knows_the_phase_it_ended_in() {
    let client = Client::new(Policy::default());
    for (serves, scheme, completed, ended_in) in [
        (Serves::Nothing, "http", vec![Connect], FirstByte),
        (Serves::Nothing, "https", vec![Connect], Tls),
        (Serves::Head, "http", vec![Connect, FirstByte], Transfer),
    ] {
        let address = server(serves).await;
        let (reply, timing) = ask(&client, &format!("{scheme}://{address}/"), 300).await;
        assert!(matches!(reply, Reply::TimedOut { .. }), "{reply:?}");
        assert_eq!(phases(&timing), completed, "{scheme}");
        assert_eq!(timing.ended_in, Some(ended_in), "{scheme}");
        assert_eq!(timing.address, Some(address.to_string()));
    }
}

#[tokio::test]
async fn connections_and_names_have_phases_too() {
    let address = server(Serves::Nothing).await;
    let policy = Policy::default();
    let call = |tls_name: Option<&str>| ConnectCall {
        host: "localhost".to_owned(),
        port: address.port(),
        tls_name: tls_name.map(str::to_owned),
    };
    let (reply, timing) =
        connect::perform(&call(None), &policy, 5000, CancellationToken::new()).await;
    assert!(matches!(reply, Reply::Connected { .. }), "{reply:?}");
    assert_eq!(phases(&timing), [Dns, Connect]);
    assert_eq!(timing.address, Some(address.to_string()));
    let (reply, timing) = connect::perform(
        &call(Some("a.test")),
        &policy,
        300,
        CancellationToken::new(),
    )
    .await;
    assert!(matches!(reply, Reply::TimedOut { .. }), "{reply:?}");
    assert_eq!(phases(&timing), [Dns, Connect]);
    assert_eq!(timing.ended_in, Some(Tls));
    let (_, timing) = connect::resolve("localhost", 5000, CancellationToken::new()).await;
    assert_eq!((phases(&timing), timing.address), (vec![Dns], None));
}

/// A connector that is ready at the second look.
struct Slow;

impl Service<()> for Slow {
    type Response = ();
    type Error = ();
    type Future = BoxFuture<'static, Result<(), ()>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        Box::pin(async {
            tokio::task::yield_now().await;
            Ok(())
        })
    }
}

#[tokio::test]
async fn a_connection_that_is_not_waited_for_is_no_phase_of_the_call() {
    let timeline = Timeline::default();
    timeline.begin(None);
    let opening = timeline.follow(async {
        let mut opening = TimedConnections.layer(Slow).call(());
        assert!(futures_util::poll!(&mut opening).is_pending());
        Some(opening)
    });
    let opening = opening.await.unwrap();
    assert_eq!(timeline.timing().ended_in, Some(Connect));
    opening.await.unwrap();
    assert_eq!(timeline.timing().ended_in, Some(FirstByte));
    timeline.answered();
    timeline.end();
    assert_eq!(phases(&timeline.timing()), [FirstByte, Transfer]);
}
