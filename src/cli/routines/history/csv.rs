//! The history of a routine as CSV by RFC 4180: a head line with the units, lines that end with CR and
//! LF, fields in quotes where they need them.

use crate::control::routine::RoutineResult;
use crate::control::routine::series::BucketNumbers;

const BUCKET: [&str; 15] = [
    "from",
    "until",
    "n",
    "ok",
    "degraded",
    "failing",
    "unknown",
    "skipped",
    "uptime_pct",
    "min_ms",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "max_ms",
    "worst",
];
const SAMPLE: [&str; 7] = [
    "slot",
    "outcome",
    "class",
    "code",
    "lag_ms",
    "latency_ms",
    "trigger",
];

/// One line a bucket.
pub fn buckets(rows: &[BucketNumbers]) -> String {
    document(&BUCKET, rows.iter().map(bucket))
}

/// One line a result.
pub fn samples(rows: &[RoutineResult]) -> String {
    document(&SAMPLE, rows.iter().map(sample))
}

fn bucket(row: &BucketNumbers) -> [String; 15] {
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.3}"));
    [
        row.from.rfc3339(),
        row.until.rfc3339(),
        row.n.to_string(),
        row.ok.to_string(),
        row.degraded.to_string(),
        row.failing.to_string(),
        row.unknown.to_string(),
        row.skipped.to_string(),
        number(row.uptime_pct),
        number(row.min_ms),
        number(row.p50_ms),
        number(row.p95_ms),
        number(row.p99_ms),
        number(row.max_ms),
        row.worst.unwrap_or_default().to_owned(),
    ]
}

/// The fields of a result; absent ones are empty.
pub fn sample(row: &RoutineResult) -> [String; 7] {
    let latency = |us: u32| format!("{:.3}", f64::from(us) / 1000.0);
    [
        row.slot.rfc3339(),
        row.outcome.to_owned(),
        row.class.unwrap_or_default().to_owned(),
        match row.code {
            0 => String::new(),
            code => code.to_string(),
        },
        row.lag_ms.to_string(),
        row.latency_us.map(latency).unwrap_or_default(),
        row.trigger.to_owned(),
    ]
}

fn document<const N: usize>(head: &[&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut text = line(head);
    for row in rows {
        text.push_str(&line(&row));
    }
    text
}

fn line(fields: &[impl AsRef<str>]) -> String {
    let fields: Vec<String> = fields.iter().map(|field| quoted(field.as_ref())).collect();
    format!("{}\r\n", fields.join(","))
}

fn quoted(field: &str) -> String {
    if field.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must() {
        let row = ["a", "b c", "d,e", "f\"g", "h\ni", ""];
        assert_eq!(line(&row), "a,b c,\"d,e\",\"f\"\"g\",\"h\ni\",\r\n");
    }
}
