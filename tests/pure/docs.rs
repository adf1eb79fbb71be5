//! README.md matches the program: generated parts are fresh, examples work, help covers everything.
//! `OPSROOM_BLESS=1 cargo test --test pure docs` rewrites the generated parts.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::fmt::Write as _;

use opsroom::control::runbook::Library;
use opsroom::core::command::{self, ParseOutcome};
use opsroom::core::integration::product::{Arg, Product};
use opsroom::core::runbook;
use opsroom::tui::keys::{Keymap, document};
use opsroom::{cli, config};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

fn readme() -> String {
    std::fs::read_to_string(README).unwrap()
}

/// The README with the text between `<!-- name: …-->` and `<!-- /name -->` replaced.
fn with_part(text: &str, name: &str, part: &str) -> String {
    let open = text
        .find(&format!("<!-- {name}: "))
        .unwrap_or_else(|| panic!("README.md has no part {name}"));
    let from = open + text[open..].find("-->\n").unwrap() + 4;
    let to = text
        .find(&format!("<!-- /{name} -->"))
        .unwrap_or_else(|| panic!("README.md does not end part {name}"));
    format!("{}\n{}\n\n{}", &text[..from], part.trim(), &text[to..])
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
        let about = sub
            .get_about()
            .map(|text| text.to_string().replace('|', "\\|"))
            .unwrap_or_default();
        let _ = writeln!(
            table,
            "| `opsroom {}{}` | {about}{flags} |",
            sub.get_name(),
            args.concat()
        );
    }
    table
}

fn settings() -> String {
    let mut table =
        "| key | variable | values | default | what it is |\n|---|---|---|---|---|\n".to_owned();
    for key in config::settings::KEYS {
        let _ = writeln!(
            table,
            "| `{}` | `{}` | {} | {} | {} |",
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
fn the_readmes_runbooks_are_read_without_a_complaint() {
    let text = readme();
    let chapter =
        &text[text.find("## Runbooks of your own").unwrap()..text.find("## Logs").unwrap()];
    for (open, close, name) in [
        ("```toml\n", "```\n", "carts.toml"),
        ("````markdown\n", "````\n", "carts.md"),
    ] {
        let from = chapter.find(open).unwrap() + open.len();
        let file = &chapter[from..from + chapter[from..].find(close).unwrap()];
        let runbook = runbook::parse(name, file).unwrap_or_else(|problems| panic!("{problems:#?}"));
        assert_eq!(runbook.definition.steps.len(), 3, "{name}");
    }
}

#[test]
fn the_readmes_settings_are_read_without_a_complaint() {
    let text = readme();
    let chapter = &text[text.find("## Configuration").unwrap()..];
    let from = chapter.find("```toml\n").unwrap() + 8;
    let file = &chapter[from..from + chapter[from..].find("```").unwrap()];
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
fn the_generated_parts_of_the_readme_are_fresh() {
    let before = readme();
    let mut fresh = with_part(&before, "commands", &commands());
    fresh = with_part(&fresh, "keys", &document::document(&Keymap::built_in()));
    fresh = with_part(&fresh, "settings", &settings());
    fresh = with_part(&fresh, "operations", &operations());
    if std::env::var_os("OPSROOM_BLESS").is_some() {
        // Never half written: other tests read it at the same time.
        let new = format!("{README}.new");
        std::fs::write(&new, fresh).unwrap();
        std::fs::rename(new, README).unwrap();
        return;
    }
    let first = before
        .lines()
        .zip(fresh.lines())
        .enumerate()
        .find(|(_, (old, new))| old != new);
    assert!(
        before == fresh,
        "README.md is stale ({first:?}): OPSROOM_BLESS=1 cargo test --test pure docs"
    );
}

#[test]
fn the_readmes_stack_file_is_read_without_a_complaint() {
    let text = readme();
    let from = text.find("```toml\n").unwrap() + 8;
    let file = &text[from..from + text[from..].find("```").unwrap()];
    let stack = config::stack::read("README.md", file).unwrap();
    assert_eq!(stack.services.len(), 1);
    assert_eq!(stack.services[0].actions.len(), 3);
}

#[test]
fn the_readmes_phrases_are_understood() {
    let text = readme();
    let chapter =
        &text[text.find("## The command language").unwrap()..text.find("## Subcommands").unwrap()];
    let stack = config::stack::read("acme.toml", include_str!("../fixtures/acme.toml")).unwrap();
    let catalogue = command::Catalogue::new(&stack, &Library::load(None).names());
    let rows = chapter.lines().filter(|line| line.starts_with("| `"));
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
