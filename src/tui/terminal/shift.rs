//! Detects rows that moved up or down between two frames. The terminal scrolls them for a few
//! bytes, where a repaint costs kilobytes. Works for every view that scrolls over the whole width.

use std::io::Write as _;

use ratatui::buffer::{Buffer, Cell};

/// The rows `top..=bottom` move up by `by` (negative: down).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shift {
    top: usize,
    bottom: usize,
    by: isize,
}

/// Minimum saving for a shift, in cells.
const WORTH: usize = 40;

/// A row for comparison: the hash of its text and its number of cells.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Row {
    hash: u64,
    cells: usize,
}

impl Shift {
    /// The shift with the largest saving between two frames; `None`: no shift is worth it.
    pub fn between(shown: &Buffer, wanted: &Buffer) -> Option<Self> {
        let (before, after) = (rows(shown), rows(wanted));
        let height = before.len();
        if height < 3 || after.len() != height {
            return None;
        }
        let most = isize::try_from(height - 1).unwrap_or(0);
        let shifts = (-most..=most)
            .filter(|by| *by != 0)
            .filter_map(|by| Self::by(&before, &after, by));
        shifts.max_by_key(|(gain, _)| *gain).map(|(_, shift)| shift)
    }

    /// The shift by `by` rows, and the cells it saves.
    fn by(before: &[Row], after: &[Row], by: isize) -> Option<(usize, Self)> {
        let source = |y: usize| y.checked_add_signed(by).filter(|from| *from < before.len());
        let moved = |y: &usize| {
            source(*y).is_some_and(|from| after[*y].cells > 0 && before[from] == after[*y])
        };
        let mut all = (0..after.len()).filter(moved);
        let first = all.next()?;
        let last = all.next_back().unwrap_or(first);
        let (top, bottom) = match by {
            1.. => (first, source(last)?),
            _ => (source(first)?, last),
        };
        let (mut saved, mut spoilt) = (0, 0);
        for y in top..=bottom {
            let stays = before[y] == after[y];
            let comes = source(y).filter(|from| (top..=bottom).contains(from));
            let arrives = comes.map_or(after[y].cells == 0, |from| before[from] == after[y]);
            match (stays, arrives) {
                (false, true) => saved += after[y].cells.max(1),
                (true, false) => spoilt += after[y].cells.max(1),
                _ => {}
            }
        }
        let gain = saved.checked_sub(spoilt).filter(|gain| *gain > WORTH)?;
        Some((gain, Self { top, bottom, by }))
    }

    /// Writes the sequence for the terminal. Resets the margins; the cursor position is undefined
    /// after.
    pub fn write(self, out: &mut Vec<u8>) {
        let (top, bottom) = (self.top + 1, self.bottom + 1);
        // Writing to a vector cannot fail. Uses line feed and reverse index at the margins, which
        // every terminal since the VT100 supports, unlike the newer SU and SD.
        let _ = if self.by > 0 {
            write!(
                out,
                "\x1b[{top};{bottom}r\x1b[{bottom}H{}\x1b[r",
                "\n".repeat(self.by.unsigned_abs())
            )
        } else {
            write!(
                out,
                "\x1b[{top};{bottom}r\x1b[{top}H{}\x1b[r",
                "\x1bM".repeat(self.by.unsigned_abs())
            )
        };
    }

    /// Applies the shift to the buffer of the screen.
    pub fn apply(self, shown: &mut Buffer) {
        let width = usize::from(shown.area.width);
        let region = &mut shown.content[self.top * width..(self.bottom + 1) * width];
        let by = (self.by.unsigned_abs() * width).min(region.len());
        let blank = if self.by > 0 {
            region.rotate_left(by);
            let end = region.len();
            end - by..end
        } else {
            region.rotate_right(by);
            0..by
        };
        region[blank].iter_mut().for_each(Cell::reset);
    }
}

fn rows(buffer: &Buffer) -> Vec<Row> {
    let width = usize::from(buffer.area.width).max(1);
    buffer.content.chunks(width).map(row).collect()
}

