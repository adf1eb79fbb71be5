//! Markdown pages in the styles of public runbook collections, and the runbook that each becomes.

use opsroom::core::run::plan::{Plan, RiskLevel};
use opsroom::core::run::step::StepSpec;
use opsroom::core::runbook::definition::Origin;
use opsroom::core::runbook::{Request, parse, plan};
use opsroom::core::stack::service::Stack;
use opsroom::core::stack::shell::ShellCommand;

/// The expected result of a page.
enum Becomes {
    /// Scripts of its blocks (without the first line, `set -eu`), its inputs, and how many of the
    /// blocks require a word.
    Guided(&'static [&'static str], &'static [&'static str], usize),
    /// One block that a person runs: part of its prompt, and the line of a mistake if there is one.
    ByHand(&'static str, Option<usize>),
    Reference,
    /// The line and part of the message of its problem.
    Problem(usize, &'static str),
}
use Becomes::{ByHand, Guided, Problem, Reference};

const PAGES: &[(&str, &str, Becomes)] = &[
    ("empty", "", Reference),
    (
        "prose only",
        "# Disk slow\n\nAsk the storage team.\n",
        Reference,
    ),
    (
        "prose with inline code",
        "# A\n\nRun `rm -rf /` never.\n",
        Reference,
    ),
    (
        "an indented block is no fence",
        "# A\n\n    rm -rf /tmp/x\n",
        Reference,
    ),
    (
        "fence without a tag",
        "# A\n\n```\nls\n```\n",
        ByHand("its fence has no tag", None),
    ),
    (
        "output without a tag",
        "# A\n\n```\nNAME READY\n```\n",
        Reference,
    ),
    (
        "a REPL's prompt",
        "# A\n\n```sh\n> role\n```\n",
        ByHand("prompt of another program", None),
    ),
    (
        "a database's prompt",
        "```bash\npostgres=# drop table x;\n```\n",
        ByHand("prompt of another program", None),
    ),
    (
        "root's prompt or a comment",
        "```console\n# reboot now\n```\n",
        ByHand("root's prompt", None),
    ),
    (
        "an unprompted console",
        "```console\nkubectl get pods\n```\n",
        Guided(&["kubectl get pods\n"], &[], 0),
    ),
    (
        "a second command without prompt",
        "```console\n$ ls\nrm -r x\n```\n",
        ByHand("has no prompt", None),
    ),
    (
        "an editor",
        "```sh\nvim /etc/hosts\n```\n",
        ByHand("wants a terminal", None),
    ),
    (
        "a shell elsewhere",
        "```sh\nssh web-1\n```\n",
        ByHand("wants a terminal", None),
    ),
    (
        "a variable no block sets",
        "```sh\nls $OLD_DIR\n```\n",
        Guided(&["ls $OLD_DIR\n"], &["old_dir"], 0),
    ),
    (
        "a variable an earlier block sets",
        "```sh\nD=$(mktemp -d)\n```\n```sh\nls \"$D\"\n```\n",
        Guided(&["D=$(mktemp -d)\n", "ls \"$D\"\n"], &[], 0),
    ),
    (
        "a word for a value",
        "```sh\nssh HOSTNAME uptime\n```\n",
        Guided(
            &["ssh \"${OPSROOM_INPUT_HOSTNAME}\" uptime\n"],
            &["hostname"],
            0,
        ),
    ),
    (
        "a command that never ends",
        "```sh\ntail -f log\n```\n",
        Guided(&["tail -f log\n"], &["watch_for"], 0),
    ),
    (
        "text that does not parse",
        "```sh\nls\necho 'it\n```\n",
        ByHand("does not parse", Some(3)),
    ),
    (
        "an unknown program",
        "```sh\nfrobnicate\n```\n",
        Guided(&["frobnicate\n"], &[], 1),
    ),
    (
        "a script from the network",
        "```sh\ncurl -s h/i | sudo bash\n```\n",
        Guided(&["curl -s h/i | sudo bash\n"], &[], 1),
    ),
    (
        "looking at the firewall",
        "```sh\niptables -L # reboot\n```\n",
        Guided(&["iptables -L # reboot\n"], &[], 0),
    ),
    (
        "yaml and json",
        "```yaml\na: 1\n```\n\n```json\n{}\n```\n",
        Reference,
    ),
    (
        "query language in a console",
        "```console\nrate(http_errors_total[5m]) > 0\n```\n",
        Reference,
    ),
    (
        "promql and sql tags",
        "```promql\nup == 0\n```\n```sql\nDROP TABLE x;\n```\n",
        Reference,
    ),
    (
        "a transcript of output only",
        "```terminal\nNAME READY\nweb 1/1\n```\n",
        Reference,
    ),
    ("html comment", "<!-- ```sh\nls\n``` -->\n", Reference),
    ("a table", "| a | b |\n|---|---|\n| `ls` | x |\n", Reference),
    (
        "site front matter",
        "---\ntitle: Slow\nweight: 20\n---\n\n# Slow\n\nWait.\n",
        Reference,
    ),
    (
        "front matter never closed",
        "---\ntitle: Slow\n\n# Slow\n",
        Reference,
    ),
    (
        "plain shell",
        "# A\n\n```sh\nuptime\n```\n",
        Guided(&["uptime\n"], &[], 0),
    ),
    (
        "tag in capitals",
        "```BASH\nuptime\n```\n",
        Guided(&["uptime\n"], &[], 0),
    ),
    (
        "tildes",
        "~~~bash\nuptime\n~~~\n",
        Guided(&["uptime\n"], &[], 0),
    ),
    (
        "attributes of a site generator",
        "```bash {linenos=table}\nuptime\n```\n",
        Guided(&["uptime\n"], &[], 0),
    ),
    (
        "Windows line ends",
        "# A\r\n\r\n```sh\r\nuptime\r\n```\r\n",
        Guided(&["uptime\n"], &[], 0),
    ),
    (
        "byte order mark",
        "\u{feff}# A\n\n```sh\nuptime\n```\n",
        Guided(&["uptime\n"], &[], 0),
    ),
    (
        "prompts and output",
        "```console\n$ oc get nodes\nNAME STATUS\nn1 Ready\n$ date\n```\n",
        Guided(&["oc get nodes\ndate\n"], &[], 0),
    ),
    (
        "output that looks dangerous",
        "```console\n$ cat hint\nrm -rf /\n```\n",
        ByHand("has no prompt", None),
    ),
    (
        "a prompt with a host",
        "```shell\nroot@db1:~# df -h\n```\n",
        Guided(&["df -h\n"], &[], 0),
    ),
    (
        "a comment is no prompt",
        "```sh\n# look first\ndf -h\n```\n",
        Guided(&["# look first\ndf -h\n"], &[], 0),
    ),
    (
        "a command over several lines",
        "```console\n$ kubectl get pods \\\n  -n web\nNAME\n```\n",
        Guided(&["kubectl get pods \\\n  -n web\n"], &[], 0),
    ),
    (
        "placeholders in angle brackets",
        "```shell\noc debug node/<NODE_NAME> -- chroot /host df -h <mount point>\n```\n",
        Guided(
            &[
                "oc debug node/\"${OPSROOM_INPUT_NODE_NAME}\" -- chroot /host df -h \"${OPSROOM_INPUT_MOUNT_POINT}\"\n",
            ],
            &["mount_point", "node_name"],
            0,
        ),
    ),
    (
        "a placeholder in single quotes",
        "```console\n$ NODE='<value of the instance label>'\n```\n",
        Guided(
            &["NODE=''\"${OPSROOM_INPUT_VALUE_OF_THE_INSTANCE_LABEL}\"''\n"],
            &["value_of_the_instance_label"],
            0,
        ),
    ),
    (
        "a placeholder inside a filter inside backquotes",
        "```bash\nkubectl delete pod `kubectl get pod -ojson | jq -r '.items[] | select(.c==\"<my-pvc>\").name'`\n```\n",
        Guided(
            &[
                "kubectl delete pod `kubectl get pod -ojson | jq -r '.items[] | select(.c==\"'\"${OPSROOM_INPUT_MY_PVC}\"'\").name'`\n",
            ],
            &["my_pvc"],
            1,
        ),
    ),
    (
        "a description of what belongs there",
        "```console\n$ POD='<\"Used by\" of the claim above>'\n$ oc describe pod $POD\n```\n",
        Guided(
            &["POD=''\"${OPSROOM_INPUT_USED_BY_OF_THE_CLAIM_ABOVE}\"''\noc describe pod $POD\n"],
            &["used_by_of_the_claim_above"],
            0,
        ),
    ),
    (
        "output under a shell's tag, recognised by the text before it",
        "Describe it:\n\n```bash\nkubectl describe pod <pod>\n```\n\nThe events are similar to the following:\n\n\
         ```bash\nWarning  Failed  2m  it didn't fit <volume>\n```\n",
        Guided(
            &["kubectl describe pod \"${OPSROOM_INPUT_POD}\"\n"],
            &["pod"],
            0,
        ),
    ),
    (
        "output under a shell's tag, recognised by its shape",
        "```bash\n  ceph status\n    cluster:\n      health: HEALTH_WARN\n      3 full osd(s)\n```\n",
        Guided(&["  ceph status\n"], &[], 0),
    ),
    (
        "a query under a shell's tag",
        "```sh\n# slow\nsum by(verb) (rate(requests_total[5m]))\n- vector(0)\n```\n",
        Reference,
    ),
    (
        "an output template is not ours to fill in",
        "```console\n$ oc get nodes --template='{{range .items}}{{.metadata.name}}{{\"\\n\"}}{{end}}'\n```\n",
        Guided(
            &["oc get nodes --template='{{range .items}}{{.metadata.name}}{{\"\\n\"}}{{end}}'\n"],
            &[],
            0,
        ),
    ),
    (
        "jinja placeholders",
        "```sh\nhelm get {{ release }}\n```\n",
        Guided(
            &["helm get \"${OPSROOM_INPUT_RELEASE}\"\n"],
            &["release"],
            0,
        ),
    ),
    (
        "redirections are no placeholders",
        "```sh\nsort <in >out 2>&1\n```\n",
        Guided(&["sort <in >out 2>&1\n"], &[], 1),
    ),
    (
        "a block in a list",
        "1. Look:\n\n   ```shell\n   df -h\n   ```\n\n2. Think.\n",
        Guided(&["df -h\n"], &[], 0),
    ),
    (
        "a block in a quote",
        "> ```sh\n> df -h\n> ```\n",
        Guided(&["df -h\n"], &[], 0),
    ),
    (
        "fences inside longer fences",
        "````md\n```sh\nrm -rf /\n```\n````\n\n```sh\nls\n```\n",
        Guided(&["ls\n"], &[], 0),
    ),
    (
        "risky ones among harmless ones",
        "```sh\nls\n```\n```sh\nkubectl -n web delete pod web-1\n```\n```sh\nsudo reboot\n```\n",
        Guided(
            &["ls\n", "kubectl -n web delete pod web-1\n", "sudo reboot\n"],
            &[],
            2,
        ),
    ),
    (
        "a here-document",
        "```sh\ncat <<EOF > f\nhost <name>\nEOF\n```\n",
        Guided(
            &["cat <<EOF > f\nhost \"${OPSROOM_INPUT_NAME}\"\nEOF\n"],
            &["name"],
            1,
        ),
    ),
    (
        "a quoted here-document",
        "```sh\ncat <<'EOF'\nhost <name>\nEOF\n```\n",
        ByHand("here-document", Some(3)),
    ),
    (
        "never closed",
        "# A\n\n```sh\nls\n",
        ByHand("never closed", Some(3)),
    ),
    (
        "closed with the wrong fence",
        "```sh\nls\n~~~\n",
        ByHand("never closed", Some(1)),
    ),
    (
        "a fence that swallowed the next",
        "```sh\nls\n\ntext\n\n```sh\nrm -r x\n```\n",
        ByHand("another fence begins", Some(6)),
    ),
    (
        "ours, never closed",
        "+++\nversion = \"1\"\nmutates = true\n+++\n```sh\nls\n",
        Problem(5, "never closed"),
    ),
    (
        "our front matter, wrong key",
        "+++\nversion = \"1\"\nmutates = true\nphrase = [\"x\"]\n+++\n```sh\nls\n```\n",
        Problem(4, "did you mean `phrases`?"),
    ),
    (
        "our front matter, no step",
        "+++\nversion = \"1\"\nmutates = true\n+++\n# T\n",
        Problem(1, "at least one"),
    ),
    (
        "our front matter, undeclared input",
        "---\nversion: \"1\"\nmutates: true\n---\n```http\nGET https://h.test/{inputs.x}\n```\n",
        Problem(5, "there is no input `x`"),
    ),
];

fn planned(file: &str, text: &str) -> (Plan, Vec<String>) {
    let runbook = parse(file, text).unwrap_or_else(|problems| panic!("{file}: {problems:#?}"));
    let inputs: Vec<String> = runbook
        .inputs
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    let value = |name: &String| {
        if name == "watch_for" {
            "5s".to_owned()
        } else {
            "value-1".to_owned()
        }
    };
    let values = inputs
        .iter()
        .map(|name| (name.clone(), value(name)))
        .collect();
    let request = Request {
        inputs: values,
        ..Request::default()
    };
    (plan(&runbook, &request, &Stack::default()), inputs)
}

fn script(command: &ShellCommand) -> &str {
    match command {
        ShellCommand::Script(text) => text,
        ShellCommand::Argv(argv) => argv.last().map_or("", String::as_str),
    }
}

#[test]
fn each_page_becomes_its_expected_runbook() {
    assert!(PAGES.len() >= 30);
    for (name, text, becomes) in PAGES {
        let file = "folder/page.md";
        match becomes {
            Problem(line, says) => {
                let problems = parse(file, text)
                    .err()
                    .unwrap_or_else(|| panic!("{name}: no problem"));
                let found = problems
                    .iter()
                    .any(|p| p.line == *line && p.message.contains(says));
                assert!(found, "{name}: {line} {says}: {problems:#?}");
            }
            Reference => {
                let runbook =
                    parse(file, text).unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
                assert_eq!(
                    (runbook.definition.origin, runbook.definition.steps.len()),
                    (Origin::Reference, 0),
                    "{name}"
                );
                let (plan, _) = planned(file, text);
                assert!(
                    plan.blocks().all(|r| r.code == "REFERENCE_ONLY") && plan.steps.is_empty(),
                    "{name}"
                );
            }
            ByHand(says, mistake) => {
                let runbook =
                    parse(file, text).unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
                let lines: Vec<usize> = runbook.problems.iter().map(|p| p.line).collect();
                assert_eq!(
                    lines.first().copied(),
                    *mistake,
                    "{name}: {:?}",
                    runbook.problems
                );
                let (plan, _) = planned(file, text);
                let [step] = plan.steps.as_slice() else {
                    panic!("{name}: {:#?}", plan.steps)
                };
                let StepSpec::Manual(manual) = &step.spec else {
                    panic!("{name}: it would run")
                };
                assert!(
                    manual.prompt.contains(says) && step.rules.optional,
                    "{name}: {}",
                    manual.prompt
                );
            }
            Guided(scripts, inputs, risky) => {
                let (plan, found) = planned(file, text);
                assert_eq!(found, *inputs, "{name}");
                assert!(
                    plan.risks.iter().all(|r| r.level != RiskLevel::Block),
                    "{name}: {:?}",
                    plan.risks
                );
                assert!(
                    plan.mutates,
                    "{name}: a page changes something unless it says otherwise"
                );
                check_guided(name, &plan, scripts, *risky);
            }
        }
    }
}

fn check_guided(name: &str, plan: &Plan, scripts: &[&str], risky: usize) {
    let run: Vec<&str> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.spec {
            StepSpec::Shell(shell) => Some(script(&shell.command)),
            _ => None,
        })
        .collect();
    let wanted: Vec<String> = scripts
        .iter()
        .map(|script| format!("set -eu\n{script}"))
        .collect();
    assert_eq!(run, wanted, "{name}");
    for pair in plan.steps.chunks(2) {
        let [question, work] = pair else {
            panic!("{name}: a block without its question")
        };
        assert!(
            matches!(question.spec, StepSpec::Manual(_)) && question.rules.optional,
            "{name}"
        );
        let when = work.rules.when.as_deref();
        assert_eq!(
            when,
            Some(format!("steps.{}.done", question.rules.key).as_str()),
            "{name}: it must wait for the answer"
        );
    }
    assert_eq!(
        plan.steps.iter().filter(|s| s.rules.word.is_some()).count(),
        risky,
        "{name}"
    );
}

