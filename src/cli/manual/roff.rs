//! Pages of the manual as roff, the language of `man`.

use clap_mangen::roff::{Inline, Roff, bold, italic, line_break, roman};

use super::blocks::{Block, Text, TextPart};
use super::{Topic, plain};

/// The page of a topic, in section 7.
#[must_use]
pub fn page(topic: Topic) -> Vec<u8> {
    let name = format!("opsroom-{}", topic.name);
    let version = concat!("opsroom ", env!("CARGO_PKG_VERSION"));
    let mut roff = Roff::new();
    roff.control("TH", [name.as_str(), "7", "", version, "opsroom manual"]);
    roff.control("SH", ["NAME"]);
    roff.text([roman(format!("{name} - {}", topic.title()))]);
    if !matches!(topic.blocks().first(), Some(Block::Heading { .. })) {
        roff.control("SH", ["DESCRIPTION"]);
    }
    add(&mut roff, &topic.blocks());
    roff.render().into_bytes()
}

/// A section for the end of another page.
#[must_use]
pub fn section(name: &str, blocks: &[Block]) -> Vec<u8> {
    let mut roff = Roff::new();
    roff.control("SH", [name]);
    add(&mut roff, blocks);
    roff.render().into_bytes()
}

fn add(roff: &mut Roff, blocks: &[Block]) {
    for block in blocks {
        match block {
            Block::Heading { level: ..=2, text } => {
                roff.control("SH", [plain::inline(text).to_uppercase().as_str()]);
            }
            Block::Heading { text, .. } => {
                roff.control("SS", [plain::inline(text).replace('`', "").as_str()]);
            }
            Block::Paragraph(text) => {
                roff.control("PP", []);
                roff.text(inline(text));
            }
            Block::Item(text) => {
                roff.control("IP", ["\u{2022}", "2"]);
                roff.text(inline(text));
            }
            Block::Table(rows) => table(roff, rows),
            Block::Code(lines) => code(roff, lines),
        }
    }
}

/// A list of the first cells, with the others below each.
fn table(roff: &mut Roff, rows: &[Vec<Text>]) {
    let Some((heading, body)) = rows.split_first() else {
        return;
    };
    for row in body {
        roff.control("TP", []);
        roff.text(row.first().map(|text| inline(text)).unwrap_or_default());
        let mut text = Vec::new();
        for (name, cell) in heading
            .iter()
            .zip(row)
            .skip(1)
            .filter(|(_, c)| !c.is_empty())
        {
            if !text.is_empty() {
                text.push(line_break());
            }
            if heading.len() > 2 {
                text.push(italic(format!("{}: ", plain::inline(name))));
            }
            text.extend(inline(cell));
        }
        roff.text(text);
    }
}

fn code(roff: &mut Roff, lines: &[String]) {
    roff.control("PP", []);
    roff.control("RS", ["4"]);
    roff.control("nf", []);
    for line in lines {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
    roff.control("RE", []);
}

fn inline(text: &[TextPart]) -> Vec<Inline> {
    text.iter()
        .flat_map(|part| match part {
            TextPart::Plain(text) => vec![roman(text)],
            TextPart::Code(text) | TextPart::Strong(text) => vec![bold(text)],
            TextPart::Emphasis(text) => vec![italic(text)],
            TextPart::Link { text, to } => match to.strip_suffix(".md") {
                Some(page) => vec![
                    roman(format!("{text}, ")),
                    bold(format!("opsroom-{page}")),
                    roman("(7)"),
                ],
                None => vec![roman(format!("{text} ({to})"))],
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{TOPICS, blocks};
    use super::*;

    #[test]
    fn marks_become_fonts_and_no_line_becomes_a_request() {
        let blocks = blocks::parse("See `a` in [x](queue.md).\n\n```\n.dot\n'quote\n\\n\n```\n");
        let text = String::from_utf8(section("EXAMPLES", &blocks)).unwrap_or_default();
        assert!(text.contains("\\fBa\\fR"), "{text}");
        assert!(text.contains("\\fBopsroom\\-queue\\fR(7)"), "{text}");
        for line in text.lines() {
            assert!(
                !line.starts_with(".dot") && !line.starts_with("'q"),
                "{text}"
            );
        }
        assert!(text.contains("\\\\n"), "{text}");
    }

    #[test]
    fn every_topic_has_a_page() {
        for topic in TOPICS {
            let text = String::from_utf8(page(*topic)).unwrap_or_default();
            assert!(text.contains(".TH"), "{text}");
            assert!(text.contains(".SH"), "{text}");
        }
    }
}
