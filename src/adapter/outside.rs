//! What calls may use and where they may go: the secrets there are, and the outbound policy.

use crate::core::outbound::Policy;
use crate::vault::Vault;

/// The limits of all calls of a process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    pub vault: Vault,
    pub policy: Policy,
}
