//! Readable messages for failed exchanges: who refused what, not a chain of library errors.

use std::error::Error;
use std::io::{self, ErrorKind};

use rustls::CertificateError as Cert;

/// One line; names the peer, never the credentials in the address.
pub(super) fn describe(error: &reqwest::Error, url: &reqwest::Url) -> String {
    let host = url.host_str().unwrap_or("?");
    let peer = url
        .port_or_known_default()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    if error.is_dns() {
        return format!("unknown host {host} ({})", innermost(error));
    }
    if let Some(tls) = tls_error(error) {
        return format!("TLS with {peer}: {}", describe_tls(tls, host));
    }
    match io_error(error).map(io::Error::kind) {
        Some(ErrorKind::ConnectionRefused) => format!("connection refused by {peer}"),
        Some(ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe) => {
            format!("connection reset by {peer}")
        }
        Some(ErrorKind::HostUnreachable) => format!("no route to {peer}"),
        Some(ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown) => {
            format!("no network to reach {peer}")
        }
        Some(ErrorKind::TimedOut) => format!("no answer from {peer}: the connection timed out"),
        Some(ErrorKind::UnexpectedEof) => {
            format!("{peer} closed the connection before it answered")
        }
        _ if error.is_connect() => format!("cannot connect to {peer}: {}", innermost(error)),
        _ => format!("{peer}: {}", innermost(error)),
    }
}

/// The last cause: the most specific one.
pub(super) fn innermost(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |e: &&'a (dyn Error + 'static)| (*e).source())
}

fn io_error(error: &reqwest::Error) -> Option<&io::Error> {
    chain(error).filter_map(|e| e.downcast_ref()).last()
}

/// An `io::Error` hides the error it wraps from `source()`, so it is unwrapped here.
fn tls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    chain(error).find_map(|e| {
        e.downcast_ref::<rustls::Error>()
            .or_else(|| {
                e.downcast_ref::<io::Error>()?
                    .get_ref()?
                    .downcast_ref::<rustls::Error>()
            })
            .or_else(|| {
                e.downcast_ref::<io::Error>()?
                    .get_ref()?
                    .downcast_ref::<io::Error>()?
                    .get_ref()?
                    .downcast_ref()
            })
    })
}

fn describe_tls(error: &rustls::Error, host: &str) -> String {
    match error {
        rustls::Error::InvalidCertificate(cert) => match cert {
            Cert::Expired | Cert::ExpiredContext { .. } => "certificate expired".to_owned(),
            Cert::NotValidYet | Cert::NotValidYetContext { .. } => "certificate not valid yet".to_owned(),
            Cert::UnknownIssuer => "certificate from an unknown issuer".to_owned(),
            Cert::Revoked => "certificate revoked".to_owned(),
            Cert::NotValidForName | Cert::NotValidForNameContext { .. } => format!("certificate is not for {host}"),
            // The usual self-made certificate; the library's name for it is not helpful.
            other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
                "it presents the certificate of an authority as its own; issue one for the server with it".to_owned()
            }
            other => format!("bad certificate ({other})"),
        },
        rustls::Error::InvalidMessage(_) => "it does not speak TLS".to_owned(),
        other => other.to_string(),
    }
}
