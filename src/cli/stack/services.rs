//! `opsroom services`: the inventory with the latest state of every target.

use std::collections::HashMap;

use serde::Serialize;

use crate::cli::out::Out;
use crate::cli::session::Start;
use crate::cli::stop::{Code, Stop, print_message};
use crate::control::{EnginePlace, Overview};
use crate::core::base::suggest::nearest;
use crate::core::base::time::{Timestamp, human_ms};
use crate::core::health::observation::TargetSummary;
use crate::core::metric::rollup::Totals;
use crate::core::run::plan::Target;
use crate::core::stack::service::{Service, Stack};
use crate::core::stack::state::State;

/// List services and how they are
#[derive(Debug, clap::Args)]
pub struct ServicesArgs {
    /// Only these services
    #[arg(value_name = "NAME")]
    pub(in crate::cli) names: Vec<String>,
    /// Only in this environment
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) env: Option<String>,
    /// One JSON array
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// A service as `--json` prints it: the declaration and the observations of each of its targets.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    service: &'a Service,
    targets: Vec<Looked<'a>>,
    /// Where targets are probed; absent: no engine is running.
    engine: Option<&'a str>,
    derived_at: Timestamp,
    simulated: bool,
}

#[derive(Serialize)]
struct Looked<'a> {
    env: Option<&'a str>,
    state: State,
    /// When it was last observed, and how long before `derived_at`; absent if never.
    seen_at: Option<Timestamp>,
    age_ms: Option<i64>,
    /// Why it is in that state.
    detail: String,
    /// Percent of the probes of the last 24 hours that were not failing; absent without any.
    uptime_pct: Option<f64>,
    /// How many these are.
    samples: u64,
    #[serde(flatten)]
    summary: Option<&'a TargetSummary>,
}

pub(in crate::cli) async fn perform(args: &ServicesArgs, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let overview = control.overview().await?;
    let known = Known {
        days: control.day_totals().await?,
        simulated: control.settings().simulated,
        overview,
    };
    let (overview, read_only) = (&known.overview, control.settings().read_only);
    control.close(false).await;
    let services = chosen(args, &overview.stack)?;
    let env = args.env.as_deref();
    let mut out = Out::new();
    if args.json {
        let listed: Vec<_> = services.iter().map(|s| listed(s, env, &known)).collect();
        out.json(&listed)?;
    } else {
        let rows: Vec<_> = services.iter().flat_map(|s| rows(s, env, &known)).collect();
        out.table(
            [
                "SERVICE",
                "ENV",
                "STATE",
                "UPTIME 24H",
                "OWNER",
                "LAST SEEN",
            ],
            &rows,
        )?;
        if overview.engine == EnginePlace::Nowhere {
            print_message(&overview.engine.sentence(read_only));
        }
    }
    Ok(Code::Succeeded)
}

/// The services to list. A name that does not exist is an error, not an empty list.
fn chosen<'a>(args: &ServicesArgs, stack: &'a Stack) -> Result<Vec<&'a Service>, Stop> {
    let unknown = |what: &str, name: &str, known: &[&str]| {
        let hint = match nearest(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known: {}", known.join(", ")),
        };
        Stop::Usage(format!("there is no {what} `{name}`; {hint}"))
    };
    let names: Vec<&str> = stack.services.iter().map(|s| s.name.as_str()).collect();
    if let Some(name) = args.names.iter().find(|name| stack.service(name).is_none()) {
        return Err(unknown("service", name, &names));
    }
    if let Some(env) = args
        .env
        .as_ref()
        .filter(|env| stack.environment(env).is_none())
    {
        let known: Vec<&str> = stack.environments.iter().map(|e| e.name.as_str()).collect();
        return Err(unknown("environment", env, &known));
    }
    let is_chosen = |s: &&Service| args.names.is_empty() || args.names.contains(&s.name);
    let there = |s: &&Service| {
        args.env
            .as_ref()
            .is_none_or(|env| s.environments.contains(env))
    };
    Ok(stack
        .services
        .iter()
        .filter(is_chosen)
        .filter(there)
        .collect())
}

/// What the list is made of.
struct Known {
    overview: Overview,
    /// How the probes of the last 24 hours ended.
    days: HashMap<Target, Totals>,
    simulated: bool,
}

fn listed<'a>(service: &'a Service, only: Option<&str>, known: &'a Known) -> Listed<'a> {
    let overview = &known.overview;
    let targets = environments(service)
        .filter(|env| only.is_none() || *env == only)
        .map(|env| {
            let summary = summary(overview, service, env);
            let day = known.days.get(&target(service, env));
            let current_state = overview.current_state(&target(service, env), overview.at);
            Looked {
                env,
                state: current_state.state,
                seen_at: current_state.seen_at,
                age_ms: current_state
                    .seen_at
                    .map(|at| overview.at.ms_since(at).max(0)),
                detail: current_state.detail,
                uptime_pct: day.and_then(Totals::uptime_pct),
                samples: day.map_or(0, Totals::answered),
                summary,
            }
        })
        .collect();
    Listed {
        service,
        targets,
        engine: overview.engine.name(),
        derived_at: overview.at,
        simulated: known.simulated,
    }
}

fn rows(service: &Service, only: Option<&str>, known: &Known) -> Vec<[String; 6]> {
    let overview = &known.overview;
    let row = |env: Option<&str>| {
        let summary = summary(overview, service, env);
        let current_state = overview.current_state(&target(service, env), overview.at);
        let state = current_state.state;
        let day = known.days.get(&target(service, env));
        let uptime = day.and_then(Totals::uptime_pct);
        let seen = summary.map(|s| match state {
            State::Unknown => current_state.detail,
            _ => format!(
                "{} ago, {}",
                human_ms(overview.at.ms_since(s.latest.at).max(0)),
                s.latest.message
            ),
        });
        [
            service.name.clone(),
            env.unwrap_or("–").to_owned(),
            format!("{} {}", state.symbol(), state.name()),
            uptime.map_or_else(|| "–".to_owned(), |u| format!("{u:.2} %")),
            service.owner.clone().unwrap_or_else(|| "–".to_owned()),
            seen.unwrap_or_else(|| "never".to_owned()),
        ]
    };
    environments(service)
        .filter(|env| only.is_none() || *env == only)
        .map(row)
        .collect()
}

/// The environments of a service; one without any is a single target.
fn environments(service: &Service) -> impl Iterator<Item = Option<&str>> {
    let none = service.environments.is_empty().then_some(None);
    service
        .environments
        .iter()
        .map(|env| Some(env.as_str()))
        .chain(none)
}

fn target(service: &Service, env: Option<&str>) -> Target {
    Target {
        service: service.name.clone(),
        env: env.map(str::to_owned),
    }
}

fn summary<'a>(
    overview: &'a Overview,
    service: &Service,
    env: Option<&str>,
) -> Option<&'a TargetSummary> {
    overview.states.get(&target(service, env))
}
