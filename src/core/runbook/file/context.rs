//! What the texts of a runbook file may refer to: its inputs, and what is known where they stand.

use crate::core::runbook::definition::{Body, Does};
use crate::core::runbook::fill::{Piece, Slot, pieces};
use crate::core::runbook::input::{Input, InputKind};
use crate::core::runbook::read::{Reader, Section, nearest};

/// Where a text stands decides what it may refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Title,
    Once,
    PerService,
}

/// The names a file's texts may use.
pub(super) struct Context<'i> {
    inputs: Vec<&'i str>,
    /// The inputs of type bool: those a condition may ask.
    pub yes_no: Vec<&'i str>,
}

impl<'i> Context<'i> {
    pub fn new(inputs: &'i [Input]) -> Self {
        let yes_no = inputs.iter().filter(|i| i.kind == InputKind::Bool).map(|i| i.name.as_str()).collect();
        Self { inputs: inputs.iter().map(|i| i.name.as_str()).collect(), yes_no }
    }

    /// Every placeholder must be able to get a value.
    pub fn placeholders(&self, r: &mut Reader<'_>, section: &Section<'_>, key: &str, text: &str, place: Place) {
        for piece in pieces(text) {
            let why = match piece {
                Piece::Unknown(name) if name != "results" => format!(
                    "unknown placeholder {{{name}}}; known: {{env}}, {{service}}, {{services}}, {{target}}, {{inputs.NAME}}"
                ),
                piece => match self.without_value(piece, place) {
                    Some(why) => why,
                    None => continue,
                },
            };
            section.wrong(r, key, why);
        }
    }

    /// Bodies and documents may hold words in braces of their own; only placeholders are checked.
    fn known_placeholders(&self, r: &mut Reader<'_>, section: &Section<'_>, key: &str, text: &str, place: Place) {
        for why in pieces(text).into_iter().filter_map(|piece| self.without_value(piece, place)) {
            section.wrong(r, key, why);
        }
    }

    fn without_value(&self, piece: Piece<'_>, place: Place) -> Option<String> {
        match piece {
            Piece::Slot(Slot::Input(name)) if !self.inputs.contains(&name) => {
                let hint = nearest(name, &self.inputs).map(|near| format!("; did you mean {{inputs.{near}}}?"));
                Some(format!("there is no input `{name}`{}", hint.unwrap_or_default()))
            }
            Piece::Slot(Slot::Service) if place != Place::PerService => {
                Some("{service} is only known in a step with for_each = \"services\"".to_owned())
            }
            _ => None,
        }
    }

    /// Checks the texts of what a step does.
    pub fn check_step(&self, r: &mut Reader<'_>, section: &Section<'_>, does: &Does, place: Place) {
        match does {
            Does::Http(request) => {
                self.placeholders(r, section, "http", &request.url, place);
                for text in request.headers.values().chain(&request.body).chain(&request.contains) {
                    self.known_placeholders(r, section, "http", text, place);
                }
            }
            Does::Manual(prompt) => self.placeholders(r, section, "manual", prompt, place),
            Does::Document { title, body } => {
                self.placeholders(r, section, "document", title, place);
                match body {
                    Body::Text(content) => self.known_placeholders(r, section, "document", content, place),
                    Body::Spec if !self.inputs.contains(&"subject") => {
                        section.wrong(r, "document", "about = \"spec\" needs an input named subject");
                    }
                    Body::Spec | Body::Incident => {}
                }
            }
            Does::Use(_) | Does::Shell { .. } | Does::Wait(_) => {}
        }
    }
}
