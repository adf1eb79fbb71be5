//! `[database.NAME]`, `[notify.NAME]` and `[adapter.NAME]`: integrations that runbooks may name.
//! Their secrets must be declared, with the hosts they are sent to.

use std::path::Path;

use crate::config::rule;
use crate::core::base::secret::Secret;
use crate::core::base::toml_doc::{Field, Report, Section};
use crate::core::integration::notify::{
    Address, Channel, Discord, Email, Kind, Notifier, PagerDuty, Slack, Tls, Webhook,
};
use crate::core::integration::product::{Account, PER_MINUTE, Product};
use crate::core::integration::{Database, DatabaseAddress, Integrations};

/// Maximum of every setting in requests a minute.
pub(super) const MOST_PER_MINUTE: i64 = 6_000;

/// Reads all three kinds of tables. Relative paths are relative to `folder`.
pub(super) fn integrations(
    root: &mut Section<'_>,
    report: &mut Report,
    secrets: &[Secret],
    folder: &Path,
) -> Integrations {
    let known = Known { secrets };
    let mut integrations = Integrations::default();
    each(root, report, "database", |name, table, report| {
        integrations
            .databases
            .extend(database(name, table, report, &known, folder));
    });
    each(root, report, "notify", |name, table, report| {
        integrations
            .notifiers
            .extend(notifier(table, report, &known).map(|way| Notifier { name, way }));
    });
    each(root, report, "adapter", |name, table, report| {
        let Some(product) = Product::from_name(&name) else {
            let products = Product::NAMES.join(", ");
            report.wrong(
                table.at,
                table.path().to_owned(),
                format!("is not a product; known are {products}"),
            );
            return;
        };
        integrations
            .accounts
            .extend(account(product, table, report, &known));
    });
    integrations
}

/// Reads every table of a kind, with its name.
fn each<'t>(
    root: &mut Section<'t>,
    report: &mut Report,
    kind: &'static str,
    mut read: impl FnMut(String, Section<'t>, &mut Report),
) {
    let Some(tables) = root.field(kind).and_then(|field| field.table(report)) else {
        return;
    };
    for (name, field) in tables.entries() {
        let name = field.accept(report, rule::name(name));
        if let Some((name, table)) = name.zip(field.table(report)) {
            read(name, table, report);
        }
    }
}

fn database(
    name: String,
    mut table: Section<'_>,
    report: &mut Report,
    known: &Known<'_>,
    folder: &Path,
) -> Option<Database> {
    let url = table.required(
        report,
        "url",
        "\"postgres://USER@HOST/DATABASE\" or { secret_ref = \"NAME\" }",
    );
    let place = url.and_then(|field| match field.value().as_table() {
        Some(_) => known.secret(&field, report).map(DatabaseAddress::Secret),
        None => field.text_by(report, DatabaseAddress::parse),
    });
    let password = table
        .field("password")
        .and_then(|field| known.secret(&field, report));
    let read_only = table
        .field("read_only")
        .and_then(|field| field.boolean(report))
        .unwrap_or(true);
    if let (Some(name), Some(DatabaseAddress::Postgres(url))) = (&password, &place) {
        known.may_go(&table, report, "password", name, url, 5432);
    }
    table.close(report);
    Some(Database {
        name,
        place: beside(place?, folder),
        password,
        read_only,
    })
}

fn beside(place: DatabaseAddress, folder: &Path) -> DatabaseAddress {
    match place {
        DatabaseAddress::Sqlite(path) => {
            DatabaseAddress::Sqlite(folder.join(path).display().to_string())
        }
        other => other,
    }
}

fn notifier(mut table: Section<'_>, report: &mut Report, known: &Known<'_>) -> Option<Channel> {
    let kind = table
        .required(
            report,
            "kind",
            &format!("one of {}", Kind::WORDS.map(|(word, _)| word).join(", ")),
        )
        .and_then(|field| field.text_by(report, |text| rule::one_of(text, &Kind::WORDS)))?;
    let way = match kind {
        Kind::Webhook => {
            let url = address(&mut table, report, known);
            let key = table.required(
                report,
                "key",
                "{ secret_ref = \"NAME\" }, which it is signed with",
            );
            let key = key.and_then(|field| known.secret(&field, report));
            url.zip(key)
                .map(|(url, key)| Channel::Webhook(Webhook { url, key }))
        }
        Kind::Slack => address(&mut table, report, known).map(|url| Channel::Slack(Slack { url })),
        Kind::Discord => {
            address(&mut table, report, known).map(|url| Channel::Discord(Discord { url }))
        }
        Kind::PagerDuty => {
            let url = table
                .field("url")
                .map(|field| field.text_by(report, rule::web::url));
            let url = url.unwrap_or_else(|| Some(PagerDuty::EVENTS.to_owned()))?;
            let key = table.required(
                report,
                "key",
                "{ secret_ref = \"NAME\" }, the integration's key",
            );
            let key = key.and_then(|field| known.secret(&field, report))?;
            known.may_go(&table, report, "key", &key, &url, 443);
            Some(Channel::PagerDuty(PagerDuty { url, key }))
        }
        Kind::Email => email(&mut table, report, known).map(Channel::Email),
    };
    table.close(report);
    way
}

fn address(table: &mut Section<'_>, report: &mut Report, known: &Known<'_>) -> Option<Address> {
    let field = table.required(report, "url", "\"https://…\" or { secret_ref = \"NAME\" }")?;
    match field.value().as_table() {
        Some(_) => known.secret(&field, report).map(Address::Secret),
        None => field.text_by(report, rule::web::url).map(Address::Url),
    }
}

