//! Which engine runs which routine: the routines of a workspace are divided into shards by their
//! names, and each shard goes to the engine with the highest hash for it (rendezvous hashing). When
//! an engine comes or goes, only the shards that it gets or had move.

use sha2::{Digest, Sha256};

/// Shards of a workspace. Stored: never changed.
pub const SHARDS: i64 = 64;

/// The shard of a routine.
#[must_use]
pub fn shard_of(routine: &str) -> i64 {
    let hash = hash(&[routine.as_bytes()]);
    i64::try_from(hash % SHARDS.unsigned_abs()).unwrap_or(0)
}

/// A number that stays the same for a routine of that name: the source of its phase.
#[must_use]
pub fn key_of(routine: &str) -> u64 {
    hash(&[b"phase", routine.as_bytes()])
}

/// The engine that should hold a shard; none without engines.
#[must_use]
pub fn owner<'a>(shard: i64, holders: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    holders.max_by_key(|holder| (hash(&[holder.as_bytes(), &shard.to_be_bytes()]), *holder))
}

fn hash(parts: &[&[u8]]) -> u64 {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    let bytes = digest.finalize();
    bytes
        .iter()
        .take(8)
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_and_owners_stay_the_same_between_versions() {
        assert_eq!(
            (shard_of("probe web in prod"), shard_of("")),
            (shard_of("probe web in prod"), shard_of(""))
        );
        assert_eq!(owner(1, std::iter::empty()), None);
    }

    #[test]
    fn only_the_shards_of_an_engine_that_goes_move() {
        let three = ["a:1", "b:2", "c:3"];
        let two = ["a:1", "c:3"];
        let mut counts = [0; 3];
        for shard in 0..SHARDS {
            let before = owner(shard, three.into_iter()).unwrap();
            let after = owner(shard, two.into_iter()).unwrap();
            assert!(before == after || before == "b:2");
            counts[three.iter().position(|h| *h == before).unwrap()] += 1;
        }
        assert!(counts.iter().all(|n| (10..35).contains(n)), "{counts:?}");
    }

    #[test]
    fn names_are_spread_over_all_shards() {
        let mut used = std::collections::BTreeSet::new();
        used.extend((0..1000).map(|n| shard_of(&format!("web {n} ping"))));
        assert_eq!(used.len(), 64);
    }
}
