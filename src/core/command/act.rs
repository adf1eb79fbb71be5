//! What a parsed command does: the act it asks for, or the view it opens. Both come from the row of
//! its intent.

use super::intent::Intent;
use super::run_ref::RunRef;
use super::{ParseOutcome, Parsed};
use crate::base::time::Timestamp;
use crate::routine::scheduled::probe_name;
use crate::run::act::Act;
use crate::run::plan::Target;

/// An act as a command asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandAct {
    /// It is about no run.
    Complete(Act),
    /// Its run has to be found.
    OnRun { run: RunRef, act: Act<()> },
}

/// What a command shows or opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewCommand {
    Run,
    /// The log of a run.
    Log,
    /// A log file.
    File,
    Runs,
    /// Two runs side by side.
    Compare,
    Service,
    /// What a service needs, and what needs it.
    Dependencies,
    Owner,
    Contacts,
    Services,
    Health,
    Audit,
    Locks,
    /// The runs that need the person.
    Needs,
    Runbooks,
    Runbook,
    /// All routines, or one.
    Routines,
    /// The chart of a routine, or of the probe of a service.
    Chart,
    EditRoutine,
    NewRoutine,
    /// Who the person is here.
    Whoami,
    /// The lines of the log that match.
    Filter,
    Help,
    Quit,
}

impl Parsed {
    /// The act of an understood command; `None` if it is another kind of command.
    ///
    /// # Errors
    /// What is wrong with it: its run cannot be read, or it is part of a chain or conditional, which
    /// an act cannot be.
    #[must_use]
    pub fn act(&self, now: Timestamp) -> Option<Result<CommandAct, String>> {
        if self.outcome != ParseOutcome::Action || self.unavailable.is_some() {
            return None;
        }
        let intent = Intent::named(&self.intent)?;
        let make = intent.act?;
        Some(if self.then.is_empty() && self.only_if.is_none() {
            make(self, now)
        } else {
            Err(format!(
                "`{}` takes no condition, and nothing can follow it",
                intent.label()
            ))
        })
    }

    /// Why a view is not all that the text asks for: a condition, or what follows it; `None`: it is.
    #[must_use]
    pub fn more_than_a_look(&self) -> Option<String> {
        let label = Intent::named(&self.intent).map_or_else(String::new, Intent::label);
        (!self.then.is_empty() || self.only_if.is_some()).then(|| {
            format!("`{label}` only looks: it takes no condition, and nothing can follow it")
        })
    }

    /// The services it names; none: all.
    #[must_use]
    pub fn named_services(&self) -> Vec<String> {
        let named = self.services.iter().filter(|name| *name != "*");
        named.cloned().collect()
    }

    /// The routine whose chart is meant: the named one, or the probe of the named service.
    #[must_use]
    pub fn charted(&self) -> Option<String> {
        let env = self.env.clone();
        let probe = |service| probe_name(&Target { service, env });
        let service = self.named_services().into_iter().next();
        self.routine.clone().or_else(|| service.map(probe))
    }

    /// The view of an understood command; `None` if it is another kind of command.
    #[must_use]
    pub fn view(&self) -> Option<ViewCommand> {
        let understood = self.outcome == ParseOutcome::View && self.unavailable.is_none();
        Intent::named(&self.intent)
            .filter(|_| understood)
            .and_then(|intent| intent.view)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::intent::ALL;
    use crate::command::{Catalogue, parse};
    use crate::run::RunId;
    use crate::run::orders::{Ending, Order};
    use crate::stack::service::{Environment, Service, Stack};

    #[test]
    fn every_available_action_has_an_act_and_every_view_a_view() {
        for intent in ALL {
            let is = |outcome| intent.available && intent.outcome == outcome;
            assert_eq!(
                intent.act.is_some(),
                is(ParseOutcome::Action),
                "{}",
                intent.name
            );
            assert_eq!(
                intent.view.is_some(),
                is(ParseOutcome::View),
                "{}",
                intent.name
            );
        }
    }

    fn act(text: &str) -> Option<Result<CommandAct, String>> {
        let stack = Stack {
            environments: vec![Environment {
                name: "dev".to_owned(),
                ..Environment::default()
            }],
            services: vec![Service {
                name: "web".to_owned(),
                environments: vec!["dev".to_owned()],
                ..Service::default()
            }],
            ..Stack::default()
        };
        parse(text, &Catalogue::new(&stack, &[])).act(Timestamp(0))
    }

    #[test]
    fn a_command_becomes_an_act_with_its_run_and_reason() {
        let on = |act| {
            let run = RunRef::Number(RunId(41));
            Some(Ok(CommandAct::OnRun { run, act }))
        };
        let order = |order, reason: Option<&str>| Act::Order {
            run: (),
            order,
            reason: reason.map(str::to_owned),
        };
        assert_eq!(
            act("cancel run 41"),
            on(order(Order::End(Ending::Cancel), None))
        );
        assert_eq!(
            act("stop run 41 after this step"),
            on(order(Order::End(Ending::AfterStep), None))
        );
        assert_eq!(
            act("pause run 41 \"too early\""),
            on(order(Order::Pause, Some("too early")))
        );
        let breaker = Act::ResetBreaker {
            target: "web".to_owned(),
            env: Some("dev".to_owned()),
            reason: None,
        };
        assert_eq!(
            act("reset breaker of web in dev"),
            Some(Ok(CommandAct::Complete(breaker)))
        );
        assert_eq!(act("show run 41"), None);
    }

    #[test]
    fn an_act_is_neither_chained_nor_conditional() {
        for text in [
            "cancel run 41 then check web in dev",
            "cancel run 41 if web is healthy",
        ] {
            let refused = act(text).unwrap_or(Ok(CommandAct::Complete(Act::ResetBreaker {
                target: String::new(),
                env: None,
                reason: None,
            })));
            assert!(
                refused
                    .as_ref()
                    .is_err_and(|why| why.contains("takes no condition")),
                "{text}: {refused:?}"
            );
        }
    }
}
