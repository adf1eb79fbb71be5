//! `[secret.NAME]`, `[outbound]`, `[limits]`, `[artifacts]` and `[engine]`: sources of secrets,
//! hosts and rates of calls, sizes of artifacts, parallel runs.

use super::integrations::MOST_PER_MINUTE;
use super::value;
use crate::config::rule;
use crate::config::rule::address::address;
use crate::core::base::outbound::{Allowed, Policy};
use crate::core::base::rate::Limits;
use crate::core::base::secret::{HostPattern, Secret, Source, variable};
use crate::core::base::toml_doc::{Field, Report, Section};
use crate::core::routine::canary::Canary;
use crate::core::run::artifact;
use crate::core::run::queue::Lanes;

/// The longest list of canaries: all of them are asked at once.
const MOST_CANARIES: usize = 8;
/// Maximum of every setting for parallel commands or runs.
const MOST_AT_ONCE: i64 = 1_000;

/// All `[secret.NAME]` tables.
pub(super) fn secrets(root: &mut Section<'_>, report: &mut Report) -> Vec<Secret> {
    let Some(tables) = root.field("secret").and_then(|field| field.table(report)) else {
        return Vec::new();
    };
    let mut found: Vec<Secret> = Vec::new();
    for (name, field) in tables.entries() {
        let name = field.accept(report, rule::secret_ref(name));
        let secret = field.table(report).and_then(|table| secret(table, report));
        let Some((name, secret)) = name.zip(secret) else {
            continue;
        };
        if let Some(other) = found
            .iter()
            .find(|other| variable(&other.name) == variable(&name))
        {
            let (other, variable) = (&other.name, variable(&name));
            field.conflict(
                report,
                format!(
                    "would be the same variable as {other} in shell actions, {variable}; rename one"
                ),
            );
        }
        found.push(Secret { name, ..secret });
    }
    found
}

fn secret(mut table: Section<'_>, report: &mut Report) -> Option<Secret> {
    let source = table
        .required(report, "from", "\"env:NAME\"")
        .and_then(|f| f.text_by(report, Source::parse));
    let hosts = list(table.field("hosts"), report, HostPattern::parse);
    table.close(report);
    Some(Secret {
        name: String::new(),
        source: source?,
        hosts,
    })
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

/// The `[limits]` table.
pub(super) fn limits(root: &mut Section<'_>, report: &mut Report) -> Limits {
    let Some(mut table) = root.field("limits").and_then(|field| field.table(report)) else {
        return Limits::default();
    };
    let mut most = |key, most| {
        let number = table
            .field(key)
            .and_then(|field| field.whole(report, 1, most));
        number.and_then(|n| u32::try_from(n).ok())
    };
    let limits = Limits {
        http_per_minute: most("http_per_minute", MOST_PER_MINUTE),
        shell_at_once: most("shell_at_once", MOST_AT_ONCE),
    };
    table.close(report);
    limits
}

/// The `[artifacts]` table: size limits of artifacts.
pub(super) fn artifacts(root: &mut Section<'_>, report: &mut Report) -> artifact::Limits {
    let mut limits = artifact::Limits::default();
    let Some(mut table) = root
        .field("artifacts")
        .and_then(|field| field.table(report))
    else {
        return limits;
    };
    let mut size = |key, most: i64| {
        table.field(key).and_then(|field| {
            field.text_by(report, |text| match artifact::parse_bytes(text)? {
                bytes if bytes > most => Err(format!(
                    "{text} is too large; the most is {}",
                    artifact::human_bytes(most)
                )),
                bytes => Ok(bytes),
            })
        })
    };
    let (each, run) = (
        size("max", artifact::Limits::MOST.each),
        size("max_per_run", artifact::Limits::MOST.run),
    );
    limits.each = each.unwrap_or(limits.each);
    limits.run = run.unwrap_or_else(|| limits.run.max(limits.each));
    if limits.run < limits.each
        && let Some(field) = table.field("max_per_run")
    {
        field.conflict(
            report,
            format!(
                "is less than one artifact may have ({})",
                artifact::human_bytes(limits.each)
            ),
        );
    }
    table.close(report);
    limits
}

/// Values of the `[engine]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Engine {
    pub lanes: Lanes,
    pub adopt_ms: i64,
    pub canaries: Vec<Canary>,
}

