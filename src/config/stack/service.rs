//! One `[[service]]`.

use std::collections::BTreeMap;

use super::action;
use super::names::Names;
use crate::config::rule;
use crate::core::base::toml_doc::{Field, Report, Section, quoted};
use crate::core::stack::service::{Contract, Cost, Seats, Service, Sla, Tier};

const TIERS: [(&str, Tier); 3] = [
    ("low", Tier::Low),
    ("standard", Tier::Standard),
    ("critical", Tier::Critical),
];
const MAX_COUNT: i64 = 1_000_000_000;
/// Maximum latency: a day, in milliseconds.
const MAX_LATENCY_MS: i64 = 86_400_000;
const MAX_MONTHS: i64 = 1200;
const MAX_DAYS: i64 = 36_500;
const MAX_HOURS: i64 = 24 * 366;

pub(super) fn read(
    mut s: Section<'_>,
    report: &mut Report,
    environments: &Names,
    services: &Names,
) -> Service {
    let name = super::name(&mut s, report);
    let runs_in = s
        .field("environments")
        .and_then(|f| f.list(report))
        .unwrap_or_default();
    let depends_on = s
        .field("depends_on")
        .and_then(|f| f.list(report))
        .unwrap_or_default();
    let mut service = Service {
        aliases: super::aliases(&mut s, report),
        category: s.text_by(report, "category", rule::line),
        tier: s
            .text_by(report, "tier", |t| rule::one_of(t, &TIERS))
            .unwrap_or_default(),
        status: s.text_by(report, "status", rule::line),
        vendor: s.text_by(report, "vendor", rule::line),
        owner: s.text_by(report, "owner", rule::person),
        department: s.text_by(report, "department", rule::line),
        channel: s.text_by(report, "channel", rule::line),
        sensitivity: s.text_by(report, "sensitivity", rule::line),
        auth_method: s.text_by(report, "auth_method", rule::line),
        notes: s.text_by(report, "notes", rule::prose),
        environments: environments.resolve_list(report, &runs_in),
        depends_on: dependencies(report, &depends_on, services, &name),
        links: table(&mut s, report, "links")
            .map(|t| links(&t, report))
            .unwrap_or_default(),
        sla: table(&mut s, report, "sla").map(|t| sla(t, report)),
        cost: table(&mut s, report, "cost").and_then(|t| cost(t, report)),
        seats: table(&mut s, report, "seats").and_then(|t| seats(t, report)),
        contract: table(&mut s, report, "contract").map(|t| contract(t, report)),
        approve: super::approve::read(&mut s, report),
        name,
        actions: Vec::new(),
    };
    service.actions = action::read_all(&mut s, report, environments, &service.environments);
    s.close(report);
    service
}

fn dependencies(
    report: &mut Report,
    list: &[Field<'_>],
    services: &Names,
    own: &str,
) -> Vec<String> {
    let names = services.resolve_list(report, list);
    if let Some(field) = list.iter().find(|f| f.value().as_str() == Some(own)) {
        field.wrong(
            report,
            format!("{} cannot depend on itself; remove it", quoted(own)),
        );
    }
    names
}

fn table<'t>(s: &mut Section<'t>, report: &mut Report, key: &'static str) -> Option<Section<'t>> {
    s.field(key)?.table(report)
}

fn links(t: &Section<'_>, report: &mut Report) -> BTreeMap<String, String> {
    let mut links = BTreeMap::new();
    for (key, field) in t.entries() {
        let key = field.accept(report, rule::name(key));
        let value = field.text_by(report, rule::web::link);
        links.extend(key.zip(value));
    }
    links
}

fn sla(mut t: Section<'_>, report: &mut Report) -> Sla {
    let sla = Sla {
        uptime_pct: t.field("uptime_pct").and_then(|f| {
            let pct = f.number(report)?;
            let inside = (0.0..=100.0).contains(&pct);
            f.accept(
                report,
                if inside {
                    Ok(pct)
                } else {
                    Err(format!("{pct} is not a percentage; 0 to 100 is possible"))
                },
            )
        }),
        latency_ms: t
            .field("latency_ms")
            .and_then(|f| f.whole(report, 1, MAX_LATENCY_MS)),
        freshness_hours: t
            .field("freshness_hours")
            .and_then(|f| f.whole(report, 1, MAX_HOURS)),
    };
    t.close(report);
    sla
}

fn cost(mut t: Section<'_>, report: &mut Report) -> Option<Cost> {
    let annual = t.required(report, "annual_minor", "4200000 (cents a year)");
    let annual = annual.and_then(|f| f.whole(report, 0, i64::MAX));
    let currency = t
        .required(report, "currency", "\"EUR\"")
        .and_then(|f| f.text_by(report, rule::currency));
    t.close(report);
    Some(Cost {
        annual_minor: annual?,
        currency: currency?,
    })
}

fn seats(mut t: Section<'_>, report: &mut Report) -> Option<Seats> {
    let licensed = t
        .required(report, "licensed", "60")
        .and_then(|f| f.whole(report, 0, MAX_COUNT));
    let active_30d = t
        .field("active_30d")
        .and_then(|f| f.whole(report, 0, MAX_COUNT));
    t.close(report);
    Some(Seats {
        licensed: licensed?,
        active_30d,
    })
}

fn contract(mut t: Section<'_>, report: &mut Report) -> Contract {
    let start = t.field("start").and_then(|f| date(report, &f));
    let months = t
        .field("months")
        .and_then(|f| f.whole(report, 1, MAX_MONTHS));
    let renewal_field = t.field("renewal");
    let renewal = renewal_field.as_ref().and_then(|f| date(report, f));
    if let (Some(field), Some(start), Some(end)) = (renewal_field, start, renewal)
        && end <= start
    {
        field.wrong(
            report,
            format!("{end} is not after the start {start}; correct one of them"),
        );
    }
    let contract = Contract {
        start,
        months,
        renewal,
        notice_days: t
            .field("notice_days")
            .and_then(|f| f.whole(report, 0, MAX_DAYS)),
        auto_renewal: t
            .field("auto_renewal")
            .and_then(|f| f.boolean(report))
            .unwrap_or_default(),
    };
    t.close(report);
    contract
}

/// A date in quotes, or a TOML date.
fn date(report: &mut Report, field: &Field<'_>) -> Option<chrono::NaiveDate> {
    match field.value().as_datetime() {
        Some(own) => field.accept(report, rule::date(&own.to_string())),
        None => field.text_by(report, rule::date),
    }
}
