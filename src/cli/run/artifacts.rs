//! `opsroom artifacts`: lists the artifacts of a run, opens one in the viewer, or writes it
//! unchanged into a pipe.

use std::io::IsTerminal as _;

use crate::cli::Next;
use crate::cli::out::Out;
use crate::cli::run::log::Which;
use crate::cli::session::Start;
use crate::cli::stop::{Code, Stop};
use crate::control::Control;
use crate::core::run::Run;
use crate::core::run::artifact::{Artifact, human_bytes};
use crate::logfile::file::Tracked;
use crate::tui::{Log, View};

/// List the artifacts of a run, or open one
///
/// On a terminal an artifact of text opens in the viewer of logs; into a pipe or file it is written
/// as it is. Of a link the address is printed.
#[derive(Debug, clap::Args)]
pub struct ArtifactsArgs {
    /// The run: a number, `last` or `last-failed`
    run: Which,
    /// The artifact: its name, or its number in the list
    name: Option<String>,
    /// The list (or the one named) as JSON, without contents
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) async fn perform(args: &ArtifactsArgs, start: &Start) -> Result<Next, Stop> {
    let control = start.open_cli().await?;
    let found = find(args, &control).await;
    control.close(false).await;
    match found? {
        Found::Listed => Ok(Next::Exit(Code::Succeeded)),
        Found::Contents(artifact, content) => give(&artifact, content),
    }
}

enum Found {
    Listed,
    Contents(Artifact, Vec<u8>),
}

async fn find(args: &ArtifactsArgs, control: &Control) -> Result<Found, Stop> {
    let detail = control.run(args.run.find_to_read(control).await?).await?;
    let Some(name) = &args.name else {
        let mut out = Out::new();
        if args.json {
            out.json(&detail.artifacts)?;
        } else if detail.artifacts.is_empty() {
            out.line(&format!("run {} has no artifacts", detail.run.id))?;
        } else {
            let rows: Vec<_> = detail
                .artifacts
                .iter()
                .map(|a| row(a, &detail.run))
                .collect();
            out.table(["NO", "KIND", "SIZE", "STEP", "SHA256", "NAME"], &rows)?;
        }
        return Ok(Found::Listed);
    };
    let artifact = pick(&detail.artifacts, name)
        .map_err(|why| Stop::Usage(format!("run {}: {why}", detail.run.id)))?;
    if args.json {
        Out::new().json(artifact)?;
        return Ok(Found::Listed);
    }
    let (artifact, content) = control.artifact(artifact.run, artifact.number).await?;
    Ok(Found::Contents(artifact, content))
}

pub(in crate::cli) fn row(artifact: &Artifact, run: &Run) -> [String; 6] {
    let step = artifact.step.and_then(|step| run.plan.numbered_step(step));
    let title = &artifact.title;
    [
        artifact.number.to_string(),
        artifact.kind.name().to_owned(),
        human_bytes(artifact.bytes),
        step.map_or_else(|| "–".to_owned(), |(step, _)| step.name.clone()),
        artifact.hash.chars().take(12).collect(),
        artifact
            .url
            .as_ref()
            .map_or_else(|| title.clone(), |url| format!("{title} {url}")),
    ]
}

/// Finds an artifact by name, else by number: a file may be called `2`.
fn pick<'a>(all: &'a [Artifact], name: &str) -> Result<&'a Artifact, String> {
    let named: Vec<&Artifact> = all.iter().filter(|a| a.title == name).collect();
    match named.as_slice() {
        [one] => return Ok(one),
        [] => {}
        several => {
            let numbers: Vec<String> = several.iter().map(|a| a.number.to_string()).collect();
            return Err(format!(
                "several artifacts are called {name}; give the number: {}",
                numbers.join(", ")
            ));
        }
    }
    let numbered = name
        .parse()
        .ok()
        .and_then(|number: u32| all.iter().find(|a| a.number == number));
    numbered.ok_or_else(|| {
        let titles: Vec<&str> = all.iter().map(|a| a.title.as_str()).collect();
        let there = if titles.is_empty() {
            "nothing".to_owned()
        } else {
            titles.join(", ")
        };
        format!("it has no artifact {name}; it has {there}")
    })
}

fn give(artifact: &Artifact, content: Vec<u8>) -> Result<Next, Stop> {
    if let Some(url) = &artifact.url {
        Out::new().line(url)?;
        return Ok(Next::Exit(Code::Succeeded));
    }
    if !std::io::stdout().is_terminal() {
        Out::new().raw(&content)?;
        return Ok(Next::Exit(Code::Succeeded));
    }
    let (run, number) = (artifact.run.0, artifact.number);
    if content.contains(&0) {
        let (title, size) = (&artifact.title, human_bytes(artifact.bytes));
        return Err(Stop::Usage(format!(
            "{title} is no text ({size}); write it to a file: opsroom artifacts {run} {number} > FILE"
        )));
    }
    crate::tui::check_viewer().map_err(Stop::Usage)?;
    let file =
        Tracked::spool(&artifact.title, std::io::Cursor::new(content)).map_err(Stop::System)?;
    Ok(Next::View(Box::new(View {
        logs: vec![Log { file, run: None }],
        follow: false,
        budget: None,
        timezone: None,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::base::time::Timestamp;
    use crate::core::run::RunId;
    use crate::core::run::artifact::ArtifactKind;

    #[test]
    fn a_name_comes_before_a_number_and_a_duplicate_name_is_refused() {
        let artifact = |number, title: &str| Artifact {
            run: RunId(4),
            number,
            kind: ArtifactKind::File,
            title: title.to_owned(),
            step: None,
            hash: String::new(),
            bytes: 0,
            url: None,
            at: Timestamp(0),
        };
        let all = [
            artifact(1, "3"),
            artifact(2, "a"),
            artifact(3, "b"),
            artifact(4, "a"),
        ];
        for (name, wanted) in [
            ("3", Ok(1)),
            ("b", Ok(3)),
            ("4", Ok(4)),
            ("a", Err("2, 4")),
            ("c", Err("it has no artifact c")),
        ] {
            let picked = pick(&all, name).map(|a| a.number);
            match wanted {
                Ok(number) => assert_eq!(picked, Ok(number), "{name}"),
                Err(says) => assert!(picked.unwrap_err().contains(says), "{name}"),
            }
        }
    }
}
