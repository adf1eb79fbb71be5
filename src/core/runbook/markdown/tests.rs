//! Pages with and without front matter, and mistakes in both.

use super::*;
use crate::run::plan::{OnFailure, Plan};
use crate::run::step::StepSpec;
use crate::runbook::definition::Origin;
use crate::runbook::{Request, parse, plan};
use crate::stack::service::Stack;
use crate::stack::shell::ShellCommand;

const OURS: &str = r#"+++
version = "2"
mutates = true
env = "optional"
phrases = ["grow the disk"]

[[input]]
name = "volume"
type = "text"
required = true
+++
# Grow a disk

## Preflight

Look before you grow.

```console name="look at it" timeout=30s idempotent
$ df -h "$OPSROOM_INPUT_VOLUME"
Filesystem
```

```json
{"not": "a step"}
```

## Action

```http name=grow expect="response.status == 202"
POST https://disks.test/{inputs.volume}/grow
Content-Type: application/json

{"by": "10G"}
```

## Rollback

```sh
./shrink "$OPSROOM_INPUT_VOLUME"
```

## Verification

```bash
df -h <volume>
```
"#;

fn planned(text: &str, inputs: &[(&str, &str)]) -> Plan {
    let runbook = parse("pages/grow-disk.md", text).unwrap_or_else(|p| panic!("{p:#?}"));
    let inputs = inputs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    plan(
        &runbook,
        &Request {
            inputs,
            ..Request::default()
        },
        &Stack::default(),
    )
}

