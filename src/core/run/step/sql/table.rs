//! Rows as lines of text: the output of a SQL step.

use serde_json::Value;

use super::Rows;
use crate::base::text;

/// Columns wider than this are cut, terminal cells.
const MAX_WIDTH: usize = 60;

/// A header, a rule and one line a row. Nothing for a statement without columns.
#[must_use]
pub fn lines(rows: &Rows) -> Vec<String> {
    if rows.columns.is_empty() {
        return Vec::new();
    }
    let header: Vec<String> = rows.columns.iter().map(|name| cell(name)).collect();
    let body: Vec<Vec<String>> = rows
        .rows
        .iter()
        .map(|row| row.iter().map(|v| cell(&plain(v))).collect())
        .collect();
    let width = |at: usize| {
        body.iter()
            .chain([&header])
            .filter_map(|row| row.get(at))
            .map(|c| text::width(c))
            .max()
    };
    let widths: Vec<usize> = (0..header.len()).map(|at| width(at).unwrap_or(0)).collect();
    let rule = widths
        .iter()
        .map(|w| "-".repeat(*w))
        .collect::<Vec<_>>()
        .join("-+-");
    let numeric = |at: usize| {
        rows.rows
            .iter()
            .all(|row| matches!(row.get(at), Some(Value::Number(_) | Value::Null)))
    };
    let right: Vec<bool> = (0..header.len())
        .map(|at| !rows.rows.is_empty() && numeric(at))
        .collect();
    let mut lines = vec![line(&header, &widths, &[]), rule];
    lines.extend(body.iter().map(|row| line(row, &widths, &right)));
    if rows.truncated {
        lines.push(format!(
            "… more than {} rows; the rest was not fetched",
            rows.rows.len()
        ));
    }
    lines
}

/// A value as people read it: text without quotes, NULL as such.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn cell(value: &str) -> String {
    let one_line: String = value
        .chars()
        .map(|c| {
            if matches!(c, '\n' | '\r' | '\t') {
                ' '
            } else {
                c
            }
        })
        .collect();
    text::show_limited(&one_line, MAX_WIDTH)
}

fn line(cells: &[String], widths: &[usize], right: &[bool]) -> String {
    let padded = cells
        .iter()
        .zip(widths)
        .enumerate()
        .map(|(at, (cell, width))| {
            let blank = " ".repeat(width.saturating_sub(text::width(cell)));
            if right.get(at).copied().unwrap_or(false) {
                blank + cell
            } else {
                cell.clone() + &blank
            }
        });
    padded.collect::<Vec<_>>().join(" | ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_is_aligned_and_reports_missing_rows() {
        let mut rows = Rows {
            columns: vec!["id".to_owned(), "name".to_owned(), "paid".to_owned()],
            rows: vec![
                vec![json!(7), json!("Zoë\nB"), json!(null)],
                vec![json!(1234), json!("日本"), json!({"a": 1})],
            ],
            affected: 0,
            truncated: true,
            ms: 1,
        };
        assert_eq!(
            lines(&rows),
            [
                "id   | name  | paid",
                "-----+-------+--------",
                "   7 | Zoë B | NULL",
                "1234 | 日本  | {\"a\":1}",
                "… more than 2 rows; the rest was not fetched",
            ]
        );
        rows.rows = vec![vec![json!(1), json!("\u{1b}[31mx".repeat(40)), json!(true)]];
        assert!(
            lines(&rows)
                .iter()
                .all(|line| !line.contains('\u{1b}') && text::width(line) < 90)
        );
        rows.columns.clear();
        assert!(lines(&rows).is_empty());
    }
}
