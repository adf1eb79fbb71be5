//! Standard output of the subcommands: plain lines or JSON, with unsafe characters made visible or
//! escaped.

mod json;

use std::io::{IsTerminal as _, StdoutLock, Write as _};

use serde::Serialize;

use self::json::Safe;
use super::stop::Stop;
use crate::core::base::text;

/// Maximum width of a cell of a list; `--json` has the full text.
const CELL: usize = 200;

/// Stdout, locked for the life of a subcommand.
pub(super) struct Out(StdoutLock<'static>);

impl Out {
    pub(super) fn new() -> Self {
        Self(std::io::stdout().lock())
    }

    /// Prints one line. Control and escape sequences in it are made harmless.
    pub(super) fn line(&mut self, line: &str) -> Result<(), Stop> {
        writeln!(self.0, "{}", text::show(line))?;
        Ok(())
    }

    /// Writes generated text (manuals, files) unchanged.
    pub(super) fn raw(&mut self, text: &[u8]) -> Result<(), Stop> {
        self.0.write_all(text)?;
        self.0.flush()?;
        Ok(())
    }

    /// Prints one JSON document, indented.
    pub(super) fn json(&mut self, value: &impl Serialize) -> Result<(), Stop> {
        let mut json = serde_json::Serializer::with_formatter(&mut self.0, Safe::pretty());
        value.serialize(&mut json).map_err(std::io::Error::from)?;
        writeln!(self.0)?;
        Ok(())
    }

    /// Prints one line of JSON and flushes it: for streams.
    pub(super) fn json_line(&mut self, value: &impl Serialize) -> Result<(), Stop> {
        let mut json = serde_json::Serializer::with_formatter(&mut self.0, Safe::compact());
        value.serialize(&mut json).map_err(std::io::Error::from)?;
        writeln!(self.0)?;
        self.0.flush()?;
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
            writeln!(self.0, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Whether a person can be prompted: stdin and stderr are terminals.
pub(super) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Prints a question to stderr and reads one line; `None` at the end of input. Blocks a thread of
/// its own, never the runtime.
pub(super) async fn ask(question: &str) -> Result<Option<String>, Stop> {
    let mut stderr = std::io::stderr();
    write!(stderr, "{}", text::show_lines(question))?;
    stderr.flush()?;
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut answer = String::new();
        let read = std::io::stdin().read_line(&mut answer);
        // The receiver is gone when a signal came before the answer.
        let _ = sender
            .send(read.map(|n| (n > 0).then(|| answer.trim_end_matches(['\r', '\n']).to_owned())));
    });
    match receiver.await {
        Ok(answer) => Ok(answer?),
        Err(_) => Ok(None),
    }
}
