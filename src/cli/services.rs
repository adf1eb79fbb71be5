//! `opsroom services`: the inventory with the newest state of every target.

use serde::Serialize;

use super::out::Out;
use super::session::Start;
use super::stop::{Code, Stop};
use crate::control::Overview;
use crate::core::observation::{State, TargetSummary};
use crate::core::plan::Target;
use crate::core::service::Service;
use crate::core::time::human_ms;

/// List services and how they are
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One JSON array
    #[arg(long)]
    json: bool,
}

/// A service as `--json` prints it: the declaration, and what was seen of each of its targets.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    service: &'a Service,
    targets: Vec<Seen<'a>>,
    simulated: bool,
}

#[derive(Serialize)]
struct Seen<'a> {
    env: Option<&'a str>,
    state: State,
    /// Percent of the last 24 hours' observations that were not failing; absent without any.
    uptime_pct: Option<f64>,
    #[serde(flatten)]
    summary: Option<&'a TargetSummary>,
}

pub(super) async fn perform(args: &Args, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let overview = control.overview().await?;
    let simulated = control.settings().simulated;
    control.close(false).await;
    let mut out = Out::new();
    if args.json {
        let listed: Vec<_> = overview.stack.services.iter().map(|s| listed(s, &overview, simulated)).collect();
        out.json(&listed)?;
    } else {
        let rows: Vec<_> = overview.stack.services.iter().flat_map(|s| rows(s, &overview)).collect();
        out.table(["SERVICE", "ENV", "STATE", "UPTIME 24H", "OWNER", "LAST SEEN"], &rows)?;
    }
    Ok(Code::Succeeded)
}

fn listed<'a>(service: &'a Service, overview: &'a Overview, simulated: bool) -> Listed<'a> {
    let targets = environments(service)
        .map(|env| {
            let summary = summary(overview, service, env);
            Seen {
                env,
                state: summary.map_or(State::Unknown, |s| s.latest.state),
                uptime_pct: summary.and_then(TargetSummary::uptime_pct),
                summary,
            }
        })
        .collect();
    Listed { service, targets, simulated }
}

fn rows(service: &Service, overview: &Overview) -> Vec<[String; 6]> {
    let row = |env: Option<&str>| {
        let summary = summary(overview, service, env);
        let state = summary.map_or(State::Unknown, |s| s.latest.state);
        let uptime = summary.and_then(TargetSummary::uptime_pct);
        let seen =
            summary.map(|s| format!("{} ago, {}", human_ms(overview.at.ms_since(s.latest.at)), s.latest.message));
        [
            service.name.clone(),
            env.unwrap_or("–").to_owned(),
            format!("{} {}", state.symbol(), state.name()),
            uptime.map_or_else(|| "–".to_owned(), |u| format!("{u:.2} %")),
            service.owner.clone().unwrap_or_else(|| "–".to_owned()),
            seen.unwrap_or_else(|| "never".to_owned()),
        ]
    };
    environments(service).map(row).collect()
}

/// Its environments; a service without any is one target of its own.
fn environments(service: &Service) -> impl Iterator<Item = Option<&str>> {
    let none = service.environments.is_empty().then_some(None);
    service.environments.iter().map(|env| Some(env.as_str())).chain(none)
}

fn summary<'a>(overview: &'a Overview, service: &Service, env: Option<&str>) -> Option<&'a TargetSummary> {
    let wanted = Target { service: service.name.clone(), env: env.map(str::to_owned) };
    overview.states.iter().find(|(target, _)| *target == wanted).map(|(_, summary)| summary)
}
