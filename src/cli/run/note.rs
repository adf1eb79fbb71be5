//! `opsroom note` and `opsroom link`: add a note or an address to a run.

use crate::cli::run::act::{self, Terms};
use crate::cli::run::log::Which;
use crate::cli::session::Start;
use crate::cli::stop::{Code, Stop};
use crate::core::run::act::Act;

/// Add a note to a run, also after it has ended
#[derive(Debug, clap::Args)]
pub struct NoteArgs {
    /// Its number, `last` or `last-failed`
    #[arg(value_name = "RUN")]
    run: Which,
    /// The note, kept in the log of the run and in the audit log
    #[arg(value_name = "TEXT", required = true)]
    text: Vec<String>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Attach a web address to a run, also after it has ended
#[derive(Debug, clap::Args)]
pub struct LinkArgs {
    /// Its number, `last` or `last-failed`
    #[arg(value_name = "RUN")]
    run: Which,
    /// The address: http or https
    #[arg(value_name = "URL")]
    url: String,
    /// What it is, in the list of artifacts; usually the address
    #[arg(value_name = "TITLE")]
    title: Vec<String>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) async fn note(args: &NoteArgs, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let note = Act::Note {
        run: args.run.find(&control).await?,
        note: Some(args.text.join(" ")),
    };
    let terms = Terms {
        json: args.json,
        ..Terms::default()
    };
    act::perform(&control, note, terms).await
}

pub(in crate::cli) async fn link(args: &LinkArgs, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let title = args.title.join(" ");
    let link = Act::Link {
        run: args.run.find(&control).await?,
        url: args.url.clone(),
        title: Some(title).filter(|title| !title.is_empty()),
    };
    let terms = Terms {
        json: args.json,
        ..Terms::default()
    };
    act::perform(&control, link, terms).await
}