#[test]
fn front_matter_makes_a_page_a_runbook() {
    let runbook = parse("pages/grow-disk.md", OURS).unwrap_or_else(|p| panic!("{p:#?}"));
    assert_eq!(
        (runbook.name.as_str(), runbook.title.as_str()),
        ("grow-disk", "Grow a disk")
    );
    assert_eq!(
        (runbook.phrases.as_slice(), runbook.definition.origin),
        (&["grow the disk".to_owned()][..], Origin::Runbook)
    );
    let plan = planned(OURS, &[("volume", "data")]);
    let steps: Vec<_> = plan
        .steps
        .iter()
        .map(|s| (s.name.as_str(), s.phase.name(), s.spec.describe()))
        .collect();
    assert_eq!(
        steps[0],
        (
            "look at it",
            "preflight",
            r#"sh -c "df -h \"$OPSROOM_INPUT_VOLUME\"\n""#.to_owned()
        )
    );
    assert_eq!(
        steps[1],
        (
            "grow",
            "action",
            "POST https://disks.test/data/grow".to_owned()
        )
    );
    assert_eq!(
        (steps[2].0, steps[2].1, steps.len()),
        ("Verification", "verify", 3)
    );
    assert!(
        steps[2].2.contains(r#"\"${OPSROOM_INPUT_VOLUME}\""#),
        "{}",
        steps[2].2
    );
    assert_eq!(
        (plan.steps[0].timeout_ms, plan.steps[0].idempotent),
        (30_000, true)
    );
    assert_eq!(
        plan.steps[0].rules.notes.as_deref(),
        Some("Look before you grow.")
    );
    assert_eq!(plan.undo.len(), 1);
    assert_eq!(
        (plan.undo[0].name.as_str(), plan.undo[0].rules.undoes),
        ("undo grow", Some(1))
    );
    let StepSpec::Http(http) = &plan.steps[1].spec else {
        panic!()
    };
    assert_eq!(http.request.body.as_deref(), Some("{\"by\": \"10G\"}"));
}

#[test]
fn lines_of_problems_are_those_of_the_page() {
    for (from, to, line, says) in [
        (
            "version = \"2\"",
            "verison = \"2\"",
            2,
            "did you mean `version`?",
        ),
        ("timeout=30s", "timeout=soon", 18, "is not a duration"),
        ("timeout=30s", "time=30s", 18, "unknown attribute \"time\""),
        ("idempotent\n", "name=again\n", 18, "is there twice"),
        (
            "response.status ==",
            "response.stat ==",
            29,
            "no field `stat`, did you mean",
        ),
        (
            "POST https://disks.test",
            "POST disks.test",
            29,
            "starts with http://",
        ),
        (
            "Content-Type: app",
            "Content-Type app",
            29,
            "is not a header",
        ),
        (
            "{inputs.volume}",
            "{inputs.vol}",
            29,
            "there is no input `vol`",
        ),
        (
            "df -h <volume>\n```\n",
            "df -h <volume>\n",
            44,
            "never closed",
        ),
        ("## Action", "## Verify", 38, "no action step before it"),
    ] {
        assert!(OURS.contains(from), "{from}");
        let problems = parse("p.md", &OURS.replacen(from, to, 1)).unwrap_err();
        assert!(
            problems
                .iter()
                .any(|p| p.line == line && p.message.contains(says)),
            "{to}: {line} {says}: {problems:#?}"
        );
    }
}

#[test]
fn simple_front_matter_is_lines_of_key_and_value() {
    let text = "---\nversion: '1'\nmutates: false\nphrases: [look around, see all]\n# x\n---\n```sh\nuptime\n```\n";
    let runbook = parse("around.md", text).unwrap_or_else(|p| panic!("{p:#?}"));
    assert_eq!(
        (
            runbook.mutates,
            runbook.phrases.len(),
            runbook.version.as_str()
        ),
        (false, 2, "1")
    );
    let problems = parse("around.md", &text.replace("# x", "- y")).unwrap_err();
    assert!(
        problems
            .iter()
            .any(|p| p.line == 5 && p.message.contains("key: value")),
        "{problems:#?}"
    );
}

const GUIDED: &str = "---\ntitle: Disk full\nweight: 20\n---\n# Disk full\n\n## Meaning\n\nIt is full.\n\n## Diagnosis\n\n\
    Find the culprit.\n\n```console\n$ du -sh <mount-point>/*\n10G x\n```\n\n```yaml\nkind: Pod\n```\n\n## Mitigation\n\n\
    ```bash\nrm -rf \"$OLD_DIR\"/cache\n```\n";

#[test]
fn an_ordinary_page_is_guided() {
    let runbook = parse("docs/DiskFull.md", GUIDED).unwrap_or_else(|p| panic!("{p:#?}"));
    assert_eq!(
        (
            runbook.definition.origin,
            runbook.mutates,
            runbook.name.as_str()
        ),
        (Origin::Guided, true, "DiskFull")
    );
    assert_eq!(
        runbook.inputs,
        [
            ("mount_point".to_owned(), true),
            ("old_dir".to_owned(), true)
        ]
    );
    let plan = planned(GUIDED, &[("mount_point", "/var"), ("old_dir", "/srv/old")]);
    let steps: Vec<_> = plan
        .steps
        .iter()
        .map(|s| (s.name.as_str(), s.phase.name(), s.spec.kind()))
        .collect();
    assert_eq!(
        steps,
        [
            ("ask before block 1", "preflight", "manual"),
            ("1 Diagnosis", "preflight", "shell"),
            ("ask before block 2", "action", "manual"),
            ("2 Mitigation", "action", "shell"),
        ]
    );
    assert_eq!(
        plan.steps[0].rules.notes.as_deref(),
        Some("Find the culprit.")
    );
    let after = plan.steps[2].rules.notes.as_deref().unwrap_or_default();
    assert!(
        after.contains("10G x") && after.contains("kind: Pod"),
        "what is not run is shown: {after}"
    );
    let StepSpec::Manual(asks) = &plan.steps[0].spec else {
        panic!()
    };
    assert!(
        asks.prompt.contains("du -sh /var/*"),
        "what is asked shows the values: {}",
        asks.prompt
    );
    assert_eq!(
        plan.steps[1].rules.when.as_deref(),
        Some("steps.ask_before_block_1.done")
    );
    assert!(plan.steps[0].rules.optional && plan.steps[0].rules.word.is_none());
    assert_eq!(plan.steps[2].rules.word.as_deref(), Some("grow-disk"));
    let StepSpec::Shell(shell) = &plan.steps[1].spec else {
        panic!()
    };
    assert_eq!(
        shell.command,
        ShellCommand::Script("set -eu\ndu -sh \"${OPSROOM_INPUT_MOUNT_POINT}\"/*\n".to_owned())
    );
    assert_eq!(
        shell
            .env
            .get("OPSROOM_INPUT_MOUNT_POINT")
            .map(String::as_str),
        Some("/var")
    );
    let StepSpec::Shell(change) = &plan.steps[3].spec else {
        panic!()
    };
    assert_eq!(
        change.env.get("OLD_DIR").map(String::as_str),
        Some("/srv/old"),
        "a variable no block sets is an input"
    );
    // A failed read-only block does not stop the page, a failed change does.
    let ends: Vec<_> = plan.steps.iter().map(|s| s.on_failure).collect();
    assert_eq!(
        ends,
        [
            OnFailure::Stop,
            OnFailure::Continue,
            OnFailure::Stop,
            OnFailure::Stop
        ]
    );
}

#[test]
fn a_value_that_a_shell_would_read_is_refused() {
    for bad in [
        "$(id)", "a b", "-rf", "x;y", "`id`", "a\nb", "'", "", "x|y", "*",
    ] {
        let blocks: Vec<_> = planned(GUIDED, &[("mount_point", bad), ("old_dir", "/x")])
            .blocks()
            .map(|r| r.code.clone())
            .collect();
        assert_eq!(blocks, ["INPUT_INVALID"], "{bad:?}");
    }
}

#[test]
fn a_page_without_commands_is_for_reading() {
    let runbook = parse(
        "notes.md",
        "# Notes\n\n```yaml\na: b\n```\n\n```console\nonly output\n```\n",
    )
    .unwrap();
    assert_eq!(
        (runbook.definition.origin, runbook.mutates),
        (Origin::Reference, false)
    );
    let plan = plan(&runbook, &Request::default(), &Stack::default());
    let codes: Vec<_> = plan.blocks().map(|r| r.code.as_str()).collect();
    assert_eq!(codes, ["REFERENCE_ONLY"]);
}

#[test]
fn names_come_from_files() {
    for (file, name) in [
        ("a/b/disk-full.md", "disk-full"),
        ("a/kafka/README.md", "kafka"),
        ("_index.md", "_index"),
        ("a/{x}.md", "(x)"),
        (".md", "page"),
    ] {
        assert_eq!(name_of(file), name, "{file}");
    }
}

proptest::proptest! {
    #[test]
    fn any_page_is_read(text in "(---\n|\\+\\+\\+\n|mutates = true\n|mutates: true\n|```sh\n|```\n|# |<a b>|\\$ |\\PC|\n){0,60}") {
        match parse("x.md", &text) {
            Ok(runbook) => { let _ = plan(&runbook, &Request::default(), &Stack::default()); }
            Err(problems) => proptest::prop_assert!(!problems.is_empty() && problems.iter().all(|p| p.line >= 1)),
        }
    }
}

#[test]
fn statements_and_step_blocks_are_steps_and_sql_needs_a_database() {
    let text = r#"+++
version = "1"
mutates = true
env = "none"

[[input]]
name = "age"
type = "int"
default = 7
+++
# Clean the carts

Reading material:

```text
select 'no step'
```

## Preflight

```sql database=shop name=count expect="response.rows[0].n > 0" timeout=5s
select count(*) as n
from carts where age > {inputs.age}
```

## Action

```sql database=shop mutates
delete from carts where age > {inputs.age}
```

Notify the team.

```step
name = "tell"
phase = "summarize"
notify = { to = "ops", title = "carts", text = "{results}" }
```
"#;
    let runbook = parse("carts.md", text).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let plan = plan(&runbook, &Request::default(), &Stack::default());
    let steps: Vec<(&str, String)> = plan
        .steps
        .iter()
        .map(|s| (s.phase.name(), s.spec.describe()))
        .collect();
    let place = "not configured";
    assert_eq!(
        steps,
        [
            (
                "preflight",
                format!(
                    "sql on shop ({place}, read-only): select count(*) as n from carts where age > $1 with $1 = 7"
                )
            ),
            (
                "action",
                format!(
                    "sql on shop ({place}, changes it): delete from carts where age > $1 with $1 = 7"
                )
            ),
            ("summarize", format!("tell ops ({place}): [info] carts")),
        ]
    );
    assert_eq!(
        (
            plan.steps[0].timeout_ms,
            plan.steps[2].rules.notes.as_deref()
        ),
        (5_000, Some("Notify the team."))
    );
    for (from, to, line, why) in [
        (
            "where age > {inputs.age}\n```\n\n## Action",
            "where age > {inputs.agee}\n```\n\n## Action",
            21,
            "no input `agee`",
        ),
        ("```text", "```sql", 15, "names no database"),
        ("mutates\ndelete", "\ndelete", 28, "changes things"),
        ("to = \"ops\", ", "", 37, "notify.to: is missing"),
        ("```step", "```step mutates", 34, "only for sql blocks"),
    ] {
        let problems = parse("carts.md", &text.replacen(from, to, 1)).unwrap_err();
        let message = problems[0].to_string();
        assert!(
            problems[0].line == line && message.contains(why),
            "{message}"
        );
    }
    let unclosed = parse(
        "carts.md",
        &text.replacen("default = 7\n+++", "default = 7\n", 1),
    )
    .unwrap_err();
    let messages: Vec<String> = unclosed.iter().map(ToString::to_string).collect();
    assert_eq!(
        messages,
        ["carts.md:1: front matter is never closed; end it with a line +++"]
    );
}

#[test]
fn a_rollback_is_the_undo_of_a_step_that_ends_in_a_table() {
    let text = r#"+++
version = "1"
mutates = true
env = "none"
+++
# Ship

## Action

```step
name = "ship"
adapter = "github.dispatch_workflow"
[step.with]
repo = "acme/web"
workflow = "ship.yml"
```

## Rollback

```sh
./unship
```
"#;
    let runbook = parse("ship.md", text).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let undo = runbook.definition.steps[0]
        .undo
        .as_ref()
        .expect("it has an undo");
    assert!(
        matches!(undo.does, crate::runbook::definition::Does::Shell { .. }),
        "{undo:?}"
    );
}
