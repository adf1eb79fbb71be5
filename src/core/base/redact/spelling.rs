//! The spellings in which programs write a value without trying to hide it. The tests run the
//! programs of this table.
//!
//! | spelling | written by | found |
//! |---|---|---|
//! | as it is; each line of a value of several | `echo`, `env`, `cat` | as a pattern |
//! | backwards | `rev` | as a pattern |
//! | quotes doubled or closed and opened again: `it''s`, `it'\''s`, `it'"'"'s`, `say ""hi""` | SQL, YAML, CSV, `set -x`, `shlex.quote` | as a pattern |
//! | UTF-16, where it is not only ASCII | Windows programs | as a pattern |
//! | base64, both alphabets, at any place of a longer text | `base64`, `Authorization: Basic`, JWT | as a pattern; over line ends: `wrapped.rs` |
//! | base32, at any place of a longer text | `base32`, TOTP keys | as a pattern; over line ends: `wrapped.rs` |
//! | hexadecimal, capital or not | `xxd -p`, `hexdump -e`, `openssl` | as a pattern; over line ends: `wrapped.rs` |
//! | numbers with something between: hexadecimal, octal, decimal, words of two or four bytes, letters in cells | `xxd`, `hexdump`, `od`, `xxd -i`, byte arrays printed by Go, Rust, Python, Java, Node | read back: `dump.rs` |
//! | backslashes: `\/` `\"` `\x2f` `\57` `\u002f` `\u{2f}` `\U0000002f` `\ ` | JSON, C, Go, Rust, Python, YAML, TOML, `printf %q`, `$'…'` | read back: `escape.rs` |
//! | percent signs, capital or not, all or some; `+` for a space | URLs, forms | read back: `escape.rs` |
//! | entities: named, decimal, hexadecimal | HTML, XML | read back: `escape.rs` |
//! | escapes of escapes, up to three deep | JSON within JSON | read back: `escape.rs` |
//! | any of them with colours, links, NUL (UTF-16), backspaces, carriage returns or characters without a width between the letters | `grep --color`, `ls --hyperlink`, `man` | taken out: `view.rs` |
//!
//! Not found: what was compressed, encrypted, hashed, or changed (letters of another case, parts
//! joined by a program), binary digits, arrays with one number a line, base64 of UTF-16, and
//! quoted-printable.

/// The spellings that are searched as patterns, except those of [`codes`].
pub(super) fn forms(value: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![value.as_bytes().to_vec()];
    forms.extend(
        value
            .lines()
            .filter(|l| l.len() >= 8)
            .map(|l| l.trim().as_bytes().to_vec()),
    );
    forms.push(value.chars().rev().collect::<String>().into_bytes());
    if value.contains('\'') {
        forms.extend(
            ["''", r"'\''", r#"'"'"'"#].map(|quote| value.replace('\'', quote).into_bytes()),
        );
    }
    if value.contains('"') {
        forms.push(value.replace('"', "\"\"").into_bytes());
    }
    if !value.is_ascii() {
        for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            let wide: Vec<u8> = value.encode_utf16().flat_map(bytes).collect();
            forms.push(String::from_utf8_lossy(&wide).into_owned().into_bytes());
            forms.push(wide);
        }
    }
    forms
}

/// The encodings of a value in letters, which programs may wrap over lines.
pub(super) fn codes(value: &[u8]) -> Vec<Vec<u8>> {
    let mut codes: Vec<Vec<u8>> = vec![
        value
            .iter()
            .flat_map(|b| format!("{b:02x}").into_bytes())
            .collect(),
        value
            .iter()
            .flat_map(|b| format!("{b:02X}").into_bytes())
            .collect(),
    ];
    for alphabet in [STANDARD, URL_SAFE] {
        codes.extend((0..3).map(|shift| letters::<6>(value, shift, alphabet)));
    }
    codes.extend((0..5).map(|shift| letters::<5>(value, shift, BASE32)));
    codes
}

const STANDARD: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The letters, of `BITS` bits each, that depend on `value` alone when it is `shift` bytes into a
/// longer text: the value inside `user:value` is encoded differently from the value by itself.
pub(super) fn letters<const BITS: usize>(value: &[u8], shift: usize, alphabet: &[u8]) -> Vec<u8> {
    let bits: Vec<bool> = value
        .iter()
        .flat_map(|b| (0..8).rev().map(move |i| b >> i & 1 == 1))
        .collect();
    // The first whole letter begins at the next multiple of `BITS` after the `shift * 8` bits
    // before.
    let skip = (BITS - shift * 8 % BITS) % BITS;
    bits.get(skip..)
        .unwrap_or_default()
        .chunks_exact(BITS)
        .map(|bits| {
            alphabet[bits
                .iter()
                .fold(0_usize, |n, bit| n << 1 | usize::from(*bit))]
        })
        .collect()
}

/// The base64 letters of a value alone, for tests.
#[cfg(test)]
pub(super) fn base64(value: &[u8], shift: usize) -> Vec<u8> {
    letters::<6>(value, shift, STANDARD)
}
