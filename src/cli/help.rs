//! `opsroom help`: the subcommands and the pages of the manual, or one of them, as plain text.

use std::fmt::Write as _;

use super::manual::{TOPICS, Topic, examples, plain};
use super::out::Out;
use super::stop::{Code, Stop};
use crate::core::base::suggest;

/// List the subcommands and the pages of the manual, or show one of them
#[derive(Debug, clap::Args)]
pub struct HelpArgs {
    /// A page of the manual, or a subcommand
    #[arg(value_name = "TOPIC")]
    topic: Option<String>,
}

pub(super) fn perform(args: &HelpArgs) -> Result<Code, Stop> {
    let text = match &args.topic {
        None => overview(),
        Some(name) => match Topic::find(name) {
            Some(topic) => page(topic),
            None => subcommand(name).ok_or_else(|| unknown(name))?,
        },
    };
    Out::new().raw(text.as_bytes())?;
    Ok(Code::Succeeded)
}

fn overview() -> String {
    let mut text = super::definition().render_long_help().to_string();
    text.push_str("\nPages of the manual (opsroom help PAGE):\n");
    let widest = TOPICS.iter().map(|t| t.name.len()).max().unwrap_or(0);
    for topic in TOPICS {
        let _ = writeln!(text, "  {:<widest$}  {}", topic.name, topic.title());
    }
    text
}

fn page(topic: Topic) -> String {
    let heading = topic.title().to_uppercase();
    format!("{heading}\n\n{}", plain::render(&topic.blocks(), 2))
}

/// The long help of a subcommand, with its examples.
fn subcommand(name: &str) -> Option<String> {
    let mut program = super::definition();
    program.build();
    let mut text = program
        .find_subcommand_mut(name)?
        .render_long_help()
        .to_string();
    let examples = examples(name);
    if !examples.is_empty() {
        let _ = write!(text, "\nExamples:\n{}", plain::render(&examples, 0));
    }
    Some(text)
}

/// The error for a name that is neither, with the nearest one that is. Also of `opsroom man`.
pub(super) fn unknown(name: &str) -> Stop {
    let program = super::definition();
    let subcommands = program.get_subcommands().map(clap::Command::get_name);
    let known: Vec<&str> = TOPICS.iter().map(|t| t.name).chain(subcommands).collect();
    let meant = suggest::nearest(name, &known)
        .map(|near| format!("did you mean {near}? "))
        .unwrap_or_default();
    Stop::Usage(format!(
        "there is no page and no subcommand \"{name}\"; {meant}`opsroom help` lists them"
    ))
}
