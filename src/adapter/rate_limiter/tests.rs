//! Rate limits: waits on a paused clock, and the number of calls that reach a server.

use tokio::time::{advance, pause, resume};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::adapter::{AdapterContext, Adapters};
use crate::core::run::step::{Call, CallKind, HttpCall};

/// The two ends of a caller: the notes sent to it, and its cancellation.
struct Ends {
    output: mpsc::Sender<CallEvent>,
    notes: mpsc::Receiver<CallEvent>,
    cancel: CancellationToken,
}

impl Ends {
    fn new() -> Self {
        let (output, notes) = mpsc::channel(4);
        Self {
            output,
            notes,
            cancel: CancellationToken::new(),
        }
    }

    fn caller(&self, timeout_ms: i64) -> Caller<'_> {
        Caller {
            timeout_ms,
            waits: true,
            output: &self.output,
            cancel: &self.cancel,
        }
    }

    fn noted(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.notes.try_recv().ok())
            .map(note)
            .collect()
    }
}

fn note(event: CallEvent) -> String {
    match event {
        CallEvent::Note(note) => note,
        other => panic!("{other:?}"),
    }
}

fn calls(per_minute: u32) -> RateLimiter {
    RateLimiter::new(Limits {
        http_per_minute: Some(per_minute),
        shell_at_once: None,
    })
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, Reply>) -> String {
    match answer {
        Err(Reply::Refused { message, .. }) => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_its_slot_and_reports_it() {
    let (limiter, mut ends) = (calls(2), Ends::new());
    for left in [90_000, 90_000, 30_000] {
        assert_eq!(
            limiter.host("http://web.test/a", ends.caller(90_000)).await,
            Ok(left)
        );
    }
    assert_eq!(
        limiter.host("http://api.test/", ends.caller(90_000)).await,
        Ok(90_000),
        "each host has its own"
    );
    assert_eq!(
        limiter
            .host("http://web.test:8080/", ends.caller(90_000))
            .await,
        Ok(90_000),
        "as has each port"
    );
    assert_eq!(
        ends.noted(),
        ["waits 1 min 0 s: 2 calls a minute to web.test"]
    );
    advance(Duration::from_millis(59_500)).await;
    for left in [5_000, 4_500] {
        assert_eq!(
            limiter.host("http://WEB.test/b", ends.caller(5_000)).await,
            Ok(left)
        );
    }
    assert_eq!(
        ends.noted(),
        Vec::<String>::new(),
        "short waits are not reported"
    );
}

#[tokio::test(start_paused = true)]
async fn a_wait_past_the_deadline_is_refused_at_once_and_reserves_no_slot() {
    let (limiter, ends) = (calls(1), Ends::new());
    limiter
        .host("http://web.test/", ends.caller(1_000))
        .await
        .unwrap();
    advance(Duration::from_secs(20)).await;
    let before = Instant::now();
    for timeout_ms in [0, 5_000, 40_000] {
        assert_eq!(
            refusal(
                limiter
                    .host("http://web.test/", ends.caller(timeout_ms))
                    .await
            ),
            "not called: the limit of 1 call a minute to web.test is used up for 40 s; raise http_per_minute of [limits] in \
             opsroom.toml"
        );
    }
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert_eq!(
        limiter.host("http://web.test/", ends.caller(41_000)).await,
        Ok(1_000)
    );
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_wait_ends_at_once_and_frees_its_slot() {
    let (limiter, ends) = (calls(1), Ends::new());
    limiter
        .host("http://web.test/", ends.caller(1_000))
        .await
        .unwrap();
    let begun = Instant::now();
    let stop = async { ends.cancel.cancel() };
    let (waited, ()) =
        tokio::join!(biased; limiter.host("http://web.test/", ends.caller(90_000)), stop);
    assert_eq!(
        (waited, begun.elapsed()),
        (Err(cancelled()), Duration::ZERO)
    );
    assert_eq!(
        limiter
            .host("http://web.test/", Ends::new().caller(61_000))
            .await,
        Ok(1_000),
        "the slot goes to the next call"
    );
}

#[tokio::test(start_paused = true)]
async fn products_go_by_the_limit_of_their_account() {
    let (limiter, mut ends) = (RateLimiter::new(Limits::default()), Ends::new());
    let (base_url, token) = (String::new(), String::new());
    let account = Account {
        product: Product::GitHub,
        base_url,
        token,
        per_minute: 2,
    };
    for left in [90_000, 90_000, 30_000, 90_000] {
        assert_eq!(
            limiter
                .product(Product::GitHub, Some(&account), ends.caller(90_000))
                .await,
            Ok(left)
        );
    }
    assert_eq!(
        ends.noted(),
        ["waits 1 min 0 s: 2 calls a minute to github"]
    );
    let why = refusal(
        limiter
            .product(
                Product::GitHub,
                Some(&account),
                Caller {
                    waits: false,
                    ..ends.caller(90_000)
                },
            )
            .await,
    );
    assert!(
        !why.is_empty() && why.ends_with("raise per_minute of [adapter.github] in opsroom.toml"),
        "{why}"
    );
    assert_eq!(
        limiter
            .product(Product::Vercel, None, ends.caller(90_000))
            .await,
        Ok(90_000)
    );
    assert_eq!(
        limiter.host("http://web.test/", ends.caller(7)).await,
        Ok(7),
        "without a limit no call waits"
    );
}

#[tokio::test(start_paused = true)]
async fn commands_wait_until_one_has_ended() {
    let limiter = RateLimiter::new(Limits {
        http_per_minute: None,
        shell_at_once: Some(1),
    });
    let mut ends = Ends::new();
    let (place, left) = limiter.command(ends.caller(10_000)).await.unwrap();
    assert_eq!(left, 10_000);
    let full = "1 command runs already, and more are not let";
    assert_eq!(
        refusal(limiter.command(ends.caller(10_000)).await),
        format!(
            "not started: {full}, and none has ended in 10.0 s; raise shell_at_once of [limits] in opsroom.toml"
        )
    );
    assert_eq!(ends.noted(), [format!("waits: {full}")]);
    assert!(
        refusal(
            limiter
                .command(Caller {
                    waits: false,
                    ..ends.caller(10_000)
                })
                .await
        )
        .contains("none has ended;")
    );
    let free = async {
        sleep(Duration::from_secs(4)).await;
        drop(place);
    };
    let (next, ()) = tokio::join!(limiter.command(ends.caller(10_000)), free);
    let (next, left) = next.unwrap();
    assert_eq!((next.is_some(), left), (true, 6_000));
    ends.cancel.cancel();
    assert!(
        matches!(limiter.command(ends.caller(10_000)).await, Err(reply) if reply == cancelled())
    );
}

#[tokio::test]
async fn no_more_calls_arrive_than_allowed() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let limits = Limits {
        http_per_minute: Some(2),
        shell_at_once: None,
    };
    let adapters = Adapters::real(AdapterContext {
        limits,
        ..AdapterContext::default()
    });
    let get = |timeout_ms| Call {
        kind: CallKind::Http(HttpCall {
            host: crate::core::base::outbound::HostFrom::File,
            method: "GET".to_owned(),
            url: server.uri(),
            headers: BTreeMap::new(),
            body: None,
            secrets: Vec::new(),
        }),
        timeout_ms,
    };
    let arrived = async || server.received_requests().await.unwrap().len();
    let perform = |timeout_ms| {
        let (output, notes) = mpsc::channel(4);
        let (adapters, call) = (adapters.clone(), get(timeout_ms));
        (
            tokio::spawn(async move {
                adapters
                    .perform(call, output, CancellationToken::new())
                    .await
            }),
            notes,
        )
    };
    let is_good = |reply: &Reply| matches!(reply, Reply::Http { status: 200, .. });
    assert!(is_good(&perform(20_000).0.await.unwrap()));
    let glance = async |call: Call| adapters.glance(call, mpsc::channel(1).0).await;
    assert!(is_good(&glance(get(20_000)).await.unwrap()));
    assert!(glance(get(90_000)).await.is_none(), "it has no slot now");
    let reply = perform(20_000).0.await.unwrap();
    assert!(
        matches!(&reply, Reply::Refused { message, .. } if message.contains("2 calls a minute")),
        "{reply:?}"
    );
    assert_eq!(arrived().await, 2);

    let (waiting, mut notes) = perform(90_000);
    assert!(note(notes.recv().await.unwrap()).starts_with("waits "));
    assert_eq!(arrived().await, 2);
    pause();
    advance(Duration::from_mins(1)).await;
    resume();
    assert!(is_good(&waiting.await.unwrap()));
    assert_eq!(arrived().await, 3);
}
