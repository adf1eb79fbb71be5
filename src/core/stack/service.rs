//! The stack: environments, services and their actions, routine definitions, contacts.

use std::collections::BTreeMap;

use super::maintenance::Maintenance;
use super::routine::Routine;
use super::shell::ShellCommand;
use crate::{serde_by_word, words};
use serde::{Deserialize, Serialize};

/// Everything one workspace declares in its stack file; kept in the store. Order is the file's.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Stack {
    pub workspace: String,
    /// IANA name of the reporting time zone.
    pub timezone: String,
    pub environments: Vec<Environment>,
    pub services: Vec<Service>,
    pub routines: Vec<Routine>,
    #[serde(default)]
    pub maintenance: Vec<Maintenance>,
    pub contacts: Vec<Contact>,
}

impl Stack {
    /// The environment of that canonical name.
    #[must_use]
    pub fn environment(&self, name: &str) -> Option<&Environment> {
        self.environments.iter().find(|e| e.name == name)
    }

    /// The service of that canonical name.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|s| s.name == name)
    }
}

/// A place services run in. `protected` marks the dangerous ones: they ask for typed confirmation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Environment {
    pub name: String,
    #[serde(default)]
    pub aliases: Vec<String>,
    #[serde(default)]
    pub protected: bool,
    /// Every change in it waits for approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approve: Option<ApprovalRule>,
}

/// Who has to approve every change of a service, or in an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRule {
    /// How many different people, at least 1. Requesters of a run do not count.
    pub need: u32,
    /// The people who may; empty: everyone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
}

/// How much a service matters; `critical` ones cap the health score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    Low,
    #[default]
    Standard,
    Critical,
}

/// An entry of the stack inventory: a tool, `SaaS` product, API, database, job.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Service {
    pub name: String,
    #[serde(default)]
    pub aliases: Vec<String>,
    #[serde(default)]
    pub category: Option<String>,
    #[serde(default)]
    pub tier: Tier,
    #[serde(default)]
    pub status: Option<String>,
    #[serde(default)]
    pub vendor: Option<String>,
    #[serde(default)]
    pub owner: Option<String>,
    #[serde(default)]
    pub department: Option<String>,
    #[serde(default)]
    pub channel: Option<String>,
    #[serde(default)]
    pub sensitivity: Option<String>,
    #[serde(default)]
    pub auth_method: Option<String>,
    #[serde(default)]
    pub notes: Option<String>,
    /// Names of the environments it runs in; empty: it has none (a `SaaS` product).
    #[serde(default)]
    pub environments: Vec<String>,
    #[serde(default)]
    pub depends_on: Vec<String>,
    #[serde(default)]
    pub links: BTreeMap<String, String>,
    #[serde(default)]
    pub sla: Option<Sla>,
    #[serde(default)]
    pub cost: Option<Cost>,
    #[serde(default)]
    pub seats: Option<Seats>,
    #[serde(default)]
    pub contract: Option<Contract>,
    /// Every change of it waits for approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approve: Option<ApprovalRule>,
    /// How it is deployed, rolled back, restarted, probed …; see [`Action`].
    #[serde(default)]
    pub actions: Vec<Action>,
}

impl Service {
    /// The way to do `verb` in `env`: one that names the environment beats one for all of them.
    #[must_use]
    pub fn action(&self, verb: Verb, env: Option<&str>) -> Option<&Action> {
        let of_verb = || self.actions.iter().filter(move |a| a.verb == verb);
        of_verb()
            .find(|a| env.is_some_and(|env| a.environments.iter().any(|e| e == env)))
            .or_else(|| of_verb().find(|a| a.environments.is_empty()))
    }
}

/// Service-level targets.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sla {
    /// Percent of probes that must be ok.
    #[serde(default)]
    pub uptime_pct: Option<f64>,
    /// 95th percentile, milliseconds.
    #[serde(default)]
    pub latency_ms: Option<i64>,
    /// Greatest age of the newest data, hours.
    #[serde(default)]
    pub freshness_hours: Option<i64>,
}

/// Money in integer minor units (cents) of an ISO 4217 currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    pub annual_minor: i64,
    pub currency: String,
}

/// Seats paid for and used in the last 30 days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seats {
    pub licensed: i64,
    #[serde(default)]
    pub active_30d: Option<i64>,
}

/// Contract dates; calendar dates `YYYY-MM-DD`, never instants.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Contract {
    #[serde(default)]
    pub start: Option<chrono::NaiveDate>,
    #[serde(default)]
    pub months: Option<i64>,
    #[serde(default)]
    pub renewal: Option<chrono::NaiveDate>,
    #[serde(default)]
    pub notice_days: Option<i64>,
    #[serde(default)]
    pub auto_renewal: bool,
}

words! {
    /// An action on a service, in the order they are listed to people. The built-in runbooks are made of
    /// these.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Verb {
        Probe = "probe",
        Deploy = "deploy",
        Rollback = "rollback",
        Restart = "restart",
        Scale = "scale",
        Backup = "backup",
        SchemaSync = "schema_sync",
    }
}

serde_by_word!(Verb);

/// One configured way to do one verb, in some environments (empty: in all).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    pub verb: Verb,
    #[serde(default)]
    pub environments: Vec<String>,
    pub call: ActionCall,
    /// Total deadline of one call, milliseconds.
    pub timeout_ms: i64,
    /// Safe to repeat when its outcome is unknown.
    #[serde(default)]
    pub idempotent: bool,
    /// Names of secrets a shell command finds in `OPSROOM_SECRET_<NAME>`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
}

/// The call of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActionCall {
    Http(HttpRequest),
    Shell(ShellCommand),
}

/// An HTTP request and its accepted answers. `{env}`, `{service}` and `{inputs.NAME}` in the URL
/// are percent-encoded, in the body JSON-escaped.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HttpRequest {
    pub method: String,
    pub url: String,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Name of the secret sent as a bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<String>,
    /// Headers whose values are secrets, by the secret's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secret_headers: BTreeMap<String, String>,
    #[serde(default)]
    pub body: Option<String>,
    /// Statuses that count as good; empty: any 2xx.
    #[serde(default)]
    pub expect_status: Vec<u16>,
    /// Slower than this is degraded (probe) or failed (other verbs), milliseconds.
    #[serde(default)]
    pub max_ms: Option<i64>,
    /// Text the body must contain.
    #[serde(default)]
    pub contains: Option<String>,
}

/// A contact person.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Contact {
    pub name: String,
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default)]
    pub phone: Option<String>,
}
