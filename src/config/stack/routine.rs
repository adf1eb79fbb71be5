//! One `[[routine]]`.

mod check;

use super::action::check_runs_in;
use super::names::Names;
use crate::config::rule::{self, schedule};
use crate::core::base::toml_doc::{Field, Report, Section};
use crate::core::expr::{Expr, ExprError};
use crate::core::routine::scope;
use crate::core::stack::routine::{MisfirePolicy, Routine, RoutineKind};
use crate::core::stack::service::Service;

/// Most conditions of one routine.
const MAX_CONDITIONS: usize = 20;
/// Largest threshold: more failures in a row than this say nothing new.
const MAX_THRESHOLD: i64 = 100;
/// Most slots caught up on at once.
const MAX_CATCH_UP: i64 = 1000;

pub(super) fn read(
    mut s: Section<'_>,
    report: &mut Report,
    environments: &Names,
    services: &Names,
    read_services: &[Service],
) -> Routine {
    let name = super::name(&mut s, report);
    let kinds = RoutineKind::ALL.map(|kind| (kind.name(), kind));
    let kind = s
        .required(report, "kind", "\"http\"")
        .and_then(|f| f.text_by(report, |t| kind_named(t, &kinds)));
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
    let timezone = s.text_by(report, "timezone", schedule::zone);
    let most = schedule::most_jitter(every_ms, cron.as_deref());
    let jitter_ms = s.text_by(report, "jitter", |t| schedule::within(t, 1, most));
    // The mistakes in a request are reported even when the kind is wrong.
    let likely = kind.or(s.has("request").then_some(RoutineKind::Http));
    let check = likely.and_then(|kind| check::read(&mut s, report, kind));
    let expect = conditions(&mut s, report, kind);
    let routine = Routine {
        name,
        service,
        env: env.and_then(|f| environments.resolve(report, &f)),
        check: check.unwrap_or_else(|| Routine::default().check),
        every_ms,
        cron,
        timezone,
        jitter_ms,
        expect,
        timeout_ms: timeout(&mut s, report, kind),
        ..rules(&mut s, report)
    };
    if kind.is_some() {
        s.close(report);
    }
    routine
}

/// The deadline of a check; a runbook has its own.
fn timeout(s: &mut Section<'_>, report: &mut Report, kind: Option<RoutineKind>) -> Option<i64> {
    let field = s.field("timeout")?;
    if kind == Some(RoutineKind::Runbook) {
        field.conflict(
            report,
            "is not for a runbook, which says itself how long it may take; leave it out",
        );
        return None;
    }
    field.text_by(report, schedule::timeout)
}

/// What happens around a check: missed slots, thresholds.
fn rules(s: &mut Section<'_>, report: &mut Report) -> Routine {
    let policies = MisfirePolicy::ALL.map(|policy| (policy.name(), policy));
    let routine = Routine {
        misfire: s.text_by(report, "misfire", |t| rule::one_of(t, &policies)),
        failure_threshold: number(s, report, "failure_threshold", MAX_THRESHOLD),
        success_threshold: number(s, report, "success_threshold", MAX_THRESHOLD),
        ..Routine::default()
    };
    let max_catch_up = s.field("max_catch_up");
    if let Some(field) = &max_catch_up
        && routine.misfire != Some(MisfirePolicy::All)
    {
        field.conflict(
            report,
            "is only for misfire = \"all\"; remove one of the two",
        );
    }
    Routine {
        max_catch_up: max_catch_up
            .and_then(|f| f.whole(report, 1, MAX_CATCH_UP))
            .and_then(|n| u32::try_from(n).ok()),
        ..routine
    }
}

fn number(s: &mut Section<'_>, report: &mut Report, key: &'static str, most: i64) -> Option<u32> {
    s.field(key)
        .and_then(|f| f.whole(report, 1, most))
        .and_then(|n| u32::try_from(n).ok())
}

/// The kind of that name; `ping` is what people call `icmp`.
fn kind_named(text: &str, kinds: &[(&str, RoutineKind)]) -> Result<RoutineKind, String> {
    rule::one_of(if text == "ping" { "icmp" } else { text }, kinds)
}

/// `expect`: one condition over the answer, or a list of them.
fn conditions(s: &mut Section<'_>, report: &mut Report, kind: Option<RoutineKind>) -> Vec<String> {
    let (Some(field), Some(kind)) = (s.field("expect"), kind) else {
        return Vec::new();
    };
    if scope::routine_types(kind).is_empty() {
        field.conflict(
            report,
            format!("a {} routine has no answer to check", kind.name()),
        );
        return Vec::new();
    }
    let fields: Vec<Field<'_>> = if field.value().is_array() {
        field.list(report).unwrap_or_default()
    } else {
        vec![field]
    };
    if let Some(field) = fields.get(MAX_CONDITIONS) {
        field.wrong(
            report,
            format!("is one condition too many; at most {MAX_CONDITIONS} fit"),
        );
    }
    fields
        .iter()
        .filter_map(|f| f.text_by(report, |text| condition(text, kind)))
        .collect()
}

/// A condition over the response, as in runbooks.
fn condition(text: &str, kind: RoutineKind) -> Result<String, String> {
    let text = rule::prose(text)?;
    let caret = |why: ExprError| format!("is no condition: {}", why.with_caret(&text));
    Expr::condition(&text, &scope::routine_types(kind)).map_err(caret)?;
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
    (every, cron.and_then(|f| f.text_by(report, schedule::cron)))
}
