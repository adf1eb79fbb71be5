//! A row that comes as a JSON object, with its fields in order: `serde_json`'s own map would sort
//! them, and lose one of two with the same name. A number that would lose digits stays text.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// Depth to which numbers in a document are checked for lost digits; deeper ones are not.
const DEEPEST: usize = 32;

/// The values of a row.
#[derive(Debug, PartialEq)]
pub(super) struct Row(pub Vec<Value>);

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Row;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
        let mut values = Vec::new();
        while let Some((_, raw)) = map.next_entry::<String, &RawValue>()? {
            values.push(value(raw.get(), DEEPEST).map_err(serde::de::Error::custom)?);
        }
        Ok(Row(values))
    }
}

fn value(text: &str, deep: usize) -> Result<Value, serde_json::Error> {
    match text.as_bytes().first() {
        Some(b'-' | b'0'..=b'9') => Ok(number(text)),
        Some(b'[') if deep > 0 => {
            let items: Vec<&RawValue> = serde_json::from_str(text)?;
            items
                .into_iter()
                .map(|item| value(item.get(), deep - 1))
                .collect()
        }
        Some(b'{') if deep > 0 => {
            let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
            fields
                .into_iter()
                .map(|(name, field)| Ok((name, value(field.get(), deep - 1)?)))
                .collect()
        }
        _ => serde_json::from_str(text),
    }
}

/// The number, if it is unchanged when it is written again; else its text. PostgreSQL's numeric has
/// more digits than any number type here.
fn number(text: &str) -> Value {
    match serde_json::from_str::<serde_json::Number>(text) {
        Ok(number) if decimal(&number.to_string()) == decimal(text) => number.into(),
        _ => text.into(),
    }
}

/// Sign, digits without zeros at either end, and the power of ten of the last one: the same for all
/// spellings of a number.
fn decimal(text: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{}{fraction}", whole.trim_start_matches('-'));
    let short = digits.trim_end_matches('0');
    if short.is_empty() {
        return Some((false, String::new(), 0));
    }
    let dropped = i64::try_from(digits.len() - short.len()).ok()?;
    let exponent: i64 = exponent.parse().ok()?;
    let power = exponent
        .checked_sub(i64::try_from(fraction.len()).ok()?)?
        .checked_add(dropped)?;
    Some((
        text.starts_with('-'),
        short.trim_start_matches('0').to_owned(),
        power,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_duplicate_names_stay() {
        let row: Row = serde_json::from_str(r#"{"z": 1, "a": null, "z": [true]}"#).unwrap();
        assert_eq!(
            row,
            Row(vec![1.into(), Value::Null, serde_json::json!([true])])
        );
    }

    #[test]
    fn numbers_are_the_same_or_their_text() {
        for same in [
            "0",
            "-7",
            "9223372036854775807",
            "18446744073709551615",
            "0.1",
            "-2.50",
            "1e+20",
            "1e-07",
            "100",
        ] {
            assert!(number(same).is_number(), "{same}");
        }
        assert_eq!(number("-2.50"), serde_json::json!(-2.5));
        let long = "9".repeat(400);
        for other in [
            "12345678901234567.89",
            "18446744073709551616",
            "0.10000000000000000001",
            "1e999",
            &long,
        ] {
            assert_eq!(number(other), Value::from(other));
        }
        let row: Row =
            serde_json::from_str(r#"{"a": {"b": [0.5, 12345678901234567.89]}}"#).unwrap();
        assert_eq!(
            row,
            Row(vec![
                serde_json::json!({ "b": [0.5, "12345678901234567.89"] })
            ])
        );
    }

    #[test]
    fn deep_nesting_is_refused() {
        let deep = format!("{{\"a\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(serde_json::from_str::<Row>(&deep).is_err());
    }
}
