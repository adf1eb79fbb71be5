//! What the text of the form means: a routine with its next slots, or what is wrong with it, line by
//! line. The part of the form without keys and screen.

use jiff::tz::TimeZone;

use crate::config::stack::{Amount, RoutineReader, has_comments};
use crate::control::routine::next_slots;
use crate::core::base::problem::Problem;
use crate::core::base::time::Timestamp;
use crate::core::routine::scheduled::Scheduled;
use crate::core::stack::routine::Routine;

/// Slots that are shown.
const NEXT: usize = 3;
/// The name of the text, which no file has; it is not shown.
const FORM: &str = "form";

/// What was read from a text.
#[derive(Debug, Clone)]
pub struct Checked {
    pub read: Result<Box<Routine>, Vec<Problem>>,
    /// It has comments, which are not stored.
    pub comments: bool,
}

impl Checked {
    /// Reads the text of the form.
    #[must_use]
    pub fn of(text: &str, reader: &RoutineReader) -> Self {
        let read = reader.read(FORM, text, Amount::One).and_then(|routines| {
            let first = routines.into_iter().next();
            first.map(Box::new).ok_or_else(Vec::new)
        });
        Self {
            read,
            comments: has_comments(text),
        }
    }

    /// The lines with a problem, from 1.
    pub fn wrong_lines(&self) -> impl Iterator<Item = usize> {
        let problems = self.read.as_ref().err();
        problems.into_iter().flatten().map(|problem| problem.line)
    }

    /// The title of the lines below the text.
    #[must_use]
    pub fn title(&self) -> String {
        match &self.read {
            Ok(_) => "valid".to_owned(),
            Err(problems) if problems.len() == 1 => "1 problem".to_owned(),
            Err(problems) => format!("{} problems", problems.len()),
        }
    }

    /// The problems, or what the routine does and when.
    #[must_use]
    pub fn lines(&self, zone: &str, now: Timestamp) -> Vec<String> {
        let routine = match &self.read {
            Err(problems) => return problems.iter().map(line).collect(),
            Ok(routine) => routine,
        };
        let scheduled = Scheduled::declared(routine);
        let mut lines = vec![
            format!("{}: {}", scheduled.when(zone), scheduled.describe()),
            match next_slots(routine, zone, now, NEXT) {
                Err(why) => why,
                Ok(slots) if slots.is_empty() => format!(
                    "is kept, but this version does not run routines of kind {}",
                    routine.kind().name()
                ),
                Ok(slots) => format!("next {} ({zone})", times(&slots, zone)),
            },
        ];
        if self.comments {
            lines.push("comments are not kept".to_owned());
        }
        lines
    }
}

/// `line 3, key: what is wrong`.
fn line(problem: &Problem) -> String {
    let key = if problem.key.is_empty() {
        String::new()
    } else {
        format!(", {}", problem.key)
    };
    format!("line {}{key}: {}", problem.line, problem.message)
}

/// Times in a zone, the date only where it is another than that before:
/// `Sat 2026-11-21 22:05:11, 22:06:11`.
fn times(slots: &[Timestamp], zone: &str) -> String {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let mut day = None;
    let mut shown = Vec::new();
    for slot in slots {
        let Ok(at) = jiff::Timestamp::from_millisecond(slot.0) else {
            continue;
        };
        let at = at.to_zoned(zone.clone());
        let form = if day == Some(at.date()) {
            "%H:%M:%S"
        } else {
            "%a %Y-%m-%d %H:%M:%S"
        };
        day = Some(at.date());
        shown.push(at.strftime(form).to_string());
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::core::stack::service::Stack;

    /// 2026-11-21 21:04:11 UTC.
    const NOW: Timestamp = Timestamp(1_795_295_051_000);

    fn checked(text: &str) -> Checked {
        Checked::of(text, &RoutineReader::new(&Arc::new(Stack::default()), None))
    }

    fn tcp(more: &str) -> String {
        format!("[[routine]]\nname = \"db\"\nkind = \"tcp\"\naddress = \"db:5432\"\n{more}\n")
    }

    #[test]
    fn a_routine_shows_what_it_does_and_its_next_slots_in_the_zone_of_the_workspace() {
        let daily = checked(&tcp("cron = \"30 2 * * *\""));
        assert_eq!(daily.title(), "valid");
        assert_eq!(
            daily.lines("Europe/Berlin", NOW),
            [
                "30 2 * * * Europe/Berlin: connect to db:5432",
                "next Sun 2026-11-22 02:30:00, Mon 2026-11-23 02:30:00, Tue 2026-11-24 02:30:00 \
                 (Europe/Berlin)"
            ]
        );
        let often = checked(&tcp("cron = \"*/10 * * * *\" # often"));
        assert_eq!(
            often.lines("UTC", NOW)[1..],
            [
                "next Sat 2026-11-21 21:10:00, 21:20:00, 21:30:00 (UTC)",
                "comments are not kept"
            ]
        );
        let kept = checked(
            "[[routine]]\nname = \"x\"\nkind = \"collect\"\nrequest = { url = \"http://x.test/\" }\nevery = \"1h\"",
        );
        assert_eq!(
            kept.lines("UTC", NOW)[1],
            "is kept, but this version does not run routines of kind collect"
        );
    }

    #[test]
    fn a_mistake_is_a_line_with_its_place() {
        let wrong = checked(&tcp("every = \"1 fortnight\"\nevry = 1"));
        assert_eq!(wrong.title(), "2 problems");
        assert_eq!(wrong.wrong_lines().collect::<Vec<_>>(), [5, 6]);
        let lines = wrong.lines("UTC", NOW);
        assert!(
            lines[0].starts_with("line 5, routine \"db\".every: "),
            "{lines:?}"
        );
        assert!(
            lines[1].starts_with("line 6, routine \"db\".evry: unknown key"),
            "{lines:?}"
        );
        let broken = checked("[[routine]\n");
        assert_eq!(broken.title(), "1 problem");
        assert!(broken.lines("UTC", NOW)[0].starts_with("line 1: not TOML"));
    }
}
