//! Detects blocks with a shell tag that are not commands: the output of a command, a query of a
//! monitoring system. Without prompts only the text before the block and its shape show it.

use crate::runbook::page::Block;
use crate::runbook::shell_block;

/// Phrases in the last sentence before a block that announce output.
const SHOWN: [&str; 15] = [
    "output is",
    "output looks",
    "output should",
    "output may",
    "example output",
    "sample output",
    "expected output",
    "output:",
    "similar to the following",
    "something like this",
    "look like this",
    "looks like this",
    "look like the following",
    "looks like the following",
    "should see",
];

/// Words in that sentence that announce a command instead.
const COMMANDS: [&str; 8] = [
    "run ", "runs ", "running ", "execut", "command", "type ", "invoke", "apply ",
];

/// The commands of a block without prompts; empty when it only shows something.
pub(super) fn commands(block: &Block) -> &str {
    let code = block.code.as_str();
    let first = code
        .lines()
        .map(str::trim)
        .find(|l| !l.is_empty() && !l.starts_with('#'))
        .unwrap_or("");
    if is_query(first) || is_table_or_listing(first) || announced(&block.prose) {
        return "";
    }
    &code[..output_start(code)]
}

/// Whether the text before the block announces output.
fn announced(prose: &str) -> bool {
    let last = prose.lines().next_back().unwrap_or("");
    let last = last.rsplit(". ").next().unwrap_or(last).to_lowercase();
    SHOWN.iter().any(|s| last.contains(s)) && !COMMANDS.iter().any(|a| last.contains(a))
}

/// `sum by(job) (rate(…` and `label_replace(…`: in a shell a bracket follows a name only to define
/// a function.
fn is_query(first: &str) -> bool {
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let rest = first.trim_start_matches(name);
    if rest.len() == first.len() {
        return false;
    }
    let rest = rest.trim_start();
    let rest = ["by", "without"]
        .iter()
        .find_map(|word| rest.strip_prefix(word))
        .unwrap_or(rest)
        .trim_start();
    rest.starts_with('(') && !rest[1..].trim_start().starts_with(')')
}

/// ` 1  error: …`, `| name | age |`, `--> file:3`: no command starts with a bare number or a rule.
fn is_table_or_listing(first: &str) -> bool {
    let word = first.split_whitespace().next().unwrap_or("");
    let number = !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    number || word.starts_with(['|', '│', '+']) || word.starts_with("--")
}

/// Where a line like `health: HEALTH_WARN` begins: no command has such a name, and the lines after
/// it are output as well.
fn output_start(code: &str) -> usize {
    if code.contains("<<") {
        return code.len();
    }
    let mut at = 0;
    let mut continued = false;
    for line in code.split_inclusive('\n') {
        let word = line.split_whitespace().next().unwrap_or("");
        let label = word.strip_suffix(':').is_some_and(|w| {
            !w.is_empty()
                && w.chars()
                    .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
        });
        if label && !continued && !shell_block::leaves_a_quote_open(&code[..at]) {
            return at;
        }
        continued = line.trim_end().ends_with(['\\', '|', '&']);
        at += line.len();
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(prose: &str, code: &str) -> Block {
        Block {
            language: "bash".to_owned(),
            info: String::new(),
            code: code.to_owned(),
            line: 1,
            headings: Vec::new(),
            prose: prose.to_owned(),
        }
    }

    #[test]
    fn output_is_distinguished_from_commands() {
        for (prose, code, kept) in [
            (
                "Look at the pods:",
                "kubectl get pods\n",
                "kubectl get pods\n",
            ),
            (
                "The output is similar to this example:",
                "Warning  Failed  it didn't fit\n",
                "",
            ),
            ("You should see something like this:", "web 1/1\n", ""),
            (
                "Wait. Run a command similar to the following:",
                "kubectl get pods\n",
                "kubectl get pods\n",
            ),
            (
                "The output is long. Look at the disks:",
                "df -h\n",
                "df -h\n",
            ),
            (
                "If the output is empty, list the disks:\nThen the mounts:",
                "mount\n",
                "mount\n",
            ),
            ("", "sum by (job) (rate(errors_total[5m]))\n", ""),
            (
                "",
                "# slow\nlabel_replace(\n  up, \"a\", \"b\", \"c\", \"\")\n",
                "",
            ),
            (
                "",
                "wait_for() { sleep 1; }\nwait_for\n",
                "wait_for() { sleep 1; }\nwait_for\n",
            ),
            ("", " 1  error: not found\n  --> a.rs:1\n", ""),
            ("", "+----+\n| id |\n+----+\n", ""),
            ("", "(cd /tmp && ls)\n", "(cd /tmp && ls)\n"),
            (
                "",
                "ceph status\n  cluster:\n    health: HEALTH_WARN\n    3 full osd(s)\n",
                "ceph status\n",
            ),
            ("", "cluster:\n  health: bad\n", ""),
            (
                "",
                "cat <<EOF\nkind: Pod\nEOF\n",
                "cat <<EOF\nkind: Pod\nEOF\n",
            ),
            (
                "",
                "oc patch x -p '\nspec:\n  a: 1'\n",
                "oc patch x -p '\nspec:\n  a: 1'\n",
            ),
        ] {
            assert_eq!(commands(&block(prose, code)), kept, "{prose} | {code}");
        }
    }
}
