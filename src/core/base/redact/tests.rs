//! Values are found however they are written, and nothing else is touched.

use super::*;
use proptest::prelude::*;

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const TOKEN: &str = "s3cr3t/Value+with spaces & more";

fn redactor() -> Redactor {
    Redactor::new([
        ("DEPLOY", TOKEN),
        ("SHORT", "abc"),
        ("KEY", "-----BEGIN-----\nQUJDREVGRw1234\n-----END-----"),
    ])
}

#[test]
fn values_are_found_however_they_are_written() {
    let r = redactor();
    for text in [
        format!("token={TOKEN};"),
        "https://x.test/?t=s3cr3t%2FValue%2Bwith%20spaces%20%26%20more".to_owned(),
        "t=s3cr3t%2FValue%2Bwith+spaces+%26+more".to_owned(),
        "7333637233742f56616c75652b7769746820737061636573202620 6d6f7265".replace(' ', ""),
    ] {
        let shown = r.redact(&text);
        assert!(
            shown.contains("[secret DEPLOY]") && !shown.contains("Value"),
            "{shown}"
        );
    }
    assert_eq!(r.redact("line: QUJDREVGRw1234"), "line: [secret KEY]");
    assert_eq!(
        r.redact("abc is too short to be looked for"),
        "abc is too short to be looked for"
    );
    let mut json = serde_json::json!({"a": [TOKEN], TOKEN: 1});
    r.redact_json(&mut json);
    assert_eq!(
        json,
        serde_json::json!({"a": ["[secret DEPLOY]"], "[secret DEPLOY]": 1})
    );
    let mut json = serde_json::json!({"pin": 48_151_623, "n": 4_815});
    Redactor::new([("PIN", "48151623")]).redact_json(&mut json);
    assert_eq!(json, serde_json::json!({"pin": "[secret PIN]", "n": 4_815}));
}

#[test]
fn backspaces_after_continuation_bytes_take_linear_time() {
    let r = Redactor::new([("X", "s3cr3t/Va&lue")]);
    let n = 200_000;
    let bytes = [vec![0x80; n], vec![0x08; n], b"s3cr3t/Va&lue".to_vec()].concat();
    let shown = r.redact_bytes(&bytes);
    assert!(shown.ends_with(b"[secret X]"), "{}", shown.len());
}

