//! Step kinds. A step does no I/O: it makes a `Call` (`call.rs`) and evaluates the `Reply`. One file
//! per kind, its `mod` and one line in `kinds!`.

pub mod adapter;
pub mod approve;
mod call;
pub mod document;
pub mod http;
pub mod manual;
pub mod notify;
pub mod shell;
pub mod sql;
pub mod wait;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::call::{
    Call, CallKind, Certificate, ConnectCall, HttpCall, SecretHeader, SecretVariable, ShellCall,
};
use crate::stack::state::State;

/// Lists the step kinds: the closed set of them, and how any of them is reached.
macro_rules! kinds {
    ($($word:ident => $name:ident),+ $(,)?) => {
        /// A step of a plan, fully resolved: nothing is left to interpolate.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum StepSpec {
            $($name($word::$name),)+
        }

        impl StepSpec {
            /// The kind's name, as runbooks write it.
            #[must_use]
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($word),)+
                }
            }

            /// The exact thing it will do, for the dry run: `GET http://…`, `sh -c ./deploy.sh`.
            #[must_use]
            pub fn describe(&self) -> String {
                match self {
                    $(Self::$name(step) => step.describe(),)+
                }
            }

            fn call_kind(&self) -> CallKind {
                match self {
                    $(Self::$name(step) => step.call(),)+
                }
            }

            /// The outcome of an answer.
            #[must_use]
            pub fn outcome(&self, reply: &Reply) -> Outcome {
                match self {
                    $(Self::$name(step) => step.outcome(reply),)+
                }
            }
        }
    };
}

kinds! {
    http => Http,
    shell => Shell,
    wait => Wait,
    manual => Manual,
    approve => Approve,
    document => Document,
    sql => Sql,
    notify => Notify,
    adapter => Adapter,
}

impl StepSpec {
    /// Its call to the outside, to be answered within `timeout_ms`, or sooner by its own limit.
    #[must_use]
    pub fn call(&self, timeout_ms: i64) -> Call {
        let limit_ms = match self {
            Self::Shell(shell) => shell.limit_ms,
            _ => None,
        };
        Call {
            kind: self.call_kind(),
            timeout_ms: limit_ms.map_or(timeout_ms, |limit| timeout_ms.min(limit)),
        }
    }

    /// Whether it is known to change something; for a command or a request the runbook declares it.
    #[must_use]
    pub fn mutates(&self) -> bool {
        match self {
            Self::Sql(sql) => sql.mutates,
            Self::Adapter(adapter) => !adapter.is_read_only(),
            _ => false,
        }
    }

    /// Whether its text includes the findings of the run so far; see [`document::RESULTS`].
    #[must_use]
    pub fn wants_findings(&self) -> bool {
        match self {
            Self::Document(_) => true,
            Self::Notify(notify) => notify.wants_findings(),
            _ => false,
        }
    }

    /// The same step with the findings of the run so far.
    #[must_use]
    pub fn with_findings(&self, findings: &[document::Finding<'_>]) -> Self {
        match self {
            Self::Document(document) => Self::Document(document.with_findings(findings)),
            Self::Notify(notify) => Self::Notify(notify.with_findings(findings)),
            other => other.clone(),
        }
    }
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Http {
        status: u16,
        headers: BTreeMap<String, String>,
        /// At most 1 MiB, lossily decoded; `truncated` says whether there was more.
        body: String,
        truncated: bool,
        ms: i64,
    },
    /// The process ended by itself: its exit code, or the signal that ended it. `outputs`: its
    /// `$OPSROOM_OUTPUT`, read only after exit 0. `lacks`: required artifacts that are missing, one
    /// sentence each.
    Exited {
        code: Option<i32>,
        signal: Option<i32>,
        outputs: BTreeMap<String, String>,
        lacks: Vec<String>,
        ms: i64,
    },
    Waited {
        ms: i64,
    },
    Answered {
        done: bool,
        by: String,
        note: Option<String>,
    },
    Stored,
    /// A statement went through.
    Rows(sql::Rows),
    /// A connection was opened.
    Connected {
        /// The address that answered, with its port.
        address: String,
        /// With TLS: the certificates of the server, its own first.
        certificates: Vec<Certificate>,
        /// With TLS: why the certificate is not valid for the name, if it is not.
        distrust: Option<String>,
        ms: i64,
    },
    /// A name was resolved.
    Resolved {
        addresses: Vec<String>,
        ms: i64,
    },
    /// The host has sent an ICMP echo request back.
    Echoed {
        /// Its IP address.
        address: String,
        ms: i64,
    },
    /// The server took the mail.
    Mailed {
        ms: i64,
    },
    /// Progress of the requests of an operation.
    Operated(adapter::Progress),
    /// The other side understood and refused. `again`: it may accept later.
    Declined {
        message: String,
        again: bool,
    },
    /// The deadline passed first.
    TimedOut {
        after_ms: i64,
    },
    /// It could not be reached or did not answer: refused connection, unknown host, no such program
    /// …
    Unreachable {
        message: String,
        cause: Cause,
    },
    /// The call was not made, for local reasons: a missing secret, an address that may not be
    /// called. It gives no information about the target, and a retry would not help.
    Refused {
        message: String,
        by: RefusedBy,
    },
}

/// Who does not let a call be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedBy {
    /// The outbound policy.
    Policy,
    /// This machine or its configuration: a missing secret or program, a limit that is used up.
    Ours,
}

