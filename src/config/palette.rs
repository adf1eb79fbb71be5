//! Palettes of the console: a look for each role, built in or from a file of the user.

mod file;

use crate::core::base::sgr::{Colour, TextStyle};
use crate::core::words;

pub use file::read;

words! {
    /// What a look means on screen, with its name in theme files.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Role {
        /// Body text.
        Text = "text",
        /// Less important text.
        Dim = "dim",
        /// Headings and names.
        Strong = "strong",
        /// The pane that has keyboard focus.
        Focus = "focus",
        /// Work in progress.
        Running = "running",
        /// A good state; used for nothing but states.
        Good = "good",
        /// A warning, or a question to a person.
        Warning = "warning",
        /// Failing, and errors.
        Failing = "failing",
        /// Names of protected environments.
        Protected = "protected",
        /// The badge of a protected environment: `PROD`.
        Badge = "badge",
        /// The selected row of the pane with focus, and the selected button.
        Selected = "selected",
        /// The selected row of a pane without focus.
        SelectedElsewhere = "selected_elsewhere",
        /// A match of a search.
        Hit = "hit",
        /// Banners such as SIMULATED.
        Banner = "banner",
    }
}

/// A look for each role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    looks: [TextStyle; Role::ALL.len()],
}

/// Which colours the console uses: the setting `theme`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ThemeChoice {
    /// The sixteen colours of the terminal; those for light ones if it says that it is light.
    #[default]
    Auto,
    Dark,
    Light,
    /// No colours.
    Mono,
    /// From a file of the user.
    Own(Palette),
}

/// The colours a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    Sixteen,
    TwoHundredFiftySix,
    Rgb,
}

/// A look from a foreground of the 256 colours.
const fn fg(index: u8) -> TextStyle {
    TextStyle {
        fg: Some(Colour::Indexed(index)),
        ..TextStyle::NONE
    }
}

const fn bold(look: TextStyle) -> TextStyle {
    TextStyle { bold: true, ..look }
}

const fn on(look: TextStyle, index: u8) -> TextStyle {
    TextStyle {
        bg: Some(Colour::Indexed(index)),
        ..look
    }
}

const REVERSE: TextStyle = TextStyle {
    reverse: true,
    ..TextStyle::NONE
};

/// Without colours: attributes only.
const fn mono(role: Role) -> TextStyle {
    match role {
        Role::Text | Role::Running | Role::Good => TextStyle::NONE,
        Role::Dim => TextStyle {
            dim: true,
            ..TextStyle::NONE
        },
        Role::Strong | Role::Focus | Role::Warning | Role::Failing | Role::Protected => {
            bold(TextStyle::NONE)
        }
        Role::Selected => REVERSE,
        Role::SelectedElsewhere => TextStyle {
            underline: true,
            ..TextStyle::NONE
        },
        Role::Badge | Role::Hit | Role::Banner => bold(REVERSE),
    }
}

/// The sixteen colours of the terminal, on its own background.
const fn sixteen(role: Role) -> TextStyle {
    match role {
        Role::Focus => bold(fg(6)),
        Role::Running => fg(6),
        Role::Good => fg(2),
        Role::Warning => bold(fg(3)),
        Role::Failing => bold(fg(1)),
        Role::Protected => bold(fg(5)),
        Role::Badge => bold(on(fg(15), 5)),
        other => mono(other),
    }
}

/// The same for a light background, on which yellow and cyan text cannot be read.
const fn sixteen_on_light(role: Role) -> TextStyle {
    match role {
        Role::Focus => bold(fg(4)),
        Role::Running => fg(4),
        Role::Warning => bold(on(fg(0), 3)),
        other => sixteen(other),
    }
}

/// For black and dark backgrounds: contrast of at least 4.5 on black.
const fn dark(role: Role) -> TextStyle {
    match role {
        Role::Dim => fg(246),
        Role::Focus => bold(fg(75)),
        Role::Running => fg(80),
        Role::Good => fg(114),
        Role::Warning => bold(fg(221)),
        Role::Failing => bold(fg(203)),
        Role::Protected => bold(fg(177)),
        Role::Badge => bold(on(fg(16), 177)),
        Role::Selected => bold(on(fg(231), 24)),
        Role::Hit => bold(on(fg(16), 221)),
        Role::Banner => bold(on(fg(16), 250)),
        other => mono(other),
    }
}

/// For white and light backgrounds: contrast of at least 4.5 on white.
const fn light(role: Role) -> TextStyle {
    match role {
        Role::Dim => fg(240),
        Role::Focus => bold(fg(19)),
        Role::Running => fg(24),
        Role::Good => fg(22),
        Role::Warning => bold(fg(94)),
        Role::Failing => bold(fg(160)),
        Role::Protected => bold(fg(90)),
        Role::Badge => bold(on(fg(231), 90)),
        Role::Selected => bold(on(fg(231), 24)),
        Role::Hit => bold(on(fg(16), 221)),
        Role::Banner => bold(on(fg(231), 238)),
        other => mono(other),
    }
}

impl Palette {
    fn of(look: fn(Role) -> TextStyle) -> Self {
        Self {
            looks: Role::ALL.map(look),
        }
    }

    /// Attributes only.
    #[must_use]
    pub fn mono() -> Self {
        Self::of(mono)
    }

    /// The sixteen colours of the terminal.
    #[must_use]
    pub fn sixteen() -> Self {
        Self::of(sixteen)
    }

    /// For dark backgrounds, with 256 colours.
    #[must_use]
    pub fn dark() -> Self {
        Self::of(dark)
    }

