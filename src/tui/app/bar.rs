//! The command bar: the line being typed and its meaning. Commands are parsed on every change; only
//! the preview of a plan (risks, number of steps) needs a request.

use std::sync::Arc;

use crate::core::command::{self, Catalogue, Completion, ParseOutcome, Parsed};
use crate::core::run::summary::RunSummary;
use crate::core::stack::service::Stack;
use crate::tui::field::Field;
use crate::tui::keys::Action;
use crate::tui::msg::{Effect, Overview, PlanCard, Ticket};

/// Maximum number of completions.
const MAX_CHOICES: usize = 8;

/// The open command bar.
#[derive(Debug, Clone, Default)]
pub struct Bar {
    pub line: Field,
    /// The parsed line; `None` while it is empty or the names are not loaded.
    pub parsed: Option<Parsed>,
    /// The completion shown behind the cursor.
    pub ghost: String,
    /// The choices after Enter on a question or a suggestion.
    pub choices: Vec<Choice>,
    pub picked: usize,
    /// Why Enter did nothing.
    pub message: Option<String>,
    /// Show the word behind each part of the command.
    pub why: bool,
    pub preview: Preview,
    /// Enter was pressed on a plan: the request for its card.
    pub waiting: Option<Ticket>,
    /// Enter was pressed before the names of the stack were read.
    early: bool,
    past: Past,
}

/// A line to put into the bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub line: String,
    pub label: String,
}

/// The preview of the plan.
#[derive(Debug, Clone, Default)]
pub struct Preview {
    /// The request in flight, and whether the line has changed since.
    in_flight: Option<Ticket>,
    outdated: bool,
    pub card: Option<Result<Box<PlanCard>, String>>,
}

/// The position in the history.
#[derive(Debug, Clone, Default)]
struct Past {
    /// Lines back; 0: the line being typed.
    back: usize,
    draft: String,
}

/// The result of Enter.
#[derive(Debug, Clone, PartialEq)]
pub enum Taken {
    /// Stay in the bar, which shows the reason.
    Stay,
    Close,
    /// Fetch the plan card.
    Plan(Box<Parsed>, String),
    View(Box<Parsed>, String),
    Act(Box<Parsed>, String),
}

/// The data that commands are parsed with.
#[derive(Debug, Clone, Copy)]
pub struct BarContext<'a> {
    catalogue: Option<&'a Arc<Catalogue>>,
    stack: Option<&'a Stack>,
    runs: &'a [RunSummary],
    history: &'a [String],
}

impl<'a> BarContext<'a> {
    /// The current data; `history` newest first.
    #[must_use]
    pub fn of(
        catalogue: Option<&'a Arc<Catalogue>>,
        overview: Option<&'a Overview>,
        history: &'a [String],
    ) -> Self {
        Self {
            catalogue,
            stack: overview.map(|o| &*o.stack),
            runs: overview.map_or(&[], |o| &o.runs),
            history,
        }
    }
}

impl Bar {
    /// Performs an action of a text field, except `Accept`; false if it is not one.
    pub fn act(&mut self, action: Action, world: BarContext<'_>) -> bool {
        let choosing = !self.choices.is_empty();
        match action {
            Action::Complete | Action::Newer if choosing => self.pick(1),
            Action::PreviousChoice | Action::Older if choosing => self.pick(self.choices.len() - 1),
            Action::Complete => self.complete(world),
            Action::CharRight if self.line.at_end() && !self.ghost.is_empty() => {
                self.complete(world);
            }
            Action::Older => self.older(world),
            Action::Newer => self.newer(world),
            Action::Why => self.why = !self.why,
            Action::PreviousChoice => {}
            other => {
                let before = self.line.text().to_owned();
                if !self.line.act(other) {
                    return false;
                }
                if self.line.text() != before {
                    self.changed(world);
                }
                self.refresh_ghost(world);
            }
        }
        true
    }

    /// Inserts typed or pasted text. Never runs anything.
    pub fn insert(&mut self, text: &str, world: BarContext<'_>) {
        let begins_word = text.starts_with(char::is_alphanumeric);
        if begins_word && self.is_asking() && self.line.at_end() && !self.line.text().ends_with(' ')
        {
            self.line.insert(" ");
        }
        self.line.insert(text);
        self.changed(world);
    }

    /// Enter has asked for a missing part: the text typed next is the answer, as a separate word.
    fn is_asking(&self) -> bool {
        self.message.is_some()
            && self
                .parsed
                .as_ref()
                .is_some_and(|p| p.outcome == ParseOutcome::Question && !p.missing.is_empty())
    }

    /// Replaces the line.
    pub fn set(&mut self, text: &str, world: BarContext<'_>) {
        self.line.set(text);
        self.changed(world);
    }

