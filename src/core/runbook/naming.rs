//! Names of pages: the name of the file, or the path below the folder when that name is taken; also
//! the title. Runbooks that name themselves, and those that ship with opsroom, always keep their
//! names.

use std::collections::{BTreeMap, BTreeSet};

use super::Runbook;
use super::cross_lint::meaning;
use super::definition::Origin;
use super::page_name::{self, path_and_stem};
use crate::base::problem::Problem;
use crate::base::text::show;
use crate::command::Catalogue;

/// Gives each page a name of its own, independent of the order of the files. `folder`: where they
/// were loaded from. A shadowed name is a problem of its page.
pub fn pages(runbooks: &mut [Runbook], folder: &str, taken: &BTreeSet<String>) -> Vec<Problem> {
    let is_page = |r: &Runbook| matches!(r.definition.origin, Origin::Guided | Origin::Reference);
    let own = runbooks
        .iter()
        .filter(|r| !is_page(r))
        .map(|r| r.name.to_lowercase());
    let mut used: BTreeSet<String> = taken
        .iter()
        .map(|name| name.to_lowercase())
        .chain(own)
        .collect();
    let below = |file: &str| {
        file.strip_prefix(folder)
            .unwrap_or(file)
            .trim_start_matches('/')
            .to_owned()
    };
    let places: Vec<Option<[String; 4]>> = runbooks
        .iter()
        .map(|r| is_page(r).then(|| candidates(&below(&r.definition.source.file))))
        .collect();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for place in places.iter().flatten() {
        *counts.entry(place[0].to_lowercase()).or_default() += 1;
    }
    // Unique paths come first: a page at the top keeps its name.
    let mut paths: BTreeMap<String, usize> = BTreeMap::new();
    for place in places.iter().flatten() {
        *paths.entry(place[1].to_lowercase()).or_default() += 1;
    }
    let mut problems = Vec::new();
    let mut names: Vec<Option<String>> = vec![None; runbooks.len()];
    for round in 0..4 {
        for (at, place) in places.iter().enumerate() {
            let (Some(place), None) = (place, &names[at]) else {
                continue;
            };
            let name = &place[round];
            let lower = name.to_lowercase();
            let alone = match round {
                0 => {
                    counts[&lower] == 1
                        && paths
                            .get(&lower)
                            .is_none_or(|n| *n == usize::from(place[1].to_lowercase() == lower))
                }
                1 => paths[&lower] == 1,
                _ => true,
            };
            if alone && used.insert(lower) {
                names[at] = Some(name.clone());
            }
        }
    }
    for (runbook, (name, place)) in runbooks.iter_mut().zip(names.into_iter().zip(&places)) {
        let (Some(name), Some(place)) = (name, place) else {
            continue;
        };
        if taken.contains(&place[0].to_lowercase()) {
            problems.push(shadowed(runbook, &place[0], &name));
        }
        if !name.chars().any(char::is_uppercase) && crate::command::is_own_word(&name) {
            problems.push(own_word(runbook, &name));
        }
        runbook.also = place
            .iter()
            .filter(|other| **other != name)
            .cloned()
            .collect();
        runbook.name = name;
    }
    titles(runbooks, &used, &mut problems);
    problems
}

/// In this order: the file's name, its path, its path with the file's name, the whole of it.
fn candidates(file: &str) -> [String; 4] {
    let stem = page_name::name_of(file);
    let (path, own) = path_and_stem(file);
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let full = if folder.is_empty() {
        own
    } else {
        format!("{folder}/{own}")
    };
    [stem, path, full, file.to_owned()].map(|name| show(&page_name::plain(&name)).into_owned())
}

fn shadowed(runbook: &Runbook, stem: &str, name: &str) -> Problem {
    let message = format!(
        "`{stem}` is a command of opsroom's own, which wins: this page is called by run {}",
        crate::command::typed_name(name)
    );
    Problem {
        file: runbook.definition.source.file.clone(),
        line: 1,
        key: "name".to_owned(),
        message,
    }
}

fn own_word(runbook: &Runbook, name: &str) -> Problem {
    let message = format!(
        "`run {name}` is a command of opsroom's own, which wins: call this page by run \"{name}\""
    );
    Problem {
        file: runbook.definition.source.file.clone(),
        line: 1,
        key: "name".to_owned(),
        message,
    }
}

