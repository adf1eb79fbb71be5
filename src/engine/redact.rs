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