/// Ignores styles, and the first cell, which shows cursor and marks: the diff repairs both.
fn row(cells: &[Cell]) -> Row {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut filled = 0;
    for cell in cells.iter().skip(1) {
        for byte in cell.symbol().bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        filled += usize::from(cell.symbol() != " ");
    }
    Row {
        hash,
        cells: filled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ratatui::layout::Rect;
    use ratatui::style::{Color, Modifier, Style};

    use crate::tui::link::Links;
    use crate::tui::terminal::encode;

    const WIDTH: u16 = 50;

    fn buffer(lines: &[String], styled: Option<usize>) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, WIDTH, u16::try_from(lines.len()).unwrap()));
        for (y, line) in (0..).zip(lines) {
            let style = match styled.map(|styled| (usize::from(y) + styled) % 5) {
                Some(0) => Style::new().fg(Color::Red),
                Some(1) => Style::new().add_modifier(Modifier::REVERSED),
                _ => Style::new(),
            };
            buffer.set_stringn(0, y, line, usize::from(WIDTH), style);
        }
        buffer
    }

    /// The contents of a terminal: text and style of every cell, without the foreground of blanks.
    fn screen(parser: &vt100::Parser, height: usize) -> Vec<String> {
        let cell = |row, column| {
            let cell = parser.screen().cell(row, column)?;
            let text = cell.contents().trim().to_owned();
            let seen = !text.is_empty() || cell.is_wide_continuation();
            Some((
                text,
                seen.then(|| cell.fgcolor()),
                cell.inverse() && cell.has_contents(),
            ))
        };
        let rows = 0..u16::try_from(height).unwrap();
        rows.map(|row| {
            format!(
                "{:?}",
                (0..WIDTH)
                    .map(|column| cell(row, column))
                    .collect::<Vec<_>>()
            )
        })
        .collect()
    }

    fn terminal(height: usize) -> vt100::Parser {
        let size = |n: u16| std::num::NonZeroU16::new(n).unwrap();
        vt100::Parser::new(size(u16::try_from(height).unwrap()), size(WIDTH), 0)
    }

    #[test]
    fn scrolling_by_one_line_costs_one_line() {
        let lines: Vec<String> = (0..40)
            .map(|n| format!("{n:>4} a line of some length, all of it new"))
            .collect();
        let (shown, wanted) = (
            buffer(&lines[..30], Some(3)),
            buffer(&lines[1..31], Some(4)),
        );
        let shift = Shift::between(&shown, &wanted).unwrap();
        assert_eq!(
            shift,
            Shift {
                top: 0,
                bottom: 29,
                by: 1
            }
        );
        let up = Shift::between(&wanted, &shown).unwrap();
        assert_eq!(
            up,
            Shift {
                top: 0,
                bottom: 29,
                by: -1
            }
        );
        assert_eq!(Shift::between(&shown, &shown), None);
    }

    proptest! {
        /// With a fixed foot and lines that scroll, change, repeat or are wide, the terminal shows
        /// the same as after a full repaint.
        #[test]
        fn the_screen_is_what_a_full_repaint_gives(
            height in 3usize..20,
            // Either wide or styled: the style under half a wide character depends on the diff.
            wide: bool,
            narrow_lines in prop::collection::vec("(same line over and over, quite long|[a-z ]{0,45}|)", 60),
            wide_lines in prop::collection::vec("(same line over and over, quite long|[a-z日本👍 ]{0,45}|)", 60),
            steps in prop::collection::vec((-9isize..10, prop::option::of((0usize..20, "[a-z]{0,10}")), 0usize..5), 1..12),
        ) {
            let lines = if wide { wide_lines } else { narrow_lines };
            let (mut live, mut at) = (terminal(height), 20_isize);
            let mut shown = buffer(&vec![String::new(); height], None);
            for (by, edit, styled) in steps {
                at = (at + by).clamp(0, 40);
                let start = usize::try_from(at).unwrap();
                let mut seen: Vec<String> = lines[start..start + height - 1].to_vec();
                seen.push(format!("status {at} of many"));
                if let Some((row, text)) = edit {
                    seen[row % height] = text;
                }
                let wanted = buffer(&seen, (!wide).then_some(styled));
                let mut bytes = Vec::new();
                if let Some(shift) = Shift::between(&shown, &wanted) {
                    shift.write(&mut bytes);
                    shift.apply(&mut shown);
                }
                encode::cells(&mut bytes, shown.diff(&wanted).into_iter(), &Links::default());
                live.process(&bytes);
                shown = wanted;
                let mut fresh = terminal(height);
                let mut bytes = Vec::new();
                encode::cells(&mut bytes, Buffer::empty(shown.area).diff(&shown).into_iter(), &Links::default());
                fresh.process(&bytes);
                prop_assert_eq!(screen(&live, height), screen(&fresh, height));
            }
        }
    }
}
