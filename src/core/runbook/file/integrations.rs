//! Steps that use what `opsroom.toml` declares by name: a database, a notifier, an account with a
//! product.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use crate::base::toml_doc::{Report, Section, whole};
use crate::integration::notify::{Event, Message, Severity};
use crate::integration::product::{self, Arg, Shape};
use crate::run::plan::placeholder::{Piece, pieces};
use crate::runbook::definition::{Does, Given, StepTemplate};
use crate::runbook::read::plain_text;
use crate::runbook::statement::Statement;

const SQL_KEYS: [&str; 4] = ["database", "statement", "mutates", "max_rows"];
const NOTIFY_KEYS: [&str; 7] = [
    "to",
    "title",
    "text",
    "severity",
    "event",
    "dedup_key",
    "link",
];
/// Default and maximum of fetched rows.
const ROWS: i64 = 1_000;
const MAX_ROWS: i64 = 100_000;

pub(super) fn read_sql(r: &mut Report, step: &Section<'_>) -> Option<Does> {
    let section = step.table(r, "sql", &SQL_KEYS)?;
    let database = section.required_text(r, "database");
    let mutates = section.boolean(r, "mutates").unwrap_or(false);
    let max_rows = section
        .whole(r, "max_rows", &(1..MAX_ROWS + 1))
        .unwrap_or(ROWS);
    let text = section.required_text(r, "statement")?;
    let statement = Statement::parse(text, mutates)
        .map_err(|why| section.wrong(r, "statement", why))
        .ok();
    let max_rows = u32::try_from(max_rows).ok()?;
    Some(Does::Sql {
        database: database?.to_owned(),
        statement: statement?,
        mutates,
        max_rows,
    })
}

pub(super) fn read_notify(r: &mut Report, step: &Section<'_>) -> Option<Does> {
    let section = step.table(r, "notify", &NOTIFY_KEYS)?;
    let to = section.required_text(r, "to");
    let title = section.required_text(r, "title");
    let text = section.text(r, "text").unwrap_or_default().to_owned();
    let severity = section.word(r, "severity", &Severity::NAMES, Severity::from_name);
    let event = section
        .word(r, "event", &Event::NAMES, Event::from_name)
        .unwrap_or_default();
    let dedup_key = section.text(r, "dedup_key").map(str::to_owned);
    if event != Event::Trigger && dedup_key.is_none() {
        let message = format!(
            "is missing; {} needs the key the matter was opened with",
            event.name()
        );
        r.wrong(section.at, section.key("dedup_key"), message);
    }
    let link = section.text(r, "link").map(str::to_owned);
    let severity = severity.unwrap_or_default();
    let message = Message {
        title: title?.to_owned(),
        text,
        severity,
        event,
        dedup_key,
        link,
    };
    Some(Does::Notify {
        to: to?.to_owned(),
        message,
    })
}

pub(super) fn read_adapter(r: &mut Report, step: &Section<'_>) -> Option<Does> {
    let name = step.text(r, "adapter")?;
    let (_, operation) = product::find(name)
        .map_err(|why| step.wrong(r, "adapter", why))
        .ok()?;
    let known: Vec<&'static str> = operation.args.iter().map(|a| a.name).collect();
    let section = step.table(r, "with", &known);
    let mut args = BTreeMap::new();
    for arg in operation.args {
        let Some(section) = section.as_ref().filter(|s| s.has(arg.name)) else {
            if arg.required {
                let message = format!("is missing; {name} takes it: {}", arg.about);
                r.wrong(
                    step.at_of("with"),
                    step.key(&format!("with.{}", arg.name)),
                    message,
                );
            }
            continue;
        };
        match section.get(arg.name).map(|field| given(arg, field.value())) {
            Some(Ok(given)) => drop(args.insert(arg.name.to_owned(), given)),
            Some(Err(why)) => section.wrong(r, arg.name, why),
            None => {}
        }
    }
    Some(Does::Adapter {
        operation: name.to_owned(),
        args,
    })
}

fn given(arg: &Arg, value: &DeValue<'_>) -> Result<Given, String> {
    let text = match value.as_table() {
        Some(table) if arg.shape == Shape::Object => object(table)?,
        Some(table) if arg.shape == Shape::Text => return document(table),
        _ => plain_text(value).ok_or("must be a text, a whole number, true or false")?,
    };
    let holds_slot = pieces(&text).iter().any(|p| matches!(p, Piece::Slot(_)));
    if holds_slot {
        Ok(Given::Text(text))
    } else {
        arg.shape.check(&text).map(Given::Text)
    }
}

/// A table as JSON. Placeholders in its texts are kept; their values are escaped when they are
/// known.
fn object(table: &DeTable<'_>) -> Result<String, String> {
    let value = |v: &DeValue<'_>| -> Option<serde_json::Value> {
        let text = v.as_str().map(serde_json::Value::from);
        text.or_else(|| whole(v).map(Into::into))
            .or_else(|| v.as_bool().map(Into::into))
    };
    let fields = table
        .iter()
        .map(|(k, v)| Some((k.get_ref().to_string(), value(v.get_ref())?)));
    let fields: Option<serde_json::Map<_, _>> = fields.collect();
    fields
        .map(|f| serde_json::Value::Object(f).to_string())
        .ok_or_else(|| "must hold texts, whole numbers, true or false".to_owned())
}

/// `{ document = "name of a step" }`.
fn document(table: &DeTable<'_>) -> Result<Given, String> {
    let name = table
        .get("document")
        .and_then(|v| v.get_ref().as_str())
        .filter(|_| table.len() == 1);
    name.map(|name| Given::Document(name.to_owned())).ok_or_else(|| {
        "must be a text, or { document = \"STEP\" } for what a document step of this runbook writes".to_owned()
    })
}

/// The documents that operations take must be there.
pub(super) fn check_documents(r: &mut Report, tables: &[Section<'_>], steps: &[StepTemplate]) {
    let is_document = |name: &str| {
        steps
            .iter()
            .any(|s| s.name == name && matches!(s.does, Does::Document { .. }))
    };
    for step in steps {
        let Does::Adapter { args, .. } = &step.does else {
            continue;
        };
        for given in args.values() {
            let Given::Document(name) = given else {
                continue;
            };
            if !is_document(name) {
                let table = tables.iter().find(|t| t.peek("name") == Some(&step.name));
                let at = table.and_then(|t| t.get("with")).map_or(0, |f| f.at);
                let message =
                    format!("`{name}` is not the name of a document step of this runbook");
                r.wrong(at, format!("step {:?}.with", step.name), message);
            }
        }
    }
}
