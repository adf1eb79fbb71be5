//! What is kept of an answer.

use super::CheckAnswer;
use crate::base::header;
use crate::base::text::cut;
use crate::run::step::Reply;

/// The longest part of an answer that is kept, characters.
const MAX_KEPT: usize = 2000;

/// The part of an answer that is kept to be read later: status, headers and the beginning of the
/// body, or the output. Redacting it is the caller's duty.
#[must_use]
pub fn evidence(answer: &CheckAnswer) -> String {
    let text = match &answer.reply {
        Reply::Http {
            status,
            headers,
            body,
            truncated,
            ..
        } => {
            let plain = headers
                .iter()
                .filter(|(name, _)| header::check_stored(name).is_ok());
            let headers: String = plain.map(|(k, v)| format!("{k}: {v}\n")).collect();
            let cut_short = if *truncated {
                "\n(the body is longer)"
            } else {
                ""
            };
            format!("HTTP {status}\n{headers}\n{body}{cut_short}")
        }
        Reply::Connected {
            address,
            certificates,
            ..
        } => {
            let lines = certificates.iter().map(|c| {
                format!(
                    "{} (by {}) from {} to {}\n",
                    c.subject,
                    c.issuer,
                    c.not_before.rfc3339(),
                    c.not_after.rfc3339()
                )
            });
            format!("{address}\n{}", lines.collect::<String>())
        }
        Reply::Echoed { address, .. } => address.clone(),
        Reply::Resolved { addresses, .. } => addresses.join("\n"),
        Reply::Rows(rows) => {
            let lines = rows.rows.iter().take(20).map(|row| {
                let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
                format!("{}\n", cells.join(" | "))
            });
            format!(
                "{}\n{}",
                rows.columns.join(" | "),
                lines.collect::<String>()
            )
        }
        _ => answer.output.clone(),
    };
    cut(&text, MAX_KEPT)
}
