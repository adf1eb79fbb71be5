//! What a routine calls.

use super::TIMEOUT_MS;
use super::promql::{self, bearer};
use crate::base::outbound::HostFrom;
use crate::run::step::shell::Shell;
use crate::run::step::sql::Sql;
use crate::run::step::{Call, CallKind, ConnectCall, HttpCall, StepSpec};
use crate::stack::routine::{Check, Routine, RoutineRequest};
use crate::stack::shell::ShellCommand;

/// Rows that a statement of a routine may return.
const MAX_ROWS: u32 = 1000;

/// The call of a routine; none for kinds that wait for a report or for a run.
#[must_use]
pub fn call(routine: &Routine) -> Option<Call> {
    let kind = match &routine.check {
        Check::Http(_) | Check::Webhook(_) | Check::Collect(_) => {
            CallKind::Http(request_call(routine.check.request()?))
        }
        Check::Tcp { address } => CallKind::Connect(connection(address, None)),
        Check::Tls {
            address,
            server_name,
            ..
        } => {
            let own = host_and_port(address).0;
            let name = server_name.as_deref().unwrap_or(own);
            CallKind::Connect(connection(address, Some(name)))
        }
        Check::Icmp { host } => CallKind::Ping { host: host.clone() },
        Check::Dns { host } => CallKind::Resolve { host: host.clone() },
        Check::Shell { command, secrets } => shell_call(command.clone(), secrets.clone()),
        Check::Unit { unit } => {
            let argv = [
                "systemctl",
                "show",
                "--property=LoadState,ActiveState,SubState,Result",
            ];
            let words = argv.into_iter().chain(["--", unit.as_str()]);
            shell_call(
                ShellCommand::Argv(words.map(str::to_owned).collect()),
                Vec::new(),
            )
        }
        Check::Sql { database, query } => CallKind::Sql(Sql {
            database: database.clone(),
            place: String::new(),
            statement: query.clone(),
            params: Vec::new(),
            mutates: false,
            max_rows: MAX_ROWS,
        }),
        Check::Promql {
            url,
            query,
            secret_ref,
        } => CallKind::Http(promql::call(url, query, secret_ref.as_deref())),
        Check::Runbook(_) | Check::Heartbeat { .. } | Check::Manual { .. } => return None,
    };
    Some(Call {
        kind,
        timeout_ms: timeout_ms(routine),
    })
}

/// The total deadline of a check, milliseconds.
#[must_use]
pub fn timeout_ms(routine: &Routine) -> i64 {
    let of_request = || routine.check.request().and_then(|r| r.timeout_ms);
    routine.timeout_ms.or_else(of_request).unwrap_or(TIMEOUT_MS)
}

fn request_call(request: &RoutineRequest) -> HttpCall {
    HttpCall {
        method: request.method.clone(),
        url: request.url.clone(),
        host: HostFrom::File,
        headers: request.headers.clone(),
        body: request.body.clone(),
        secrets: bearer(request.secret_ref.as_deref()),
    }
}

fn connection(address: &str, tls_name: Option<&str>) -> ConnectCall {
    let (host, port) = host_and_port(address);
    ConnectCall {
        host: host.to_owned(),
        port,
        tls_name: tls_name.map(str::to_owned),
    }
}

/// The parts of `host:port`, which was checked when the file was read.
fn host_and_port(address: &str) -> (&str, u16) {
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    (host, port.parse().unwrap_or(0))
}

fn shell_call(command: ShellCommand, secrets: Vec<String>) -> CallKind {
    let shell = Shell {
        secrets,
        ..Shell::new(command)
    };
    StepSpec::Shell(shell).call(TIMEOUT_MS).kind
}
