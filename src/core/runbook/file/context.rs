//! Names that the texts and expressions of a runbook file may refer to: its inputs, its earlier
//! steps, and values known at their place.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use crate::base::suggest::nearest;
use crate::base::toml_doc::{Report, Section};
use crate::expr::{Expr, Type};
use crate::run::plan::placeholder::{Piece, Slot, chosen_secret, pieces};
use crate::run::response;
use crate::runbook::definition::{Body, Does, Given};
use crate::runbook::input::{Input, InputKind};
use crate::runbook::scope::{self, KnownStep};

/// The place of a text decides what it may refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum TextScope {
    Title,
    Once,
    PerService,
    PerItem,
}

/// Kinds of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Answer {
    None,
    Http,
    Shell,
    Manual,
    Sql,
    Adapter,
    /// A service's own action: a request or a command.
    Either,
}

type Scope = Rc<BTreeMap<String, Type>>;

/// The names a file's texts may use.
pub(super) struct Context<'i> {
    inputs: Vec<&'i str>,
    /// The inputs of type bool: those a short condition may use.
    pub yes_no: Vec<&'i str>,
    /// The inputs of type list: those a step can be repeated over.
    pub lists: Vec<&'i str>,
    /// The inputs of type secret: those that choose one.
    secrets: Vec<&'i str>,
    /// The runbook says that it changes things.
    mutates: bool,
    steps: HashMap<String, KnownStep>,
    early: Scope,
    late: BTreeMap<String, Type>,
    /// Scopes are large in long files; each kind is made once.
    made: RefCell<HashMap<(TextScope, Answer), Scope>>,
}

impl<'i> Context<'i> {
    pub fn new(inputs: &'i [Input], steps: Vec<KnownStep>, mutates: bool) -> Self {
        let of_kind = |fits: fn(&InputKind) -> bool| {
            inputs
                .iter()
                .filter(|i| fits(&i.kind))
                .map(|i| i.name.as_str())
                .collect::<Vec<_>>()
        };
        Self {
            inputs: inputs.iter().map(|i| i.name.as_str()).collect(),
            yes_no: of_kind(|kind| *kind == InputKind::Bool),
            lists: of_kind(|kind| matches!(kind, InputKind::List { .. })),
            secrets: of_kind(|kind| *kind == InputKind::Secret),
            mutates,
            early: Rc::new(scope::early_types(inputs)),
            late: scope::late_types(inputs, &steps),
            steps: steps.into_iter().map(|s| (s.key.clone(), s)).collect(),
            made: RefCell::default(),
        }
    }

    /// Names that a risk may use.
    pub fn early(&self) -> &BTreeMap<String, Type> {
        &self.early
    }

    /// Names that the expressions of a step may use.
    pub fn late(&self, place: TextScope, does: &Does) -> Scope {
        let answer = match does {
            Does::Http(_) => Answer::Http,
            Does::Shell { .. } => Answer::Shell,
            Does::Manual(_) | Does::Ask { .. } => Answer::Manual,
            Does::Use(_) => Answer::Either,
            Does::Sql { .. } => Answer::Sql,
            Does::Adapter { .. } => Answer::Adapter,
            Does::Wait(_)
            | Does::Approve { .. }
            | Does::Document { .. }
            | Does::Runbook { .. }
            | Does::Notify { .. } => Answer::None,
        };
        let make = || {
            let mut types = self.late.clone();
            match place {
                TextScope::PerService => types.insert("service".to_owned(), Type::Text),
                TextScope::PerItem => types.insert("item".to_owned(), Type::Text),
                TextScope::Once | TextScope::Title => None,
            };
            let response = match answer {
                Answer::Http => response::http(),
                Answer::Shell => response::shell(),
                Answer::Manual => response::manual(),
                Answer::Sql => response::sql(),
                Answer::Adapter => response::adapter(),
                Answer::Either => Type::Any,
                Answer::None => return Rc::new(types),
            };
            types.insert("response".to_owned(), response);
            Rc::new(types)
        };
        Rc::clone(
            self.made
                .borrow_mut()
                .entry((place, answer))
                .or_insert_with(make),
        )
    }