/// One of each row of the table; all of them, as programs write them, are in
/// `adapter/process/lines/spellings.rs`.
#[test]
fn values_are_found_behind_codes_escapes_and_numbers() {
    let r = Redactor::new([("X", "s3cr3t/Va&lue")]);
    for (text, shown) in [
        ("a \x1b[31ms3c\x1b[0mr3t/Va&lue b", "a \x1b[31m[secret X] b"),
        (
            "s\x083\x08c\x08r\x083\x08t\x08/\x08V\x08a\x08&\x08l\x08u\x08e",
            "[secret X]",
        ),
        ("s\x08s3\x083cr3t/Va&lue", "s\x08[secret X]"),
        ("s3c\x1b(Br3t\x1b7/Va&lue", "[secret X]"),
        ("s\r3cr3\u{200b}t/V\u{ad}a&lu\0e!", "[secret X]!"),
        (r#"{"t": "s3cr3t\/Va\u0026lue"}"#, r#"{"t": "[secret X]"}"#),
        (
            r#""{\"t\": \"s3cr3t\\/Va\\u0026lue\"}""#,
            r#""{\"t\": \"[secret X]\"}""#,
        ),
        (
            r"s3cr3t/Va\&lue \x73\63cr3t\57Va\x26lue",
            "[secret X] [secret X]",
        ),
        (
            "?t=s3cr3t%2fVa%26lue&u=%73%33cr3t/Va%26lue",
            "?t=[secret X]&u=[secret X]",
        ),
        (
            "<b>s3cr3t&#x2F;Va&amp;lue</b> s3cr3t&sol;Va&#38;lue",
            "<b>[secret X]</b> [secret X]",
        ),
        ("is 73:33:63:72:33:74:2f:56:61:26:6c:75:65", "is [secret X]"),
        (
            "0x0000:  7333 6372 3374 2f56 6126 6c75 65",
            "0x0000:  [secret X]",
        ),
        (
            "[115, 51, 99, 114, 51, 116, 47, 86, 97, 38, 108, 117, 101]",
            "[[secret X]]",
        ),
        (
            "00000000: 7333 6372 3374 2f56 6126 6c75 65         s3cr3t/Va&lue",
            "00000000: [secret X]",
        ),
        ("eul&aV/t3rc3s", "[secret X]"),
        // JSON in a URL: one kind of escape behind another.
        ("?t=s3cr3t%5C%2FVa%5Cu0026lue", "?t=[secret X]"),
        // Text without the value.
        (
            "2026-11-29 21:04:08,123 50% of 100% & more \\ s3cr3t",
            "2026-11-29 21:04:08,123 50% of 100% & more \\ s3cr3t",
        ),
    ] {
        assert_eq!(r.redact(text), shown, "{text:?}");
        assert_eq!(r.finds(text), text != shown, "{text:?}");
    }
}

#[test]
fn values_are_found_in_every_piece_of_a_long_text_and_across_its_ends() {
    let (r, escaped) = (
        Redactor::new([("X", "s3cr3t/Va&lue")]),
        r"s3cr3t\/Va\u0026lue",
    );
    let text = |marks: &str| {
        let mut text = vec![b'.'; PIECE * 2 + PIECE / 2];
        for at in [PIECE + PIECE / 4, PIECE - marks.len() / 2, PIECE / 2, 0] {
            text.splice(at..at, marks.bytes());
        }
        String::from_utf8(text).unwrap()
    };
    assert_eq!(
        r.redact(&(text(escaped) + escaped))
            .matches("[secret X]")
            .count(),
        5
    );
    // One at a time, so that none is found because of another.
    for at in [PIECE / 2, PIECE - escaped.len() / 2, PIECE * 2 + 9] {
        let (before, after) = (".".repeat(at), ".".repeat(PIECE * 3 - at));
        assert!(
            r.redact(&format!("{before}{escaped}{after}")) == format!("{before}[secret X]{after}"),
            "{at}"
        );
    }
}

#[test]
fn every_letter_behind_a_backslash_is_its_character() {
    for (letter, character) in [
        ('n', '\n'),
        ('r', '\r'),
        ('t', '\t'),
        ('b', '\x08'),
        ('f', '\x0c'),
        ('v', '\x0b'),
        ('a', '\x07'),
        ('e', '\x1b'),
        ('E', '\x1b'),
    ] {
        let value = format!("page{character}break");
        let r = Redactor::new([("X", value.as_str())]);
        assert_eq!(
            r.redact(&format!(r"page\{letter}break")),
            "[secret X]",
            "{letter}"
        );
    }
}

#[test]
fn numbers_and_cells_are_seen_at_any_place() {
    for at in 0..60 {
        let text = format!("{}7333 6372 3374{}", "~".repeat(at), "~".repeat(9));
        assert!(dump::is_dump(text.as_bytes()), "{at}");
    }
    let r = Redactor::new([("X", "s3cr3t/Va&lue")]);
    assert!(r.finds("0000000   s   3   c   r   3   t   /   V   a   &   l   u   e"));
}

#[test]
fn what_is_no_dump_and_has_no_codes_is_not_read_again() {
    assert!(!dump::is_dump(
        b"   a   b\nand nothing else that is made of cells"
    ));
    assert!(view::shown("größe 漢字\r\n".as_bytes()).is_empty());
    assert!(!view::shown("grö\u{ad}ße".as_bytes()).is_empty());
}

#[test]
fn the_end_of_a_text_is_read_without_its_codes() {
    for (text, codes, end) in [
        ("abc", false, "cba"),
        ("a\tb\n", false, "\nb\ta"),
        ("ab\x1b[0mc", true, "cba"),
        ("ab\u{ad}", true, "ba"),
        ("ab\u{200b}", true, "ba"),
        ("ab\x7f", true, "ba"),
    ] {
        assert_eq!(view::end_has_codes(text.as_bytes()), codes, "{text:?}");
        assert_eq!(view::end(text.as_bytes()), end.as_bytes(), "{text:?}");
    }
}

/// Nothing is taken away from the lines before the one on which the value begins.
#[test]
fn what_stands_before_a_wrapped_value_stays() {
    let r = Redactor::new([("X", "s3cr3t/Va&lue")]);
    let coded = encode(&[&[b'?'; 30][..], b"s3cr3t/Va&lue", b"????"].concat());
    let shown = r.redact(&[&coded[..24], &coded[24..48], &coded[48..]].join("\n"));
    let before = format!("{}\n{}[secret X]\n[secret X]", &coded[..24], &coded[24..40]);
    assert!(shown.starts_with(&before), "{shown}");
}

/// Against an encoder written another way: all letters that depend on the value alone, and only
/// those.
#[test]
fn the_letters_of_a_value_are_those_of_base64() {
    for (value, shift) in [
        (&b"s3cr3t"[..], 0),
        (b"s3cr3t", 1),
        (b"s3cr3t", 2),
        (b"s3cr3ts", 0),
        (b"s3cr3ts", 1),
    ] {
        let whole = encode(&[&vec![b'?'; shift], value].concat());
        let own = &whole[(shift * 8).div_ceil(6)..(shift + value.len()) * 8 / 6];
        assert_eq!(spelling::base64(value, shift), own.as_bytes(), "{shift}");
    }
}

#[test]
fn a_long_value_takes_little_memory() {
    let letters = |n: usize| {
        (0..n)
            .map(|i| char::from(LETTERS[i * i % 61]))
            .collect::<String>()
    };
    let pem = (0..25)
        .map(|i| letters(64 + i)[i..].to_owned())
        .collect::<Vec<_>>()
        .join("\n");
    let pem = format!("-----BEGIN RSA PRIVATE KEY-----\n{pem}\n-----END RSA PRIVATE KEY-----\n");
    for value in [letters(1024), pem] {
        let redactor = Redactor::new([("X", value.as_str())]);
        let finders = [redactor.finder.as_ref(), redactor.wrapped.finder.as_ref()];
        let memory: usize = finders
            .into_iter()
            .map(|finder| finder.unwrap().memory_usage())
            .sum();
        assert!(
            memory < 3_000 * value.len(),
            "{memory} bytes for a value of {}",
            value.len()
        );
    }
}

#[test]
fn a_cut_never_splits_a_value() {
    let r = Redactor::new([("X", "abcdefgh")]);
    let text = b"0123abcdefgh4567";
    for at in 1..text.len() {
        let cut = r.cut_before(text, at);
        assert_eq!(cut, if (5..12).contains(&at) { 4 } else { at }, "{at}");
    }
    assert_eq!(Redactor::default().cut_before(text, 7), 7);
    assert_eq!(r.cut_before(b"abcdefgh", 3), 3, "the value fills the piece");
}

/// Plain RFC 4648, written the slow way, to check against.
fn encode(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let n = chunk
            .iter()
            .enumerate()
            .fold(0_u32, |n, (i, b)| n | u32::from(*b) << (16 - 8 * i));
        for i in 0..=chunk.len() {
            out.push(LETTERS[(n >> (18 - 6 * i) & 63) as usize] as char);
        }
        out.extend(std::iter::repeat_n('=', 3 - chunk.len()));
    }
    out
}

