//! `opsroom check`: reports every mistake in every file in one pass. For CI.

use std::path::{Path, PathBuf};

use super::out::Out;
use super::session::Start;
use super::stop::{Code, Stop, print_message};
use crate::config;
use crate::config::settings::{self, Flags};
use crate::control::routine::{WindowRow, windows_of};
use crate::control::runbook::Library;
use crate::core::base::problem::Problem;
use crate::core::runbook;
use crate::core::runbook::for_routine::{routine_problems, waiting_routines};
use crate::tui::keys::Keymap;

/// Find mistakes in the configuration, the keymap, runbooks and stack files
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// Stack files, runbooks, keymap.toml or opsroom.toml, besides those in the configuration
    /// folder
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Kinds of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Settings,
    Keymap,
    Theme,
    Runbook,
    Stack,
}

pub(super) fn perform(args: &CheckArgs, start: &Start) -> Result<Code, Stop> {
    let mut problems = Vec::new();
    match start.settings() {
        Ok(settings) => problems.extend(lines(&settings.theme_problems)),
        Err(Stop::Problems(found)) => problems.extend(lines(&found)),
        Err(_) => {}
    }
    problems.extend(start.keymap().problems);
    problems.extend(lines(
        &Library::load(start.runbook_dir().as_deref(), None).problems,
    ));
    for file in &args.files {
        problems.extend(of_file(file));
    }
    problems.extend(lines(&between(&args.files)));
    let (wrong, waits) = of_routines(&args.files, start);
    problems.extend(lines(&wrong));
    let unused = args.files.iter().flat_map(|file| warnings(file));
    for warning in unused.chain(waits) {
        print_message(&format!("warning: {warning}"));
    }
    if problems.is_empty() {
        let mut out = Out::new();
        out.line("no mistakes found")?;
        let windows = args.files.iter().flat_map(|file| windows(file, start));
        for (file, window) in windows {
            let (name, when, mode) = (&window.name, &window.when, window.mode.name());
            let (scope, stands) = (&window.scope, &window.stands);
            let file = file.display();
            out.line(&format!(
                "{file}: maintenance \"{name}\": {mode} {scope}, {when}; {stands}"
            ))?;
        }
        return Ok(Code::Succeeded);
    }
    for problem in &problems {
        print_message(problem);
    }
    Ok(Code::Refused)
}

/// Routines of the stack files among these that could not run their runbooks, and those whose runs
/// wait for people. The runbooks are those of the configuration folder and among the files.
fn of_routines(files: &[PathBuf], start: &Start) -> (Vec<Problem>, Vec<Problem>) {
    let (mut wrong, mut waits) = (Vec::new(), Vec::new());
    let mut library = Library::of_files(&runbooks(files))
        .all()
        .cloned()
        .collect::<Vec<_>>();
    let folder = Library::load(start.runbook_dir().as_deref(), start.cache_dir().as_deref());
    for runbook in folder.all() {
        match library.iter_mut().find(|r| r.name == runbook.name) {
            Some(built_in) if built_in.is_built_in() => *built_in = runbook.clone(),
            Some(_) => {}
            None => library.push(runbook.clone()),
        }
    }
    let integrations = start.settings().map(|s| s.integrations.clone());
    let integrations = integrations.unwrap_or_default();
    for file in files {
        let name = file.display().to_string();
        let Ok(text) = config::read_text(file) else {
            continue;
        };
        let stack = match kind(file, &text) {
            Kind::Stack => config::stack::read(&name, &text),
            _ => continue,
        };
        let Ok(stack) = stack else { continue };
        let problems = routine_problems(&stack, &library, &integrations);
        wrong.extend(config::stack::located(&name, &text, &problems));
        let waiting = waiting_routines(&stack, &library, &integrations);
        waits.extend(config::stack::located(&name, &text, &waiting));
    }
    (wrong, waits)
}

