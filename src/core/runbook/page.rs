//! A Markdown runbook as a page: front matter, headings, prose and fenced blocks with their lines.
//! No interpretation yet.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// The parts of a Markdown file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// TOML between `+++` lines, or the text between `---` lines, with the line its content starts
    /// on.
    pub front: Option<(String, usize)>,
    /// A `+++` opens the file and is never closed: prose does not begin like that.
    pub front_unclosed: bool,
    /// The first heading of level 1.
    pub title: Option<String>,
    pub blocks: Vec<Block>,
    /// Lines of fences that are never closed.
    pub unclosed: Vec<usize>,
    /// Every line of the file, for reference pages.
    pub lines: usize,
}

/// A fenced code block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// First word of the info string, lower case: `sh`, `console`; empty when there is none.
    pub language: String,
    /// The rest of the info string.
    pub info: String,
    pub code: String,
    /// Line of the opening fence, from 1.
    pub line: usize,
    /// The headings above it, outermost first.
    pub headings: Vec<String>,
    /// The text between the last heading or block and this one.
    pub prose: String,
}

/// Reads a page. Never fails: any other text is prose.
#[must_use]
pub fn read(text: &str) -> Page {
    let (front, body_at) = front_matter(text);
    let front_unclosed = front.is_none()
        && text[body_at..]
            .lines()
            .next()
            .is_some_and(|l| l.trim_end() == "+++");
    let mut page = Page {
        front,
        front_unclosed,
        lines: text.lines().count(),
        ..Page::default()
    };
    let body = &text[body_at..];
    let line_of = Lines::new(text, body_at);
    let mut reader = Reader::default();
    for (event, range) in Parser::new_ext(body, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                reader.heading = Some((level, String::new()));
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some((level, title)) = reader.heading.take() {
                    reader.enter(level, &title, &mut page);
                }
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                let line = line_of.at(range.start);
                if !closed(&body[range.clone()]) {
                    page.unclosed.push(line);
                }
                let mut words = info.split_whitespace();
                reader.block = Some(Block {
                    language: words
                        .next()
                        .unwrap_or("")
                        .trim_matches(['{', '}', '.'])
                        .to_lowercase(),
                    info: words.collect::<Vec<_>>().join(" "),
                    code: String::new(),
                    line,
                    headings: reader.path.iter().map(|(_, title)| title.clone()).collect(),
                    prose: std::mem::take(&mut reader.prose).trim().to_owned(),
                });
            }
            Event::End(TagEnd::CodeBlock) => page.blocks.extend(reader.block.take()),
            Event::Text(piece) | Event::Code(piece) => reader.text(&piece),
            Event::SoftBreak | Event::HardBreak => reader.text(" "),
            Event::End(TagEnd::Paragraph | TagEnd::Item | TagEnd::TableRow) => reader.text("\n"),
            Event::End(TagEnd::TableCell) => reader.text("  "),
            _ => {}
        }
    }
    page
}

#[derive(Default)]
struct Reader {
    heading: Option<(HeadingLevel, String)>,
    path: Vec<(HeadingLevel, String)>,
    prose: String,
    block: Option<Block>,
}

impl Reader {
    fn text(&mut self, piece: &str) {
        if let Some((_, title)) = &mut self.heading {
            title.push_str(piece);
        } else if let Some(block) = &mut self.block {
            block.code.push_str(piece);
        } else {
            self.prose.push_str(piece);
        }
    }

    fn enter(&mut self, level: HeadingLevel, title: &str, page: &mut Page) {
        let title = title.trim().to_owned();
        if level == HeadingLevel::H1 && page.title.is_none() {
            page.title = Some(title.clone());
        }
        self.path.retain(|(l, _)| *l < level);
        self.path.push((level, title));
        self.prose.clear();
    }
}

/// Front matter and where the body starts (byte offset).
fn front_matter(text: &str) -> (Option<(String, usize)>, usize) {
    let start = if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    };
    let rest = &text[start..];
    let Some(mark) = ["+++", "---"]
        .into_iter()
        .find(|m| rest.lines().next().is_some_and(|l| l.trim_end() == *m))
    else {
        return (None, start);
    };
    let first = rest.find('\n').map_or(rest.len(), |n| n + 1);
    let mut at = first;
    for line in rest[first..].split_inclusive('\n') {
        if line.trim_end() == mark {
            let body = start + at + line.len();
            return (Some((rest[first..at].to_owned(), 2)), body);
        }
        at += line.len();
    }
    (None, start)
}

/// The last line of a fenced block is a fence of the same character, at least as long as the first.
fn closed(block: &str) -> bool {
    let opening = block.trim_start_matches([' ', '>']);
    let mark = if opening.starts_with('~') { '~' } else { '`' };
    let wanted = opening.chars().take_while(|c| *c == mark).count();
    let mut lines = block.lines();
    lines.next();
    let last = lines
        .next_back()
        .unwrap_or("")
        .trim()
        .trim_start_matches(['>', ' ']);
    last.chars().count() >= wanted && !last.is_empty() && last.chars().all(|c| c == mark)
}

/// Byte offset → line number.
struct Lines {
    starts: Vec<usize>,
    base: usize,
}

impl Lines {
    fn new(text: &str, base: usize) -> Self {
        let starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self { starts, base }
    }

    fn at(&self, offset: usize) -> usize {
        self.starts
            .partition_point(|start| *start <= offset + self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_know_their_heading_prose_and_line() {
        let text = "# Disk full\n\nCheck first.\n\n## Diagnose\n\nLook at `df`:\n\n```console\n$ df -h\nFilesystem\n```\n\n\
                    ## Mitigate\n\n~~~ sh title=x\nrm old\n~~~\n\n```text\nno step\n";
        let page = read(text);
        assert_eq!(page.title.as_deref(), Some("Disk full"));
        let seen: Vec<_> = page
            .blocks
            .iter()
            .map(|b| {
                (
                    b.language.as_str(),
                    b.line,
                    b.headings.len(),
                    b.prose.as_str(),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("console", 9, 2, "Look at df:"),
                ("sh", 16, 2, ""),
                ("text", 20, 2, "")
            ]
        );
        assert_eq!(page.blocks[0].code, "$ df -h\nFilesystem\n");
        assert_eq!(page.blocks[1].info, "title=x");
        assert_eq!(page.unclosed, [20]);
    }

    #[test]
    fn front_matter_is_cut_off_and_lines_still_count_from_the_top() {
        let page = read("+++\nname = \"x\"\n+++\n# T\n```sh\nls\n```\n");
        assert_eq!(page.front, Some(("name = \"x\"\n".to_owned(), 2)));
        assert_eq!(page.blocks[0].line, 5);
        assert!(page.unclosed.is_empty());
        let never_closed = read("---\nnever closed\n");
        assert!(never_closed.front.is_none() && !never_closed.front_unclosed);
        assert!(read("+++\nmutates = true\n").front_unclosed && !page.front_unclosed);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_page(text in "([`~]{3}|[#\\-+> ]{1,3}|\\PC|\n){0,120}") {
            let page = read(&text);
            proptest::prop_assert!(page.blocks.iter().all(|b| b.line >= 1 && b.line <= page.lines));
        }
    }
}
