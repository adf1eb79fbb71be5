//! Writes a stack as a stack file: fixed order, without defaults, small groups on one line.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::action::{default_idempotent, default_timeout_ms};
use crate::core::base::text;
use crate::core::base::time::write_duration;
use crate::core::stack::maintenance::{Maintenance, MaintenanceMode, MonthDay};
use crate::core::stack::routine::{Check, MisfirePolicy, Routine, RoutineRequest};
use crate::core::stack::service::{
    Action, ActionCall, ApprovalRule, Contact, Contract, Cost, Environment, HttpRequest, Seats,
    Service, Sla, Stack, Tier,
};
use crate::core::stack::shell::ShellCommand;

/// Writes a stack so that [`read`](super::read) returns the same one.
#[must_use]
pub fn write(stack: &Stack) -> String {
    let mut out = Pairs::default();
    out.text("workspace", &stack.workspace);
    out.text("timezone", &stack.timezone);
    let mut file = out.lines();
    let mut add = |header: &str, pairs: Pairs| {
        // Writing to a String cannot fail.
        let _ = write!(file, "\n[[{header}]]\n{}", pairs.lines());
    };
    stack
        .environments
        .iter()
        .for_each(|e| add("environment", environment(e)));
    for s in &stack.services {
        add("service", service(s));
        s.actions
            .iter()
            .for_each(|a| add("service.action", action(a)));
    }
    stack
        .routines
        .iter()
        .for_each(|r| add("routine", routine(r)));
    stack
        .maintenance
        .iter()
        .for_each(|m| add("maintenance", maintenance(m)));
    stack
        .contacts
        .iter()
        .for_each(|c| add("contact", contact(c)));
    file
}

/// Writes a routine as a stack file has it.
#[must_use]
pub fn write_routine(r: &Routine) -> String {
    format!("[[routine]]\n{}", routine(r).lines())
}

fn environment(e: &Environment) -> Pairs {
    let mut out = Pairs::default();
    out.text("name", &e.name);
    out.list("aliases", &e.aliases);
    out.flag("protected", e.protected);
    out.group("approve", e.approve.as_ref().map(approve));
    out
}

fn approve(rule: &ApprovalRule) -> Pairs {
    let mut out = Pairs::default();
    out.number("need", Some(i64::from(rule.need)));
    out.list("from", &rule.from);
    out
}

fn service(s: &Service) -> Pairs {
    let mut out = Pairs::default();
    out.text("name", &s.name);
    out.list("aliases", &s.aliases);
    out.maybe("category", s.category.as_deref());
    match s.tier {
        Tier::Standard => {}
        Tier::Low => out.text("tier", "low"),
        Tier::Critical => out.text("tier", "critical"),
    }
    let texts = [
        ("status", &s.status),
        ("vendor", &s.vendor),
        ("owner", &s.owner),
        ("department", &s.department),
        ("channel", &s.channel),
        ("sensitivity", &s.sensitivity),
        ("auth_method", &s.auth_method),
        ("notes", &s.notes),
    ];
    for (key, value) in texts {
        out.maybe(key, value.as_deref());
    }
    out.list("environments", &s.environments);
    out.list("depends_on", &s.depends_on);
    out.map("links", &s.links);
    out.group("sla", s.sla.as_ref().map(sla));
    out.group("cost", s.cost.as_ref().map(cost));
    out.group("seats", s.seats.as_ref().map(seats));
    out.group("contract", s.contract.as_ref().map(contract));
    out.group("approve", s.approve.as_ref().map(approve));
    out
}

fn sla(s: &Sla) -> Pairs {
    let mut out = Pairs::default();
    // `{:?}` keeps the decimal point of a whole number, so that it stays a fraction.
    s.uptime_pct
        .iter()
        .for_each(|pct| out.raw("uptime_pct", format!("{pct:?}")));
    out.number("latency_ms", s.latency_ms);
    out.number("freshness_hours", s.freshness_hours);
    out
}

fn cost(c: &Cost) -> Pairs {
    let mut out = Pairs::default();
    out.number("annual_minor", Some(c.annual_minor));
    out.text("currency", &c.currency);
    out
}

fn seats(s: &Seats) -> Pairs {
    let mut out = Pairs::default();
    out.number("licensed", Some(s.licensed));
    out.number("active_30d", s.active_30d);
    out
}

fn contract(c: &Contract) -> Pairs {
    let mut out = Pairs::default();
    out.maybe("start", c.start.map(|d| d.to_string()).as_deref());
    out.number("months", c.months);
    out.maybe("renewal", c.renewal.map(|d| d.to_string()).as_deref());
    out.number("notice_days", c.notice_days);
    out.flag("auto_renewal", c.auto_renewal);
    out
}

