//! Routines that run a runbook: their plans, made anew for each slot, and what stands against them
//! when a stack is changed.

use std::sync::{Arc, Weak};

use serde::Serialize;

use crate::control::{Control, Difference, Inner, Refusal};
use crate::core::base::time::Timestamp;
use crate::core::run::plan::Plan;
use crate::core::run::{RunId, RunStatus};
use crate::core::runbook::for_routine::{RoutineProblem, routine_plan, routine_problems};
use crate::core::stack::routine::Routine;
use crate::core::stack::service::Stack;
use crate::engine::Planner;
use crate::store::RoutineRun;

/// The last run that a routine has begun, in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastRunOfRoutine {
    pub run: RunId,
    pub status: RunStatus,
    /// When it was queued.
    pub at: Timestamp,
}

impl From<&RoutineRun> for LastRunOfRoutine {
    fn from(run: &RoutineRun) -> Self {
        Self {
            run: run.run,
            status: run.status,
            at: run.requested_at,
        }
    }
}

/// Makes plans for the engine with the runbooks of this process. It does not keep the process's
/// engine alive.
#[derive(Debug)]
struct RunbookPlanner(Weak<Inner>);

impl Planner for RunbookPlanner {
    fn plan(&self, routine: &Routine, stack: &Stack) -> Result<Plan, String> {
        let inner = self.0.upgrade().ok_or("opsroom is about to end")?;
        let control = Control(inner);
        let integrations = &control.0.settings.context.integrations;
        let library = control.library().of_routines([routine]);
        let plan = routine_plan(routine, stack, &library, integrations)
            .ok_or_else(|| format!("{} runs no runbook", routine.name))?
            .map_err(|problems| lines(&problems))?;
        let kept = control.holds_no_secret(&plan);
        kept.map_err(|refusal| refusal.to_string())?;
        Ok(plan)
    }
}

impl Control {
    pub(in crate::control) fn planner(&self) -> Arc<dyn Planner> {
        Arc::new(RunbookPlanner(Arc::downgrade(&self.0)))
    }

    /// What stands against the runbooks of the routines of a stack.
    fn routine_problems(&self, stack: &Stack) -> Vec<RoutineProblem> {
        let integrations = &self.0.settings.context.integrations;
        let library = self.library().of_routines(&stack.routines);
        routine_problems(stack, &library, integrations)
    }

    /// Refuses a change after which a routine could not run its runbook. What stood against it before
    /// is no reason: the runbooks of this process may be others than those of the engine.
    pub(in crate::control) fn runbooks_fit(&self, difference: &Difference) -> Result<(), Refusal> {
        let mut problems = self.routine_problems(&difference.after(true));
        if problems.is_empty() {
            return Ok(());
        }
        let before = self.routine_problems(difference.before());
        problems.retain(|problem| !before.contains(problem));
        if problems.is_empty() {
            return Ok(());
        }
        Err(Refusal::Routines(problems))
    }
}

/// Problems of one routine as a sentence.
fn lines(problems: &[RoutineProblem]) -> String {
    let each: Vec<&str> = problems.iter().map(|p| p.message.as_str()).collect();
    each.join("; ")
}
