//! Encoder tests: a third-party emulator has to show what was drawn.

use std::num::NonZeroU16;

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Style, Stylize};

use super::*;

const COLOURS: [Color; 8] = [
    Color::Reset,
    Color::Black,
    Color::Red,
    Color::White,
    Color::DarkGray,
    Color::Gray,
    Color::Indexed(200),
    Color::Rgb(1, 2, 3),
];
/// Modifiers that the emulator supports.
const SHOWN: [Modifier; 5] = [
    Modifier::BOLD,
    Modifier::DIM,
    Modifier::ITALIC,
    Modifier::UNDERLINED,
    Modifier::REVERSED,
];
/// No wide symbols: terminals differ on half-overwritten ones, which ratatui handles.
const SYMBOLS: [&str; 7] = [" ", "a", "Z", "│", "●", "é", "e\u{301}"];

/// A cell by numbers: symbol, foreground, background, modifiers.
type Spec = (usize, usize, usize, u8);

fn spec() -> impl Strategy<Value = Spec> {
    // The emulator cannot combine bold and dim; terminals can.
    let modifiers = (0u8..32).prop_map(|bits| if bits & 3 == 3 { bits & !1 } else { bits });
    (
        0..SYMBOLS.len(),
        0..COLOURS.len(),
        0..COLOURS.len(),
        modifiers,
    )
}

fn style((_, fg, bg, modifiers): Spec) -> Style {
    let set = SHOWN
        .iter()
        .enumerate()
        .filter(|(bit, _)| modifiers & (1 << bit) != 0)
        .map(|(_, modifier)| *modifier);
    Style::new()
        .fg(COLOURS[fg])
        .bg(COLOURS[bg])
        .add_modifier(set.collect())
}

fn frame(specs: &[Spec], width: u16) -> Buffer {
    let height = u16::try_from(specs.len()).unwrap() / width;
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    for (index, &spec) in (0..).zip(specs) {
        buffer.set_string(index % width, index / width, SYMBOLS[spec.0], style(spec));
    }
    buffer
}

fn emulated(color: Color) -> vt100::Color {
    match color {
        Color::Reset => vt100::Color::Default,
        Color::Indexed(index) => vt100::Color::Idx(index),
        Color::Rgb(r, g, b) => vt100::Color::Rgb(r, g, b),
        named => vt100::Color::Idx(sixteen(named)),
    }
}

fn assert_shown(screen: &vt100::Screen, buffer: &Buffer) {
    for position in buffer.area.positions() {
        let (cell, shown) = (
            &buffer[position],
            screen.cell(position.y, position.x).unwrap(),
        );
        let text = if shown.contents().is_empty() {
            " "
        } else {
            shown.contents()
        };
        assert_eq!(text, cell.symbol(), "{position:?}");
        let flags = [
            shown.bold(),
            shown.dim(),
            shown.italic(),
            shown.underline(),
            shown.inverse(),
        ];
        let wanted = SHOWN.map(|modifier| cell.modifier.contains(modifier));
        assert_eq!(flags, wanted, "{position:?}");
        assert_eq!(
            (shown.fgcolor(), shown.bgcolor()),
            (emulated(cell.fg), emulated(cell.bg)),
            "{position:?}"
        );
    }
}

proptest! {
    #[test]
    fn a_terminal_shows_what_was_drawn(
        first in proptest::collection::vec(spec(), 40),
        second in proptest::collection::vec(spec(), 40),
        keep in proptest::collection::vec(any::<bool>(), 40),
    ) {
        let width = 8;
        let mixed: Vec<Spec> = (0..40).map(|i| if keep[i] { first[i] } else { second[i] }).collect();
        let mut terminal = vt100::Parser::new(NonZeroU16::new(5).unwrap(), NonZeroU16::new(width).unwrap(), 0);
        let mut before = Buffer::empty(Rect::new(0, 0, width, 5));
        for specs in [&first, &mixed, &second] {
            let after = frame(specs, width);
            let mut bytes = Vec::new();
            cells(&mut bytes, before.diff(&after).into_iter(), &Links::default());
            terminal.process(&bytes);
            assert_shown(terminal.screen(), &after);
            prop_assert_eq!(terminal.screen().fgcolor(), vt100::Color::Default, "no style is left set");
            before = after;
        }
    }
}

