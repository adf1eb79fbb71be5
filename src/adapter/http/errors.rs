//! Readable messages for failed exchanges: who refused what, not a chain of library errors.

use std::error::Error;
use std::io::{self, ErrorKind};

use rustls::CertificateError as Cert;

use crate::core::run::step::Cause;

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
    if let Some(message) = io_error(error).and_then(|e| describe_io(e, &peer)) {
        return message;
    }
    match http_error(error) {
        Some(e) if e.is_incomplete_message() => {
            return format!("{peer} closed the connection before it answered");
        }
        Some(e) if e.is_parse() => {
            return format!("{peer} does not speak HTTP: {}", innermost(error));
        }
        _ => {}
    }
    if error.is_connect() {
        format!("cannot connect to {peer}: {}", innermost(error))
    } else {
        format!("{peer}: {}", innermost(error))
    }
}

/// The message for a connection that failed, where there is a better one than the system's.
pub(in crate::adapter) fn describe_io(error: &io::Error, peer: &str) -> Option<String> {
    Some(match error.kind() {
        ErrorKind::ConnectionRefused => format!("connection refused by {peer}"),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            format!("connection reset by {peer}")
        }
        ErrorKind::HostUnreachable => format!("no route to {peer}"),
        ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            format!("no network to reach {peer}")
        }
        ErrorKind::TimedOut => format!("no answer from {peer}: the connection timed out"),
        ErrorKind::UnexpectedEof => {
            format!("{peer} closed the connection before it answered")
        }
        _ => return None,
    })
}

/// The same as a class.
pub(super) fn cause(error: &reqwest::Error) -> Cause {
    if error.is_dns() {
        return Cause::Dns;
    }
    if tls_error(error).is_some() {
        return Cause::Tls;
    }
    match http_error(error) {
        Some(e) if e.is_incomplete_message() => Cause::Refused,
        Some(e) if e.is_parse() => Cause::Protocol,
        _ => io_error(error).map_or(Cause::Other, io_cause),
    }
}

/// The class of a failed connection.
pub(in crate::adapter) fn io_cause(error: &io::Error) -> Cause {
    match error.kind() {
        ErrorKind::ConnectionRefused
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => Cause::Refused,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            Cause::NoRoute
        }
        ErrorKind::TimedOut => Cause::Timeout,
        _ => Cause::Other,
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

fn http_error(error: &reqwest::Error) -> Option<&hyper::Error> {
    chain(error).find_map(|e| e.downcast_ref())
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

pub(in crate::adapter) fn describe_tls(error: &rustls::Error, host: &str) -> String {
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
