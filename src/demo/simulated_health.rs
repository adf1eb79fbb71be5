//! Health of a demo service over time: healthy, slow or failing. A pure function of seed, name and
//! elapsed time, so that the same seed gives the same behaviour.

use super::rng::Dice;

/// Length of a period of unchanged health, milliseconds; every target has its own offset.
pub(super) const PERIOD_MS: u64 = 40_000;

/// Status and latency of a health request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SimulatedHealth {
    pub(super) status: u16,
    pub(super) latency_ms: u64,
}

/// The profile of a service.
#[derive(Debug, Clone, Copy)]
struct Profile {
    /// Latency when healthy, milliseconds.
    base_ms: u64,
    /// Periods out of 1000 in prod that are slow, and that fail.
    slow: u64,
    fail: u64,
}

/// Health of a target at `elapsed_ms`. `dice` is the generator of that target.
pub(super) fn simulate(service: &str, env: &str, dice: Dice, elapsed_ms: u64) -> SimulatedHealth {
    let profile = profile(service);
    let at = elapsed_ms.saturating_add(dice.of("offset").roll(0, PERIOD_MS));
    let (period, into) = (at / PERIOD_MS, at % PERIOD_MS);
    let calm = calm_ms(profile, dice, period, into)
        + dice.of("jitter").roll(at / 1000, profile.base_ms / 4 + 2);
    let (slow, fail) = chances(profile, env);
    match dice.of("spell").roll(period, 1000) {
        roll if roll < fail => SimulatedHealth {
            status: failure(dice, at),
            latency_ms: calm,
        },
        roll if roll < fail + slow => SimulatedHealth {
            status: 200,
            latency_ms: calm * 6 + 350 + dice.of("slow").roll(at / 1000, 250),
        },
        _ => SimulatedHealth {
            status: 200,
            latency_ms: calm,
        },
    }
}

/// Latency drifts from the level of one period to the next without jumps.
fn calm_ms(profile: Profile, dice: Dice, period: u64, into: u64) -> u64 {
    let level = |period| profile.base_ms * (80 + dice.of("level").roll(period, 50)) / 100;
    (level(period) * (PERIOD_MS - into) + level(period + 1) * into) / PERIOD_MS
}

/// A failing service mostly answers 500, sometimes 503 and rarely 200.
fn failure(dice: Dice, at: u64) -> u16 {
    match dice.of("failure").roll(at / 1000, 10) {
        0 => 200,
        1..=3 => 503,
        _ => 500,
    }
}

/// Chances of slow and failing periods: highest in prod.
fn chances(profile: Profile, env: &str) -> (u64, u64) {
    let percent = match env {
        "prod" => 100,
        "staging" => 15,
        _ => 30,
    };
    (profile.slow * percent / 100, profile.fail * percent / 100)
}

fn profile(service: &str) -> Profile {
    let (base_ms, slow, fail) = match service {
        "web" => (45, 60, 20),
        "payments-api" => (60, 40, 15),
        "search" => (120, 200, 110),
        "billing worker" => (80, 170, 60),
        "postgres" => (8, 20, 5),
        "redis" => (3, 10, 5),
        "cdn" => (15, 20, 10),
        "dashboard" => (90, 80, 40),
        "mail" => (150, 120, 60),
        "auth" => (30, 30, 15),
        "queue" => (12, 60, 30),
        _ => (25, 50, 20),
    };
    Profile {
        base_ms,
        slow,
        fail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn film(seed: u64, service: &str, env: &str) -> Vec<SimulatedHealth> {
        let dice = Dice::new(seed).of(service).of(env);
        (0..3600)
            .map(|s| simulate(service, env, dice, s * 1000))
            .collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_behaviour() {
        assert_eq!(film(7, "search", "prod"), film(7, "search", "prod"));
        assert_ne!(film(7, "search", "prod"), film(8, "search", "prod"));
    }

    #[test]
    fn an_hour_of_an_unstable_service_has_failures_and_recovery() {
        let film: Vec<_> = (1..=5)
            .flat_map(|seed| film(seed, "search", "prod"))
            .collect();
        let ok = film.iter().filter(|w| w.status == 200).count();
        let slow = film
            .iter()
            .filter(|w| w.status == 200 && w.latency_ms > 500)
            .count();
        assert!(
            ok > film.len() / 2 && ok < film.len(),
            "{ok} of {}",
            film.len()
        );
        assert!(slow > 0 && slow < ok, "{slow}");
    }

    #[test]
    fn staging_fails_less_than_prod() {
        let bad = |env| {
            (1..=20)
                .flat_map(|seed| film(seed, "search", env))
                .filter(|w| w.status != 200)
                .count()
        };
        assert!(
            bad("staging") * 2 < bad("prod"),
            "{} {}",
            bad("staging"),
            bad("prod")
        );
    }

    #[test]
    fn calm_latency_drifts_without_jumps() {
        let film = film(3, "postgres", "dev");
        assert!(
            film.windows(2)
                .all(|w| w[0].latency_ms.abs_diff(w[1].latency_ms) <= 8
                    || w[0].latency_ms > 300
                    || w[1].latency_ms > 300)
        );
    }
}
