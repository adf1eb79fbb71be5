//! Decodes bytes written as numbers, across line ends too, as `xxd`, `hexdump`, `od` and the debug
//! output of many languages print them: `7333 6372`, `73:33:63`, `0x73, 0x33`, `[115, 51, 99]`,
//! `163 063`, `   s   3   c`.

use super::view::TextView;

/// Minimum length of a run of numbers: a value has at least six bytes, which take this many
/// characters in any notation.
const LEAST_RUN: usize = 14;
/// Minimum of numbers, or of digits in several numbers, that may be a value.
const LEAST_NUMBERS: usize = 6;
const LEAST_DIGITS: usize = 12;
/// The most characters that a byte takes in a dump, with its share of the text around the numbers.
pub(super) const WIDEST: usize = 8;
/// Columns of a cell of `od -c`.
const CELL: usize = 4;

/// How numbers encode bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// Two hexadecimal digits a byte, in order: `xxd`, `hexdump -C`, `od -tx1`, `openssl`.
    Hex,
    /// Words of two or four bytes, the last one first: `hexdump`, `od -x`, `xxd -e`.
    HexWords,
    /// Three octal digits a byte: `od -b`.
    Octal,
    /// Words of two bytes in octal: `od`.
    OctalWords,
    /// One number a byte: debug output of byte arrays, `od -td1`.
    Decimal,
}

/// The separator between two numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Between {
    Blank,
    Comma,
    Colon,
    Dash,
    Other,
}

/// A number: its digits, without `0x`.
struct Number {
    from: usize,
    to: usize,
    before: Between,
    /// After a blank and a minus.
    negative: bool,
    /// Where it begins, with its `0x`, and where the number before it ends.
    start: usize,
    after: usize,
}

/// The bytes that the numbers of a text may encode. The range of a byte is that of its digits; in a
/// dump it extends to the end of the line, where the same bytes are repeated as letters.
pub(super) fn views(text: &[u8]) -> Vec<TextView> {
    let mut views = Vec::new();
    if has_numbers(text) {
        let hows = [
            How::Hex,
            How::HexWords,
            How::Octal,
            How::OctalWords,
            How::Decimal,
        ];
        views.extend(hows.into_iter().filter_map(|how| numbers(text, how)));
    }
    if has_cells(text) {
        views.push(cells(text));
    }
    views
}

/// Whether a text may hold a value as numbers or in cells.
pub(super) fn is_dump(text: &[u8]) -> bool {
    has_numbers(text) || has_cells(text)
}

/// Whether a line may be part of a dump that continues: numbers or cells from its beginning.
/// Several lines were checked before.
pub(super) fn may_go_on(lines: &[u8]) -> bool {
    let front = lines
        .get(..LEAST_RUN)
        .is_some_and(|front| front.iter().rev().all(|b| belongs(*b)));
    front || memchr::memchr(b'\n', lines).is_some() || has_cells(lines)
}

/// Whether a text may hold a value as numbers. Fast where it does not, because only every seventh
/// byte is checked first: one of them is at least three bytes from both ends of any run that is
/// long enough.
fn has_numbers(text: &[u8]) -> bool {
    const SIDE: usize = LEAST_RUN / 4;
    let mut at = SIDE;
    while at + SIDE < text.len() {
        let inside = BELONGS[usize::from(text[at])]
            && BELONGS[usize::from(text[at - SIDE])]
            && BELONGS[usize::from(text[at + SIDE])]
            && BELONGS[usize::from(text[at - 1])]
            && BELONGS[usize::from(text[at + 1])];
        if inside {
            let start = at - text[..at].iter().rev().take_while(|b| belongs(**b)).count();
            let end = at + text[at..].iter().take_while(|b| belongs(**b)).count();
            if end - start >= LEAST_RUN && is_worth_it(&text[start..end]) {
                return true;
            }
            at = at.max(end);
        }
        at += LEAST_RUN / 2;
    }
    false
}