/// Why a call is not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRefusal {
    pub message: String,
    pub by: RefusedBy,
}

impl CallRefusal {
    /// The refusal of the outbound policy.
    #[must_use]
    pub const fn by_policy(message: String) -> Self {
        let by = RefusedBy::Policy;
        Self { message, by }
    }
}

/// Every reason that is not the policy's is ours.
impl From<String> for CallRefusal {
    fn from(message: String) -> Self {
        let by = RefusedBy::Ours;
        Self { message, by }
    }
}

impl From<CallRefusal> for Reply {
    fn from(CallRefusal { message, by }: CallRefusal) -> Self {
        Self::Refused { message, by }
    }
}

impl Reply {
    /// The call was not made, for a reason of ours.
    #[must_use]
    pub fn refused(message: impl Into<String>) -> Self {
        CallRefusal::from(message.into()).into()
    }

    /// No answer, for a reason that has no [`Cause`] of its own.
    #[must_use]
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::Unreachable {
            message: message.into(),
            cause: Cause::Other,
        }
    }
}

/// What kept a call from being answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The name does not resolve.
    Dns,
    /// The connection was refused, or closed before there was an answer.
    Refused,
    /// There is no route.
    NoRoute,
    /// What came is not an answer of the protocol.
    Protocol,
    /// The connection timed out, although the call's own deadline had not passed.
    Timeout,
    /// TLS failed: no valid certificate, or no TLS at all.
    Tls,
    Other,
}

/// The outcome of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub verdict: Verdict,
    /// One line for people: `200 in 41 ms`, `exit code 2`.
    pub message: String,
    /// The state of the target by a probe.
    pub state: State,
    /// Latency of the answer where there was one, milliseconds.
    pub latency_ms: Option<i64>,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Succeeded,
    /// `again`: worth retrying (408, 425, 429, 5xx, refused connections).
    Failed {
        again: bool,
    },
    TimedOut,
}

/// Whether an error status may succeed later.
pub(crate) const fn answered_again(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599)
}

impl Outcome {
    /// Answered as expected.
    #[must_use]
    pub fn ok(message: impl Into<String>, latency_ms: Option<i64>) -> Self {
        Self {
            verdict: Verdict::Succeeded,
            message: message.into(),
            state: State::Ok,
            latency_ms,
        }
    }

    /// It did not succeed.
    #[must_use]
    pub fn failed(message: impl Into<String>, again: bool, latency_ms: Option<i64>) -> Self {
        Self {
            verdict: Verdict::Failed { again },
            message: message.into(),
            state: State::Failing,
            latency_ms,
        }
    }

    /// The call was not made.
    #[must_use]
    pub fn refused(message: &str) -> Self {
        let verdict = Verdict::Failed { again: false };
        Self {
            verdict,
            message: message.to_owned(),
            state: State::Unknown,
            latency_ms: None,
        }
    }

    /// The deadline passed.
    #[must_use]
    pub fn timed_out(after_ms: i64) -> Self {
        Self {
            verdict: Verdict::TimedOut,
            message: format!("no answer within {}", crate::base::time::human_ms(after_ms)),
            state: State::Failing,
            latency_ms: None,
        }
    }

    /// An answer that does not fit the call: a bug in opsroom, reported as such.
    #[must_use]
    pub fn unexpected(kind: &str, reply: &Reply) -> Self {
        Self::failed(
            format!("{kind} step got an answer of another kind: {reply:?}"),
            false,
            None,
        )
    }
}
