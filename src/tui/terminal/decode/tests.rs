//! Decoder tests: every key at every split, input that must not become keys, arbitrary bytes.

use super::*;
use proptest::prelude::*;

/// Each key with the bytes terminals send for it.
fn table() -> Vec<(&'static [u8], KeyEvent)> {
    use KeyCode::{
        BackTab, Char, Delete, Down, End, Enter, F, Home, Insert, PageDown, PageUp, Tab, Up,
    };
    let none = KeyModifiers::NONE;
    let (shift, alt, ctrl) = (
        KeyModifiers::SHIFT,
        KeyModifiers::ALT,
        KeyModifiers::CONTROL,
    );
    [
        (&b"\x1b[A"[..], Up, none),
        (b"\x1bOB", Down, none),
        (b"\x1b[1;5A", Up, ctrl),
        (b"\x1b[1;2B", Down, shift),
        (b"\x1b[1;10B", Down, shift | KeyModifiers::SUPER),
        (b"\x1b\x1b[A", Up, alt),
        (b"\x1b[H", Home, none),
        (b"\x1b[1~", Home, none),
        (b"\x1b[4~", End, none),
        (b"\x1bOF", End, none),
        (b"\x1b[2~", Insert, none),
        (b"\x1b[3;5~", Delete, ctrl),
        (b"\x1b[5~", PageUp, none),
        (b"\x1b[6~", PageDown, none),
        (b"\x1bOP", F(1), none),
        (b"\x1b[[A", F(1), none),
        (b"\x1b[[E", F(5), none),
        (b"\x1b[15~", F(5), none),
        (b"\x1b[17~", F(6), none),
        (b"\x1b[24;2~", F(12), shift),
        (b"\x1bO5Q", F(2), ctrl),
        (b"\x1b[Z", BackTab, shift),
        (b"\x1b[1;3C", KeyCode::Right, alt),
        (b"\x1b[13;5u", Enter, ctrl),
        (b"\x1b[27;5;9~", Tab, ctrl),
        (b"\x1bx", Char('x'), alt),
        (b"\x1bX", Char('X'), alt | shift),
        (b"\x1b\x7f", KeyCode::Backspace, alt),
        (b"\x1b\xc3\xa9", Char('é'), alt),
        (b"\xc3\xa9", Char('é'), none),
        (b"\xe2\x82\xac", Char('€'), none),
        (b"\xf0\x9f\x99\x82", Char('🙂'), none),
        (b"q", Char('q'), none),
        (b"G", Char('G'), shift),
        (b"\x03", Char('c'), ctrl),
        (b"\x1a", Char('z'), ctrl),
        (b"\x1c", Char('\\'), ctrl),
        (b"\0", Char(' '), ctrl),
        (b"\r", Enter, none),
        (b"\n", Char('j'), ctrl),
        (b"\t", Tab, none),
        (b"\x7f", KeyCode::Backspace, none),
        (b"\x08", KeyCode::Backspace, none),
    ]
    .into_iter()
    .map(|(bytes, code, modifiers)| (bytes, KeyEvent::new(code, modifiers)))
    .collect()
}

/// A decoder with a simulated clock.
struct Harness {
    decoder: Decoder,
    now: Instant,
}

impl Harness {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            decoder: Decoder::new(now),
            now,
        }
    }

    fn feed(&mut self, bytes: &[u8]) -> Vec<Typed> {
        self.decoder.feed(bytes, self.now)
    }

    /// Advances the clock, waking the decoder at its deadlines as the reader does.
    fn pass(&mut self, ms: u64) -> Vec<Typed> {
        let until = self.now + Duration::from_millis(ms);
        let mut out = Vec::new();
        while let Some(deadline) = self
            .decoder
            .deadline()
            .filter(|deadline| *deadline <= until)
        {
            out.extend(self.decoder.expire(deadline));
        }
        self.now = until;
        out
    }

    /// Feeds the pieces with gaps of `gap` ms and returns all output, until nothing is held.
    fn pieces<'a>(&mut self, pieces: impl IntoIterator<Item = &'a [u8]>, gap: u64) -> Vec<Typed> {
        let mut out = Vec::new();
        for piece in pieces {
            out.extend(self.feed(piece));
            out.extend(self.pass(gap));
        }
        out.extend(self.pass(10_000));
        out
    }
}

#[test]
fn keys_arrive_whole_and_split_at_every_byte() {
    for (bytes, key) in table() {
        let wanted = vec![Typed::Key(key)];
        for gap in [0, 5, 30, 120] {
            assert_eq!(
                Harness::new().pieces(bytes.chunks(1), gap),
                wanted,
                "{bytes:?} byte by byte, {gap} ms"
            );
            for cut in 1..bytes.len() {
                let (head, tail) = bytes.split_at(cut);
                assert_eq!(
                    Harness::new().pieces([head, tail], gap),
                    wanted,
                    "{bytes:?} cut at {cut}, {gap} ms"
                );
            }
        }
    }
}

