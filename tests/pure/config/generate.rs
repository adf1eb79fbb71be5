//! Generates any stack that a file may hold.

use std::collections::BTreeMap;

use opsroom::core::stack::maintenance::{Maintenance, MaintenanceMode, MonthDay, Nth, Weekday};
use opsroom::core::stack::routine::{
    Check, MisfirePolicy, RequestCheck, Routine, RoutineRequest, RunbookCheck,
};
use opsroom::core::stack::service::{
    Action, ActionCall, ApprovalRule, Contact, Contract, Cost, Environment, HttpRequest, Seats,
    Service, Sla, Stack, Tier, Verb,
};
use opsroom::core::stack::shell::ShellCommand;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// A stack without mistakes. Names are numbered, so that none is used twice.
pub fn stack() -> impl Strategy<Value = Stack> {
    let counts = (0..4usize, 0..5usize, 0..4usize, 0..3usize);
    counts.prop_flat_map(|(environments, services, routines, contacts)| {
        let environment_names = names("env", environments);
        (
            Just(environment_names.clone()),
            Just(names("service", services)),
            numbered("routine", routines),
            numbered("contact", contacts),
            (
                name(),
                select(vec!["UTC", "Europe/Berlin", "Asia/Kathmandu"]),
            ),
        )
            .prop_flat_map(
                |(
                    environment_names,
                    service_names,
                    routine_names,
                    contact_names,
                    (workspace, timezone),
                )| {
                    let environments: Vec<_> = environment_names
                        .iter()
                        .map(|n| environment(n.clone()))
                        .collect();
                    let services: Vec<_> = service_names
                        .iter()
                        .map(|n| {
                            service(n.clone(), environment_names.clone(), service_names.clone())
                        })
                        .collect();
                    (
                        environments,
                        services,
                        Just(routine_names),
                        Just(contact_names),
                        Just(workspace),
                        Just(timezone),
                    )
                },
            )
            .prop_flat_map(
                |(environments, services, routine_names, contact_names, workspace, timezone)| {
                    let contacts: Vec<_> = contact_names.into_iter().map(contact).collect();
                    let windows = maintenance(&environments, &services, &routine_names);
                    let routines: Vec<_> = routine_names
                        .into_iter()
                        .map(|n| routine(n, environments.clone(), services.clone()))
                        .collect();
                    (
                        Just((workspace, timezone, environments, services)),
                        routines,
                        windows,
                        contacts,
                    )
                },
            )
            .prop_map(
                |(
                    (workspace, timezone, environments, services),
                    routines,
                    maintenance,
                    contacts,
                )| Stack {
                    workspace,
                    timezone: timezone.to_owned(),
                    environments,
                    services,
                    routines,
                    maintenance,
                    contacts,
                },
            )
    })
}

fn names(kind: &str, count: usize) -> Vec<String> {
    (1..=count).map(|n| format!("{kind} é\"{n}")).collect()
}

fn numbered(kind: &'static str, count: usize) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(name(), count).prop_map(move |tails| {
        tails
            .into_iter()
            .enumerate()
            .map(|(n, tail)| format!("{kind} {n} {tail}"))
            .collect()
    })
}

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9'\"\\\\äß日]([a-zA-Z0-9 _.'\"#-]{0,20}[a-z0-9])"
}

fn line() -> impl Strategy<Value = String> {
    "[ -~äß€👍]{0,30}[a-z\"'\\\\]"
}

fn prose() -> impl Strategy<Value = String> {
    "[ -~\n\tß\"\\\\]{0,60}[a-z\"'\\\\][\n\"]{0,4}"
}

fn mail() -> impl Strategy<Value = String> {
    "[a-z.+]{1,10}@[a-z]{1,8}\\.(test|example)"
}

/// Two aliases of its own at the most.
fn aliases(of: String) -> impl Strategy<Value = Vec<String>> {
    (0..3usize).prop_map(move |count| (0..count).map(|n| format!("{of}/{n}")).collect())
}

fn some_of(names: Vec<String>) -> impl Strategy<Value = Vec<String>> {
    let count = names.len();
    prop::sample::subsequence(names, 0..=count).prop_shuffle()
}

fn environment(name: String) -> impl Strategy<Value = Environment> {
    let parts = (aliases(name.clone()), any::<bool>(), of(approval()));
    parts.prop_map(move |(aliases, protected, approve)| Environment {
        name: name.clone(),
        aliases,
        protected,
        approve,
    })
}

/// As many people as are needed, or everyone.
fn approval() -> impl Strategy<Value = ApprovalRule> {
    (1..4u32, any::<bool>()).prop_map(|(need, named)| ApprovalRule {
        need,
        from: (0..need)
            .filter(|_| named)
            .map(|n| format!("person {n}"))
            .collect(),
    })
}

