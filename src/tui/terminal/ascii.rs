//! Frames for a terminal whose locale is not UTF-8: replaces symbols by ASCII of the same width.

use ratatui::buffer::Cell;

use crate::core::base::text::width;

/// Symbols drawn by the console, and their replacements.
const SYMBOLS: &[(&str, &str)] = &[
    ("─━╌┄┈═–—―", "-"),
    ("│┃╎┆┊║", "|"),
    ("┌┐└┘├┤┬┴┼╭╮╰╯┏┓┗┛╔╗╚╝", "+"),
    ("●•◆", "*"),
    ("○◇", "o"),
    ("▲△↑", "^"),
    ("▼▽↓", "v"),
    ("▶▸►→›»⇒", ">"),
    ("◀◂◄←‹«", "<"),
    ("✓✔", "+"),
    ("✗✘×", "x"),
    ("■▪█▉▊▋▌▍▎▏▇▆▅▄", "#"),
    ("▃▂▁", "_"),
    ("░▒▓", ":"),
    ("…·", "."),
    ("−", "-"),
    ("␀", "0"),
    ("“”„", "\""),
    ("‘’‚", "'"),
    ("\u{a0}", " "),
];

/// Whether the environment sets a locale that is not UTF-8. Without a locale, UTF-8 is assumed.
#[must_use]
pub fn is_wanted(env: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    let locale = set("LC_ALL")
        .or_else(|| set("LC_CTYPE"))
        .or_else(|| set("LANG"));
    locale.is_some_and(|locale| !locale.to_uppercase().replace('-', "").contains("UTF8"))
}

/// Replaces the symbol of a cell by ASCII.
pub fn make_plain(cell: &mut Cell) {
    let symbol = cell.symbol();
    if symbol.is_ascii() {
        return;
    }
    // The dots of a chart.
    if let Some(dots @ '\u{2800}'..='\u{28ff}') = symbol.chars().next() {
        cell.set_symbol(if dots == '\u{2800}' { " " } else { "*" });
        return;
    }
    let known = SYMBOLS.iter().find(|(all, _)| all.contains(symbol));
    match known {
        Some((_, plain)) => drop(cell.set_symbol(plain)),
        None => drop(cell.set_symbol(if width(symbol) > 1 { "??" } else { "?" })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_symbol_becomes_one_of_ascii_as_wide() {
        for (symbol, plain) in [
            ("a", "a"),
            ("│", "|"),
            ("┌", "+"),
            ("●", "*"),
            ("…", "."),
            ("é", "?"),
            ("⠀", " "),
            ("⠉", "*"),
            ("⣿", "*"),
            ("语", "??"),
            ("é", "?"),
        ] {
            let mut cell = Cell::default();
            cell.set_symbol(symbol);
            make_plain(&mut cell);
            assert_eq!(cell.symbol(), plain, "{symbol}");
        }
        for (all, plain) in SYMBOLS {
            assert!(
                plain.is_ascii()
                    && plain.len() == 1
                    && all.chars().all(|c| width(&c.to_string()) == 1),
                "{all}"
            );
        }
    }

    #[test]
    fn the_locale_decides() {
        for (all, ctype, lang, wanted) in [
            ("C", "", "C.UTF-8", true),
            ("", "POSIX", "en_US.UTF-8", true),
            ("", "", "en_US.ISO-8859-1", true),
            ("", "", "de_DE.utf8", false),
            ("C.UTF-8", "C", "C", false),
            ("", "", "", false),
        ] {
            let env = |name: &str| {
                Some(
                    match name {
                        "LC_ALL" => all,
                        "LC_CTYPE" => ctype,
                        _ => lang,
                    }
                    .to_owned(),
                )
            };
            assert_eq!(is_wanted(env), wanted, "{all} {ctype} {lang}");
        }
    }
}
