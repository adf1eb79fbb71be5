//! Shell blocks of ordinary Markdown runbooks, and the values to fill in. A placeholder becomes an
//! environment variable, so an input never becomes shell syntax.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::secret;

/// A shell block made ready to run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commands {
    /// The script; empty when the block holds no command (only output).
    pub script: String,
    /// Names of the placeholders, as inputs: lower case, `_` for everything that is no letter or
    /// digit.
    pub placeholders: BTreeSet<String>,
    /// Text that cannot be converted safely, with its line inside the block (from 0).
    pub problems: Vec<(usize, String)>,
}

/// Fence tags whose content is for a shell.
const SHELL_TAGS: [&str; 10] = [
    "sh",
    "bash",
    "shell",
    "zsh",
    "console",
    "terminal",
    "shell-session",
    "sh-session",
    "shellsession",
    "bash-session",
];

/// Pattern of values for a guided block. The block may pass the value to another shell (`ssh`,
/// `eval`, `sh -c`), where a variable no longer protects: so no characters special to a shell, and
/// no leading dash.
pub const VALUE_PATTERN: &str = "^[A-Za-z0-9_./][A-Za-z0-9_.:/@=,+-]*$";

/// Whether the tag is that of a shell.
#[must_use]
pub fn is_shell(tag: &str) -> bool {
    SHELL_TAGS.contains(&tag)
}

/// Name of the environment variable an input reaches a step as.
#[must_use]
pub fn variable(input: &str) -> String {
    let name: String = input
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect();
    format!("OPSROOM_INPUT_{name}")
}

/// Name of the environment variable that holds the value of a secret an input names.
#[must_use]
pub fn secret_variable(input: &str) -> String {
    secret::variable(input)
}

/// The input is the name of a secret, not a value: a password or token is never written into a
/// plan.
#[must_use]
pub fn is_secret(input: &str) -> bool {
    const ENDS: [&str; 9] = [
        "password",
        "passwd",
        "passphrase",
        "token",
        "api_key",
        "apikey",
        "secret_key",
        "access_key",
        "private_key",
    ];
    ENDS.iter().any(|end| input.ends_with(end))
}

/// Reads commands without prompts: the script, with a variable for each value to fill in.
#[must_use]
pub fn commands(code: &str) -> Commands {
    let mut found = Commands::default();
    found.script = Quotes::new(&mut found).rewrite(code);
    if found.script.trim().is_empty() {
        found.script.clear();
    }
    found
}

/// Whether the text ends inside a quotation.
#[must_use]
pub fn leaves_a_quote_open(script: &str) -> bool {
    let mut ignored = Commands::default();
    let mut quotes = Quotes::new(&mut ignored);
    quotes.read(script);
    matches!(quotes.state, Quote::Single | Quote::Double)
}

/// Walks shell text knowing in which quotes it is, so that a placeholder is replaced by a variable
/// that expands there.
struct Quotes<'a> {
    into: &'a mut Commands,
    state: Quote,
    line: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
    Comment,
}

impl<'a> Quotes<'a> {
    fn new(into: &'a mut Commands) -> Self {
        Self {
            into,
            state: Quote::None,
            line: 0,
        }
    }

    fn rewrite(mut self, script: &str) -> String {
        self.read(script)
    }

    fn read(&mut self, script: &str) -> String {
        let mut out = String::with_capacity(script.len());
        let mut rest = script;
        let mut literal_until: Option<String> = None;
        while !rest.is_empty() {
            let at_line_start = out.is_empty() || out.ends_with('\n');
            if at_line_start && let Some(end) = &literal_until {
                let (line, tail) = rest.split_at(rest.find('\n').map_or(rest.len(), |n| n + 1));
                if line.trim() == *end {
                    literal_until = None;
                } else if placeholder_in(line).is_some() {
                    let message = "a placeholder inside a here-document with a quoted end mark cannot be filled in safely";
                    self.into.problems.push((self.line, message.to_owned()));
                }
                out.push_str(line);
                self.line += 1;
                rest = tail;
                continue;
            }
            if matches!(self.state, Quote::None)
                && let Some(end) = quoted_heredoc(rest)
            {
                literal_until = Some(end);
            }
            if self.state != Quote::Comment
                && let Some((name, len)) = placeholder(rest)
                    .or_else(|| described(rest, &out))
                    .or_else(|| self.blank(rest, &out))
            {
                out.push_str(&self.variable(&name));
                rest = &rest[len..];
                continue;
            }
            let mut chars = rest.chars();
            let Some(c) = chars.next() else { break };
            out.push(c);
            if c == '\\' && self.state != Quote::Single {
                out.extend(chars.next());
            }
            self.step(c, &out);
            rest = chars.as_str();
        }
        out
    }