/// The runbooks among the files.
fn runbooks(files: &[PathBuf]) -> Vec<PathBuf> {
    let is_runbook = |file: &&PathBuf| {
        config::read_text(file).is_ok_and(|text| kind(file, &text) == Kind::Runbook)
    };
    files.iter().filter(is_runbook).cloned().collect()
}

/// Problems of the runbooks among the files, including conflicts between them.
fn between(files: &[PathBuf]) -> Vec<Problem> {
    let runbooks = runbooks(files);
    if runbooks.is_empty() {
        Vec::new()
    } else {
        Library::of_files(&runbooks).problems
    }
}

fn of_file(file: &Path) -> Vec<String> {
    let name = file.display().to_string();
    let text = match config::read_text(file) {
        Ok(text) => text,
        Err(problems) => return lines(&problems),
    };
    match kind(file, &text) {
        Kind::Keymap => Keymap::with_user(&name, &text).problems,
        Kind::Theme => {
            config::palette::read(&name, &text).map_or_else(|found| lines(&found), |_| Vec::new())
        }
        // Checked together; see [`between`].
        Kind::Runbook => Vec::new(),
        Kind::Stack => {
            config::stack::read(&name, &text).map_or_else(|found| lines(&found), |_| Vec::new())
        }
        Kind::Settings => {
            let flags = Flags {
                config: Some(file.to_owned()),
                ..Flags::default()
            };
            // Only the file is checked, so all variables but HOME are hidden.
            let home = |variable: &str| std::env::var_os(variable).filter(|_| variable == "HOME");
            settings::load(&flags, &home).map_or_else(
                |found| lines(&found),
                |settings| lines(&settings.theme_problems),
            )
        }
    }
}

/// Warnings about parts of a stack file that are valid but have no effect.
fn warnings(file: &Path) -> Vec<Problem> {
    let Ok(text) = config::read_text(file) else {
        return Vec::new();
    };
    let is_stack = kind(file, &text) == Kind::Stack;
    if is_stack {
        config::stack::warnings(&file.display().to_string(), &text)
    } else {
        Vec::new()
    }
}

/// The maintenance windows of a stack file without mistakes, so that one sees when they are.
fn windows<'a>(file: &'a PathBuf, start: &Start) -> Vec<(&'a PathBuf, WindowRow)> {
    let name = file.display().to_string();
    let stack = match config::read_text(file) {
        Ok(text) if kind(file, &text) == Kind::Stack => config::stack::read(&name, &text).ok(),
        _ => None,
    };
    let windows = stack.map(|stack| windows_of(&stack, start.clock.now()));
    let windows = windows.unwrap_or_default().into_iter();
    windows.map(|window| (file, window)).collect()
}

/// Recognizes a kind by the usual file name, else by keys that only runbooks have.
fn kind(file: &Path, text: &str) -> Kind {
    let folder = file.parent().and_then(Path::file_name);
    match file.file_name().and_then(|name| name.to_str()) {
        Some("opsroom.toml") => Kind::Settings,
        Some("keymap.toml") => Kind::Keymap,
        Some(_) if folder.is_some_and(|name| name == "themes") => Kind::Theme,
        Some(name) if runbook::is_page(name) => Kind::Runbook,
        _ if text
            .lines()
            .any(|line| line.trim_start().starts_with("[[step]]")) =>
        {
            Kind::Runbook
        }
        _ => Kind::Stack,
    }
}

fn lines(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_recognized_by_name_and_content() {
        for (name, text, expected) in [
            ("/etc/opsroom.toml", "", Kind::Settings),
            ("keymap.toml", "", Kind::Keymap),
            ("themes/mine.toml", "", Kind::Theme),
            (
                "deploy.toml",
                "name = \"deploy\"\n\n[[step]]\n",
                Kind::Runbook,
            ),
            ("disk-full.md", "# Disk full", Kind::Runbook),
            ("acme.toml", "workspace = \"acme\"\n", Kind::Stack),
            ("acme.toml", "", Kind::Stack),
        ] {
            assert_eq!(kind(Path::new(name), text), expected, "{name}");
        }
    }
}
