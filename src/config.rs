//! Reads stack files ([`stack`]), settings ([`settings`]) and themes ([`palette`]). All mistakes of a
//! file are reported in one pass, with file, line, key and what to do.

pub mod palette;
pub mod settings;
pub mod stack;

mod rule;
mod text_file;

pub use text_file::{read_all, read_text};
