//! An ICMP echo request, over the sockets that Linux offers to users without privileges. Whether
//! they may open one is a setting of the machine.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket as StdSocket};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connect::{addresses, io_failure, within};
use super::elapsed_ms;
use super::timeline::Timeline;
use crate::core::base::outbound::Policy;
use crate::core::run::step::{Cause, Reply};
use crate::core::run::timing::Timing;

/// What an echo carries; the size is that of `ping`.
const PAYLOAD: [u8; 56] = [b'o'; 56];
/// ICMP types of request and reply.
const ECHO_V4: (u8, u8) = (8, 0);
const ECHO_V6: (u8, u8) = (128, 129);

/// Sends one echo request to the host and waits for its reply; `timeout_ms` covers all of it.
pub(super) async fn perform(
    host: &str,
    policy: &Policy,
    timeout_ms: i64,
    cancel: CancellationToken,
) -> (Reply, Timing) {
    let timeline = Timeline::default();
    let answer = async {
        timeline.begin(None);
        let found = addresses((host, 0), policy, &timeline).await?;
        let mut last = Reply::Unreachable {
            message: format!("unknown host {host}"),
            cause: Cause::Dns,
        };
        for address in found {
            match echo(address).await {
                Ok(ms) => {
                    timeline.end();
                    let address = address.ip().to_string();
                    return Ok(Reply::Echoed { address, ms });
                }
                Err(Failure::NotAllowed(why)) => return Err(Reply::refused(why)),
                Err(Failure::Io(e)) => last = io_failure(&e, host),
            }
        }
        Err(last)
    };
    let (reply, timing) = within(timeout_ms, cancel, answer, &timeline).await;
    // An echo has no first byte: what is there besides the name is its duration.
    let ended_in = timing.ended_in.filter(|_| timing.phases.dns_ms.is_none());
    (reply, Timing { ended_in, ..timing })
}

enum Failure {
    /// Users of this machine may not ping, or not over this protocol.
    NotAllowed(String),
    Io(std::io::Error),
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// Milliseconds until the reply.
async fn echo(address: SocketAddr) -> Result<i64, Failure> {
    let (request, reply) = if address.is_ipv4() { ECHO_V4 } else { ECHO_V6 };
    let socket = open(address)?;
    socket.connect(address).await?;
    let start = Instant::now();
    // Type, code, checksum, identifier, sequence; the kernel fills in checksum and identifier, and
    // passes on only replies with that identifier.
    let sequence = 1_u16.to_be_bytes();
    let head = [request, 0, 0, 0, 0, 0, sequence[0], sequence[1]];
    socket.send(&[&head[..], &PAYLOAD].concat()).await?;
    let mut packet = [0; 256];
    loop {
        let length = socket.recv(&mut packet).await?;
        let is_reply = length >= 8 && packet[0] == reply && packet[6..8] == sequence;
        if is_reply {
            return Ok(elapsed_ms(start));
        }
    }
}

fn open(address: SocketAddr) -> Result<UdpSocket, Failure> {
    let (domain, protocol) = if address.is_ipv4() {
        (Domain::IPV4, Protocol::ICMPV4)
    } else {
        (Domain::IPV6, Protocol::ICMPV6)
    };
    let socket = Socket::new(domain, Type::DGRAM, Some(protocol)).map_err(|e| {
        let why = match e.kind() {
            ErrorKind::PermissionDenied => {
                "users of this machine may not ping; allow it with `sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"`".to_owned()
            }
            _ => format!("this machine cannot ping {}: {e}", address.ip()),
        };
        Failure::NotAllowed(why)
    })?;
    socket.set_nonblocking(true)?;
    Ok(UdpSocket::from_std(StdSocket::from(socket))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::run::step::RefusedBy;

    async fn ping(host: &str) -> Reply {
        let policy = Policy::default();
        perform(host, &policy, 5000, CancellationToken::new())
            .await
            .0
    }

    /// Whether users may ping is a setting of the machine that runs this test.
    #[tokio::test]
    async fn this_machine_answers_or_says_what_to_do() {
        match ping("127.0.0.1").await {
            Reply::Echoed { address, .. } => assert_eq!(address, "127.0.0.1"),
            Reply::Refused { message, by } => {
                assert_eq!(by, RefusedBy::Ours);
                assert!(
                    message.contains("sysctl -w net.ipv4.ping_group_range="),
                    "{message}"
                );
            }
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn the_outbound_policy_holds_for_pings() {
        for host in ["169.254.169.254", "metadata.google.internal"] {
            let reply = ping(host).await;
            let refused = matches!(
                &reply,
                Reply::Refused {
                    by: RefusedBy::Policy,
                    ..
                }
            );
            assert!(refused, "{host}: {reply:?}");
        }
    }
}
