//! `opsroom lock`, `opsroom unlock` and `opsroom locks`: keep changing runs away from a target or a
//! runbook for a while.

use crate::cli::out::Out;
use crate::cli::run::act::{self, Terms};
use crate::cli::session::Start;
use crate::cli::stop::{Code, Stop};
use crate::core::base::time::Timestamp;
use crate::core::run::act::Act;
use crate::core::run::lockout::{LockEnd, Lockable, Lockout};
use crate::core::run::plan::Target;

/// Keep changing runs away from a service or a runbook for a while
#[derive(Debug, clap::Args)]
pub struct LockArgs {
    #[command(flatten)]
    of: OfArgs,
    #[command(flatten)]
    end: EndArgs,
    /// Why; shown to everyone who tries to start something
    #[arg(long, value_name = "TEXT", required = true)]
    reason: String,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// End a lock before its time
#[derive(Debug, clap::Args)]
pub struct UnlockArgs {
    #[command(flatten)]
    of: OfArgs,
    /// Why, kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// List the locks that have not ended
#[derive(Debug, clap::Args)]
pub struct LocksArgs {
    /// One JSON array
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Services and the environment that a phrase names.
    #[arg(skip)]
    pub(in crate::cli) of: (Vec<String>, Option<String>),
}

/// When a lock or a pause ends.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct EndArgs {
    /// How long: 30m, 2h, 3d; at most 30 days
    #[arg(
        long = "for",
        value_name = "DURATION",
        conflicts_with = "until",
        required_unless_present = "until"
    )]
    duration: Option<String>,
    /// Until when: 18:00, tomorrow 09:00, 2026-11-21 or 2026-11-21T09:00:00Z (UTC)
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
}

impl EndArgs {
    pub(in crate::cli) fn read(&self, now: Timestamp) -> Result<LockEnd, Stop> {
        let (duration, until) = (self.duration.as_deref(), self.until.as_deref());
        LockEnd::read(duration, until, now).map_err(Stop::Usage)
    }
}

#[derive(Debug, clap::Args)]
struct OfArgs {
    /// The services
    #[arg(
        value_name = "SERVICE",
        required_unless_present = "runbook",
        conflicts_with = "runbook"
    )]
    services: Vec<String>,
    /// Their environment
    #[arg(long, value_name = "ENV", conflicts_with = "runbook")]
    env: Option<String>,
    /// A runbook instead
    #[arg(long, value_name = "NAME")]
    runbook: Option<String>,
}

impl OfArgs {
    fn lockable(&self) -> Vec<Lockable> {
        if let Some(name) = &self.runbook {
            return vec![Lockable::Runbook(name.clone())];
        }
        let targets = self.services.iter().map(|service| Target {
            service: service.clone(),
            env: self.env.clone(),
        });
        targets.map(Lockable::Target).collect()
    }
}

pub(in crate::cli) async fn lock(args: &LockArgs, start: &Start) -> Result<Code, Stop> {
    let end = args.end.read(start.clock.now())?;
    let control = start.open_cli().await?;
    let lock = Act::Lock {
        of: args.of.lockable(),
        end,
        reason: Some(args.reason.clone()),
    };
    let terms = Terms {
        json: args.json,
        ..Terms::default()
    };
    act::perform(&control, lock, terms).await
}

pub(in crate::cli) async fn unlock(args: &UnlockArgs, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let unlock = Act::Unlock {
        of: args.of.lockable(),
        reason: args.reason.clone(),
    };
    let terms = Terms {
        json: args.json,
        ..Terms::default()
    };
    act::perform(&control, unlock, terms).await
}

pub(in crate::cli) async fn list(args: &LocksArgs, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let mut locks = control.lockouts().await?;
    let (services, env) = &args.of;
    locks.retain(|lock| lock.of.is_of(services, env.as_deref()));
    control.close(false).await;
    let mut out = Out::new();
    if args.json {
        out.json(&locks)?;
    } else if locks.is_empty() {
        out.line("nothing is locked")?;
    } else {
        let rows: Vec<_> = locks.iter().map(row).collect();
        out.table(["WHAT", "UNTIL", "BY", "SINCE", "WHY"], &rows)?;
    }
    Ok(Code::Succeeded)
}

fn row(lock: &Lockout) -> [String; 5] {
    [
        lock.of.to_string(),
        lock.until.rfc3339(),
        lock.actor.clone(),
        lock.at.rfc3339(),
        lock.reason.clone(),
    ]
}
