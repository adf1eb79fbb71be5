//! The blocks of a page of the manual, from its Markdown: headings, paragraphs, lists of one level,
//! tables and fences; in a text `code`, **strong**, *emphasis* and links. HTML comments are not shown.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// A block of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    Heading {
        level: usize,
        text: Text,
    },
    Paragraph(Text),
    Item(Text),
    /// The first row is the heading.
    Table(Vec<Vec<Text>>),
    /// The lines of a fence.
    Code(Vec<String>),
}

/// A text with marks, without line breaks.
pub type Text = Vec<TextPart>;

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextPart {
    Plain(String),
    Code(String),
    Strong(String),
    Emphasis(String),
    /// A link: what it reads, and where it leads.
    Link {
        text: String,
        to: String,
    },
}

/// Reads a page.
#[must_use]
pub fn parse(page: &str) -> Vec<Block> {
    let mut reader = Reader::default();
    for event in Parser::new_ext(page, Options::ENABLE_TABLES) {
        match event {
            Event::Start(tag) => reader.start(tag),
            Event::End(tag) => reader.end(tag),
            // What looks like a tag in a text, such as <RUN>, is text.
            Event::Text(text) | Event::InlineHtml(text) => reader.words(&text),
            Event::Code(code) => reader.code(&code),
            Event::SoftBreak | Event::HardBreak => reader.words(" "),
            _ => {}
        }
    }
    reader.blocks
}

#[derive(Debug, Default)]
struct Reader {
    blocks: Vec<Block>,
    /// The text being read.
    text: Text,
    /// How many of these marks are open.
    strong: usize,
    emphasis: usize,
    /// The text begins an item of a list.
    item: bool,
    /// The link being read.
    link: Option<(String, String)>,
    fence: Option<String>,
    rows: Vec<Vec<Text>>,
    row: Vec<Text>,
}

impl Reader {
    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Item => {
                self.paragraph();
                self.item = true;
            }
            Tag::CodeBlock(_) => {
                self.paragraph();
                self.fence = Some(String::new());
            }
            Tag::Table(_) => self.paragraph(),
            Tag::Strong => self.strong += 1,
            Tag::Emphasis => self.emphasis += 1,
            Tag::Link { dest_url, .. } => self.link = Some((String::new(), dest_url.into_string())),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) => {
                let text = std::mem::take(&mut self.text);
                let level = level as usize;
                self.blocks.push(Block::Heading { level, text });
            }
            TagEnd::Paragraph => self.paragraph(),
            TagEnd::Item => {
                self.paragraph();
                self.item = false;
            }
            TagEnd::CodeBlock => {
                let code = self.fence.take().unwrap_or_default();
                let lines = code.lines().map(str::to_owned).collect();
                self.blocks.push(Block::Code(lines));
            }
            TagEnd::TableCell => self.row.push(std::mem::take(&mut self.text)),
            TagEnd::TableHead | TagEnd::TableRow => self.rows.push(std::mem::take(&mut self.row)),
            TagEnd::Table => self
                .blocks
                .push(Block::Table(std::mem::take(&mut self.rows))),
            TagEnd::Strong => self.strong = self.strong.saturating_sub(1),
            TagEnd::Emphasis => self.emphasis = self.emphasis.saturating_sub(1),
            TagEnd::Link => {
                let link = self.link.take();
                self.text
                    .extend(link.map(|(text, to)| TextPart::Link { text, to }));
            }
            _ => {}
        }
    }

    fn words(&mut self, words: &str) {
        if let Some(fence) = &mut self.fence {
            return fence.push_str(words);
        }
        if let Some((text, _)) = &mut self.link {
            return text.push_str(words);
        }
        let part = match (self.strong, self.emphasis) {
            (1.., _) => TextPart::Strong,
            (0, 1..) => TextPart::Emphasis,
            (0, 0) => TextPart::Plain,
        };
        match (self.text.last_mut(), part(words.to_owned())) {
            // The reader of Markdown may give a text in several pieces.
            (Some(TextPart::Plain(text)), TextPart::Plain(more))
            | (Some(TextPart::Strong(text)), TextPart::Strong(more))
            | (Some(TextPart::Emphasis(text)), TextPart::Emphasis(more)) => text.push_str(&more),
            (_, part) => self.text.push(part),
        }
    }

    fn code(&mut self, code: &str) {
        match &mut self.link {
            Some((text, _)) => text.extend(["`", code, "`"]),
            None => self.text.push(TextPart::Code(code.to_owned())),
        }
    }

    /// Ends the paragraph or item being read, if there is one.
    fn paragraph(&mut self) {
        if self.text.is_empty() {
            return;
        }
        let text = std::mem::take(&mut self.text);
        // A second paragraph of an item stands below it.
        self.blocks.push(if std::mem::take(&mut self.item) {
            Block::Item(text)
        } else {
            Block::Paragraph(text)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> TextPart {
        TextPart::Plain(text.to_owned())
    }

    fn code(text: &str) -> TextPart {
        TextPart::Code(text.to_owned())
    }

    #[test]
    fn a_page_is_read_block_by_block() {
        let page = "# Title\n\nOne\ntwo.\n\n- a\n  b\n- c\n\n<!-- x\ny -->\n| k | v |\n|---|---|\n| `a\\|b` | c \\| d |\n\n````sh\n# x\n```\n````\n## End\n";
        let heading = |level, text| Block::Heading {
            level,
            text: vec![plain(text)],
        };
        assert_eq!(
            parse(page),
            [
                heading(1, "Title"),
                Block::Paragraph(vec![plain("One two.")]),
                Block::Item(vec![plain("a b")]),
                Block::Item(vec![plain("c")]),
                Block::Table(vec![
                    vec![vec![plain("k")], vec![plain("v")]],
                    vec![vec![code("a|b")], vec![plain("c | d")]],
                ]),
                Block::Code(vec!["# x".to_owned(), "```".to_owned()]),
                heading(2, "End"),
            ]
        );
    }

    #[test]
    fn an_item_ends_before_what_stands_in_it() {
        let page = "- a\n\n  b\n- c\n  - d\n- e\n  ```\n  f\n  ```\n";
        assert_eq!(
            parse(page),
            [
                Block::Item(vec![plain("a")]),
                Block::Paragraph(vec![plain("b")]),
                Block::Item(vec![plain("c")]),
                Block::Item(vec![plain("d")]),
                Block::Item(vec![plain("e")]),
                Block::Code(vec!["f".to_owned()]),
            ]
        );
    }

    #[test]
    fn marks_are_read_and_other_signs_are_text() {
        for (text, expected) in [
            (
                "a `*b*` **c** *d* [e `f`](f.md)",
                vec![
                    plain("a "),
                    code("*b*"),
                    plain(" "),
                    TextPart::Strong("c".to_owned()),
                    plain(" "),
                    TextPart::Emphasis("d".to_owned()),
                    plain(" "),
                    TextPart::Link {
                        text: "e `f`".to_owned(),
                        to: "f.md".to_owned(),
                    },
                ],
            ),
            ("2 * 3 * 4", vec![plain("2 * 3 * 4")]),
            (
                "[`base` = main]",
                vec![plain("["), code("base"), plain(" = main]")],
            ),
            ("log <RUN> & {x}", vec![plain("log <RUN> & {x}")]),
        ] {
            assert_eq!(parse(text), [Block::Paragraph(expected)], "{text}");
        }
    }
}