fn service(
    name: String,
    environments: Vec<String>,
    services: Vec<String>,
) -> impl Strategy<Value = Service> {
    let others: Vec<String> = services.into_iter().filter(|s| *s != name).collect();
    let labels = (
        of(line()),
        of(line()),
        of(line()),
        of(prop_oneof![mail(), "[a-z ]{0,9}x"]),
        of(line()),
    );
    let more = (of(line()), of(line()), of(line()), of(prose()));
    let groups = (
        of(sla()),
        of(cost()),
        of(seats()),
        of(contract()),
        of(approval()),
    );
    let links = prop::collection::btree_map(
        name_of_link(),
        prop_oneof![
            "[a-z]{1,5}/[a-z]{1,5}",
            Just("https://x.test/a?b=c#d".to_owned())
        ],
        0..3,
    );
    let tier = select(vec![Tier::Low, Tier::Standard, Tier::Critical]);
    (
        aliases(name.clone()),
        tier,
        labels,
        more,
        some_of(environments.clone()),
        some_of(others),
        links,
        groups,
    )
        .prop_flat_map(
            move |(aliases, tier, labels, more, runs_in, depends_on, links, groups)| {
                let (category, status, vendor, owner, department) = labels;
                let (channel, sensitivity, auth_method, notes) = more;
                let (sla, cost, seats, contract, approve) = groups;
                let places = if runs_in.is_empty() {
                    environments.clone()
                } else {
                    runs_in.clone()
                };
                let service = Service {
                    name: name.clone(),
                    aliases,
                    category,
                    tier,
                    status,
                    vendor,
                    owner,
                    department,
                    channel,
                    sensitivity,
                    auth_method,
                    notes,
                    environments: runs_in,
                    depends_on,
                    links,
                    sla,
                    cost,
                    seats,
                    contract,
                    approve,
                    actions: Vec::new(),
                };
                actions(places).prop_map(move |actions| Service {
                    actions,
                    ..service.clone()
                })
            },
        )
}

fn name_of_link() -> impl Strategy<Value = String> {
    "[a-z][a-zA-Z0-9 ._\"-]{0,8}[a-z]"
}

fn sla() -> impl Strategy<Value = Sla> {
    (of(0.0..=100.0f64), of(1..10_000i64), of(1..1000i64)).prop_map(
        |(uptime_pct, latency_ms, freshness_hours)| Sla {
            uptime_pct,
            latency_ms,
            freshness_hours,
        },
    )
}

fn cost() -> impl Strategy<Value = Cost> {
    (0..=i64::MAX, "[A-Z]{3}").prop_map(|(annual_minor, currency)| Cost {
        annual_minor,
        currency,
    })
}

fn seats() -> impl Strategy<Value = Seats> {
    (0..1_000_000i64, of(0..1_000_000i64)).prop_map(|(licensed, active_30d)| Seats {
        licensed,
        active_30d,
    })
}

fn contract() -> impl Strategy<Value = Contract> {
    let days = |from: i32| {
        (0..3000i32).prop_map(move |n| chrono::NaiveDate::from_num_days_from_ce_opt(from + n))
    };
    // Starts lie in years 1995 to 2003, renewals in the eight years after those.
    (
        any::<(bool, bool, bool)>(),
        days(728_500),
        of(1..100i64),
        days(732_000),
        of(0..400i64),
    )
        .prop_map(
            |((has_start, has_renewal, auto_renewal), start, months, renewal, notice_days)| {
                Contract {
                    start: start.filter(|_| has_start),
                    months,
                    renewal: renewal.filter(|_| has_renewal),
                    notice_days,
                    auto_renewal,
                }
            },
        )
}

/// At most one general action per verb, and one for a single place.
fn actions(places: Vec<String>) -> impl Strategy<Value = Vec<Action>> {
    let one = (any::<[bool; 2]>(), any::<Index>(), [action(), action()]);
    prop::collection::vec(one, Verb::ALL.len()).prop_map(move |plans| {
        let mut actions = Vec::new();
        for (verb, ([general, narrow], place, [first, second])) in Verb::ALL.into_iter().zip(plans)
        {
            if general {
                actions.push(Action { verb, ..first });
            }
            if narrow && !places.is_empty() {
                actions.push(Action {
                    verb,
                    environments: vec![places[place.index(places.len())].clone()],
                    ..second
                });
            }
        }
        actions
    })
}