    /// Closes the list of choices; false if it was not open.
    pub fn close_choices(&mut self) -> bool {
        let open = !self.choices.is_empty();
        self.choices.clear();
        open
    }

    /// Whether Enter was pressed for this line before it could be read, and now it can; only once.
    pub fn take_early(&mut self) -> bool {
        self.parsed.is_some() && std::mem::take(&mut self.early)
    }

    /// Enter. A picked choice goes into the line and is not run.
    pub fn accept(&mut self, world: BarContext<'_>) -> Taken {
        if let Some(choice) = self.choices.get(self.picked).cloned() {
            self.set(&choice.line, world);
            return Taken::Stay;
        }
        if self.line.text().trim().is_empty() {
            return Taken::Close;
        }
        if self.waiting.is_some() {
            return Taken::Stay;
        }
        let text = self.line.text().to_owned();
        let Some(parsed) = self.parsed.clone() else {
            self.message = Some("the names of the stack are being read".to_owned());
            self.early = true;
            return Taken::Stay;
        };
        self.message = None;
        if parsed.unavailable.is_some() {
            return self.offer(
                Vec::new(),
                &Parsed {
                    missing: Vec::new(),
                    ..parsed
                },
            );
        }
        match parsed.outcome {
            ParseOutcome::Plan => Taken::Plan(Box::new(parsed), text),
            ParseOutcome::View => Taken::View(Box::new(parsed), text),
            ParseOutcome::Action => Taken::Act(Box::new(parsed), text),
            ParseOutcome::Question => self.offer(choices_for(&parsed, &text, world), &parsed),
            ParseOutcome::Suggest => self.offer(suggestions(&parsed), &parsed),
            ParseOutcome::Nothing => self.offer(Vec::new(), &parsed),
        }
    }

    fn offer(&mut self, choices: Vec<Choice>, parsed: &Parsed) -> Taken {
        let nothing_run = if choices.is_empty() {
            "nothing was started"
        } else {
            "pick one; nothing was started"
        };
        let question = parsed
            .missing
            .first()
            .map_or_else(|| parsed.message.clone(), |slot| asks_for(slot));
        let question = if question.is_empty() {
            "not understood".to_owned()
        } else {
            question
        };
        self.message = Some(format!("{question} ({nothing_run})"));
        (self.choices, self.picked) = (choices, 0);
        Taken::Stay
    }

    fn pick(&mut self, step: usize) {
        self.picked = (self.picked + step) % self.choices.len().max(1);
    }

    fn complete(&mut self, world: BarContext<'_>) {
        if !self.ghost.is_empty() && self.line.at_end() {
            let whole = format!("{}{}", self.line.text(), self.ghost);
            return self.set(&whole, world);
        }
        let Some(catalogue) = world.catalogue else {
            return;
        };
        let near = self.parsed.as_ref().map(suggestions).unwrap_or_default();
        let found = command::complete(self.line.text(), catalogue, MAX_CHOICES)
            .into_iter()
            .map(Choice::from);
        (self.choices, self.picked) = (
            if near.is_empty() {
                found.collect()
            } else {
                near
            },
            0,
        );
    }

    fn changed(&mut self, world: BarContext<'_>) {
        self.choices.clear();
        (self.message, self.waiting, self.past) = (None, None, Past::default());
        self.early = false;
        self.read(world);
    }

    /// Parses the line again after a change of line or data.
    pub fn read(&mut self, world: BarContext<'_>) {
        let text = self.line.text();
        let catalogue = world.catalogue.filter(|_| !text.trim().is_empty());
        self.parsed = catalogue.map(|c| command::parse(text, c));
        self.preview.outdated = true;
        self.preview.card = None;
        self.refresh_ghost(world);
    }

    fn refresh_ghost(&mut self, world: BarContext<'_>) {
        self.ghost.clear();
        let text = self.line.text();
        let Some(catalogue) = world
            .catalogue
            .filter(|_| !text.trim().is_empty() && self.line.at_end())
        else {
            return;
        };
        let first = command::complete(text, catalogue, 1).into_iter().next();
        if let Some(rest) = first.as_ref().and_then(|c| c.line.strip_prefix(text)) {
            self.ghost = rest.to_owned();
        }
    }

    // --- preview: one request at a time, only for the newest line

    /// The plan request to send now, if any.
    pub fn ask_preview(&mut self, ticket: impl FnOnce() -> Ticket) -> Option<Effect> {
        let planned = |p: &&Parsed| p.outcome == ParseOutcome::Plan && p.unavailable.is_none();
        let parsed = self.parsed.as_ref().filter(planned)?;
        if self.preview.in_flight.is_some() || !self.preview.outdated {
            return None;
        }
        let ticket = ticket();
        self.preview.in_flight = Some(ticket);
        self.preview.outdated = false;
        let raw_text = self.line.text().to_owned();
        Some(Effect::Plan {
            ticket,
            parsed: Box::new(parsed.clone()),
            inputs: Vec::new(),
            raw_text,
        })
    }

