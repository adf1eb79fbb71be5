//! Tables of named integrations, and every mistake in them.

use super::*;
use crate::config::settings::policy::secrets;
use crate::core::base::problem::Problem;
use crate::core::base::toml_doc::parse;

const SECRETS: &str = r#"
[secret.PG]
from = "env:PG"
hosts = ["db.acme.test"]
[secret.HOOK]
from = "env:HOOK"
[secret.PD]
from = "env:PD"
hosts = ["events.pagerduty.com"]
[secret.MAIL]
from = "env:MAIL"
hosts = ["smtp.acme.test"]
[secret.GITHUB]
from = "env:GITHUB_TOKEN"
hosts = ["api.github.com"]
"#;

fn read(text: &str) -> Result<Integrations, Vec<Problem>> {
    let text = format!("{SECRETS}{text}");
    let (table, mut report) = parse("opsroom.toml", &text);
    let mut root = Section::root(&table);
    let secrets = secrets(&mut root, &mut report);
    let found = integrations(&mut root, &mut report, &secrets, Path::new("/etc/ops"));
    root.close(&mut report);
    report.finish(found)
}

#[test]
fn declared_integrations_are_read() {
    let integrations = read(
        r#"
        [database.shop]
        url = "postgres://ana@db.acme.test/shop?sslmode=verify-full"
        password = { secret_ref = "PG" }
        [database.notes]
        url = "sqlite:notes.db"
        read_only = false
        [database.hidden]
        url = { secret_ref = "HOOK" }
        [notify.hook]
        kind = "webhook"
        url = "https://hooks.acme.test/in?x=1"
        key = { secret_ref = "HOOK" }
        [notify.chat]
        kind = "slack"
        url = { secret_ref = "HOOK" }
        [notify.duty]
        kind = "pagerduty"
        key = { secret_ref = "PD" }
        [notify.post]
        kind = "email"
        server = "smtp.acme.test"
        user = "ops"
        password = { secret_ref = "MAIL" }
        from = "opsroom <ops@acme.test>"
        to = ["ana@acme.test"]
        [adapter.github]
        token = { secret_ref = "GITHUB" }
        "#,
    )
    .unwrap();
    let shop = integrations.database("shop").unwrap();
    assert_eq!(
        (shop.password.as_deref(), shop.read_only),
        (Some("PG"), true)
    );
    let notes = integrations.database("notes").unwrap();
    assert_eq!(
        (notes.place.describe().as_str(), notes.read_only),
        ("sqlite:/etc/ops/notes.db", false)
    );
    assert_eq!(
        integrations.database("hidden").unwrap().place,
        DatabaseAddress::Secret("HOOK".to_owned())
    );
    let description = |name: &str| integrations.notifier(name).unwrap().way.describe();
    assert_eq!(description("hook"), "webhook https://hooks.acme.test/in");
    assert_eq!(description("chat"), "slack address in the secret HOOK");
    assert_eq!(
        description("duty"),
        "pagerduty https://events.pagerduty.com/v2/enqueue"
    );
    assert_eq!(
        description("post"),
        "e-mail to ana@acme.test through smtp.acme.test:587"
    );
    let github = integrations.account(Product::GitHub).unwrap();
    assert_eq!(
        (github.base_url.as_str(), github.per_minute),
        ("https://api.github.com", 60)
    );
    let names: Vec<String> = integrations.names().collect();
    assert!(
        names.contains(&"database.shop".to_owned()) && names.contains(&"adapter.github".to_owned())
    );
}

#[test]
fn every_mistake_is_reported_and_no_value_repeated() {
    for (text, wanted) in [
        (
            "[database.x]\nread_only = true",
            "database.x.url: is missing",
        ),
        (
            "[database.x]\nurl = \"postgres://a:hunter2@h/d\"",
            "database.x.url: holds a password",
        ),
        (
            "[database.x]\nurl = { secret_ref = \"NONE\" }",
            "the secret NONE is not declared",
        ),
        (
            "[database.x]\nurl = \"postgres://h/d\"\npassword = \"hunter2\"",
            "password: must be { secret_ref",
        ),
        (
            "[database.x]\nurl = \"postgres://other.test/d\"\npassword = { secret_ref = \"PG\" }",
            "may not be sent to other.test",
        ),
        (
            "[database.x]\nurl = \"sqlite:a\"\nreadonly = true",
            "did you mean `read_only`?",
        ),
        (
            "[notify.x]\nurl = \"https://a.test\"",
            "notify.x.kind: is missing",
        ),
        (
            "[notify.x]\nkind = \"slak\"\nurl = \"https://a.test\"",
            "slack",
        ),
        (
            "[notify.x]\nkind = \"webhook\"\nurl = \"https://a.test\"",
            "notify.x.key: is missing",
        ),
        (
            "[notify.x]\nkind = \"slack\"\nurl = \"ftp://a.test\"",
            "notify.x.url",
        ),
        (
            "[notify.x]\nkind = \"pagerduty\"\nkey = { secret_ref = \"HOOK\" }",
            "may not be sent to events.pagerduty.com",
        ),
        (
            "[notify.x]\nkind = \"email\"\nserver = \"a b\"\nfrom = \"a@b.test\"\nto = [\"c@d.test\"]",
            "is not a server",
        ),
        (
            "[notify.x]\nkind = \"email\"\nserver = \"h\"\nfrom = \"nobody\"\nto = [\"c@d.test\"]",
            "is not an e-mail address",
        ),
        (
            "[notify.x]\nkind = \"email\"\nserver = \"h\"\nfrom = \"a@b.test\"\nto = []",
            "has no address",
        ),
        (
            "[notify.x]\nkind = \"email\"\nserver = \"smtp.acme.test\"\ntls = \"none\"\nuser = \"u\"\n\
             password = { secret_ref = \"MAIL\" }\nfrom = \"a@b.test\"\nto = [\"c@d.test\"]",
            "not private",
        ),
        (
            "[adapter.gitlab]\ntoken = { secret_ref = \"GITHUB\" }",
            "is not a product",
        ),
        (
            "[adapter.github]\nper_minute = 5",
            "adapter.github.token: is missing",
        ),
        (
            "[adapter.github]\ntoken = { secret_ref = \"GITHUB\" }\nbase_url = \"https://ghe.test\"",
            "may not be sent to ghe.test",
        ),
        (
            "[adapter.github]\ntoken = { secret_ref = \"GITHUB\" }\nper_minute = 0",
            "too small",
        ),
    ] {
        let problems: Vec<String> = read(text)
            .unwrap_err()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(
            problems.iter().any(|p| p.contains(wanted)),
            "{text}\n{problems:#?}"
        );
        assert!(
            problems.iter().all(|p| !p.contains("hunter2")),
            "{problems:#?}"
        );
    }
}
