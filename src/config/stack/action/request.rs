//! The request of an action, and headers.

use std::collections::BTreeMap;

use crate::config::rule::schedule::MAX_TIMEOUT_MS;
use crate::config::rule::{self, header, web};
use crate::core::base::toml_doc::{Field, Report, Section};
use crate::core::stack::service::{HttpRequest, Verb};

pub(super) fn read(
    mut t: Section<'_>,
    report: &mut Report,
    verb: Option<Verb>,
) -> Option<HttpRequest> {
    let method = method(&mut t, report, verb);
    let url = t
        .required(report, "url", "\"https://…\"")
        .and_then(|f| f.text_by(report, web::url_template));
    let (headers, secret_headers) = read_headers(&mut t, report, true);
    let secret_ref = auth(&mut t, report);
    if secret_ref.is_some()
        && secret_headers
            .keys()
            .any(|name| name.eq_ignore_ascii_case("authorization"))
    {
        report.conflict(
            t.at,
            t.key("auth"),
            "is set together with the header Authorization; a request has one of the two",
        );
    }
    let request = HttpRequest {
        headers,
        secret_ref,
        secret_headers,
        body: t.text_by(report, "body", web::body_template),
        expect_status: statuses(&mut t, report),
        max_ms: t
            .field("max_ms")
            .and_then(|f| f.whole(report, 1, MAX_TIMEOUT_MS)),
        contains: t.text_by(report, "contains", rule::prose),
        ..HttpRequest::default()
    };
    t.close(report);
    Some(HttpRequest {
        method: method?,
        url: url?,
        ..request
    })
}

/// The method: GET by default for a probe, required for actions that change something.
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

/// Headers by name: those with stored values, and those with names of secrets.
type Headers = (BTreeMap<String, String>, BTreeMap<String, String>);

/// Stored headers; two that differ only by capitals are one.
pub(in crate::config::stack) fn headers(
    t: &mut Section<'_>,
    report: &mut Report,
) -> BTreeMap<String, String> {
    read_headers(t, report, false).0
}

/// `auth = { secret_ref = "NAME" }`: the secret sent as a bearer token.
pub(in crate::config::stack) fn auth(t: &mut Section<'_>, report: &mut Report) -> Option<String> {
    let table = t.field("auth")?.table(report)?;
    secret_ref(table, report)
}

fn read_headers(t: &mut Section<'_>, report: &mut Report, with_secrets: bool) -> Headers {
    let (mut plain, mut secret) = Headers::default();
    let Some(table) = t.field("headers").and_then(|f| f.table(report)) else {
        return (plain, secret);
    };
    for (name, field) in table.entries() {
        let by_reference = with_secrets && field.value().is_table();
        let entry = if by_reference {
            reference(name, &field, report)
        } else {
            stored(name, &field, report)
        };
        let Some((name, value)) = entry else { continue };
        if plain
            .keys()
            .chain(secret.keys())
            .any(|other| other.eq_ignore_ascii_case(&name))
        {
            field.conflict(
                report,
                "is here twice; capitals make no difference in header names",
            );
        }
        let into = if by_reference {
            &mut secret
        } else {
            &mut plain
        };
        into.insert(name, value);
    }
    (plain, secret)
}

fn stored(name: &str, field: &Field<'_>, report: &mut Report) -> Option<(String, String)> {
    let name = field.accept(report, header::name(name));
    name.zip(field.text_by(report, header::value))
}

/// `"X-Token" = { secret_ref = "NAME" }`.
fn reference(name: &str, field: &Field<'_>, report: &mut Report) -> Option<(String, String)> {
    let name = field.accept(report, header::secret_name(name));
    name.zip(
        field
            .table(report)
            .and_then(|table| secret_ref(table, report)),
    )
}

fn secret_ref(mut t: Section<'_>, report: &mut Report) -> Option<String> {
    let field = t.required(report, "secret_ref", "\"NAME\"");
    t.close(report);
    field?.text_by(report, rule::secret_ref)
}

fn statuses(t: &mut Section<'_>, report: &mut Report) -> Vec<u16> {
    let list = t
        .field("expect_status")
        .and_then(|f| f.list(report))
        .unwrap_or_default();
    list.iter()
        .filter_map(|f| f.whole(report, 100, 599))
        .filter_map(|n| u16::try_from(n).ok())
        .collect()
}
