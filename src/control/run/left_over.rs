//! Queued runs that no engine claims by itself, because the process that queued them is gone: shown
//! to a person, who starts or drops them.

use std::collections::HashMap;

use crate::bus::Notice;
use crate::control::{Control, ProcessKind, Refusal};
use crate::core::base::time::Timestamp;
use crate::core::run::act::Acted;
use crate::core::run::queue::Untaken;
use crate::core::run::{RunId, RunStatus};
use crate::store::{Orderer, Scope, StoreError};

/// How many of them are read with their plans; the rest are only counted.
const READ: usize = 20;

/// A run that waits for a person to start or drop it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOver {
    pub run: RunId,
    /// Absent where it was not read, or cannot be read here.
    pub title: Option<String>,
    /// Its requester.
    pub actor: Option<String>,
    pub queued_at: Timestamp,
    /// `host:pid` of the process that queued it, where that is known.
    pub process: Option<String>,
    /// Any engine would claim it, but none is running.
    pub free: bool,
    /// The word to type to start it.
    pub word: Option<String>,
}

/// `2 runs wait since 15:55, queued by a process that is gone`, or `no engine is running`; `None`:
/// there are none.
#[must_use]
pub fn describe(left_over: &[LeftOver], now: Timestamp) -> Option<String> {
    const DAY: i64 = 86_400_000;
    let since = left_over.iter().map(|run| run.queued_at).min()?;
    let (date, clock) = (since.rfc3339(), since.clock_utc());
    let at = if now.ms_since(since) < DAY {
        clock[..5].to_owned()
    } else {
        date[..10].to_owned()
    };
    let runs = if left_over.len() == 1 {
        "1 run waits"
    } else {
        &format!("{} runs wait", left_over.len())
    };
    let free = left_over.iter().any(|run| run.free);
    let why = if free {
        "no engine is running"
    } else {
        "queued by a process that is gone"
    };
    Some(format!("{runs} since {at}, {why}"))
}

impl Control {
    /// The runs that wait for a person to start or drop them, in the order of the queue.
    pub async fn left_over(&self) -> Result<Vec<LeftOver>, Refusal> {
        let Some(scope) = self.known_scope() else {
            return Ok(Vec::new());
        };
        let (any_engine, gone) = self.any_engine().await?;
        let found = scope
            .left_over(self.0.clock.now(), any_engine, &gone)
            .await?;
        let read: Vec<_> = found.iter().take(READ).map(|waits| waits.run).collect();
        // Those that this version cannot read are shown without a title.
        let read = scope.whole_runs(&read).await?.runs;
        let left_over = found.into_iter().map(|waits| {
            let run = read.iter().find(|run| run.id == waits.run);
            LeftOver {
                run: waits.run,
                title: run.map(|run| run.plan.title.clone()),
                actor: run.map(|run| run.actor.clone()),
                queued_at: waits.queued_at,
                process: waits
                    .queued_by
                    .as_deref()
                    .filter(|by| !by.is_empty())
                    .map(crate::engine::short),
                free: waits.queued_by.as_deref() == Some(""),
                word: run.and_then(|run| run.plan.confirm_word()),
            }
        });
        Ok(left_over.collect())
    }

    /// Drops a run that waits in the queue. Refused if it was started meanwhile.
    pub(in crate::control) async fn drop_queued(
        &self,
        run: RunId,
        reason: Option<&str>,
    ) -> Result<Acted, Refusal> {
        let reason = self.clean(reason.map(str::trim).filter(|reason| !reason.is_empty()));
        let by = Orderer {
            actor: &self.0.settings.actor,
            reason: reason.as_deref(),
        };
        let scope = self.scope().await?;
        let status = match scope.drop_queued(run, by, self.0.clock.now()).await {
            Err(StoreError::Refused { status, .. }) => {
                let (now, n) = (status.name(), run.0);
                return Err(Refusal::Invalid(format!(
                    "run {run} is {now} and no longer waits; `cancel run {n}` stops it"
                )));
            }
            dropped => dropped?,
        };
        self.announce(&scope, run).await;
        self.0.bus.publish(Notice::Run(run, status));
        Ok(Acted::Dropped(run))
    }

