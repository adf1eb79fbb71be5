//! Context of all calls: secrets, outbound policy, limits, and the integrations declared by name.

use crate::clock::Clock;
use crate::core::base::outbound::Policy;
use crate::core::base::rate::Limits;
use crate::core::integration::Integrations;
use crate::core::run::artifact;
use crate::vault::Vault;

/// What all calls of a process may use. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct AdapterContext {
    pub vault: Vault,
    pub policy: Policy,
    pub integrations: Integrations,
    pub limits: Limits,
    /// Limits of the artifacts of runs.
    pub artifacts: artifact::Limits,
    /// For messages that say when they were sent.
    pub clock: Clock,
}