fn email(table: &mut Section<'_>, report: &mut Report, known: &Known<'_>) -> Option<Email> {
    let tls = table
        .text_by(report, "tls", |text| rule::one_of(text, &Tls::WORDS))
        .unwrap_or(Tls::Starttls);
    let server = table.required(report, "server", "\"smtp.example.com\"");
    let server =
        server.and_then(|field| field.text_by(report, |text| host_and_port(text, tls.port())));
    let user = table.text_by(report, "user", rule::line);
    let secret = table.field("password");
    let password = secret
        .as_ref()
        .and_then(|field| known.secret(field, report));
    let from = table
        .required(report, "from", "\"ops@example.com\"")
        .and_then(|f| f.text_by(report, mailbox));
    let to = table
        .required(report, "to", "[\"ops@example.com\"]")
        .and_then(|field| {
            let list = field.list(report)?;
            let all: Vec<String> = list
                .iter()
                .filter_map(|e| e.text_by(report, mailbox))
                .collect();
            if all.is_empty() {
                field.wrong(report, "has no address");
            }
            Some(all)
        });
    if let Some(field) = &secret {
        if user.is_none() {
            field.conflict(report, "has no user; add user = \"…\"");
        }
        if tls == Tls::None {
            field.conflict(
                report,
                "would be sent over a connection that is not private; remove tls = \"none\"",
            );
        }
    }
    let (server, port) = server?;
    if let Some(name) = &password {
        known.may_go(
            table,
            report,
            "password",
            name,
            &format!("smtp://{server}:{port}"),
            port,
        );
    }
    Some(Email {
        server,
        port,
        tls,
        user,
        password,
        from: from?,
        to: to?,
    })
}

/// `smtp.example.com`, `smtp.example.com:2525`, `[::1]:25`.
fn host_and_port(text: &str, usual: u16) -> Result<(String, u16), String> {
    let wrong =
        || "is not a server; write \"smtp.example.com\" or \"smtp.example.com:2525\"".to_owned();
    let url = url::Url::parse(&format!("smtp://{text}")).map_err(|_| wrong())?;
    let host = url
        .host_str()
        .filter(|host| !host.is_empty())
        .ok_or_else(wrong)?;
    let bare = url.path().is_empty()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty();
    if !bare || url.password().is_some() {
        return Err(wrong());
    }
    Ok((host.to_owned(), url.port().unwrap_or(usual)))
}

/// `ana@example.com` or `Ana <ana@example.com>`; the mail library reads it again when it is used.
fn mailbox(text: &str) -> Result<String, String> {
    let address = text
        .split_once('<')
        .map_or(text, |(_, rest)| rest.strip_suffix('>').unwrap_or(rest));
    rule::email(address)?;
    rule::line(text)
}

fn account(
    product: Product,
    mut table: Section<'_>,
    report: &mut Report,
    known: &Known<'_>,
) -> Option<Account> {
    let token = table.required(report, "token", "{ secret_ref = \"NAME\" }");
    let token = token.and_then(|field| known.secret(&field, report));
    let base_url = table
        .field("base_url")
        .map(|field| field.text_by(report, rule::web::url));
    let base_url = base_url.unwrap_or_else(|| Some(product.base_url().to_owned()));
    let per_minute = table
        .field("per_minute")
        .and_then(|field| field.whole(report, 1, MOST_PER_MINUTE));
    let per_minute = per_minute
        .and_then(|n| u32::try_from(n).ok())
        .unwrap_or(PER_MINUTE);
    let (token, base_url) = token.zip(base_url)?;
    known.may_go(&table, report, "token", &token, &base_url, 443);
    table.close(report);
    Some(Account {
        product,
        base_url: base_url.trim_end_matches('/').to_owned(),
        token,
        per_minute,
    })
}

/// The declared secrets.
struct Known<'s> {
    secrets: &'s [Secret],
}

impl Known<'_> {
    /// `{ secret_ref = "NAME" }` and nothing else.
    fn secret(&self, field: &Field<'_>, report: &mut Report) -> Option<String> {
        if field.value().as_table().is_none() {
            field.wrong(
                report,
                "must be { secret_ref = \"NAME\" }; never write the value here",
            );
            return None;
        }
        let mut table = field.table(report)?;
        let name = table.required(report, "secret_ref", "\"NAME\"");
        let name = name.and_then(|name| name.text_by(report, rule::secret_ref));
        table.close(report);
        let name = name?;
        if self.secrets.iter().all(|s| s.name != name) {
            field.conflict(
                report,
                format!(
                    "the secret {name} is not declared; add [secret.{name}] with from = \"env:…\""
                ),
            );
        }
        Some(name)
    }

    /// Checks whether a secret may be sent to a host; a problem is reported at the key with the
    /// secret.
    fn may_go(
        &self,
        table: &Section<'_>,
        report: &mut Report,
        key: &str,
        name: &str,
        url: &str,
        port: u16,
    ) {
        let Some(secret) = self.secrets.iter().find(|s| s.name == name) else {
            return;
        };
        let Ok(url) = url::Url::parse(url) else {
            return;
        };
        let (host, port) = (
            url.host_str().unwrap_or("localhost"),
            url.port_or_known_default().unwrap_or(port),
        );
        if !secret
            .hosts
            .iter()
            .any(|pattern| pattern.matches(host, port))
        {
            let message = format!(
                "the secret {name} may not be sent to {host}; add \"{host}\" to hosts of [secret.{name}]"
            );
            report.conflict(table.at, table.key(key), message);
        }
    }
}

#[cfg(test)]
mod tests;
