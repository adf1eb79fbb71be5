//! Patterns for the files of a folder: a path, or one with `*` and `?` in its names and `**` for
//! any folders between. As in a shell, only a name that begins with a dot in the pattern matches
//! one that does. No other character is special.

/// A checked pattern. It never leads out of the folder it starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// Any folders, or none.
    Folders,
    /// As written, and what it matches.
    Name(String, glob::Pattern),
}

impl Pattern {
    /// Reads a path or pattern.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("is empty; write the path of a file, from the step's folder on".to_owned());
        }
        if text.contains(char::is_control) {
            return Err(format!("{text:?} holds a control character"));
        }
        if text.starts_with('/') {
            return Err(format!(
                "{text:?} is absolute; write it from the step's folder on (`dir` says which that is)"
            ));
        }
        let mut parts = Vec::new();
        for name in text.split('/') {
            match name {
                "" | "." => {}
                ".." => return Err(format!("{text:?} leads out of the step's folder")),
                "**" if parts.last() == Some(&Part::Folders) => {}
                "**" => parts.push(Part::Folders),
                _ if name.contains("**") => {
                    return Err(format!("{text:?}: `**` must be alone between slashes"));
                }
                name => parts.push(one_name(name)?),
            }
        }
        match parts.last() {
            None => Err(format!("{text:?} names no file")),
            // `logs/**`: everything below.
            Some(Part::Folders) => {
                parts.push(one_name("*")?);
                Ok(Self(parts))
            }
            Some(Part::Name(..)) if text.ends_with('/') => Err(format!(
                "{text:?} is a folder; `{text}**` means all files in it"
            )),
            Some(Part::Name(..)) => Ok(Self(parts)),
        }
    }

    /// The path, when the pattern is nothing but one.
    #[must_use]
    pub fn path(&self) -> Option<String> {
        let names: Option<Vec<&str>> = self
            .0
            .iter()
            .map(|part| match part {
                Part::Name(name, _) if !name.contains(['*', '?']) => Some(name.as_str()),
                _ => None,
            })
            .collect();
        names.map(|names| names.join("/"))
    }

    /// Whether the file of that path (its names in order) matches.
    #[must_use]
    pub fn matches(&self, path: &[&str]) -> bool {
        is_match(&self.0, path, false)
    }

    /// Whether something below the folder of that path may match.
    #[must_use]
    pub fn may_match_below(&self, folder: &[&str]) -> bool {
        is_match(&self.0, folder, true)
    }
}

/// `below`: the path is a folder, and the rest of the pattern is for its contents.
fn is_match(parts: &[Part], path: &[&str], below: bool) -> bool {
    match (parts, path) {
        ([], []) => !below,
        ([], _) => false,
        (_, []) => below,
        ([Part::Folders, rest @ ..], [name, deeper @ ..]) => {
            is_match(rest, path, below)
                || (!name.starts_with('.') && is_match(parts, deeper, below))
        }
        ([Part::Name(written, pattern), rest @ ..], [name, deeper @ ..]) => {
            (written.starts_with('.') || !name.starts_with('.'))
                && pattern.matches(name)
                && is_match(rest, deeper, below)
        }
    }
}

/// The pattern of one name. Brackets, which would be a choice of characters, are taken as written.
fn one_name(name: &str) -> Result<Part, String> {
    let pattern = glob::Pattern::new(&name.replace('[', "[[]"))
        .map_err(|why| format!("{name:?}: {}", why.msg))?;
    Ok(Part::Name(name.to_owned(), pattern))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(path: &str) -> Vec<&str> {
        path.split('/').collect()
    }

    #[test]
    fn patterns_match_as_in_shells() {
        for (pattern, path, meant) in [
            ("report.json", "report.json", true),
            ("./out//report.json", "out/report.json", true),
            ("report.json", "out/report.json", false),
            ("*.log", "a.log", true),
            ("*.log", "a.log.gz", false),
            ("*.log", ".hidden.log", false),
            (".*.log", ".hidden.log", true),
            ("logs/*.log", "logs/deep/a.log", false),
            ("logs/**/*.log", "logs/a.log", true),
            ("logs/**/*.log", "logs/deep/er/a.log", true),
            ("logs/**/*.log", "logs/.git/a.log", false),
            ("logs/**", "logs/deep/a", true),
            ("**", "a", true),
            ("**/a", "a", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a*b*c", "axxbxxbc", true),
            ("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaa", false),
            ("grüße-*", "grüße-ä", true),
            ("*.log", ".log", false),
            ("a[1]-{2}!.log", "a[1]-{2}!.log", true),
            ("a[1]*", "a1", false),
            ("*A*", "a", false),
        ] {
            assert_eq!(
                Pattern::parse(pattern).unwrap().matches(&names(path)),
                meant,
                "{pattern} {path}"
            );
        }
    }

    #[test]
    fn paths_out_of_the_folder_are_refused() {
        for (wrong, says) in [
            ("", "empty"),
            ("/etc/passwd", "absolute"),
            ("../x", "leads out"),
            ("a/../../x", "leads out"),
            (".", "names no file"),
            ("logs/", "`logs/**` means"),
            ("a**b", "must be alone"),
            ("a\nb", "control"),
        ] {
            let why = Pattern::parse(wrong).unwrap_err();
            assert!(why.contains(says), "{wrong:?}: {why}");
        }
        assert_eq!(
            Pattern::parse("./a/b.txt").unwrap().path().as_deref(),
            Some("a/b.txt")
        );
        assert_eq!(Pattern::parse("a/*.txt").unwrap().path(), None);
    }

    proptest! {
        /// Walking only into folders below which something may match finds every match.
        #[test]
        fn every_folder_on_the_way_to_a_match_is_walked_into(
            pattern in prop::sample::select(vec!["a/*/c", "**/c", "a/**", "*/b/**/c", "?/*", "c", ".a/**"]),
            path in prop::collection::vec(prop::sample::select(vec!["a", "b", "c", ".a", "cc"]), 1..5),
        ) {
            let pattern = Pattern::parse(pattern).unwrap();
            if pattern.matches(&path) {
                for at in 1..path.len() {
                    prop_assert!(pattern.may_match_below(&path[..at]), "{:?}", path);
                }
            }
        }
    }
}