fn bytes(lines: &[ratatui::text::Line<'_>]) -> String {
    let area = Rect::new(0, 0, 20, u16::try_from(lines.len()).unwrap());
    let mut buffer = Buffer::empty(area);
    for (y, line) in (0..).zip(lines) {
        buffer.set_line(0, y, line, area.width);
    }
    let mut out = Vec::new();
    let changed = Buffer::empty(area).diff(&buffer);
    cells(&mut out, changed.into_iter(), &Links::default());
    String::from_utf8(out).unwrap()
}

#[test]
fn sixteen_colours_are_written_as_such() {
    assert_eq!(bytes(&["x".red().into()]), "\x1b[H\x1b[31mx\x1b[0m");
    assert_eq!(
        bytes(&["x".light_cyan().on_dark_gray().into()]),
        "\x1b[H\x1b[96;100mx\x1b[0m"
    );
}

#[test]
fn movement_is_as_short_as_is_safe() {
    assert_eq!(bytes(&["a b".into(), "c".into()]), "\x1b[Ha\x1b[Cb\r\nc");
    assert_eq!(
        bytes(&["é  b".into()]),
        "\x1b[Hé\x1b[1;4Hb",
        "after a symbol of ambiguous width the position is absolute"
    );
    assert_eq!(bytes(&["│  b".into()]), "\x1b[H│\x1b[2Cb");
    assert_eq!(bytes(&["漢b".into()]), "\x1b[H漢\x1b[1;3Hb");
}

#[test]
fn a_style_changes_in_one_sequence() {
    let line = ratatui::text::Line::from(vec![
        "a".bold().red(),
        "b".bold().green(),
        "c".dim(),
        "d".into(),
    ]);
    assert_eq!(
        bytes(&[line]),
        "\x1b[H\x1b[1;31ma\x1b[32mb\x1b[0;2mc\x1b[0md"
    );
}

#[test]
fn bold_and_dim_share_the_code_that_clears_them() {
    let line = ratatui::text::Line::from(vec!["a".bold().dim().red(), "b".bold().red()]);
    assert_eq!(bytes(&[line]), "\x1b[H\x1b[1;2;31ma\x1b[22;1mb\x1b[0m");
}

#[test]
fn cells_of_a_link_lead_to_its_address_and_nothing_else_does() {
    let mut links = Links::default();
    let (one, two) = (
        links.add("https://a.test/x").unwrap(),
        links.add("http://b.test").unwrap(),
    );
    let marked = |text, mark| ratatui::text::Span::styled(text, Style::new().underline_color(mark));
    let area = Rect::new(0, 0, 8, 1);
    let mut buffer = Buffer::empty(area);
    let line = ratatui::text::Line::from(vec![
        "a".into(),
        marked("bc", one),
        marked("d", two),
        marked("e", Color::Rgb(1, 2, 3)),
    ]);
    buffer.set_line(0, 0, &line, 8);
    let mut out = Vec::new();
    let changed = Buffer::empty(area).diff(&buffer);
    cells(&mut out, changed.into_iter(), &links);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "\x1b[Ha\x1b]8;;https://a.test/x\x1b\\bc\x1b]8;;http://b.test/\x1b\\d\x1b]8;;\x1b\\e"
    );
    let mut out = Vec::new();
    let mut other = buffer.clone();
    other[(1, 0)].underline_color = two;
    cells(&mut out, buffer.diff(&other).into_iter(), &links);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "\x1b[1;2H\x1b]8;;http://b.test/\x1b\\b\x1b]8;;\x1b\\",
        "the same text that leads elsewhere is written again"
    );
}
