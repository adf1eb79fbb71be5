//! The file named by `$OPSROOM_OUTPUT`: `KEY=VALUE` lines and `KEY<<EOF … EOF` blocks, read only
//! after exit 0.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use tempfile::NamedTempFile;
use tokio::sync::mpsc;

use super::CallEvent;

/// A longer file is not read.
const MAX: u64 = 1024 * 1024;

/// The file of results; removed when dropped.
pub(super) struct OutputFile(NamedTempFile);

impl OutputFile {
    pub(super) fn create() -> Result<Self, String> {
        tempfile::Builder::new()
            .prefix("opsroom-output-")
            .tempfile()
            .map(Self)
            .map_err(|e| {
                format!(
                    "cannot create a file for the command's results in the temporary folder: {e}"
                )
            })
    }

    /// When it was created, just before the command began; `None` where the file system does not
    /// record it.
    pub(super) fn made(&self) -> Option<std::time::SystemTime> {
        self.0.as_file().metadata().ok()?.created().ok()
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The values; lines that cannot be read are reported, not guessed.
    pub(super) async fn read(&self, output: &mpsc::Sender<CallEvent>) -> BTreeMap<String, String> {
        let (values, complaints) = self
            .text()
            .map_or_else(|e| (BTreeMap::new(), vec![e]), |text| parse(&text));
        for complaint in complaints {
            // No listener: the complaint is dropped.
            let _ = output
                .send(CallEvent::Note(format!("$OPSROOM_OUTPUT: {complaint}")))
                .await;
        }
        values
    }

    fn text(&self) -> Result<String, String> {
        // By path, not by handle: the command may have replaced the file, or removed it.
        let file = match std::fs::File::open(self.path()) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
            Err(e) => return Err(format!("cannot be read ({e}); no values were taken")),
        };
        let mut bytes = Vec::new();
        file.take(MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| format!("cannot be read ({e}); no values were taken"))?;
        if bytes.len() as u64 > MAX {
            return Err("is longer than 1 MiB; no values were taken".to_owned());
        }
        String::from_utf8(bytes).map_err(|_| "is not UTF-8 text; no values were taken".to_owned())
    }
}

/// The values, and complaints about the other lines, with line numbers.
fn parse(text: &str) -> (BTreeMap<String, String>, Vec<String>) {
    let (mut values, mut complaints) = (BTreeMap::new(), Vec::new());
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if line.trim().is_empty() {
            continue;
        }
        match (line.split_once("<<"), line.split_once('=')) {
            (Some((key, end)), _) if is_key(key) && !end.is_empty() => {
                match block(lines.by_ref().map(|(_, line)| line), end) {
                    Some(value) => drop(values.insert(key.to_owned(), value)),
                    None => complaints.push(format!(
                        "line {}: {key}<<{end} is never closed; it was not taken",
                        at + 1
                    )),
                }
            }
            (_, Some((key, value))) if is_key(key) => {
                values.insert(key.to_owned(), value.to_owned());
            }
            _ => complaints.push(format!(
                "line {} is neither KEY=VALUE nor KEY<<END; it was not taken",
                at + 1
            )),
        }
    }
    (values, complaints)
}

/// The lines up to `end`; `None` when it never comes.
fn block<'a>(lines: impl Iterator<Item = &'a str>, end: &str) -> Option<String> {
    let mut block = Vec::new();
    for line in lines {
        if line == end {
            return Some(block.join("\n"));
        }
        block.push(line);
    }
    None
}

fn is_key(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_blocks_are_read_and_the_rest_is_named() {
        let (values, complaints) =
            parse("A=1\nB=x=y\n\nC<<EOF\none\nD=no\nEOF\nnonsense\n9=1\nE=\nF<<END\nopen");
        let wanted = [("A", "1"), ("B", "x=y"), ("C", "one\nD=no"), ("E", "")];
        assert_eq!(
            values,
            wanted
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .collect()
        );
        let at: Vec<_> = complaints
            .iter()
            .map(|c| c.split([' ', ':']).nth(1))
            .collect();
        assert_eq!(at, [Some("8"), Some("9"), Some("11")]);
    }

    #[test]
    fn a_value_may_contain_the_block_sign() {
        assert_eq!(parse("A=1<<2").0["A"], "1<<2");
    }
}
