//! Resolves escapes: backslashes, percent signs and entities, whether all bytes are escaped or only
//! some.

use super::view::TextView;

/// Kinds of escapes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Kinds(u8);

impl Kinds {
    /// `\n`, `\/`, `\x2f`, `\57`, `\u002f`, `\u{2f}`, `\U0000002f`, `\ `: JSON, C, Go, Rust,
    /// Python, YAML, TOML, shells.
    pub const BACKSLASH: Self = Self(1);
    /// `%2F`, `%2f`, `%u002F`: URLs.
    pub const PERCENT: Self = Self(2);
    /// `+` for a space, beside percent signs: forms.
    pub const PLUS: Self = Self(4);
    /// `&amp;`, `&#47;`, `&#x2F;`: HTML and XML.
    pub const ENTITY: Self = Self(8);

    pub const ALL: Self = Self(1 | 2 | 8);

    /// Without the plus, which is a letter more often than an escape.
    pub const fn plain(self) -> Self {
        self.only(Self::ALL)
    }

    pub const fn only(self, these: Self) -> Self {
        Self(self.0 & these.0)
    }

    /// Whether there are several kinds.
    pub const fn is_mixed(self) -> bool {
        self.plain().0.count_ones() > 1
    }

    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    pub const fn has_backslash(self) -> bool {
        self.has(Self::BACKSLASH)
    }

    /// Whether every kind of `other` is included.
    pub const fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The kinds that the text seems to have. `plus`: also `+` for a space.
    pub fn of(text: &[u8], plus: bool) -> Self {
        let mut found = Self::default();
        for at in memchr::memchr3_iter(b'\\', b'%', b'&', text) {
            let next = text.get(at + 1);
            let kind = match text[at] {
                b'\\' if next.is_some() => Self::BACKSLASH,
                b'%' if next.is_some_and(|b| b.is_ascii_hexdigit() || *b == b'u') => Self::PERCENT,
                b'&' if next.is_some_and(|b| b.is_ascii_alphabetic() || *b == b'#') => Self::ENTITY,
                _ => continue,
            };
            found = found.and(kind);
        }
        let form = plus && memchr::memchr(b'+', text).is_some();
        if form { found.and(Self::PLUS) } else { found }
    }

    /// Where the next escape of these kinds may begin.
    fn next(self, text: &[u8]) -> Option<usize> {
        let [a, b, c] = [
            (Self::BACKSLASH, b'\\'),
            (Self::PERCENT, b'%'),
            (Self::ENTITY, b'&'),
        ]
        .map(|(kind, byte)| if self.has(kind) { byte } else { 0 });
        let escape = memchr::memchr3(a, b, c, text);
        if !self.has(Self::PLUS) {
            return escape;
        }
        let near = &text[..escape.unwrap_or(text.len())];
        memchr::memchr(b'+', near).or(escape)
    }

    /// Each kind by itself; plus always together with percent signs.
    pub fn each(self) -> impl Iterator<Item = Self> {
        [Self::BACKSLASH, Self::PERCENT, Self::PLUS, Self::ENTITY]
            .into_iter()
            .filter(move |kind| self.has(*kind))
            .map(|kind| {
                if kind == Self::PLUS {
                    kind.and(Self::PERCENT)
                } else {
                    kind
                }
            })
    }
}

/// The text with the escapes of these kinds resolved; `None`: it has none.
pub(super) fn resolved(text: &[u8], kinds: Kinds) -> Option<TextView> {
    let mut view: Option<TextView> = None;
    let (mut at, mut kept) = (0, 0);
    while let Some(next) = kinds.next(&text[at..]) {
        at += next;
        let rest = &text[at..];
        let found = match rest[0] {
            b'\\' if kinds.has(Kinds::BACKSLASH) => backslash(rest),
            b'%' if kinds.has(Kinds::PERCENT) => percent(rest),
            b'+' if kinds.has(Kinds::PLUS) => Some((Bytes::one(b' '), 1)),
            b'&' if kinds.has(Kinds::ENTITY) => entity(rest),
            _ => None,
        };
        let Some((bytes, len)) = found else {
            at += 1;
            continue;
        };
        let view = view.get_or_insert_with(|| TextView::with_capacity(text.len()));
        view.keep(text, kept..at);
        view.push(bytes.get(), at..at + len);
        at += len;
        kept = at;
    }
    if let Some(view) = &mut view {
        view.keep(text, kept..text.len());
    }
    view
}

/// The bytes that one escape encodes: none, one, or those of a character.
struct Bytes([u8; 4], usize);

impl Bytes {
    const NONE: Self = Self([0; 4], 0);