#[test]
fn blocks_after_a_remote_shell_are_not_run_here() {
    let text = "# A\n\n## Look\n\n```sh\nssh web-1\n```\n\nThen:\n\n```sh\nsystemctl stop web\n```\n\n## After\n\n\
                ```sh\ndate\n```\n";
    let (plan, _) = planned("a.md", text);
    let kinds: Vec<&str> = plan.steps.iter().map(|s| s.spec.kind()).collect();
    assert_eq!(kinds, ["manual", "manual", "manual", "shell"]);
    let StepSpec::Manual(second) = &plan.steps[1].spec else {
        panic!()
    };
    assert!(
        second.prompt.contains("`ssh` opens (line 5)"),
        "{}",
        second.prompt
    );
}

#[test]
fn a_page_is_one_session_and_passwords_are_secrets() {
    let text = "```console\n$ export TOOL=a\n$ login -u ana -p <password>\n```\n```sh\ncurl -H \"x: $API_TOKEN\" h\n```\n\
                ```sh\nwatch date\n```\n";
    let runbook = parse("a.md", text).unwrap();
    let inputs = [
        ("password", "DB_PASSWORD"),
        ("api_token", "API"),
        ("watch_for", "5s"),
    ];
    let inputs = inputs.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let plan = plan(
        &runbook,
        &Request {
            inputs,
            ..Request::default()
        },
        &Stack::default(),
    );
    let shells: Vec<_> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.spec {
            StepSpec::Shell(shell) => Some(shell),
            _ => None,
        })
        .collect();
    assert_eq!(shells.len(), 3);
    for shell in &shells {
        assert_eq!(
            shell.session.as_ref().map(|s| s.variables.clone()),
            Some(vec!["TOOL".to_owned()])
        );
        let named: Vec<&str> = shell.chosen_secrets.values().map(String::as_str).collect();
        assert_eq!(named, ["API", "DB_PASSWORD"]);
        assert!(
            !shell.env.contains_key("API_TOKEN"),
            "a secret is no plain value"
        );
    }
    assert!(script(&shells[0].command).contains("${OPSROOM_SECRET_PASSWORD}"));
    assert!(
        script(&shells[1].command)
            .contains("API_TOKEN=\"${API_TOKEN-${OPSROOM_SECRET_API_TOKEN}}\"")
    );
    let limits: Vec<_> = shells.iter().map(|s| s.limit_ms).collect();
    assert_eq!(limits, [None, None, Some(5_000)]);
}

#[test]
fn a_page_of_many_blocks_is_read_and_keeps_its_order() {
    let text: String = (0..2_000)
        .map(|n| format!("## Part {n}\n\nText.\n\n```sh\necho {n}\n```\n\n"))
        .collect();
    let (plan, _) = planned("long.md", &text);
    let names: Vec<&str> = plan.steps.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(
        (names.len(), names[1], names[3999]),
        (4_000, "1 Part 0", "2000 Part 1999")
    );
}
