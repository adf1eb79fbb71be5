//! Placeholder: adapter.
