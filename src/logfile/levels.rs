//! The level of every line as three sets of lines: errors, warnings and worse, info and worse. A
//! line of a stack trace has the level of its record.

use std::io;

use super::bits::Bits;
use super::file::Tracked;
use super::index::{BLOCK, read_some};
use crate::core::logline;
use crate::core::run::event::Level;

/// Bytes of a line that are searched for a level.
const HEAD: usize = 4096;

/// The levels of the lines scanned so far.
#[derive(Debug)]
pub struct Levels {
    pub errors: Bits,
    pub warnings: Bits,
    pub infos: Bits,
    /// The start of a line or, with `inside`, a position in a line whose level is known.
    offset: u64,
    inside: bool,
    buffer: Vec<u8>,
}

impl Default for Levels {
    fn default() -> Self {
        let (errors, warnings, infos) = Default::default();
        Self {
            errors,
            warnings,
            infos,
            offset: 0,
            inside: false,
            buffer: vec![0; BLOCK],
        }
    }
}

impl Levels {
    /// Lines scanned.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.errors.len()
    }

    /// No line has been scanned.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// The level of a scanned line.
    #[must_use]
    pub fn of(&self, line: usize) -> Level {
        match () {
            () if self.errors.contains(line) => Level::Error,
            () if self.warnings.contains(line) => Level::Warn,
            () if self.infos.contains(line) => Level::Info,
            () => Level::Debug,
        }
    }

    /// Lines at or above `floor`; `None`: all.
    #[must_use]
    pub const fn from(&self, floor: Level) -> Option<&Bits> {
        match floor {
            Level::Debug => None,
            Level::Info | Level::Success => Some(&self.infos),
            Level::Warn => Some(&self.warnings),
            Level::Error => Some(&self.errors),
        }
    }

    /// Goes back to where `line` begins, at `offset`: the line has grown.
    pub fn back_to(&mut self, line: usize, offset: u64) {
        if line < self.len() {
            for bits in [&mut self.errors, &mut self.warnings, &mut self.infos] {
                bits.truncate(line);
            }
            (self.offset, self.inside) = (offset, false);
        }
    }

    /// Scans one more block, like [`Scan::step`](super::scan::Scan::step).
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn step(&mut self, file: &Tracked) -> io::Result<bool> {
        let room =
            usize::try_from(file.index.end().saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let wanted = room.min(self.buffer.len());
        let mut filled = 0;
        while filled < wanted {
            let got = read_some(
                file.file(),
                &mut self.buffer[filled..wanted],
                self.offset + filled as u64,
            )?;
            if got == 0 {
                break;
            }
            filled += got;
        }
        let buffer = std::mem::take(&mut self.buffer);
        let used = self.scan_block(
            file,
            &buffer[..filled],
            filled >= room && file.tail_counts(),
            filled == buffer.len(),
        );
        self.buffer = buffer;
        self.offset += used as u64;
        Ok(used > 0)
    }

    /// Scans the complete lines of a block and returns their size in bytes. A line longer than the
    /// block gets the level of its beginning.
    fn scan_block(&mut self, file: &Tracked, bytes: &[u8], at_end: bool, full: bool) -> usize {
        let mut heads = if file.needs_polling() {
            Vec::new()
        } else {
            file.heads(self.len(), 1 + memchr::memchr_iter(b'\n', bytes).count())
        }
        .into_iter();
        let mut at = 0;
        while at < bytes.len() {
            let newline = memchr::memchr(b'\n', &bytes[at..]).map(|n| at + n);
            let end = match newline {
                Some(end) => end,
                None if at_end || (full && at == 0) => bytes.len(),
                None => break,
            };
            if !self.inside {
                let known = heads.next().and_then(|head| head.level());
                self.push(
                    &bytes[at..end.min(at + HEAD)],
                    known,
                    file.joined(self.len()),
                );
            }
            self.inside = newline.is_none() && !at_end;
            at = (end + 1).min(bytes.len());
        }
        at
    }

    fn push(&mut self, line: &[u8], known: Option<Level>, joined: bool) {
        let at = self.len();
        let level = match known.or_else(|| if joined { None } else { logline::level(line) }) {
            Some(level) => level,
            None if joined && at > 0 => self.of(at - 1),
            None => Level::Info,
        };
        for (bits, least) in [
            (&mut self.errors, Level::Error),
            (&mut self.warnings, Level::Warn),
            (&mut self.infos, Level::Info),
        ] {
            if level >= least {
                bits.set_next(at);
            } else {
                bits.extend_to(at + 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tracked(text: &str) -> Tracked {
        let mut file =
            Tracked::spool("test", io::Cursor::new(text.to_owned().into_bytes())).unwrap();
        while file.index.end() < text.len() as u64 || file.lines() < file.index.lines() {
            file.feed();
        }
        file
    }

    #[test]
    fn traces_have_the_level_of_their_record() {
        let text = "INFO a\nERROR b\n  at c\n\nCaused by: INFO d\nplain\nDEBUG e\n x\nWARN f";
        let file = tracked(text);
        let mut levels = Levels::default();
        while levels.step(&file).unwrap() {}
        let names: Vec<_> = (0..levels.len()).map(|n| levels.of(n).name()).collect();
        assert_eq!(
            names,
            [
                "info", "error", "error", "error", "error", "info", "debug", "debug", "warn"
            ]
        );
        levels.back_to(8, text.len() as u64 - 6);
        assert_eq!((levels.len(), levels.warnings.count()), (8, 4));
    }

    proptest! {
        #[test]
        fn blocks_make_no_difference(parts in prop::collection::vec("(ERROR|WARN|INFO|DEBUG| at| x{20})?", 0..60), block in 24usize..80, ended: bool) {
            let mut text = parts.join("\n");
            if ended { text.push('\n'); }
            let file = tracked(&text);
            let run = |block: usize| {
                let mut levels = Levels { buffer: vec![0; block], ..Levels::default() };
                while levels.step(&file).unwrap() {}
                (0..levels.len()).map(|n| levels.of(n)).collect::<Vec<_>>()
            };
            let whole = run(1 << 16);
            prop_assert_eq!(whole.len(), text.lines().count());
            prop_assert_eq!(run(block), whole);
        }
    }
}
