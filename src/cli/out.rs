//! Standard output of the subcommands: plain lines or JSON, with unsafe characters made visible or
//! escaped.

mod json;

use std::io::{self, IsTerminal as _, StdoutLock, Write as _};

use serde::Serialize;

use self::json::Safe;
use super::stop::Stop;
use crate::core::base::text;

/// Maximum width of a cell of a list; `--json` has the full text.
const CELL: usize = 200;

/// Bytes that are held at most.
const HELD: usize = 64 * 1024;

/// Stdout, locked for the life of a subcommand.
pub(super) struct Out {
    stdout: StdoutLock<'static>,
    /// Lines that are written together; see [`Out::hold`].
    held: Option<Vec<u8>>,
}

impl Out {
    pub(super) fn new() -> Self {
        Self {
            stdout: io::stdout().lock(),
            held: None,
        }
    }

    /// Writes the lines from here on together, until [`Out::release`].
    pub(super) fn hold(&mut self) {
        self.held.get_or_insert_default();
    }

    pub(super) fn release(&mut self) -> Result<(), Stop> {
        let held = self.held.take().unwrap_or_default();
        self.stdout.write_all(&held)?;
        self.stdout.flush()?;
        Ok(())
    }

    /// Prints one line. Control and escape sequences in it are made harmless.
    pub(super) fn line(&mut self, line: &str) -> Result<(), Stop> {
        self.write_fmt(format_args!("{}\n", text::show(line)))?;
        Ok(())
    }

    /// Writes text as it is: generated, or made safe before.
    pub(super) fn raw(&mut self, text: &[u8]) -> Result<(), Stop> {
        self.write_all(text)?;
        self.flush()?;
        Ok(())
    }

    /// Prints one JSON document, indented.
    pub(super) fn json(&mut self, value: &impl Serialize) -> Result<(), Stop> {
        let mut json = serde_json::Serializer::with_formatter(&mut *self, Safe::pretty());
        value.serialize(&mut json).map_err(io::Error::from)?;
        self.write_all(b"\n")?;
        Ok(())
    }

    /// Prints one line of JSON and flushes it: for streams.
    pub(super) fn json_line(&mut self, value: &impl Serialize) -> Result<(), Stop> {
        let mut json = serde_json::Serializer::with_formatter(&mut *self, Safe::compact());
        value.serialize(&mut json).map_err(io::Error::from)?;
        self.write_all(b"\n")?;
        self.flush()?;
        Ok(())
    }

    /// Prints rows under a heading. A column is as wide as its widest cell, at most [`CELL`].
    pub(super) fn table<const N: usize>(
        &mut self,
        heading: [&str; N],
        rows: &[[String; N]],
    ) -> Result<(), Stop> {
        let safe: Vec<[String; N]> = rows
            .iter()
            .map(|row| row.each_ref().map(|c| text::show_limited(c, CELL)))
            .collect();
        let heading = heading.map(str::to_owned);
        let widths: [usize; N] = std::array::from_fn(|column| {
            std::iter::once(&heading)
                .chain(&safe)
                .map(|row| text::width(&row[column]))
                .max()
                .unwrap_or(0)
        });
        for row in std::iter::once(&heading).chain(&safe) {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(widths) {
                line.push_str(cell);
                line.push_str(&" ".repeat(width.saturating_sub(text::width(cell)) + 2));
            }
            self.write_fmt(format_args!("{}\n", line.trim_end()))?;
        }
        Ok(())
    }
}

impl io::Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(held) = &mut self.held else {
            return self.stdout.write(bytes);
        };
        held.extend_from_slice(bytes);
        if held.len() >= HELD {
            self.stdout.write_all(held)?;
            held.clear();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.held {
            Some(_) => Ok(()),
            None => self.stdout.flush(),
        }
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        // An error ended the subcommand, which reports that one.
        let _ = self.release();
    }
}

/// Whether a person can be prompted: stdin and stderr are terminals.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Prints a question to stderr and reads one line; `None` at the end of input. Blocks a thread of
/// its own, never the runtime.
pub(super) async fn ask(question: &str) -> Result<Option<String>, Stop> {
    let mut stderr = io::stderr();
    write!(stderr, "{}", text::show_lines(question))?;
    stderr.flush()?;
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer);
        // The receiver is gone when a signal came before the answer.
        let _ = sender
            .send(read.map(|n| (n > 0).then(|| answer.trim_end_matches(['\r', '\n']).to_owned())));
    });
    match receiver.await {
        Ok(answer) => Ok(answer?),
        Err(_) => Ok(None),
    }
}