proptest! {
    #[test]
    fn base64_of_anything_around_the_value_shows_none_of_it(
        before in prop::collection::vec(any::<u8>(), 0..8), value in "[ -~]{12,80}", after in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        let r = Redactor::new([("X", value.as_str())]);
        let whole: Vec<u8> = [before.as_slice(), value.as_bytes(), after.as_slice()].concat();
        let shown = r.redact(&encode(&whole));
        prop_assert!(shown.contains("[secret X]"), "{}", shown);
        // At most the letters shared with a neighbour stay: fewer than three bytes' worth on each
        // side.
        prop_assert!(shown.len() <= "[secret X]".len() + 12 + 12 + 8, "{}", shown);
    }

    /// Wrapped as by `base64 -w N` and in PEM files, anywhere in a text: no letter is left that
    /// depends on the value alone.
    #[test]
    fn base64_wrapped_over_lines_shows_none_of_it(
        before in prop::collection::vec(any::<u8>(), 0..100),
        value in "[ -~]{6,200}",
        after in prop::collection::vec(any::<u8>(), 0..100),
        columns in 8usize..80,
        end in prop::sample::select(vec!["\n", "\r\n", "\n    ", "\\n"]),
    ) {
        let r = Redactor::new([("X", value.as_str())]);
        let whole: Vec<u8> = [before.as_slice(), value.as_bytes(), after.as_slice()].concat();
        let coded = encode(&whole);
        let lines: Vec<&str> = coded.as_bytes().chunks(columns).map(|l| std::str::from_utf8(l).unwrap()).collect();
        let shown = r.redact(&lines.join(end)).replace("[secret X]", "").replace(end, "");
        // The `n` of a line end written as JSON does may be taken for a letter of the value, and is
        // gone with it.
        let shown = shown.replace('\\', "");
        let own = spelling::base64(value.as_bytes(), before.len() % 3).len();
        prop_assert!(shown.len() <= coded.len() - own, "{} of {} in {:?}", shown, coded, own);
    }

    #[test]
    fn redacted_text_holds_no_value(value in "[a-zA-Z0-9/+ &%]{8,40}", around in "\\PC{0,20}") {
        let r = Redactor::new([("X", value.as_str())]);
        let shown = r.redact(&format!("{around}{value}{around}{value}"));
        prop_assert!(!shown.contains(&value));
    }
}

