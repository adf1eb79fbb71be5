//! Jitter: a check begins up to so long after its slot, so that checks whose slots are the same do not
//! begin at once. The delay is chosen by routine and slot, the same on every engine.

use crate::base::time::Timestamp;
use crate::routine::shard::key_of;
use crate::stack::routine::Routine;

/// How long after a slot its check begins, milliseconds.
#[must_use]
pub fn delay_ms(rules: &Routine, slot: Timestamp) -> i64 {
    let most = u64::try_from(rules.jitter_ms.unwrap_or(0)).unwrap_or(0);
    if most == 0 {
        return 0;
    }
    let mixed = mix(key_of(&rules.name) ^ slot.0.cast_unsigned());
    i64::try_from(mixed % (most + 1)).unwrap_or(0)
}

/// When the check of a slot begins.
#[must_use]
pub fn begin_of(rules: &Routine, slot: Timestamp) -> Timestamp {
    slot.plus_ms(delay_ms(rules, slot))
}

/// Spreads neighbouring numbers over all numbers (the last step of `splitmix64`).
const fn mix(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_spread_over_all_that_is_allowed_and_are_the_same_again() {
        let routine = |name: &str, jitter_ms| Routine {
            name: name.to_owned(),
            jitter_ms,
            ..Routine::default()
        };
        let delays = |rules: &Routine| -> Vec<i64> {
            let slots = (0..1000).map(|n| Timestamp(1_790_000_000_000 + n * 60_000));
            slots.map(|slot| delay_ms(rules, slot)).collect()
        };
        let ping = delays(&routine("ping", Some(5000)));
        assert!(ping.iter().all(|ms| (0..=5000).contains(ms)));
        for part in 0..10 {
            let range = part * 500..(part + 1) * 500;
            let count = ping.iter().filter(|ms| range.contains(*ms)).count();
            assert!((50..=150).contains(&count), "{range:?}: {count} of 1000");
        }
        assert_eq!(ping, delays(&routine("ping", Some(5000))));
        assert_ne!(ping, delays(&routine("pong", Some(5000))));
        assert!(delays(&routine("ping", None)).iter().all(|ms| *ms == 0));
    }
}
