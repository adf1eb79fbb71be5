//! How long the parts of a call over the network took, and the address it went to.

use serde::{Deserialize, Serialize};

use crate::words;

words! {
    /// A part of a call, in the order in which they come. A call over a connection that was open
    /// already begins with the first byte.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum CallPhase {
        /// The name is resolved.
        Dns = "DNS",
        /// The connection is opened.
        Connect = "connect",
        /// The TLS handshake.
        Tls = "TLS",
        /// From the request to the first byte of the answer.
        FirstByte = "first byte",
        /// From there to the end of the answer.
        Transfer = "transfer",
    }
}

impl CallPhase {
    /// What a call in this phase is doing, for the message of a timeout.
    #[must_use]
    pub const fn doing(self) -> &'static str {
        match self {
            Self::Dns => "resolving the name",
            Self::Connect => "connecting",
            Self::Tls => "in the TLS handshake",
            Self::FirstByte => "waiting for the first byte",
            Self::Transfer => "reading the answer",
        }
    }

    /// Its field in conditions and in JSON: milliseconds.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Dns => "dns_ms",
            Self::Connect => "connect_ms",
            Self::Tls => "tls_ms",
            Self::FirstByte => "first_byte_ms",
            Self::Transfer => "transfer_ms",
        }
    }
}

/// Milliseconds of each phase; none for a phase that the call did not have, or did not complete.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Phases {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_byte_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer_ms: Option<f64>,
}

impl Phases {
    /// The milliseconds of a phase.
    #[must_use]
    pub const fn of(&self, phase: CallPhase) -> Option<f64> {
        match phase {
            CallPhase::Dns => self.dns_ms,
            CallPhase::Connect => self.connect_ms,
            CallPhase::Tls => self.tls_ms,
            CallPhase::FirstByte => self.first_byte_ms,
            CallPhase::Transfer => self.transfer_ms,
        }
    }

    /// The phases that were completed, in their order, with their milliseconds.
    pub fn completed(&self) -> impl Iterator<Item = (CallPhase, f64)> {
        let all = CallPhase::ALL.into_iter();
        all.filter_map(|phase| Some((phase, self.of(phase)?)))
    }
}

/// The phases of a call, and the address it went to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Timing {
    /// IP address and port that it was connected to; that of the proxy, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    pub phases: Phases,
    /// The phase in which it ended without an answer.
    #[serde(skip)]
    pub ended_in: Option<CallPhase>,
}

impl Timing {
    /// Nothing was measured: the call goes to no other machine.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.address.is_none() && self.phases == Phases::default()
    }

    /// `DNS 1.2 ms, connect 0.3 ms, first byte 41 ms`; empty when no phase was completed.
    #[must_use]
    pub fn describe(&self) -> String {
        let parts = self.phases.completed();
        let parts = parts.map(|(phase, ms)| format!("{} {}", phase.name(), milliseconds(ms)));
        parts.collect::<Vec<_>>().join(", ")
    }
}

/// Three digits, or whole milliseconds: `0.04 ms`, `1.25 ms`, `41.3 ms`, `1204 ms`.
#[must_use]
pub fn milliseconds(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.2} ms"),
        ms if ms < 100.0 => format!("{ms:.1} ms"),
        ms => format!("{ms:.0} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_that_did_not_take_place_is_absent_not_zero() {
        let reused = Timing {
            address: Some("127.0.0.1:80".to_owned()),
            phases: Phases {
                first_byte_ms: Some(41.26),
                transfer_ms: Some(0.0),
                ..Phases::default()
            },
            ended_in: None,
        };
        assert_eq!(reused.describe(), "first byte 41.3 ms, transfer 0.00 ms");
        let json = serde_json::to_string(&reused).unwrap();
        assert_eq!(
            json,
            r#"{"address":"127.0.0.1:80","phases":{"first_byte_ms":41.26,"transfer_ms":0.0}}"#
        );
        assert_eq!(serde_json::from_str::<Timing>(&json).unwrap(), reused);
        assert!(!reused.is_empty());
        assert!(Timing::default().is_empty());
        assert_eq!(Timing::default().describe(), "");
    }

    #[test]
    fn the_fields_of_conditions_are_those_of_json() {
        for phase in CallPhase::ALL {
            let json = format!(r#"{{"{}":1.5}}"#, phase.field());
            let phases: Phases = serde_json::from_str(&json).unwrap();
            assert_eq!(phases.completed().collect::<Vec<_>>(), [(phase, 1.5)]);
        }
    }
}
