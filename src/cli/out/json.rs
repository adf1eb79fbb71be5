//! JSON that is safe on a terminal: characters that would move the cursor, hide or reorder letters
//! are written as `\uXXXX`. The value stays the same, so pipes get this form too.

use std::io::{self, Write};

use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

use crate::core::base::text;

/// Escapes strings; delegates everything else to the inner formatter.
pub(super) struct Safe<F>(F);

impl Safe<PrettyFormatter<'static>> {
    pub fn pretty() -> Self {
        Self(PrettyFormatter::new())
    }
}

impl Safe<CompactFormatter> {
    pub const fn compact() -> Self {
        Self(CompactFormatter)
    }
}

/// Formatter methods delegated to the inner formatter.
macro_rules! delegate {
    ($($method:ident($($first:ident)?);)+) => {
        $(fn $method<W: ?Sized + Write>(&mut self, writer: &mut W $(, $first: bool)?) -> io::Result<()> {
            self.0.$method(writer $(, $first)?)
        })+
    };
}

impl<F: Formatter> Formatter for Safe<F> {
    delegate! {
        begin_array();
        end_array();
        begin_array_value(first);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first);
        end_object_key();
        begin_object_value();
        end_object_value();
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| text::is_unsafe(*c)) {
            writer.write_all(&rest.as_bytes()[..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Serialize as _;

    use super::*;

    fn written<F: Formatter>(value: &serde_json::Value, formatter: Safe<F>) -> String {
        let mut out = Vec::new();
        value
            .serialize(&mut serde_json::Serializer::with_formatter(
                &mut out, formatter,
            ))
            .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn characters_that_control_a_terminal_are_escaped() {
        let value = serde_json::json!({"a\u{202e}": ["x\u{7f}y", "\u{9b}31m", "\u{1b}[1m", "\u{e0041}", "ä─"], "n": 1.5});
        let plain =
            r#"{"a\u202e":["x\u007fy","\u009b31m","\u001b[1m","\udb40\udc41","ä─"],"n":1.5}"#;
        assert_eq!(written(&value, Safe::compact()), plain);
        let usual = serde_json::json!({"a": [1, {"b": null}], "c": {}, "d": []});
        assert_eq!(
            written(&usual, Safe::pretty()),
            serde_json::to_string_pretty(&usual).unwrap()
        );
    }

    proptest! {
        #[test]
        fn it_is_the_same_value(text in any::<String>(), key in any::<String>()) {
            let value = serde_json::json!({key: [text]});
            for written in [written(&value, Safe::compact()), written(&value, Safe::pretty())] {
                prop_assert!(written.chars().all(|c| c == '\n' || !text::is_unsafe(c)), "{:?}", written);
                prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&written).unwrap(), &value);
            }
        }
    }
}