/// Default of `adopt_within`.
pub(super) const ADOPT_MS: i64 = 15 * 60_000;

/// The `[engine]` table.
pub(super) fn engine(root: &mut Section<'_>, report: &mut Report) -> Engine {
    let usual = Lanes::default();
    let Some(mut engine) = root.field("engine").and_then(|field| field.table(report)) else {
        return Engine {
            lanes: usual,
            adopt_ms: ADOPT_MS,
            canaries: Vec::new(),
        };
    };
    let adopt = engine
        .field("adopt_within")
        .and_then(|field| field.text_by(report, value::adopt_within));
    let canaries = canaries(&mut engine, report);
    let table = engine.field("lanes").and_then(|field| field.table(report));
    let lanes = table.map_or(usual, |mut table| {
        let mut width = |key, usual| {
            let number = table
                .field(key)
                .and_then(|field| field.whole(report, 1, MOST_AT_ONCE));
            number
                .and_then(|n| usize::try_from(n).ok())
                .unwrap_or(usual)
        };
        let (interactive, routine) = (
            width("interactive", usual.interactive),
            width("routine", usual.routine),
        );
        table.close(report);
        Lanes {
            interactive,
            routine,
        }
    });
    engine.close(report);
    Engine {
        lanes,
        adopt_ms: adopt.unwrap_or(ADOPT_MS),
        canaries,
    }
}

/// `canary`: up to [`MOST_CANARIES`] addresses.
fn canaries(engine: &mut Section<'_>, report: &mut Report) -> Vec<Canary> {
    let Some(field) = engine.field("canary") else {
        return Vec::new();
    };
    let read = |text: &str| address(text).and_then(|text| Canary::new(&text));
    let elements = field.list(report);
    match elements.as_deref() {
        Some([]) => {
            field.wrong(
                report,
                "is empty; leave the key out, or name addresses: [\"1.1.1.1:443\"]",
            );
        }
        Some(all) if all.len() > MOST_CANARIES => {
            let (count, most) = (all.len(), MOST_CANARIES);
            field.wrong(
                report,
                format!("has {count} addresses; at most {most} are asked"),
            );
        }
        _ => {}
    }
    let elements = elements.unwrap_or_default();
    let canaries = elements.iter().filter_map(|one| one.text_by(report, read));
    canaries.collect()
}

