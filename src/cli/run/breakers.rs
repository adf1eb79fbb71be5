//! `opsroom breakers`: lists the circuit breakers, and closes one by hand.

use serde::Serialize;

use crate::cli::out::Out;
use crate::cli::run::act::{self, Terms};
use crate::cli::session::Start;
use crate::cli::stop::{Code, Stop};
use crate::core::run::act::Act;
use crate::core::run::breaker::{Breaker, State};

/// List circuit breakers that are open or counting failures, or close one
#[derive(Debug, clap::Args)]
pub struct BreakersArgs {
    /// Close the breakers of this service or host
    #[arg(long, value_name = "TARGET")]
    reset: Option<String>,
    /// Only in this environment
    #[arg(long, value_name = "ENV", requires = "reset")]
    env: Option<String>,
    /// Why, kept in the audit log
    #[arg(long, value_name = "TEXT", requires = "reset")]
    reason: Option<String>,
    /// One JSON array
    #[arg(long, conflicts_with = "reset")]
    json: bool,
}

impl BreakersArgs {
    pub(in crate::cli) const fn changes(&self) -> bool {
        self.reset.is_some()
    }
}

/// A breaker as `--json` prints it.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    breaker: &'a Breaker,
    words: String,
}

pub(in crate::cli) async fn perform(args: &BreakersArgs, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    if let Some(target) = &args.reset {
        let reset = Act::ResetBreaker {
            target: target.clone(),
            env: args.env.clone(),
            reason: args.reason.clone(),
        };
        return act::perform(&control, reset, Terms::default()).await;
    }
    let mut out = Out::new();
    let breakers = control.breakers().await?;
    control.close(false).await;
    if args.json {
        let listed: Vec<_> = breakers
            .iter()
            .map(|breaker| Listed {
                breaker,
                words: breaker.describe(),
            })
            .collect();
        out.json(&listed)?;
    } else if breakers.is_empty() {
        out.line("every breaker is closed and nothing has failed")?;
    } else {
        out.table(
            ["TARGET", "HOST", "STATE", "FAILURES", "HOW"],
            &breakers.iter().map(row).collect::<Vec<_>>(),
        )?;
    }
    Ok(Code::Succeeded)
}

fn row(breaker: &Breaker) -> [String; 5] {
    let target = breaker
        .way
        .target
        .as_ref()
        .map_or_else(|| "–".to_owned(), ToString::to_string);
    let failures = match breaker.state {
        State::Closed { failures } => failures.to_string(),
        State::Open { .. } | State::HalfOpen { .. } => "–".to_owned(),
    };
    [
        target,
        breaker.way.host.clone(),
        breaker.state.name().to_owned(),
        failures,
        breaker.describe(),
    ]
}
