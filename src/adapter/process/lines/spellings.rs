//! Every spelling of the table, as real programs write it: no letter of a value is shown, wherever
//! the output is cut.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;

use super::Lines;
use crate::core::base::redact::Redactor;
use crate::core::run::event::Stream;

/// This many consecutive letters of a value are a leak.
const WINDOW: usize = 6;

/// The output of the programs for a value, by spelling. `None`: Python is not installed.
fn printed(value: &str) -> Option<BTreeMap<String, Vec<u8>>> {
    let script = include_str!("spellings.py");
    let done = Command::new("python3")
        .args(["-c", script])
        .env("S", value)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .ok()?;
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let mut all = BTreeMap::new();
    let mut name = String::new();
    for line in done.stdout.split_inclusive(|b| *b == b'\n') {
        match line.strip_prefix(b"== ") {
            Some(next) => name = String::from_utf8_lossy(next).trim_end().to_owned(),
            None => all
                .entry(name.clone())
                .or_insert_with(Vec::new)
                .extend_from_slice(line),
        }
    }
    Some(all)
}

/// A value of the same shape with every letter changed: where the two are printed differently, the
/// output depends on the value.
fn other(value: &str) -> String {
    let shifted = |c: char| match c {
        'a'..='y' | 'A'..='Y' | '0'..='8' => char::from(c as u8 + 1),
        'z' => 'a',
        'Z' => 'A',
        '9' => '0',
        c => c,
    };
    value.chars().map(shifted).collect()
}

/// Pieces of the output that would show a part of the value.
fn telltales(printed: &[u8], other: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for (line, other) in printed
        .split(|b| *b == b'\n')
        .zip(other.split(|b| *b == b'\n'))
    {
        if line.len() != other.len() {
            continue;
        }
        let differ: Vec<bool> = line.iter().zip(other).map(|(a, b)| a != b).collect();
        for (window, differ) in line.windows(WINDOW).zip(differ.windows(WINDOW)) {
            if differ.iter().filter(|differs| **differs).count() >= WINDOW - 1 {
                found.push(window.to_vec());
            }
        }
    }
    found
}

/// The lines as the store gets them, when the output comes in these chunks.
fn stored(redactor: &Arc<Redactor>, chunks: &[&[u8]], max: usize) -> Vec<String> {
    let mut lines = Lines {
        stream: Stream::Stdout,
        partial: Vec::new(),
        held: Vec::new(),
        max,
        redactor: redactor.clone(),
    };
    let mut out = Vec::new();
    for chunk in chunks {
        lines.feed(chunk, &mut out);
    }
    lines.finish(&mut out);
    out.into_iter()
        .map(|line| redactor.redact(&line.text))
        .collect()
}

/// The problem with the lines: they show a part of the value, or not even that there was one.
fn wrong(value: &str, name: &str, lines: &[String], telltales: &[Vec<u8>]) -> Option<String> {
    let shown = lines.join("\n");
    let found = telltales
        .iter()
        .find(|piece| memchr::memmem::find(shown.as_bytes(), piece).is_some());
    let found = found.map(|piece| String::from_utf8_lossy(piece).into_owned());
    let right = found.is_none() && !shown.contains(value) && shown.contains("[secret X]");
    (!right).then(|| format!("{name} of {value:?} shows {found:?}:\n{shown}\n"))
}

fn values() -> Vec<String> {
    let mut values: Vec<String> = [
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "AKIAIOSFODNN7EXAMPLE/wJalrXUtnFEMI+K7MDENG=",
        "hunter2hunter3",
        "pa ss w/ord & <more> than enough",
        "it's a \"quoted\" pass'word",
        "back\\slash/and$dollar`tick`!{x}",
        "tab\tin between and~tilde",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        "xoxb-123456789012-abcdefABCDEF",
        "p%40ss%2Fword+plus=equals",
        "&lt;entities&gt;&amp;more",
        "9f86d081884c7d659a2feaa0c55ad015",
        "correct horse battery staple",
        "S3cr3t!@#$%^&*()_+",
    ]
    .map(str::to_owned)
    .into();
    values.extend((0..5).map(|n| format!("Pl4nted/{n:02}+s3cr3t&%{}", "qZ7".repeat(n * 4))));
    values.push("Pässwörter-übel#42".to_owned());
    values
}

/// 20 values in all spellings.
#[test]
fn no_spelling_of_any_value_is_shown() {
    let mut all_wrong = Vec::new();
    for value in values() {
        let (Some(all), Some(others)) = (printed(&value), printed(&other(&value))) else {
            return;
        };
        assert!(all.len() > 80, "{} spellings", all.len());
        let redactor = Arc::new(Redactor::new([("X", value.as_str())]));
        for (name, text) in &all {
            let telltales = others
                .get(name)
                .map(|other| telltales(text, other))
                .unwrap_or_default();
            let lines = stored(&redactor, &[text], 10_000);
            all_wrong.extend(wrong(&value, name, &lines, &telltales));
        }
    }
    assert!(
        all_wrong.is_empty(),
        "{} leaks: {}",
        all_wrong.len(),
        all_wrong.concat()
    );
}

/// Cut anywhere: between two reads, and where a long line is cut.
#[test]
fn no_spelling_is_shown_wherever_it_is_cut() {
    let value = "k3y/+&<'it s\\%Z9";
    let (Some(all), Some(others)) = (printed(value), printed(&other(value))) else {
        return;
    };
    let redactor = Arc::new(Redactor::new([("X", value)]));
    let mut all_wrong = Vec::new();
    for (name, text) in &all {
        let telltales = telltales(text, &others[name]);
        for at in 0..text.len() {
            let (left, right) = text.split_at(at);
            all_wrong.extend(wrong(
                value,
                name,
                &stored(&redactor, &[left, right], 10_000),
                &telltales,
            ));
        }
    }
    let front = "-".repeat(700);
    for (name, text) in all
        .iter()
        .filter(|(_, text)| memchr::memchr_iter(b'\n', text).count() == 1)
    {
        let telltales = telltales(text, &others[name]);
        let text = [front.as_bytes(), text].concat();
        for max in (690..690 + text.len()).step_by(7) {
            all_wrong.extend(wrong(
                value,
                name,
                &stored(&redactor, &[&text], max),
                &telltales,
            ));
        }
    }
    assert!(
        all_wrong.is_empty(),
        "{} leaks: {}",
        all_wrong.len(),
        all_wrong[0]
    );
}
