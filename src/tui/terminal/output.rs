//! Screen output: a frame is composed in memory and sent in one `write` inside a synchronized
//! update. A frame without changes writes nothing.
//!
//! A slow terminal never blocks: unwritten bytes are kept, [`Output::ready`] returns false, and the
//! loop draws no new frame until they are written. Frames do not queue: the next one is drawn from
//! the newest state.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::queue;
use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect, Size};
use ratatui::style::Color;

use super::guard::{Held, lock};
use super::pace::{Pace, QUESTION};
use super::shift::Shift;
use super::{ascii, encode};
use crate::core::base::text;
use crate::tui::link::Links;

/// A ratatui backend over the terminal.
#[derive(Debug)]
pub struct Output {
    held: Arc<Held>,
    /// The size frames are drawn for; only the loop changes it.
    size: Size,
    /// Begin and end of a synchronized update (DEC 2026); empty on terminals without it.
    sync: (&'static str, &'static str),
    /// The screen after all pending output, and the next frame. Kept besides ratatui's own buffers,
    /// to let the terminal scroll rows that only moved.
    picture: Buffer,
    next: Buffer,
    /// The frame being composed.
    frame: Vec<u8>,
    /// Bytes of earlier frames not written yet.
    pending: Vec<u8>,
    /// The cursor position to show (`None`: hidden), and the one on the terminal.
    wanted: Option<Position>,
    shown: Option<Position>,
    at: Position,
    pace: Pace,
    stats: Stats,
    /// Draw only ASCII symbols.
    ascii: bool,
    /// Links are written.
    linked: bool,
    links: Links,
}

/// Output since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Frames with changes.
    pub frames: u64,
    pub bytes: u64,
    /// Bytes of the last frame.
    pub last_frame: u64,
    /// Calls of `write`.
    pub writes: u64,
}

impl Output {
    pub fn new(held: &Arc<Held>, term: &str) -> Self {
        let (width, height) = held.tty.size();
        Self {
            held: Arc::clone(held),
            size: Size { width, height },
            sync: sync(term),
            picture: Buffer::empty(Rect::new(0, 0, width, height)),
            next: Buffer::empty(Rect::new(0, 0, width, height)),
            frame: Vec::new(),
            pending: Vec::new(),
            wanted: None,
            shown: None,
            at: Position::ORIGIN,
            pace: Pace::default(),
            stats: Stats::default(),
            ascii: false,
            linked: false,
            links: Links::default(),
        }
    }

    /// Sets whether only ASCII symbols are drawn.
    pub fn set_ascii(&mut self, ascii: bool) {
        self.ascii = ascii;
    }

    /// Sets whether links are written.
    pub fn set_linked(&mut self, linked: bool) {
        self.linked = linked;
    }

    /// Whether the last frame is written completely.
    pub fn ready(&self) -> bool {
        self.pending.is_empty()
    }

    /// The flow control.
    pub fn pace(&mut self) -> &mut Pace {
        &mut self.pace
    }

    /// Bytes not written yet.
    pub fn waiting(&self) -> usize {
        self.pending.len()
    }

    /// The size frames are drawn for.
    pub fn size_drawn_for(&self) -> Size {
        self.size
    }

    /// Writes pending bytes; an error means the terminal is gone.
    pub fn push(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let written = self.held.tty.write(&self.pending)?;
        self.pending.drain(..written);
        self.stats.writes += 1;
        self.held
            .torn
            .store(!self.pending.is_empty(), Ordering::SeqCst);
        Ok(())
    }

    /// Sends a sequence at the beginning of the next frame.
    pub fn begin_with(&mut self, sequence: &str) {
        self.frame.extend_from_slice(sequence.as_bytes());
    }

    /// Sends a sequence outside of a frame.
    pub fn send(&mut self, sequence: &str) -> io::Result<()> {
        self.pending.extend_from_slice(sequence.as_bytes());
        self.stats.bytes += sequence.len() as u64;
        self.push()
    }

    /// Sets the size frames are drawn for.
    pub fn resize(&mut self, width: u16, height: u16) {
        self.size = Size { width, height };
    }

    /// Resets the state after the screen was set up again: nothing pending, cursor hidden.
    pub fn forget(&mut self) {
        self.pending.clear();
        self.frame.clear();
        self.blank();
        self.shown = None;
        self.at = Position::ORIGIN;
    }

    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Clears the buffers.
    fn blank(&mut self) {
        let area = Rect::new(0, 0, self.size.width, self.size.height);
        (self.picture, self.next) = (Buffer::empty(area), Buffer::empty(area));
    }

