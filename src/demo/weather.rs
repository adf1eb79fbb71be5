//! How a service of the demo world feels at a moment: fine, slow or failing. A pure function of seed, name and elapsed
//! time, so that the same seed plays the same film.

use super::dice::Dice;

/// One spell of weather lasts this long, milliseconds; every target's spells begin at their own offset.
pub(super) const SPELL_MS: u64 = 40_000;

/// What a health request would meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weather {
    pub(super) status: u16,
    pub(super) latency_ms: u64,
}

/// How a service tends to behave.
#[derive(Debug, Clone, Copy)]
struct Temper {
    /// Latency on a good day, milliseconds.
    base_ms: u64,
    /// Spells out of 1000 in prod that are slow, and that fail.
    slow: u64,
    fail: u64,
}

/// The weather at `elapsed_ms` for a target. `dice` is the family of that target.
pub(super) fn weather(service: &str, env: &str, dice: Dice, elapsed_ms: u64) -> Weather {
    let temper = temper(service);
    let at = elapsed_ms.saturating_add(dice.of("offset").roll(0, SPELL_MS));
    let (spell, into) = (at / SPELL_MS, at % SPELL_MS);
    let calm = calm_ms(temper, dice, spell, into) + dice.of("jitter").roll(at / 1000, temper.base_ms / 4 + 2);
    let (slow, fail) = chances(temper, env);
    match dice.of("spell").roll(spell, 1000) {
        roll if roll < fail => Weather { status: failure(dice, at), latency_ms: calm },
        roll if roll < fail + slow => {
            Weather { status: 200, latency_ms: calm * 6 + 350 + dice.of("slow").roll(at / 1000, 250) }
        }
        _ => Weather { status: 200, latency_ms: calm },
    }
}

/// Latency drifts from one spell's level to the next, never in jumps.
fn calm_ms(temper: Temper, dice: Dice, spell: u64, into: u64) -> u64 {
    let level = |spell| temper.base_ms * (80 + dice.of("level").roll(spell, 50)) / 100;
    (level(spell) * (SPELL_MS - into) + level(spell + 1) * into) / SPELL_MS
}

/// A failing service mostly answers 500, sometimes 503, and now and then gets one right.
fn failure(dice: Dice, at: u64) -> u16 {
    match dice.of("failure").roll(at / 1000, 10) {
        0 => 200,
        1..=3 => 503,
        _ => 500,
    }
}

/// Prod has the load, and with it the trouble.
fn chances(temper: Temper, env: &str) -> (u64, u64) {
    let percent = match env {
        "prod" => 100,
        "staging" => 15,
        _ => 30,
    };
    (temper.slow * percent / 100, temper.fail * percent / 100)
}

fn temper(service: &str) -> Temper {
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
    Temper { base_ms, slow, fail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn film(seed: u64, service: &str, env: &str) -> Vec<Weather> {
        let dice = Dice::new(seed).of(service).of(env);
        (0..3600).map(|s| weather(service, env, dice, s * 1000)).collect()
    }

    #[test]
    fn the_same_seed_plays_the_same_film() {
        assert_eq!(film(7, "search", "prod"), film(7, "search", "prod"));
        assert_ne!(film(7, "search", "prod"), film(8, "search", "prod"));
    }

    #[test]
    fn an_hour_of_a_moody_service_has_trouble_and_recovery() {
        let film: Vec<_> = (1..=5).flat_map(|seed| film(seed, "search", "prod")).collect();
        let ok = film.iter().filter(|w| w.status == 200).count();
        let slow = film.iter().filter(|w| w.status == 200 && w.latency_ms > 500).count();
        assert!(ok > film.len() / 2 && ok < film.len(), "{ok} of {}", film.len());
        assert!(slow > 0 && slow < ok, "{slow}");
    }

    #[test]
    fn staging_fails_less_than_prod() {
        let bad = |env| (1..=20).flat_map(|seed| film(seed, "search", env)).filter(|w| w.status != 200).count();
        assert!(bad("staging") * 2 < bad("prod"), "{} {}", bad("staging"), bad("prod"));
    }

    #[test]
    fn calm_latency_drifts_without_jumps() {
        let film = film(3, "postgres", "dev");
        assert!(
            film.windows(2).all(|w| w[0].latency_ms.abs_diff(w[1].latency_ms) <= 8
                || w[0].latency_ms > 300
                || w[1].latency_ms > 300)
        );
    }
}