#[test]
fn escapes_are_resolved_up_to_a_depth() {
    let r = Redactor::new([("X", "s3cr3t/Va&lue")]);
    for (nested, found) in [(1, true), (DEPTH, true), (DEPTH + 1, false)] {
        let escape = r"\".repeat(1 << (nested - 1));
        let text = format!("s3cr3t{escape}x2fVa&lue");
        assert_eq!(r.finds(&text), found, "{text}");
    }
}

#[test]
fn the_shortest_values_and_the_rests_of_codes_are_found() {
    assert_eq!(Redactor::new([("X", "s3cr3")]).redact("s3cr3"), "s3cr3");
    let short = Redactor::new([("X", "s3cr3")]);
    assert!(short.is_empty() && short.redact("7333637233") == "7333637233");
    assert_eq!(
        Redactor::new([("X", "s3cr3t")]).redact("s3cr3ts"),
        "[secret X]s"
    );
    let r = Redactor::new([("X", "s3cr3t/Va&lue")]);
    assert!(!r.is_empty() && Redactor::default().is_empty());
    let hex = "7333637233742f5661266c7565";
    for cut in 0..=BEFORE {
        assert_eq!(r.redact(&hex[cut..]), "[secret X]", "{cut}");
    }
    assert!(!r.finds(&hex[BEFORE + 1..]));
}

#[test]
fn a_redactor_says_how_much_text_to_hold_back() {
    // The longest spelling of eight letters is hexadecimal.
    let r = Redactor::new([("X", "abcdefgh"), ("Y", "ijklmn")]);
    assert_eq!(r.longest(), 16 * WIDEST);
    assert_eq!(Redactor::default().longest(), 0);
    // Far from both ends of a text.
    let text = [&[b'.'; 1000][..], b"abcdefgh", &[b'.'; 1000]].concat();
    for (at, cut) in [
        (999, 999),
        (1000, 1000),
        (1001, 1000),
        (1007, 1000),
        (1008, 1008),
    ] {
        assert_eq!(r.cut_before(&text, at), cut, "{at}");
    }
    // A value with codes between its letters.
    let spread = "a\x1b[1mb\x1b[0mcdefgh";
    let text = format!("{}{spread}{}", ".".repeat(500), ".".repeat(500));
    assert_eq!(r.cut_before(text.as_bytes(), 510), 500);
}

#[test]
fn values_that_touch_or_overlap_are_replaced_once() {
    let r = Redactor::new([
        ("A", "abcdefgh"),
        ("B", "fghijklm"),
        ("C", "cdefgh"),
        ("D", r"q\x61bc"),
    ]);
    for (text, shown) in [
        ("abcdefghijklm", "[secret A]ijklm"),
        ("abcdefghabcdefgh", "[secret A][secret A]"),
        ("abcdefghfghijklm", "[secret A][secret B]"),
        ("-cdefgh-", "-[secret C]-"),
        (r"abcde\x66ghijklm", "[secret A]ijklm"),
        // The second is found in another reading than the first.
        (r"-q\x61bcdefgh-", "-[secret D]-"),
    ] {
        assert_eq!(r.redact(text), shown, "{text}");
    }
}

#[test]
fn a_line_end_inside_a_value_stays() {
    let r = Redactor::new([("X", "s3cr3t/Va&lue")]);
    assert_eq!(r.redact("s3cr3t\\\n/Va&lue!"), "[secret X]\\\n[secret X]!");
    assert_eq!(
        r.redact("s3cr3t\x1b[1m/Va\\\n&lue"),
        "[secret X]\\\n[secret X]"
    );
}

#[test]
fn a_plus_is_a_blank_only_where_a_value_has_one() {
    let r = Redactor::new([("X", "one two three")]);
    assert_eq!(r.redact("q=one+two+three"), "q=[secret X]");
    assert_eq!(r.redact("q=one+tw%6f+three"), "q=[secret X]");
    assert!(!Redactor::new([("X", "onetwothree")]).finds("one+two+three"));
}