/// Bytes that occur in a run of numbers: digits and separators.
const BELONGS: [bool; 256] = {
    let mut table = [false; 256];
    let mut letter = 0_u8;
    while letter < 128 {
        table[letter as usize] = letter.is_ascii_hexdigit()
            || matches!(letter, b' ' | b'\t' | b':' | b',' | b'-' | b'x' | b'X');
        letter += 1;
    }
    table
};

const fn belongs(byte: u8) -> bool {
    BELONGS[byte as usize]
}

/// Whether enough numbers follow each other with the same separator. Dates, times and UUIDs do not
/// count.
fn is_worth_it(run: &[u8]) -> bool {
    let (mut count, mut digits, mut last, mut between) = (0, 0, 0, Between::Other);
    for number in split(run) {
        let width = number.to - number.from;
        let fits =
            width <= 16 && (width == 2 || !matches!(number.before, Between::Colon | Between::Dash));
        (count, digits) = match number.before {
            Between::Other => (1, width),
            _ if count == 0 || !fits => (1, width),
            before if before == between => (count + 1, digits + width),
            _ => (2, last + width),
        };
        (between, last) = (number.before, width);
        if count >= LEAST_NUMBERS || (count >= 2 && digits >= LEAST_DIGITS) {
            return true;
        }
    }
    false
}

/// The numbers of a run.
fn split(run: &[u8]) -> impl Iterator<Item = Number> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let after = at;
        let start = at + run[at..].iter().position(u8::is_ascii_alphanumeric)?;
        let to = start
            + run[start..]
                .iter()
                .take_while(|b| b.is_ascii_alphanumeric())
                .count();
        let prefixed = run[start..to].starts_with(b"0x") || run[start..to].starts_with(b"0X");
        at = to;
        let gap = &run[after..start];
        let negative = matches!(gap, [.., b' ', b'-']);
        let before = between(gap.strip_suffix(b"-").filter(|_| negative).unwrap_or(gap));
        Some(Number {
            from: if prefixed { start + 2 } else { start },
            to,
            before,
            negative,
            start,
            after,
        })
    })
}

fn between(text: &[u8]) -> Between {
    match text.trim_ascii() {
        b"" => Between::Blank,
        b"," => Between::Comma,
        b":" => Between::Colon,
        b"-" => Between::Dash,
        _ => Between::Other,
    }
}

/// The bytes of all numbers in one notation, with a zero where a sequence is interrupted; `None`:
/// too few to be a value.
fn numbers(text: &[u8], how: How) -> Option<TextView> {
    let mut view = TextView::default();
    let (mut at, mut most) = (0, 0);
    for line in text.split(|b| *b == b'\n') {
        let end = at + line.len();
        let mut from = at;
        while from < end {
            let len = text[from..end].iter().take_while(|b| belongs(**b)).count();
            let leads = from == at;
            if leads || len >= LEAST_RUN {
                let had = view.text().len();
                let run = Run {
                    from,
                    to: from + len,
                    line_end: leads.then_some(end),
                };
                let is_line = run.read(text, how, &mut view);
                most = most.max(view.text().len() - had);
                // After the numbers of a dump come the same bytes as letters, which may look like
                // numbers.
                if is_line {
                    break;
                }
            }
            from += len;
            from += text[from..end].iter().take_while(|b| !belongs(**b)).count();
        }
        at = end + 1;
    }
    (most > 1).then_some(view)
}

/// Numbers and their separators.
struct Run {
    from: usize,
    to: usize,
    /// Where the line ends, if the run is at its beginning.
    line_end: Option<usize>,
}

