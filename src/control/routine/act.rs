//! What people do to routines: run one now, pause it, resume it.

use crate::bus::Notice;
use crate::control::{Control, Refusal};
use crate::core::routine::report::RoutineReport;
use crate::core::run::act::Acted;
use crate::core::run::lockout::LockEnd;
use crate::core::stack::state::State;
use crate::store::{RoutinePause, Scope};

impl Control {
    pub(in crate::control) async fn run_routine(
        &self,
        name: &str,
        reason: Option<&str>,
    ) -> Result<Acted, Refusal> {
        let stack = self.refresh().await?;
        let routine = self.routine_named(&stack, name)?;
        if !routine.is_active() {
            let kind = routine.kind();
            let report = if routine.is_reported() {
                "; a report is all it waits for: opsroom routines report NAME"
            } else {
                ""
            };
            return Err(Refusal::Invalid(format!(
                "{name} cannot be run: a {kind} routine calls nothing{report}"
            )));
        }
        let (scope, now) = (self.scope().await?, self.0.clock.now());
        let members = scope.routine_members().await?;
        if !members.iter().any(|member| member.alive_until >= now) {
            return Err(Refusal::Invalid(
                "no engine runs routines: start opsroom serve or a console".to_owned(),
            ));
        }
        let reason = self.clean_reason(reason);
        let by = (self.0.settings.actor.as_str(), reason.as_deref());
        let request = scope.request_routine(routine.name(), by, now).await?;
        self.wake();
        self.0.bus.publish(Notice::Routines);
        Ok(Acted::RoutineRequested {
            routine: routine.name().to_owned(),
            request,
        })
    }

    /// The result of a run of a routine that was asked for; none: there is none yet.
    pub async fn routine_result(&self, request: i64) -> Result<Option<(State, String)>, Refusal> {
        let scope = self.scope().await?;
        Ok(scope.routine_request_result(request).await?)
    }

    pub(in crate::control) async fn pause_routine(
        &self,
        name: &str,
        end: LockEnd,
        reason: Option<&str>,
    ) -> Result<Acted, Refusal> {
        let now = self.0.clock.now();
        let until = end.at(now).map_err(Refusal::Invalid)?;
        let (routine, id, scope) = self.numbered(name).await?;
        let pause = RoutinePause {
            until,
            by: self.0.settings.actor.clone(),
            reason: self.clean_reason(reason).unwrap_or_default(),
        };
        scope.pause_routine(id, &pause, now).await?;
        self.wake();
        self.0.bus.publish(Notice::Routines);
        Ok(Acted::RoutinePaused { routine, until })
    }

    pub(in crate::control) async fn resume_routine(&self, name: &str) -> Result<Acted, Refusal> {
        let (routine, id, scope) = self.numbered(name).await?;
        let actor = &self.0.settings.actor;
        if !scope.resume_routine(id, actor, self.0.clock.now()).await? {
            return Err(Refusal::Invalid(format!("{routine} is not paused")));
        }
        self.wake();
        self.0.bus.publish(Notice::Routines);
        Ok(Acted::RoutineResumed(routine))
    }

    /// Keeps the report until the engine that holds the routine takes it.
    pub(in crate::control) async fn report_routine(
        &self,
        name: &str,
        state: State,
        note: Option<&str>,
    ) -> Result<Acted, Refusal> {
        let stack = self.refresh().await?;
        let routine = self.routine_named(&stack, name)?;
        if !routine.is_reported() {
            let kind = routine.kind();
            return Err(Refusal::Invalid(format!(
                "{name} takes no reports: a {kind} routine checks by itself"
            )));
        }
        let report = RoutineReport {
            state,
            message: self.clean_reason(note).unwrap_or_default(),
        };
        let (scope, now) = (self.scope().await?, self.0.clock.now());
        let actor = self.0.settings.actor.as_str();
        scope
            .report_routine(routine.name(), (actor, &report), now)
            .await?;
        self.wake();
        self.0.bus.publish(Notice::Routines);
        Ok(Acted::RoutineReported {
            routine: routine.name().to_owned(),
            state,
        })
    }

    async fn numbered(&self, name: &str) -> Result<(String, i64, Scope), Refusal> {
        let stack = self.refresh().await?;
        let routine = self.routine_named(&stack, name)?;
        let scope = self.scope().await?;
        let new = (routine.name(), routine.kind());
        let id = scope.routine_number(new, self.0.clock.now()).await?;
        Ok((routine.name().to_owned(), id, scope))
    }
}