    const fn one(byte: u8) -> Self {
        Self([byte, 0, 0, 0], 1)
    }

    fn char(c: char) -> Self {
        let mut bytes = [0; 4];
        let len = c.encode_utf8(&mut bytes).len();
        Self(bytes, len)
    }

    fn get(&self) -> &[u8] {
        &self.0[..self.1]
    }
}

/// The bytes that the escape at the beginning encodes, and its length.
fn backslash(text: &[u8]) -> Option<(Bytes, usize)> {
    let one = |byte| Some((Bytes::one(byte), 2));
    match *text.get(1)? {
        b'n' => one(b'\n'),
        b't' => one(b'\t'),
        b'r' => one(b'\r'),
        b'b' => one(0x08),
        b'f' => one(0x0c),
        b'v' => one(0x0b),
        b'a' => one(0x07),
        b'e' | b'E' => one(0x1b),
        b'x' => hex(&text[2..], 2)
            .and_then(|(n, len)| Some((Bytes::one(u8::try_from(n).ok()?), 2 + len)))
            .or_else(|| braced(text)),
        b'u' => utf16(text, b"\\u").or_else(|| braced(text)),
        b'U' => exact(&text[2..], 8)
            .and_then(char::from_u32)
            .map(|c| (Bytes::char(c), 10)),
        b'0'..=b'7' => {
            let digits = text[1..]
                .iter()
                .take(3)
                .take_while(|b| (b'0'..=b'7').contains(*b));
            let (n, len) = digits.fold((0_u32, 1), |(n, len), b| {
                (n * 8 + u32::from(b - b'0'), len + 1)
            });
            u8::try_from(n).ok().map(|byte| (Bytes::one(byte), len))
        }
        // A line continuation.
        b'\n' => Some((Bytes::NONE, 2)),
        byte if byte.is_ascii_punctuation() || byte == b' ' => one(byte),
        _ => None,
    }
}

fn percent(text: &[u8]) -> Option<(Bytes, usize)> {
    if text.get(1) == Some(&b'u') {
        return utf16(text, b"%u");
    }
    Some((Bytes::one(u8::try_from(exact(text.get(1..)?, 2)?).ok()?), 3))
}

/// `\u{2f}`, `\x{2f}`.
fn braced(text: &[u8]) -> Option<(Bytes, usize)> {
    let (n, len) = hex(text.get(2..)?.strip_prefix(b"{")?, 6)?;
    (text.get(3 + len) == Some(&b'}')).then_some(())?;
    Some((Bytes::char(char::from_u32(n)?), len + 4))
}

/// Four digits after `mark`, and a second escape where the first is half of a surrogate pair.
fn utf16(text: &[u8], mark: &[u8]) -> Option<(Bytes, usize)> {
    let unit = |text: &[u8]| u16::try_from(exact(text.strip_prefix(mark)?, 4)?).ok();
    let first = unit(text)?;
    if let Some(Ok(c)) = char::decode_utf16([first]).next() {
        return Some((Bytes::char(c), 6));
    }
    let second = unit(text.get(6..)?)?;
    let c = char::decode_utf16([first, second]).next()?.ok()?;
    Some((Bytes::char(c), 12))
}

/// The number of exactly `digits` hexadecimal digits.
fn exact(text: &[u8], digits: usize) -> Option<u32> {
    hex(text, digits)
        .filter(|(_, len)| *len == digits)
        .map(|(n, _)| n)
}

/// The number of one to `most` hexadecimal digits, and how many there are.
fn hex(text: &[u8], most: usize) -> Option<(u32, usize)> {
    let digits = text
        .iter()
        .take(most)
        .map_while(|b| char::from(*b).to_digit(16));
    let (n, len) = digits.fold((0_u32, 0), |(n, len), digit| (n << 4 | digit, len + 1));
    (len > 0).then_some((n, len))
}

fn entity(text: &[u8]) -> Option<(Bytes, usize)> {
    let end = text.iter().take(12).position(|b| *b == b';')?;
    let name = std::str::from_utf8(&text[1..end]).ok()?;
    let c = match name.strip_prefix('#') {
        Some(number) => {
            let hex = number
                .strip_prefix(['x', 'X'])
                .map(|digits| u32::from_str_radix(digits, 16));
            char::from_u32(hex.unwrap_or_else(|| number.parse()).ok()?)?
        }
        None => NAMED.iter().find(|(known, _)| *known == name)?.1,
    };
    Some((Bytes::char(c), end + 1))
}

