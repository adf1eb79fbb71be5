//! README.md and the manual match the program: generated parts are fresh, examples work, help covers
//! everything. `OPSROOM_BLESS=1 cargo test --test pure docs` rewrites the generated parts.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use opsroom::cli::examples::EXAMPLES;
use opsroom::cli::manual::blocks::{self, Block, TextPart};
use opsroom::cli::manual::{TOPICS, Topic, examples};
use opsroom::control::runbook::Library;
use opsroom::core::command::{self, ParseOutcome};
use opsroom::core::expr::Type;
use opsroom::core::integration::product::{Arg, Product};
use opsroom::core::routine::scope::routine_types;
use opsroom::core::runbook;
use opsroom::core::stack::routine::RoutineKind;
use opsroom::tui::keys::{Keymap, document};
use opsroom::{cli, config};

const README: &str = "README.md";

/// A file of the repository.
fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// A page of the manual.
fn page(topic: &str) -> String {
    read(&file_of(topic))
}

fn file_of(topic: &str) -> String {
    format!("assets/manual/{topic}.md")
}

/// The contents of the first fence of a text that opens with `open`, and the text after it.
fn fence<'t>(text: &'t str, open: &str, close: &str) -> Option<(&'t str, &'t str)> {
    let from = text.find(open)? + open.len();
    text[from..].split_once(close)
}

/// All blocks of TOML of a text.
fn tomls(text: &str) -> Vec<&str> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some((block, after)) = fence(rest, "```toml\n", "```") {
        found.push(block);
        rest = after;
    }
    found
}

/// A text with what is between `<!-- name: …-->` and `<!-- /name -->` replaced.
fn with_part(text: &str, name: &str, part: &str) -> String {
    let open = text
        .find(&format!("<!-- {name}: "))
        .unwrap_or_else(|| panic!("there is no part {name}"));
    let from = open + text[open..].find("-->\n").unwrap() + 4;
    let to = text
        .find(&format!("<!-- /{name} -->"))
        .unwrap_or_else(|| panic!("the part {name} does not end"));
    format!("{}\n{}\n\n{}", &text[..from], part.trim(), &text[to..])
}

fn pages() -> String {
    TOPICS
        .iter()
        .map(|t| format!("- [{}]({}): {}\n", t.name, file_of(t.name), t.title()))
        .collect()
}

fn commands() -> String {
    let mut table = "| command | does |\n|---|---|\n".to_owned();
    for sub in cli::definition().get_subcommands() {
        let args: Vec<_> = sub.get_positionals().map(|p| format!(" {p}")).collect();
        let flags: Vec<_> = sub
            .get_arguments()
            .filter(|a| !a.is_hide_set() && !a.is_positional() && !a.is_global_set())
            .filter_map(|a| {
                a.get_long()
                    .filter(|long| *long != "help")
                    .map(|long| (a, long))
            })
            .map(|(a, long)| {
                let value = a
                    .get_action()
                    .takes_values()
                    .then(|| a.get_value_names().map(|v| format!(" {}", v.join(" "))));
                format!("`--{long}{}`", value.flatten().unwrap_or_default())
            })
            .collect();
        let flags = if flags.is_empty() {
            String::new()
        } else {
            format!("; {}", flags.join(", "))
        };
        let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
        let row = format!("`opsroom {}{}`", sub.get_name(), args.concat());
        let cells = [row, format!("{about}{flags}")].map(|cell| cell.replace('|', "\\|"));
        let _ = writeln!(table, "| {} |", cells.join(" | "));
    }
    table
}

fn settings() -> String {
    let mut table =
        "| key | variable | values | default | what it is |\n|---|---|---|---|---|\n".to_owned();
    for key in config::settings::KEYS {
        let place = if key.table.is_empty() {
            String::new()
        } else {
            format!("[{}] ", key.table)
        };
        let _ = writeln!(
            table,
            "| `{place}{}` | `{}` | {} | {} | {} |",
            key.name,
            key.variable(),
            key.values,
            key.default,
            key.about
        );
    }
    table
}

fn operations() -> String {
    let mut table = "| `adapter` | does | `with` | token |\n|---|---|---|---|\n".to_owned();
    for product in Product::ALL {
        for operation in product.operations() {
            let arg = |arg: &Arg| match arg.default {
                _ if arg.required => format!("`{}`", arg.name),
                Some(default) => format!("[`{}` = {default}]", arg.name),
                None => format!("[`{}`]", arg.name),
            };
            let args: Vec<String> = operation.args.iter().map(arg).collect();
            let _ = writeln!(
                table,
                "| `{}.{}` | {} | {} | {} |",
                product.name(),
                operation.name,
                operation.about,
                args.join(" "),
                operation.scopes
            );
        }
    }
    table
}

#[test]
fn the_manuals_runbooks_are_read_without_a_complaint() {
    let page = page("runbook-files");
    for (open, close, name) in [
        ("```toml\n", "```\n", "carts.toml"),
        ("````markdown\n", "````\n", "carts.md"),
    ] {
        let (file, _) = fence(&page, open, close).unwrap();
        let runbook = runbook::parse(name, file).unwrap_or_else(|problems| panic!("{problems:#?}"));
        assert_eq!(runbook.definition.steps.len(), 3, "{name}");
    }
}