fn action(a: &Action) -> Pairs {
    let mut out = Pairs::default();
    out.text("do", a.verb.name());
    out.list("env", &a.environments);
    match &a.call {
        ActionCall::Http(request) => out.group("http", Some(http(request))),
        ActionCall::Shell(command) => shell(&mut out, command),
    }
    out.list("secrets", &a.secrets);
    if a.timeout_ms != default_timeout_ms(a.verb) {
        out.text("timeout", &write_duration(a.timeout_ms));
    }
    if a.idempotent != default_idempotent(a.verb) {
        out.raw("idempotent", a.idempotent.to_string());
    }
    out
}

fn http(r: &HttpRequest) -> Pairs {
    let mut out = Pairs::default();
    out.text("method", &r.method);
    out.text("url", &r.url);
    out.headers(&r.headers, &r.secret_headers);
    out.group("auth", r.secret_ref.as_deref().map(secret_ref));
    out.maybe("body", r.body.as_deref());
    if !r.expect_status.is_empty() {
        let statuses: Vec<String> = r.expect_status.iter().map(u16::to_string).collect();
        out.raw("expect_status", format!("[{}]", statuses.join(", ")));
    }
    out.number("max_ms", r.max_ms);
    out.maybe("contains", r.contains.as_deref());
    out
}

fn routine(r: &Routine) -> Pairs {
    let mut out = Pairs::default();
    out.text("name", &r.name);
    out.maybe("service", r.service.as_deref());
    out.text("kind", r.kind().name());
    out.maybe("env", r.env.as_deref());
    out.duration("every", r.every_ms);
    out.maybe("cron", r.cron.as_deref());
    out.maybe("timezone", r.timezone.as_deref());
    out.duration("jitter", r.jitter_ms);
    check(&mut out, &r.check);
    match r.expect.as_slice() {
        [one] => out.text("expect", one),
        many => out.list("expect", many),
    }
    out.duration("timeout", r.timeout_ms);
    out.maybe("misfire", r.misfire.map(MisfirePolicy::name));
    out.number("max_catch_up", r.max_catch_up.map(i64::from));
    out.number("failure_threshold", r.failure_threshold.map(i64::from));
    out.number("success_threshold", r.success_threshold.map(i64::from));
    out
}

fn maintenance(m: &Maintenance) -> Pairs {
    let mut out = Pairs::default();
    out.text("name", &m.name);
    let days: Vec<String> = m.days.iter().map(|day| day.name().to_owned()).collect();
    out.list("days", &days);
    let monthly = |at: MonthDay| format!("{} {}", at.nth.name(), at.day.name());
    out.maybe("monthly", m.monthly.map(monthly).as_deref());
    out.text("from", &m.from);
    out.maybe("until", m.until.as_deref());
    out.duration("for", m.for_ms);
    out.maybe("timezone", m.timezone.as_deref());
    out.list("services", &m.services);
    out.list("environments", &m.environments);
    out.list("routines", &m.routines);
    if m.mode != MaintenanceMode::default() {
        out.text("mode", m.mode.name());
    }
    out.maybe("reason", m.reason.as_deref());
    out
}

fn check(out: &mut Pairs, check: &Check) {
    match check {
        Check::Http(_) | Check::Webhook(_) | Check::Collect(_) => {
            out.group("request", check.request().map(request));
        }
        Check::Tcp { address } => out.text("address", address),
        Check::Dns { host } | Check::Icmp { host } => out.text("host", host),
        Check::Tls {
            address,
            server_name,
            min_days,
        } => {
            out.text("address", address);
            out.maybe("server_name", server_name.as_deref());
            out.number("min_days", Some(*min_days));
        }
        Check::Shell { command, secrets } => {
            shell(out, command);
            out.list("secrets", secrets);
        }
        Check::Sql { database, query } => {
            out.text("database", database);
            out.text("query", query);
        }
        Check::Promql {
            url,
            query,
            secret_ref: secret,
        } => {
            out.text("url", url);
            out.text("query", query);
            out.group("auth", secret.as_deref().map(secret_ref));
        }
        Check::Unit { unit } => out.text("unit", unit),
        Check::Runbook(check) => {
            out.text("runbook", &check.runbook);
            out.map("inputs", &check.inputs);
            out.flag("unattended", check.unattended);
        }
        Check::Heartbeat { grace_ms } => out.duration("grace", Some(*grace_ms)),
        Check::Manual { task } => out.text("task", task),
    }
}

fn shell(out: &mut Pairs, command: &ShellCommand) {
    match command {
        ShellCommand::Script(text) => out.text("shell", text),
        ShellCommand::Argv(argv) => out.list("shell", argv),
    }
}

fn request(r: &RoutineRequest) -> Pairs {
    let mut out = Pairs::default();
    out.text("method", &r.method);
    out.text("url", &r.url);
    out.duration("timeout", r.timeout_ms);
    out.map("headers", &r.headers);
    out.group("auth", r.secret_ref.as_deref().map(secret_ref));
    out.maybe("body", r.body.as_deref());
    out
}

