//! What calls may use and where they may go: the secrets there are, the outbound policy, and what is declared by name.

use crate::clock::Clock;
use crate::core::artifact;
use crate::core::outbound::Policy;
use crate::core::rate::Limits;
use crate::core::reach::Reach;
use crate::vault::Vault;

/// The limits of all calls of a process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    pub vault: Vault,
    pub policy: Policy,
    pub reach: Reach,
    pub limits: Limits,
    /// How much runs may leave behind.
    pub artifacts: artifact::Limits,
    /// For messages that say when they were sent.
    pub clock: Clock,
}