#[test]
fn the_manuals_settings_are_read_without_a_complaint() {
    let page = page("settings");
    let (file, _) = fence(&page, "```toml\n", "```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("opsroom.toml");
    // The secrets it names are defined by its reader.
    let names = [
        "SHOP_PASSWORD",
        "SLACK_URL",
        "HOOK_KEY",
        "PAGERDUTY_KEY",
        "SMTP_PASSWORD",
        "GITHUB_TOKEN",
    ];
    let hosts = "hosts = [\"db.acme.test\", \"events.pagerduty.com\", \"smtp.acme.test\", \"api.github.com\"]";
    let secrets: String = names
        .map(|name| format!("[secret.{name}]\nfrom = \"env:{name}\"\n{hosts}\n"))
        .concat();
    std::fs::write(&path, format!("{file}{secrets}")).unwrap();
    let flags = config::settings::Flags {
        config: Some(path),
        ..config::settings::Flags::default()
    };
    let home = |name: &str| (name == "HOME").then(|| "/nowhere".into());
    let settings =
        config::settings::load(&flags, &home).unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_eq!(settings.integrations.names().count(), 6);
}

#[test]
fn the_generated_parts_are_fresh() {
    let keys = document::document(&Keymap::built_in());
    for (file, name, part) in [
        (README.to_owned(), "pages", pages()),
        (file_of("subcommands"), "commands", commands()),
        (file_of("keymap"), "keys", keys),
        (file_of("settings"), "settings", settings()),
        (file_of("products"), "operations", operations()),
    ] {
        let before = read(&file);
        let fresh = with_part(&before, name, &part);
        if std::env::var_os("OPSROOM_BLESS").is_some() {
            // Never half written: other tests read it at the same time.
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
            let new = path.with_extension("new");
            std::fs::write(&new, fresh).unwrap();
            std::fs::rename(new, path).unwrap();
            continue;
        }
        let first = before
            .lines()
            .zip(fresh.lines())
            .enumerate()
            .find(|(_, (old, new))| old != new);
        assert!(
            before == fresh,
            "{file} is stale ({first:?}): OPSROOM_BLESS=1 cargo test --test pure docs"
        );
    }
}

#[test]
fn the_readme_is_short() {
    let lines = read(README).lines().count();
    assert!(
        lines <= 150,
        "{lines} lines; details belong into assets/manual/"
    );
}

#[test]
fn the_stack_files_are_read_without_a_complaint() {
    for (file, actions) in [(README.to_owned(), &[2][..]), (file_of("stack"), &[3, 2])] {
        let text = read(&file);
        let found = tomls(&text);
        assert_eq!(found.len(), actions.len(), "{file}");
        for (stack, actions) in found.into_iter().zip(actions) {
            // The page's list of all keys names a service that it does not declare.
            let stack = stack.replace("depends_on = [\"api\"]\n", "");
            let stack = config::stack::read(&file, &stack)
                .unwrap_or_else(|problems| panic!("{problems:#?}"));
            assert_eq!(stack.services.len(), 1, "{file}");
            assert_eq!(stack.services[0].actions.len(), *actions, "{file}");
        }
    }
}

#[test]
fn the_routines_of_the_manual_are_read_and_run() {
    let file = file_of("scheduling");
    let text = read(&file);
    let found = tomls(&text);
    let around = "workspace = \"acme\"\n[[environment]]\nname = \"prod\"\n[[service]]\nname = \"web\"\nenvironments = [\"prod\"]\n";
    let stack = format!("{around}{}", found.join("\n"));
    let read = config::stack::read(&file, &stack).unwrap_or_else(|e| panic!("{e:#?}"));
    let numbers = (read.routines.len(), read.maintenance.len());
    assert_eq!(numbers, (2, 2), "{file}");
    assert_eq!(config::stack::warnings(&file, &stack), [], "{file}");
    for kind in RoutineKind::ALL {
        let name = format!("`{}`", kind.name());
        assert!(text.contains(&name), "{file} has no kind {name}");
        let names = routine_types(kind);
        let fields = match names.get("response") {
            Some(Type::Map(fields)) => fields.keys().collect(),
            _ => Vec::new(),
        };
        for field in names.keys().chain(fields) {
            let field = format!("`{field}`");
            assert!(text.contains(&field), "{file} has no {field}");
        }
    }
}

#[test]
fn the_manuals_phrases_are_understood() {
    let page = page("phrases");
    let stack = config::stack::read("acme.toml", include_str!("../fixtures/acme.toml")).unwrap();
    let catalogue = command::Catalogue::new(
        &stack,
        &Library::load(None, None)
            .names()
            .cloned()
            .collect::<Vec<_>>(),
    );
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let phrases: Vec<_> = rows
        .flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2))
        .collect();
    assert!(phrases.len() > 15, "{phrases:?}");
    for phrase in phrases {
        let parsed = command::parse(phrase, &catalogue);
        let understood = matches!(
            parsed.outcome,
            ParseOutcome::Plan | ParseOutcome::Action | ParseOutcome::View
        );
        assert!(
            understood && parsed.corrections.is_empty(),
            "{phrase}: {parsed:#?}"
        );
    }
}

