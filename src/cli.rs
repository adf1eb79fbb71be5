//! The subcommands: the verbs of the console with output as plain lines or JSON. Each has a file, a
//! variant of [`Command`] and a line in [`perform`].

mod audit;
mod check;
mod completions;
mod console;
mod demo;
mod doctor;
pub mod examples;
mod file;
mod health;
mod help;
mod init;
mod keys;
mod look;
mod man;
pub mod manual;
mod notify;
mod out;
mod parse;
mod plan;
mod routines;
mod run;
mod runbooks;
mod serve;
mod session;
mod stack;
mod stop;
mod understand;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::control::Refusal;
use crate::core::base::text;
use crate::core::command;

pub use console::ConsoleSession;
pub use session::Start;
pub use stop::{Code, Stop};

/// A keyboard-driven operations console. Without a subcommand it opens the console.
#[derive(Debug, Parser)]
#[command(name = "opsroom", version, max_term_width = 100, after_help = AFTER_HELP, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Option<Command>,
}

const AFTER_HELP: &str = "Exit codes: 0 succeeded, 1 failed, 2 usage or refused, 3 could not reach the store, 130 cancelled.
`opsroom help` lists the pages of the manual.";

/// Flags of every subcommand; they beat OPSROOM_* variables, which beat the configuration file.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// Where everything is kept: sqlite:PATH, a plain path, or postgres://…
    #[arg(long, global = true, value_name = "URL")]
    pub store: Option<String>,
    /// Which workspace of the store; not needed when there is only one
    #[arg(long, global = true, value_name = "NAME")]
    pub workspace: Option<String>,
    /// Read this configuration file instead of the usual one
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Read only: change nothing
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Colours: auto, dark, light, mono or a theme of your own
    #[arg(long, global = true, value_name = "THEME")]
    pub theme: Option<String>,
}

/// Every subcommand, in the order help shows them.
#[derive(Debug, Subcommand)]
pub enum Command {
    Demo(demo::DemoArgs),
    Init(init::InitArgs),
    Examples(examples::ExamplesArgs),
    Parse(parse::ParseArgs),
    Plan(plan::PlanArgs),
    Run(run::RunArgs),
    Runs(run::runs::RunsArgs),
    Compare(run::compare::CompareArgs),
    Log(run::log::LogArgs),
    Artifacts(run::artifacts::ArtifactsArgs),
    Start(run::start::StartArgs),
    Cancel(run::cancel::CancelArgs),
    Pause(run::pause::PauseArgs),
    Skip(run::pause::SkipArgs),
    Approve(run::approve::ApproveArgs),
    Reject(run::approve::RejectArgs),
    Resume(run::resume::ResumeArgs),
    Retry(run::resume::RetryArgs),
    Note(run::note::NoteArgs),
    Link(run::note::LinkArgs),
    Lock(run::lock::LockArgs),
    Unlock(run::lock::UnlockArgs),
    Locks(run::lock::LocksArgs),
    Runbooks(runbooks::RunbooksArgs),
    Routines(routines::RoutinesArgs),
    Services(stack::services::ServicesArgs),
    Breakers(run::breakers::BreakersArgs),
    Health(health::HealthArgs),
    Audit(audit::AuditArgs),
    Apply(stack::apply::ApplyArgs),
    Export(stack::export::ExportArgs),
    Check(check::CheckArgs),
    Serve(serve::ServeArgs),
    Doctor(doctor::DoctorArgs),
    Notify(notify::NotifyArgs),
    Keys(keys::KeysArgs),
    Completions(completions::CompletionsArgs),
    Help(help::HelpArgs),
    Man(man::ManArgs),
}

/// The step after [`perform`].
#[derive(Debug)]
pub enum Next {
    Exit(Code),
    /// Open the console on the session, then [finish](ConsoleSession::finish) it.
    Console(Box<ConsoleSession>),
    /// Open the viewer of log files.
    View(Box<crate::tui::View>),
}

/// Parses the arguments. `Err`: help, version or a usage error was printed; exit with that code.
pub fn read(args: impl IntoIterator<Item = OsString>) -> Result<Cli, Code> {
    let args: Vec<OsString> = args.into_iter().collect();
    if let Some(bad) = args.iter().find(|a| a.to_str().is_none()) {
        return Err(Stop::Usage(format!(
            "the argument {} is not UTF-8 text",
            bad.to_string_lossy()
        ))
        .report());
    }
    Cli::try_parse_from(&args).map_err(|error| {
        // The message repeats the arguments unescaped.
        let is_safe = |arg: &OsString| {
            arg.to_str()
                .is_some_and(|arg| !arg.contains(text::is_unsafe))
        };
        if args.iter().all(is_safe) {
            // A closed stream leaves nothing to report to.
            let _ = error.print();
        } else {
            stop::print_message(&error.render().to_string());
        }
        if let Some(phrase) = meant_phrase(&error, &args) {
            stop::print_message(&format!(
                "to do what a phrase says: opsroom run \"{phrase}\""
            ));
        }
        if error.use_stderr() {
            Code::Refused
        } else {
            Code::Succeeded
        }
    })
}

/// The arguments as a phrase, when a verb of the command language is in the place of a subcommand.
fn meant_phrase(error: &clap::Error, args: &[OsString]) -> Option<String> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let Some(ContextValue::String(verb)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    let words = args
        .iter()
        .filter_map(|arg| arg.to_str())
        .skip_while(|arg| *arg != verb.as_str());
    let phrase = words.collect::<Vec<_>>().join(" ");
    let plain = phrase
        .chars()
        .all(|c| c.is_alphanumeric() || " -_.,=/:#@+".contains(c));
    let (_, intent) = command::begins_like(&phrase).filter(|_| plain)?;
    command::can_be_run(intent).then_some(phrase)
}

