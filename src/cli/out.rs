//! Standard output of the subcommands: plain lines with outside text made safe, or JSON with it escaped.

mod json;

use std::io::{IsTerminal as _, StdoutLock, Write as _};

use serde::Serialize;

use self::json::Safe;
use super::stop::Stop;
use crate::core::text;

/// Columns a cell of a list takes at most; `--json` has the whole.
const CELL: usize = 200;

/// Stdout, locked for the life of a subcommand.
pub(super) struct Out(StdoutLock<'static>);

impl Out {
    pub(super) fn new() -> Self {
        Self(std::io::stdout().lock())
    }

    /// One line. Control and escape sequences in it never reach the reader.
    pub(super) fn line(&mut self, line: &str) -> Result<(), Stop> {
        writeln!(self.0, "{}", text::show(line))?;
        Ok(())
    }

    /// Text of our own making (generated manuals, files), byte for byte.
    pub(super) fn raw(&mut self, text: &[u8]) -> Result<(), Stop> {
        self.0.write_all(text)?;
        self.0.flush()?;
        Ok(())
    }

    /// One JSON document, indented.
    pub(super) fn json(&mut self, value: &impl Serialize) -> Result<(), Stop> {
        let mut json = serde_json::Serializer::with_formatter(&mut self.0, Safe::pretty());
        value.serialize(&mut json).map_err(std::io::Error::from)?;
        writeln!(self.0)?;
        Ok(())
    }

    /// One line of JSON, written at once: for streams.
    pub(super) fn json_line(&mut self, value: &impl Serialize) -> Result<(), Stop> {
        let mut json = serde_json::Serializer::with_formatter(&mut self.0, Safe::compact());
        value.serialize(&mut json).map_err(std::io::Error::from)?;
        writeln!(self.0)?;
        self.0.flush()?;
        Ok(())
    }

    /// Rows under a heading, columns as wide as their widest cell; a cell never takes more than [`CELL`].
    pub(super) fn table<const N: usize>(&mut self, heading: [&str; N], rows: &[[String; N]]) -> Result<(), Stop> {
        let safe: Vec<[String; N]> =
            rows.iter().map(|row| row.each_ref().map(|c| text::show_limited(c, CELL))).collect();
        let heading = heading.map(str::to_owned);
        let widths: [usize; N] = std::array::from_fn(|column| {
            std::iter::once(&heading).chain(&safe).map(|row| text::width(&row[column])).max().unwrap_or(0)
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

/// Whether a person can be asked: both the question and the answer reach a terminal.
pub(super) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks on stderr and reads one line; `None` at the end of input. Blocks a thread of its own, never the runtime.
pub(super) async fn ask(question: &str) -> Result<Option<String>, Stop> {
    let mut stderr = std::io::stderr();
    write!(stderr, "{}", text::show_lines(question))?;
    stderr.flush()?;
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut answer = String::new();
        let read = std::io::stdin().read_line(&mut answer);
        // Nobody waits any more when the question was overtaken by a signal.
        let _ = sender.send(read.map(|n| (n > 0).then(|| answer.trim_end_matches(['\r', '\n']).to_owned())));
    });
    match receiver.await {
        Ok(answer) => Ok(answer?),
        Err(_) => Ok(None),
    }
}
