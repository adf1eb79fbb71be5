//! `opsroom init`: three questions, then a commented stack file of what this machine has. Files are
//! read; a program (`systemctl`) is called only if it was chosen.

mod compose;
mod found;
mod kubeconfig;
mod ports;
mod stack_text;
mod units;
mod yaml;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use self::found::{Discovery, LookAt};
use super::out::{Out, ask, can_ask};
use super::session::Start;
use super::stop::{Code, Stop, print_message};
use crate::config;
use crate::core::run::step::shell::shell_word;

/// Where the stack file is written by default.
const FILE: &str = "stack.toml";
/// The name of the workspace when the folder's name is none.
const WORKSPACE: &str = "main";

/// Write a stack file of what this machine has: ports, units, compose file, kubectl contexts
#[derive(Debug, clap::Args)]
pub struct InitArgs {
    /// The file to write; an existing one is never overwritten
    #[arg(value_name = "FILE", conflicts_with = "print")]
    file: Option<PathBuf>,
    /// What to look at: ports, units (calls systemctl), compose, kubectl, or none
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = source)]
    look: Option<Vec<Looked>>,
    /// Ask nothing: take the defaults
    #[arg(short = 'y', long)]
    yes: bool,
    /// Print the stack file instead of writing it
    #[arg(long)]
    print: bool,
}

/// A source, or none.
type Looked = Option<LookAt>;

fn source(text: &str) -> Result<Looked, String> {
    if text == "none" {
        return Ok(None);
    }
    LookAt::ALL
        .into_iter()
        .find(|source| source.name() == text)
        .map(Some)
        .ok_or_else(|| format!("write any of {}, or none", LookAt::names()))
}

pub(super) async fn perform(args: &InitArgs, start: &Start) -> Result<Code, Stop> {
    let asks = !args.yes && can_ask();
    if !asks && !args.yes && !args.print {
        return Err(Stop::Usage(
            "without a terminal there is no one to ask; `opsroom init --yes` takes the defaults, `opsroom init --print` prints the file"
                .to_owned(),
        ));
    }
    // Before the questions: the answers would be lost.
    if !args.print && start.settings()?.read_only {
        return Err(Stop::Usage(
            "a read-only opsroom writes no file; `opsroom init --print` prints it".to_owned(),
        ));
    }
    if let Some(file) = &args.file {
        refuse_existing(file)?;
    }
    let workspace = workspace(asks, args.print, start).await?;
    let sources = match &args.look {
        Some(sources) => sources.iter().copied().flatten().collect(),
        None if asks => ask_sources().await?,
        None => LookAt::DEFAULT.to_vec(),
    };
    let file = match &args.file {
        Some(file) => file.clone(),
        None if asks && !args.print => ask_file().await?,
        None => PathBuf::from(FILE),
    };
    let found = Discovery::look(&sources).await;
    for problem in &found.problems {
        print_message(problem);
    }
    let text = stack_text::write(&workspace, &found);
    // What it writes is what `apply` accepts, whatever names this machine has.
    config::stack::read(&file.display().to_string(), &text).map_err(Stop::Problems)?;
    if args.print {
        Out::new().raw(text.as_bytes())?;
        return Ok(Code::Succeeded);
    }
    save(&file, &text)?;
    say_next(&file, &found)?;
    Ok(Code::Succeeded)
}

fn say_next(file: &Path, found: &Discovery) -> Result<(), Stop> {
    let (name, services) = (file.display().to_string(), found.count());
    let mut out = Out::new();
    out.line(&format!("wrote {name}, with {services} service(s)"))?;
    let file = shell_word(&name);
    for line in [
        "next:",
        &format!("  read it, and remove what you do not need: $EDITOR {file}"),
        &format!("  opsroom check {file}"),
        &format!("  opsroom apply {file}"),
        "  opsroom",
    ] {
        out.line(line)?;
    }
    Ok(())
}

/// The first question. `--workspace` and the settings answer it; printing needs no settings.
async fn workspace(asks: bool, prints: bool, start: &Start) -> Result<String, Stop> {
    let settings = match start.settings() {
        Err(_) if prints => None,
        settings => Some(settings?),
    };
    if let Some(name) = settings.and_then(|settings| settings.workspace.as_ref()) {
        return Ok(name.clone());
    }
    let folder = std::env::current_dir().unwrap_or_default();
    let folder = folder.file_name().and_then(|name| name.to_str());
    let default = folder
        .filter(|name| is_workspace(name))
        .unwrap_or(WORKSPACE);
    if !asks {
        return Ok(default.to_owned());
    }
    loop {
        let name = answer(&format!("1. Name of the workspace [{default}]: "), default).await?;
        if is_workspace(&name) {
            return Ok(name);
        }
        print_message("a name has letters or digits, and at most 80 characters");
    }
}

fn is_workspace(name: &str) -> bool {
    let text = stack_text::write(name, &Discovery::default());
    config::stack::read(FILE, &text).is_ok()
}

async fn ask_sources() -> Result<Vec<LookAt>, Stop> {
    print_message("2. What to look at (separated by commas, or none):");
    for source in LookAt::ALL {
        print_message(&format!("     {:<8} {}", source.name(), source.about()));
    }
    let default = LookAt::DEFAULT.map(LookAt::name).join(",");
    loop {
        let words = answer(&format!("   [{default}]: "), &default).await?;
        let words = words.split([',', ' ']).filter(|word| !word.is_empty());
        match words.map(source).collect::<Result<Vec<Looked>, String>>() {
            Ok(sources) => return Ok(sources.into_iter().flatten().collect()),
            Err(message) => print_message(&format!("   {message}")),
        }
    }
}

async fn ask_file() -> Result<PathBuf, Stop> {
    loop {
        let file = answer(&format!("3. File to write [{FILE}]: "), FILE).await?;
        match refuse_existing(Path::new(&file)) {
            Ok(()) => return Ok(PathBuf::from(file)),
            Err(_) => print_message(&format!(
                "   {file} exists and is not overwritten; name another file"
            )),
        }
    }
}

/// The answer to a question; an empty one is the default. The end of input cancels.
async fn answer(question: &str, default: &str) -> Result<String, Stop> {
    let line = ask(question).await?.ok_or(Stop::Cancelled)?;
    let line = line.trim();
    Ok(if line.is_empty() { default } else { line }.to_owned())
}

fn refuse_existing(file: &Path) -> Result<(), Stop> {
    if file.symlink_metadata().is_ok() {
        return Err(exists(file));
    }
    Ok(())
}

fn exists(file: &Path) -> Stop {
    Stop::Usage(format!(
        "{} exists and is not overwritten; name another file (opsroom init FILE), or print it (opsroom init --print)",
        file.display()
    ))
}

fn save(file: &Path, text: &str) -> Result<(), Stop> {
    let failed = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::AlreadyExists => exists(file),
        _ => Stop::Usage(format!("cannot write {}: {e}", file.display())),
    };
    let mut new = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file)
        .map_err(failed)?;
    new.write_all(text.as_bytes()).map_err(failed)
}
