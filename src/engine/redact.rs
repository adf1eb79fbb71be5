//! Takes the values of secrets out of everything an engine is about to write.

use std::borrow::Cow;

use crate::core::base::redact::Redactor;
use crate::core::health::observation::Observation;
use crate::core::run::artifact::ArtifactDraft;
use crate::core::run::event::{EntryBody, NewEntry};

/// Output lines and events; copied only when a secret is found.
pub(super) fn entries<'a>(redactor: &Redactor, entries: &'a [NewEntry]) -> Cow<'a, [NewEntry]> {
    if entries.iter().any(|entry| holds(redactor, &entry.body)) {
        let clean = |entry: &NewEntry| NewEntry {
            body: body(redactor, entry.body.clone()),
            ..entry.clone()
        };
        return Cow::Owned(entries.iter().map(clean).collect());
    }
    Cow::Borrowed(entries)
}

fn holds(redactor: &Redactor, body: &EntryBody) -> bool {
    match body {
        EntryBody::Output { text, .. } => redactor.finds(text),
        // Values may be escaped in the JSON: only a walk through its strings finds them.
        EntryBody::Event { message, data, .. } => {
            redactor.finds(message) || (data.is_some() && !redactor.is_empty())
        }
    }
}

fn body(redactor: &Redactor, body: EntryBody) -> EntryBody {
    match body {
        EntryBody::Output { stream, text } => EntryBody::Output {
            stream,
            text: redactor.redact(&text),
        },
        EntryBody::Event {
            level,
            phase,
            source,
            message,
            mut data,
        } => {
            if let Some(data) = &mut data {
                redactor.redact_json(data);
            }
            EntryBody::Event {
                level,
                phase,
                source,
                message: redactor.redact(&message),
                data,
            }
        }
    }
}

/// Contents may be anything; a value is found in all of its spellings, but not inside an archive.
/// Also returns whether the contents changed: a changed file may be useless to other programs.
pub(super) fn left(redactor: &Redactor, left: ArtifactDraft) -> (ArtifactDraft, bool) {
    let clean = match redactor.redact_bytes(&left.content) {
        Cow::Owned(clean) if clean != left.content => Some(clean),
        _ => None,
    };
    let replaced = clean.is_some();
    let content = clean.unwrap_or(left.content);
    (
        ArtifactDraft {
            title: redactor.redact(&left.title),
            content,
            ..left
        },
        replaced,
    )
}

pub(super) fn observation(redactor: &Redactor, seen: Observation) -> Observation {
    Observation {
        message: redactor.redact(&seen.message),
        ..seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::base::time::Timestamp;
    use crate::core::run::artifact::ArtifactKind;
    use crate::core::run::event::{Level, Stream};
    use crate::core::run::plan::Target;
    use crate::core::stack::state::State;

    fn redactor() -> Redactor {
        Redactor::new([("X", "s3cr3t")])
    }

    fn output(text: &str) -> EntryBody {
        EntryBody::Output {
            stream: Stream::Stderr,
            text: text.to_owned(),
        }
    }

    fn event(message: &str, data: Option<serde_json::Value>) -> EntryBody {
        EntryBody::Event {
            level: Level::Warn,
            phase: None,
            source: "engine".to_owned(),
            message: message.to_owned(),
            data,
        }
    }

    fn entry(body: EntryBody) -> NewEntry {
        NewEntry {
            at: Timestamp(7),
            step: Some(2),
            body,
        }
    }

    #[test]
    fn entries_are_copied_only_where_one_holds_a_value() {
        let plain = [output("a line"), event("a message", None)].map(entry);
        assert!(matches!(entries(&redactor(), &plain), Cow::Borrowed(same) if same == plain));
        let data = [entry(event(
            "a message",
            Some(serde_json::json!({"a": "b"})),
        ))];
        let none = Redactor::default();
        assert!(matches!(entries(&none, &data), Cow::Borrowed(same) if same == data));
        assert!(matches!(entries(&redactor(), &data), Cow::Owned(same) if same == data));
        assert!(!holds(&redactor(), &output("a line")));
    }

    #[test]
    fn a_value_is_replaced_in_lines_messages_and_data() {
        for (before, after) in [
            (output("a s3cr3t"), output("a [secret X]")),
            (event("a s3cr3t", None), event("a [secret X]", None)),
            (
                event("fine", Some(serde_json::json!({"a": "s3cr3t"}))),
                event("fine", Some(serde_json::json!({"a": "[secret X]"}))),
            ),
        ] {
            let all = [entry(output("a line")), entry(before.clone())];
            let expected = [entry(output("a line")), entry(after)];
            assert_eq!(*entries(&redactor(), &all), expected);
            assert!(holds(&redactor(), &before));
        }
    }

    #[test]
    fn an_artifact_is_reported_as_changed_only_where_its_contents_are() {
        let draft = |title: &str, content: &str| ArtifactDraft {
            kind: ArtifactKind::Log,
            title: title.to_owned(),
            content: content.as_bytes().to_vec(),
        };
        for (before, after, replaced) in [
            (draft("a", "b"), draft("a", "b"), false),
            (draft("s3cr3t", "b"), draft("[secret X]", "b"), false),
            (draft("a", "-s3cr3t-"), draft("a", "-[secret X]-"), true),
        ] {
            assert_eq!(left(&redactor(), before), (after, replaced));
        }
        // A value that is its own replacement.
        let same = Redactor::new([("X", "[secret X]")]);
        let draft = draft("a", "[secret X]");
        assert_eq!(left(&same, draft.clone()), (draft, false));
    }

    #[test]
    fn a_probe_shows_no_value() {
        let seen = |message: &str| Observation {
            target: Target {
                service: "web".to_owned(),
                env: None,
            },
            at: Timestamp(7),
            state: State::Unknown,
            latency_ms: Some(3),
            message: message.to_owned(),
            run: None,
        };
        assert_eq!(
            observation(&redactor(), seen("a s3cr3t")),
            seen("a [secret X]")
        );
    }
}
