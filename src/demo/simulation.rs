//! State of the demo's services: versions, restarts, replicas. Every change takes a while.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::rng::Dice;
use super::simulated_health::{SimulatedHealth, simulate};
use crate::core::stack::service::Stack;

/// How long a target stays healthy after an operator acted on it, milliseconds.
const HEALTHY_MS: u64 = 300_000;
/// The service released by a script, which writes files such as `releases/web.prod`.
const BY_SCRIPT: &str = "web";

/// All targets and the folder the release script works in.
#[derive(Debug)]
pub(super) struct Simulation {
    dice: Dice,
    releases: PathBuf,
    places: BTreeMap<(String, String), Place>,
}

/// One service in one environment.
#[derive(Debug, Clone)]
struct Place {
    version: String,
    previous: Option<String>,
    replicas: u32,
    schema: u32,
    pending_migrations: u32,
    backups: u32,
    /// Until when it does not answer, and until when it is healthy; milliseconds since the start.
    starting_until: u64,
    healthy_until: u64,
}

/// The answer to a health request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Health {
    pub(super) service: String,
    pub(super) env: String,
    /// `ok`, `slow`, `starting`, `error`.
    pub(super) status: &'static str,
    pub(super) version: String,
    pub(super) replicas: u32,
    pub(super) simulated: bool,
    #[serde(skip)]
    pub(super) code: u16,
    #[serde(skip)]
    pub(super) latency_ms: u64,
}

/// A sentence about the action, or an HTTP status and the reason for a refusal.
pub(super) type ActResult = Result<String, (u16, String)>;

impl Simulation {
    /// Every service of the stack in every one of its environments.
    pub(super) fn new(stack: &Stack, seed: u64, folder: &Path) -> std::io::Result<Self> {
        let dice = Dice::new(seed);
        let releases = folder.join("releases");
        std::fs::create_dir_all(&releases)?;
        let mut places = BTreeMap::new();
        for service in &stack.services {
            for env in &service.environments {
                let place = Place::new(dice.of(&service.name).of(env));
                if service.name == BY_SCRIPT {
                    std::fs::write(releases.join(format!("{BY_SCRIPT}.{env}")), &place.version)?;
                    std::fs::write(
                        releases.join(format!("{BY_SCRIPT}.{env}.previous")),
                        place.previous.as_deref().unwrap_or_default(),
                    )?;
                }
                places.insert((env.clone(), service.name.clone()), place);
            }
        }
        Ok(Self {
            dice,
            releases,
            places,
        })
    }

    /// The current answer of a target; `None` when there is no such target.
    pub(super) fn health(&mut self, env: &str, service: &str, now: u64) -> Option<Health> {
        self.notice_release(env, service, now);
        let place = self.places.get(&key(env, service))?;
        let current = simulate(service, env, self.dice.of(service).of(env), now);
        let (code, latency_ms, status) = match current {
            SimulatedHealth { .. } if now < place.starting_until => (503, 5, "starting"),
            SimulatedHealth { latency_ms, .. } if now < place.healthy_until => {
                (200, latency_ms.min(200), "ok")
            }
            SimulatedHealth {
                status: 200,
                latency_ms,
            } if latency_ms > 350 => (200, latency_ms, "slow"),
            SimulatedHealth {
                status: 200,
                latency_ms,
            } => (200, latency_ms, "ok"),
            SimulatedHealth { status, latency_ms } => (status, latency_ms, "error"),
        };
        Some(Health {
            service: service.to_owned(),
            env: env.to_owned(),
            status,
            version: place.version.clone(),
            replicas: place.replicas,
            simulated: true,
            code,
            latency_ms,
        })
    }

