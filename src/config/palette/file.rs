//! Theme files: `failing = "bold #ff5f5f"`, one line for each role that differs from the base.

use super::{Palette, Role, contrast};
use crate::config::rule;
use crate::core::base::problem::Problem;
use crate::core::base::sgr::{Colour, TextStyle};
use crate::core::base::suggest::nearest;
use crate::core::base::toml_doc::{Section, parse, quoted};

/// The names of the sixteen colours, in the order of their numbers.
const COLOURS: [&str; 16] = [
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "white",
    "bright-black",
    "bright-red",
    "bright-green",
    "bright-yellow",
    "bright-blue",
    "bright-magenta",
    "bright-cyan",
    "bright-white",
];

/// Below this contrast a text cannot be distinguished from its background.
const LEAST_CONTRAST: f64 = 1.5;

const ATTRIBUTES: [&str; 5] = ["bold", "dim", "italic", "underline", "reverse"];

/// Reads a theme file; `file` is its name for messages.
///
/// # Errors
/// Every mistake, with its line and key.
pub fn read(file: &str, text: &str) -> Result<Palette, Vec<Problem>> {
    let (table, mut report) = parse(file, text);
    let mut root = Section::root(&table);
    let base = root.text_by(&mut report, "based_on", |name| {
        let of = |name: &'static str, palette| (name, palette);
        rule::one_of(
            name,
            &[
                of("auto", Palette::sixteen()),
                of("dark", Palette::dark()),
                of("light", Palette::light()),
                of("mono", Palette::mono()),
            ],
        )
    });
    let mut palette = base.unwrap_or_else(Palette::sixteen);
    for role in Role::ALL {
        if let Some(look) = root.text_by(&mut report, role.name(), look) {
            palette.set(role, look);
        }
    }
    root.close(&mut report);
    report.finish(palette)
}

/// `bold #ff5f5f on black`: attributes, a colour, and `on` with the colour of the background.
fn look(text: &str) -> Result<TextStyle, String> {
    let mut look = TextStyle::NONE;
    let mut colour_seen = false;
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        match word {
            "bold" => look.bold = true,
            "dim" => look.dim = true,
            "italic" => look.italic = true,
            "underline" => look.underline = true,
            "reverse" => look.reverse = true,
            "on" if look.bg.is_some() => return Err("names two backgrounds; keep one".to_owned()),
            "on" => {
                let name = words
                    .next()
                    .ok_or("ends with `on`; write a colour after it, as in `on black`")?;
                look.bg = colour(name)?;
            }
            _ if colour_seen => {
                return Err(format!(
                    "has a second colour, {}; write `on` before the colour of the background",
                    quoted(word)
                ));
            }
            name => {
                look.fg = colour(name)?;
                colour_seen = true;
            }
        }
    }
    if let Some((text, behind)) = look.fg.zip(look.bg) {
        let found = contrast(text, behind);
        if found < LEAST_CONTRAST {
            return Err(format!(
                "has nearly the same colour for text and background (contrast {found:.1}, at least {LEAST_CONTRAST})"
            ));
        }
    }
    Ok(look)
}

/// `None`: the terminal's own.
fn colour(word: &str) -> Result<Option<Colour>, String> {
    if word == "default" {
        return Ok(None);
    }
    if let Some(index) = COLOURS.iter().position(|name| *name == word) {
        return Ok(u8::try_from(index).ok().map(Colour::Indexed));
    }
    if let Some(hex) = word.strip_prefix('#') {
        let digits = hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit());
        let number = u32::from_str_radix(hex, 16).ok().filter(|_| digits);
        let [_, r, g, b] = number
            .ok_or_else(|| format!("{} is no colour; write it as #rrggbb", quoted(word)))?
            .to_be_bytes();
        return Ok(Some(Colour::Rgb(r, g, b)));
    }
    let known: Vec<&str> = COLOURS
        .into_iter()
        .chain(ATTRIBUTES)
        .chain(["default"])
        .collect();
    let hint = nearest(word, &known).map_or_else(
        || {
            format!(
                "write #rrggbb, default, a colour ({}) or an attribute ({})",
                COLOURS.join(", "),
                ATTRIBUTES.join(", ")
            )
        },
        |near| format!("did you mean `{near}`?"),
    );
    Err(format!("{} is no colour; {hint}", quoted(word)))
}