impl Run {
    /// Adds its bytes. Returns whether it is a line of a dump, which begins with an offset.
    fn read(&self, text: &[u8], how: How, view: &mut TextView) -> bool {
        let text = &text[self.from..self.to];
        let leads = self.line_end.is_some();
        let mut all = split(text).peekable();
        let (mut with_colon, mut is_line, mut n) = (false, false, 0);
        if leads
            && let Some((first, second)) = first_two(text)
            && is_offset(text, &first, &second)
        {
            (with_colon, is_line) = (second.before == Between::Colon, true);
            all.next();
        } else if !leads {
            view.gap();
        }
        let mut any = false;
        for number in all {
            // After the numbers of `xxd` and `tcpdump` come the letters.
            if with_colon
                && n > 0
                && number.before == Between::Blank
                && number.start - number.after > 1
            {
                break;
            }
            if number.before == Between::Other && n > 0 {
                view.gap();
            }
            let place = |at: usize, len: usize| {
                self.from + at..self.line_end.unwrap_or(self.from + at + len)
            };
            any |= bytes(&text[number.from..number.to], how, |offset, len, byte| {
                let byte = if number.negative && how == How::Decimal {
                    byte.wrapping_neg()
                } else {
                    byte
                };
                view.push(&[byte], place(number.from + offset, len));
            });
            n += 1;
        }
        if !any && leads {
            view.gap();
        }
        is_line
    }
}

fn first_two(run: &[u8]) -> Option<(Number, Number)> {
    let mut all = split(run);
    all.next().zip(all.next())
}

/// Whether the first number of a line is the offset of its bytes.
fn is_offset(text: &[u8], first: &Number, second: &Number) -> bool {
    let (width, next) = (first.to - first.from, second.to - second.from);
    let colon = text[first.to..].starts_with(b": ") || text[first.to..].starts_with(b":\t");
    (colon && width >= 4)
        || (width >= 6 && width != next && first.from == 0 && second.before == Between::Blank)
}

/// Passes on the bytes of one number, each with the range of its digits; `false`: it is not a
/// number in this notation.
fn bytes(digits: &[u8], how: How, mut take: impl FnMut(usize, usize, u8)) -> bool {
    let number =
        |digits: &[u8], radix| u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok();
    let len = digits.len();
    let fits = match how {
        How::Hex => {
            len.is_multiple_of(2)
                && (2..=16).contains(&len)
                && digits.iter().all(u8::is_ascii_hexdigit)
        }
        How::HexWords => matches!(len, 4 | 8) && digits.iter().all(u8::is_ascii_hexdigit),
        How::Octal => len == 3 && number(digits, 8).is_some_and(|n| n <= 0xff),
        How::OctalWords => len == 6 && number(digits, 8).is_some_and(|n| n <= 0xffff),
        How::Decimal => len <= 3 && number(digits, 10).is_some_and(|n| n <= 0xff),
    };
    if !fits {
        take(0, len, 0);
        return false;
    }
    let [low, high, ..] = match how {
        How::Hex | How::HexWords => {
            let pair = |at: usize| nibble(digits[at]) << 4 | nibble(digits[at + 1]);
            for at in (0..len).step_by(2) {
                if how == How::Hex {
                    take(at, 2, pair(at));
                } else {
                    take(0, len, pair(len - 2 - at));
                }
            }
            return true;
        }
        How::Octal | How::OctalWords => number(digits, 8),
        How::Decimal => number(digits, 10),
    }
    .unwrap_or(0)
    .to_le_bytes();
    take(0, len, low);
    if how == How::OctalWords {
        take(0, len, high);
    }
    true
}

/// The value of a hexadecimal digit.
const fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20).wrapping_sub(b'a' - 10) & 15,
    }
}

/// Whether some line ends in cells of `od -c`, which begin with a blank each.
fn has_cells(text: &[u8]) -> bool {
    if text.len() < CELL * LEAST_NUMBERS {
        return false;
    }
    let begin = |line: &[u8]| {
        line.len() >= CELL * LEAST_NUMBERS
            && (1..=LEAST_NUMBERS).all(|n| line[line.len() - CELL * n] == b' ')
    };
    let ends = memchr::memchr_iter(b'\n', text).chain([text.len()]);
    let mut from = 0;
    ends.into_iter().any(|end| {
        let line = &text[from..end];
        from = end + 1;
        begin(line) && cells_of(line).is_some()
    })
}

