//! Changes between two plans, in lines for people: shown at the first run of a changed definition.

use std::collections::BTreeMap;

use super::{OnFailure, Plan, PlanStep, Risk};
use crate::base::time::write_duration;

/// Each line starts with `+` (new), `-` (gone) or `~` (different). The typed text and the version
/// and hash of the definition are left out: those are how the change was noticed.
#[must_use]
pub fn diff(old: &Plan, new: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    let services = |plan: &Plan| plan.services.join(", ");
    let group = |plan: &Plan| {
        let group = plan
            .concurrency
            .as_ref()
            .map(|c| format!("{} ({})", c.group, c.policy.name()));
        group.unwrap_or_default()
    };
    for (what, before, after) in [
        ("title", old.title.clone(), new.title.clone()),
        ("services", services(old), services(new)),
        (
            "deadline",
            write_duration(old.timeout_ms),
            write_duration(new.timeout_ms),
        ),
        (
            "priority",
            old.priority.name().to_owned(),
            new.priority.name().to_owned(),
        ),
        ("group", group(old), group(new)),
        (
            "changes things",
            old.mutates.to_string(),
            new.mutates.to_string(),
        ),
    ] {
        if before != after {
            lines.push(format!(
                "~ {what}: {} → {}",
                or_none(&before),
                or_none(&after)
            ));
        }
    }
    of_inputs(&old.inputs, &new.inputs, &mut lines);
    of_risks(&old.risks, &new.risks, &mut lines);
    of_steps("", &old.steps, &new.steps, &mut lines);
    of_steps("finally ", &old.finally, &new.finally, &mut lines);
    of_steps("undo ", &old.undo, &new.undo, &mut lines);
    lines
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

fn of_inputs(
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
    lines: &mut Vec<String>,
) {
    for (name, value) in old {
        match new.get(name) {
            None => lines.push(format!("- input {name}={value}")),
            Some(other) if other != value => {
                lines.push(format!("~ input {name}: {value} → {other}"));
            }
            Some(_) => {}
        }
    }
    lines.extend(
        new.iter()
            .filter(|(n, _)| !old.contains_key(*n))
            .map(|(n, v)| format!("+ input {n}={v}")),
    );
}

fn of_risks(old: &[Risk], new: &[Risk], lines: &mut Vec<String>) {
    let line =
        |mark: char, r: &Risk| format!("{mark} risk {} {}: {}", r.level.name(), r.code, r.message);
    lines.extend(
        old.iter()
            .filter(|r| !new.contains(r))
            .map(|r| line('-', r)),
    );
    lines.extend(
        new.iter()
            .filter(|r| !old.contains(r))
            .map(|r| line('+', r)),
    );
}

fn of_steps(place: &str, old: &[PlanStep], new: &[PlanStep], lines: &mut Vec<String>) {
    let by_name = |steps: &[PlanStep]| -> BTreeMap<String, String> {
        steps
            .iter()
            .map(|s| (s.name.clone(), described(s, steps)))
            .collect()
    };
    let (before, after) = (by_name(old), by_name(new));
    lines.extend(
        old.iter()
            .filter(|s| !after.contains_key(&s.name))
            .map(|s| format!("- {place}step {}: {}", s.name, before[&s.name])),
    );
    for step in new {
        let now = &after[&step.name];
        match before.get(&step.name) {
            None => lines.push(format!("+ {place}step {}: {now}", step.name)),
            Some(then) if then != now => {
                lines.push(format!("~ {place}step {}: {then} → {now}", step.name));
            }
            Some(_)
                if old
                    .iter()
                    .any(|s| s.name == step.name && s.spec != step.spec) =>
            {
                lines.push(format!(
                    "~ {place}step {}: its details (headers, body, text or variables)",
                    step.name
                ));
            }
            Some(_) => {}
        }
    }
    let kept = |steps: &[PlanStep], others: &BTreeMap<String, String>| -> Vec<String> {
        steps
            .iter()
            .filter(|s| others.contains_key(&s.name))
            .map(|s| s.name.clone())
            .collect()
    };
    if kept(old, &after) != kept(new, &before) {
        lines.push(format!("~ {place}steps: the order is another"));
    }
}

/// Everything about a step that makes a difference when it runs.
fn described(step: &PlanStep, all: &[PlanStep]) -> String {
    let rules = &step.rules;
    let mut parts = vec![
        step.phase.name().to_owned(),
        step.spec.describe(),
        write_duration(step.timeout_ms),
    ];
    parts.extend(step.retry.map(|r| {
        format!(
            "{} tries from {} to {}",
            r.attempts,
            write_duration(r.base_ms),
            write_duration(r.cap_ms)
        )
    }));
    match step.on_failure {
        OnFailure::Stop => {}
        OnFailure::Continue => parts.push("goes on when it fails".to_owned()),
        OnFailure::Jump(to) => {
            let name = usize::try_from(to)
                .ok()
                .and_then(|to| all.get(to))
                .map_or("?", |s| s.name.as_str());
            parts.push(format!("goes on at {name} when it fails"));
        }
    }
    parts.extend(rules.when.iter().map(|when| format!("when {when}")));
    parts.extend(rules.expect.iter().map(|expect| format!("expect {expect}")));
    parts.extend(
        rules
            .save
            .iter()
            .map(|(name, from)| format!("save {name} = {from}")),
    );
    parts.extend(
        rules
            .links
            .iter()
            .map(|(title, from)| format!("link {title} = {from}")),
    );
    parts.extend(rules.each.map(|e| {
        format!(
            "{} at once, {} errors allowed",
            e.max_concurrency, e.max_errors
        )
    }));
    parts.join(", ")
}
