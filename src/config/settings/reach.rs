//! `[secret.NAME]` and `[outbound]`: where secret values are and where calls may go.

use crate::config::rule;
use crate::config::toml_doc::{Field, Report, Section};
use crate::core::outbound::{Allowed, Policy};
use crate::core::secret::{HostPattern, Secret, Source, variable};

/// All `[secret.NAME]` tables.
pub(super) fn secrets(root: &mut Section<'_>, report: &mut Report) -> Vec<Secret> {
    let Some(tables) = root.field("secret").and_then(|field| field.table(report)) else { return Vec::new() };
    let mut found: Vec<Secret> = Vec::new();
    for (name, field) in tables.entries() {
        let name = field.judge(report, rule::secret_ref(name));
        let secret = field.table(report).and_then(|table| secret(table, report));
        let Some((name, secret)) = name.zip(secret) else { continue };
        if let Some(other) = found.iter().find(|other| variable(&other.name) == variable(&name)) {
            let (other, variable) = (&other.name, variable(&name));
            field.conflict(
                report,
                format!("would be the same variable as {other} in shell actions, {variable}; rename one"),
            );
        }
        found.push(Secret { name, ..secret });
    }
    found
}

fn secret(mut table: Section<'_>, report: &mut Report) -> Option<Secret> {
    let source = table.required(report, "from", "\"env:NAME\"").and_then(|f| f.text_by(report, Source::parse));
    let hosts = list(table.field("hosts"), report, HostPattern::parse);
    table.close(report);
    Some(Secret { name: String::new(), source: source?, hosts })
}

/// The `[outbound]` table.
pub(super) fn outbound(root: &mut Section<'_>, report: &mut Report) -> Policy {
    let Some(mut table) = root.field("outbound").and_then(|field| field.table(report)) else {
        return Policy::default();
    };
    let allow = list(table.field("allow"), report, Allowed::parse);
    table.close(report);
    Policy::new(allow)
}

fn list<T>(field: Option<Field<'_>>, report: &mut Report, rule: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
    let elements = field.and_then(|field| field.list(report)).unwrap_or_default();
    elements.iter().filter_map(|element| element.text_by(report, &rule)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::toml_doc::parse;
    use crate::core::runbook::Problem;

    fn read(text: &str) -> Result<(Vec<Secret>, Policy), Vec<Problem>> {
        let (table, mut report) = parse("opsroom.toml", text);
        let mut root = Section::root(&table);
        let found = (secrets(&mut root, &mut report), outbound(&mut root, &mut report));
        root.close(&mut report);
        report.finish(found)
    }

    #[test]
    fn secrets_and_the_policy_are_read() {
        let text = "[secret.DEPLOY]\nfrom = \"env:DEPLOY_TOKEN\"\nhosts = [\"api.example.com\", \"*.example.org\"]\n\
                    [secret.pass]\nfrom = \"command:pass show 'a b'\"\n[outbound]\nallow = [\"10.0.0.0/8\", \"db.internal\"]\n";
        let (secrets, policy) = read(text).unwrap();
        let deploy = secrets.iter().find(|s| s.name == "DEPLOY").unwrap();
        assert_eq!((&deploy.source, deploy.hosts.len()), (&Source::Env("DEPLOY_TOKEN".to_owned()), 2));
        let argv = ["pass", "show", "a b"].map(str::to_owned).to_vec();
        assert_eq!(secrets.iter().find(|s| s.name == "pass").unwrap().source, Source::Command(argv));
        let allow = ["10.0.0.0/8", "db.internal"].map(|text| Allowed::parse(text).unwrap()).to_vec();
        assert_eq!(policy, Policy::new(allow));
        assert_eq!(read("").unwrap(), (vec![], Policy::default()));
    }

    #[test]
    fn every_mistake_is_told_at_once_and_no_value_is_repeated() {
        let text = "[secret.\"a b\"]\nfrom = \"env:X\"\n[secret.A]\nfrom = \"hunter2hunter2\"\nhosts = [\"https://x.test\"]\n\
                    [secret.B]\n[secret.x-y]\nfrom = \"env:X\"\n[secret.X_Y]\nfrom = \"env:X\"\nvalue = 1\n[outbound]\nallow = [\"10/8\"]\n";
        let problems = read(text).unwrap_err();
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        for (line, part) in [
            (1, "not the name of a secret"),
            (4, "never write the value here"),
            (5, "is not a host"),
            (6, "is missing; add from"),
            (7, "OPSROOM_SECRET_X_Y"),
            (11, "unknown key"),
            (13, "is not a network"),
        ] {
            assert!(problems.iter().any(|p| p.line == line && p.message.contains(part)), "{line} {part}: {told:#?}");
        }
        assert_eq!(problems.len(), 7, "{told:#?}");
        assert!(!told.concat().contains("hunter2"));
    }
}
