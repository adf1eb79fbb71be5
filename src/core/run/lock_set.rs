//! The locks of a run: every service it changes, in its environment. Two runs never change the same
//! target at once.

use std::collections::BTreeSet;

use crate::run::plan::{Plan, Target};

/// The targets that a run of this plan holds while it is active. A read-only plan holds none.
#[must_use]
pub fn touched(plan: &Plan) -> BTreeSet<Target> {
    if !plan.mutates {
        return BTreeSet::new();
    }
    let named = plan.services.iter().map(|service| Target {
        service: service.clone(),
        env: plan.env.clone(),
    });
    let steps = plan
        .steps
        .iter()
        .chain(&plan.finally)
        .filter(|step| !step.probe);
    named
        .chain(steps.filter_map(|step| step.target.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plan_that_changes_something_locks_and_it_locks_each_target_once() {
        let services = vec!["web".to_owned(), "api".to_owned(), "web".to_owned()];
        let plan = Plan {
            services,
            env: Some("prod".to_owned()),
            ..Plan::default()
        };
        assert!(touched(&plan).is_empty());
        let touched: Vec<_> = touched(&Plan {
            mutates: true,
            ..plan
        })
        .iter()
        .map(ToString::to_string)
        .collect();
        assert_eq!(touched, ["api in prod", "web in prod"]);
    }
}
