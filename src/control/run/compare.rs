//! Two runs side by side.

use crate::control::{Control, Refusal};
use crate::core::run::RunId;
use crate::core::run::compare::{Comparison, compare};

impl Control {
    /// Compares two runs: inputs, plans, outcomes and durations of their steps.
    pub async fn compare(&self, first: RunId, second: RunId) -> Result<Comparison, Refusal> {
        let scope = self.scope().await?;
        let (one, other) = (scope.run(first).await?, scope.run(second).await?);
        let of_one = scope.steps(one.id).await?;
        let of_other = scope.steps(other.id).await?;
        let now = self.0.clock.now();
        Ok(compare((&one, &of_one), (&other, &of_other), now))
    }
}
