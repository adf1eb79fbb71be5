//! What people write in files, turned into what is meant: stack files ([`stack`]) and settings ([`settings`]).
//! Every mistake of a file is found in one pass, with file, line, key and what to do.

pub mod settings;
pub mod stack;

mod rule;
mod text_file;
pub(crate) mod toml_doc;

pub use text_file::{MAX_BYTES, read_text};
