//! `opsroom audit`: the audit log, newest first.

use super::out::Out;
use super::run::log::Which;
use super::session::Start;
use super::stop::{Code, Stop};
use crate::control::AuditFilter;
use crate::core::access::audit_line;

/// List the audit log, newest first
#[derive(Debug, clap::Args)]
pub struct AuditArgs {
    /// Only rows since: 24h, 02:00, today, yesterday, monday, 2026-11-21 or 2026-11-21T09:00:00Z
    /// (UTC)
    #[arg(long, value_name = "WHEN")]
    pub(super) since: Option<String>,
    /// Only what this person (or `engine`) did
    #[arg(long, value_name = "NAME")]
    pub(super) actor: Option<String>,
    /// Only what was done to this run: a number, `last` or `last-failed`
    #[arg(long, value_name = "RUN")]
    pub(super) run: Option<Which>,
    /// Only what was done to this service, and to runs on it
    #[arg(long, value_name = "NAME")]
    pub(super) service: Option<String>,
    /// Only what was done in this environment
    #[arg(long, value_name = "NAME")]
    pub(super) env: Option<String>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) limit: u32,
    /// One JSON array, with what each object was before and after
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn perform(args: &AuditArgs, start: &Start) -> Result<Code, Stop> {
    let since = start.since(args.since.as_deref())?;
    let control = start.open_cli().await?;
    let run = match &args.run {
        Some(which) => Some(which.find(&control).await?),
        None => None,
    };
    let filter = AuditFilter {
        since,
        actor: args.actor.clone(),
        run,
        service: args.service.clone(),
        env: args.env.clone(),
        limit: args.limit,
    };
    let rows = control.audit(&filter).await?;
    control.close(false).await;
    let mut out = Out::new();
    if args.json {
        out.json(&rows)?;
    } else {
        let rows: Vec<_> = rows.iter().map(audit_line::cells).collect();
        out.table(audit_line::HEADING, &rows)?;
    }
    Ok(Code::Succeeded)
}