/// HTML entity names of the ASCII signs, and of the no-break space.
const NAMED: [(&str, char); 36] = [
    ("amp", '&'),
    ("AMP", '&'),
    ("lt", '<'),
    ("LT", '<'),
    ("gt", '>'),
    ("GT", '>'),
    ("quot", '"'),
    ("QUOT", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("Tab", '\t'),
    ("NewLine", '\n'),
    ("excl", '!'),
    ("num", '#'),
    ("dollar", '$'),
    ("percnt", '%'),
    ("lpar", '('),
    ("rpar", ')'),
    ("ast", '*'),
    ("plus", '+'),
    ("comma", ','),
    ("period", '.'),
    ("sol", '/'),
    ("colon", ':'),
    ("semi", ';'),
    ("equals", '='),
    ("quest", '?'),
    ("commat", '@'),
    ("lsqb", '['),
    ("bsol", '\\'),
    ("rsqb", ']'),
    ("Hat", '^'),
    ("lowbar", '_'),
    ("grave", '`'),
    ("lcub", '{'),
    ("rcub", '}'),
];

#[cfg(test)]
mod tests {
    use super::super::view::ViewSource;
    use super::*;

    /// The bytes an escape encodes, and its length.
    type Read<'b> = Option<(&'b [u8], usize)>;

    fn check(read: impl Fn(&[u8]) -> Option<(Bytes, usize)>, table: &[(&str, Read<'_>)]) {
        for (text, expected) in table {
            let found = read(text.as_bytes());
            let found = found.as_ref().map(|(bytes, len)| (bytes.get(), *len));
            assert_eq!(found, *expected, "{text:?}");
        }
    }

    #[test]
    fn what_follows_a_backslash_is_read() {
        check(
            backslash,
            &[
                (r"\", None),
                (r"\q", None),
                (r"\/x", Some((b"/", 2))),
                (r"\ x", Some((b" ", 2))),
                (r"\\", Some((b"\\", 2))),
                ("\\\nx", Some((b"", 2))),
                (r"\x2", Some((b"\x02", 3))),
                (r"\x2g", Some((b"\x02", 3))),
                (r"\x2f", Some((b"/", 4))),
                (r"\x2f2", Some((b"/", 4))),
                (r"\xff", Some((b"\xff", 4))),
                (r"\xg", None),
                (r"\x", None),
                (r"\x{2f}", Some((b"/", 6))),
                (r"\x{2f", None),
                (r"\u002f2", Some((b"/", 6))),
                (r"\u002", None),
                (r"\u{2f}", Some((b"/", 6))),
                (r"\u{e9}", Some((b"\xc3\xa9", 6))),
                (r"\u{00002f}", Some((b"/", 10))),
                (r"\u{000002f}", None),
                (r"\u{110000}", None),
                (r"\u{}", None),
                (r"\ud83d\ude00", Some((b"\xf0\x9f\x98\x80", 12))),
                (r"\ud83d", None),
                (r"\ud83d%ude00", None),
                (r"\ud83d\u0041", None),
                (r"\U0000002fa", Some((b"/", 10))),
                (r"\U0000002", None),
                (r"\U00110000", None),
                (r"\0", Some((b"\0", 2))),
                (r"\7", Some((b"\x07", 2))),
                (r"\57", Some((b"/", 3))),
                (r"\057", Some((b"/", 4))),
                (r"\0571", Some((b"/", 4))),
                (r"\58", Some((b"\x05", 2))),
                (r"\377", Some((b"\xff", 4))),
                (r"\400", None),
                (r"\8", None),
            ],
        );
    }

    #[test]
    fn what_follows_a_percent_sign_is_read() {
        check(
            percent,
            &[
                ("%", None),
                ("%2", None),
                ("%2g", None),
                ("%2f", Some((b"/", 3))),
                ("%2F2", Some((b"/", 3))),
                ("%ff", Some((b"\xff", 3))),
                ("%u002f", Some((b"/", 6))),
                ("%u00", None),
                ("%ud83d%ude00", Some((b"\xf0\x9f\x98\x80", 12))),
            ],
        );
    }

    #[test]
    fn entities_are_read_by_name_and_by_number() {
        check(
            entity,
            &[
                ("&amp", None),
                ("&;", None),
                ("&nope;", None),
                ("&#;", None),
                ("&#x;", None),
                ("&#4f;", None),
                ("&#47;x", Some((b"/", 5))),
                ("&#x2F;x", Some((b"/", 6))),
                ("&#X2f;x", Some((b"/", 6))),
                ("&#233;", Some((b"\xc3\xa9", 6))),
                ("&#1114112;", None),
                ("&#000000047;", Some((b"/", 12))),
                ("&#0000000047;", None),
            ],
        );
        for (name, c) in NAMED {
            let text = format!("&{name};");
            let (bytes, len) = entity(text.as_bytes()).unwrap();
            assert_eq!((bytes.get(), len), (c.to_string().as_bytes(), text.len()));
        }
    }

    #[test]
    fn hexadecimal_digits_are_read_up_to_a_number_of_them() {
        for (text, most, expected) in [
            ("", 2, None),
            ("g", 2, None),
            ("fF", 2, Some((255, 2))),
            ("123", 2, Some((0x12, 2))),
            ("1g", 2, Some((1, 1))),
        ] {
            assert_eq!(hex(text.as_bytes(), most), expected, "{text}");
        }
        assert_eq!(exact(b"12f", 2), Some(0x12));
        assert_eq!((exact(b"1", 2), exact(b"1g", 2)), (None, None));
    }

    #[test]
    fn the_kinds_of_a_text_are_those_of_its_first_bytes() {
        for (text, plus, kinds) in [
            ("", true, 0),
            ("a\\", false, 0),
            ("a\\ ", false, 1),
            ("a%", false, 0),
            ("%z", false, 0),
            ("0%a", false, 2),
            ("0%u", false, 2),
            ("0%9", false, 2),
            ("a&", false, 0),
            ("a& b", false, 0),
            ("1&a", false, 8),
            ("1&#", false, 8),
            ("1&1", false, 0),
            ("a+b", false, 0),
            ("a+b", true, 4),
            ("% \\n &lt; 5%2", true, 11),
            ("+\\n &lt; 5%2", true, 15),
        ] {
            assert!(Kinds::of(text.as_bytes(), plus) == Kinds(kinds), "{text}");
        }
    }

    #[test]
    fn kinds_are_a_set() {
        let (a, b) = (Kinds::BACKSLASH, Kinds::PERCENT);
        let both = a.and(b);
        assert!(both.is_mixed() && !a.is_mixed() && !b.and(Kinds::PLUS).is_mixed());
        assert!(both.covers(a) && !a.covers(both) && a.covers(a) && a.covers(Kinds::default()));
        assert!(both.only(a) == a && a.only(b).is_none() && !a.is_none());
        assert!(both.has_backslash() && !b.has_backslash() && !Kinds::default().has_backslash());
        assert!(Kinds::ALL.and(Kinds::PLUS).plain() == Kinds::ALL && Kinds::PLUS.plain().is_none());
        // A plus is a blank only in a form, which has percent signs too.
        let each: Vec<u8> = Kinds(15).each().map(|kind| kind.0).collect();
        assert_eq!(each, [1, 2, 6, 8]);
        assert_eq!(Kinds::ENTITY.each().count(), 1);
    }

    #[test]
    fn the_next_escape_is_the_first_of_the_kinds() {
        for (text, kinds, at) in [
            ("a+b%2f", 6, Some(1)),
            ("a%2f+b", 6, Some(1)),
            ("a+b%2f", 2, Some(3)),
            ("a+b", 4, Some(1)),
            ("ab", 15, None),
            ("a%&\\", 1, Some(3)),
            ("a%&\\", 8, Some(2)),
            ("a%&\\+", 4, Some(4)),
        ] {
            assert_eq!(Kinds(kinds).next(text.as_bytes()), at, "{text}");
        }
    }

    #[test]
    fn only_the_escapes_of_these_kinds_are_resolved() {
        let text = br"a\x2fb%2fc+d&sol;e\q%z&";
        for (kinds, expected) in [
            (1, &br"a/b%2fc+d&sol;e\q%z&"[..]),
            (2, br"a\x2fb/c+d&sol;e\q%z&"),
            (4, br"a\x2fb%2fc d&sol;e\q%z&"),
            (8, br"a\x2fb%2fc+d/e\q%z&"),
            (15, br"a/b/c d/e\q%z&"),
        ] {
            let view = resolved(text, Kinds(kinds)).unwrap();
            assert_eq!(view.text(), expected, "{kinds}");
        }
        assert!(resolved(br"\q %z & +", Kinds::ALL).is_none());
        assert!(resolved(text, Kinds::default()).is_none());
        assert_eq!(resolved(b"\0%2f", Kinds::PERCENT).unwrap().text(), b"\0/");
        let source = ViewSource::new(text);
        let view = resolved(text, Kinds(15)).unwrap();
        let read = view.of(&source);
        let places: Vec<_> = (0..9).map(|at| read.place(at..at + 1)).collect();
        let expected = [
            0..1,
            1..5,
            5..6,
            6..9,
            9..10,
            10..11,
            11..12,
            12..17,
            17..18,
        ];
        assert_eq!(places, expected);
        assert_eq!(read.place(9..14), 18..23);
    }
}
