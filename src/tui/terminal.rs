//! Terminal manners: what it takes to borrow a terminal, behave in it, and give it back as it was.
//!
//! - [`tty`] the device, and whether a console can run on it
//! - [`guard`] taking and giving back, panics
//! - [`input`], [`decode`], [`sequence`] the keyboard: thread, bytes to keys, tables
//! - [`output`], [`encode`], [`shift`] frames out: writing, cells to bytes, rows that only moved
//! - [`ascii`] symbols for a terminal that is not UTF-8
//! - [`screen`] all of them together, as the loop uses them
//! - [`signals`] signals as values, suspending
//! - [`clipboard`] copying through the terminal

pub mod ascii;
pub mod clipboard;
pub mod decode;
pub mod encode;
pub mod guard;
pub mod input;
pub mod output;
pub mod pace;
pub mod screen;
pub mod sequence;
pub mod shift;
pub mod signals;
pub mod tty;

#[cfg(test)]
pub(super) mod tests;