    /// Executes a verb on a target; `None` when there is no such target. `argument`: a version or a
    /// number of replicas.
    pub(super) fn act(
        &mut self,
        env: &str,
        service: &str,
        verb: &str,
        argument: Option<&str>,
        now: u64,
    ) -> Option<ActResult> {
        let pause = self.dice.of(service).of(env).roll(now, 2000);
        let place = self.places.get_mut(&key(env, service))?;
        if now < place.starting_until
            && matches!(
                verb,
                "deploy" | "rollback" | "restart" | "scale" | "migrate"
            )
        {
            return Some(Err((
                409,
                format!("{service} in {env} is starting; try again in a few seconds"),
            )));
        }
        Some(match verb {
            "deploy" => place.deploy(argument, now, 2000 + pause),
            "rollback" => place.rollback(argument, now, 2000 + pause),
            "restart" => Ok(place.restart(now, 1500 + pause)),
            "scale" => place.scale(argument, now),
            "backup" => Ok(place.backup(env, service)),
            "migrate" => Ok(place.migrate()),
            _ => Err((404, format!("no such verb: {verb}"))),
        })
    }

    /// Restarts the service on a version that the release script has written into its file.
    fn notice_release(&mut self, env: &str, service: &str, now: u64) {
        if service != BY_SCRIPT {
            return;
        }
        let Ok(text) = std::fs::read_to_string(self.releases.join(format!("{service}.{env}")))
        else {
            return;
        };
        let released = text.trim();
        if let Some(place) = self
            .places
            .get_mut(&key(env, service))
            .filter(|p| !released.is_empty() && p.version != released)
        {
            place.install(released.to_owned(), now, 2500);
        }
    }
}

impl Place {
    fn new(dice: Dice) -> Self {
        let major = 1 + dice.roll(0, 3);
        let (minor, patch) = (dice.roll(1, 12), 1 + dice.roll(2, 9));
        Self {
            version: format!("{major}.{minor}.{patch}"),
            previous: Some(format!("{major}.{minor}.{}", patch - 1)),
            replicas: 2,
            schema: 40,
            pending_migrations: 2,
            backups: 0,
            starting_until: 0,
            healthy_until: 0,
        }
    }

    fn deploy(&mut self, version: Option<&str>, now: u64, pause: u64) -> ActResult {
        let version = match version.filter(|v| !v.is_empty()) {
            None => next_patch(&self.version),
            Some(v) if is_version(v) => v.to_owned(),
            Some(v) => return Err((400, format!("{v:?} is not a version"))),
        };
        self.install(version, now, pause);
        Ok(format!("deploying {}", self.version))
    }

    fn rollback(&mut self, version: Option<&str>, now: u64, pause: u64) -> ActResult {
        let Some(back_to) = version
            .filter(|v| is_version(v))
            .map(str::to_owned)
            .or_else(|| self.previous.clone())
        else {
            return Err((409, "there is no earlier version to go back to".to_owned()));
        };
        self.install(back_to, now, pause);
        self.previous = None;
        Ok(format!("rolling back to {}", self.version))
    }

    fn restart(&mut self, now: u64, pause: u64) -> String {
        self.settle(now, pause);
        "restarting".to_owned()
    }

    fn scale(&mut self, replicas: Option<&str>, now: u64) -> ActResult {
        let wanted = replicas
            .and_then(|text| text.parse().ok())
            .filter(|n| (1..=20).contains(n));
        let Some(wanted) = wanted else {
            return Err((400, "replicas must be a number from 1 to 20".to_owned()));
        };
        let before = std::mem::replace(&mut self.replicas, wanted);
        self.healthy_until = now + HEALTHY_MS;
        Ok(format!("replicas {before} → {wanted}"))
    }

    fn backup(&mut self, env: &str, service: &str) -> String {
        self.backups += 1;
        format!("backup {service}-{env}-{:03} written", self.backups)
    }

    fn migrate(&mut self) -> String {
        let applied = std::mem::take(&mut self.pending_migrations);
        self.schema += applied;
        format!("{applied} migrations applied, schema {}", self.schema)
    }

    fn install(&mut self, version: String, now: u64, pause: u64) {
        self.previous = Some(std::mem::replace(&mut self.version, version));
        self.settle(now, pause);
    }

    /// Down for `pause`, then healthy for a while.
    fn settle(&mut self, now: u64, pause: u64) {
        self.starting_until = now + pause;
        self.healthy_until = now + pause + HEALTHY_MS;
    }
}

