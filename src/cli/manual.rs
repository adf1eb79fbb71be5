//! The manual: the pages in `assets/manual/`, shown by `opsroom help` as plain text and by
//! `opsroom man` as roff.

pub mod blocks;
pub(super) mod plain;
pub(super) mod roff;

use self::blocks::{Block, TextPart};

/// A page of the manual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topic {
    /// The name of its file, without `.md`.
    pub name: &'static str,
    /// Markdown.
    pub text: &'static str,
}

macro_rules! topics {
    ($($name:literal),* $(,)?) => {
        /// Every page, in reading order.
        pub const TOPICS: &[Topic] = &[$(Topic {
            name: $name,
            text: include_str!(concat!("../../assets/manual/", $name, ".md")),
        }),*];
    };
}

topics![
    "stack",
    "phrases",
    "subcommands",
    "recipes",
    "keymap",
    "logs",
    "runbook-files",
    "pages",
    "products",
    "control",
    "queue",
    "scheduling",
    "settings",
    "secrets",
    "states",
    "safety",
    "server",
    "terminal",
];

impl Topic {
    /// The page of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        TOPICS.iter().copied().find(|topic| topic.name == name)
    }

    /// Its first heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        let first = self.text.lines().next().unwrap_or_default();
        first.trim_start_matches(['#', ' '])
    }

    /// The page without its title.
    #[must_use]
    pub fn blocks(self) -> Vec<Block> {
        blocks::parse(self.text).into_iter().skip(1).collect()
    }

    /// The part of the page under a heading, without the heading; empty if there is none.
    #[must_use]
    pub fn section(self, heading: &str) -> Vec<Block> {
        let is_heading = |block: &Block| matches!(block, Block::Heading { .. });
        let plain = [TextPart::Plain(heading.to_owned())];
        self.blocks()
            .into_iter()
            .skip_while(|block| !matches!(block, Block::Heading { text, .. } if *text == plain))
            .skip(1)
            .take_while(|block| !is_heading(block))
            .collect()
    }
}

/// The examples of a subcommand.
#[must_use]
pub fn examples(subcommand: &str) -> Vec<Block> {
    Topic::find("recipes")
        .map(|topic| topic.section(&format!("opsroom {subcommand}")))
        .unwrap_or_default()
}
