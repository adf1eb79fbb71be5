//! Bytes written as numbers, as `xxd`, `hexdump`, `od` and the debug output of many languages have them: `7333 6372`,
//! `73:33:63`, `0x73, 0x33`, `[115, 51, 99]`, `163 063`, `   s   3   c`. Read back into bytes, over line ends too.

use super::view::{Source, View};

/// A value has at least six bytes: so many characters they take, however they are written.
const LEAST_RUN: usize = 14;
/// So many numbers, or so many digits in several numbers, may be a value.
const LEAST_NUMBERS: usize = 6;
const LEAST_DIGITS: usize = 12;
/// Columns of a cell of `od -c`.
const CELL: usize = 4;

/// How numbers are bytes.
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

/// What stands between two numbers.
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
    /// It begins here, with its `0x`; the one before it ended there.
    start: usize,
    after: usize,
}

/// The bytes the numbers of a text may stand for. A byte's place is that of its digits; in a dump it goes to the end of the
/// line, where the same bytes stand as letters.
pub(super) fn views(source: Source<'_>) -> Vec<View> {
    let text = source.text;
    let mut views = Vec::new();
    if has_numbers(text) {
        let hows = [How::Hex, How::HexWords, How::Octal, How::OctalWords, How::Decimal];
        views.extend(hows.map(|how| numbers(source, how)).into_iter().filter(|view| !view.is_empty()));
    }
    if has_cells(text) {
        views.push(cells(source));
    }
    views
}

/// A text may hold a value as numbers. Fast where it does not: of a run of digits long enough one is met in any 16 bytes.
fn has_numbers(text: &[u8]) -> bool {
    let mut at = LEAST_RUN - 2;
    while at < text.len() {
        if !belongs(text[at]) {
            at += LEAST_RUN - 1;
            continue;
        }
        let start = at - text[..at].iter().rev().take_while(|b| belongs(**b)).count();
        let end = at + text[at..].iter().take_while(|b| belongs(**b)).count();
        if end - start >= LEAST_RUN && is_worth_it(&text[start..end]) {
            return true;
        }
        at = end + LEAST_RUN - 1;
    }
    false
}

const fn belongs(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b' ' | b'\t' | b':' | b',' | b'-' | b'x' | b'X')
}

/// Enough numbers stand in the same way beside each other. Dates, times and UUIDs are no such thing.
fn is_worth_it(run: &[u8]) -> bool {
    let (mut count, mut digits, mut last, mut between) = (0, 0, 0, Between::Other);
    for number in split(run) {
        let width = number.to - number.from;
        let fits = width <= 16 && (width == 2 || !matches!(number.before, Between::Colon | Between::Dash));
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
        let to = start + run[start..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
        let prefixed = run[start..to].starts_with(b"0x") || run[start..to].starts_with(b"0X");
        at = to;
        let before = between(&run[after..start]);
        Some(Number { from: if prefixed { start + 2 } else { start }, to, before, start, after })
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

/// The bytes of all numbers, read one way. A zero stands where they do not go on.
fn numbers(source: Source<'_>, how: How) -> View {
    let text = source.text;
    let mut view = View::default();
    let mut at = 0;
    for line in text.split(|b| *b == b'\n') {
        let end = at + line.len();
        let mut from = at;
        while from < end {
            let len = text[from..end].iter().take_while(|b| belongs(**b)).count();
            let leads = from == at;
            if leads || len >= LEAST_RUN {
                let line_end = if leads { end } else { from + len };
                run(source, from, from + len, (leads, line_end), how, &mut view);
            }
            from += len;
            from += text[from..end].iter().take_while(|b| !belongs(**b)).count();
        }
        at = end + 1;
    }
    view
}

/// The numbers of one run, which may be the front of a line.
fn run(source: Source<'_>, from: usize, to: usize, (leads, line_end): (bool, usize), how: How, view: &mut View) {
    let text = &source.text[from..to];
    let all: Vec<Number> = split(text).collect();
    let offset = usize::from(leads && has_offset(text, &all));
    let with_colon = offset == 1 && all.get(1).is_some_and(|second| second.before == Between::Colon);
    let mut any = false;
    if !leads {
        view.gap();
    }
    for (n, number) in all.iter().enumerate().skip(offset) {
        let gap = number.start - number.after;
        // Behind the numbers of `xxd` and `tcpdump` stand the letters.
        if with_colon && n > 1 && number.before == Between::Blank && gap > 1 {
            break;
        }
        if number.before == Between::Other && n > offset {
            view.gap();
        }
        let place = |at: usize, len: usize| from + at..if leads { line_end } else { from + at + len };
        any |= bytes(&text[number.from..number.to], how, |offset, len, byte| {
            let place = place(number.from + offset, len);
            view.push(&[byte], source, place);
        });
    }
    if !any && leads {
        view.gap();
    }
}

/// The first number of a line says where its bytes stand in the whole.
fn has_offset(text: &[u8], all: &[Number]) -> bool {
    let [first, second, ..] = all else { return false };
    let (width, next) = (first.to - first.from, second.to - second.from);
    let colon = text[first.to..].starts_with(b": ") || text[first.to..].starts_with(b":\t");
    (colon && width >= 4) || (width >= 6 && width != next && first.from == 0 && second.before == Between::Blank)
}

/// Hands on the bytes of one number, each with the place of its digits; `false`: it is none, read that way.
fn bytes(digits: &[u8], how: How, mut take: impl FnMut(usize, usize, u8)) -> bool {
    let number = |digits: &[u8], radix| u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok();
    let len = digits.len();
    let fits = match how {
        How::Hex => len.is_multiple_of(2) && (2..=16).contains(&len) && digits.iter().all(u8::is_ascii_hexdigit),
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
            let pairs: Vec<u8> = digits.chunks(2).filter_map(|pair| u8::try_from(number(pair, 16)?).ok()).collect();
            let last = pairs.len() - 1;
            for at in 0..pairs.len() {
                let byte = if how == How::Hex { pairs[at] } else { pairs[last - at] };
                if how == How::Hex { take(at * 2, 2, byte) } else { take(0, len, byte) }
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

/// The last cells of a line of `od -c` begin with a blank each.
fn has_cells(text: &[u8]) -> bool {
    text.split(|b| *b == b'\n').any(|line| {
        line.len() >= CELL * LEAST_NUMBERS
            && (1..=LEAST_NUMBERS).all(|n| line[line.len() - CELL * n] == b' ')
            && cells_of(line).is_some()
    })
}

/// Where the cells of a line begin, when it is made of them.
fn cells_of(line: &[u8]) -> Option<usize> {
    let offset = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let rest = line.get(offset..)?;
    let right = (offset == 0 || offset >= 6) && !rest.is_empty() && rest.len().is_multiple_of(CELL);
    let letters = rest.iter().filter(|b| **b != b' ').count();
    (right && letters >= 1 && rest.chunks(CELL).all(|cell| cell[0] == b' ')).then_some(offset)
}

/// The letters of `od -c` and `hexdump -c`.
fn cells(source: Source<'_>) -> View {
    let mut view = View::default();
    let mut at = 0;
    for line in source.text.split(|b| *b == b'\n') {
        match cells_of(line) {
            Some(offset) => {
                for (n, cell) in line[offset..].chunks(CELL).enumerate() {
                    let from = at + offset + n * CELL;
                    view.push(&[letter(cell)], source, from..from + CELL);
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
        [_, a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7'] => (a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'),
        _ => 0,
    }
}
