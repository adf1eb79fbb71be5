//! What placeholders are filled with in titles, messages and the environment of commands.

use std::collections::BTreeMap;

use super::definition::{Definition, Need};
use super::fill::Filler;
use super::input::Values;
use super::targets::Resolved;
use crate::run::plan::placeholder::Escape;

/// The values of `{services}`, `{env}` and `{target}` in titles.
pub(super) struct Words {
    env: Option<String>,
    services: Option<String>,
    target: Option<String>,
}

impl Words {
    pub fn new(definition: &Definition, resolved: &Resolved<'_>) -> Self {
        let env = resolved.env.map(|e| e.name.clone());
        let names = resolved.services();
        let services = match names.as_slice() {
            _ if definition.services == Need::None => None,
            [] => None,
            _ if !resolved.named => Some("all services".to_owned()),
            [one] => Some(one.clone()),
            [before @ .., last] => Some(format!("{} and {last}", before.join(", "))),
        };
        let target = match (&services, &env) {
            (Some(_), None) if !resolved.named => Some("everything".to_owned()),
            (Some(_) | None, Some(env)) if !resolved.named => Some(env.clone()),
            (Some(services), Some(env)) => Some(format!("{services} in {env}")),
            (Some(one), None) | (None, Some(one)) => Some(one.clone()),
            (None, None) => None,
        };
        Self {
            env,
            services,
            target,
        }
    }

    pub fn filler<'a>(&'a self, values: &'a Values) -> Filler<'a> {
        Filler {
            env: self.env.as_deref(),
            service: None,
            item: None,
            item_given: false,
            services: self.services.as_deref(),
            target: self.target.as_deref(),
            values: Some(values),
        }
    }
}

/// The environment variables that pass target and inputs to a shell step.
pub(super) fn shell_env(filler: &Filler<'_>) -> BTreeMap<String, String> {
    let place = [
        ("OPSROOM_ENV", filler.env),
        ("OPSROOM_SERVICE", filler.service),
        ("OPSROOM_ITEM", filler.item),
    ];
    let place = place
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    let inputs = filler.values.into_iter().flatten();
    let inputs = inputs.map(|(name, value)| {
        (
            format!("OPSROOM_INPUT_{}", name.to_uppercase()),
            value.clone(),
        )
    });
    place.chain(inputs).collect()
}

/// Fills a text for people; placeholders without a value are left out.
pub(super) fn fill_or_keep(filler: &Filler<'_>, text: &str) -> String {
    filler
        .fill(text, Escape::Plain)
        .unwrap_or_else(|_| filler.phrase(text))
}
