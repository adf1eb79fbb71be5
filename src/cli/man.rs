//! `opsroom man`: the manual, one page per subcommand.

use std::path::PathBuf;

use clap_mangen::Man;

use super::out::Out;
use super::stop::{Code, Stop};

/// Print the manual (opsroom man | man -l -)
#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// Write one page per subcommand into this folder instead
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn perform(args: &ManArgs) -> Result<Code, Stop> {
    let pages = pages()?;
    match &args.out {
        None => Out::new().raw(
            &pages
                .into_iter()
                .flat_map(|(_, page)| page)
                .collect::<Vec<_>>(),
        )?,
        Some(folder) => {
            let failed = |e: std::io::Error| {
                Stop::Usage(format!("cannot write into {}: {e}", folder.display()))
            };
            std::fs::create_dir_all(folder).map_err(failed)?;
            for (name, page) in pages {
                std::fs::write(folder.join(format!("{name}.1")), page).map_err(failed)?;
            }
        }
    }
    Ok(Code::Succeeded)
}

/// Name and roff source of every page, the program's own first.
fn pages() -> Result<Vec<(String, Vec<u8>)>, Stop> {
    let mut program = super::definition();
    program.build();
    let mut commands = vec![("opsroom".to_owned(), program.clone())];
    for sub in program
        .get_subcommands()
        .filter(|s| !s.is_hide_set() && s.get_name() != "help")
    {
        let name = format!("opsroom-{}", sub.get_name());
        commands.push((
            name.clone(),
            sub.clone().name(name).version(env!("CARGO_PKG_VERSION")),
        ));
    }
    commands
        .into_iter()
        .map(|(name, command)| {
            let mut page = Vec::new();
            Man::new(command)
                .manual("opsroom manual")
                .render(&mut page)?;
            Ok((name, page))
        })
        .collect()
}