    /// Takes a plan; false if this bar did not request it as a preview.
    pub fn previewed(&mut self, ticket: Ticket, card: &Result<Box<PlanCard>, String>) -> bool {
        if self
            .preview
            .in_flight
            .take_if(|requested| *requested == ticket)
            .is_none()
        {
            return false;
        }
        if !self.preview.outdated {
            self.preview.card = Some(card.clone());
        }
        true
    }

    // --- history: ↑ finds lines with the typed prefix

    fn older(&mut self, world: BarContext<'_>) {
        if self.past.back == 0 {
            self.past.draft = self.line.text().to_owned();
        }
        self.recall(self.past.back + 1, world);
    }

    fn newer(&mut self, world: BarContext<'_>) {
        if self.past.back > 0 {
            self.recall(self.past.back - 1, world);
        }
    }

    fn recall(&mut self, back: usize, world: BarContext<'_>) {
        let draft = self.past.draft.clone();
        let mut lines = world
            .history
            .iter()
            .filter(|line| line.starts_with(&draft) && **line != draft);
        let line = if back == 0 {
            Some(&draft)
        } else {
            lines.nth(back - 1)
        };
        if let Some(line) = line.cloned() {
            self.set(&line, world);
            self.past = Past { back, draft };
        }
    }
}

impl From<Completion> for Choice {
    fn from(completion: Completion) -> Self {
        Self {
            label: format!("{}  {}", completion.word, completion.kind),
            line: completion.line,
        }
    }
}

fn suggestions(parsed: &Parsed) -> Vec<Choice> {
    let as_choice = |text: &String| Choice {
        line: text.clone(),
        label: text.clone(),
    };
    parsed
        .suggestions
        .iter()
        .map(as_choice)
        .take(MAX_CHOICES)
        .collect()
}

/// The choices: readings of an ambiguous command, or known values of the first missing slot.
fn choices_for(parsed: &Parsed, text: &str, world: BarContext<'_>) -> Vec<Choice> {
    let offered = suggestions(parsed);
    if !offered.is_empty() {
        return offered;
    }
    if !parsed.ambiguous.is_empty() {
        let as_choice = |text: &String| Choice {
            line: text.clone(),
            label: text.clone(),
        };
        return parsed
            .ambiguous
            .iter()
            .map(as_choice)
            .take(MAX_CHOICES)
            .collect();
    }
    let Some(slot) = parsed.missing.first() else {
        return Vec::new();
    };
    let typed = text.trim_end();
    let stack = world.stack;
    let additions: Vec<(String, String)> = match slot.as_str() {
        "env" => stack.map_or_else(Vec::new, |s| {
            let mark = |p: bool| if p { "protected" } else { "environment" };
            let named = |name: &String| s.services.iter().find(|service| service.name == *name);
            let has = |e: &str| {
                parsed
                    .services
                    .iter()
                    .filter_map(named)
                    .all(|s| s.environments.iter().any(|own| own == e))
            };
            s.environments
                .iter()
                .filter(|e| has(&e.name))
                .map(|e| {
                    (
                        format!(" in {}", e.name),
                        format!("{}  {}", e.name, mark(e.protected)),
                    )
                })
                .collect()
        }),
        "services" => stack.map_or_else(Vec::new, |s| {
            let here =
                |e: &Option<String>, names: &[String]| e.as_ref().is_none_or(|e| names.contains(e));
            let fits = s
                .services
                .iter()
                .filter(|s| here(&parsed.env, &s.environments));
            fits.map(|s| (format!(" {}", s.name), format!("{}  service", s.name)))
                .collect()
        }),
        "routine" => stack.map_or_else(Vec::new, |s| {
            s.routines
                .iter()
                .map(|r| (format!(" {}", r.name), format!("{}  routine", r.name)))
                .collect()
        }),
        "run" => {
            let of = |r: &RunSummary| (format!(" {}", r.id.0), format!("{}  {}", r.id, r.title));
            world.runs.iter().take(MAX_CHOICES).map(of).collect()
        }
        other => vec![(format!(" {other}="), format!("{other}=…  type a value"))],
    };
    additions
        .into_iter()
        .map(|(add, label)| Choice {
            line: format!("{typed}{add}"),
            label,
        })
        .collect()
}

/// The question for a missing slot.
#[must_use]
pub fn asks_for(slot: &str) -> String {
    match slot {
        "env" => "which environment?".to_owned(),
        "services" => "which service?".to_owned(),
        "run" => "which run?".to_owned(),
        "routine" => "which routine?".to_owned(),
        "subject" => "about what?".to_owned(),
        other => format!("which {other}?"),
    }
}
