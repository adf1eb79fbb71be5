//! `H` and `~` in cron patterns: a value chosen by the routine, so that many routines with the same
//! pattern are not due at once. `H` as in Jenkins, `~` as in cronie.
//!
//! `H` stands for a value of the whole field, `H(0-29)` for one of a range, `H/15` for every 15 of
//! the field beginning at a chosen value; `~` for a value of the whole field, `10~20` for one of a
//! range. A day of the month is chosen from 1 to 28, so that every month has it.

/// The values of each field: minute, hour, day, month, weekday.
const FIELDS: [(u64, u64); 5] = [(0, 59), (0, 23), (1, 28), (1, 12), (0, 6)];
const SECONDS: (u64, u64) = (0, 59);

/// Replaces `H` and `~` by the values that `key` chooses.
///
/// # Errors
/// A range that is empty or outside its field.
pub fn expand(text: &str, key: u64) -> Result<String, String> {
    if text.trim_start().starts_with('@') || !text.contains(['H', '~']) {
        return Ok(text.to_owned());
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let with_seconds = words.len() == 6;
    let field = |(n, word): (usize, &&str)| {
        let limits = match n.checked_sub(usize::from(with_seconds)) {
            None => SECONDS,
            Some(n) => *FIELDS.get(n).unwrap_or(&SECONDS),
        };
        // Another value in each field.
        let key = key.rotate_left(u32::try_from(n * 11).unwrap_or(0));
        let parts: Result<Vec<String>, String> =
            word.split(',').map(|part| one(part, limits, key)).collect();
        parts.map(|parts| parts.join(","))
    };
    let fields: Result<Vec<String>, String> = words.iter().enumerate().map(field).collect();
    fields.map(|fields| fields.join(" "))
}

fn one(part: &str, limits: (u64, u64), key: u64) -> Result<String, String> {
    if let Some((from, until)) = part.split_once('~') {
        let from = bound(from, limits.0)?;
        let until = bound(until, limits.1)?;
        return Ok(choose(part, (from, until), limits, key)?.to_string());
    }
    let Some(rest) = part.strip_prefix('H') else {
        return Ok(part.to_owned());
    };
    let (range, rest) = match rest.strip_prefix('(') {
        Some(inner) => {
            let wrong = || format!("`{part}` is not a range; write it like H(0-29)");
            let (inner, rest) = inner.split_once(')').ok_or_else(wrong)?;
            let (from, until) = inner.split_once('-').ok_or_else(wrong)?;
            ((bound(from, limits.0)?, bound(until, limits.1)?), rest)
        }
        None => (limits, rest),
    };
    match rest.strip_prefix('/') {
        Some(step) => {
            let step: u64 = bound(step, 0)?;
            if step == 0 || step > range.1 - range.0.min(range.1) {
                return Err(format!("the step of `{part}` does not fit its field"));
            }
            let first = choose(part, (range.0, range.0 + step - 1), limits, key)?;
            Ok(format!("{first}-{}/{step}", range.1))
        }
        None if rest.is_empty() => Ok(choose(part, range, limits, key)?.to_string()),
        None => Err(format!("`{part}` is not a field; write H, H(0-29) or H/15")),
    }
}

fn bound(text: &str, default: u64) -> Result<u64, String> {
    if text.is_empty() {
        return Ok(default);
    }
    text.parse()
        .map_err(|_| format!("`{text}` is not a number"))
}

fn choose(
    part: &str,
    (from, until): (u64, u64),
    limits: (u64, u64),
    key: u64,
) -> Result<u64, String> {
    if from > until || from < limits.0 || until > limits.1 {
        return Err(format!("`{part}` is outside {}-{}", limits.0, limits.1));
    }
    Ok(from + key % (until - from + 1))
}
