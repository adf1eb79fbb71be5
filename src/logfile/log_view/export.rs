//! Writes lines to a file, a piece at a time between other work.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;

use super::{Answer, LogView};
use crate::core::run::Phase;
use crate::core::run::event::Stream;
use crate::logfile::head::SpoolEntry;

/// Lines to write, and the file. A path that ends in `.jsonl` gets one JSON object a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    pub what: What,
    pub path: PathBuf,
    /// The lines come from the demo, and the file says so.
    pub simulated: bool,
    /// Notes of marked lines, written after each line.
    pub notes: BTreeMap<usize, String>,
}

/// Which lines to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// All that pass the filters.
    Visible,
    All,
    /// Only these lines.
    Marked(Vec<usize>),
}

impl Export {
    fn is_json(&self) -> bool {
        self.path
            .extension()
            .is_some_and(|extension| extension == "jsonl")
    }
}

/// An unfinished export.
#[derive(Debug)]
pub(super) struct Job {
    export: Export,
    out: BufWriter<File>,
    /// The next line (or index into the marked lines), and where to end.
    next: usize,
    end: usize,
    written: usize,
}

/// Lines written at once.
const PIECE: usize = 4096;
/// Bytes of a line written: whole lines, unless one is too large for memory.
const KEEP: usize = 256 << 20;

impl LogView {
    pub(super) fn start_export(&mut self, export: Export) {
        let end = if let What::Marked(lines) = &export.what {
            lines.len()
        } else {
            self.lines()
        };
        // Never overwrites: it is easy to name a log by mistake.
        let notice = match OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&export.path)
        {
            Ok(file) => {
                let mut out = BufWriter::new(file);
                if export.simulated && !export.is_json() {
                    // A failure here shows up again at the next write, which reports it.
                    let _ = out.write_all(b"SIMULATED: none of this has happened\n");
                }
                self.job = Some(Job {
                    export,
                    out,
                    next: 0,
                    end,
                    written: 0,
                });
                return;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                format!(
                    "not saved: {} exists; give another name",
                    export.path.display()
                )
            }
            Err(error) => format!("not saved: {}: {error}", export.path.display()),
        };
        self.answers.push(Answer::Notice(notice));
    }

    /// Writes a piece; true while there is something to write.
    pub(super) fn continue_export(&mut self) -> bool {
        let Some(mut job) = self.job.take() else {
            return false;
        };
        match self.write_piece(&mut job) {
            Ok(true) => self.job = Some(job),
            Ok(false) => {
                let path = std::path::absolute(&job.export.path).unwrap_or(job.export.path);
                self.answers.push(Answer::Notice(format!(
                    "saved {} lines to {}",
                    job.written,
                    path.display()
                )));
            }
            Err(error) => {
                self.answers.push(Answer::Notice(format!(
                    "not saved whole: {}: {error}",
                    job.export.path.display()
                )));
            }
        }
        true
    }

    fn write_piece(&self, job: &mut Job) -> io::Result<bool> {
        let end = (job.next + PIECE).min(job.end);
        let lines: Vec<usize> = match &job.export.what {
            What::Marked(lines) => lines[job.next..end].to_vec(),
            What::All => (job.next..end).collect(),
            What::Visible => match self.rules.visible() {
                None => (job.next..end).collect(),
                Some(bits) if bits.len() >= end => {
                    (job.next..end).filter(|l| bits.contains(*l)).collect()
                }
                // The filters are not that far yet; they run before the export.
                Some(_) => return Ok(true),
            },
        };
        let mut at = 0;
        while at < lines.len() {
            let run = lines[at..]
                .iter()
                .enumerate()
                .take_while(|(i, l)| **l == lines[at] + i)
                .count();
            for line in self.read(lines[at], run, KEEP) {
                self.write_line(job, &line)?;
            }
            at += run;
        }
        job.next = end;
        if end == job.end {
            job.out.flush()?;
        }
        Ok(end < job.end)
    }

    fn write_line(&self, job: &mut Job, line: &crate::logfile::index::Line) -> io::Result<()> {
        job.written += 1;
        let note = job.export.notes.get(&line.number);
        if !job.export.is_json() {
            job.out.write_all(&line.bytes)?;
            return match note.filter(|note| !note.is_empty()) {
                Some(note) => writeln!(job.out, "\n    # note: {note}"),
                None => job.out.write_all(b"\n"),
            };
        }
        let text = String::from_utf8_lossy(&line.bytes);
        let mut value = serde_json::json!({
            "line": line.number + 1,
            "file": self.files[self.order.owner(line.number)].name,
            "time": line.time(self.now).map(crate::core::base::time::Timestamp::rfc3339),
            "level": self.level(line).name(),
            "text": text,
        });
        if let Some(note) = note {
            value["marked"] = true.into();
            value["note"] = note.as_str().into();
        }
        if job.export.simulated {
            value["simulated"] = true.into();
        }
        if let Some(head) = &line.head {
            value["seq"] = head.seq.into();
            value["step"] = head.step.into();
            match &head.origin {
                SpoolEntry::Output(stream) => {
                    value["stream"] = if *stream == Stream::Stdout {
                        "stdout"
                    } else {
                        "stderr"
                    }
                    .into();
                }
                SpoolEntry::Event { phase, source, .. } => {
                    value["phase"] = phase.map(Phase::name).into();
                    value["source"] = source.as_str().into();
                }
            }
        }
        serde_json::to_writer(&mut job.out, &value)?;
        job.out.write_all(b"\n")
    }
}