    fn variable(&mut self, name: &str) -> String {
        let variable = if is_secret(name) {
            secret_variable(name)
        } else {
            variable(name)
        };
        self.into.placeholders.insert(name.to_owned());
        match self.state {
            Quote::Double => format!("${{{variable}}}"),
            Quote::Single => format!("'\"${{{variable}}}\"'"),
            Quote::None | Quote::Comment => format!("\"${{{variable}}}\""),
        }
    }

    /// `HOSTNAME`, `YOUR_TOKEN`, `db-XX`: a word that stands for a value, outside of quoted text.
    fn blank(&self, text: &str, before: &str) -> Option<(String, usize)> {
        let quoted = match self.state {
            Quote::None => false,
            Quote::Double => before
                .rfind('"')
                .is_some_and(|open| before[open..].contains(' ')),
            Quote::Single | Quote::Comment => true,
        };
        if quoted {
            None
        } else {
            blanks::at(text, before)
        }
    }

    fn step(&mut self, c: char, before: &str) {
        if c == '\n' {
            self.line += 1;
        }
        self.state = match (self.state, c) {
            (Quote::None, '\'') => Quote::Single,
            (Quote::None, '"') => Quote::Double,
            (Quote::None, '#') if begins_word(before) => Quote::Comment,
            (Quote::Single, '\'') | (Quote::Double, '"') | (Quote::Comment, '\n') => Quote::None,
            (state, _) => state,
        };
    }
}

/// Whether the `#` that ends `text` is at the start of a word.
fn begins_word(text: &str) -> bool {
    text[..text.len() - 1]
        .chars()
        .next_back()
        .is_none_or(|c| c.is_whitespace() || c == ';')
}

/// `<<'EOF'`, `<<-"EOF"`, `<<\EOF` at the start of `text`: the end mark.
fn quoted_heredoc(text: &str) -> Option<String> {
    let rest = text.strip_prefix("<<")?;
    let rest = rest
        .strip_prefix('-')
        .unwrap_or(rest)
        .trim_start_matches(' ');
    let quote = rest
        .chars()
        .next()
        .filter(|c| matches!(c, '\'' | '"' | '\\'))?;
    let mark: String = rest[1..]
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    let closed = quote == '\\' || rest[1 + mark.len()..].starts_with(quote);
    (closed && !mark.is_empty()).then_some(mark)
}

fn placeholder_in(line: &str) -> Option<(String, usize)> {
    line.char_indices()
        .find_map(|(at, _)| placeholder(&line[at..]))
}

/// `'<"Used by" of the pod above>'`: a quotation that only describes the value.
fn described(text: &str, before: &str) -> Option<(String, usize)> {
    let quote = before
        .chars()
        .next_back()
        .filter(|c| matches!(c, '\'' | '"'))?;
    let end = text
        .strip_prefix('<')?
        .find(quote)
        .filter(|end| *end <= 60)?;
    let inner = text[1..=end].strip_suffix('>')?;
    let words = inner.contains(' ') && !inner.contains(['<', '>', '=', '/', '\n']);
    words
        .then(|| input_name(inner))
        .flatten()
        .map(|name| (name, inner.len() + 2))
}

/// Words of output templates (`--template='{{range .items}}…{{end}}'`) that are alone between
/// braces.
const TEMPLATE_WORDS: [&str; 6] = ["end", "else", "break", "continue", "println", "print"];

/// A placeholder at the start of `text` and its length: `<pod-name>`, `{{ name }}`, `{{name}}`,
/// `[NAME]`-style is left alone (it is a shell pattern).
fn placeholder(text: &str) -> Option<(String, usize)> {
    let (inner, len) = if let Some(rest) = text.strip_prefix("{{") {
        let end = rest.find("}}").filter(|end| *end <= 60)?;
        let inner = rest[..end].trim();
        // `{{range .items}}`, `{{end}}`: a template the command itself fills in.
        if inner.contains([' ', '.', '/', ':']) || TEMPLATE_WORDS.contains(&inner) {
            return None;
        }
        (inner, end + 4)
    } else {
        let rest = text.strip_prefix('<')?;
        let end = rest
            .find(['>', '\n', '<'])
            .filter(|end| rest[*end..].starts_with('>') && *end <= 60)?;
        (&rest[..end], end + 2)
    };
    let word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ' | '/' | ':');
    let sound = inner.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && !inner.ends_with(' ')
        && inner.chars().all(word);
    if !sound {
        return None;
    }
    input_name(inner).map(|name| (name, len))
}

fn input_name(inner: &str) -> Option<String> {
    let mut name = String::new();
    for c in inner.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            name.push(c);
        } else if !name.ends_with('_') {
            name.push('_');
        }
    }
    let name = name.trim_matches('_');
    // Inputs start with a letter.
    let name = if name.starts_with(|c: char| c.is_ascii_digit()) {
        format!("n{name}")
    } else {
        name.to_owned()
    };
    (!name.is_empty()).then_some(name)
}

