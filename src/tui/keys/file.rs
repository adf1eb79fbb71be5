//! Merges a sparse keymap file into a keymap. Bad lines are reported with their number and ignored.

use toml::de::DeValue;

use super::{Action, Binding, Context, Key, Table};
use crate::core::base::suggest::nearest;
use crate::core::base::toml_doc::{Field, Report, Section, parse};

/// The repository's `keymap.toml`.
pub const BUILT_IN: &str = include_str!("../../../keymap.toml");

/// A valid line of the file.
struct Line {
    /// Its byte offset.
    at: usize,
    action: Action,
    keys: Vec<Key>,
}

/// Merges `text` into `base` and returns its problems in the order of the file. `base` may be
/// empty.
#[must_use]
pub fn merge(base: &[Binding], file: &str, text: &str) -> (Vec<Binding>, Vec<String>) {
    let (document, mut report) = parse(file, text);
    let mut lines: Vec<Line> = Section::root(&document)
        .entries()
        .flat_map(|(name, field)| table(&mut report, name, &field))
        .collect();
    lines.sort_by_key(|line| line.at);
    while let Some((index, problem)) = first_conflict(base, &lines) {
        let line = lines.remove(index);
        report.wrong(line.at, "", problem);
    }
    let problems = report.finish(()).err().unwrap_or_default();
    let problems = problems.iter().map(ToString::to_string).collect();
    (laid_over(base, &lines), problems)
}

fn laid_over(base: &[Binding], lines: &[Line]) -> Vec<Binding> {
    let keys_of = |action: Action| {
        let written = lines
            .iter()
            .find(|l| l.action == action)
            .map(|l| l.keys.clone());
        written.or_else(|| {
            base.iter()
                .find(|(a, _)| *a == action)
                .map(|(_, keys)| keys.clone())
        })
    };
    Action::ALL
        .iter()
        .map(|(action, ..)| (*action, keys_of(*action).unwrap_or_default()))
        .collect()
}

/// The first key bound twice in one context, and the line to drop: the later one in the file.
fn first_conflict(base: &[Binding], lines: &[Line]) -> Option<(usize, String)> {
    let merged = laid_over(base, lines);
    for context in Context::ALL {
        let live: Vec<_> = merged
            .iter()
            .filter(|(a, _)| context.tables().contains(&a.table()))
            .collect();
        for (i, (first, keys)) in live.iter().enumerate() {
            for (second, others) in &live[i + 1..] {
                let Some(key) = keys.iter().find(|k| others.contains(k)) else {
                    continue;
                };
                let of = |action: &Action| lines.iter().position(|l| l.action == *action);
                let (a, b) = (of(first), of(second));
                let Some(index) = a.max(b) else { continue };
                let (new, old) = if b == Some(index) {
                    (second, first)
                } else {
                    (first, second)
                };
                let say = |a: &Action| format!("{}.{}", a.table().name(), a.name());
                let text = format!(
                    "`{key}` cannot be {}: it is {}; line left out",
                    say(new),
                    say(old)
                );
                return Some((index, text));
            }
        }
    }
    None
}

/// The bindings of a table of the file.
fn table(report: &mut Report, name: &str, field: &Field<'_>) -> Vec<Line> {
    let Some(table) = Table::from_name(name) else {
        let known = Table::NAMES.map(|name| format!("[{name}]"));
        let message = format!("there is no table [{name}]; there are {}", known.join(", "));
        report.wrong(field.at, "", message);
        return Vec::new();
    };
    if !field.value().is_table() {
        let message = format!("`{name}` must be a table: write [{name}]");
        report.wrong(field.at, "", message);
        return Vec::new();
    }
    let mut lines = Vec::new();
    for (key, field) in field.table(report).iter().flat_map(Section::entries) {
        let at = field.at;
        match binding(table, key, field.value()) {
            // What is read from a broken line may not be what was meant.
            Ok(_) if report.is_broken_at(at) => {}
            Ok((action, keys)) => lines.push(Line { at, action, keys }),
            Err(why) => report.wrong(at, "", why),
        }
    }
    lines
}

fn binding(table: Table, name: &str, value: &DeValue<'_>) -> Result<(Action, Vec<Key>), String> {
    let action = Action::from_name(table, name).ok_or_else(|| unknown(table, name))?;
    let written = match value {
        DeValue::String(one) => vec![one.as_ref()],
        DeValue::Array(many) => many
            .iter()
            .map(|v| v.get_ref().as_str())
            .collect::<Option<_>>()
            .ok_or_else(|| format!("{name} wants a list of keys in quotes"))?,
        _ => return Err(format!("{name} wants a key in quotes, or a list of them")),
    };
    let keys: Result<Vec<Key>, String> = written.into_iter().map(Key::parse).collect();
    let keys = keys.map_err(|why| format!("{name}: {why}"))?;
    if table == Table::Text
        && let Some(key) = keys.iter().find(|k| k.printable().is_some())
    {
        return Err(format!(
            "{name}: `{key}` cannot be bound in [text]: there it is typed"
        ));
    }
    if action == Action::Back && keys.is_empty() {
        return Err("back needs a key: without it no dialog can be closed".to_owned());
    }
    Ok((action, keys))
}

