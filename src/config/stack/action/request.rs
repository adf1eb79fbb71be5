//! The request of an action, and headers.

use std::collections::BTreeMap;

use crate::config::rule::schedule::MAX_TIMEOUT_MS;
use crate::config::rule::{self, header, web};
use crate::config::toml_doc::{Report, Section};
use crate::core::service::{HttpRequest, Verb};

pub(super) fn read(mut t: Section<'_>, report: &mut Report, verb: Option<Verb>) -> Option<HttpRequest> {
    let method = method(&mut t, report, verb);
    let url = t.required(report, "url", "\"https://…\"").and_then(|f| f.text_by(report, web::url_template));
    let request = HttpRequest {
        headers: headers(&mut t, report),
        body: t.text(report, "body", web::body_template),
        expect_status: statuses(&mut t, report),
        max_ms: t.field("max_ms").and_then(|f| f.whole(report, 1, MAX_TIMEOUT_MS)),
        contains: t.text(report, "contains", rule::prose),
        ..HttpRequest::default()
    };
    t.close(report);
    Some(HttpRequest { method: method?, url: url?, ..request })
}

/// Looking is a GET unless said otherwise; what changes something must say how.
fn method(t: &mut Section<'_>, report: &mut Report, verb: Option<Verb>) -> Option<String> {
    let field = match verb {
        Some(Verb::Probe) | None => t.field("method"),
        Some(_) => t.required(report, "method", "\"POST\""),
    };
    match (field, verb) {
        (Some(field), _) => field.text_by(report, web::method),
        (None, Some(Verb::Probe)) => Some("GET".to_owned()),
        (None, _) => None,
    }
}

/// Stored headers; two that differ only by capitals are one.
pub(in crate::config::stack) fn headers(t: &mut Section<'_>, report: &mut Report) -> BTreeMap<String, String> {
    let Some(table) = t.field("headers").and_then(|f| f.table(report)) else { return BTreeMap::new() };
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, field) in table.entries() {
        let name = field.judge(report, header::name(name));
        let value = field.text_by(report, header::value);
        let Some((name, value)) = name.zip(value) else { continue };
        if headers.keys().any(|other| other.eq_ignore_ascii_case(&name)) {
            field.conflict(report, "stands here twice; capitals make no difference in header names");
        }
        headers.insert(name, value);
    }
    headers
}

fn statuses(t: &mut Section<'_>, report: &mut Report) -> Vec<u16> {
    let list = t.field("expect_status").and_then(|f| f.list(report)).unwrap_or_default();
    list.iter().filter_map(|f| f.whole(report, 100, 599)).filter_map(|n| u16::try_from(n).ok()).collect()
}
