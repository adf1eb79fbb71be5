//! Routines: what a workspace runs on a schedule, as its stack file declares it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::shell::ShellCommand;
use crate::{serde_by_word, words};

words! {
    /// What a routine does, in the order the kinds are listed to people.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
    pub enum RoutineKind {
        #[default]
        Http = "http",
        Webhook = "webhook",
        Tcp = "tcp",
        Dns = "dns",
        Tls = "tls",
        Icmp = "icmp",
        Shell = "shell",
        Sql = "sql",
        Promql = "promql",
        Unit = "unit",
        Runbook = "runbook",
        Heartbeat = "heartbeat",
        Manual = "manual",
        Collect = "collect",
    }
}

serde_by_word!(RoutineKind);

impl RoutineKind {
    /// Whether this version does anything with it; otherwise it is only kept.
    #[must_use]
    pub const fn is_run(self) -> bool {
        !matches!(self, Self::Collect)
    }

    /// Whether it calls nothing, but waits for reports.
    #[must_use]
    pub const fn is_reported(self) -> bool {
        matches!(self, Self::Heartbeat | Self::Manual)
    }
}

words! {
    /// What happens with slots that were missed: no engine ran, or the machine slept.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub enum MisfirePolicy {
        /// They are recorded as skipped.
        Skip = "skip",
        /// One run stands for all of them; the rest are recorded as skipped.
        #[default]
        Once = "once",
        /// Each runs, the oldest first, up to [`Routine::max_catch_up`].
        All = "all",
    }
}

serde_by_word!(MisfirePolicy);

/// Slots that a routine with `misfire = "all"` catches up on at once.
pub const MAX_CATCH_UP: u32 = 10;
/// Failures in a row before the state of a routine counts as failing.
pub const FAILURE_THRESHOLD: u32 = 3;
/// Successes in a row before a failing routine counts as ok again.
pub const SUCCESS_THRESHOLD: u32 = 2;

/// A scheduled check, webhook or task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Routine {
    pub name: String,
    #[serde(default)]
    pub service: Option<String>,
    #[serde(default)]
    pub env: Option<String>,
    #[serde(flatten)]
    pub check: Check,
    /// The time between two slots, milliseconds. Exactly one of this and `cron` is set.
    #[serde(default)]
    pub every_ms: Option<i64>,
    #[serde(default)]
    pub cron: Option<String>,
    /// IANA name of the zone of `cron`; none: the stack's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Expressions over `response` that must hold; kept as written.
    #[serde(
        default,
        deserialize_with = "one_or_many",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub expect: Vec<String>,
    /// Total deadline of one check, milliseconds; none: the default of its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<i64>,
    /// The longest delay of a check after its slot, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub misfire: Option<MisfirePolicy>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_catch_up: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_threshold: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_threshold: Option<u32>,
}

impl Default for Routine {
    fn default() -> Self {
        Self {
            name: String::new(),
            service: None,
            env: None,
            check: Check::Http(RequestCheck::default()),
            every_ms: None,
            cron: None,
            timezone: None,
            expect: Vec::new(),
            timeout_ms: None,
            jitter_ms: None,
            misfire: None,
            max_catch_up: None,
            failure_threshold: None,
            success_threshold: None,
        }
    }
}

impl Routine {
    #[must_use]
    pub const fn kind(&self) -> RoutineKind {
        self.check.kind()
    }

    /// What happens with slots that were missed: as it says, or as is usual for its kind. A runbook
    /// is not run at another time than the one it was given, unless the routine asks for that.
    #[must_use]
    pub fn misfire_policy(&self) -> MisfirePolicy {
        self.misfire.unwrap_or(match self.kind() {
            RoutineKind::Runbook => MisfirePolicy::Skip,
            _ => MisfirePolicy::default(),
        })
    }

    /// Whether it runs a runbook.
    #[must_use]
    pub const fn runs_runbook(&self) -> bool {
        matches!(self.check, Check::Runbook(_))
    }
}

/// What a routine does, with the values its kind needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Check {
    Http(RequestCheck),
    /// Sends a request with a body, POST unless it says otherwise.
    Webhook(RequestCheck),
    /// Opens a connection and closes it.
    Tcp {
        /// `host:port`.
        address: String,
    },
    /// Resolves a name.
    Dns {
        host: String,
    },
    /// Opens a TLS connection and looks at every certificate the server sends.
    Tls {
        /// `host:port`.
        address: String,
        /// The name the certificate must be for; none: the host of the address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        server_name: Option<String>,
        /// Degraded when a certificate is valid for fewer days than this.
        min_days: i64,
    },
    /// Sends an ICMP echo request.
    Icmp {
        host: String,
    },
    Shell {
        command: ShellCommand,
        /// Names of secrets the command finds in `OPSROOM_SECRET_<NAME>`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        secrets: Vec<String>,
    },
    /// Runs a read-only statement on a declared database.
    Sql {
        database: String,
        query: String,
    },
    /// Asks a Prometheus-compatible server.
    Promql {
        /// Its address, without `/api/v1/query`.
        url: String,
        query: String,
        /// Name of the secret sent as a bearer token.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secret_ref: Option<String>,
    },
    /// Asks systemd for the state of a unit.
    Unit {
        unit: String,
    },
    /// Runs a runbook and waits for the end of its run.
    Runbook(RunbookCheck),
    /// Another program reports; a report that does not come within the grace time is a failure.
    Heartbeat {
        grace_ms: i64,
    },
    /// A task that a person does; each slot is a due date.
    Manual {
        task: String,
    },
    Collect(RequestCheck),
}

