//! `opsroom routines create|edit|delete`: changes of single routines of the stored stack.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::out::{Out, ask, can_ask};
use crate::cli::session::Start;
use crate::cli::stop::{Code, Stop, print_message};
use crate::config;
use crate::config::stack::{Amount, RoutineReader, write_routine};
use crate::control::{Control, Difference};
use crate::core::base::problem::Problem;
use crate::core::run::step::shell::shell_word;
use crate::core::stack::routine::Routine;
use crate::core::stack::routine_edit::{RoutineEdit, missing};
use crate::core::stack::service::Stack;

const COMES_BACK: &str =
    "a stack file that says otherwise changes it back with the next `opsroom apply`";

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct CreateArgs {
    /// A file with [[routine]] tables only; - is standard input
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Show what would be added and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// One JSON array of the changes
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct EditArgs {
    #[arg(value_name = "NAME")]
    name: String,
    /// Take the [[routine]] table from this file and open no editor; - is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Show what would be changed and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// One JSON array of the changes
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct DeleteArgs {
    #[arg(value_name = "NAME")]
    name: String,
    /// Do not ask; needed where there is no terminal
    #[arg(long, short = 'y')]
    yes: bool,
    /// One JSON array of the changes
    #[arg(long)]
    json: bool,
}

pub(super) async fn create(args: &CreateArgs, start: &Start) -> Result<Code, Stop> {
    let (file, text) = text_of(&args.file)?;
    let control = start.open_cli().await?;
    let stack = Arc::new(control.export().await?);
    let reader = RoutineReader::new(&stack, None);
    let routines = reader.read(&file, &text, Amount::Any);
    let routines = routines.map_err(Stop::Problems)?;
    for warning in config::stack::warnings(&file, &text) {
        print_message(&format!("warning: {warning}"));
    }
    let edit = RoutineEdit::Add(routines);
    let difference = control.routine_difference(&edit).await;
    let difference = difference.map_err(|refusal| Stop::of_file(refusal, &file, &text))?;
    make(&control, &difference, args.dry_run, args.json).await
}

pub(super) async fn edit(args: &EditArgs, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let stack = Arc::new(control.export().await?);
    let opened = stack.routines.iter().find(|r| r.name == args.name);
    let opened = opened.ok_or_else(|| Stop::Usage(missing(&stack, &args.name)))?;
    let Some(file) = &args.file else {
        let written = write_routine(opened);
        let kept = Kept::new(&written)?;
        open_editor(kept.path()).await?;
        let (file, text) = text_of(kept.path())?;
        if text == written {
            control.close(false).await;
            Out::new().line("nothing was changed")?;
            return Ok(Code::Succeeded);
        }
        let replaced = replace(args, (&control, &stack, opened), &file, &text).await;
        return kept.unless_ok(replaced, &args.name);
    };
    let (file, text) = text_of(file)?;
    replace(args, (&control, &stack, opened), &file, &text).await
}

async fn replace(
    args: &EditArgs,
    (control, stack, opened): (&Control, &Arc<Stack>, &Routine),
    file: &str,
    text: &str,
) -> Result<Code, Stop> {
    let reader = RoutineReader::new(stack, Some(&args.name));
    let read = reader.read(file, text, Amount::One);
    let Some(routine) = read.map_err(Stop::Problems)?.pop() else {
        return Err(Stop::Usage(format!("there is no routine in {file}")));
    };
    let edit = RoutineEdit::Replace {
        opened: Box::new(opened.clone()),
        routine: Box::new(routine),
    };
    let difference = control.routine_difference(&edit).await;
    let difference = difference.map_err(|refusal| Stop::of_file(refusal, file, text))?;
    make(control, &difference, args.dry_run, args.json).await
}

pub(super) async fn delete(args: &DeleteArgs, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let edit = RoutineEdit::Delete(args.name.clone());
    let difference = control.routine_difference(&edit).await?;
    consent(args).await?;
    control.apply(&difference, true).await?;
    control.close(false).await;
    let mut out = Out::new();
    if args.json {
        out.json(&changes(&difference))?;
    } else {
        lines(&mut out, &difference)?;
        out.line("deleted; its results are kept")?;
        out.line("a stack file that still names it brings it back with the next `opsroom apply`")?;
    }
    Ok(Code::Succeeded)
}

async fn consent(args: &DeleteArgs) -> Result<(), Stop> {
    if args.yes {
        return Ok(());
    }
    if args.json || !can_ask() {
        return Err(Stop::Usage(
            "this deletes a routine: add --yes to delete it without a question".to_owned(),
        ));
    }
    let question = format!(
        "delete the routine {}? Its results are kept. [y/N] ",
        args.name
    );
    match ask(&question).await?.as_deref().map(str::trim) {
        Some("y" | "Y" | "yes") => Ok(()),
        _ => Err(Stop::Usage("not confirmed; nothing was changed".to_owned())),
    }
}

/// Prints what changes, and makes it.
async fn make(
    control: &Control,
    difference: &Difference,
    dry_run: bool,
    json: bool,
) -> Result<Code, Stop> {
    let differs = difference.wanted(true).next().is_some();
    if differs && !dry_run {
        control.apply(difference, true).await?;
    }
    control.close(false).await;
    let mut out = Out::new();
    if json {
        out.json(&changes(difference))?;
        return Ok(Code::Succeeded);
    }
    lines(&mut out, difference)?;
    match (differs, dry_run) {
        (false, _) => out.line("nothing to change")?,
        (true, true) => out.line("dry run: nothing was changed")?,
        (true, false) => {
            out.line("saved")?;
            out.line(COMES_BACK)?;
        }
    }
    Ok(Code::Succeeded)
}

fn changes(difference: &Difference) -> Vec<&crate::core::stack::Change> {
    difference.wanted(true).collect()
}

fn lines(out: &mut Out, difference: &Difference) -> Result<(), Stop> {
    let lines = difference.lines();
    lines.iter().try_for_each(|line| out.line(line))
}

/// The name of a file for messages, and its text.
fn text_of(path: &Path) -> Result<(String, String), Stop> {
    if path == Path::new("-") {
        let stdin = std::io::stdin();
        if stdin.is_terminal() {
            let message = "standard input is the keyboard; pipe the routines into it";
            return Err(Stop::Usage(message.to_owned()));
        }
        let file = "standard input".to_owned();
        let text = config::read_all(&file, Ok(stdin)).map_err(Stop::Problems)?;
        return Ok((file, text));
    }
    let text = config::read_text(path).map_err(Stop::Problems)?;
    Ok((path.display().to_string(), text))
}

/// The file that the editor opens: removed, unless what was written in it could not be saved.
struct Kept(tempfile::TempPath);

impl Kept {
    fn new(text: &str) -> Result<Self, Stop> {
        let mut file = tempfile::Builder::new()
            .prefix("opsroom-routine-")
            .suffix(".toml")
            .tempfile()?;
        file.write_all(text.as_bytes())?;
        Ok(Self(file.into_temp_path()))
    }

    fn path(&self) -> &Path {
        &self.0
    }

    /// Keeps the file after a failure, and says where it is.
    fn unless_ok(self, done: Result<Code, Stop>, name: &str) -> Result<Code, Stop> {
        let stop = match done {
            Ok(code) => return Ok(code),
            Err(stop) => stop,
        };
        let path = self.0.keep().map_err(|error| error.error)?;
        let file = path.display().to_string();
        let again = format!(
            "opsroom routines edit {} --file {}",
            shell_word(name),
            shell_word(&file)
        );
        let message = format!("what you wrote is kept here; `{again}` reads it again");
        if let Stop::Problems(mut problems) = stop {
            problems.push(Problem {
                file,
                line: 0,
                key: String::new(),
                message,
            });
            return Err(Stop::Problems(problems));
        }
        print_message(&format!("{file}: {message}"));
        Err(stop)
    }
}

/// Opens the person's editor and waits until it ends, as `git commit` does.
async fn open_editor(file: &Path) -> Result<(), Stop> {
    let set = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let editor = set("VISUAL").or_else(|| set("EDITOR"));
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    let mut command = tokio::process::Command::new("sh");
    let script = format!("{editor} \"$1\"");
    command.arg("-c").arg(script).arg("sh").arg(file);
    let ended = command.status().await?;
    if ended.success() {
        return Ok(());
    }
    Err(Stop::Usage(format!(
        "the editor ({editor}) ended with {ended}; nothing was changed"
    )))
}
