//! Placeholder: tui.
