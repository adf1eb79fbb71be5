//! A runbook as it is shown to people: what it is called, what it takes, what it does.

use serde::Serialize;

use super::definition::{Does, Origin, StepTemplate};
use super::input::{Input, InputKind};
use super::{Runbook, built_in};
use crate::base::time::write_duration;
use crate::command::typed_name;
use crate::run::Phase;
use crate::stack::shell::ShellCommand;

/// Longest command, statement or question shown, characters.
const MAX_SHOWN: usize = 100;

/// What a list shows of a runbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunbookEntry {
    pub name: String,
    pub title: String,
    /// `built in`, `runbook`, `page` (each block asks before it runs) or `text` (nothing to run).
    pub kind: &'static str,
    /// Whether it changes something.
    pub mutates: bool,
    /// The file it was read from; of a built-in one the name of its file.
    pub file: String,
    pub phrases: Vec<String>,
}

/// A runbook's file as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sheet {
    #[serde(flatten)]
    pub entry: RunbookEntry,
    /// Other names it is called by.
    pub also: Vec<String>,
    pub version: String,
    pub inputs: Vec<SheetInput>,
    pub risks: Vec<SheetRisk>,
    pub steps: Vec<SheetStep>,
}

/// An input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SheetInput {
    pub name: String,
    /// Its type with its bounds: `int 1 to 50`.
    pub r#type: String,
    pub required: bool,
    pub default: Option<String>,
}

/// A declared risk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SheetRisk {
    pub level: &'static str,
    pub code: String,
    pub message: String,
}

/// A step before it has a target and inputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SheetStep {
    /// A phase, or `finally`.
    pub phase: &'static str,
    pub name: String,
    pub does: String,
}

impl Runbook {
    /// What a list shows of it.
    #[must_use]
    pub fn entry(&self) -> RunbookEntry {
        let source = &self.definition.source;
        let kind = match self.definition.origin {
            Origin::Guided => "page",
            Origin::Reference => "text",
            Origin::Runbook if self.is_built_in() => "built in",
            Origin::Runbook => "runbook",
        };
        RunbookEntry {
            name: self.name.clone(),
            title: self.title.clone(),
            kind,
            mutates: self.mutates,
            file: source.file.clone(),
            phrases: self.phrases.clone(),
        }
    }

    /// Whether it ships with opsroom.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        built_in::all()
            .iter()
            .any(|r| r.name == self.name && r.hash == self.hash)
    }

    /// The text of its file, where it ships with opsroom.
    #[must_use]
    pub fn built_in_text(&self) -> Option<&'static str> {
        let file = &self.definition.source.file;
        built_in::text(file).filter(|_| self.is_built_in())
    }

    /// Its file as data.
    #[must_use]
    pub fn sheet(&self) -> Sheet {
        let definition = &self.definition;
        let phases = Phase::ALL.into_iter().flat_map(|phase| {
            let of_phase = definition.steps.iter().filter(move |s| s.phase == phase);
            of_phase.map(move |step| (phase.name(), step))
        });
        let last = definition.finally.iter().map(|step| ("finally", step));
        Sheet {
            entry: self.entry(),
            also: self.also.clone(),
            version: self.version.clone(),
            inputs: definition.inputs.iter().map(sheet_input).collect(),
            risks: definition
                .risks
                .iter()
                .map(|risk| SheetRisk {
                    level: risk.level.name(),
                    code: risk.code.clone(),
                    message: risk.message.clone(),
                })
                .collect(),
            steps: phases
                .chain(last)
                .map(|(phase, step)| SheetStep {
                    phase,
                    name: step.name.clone(),
                    does: does(step),
                })
                .collect(),
        }
    }
}

fn sheet_input(input: &Input) -> SheetInput {
    SheetInput {
        name: input.name.clone(),
        r#type: type_of(&input.kind),
        required: input.required,
        default: input.default.clone(),
    }
}

fn type_of(kind: &InputKind) -> String {
    let bounds = |min: Option<String>, max: Option<String>| match (min, max) {
        (Some(min), Some(max)) => format!(" {min} to {max}"),
        (Some(min), None) => format!(" from {min}"),
        (None, Some(max)) => format!(" up to {max}"),
        (None, None) => String::new(),
    };
    let matching = |pattern: &Option<String>| {
        let like = |pattern: &String| format!(" like {pattern}");
        pattern.as_ref().map(like).unwrap_or_default()
    };
    let number = |n: &Option<i64>| n.map(|n| n.to_string());
    let time = |ms: &Option<i64>| ms.map(write_duration);
    match kind {
        InputKind::Text { pattern } => format!("text{}", matching(pattern)),
        InputKind::List { pattern } => format!("list{}", matching(pattern)),
        InputKind::Int { min, max } => format!("int{}", bounds(number(min), number(max))),
        InputKind::Duration { min, max } => format!("duration{}", bounds(time(min), time(max))),
        InputKind::Bool => "bool".to_owned(),
        InputKind::Choice(choices) => format!("one of {}", choices.join(", ")),
        InputKind::Version => "version".to_owned(),
        InputKind::Env => "environment".to_owned(),
        InputKind::Service => "service".to_owned(),
        InputKind::Secret => "name of a secret".to_owned(),
    }
}

