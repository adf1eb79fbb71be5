//! A row that comes as a JSON object, its fields in their order: `serde_json`'s own map would sort them, and lose one of
//! two with the same name.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

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
        while let Some((_, value)) = map.next_entry::<String, Value>()? {
            values.push(value);
        }
        Ok(Row(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_namesakes_stay() {
        let row: Row = serde_json::from_str(r#"{"z": 1, "a": null, "z": [true]}"#).unwrap();
        assert_eq!(row, Row(vec![1.into(), Value::Null, serde_json::json!([true])]));
    }
}
