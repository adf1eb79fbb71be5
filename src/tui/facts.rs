//! Facts about this console that do not change while it runs.

/// Start options.
#[expect(
    clippy::struct_excessive_bools,
    reason = "options, each on or off by itself"
)]
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    pub actor: String,
    pub read_only: bool,
    /// Demo mode: all data is simulated.
    pub simulated: bool,
    /// A person whose terminal has no focus is notified.
    pub notifies: bool,
    /// The mouse is on from the start.
    pub mouse: bool,
}