    /// Adds the changed cells to the frame.
    fn compose(&mut self) {
        let many = usize::from(self.size.width);
        if self.picture.diff_iter(&self.next).nth(many).is_some()
            && let Some(shift) = Shift::between(&self.picture, &self.next)
        {
            shift.write(&mut self.frame);
            shift.apply(&mut self.picture);
        }
        let changed = self.picture.diff(&self.next);
        encode::cells(
            &mut self.frame,
            bridged(&self.next, &changed).into_iter(),
            &self.links,
        );
        let changed: Vec<_> = changed
            .into_iter()
            .map(|(x, y, cell)| (x, y, cell.clone()))
            .collect();
        for (x, y, cell) in changed {
            put(&mut self.picture, x, y, cell);
        }
    }

    /// Adds the cursor change to the frame, if any.
    fn place_cursor(&mut self) -> io::Result<()> {
        match self.wanted {
            None if self.shown.is_some() => queue!(self.frame, Hide)?,
            Some(to) if !self.frame.is_empty() || self.shown != Some(to) => {
                queue!(self.frame, MoveTo(to.x, to.y))?;
                if self.shown.is_none() {
                    queue!(self.frame, Show)?;
                }
                self.at = to;
            }
            _ => {}
        }
        self.shown = self.wanted;
        Ok(())
    }
}

impl Backend for Output {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        for (x, y, cell) in content {
            let mut cell = cell.clone();
            if self.ascii {
                ascii::make_plain(&mut cell);
            }
            if !self.linked {
                cell.underline_color = Color::Reset;
            }
            put(&mut self.next, x, y, cell);
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.wanted = None;
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.wanted = Some(self.wanted.unwrap_or(self.at));
        Ok(())
    }

    /// Answers from memory: asking the terminal would race with the keyboard reader.
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.at)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let position = position.into();
        if self.wanted.is_some() {
            self.wanted = Some(position);
        }
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.blank();
        CrosstermBackend::new(&mut self.frame).clear_region(clear_type)
    }

    fn size(&self) -> io::Result<Size> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize {
            columns_rows: self.size,
            pixels: Size::default(),
        })
    }

    /// Ends the frame: writes it, if there is anything to write.
    fn flush(&mut self) -> io::Result<()> {
        if self.linked {
            self.links = lock(&self.held.links).clone();
        }
        self.compose();
        self.place_cursor()?;
        if self.frame.is_empty() {
            return Ok(());
        }
        let (begin, end) = self.sync;
        let before = self.pending.len();
        for part in [begin.as_bytes(), &self.frame, end.as_bytes()] {
            self.pending.extend_from_slice(part);
        }
        self.frame.clear();
        // No query on terminals without synchronized updates: they may not answer.
        if !begin.is_empty()
            && self
                .pace
                .sends((self.pending.len() - before) as u64, Instant::now())
        {
            self.pending.extend_from_slice(QUESTION.as_bytes());
        }
        self.stats.last_frame = (self.pending.len() - before) as u64;
        self.stats.bytes += self.stats.last_frame;
        self.stats.frames += 1;
        self.push()
    }
}

/// The changed cells, and single unchanged cells between them in the same style, because writing a
/// character is shorter than moving over it.
fn bridged<'a>(next: &'a Buffer, changed: &[(u16, u16, &'a Cell)]) -> Vec<(u16, u16, &'a Cell)> {
    let mut cells: Vec<(u16, u16, &Cell)> = Vec::with_capacity(changed.len() + 16);
    for &(x, y, cell) in changed {
        if let Some(&(before, row, left)) = cells.last()
            && (row, before + 2) == (y, x)
            && let Some(between) = next.cell((before + 1, y))
            && left.symbol().is_ascii()
            && between.symbol().is_ascii()
            && (
                between.fg,
                between.bg,
                between.underline_color,
                between.modifier,
            ) == (left.fg, left.bg, left.underline_color, left.modifier)
        {
            cells.push((before + 1, y, between));
        }
        cells.push((x, y, cell));
    }
    cells
}

/// Sets a cell; the cell covered by a wide one is empty, as in ratatui.
fn put(buffer: &mut Buffer, x: u16, y: u16, cell: Cell) {
    let covers = u16::try_from(text::width(cell.symbol())).unwrap_or(1);
    if let Some(place) = buffer.cell_mut((x, y)) {
        *place = cell;
    }
    let end = x.saturating_add(covers).min(buffer.area.right());
    for beside in x.saturating_add(1)..end {
        if let Some(place) = buffer.cell_mut((beside, y)) {
            place.reset();
        }
    }
}

/// The Linux console and hardware terminals lack the mode; most others ignore unknown modes.
fn sync(term: &str) -> (&'static str, &'static str) {
    if term == "linux" || term.starts_with("vt") {
        ("", "")
    } else {
        ("\x1b[?2026h", "\x1b[?2026l")
    }
}

#[cfg(test)]
mod tests;
