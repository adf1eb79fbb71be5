//! Connections that routines open: TCP alone, or with TLS to look at the certificates of a server;
//! and names that they resolve.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::http::{errors, tls};
use super::timeline::Timeline;
use super::{cancelled, deadline, elapsed_ms};
use crate::core::base::outbound::{Policy, Written};
use crate::core::base::text::cut;
use crate::core::base::time::Timestamp;
use crate::core::run::step::{CallRefusal, Cause, Certificate, ConnectCall, Reply};
use crate::core::run::timing::Timing;

/// Certificates of one chain that are read; servers send two to four.
const MAX_CERTIFICATES: usize = 20;
/// Text of a name in a certificate, characters.
const MAX_NAME: usize = 300;

/// Whether the outbound policy allows the host. The addresses of a name are checked when it is
/// resolved.
pub(super) fn check(host: &str, policy: &Policy) -> Result<(), CallRefusal> {
    let checked = match literal(host) {
        Some(address) => policy.check(address, Written::Literally),
        None => policy.check_name(host, Written::Literally),
    };
    checked.map_err(CallRefusal::by_policy)
}

/// Opens the connection, and closes it again; `timeout_ms` covers all of it.
pub(super) async fn perform(
    call: &ConnectCall,
    policy: &Policy,
    timeout_ms: i64,
    cancel: CancellationToken,
) -> (Reply, Timing) {
    let timeline = Timeline::default();
    within(
        timeout_ms,
        cancel,
        connect(call, policy, &timeline),
        &timeline,
    )
    .await
}

/// Resolves a name with the system's resolver.
pub(super) async fn resolve(
    host: &str,
    timeout_ms: i64,
    cancel: CancellationToken,
) -> (Reply, Timing) {
    let start = Instant::now();
    let timeline = Timeline::default();
    let answer = async {
        timeline.begin(None);
        let found = lookup(host, 0, &timeline).await?;
        timeline.end();
        Ok(Reply::Resolved {
            addresses: found.iter().map(|a| a.ip().to_string()).collect(),
            ms: elapsed_ms(start),
        })
    };
    within(timeout_ms, cancel, answer, &timeline).await
}

/// The answer, unless the deadline passes or the call is cancelled first.
pub(super) async fn within(
    timeout_ms: i64,
    cancel: CancellationToken,
    answer: impl Future<Output = Result<Reply, Reply>>,
    timeline: &Timeline,
) -> (Reply, Timing) {
    let start = Instant::now();
    let reply = tokio::select! {
        biased;
        () = cancel.cancelled() => cancelled(),
        answer = timeout(deadline(timeout_ms), answer) => match answer {
            Ok(Ok(reply) | Err(reply)) => reply,
            Err(_) => Reply::TimedOut {
                after_ms: elapsed_ms(start),
            },
        },
    };
    (reply, timeline.timing())
}

async fn connect(call: &ConnectCall, policy: &Policy, timeline: &Timeline) -> Result<Reply, Reply> {
    let start = Instant::now();
    timeline.begin(Some(call.port));
    let peer = format!("{}:{}", call.host, call.port);
    let (stream, address) = open(call, policy, &peer, timeline).await?;
    let Some(name) = &call.tls_name else {
        timeline.connected();
        timeline.end();
        return Ok(Reply::Connected {
            address: address.to_string(),
            certificates: Vec::new(),
            distrust: None,
            ms: elapsed_ms(start),
        });
    };
    timeline.handshake();
    let (certificates, distrust) = handshake(stream, name, &peer).await?;
    timeline.connected();
    timeline.end();
    Ok(Reply::Connected {
        address: address.to_string(),
        certificates,
        distrust,
        ms: elapsed_ms(start),
    })
}

/// Tries the addresses of the host in their order; the error is the last one's.
async fn open(
    call: &ConnectCall,
    policy: &Policy,
    peer: &str,
    timeline: &Timeline,
) -> Result<(TcpStream, SocketAddr), Reply> {
    let found = addresses((&call.host, call.port), policy, timeline).await?;
    let mut last = Reply::Unreachable {
        message: format!("unknown host {}", call.host),
        cause: Cause::Dns,
    };
    timeline.connecting();
    for address in found {
        timeline.goes_to(address);
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok((stream, address)),
            Err(e) => last = io_failure(&e, peer),
        }
    }
    Err(last)
}