/// The command as clap knows it: for help, completions, manual pages and the tests of the manual.
#[must_use]
pub fn definition() -> clap::Command {
    Cli::command()
}

impl Command {
    /// Whether it executes or changes something: a read-only process does neither.
    const fn changes(&self) -> bool {
        match self {
            Self::Cancel(_)
            | Self::Pause(_)
            | Self::Skip(_)
            | Self::Approve(_)
            | Self::Reject(_)
            | Self::Resume(_)
            | Self::Retry(_)
            | Self::Note(_)
            | Self::Link(_)
            | Self::Lock(_)
            | Self::Unlock(_)
            | Self::Serve(_) => true,
            Self::Start(args) => args.changes(),
            Self::Breakers(args) => args.changes(),
            Self::Routines(args) => args.changes(),
            Self::Apply(args) => args.changes(),
            Self::Notify(args) => args.changes(),
            // A phrase may only look; `run` refuses the others itself.
            Self::Run(_)
            | Self::Demo(_)
            | Self::Init(_)
            | Self::Examples(_)
            | Self::Parse(_)
            | Self::Plan(_)
            | Self::Runs(_)
            | Self::Compare(_)
            | Self::Runbooks(_)
            | Self::Log(_)
            | Self::Artifacts(_)
            | Self::Audit(_)
            | Self::Locks(_)
            | Self::Services(_)
            | Self::Health(_)
            | Self::Export(_)
            | Self::Check(_)
            | Self::Doctor(_)
            | Self::Keys(_)
            | Self::Completions(_)
            | Self::Help(_)
            | Self::Man(_) => false,
        }
    }
}

/// Runs a subcommand. The console and the viewer are left to the caller.
pub async fn perform(command: Option<Command>, start: &Start) -> Result<Next, Stop> {
    if command.as_ref().is_some_and(Command::changes) && start.settings()?.read_only {
        return Err(Refusal::ReadOnly.into());
    }
    let code = match command {
        None => {
            start.check_theme()?;
            return console::open(start)
                .await
                .map(|session| Next::Console(Box::new(session)));
        }
        Some(Command::Demo(args)) => return demo::open(&args, start).await,
        Some(Command::Init(args)) => init::perform(&args, start).await?,
        Some(Command::Examples(args)) => examples::perform(&args)?,
        Some(Command::Parse(args)) => parse::perform(&args, start).await?,
        Some(Command::Plan(args)) => plan::perform(&args, start).await?,
        Some(Command::Run(args)) => Box::pin(run::perform(&args, start)).await?,
        Some(Command::Runs(args)) => run::runs::perform(&args, start).await?,
        Some(Command::Compare(args)) => run::compare::perform(&args, start).await?,
        Some(Command::Runbooks(args)) => runbooks::perform(&args, start).await?,
        Some(Command::Routines(args)) => routines::perform(&args, start).await?,
        Some(Command::Log(args)) => return run::log::perform(&args, start).await,
        Some(Command::Artifacts(args)) => return run::artifacts::perform(&args, start).await,
        Some(Command::Start(args)) => run::start::perform(&args, start).await?,
        Some(Command::Cancel(args)) => run::cancel::perform(&args, start).await?,
        Some(Command::Pause(args)) => run::pause::perform(&args, start).await?,
        Some(Command::Skip(args)) => run::pause::skip(&args, start).await?,
        Some(Command::Approve(args)) => run::approve::perform(&args, start).await?,
        Some(Command::Reject(args)) => run::approve::reject(&args, start).await?,
        Some(Command::Resume(args)) => run::resume::perform(&args, start).await?,
        Some(Command::Retry(args)) => run::resume::retry(&args, start).await?,
        Some(Command::Note(args)) => run::note::note(&args, start).await?,
        Some(Command::Link(args)) => run::note::link(&args, start).await?,
        Some(Command::Lock(args)) => run::lock::lock(&args, start).await?,
        Some(Command::Unlock(args)) => run::lock::unlock(&args, start).await?,
        Some(Command::Locks(args)) => run::lock::list(&args, start).await?,
        Some(Command::Services(args)) => stack::services::perform(&args, start).await?,
        Some(Command::Breakers(args)) => run::breakers::perform(&args, start).await?,
        Some(Command::Health(args)) => health::perform(&args, start).await?,
        Some(Command::Audit(args)) => audit::perform(&args, start).await?,
        Some(Command::Apply(args)) => stack::apply::perform(&args, start).await?,
        Some(Command::Export(args)) => stack::export::perform(&args, start).await?,
        Some(Command::Check(args)) => check::perform(&args, start)?,
        Some(Command::Serve(args)) => serve::perform(&args, start).await?,
        Some(Command::Doctor(args)) => doctor::perform(&args, start).await?,
        Some(Command::Notify(args)) => notify::perform(&args, start).await?,
        Some(Command::Keys(args)) => keys::perform(&args, start)?,
        Some(Command::Completions(args)) => completions::perform(&args)?,
        Some(Command::Help(args)) => help::perform(&args)?,
        Some(Command::Man(args)) => man::perform(&args)?,
    };
    Ok(Next::Exit(code))
}
