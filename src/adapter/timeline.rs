//! When the parts of a call over the network begin and end.
//!
//! The HTTP client opens connections by itself, so its parts call back: its resolver, the store of
//! TLS sessions (which is asked when a handshake begins), and a layer around its connector. They find
//! the timeline of the call that waits for them in the task that polls them; a connection that is
//! opened for no call has none.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use rustls::NamedGroup;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use crate::core::run::timing::{CallPhase, Phases, Timing};

/// TLS sessions that are kept to be resumed: rustls' own number.
const SESSIONS: usize = 256;

tokio::task_local! {
    static CURRENT: Timeline;
}

/// The times of one call. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Timeline(Arc<Mutex<Marks>>);

#[derive(Debug, Clone, Copy, Default)]
struct Marks {
    begun: Option<Instant>,
    resolving: Option<Instant>,
    resolved: Option<Instant>,
    connecting: Option<Instant>,
    shaking_hands: Option<Instant>,
    connected: Option<Instant>,
    answered: Option<Instant>,
    ended: Option<Instant>,
    /// Where it goes, as far as that is known.
    address: Option<SocketAddr>,
    /// The port of the address that its name stands for; none behind a proxy.
    port: Option<u16>,
}

impl Timeline {
    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The call begins. `port`: that of the addresses that its name stands for, unless a proxy is
    /// between.
    pub fn begin(&self, port: Option<u16>) {
        let mut marks = self.marks();
        marks.begun = Some(Instant::now());
        marks.port = port;
    }

    /// The name is being resolved.
    pub fn resolving(&self) {
        self.marks().resolving = Some(Instant::now());
    }

    /// The name was resolved. With one address it is known where the call goes.
    pub fn resolved(&self, found: &[SocketAddr]) {
        let mut marks = self.marks();
        marks.resolved = Some(Instant::now());
        if let ([only], Some(port)) = (found, marks.port) {
            marks.address = Some(SocketAddr::new(only.ip(), port));
        }
    }

    /// A connection is being opened.
    pub fn connecting(&self) {
        self.marks().connecting = Some(Instant::now());
    }

    /// A TLS handshake begins on the open connection.
    pub fn handshake(&self) {
        // The last one counts: that with a proxy is part of getting through to the target.
        self.marks().shaking_hands = Some(Instant::now());
    }

    /// The connection can be used.
    pub fn connected(&self) {
        self.marks().connected = Some(Instant::now());
    }

    /// Another connection was free sooner: that of this call is opened for later ones.
    fn reuses(&self) {
        let mut marks = self.marks();
        *marks = Marks {
            begun: marks.begun,
            port: marks.port,
            answered: marks.answered,
            ended: marks.ended,
            ..Marks::default()
        };
    }

    /// The first byte of the answer is here.
    pub fn answered(&self) {
        self.marks().answered = Some(Instant::now());
    }

    /// The whole answer is here.
    pub fn end(&self) {
        self.marks().ended = Some(Instant::now());
    }

    /// The address it goes to.
    pub fn goes_to(&self, address: SocketAddr) {
        self.marks().address = Some(address);
    }

    /// Runs a call of the HTTP client with this timeline.
    pub async fn follow<T>(&self, call: impl Future<Output = T>) -> T {
        CURRENT.scope(self.clone(), call).await
    }

    /// That of the call whose task this is.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    fn is_current(&self) -> bool {
        let same = CURRENT.try_with(|current| Arc::ptr_eq(&current.0, &self.0));
        same.unwrap_or(false)
    }

    /// The timing of a call that ended, with or without an answer.
    pub fn timing(&self) -> Timing {
        let marks = *self.marks();
        Timing {
            address: marks.address.map(canonical).map(|a| a.to_string()),
            phases: marks.phases(),
            ended_in: marks.phase(),
        }
    }
}

impl Marks {
    fn phases(&self) -> Phases {
        let opened = self.shaking_hands.or(self.connected);
        let asked = self.connected.or(self.begun);
        Phases {
            dns_ms: between(self.resolving, self.resolved),
            connect_ms: between(self.resolved.or(self.connecting), opened),
            tls_ms: between(self.shaking_hands, self.connected),
            first_byte_ms: between(asked, self.answered),
            transfer_ms: between(self.answered, self.ended),
        }
    }

    /// The phase it is in; none: it has ended, or was not begun.
    fn phase(&self) -> Option<CallPhase> {
        self.begun?;
        Some(match self {
            _ if self.ended.is_some() => return None,
            _ if self.answered.is_some() => CallPhase::Transfer,
            _ if self.connected.is_some() => CallPhase::FirstByte,
            _ if self.shaking_hands.is_some() => CallPhase::Tls,
            _ if self.resolving.is_some() && self.resolved.is_none() => CallPhase::Dns,
            _ if self.connecting.is_some() => CallPhase::Connect,
            _ => CallPhase::FirstByte,
        })
    }
}

/// Milliseconds, exact to one microsecond.
fn between(from: Option<Instant>, to: Option<Instant>) -> Option<f64> {
    let took = to?.saturating_duration_since(from?);
    let us = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
    Some(f64::from(us) / 1000.0)
}

/// `::ffff:10.0.0.1` as the IPv4 address it is.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// A layer of the HTTP client that notes when a connection is being opened, and when it is open.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimedConnections;

impl<S> Layer<S> for TimedConnections {
    type Service = TimedConnector<S>;

    fn layer(&self, connector: S) -> Self::Service {
        TimedConnector(connector)
    }
}

/// The connector behind the layer.
#[derive(Debug, Clone)]
pub(super) struct TimedConnector<S>(S);

impl<S, R> Service<R> for TimedConnector<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let mut opening = Box::pin(self.0.call(request));
        let mut timeline = Timeline::current();
        if let Some(timeline) = &timeline {
            timeline.connecting();
        }
        Box::pin(std::future::poll_fn(move |cx| {
            if let Some(other) = timeline.take_if(|timeline| !timeline.is_current()) {
                other.reuses();
            }
            let opened = opening.as_mut().poll(cx);
            if let (Some(timeline), Poll::Ready(Ok(_))) = (&timeline, &opened) {
                timeline.connected();
            }
            opened
        }))
    }
}

/// Keeps TLS sessions as rustls does by default, and notes when a handshake begins.
#[derive(Debug)]
pub(super) struct TimedSessions(ClientSessionMemoryCache);

impl TimedSessions {
    pub fn new() -> Self {
        Self(ClientSessionMemoryCache::new(SESSIONS))
    }
}

impl ClientSessionStore for TimedSessions {
    fn set_kx_hint(&self, server: ServerName<'static>, group: NamedGroup) {
        self.0.set_kx_hint(server, group);
    }

    /// Asked once in a handshake, before anything is sent.
    fn kx_hint(&self, server: &ServerName<'_>) -> Option<NamedGroup> {
        if let Some(timeline) = Timeline::current() {
            timeline.handshake();
        }
        self.0.kx_hint(server)
    }

    fn set_tls12_session(&self, server: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.0.set_tls12_session(server, value);
    }

    fn tls12_session(&self, server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.tls12_session(server)
    }

    fn remove_tls12_session(&self, server: &ServerName<'static>) {
        self.0.remove_tls12_session(server);
    }

    fn insert_tls13_ticket(&self, server: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.0.insert_tls13_ticket(server, value);
    }

    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.take_tls13_ticket(server)
    }
}

#[cfg(test)]
mod tests;