    /// Queued runs that will be left over when this process ends: it queued them, and no server
    /// adopts them.
    pub async fn queued_here(&self) -> Result<i64, Refusal> {
        let store = self.0.store.for_engines();
        if self.engine().is_none() || crate::engine::is_served(store, self.0.clock).await {
            return Ok(0);
        }
        Ok(store.queued_here().await?)
    }

    /// Why no engine claims these queued runs, for those none claims.
    pub(in crate::control) async fn untaken(
        &self,
        scope: &Scope,
    ) -> Result<HashMap<RunId, Untaken>, Refusal> {
        let (any_engine, gone) = self.any_engine().await?;
        let why = if any_engine {
            Untaken::LeftOver
        } else {
            Untaken::NoEngine
        };
        let found = scope
            .left_over(self.0.clock.now(), any_engine, &gone)
            .await?;
        Ok(found.into_iter().map(|waits| (waits.run, why)).collect())
    }

    /// Starts a run that waits in the queue, as if this process had queued it, so that any live
    /// engine may claim it. Its targets are checked again, and a protected environment needs its
    /// word.
    pub(in crate::control) async fn start(
        &self,
        run: RunId,
        typed: Option<&str>,
        reason: Option<&str>,
    ) -> Result<Acted, Refusal> {
        let scope = self.scope().await?;
        let queued = scope.run(run).await?;
        let (any_engine, gone) = self.any_engine().await?;
        let waits = scope
            .left_over(self.0.clock.now(), any_engine, &gone)
            .await?;
        if queued.status == RunStatus::Queued && !waits.iter().any(|waits| waits.run == run) {
            return Err(Refusal::Invalid(format!(
                "run {run} does not wait for a person: an engine takes it"
            )));
        }
        self.refresh().await?;
        for link in queued.plan.links() {
            self.exists(link)?;
        }
        self.not_locked(&queued.plan).await?;
        Self::confirmed(&queued.plan, typed)?;
        let reason = self.clean(reason.map(str::trim).filter(|reason| !reason.is_empty()));
        let by = Orderer {
            actor: &self.0.settings.actor,
            reason: reason.as_deref(),
        };
        scope.start_queued(run, by, self.0.clock.now()).await?;
        if self.0.settings.door == ProcessKind::Cli {
            self.start_engine(Some(run));
        }
        self.announce(&scope, run).await;
        self.0.bus.publish(Notice::Run(run, queued.status));
        Ok(Acted::Started(Box::new(scope.run(run).await?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_runs_are_described_with_count_and_time() {
        let one = |minute: i64| LeftOver {
            run: RunId(minute),
            title: None,
            actor: None,
            queued_at: Timestamp(minute * 60_000),
            process: None,
            free: false,
            word: None,
        };
        let now = Timestamp(20 * 3_600_000);
        assert_eq!(describe(&[], now), None);
        let text = |waits: &[LeftOver], now| describe(waits, now).unwrap();
        assert_eq!(
            text(&[one(955)], now),
            "1 run waits since 15:55, queued by a process that is gone"
        );
        assert_eq!(
            text(&[one(960), one(955)], now),
            "2 runs wait since 15:55, queued by a process that is gone"
        );
        let free = LeftOver {
            free: true,
            ..one(955)
        };
        assert_eq!(
            text(std::slice::from_ref(&free), now),
            "1 run waits since 15:55, no engine is running"
        );
        for (days, extra_ms, since) in
            [(1, -1, "15:55"), (1, 0, "1970-01-01"), (2, 0, "1970-01-01")]
        {
            assert_eq!(
                text(
                    &[one(955)],
                    Timestamp(955 * 60_000).plus_ms(days * 86_400_000 + extra_ms)
                ),
                format!("1 run waits since {since}, queued by a process that is gone")
            );
        }
        assert_eq!(
            text(&[one(955), free], now),
            "2 runs wait since 15:55, no engine is running",
            "one is enough"
        );
    }
}
