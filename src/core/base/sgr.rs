//! Text styles that programs set by SGR sequences (`ESC [ … m`), reduced to what a screen can show.
//! Blinking and concealing are ignored: a log must not hide its text.

/// The style of a piece of text.
#[expect(
    clippy::struct_excessive_bools,
    reason = "attributes a screen has, each on or off by itself"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextStyle {
    pub fg: Option<Colour>,
    pub bg: Option<Colour>,
    pub bold: bool,
    pub dim: bool,
    pub italic: bool,
    pub underline: bool,
    pub reverse: bool,
}

/// A colour as a program requested it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Of the terminal's palette: 0 to 7, bright 8 to 15, then the cube and the greys.
    Indexed(u8),
    Rgb(u8, u8, u8),
}

/// Longest parameters of one sequence that are parsed, in bytes.
const LONGEST: usize = 256;

/// The parameters of the well-formed sequence `text` begins with (`ESC [`, numbers with `;` or `:`
/// between, `m`) and the bytes of it all.
#[must_use]
pub fn sequence(text: &str) -> Option<(&str, usize)> {
    let parameters = text.strip_prefix("\x1b[")?;
    let end = parameters
        .bytes()
        .take(LONGEST)
        .position(|b| !matches!(b, b'0'..=b'9' | b';' | b':'))?;
    (parameters.as_bytes()[end] == b'm').then(|| (&parameters[..end], 2 + end + 1))
}

impl TextStyle {
    /// The default style of the screen.
    pub const NONE: Self = Self {
        fg: None,
        bg: None,
        bold: false,
        dim: false,
        italic: false,
        underline: false,
        reverse: false,
    };

    /// The style after a sequence with these parameters. Unknown numbers are ignored; an incomplete
    /// colour ends the sequence, because what follows may be the rest of it.
    #[must_use]
    pub fn after(mut self, parameters: &str) -> Self {
        let mut rest = parameters.split(';');
        while let Some(one) = rest.next() {
            let (number, own) = one
                .split_once(':')
                .map_or((one, None), |(number, own)| (number, Some(own)));
            match value(number) {
                Some(which @ (38 | 48)) => {
                    let colour = match own {
                        Some(own) => within(own),
                        None => following(&mut rest),
                    };
                    match (colour, which) {
                        (None, _) => return self,
                        (colour, 38) => self.fg = colour,
                        (colour, _) => self.bg = colour,
                    }
                }
                // `4:0` is no underline, `4:3` a curly one.
                Some(4) => self.underline = own != Some("0"),
                Some(number) if own.is_none() => self.set(number),
                _ => {}
            }
        }
        self
    }

    fn set(&mut self, number: u8) {
        match number {
            0 => *self = Self::default(),
            1 => self.bold = true,
            2 => self.dim = true,
            3 => self.italic = true,
            7 => self.reverse = true,
            21 => self.underline = true,
            22 => (self.bold, self.dim) = (false, false),
            23 => self.italic = false,
            24 => self.underline = false,
            27 => self.reverse = false,
            30..=37 => self.fg = Some(Colour::Indexed(number - 30)),
            39 => self.fg = None,
            40..=47 => self.bg = Some(Colour::Indexed(number - 40)),
            49 => self.bg = None,
            90..=97 => self.fg = Some(Colour::Indexed(number - 90 + 8)),
            100..=107 => self.bg = Some(Colour::Indexed(number - 100 + 8)),
            _ => {}
        }
    }
}

/// An omitted parameter is 0; one that is too large is invalid.
fn value(text: &str) -> Option<u8> {
    if text.is_empty() {
        Some(0)
    } else {
        text.parse().ok()
    }
}

/// `5;N` or `2;R;G;B`, in parameters of their own.
fn following<'a>(rest: &mut impl Iterator<Item = &'a str>) -> Option<Colour> {
    let mut next = || rest.next().and_then(value);
    match next()? {
        5 => next().map(Colour::Indexed),
        2 => Some(Colour::Rgb(next()?, next()?, next()?)),
        _ => None,
    }
}