    /// A secret is chosen by an input of type secret, so that a text is never used as a name.
    fn chosen<'t>(
        &self,
        r: &mut Report,
        section: &Section<'_>,
        key: &str,
        texts: impl Iterator<Item = &'t String>,
    ) {
        for name in texts
            .filter_map(|text| chosen_secret(text))
            .filter(|name| !self.secrets.contains(name))
        {
            section.wrong(
                r,
                key,
                format!("{{inputs.{name}}}: there is no input {name} of type secret"),
            );
        }
    }

    /// A step that changes things needs a runbook with `mutates`, or a question before it: it runs
    /// on a person's answer.
    pub fn may_change(
        &self,
        r: &mut Report,
        section: &Section<'_>,
        does: &Does,
        when: Option<&Expr>,
    ) {
        let asks = |(name, field): (String, Option<String>)| {
            name == "steps"
                && field.is_some_and(|key| self.steps.get(&key).is_some_and(|step| step.asks))
        };
        if self.mutates
            || !does.mutates()
            || when.is_some_and(|when| when.uses().into_iter().any(asks))
        {
            return;
        }
        let key = if matches!(does, Does::Sql { .. }) {
            "sql"
        } else {
            "adapter"
        };
        let message = "changes things, but the runbook says mutates = false; say true, or let it ask first: a manual step \
                       before it, and when = \"steps.NAME.done\" here";
        section.wrong(r, key, message);
    }

    /// The steps that an expression uses must have run before.
    pub fn refers_back(
        &self,
        r: &mut Report,
        section: &Section<'_>,
        key: &str,
        expr: &Expr,
        order: (usize, usize),
    ) {
        for (name, field) in expr.uses() {
            match field.as_deref().filter(|_| name == "steps") {
                Some(step) => {
                    if let Some(why) = self.not_before(step, order) {
                        section.wrong(r, key, why);
                    }
                }
                None if name == "steps" => section.wrong(r, key, "name the step: steps.NAME"),
                None => {}
            }
        }
    }

    fn not_before(&self, step: &str, order: (usize, usize)) -> Option<String> {
        let found = self.steps.get(step)?;
        if found.repeated {
            return Some(format!(
                "steps.{step} refers to several steps; ask about a step that runs once"
            ));
        }
        (found.order >= order)
            .then(|| format!("steps.{step} has no result here: that step does not run before"))
    }

    /// Every placeholder must be able to get a value.
    pub fn placeholders(
        &self,
        r: &mut Report,
        section: &Section<'_>,
        key: &str,
        text: &str,
        place: TextScope,
    ) {
        for piece in pieces(text) {
            let why = match piece {
                Piece::Unknown(name) if name != "results" => format!(
                    "unknown placeholder {{{name}}}; known: {{env}}, {{service}}, {{services}}, {{target}}, {{inputs.NAME}}"
                ),
                Piece::Slot(Slot::Saved(step, name)) => {
                    format!(
                        "{{steps.{step}.{name}}} is not known yet when this text is needed; use it in http or env"
                    )
                }
                piece => match self.without_value(piece, place) {
                    Some(why) => why,
                    None => continue,
                },
            };
            section.wrong(r, key, why);
        }
    }

    /// Texts that are filled when the step runs; bodies may contain other words in braces.
    fn late_placeholders(
        &self,
        r: &mut Report,
        section: &Section<'_>,
        key: &str,
        text: &str,
        (place, order): (TextScope, (usize, usize)),
    ) {
        for piece in pieces(text) {
            let why = match piece {
                Piece::Slot(Slot::Saved(step, name)) => match self.steps.get(step) {
                    None => Some(format!("{{steps.{step}.{name}}}: there is no such step")),
                    Some(known) if !known.saves.iter().any(|s| s == name) => Some(format!(
                        "{{steps.{step}.{name}}}: that step does not save `{name}`"
                    )),
                    Some(_) => self.not_before(step, order),
                },
                piece => self.without_value(piece, place),
            };
            if let Some(why) = why {
                section.wrong(r, key, why);
            }
        }
    }

    /// Documents may contain other words in braces; only placeholders are checked.
    fn known_placeholders(
        &self,
        r: &mut Report,
        section: &Section<'_>,
        key: &str,
        text: &str,
        place: TextScope,
    ) {
        for why in pieces(text)
            .into_iter()
            .filter_map(|piece| self.without_value(piece, place))
        {
            section.wrong(r, key, why);
        }
    }

    fn without_value(&self, piece: Piece<'_>, place: TextScope) -> Option<String> {
        match piece {
            Piece::Slot(Slot::Input(name)) if !self.inputs.contains(&name) => {
                let hint = nearest(name, &self.inputs)
                    .map(|near| format!("; did you mean {{inputs.{near}}}?"));
                Some(format!(
                    "there is no input `{name}`{}",
                    hint.unwrap_or_default()
                ))
            }
            Piece::Slot(Slot::Service) if place != TextScope::PerService => {
                Some("{service} is only known in a step with for_each = \"services\"".to_owned())
            }
            Piece::Slot(Slot::Item) if place != TextScope::PerItem => {
                Some("{item} is only known in a step with for_each over a list".to_owned())
            }
            _ => None,
        }
    }

    /// Checks the texts of a step's work.
    pub fn check_step(
        &self,
        r: &mut Report,
        section: &Section<'_>,
        does: &Does,
        place: TextScope,
        order: (usize, usize),
    ) {
        match does {
            Does::Http(request) => {
                for piece in pieces(&request.url) {
                    if let Piece::Unknown(name) = piece {
                        let message = format!(
                            "unknown placeholder {{{name}}}; known: {{env}}, {{service}}, {{services}}, {{target}}, {{inputs.NAME}}, {{steps.NAME.SAVED}}"
                        );
                        section.wrong(r, "http", message);
                    }
                }
                self.chosen(
                    r,
                    section,
                    "http",
                    request
                        .secret_ref
                        .iter()
                        .chain(request.secret_headers.values()),
                );
                let texts = request
                    .headers
                    .values()
                    .chain(&request.body)
                    .chain(&request.contains);
                for text in texts.chain([&request.url]) {
                    self.late_placeholders(r, section, "http", text, (place, order));
                }
            }
            Does::Shell {
                env,
                secrets,
                artifacts,
                ..
            } => {
                for path in &artifacts.paths {
                    self.placeholders(r, section, "artifacts", path, place);
                }
                self.chosen(r, section, "secrets", secrets.iter());
                for (_, text) in env {
                    self.late_placeholders(r, section, "env", text, (place, order));
                }
            }
            Does::Runbook { inputs, .. } => {
                for (_, text) in inputs {
                    self.placeholders(r, section, "inputs", text, place);
                }
            }
            Does::Manual(prompt) | Does::Ask { prompt, .. } => {
                self.placeholders(r, section, "manual", prompt, place);
            }
            Does::Approve { ask, .. } => {
                self.placeholders(r, section, "approve", &ask.prompt, place);
            }
            Does::Document { title, body } => {
                self.placeholders(r, section, "document", title, place);
                match body {
                    Body::Text(content) => {
                        self.known_placeholders(r, section, "document", content, place);
                    }
                    Body::Spec if !self.inputs.contains(&"subject") => {
                        section.wrong(
                            r,
                            "document",
                            "about = \"spec\" needs an input named subject",
                        );
                    }
                    Body::Spec | Body::Incident => {}
                }
            }
            Does::Sql {
                database,
                statement,
                ..
            } => {
                self.placeholders(r, section, "sql", database, place);
                for text in &statement.params {
                    self.late_placeholders(r, section, "sql", text, (place, order));
                }
            }
            Does::Notify { to, message } => {
                self.placeholders(r, section, "notify", to, place);
                let texts = [&message.title, &message.text]
                    .into_iter()
                    .chain(&message.dedup_key)
                    .chain(&message.link);
                for text in texts {
                    self.late_placeholders(r, section, "notify", text, (place, order));
                }
            }
            Does::Adapter { args, .. } => {
                for given in args.values() {
                    if let Given::Text(text) = given {
                        self.late_placeholders(r, section, "with", text, (place, order));
                    }
                }
            }
            Does::Use(_) | Does::Wait(_) => {}
        }
    }
}
