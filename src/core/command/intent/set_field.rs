//! Set a field of a service.

use super::{Intent, Need, Object};
use crate::command::explain::{input, target, text_of};
use crate::command::reading::Reading;
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "set_field",
    available: false,
    outcome: ParseOutcome::Action,
    form: "set FIELD of SERVICE to VALUE",
    mutates: true,
    needs: &[Need::Services, Need::Input("field"), Need::Input("value")],
    takes: &[Object::Env, Object::Service],
    inputs: &["field", "value"],
    read,
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!(
        "set {} of {}{}",
        text_of(p, "field"),
        target(p, "?"),
        input(p, "value", " to ")
    )
}

/// "owner of web to bo": the value is everything after "to", so it is taken before names are looked
/// for.
fn read(r: &mut Reading<'_>) {
    if let Some(to) = r.find_free(|r, i| matches!(r.word(i), "to" | "=" | "as")) {
        r.soften(to);
        r.take_rest_from(to + 1, "value");
    }
    let found = r.find_free(|r, i| r.field_at(i).is_some());
    if let Some((len, field)) = found.and_then(|at| r.field_at(at)) {
        let at = found.unwrap_or_default();
        r.set_input("field", field, &(at..at + len));
    }
}