/// `5:N`, `2:R:G:B`, or with the number of a colour space `2:S:R:G:B`.
fn within(own: &str) -> Option<Colour> {
    match *own.split(':').collect::<Vec<_>>() {
        ["5", n, ..] => value(n).map(Colour::Indexed),
        ["2", r, g, b] | ["2", _, r, g, b, ..] => {
            Some(Colour::Rgb(value(r)?, value(g)?, value(b)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain() -> TextStyle {
        TextStyle::default()
    }

    fn fg(colour: Colour) -> TextStyle {
        TextStyle {
            fg: Some(colour),
            ..plain()
        }
    }

    #[test]
    fn parameters_are_read() {
        let red = fg(Colour::Indexed(1));
        for (parameters, style) in [
            ("31", red),
            ("97", fg(Colour::Indexed(15))),
            (
                "107",
                TextStyle {
                    bg: Some(Colour::Indexed(15)),
                    ..plain()
                },
            ),
            (
                "1;2;3;4;7",
                TextStyle {
                    bold: true,
                    dim: true,
                    italic: true,
                    underline: true,
                    reverse: true,
                    ..plain()
                },
            ),
            ("1;2;3;4;7;22;23;24;27", plain()),
            ("31;42;39;49", plain()),
            ("31;0", plain()),
            ("31;", plain()),
            ("", plain()),
            ("38;5;208", fg(Colour::Indexed(208))),
            (
                "38;5;208;1",
                TextStyle {
                    bold: true,
                    ..fg(Colour::Indexed(208))
                },
            ),
            (
                "48;2;1;2;3",
                TextStyle {
                    bg: Some(Colour::Rgb(1, 2, 3)),
                    ..plain()
                },
            ),
            ("38:5:208", fg(Colour::Indexed(208))),
            (
                "38:2:1:2:3;1",
                TextStyle {
                    bold: true,
                    ..fg(Colour::Rgb(1, 2, 3))
                },
            ),
            ("38:2::1:2:3", fg(Colour::Rgb(1, 2, 3))),
            ("38:2::1:2:3::0", fg(Colour::Rgb(1, 2, 3))),
            (
                "4:3",
                TextStyle {
                    underline: true,
                    ..plain()
                },
            ),
            ("4;4:0", plain()),
            ("38;5;", fg(Colour::Indexed(0))),
        ] {
            assert_eq!(plain().after(parameters), style, "{parameters}");
        }
    }

    #[test]
    fn malformed_parameters_change_nothing() {
        let before = TextStyle {
            bold: true,
            ..fg(Colour::Rgb(1, 2, 3))
        };
        for parameters in [
            "38",
            "38;5",
            "38;5;256",
            "38;5;99999999999999999999",
            "38;2;1;2",
            "38;2;1;2;999",
            "38;9;31",
            "38:5",
            "38:",
            "38:2:1:2",
            "38:7:1",
            "999",
            "8",
            "5",
            "50",
            "31:1",
            ":",
            "58;5",
            "300;400",
        ] {
            // A number after an unknown one may be known: 58 is not known, 5 is blinking.
            assert_eq!(before.after(parameters), before, "{parameters}");
        }
        assert_eq!(
            before.after("999;22"),
            TextStyle {
                bold: false,
                ..before
            }
        );
        assert_eq!(
            before.after("38;5;256;22"),
            before,
            "a broken colour ends it"
        );
    }

    #[test]
    fn only_whole_sequences_are_taken() {
        let long = format!("\x1b[{}m", "1;".repeat(127));
        let longer = format!("\x1b[{}m", "1;".repeat(128));
        for (text, found) in [
            ("\x1b[31mx", Some(("31", 5))),
            ("\x1b[m", Some(("", 3))),
            ("\x1b[31", None),
            ("\x1b[31K", None),
            ("\x1b[?1m", None),
            ("\x1b[31 m", None),
            ("\x1b[３m", None),
            ("31m", None),
            (&*long, Some((&long[2..256], 257))),
            (&*longer, None),
        ] {
            assert_eq!(sequence(text), found, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_parameters_can_be_applied_and_reset(parameters in "[0-9;:]{0,40}") {
            let style = plain().after(&parameters);
            prop_assert_eq!(style.after(""), plain());
            prop_assert_eq!(style.after("0"), plain());
        }
    }
}