impl Check {
    #[must_use]
    pub const fn kind(&self) -> RoutineKind {
        match self {
            Self::Http(_) => RoutineKind::Http,
            Self::Webhook(_) => RoutineKind::Webhook,
            Self::Tcp { .. } => RoutineKind::Tcp,
            Self::Dns { .. } => RoutineKind::Dns,
            Self::Tls { .. } => RoutineKind::Tls,
            Self::Icmp { .. } => RoutineKind::Icmp,
            Self::Shell { .. } => RoutineKind::Shell,
            Self::Sql { .. } => RoutineKind::Sql,
            Self::Promql { .. } => RoutineKind::Promql,
            Self::Unit { .. } => RoutineKind::Unit,
            Self::Runbook(_) => RoutineKind::Runbook,
            Self::Heartbeat { .. } => RoutineKind::Heartbeat,
            Self::Manual { .. } => RoutineKind::Manual,
            Self::Collect(_) => RoutineKind::Collect,
        }
    }

    /// Its request, for the kinds that send one.
    #[must_use]
    pub const fn request(&self) -> Option<&RoutineRequest> {
        match self {
            Self::Http(check) | Self::Webhook(check) | Self::Collect(check) => {
                check.request.as_ref()
            }
            _ => None,
        }
    }
}

/// A check that sends one request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RequestCheck {
    /// Missing only in stacks of old stores.
    #[serde(default)]
    pub request: Option<RoutineRequest>,
}

/// A runbook with its inputs; environment and service are those of the routine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RunbookCheck {
    pub runbook: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
    /// It may change a protected environment with no person watching.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unattended: bool,
}

/// The request of a routine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RoutineRequest {
    pub method: String,
    pub url: String,
    /// Older stacks set the deadline here; [`Routine::timeout_ms`] wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<i64>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Name of the secret sent as a bearer token; the value is never stored.
    #[serde(default)]
    pub secret_ref: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// Stacks of old stores hold one condition as a text, or null.
fn one_or_many<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Option::<Written>::deserialize(source)? {
        None => Vec::new(),
        Some(Written::One(text)) => vec![text],
        Some(Written::Many(texts)) => texts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_routine_of_an_old_store_is_read() {
        let text = r#"{"name":"ping","service":"web","kind":"http","env":"prod","every_ms":300000,"cron":null,"timezone":null,
            "request":{"method":"GET","url":"https://web.test/","timeout_ms":8000,"headers":{},"secret_ref":null},"expect":"response.status == 200"}"#;
        let routine: Routine = serde_json::from_str(text).unwrap();
        assert_eq!(routine.kind(), RoutineKind::Http);
        assert_eq!(
            routine.check.request().map(|r| r.url.as_str()),
            Some("https://web.test/")
        );
        assert_eq!(routine.expect, ["response.status == 200"]);
        let again: Routine =
            serde_json::from_str(&serde_json::to_string(&routine).unwrap()).unwrap();
        assert_eq!(again, routine);
        let bare = r#"{"name":"x","kind":"collect","every_ms":60000,"request":null,"expect":null}"#;
        let routine: Routine = serde_json::from_str(bare).unwrap();
        assert_eq!(
            (
                routine.kind(),
                routine.check.request(),
                routine.expect.len()
            ),
            (RoutineKind::Collect, None, 0)
        );
    }

    #[test]
    fn every_kind_is_stored_under_its_word() {
        let checks = [
            Check::Tcp {
                address: "db:5432".to_owned(),
            },
            Check::Dns {
                host: "acme.test".to_owned(),
            },
            Check::Tls {
                address: "acme.test:443".to_owned(),
                server_name: None,
                min_days: 14,
            },
            Check::Unit {
                unit: "nginx.service".to_owned(),
            },
            Check::Runbook(RunbookCheck {
                runbook: "backup".to_owned(),
                inputs: BTreeMap::from([("keep".to_owned(), "7".to_owned())]),
                unattended: true,
            }),
            Check::Heartbeat { grace_ms: 1 },
            Check::Manual {
                task: "rotate the key".to_owned(),
            },
        ];
        for check in checks {
            let routine = Routine {
                check,
                ..Routine::default()
            };
            let json = serde_json::to_value(&routine).unwrap();
            assert_eq!(json["kind"], routine.kind().name());
            assert_eq!(serde_json::from_value::<Routine>(json).unwrap(), routine);
        }
    }
}