/// Where the cells of a line begin, if it consists of cells.
fn cells_of(line: &[u8]) -> Option<usize> {
    let offset = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let rest = line.get(offset..)?;
    let right = (offset == 0 || offset >= 6) && !rest.is_empty() && rest.len().is_multiple_of(CELL);
    let full = right && rest.chunks(CELL).all(|cell| cell[0] == b' ');
    (full && rest.iter().any(|b| *b != b' ')).then_some(offset)
}

/// The letters of `od -c` and `hexdump -c`.
fn cells(text: &[u8]) -> TextView {
    let mut view = TextView::default();
    let mut at = 0;
    for line in text.split(|b| *b == b'\n') {
        match cells_of(line) {
            Some(offset) => {
                for (n, cell) in line[offset..].chunks(CELL).enumerate() {
                    let from = at + offset + n * CELL;
                    view.push(&[letter(cell)], from..from + CELL);
                }
            }
            None => view.gap(),
        }
        at += line.len() + 1;
    }
    view
}

fn letter(cell: &[u8]) -> u8 {
    match *cell {
        [_, b' ', b' ', letter] => letter,
        [_, b' ', b'\\', escape] => match escape {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'\\' => b'\\',
            _ => 0,
        },
        [_, a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7'] => {
            (a - b'0') << 6 | (b - b'0') << 3 | (c - b'0')
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::view::ViewSource;
    use super::*;

    const HOWS: [How; 5] = [
        How::Hex,
        How::HexWords,
        How::Octal,
        How::OctalWords,
        How::Decimal,
    ];

    fn read(text: &str, how: How) -> Option<Vec<u8>> {
        numbers(text.as_bytes(), how).map(|view| view.text().to_vec())
    }

    /// Where each byte of a reading comes from.
    fn places(text: &str, view: &TextView) -> Vec<(usize, usize)> {
        let source = ViewSource::new(text.as_bytes());
        let read = view.of(&source);
        (0..view.text().len())
            .map(|at| read.place(at..at + 1))
            .map(|place| (place.start, place.end))
            .collect()
    }

    #[test]
    fn numbers_are_read_in_their_notation() {
        use How::{Decimal, Hex, HexWords, Octal, OctalWords};
        for (text, how, read_as) in [
            ("7333 6372 3374", Hex, "s3cr3t"),
            ("73:33:63:72:33:74", Hex, "s3cr3t"),
            ("73-33-63-72-33-74", Hex, "s3cr3t"),
            ("0x73, 0X33, 0x63", Hex, "s3c"),
            ("2F2f 4a4A", Hex, "//JJ"),
            ("0000000 7333 6372\n0000004 3374", Hex, "s3cr3t"),
            ("0000000 7333  6372", Hex, "s3cr"),
            ("3373 7263 7433", HexWords, "s3cr3t"),
            ("72633373 00007433", HexWords, "s3cr3t\0\0"),
            ("163 063 143", Octal, "s3c"),
            ("031563 071143 072063", OctalWords, "s3cr3t"),
            ("0000000 031563 071143", OctalWords, "s3cr"),
            ("115, 51, 99", Decimal, "s3c"),
            ("115 051 099", Decimal, "s3c"),
            // After the offset with a colon, the letters follow two blanks.
            ("00000000: 7333 6372  6162 6364", Hex, "s3cr"),
            ("00000000:  7333 6372", Hex, "s3cr"),
            ("00000000: 73,  33", Hex, "s3"),
            ("0000000 7333 6372 ~ 7333 6372 3374 2f56", Hex, "s3cr"),
            // What is no number of the notation counts as one byte that no value has.
            ("73 333 33", Hex, "s\x003"),
            // A letter that no number has ends the run.
            ("73 3g 33", Hex, "s\0"),
            ("73,,33", Hex, "s\x003"),
            (",,73 33", Hex, "s3"),
            ("7333\nhello\n6372", Hex, "s3\0cr"),
            ("~ 73 33 63 72 33 74", Hex, "\0\0s3cr3t"),
            ("~ 73 33 63 72 ~", Hex, ""),
            ("73", Hex, ""),
            ("7333", Hex, "s3"),
        ] {
            let expected = (!read_as.is_empty()).then(|| read_as.as_bytes().to_vec());
            assert_eq!(read(text, how), expected, "{text:?}");
        }
    }

    #[test]
    fn negative_numbers_are_the_upper_half_of_the_bytes() {
        assert_eq!(
            read(" 115 -61 -92 51", How::Decimal),
            Some(vec![115, 195, 164, 51])
        );
        assert_eq!(read("61 - 61", How::Decimal), Some(vec![61, 61]));
        assert_eq!(read("61-61", How::Decimal), Some(vec![61, 61]));
        assert_eq!(read(" 73 -33", How::Hex), Some(b"s3".to_vec()));
    }

    #[test]
    fn a_byte_is_where_its_digits_are_and_in_a_dump_up_to_the_end_of_the_line() {
        let text = "~ 73 33 0x63 72 33 74";
        let view = numbers(text.as_bytes(), How::Hex).unwrap();
        assert_eq!(
            places(text, &view)[2..],
            [(2, 4), (5, 7), (10, 12), (13, 15), (16, 18), (19, 21)]
        );
        let text = "~ 7333 6372 3374 7475";
        let view = numbers(text.as_bytes(), How::Hex).unwrap();
        assert_eq!(places(text, &view)[2..6], [(2, 4), (4, 6), (7, 9), (9, 11)]);
        let view = numbers(text.as_bytes(), How::HexWords).unwrap();
        assert_eq!(places(text, &view)[2..5], [(2, 6), (2, 6), (7, 11)]);
        let text = "0000: 7333\n0002: 63 ~";
        let view = numbers(text.as_bytes(), How::Hex).unwrap();
        assert_eq!(places(text, &view), [(6, 10), (8, 10), (17, 21)]);
    }

    #[test]
    fn digits_are_bytes_only_where_all_of_them_fit() {
        use How::{Decimal, Hex, HexWords, Octal, OctalWords};
        for (digits, how, expected) in [
            (
                "09afAF",
                Hex,
                Some(vec![(0, 2, 9), (2, 2, 0xaf), (4, 2, 0xaf)]),
            ),
            (
                "0123456789abcdef",
                Hex,
                Some(vec![
                    (0, 2, 0x01),
                    (2, 2, 0x23),
                    (4, 2, 0x45),
                    (6, 2, 0x67),
                    (8, 2, 0x89),
                    (10, 2, 0xab),
                    (12, 2, 0xcd),
                    (14, 2, 0xef),
                ]),
            ),
            ("0123456789abcdef01", Hex, None),
            ("123", Hex, None),
            ("", Hex, None),
            ("1x", Hex, None),
            ("1234", HexWords, Some(vec![(0, 4, 0x34), (0, 4, 0x12)])),
            (
                "12345678",
                HexWords,
                Some(vec![(0, 8, 0x78), (0, 8, 0x56), (0, 8, 0x34), (0, 8, 0x12)]),
            ),
            ("123456", HexWords, None),
            ("12", HexWords, None),
            ("123x", HexWords, None),
            ("377", Octal, Some(vec![(0, 3, 255)])),
            ("400", Octal, None),
            ("12", Octal, None),
            ("0012", Octal, None),
            ("128", Octal, None),
            ("177777", OctalWords, Some(vec![(0, 6, 255), (0, 6, 255)])),
            ("000401", OctalWords, Some(vec![(0, 6, 1), (0, 6, 1)])),
            ("200000", OctalWords, None),
            ("00401", OctalWords, None),
            ("255", Decimal, Some(vec![(0, 3, 255)])),
            ("7", Decimal, Some(vec![(0, 1, 7)])),
            ("256", Decimal, None),
            ("0007", Decimal, None),
            ("1a", Decimal, None),
        ] {
            let mut found = Vec::new();
            let fits = bytes(digits.as_bytes(), how, |at, len, byte| {
                found.push((at, len, byte));
            });
            assert_eq!(fits, expected.is_some(), "{digits}");
            assert_eq!(
                found,
                expected.unwrap_or_else(|| vec![(0, digits.len(), 0)]),
                "{digits}"
            );
        }
    }

    #[test]
    fn only_enough_numbers_with_one_separator_are_worth_reading() {
        for (run, worth) in [
            ("1 2 3 4 5 6", true),
            ("1 2 3 4 5", false),
            ("733363 723374", true),
            ("733363 72337", false),
            ("733363723374", false),
            ("73:33:63:72:33:74", true),
            ("73-33-63-72-33-74", true),
            ("1:2:3:4:5:6", false),
            ("733363:723374", false),
            ("73:33:63-72-33-74", false),
            ("73 33,63 72,33 74", false),
            ("733 3637,23374 12345", false),
            ("733 363723,337412", true),
            ("73,,33,,63,,72,,33,,74", false),
            ("733363,,723374", false),
            ("1 2 3,,4 5 6", false),
            ("1234567890123456 1234567890123456", true),
            ("12345678901234567 12345678901234567", false),
            ("2026-11-29 21:04:08", false),
            ("123e4567-e89b-12d3-a456-426614174000", false),
        ] {
            assert_eq!(is_worth_it(run.as_bytes()), worth, "{run}");
        }
    }

    #[test]
    fn a_run_of_numbers_has_a_least_length() {
        for (text, some) in [
            ("", false),
            ("733363 723374", false),
            ("733363  723374", true),
            ("~~~~~~~733363 723374~~~~~~~", false),
            ("~~~~~~~733363  723374~~~~~~~", true),
            ("733363723374~733363723374", false),
            ("2026-11-29 21:04:08 ~ 73 33 63 72 33 74", true),
            ("2026-11-29 21:04:08 ~ 73 33 63 72 33", false),
        ] {
            assert_eq!(has_numbers(text.as_bytes()), some, "{text}");
            assert_eq!(is_dump(text.as_bytes()), some, "{text}");
        }
        assert_eq!(views(b"733363  723374")[0].text(), b"s3cr3t");
        assert!(views(b"nothing to read").is_empty());
    }

    #[test]
    fn a_separator_is_known_without_its_blanks() {
        let kinds: Vec<_> = ["", " \t", " , ", ":", "-", ",,", "x"]
            .into_iter()
            .map(|text| match between(text.as_bytes()) {
                Between::Blank => 'b',
                Between::Comma => ',',
                Between::Colon => ':',
                Between::Dash => '-',
                Between::Other => '?',
            })
            .collect();
        assert_eq!(kinds, ['b', 'b', ',', ':', '-', '?', '?']);
    }

    #[test]
    fn an_offset_is_wider_than_the_numbers_after_it() {
        for (line, is) in [
            ("0000: 73", true),
            ("0000:\t73", true),
            ("000: 73", false),
            ("0000:73", false),
            ("0x0000: 73", true),
            ("000000 7333", true),
            ("00000 7333", false),
            ("733363 723374", false),
            ("0x000000 73", false),
            (" 000000 73", false),
            ("000000,73", false),
        ] {
            let (first, second) = first_two(line.as_bytes()).unwrap();
            assert_eq!(is_offset(line.as_bytes(), &first, &second), is, "{line}");
        }
    }

    #[test]
    fn a_line_may_go_on_that_begins_with_numbers_or_has_cells() {
        for (lines, may) in [
            ("7333 6372 3374", true),
            ("7333 6372 337", false),
            ("7333 6372 337~", false),
            ("~7333 6372 3374", false),
            ("~\n~", true),
            ("0000000   s   3   c   r   3   t", true),
            ("0000000   s   3   c   r   3", false),
        ] {
            assert_eq!(may_go_on(lines.as_bytes()), may, "{lines:?}");
        }
    }

    #[test]
    fn a_line_of_cells_has_a_blank_before_each() {
        for (line, offset) in [
            ("   s   3", Some(0)),
            ("0000000   s   3", Some(7)),
            ("000000   s", Some(6)),
            ("00000   s", None),
            ("        ", None),
            ("", None),
            ("0000000", None),
            ("   s  3", None),
            ("   sx  3", None),
            ("   s   3 ", None),
        ] {
            assert_eq!(cells_of(line.as_bytes()), offset, "{line:?}");
        }
        let six = "   s   3   c   r   3   t";
        for (text, has) in [
            (six.to_owned(), true),
            (format!("~\n{six}\n~"), true),
            (format!("~\n0000000{six}"), true),
            (format!("{}\n{}", &six[..20], &six[..20]), false),
            (six[4..].to_owned(), false),
            (format!("x  z{six}"), false),
            (format!("    {six}").replace("   r", "  xr"), true),
            (format!("{}~  t", &six[..20]), false),
            (format!("{}\n", "~".repeat(40)), false),
        ] {
            assert_eq!(has_cells(text.as_bytes()), has, "{text:?}");
        }
    }

    #[test]
    fn every_byte_is_read_from_its_cell() {
        for byte in 0..=255_u8 {
            let cell = match byte {
                b'\n' => r"  \n".to_owned(),
                b'\t' => r"  \t".to_owned(),
                b'\r' => r"  \r".to_owned(),
                b'\\' => r"  \\".to_owned(),
                b' '..=b'~' => format!("   {}", char::from(byte)),
                _ => format!(" {byte:03o}"),
            };
            assert_eq!(letter(cell.as_bytes()), byte, "{cell}");
        }
        for cell in [r"  \0", r"  \a", " 400", " 180", " 108", " a b", "s3cr"] {
            assert_eq!(letter(cell.as_bytes()), 0, "{cell}");
        }
    }

    #[test]
    fn a_letter_is_where_its_cell_is() {
        let text = "0000000   s   3\n~\n   c 162";
        let view = cells(text.as_bytes());
        assert_eq!(view.text(), b"s3\0cr");
        let found = places(text, &view);
        assert_eq!(found[..2], [(7, 11), (11, 15)]);
        assert_eq!(found[3..], [(18, 22), (22, 26)]);
    }

    /// Against a writer of each notation, at every width of a line.
    #[test]
    fn a_dump_of_any_width_is_read_whole() {
        let value = b"s3cr3t/Va&lue=\xc3\xa9\x00\x7f?!";
        for (width, how) in (2..=18).flat_map(|width| HOWS.map(|how| (width, how))) {
            let line = |(row, bytes): (usize, &[u8])| {
                let word = |pair: &[u8]| u16::from_le_bytes([pair[0], pair[1]]);
                let numbers: Vec<String> = match how {
                    How::Hex => bytes.iter().map(|b| format!("{b:02x}")).collect(),
                    How::Octal => bytes.iter().map(|b| format!("{b:03o}")).collect(),
                    How::Decimal => bytes.iter().map(|b| format!("{b:3}")).collect(),
                    How::HexWords => bytes
                        .chunks(2)
                        .map(|pair| format!("{:04x}", word(pair)))
                        .collect(),
                    How::OctalWords => bytes
                        .chunks(2)
                        .map(|pair| format!("{:06o}", word(pair)))
                        .collect(),
                };
                format!("{:07o} {}\n", row * width, numbers.join(" "))
            };
            let words = matches!(how, How::HexWords | How::OctalWords);
            if words && (width % 2 == 1 || value.len() % 2 == 1) {
                continue;
            }
            let text: String = value.chunks(width).enumerate().map(line).collect();
            let read = read(&text, how).unwrap();
            assert!(
                read.windows(value.len()).any(|part| part == value),
                "{text}\n{read:?}"
            );
        }
    }
}
