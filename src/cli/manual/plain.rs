//! Pages of the manual as plain text, 80 columns wide.

use super::blocks::{Block, Text, TextPart};
use crate::core::base::text::width;

const WIDTH: usize = 80;
/// Between the columns of a table.
const GAP: usize = 2;

/// The blocks, one after the other, each line indented by `indent`.
#[must_use]
pub fn render(blocks: &[Block], indent: usize) -> String {
    let mut out = String::new();
    let mut last: Option<&Block> = None;
    for block in blocks {
        let together = matches!((last, block), (Some(Block::Item(_)), Block::Item(_)));
        if last.is_some() && !together {
            out.push('\n');
        }
        match block {
            Block::Heading { text, .. } => out.push_str(&format_heading(text)),
            Block::Paragraph(text) => wrap(&mut out, &inline(text), [indent, indent]),
            Block::Item(text) => wrap(
                &mut out,
                &format!("- {}", inline(text)),
                [indent, indent + 2],
            ),
            Block::Table(rows) => table(&mut out, rows, indent),
            Block::Code(lines) => code(&mut out, lines, indent + 2),
        }
        last = Some(block);
    }
    out
}

fn format_heading(text: &[TextPart]) -> String {
    format!("{}\n", inline(text).to_uppercase())
}

/// A text without marks; code keeps its backquotes, because it may contain spaces.
pub(super) fn inline(text: &[TextPart]) -> String {
    text.iter()
        .map(|part| match part {
            TextPart::Plain(text) | TextPart::Strong(text) | TextPart::Emphasis(text) => {
                text.clone()
            }
            TextPart::Code(text) => format!("`{text}`"),
            TextPart::Link { text, to } => match to.strip_suffix(".md") {
                Some(page) => format!("{text} (opsroom help {page})"),
                None => format!("{text} ({to})"),
            },
        })
        .collect()
}

/// A cell; one that is nothing but code needs no backquotes.
fn cell(text: &[TextPart]) -> String {
    match text {
        [TextPart::Code(code)] => code.clone(),
        _ => inline(text),
    }
}

fn code(out: &mut String, lines: &[String], indent: usize) {
    for line in lines {
        if !line.is_empty() {
            out.push_str(&" ".repeat(indent));
        }
        out.push_str(line);
        out.push('\n');
    }
}

/// Wraps a text; `indents` are those of its first and of all other lines.
fn wrap(out: &mut String, text: &str, indents: [usize; 2]) {
    let [first, other] = indents;
    let mut line = " ".repeat(first);
    let mut begun = false;
    for word in text.split_whitespace() {
        if begun && width(&line) + 1 + width(word) > WIDTH {
            out.push_str(&line);
            out.push('\n');
            line = " ".repeat(other);
            begun = false;
        }
        if begun {
            line.push(' ');
        }
        line.push_str(word);
        begun = true;
    }
    out.push_str(&line);
    out.push('\n');
}

/// Columns, if they fit; otherwise a list of the first cells, with the others below each.
fn table(out: &mut String, rows: &[Vec<Text>], indent: usize) {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|text| cell(text)).collect())
        .collect();
    let Some((heading, body)) = rows.split_first() else {
        return;
    };
    let widths: Vec<usize> = (0..heading.len())
        .map(|column| {
            let of = |row: &Vec<String>| row.get(column).map_or(0, |text| width(text));
            rows.iter().map(of).max().unwrap_or(0)
        })
        .collect();
    let whole = indent + widths.iter().sum::<usize>() + GAP * heading.len().saturating_sub(1);
    if whole <= WIDTH {
        for row in &rows {
            columns(out, row, &widths, indent);
        }
        return;
    }
    for row in body {
        wrap(
            out,
            row.first().map_or("", String::as_str),
            [indent, indent + 4],
        );
        for (name, text) in heading
            .iter()
            .zip(row)
            .skip(1)
            .filter(|(_, t)| !t.is_empty())
        {
            let text = if heading.len() > 2 {
                format!("{name}: {text}")
            } else {
                text.clone()
            };
            wrap(out, &text, [indent + 4, indent + 6]);
        }
    }
}

fn columns(out: &mut String, row: &[String], widths: &[usize], indent: usize) {
    let mut line = " ".repeat(indent);
    for (text, wide) in row.iter().zip(widths) {
        line.push_str(text);
        line.push_str(&" ".repeat(wide.saturating_sub(width(text)) + GAP));
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::super::blocks;
    use super::*;

    fn plain(markdown: &str) -> String {
        render(&blocks::parse(markdown), 2)
    }

    #[test]
    fn a_page_reads_well_without_its_marks() {
        let text = plain(
            "# A `b`\n\nSee **the** [queue](queue.md).\n\n- one\n- two\n\n| key | does |\n|---|---|\n| `q` | quits |\n| `Tab` `x` | next |\n\n```sh\nls\n```\n",
        );
        assert_eq!(
            text,
            "A `B`\n\n  See the queue (opsroom help queue).\n\n  - one\n  - two\n\n  key        does\n  q          quits\n  `Tab` `x`  next\n\n    ls\n"
        );
    }

    #[test]
    fn long_texts_are_wrapped_and_wide_tables_become_lists() {
        let text = plain(&format!("{}\n", "word ".repeat(40)));
        assert!(text.lines().count() > 2 && text.lines().all(|line| width(line) <= WIDTH));
        let wide = "long ".repeat(12);
        let text = plain(&format!(
            "| a | b | c |\n|---|---|---|\n| x | {wide} | {wide} |\n"
        ));
        assert!(text.starts_with("  x\n      b: long"), "{text}");
        assert!(text.contains("\n      c: long"), "{text}");
    }
}