fn key(env: &str, service: &str) -> (String, String) {
    (env.to_owned(), service.to_owned())
}

fn next_patch(version: &str) -> String {
    match version.rsplit_once('.') {
        Some((head, patch)) => match patch.parse::<u64>() {
            Ok(patch) => format!("{head}.{}", patch + 1),
            Err(_) => format!("{version}.1"),
        },
        None => format!("{version}.1"),
    }
}

fn is_version(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::stack::service::Service;

    fn town(folder: &Path) -> Simulation {
        let service = |name: &str| Service {
            name: name.to_owned(),
            environments: vec!["staging".to_owned(), "prod".to_owned()],
            ..Service::default()
        };
        let stack = Stack {
            services: vec![service("web"), service("api")],
            ..Stack::default()
        };
        Simulation::new(&stack, 1, folder).unwrap()
    }

    #[test]
    fn a_deploy_is_down_for_a_moment_and_comes_back_with_the_new_version() {
        let folder = tempfile::tempdir().unwrap();
        let mut town = town(folder.path());
        let before = town.health("prod", "api", 0).unwrap().version;
        town.act("prod", "api", "deploy", Some("9.9.9"), 1000)
            .unwrap()
            .unwrap();
        let during = town.health("prod", "api", 1001).unwrap();
        assert_eq!((during.code, during.status), (503, "starting"));
        let after = town.health("prod", "api", 6000).unwrap();
        assert_eq!((after.code, after.version.as_str()), (200, "9.9.9"));
        assert_eq!(
            town.act("prod", "api", "restart", None, 1500)
                .unwrap()
                .unwrap_err()
                .0,
            409
        );
        town.act("prod", "api", "rollback", None, 6000)
            .unwrap()
            .unwrap();
        assert_eq!(town.health("prod", "api", 12_000).unwrap().version, before);
        assert_eq!(town.health("staging", "api", 12_000).unwrap().version, {
            let mut other = self::town(folder.path());
            other.health("staging", "api", 0).unwrap().version
        });
    }

    #[test]
    fn an_invalid_action_is_refused_with_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let mut town = town(folder.path());
        for (verb, argument, status) in [
            ("scale", Some("many"), 400),
            ("scale", Some("21"), 400),
            ("scale", None, 400),
            ("deploy", Some("a b"), 400),
            ("dance", None, 404),
        ] {
            assert_eq!(
                town.act("prod", "api", verb, argument, 0)
                    .unwrap()
                    .unwrap_err()
                    .0,
                status,
                "{verb} {argument:?}"
            );
        }
        town.act("prod", "api", "rollback", None, 0)
            .unwrap()
            .unwrap();
        assert_eq!(
            town.act("prod", "api", "rollback", None, 60_000)
                .unwrap()
                .unwrap_err()
                .0,
            409
        );
        assert!(town.act("prod", "nosuch", "deploy", None, 0).is_none());
        assert!(town.health("moon", "api", 0).is_none());
    }

    #[test]
    fn a_release_written_by_the_script_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let mut town = town(folder.path());
        std::fs::write(folder.path().join("releases/web.prod"), "7.0.0\n").unwrap();
        assert_eq!(town.health("prod", "web", 1000).unwrap().status, "starting");
        let after = town.health("prod", "web", 5000).unwrap();
        assert_eq!((after.code, after.version.as_str()), (200, "7.0.0"));
    }

    #[test]
    fn migrations_are_applied_once_and_replicas_stay() {
        let folder = tempfile::tempdir().unwrap();
        let mut town = town(folder.path());
        let migrate = |town: &mut Simulation| {
            town.act("prod", "api", "migrate", None, 0)
                .unwrap()
                .unwrap()
        };
        assert_eq!(migrate(&mut town), "2 migrations applied, schema 42");
        assert_eq!(migrate(&mut town), "0 migrations applied, schema 42");
        town.act("prod", "api", "scale", Some("5"), 0)
            .unwrap()
            .unwrap();
        assert_eq!(town.health("prod", "api", 1).unwrap().replicas, 5);
    }
}