fn action() -> impl Strategy<Value = Action> {
    let call = prop_oneof![
        http().prop_map(ActionCall::Http),
        prose()
            .prop_filter("placeholders", |t| !t.contains('{'))
            .prop_map(|t| ActionCall::Shell(ShellCommand::Script(t))),
        prop::collection::vec("[a-z /\"'\\\\$-]{0,9}x", 1..4)
            .prop_map(|v| ActionCall::Shell(ShellCommand::Argv(v))),
    ];
    let secrets = prop::collection::btree_set("[A-Z]{1,3}", 0..3);
    (call, 1..1_000_000_000i64 / 2, any::<bool>(), secrets).prop_map(
        |(call, timeout_ms, idempotent, secrets)| Action {
            verb: Verb::Probe,
            environments: Vec::new(),
            secrets: if matches!(call, ActionCall::Shell(_)) {
                secrets.into_iter().collect()
            } else {
                Vec::new()
            },
            call,
            timeout_ms,
            idempotent,
        },
    )
}

fn http() -> impl Strategy<Value = HttpRequest> {
    let url = select(vec![
        "http://127.0.0.1:8080/",
        "https://{env}.x.test/{service}?v={inputs.version}",
        "http://[::1]/",
    ]);
    let body = select(vec![
        "",
        "{}",
        "{\"a\": \"{inputs.a}\", \"b\": {\"c\": 1}}",
        "a\r\nb\u{7f}\u{1}",
    ]);
    let secret_headers =
        prop::collection::btree_map("y-[a-z!#$.]{1,8}|X-Api-Key", "[A-Z_]{1,9}", 0..3);
    let secrets = (of("[A-Z_]{1,9}"), secret_headers);
    let rest = (
        of(body),
        prop::collection::vec(100..=599u16, 0..3),
        of(1..10_000i64),
        of(line()),
    );
    (method(), url, headers(), secrets, rest).prop_map(
        |(
            method,
            url,
            headers,
            (secret_ref, secret_headers),
            (body, expect_status, max_ms, contains),
        )| HttpRequest {
            secret_ref,
            secret_headers,
            method,
            url: url.to_owned(),
            headers,
            body: body.map(str::to_owned),
            expect_status,
            max_ms,
            contains,
        },
    )
}

fn method() -> impl Strategy<Value = String> {
    select(vec![
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS",
    ])
    .prop_map(str::to_owned)
}

fn headers() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map("x-[a-z!#$.]{1,8}", "[ -~ß\t]{0,20}", 0..3).prop_filter(
        "kept for proxies",
        |map| {
            !map.keys()
                .any(|k| k.starts_with("x-forwarded-") || k == "x-real-ip")
        },
    )
}

fn routine(
    name: String,
    environments: Vec<Environment>,
    services: Vec<Service>,
) -> impl Strategy<Value = Routine> {
    let when = prop_oneof![
        (10_000..1_000_000_000i64).prop_map(|ms| (Some(ms), None)),
        select(vec!["30 2 * * *", "*/5 * * * 1-5", "@hourly"])
            .prop_map(|cron| (None, Some(cron.to_owned()))),
    ];
    let request = (
        method(),
        of(1..100_000i64),
        headers(),
        of("[A-Z_][A-Z0-9_.-]{0,9}"),
        of(prose()),
    )
        .prop_map(
            |(method, timeout_ms, headers, secret_ref, body)| RoutineRequest {
                method,
                url: "https://x.test/health?a=%20".to_owned(),
                timeout_ms,
                headers,
                secret_ref,
                body,
            },
        );
    let check = check(request);
    let zone = of(select(vec!["UTC", "America/New_York"]));
    (
        when,
        check,
        rules(),
        zone,
        any::<(bool, bool, Index, Index)>(),
    )
        .prop_map(
            move |(
                (every_ms, cron),
                (check, expect),
                rules,
                zone,
                (has_service, has_env, service, env),
            )| {
                let service = services
                    .get(service.index(services.len().max(1)))
                    .filter(|_| has_service);
                let all: Vec<String> = environments.iter().map(|e| e.name.clone()).collect();
                let places = service
                    .map(|s| &s.environments)
                    .filter(|e| !e.is_empty())
                    .unwrap_or(&all);
                let timeout = |_: &i64| !matches!(check, Check::Runbook(_));
                Routine {
                    timeout_ms: rules.timeout_ms.filter(timeout),
                    name: name.clone(),
                    service: service.map(|s| s.name.clone()),
                    env: places
                        .get(env.index(places.len().max(1)))
                        .filter(|_| has_env)
                        .cloned(),
                    every_ms,
                    cron,
                    timezone: zone.map(str::to_owned),
                    check,
                    expect,
                    ..rules.clone()
                }
            },
        )
}