#[test]
fn keys_in_one_read_stay_in_order() {
    let all: Vec<u8> = table()
        .iter()
        .filter(|(bytes, _)| bytes[0] == 0x1b)
        .flat_map(|(bytes, _)| bytes.to_vec())
        .collect();
    let keys: Vec<Typed> = table()
        .into_iter()
        .filter(|(bytes, _)| bytes[0] == 0x1b)
        .map(|(_, key)| Typed::Key(key))
        .collect();
    assert_eq!(Harness::new().pieces([&all[..]], 0), keys);
}

#[test]
fn a_lone_escape_waits_and_then_is_the_key() {
    let mut input = Harness::new();
    assert_eq!(input.feed(b"\x1b"), []);
    assert_eq!(input.pass(149), []);
    assert_eq!(input.pass(1), [escape()]);
    assert_eq!(
        input.feed(b"q"),
        [Typed::Key(sequence::plain('q'))],
        "what follows later is its own key"
    );
    assert_eq!(
        Harness::new().pieces([&b"\x1b\x1b"[..]], 0),
        [escape(), escape()]
    );
}

#[test]
fn a_late_tail_of_a_sequence_never_becomes_letters() {
    let up = Typed::Key(KeyEvent::from(KeyCode::Up));
    let late = Harness::new().pieces([&b"\x1b"[..], b"[", b"A"], 300);
    assert_eq!(
        late,
        [escape(), up],
        "Esc was sent at the timeout, the arrow is still an arrow"
    );
    let bracket = Harness::new().pieces([&b"\x1b"[..], b"["], 300);
    assert_eq!(
        bracket,
        [escape(), Typed::Key(sequence::plain('['))],
        "a typed bracket is only delayed"
    );
    assert_eq!(
        Harness::new()
            .pieces([&b"\x1b"[..], b"[", b"q"], 1500)
            .len(),
        3,
        "much later it is just typing"
    );
}

#[test]
fn unfinished_sequences_are_dropped() {
    for bytes in [
        &b"\x1b[1;5"[..],
        b"\x1bO",
        b"\x1b[",
        b"\xe2\x82",
        b"\x1b]0;title",
        b"\x1b[M ",
        b"\x1b[[",
    ] {
        let mut input = Harness::new();
        assert_eq!(input.feed(bytes), [], "{bytes:?}");
        assert_eq!(input.pass(499), [], "{bytes:?}");
        assert_eq!(input.pass(1), [], "{bytes:?}");
        assert_eq!(
            input.feed(b"q"),
            [Typed::Key(sequence::plain('q'))],
            "{bytes:?}: the next key is itself again"
        );
    }
}

#[test]
fn unknown_sequences_are_swallowed_whole() {
    for bytes in [
        &b"\x1b[?62;22c"[..],
        b"\x1b[<0;10;20m",
        b"\x1b[<2;10;20M",
        b"\x1b[<35;10;20M",
        b"\x1b[<0;0;20M",
        b"\x1b[<0;10M",
        b"\x1b[<0;10;20;1M",
        b"\x1b[M !!",
        b"\x1b[99~",
        b"\x1b[201~",
        b"\x1b]11;rgb:0000/0000/0000\x1b\\",
        b"\x1b]52;c;cm0gLXJm\x07",
        b"\x1bP1$r0m\x1b\\",
        b"\x1b_Gi=1;OK\x1b\\",
        b"\x1b[1;1:3A",
        b"\x1b[57358u",
        b"\x1b[1;2;3;4;5;6;7;8;9;1;2;3;4;5;6;7;8;9;1;2;3;4;5;6;7;8;9;1;2;3;4;5;6;7;8;9q",
        b"\xff\xfe\x80\xc0",
        b"\xed\xa0\x80",
    ] {
        assert_eq!(
            Harness::new().pieces(bytes.chunks(1), 30),
            [],
            "{}",
            bytes.escape_ascii()
        );
        let mut with_key = bytes.to_vec();
        with_key.push(b'q');
        assert_eq!(
            Harness::new().feed(&with_key),
            [Typed::Key(sequence::plain('q'))],
            "{}",
            bytes.escape_ascii()
        );
    }
}

#[test]
fn presses_and_the_wheel_are_reported_however_they_are_cut() {
    use sequence::MouseKind::{Press, WheelDown, WheelUp};
    for (bytes, kind, column, row) in [
        (&b"\x1b[<0;10;20M"[..], Press, 9, 19),
        (b"\x1b[<0;1;1M", Press, 0, 0),
        (b"\x1b[<16;300;70M", Press, 299, 69),
        (b"\x1b[<64;10;20M", WheelUp, 9, 19),
        (b"\x1b[<69;10;20M", WheelDown, 9, 19),
    ] {
        let wanted = Typed::Mouse(Mouse { kind, column, row });
        for size in 1..=bytes.len() {
            assert_eq!(
                Harness::new().pieces(bytes.chunks(size), 120),
                std::slice::from_ref(&wanted),
                "{} in pieces of {size}",
                bytes.escape_ascii()
            );
        }
        let after_escape = [b"\x1b", bytes].concat();
        assert_eq!(Harness::new().feed(&after_escape), [escape(), wanted]);
    }
}

