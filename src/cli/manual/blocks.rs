//! The blocks of a page of the manual. The pages use a part of Markdown: headings, paragraphs, lists
//! of one level, tables and fences; in a text `code`, **strong**, *emphasis* and links to pages.

/// A block of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    Heading {
        level: usize,
        text: String,
    },
    Paragraph(String),
    Item(String),
    /// The first row is the heading.
    Table(Vec<Vec<String>>),
    /// The lines of a fence.
    Code(Vec<String>),
}

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
pub fn parse(text: &str) -> Vec<Block> {
    let mut reader = Reader::default();
    for line in text.lines() {
        reader.take(line);
    }
    reader.end();
    reader.blocks
}

#[derive(Debug, Default)]
struct Reader {
    blocks: Vec<Block>,
    /// The paragraph or item being read.
    open: Option<Block>,
    /// The fence being read: its backquotes, and its lines.
    fence: Option<(String, Vec<String>)>,
}

impl Reader {
    fn take(&mut self, line: &str) {
        if let Some((ticks, lines)) = &mut self.fence {
            if line == ticks.as_str() {
                self.blocks.push(Block::Code(std::mem::take(lines)));
                self.fence = None;
            } else {
                lines.push(line.to_owned());
            }
            return;
        }
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        if ticks.len() >= 3 {
            self.end();
            self.fence = Some((ticks, Vec::new()));
        } else if line.is_empty() || line.starts_with("<!--") {
            self.end();
        } else if line.starts_with('#') {
            self.end();
            let text = line.trim_start_matches('#');
            self.blocks.push(Block::Heading {
                level: line.len() - text.len(),
                text: text.trim().to_owned(),
            });
        } else if line.starts_with('|') {
            self.end();
            self.row(line);
        } else if let Some(text) = line.strip_prefix("- ") {
            self.end();
            self.open = Some(Block::Item(text.to_owned()));
        } else {
            self.text(line.trim());
        }
    }

    fn text(&mut self, line: &str) {
        match &mut self.open {
            Some(Block::Item(text) | Block::Paragraph(text)) => {
                text.push(' ');
                text.push_str(line);
            }
            _ => self.open = Some(Block::Paragraph(line.to_owned())),
        }
    }

    fn row(&mut self, line: &str) {
        let cells = cells(line);
        if cells.iter().all(|cell| cell.chars().all(|c| c == '-')) {
            return;
        }
        match self.blocks.last_mut() {
            Some(Block::Table(rows)) => rows.push(cells),
            _ => self.blocks.push(Block::Table(vec![cells])),
        }
    }

    fn end(&mut self) {
        self.blocks.extend(self.open.take());
    }
}

/// The cells of a row; `\|` is a bar in a cell, and so is a bar in code.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut code) = (Vec::new(), String::new(), false);
    let inner = line.trim().trim_start_matches('|');
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek() == Some(&'|') => cell.extend(chars.next()),
            '|' if !code => cells.push(std::mem::take(&mut cell).trim().to_owned()),
            c => {
                code ^= c == '`';
                cell.push(c);
            }
        }
    }
    cells
}

/// The pieces of a text.
#[must_use]
pub fn pieces(text: &str) -> Vec<TextPart> {
    let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
    while let Some(c) = rest.chars().next() {
        if let Some((piece, after)) = marked(rest) {
            if !plain.is_empty() {
                pieces.push(TextPart::Plain(std::mem::take(&mut plain)));
            }
            pieces.push(piece);
            rest = after;
        } else {
            plain.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    if !plain.is_empty() {
        pieces.push(TextPart::Plain(plain));
    }
    pieces
}

/// The marked piece a text begins with, and the text after it.
fn marked(text: &str) -> Option<(TextPart, &str)> {
    let between = |mark: &str| {
        let (inner, after) = text.strip_prefix(mark)?.split_once(mark)?;
        let fits = !inner.is_empty() && !inner.starts_with(' ') && !inner.ends_with(' ');
        fits.then(|| (inner.to_owned(), after))
    };
    if text.starts_with('`') {
        return between("`").map(|(inner, after)| (TextPart::Code(inner), after));
    }
    if text.starts_with("**") {
        return between("**").map(|(inner, after)| (TextPart::Strong(inner), after));
    }
    if text.starts_with('*') {
        return between("*").map(|(inner, after)| (TextPart::Emphasis(inner), after));
    }
    let (inner, after) = text.strip_prefix('[')?.split_once("](")?;
    let (to, after) = after.split_once(')')?;
    let (text, to) = (inner.to_owned(), to.to_owned());
    (!inner.contains(['[', ']'])).then_some((TextPart::Link { text, to }, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_block_by_block() {
        let text = "# Title\n\nOne\ntwo.\n\n- a\n  b\n- c\n\n<!-- x -->\n| k | v |\n|---|---|\n| `a|b` | c \\| d |\n\n````sh\n# x\n```\n````\n## End\n";
        let own = |text: &str| text.to_owned();
        assert_eq!(
            parse(text),
            [
                Block::Heading {
                    level: 1,
                    text: own("Title")
                },
                Block::Paragraph(own("One two.")),
                Block::Item(own("a b")),
                Block::Item(own("c")),
                Block::Table(vec![
                    vec![own("k"), own("v")],
                    vec![own("`a|b`"), own("c | d")]
                ]),
                Block::Code(vec![own("# x"), own("```")]),
                Block::Heading {
                    level: 2,
                    text: own("End")
                },
            ]
        );
    }

    #[test]
    fn marks_are_read_and_other_signs_are_text() {
        let of = |text: &str| pieces(text);
        let plain = |text: &str| TextPart::Plain(text.to_owned());
        assert_eq!(
            of("a `*b*` **c** *d* [e](f.md)"),
            [
                plain("a "),
                TextPart::Code("*b*".to_owned()),
                plain(" "),
                TextPart::Strong("c".to_owned()),
                plain(" "),
                TextPart::Emphasis("d".to_owned()),
                plain(" "),
                TextPart::Link {
                    text: "e".to_owned(),
                    to: "f.md".to_owned()
                },
            ]
        );
        for text in ["2 * 3 * 4", "[`base` = main]"] {
            assert!(
                !of(text)
                    .iter()
                    .any(|p| matches!(p, TextPart::Emphasis(_) | TextPart::Link { .. })),
                "{text}"
            );
        }
    }
}