fn list<T>(
    field: Option<Field<'_>>,
    report: &mut Report,
    rule: impl Fn(&str) -> Result<T, String>,
) -> Vec<T> {
    let elements = field
        .and_then(|field| field.list(report))
        .unwrap_or_default();
    elements
        .iter()
        .filter_map(|element| element.text_by(report, &rule))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::base::problem::Problem;
    use crate::core::base::toml_doc::parse;

    fn read(text: &str) -> Result<(Vec<Secret>, Policy, Limits), Vec<Problem>> {
        let (table, mut report) = parse("opsroom.toml", text);
        let mut root = Section::root(&table);
        let secrets = secrets(&mut root, &mut report);
        let found = (
            secrets,
            outbound(&mut root, &mut report),
            limits(&mut root, &mut report),
        );
        root.close(&mut report);
        report.finish(found)
    }

    #[test]
    fn secrets_and_the_policy_are_read() {
        let text = "[secret.DEPLOY]\nfrom = \"env:DEPLOY_TOKEN\"\nhosts = [\"api.example.com\", \"*.example.org\"]\n\
                    [secret.pass]\nfrom = \"command:pass show 'a b'\"\n[outbound]\nallow = [\"10.0.0.0/8\", \"db.internal\"]\n";
        let (secrets, policy, _) = read(text).unwrap();
        let deploy = secrets.iter().find(|s| s.name == "DEPLOY").unwrap();
        assert_eq!(
            (&deploy.source, deploy.hosts.len()),
            (&Source::Env("DEPLOY_TOKEN".to_owned()), 2)
        );
        let argv = ["pass", "show", "a b"].map(str::to_owned).to_vec();
        assert_eq!(
            secrets.iter().find(|s| s.name == "pass").unwrap().source,
            Source::Command(argv)
        );
        let allow = ["10.0.0.0/8", "db.internal"]
            .map(|text| Allowed::parse(text).unwrap())
            .to_vec();
        assert_eq!(policy, Policy::new(allow));
        assert_eq!(
            read("").unwrap(),
            (vec![], Policy::default(), Limits::default())
        );
    }

    #[test]
    fn limits_are_read_and_wrong_ones_refused() {
        let text = "[limits]\nhttp_per_minute = 60\nshell_at_once = 4";
        let limits = Limits {
            http_per_minute: Some(60),
            shell_at_once: Some(4),
        };
        assert_eq!(read(text).unwrap().2, limits);
        for (line, problem) in [
            (
                "http_per_minute = 0",
                "limits.http_per_minute: 0 is too small; the least is 1",
            ),
            (
                "http_per_minute = 6001",
                "limits.http_per_minute: 6001 is too large; the most is 6000",
            ),
            (
                "http_per_minute = \"60\"",
                "limits.http_per_minute: must be a whole number, not a text",
            ),
            (
                "shell_at_once = 1001",
                "limits.shell_at_once: 1001 is too large; the most is 1000",
            ),
            (
                "http_per_minut = 60",
                "limits.http_per_minut: unknown key; did you mean `http_per_minute`?",
            ),
        ] {
            let problems = read(&format!("[limits]\n{line}")).unwrap_err();
            assert_eq!(
                problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
                [format!("opsroom.toml:2: {problem}")]
            );
        }
    }

    #[test]
    fn artifact_limits_are_read_and_wrong_sizes_refused() {
        let read = |text: &str| {
            let (table, mut report) = parse("opsroom.toml", text);
            let mut root = Section::root(&table);
            let limits = artifacts(&mut root, &mut report);
            root.close(&mut report);
            report
                .finish(limits)
                .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        let mib = 1024 * 1024;
        for (text, each, run) in [
            ("", 16, 64),
            ("[artifacts]\nmax = \"1MiB\"", 1, 64),
            ("[artifacts]\nmax = \"100 MiB\"", 100, 100),
            (
                "[artifacts]\nmax = \"2MiB\"\nmax_per_run = \"1GiB\"",
                2,
                1024,
            ),
        ] {
            assert_eq!(
                read(text),
                Ok(artifact::Limits {
                    each: each * mib,
                    run: run * mib
                }),
                "{text}"
            );
        }
        for (text, says) in [
            (
                "max = \"16\"",
                "opsroom.toml:2: artifacts.max: `16` is no size: write 512KiB, 16MiB or 1GiB",
            ),
            (
                "max = \"1GiB\"",
                "opsroom.toml:2: artifacts.max: 1GiB is too large; the most is 256 MiB",
            ),
            (
                "max_per_run = \"1MiB\"",
                "opsroom.toml:2: artifacts.max_per_run: is less than one artifact may have (16 MiB)",
            ),
            (
                "min = \"1MiB\"",
                "opsroom.toml:2: artifacts.min: unknown key; known here: max, max_per_run",
            ),
        ] {
            assert_eq!(
                read(&format!("[artifacts]\n{text}")),
                Err(vec![says.to_owned()])
            );
        }
    }

    #[test]
    fn lanes_are_read_and_wrong_ones_refused() {
        let read = |text: &str| {
            let (table, mut report) = parse("opsroom.toml", text);
            let mut root = Section::root(&table);
            let engine = engine(&mut root, &mut report);
            root.close(&mut report);
            report
                .finish(engine)
                .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        for (text, interactive, routine, adopt_ms) in [
            ("", 8, 4, 900_000),
            ("[engine]", 8, 4, 900_000),
            ("[engine]\nlanes = { routine = 1 }", 8, 1, 900_000),
            ("[engine]\nadopt_within = \"1h\"", 8, 4, 3_600_000),
            ("[engine]\nadopt_within = \"0s\"", 8, 4, 0),
            (
                "[engine.lanes]\ninteractive = 20\nroutine = 2",
                20,
                2,
                900_000,
            ),
        ] {
            assert_eq!(
                read(text),
                Ok(Engine {
                    lanes: Lanes {
                        interactive,
                        routine
                    },
                    adopt_ms,
                    canaries: Vec::new(),
                }),
                "{text}"
            );
        }
        let canaries = ["1.1.1.1:443", "[2606:4700::1111]:443", "gw.acme.test:22"];
        let text = format!("[engine]\ncanary = {canaries:?}");
        let found = read(&text).unwrap().canaries;
        assert_eq!(
            found.iter().map(ToString::to_string).collect::<Vec<_>>(),
            canaries
        );
        for (line, problem) in [
            (
                "lanes = { interactive = 0 }",
                "engine.lanes.interactive: 0 is too small; the least is 1",
            ),
            (
                "lanes = { routine = 1001 }",
                "engine.lanes.routine: 1001 is too large; the most is 1000",
            ),
            (
                "lanes = 4",
                "engine.lanes: must be a table like { key = value }, not a whole number",
            ),
            (
                "lanes = { routines = 4 }",
                "engine.lanes.routines: unknown key; did you mean `routine`?",
            ),
            (
                "adopt_within = \"2d\"",
                "engine.adopt_within: `2d` is too long; the most is 1d",
            ),
            (
                "canary = [\"1.1.1.1\"]",
                "engine.canary: `1.1.1.1` is not an address; write host:port, like db.acme.test:5432",
            ),
            (
                "canary = []",
                "engine.canary: is empty; leave the key out, or name addresses: [\"1.1.1.1:443\"]",
            ),
            (
                "canary = [\"1.1.1.1:443\", \"localhost:80\"]",
                "engine.canary: localhost:80 is this machine, which answers without a network; name an address outside",
            ),
            (
                "canary = 443",
                "engine.canary: must be a list like [\"a\", \"b\"], not a whole number",
            ),
            (
                "lane = { routine = 4 }",
                "engine.lane: unknown key; did you mean `lanes`?",
            ),
        ] {
            assert_eq!(
                read(&format!("[engine]\n{line}")),
                Err(vec![format!("opsroom.toml:2: {problem}")])
            );
        }
    }

    #[test]
    fn every_mistake_is_reported_at_once_and_no_value_is_repeated() {
        let text = "[secret.\"a b\"]\nfrom = \"env:X\"\n[secret.A]\nfrom = \"hunter2hunter2\"\nhosts = [\"https://x.test\"]\n\
                    [secret.B]\n[secret.x-y]\nfrom = \"env:X\"\n[secret.X_Y]\nfrom = \"env:X\"\nvalue = 1\n[outbound]\nallow = [\"10/8\"]\n";
        let problems = read(text).unwrap_err();
        let messages: Vec<String> = problems.iter().map(ToString::to_string).collect();
        for (line, part) in [
            (1, "not the name of a secret"),
            (4, "never write the value here"),
            (5, "is not a host"),
            (6, "is missing; add from"),
            (7, "OPSROOM_SECRET_X_Y"),
            (11, "unknown key"),
            (13, "is not a network"),
        ] {
            assert!(
                problems
                    .iter()
                    .any(|p| p.line == line && p.message.contains(part)),
                "{line} {part}: {messages:#?}"
            );
        }
        assert_eq!(problems.len(), 7, "{messages:#?}");
        assert!(!messages.concat().contains("hunter2"));
    }
}
