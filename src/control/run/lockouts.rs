//! Locks on targets and runbooks: sets them, ends them, and keeps the plans they stop from starting.

use crate::bus::Notice;
use crate::control::{Control, Refusal};
use crate::core::base::suggest::nearest;
use crate::core::run::act::Acted;
use crate::core::run::lockout::{LockEnd, Lockable, Lockout};
use crate::core::run::plan::{Plan, Target, targets_of};
use crate::core::stack::service::Stack;
use crate::store::NewLock;

/// All services of an environment, as the command language writes it.
const ALL: &str = "*";

impl Control {
    /// The locks that have not ended.
    pub async fn lockouts(&self) -> Result<Vec<Lockout>, Refusal> {
        match self.known_scope() {
            Some(scope) => Ok(scope.lockouts(self.0.clock.now()).await?),
            None => Ok(Vec::new()),
        }
    }

    pub(in crate::control) async fn lock(
        &self,
        of: &[Lockable],
        end: LockEnd,
        reason: Option<&str>,
    ) -> Result<Acted, Refusal> {
        let now = self.0.clock.now();
        let until = end.at(now).map_err(Refusal::Invalid)?;
        let Some(reason) = self.clean_reason(reason) else {
            return Err(Refusal::Invalid(
                "a lock needs a reason: say why".to_owned(),
            ));
        };
        let stack = self.refresh().await?;
        let of = self.lockable(&stack, of).map_err(Refusal::Invalid)?;
        let lock = NewLock {
            of: &of,
            end,
            until,
            actor: &self.0.settings.actor,
            reason: &reason,
        };
        self.scope().await?.lock(lock, now).await?;
        self.0.bus.publish(Notice::Observations);
        Ok(Acted::Locked { of, until })
    }

    pub(in crate::control) async fn unlock(
        &self,
        of: &[Lockable],
        reason: Option<&str>,
    ) -> Result<Acted, Refusal> {
        let (scope, now) = (self.scope().await?, self.0.clock.now());
        let locked = scope.lockouts(now).await?;
        let meant = |lock: &Lockout| of.iter().any(|of| is_meant(of, &lock.of));
        let found: Vec<Lockable> = locked
            .into_iter()
            .filter(meant)
            .map(|lock| lock.of)
            .collect();
        let reason = self.clean_reason(reason);
        let by = (self.0.settings.actor.as_str(), reason.as_deref());
        let ended = scope.unlock(&found, by, now).await?;
        if ended.is_empty() {
            let names: Vec<String> = of.iter().map(ToString::to_string).collect();
            return Err(Refusal::Invalid(format!(
                "{} is not locked; `opsroom locks` lists what is",
                names.join(", ")
            )));
        }
        self.wake();
        self.0.bus.publish(Notice::Observations);
        Ok(Acted::Unlocked(ended))
    }

    /// Refuses a plan that a lock stops.
    pub(in crate::control) async fn not_locked(&self, plan: &Plan) -> Result<(), Refusal> {
        let locks = self.lockouts().await?;
        let stops = |lock: &&Lockout| plan.links().into_iter().any(|link| lock.stops(link));
        match locks.iter().find(stops) {
            None => Ok(()),
            Some(lock) => Err(Refusal::Blocked {
                code: lock.risk().code,
                message: lock.to_string(),
            }),
        }
    }

    /// The targets and runbooks that are meant, as they are called; every one has to exist.
    fn lockable(&self, stack: &Stack, of: &[Lockable]) -> Result<Vec<Lockable>, String> {
        let mut found = Vec::new();
        for of in of {
            match of {
                Lockable::Runbook(name) => {
                    let library = self.library();
                    if !library.has(name) {
                        let names: Vec<&str> = library.names().map(|r| r.name.as_str()).collect();
                        return Err(unknown("runbook", name, &names));
                    }
                    found.push(of.clone());
                }
                Lockable::Target(target) => found.extend(targets(stack, target)?),
            }
        }
        Ok(found)
    }
}

/// Whether a lock is one of those that a person names: all of an environment, or just that one.
fn is_meant(named: &Lockable, of: &Lockable) -> bool {
    match (named, of) {
        (Lockable::Target(named), Lockable::Target(of)) if named.service == ALL => {
            named.env.is_none() || named.env == of.env
        }
        _ => named == of,
    }
}

/// The targets of a service in an environment, or of all services there.
fn targets(stack: &Stack, named: &Target) -> Result<Vec<Lockable>, String> {
    if let Some(env) = &named.env {
        let known: Vec<&str> = stack.environments.iter().map(|e| e.name.as_str()).collect();
        if !known.contains(&env.as_str()) {
            return Err(unknown("environment", env, &known));
        }
    }
    let in_env = |target: &Target| target.env == named.env;
    if named.service == ALL {
        let all = stack.services.iter().flat_map(targets_of).filter(in_env);
        let all: Vec<Lockable> = all.map(Lockable::Target).collect();
        return match &named.env {
            _ if !all.is_empty() => Ok(all),
            Some(env) => Err(format!(
                "no service runs in {env}: there is nothing to lock"
            )),
            None => Err("no service is without an environment: say in which".to_owned()),
        };
    }
    let Some(service) = stack.service(&named.service) else {
        let known: Vec<&str> = stack.services.iter().map(|s| s.name.as_str()).collect();
        return Err(unknown("service", &named.service, &known));
    };
    if targets_of(service).iter().any(in_env) {
        return Ok(vec![Lockable::Target(named.clone())]);
    }
    let (name, envs) = (&service.name, service.environments.join(", "));
    Err(match &named.env {
        Some(env) if envs.is_empty() => format!("{name} has no environment, so not {env} either"),
        Some(env) => format!("{name} does not run in {env}; it runs in {envs}"),
        None => format!("say in which environment: {name} runs in {envs}"),
    })
}

fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let hint = nearest(name, known).map_or_else(
        || format!("known: {}", known.join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    format!("there is no {what} {name}; {hint}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::stack::service::{Environment, Service};

    #[test]
    fn all_services_of_an_environment_are_locked_only_where_there_are_some() {
        let env = |name: &str| Environment {
            name: name.to_owned(),
            ..Environment::default()
        };
        let service = |name: &str, environments: &[&str]| Service {
            name: name.to_owned(),
            environments: environments.iter().map(ToString::to_string).collect(),
            ..Service::default()
        };
        let stack = Stack {
            environments: vec![env("prod"), env("dr")],
            services: vec![service("web", &["prod"]), service("api", &["prod"])],
            ..Stack::default()
        };
        let locked = |env: Option<&str>| {
            let named = Target {
                service: ALL.to_owned(),
                env: env.map(str::to_owned),
            };
            let found = targets(&stack, &named)?;
            Ok::<_, String>(found.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        let both = ["web in prod", "api in prod"].map(str::to_owned);
        assert_eq!(locked(Some("prod")), Ok(both.to_vec()));
        for (env, why) in [
            (Some("dr"), "no service runs in dr"),
            (Some("qa"), "there is no environment qa"),
            (None, "no service is without an environment"),
        ] {
            let refused = locked(env).unwrap_err();
            assert!(refused.starts_with(why), "{refused}");
        }
    }
}
