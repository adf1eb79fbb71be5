//! Facts about this console that do not change while it runs.

/// Start options that are shown on screen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    pub actor: String,
    pub read_only: bool,
    /// Demo mode: all data is simulated.
    pub simulated: bool,
}
