//! The sanitiser: tables of dangerous texts, and properties over hostile ones.

use std::sync::LazyLock;

use proptest::prelude::*;
use regex::Regex;

use super::*;
use crate::base::sgr::Colour;

#[test]
fn dangerous_characters_become_readable() {
    for (text, shown) in [
        ("plain", "plain"),
        ("a\tb", "a       b"),
        ("12345678\tb", "12345678        b"),
        ("\x1b[31mred\x1b[0m", "^[[31mred^[[0m"),
        ("\x1b]52;c;aGk=\x07", "^[]52;c;aGk=^G"),
        ("nul\0 del\x7f csi\u{9b}31m", "nul^@ del^? csi\\x9b31m"),
        ("50%\r100%", "50%^M100%"),
        ("crlf\r\n", "crlf"),
        ("cr\r", "cr"),
        ("two\nlines", "two^Jlines"),
        ("user\u{202e}txt.exe", "user<U+202E>txt.exe"),
        ("\u{2066}isolate\u{2069}", "<U+2066>isolate<U+2069>"),
        ("zero\u{200b}width\u{feff}", "zero<U+200B>width<U+FEFF>"),
        ("tag\u{e0041}", "tag<U+E0041>"),
        ("sep\u{2028}\u{2029}", "sep<U+2028><U+2029>"),
        ("e\u{301}", "e\u{301}"),
        ("z\u{301}\u{302}\u{303}\u{304}z", "z\u{301}\u{302}z"),
        ("\u{301}no base", "<U+0301>no base"),
        ("heart \u{2764}\u{fe0f}", "heart \u{2764}"),
        ("hidden\u{e0100}\u{e0101}", "hidden<U+E0100><U+E0101>"),
        ("日本 ok", "日本 ok"),
    ] {
        assert_eq!(show(text), shown, "{text:?}");
    }
}

#[test]
fn only_well_formed_colour_is_stripped() {
    for (text, shown) in [
        ("\x1b[1;31mred\x1b[0m\x1b[m", "red"),
        ("\x1b[38:2::1:2:3mrgb", "rgb"),
        ("\x1b[2Jclear", "^[[2Jclear"),
        ("\x1b[?1m", "^[[?1m"),
        ("\x1b[>4;1m", "^[[>4;1m"),
        ("\x1b[31", "^[[31"),
        ("\x1b[31\x1b[0mx", "^[[31x"),
        ("\x1b\x1b[0m", "^["),
        ("\u{9b}31m", "\\x9b31m"),
    ] {
        assert_eq!(strip_sgr_limited(text, usize::MAX), shown, "{text:?}");
    }
}

#[test]
fn styles_begin_where_they_are_set() {
    let red = TextStyle {
        fg: Some(Colour::Indexed(1)),
        ..TextStyle::default()
    };
    let bold = TextStyle { bold: true, ..red };
    let none = TextStyle::default();
    for (line, text, styles) in [
        ("plain", "plain", vec![]),
        ("a\x1b[31mred\x1b[0m b", "ared b", vec![(1, red), (4, none)]),
        ("\x1b[31m\x1b[1mx\x1b[m", "x", vec![(0, bold)]),
        ("\x1b[31m\x1b[0mx\x1b[31", "x^[[31", vec![]),
        ("\x1b[31mnever ended", "never ended", vec![(0, red)]),
        ("a\x1b[31m\tb\x1b[2J", "a       b^[[2J", vec![(1, red)]),
        ("日\x1b[31m本", "日本", vec![(3, red)]),
        ("e\x1b[31m\u{301}x", "e\u{301}x", vec![(3, red)]),
        ("\x1b[38;5mx\x1b[38;5;1my", "xy", vec![(1, red)]),
        ("0123456789abcdef\x1b[31mx", "0123456789abc…", vec![]),
        ("0123\x1b[31m456789abcdef", "0123456789abc…", vec![(4, red)]),
    ] {
        assert_eq!(
            coloured_limited(line, 14),
            Coloured {
                text: text.to_owned(),
                styles
            },
            "{line:?}"
        );
    }
}

