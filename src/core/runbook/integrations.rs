//! Steps that use what `opsroom.toml` declares: the plan holds the address of a declared name, and
//! an undeclared one blocks it.

use std::collections::BTreeMap;

use super::definition::{Does, Given, StepTemplate};
use super::expand::Expansion;
use super::fill::Filler;
use super::input::InputKind;
use super::statement::Statement;
use crate::integration::notify::Message;
use crate::integration::product::{self, Arg, Operation, Product, Shape};
use crate::run::plan::RiskLevel;
use crate::run::plan::placeholder::{Escape, Piece, Slot, has_saved, pieces};
use crate::run::step::StepSpec;
use crate::run::step::adapter::Adapter;
use crate::run::step::notify::Notify;
use crate::run::step::sql::{Param, ParamKind, Sql};

/// Default deadlines of one attempt, in milliseconds.
const SQL_MS: i64 = 30_000;
const NOTIFY_MS: i64 = 15_000;
const ADAPTER_MS: i64 = 60_000;

/// Address of an undeclared name; the plan also has a block risk.
const NOWHERE: &str = "not configured";

impl Expansion<'_> {
    /// The step and the deadline of its kind.
    ///
    /// # Errors
    /// The placeholder that has no value.
    pub(super) fn named(
        &self,
        template: &StepTemplate,
        filler: &Filler<'_>,
    ) -> Result<(StepSpec, i64), String> {
        match &template.does {
            Does::Sql {
                database,
                statement,
                mutates,
                max_rows,
            } => {
                let database = filler.fill(database, Escape::Plain)?;
                let place = self.database(template, &database, *mutates);
                let params = self.params(statement, filler)?;
                let (statement, mutates, max_rows) = (statement.text.clone(), *mutates, *max_rows);
                Ok((
                    StepSpec::Sql(Sql {
                        database,
                        place,
                        statement,
                        params,
                        mutates,
                        max_rows,
                    }),
                    SQL_MS,
                ))
            }
            Does::Notify { to, message } => {
                let to = filler.fill(to, Escape::Plain)?;
                let place = self.notifier(template, &to);
                Ok((
                    StepSpec::Notify(Notify {
                        to,
                        place,
                        message: filled(message, filler)?,
                    }),
                    NOTIFY_MS,
                ))
            }
            Does::Adapter { operation, args } => {
                let (product, entry) = product::find(operation)?;
                let args = self.arguments(template, entry, args, filler)?;
                let (base_url, token) = self.account(template, product);
                let operation = operation.clone();
                Ok((
                    StepSpec::Adapter(Adapter {
                        operation,
                        args,
                        base_url,
                        token,
                    }),
                    ADAPTER_MS,
                ))
            }
            _ => Err(format!("{:?} is not declared by name", template.name)),
        }
    }

    fn block(&self, code: &str, template: &StepTemplate, why: &str) {
        self.risk(
            RiskLevel::Block,
            code,
            format!("step {:?}: {why}", template.name),
        );
    }

    fn database(&self, template: &StepTemplate, name: &str, mutates: bool) -> String {
        let Some(database) = self.declared.database(name) else {
            let why = format!(
                "there is no database {name}; add [database.{name}] with url = \"…\" to opsroom.toml"
            );
            self.block("NOT_CONFIGURED", template, &why);
            return NOWHERE.to_owned();
        };
        if mutates && database.read_only {
            let why = format!(
                "it changes things, but the database {name} is only read; if it may be changed, say read_only = false \
                 in [database.{name}] of opsroom.toml"
            );
            self.block("READ_ONLY_DATABASE", template, &why);
        }
        database.place.describe()
    }

    /// The values of a statement, typed as the inputs they come from.
    fn params(&self, statement: &Statement, filler: &Filler<'_>) -> Result<Vec<Param>, String> {
        let kind = |text: &str| match pieces(text).as_slice() {
            [_, Piece::Slot(Slot::Input(name)), ..] => {
                match self
                    .runbook
                    .definition
                    .inputs
                    .iter()
                    .find(|i| i.name == *name)
                    .map(|i| &i.kind)
                {
                    Some(InputKind::Int { .. }) => ParamKind::Int,
                    Some(InputKind::Bool) => ParamKind::Bool,
                    _ => ParamKind::Text,
                }
            }
            _ => ParamKind::Text,
        };
        let param = |text: &String| {
            Ok(Param {
                text: filler.fill(text, Escape::Plain)?,
                kind: kind(text),
            })
        };
        statement.params.iter().map(param).collect()
    }

    fn notifier(&self, template: &StepTemplate, name: &str) -> String {
        let Some(notifier) = self.declared.notifier(name) else {
            let why = format!(
                "there is no notifier {name}; add [notify.{name}] with kind = \"…\" to opsroom.toml"
            );
            self.block("NOT_CONFIGURED", template, &why);
            return NOWHERE.to_owned();
        };
        notifier.way.describe()
    }

    fn account(&self, template: &StepTemplate, product: Product) -> (String, String) {
        let Some(account) = self.declared.account(product) else {
            let name = product.name();
            let why = format!(
                "{name} is not configured; add [adapter.{name}] with token = {{ secret_ref = \"…\" }} to opsroom.toml"
            );
            self.block("NOT_CONFIGURED", template, &why);
            return (product.base_url().to_owned(), NOWHERE.to_owned());
        };
        (account.base_url.clone(), account.token.clone())
    }

    fn arguments(
        &self,
        template: &StepTemplate,
        operation: &Operation,
        given: &BTreeMap<String, Given>,
        filler: &Filler<'_>,
    ) -> Result<BTreeMap<String, String>, String> {
        let mut args = BTreeMap::new();
        for arg in operation.args {
            let Some(text) = self.argument(arg, given, filler)? else {
                continue;
            };
            // Values known only in the run are checked then.
            match if has_saved(&text) {
                Ok(text.clone())
            } else {
                arg.shape.check(&text)
            } {
                Ok(right) => drop(args.insert(arg.name.to_owned(), right)),
                Err(why) => self.block(
                    "INPUT_INVALID",
                    template,
                    &format!("{}: {text:?} {why}", arg.name),
                ),
            }
        }
        Ok(args)
    }

    fn argument(
        &self,
        arg: &Arg,
        given: &BTreeMap<String, Given>,
        filler: &Filler<'_>,
    ) -> Result<Option<String>, String> {
        let escape = if arg.shape == Shape::Object {
            Escape::Json
        } else {
            Escape::Plain
        };
        match given.get(arg.name) {
            None => Ok(arg.default.map(str::to_owned)),
            Some(Given::Document(name)) => {
                let steps = &self.runbook.definition.steps;
                let body = steps
                    .iter()
                    .filter(|s| s.name == *name)
                    .find_map(|s| match &s.does {
                        Does::Document { body, .. } => Some(body),
                        _ => None,
                    });
                Ok(body.map(|body| self.content(body, filler)))
            }
            Some(Given::Text(text)) => match filler.fill(text, escape) {
                // An optional argument whose input is not given is left out.
                Err(_) if !arg.required => Ok(arg.default.map(str::to_owned)),
                text => text.map(Some),
            },
        }
    }
}

fn filled(message: &Message, filler: &Filler<'_>) -> Result<Message, String> {
    let line = |text: &String| filler.fill(text, Escape::Header);
    Ok(Message {
        title: line(&message.title)?,
        text: filler.fill(&message.text, Escape::Plain)?,
        dedup_key: message.dedup_key.as_ref().map(line).transpose()?,
        link: message.link.as_ref().map(line).transpose()?,
        ..message.clone()
    })
}