#[test]
fn focus_is_reported() {
    assert_eq!(
        Harness::new().feed(b"\x1b[I\x1b[O"),
        [Typed::Focus(true), Typed::Focus(false)]
    );
}

#[test]
fn a_bracketed_paste_is_one_paste_however_it_is_cut() {
    let bytes = b"\x1b[200~deploy prod\r\n\x1b[A yes \x1b[201\rend\x1b\x1b[201~";
    let wanted = [Typed::Paste(
        "deploy prod\n\x1b[A yes \x1b[201\nend\x1b".to_owned(),
    )];
    assert_eq!(Harness::new().pieces([&bytes[..]], 0), wanted);
    for size in 1..bytes.len() {
        assert_eq!(
            Harness::new().pieces(bytes.chunks(size), 120),
            wanted,
            "pieces of {size}"
        );
    }
}

#[test]
fn a_paste_without_end_is_closed_after_silence() {
    let mut input = Harness::new();
    assert_eq!(input.feed(b"\x1b[200~half"), []);
    assert_eq!(input.pass(4_999), []);
    assert_eq!(input.pass(1), [Typed::Paste("half".to_owned())]);
    assert_eq!(input.feed(b"q"), [Typed::Key(sequence::plain('q'))]);
}

#[test]
fn a_huge_paste_is_cut_and_still_ends() {
    let mut bytes = b"\x1b[200~".to_vec();
    bytes.resize(PASTE_BYTES * 2, b'x');
    bytes.extend(b"\x1b[201~q");
    let mut input = Harness::new();
    let typed: Vec<Typed> = bytes
        .chunks(4096)
        .flat_map(|chunk| input.feed(chunk))
        .collect();
    let [Typed::Paste(text), Typed::Key(_)] = &typed[..] else {
        panic!("one paste, one key")
    };
    assert_eq!(text.len(), PASTE_BYTES);
}

#[test]
fn a_burst_of_text_stays_together() {
    let mut input = Harness::new();
    assert_eq!(input.feed(b"deploy web to prod\r"), []);
    assert_eq!(input.pass(40), []);
    assert_eq!(
        input.feed(b"yes\r"),
        [],
        "the tail of a long paste is part of it"
    );
    assert_eq!(
        input.pass(50),
        [Typed::Burst("deploy web to prod\nyes\n".to_owned())]
    );
    let q = Typed::Key(sequence::plain('q'));
    assert_eq!(input.feed(b"q"), std::slice::from_ref(&q));
    assert_eq!(input.feed(b"12345678").len(), 8, "a quick hand");
    assert_eq!(
        input.feed(b"jjjjjjjjjjjjjjjjjjjj").len(),
        20,
        "a held key on a slow link"
    );
    assert_eq!(input.feed(b":services\r"), []);
    assert_eq!(
        input.pass(50),
        [Typed::Burst(":services\n".to_owned())],
        "typed during a network stall"
    );
    assert_eq!(
        input.feed(b"a longer text\x1b[A").len(),
        2,
        "a burst, then a key"
    );
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), size in 1usize..20, gap in 0u64..700) {
        Harness::new().pieces(bytes.chunks(size), gap);
    }

    /// No byte between `CSI` and its final byte is ever typed as a letter.
    #[test]
    fn no_sequence_leaks_letters(params in "[0-9;:<=>?]{0,40}", last in "[@-Ln-y]", gap in 0u64..140) {
        let bytes = format!("\x1b[{params}{last}");
        for typed in Harness::new().pieces(bytes.as_bytes().chunks(1), gap) {
            if let Typed::Key(key) = typed {
                prop_assert!(!matches!(key.code, KeyCode::Char(_)) || last == "u", "{bytes:?} gave {key:?}");
            }
        }
    }

    /// A report of the mouse is at most one report, never a key, wherever it is cut.
    #[test]
    fn reports_of_the_mouse_never_become_keys(button in 0u16..300, column: u16, row: u16, last in "[Mm]", size in 1usize..9) {
        let bytes = format!("\x1b[<{button};{column};{row}{last}");
        let found = Harness::new().pieces(bytes.as_bytes().chunks(size), 100);
        let is_report = |typed: &Typed| matches!(typed, Typed::Mouse(mouse) if mouse.column + 1 == column && mouse.row + 1 == row);
        prop_assert!(found.len() <= 1 && found.iter().all(is_report), "{bytes:?} gave {found:?}");
        prop_assert!(last == "M" || found.is_empty(), "a release is none");
    }

    /// The split into reads does not change the decoded keys.
    #[test]
    fn cuts_change_nothing(picks in proptest::collection::vec(0usize..29, 1..12), size in 1usize..9) {
        let table = table();
        let bytes: Vec<u8> = picks.iter().flat_map(|&pick| table[pick].0.to_vec()).collect();
        let keys: Vec<Typed> = picks.iter().map(|&pick| Typed::Key(table[pick].1)).collect();
        prop_assert_eq!(Harness::new().pieces(bytes.chunks(size), 30), keys);
    }
}