#[test]
fn every_page_is_listed_and_every_link_leads_to_one() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/manual");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let listed: BTreeSet<String> = TOPICS.iter().map(|t| format!("{}.md", t.name)).collect();
    assert_eq!(files, listed, "TOPICS in src/cli/manual.rs lists the pages");
    let mut links = 0;
    for (topic, block) in TOPICS
        .iter()
        .flat_map(|t| t.blocks().into_iter().map(move |b| (t, b)))
    {
        let texts = match block {
            Block::Heading { text, .. } | Block::Paragraph(text) | Block::Item(text) => vec![text],
            Block::Table(rows) => rows.concat(),
            Block::Code(_) => Vec::new(),
        };
        for part in texts.iter().flatten() {
            if let TextPart::Link { to, .. } = part {
                links += 1;
                assert!(files.contains(to), "{}: there is no page {to}", topic.name);
            }
        }
    }
    assert!(links > 10, "{links} links");
}

/// The arguments of a line of shell: words, and texts in quotes; up to a comment or another command.
fn arguments(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut begun) = (Vec::new(), String::new(), false, false);
    for c in line.chars().chain([' ']) {
        match c {
            '"' => (quoted, begun) = (!quoted, true),
            ' ' if !quoted => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            '#' | '|' | '>' | ';' if !quoted && !begun => break,
            c => {
                word.push(c);
                begun = true;
            }
        }
    }
    words
}

#[test]
fn every_command_of_the_readme_and_the_manual_is_one() {
    let mut seen = BTreeSet::new();
    for file in [README.to_owned()]
        .into_iter()
        .chain(TOPICS.iter().map(|t| file_of(t.name)))
    {
        for block in blocks::parse(&read(&file)) {
            let Block::Code(lines) = block else { continue };
            for line in lines {
                let Some(at) = line
                    .find("opsroom ")
                    .filter(|at| line[..*at].is_empty() || line[..*at].ends_with("| "))
                else {
                    continue;
                };
                let arguments = arguments(&line[at..]);
                let read = cli::definition().try_get_matches_from(&arguments);
                assert!(
                    read.is_ok(),
                    "{file}: {line}: {arguments:?}\n{}",
                    read.unwrap_err()
                );
                seen.extend(arguments.get(1).cloned());
            }
        }
    }
    for sub in cli::definition().get_subcommands() {
        let name = sub.get_name();
        assert!(
            seen.contains(name),
            "no page has an example of opsroom {name}"
        );
        assert!(
            !examples(name).is_empty(),
            "assets/manual/recipes.md has no opsroom {name}"
        );
    }
}

#[test]
fn every_example_is_listed_and_read_without_a_complaint() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/examples");
    let files: BTreeSet<String> = std::fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let listed: BTreeSet<String> = EXAMPLES.iter().map(|e| e.file.to_owned()).collect();
    assert_eq!(
        files, listed,
        "EXAMPLES in src/cli/examples.rs lists the files"
    );
    for example in EXAMPLES {
        let (file, path) = (example.file, root.join(example.file));
        assert!(example.about().len() > 20, "{file} does not say what it is");
        if file.starts_with("stack-") {
            let stack = config::stack::read(file, example.text)
                .unwrap_or_else(|problems| panic!("{problems:#?}"));
            assert!(
                stack.services.len() + stack.environments.len() > 1,
                "{file}"
            );
            assert_eq!(config::stack::warnings(file, example.text), [], "{file}");
        } else if file.starts_with("runbook-") {
            let library = Library::of_files(&[path]);
            assert_eq!(library.problems, [], "{file}");
        } else if file == "keymap.toml" {
            let keymap = Keymap::with_user(file, example.text);
            assert!(keymap.problems.is_empty(), "{:?}", keymap.problems);
        } else {
            let flags = config::settings::Flags {
                config: Some(path),
                ..config::settings::Flags::default()
            };
            let home = |name: &str| (name == "HOME").then(|| "/nowhere".into());
            let settings = config::settings::load(&flags, &home)
                .unwrap_or_else(|problems| panic!("{problems:#?}"));
            assert_eq!(settings.integrations.names().count(), 2, "{file}");
        }
    }
}

#[test]
fn a_page_has_its_sections() {
    let topic = Topic::find("phrases").unwrap();
    assert!(matches!(
        topic.section("What you can type").as_slice(),
        [Block::Table(_)]
    ));
    assert_eq!(topic.section("what you can type"), []);
}

#[test]
fn every_subcommand_and_option_says_what_it_does() {
    for sub in cli::definition()
        .get_subcommands()
        .filter(|s| s.get_name() != "help")
    {
        assert!(
            sub.get_about().is_some(),
            "{} has no description",
            sub.get_name()
        );
        for arg in sub.get_arguments().filter(|a| !a.is_hide_set()) {
            assert!(
                arg.get_help().is_some(),
                "{} {} has no help",
                sub.get_name(),
                arg.get_id()
            );
        }
    }
    cli::definition().debug_assert();
}
