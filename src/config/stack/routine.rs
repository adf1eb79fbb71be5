//! One `[[routine]]`.

use super::action::{auth, check_runs_in, headers};
use super::names::Names;
use crate::config::rule::{self, schedule, web};
use crate::core::base::toml_doc::{Report, Section};
use crate::core::expr::{Expr, ExprError};
use crate::core::runbook::scope;
use crate::core::stack::service::{Routine, RoutineRequest, Service};

/// Kinds of routines; all of them send HTTP requests.
const KINDS: [(&str, &str); 2] = [("http", "http"), ("collect", "collect")];

pub(super) fn read(
    mut s: Section<'_>,
    report: &mut Report,
    environments: &Names,
    services: &Names,
    read_services: &[Service],
) -> Routine {
    let name = super::name(&mut s, report);
    let kind = s
        .required(report, "kind", "\"http\"")
        .and_then(|f| f.text_by(report, |t| rule::one_of(t, &KINDS)));
    let service = s
        .field("service")
        .and_then(|f| services.resolve(report, &f));
    let env = s.field("env");
    let runs_in = service
        .as_ref()
        .and_then(|name| read_services.iter().find(|s| s.name == *name));
    if let (Some(field), Some(service)) = (env.as_ref().filter(|f| environments.knows(f)), runs_in)
    {
        check_runs_in(report, field, &service.environments);
    }
    let (every_ms, cron) = when(&mut s, report);
    let request = s.required(
        report,
        "request",
        "{ method = \"GET\", url = \"https://…\" }",
    );
    let routine = Routine {
        name,
        service,
        kind: kind.unwrap_or_default().to_owned(),
        env: env.and_then(|f| environments.resolve(report, &f)),
        every_ms,
        cron,
        timezone: s.text_by(report, "timezone", schedule::zone),
        request: request
            .and_then(|f| f.table(report))
            .and_then(|t| read_request(t, report)),
        expect: s.text_by(report, "expect", condition),
    };
    s.close(report);
    routine
}

/// A condition over the response, as in runbooks.
fn condition(text: &str) -> Result<String, String> {
    let text = rule::prose(text)?;
    let caret = |why: ExprError| format!("is no condition: {}", why.with_caret(&text));
    Expr::condition(&text, &scope::routine_types()).map_err(caret)?;
    Ok(text)
}

/// Exactly one of `every` and `cron`.
fn when(s: &mut Section<'_>, report: &mut Report) -> (Option<i64>, Option<String>) {
    let (every, cron) = (s.field("every"), s.field("cron"));
    match (&every, &cron) {
        (Some(_), Some(cron)) => cron.conflict(
            report,
            "is set together with every; a routine has one of the two",
        ),
        (None, None) => {
            let key = s.key("every");
            report.conflict(
                s.at,
                key,
                "is missing; add every = \"5m\" or cron = \"30 2 * * *\"",
            );
        }
        _ => {}
    }
    let every = every.and_then(|f| f.text_by(report, schedule::interval));
    let cron = cron.and_then(|f| f.text_by(report, schedule::cron));
    (every, cron)
}

fn read_request(mut t: Section<'_>, report: &mut Report) -> Option<RoutineRequest> {
    let method = match t.field("method") {
        Some(field) => field.text_by(report, web::method),
        None => Some("GET".to_owned()),
    };
    let url = t
        .required(report, "url", "\"https://…\"")
        .and_then(|f| f.text_by(report, web::url));
    let timeout_ms = t.text_by(report, "timeout", schedule::timeout);
    let headers = headers(&mut t, report);
    let secret_ref = auth(&mut t, report);
    t.close(report);
    Some(RoutineRequest {
        method: method?,
        url: url?,
        timeout_ms,
        headers,
        secret_ref,
    })
}