/// A check with conditions that fit its kind.
fn check(
    request: impl Strategy<Value = RoutineRequest> + 'static,
) -> impl Strategy<Value = (Check, Vec<String>)> {
    let of_request = (request, 0..3usize, 0..3usize).prop_map(|(request, kind, conditions)| {
        let check = RequestCheck {
            request: Some(request),
        };
        let check = match kind {
            0 => Check::Http(check),
            1 => Check::Webhook(check),
            _ => Check::Collect(check),
        };
        let all = [
            "response.status == 200 && response.duration_ms < 800",
            "response.body.items[0].age_hours < 26\n  || env == \"dev\"",
        ];
        (
            check,
            all[..conditions].iter().map(|&c| c.to_owned()).collect(),
        )
    });
    let text = |t: &str| t.to_owned();
    let others = select(vec![
        Check::Tcp {
            address: text("[::1]:5432"),
        },
        Check::Dns {
            host: text("acme.test"),
        },
        Check::Icmp {
            host: text("[::1]"),
        },
        Check::Tls {
            address: text("acme.test:443"),
            server_name: Some(text("www.acme.test")),
            min_days: 30,
        },
        Check::Shell {
            command: ShellCommand::Argv(vec![text("df"), text("-h")]),
            secrets: vec![text("TOKEN")],
        },
        Check::Shell {
            command: ShellCommand::Script(text("test -e /tmp\n")),
            secrets: Vec::new(),
        },
        Check::Sql {
            database: text("shop"),
            query: text("select 1"),
        },
        Check::Promql {
            url: text("http://prom.test:9090"),
            query: text("up == 0"),
            secret_ref: Some(text("PROM")),
        },
        Check::Unit {
            unit: text("nginx.service"),
        },
        Check::Runbook(RunbookCheck {
            runbook: text("backup"),
            inputs: [(text("keep days"), text("7"))].into(),
            unattended: true,
        }),
        Check::Heartbeat { grace_ms: 60_000 },
        Check::Manual {
            task: text("Rotate the key\nof the vault"),
        },
    ])
    .prop_map(|check| (check, Vec::new()));
    prop_oneof![of_request, others]
}

/// Thresholds, deadline and what happens with missed slots.
fn rules() -> impl Strategy<Value = Routine> {
    let misfire = of(select(MisfirePolicy::ALL.to_vec()));
    let numbers = (of(1..100u32), of(1..100u32), of(1..100u32));
    let times = (of(1..100_000i64), of(1..5000i64));
    (misfire, numbers, times).prop_map(
        |(misfire, (catch_up, failures, successes), (timeout_ms, jitter_ms))| Routine {
            misfire,
            max_catch_up: catch_up.filter(|_| misfire == Some(MisfirePolicy::All)),
            failure_threshold: failures,
            success_threshold: successes,
            timeout_ms,
            jitter_ms,
            ..Routine::default()
        },
    )
}

/// Up to two windows, about some of what is declared.
fn maintenance(
    environments: &[Environment],
    services: &[Service],
    routines: &[String],
) -> impl Strategy<Value = Vec<Maintenance>> + use<> {
    let environments: Vec<String> = environments.iter().map(|e| e.name.clone()).collect();
    let services: Vec<String> = services.iter().map(|s| s.name.clone()).collect();
    let scope = (
        some_of(environments),
        some_of(services),
        some_of(routines.to_vec()),
    );
    let times = (0..4usize, 0..720u32, 720..1440u32, 60_000..600_000_000i64).prop_map(
        move |(kind, from, until, ms)| {
            let once = kind < 2;
            Maintenance {
                days: if kind == 2 {
                    vec![Weekday::Sunday, Weekday::Monday]
                } else {
                    Vec::new()
                },
                monthly: (kind == 3).then_some(MonthDay {
                    nth: Nth::Last,
                    day: Weekday::Friday,
                }),
                from: if once { on("05", from) } else { text(from) },
                until: (from % 2 == 0).then(|| if once { on("07", until) } else { text(until) }),
                for_ms: (from % 2 == 1).then_some(ms),
                ..Maintenance::default()
            }
        },
    );
    let rest = (
        of(select(vec!["UTC", "America/New_York"])),
        select(MaintenanceMode::ALL.to_vec()),
        of(line()),
    );
    let one = (scope, times, rest).prop_map(
        |((environments, services, routines), times, (timezone, mode, reason))| Maintenance {
            timezone: timezone.map(str::to_owned),
            environments,
            services,
            routines,
            mode,
            reason,
            ..times
        },
    );
    prop::collection::vec(one, 0..3).prop_map(|all| {
        let named = all.into_iter().enumerate().map(|(n, one)| Maintenance {
            name: format!("window {n}"),
            ..one
        });
        named.collect()
    })
}

fn text(minute: u32) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

fn on(day: &str, minute: u32) -> String {
    format!("2026-12-{day} {}", text(minute))
}

fn contact(name: String) -> impl Strategy<Value = Contact> {
    (of(mail()), of("\\+[0-9]{3,12}")).prop_map(move |(email, phone)| Contact {
        name: name.clone(),
        email,
        phone,
    })
}
