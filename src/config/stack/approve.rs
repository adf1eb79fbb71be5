//! `approve = { need = 1, from = ["bo", "cy"] }` of an environment or a service.

use std::collections::BTreeSet;

use crate::config::rule;
use crate::core::base::toml_doc::{Report, Section};
use crate::core::stack::service::ApprovalRule;

/// The most people that may be asked for.
const MAX_NEED: i64 = 20;

pub(super) fn read(section: &mut Section<'_>, report: &mut Report) -> Option<ApprovalRule> {
    let field = section.field("approve")?;
    let mut table = field.table(report)?;
    let need = match table.field("need") {
        Some(need) => need.whole(report, 1, MAX_NEED),
        None => Some(1),
    };
    let list = table.field("from");
    let names = list.as_ref().and_then(|list| list.list(report));
    let from: Vec<String> = names
        .iter()
        .flatten()
        .filter_map(|name| name.text_by(report, rule::name))
        .collect();
    if let (Some(list), Some([])) = (&list, names.as_deref()) {
        list.wrong(
            report,
            "is empty; name the people who may approve, or leave it out for everyone",
        );
    }
    let people: BTreeSet<&String> = from.iter().collect();
    let given = names.map_or(0, |names| names.len());
    if let (Some(list), Some(need)) = (&list, need)
        && from.len() == given
        && given > 0
        && i64::try_from(people.len()).is_ok_and(|n| n < need)
    {
        let message = format!(
            "names {} different people, and `need` asks for {need}; name more, or lower `need`",
            people.len()
        );
        list.wrong(report, message);
    }
    table.close(report);
    let mut seen = BTreeSet::new();
    let from = from
        .iter()
        .filter(|name| seen.insert(*name))
        .cloned()
        .collect();
    Some(ApprovalRule {
        need: u32::try_from(need?).ok()?,
        from,
    })
}