fn secret_ref(name: &str) -> Pairs {
    let mut out = Pairs::default();
    out.text("secret_ref", name);
    out
}

fn contact(c: &Contact) -> Pairs {
    let mut out = Pairs::default();
    out.text("name", &c.name);
    out.maybe("email", c.email.as_deref());
    out.maybe("phone", c.phone.as_deref());
    out
}

/// Keys and values in insertion order.
#[derive(Default)]
struct Pairs(Vec<(String, Value)>);

enum Value {
    /// Written as it is.
    Raw(String),
    /// Quoted when written: on its own line a long text may span several.
    Text(String),
}

impl Pairs {
    fn raw(&mut self, key: &str, value: String) {
        self.0.push((key.to_owned(), Value::Raw(value)));
    }

    fn text(&mut self, key: &str, value: &str) {
        self.0.push((key.to_owned(), Value::Text(value.to_owned())));
    }

    fn maybe(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    fn number(&mut self, key: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.raw(key, value.to_string());
        }
    }

    fn duration(&mut self, key: &str, ms: Option<i64>) {
        self.maybe(key, ms.map(write_duration).as_deref());
    }

    fn flag(&mut self, key: &str, value: bool) {
        if value {
            self.raw(key, "true".to_owned());
        }
    }

    fn list(&mut self, key: &str, values: &[String]) {
        if !values.is_empty() {
            let quoted: Vec<String> = values.iter().map(|v| quote(v)).collect();
            self.raw(key, format!("[{}]", quoted.join(", ")));
        }
    }

    fn map(&mut self, key: &str, values: &BTreeMap<String, String>) {
        if !values.is_empty() {
            let pairs = values
                .iter()
                .map(|(k, v)| (write_key(k), Value::Text(v.clone())))
                .collect();
            self.group(key, Some(Self(pairs)));
        }
    }

    /// Stored values are texts, secrets tables.
    fn headers(&mut self, stored: &BTreeMap<String, String>, secret: &BTreeMap<String, String>) {
        if secret.is_empty() {
            return self.map("headers", stored);
        }
        let texts = stored
            .iter()
            .map(|(k, v)| (write_key(k), Value::Text(v.clone())));
        let tables = secret
            .iter()
            .map(|(k, name)| (write_key(k), Value::Raw(secret_ref(name).inline())));
        self.group("headers", Some(Self(texts.chain(tables).collect())));
    }

    /// An empty group is still written, as it was in the file.
    fn group(&mut self, key: &str, pairs: Option<Self>) {
        if let Some(pairs) = pairs {
            self.raw(key, pairs.inline());
        }
    }

    fn inline(self) -> String {
        let one = |(key, value)| match value {
            Value::Raw(raw) => format!("{key} = {raw}"),
            Value::Text(text) => format!("{key} = {}", quote(&text)),
        };
        let pairs: Vec<String> = self.0.into_iter().map(one).collect();
        if pairs.is_empty() {
            "{}".to_owned()
        } else {
            format!("{{ {} }}", pairs.join(", "))
        }
    }

    fn lines(self) -> String {
        let one = |(key, value)| match value {
            Value::Raw(raw) => format!("{key} = {raw}\n"),
            Value::Text(text) if text.contains('\n') => format!("{key} = {}\n", quote_lines(&text)),
            Value::Text(text) => format!("{key} = {}\n", quote(&text)),
        };
        self.0.into_iter().map(one).collect()
    }
}

fn write_key(key: &str) -> String {
    let bare = !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if bare { key.to_owned() } else { quote(key) }
}

/// A basic string.
fn quote(text: &str) -> String {
    let inner: String = text
        .chars()
        .map(|c| {
            if c == '"' {
                "\\\"".to_owned()
            } else {
                escape(c)
            }
        })
        .collect();
    format!("\"{inner}\"")
}

/// A multi-line basic string; the line end after the opening quotes does not count.
fn quote_lines(text: &str) -> String {
    let mut inner = String::new();
    let mut quotes = 0;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        quotes = if c == '"' { quotes + 1 } else { 0 };
        match c {
            '\n' | '\t' => inner.push(c),
            // The third in a row, and one at the end, would be read as part of the closing quotes.
            '"' if quotes % 3 != 0 && rest.peek().is_some() => inner.push('"'),
            '"' => inner.push_str("\\\""),
            _ => inner.push_str(&escape(c)),
        }
    }
    format!("\"\"\"\n{inner}\"\"\"")
}

fn escape(c: char) -> String {
    match c {
        '\\' => "\\\\".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        c if text::is_unsafe(c) && u32::from(c) > 0xffff => format!("\\U{:08X}", u32::from(c)),
        c if text::is_unsafe(c) => format!("\\u{:04X}", u32::from(c)),
        c => c.to_string(),
    }
}
