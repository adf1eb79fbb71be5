//! Lines of dots in cells: each cell is a braille character of two by four dots.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// A dot: columns from the left, rows from the top.
pub type Dot = (usize, usize);

/// A part of the screen to draw dots into.
#[derive(Debug)]
pub struct Plot {
    width: usize,
    height: usize,
    /// The dots of a cell, and the highest rank among the lines through it.
    cells: Vec<(u8, u8)>,
}

impl Plot {
    /// An empty one of so many cells.
    #[must_use]
    pub fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            cells: vec![(0, 0); width * height],
        }
    }

    /// Columns and rows of dots.
    #[must_use]
    pub const fn dots(&self) -> Dot {
        (self.width * 2, self.height * 4)
    }

    /// Sets a dot, if there is a cell for it. The style of a cell is that of its highest rank.
    pub fn dot(&mut self, (x, y): Dot, rank: u8) {
        // The order of the dots in the Unicode block: a column of three, the other, the last row.
        const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        let (column, row) = (x / 2, y / 4);
        if column < self.width && row < self.height {
            let cell = &mut self.cells[row * self.width + column];
            *cell = (cell.0 | BITS[y % 4][x % 2], cell.1.max(rank));
        }
    }

    /// Sets the dots of a straight line, both ends included.
    pub fn line(&mut self, from: Dot, to: Dot, rank: u8) {
        let steps = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)).max(1);
        let between = |a: usize, b: usize, n: usize| (a * (steps - n) + b * n + steps / 2) / steps;
        for n in 0..=steps {
            self.dot((between(from.0, to.0, n), between(from.1, to.1, n)), rank);
        }
    }

    /// A row of cells; in the column `cursor` an empty one has a vertical line.
    #[must_use]
    pub fn row(
        &self,
        row: usize,
        cursor: Option<usize>,
        style: impl Fn(u8) -> Style,
        dim: Style,
    ) -> Line<'static> {
        let cells = self.cells.iter().skip(row * self.width).take(self.width);
        let spans = cells.enumerate().map(|(column, (bits, rank))| {
            if *bits == 0 {
                let empty = if cursor == Some(column) { "│" } else { " " };
                return Span::styled(empty, dim);
            }
            let symbol = char::from_u32(0x2800 + u32::from(*bits)).unwrap_or(' ');
            Span::styled(symbol.to_string(), style(*rank))
        });
        Line::from(spans.collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(plot: &Plot) -> Vec<String> {
        let row = |row| plot.row(row, Some(2), |_| Style::new(), Style::new());
        (0..plot.height).map(|y| row(y).to_string()).collect()
    }

    #[test]
    fn lines_become_braille() {
        let mut plot = Plot::new(4, 2);
        assert_eq!(plot.dots(), (8, 8));
        plot.line((0, 7), (7, 0), 1);
        assert_eq!(text(&plot), ["  ⡠⠊", "⡠⠊│ "]);
        let mut plot = Plot::new(3, 1);
        plot.line((0, 0), (3, 0), 1);
        plot.line((1, 3), (1, 3), 2);
        plot.dot((6, 0), 3);
        plot.dot((0, 4), 3);
        assert_eq!(text(&plot), ["⢉⠉│"]);
    }

    #[test]
    fn a_cell_has_the_style_of_its_highest_rank() {
        let mut plot = Plot::new(1, 1);
        plot.dot((0, 0), 3);
        plot.dot((1, 3), 1);
        let row = plot.row(
            0,
            None,
            |rank| {
                assert_eq!(rank, 3);
                Style::new()
            },
            Style::new(),
        );
        assert_eq!(row.to_string(), "⢁");
    }
}