#[test]
fn cutting_keeps_clusters_whole() {
    for (text, max, result) in [
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, "abcd…"),
        ("abcdef", 1, "…"),
        ("abcdef", 0, ""),
        ("", 0, ""),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("日本語", 2, "…"),
        ("ae\u{301}i", 2, "a…"),
    ] {
        assert_eq!(cut(text, max), result, "{text:?} to {max}");
    }
}

#[test]
fn the_rest_of_a_long_line_is_not_read() {
    for unit in ["x", "\u{301}", "\x1b[0m", "👍🏽", "\t"] {
        let start = unit.repeat(byte_budget(80) + 4);
        let shown = strip_sgr_limited(&start, 80);
        assert!(width(&shown) <= 80 && shown.ends_with('…'), "{shown:?}");
        let long = start + &"\u{202e}".repeat(3_000_000);
        assert_eq!(strip_sgr_limited(&long, 80), shown);
    }
}

#[test]
fn clusters_narrower_than_their_characters_are_not_cut_early() {
    let hands = "👍🏽".repeat(40);
    assert_eq!(width(&hands), 80);
    assert_eq!(show_limited(&hands, 80), hands);
    assert_eq!(width(&show_limited(&hands, 79)), 79);
}

static UNSAFE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}]")
        .unwrap()
});
static STACKED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\p{Mn}{3}").unwrap());

#[test]
fn every_unsafe_character_there_is_becomes_a_token() {
    for c in (0..=0x10_ffff).filter_map(char::from_u32) {
        let shown = show_limited(&format!("a{c}b"), 80);
        assert!(
            !UNSAFE.is_match(&shown),
            "U+{:04X} shows as {shown:?}",
            u32::from(c)
        );
    }
}

fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        "[\\x00-\\x1f\\x7f-\u{9f}]{0,5}",
        "[\u{300}-\u{36f}]{0,9}",
        "[\u{200b}-\u{200f}\u{202a}-\u{202e}\u{2066}-\u{2069}\u{feff}]{0,3}",
        "\x1b\\[[0-9;:]{0,6}[mJK?]?",
        "(\x1b\\[[0-9;]{0,4}m[a\u{301}👍🏽]?){0,4}",
        "[日本語ก็🏽👍\u{fe0f}\u{200d}\t\r\n]{0,6}",
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|v| v.concat())
}

proptest! {
    #[test]
    fn nothing_unsafe_survives(text in nasty(), max in 0_usize..60) {
        for shown in [show(&text).into_owned(), strip_sgr_limited(&text, usize::MAX), show_limited(&text, max),
                      strip_sgr_limited(&text, max)] {
            prop_assert!(!UNSAFE.is_match(&shown), "{shown:?}");
            prop_assert!(!STACKED.is_match(&shown), "{shown:?}");
            prop_assert_eq!(show(&shown), shown.as_str());
            prop_assert_eq!(strip_sgr_limited(&shown, usize::MAX), shown.as_str());
        }
    }

    #[test]
    fn styles_change_no_text_and_split_no_cluster(text in nasty(), max in 0_usize..60) {
        let Coloured { text: shown, styles } = coloured_limited(&text, max);
        prop_assert_eq!(&shown, &strip_sgr_limited(&text, max));
        let mut at = 0;
        let mut cells = 0;
        for (next, _) in &styles {
            prop_assert!(at <= *next && *next < shown.len(), "{styles:?}");
            cells += width(&shown[at..*next]);
            at = *next;
        }
        prop_assert_eq!(cells + width(&shown[at..]), width(&shown));
    }

    #[test]
    fn limits_hold_and_change_nothing_that_fits(text in nasty(), max in 0_usize..60) {
        let shown = show(&text);
        let limited = show_limited(&text, max);
        prop_assert!(width(&limited) <= max);
        if width(&shown) <= max {
            prop_assert_eq!(&limited, &*shown);
        }
        let cut = cut(&shown, max);
        prop_assert!(width(&cut) <= max);
        prop_assert_eq!(cut.ends_with('…') || cut.is_empty() || cut == *shown, true);
    }
}
