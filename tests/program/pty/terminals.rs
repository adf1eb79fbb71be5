//! Other terminals: without colour, old, dumb, or none at all.

use super::harness::Setup;

/// The numbers of all SGR sequences on the wire.
fn styles(bytes: &str) -> Vec<String> {
    let ends = |sequence: &str| sequence.find(|c: char| ('\u{40}'..='\u{7e}').contains(&c));
    let sgr = |sequence: &str| {
        ends(sequence)
            .filter(|&end| sequence[end..].starts_with('m'))
            .map(|end| sequence[..end].to_owned())
    };
    bytes.split("\x1b[").skip(1).filter_map(sgr).collect()
}

fn is_colour(style: &str) -> bool {
    let number = style
        .split([';', ':'])
        .next()
        .and_then(|number| number.parse::<u16>().ok())
        .unwrap_or(0);
    matches!(number, 30..=38 | 40..=48 | 58 | 90..=97 | 100..=107)
}

#[test]
fn no_color_means_no_colours_but_keeps_reverse_video() {
    let mut console = Setup::demo().env("NO_COLOR", "1").start();
    console.home_screen();
    let styles = styles(&console.bytes_since(0));
    assert!(!styles.iter().any(|style| is_colour(style)), "{styles:?}");
    // crossterm 0.29's answer to NO_COLOR: a colour becomes a bare reset and takes the reverse
    // video with it.
    assert!(
        !styles.iter().any(|style| style.is_empty() || style == ";"),
        "{styles:?}"
    );
    assert!(
        styles.iter().any(|style| style == "7" || style == "1"),
        "something is still distinguished: {styles:?}"
    );
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}

#[test]
fn a_locale_that_is_not_utf8_gets_ascii_only() {
    let mut console = Setup::demo().env("LC_ALL", "C").start();
    console.wait_for("SIMULATED");
    console.wait_for("- Run log -");
    let bytes = console.bytes_since(0);
    assert!(
        bytes.is_ascii(),
        "{:?}",
        bytes.chars().filter(|c| !c.is_ascii()).collect::<String>()
    );
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}

#[test]
fn old_terminals_get_no_sequence_they_do_not_know() {
    let mut console = Setup::demo().env("TERM", "vt100").start();
    console.home_screen();
    assert!(!console.bytes_since(0).contains("\x1b[?2026h"));
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}

#[test]
fn unusable_terminals_are_refused_with_one_line_and_code_2() {
    for (name, setup) in [
        ("TERM=dumb", Setup::empty().env("TERM", "dumb")),
        ("TERM", Setup::empty().env("TERM", "")),
        (
            "standard input",
            Setup::empty().through_shell("exec \"$@\" </dev/null"),
        ),
        (
            "standard output",
            Setup::empty().through_shell("exec \"$@\" >/dev/null"),
        ),
        ("TERM=dumb", Setup::demo().env("TERM", "dumb")),
    ] {
        let mut console = setup.start();
        assert_eq!(console.exit().code(), Some(2), "{name}");
        let stderr = console.stderr();
        assert!(stderr.lines().count() == 1, "{stderr:?}");
        assert!(
            console.bytes_since(0).is_empty(),
            "nothing was sent to the terminal"
        );
        assert_eq!(&console.modes(), console.modes_before());
    }
}
