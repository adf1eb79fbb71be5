//! Texts with `[[routine]]` tables only: routines added to a stack that is stored, or one of them
//! edited. Read as strictly as in a stack file.

use std::sync::Arc;

use super::names::Names;
use super::{named, routine};
use crate::core::base::problem::Problem;
use crate::core::base::toml_doc::{Section, parse};
use crate::core::stack::routine::Routine;
use crate::core::stack::service::Stack;

/// How many routines a text may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    One,
    Any,
}

/// Reads routines that are to be part of a stack.
#[derive(Debug, Clone)]
pub struct RoutineReader {
    stack: Arc<Stack>,
    environments: Names,
    services: Names,
    /// The routines whose names are taken.
    others: Names,
}

impl RoutineReader {
    /// A reader for this stack. `edited` is the routine that the text is to replace, so that its name
    /// is free.
    #[must_use]
    pub fn new(stack: &Arc<Stack>, edited: Option<&str>) -> Self {
        let others = stack
            .routines
            .iter()
            .filter(|routine| Some(routine.name.as_str()) != edited)
            .map(|routine| (&*routine.name, &[][..]));
        let environments = stack.environments.iter().map(|e| (&*e.name, &*e.aliases));
        let services = stack.services.iter().map(|s| (&*s.name, &*s.aliases));
        Self {
            environments: Names::of("environment", environments),
            services: Names::of("service", services),
            others: Names::of("routine", others),
            stack: Arc::clone(stack),
        }
    }

    /// Reads a text. `file` is its name in messages.
    ///
    /// # Errors
    /// Every problem of the text, in the order of its lines.
    pub fn read(
        &self,
        file: &str,
        text: &str,
        amount: Amount,
    ) -> Result<Vec<Routine>, Vec<Problem>> {
        let (table, mut report) = parse(file, text);
        let mut root = Section::root(&table);
        let is_there = root.has("routine");
        let sections = named(&mut root, &mut report, "routine");
        root.close(&mut report);
        Names::collect(&mut report, "routine", &sections);
        for section in &sections {
            self.others.refuse(&mut report, section);
        }
        if !is_there {
            report.conflict(0, "routine", "is missing; write one as [[routine]]");
        }
        if let (Amount::One, Some(second)) = (amount, sections.get(1)) {
            let message = "is one routine too many; write one here";
            report.conflict(second.at, second.path(), message);
        }
        let routines = sections
            .into_iter()
            .map(|s| {
                routine::read(
                    s,
                    &mut report,
                    &self.environments,
                    &self.services,
                    &self.stack.services,
                )
            })
            .collect();
        report.finish(routines)
    }
}

/// Whether a TOML text has comments: they are lost when what it says is stored.
#[must_use]
pub fn has_comments(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find(['#', '"', '\'']) {
        let found = &rest[at..];
        let quote = match &found[..1] {
            "#" => return true,
            _ if found.starts_with("\"\"\"") || found.starts_with("'''") => &found[..3],
            one => one,
        };
        rest = after_quote(&found[quote.len()..], quote);
    }
    false
}