/// The work of a step in one line, with placeholders as written.
fn does(step: &StepTemplate) -> String {
    let text = match &step.does {
        Does::Use(verb) => format!("the {} action of each service", verb.name()),
        Does::Http(request) => format!("{} {}", request.method, request.url),
        Does::Shell { command, .. } => match command {
            ShellCommand::Script(script) => format!("sh: {script}"),
            ShellCommand::Argv(argv) => format!("run: {}", argv.join(" ")),
        },
        Does::Wait(ms) => format!("wait {}", write_duration(*ms)),
        Does::Manual(prompt) => format!("by hand: {prompt}"),
        Does::Approve { ask, .. } => format!("approval of {}: {}", ask.need, ask.prompt),
        Does::Ask { prompt, .. } => format!("ask: {prompt}"),
        Does::Runbook { name, .. } => format!("the runbook {}", typed_name(name)),
        Does::Document { title, .. } => format!("write: {title}"),
        Does::Sql {
            database,
            statement,
            ..
        } => format!("sql on {database}: {}", statement.text),
        Does::Notify { to, message } => format!("notify {to}: {}", message.title),
        Does::Adapter { operation, .. } => operation.clone(),
    };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let line = lines.iter().find(|l| !l.is_empty()).copied().unwrap_or("");
    let more = lines.iter().filter(|l| !l.is_empty()).count() > 1;
    let mut shown: String = line.chars().take(MAX_SHOWN).collect();
    if more || line.chars().count() > MAX_SHOWN {
        shown.push_str(" …");
    }
    shown
}

impl Sheet {
    /// As lines for people, without the text of the file. Texts of files are not escaped.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let entry = &self.entry;
        let changes = if entry.mutates {
            "changes something"
        } else {
            "only looks"
        };
        let mut lines = vec![
            format!(
                "{} · {} · {changes} · version {}",
                entry.title, entry.kind, self.version
            ),
            format!("file     {}", entry.file),
            format!("type     run {}", typed_name(&entry.name)),
        ];
        lines.extend(
            entry
                .phrases
                .iter()
                .map(|phrase| format!("     or  {phrase}")),
        );
        if !self.also.is_empty() {
            lines.push(format!("also     {}", self.also.join(", ")));
        }
        if !self.inputs.is_empty() {
            lines.extend([String::new(), "Inputs".to_owned()]);
        }
        lines.extend(self.inputs.iter().map(|input| {
            let needed = match (&input.default, input.required) {
                (Some(default), _) => format!(", default {default}"),
                (None, true) => ", required".to_owned(),
                (None, false) => String::new(),
            };
            format!("  {}: {}{needed}", input.name, input.r#type)
        }));
        if !self.risks.is_empty() {
            lines.extend([String::new(), "Risks".to_owned()]);
        }
        lines.extend(
            self.risks
                .iter()
                .map(|risk| format!("  {} {}: {}", risk.level, risk.code, risk.message)),
        );
        let mut phase = "";
        for step in &self.steps {
            if step.phase != phase {
                phase = step.phase;
                lines.extend([String::new(), phase.to_owned()]);
            }
            lines.push(format!("  {}: {}", step.name, step.does));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use crate::runbook::{built_in, parse};

    #[test]
    fn every_built_in_runbook_has_its_text_and_its_steps() {
        for runbook in built_in() {
            let sheet = runbook.sheet();
            assert_eq!(sheet.entry.kind, "built in", "{}", runbook.name);
            assert!(!sheet.steps.is_empty(), "{}", runbook.name);
            let text = runbook.built_in_text().unwrap();
            let read = parse(&sheet.entry.file, text).unwrap();
            assert_eq!(read.name, runbook.name);
        }
    }

    #[test]
    fn a_runbook_is_shown_with_types_defaults_risks_and_steps_by_phase() {
        let text = "name = \"move\"\ntitle = \"move it\"\nversion = \"3\"\nmutates = true\nphrases = [\"move the thing\"]\n\
             [[input]]\nname = \"to\"\ntype = \"choice\"\nchoices = [\"a\", \"b\"]\nrequired = true\n\
             [[input]]\nname = \"n\"\ntype = \"int\"\nmin = 1\nmax = 9\ndefault = \"2\"\n\
             [[risk]]\nlevel = \"warn\"\ncode = \"SLOW\"\nmessage = \"it is slow\"\n\
             [[step]]\nname = \"go\"\nphase = \"action\"\nshell = \"first\\nsecond\"\n\
             [[step]]\nname = \"rest\"\nphase = \"verify\"\nwait = \"3s\"\n";
        let runbook = parse("books/move.toml", text).unwrap();
        assert_eq!(runbook.built_in_text(), None);
        assert_eq!(
            runbook.sheet().lines(),
            [
                "move it · runbook · changes something · version 3",
                "file     books/move.toml",
                "type     run move",
                "     or  move the thing",
                "",
                "Inputs",
                "  to: one of a, b, required",
                "  n: int 1 to 9, default 2",
                "",
                "Risks",
                "  warn SLOW: it is slow",
                "",
                "action",
                "  go: sh: first …",
                "",
                "verify",
                "  rest: wait 3s",
            ]
        );
    }
}
