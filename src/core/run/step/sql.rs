//! `sql`: one statement to one database, its values as bound parameters, in a transaction of its
//! own.

pub mod table;

use serde::{Deserialize, Serialize};

use super::{CallKind, Outcome, Reply};

/// A statement with nothing left to interpolate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sql {
    /// Name of the database in `opsroom.toml`.
    pub database: String,
    /// Its address, for people.
    pub place: String,
    /// `$1`, `$2` … are the parameters.
    pub statement: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<Param>,
    /// Without it the transaction is read-only.
    #[serde(default)]
    pub mutates: bool,
    /// More rows than this are not fetched.
    pub max_rows: u32,
}

/// A value bound to a statement: never part of its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Param {
    /// May hold `{steps.NAME.SAVED}` until the step runs.
    pub text: String,
    pub kind: ParamKind,
}

/// How a value is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParamKind {
    Text,
    Int,
    Bool,
}

/// The result of a statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    pub columns: Vec<String>,
    /// As many values in each as there are columns.
    pub rows: Vec<Vec<serde_json::Value>>,
    /// Number of changed rows, as the database counts them.
    pub affected: u64,
    /// There are more rows than were fetched.
    pub truncated: bool,
    pub ms: i64,
}

impl Sql {
    pub(super) fn describe(&self) -> String {
        let how = if self.mutates {
            "changes it"
        } else {
            "read-only"
        };
        let lines: Vec<&str> = self
            .statement
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        let value = |(n, p): (usize, &Param)| match p.kind {
            ParamKind::Text => format!("${} = {:?}", n + 1, p.text),
            ParamKind::Int | ParamKind::Bool => format!("${} = {}", n + 1, p.text),
        };
        let values: Vec<String> = self.params.iter().enumerate().map(value).collect();
        let with = if values.is_empty() {
            String::new()
        } else {
            format!(" with {}", values.join(", "))
        };
        format!(
            "sql on {} ({}, {how}): {}{with}",
            self.database,
            self.place,
            lines.join(" ")
        )
    }

    pub(super) fn call(&self) -> CallKind {
        CallKind::Sql(self.clone())
    }

    #[expect(clippy::unused_self, reason = "every step kind has the same shape")]
    pub(super) fn outcome(&self, reply: &Reply) -> Outcome {
        match reply {
            Reply::Rows(rows) => Outcome::ok(summary(rows), Some(rows.ms)),
            Reply::Declined { message, again } => Outcome::failed(message.clone(), *again, None),
            Reply::TimedOut { after_ms } => Outcome::timed_out(*after_ms),
            Reply::Unreachable { message, .. } => Outcome::failed(message.clone(), true, None),
            Reply::Refused { message, .. } => Outcome::refused(message),
            other => Outcome::unexpected("sql", other),
        }
    }
}

fn summary(rows: &Rows) -> String {
    let count = rows.rows.len();
    let plural = |n: u64| if n == 1 { "row" } else { "rows" };
    let fetched = u64::try_from(count).unwrap_or(u64::MAX);
    match (rows.columns.is_empty(), rows.truncated) {
        (true, _) => format!(
            "{} {} changed in {} ms",
            rows.affected,
            plural(rows.affected),
            rows.ms
        ),
        (false, true) => format!("the first {count} rows in {} ms; there are more", rows.ms),
        (false, false) => format!("{count} {} in {} ms", plural(fetched), rows.ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::step::Verdict;

    fn sql() -> Sql {
        let param = |text: &str, kind| Param {
            text: text.to_owned(),
            kind,
        };
        Sql {
            database: "shop".to_owned(),
            place: "postgres://ana@db.test/shop".to_owned(),
            statement: "select id\n  from orders\n where region = $1 and n > $2".to_owned(),
            params: vec![param("e'u", ParamKind::Text), param("5", ParamKind::Int)],
            mutates: false,
            max_rows: 10,
        }
    }

    #[test]
    fn the_dry_run_shows_statement_place_and_values() {
        assert_eq!(
            sql().describe(),
            "sql on shop (postgres://ana@db.test/shop, read-only): select id from orders where region = $1 and n > $2 \
             with $1 = \"e'u\", $2 = 5"
        );
        let change = Sql {
            statement: "delete from x".to_owned(),
            params: Vec::new(),
            mutates: true,
            ..sql()
        };
        assert_eq!(
            change.describe(),
            "sql on shop (postgres://ana@db.test/shop, changes it): delete from x"
        );
    }

    #[test]
    fn answers_become_outcomes() {
        let rows = |columns: &[&str], n: usize, affected, truncated| {
            let columns: Vec<String> = columns.iter().map(|c| (*c).to_owned()).collect();
            let row = vec![serde_json::Value::from(1); columns.len()];
            Reply::Rows(Rows {
                columns,
                rows: vec![row; n],
                affected,
                truncated,
                ms: 8,
            })
        };
        let failed = |again| Verdict::Failed { again };
        let message = "no such table: x".to_owned();
        for (reply, verdict, expected) in [
            (
                rows(&["id"], 1, 0, false),
                Verdict::Succeeded,
                "1 row in 8 ms",
            ),
            (
                rows(&["id"], 0, 0, false),
                Verdict::Succeeded,
                "0 rows in 8 ms",
            ),
            (
                rows(&["id"], 10, 0, true),
                Verdict::Succeeded,
                "the first 10 rows in 8 ms; there are more",
            ),
            (
                rows(&[], 0, 3, false),
                Verdict::Succeeded,
                "3 rows changed in 8 ms",
            ),
            (
                Reply::Declined {
                    message: message.clone(),
                    again: false,
                },
                failed(false),
                "no such table: x",
            ),
            (
                Reply::Declined {
                    message: message.clone(),
                    again: true,
                },
                failed(true),
                "no such table: x",
            ),
            (
                Reply::unreachable(message.clone()),
                failed(true),
                "no such table: x",
            ),
            (Reply::refused(message), failed(false), "no such table: x"),
            (
                Reply::TimedOut { after_ms: 2000 },
                Verdict::TimedOut,
                "no answer within 2.0 s",
            ),
        ] {
            let outcome = sql().outcome(&reply);
            assert_eq!(
                (outcome.verdict, outcome.message.as_str()),
                (verdict, expected)
            );
        }
    }
}
