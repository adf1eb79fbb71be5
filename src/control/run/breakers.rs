//! Circuit breakers: lists them, and closes them by hand.

use crate::bus::Notice;
use crate::control::{Control, Refusal};
use crate::core::run::act::Acted;
use crate::core::run::breaker::{Breaker, BreakerKey};

impl Control {
    /// The breakers that are open or have counted failures.
    pub async fn breakers(&self) -> Result<Vec<Breaker>, Refusal> {
        match self.known_scope() {
            Some(scope) => Ok(scope.breakers().await?),
            None => Ok(Vec::new()),
        }
    }

    /// Closes the breakers of a service (in one environment, or in all) or of a host.
    pub(in crate::control) async fn reset_breaker(
        &self,
        target: &str,
        env: Option<&str>,
        reason: Option<&str>,
    ) -> Result<Acted, Refusal> {
        let scope = self.scope().await?;
        let all = scope.breakers().await?;
        let matching: Vec<BreakerKey> = all
            .into_iter()
            .map(|b| b.way)
            .filter(|way| matches(way, target, env))
            .collect();
        let (actor, now) = (&self.0.settings.actor, self.0.clock.now());
        let reason = self.clean_reason(reason);
        let reset = scope
            .reset_breakers(&matching, actor, reason.as_deref(), now)
            .await?;
        if reset.is_empty() {
            let place = env.map(|env| format!(" in {env}")).unwrap_or_default();
            let message = format!(
                "no breaker of {target}{place} is open or counting; `opsroom breakers` lists them"
            );
            return Err(Refusal::Invalid(message));
        }
        self.0.bus.publish(Notice::Observations);
        Ok(Acted::BreakersClosed(reset))
    }
}

/// A service by its name, a host with or without its port.
fn matches(way: &BreakerKey, target: &str, env: Option<&str>) -> bool {
    let host = way
        .host
        .rsplit_once(':')
        .map_or(way.host.as_str(), |(host, _)| host);
    if way.host == target || host == target {
        return env.is_none();
    }
    let of = way.target.as_ref().filter(|of| of.service == target);
    of.is_some_and(|of| env.is_none() || of.env.as_deref() == env)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::run::plan::Target;

    #[test]
    fn breakers_match_by_service_environment_or_host() {
        let target = Some(Target {
            service: "web".to_owned(),
            env: Some("prod".to_owned()),
        });
        let way = BreakerKey {
            target,
            host: "api.test:8443".to_owned(),
        };
        for (name, env, matching) in [
            ("web", None, true),
            ("web", Some("prod"), true),
            ("web", Some("staging"), false),
            ("api.test", None, true),
            ("api.test:8443", None, true),
            ("api.test", Some("prod"), false),
            ("api", None, false),
        ] {
            assert_eq!(matches(&way, name, env), matching, "{name} {env:?}");
        }
    }
}
