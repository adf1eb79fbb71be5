//! Files in YAML: a tree of values with their lines. An alias leads to the value of its anchor, which
//! is not copied, so that no file can grow while it is read.

use std::collections::{BTreeSet, HashMap};

use saphyr_parser::{Event, Parser, ScalarStyle};

/// What is wrong in a file, and on which line, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    pub line: usize,
    pub message: String,
}

/// The values of a file.
#[derive(Debug, Default)]
pub(super) struct Yaml {
    nodes: Vec<Node>,
    documents: Vec<usize>,
}

#[derive(Debug)]
struct Node {
    line: usize,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Null,
    Text(String),
    List(Vec<usize>),
    /// Keys and values by turns.
    Map(Vec<usize>),
}

/// A value of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct YamlValue<'y> {
    yaml: &'y Yaml,
    at: usize,
}

impl Yaml {
    pub fn read(text: &str) -> Result<Self, Mistake> {
        let mut yaml = Self::default();
        let mut anchors: HashMap<usize, usize> = HashMap::new();
        // The lists and maps that have not ended yet, the outermost first.
        let mut open: Vec<usize> = Vec::new();
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| Mistake {
                line: error.marker().line(),
                message: format!("this is not YAML: {}", error.info()),
            })?;
            let at = yaml.nodes.len();
            let (anchor, kind) = match event {
                Event::Alias(anchor) => {
                    yaml.place(&open, anchors.get(&anchor).copied());
                    continue;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    open.pop();
                    continue;
                }
                Event::Scalar(text, style, anchor, _) => {
                    let null = style == ScalarStyle::Plain
                        && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                    let text = || Kind::Text(text.into_owned());
                    (anchor, if null { Kind::Null } else { text() })
                }
                Event::SequenceStart(anchor, _) => (anchor, Kind::List(Vec::new())),
                Event::MappingStart(anchor, _) => (anchor, Kind::Map(Vec::new())),
                _ => continue,
            };
            yaml.place(&open, Some(at));
            anchors.insert(anchor, at);
            if matches!(kind, Kind::List(_) | Kind::Map(_)) {
                open.push(at);
            }
            let line = span.start.line();
            yaml.nodes.push(Node { line, kind });
        }
        Ok(yaml)
    }

    /// Adds a value to the list or map that is open, or as a document.
    fn place(&mut self, open: &[usize], at: Option<usize>) {
        let parent = open.last().and_then(|parent| self.nodes.get_mut(*parent));
        match parent.map(|node| &mut node.kind) {
            Some(Kind::List(values) | Kind::Map(values)) => values.extend(at),
            _ => self.documents.extend(at),
        }
    }

    /// The values of this key of every document.
    pub fn get_all(&self, key: &str) -> Result<Vec<YamlValue<'_>>, Mistake> {
        let mut found = Vec::new();
        for at in &self.documents {
            found.extend(self.value(*at).get(key)?);
        }
        Ok(found)
    }

    const fn value(&self, at: usize) -> YamlValue<'_> {
        YamlValue { yaml: self, at }
    }
}

