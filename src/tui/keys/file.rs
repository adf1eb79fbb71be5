//! Merges a sparse keymap file into a keymap. Bad lines are reported with their number and ignored.

use toml_edit::{Document, Item, Value};

use super::{Action, Binding, Context, Key, Table};

/// The repository's `keymap.toml`.
pub const BUILT_IN: &str = include_str!("../../../keymap.toml");

/// A valid line of the file.
struct Line {
    number: usize,
    action: Action,
    keys: Vec<Key>,
}

/// Merges `text` into `base` and returns its problems in the order of the file. `base` may be
/// empty.
#[must_use]
pub fn merge(base: &[Binding], file: &str, text: &str) -> (Vec<Binding>, Vec<String>) {
    let mut problems = Vec::new();
    let mut lines = read(text, &mut problems);
    while let Some((index, problem)) = first_conflict(base, &lines) {
        problems.push((lines[index].number, problem));
        lines.remove(index);
    }
    problems.sort();
    let problems = problems
        .into_iter()
        .map(|(line, what)| format!("{file}:{line}: {what}"))
        .collect();
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

/// Parses the file. A line with a TOML error is reported and blanked, and the file parsed again.
fn read(text: &str, problems: &mut Vec<(usize, String)>) -> Vec<Line> {
    let mut text = text.to_owned();
    for _ in 0..=text.lines().count() {
        match Document::parse(text.clone()) {
            Ok(document) => {
                return document
                    .iter()
                    .flat_map(|(n, i)| table(&text, &document, n, i, problems))
                    .collect();
            }
            Err(error) => {
                let number = error.span().map_or(1, |span| line_of(&text, span.start));
                problems.push((
                    number,
                    format!(
                        "{}; line left out",
                        error.message().trim().replace('\n', ", ")
                    ),
                ));
                text = blank(&text, number);
            }
        }
    }
    Vec::new()
}

fn table(
    text: &str,
    document: &Document<String>,
    name: &str,
    item: &Item,
    problems: &mut Vec<(usize, String)>,
) -> Vec<Line> {
    let at = document
        .as_table()
        .key(name)
        .and_then(toml_edit::Key::span)
        .map_or(1, |s| line_of(text, s.start));
    let Some(table) = Table::ALL.into_iter().find(|t| t.name() == name) else {
        let known: Vec<_> = Table::ALL
            .iter()
            .map(|t| format!("[{}]", t.name()))
            .collect();
        problems.push((
            at,
            format!("there is no table [{name}]; there are {}", known.join(", ")),
        ));
        return Vec::new();
    };
    let Some(entries) = item.as_table_like() else {
        problems.push((at, format!("`{name}` must be a table: write [{name}]")));
        return Vec::new();
    };
    let mut lines = Vec::new();
    for (key, item) in entries.iter() {
        let number = entries
            .key(key)
            .and_then(toml_edit::Key::span)
            .map_or(at, |s| line_of(text, s.start));
        match binding(table, key, item) {
            Ok((action, keys)) => lines.push(Line {
                number,
                action,
                keys,
            }),
            Err(why) => problems.push((number, why)),
        }
    }
    lines
}

fn binding(table: Table, name: &str, item: &Item) -> Result<(Action, Vec<Key>), String> {
    let action = Action::from_name(table, name).ok_or_else(|| unknown(table, name))?;
    let written: Vec<&str> = match item.as_value() {
        Some(Value::String(one)) => vec![one.value()],
        Some(Value::Array(many)) => many
            .iter()
            .map(|v| v.as_str().ok_or(()))
            .collect::<Result<_, _>>()
            .unwrap_or_default(),
        _ => return Err(format!("{name} wants a key in quotes, or a list of them")),
    };
    if item.as_array().is_some_and(|a| a.len() != written.len()) {
        return Err(format!("{name} wants a list of keys in quotes"));
    }
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
    let near = Action::ALL
        .iter()
        .filter(|(_, t, ..)| *t == table)
        .map(|(_, _, n, _)| (strsim::damerau_levenshtein(n, name), n))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    match (elsewhere, near) {
        (Some(table), _) => format!("`{name}` belongs to [{table}]"),
        (None, Some((_, near))) => format!(
            "there is no action `{name}` in [{}]; did you mean `{near}`?",
            table.name()
        ),
        (None, None) => format!(
            "there is no action `{name}` in [{}]; `opsroom keys` lists them",
            table.name()
        ),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()
        .iter()
        .take(offset)
        .filter(|b| **b == b'\n')
        .count()
        + 1
}

fn blank(text: &str, number: usize) -> String {
    let kept = text
        .lines()
        .enumerate()
        .map(|(i, line)| if i + 1 == number { "" } else { line });
    kept.collect::<Vec<_>>().join("\n")
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