/// A text that quotes commands, with the values of the inputs instead of their variables: people
/// see what runs. Of a secret only the name is shown.
#[must_use]
pub fn with_values(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut text = text.to_owned();
    for (name, value) in values {
        let (variable, shown) = if is_secret(name) {
            (secret_variable(name), format!("<{name}>"))
        } else {
            (variable(name), value.clone())
        };
        for form in [
            format!("'\"${{{variable}}}\"'"),
            format!("\"${{{variable}}}\""),
            format!("${{{variable}}}"),
        ] {
            text = text.replace(&form, &shown);
        }
    }
    text
}

mod blanks;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_become_variables_that_expand_in_place() {
        for (code, script, names) in [
            (
                "kubectl logs <pod-name>\n",
                "kubectl logs \"${OPSROOM_INPUT_POD_NAME}\"\n",
                vec!["pod_name"],
            ),
            (
                "echo \"on <HOST>\"\n",
                "echo \"on ${OPSROOM_INPUT_HOST}\"\n",
                vec!["host"],
            ),
            (
                "jq '.x == <id>'\n",
                "jq '.x == '\"${OPSROOM_INPUT_ID}\"''\n",
                vec!["id"],
            ),
            (
                "helm get {{ release }}\n",
                "helm get \"${OPSROOM_INPUT_RELEASE}\"\n",
                vec!["release"],
            ),
            ("sort <in >out\n", "sort <in >out\n", vec![]),
            (
                "oc get po --template='{{range .items}}{{.name}}{{\"\\n\"}}{{end}}'\n",
                "oc get po --template='{{range .items}}{{.name}}{{\"\\n\"}}{{end}}'\n",
                vec![],
            ),
            ("cat <<EOF\nx\nEOF\n", "cat <<EOF\nx\nEOF\n", vec![]),
            ("ls # use <name>\n", "ls # use <name>\n", vec![]),
            ("diff <(a) <(b)\n", "diff <(a) <(b)\n", vec![]),
            (
                "ssh HOSTNAME uptime\n",
                "ssh \"${OPSROOM_INPUT_HOSTNAME}\" uptime\n",
                vec!["hostname"],
            ),
            (
                "curl http://YOUR_HOST:80/x\n",
                "curl http://\"${OPSROOM_INPUT_YOUR_HOST}\":80/x\n",
                vec!["your_host"],
            ),
            (
                "ls deploy/POD_NAME\n",
                "ls deploy/\"${OPSROOM_INPUT_POD_NAME}\"\n",
                vec!["pod_name"],
            ),
            (
                "ssh db-XX-prod\n",
                "ssh db-\"${OPSROOM_INPUT_XX}\"-prod\n",
                vec!["xx"],
            ),
            (
                "login -p <api token>\n",
                "login -p \"${OPSROOM_SECRET_API_TOKEN}\"\n",
                vec!["api_token"],
            ),
            (
                "POD_NAME=x; echo $POD_NAME ${POD_NAME}\n",
                "POD_NAME=x; echo $POD_NAME ${POD_NAME}\n",
                vec![],
            ),
            (
                "psql -c \"select 1 from HOSTNAME\"\n",
                "psql -c \"select 1 from HOSTNAME\"\n",
                vec![],
            ),
            (
                "oc get po -o custom-columns=NAME:.metadata.name,NODE:.x\n",
                "oc get po -o custom-columns=NAME:.metadata.name,NODE:.x\n",
                vec![],
            ),
            (
                "for MASTER_POD in a b; do read POD_NAME; done\n",
                "for MASTER_POD in a b; do read POD_NAME; done\n",
                vec![],
            ),
            (
                "kill -HUP 1; curl -X DELETE h; lsblk -o NAME,SIZE\n",
                "kill -HUP 1; curl -X DELETE h; lsblk -o NAME,SIZE\n",
                vec![],
            ),
        ] {
            let found = commands(code);
            assert_eq!(found.script, script);
            assert_eq!(
                found
                    .placeholders
                    .iter()
                    .map(String::as_str)
                    .collect::<Vec<_>>(),
                names,
                "{code}"
            );
        }
        let found = commands("cat <<'EOF'\n<name>\nEOF\necho <name>\n");
        assert_eq!(found.problems.len(), 1);
        assert_eq!(found.problems[0].0, 1);
        assert!(
            found.script.ends_with("echo \"${OPSROOM_INPUT_NAME}\"\n"),
            "{}",
            found.script
        );
    }

    proptest::proptest! {
        #[test]
        fn any_block_is_read(code in "([<>{}'\"#\\\\$ \n]|EOF|<<|a-b|\\PC){0,80}") {
            let found = commands(&code);
            for name in &found.placeholders {
                proptest::prop_assert!(!name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
            }
        }
    }
}