impl<'y> YamlValue<'y> {
    fn kind(self) -> &'y Kind {
        self.yaml
            .nodes
            .get(self.at)
            .map_or(&Kind::Null, |node| &node.kind)
    }

    pub fn mistake(self, message: impl Into<String>) -> Mistake {
        Mistake {
            line: self.yaml.nodes.get(self.at).map_or(0, |node| node.line),
            message: message.into(),
        }
    }

    pub fn text(self) -> Option<&'y str> {
        match self.kind() {
            Kind::Text(text) => Some(text),
            Kind::Null | Kind::List(_) | Kind::Map(_) => None,
        }
    }

    /// The values of a list; null has none.
    pub fn items(self) -> Result<impl Iterator<Item = Self>, Mistake> {
        let values = match self.kind() {
            Kind::List(values) => values.as_slice(),
            Kind::Null => &[],
            Kind::Text(_) | Kind::Map(_) => return Err(self.mistake("a list is expected here")),
        };
        Ok(values.iter().map(move |at| self.yaml.value(*at)))
    }

    /// The keys of a map that are texts, with their values, and after them those of the maps that it
    /// merges (`<<`); null has none.
    pub fn entries(self) -> Result<Vec<(&'y str, Self)>, Mistake> {
        let (mut found, mut names) = (Vec::new(), BTreeSet::new());
        let (mut merged, mut next) = (BTreeSet::new(), vec![self]);
        while let Some(map) = next.pop() {
            let parts = match map.kind() {
                _ if !merged.insert(map.at) => continue,
                Kind::Map(parts) => parts,
                Kind::List(maps) if map.at != self.at => {
                    next.extend(maps.iter().rev().map(|at| self.yaml.value(*at)));
                    continue;
                }
                Kind::Null => continue,
                Kind::Text(_) | Kind::List(_) => {
                    return Err(map.mistake("a map is expected here (key: value)"));
                }
            };
            let mut own = BTreeSet::new();
            for pair in parts.as_chunks::<2>().0 {
                let [key, value] = pair.map(|at| self.yaml.value(at));
                let Some(name) = key.text() else { continue };
                if name == "<<" {
                    next.push(value);
                } else if !own.insert(name) {
                    return Err(key.mistake(format!("the key {name} is there twice")));
                } else if names.insert(name) {
                    found.push((name, value));
                }
            }
        }
        Ok(found)
    }

    pub fn get(self, key: &str) -> Result<Option<Self>, Mistake> {
        let entries = self.entries()?;
        Ok(entries
            .into_iter()
            .find_map(|(name, value)| (name == key).then_some(value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Result<Vec<String>, Mistake> {
        let yaml = Yaml::read(text)?;
        let mut keys = Vec::new();
        for value in yaml.get_all("a")? {
            keys.extend(value.entries()?.iter().map(|(key, _)| (*key).to_owned()));
        }
        Ok(keys)
    }

    #[test]
    fn a_map_has_its_own_keys_and_those_it_merges() {
        for (text, expected) in [
            (
                "a: {x: 1, 'y z': [1, 2], \"q\\\"\": }",
                &["x", "y z", "q\""][..],
            ),
            ("b: &b {x: 1, y: 2}\na: *b\n", &["x", "y"]),
            (
                "b: &b {x: 1, y: 2}\na:\n  <<: *b\n  y: 3\n  z: 4\n",
                &["y", "z", "x"],
            ),
            (
                "b: &b {x: 1}\nc: &c {x: 2, y: 2}\na: {<<: [*b, *c]}\n",
                &["x", "y"],
            ),
            ("a: &a\n  <<: *a\n  x: *a\n", &["x"]),
            ("a:\n  ? x\n  : 1\n  [1, 2]: 3\n  !t y: 4\n", &["x", "y"]),
            ("a: ~\n", &[]),
            (
                "a: {x: 1}\n---\nb: 2\n---\na: {x: 1, z: 2}\n",
                &["x", "x", "z"],
            ),
            ("# nothing\n", &[]),
            ("", &[]),
        ] {
            let expected = expected.iter().map(|key| (*key).to_owned()).collect();
            assert_eq!(keys(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_mistake_has_its_line() {
        for (text, line, says) in [
            ("a:\n  x: [1\n  y:\n", 3, "not YAML"),
            ("a:\n\tx: 1\n", 2, "not YAML"),
            ("a:\n  x: *b\n", 2, "not YAML"),
            ("a:\n  x: 'open\n", 2, "not YAML"),
            ("\na: [x]\n", 2, "a map is expected"),
            ("a: x\n", 1, "a map is expected"),
            ("b: 1\na: {<<: x}\n", 2, "a map is expected"),
            ("- a\n", 1, "a map is expected"),
            (
                "a:\n  x: 1\n  y: 2\n  x: 3\n",
                4,
                "the key x is there twice",
            ),
        ] {
            let mistake = keys(text).err();
            assert!(
                mistake
                    .as_ref()
                    .is_some_and(|m| m.line == line && m.message.contains(says)),
                "{text}: {mistake:?}"
            );
        }
    }

    /// Each alias of a list stands for ten of the list before: expanded, a billion values.
    #[test]
    fn aliases_of_aliases_do_not_grow() {
        let mut text = "l0: &l0 {x: 1}\n".to_owned();
        for level in 1..10 {
            let before = format!("*l{}", level - 1);
            let maps = [before.as_str(); 10].join(", ");
            text = format!("{text}l{level}: &l{level} {{<<: [{maps}]}}\n");
        }
        text.push_str("a: *l9\n");
        assert_eq!(keys(&text), Ok(vec!["x".to_owned()]));
    }
}
