//! `opsroom examples`: files to begin with: stack files, runbooks and settings.

use super::out::Out;
use super::stop::{Code, Stop};
use crate::core::base::suggest;

/// List example files, or print one: stack files, runbooks, settings
#[derive(Debug, clap::Args)]
pub struct ExamplesArgs {
    /// The example; without it they are listed
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// A file of `assets/examples/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    pub file: &'static str,
    pub text: &'static str,
}

macro_rules! examples {
    ($($file:literal),* $(,)?) => {
        /// Every example, in the order they are listed.
        pub const EXAMPLES: &[Example] = &[$(Example {
            file: $file,
            text: include_str!(concat!("../../assets/examples/", $file)),
        }),*];
    };
}

examples![
    "stack-web.toml",
    "stack-systemd.toml",
    "stack-compose.toml",
    "stack-kubernetes.toml",
    "runbook-clean-disk.toml",
    "runbook-rotate-key.md",
    "opsroom.toml",
    "keymap.toml",
];

impl Example {
    /// The name without what the file's kind is.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.file.split('.').next().unwrap_or(self.file)
    }

    /// Its first comment, or its first heading.
    #[must_use]
    pub fn about(self) -> &'static str {
        let line = self.text.lines().find(|line| line.starts_with("# "));
        line.unwrap_or_default().trim_start_matches(['#', ' '])
    }
}

pub(super) fn perform(args: &ExamplesArgs) -> Result<Code, Stop> {
    let mut out = Out::new();
    let Some(wanted) = &args.name else {
        let rows: Vec<[String; 2]> = EXAMPLES
            .iter()
            .map(|example| [example.name().to_owned(), example.about().to_owned()])
            .collect();
        out.table(["EXAMPLE", "ABOUT"], &rows)?;
        out.line("")?;
        out.line("opsroom examples NAME prints one: opsroom examples stack-web > stack.toml")?;
        return Ok(Code::Succeeded);
    };
    let found = EXAMPLES
        .iter()
        .find(|example| example.name() == wanted || example.file == wanted);
    let Some(example) = found else {
        let known: Vec<&str> = EXAMPLES.iter().map(|example| example.name()).collect();
        let meant = suggest::nearest(wanted, &known)
            .map(|near| format!("did you mean {near}? "))
            .unwrap_or_default();
        return Err(Stop::Usage(format!(
            "there is no example \"{wanted}\"; {meant}`opsroom examples` lists them"
        )));
    };
    out.raw(example.text.as_bytes())?;
    Ok(Code::Succeeded)
}
