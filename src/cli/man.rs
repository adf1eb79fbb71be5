//! `opsroom man`: the manual as roff: the program, its subcommands (section 1), and the pages of
//! `assets/manual/` (section 7).

use std::path::PathBuf;

use clap_mangen::Man;

use super::help::unknown;
use super::manual::blocks::{Block, TextPart};
use super::manual::{TOPICS, Topic, examples, roff};
use super::out::Out;
use super::stop::{Code, Stop};

/// Print the manual, or one page of it (opsroom man | man -l -)
#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// A page of the manual, or a subcommand
    #[arg(value_name = "TOPIC", conflicts_with = "out")]
    topic: Option<String>,
    /// Write each page into a file of this folder instead
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// A page as roff.
#[derive(Debug)]
struct Page {
    /// `opsroom`, `opsroom-run` or `opsroom-runbooks`.
    name: String,
    section: u8,
    text: Vec<u8>,
}

/// Parts of the manual that the page of the program ends with: heading, page, and the heading there.
const PARTS: &[(&str, &str, &str)] = &[
    ("PHRASES", "phrases", "What you can type"),
    ("ENVIRONMENT", "settings", "Variables"),
    ("FILES", "settings", "Files"),
    ("EXIT STATUS", "subcommands", "Exit codes"),
    ("EXAMPLES", "stack", "Applying it"),
];

pub(super) fn perform(args: &ManArgs) -> Result<Code, Stop> {
    let mut pages = pages()?;
    if let Some(folder) = &args.out {
        let failed =
            |e: std::io::Error| Stop::Usage(format!("cannot write into {}: {e}", folder.display()));
        std::fs::create_dir_all(folder).map_err(failed)?;
        for page in pages {
            let file = folder.join(format!("{}.{}", page.name, page.section));
            std::fs::write(file, page.text).map_err(failed)?;
        }
        return Ok(Code::Succeeded);
    }
    if let Some(topic) = &args.topic {
        let name = format!("opsroom-{topic}");
        pages.retain(|page| page.name == name);
        if pages.is_empty() {
            return Err(unknown(topic));
        }
    }
    let text: Vec<u8> = pages.into_iter().flat_map(|page| page.text).collect();
    Out::new().raw(&text)?;
    Ok(Code::Succeeded)
}

/// Every page, the program's own first.
fn pages() -> Result<Vec<Page>, Stop> {
    let mut program = super::definition();
    program.build();
    let mut pages = vec![program_page(&program)?];
    for sub in program.get_subcommands().filter(|s| !s.is_hide_set()) {
        let name = format!("opsroom-{}", sub.get_name());
        let command = sub.clone().name(name.clone());
        let mut text = rendered(command.version(env!("CARGO_PKG_VERSION")))?;
        text.extend(roff::section("EXAMPLES", &examples(sub.get_name())));
        pages.push(Page {
            name,
            section: 1,
            text,
        });
    }
    pages.extend(TOPICS.iter().map(|topic| Page {
        name: format!("opsroom-{}", topic.name),
        section: 7,
        text: roff::page(*topic),
    }));
    Ok(pages)
}

fn program_page(program: &clap::Command) -> Result<Page, Stop> {
    let mut text = rendered(program.clone())?;
    for (heading, topic, part) in PARTS {
        let blocks = Topic::find(topic)
            .map(|topic| topic.section(part))
            .unwrap_or_default();
        text.extend(roff::section(heading, &blocks));
    }
    let plain = |text: &str| TextPart::Plain(text.to_owned());
    let mut rows = vec![vec![vec![plain("page")], vec![plain("about")]]];
    rows.extend(TOPICS.iter().map(|topic| {
        let page = TextPart::Strong(format!("opsroom-{}", topic.name));
        vec![vec![page, plain("(7)")], vec![plain(topic.title())]]
    }));
    text.extend(roff::section("SEE ALSO", &[Block::Table(rows)]));
    Ok(Page {
        name: "opsroom".to_owned(),
        section: 1,
        text,
    })
}

fn rendered(command: clap::Command) -> Result<Vec<u8>, Stop> {
    let mut text = Vec::new();
    Man::new(command)
        .manual("opsroom manual")
        .render(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_programs_page_exists() {
        for (_, topic, part) in PARTS {
            let found = Topic::find(topic).is_some_and(|topic| !topic.section(part).is_empty());
            assert!(found, "{topic}: {part}");
        }
    }

    #[test]
    fn a_page_of_the_manual_has_no_name_of_a_subcommand() {
        for sub in crate::cli::definition().get_subcommands() {
            assert_eq!(Topic::find(sub.get_name()), None, "{}", sub.get_name());
        }
    }
}