/// The message for an unknown action: suggests the nearest name, or the right table.
fn unknown(table: Table, name: &str) -> String {
    let elsewhere = Action::ALL
        .iter()
        .find(|(_, _, n, _)| *n == name)
        .map(|(_, t, ..)| t.name());
    let known: Vec<&str> = Action::ALL
        .iter()
        .filter(|(_, t, ..)| *t == table)
        .map(|(_, _, n, _)| *n)
        .collect();
    match (elsewhere, nearest(name, &known)) {
        (Some(table), _) => format!("`{name}` belongs to [{table}]"),
        (None, Some(near)) => format!(
            "there is no action `{name}` in [{}]; did you mean `{near}`?",
            table.name()
        ),
        (None, None) => format!(
            "there is no action `{name}` in [{}]; `opsroom keys` lists them",
            table.name()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Keymap;
    use super::*;

    fn user(text: &str) -> Keymap {
        Keymap::with_user("my.toml", text)
    }

    fn shown(map: &Keymap, action: Action) -> String {
        map.keys(action)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn a_users_file_changes_only_what_it_names() {
        let map = user("[log]\nwrap = \"Z\"\ntimes = [\"t\", \"F4\"]\nleft = []\n");
        assert_eq!(map.problems, Vec::<String>::new());
        assert_eq!(shown(&map, Action::Wrap), "Z");
        assert_eq!(shown(&map, Action::Times), "t F4");
        assert_eq!(shown(&map, Action::Left), "");
        assert_eq!(shown(&map, Action::Quit), "q");
    }

    #[test]
    fn keys_can_be_swapped() {
        let map = user("[move]\nup = \"j\"\ndown = \"k\"\n");
        assert_eq!(map.problems, Vec::<String>::new());
        assert_eq!(
            (shown(&map, Action::Up), shown(&map, Action::Down)),
            ("j".to_owned(), "k".to_owned())
        );
    }

    #[test]
    fn every_mistake_is_named_with_its_line_and_the_rest_kept() {
        for (text, expected) in [
            (
                "[log]\nwrap = \"q\"\ntimes = \"T\"",
                "my.toml:2: `q` cannot be log.wrap: it is global.quit; line left out",
            ),
            (
                "[log]\nlevel = \"Z\"\nwrap = \"Z\"\ntimes = \"T\"",
                "my.toml:3: `Z` cannot be log.wrap: it is log.level",
            ),
            (
                "[log]\nwrapp = \"Z\"\ntimes = \"T\"",
                "my.toml:2: there is no action `wrapp` in [log]; did you mean `wrap`?",
            ),
            (
                "[log]\nquit = \"Z\"\ntimes = \"T\"",
                "my.toml:2: `quit` belongs to [global]",
            ),
            (
                "[log]\nwrap = \"Ctrl-I\"\ntimes = \"T\"",
                "my.toml:2: wrap: terminals cannot send `Ctrl-I`: it arrives as Tab",
            ),
            (
                "[log]\nwrap = \"[\"\ntimes = \"T\"",
                "my.toml:2: wrap: `[` cannot be bound",
            ),
            (
                "[log]\nwrap = 7\ntimes = \"T\"",
                "my.toml:2: wrap wants a key in quotes",
            ),
            (
                "[log]\nwrap = [\"Z\", 7]\ntimes = \"T\"",
                "my.toml:2: wrap wants a list of keys in quotes",
            ),
            ("[log]\nwrap = \"Z\nlevel = 3\ntimes = \"T\"", "my.toml:2: "),
            (
                "[log]\nwrap = \"Z\"\nwrap = \"X\"\ntimes = \"T\"",
                "my.toml:3: ",
            ),
            (
                "[text]\nwhy = \"y\"\n[log]\ntimes = \"T\"",
                "my.toml:2: why: `y` cannot be bound in [text]",
            ),
            (
                "[always]\nback = []\n[log]\ntimes = \"T\"",
                "my.toml:2: back needs a key",
            ),
            (
                "[nope]\nx = \"y\"\n[log]\ntimes = \"T\"",
                "my.toml:1: there is no table [nope]",
            ),
            (
                "always = 3\n[log]\ntimes = \"T\"",
                "my.toml:1: `always` must be a table",
            ),
        ] {
            let map = user(text);
            assert!(
                map.problems.iter().any(|p| p.starts_with(expected)),
                "{text}\n{:?}",
                map.problems
            );
            assert_eq!(
                shown(&map, Action::Times),
                "T",
                "the good line of {text:?} must hold"
            );
            assert_eq!(shown(&map, Action::Back), "Esc");
        }
    }

    #[test]
    fn no_key_ever_means_two_things_in_one_place() {
        let text = "[move]\nup = \"n\"\n[log]\nnext-hit = \"k\"\nlevel = [\"x\", \"e\"]\n[run]\ncancel = \"e\"\n";
        let map = user(text);
        for context in Context::ALL {
            let live: Vec<_> = map
                .bindings()
                .iter()
                .filter(|(a, _)| context.tables().contains(&a.table()))
                .collect();
            let mut keys: Vec<String> = live
                .iter()
                .flat_map(|(_, k)| k.iter().map(ToString::to_string))
                .collect();
            let all = keys.len();
            keys.sort();
            keys.dedup();
            assert_eq!(keys.len(), all, "{context:?}");
        }
    }
}