    /// For light backgrounds, with 256 colours.
    #[must_use]
    pub fn light() -> Self {
        Self::of(light)
    }

    /// The look of a role.
    #[must_use]
    pub const fn look(&self, role: Role) -> TextStyle {
        self.looks[role as usize]
    }

    /// It has colours.
    #[must_use]
    pub fn is_coloured(&self) -> bool {
        let coloured = |look: &TextStyle| look.fg.is_some() || look.bg.is_some();
        self.looks.iter().any(coloured)
    }

    fn set(&mut self, role: Role, look: TextStyle) {
        self.looks[role as usize] = look;
    }

    /// With the nearest of the colours that the terminal can show.
    #[must_use]
    pub fn for_depth(self, depth: Depth) -> Self {
        let nearest = |colour: Colour| match (depth, colour) {
            (Depth::Rgb, colour) | (_, colour @ Colour::Indexed(0..=15)) => colour,
            (Depth::TwoHundredFiftySix, colour @ Colour::Indexed(_)) => colour,
            (Depth::TwoHundredFiftySix, colour) => nearest(colour, 16..=255),
            (Depth::Sixteen, colour) => nearest(colour, 0..=15),
        };
        Self {
            looks: self.looks.map(|look| TextStyle {
                fg: look.fg.map(nearest),
                bg: look.bg.map(nearest),
                ..look
            }),
        }
    }
}

impl ThemeChoice {
    /// The names of those that need no file.
    pub const NAMES: [&'static str; 4] = ["auto", "dark", "light", "mono"];

    /// The choice that needs no file.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "auto" => Self::Auto,
            "dark" => Self::Dark,
            "light" => Self::Light,
            "mono" => Self::Mono,
            _ => return None,
        })
    }

    /// The palette on a terminal with these environment variables. A non-empty `NO_COLOR` and a
    /// `TERM` without colours turn all colours off.
    #[must_use]
    pub fn palette(self, env: &dyn Fn(&str) -> Option<String>) -> Palette {
        let no_color = env("NO_COLOR").is_some_and(|value| !value.is_empty());
        let term = env("TERM").unwrap_or_default();
        let plain = ["dumb", "vt100", "vt102", "vt220", "xterm-mono"].contains(&term.as_str());
        if no_color || plain {
            return Palette::mono();
        }
        let depth = Depth::of(env("COLORTERM").as_deref(), &term);
        let few = depth == Depth::Sixteen;
        match self {
            Self::Mono => Palette::mono(),
            Self::Auto if is_light(env("COLORFGBG").as_deref()) => Self::Light.palette(env),
            Self::Auto => Palette::sixteen(),
            Self::Dark if few => Palette::sixteen(),
            Self::Dark => Palette::dark(),
            Self::Light if few => Palette::of(sixteen_on_light),
            Self::Light => Palette::light(),
            Self::Own(palette) => palette.for_depth(depth),
        }
    }
}

/// `COLORFGBG` ends with the number of the background's colour.
fn is_light(colours: Option<&str>) -> bool {
    let last = colours.and_then(|colours| colours.rsplit(';').next());
    matches!(last, Some("7" | "15"))
}

impl Depth {
    /// From `COLORTERM` and `TERM`.
    #[must_use]
    pub fn of(colorterm: Option<&str>, term: &str) -> Self {
        let is = |words: &[&str]| words.iter().any(|word| term.contains(word));
        if matches!(colorterm, Some("truecolor" | "24bit")) || is(&["-direct"]) {
            Self::Rgb
        } else if is(&[
            "256color",
            "kitty",
            "alacritty",
            "ghostty",
            "foot",
            "wezterm",
        ]) {
            Self::TwoHundredFiftySix
        } else {
            Self::Sixteen
        }
    }
}

/// Red, green and blue of a colour, as xterm shows it.
#[must_use]
pub fn rgb(colour: Colour) -> (u8, u8, u8) {
    const NAMED: [(u8, u8, u8); 16] = [
        (0, 0, 0),
        (205, 0, 0),
        (0, 205, 0),
        (205, 205, 0),
        (0, 0, 238),
        (205, 0, 205),
        (0, 205, 205),
        (229, 229, 229),
        (127, 127, 127),
        (255, 0, 0),
        (0, 255, 0),
        (255, 255, 0),
        (92, 92, 255),
        (255, 0, 255),
        (0, 255, 255),
        (255, 255, 255),
    ];
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    match colour {
        Colour::Rgb(r, g, b) => (r, g, b),
        Colour::Indexed(index @ 0..=15) => NAMED[usize::from(index)],
        Colour::Indexed(index @ 16..=231) => {
            let step = |part: u8| STEPS[usize::from(part % 6)];
            let index = index - 16;
            (step(index / 36), step(index / 6), step(index))
        }
        Colour::Indexed(index) => {
            let grey = 8 + (index - 232) * 10;
            (grey, grey, grey)
        }
    }
}

/// The contrast of two colours by WCAG 2.1, 1 to 21; text needs at least 4.5.
#[must_use]
pub fn contrast(one: Colour, other: Colour) -> f64 {
    let luminance = |colour| {
        let part = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.039_28 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        let (r, g, b) = rgb(colour);
        0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b)
    };
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// The nearest colour among these numbers.
fn nearest(colour: Colour, among: std::ops::RangeInclusive<u8>) -> Colour {
    let (r, g, b) = rgb(colour);
    let distance = |index: &u8| {
        let (red, green, blue) = rgb(Colour::Indexed(*index));
        let square = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
        square(r, red) + square(g, green) + square(b, blue)
    };
    among.min_by_key(distance).map_or(colour, Colour::Indexed)
}

#[cfg(test)]
mod tests;
