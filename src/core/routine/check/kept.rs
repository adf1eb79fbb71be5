//! A kept answer with its timing as one text, as the store has it.

use serde::Serialize;

use crate::base::time::Timestamp;
use crate::run::timing::Timing;

/// How the first line begins when it holds the timing.
const MARK: &str = "timing {";

/// An answer that was kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeptAnswer {
    pub at: Timestamp,
    #[serde(flatten)]
    pub timing: Timing,
    /// The message of the result, and the beginning of the answer.
    pub text: String,
}

/// An answer and its timing as one text; [`read_kept`] takes it apart.
#[must_use]
pub fn write_kept(timing: &Timing, text: &str) -> String {
    if timing.is_empty() && !text.starts_with(MARK) {
        return text.to_owned();
    }
    let json = serde_json::to_string(timing).unwrap_or_else(|_| "{}".to_owned());
    format!("timing {json}\n{text}")
}

/// The answer of a text. One that was kept without a timing has none.
#[must_use]
pub fn read_kept(at: Timestamp, text: String) -> KeptAnswer {
    let parts = text.starts_with(MARK).then(|| text.split_once('\n'));
    let timing = parts.flatten().and_then(|(first, rest)| {
        let json = first.strip_prefix("timing ")?;
        Some((serde_json::from_str(json).ok()?, rest.to_owned()))
    });
    let (timing, text) = timing.unwrap_or((Timing::default(), text));
    KeptAnswer { at, timing, text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::run::timing::Phases;

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            address in proptest::option::of("[0-9.:]{1,20}"),
            dns_us in proptest::option::of(0..u32::MAX),
            first_byte_us in proptest::option::of(0..u32::MAX),
            text in "(timing \\{\\}\n|timing \\{x\n)?(?s).{0,40}",
        ) {
            let ms = |us: u32| f64::from(us) / 1000.0;
            let phases = Phases {
                dns_ms: dns_us.map(ms),
                first_byte_ms: first_byte_us.map(ms),
                ..Phases::default()
            };
            let timing = Timing { address, phases, ended_in: None };
            let read = read_kept(Timestamp(7), write_kept(&timing, &text));
            prop_assert_eq!(read, KeptAnswer { at: Timestamp(7), timing, text });
        }
    }

    #[test]
    fn an_answer_that_was_kept_before_is_a_text() {
        for text in [
            "HTTP 200 in 41 ms\nHTTP 200\n",
            "timing {\nx",
            "timing {}",
            "",
        ] {
            let read = read_kept(Timestamp(7), text.to_owned());
            assert_eq!((read.text.as_str(), read.timing.is_empty()), (text, true));
        }
    }
}
