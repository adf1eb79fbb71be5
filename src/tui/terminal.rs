//! Terminal handling: setup, input, output, signals, and exact restore.
//!
//! - [`tty`] the device, and whether a console can run on it
//! - [`guard`] setup and restore, panics
//! - [`input`], [`decode`], [`sequence`] the keyboard: thread, bytes to keys, tables
//! - [`output`], [`encode`], [`shift`] output: frames, cells to bytes, scrolled rows
//! - [`ascii`] symbols for terminals without UTF-8
//! - [`screen`] the combination used by the loop
//! - [`signals`] signals as values, suspending
//! - [`clipboard`] copying through the terminal
//! - [`manners`] its title, calls to a person, links

pub mod ascii;
pub mod clipboard;
pub mod decode;
pub mod encode;
pub mod guard;
pub mod input;
pub mod manners;
pub mod output;
pub mod pace;
pub mod screen;
pub mod sequence;
pub mod shift;
pub mod signals;
pub mod tty;

#[cfg(test)]
pub(super) mod tests;