/// The addresses of a host, all of which the outbound policy allows.
pub(super) async fn addresses(
    (host, port): (&str, u16),
    policy: &Policy,
    timeline: &Timeline,
) -> Result<Vec<SocketAddr>, Reply> {
    check(host, policy)?;
    if let Some(address) = literal(host) {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let found = lookup(host, port, timeline).await?;
    for address in &found {
        policy
            .check(address.ip(), Written::As(host))
            .map_err(CallRefusal::by_policy)?;
    }
    Ok(found)
}

pub(super) fn io_failure(error: &std::io::Error, peer: &str) -> Reply {
    Reply::Unreachable {
        message: errors::describe_io(error, peer).unwrap_or_else(|| format!("{peer}: {error}")),
        cause: errors::io_cause(error),
    }
}

async fn lookup(host: &str, port: u16, timeline: &Timeline) -> Result<Vec<SocketAddr>, Reply> {
    let unknown = |why: String| Reply::Unreachable {
        message: format!("unknown host {host}{why}"),
        cause: Cause::Dns,
    };
    timeline.resolving();
    let host_only = host.trim_matches(['[', ']']);
    let found: Vec<SocketAddr> = tokio::net::lookup_host((host_only, port))
        .await
        .map_err(|e| unknown(format!(" ({e})")))?
        .collect();
    if found.is_empty() {
        return Err(unknown(String::new()));
    }
    timeline.resolved(&found);
    Ok(found)
}

fn literal(host: &str) -> Option<IpAddr> {
    host.trim_matches(['[', ']']).parse().ok()
}

/// The certificates the server sends, and why they are not valid for the name, if they are not.
async fn handshake(
    stream: TcpStream,
    name: &str,
    peer: &str,
) -> Result<(Vec<Certificate>, Option<String>), Reply> {
    let tls_failure = |message: String| Reply::Unreachable {
        message,
        cause: Cause::Tls,
    };
    let host = name.trim_matches(['[', ']']).to_owned();
    let server = ServerName::try_from(host.clone())
        .map_err(|_| tls_failure(format!("{name} is not a name for TLS")))?;
    let verdict = Arc::new(OnceLock::new());
    let config = inspector(verdict.clone()).map_err(Reply::refused)?;
    let connected = TlsConnector::from(Arc::new(config))
        .connect(server, stream)
        .await;
    let connection = match connected {
        Ok(connection) => connection,
        Err(e) => {
            let tls = e.get_ref().and_then(|e| e.downcast_ref::<TlsError>());
            return Err(match tls {
                Some(tls) => tls_failure(format!(
                    "TLS with {peer}: {}",
                    errors::describe_tls(tls, &host)
                )),
                None => io_failure(&e, peer),
            });
        }
    };
    let sent = connection.get_ref().1.peer_certificates().unwrap_or(&[]);
    let certificates = sent
        .iter()
        .take(MAX_CERTIFICATES)
        .map(|der| certificate(der))
        .collect::<Result<_, _>>()
        .map_err(|why| tls_failure(format!("TLS with {peer}: {why}")))?;
    let distrust = verdict
        .get()
        .and_then(Option::as_ref)
        .map(|e| errors::describe_tls(e, &host));
    Ok((certificates, distrust))
}

fn certificate(der: &CertificateDer<'_>) -> Result<Certificate, String> {
    let (_, parsed) = X509Certificate::from_der(der)
        .map_err(|_| "it sends a certificate that cannot be read".to_owned())?;
    let at = |time: x509_parser::time::ASN1Time| Timestamp(time.timestamp().saturating_mul(1000));
    let name = |name: &x509_parser::x509::X509Name<'_>| {
        let common = name.iter_common_name().next();
        let text = common
            .and_then(|part| part.as_str().ok())
            .map_or_else(|| name.to_string(), str::to_owned);
        cut(&text, MAX_NAME)
    };
    Ok(Certificate {
        subject: name(parsed.subject()),
        issuer: name(parsed.issuer()),
        not_before: at(parsed.validity().not_before),
        not_after: at(parsed.validity().not_after),
    })
}

/// A TLS configuration that accepts every certificate and remembers what is wrong with it. Only for
/// looking at certificates: nothing is sent over such a connection.
fn inspector(verdict: Arc<OnceLock<Option<TlsError>>>) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let fail = |e: &dyn std::fmt::Display| format!("cannot set up TLS: {e}");
    let real = verifier(provider.clone())?;
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| fail(&e))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Inspector {
            real,
            provider,
            verdict,
        }))
        .with_no_client_auth();
    Ok(config)
}

/// Made once: reading the root certificates of this machine takes tens of milliseconds.
fn verifier(provider: Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, String> {
    static MADE: OnceLock<Result<Arc<WebPkiServerVerifier>, String>> = OnceLock::new();
    let make = || {
        WebPkiServerVerifier::builder_with_provider(Arc::new(tls::roots()), provider)
            .build()
            .map_err(|e| format!("cannot set up TLS: {e}"))
    };
    MADE.get_or_init(make).clone()
}

#[derive(Debug)]
struct Inspector {
    real: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
    verdict: Arc<OnceLock<Option<TlsError>>>,
}

impl ServerCertVerifier for Inspector {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let checked = self.real.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        let _ = self.verdict.set(checked.err());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.real.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.real.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