/// A title only one page has, and no runbook as its name, is a name too, and one of several words a
/// phrase. Other names that several pages share are dropped.
fn titles(runbooks: &mut [Runbook], used: &BTreeSet<String>, problems: &mut Vec<Problem>) {
    let bare = Catalogue::bare();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for runbook in runbooks.iter() {
        for name in runbook.also.iter().chain([&runbook.title]) {
            *counts.entry(name.to_lowercase()).or_default() += 1;
        }
    }
    for runbook in runbooks.iter_mut() {
        let alone = |name: &String| {
            counts[&name.to_lowercase()] == 1 && !used.contains(&name.to_lowercase())
        };
        let page = matches!(
            runbook.definition.origin,
            Origin::Guided | Origin::Reference
        );
        let title = Some(runbook.title.clone()).filter(|title| page && alone(title));
        runbook.also.retain(|name| alone(name));
        if page && is_phrase(&runbook.title) {
            let own = runbook.title.to_lowercase();
            let taken = if title.is_none() && own != runbook.name.to_lowercase() {
                Some("is also the title or name of another runbook".to_owned())
            } else {
                meaning(&own, bare).map(|intent| format!("already means {intent}"))
            };
            match taken {
                Some(why) => problems.push(no_phrase(runbook, &why)),
                None => runbook.phrases.push(own),
            }
        }
        runbook.also.extend(title);
    }
}

/// Whether a title can be typed as a phrase: several plain words.
fn is_phrase(title: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '.' | '\'');
    title.split_whitespace().count() > 1 && title.chars().all(plain)
}

fn no_phrase(runbook: &Runbook, why: &str) -> Problem {
    Problem {
        file: runbook.definition.source.file.clone(),
        line: runbook.definition.source.name_line.max(1),
        key: "title".to_owned(),
        message: format!(
            "{:?} {why}, so it is no phrase of this page; type run {}",
            runbook.title,
            crate::command::typed_name(&runbook.name)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::parse;

    fn named(files: &[(&str, &str)]) -> (Vec<(String, Vec<String>)>, Vec<String>) {
        let read = |(file, title): &(&str, &str)| {
            parse(
                &format!("/r/{file}"),
                &format!("# {title}\n\n```sh\ndf -h\n```\n"),
            )
            .unwrap_or_else(|p| panic!("{p:?}"))
        };
        let mut runbooks: Vec<Runbook> = files.iter().map(read).collect();
        let taken = BTreeSet::from(["restart".to_owned()]);
        let problems = pages(&mut runbooks, "/r", &taken);
        let names = runbooks.into_iter().map(|r| (r.name, r.also)).collect();
        let mut problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        problems.sort();
        (names, problems)
    }

    #[test]
    fn every_page_has_a_name_of_its_own_whatever_the_order() {
        let mut files = [
            ("git.md", "Git"),
            ("docs/git/README.md", "Git servers"),
            ("docs/git/git.md", "More git"),
            ("a/index.html.md", "A"),
            ("b/index.html.md", "A"),
            ("kafka.md", "Kafka (old)"),
            ("kafka/README.md", "Kafka"),
            ("restart.md", "Restart & wait"),
            ("deep/x/Disk Full, again.md", "Disk"),
            ("README.md", "All of them"),
            ("check.md", "Checking"),
        ];
        let wanted = |names: &[(String, Vec<String>)], files: &[(&str, &str)]| {
            let mut all: Vec<(String, String)> = files
                .iter()
                .zip(names)
                .map(|((f, _), (n, _))| ((*f).to_owned(), n.clone()))
                .collect();
            all.sort();
            all
        };
        let (names, problems) = named(&files);
        let first = wanted(&names, &files);
        let of = |file: &str| {
            first
                .iter()
                .find(|(f, _)| f == file)
                .map(|(_, n)| n.as_str())
                .unwrap()
        };
        for (file, name) in [
            ("git.md", "git"),
            ("docs/git/README.md", "docs/git"),
            ("docs/git/git.md", "docs/git/git"),
            ("a/index.html.md", "a"),
            ("b/index.html.md", "b"),
            ("restart.md", "restart.md"),
            ("deep/x/Disk Full, again.md", "Disk Full, again"),
            ("README.md", "README"),
        ] {
            assert_eq!(of(file), name, "{file}");
        }
        assert_ne!(of("kafka.md"), of("kafka/README.md"));
        assert_eq!(
            problems,
            [
                "/r/check.md:1: name: `run check` is a command of opsroom's own, which wins: call this page by run \"check\"",
                "/r/restart.md:1: name: `restart` is a command of opsroom's own, which wins: this page is called by run restart.md"
            ]
        );
        let also = |name: &str| {
            names
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, a)| a.clone())
                .unwrap()
        };
        assert!(
            also("git").contains(&"Git".to_owned())
                || also("docs/git").contains(&"Git servers".to_owned())
        );
        assert!(
            !also("a").contains(&"A".to_owned()),
            "two pages have that title"
        );
        files.reverse();
        assert_eq!(wanted(&named(&files).0, &files), first);
    }
}
