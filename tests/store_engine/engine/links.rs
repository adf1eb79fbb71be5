//! Links that steps attach to their run, from TOML and Markdown runbooks, on both databases.

use opsroom::core::run::artifact::ArtifactKind;
use opsroom::core::run::plan::Plan;
use opsroom::core::run::{RunId, RunStatus, StepStatus};
use opsroom::core::runbook::{self, Request};
use opsroom::core::stack::service::Stack;

use super::bench::*;

const TOML: &str = r#"
name = "release"
title = "release"
version = "1"
mutates = true
env = "none"

[[step]]
name = "prepare"
phase = "preflight"
shell = "true"

[[step]]
name = "open"
phase = "action"
shell = "echo URL=https://acme.test/pull/7 >> $OPSROOM_OUTPUT; echo FILE=file:///etc/passwd >> $OPSROOM_OUTPUT; EXIT"
links = { "pull request" = "response.outputs.URL", "notes" = "response.outputs.FILE", "none" = "response.outputs.NONE" }
"#;

const MARKDOWN: &str = r#"+++
version = "1"
mutates = true
env = "none"
+++
# Release

## Preflight

```step
name = "prepare"
shell = "true"
```

## Action

```step
name = "open"
shell = "echo URL=https://acme.test/pull/7 >> $OPSROOM_OUTPUT; echo FILE=file:///etc/passwd >> $OPSROOM_OUTPUT; EXIT"
links = { "pull request" = "response.outputs.URL", "notes" = "response.outputs.FILE", "none" = "response.outputs.NONE" }
```
"#;

fn planned(file: &str, text: &str) -> Plan {
    let runbook = runbook::parse(file, text).unwrap();
    let plan = runbook::plan(&runbook, &Request::default(), &Stack::default());
    assert_eq!(plan.blocks().count(), 0, "{:?}", plan.risks);
    plan
}

async fn links(bench: &Bench, run: RunId) -> Vec<(String, Option<String>, Option<u32>)> {
    let artifacts = bench.store.artifacts(run).await.unwrap();
    let links = artifacts
        .into_iter()
        .filter(|a| a.kind == ArtifactKind::Link);
    links.map(|a| (a.title, a.url, a.step)).collect()
}

#[tokio::test]
async fn a_step_that_succeeded_keeps_its_addresses_as_links() {
    on_both(async |url| {
        let bench = Bench::real_on(url).await;
        for (file, text) in [("release.toml", TOML), ("release.md", MARKDOWN)] {
            let run = bench
                .run(planned(file, &text.replace("EXIT", "exit 0")))
                .await;
            assert_ended(&run, RunStatus::Succeeded);
            let kept = (
                "pull request".to_owned(),
                Some("https://acme.test/pull/7".to_owned()),
                Some(1),
            );
            assert_eq!(links(&bench, run.id).await, [kept], "{file}");
            let log = bench.log(run.id).await;
            for expected in [
                "info link: pull request https://acme.test/pull/7",
                "warn the link \"notes\" is not kept: `file:///etc/passwd` cannot be linked",
                "warn the link \"none\" is not kept: ",
            ] {
                assert!(
                    log.iter().any(|line| line.contains(expected)),
                    "{file}: {expected}: {log:#?}"
                );
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_step_that_failed_keeps_none() {
    on_both(async |url| {
        let bench = Bench::real_on(url).await;
        let run = bench
            .run(planned("release.toml", &TOML.replace("EXIT", "exit 3")))
            .await;
        assert_ended(&run, RunStatus::Failed);
        assert_eq!(bench.statuses(run.id).await[1], StepStatus::Failed);
        assert_eq!(links(&bench, run.id).await, []);
        let log = bench.log(run.id).await;
        assert!(!log.iter().any(|line| line.contains("link")), "{log:#?}");
    })
    .await;
}
