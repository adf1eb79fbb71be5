//! Contrast of the built-in palettes, terminals with fewer colours, and theme files.

use super::*;

const BLACK: Colour = Colour::Rgb(0, 0, 0);
const WHITE: Colour = Colour::Rgb(255, 255, 255);

#[test]
fn contrast_is_computed_as_wcag_says() {
    assert!((contrast(BLACK, WHITE) - 21.0).abs() < 0.01);
    // The example of the standard's authors: #777777 on white just fails, #767676 passes.
    assert!(contrast(Colour::Rgb(0x77, 0x77, 0x77), WHITE) < 4.5);
    assert!(contrast(Colour::Rgb(0x76, 0x76, 0x76), WHITE) > 4.5);
}

#[test]
fn every_pair_of_the_built_in_palettes_can_be_read() {
    for (name, palette, behind, text) in [
        ("dark", Palette::dark(), BLACK, WHITE),
        ("light", Palette::light(), WHITE, BLACK),
    ] {
        for role in Role::ALL {
            let look = palette.look(role);
            let pair = (look.fg.unwrap_or(text), look.bg.unwrap_or(behind));
            let found = contrast(pair.0, pair.1);
            assert!(found >= 4.5, "{name}.{}: {found:.2}", role.name());
            assert!(
                look.bg.is_none() || look.fg.is_some(),
                "{name}.{}: a background needs its own foreground",
                role.name()
            );
        }
    }
}

#[test]
fn states_differ_in_every_coloured_palette() {
    for palette in [
        Palette::sixteen(),
        Palette::of(sixteen_on_light),
        Palette::dark(),
        Palette::light(),
    ] {
        let roles = [
            Role::Good,
            Role::Warning,
            Role::Failing,
            Role::Running,
            Role::Protected,
        ];
        for (i, one) in roles.iter().enumerate() {
            for other in &roles[i + 1..] {
                let (one, other) = (palette.look(*one), palette.look(*other));
                assert!((one.fg, one.bg) != (other.fg, other.bg), "{one:?}");
            }
        }
        assert!(palette.is_coloured());
    }
    assert!(!Palette::mono().is_coloured());
}

#[test]
fn the_terminal_decides_about_colours() {
    let palette = |choice: ThemeChoice, variables: &[(&str, &str)]| {
        choice.palette(&|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    };
    let (dark, light, auto) = (ThemeChoice::Dark, ThemeChoice::Light, ThemeChoice::Auto);
    let fine = ("TERM", "xterm-256color");
    for (choice, variables, wanted) in [
        (auto, &[fine][..], Palette::sixteen()),
        (auto, &[fine, ("NO_COLOR", "")], Palette::sixteen()),
        (auto, &[fine, ("NO_COLOR", "1")], Palette::mono()),
        (dark, &[fine, ("NO_COLOR", "1")], Palette::mono()),
        (auto, &[("TERM", "vt100")], Palette::mono()),
        (light, &[("TERM", "vt100")], Palette::mono()),
        (auto, &[], Palette::sixteen()),
        (auto, &[fine, ("COLORFGBG", "0;15")], Palette::light()),
        (
            auto,
            &[fine, ("COLORFGBG", "15;default;0")],
            Palette::sixteen(),
        ),
        (dark, &[fine], Palette::dark()),
        (light, &[fine], Palette::light()),
        (dark, &[("TERM", "linux")], Palette::sixteen()),
        (light, &[("TERM", "xterm")], Palette::of(sixteen_on_light)),
        (ThemeChoice::Mono, &[fine], Palette::mono()),
    ] {
        assert_eq!(
            palette(choice, variables),
            wanted,
            "{choice:?} {variables:?}"
        );
    }
}

#[test]
fn colours_become_the_nearest_ones_that_the_terminal_has() {
    let own = read(
        "own.toml",
        "failing = \"#fe0102\"\nbadge = \"#ffffff on #5f5fd0\"",
    )
    .unwrap();
    let shown = |depth, role| {
        let look = own.for_depth(depth).look(role);
        (look.fg, look.bg)
    };
    let index = |index| Some(Colour::Indexed(index));
    let red = (Some(Colour::Rgb(0xfe, 1, 2)), None);
    assert_eq!(shown(Depth::Rgb, Role::Failing), red);
    assert_eq!(
        shown(Depth::TwoHundredFiftySix, Role::Failing),
        (index(196), None)
    );
    assert_eq!(shown(Depth::Sixteen, Role::Failing), (index(9), None));
    assert_eq!(
        shown(Depth::TwoHundredFiftySix, Role::Badge),
        (index(231), index(62))
    );
    assert_eq!(shown(Depth::Sixteen, Role::Badge), (index(15), index(12)));
    for index in 16..=255 {
        let Colour::Indexed(found) = nearest(Colour::Indexed(index), 16..=255) else {
            panic!("{index}");
        };
        let of = |index| rgb(Colour::Indexed(index));
        assert_eq!(of(found), of(index));
    }
}

#[test]
fn a_theme_file_changes_the_roles_it_names() {
    let text =
        "based_on = \"dark\"\nwarning = \"italic bright-yellow on #102030\"\ndim = \"default\"\n";
    let own = read("own.toml", text).unwrap();
    let warning = own.look(Role::Warning);
    assert_eq!(
        (warning.fg, warning.bg, warning.italic, warning.bold),
        (
            Some(Colour::Indexed(11)),
            Some(Colour::Rgb(0x10, 0x20, 0x30)),
            true,
            false
        )
    );
    assert_eq!(own.look(Role::Dim), TextStyle::NONE);
    assert_eq!(own.look(Role::Failing), Palette::dark().look(Role::Failing));
}

#[test]
fn mistakes_of_a_theme_file_are_named_with_line_and_key() {
    let text = "based_on = \"drk\"\nfailing = \"rde\"\nwaring = \"red\"\nhit = \"red blue\"\ndim = \"#12345\"\n\
                good = \"red on\"\nbadge = \"red on red\"\nfocus = 3\nbanner = \"on red on blue\"\nstrong = \"puce\"\n";
    let found = read("themes/own.toml", text).unwrap_err();
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines[..9],
        [
            "themes/own.toml:1: based_on: `drk` is not one of auto, dark, light, mono",
            "themes/own.toml:2: failing: `rde` is no colour; did you mean `red`?",
            "themes/own.toml:3: waring: unknown key; did you mean `warning`?",
            "themes/own.toml:4: hit: has a second colour, `blue`; write `on` before the colour of the background",
            "themes/own.toml:5: dim: `#12345` is no colour; write it as #rrggbb",
            "themes/own.toml:6: good: ends with `on`; write a colour after it, as in `on black`",
            "themes/own.toml:7: badge: has nearly the same colour for text and background (contrast 1.0, at least 1.5)",
            "themes/own.toml:8: focus: must be a text in quotes, not a whole number",
            "themes/own.toml:9: banner: names two backgrounds; keep one",
        ]
    );
    assert!(lines[9].starts_with("themes/own.toml:10: strong: `puce` is no colour; write #rrggbb"));
    assert_eq!(lines.len(), 10);
}

#[test]
fn the_manual_names_every_role() {
    let manual = include_str!("../../../assets/manual/terminal.md");
    for role in Role::ALL {
        assert!(manual.contains(&format!("`{}`", role.name())), "{role:?}");
    }
}