#[test]
fn a_line_goes_on_that_ends_inside_an_encoded_value() {
    let r = Redactor::new([("X", "s3cr3t/Va&lue")]);
    let coded = encode(b"s3cr3t/Va&lue");
    let wrapped = format!("{}{}", "A".repeat(24), &coded[..12]);
    let dump = |n: usize| format!("{}7333 6372 3374", "0000000 7e7e 7e7e 7e7e\n".repeat(n));
    for (lines, goes_on) in [
        (wrapped.clone(), true),
        (wrapped.clone() + "\x1b[0m", true),
        (wrapped.clone() + "\x1b[0m=", false),
        ("A".repeat(36), false),
        ("A".repeat(36) + "\x1b[0m", false),
        (format!("{}\x1b[0m", &coded[..12]), false),
        ("s3cr3t".to_owned(), false),
        (dump(0), true),
        (dump(3), true),
        (dump(1000), false),
        ("7e7e 7e7e 7e7e 7e7e".to_owned(), false),
        ("~ 7333 6372 3374".to_owned(), false),
    ] {
        assert_eq!(r.goes_on(lines.as_bytes()), goes_on, "{lines:?}");
        assert!(!Redactor::default().goes_on(lines.as_bytes()));
    }
    let most = r.longest * dump::WIDEST + LEAST_HELD;
    let filled = |len: usize| {
        let end = "\n7333 6372 3374";
        format!("{}{end}", "~".repeat(len - end.len()))
    };
    assert!(r.goes_on(filled(most).as_bytes()) && !r.goes_on(filled(most + 1).as_bytes()));
}

#[test]
fn a_text_ends_within_a_value_after_its_first_bytes() {
    let r = Redactor::new([("X", "abcdefgh")]);
    for (text, within) in [
        ("xxabc", true),
        ("xxabcdefg", true),
        ("a", true),
        ("ab", true),
        ("xxabcdefgh", false),
        ("abcdefgh", false),
        ("bcd", false),
        ("abx", false),
        ("", false),
    ] {
        assert_eq!(r.ends_within_a_value(text.as_bytes()), within, "{text}");
    }
}

#[test]
fn a_text_that_cannot_be_searched_is_not_shown() {
    let r = Redactor {
        finder: None,
        marks: vec!["[secret X]".to_owned()],
        ..Redactor::default()
    };
    assert!(r.finds("anything"));
    assert_eq!(r.redact("anything"), NOT_SEARCHED);
    assert!(!Redactor::default().finds("anything"));
    assert_eq!(Redactor::default().redact("anything"), "anything");
}

#[test]
fn json_is_redacted_in_every_string_key_and_number() {
    let mut json = serde_json::json!({
        "list": [{"s3cr3t": "a s3cr3t b"}, "other", null, true, 1.5],
        "n": 123_456, "s": "say \"s3cr3t\"",
    });
    Redactor::new([("X", "s3cr3t"), ("N", "123456")]).redact_json(&mut json);
    assert_eq!(
        json,
        serde_json::json!({
            "list": [{"[secret X]": "a [secret X] b"}, "other", null, true, 1.5],
            "n": "[secret N]", "s": "say \"[secret X]\"",
        })
    );
}

#[test]
fn every_form_of_a_value_is_a_pattern() {
    let forms = |value: &str| -> Vec<String> {
        spelling::forms(value)
            .iter()
            .map(|form| String::from_utf8_lossy(form).into_owned())
            .collect()
    };
    assert_eq!(forms("abc"), ["abc", "cba"]);
    assert_eq!(
        forms("a'b"),
        ["a'b", "b'a", "a''b", r"a'\''b", r#"a'"'"'b"#]
    );
    assert_eq!(forms(r#"a"b"#), [r#"a"b"#, r#"b"a"#, r#"a""b"#]);
    assert_eq!(
        forms(" 1234567 \n1234567\n12345678"),
        [
            " 1234567 \n1234567\n12345678",
            "1234567",
            "12345678",
            "87654321\n7654321\n 7654321 "
        ]
    );
    let wide = spelling::forms("é");
    assert_eq!(
        wide[2..],
        [
            b"\xef\xbf\xbd\0".to_vec(),
            b"\xe9\0".to_vec(),
            b"\0\xef\xbf\xbd".to_vec(),
            b"\0\xe9".to_vec()
        ]
    );
}

/// The letters that RFC 4648 encoders write for the value inside `?`, `??` and so on.
#[test]
fn every_code_of_a_value_is_found() {
    let codes = |value: &[u8]| -> Vec<String> {
        spelling::codes(value)
            .iter()
            .map(|code| String::from_utf8_lossy(code).into_owned())
            .collect()
    };
    assert_eq!(
        codes(b"fo~?\xffar"),
        [
            "666f7e3fff6172",
            "666F7E3FFF6172",
            "Zm9+P/9hc",
            "Zvfj//YX",
            "mb34//2Fy",
            "Zm9-P_9hc",
            "Zvfj__YX",
            "mb34__2Fy",
            "MZXX4P77MFZ",
            "TG67R775QX",
            "M336H77WC4",
            "ZTPPY776YLS",
            "GN57D773BO",
        ]
    );
}
