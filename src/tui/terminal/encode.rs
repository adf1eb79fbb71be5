//! Encodes changed cells for the terminal, with the shortest cursor movements and style changes.
//!
//! Not through crossterm, for two reasons: it writes the sixteen colours in the 256-colour form
//! (`38;5;1`), which 16-colour terminals do not understand, and it uses up to four sequences per
//! style change, which is slow on a slow link.

use std::io::Write as _;

use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};

use crate::tui::link::Links;

/// Appends the changed cells, which are ordered by row and column. Resets the style at the end, and
/// closes the last link.
pub fn cells<'a>(
    out: &mut Vec<u8>,
    content: impl Iterator<Item = (u16, u16, &'a Cell)>,
    links: &Links,
) {
    let (mut pen, mut style, mut link) = (Pen::Unknown, CellStyle::default(), None);
    for (x, y, cell) in content {
        pen.go(out, x, y);
        let address = links.address(cell.underline_color);
        if link != address {
            lead_to(out, address);
            link = address;
        }
        let wanted = CellStyle::of(cell);
        style.change(wanted, out);
        style = wanted;
        out.extend_from_slice(cell.symbol().as_bytes());
        pen = pen.after(cell.symbol(), x, y);
    }
    if link.is_some() {
        lead_to(out, None);
    }
    if style != CellStyle::default() {
        out.extend_from_slice(b"\x1b[0m");
    }
}

/// What follows leads to this address (OSC 8), or nowhere.
fn lead_to(out: &mut Vec<u8>, address: Option<&str>) {
    let _ = write!(out, "\x1b]8;;{}\x1b\\", address.unwrap_or_default());
}

/// The position of the terminal's cursor.
#[derive(Clone, Copy)]
enum Pen {
    Unknown,
    /// After the cell at `x`, `y`. `sure`: all terminals agree on the width of everything written
    /// since the last absolute position; if not, relative movement would be wrong.
    Behind {
        x: u16,
        y: u16,
        sure: bool,
    },
}

impl Pen {
    fn go(self, out: &mut Vec<u8>, x: u16, y: u16) {
        // Writing to a vector cannot fail.
        let _ = match self {
            Self::Behind {
                x: last, y: row, ..
            } if row == y && last + 1 == x => Ok(()),
            Self::Behind {
                x: last,
                y: row,
                sure: true,
            } if row == y && last + 2 == x => out.write_all(b"\x1b[C"),
            Self::Behind {
                x: last,
                y: row,
                sure: true,
            } if row == y && last < x => {
                write!(out, "\x1b[{}C", x - last - 1)
            }
            Self::Behind { y: row, .. } if row + 1 == y && x == 0 => out.write_all(b"\r\n"),
            _ if x == 0 && y == 0 => out.write_all(b"\x1b[H"),
            _ if x == 0 => write!(out, "\x1b[{}H", y + 1),
            _ => write!(out, "\x1b[{};{}H", y + 1, x + 1),
        };
    }

    fn after(self, symbol: &str, x: u16, y: u16) -> Self {
        // Only movement within a row is relative; any other sets an absolute position.
        let sure = match self {
            Self::Behind {
                y: row,
                sure,
                x: last,
            } if row == y && last < x => sure,
            _ => true,
        };
        let undisputed = |c: char| matches!(c, ' '..='~' | '\u{2500}'..='\u{257f}');
        Self::Behind {
            x,
            y,
            sure: sure && symbol.chars().all(undisputed) && symbol.chars().count() == 1,
        }
    }
}

/// The style of a cell.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct CellStyle {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

/// Each modifier with its codes to set and to clear it. Two pairs share a clear code.
const MODIFIERS: [(Modifier, &str, &str); 9] = [
    (Modifier::BOLD, "1", "22"),
    (Modifier::DIM, "2", "22"),
    (Modifier::ITALIC, "3", "23"),
    (Modifier::UNDERLINED, "4", "24"),
    (Modifier::SLOW_BLINK, "5", "25"),
    (Modifier::RAPID_BLINK, "6", "25"),
    (Modifier::REVERSED, "7", "27"),
    (Modifier::HIDDEN, "8", "28"),
    (Modifier::CROSSED_OUT, "9", "29"),
];

impl CellStyle {
    fn of(cell: &Cell) -> Self {
        Self {
            fg: cell.fg,
            bg: cell.bg,
            modifier: cell.modifier,
        }
    }

    /// Appends the shorter of: the differences, or a reset and all attributes.
    fn change(self, to: Self, out: &mut Vec<u8>) {
        if self == to {
            return;
        }
        let differing = self.codes(to).join(";");
        let anew = ["0".to_owned()]
            .into_iter()
            .chain(Self::default().codes(to))
            .collect::<Vec<_>>()
            .join(";");
        let shorter = if anew.len() < differing.len() {
            anew
        } else {
            differing
        };
        let _ = write!(out, "\x1b[{shorter}m");
    }

    fn codes(self, to: Self) -> Vec<String> {
        let mut codes: Vec<String> = Vec::new();
        let gone = self.modifier.difference(to.modifier);
        let mut kept = self.modifier;
        for (modifier, _, clear) in MODIFIERS {
            if gone.contains(modifier) && !codes.iter().any(|code| code == clear) {
                codes.push(clear.to_owned());
                for (twin, _, _) in MODIFIERS.iter().filter(|(_, _, code)| *code == clear) {
                    kept.remove(*twin);
                }
            }
        }
        let new = to.modifier.difference(kept);
        codes.extend(
            MODIFIERS
                .iter()
                .filter(|(modifier, ..)| new.contains(*modifier))
                .map(|(_, set, _)| (*set).to_owned()),
        );
        if self.fg != to.fg {
            codes.push(colour(to.fg, 30));
        }
        if self.bg != to.bg {
            codes.push(colour(to.bg, 40));
        }
        codes
    }
}

/// The code of a colour for foreground (30) or background (40).
fn colour(colour: Color, base: u8) -> String {
    match colour {
        Color::Reset => (base + 9).to_string(),
        Color::Indexed(index) => format!("{};5;{index}", base + 8),
        Color::Rgb(r, g, b) => format!("{};2;{r};{g};{b}", base + 8),
        named => match sixteen(named) {
            index @ 0..=7 => (base + index).to_string(),
            index => (base + 52 + index).to_string(),
        },
    }
}

/// The colour's number among the sixteen.
fn sixteen(named: Color) -> u8 {
    match named {
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