/// The text after the closing quote; a text that is not closed ends with its line, or everything.
fn after_quote<'t>(text: &'t str, quote: &str) -> &'t str {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote.starts_with('"') => escaped = true,
            '\n' if quote.len() == 1 => return &text[at..],
            _ if text[at..].starts_with(quote) => return &text[at + quote.len()..],
            _ => {}
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::stack::read;

    const STACK: &str = "workspace = \"acme\"\n\
        [[environment]]\nname = \"prod\"\n[[environment]]\nname = \"staging\"\n\
        [[service]]\nname = \"web\"\nenvironments = [\"prod\"]\n\
        [[routine]]\nname = \"web ping\"\nkind = \"tcp\"\naddress = \"web:443\"\nevery = \"1m\"\n\
        [[routine]]\nname = \"disk\"\nkind = \"shell\"\nshell = \"df\"\nevery = \"1m\"\n";

    fn said(edited: Option<&str>, text: &str) -> Vec<String> {
        let stack = Arc::new(read("stack.toml", STACK).unwrap());
        let reader = RoutineReader::new(&stack, edited);
        let problems = reader.read("draft", text, Amount::One).err();
        problems
            .unwrap_or_default()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    fn tcp(name: &str, more: &str) -> String {
        format!(
            "[[routine]]\nname = \"{name}\"\nkind = \"tcp\"\naddress = \"db:1\"\nevery = \"1m\"\n{more}"
        )
    }

    #[test]
    fn a_routine_is_read_against_the_stored_stack() {
        let stack = Arc::new(read("stack.toml", STACK).unwrap());
        let reader = RoutineReader::new(&stack, None);
        let text = tcp("new", "service = \"web\"\nenv = \"prod\"\n") + &tcp("newer", "");
        let routines = reader.read("draft", &text, Amount::Any).unwrap();
        let names: Vec<&str> = routines.iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["new", "newer"]);
        assert_eq!(routines[0].service.as_deref(), Some("web"));
    }

    #[test]
    fn every_mistake_has_its_line_and_key() {
        for (edited, text, wanted) in [
            (None, tcp("", ""), "draft:2: routine \"\".name: "),
            (
                None,
                tcp("x", "service = \"wep\"\n"),
                "draft:6: routine \"x\".service: there is no service `wep` in the stack; apply a",
            ),
            (
                None,
                tcp("x", "env = \"stagin\"\n"),
                "draft:6: routine \"x\".env: there is no environment `stagin`; did you mean `staging`?",
            ),
            (
                None,
                tcp("x", "service = \"web\"\nenv = \"staging\"\n"),
                "draft:7: routine \"x\".env: ",
            ),
            (
                None,
                tcp("x", "evry = \"1m\"\n"),
                "draft:6: routine \"x\".evry: unknown key",
            ),
            (None, tcp("x", "timeout = \n"), "draft:6: not TOML: "),
            (
                None,
                tcp("Web-Ping", ""),
                "draft:2: routine \"Web-Ping\".name: `Web-Ping` is the name of a routine that is \
                 stored (web ping); choose another one",
            ),
            (
                Some("web ping"),
                tcp("disk", ""),
                "draft:2: routine \"disk\".name: `disk` is the name of a routine that is stored",
            ),
            (
                None,
                tcp("a", "") + &tcp("b", ""),
                "draft:6: routine \"b\": is one routine too many",
            ),
            (
                None,
                tcp("a", "") + &tcp("a", ""),
                "draft:7: routine \"a\".name: `a` is already the name of routine `a` (line 2)",
            ),
            (
                None,
                "# nothing\n".to_owned(),
                "draft:1: routine: is missing; write one as",
            ),
            (
                None,
                "[routine]\nname = \"a\"\n".to_owned(),
                "draft:1: routine: must be written as",
            ),
            (
                None,
                tcp("a", "[[service]]\n"),
                "draft:6: service: unknown key; known here: routine",
            ),
        ] {
            let said = said(edited, &text);
            assert!(
                said.iter().any(|line| line.starts_with(wanted)),
                "{wanted}: {said:#?}"
            );
        }
    }

    #[test]
    fn an_edited_routine_may_keep_its_name_or_get_another() {
        for name in ["web ping", "Web Ping", "web check"] {
            assert_eq!(said(Some("web ping"), &tcp(name, "")), [""; 0]);
        }
    }

    #[test]
    fn comments_are_found_outside_of_texts_only() {
        for text in [
            "a = 1 # x",
            "#",
            "a = \"x\\\"\" # y",
            "a = 'x\\' # y",
            "a = \"open\n# x",
        ] {
            assert!(has_comments(text), "{text}");
        }
        for text in [
            "a = \"#\"",
            "a = '#'",
            "a = \"\"\"\n# \"quoted\"\n\"\"\"",
            "a = '''\n#'''",
            "",
        ] {
            assert!(!has_comments(text), "{text}");
        }
    }
}
