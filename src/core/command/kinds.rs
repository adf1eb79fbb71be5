//! Words for kinds of runs: "deploys", "deploying", "deployed".

/// How a word names the runs of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// "deploy", "deploys".
    Noun,
    /// "deploying": runs that are running.
    Ongoing,
    /// "deployed".
    Past,
}

/// Words of one built-in runbook.
struct Words {
    runbook: &'static str,
    nouns: &'static [&'static str],
    ongoing: &'static [&'static str],
    past: &'static [&'static str],
}

const KINDS: [Words; 7] = [
    Words {
        runbook: "deploy",
        nouns: &[
            "deploy",
            "deploys",
            "deployment",
            "deployments",
            "release",
            "releases",
            "rollout",
            "rollouts",
        ],
        ongoing: &["deploying", "releasing", "shipping"],
        past: &["deployed", "redeployed", "released", "shipped"],
    },
    Words {
        runbook: "rollback",
        nouns: &["rollback", "rollbacks"],
        ongoing: &["rolling"],
        past: &["rolled", "reverted"],
    },
    Words {
        runbook: "restart",
        nouns: &["restart", "restarts", "reboot", "reboots"],
        ongoing: &["restarting", "rebooting", "bouncing"],
        past: &["restarted", "rebooted", "bounced"],
    },
    Words {
        runbook: "backup",
        nouns: &["backup", "backups"],
        ongoing: &["backing"],
        past: &["backed"],
    },
    Words {
        runbook: "scale",
        nouns: &[],
        ongoing: &["scaling"],
        past: &["scaled", "rescaled", "resized"],
    },
    Words {
        runbook: "schema_sync",
        nouns: &["migration", "migrations"],
        ongoing: &["migrating"],
        past: &["migrated"],
    },
    Words {
        runbook: "incident",
        nouns: &[],
        ongoing: &["fixing", "investigating", "debugging", "troubleshooting"],
        past: &["fixed", "investigated", "debugged"],
    },
];

/// The runbook whose runs a word names, and in which form.
pub(super) fn of(word: &str) -> Option<(&'static str, Form)> {
    KINDS.iter().find_map(|kind| {
        let form = if kind.nouns.contains(&word) {
            Form::Noun
        } else if kind.ongoing.contains(&word) {
            Form::Ongoing
        } else if kind.past.contains(&word) {
            Form::Past
        } else {
            return None;
        };
        Some((kind.runbook, form))
    })
}

/// The noun for the runs of a runbook; `None`: they have no name of their own.
pub(super) fn noun(runbook: &str) -> Option<&'static str> {
    let kind = KINDS.iter().find(|kind| kind.runbook == runbook)?;
    kind.nouns.get(1).copied()
}
